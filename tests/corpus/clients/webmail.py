"""Clients in a browser and their apps: Gmail, Yahoo, Proton, GMX, web.de, Roundcube, Horde, Zimbra, Zoho, Tuta, AOL, iCloud."""

from __future__ import annotations

import html

from tests.corpus.clients.shape import (
    BASE64,
    EIGHT,
    FLOWED,
    OWN,
    QP,
    Body,
    Client,
    Reply,
    around,
    blocks,
    broken,
    folded,
    halves,
    header_lines,
    header_markup,
    page,
    prefixed,
    said,
)

_ALL = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "ru", "tr", "ja", "zh", "ko", "he", "ar")
_BAR = "margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex"


def gmail(reply: Reply) -> Body:
    """Gmail in a browser; answers below the quote are those of people who move the cursor there."""
    attribution = said(reply.wording.gmail)
    plain = around(reply, f"{folded(attribution)}\n\n{prefixed(reply.quoted)}")
    own = f'<div dir="ltr">{blocks(reply.text)}</div>'
    open_ = f'<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">{html.escape(attribution)}<br></div>'
    cite = f'<blockquote class="gmail_quote" style="{_BAR}">'
    if reply.position == "bottom":
        inside = (
            f'<div dir="ltr">{open_}{cite}{reply.markup}</blockquote></div><div><br></div>{blocks(reply.text)}</div>'
        )
    elif reply.position == "interleaved":
        first, second = halves(reply)
        inside = (
            f'<div dir="ltr">{open_}{cite}{first}</blockquote><div><br></div>{blocks(reply.text)}<div><br>'
            f"</div>{cite}{second}</blockquote></div></div>"
        )
    else:
        inside = f"{own}<br>{open_}{cite}{reply.markup}</blockquote></div>\n"
    return Body(plain=plain, html=inside)


def gmail_app(reply: Reply) -> Body:
    """Gmail on a telephone: the same containers around other blocks."""
    attribution = said(reply.wording.gmail)
    plain = f"{reply.text}\n\n{folded(attribution)}\n\n{prefixed(reply.quoted)}\n"
    inside = (
        f'<div dir="auto">{blocks(reply.text, "div dir=auto")}</div><br><div class="gmail_quote gmail_quote_container">'
        f'<div dir="ltr" class="gmail_attr">{html.escape(attribution)}<br></div><blockquote class="gmail_quote" '
        f'style="margin:0 0 0 .8ex;border-left:1px #ccc solid;padding-left:1ex">{reply.markup}</blockquote></div>\n'
    )
    return Body(plain=plain, html=inside)


def gmail_signed(reply: Reply) -> Body:
    """Gmail with a signature, which its container names, in the text part behind the delimiter."""
    word, _, below = reply.text.partition("\n")
    attribution = said(reply.wording.gmail)
    signature = f'<div dir="ltr" class="gmail_signature" data-smartmail="gmail_signature">{blocks(below.strip())}</div>'
    prefix = '<span class="gmail_signature_prefix">-- </span><br>'
    inside = (
        f'<div dir="ltr">{html.escape(word)}<div><br clear="all"></div><div><br></div>{prefix}{signature}</div><br>'
        f'<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">{html.escape(attribution)}<br></div>'
        f'<blockquote class="gmail_quote" style="{_BAR}">{reply.markup}</blockquote></div>\n'
    )
    plain = f"{word}\n\n-- \n{below.strip()}\n\n\n{folded(attribution)}\n\n{prefixed(reply.quoted)}\n"
    return Body(plain=plain, html=inside)


def yahoo(reply: Reply) -> Body:
    """Yahoo Mail."""
    attribution = "On Tuesday, November 24, 2026 at 03:00:12 PM GMT, Approvals <approvals@gate.example.com> wrote:"
    plain = f" {reply.text}\n\n    {folded(attribution)}  \n \n {reply.quoted}\n  "
    inside = (
        '<html><head></head><body><div class="ydpe8a1yahoo-style-wrap" style="font-family:Helvetica '
        'Neue, Helvetica;font-size:16px;">'
        f"{blocks(reply.text, 'div dir=ltr data-setdir=false')}<div><br></div></div><div "
        f'id="ydp37yahoo_quoted_8612" class="ydp37yahoo_quoted">'
        f"<div><div>{html.escape(attribution)}</div><div><br></div><div><br></div><div>{reply.markup}</div></div></div></body></html>"
    )
    return Body(plain=plain, html=inside)


def aol(reply: Reply) -> Body:
    """AOL Mail, today Yahoo's program in other clothes."""
    attribution = "On Tuesday, November 24, 2026, 3:00 PM, Approvals <approvals@gate.example.com> wrote:"
    plain = f"{reply.text}\n\n\n{attribution}\n\n{reply.quoted}\n"
    inside = (
        f'<div>{broken(reply.text)}</div><br><p class="yahoo-quoted-begin">{html.escape(attribution)}</p>'
        f'<blockquote class="iosymail">{reply.markup}</blockquote>'
    )
    return Body(plain=plain, html=inside)


