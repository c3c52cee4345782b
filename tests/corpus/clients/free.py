"""Free software on the desktop and in a terminal: most of it quotes line by line, above or below or in between."""

from __future__ import annotations

import html

from tests.corpus.clients.shape import (
    EIGHT,
    FLOWED,
    OWN_EIGHT,
    QP,
    Body,
    Client,
    Reply,
    around,
    blocks,
    halves,
    header_lines,
    header_markup,
    page,
    prefixed,
)

_DOCTYPE = "<!DOCTYPE html>"


def thunderbird(reply: Reply) -> Body:
    """Thunderbird, which can be set to answer on top; below is how it is shipped."""
    attribution = reply.wording.thunderbird
    plain = around(reply, f"{attribution}\n{prefixed(reply.quoted)}")
    own = blocks(reply.text, "p")
    cite = f'<div class="moz-cite-prefix">{html.escape(attribution)}<br></div>'
    quote = '<blockquote type="cite" cite="mid:r-7k2m9q.1.mailgate@gate.example.com">'
    if reply.position == "bottom":
        inside = f"{cite}{quote}{reply.markup}</blockquote>{own}<br>"
    elif reply.position == "interleaved":
        first, second = halves(reply)
        inside = f"{cite}{quote}{first}</blockquote>{own}{quote}{second}</blockquote><br>"
    else:
        inside = f"{own}{cite}{quote}{reply.markup}</blockquote><br>"
    head = '<meta http-equiv="Content-Type" content="text/html; charset=UTF-8">'
    return Body(plain=plain, html=_DOCTYPE + page(inside, head=head))


def thunderbird_plain(reply: Reply) -> Body:
    """Thunderbird set to plain text."""
    return Body(plain=around(reply, f"{reply.wording.thunderbird}\n{prefixed(reply.quoted)}"))


def mutt(reply: Reply) -> Body:
    """Mutt and neomutt."""
    return Body(
        plain=around(reply, f"On Tue, Nov 24, 2026 at 03:00:12PM +0000, Approvals wrote:\n{prefixed(reply.quoted)}")
    )


def nail(reply: Reply) -> Body:
    """The s-nail of system administrators: an attribution on a line of its own, a bar for the quote."""
    frame = f"Approvals wrote in\n <r-7k2m9q.1.mailgate@gate.example.com>:\n{prefixed(reply.quoted, ' |')}"
    return Body(plain=around(reply, frame))


def alpine(reply: Reply) -> Body:
    """Alpine."""
    return Body(plain=around(reply, f"On Tue, 24 Nov 2026, Approvals wrote:\n\n{prefixed(reply.quoted)}"))


def gnus(reply: Reply) -> Body:
    """Gnus, in Emacs: no date in the attribution."""
    return Body(plain=around(reply, f"Approvals <approvals@gate.example.com> writes:\n\n{prefixed(reply.quoted)}"))


def evolution(reply: Reply) -> Body:
    """GNOME Evolution."""
    attribution = "On Tue, 2026-11-24 at 15:00 +0000, Approvals wrote:"
    plain = around(reply, f"{attribution}\n{prefixed(reply.quoted)}")
    own = blocks(reply.text)
    quote = (
        f'<div>{attribution}</div><blockquote type="cite" style="margin:0 0 0 .8ex; border-left:2px '
        f'#729fcf solid;padding-left:1ex">{reply.markup}</blockquote>'
    )
    inside = f"{quote}<div><br></div>{own}" if reply.position == "bottom" else f"{own}<div><br></div>{quote}"
    return Body(plain=plain, html=page(inside, body='style="font-family: sans-serif"'))


