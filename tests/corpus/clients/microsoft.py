"""Outlook in its many forms, and what Exchange makes of a mail: nothing is set off, a header tells where ours begins."""

from __future__ import annotations

import html

from tests.corpus.clients.shape import (
    BASE64,
    OWN,
    OWN_EIGHT,
    QP,
    Body,
    Client,
    Reply,
    blocks,
    header_lines,
    header_markup,
    page,
)

_ALL = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "ru", "tr", "ja", "zh", "ko", "he", "ar")
_RULE = "_" * 32
_MORE = "https://aka.ms/o0ukef"


def _below(reply: Reply, frame: str) -> str:
    """Put the answer above the frame, or below all of it, where nothing divides it from our words."""
    return f"{frame}\n\n{reply.text}\n" if reply.position == "bottom" else f"{reply.text}\n\n{frame}\n"


def desktop(reply: Reply) -> Body:
    """Outlook for Windows, with Word as its editor."""
    own = "".join(
        f"<p class=MsoNormal><span lang=EN-US style='font-size:11.0pt;font-family:\"Calibri\",sans-serif'>"
        f"{html.escape(line) or '&nbsp;'}<o:p></o:p></span></p>"
        for line in reply.text.split("\n")
    )
    head = (
        '<meta http-equiv=Content-Type content="text/html"><meta name=Generator content="Microsoft Word 15 (filtered medium)">'
        "<style><!-- p.MsoNormal, li.MsoNormal {margin:0cm; font-size:11.0pt;} --></style>"
        '<!--[if gte mso 9]><xml><o:shapedefaults v:ext="edit" spidmax="1026" /></xml><![endif]-->'
    )
    bar = "<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
    frame = f"<div>{bar}<p class=MsoNormal>{header_markup(reply)}<o:p></o:p></p></div></div>{reply.markup}"
    inside = f"{frame}{own}" if reply.position == "bottom" else f"{own}<p class=MsoNormal><o:p>&nbsp;</o:p></p>{frame}"
    plain = _below(reply, f"{header_lines(reply)}\n\n{reply.quoted}")
    return Body(
        plain=plain, html=page(f"<div class=WordSection1>{inside}</div>", head=head, body='lang=EN-US link="#0563C1"')
    )


def desktop_plain(reply: Reply) -> Body:
    """Outlook for Windows answering in plain text."""
    frame = f"-----{reply.wording.original}-----\n{header_lines(reply)}\n\n{reply.quoted}"
    return Body(plain=_below(reply, frame))


def web(reply: Reply) -> Body:
    """Outlook on the web, and the new Outlook for Windows, which is the same program."""
    font = "font-family: Aptos, Aptos_EmbeddedFont, Calibri, Helvetica, sans-serif; font-size: 12pt;"
    own = "".join(
        f'<div class="elementToProof" style="{font}">{html.escape(line) or "<br>"}</div>'
        for line in reply.text.split("\n")
    )
    head = '<style type="text/css" style="display:none;"> P {margin-top:0;margin-bottom:0;} </style>'
    frame = (
        '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">'
        f"{header_markup(reply)}</font><div>&nbsp;</div></div>{reply.markup}"
    )
    plain = f"{reply.text}\n\n{_RULE}\n{header_lines(reply)}\n\n{reply.quoted}\n"
    return Body(plain=plain, html=page(own + frame, head=head, body='dir="ltr"'))


def signed_web(reply: Reply) -> Body:
    """The new Outlook with a signature of its own container."""
    word, _, below = reply.text.partition("\n")
    head = '<style type="text/css" style="display:none;"> P {margin-top:0;margin-bottom:0;} </style>'
    own = f'<div class="elementToProof">{html.escape(word)}</div><div id="Signature"><div>{blocks(below.strip())}</div></div>'
    frame = (
        '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
        f'<div id="divRplyFwdMsg" dir="ltr">{header_markup(reply)}<div>&nbsp;</div></div>{reply.markup}'
    )
    plain = f"{reply.text}\n\n{_RULE}\n{header_lines(reply)}\n\n{reply.quoted}\n"
    return Body(plain=plain, html=page(own + frame, head=head, body='dir="ltr"'))