def proton(reply: Reply) -> Body:
    """Proton Mail."""
    attribution = "On Tuesday, November 24th, 2026 at 3:00 PM, Approvals <approvals@gate.example.com> wrote:"
    plain = (
        f"{reply.text}\n\nSent with [Proton Mail](https://proton.me/mail/home) secure email.\n\n"
        f"{attribution}\n\n{prefixed(reply.quoted)}\n"
    )
    font = 'style="font-family: Arial, sans-serif; font-size: 14px;"'
    inside = (
        f"{blocks(reply.text, f'div {font}')}<div {font}><br></div>"
        f'<div class="protonmail_signature_block" {font}><div class="protonmail_signature_block-user '
        f'protonmail_signature_block-empty">'
        '</div><div class="protonmail_signature_block-proton">Sent with <a target="_blank" href="https://proton.me/mail/home">'
        f'Proton Mail</a> secure email.</div></div><div class="protonmail_quote">{html.escape(attribution)}<br>'
        f'<blockquote class="protonmail_quote" type="cite">{reply.markup}</blockquote><br></div>'
    )
    return Body(plain=plain, html=inside)


def tuta(reply: Reply) -> Body:
    """Tuta (Tutanota): HTML only."""
    inside = (
        f"<div>{blocks(reply.text)}</div><br><div>-- <br>Secured with Tuta Mail: <br>https://tuta.com/free-email</div><br><br>"
        f'24. Nov. 2026, 15:00 von approvals@gate.example.com:<br><blockquote class="tutanota_quote">{reply.markup}</blockquote>'
    )
    return Body(html=inside)


def gmx(reply: Reply) -> Body:
    """GMX and web.de, which are one program: HTML only, a header in a quote that only its container sets off."""
    who = "&quot;Approvals&quot; &lt;approvals@gate.example.com&gt;"
    values = ("Dienstag, 24. November 2026 um 15:00 Uhr", who, reply.writer.address, "issue_refund (R-7K2M9Q)")
    rows = "<br/>".join(
        f"<b>{a}</b>&nbsp;{b}" for a, b in zip(("Gesendet:", "Von:", "An:", "Betreff:"), values, strict=True)
    )
    inside = (
        f'<html><head></head><body><div style="font-family: Verdana;font-size: 12.0px;">{blocks(reply.text)}<div>&nbsp;'
        '<div name="quote" style="margin:10px 5px 5px 10px; padding: 10px 0 10px 10px; border-left:2px solid #C3D9E5;">'
        f'<div style="margin:0 0 10px 0;">{rows}</div><div name="quoted-content">{reply.markup}</div>'
        f"</div></div></div></body></html>"
    )
    return Body(html=inside)


def webde(reply: Reply) -> Body:
    """The text part that web.de's app writes."""
    frame = header_lines(reply, labels=("Von:", "Datum:", "An:", "Betreff:"))
    plain = (
        f"{reply.text}\n--\nDiese Nachricht wurde von meinem Android Mobiltelefon mit WEB.DE Mail "
        f"gesendet.\n\n{frame}\n\n{reply.quoted}\n"
    )
    inside = (
        f"<html><head></head><body>{blocks(reply.text)}<br>-- <br>Diese Nachricht wurde von meinem Android Mobiltelefon mit "
        f'<b>WEB.DE Mail</b> gesendet.<br><br><div class="mail_android_quote" style="line-height: 1; padding: 0.3em">'
        f"Am 24.11.26, 15:00 schrieb Approvals &lt;approvals@gate.example.com&gt;:<blockquote class='gmail_quote'>{reply.markup}"
        "</blockquote></div></body></html>"
    )
    return Body(plain=plain, html=inside)


def roundcube(reply: Reply) -> Body:
    """Roundcube answering in HTML."""
    attribution = "On 2026-11-24 15:00, Approvals wrote:"
    plain = around(reply, f"{attribution}\n\n{prefixed(reply.quoted)}")
    cite = 'style="padding: 0 0.4em; border-left: #1010ff 2px solid; margin: 0"'
    quote = (
        f'<p id="reply-intro">{attribution}</p><blockquote type="cite" {cite}><div id="replybody1">'
        f"{reply.markup}</div></blockquote>"
    )
    own = blocks(reply.text, "p")
    inside = f"{quote}<p><br></p>{own}" if reply.position == "bottom" else f"{own}<p><br></p>{quote}"
    return Body(plain=plain, html=page(inside, body="style='font-size: 10pt; font-family: Verdana,Geneva,sans-serif'"))


def roundcube_plain(reply: Reply) -> Body:
    """Roundcube answering in text, as it is shipped."""
    return Body(plain=around(reply, f"On 2026-11-24 15:00, Approvals wrote:\n{prefixed(reply.quoted)}"))


def horde(reply: Reply) -> Body:
    """Horde IMP: the attribution has no date."""
    attribution = "Quoting Approvals <approvals@gate.example.com>:"
    return Body(plain=around(reply, f"{attribution}\n\n{prefixed(reply.quoted)}"))