def kmail(reply: Reply) -> Body:
    """KMail."""
    day = {"de": "Dienstag, 24. November 2026 15:00:12 CET", "fr": "mardi 24 novembre 2026 15:00:12 CET"}
    at = day.get(reply.writer.language, "Tuesday, 24 November 2026 15:00:12 GMT")
    word = {"de": "schrieb", "fr": "a écrit"}.get(reply.writer.language, "wrote")
    on = {"de": "Am", "fr": "Le"}.get(reply.writer.language, "On")
    line = (
        f"{on} {at} schrieb Approvals:"
        if word == "schrieb"
        else f"{on} {at}, Approvals {word} :"
        if word == "a écrit"
        else f"{on} {at} Approvals wrote:"
    )
    return Body(plain=around(reply, f"{line}\n{prefixed(reply.quoted)}"))


def claws(reply: Reply) -> Body:
    """Claws Mail: the attribution takes two lines."""
    return Body(
        plain=around(
            reply,
            f"On Tue, 24 Nov 2026 15:00:12 +0000\nApprovals <approvals@gate.example.com> wrote:\n\n{prefixed(reply.quoted)}",
        )
    )


def k9(reply: Reply) -> Body:
    """K-9 Mail, which became Thunderbird for Android."""
    attribution = {
        "de": "Am 24. November 2026 15:00:12 MEZ schrieb Approvals <approvals@gate.example.com>:",
        "fr": "Le 24 novembre 2026 15:00:12 GMT+01:00, Approvals <approvals@gate.example.com> a écrit :",
    }.get(reply.writer.language, "On 24 November 2026 15:00:12 GMT, Approvals <approvals@gate.example.com> wrote:")
    plain = around(reply, f"{attribution}\n{prefixed(reply.quoted, '>')}")
    inside = (
        f'<div dir="auto">{blocks(reply.text, "div")}</div><br><br><div class="gmail_quote"><div '
        f'dir="auto">{html.escape(attribution)}</div>'
        f'<blockquote class="gmail_quote" style="margin: 0pt 0pt 0pt 0.8ex; border-left: 1px solid '
        f'rgb(204, 204, 204); padding-left: 1ex;">'
        f"{reply.markup}</blockquote></div>"
    )
    return Body(plain=plain, html=_DOCTYPE + page(inside))


def fairemail(reply: Reply) -> Body:
    """FairEmail: HTML only."""
    inside = (
        f'{blocks(reply.text, "p")}<div fairemail="reference"><p>Nov 24, 2026 3:00:12 PM Approvals '
        f"&lt;approvals@gate.example.com&gt;:"
        f'</p><blockquote type="cite">{reply.markup}</blockquote></div>'
    )
    return Body(html=_DOCTYPE + page(inside))


def emclient(reply: Reply) -> Body:
    """eM Client: a header between a rule of words and our mail."""
    plain = f"{reply.text}\n\n------ {reply.wording.original} ------\n{header_lines(reply)}\n\n{reply.quoted}\n"
    title = f"<div>------ {reply.wording.original} ------</div>"
    inside = (
        f"{blocks(reply.text)}<div><br /></div><div>{title}<div>{header_markup(reply)}</div><div><br /></div>"
        f'<div id="xf3e4" class="plain"><blockquote cite="r-7k2m9q.1.mailgate@gate.example.com" '
        f'type="cite" class="cite2">{reply.markup}</blockquote></div></div>'
    )
    return Body(plain=plain, html=page(inside))


def notes(reply: Reply) -> Body:
    """HCL (Lotus) Notes."""
    plain = (
        f"{reply.text}\n\n\n\nFrom:\tApprovals <approvals@gate.example.com>\nTo:\t{reply.writer.address}\nDate:\t24/11/2026 15:00\n"
        f"Subject:\tissue_refund (R-7K2M9Q)\n\n\n\n{reply.quoted}\n"
    )
    rows = (
        ("From:", "Approvals &lt;approvals@gate.example.com&gt;"),
        ("To:", reply.writer.address),
        ("Date:", "24/11/2026 15:00"),
        ("Subject:", "issue_refund"),
    )
    table = "".join(
        f'<tr><td><font size=1 color=#5f5f5f face="sans-serif">{a}</font><td><font size=1>{b}</font>' for a, b in rows
    )
    own = "<br>".join(f'<font size=2 face="sans-serif">{html.escape(line)}</font>' for line in reply.text.split("\n"))
    return Body(plain=plain, html=f"{own}<br><br><br><br><table>{table}</table><br><hr noshade><br>{reply.markup}")