def mobile(reply: Reply) -> Body:
    """Outlook for iOS and Android."""
    own = f'<div dir="ltr">{blocks(reply.text)}</div>'
    signature = (
        '<div id="ms-outlook-mobile-body-separator-line" dir="ltr"><br></div><div id="ms-outlook-mobile-signature" dir="ltr">'
        f'<a href="{_MORE}">{reply.wording.outlook_mobile}</a></div>'
    )
    frame = (
        '<hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr">'
        f"{header_markup(reply)}<div>&nbsp;</div></div>{reply.markup}"
    )
    plain = (
        f"{reply.text}\n\n{reply.wording.outlook_mobile}<{_MORE}>\n{_RULE}\n{header_lines(reply)}\n\n{reply.quoted}\n"
    )
    return Body(plain=plain, html=page(own + signature + frame))


def mac(reply: Reply) -> Body:
    """Outlook for Mac."""
    dated = (
        reply.wording.labels[0],
        {"en": "Date:", "de": "Datum:", "fr": "Date :"}.get(reply.writer.language, "Date:"),
    )
    labels = (*dated, *reply.wording.labels[2:])
    own = "".join(
        f'<p class="MsoNormal"><span style="font-size:11.0pt">{html.escape(line) or "&nbsp;"}<o:p></o:p></span></p>'
        for line in reply.text.split("\n")
    )
    bar = '<div id="mail-editor-reference-message-container"><div><div style="border:none;border-top:solid #B5C4DF 1.0pt">'
    frame = f'{bar}<p class="MsoNormal">{header_markup(reply, labels=labels)}</p></div>{reply.markup}</div></div>'
    plain = f"{reply.text}\n\n{header_lines(reply, bold=True, labels=labels)}\n{reply.quoted}\n"
    return Body(plain=plain, html=page(f'<div class="WordSection1">{own}{frame}</div>', body='lang="en-GB"'))


def exchange_plain(reply: Reply) -> Body:
    """A mail that Exchange turned into plain text for us: the rule and stars are all that is left of the form."""
    return Body(plain=f"{reply.text}\n\n{_RULE}\n{header_lines(reply, bold=True)}\n\n{reply.quoted}\n")


def activesync(reply: Reply) -> Body:
    """A telephone that leaves quoting to Exchange (SmartReply): the server adds our mail below."""
    frame = f"<hr>{header_markup(reply)}<br><br>{reply.markup}"
    plain = f"{reply.text}\n\n{_RULE}\n{header_lines(reply)}\n\n{reply.quoted}\n"
    return Body(plain=plain, html=page(f"<div>{broken_own(reply)}</div>{frame}"))


def broken_own(reply: Reply) -> str:
    """Return the answer as HTML with line breaks."""
    return "<br>".join(html.escape(line) for line in reply.text.split("\n"))


CLIENTS = (
    Client(
        name="outlook desktop",
        write=desktop,
        languages=_ALL,
        positions=("top", "bottom"),
        program=("X-Mailer", "Microsoft Outlook 16.0"),
        transfer=QP,
        boundary="----=_NextPart_000_{}",
    ),
    Client(
        name="outlook desktop plain",
        write=desktop_plain,
        languages=("en", "de", "fr", "es", "nl", "pl", "ru", "tr", "ja", "zh", "ko"),
        positions=("top",),
        program=("X-Mailer", "Microsoft Outlook 16.0"),
        transfer=OWN_EIGHT,
    ),
    Client(
        name="outlook web",
        write=web,
        languages=("en", "de", "fr", "ja", "ko", "he"),
        transfer=BASE64,
        boundary="_000_{}_",
    ),
    Client(name="outlook new", write=signed_web, languages=("en", "de", "es", "it"), transfer=OWN, boundary="_000_{}_"),
    Client(
        name="outlook mobile",
        write=mobile,
        languages=("en", "de", "fr", "es", "pt", "nl", "sv", "zh"),
        transfer=OWN,
        boundary="_000_{}_",
    ),
    Client(
        name="outlook mac",
        write=mac,
        languages=("en", "de", "fr"),
        program=("User-Agent", "Microsoft-MacOutlook/16.90.24101387"),
        boundary="B_{}",
    ),
    Client(name="exchange plain", write=exchange_plain, languages=("en", "de", "it", "ar"), transfer=OWN),
    Client(name="activesync", write=activesync, languages=("en", "es", "pl"), transfer=BASE64, boundary="_000_{}_"),
)