def zimbra(reply: Reply) -> Body:
    """Zimbra."""
    plain = f"{reply.text}\n\n----- {reply.wording.original} -----\n{header_lines(reply)}\n\n{reply.quoted}\n"
    inside = (
        f"<div style='font-family: arial, helvetica, sans-serif; font-size: 12pt; color: #000000'>"
        f"{blocks(reply.text)}<div><br></div>"
        f'<hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__"><blockquote '
        f'style="border-left:2px solid #1010FF;">'
        f'{header_markup(reply)}<br></blockquote></div><div data-marker="__QUOTED_TEXT__"><blockquote '
        f'style="border-left:2px solid #1010FF;">'
        f"{reply.markup}</blockquote></div></div>"
    )
    return Body(plain=plain, html=page(inside))


def zoho(reply: Reply) -> Body:
    """Zoho Mail."""
    attribution = "---- On Tue, 24 Nov 2026 15:00:12 +0000 Approvals <approvals@gate.example.com> wrote ---"
    plain = f"{reply.text}\n\n\n\n\n{attribution}\n\n{reply.quoted}\n"
    inside = (
        f'<div style="font-family: Verdana;font-size: 10pt;">{blocks(reply.text)}<div><br></div><div class="zmail_extra_hr" '
        f'style="border-top: 1px solid rgb(204, 204, 204);"></div><div class="zmail_extra" '
        f'data-zbluepencil-ignore="true"><div><br></div>'
        f'<div id="Zm-_Id_-Sgn1">{html.escape(attribution)}<br></div><div><br></div><blockquote '
        f'id="blockquote_zmail">{reply.markup}</blockquote>'
        "</div></div>"
    )
    return Body(plain=plain, html=page(inside))


def icloud(reply: Reply) -> Body:
    """iCloud in a browser."""
    attribution = said(reply.wording.apple)
    plain = f"{reply.text}\n\n\n{attribution}\n\n{prefixed(reply.quoted, '> ')}\n"
    inside = (
        f'<div>{blocks(reply.text)}</div><div><br></div><div><blockquote type="cite"><div>'
        f"{html.escape(attribution)}</div><br></blockquote>"
        f'</div><blockquote type="cite">{reply.markup}</blockquote>'
    )
    return Body(plain=plain, html=page(inside))


CLIENTS = (
    Client(
        name="gmail web",
        write=gmail,
        languages=_ALL,
        positions=("top", "bottom", "interleaved"),
        transfer=QP,
        boundary="000000000000{}",
    ),
    Client(
        name="gmail app",
        write=gmail_app,
        languages=("en", "de", "fr", "es", "pt", "tr", "ko", "ar"),
        boundary="000000000000{}",
    ),
    Client(
        name="gmail signed",
        write=gmail_signed,
        languages=("en", "de", "fr", "es", "it"),
        transfer=BASE64,
        boundary="000000000000{}",
    ),
    Client(
        name="yahoo",
        write=yahoo,
        languages=("en", "es"),
        program=("X-Mailer", "WebService/1.1.22987 YMailNorrin"),
        transfer=QP,
        boundary="----=_Part_{}",
    ),
    Client(name="aol", write=aol, program=("X-Mailer", "WebService/1.1.22987 AolMailNorrin"), boundary="----=_Part_{}"),
    Client(name="proton", write=proton, languages=("en", "fr"), transfer=BASE64, boundary="b1_{}"),
    Client(name="tuta", write=tuta, languages=("en", "de"), transfer=BASE64),
    Client(name="gmx", write=gmx, languages=("de", "en"), program=("X-UI-Message-Type", "mail"), transfer=QP),
    Client(name="web.de", write=webde, languages=("de",), program=("X-Mailer", "WEB.DE Mail Android"), transfer=QP),
    Client(
        name="roundcube",
        write=roundcube,
        languages=("en", "de", "pl"),
        positions=("top", "bottom"),
        program=("User-Agent", "Roundcube Webmail/1.6.9"),
        transfer=EIGHT,
        boundary="=_{}",
    ),
    Client(
        name="roundcube plain",
        write=roundcube_plain,
        languages=("en", "nl"),
        positions=("top", "bottom"),
        program=("User-Agent", "Roundcube Webmail/1.6.9"),
        transfer=FLOWED,
    ),
    Client(
        name="horde",
        write=horde,
        languages=("en", "de"),
        positions=("top", "bottom"),
        program=("User-Agent", "Horde Application Framework 5"),
        transfer=EIGHT,
    ),
    Client(
        name="zimbra",
        write=zimbra,
        languages=("en", "fr", "es"),
        program=("X-Mailer", "Zimbra 10.1.0_GA_4633"),
        transfer=QP,
    ),
    Client(name="zoho", write=zoho, program=("X-Mailer", "Zoho Mail"), transfer=EIGHT, boundary="----=_Part_{}"),
    Client(
        name="icloud",
        write=icloud,
        languages=("en", "it"),
        program=("X-Mailer", "iCloud MailClientProd24"),
        transfer=OWN,
    ),
)