def notes_german(reply: Reply) -> Body:
    """Notes set to German, answering in text."""
    return Body(
        plain=(
            f"{reply.text}\n\n\n\nVon:\tApprovals <approvals@gate.example.com>\nAn:\t{reply.writer.address}\n"
            f"Datum:\t24.11.2026 15:00\n"
            f"Betreff:\tissue_refund (R-7K2M9Q)\n\n\n\n{reply.quoted}\n"
        )
    )


_ANY = ("top", "bottom", "interleaved")

CLIENTS = (
    Client(
        name="thunderbird",
        write=thunderbird,
        languages=("en", "de", "fr", "es", "it", "nl", "sv", "pl", "ru", "ja", "zh", "ko"),
        positions=_ANY,
        program=("User-Agent", "Mozilla Thunderbird"),
        transfer=EIGHT,
        boundary="------------{}",
    ),
    Client(
        name="thunderbird plain",
        write=thunderbird_plain,
        languages=("en", "de", "fr", "pt", "tr", "ja", "ru"),
        positions=_ANY,
        program=("User-Agent", "Mozilla Thunderbird"),
        transfer=FLOWED,
    ),
    Client(
        name="neomutt",
        write=mutt,
        languages=("en", "de"),
        positions=_ANY,
        program=("User-Agent", "NeoMutt/20240425"),
        transfer=EIGHT,
    ),
    Client(
        name="mutt",
        write=mutt,
        languages=("en", "fr", "ru"),
        positions=_ANY,
        program=("User-Agent", "Mutt/2.2.13"),
        transfer=OWN_EIGHT,
    ),
    Client(
        name="s-nail",
        write=nail,
        positions=("top", "bottom"),
        program=("User-Agent", "s-nail v14.9.24"),
        transfer=EIGHT,
    ),
    Client(name="alpine", write=alpine, positions=("top", "bottom"), transfer=EIGHT),
    Client(name="gnus", write=gnus, positions=("top", "bottom"), program=("User-Agent", "Gnus/5.13"), transfer=EIGHT),
    Client(
        name="evolution",
        write=evolution,
        languages=("en", "sv"),
        positions=("top", "bottom"),
        program=("User-Agent", "Evolution 3.54.1"),
        transfer=QP,
    ),
    Client(name="kmail", write=kmail, languages=("en", "de", "fr"), positions=("top", "bottom"), transfer=QP),
    Client(
        name="claws mail",
        write=claws,
        positions=("top", "bottom"),
        program=("X-Mailer", "Claws Mail 4.3.0"),
        transfer=EIGHT,
    ),
    Client(
        name="k-9",
        write=k9,
        languages=("en", "de", "fr"),
        program=("User-Agent", "K-9 Mail for Android"),
        transfer=QP,
        boundary="----{}",
    ),
    Client(name="fairemail", write=fairemail, program=("X-FairEmail-ID", "1"), transfer=QP),
    Client(
        name="em client",
        write=emclient,
        languages=("en", "de", "nl"),
        program=("User-Agent", "eM_Client/10.1.4588.0"),
        transfer=QP,
        boundary="------=_MB{}",
    ),
    Client(
        name="lotus notes",
        write=notes,
        program=("X-Mailer", "HCL Notes Release 14.0"),
        transfer=QP,
        boundary="=_alternative {}",
    ),
    Client(
        name="lotus notes german",
        write=notes_german,
        languages=("de",),
        program=("X-Mailer", "HCL Notes Release 14.0"),
        transfer=OWN_EIGHT,
    ),
)
