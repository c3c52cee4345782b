"""Apple's Mail, on a Mac and on telephones, and others that live there: Spark, Superhuman, HEY, Fastmail."""

from __future__ import annotations

import html

from tests.corpus.clients.shape import (
    BASE64,
    EIGHT,
    OWN,
    QP,
    Body,
    Client,
    Reply,
    around,
    blocks,
    folded,
    halves,
    page,
    prefixed,
    said,
)

_ALL = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "ru", "tr", "ja", "zh", "ko", "he", "ar")
_META = '<meta http-equiv="content-type" content="text/html; charset=utf-8">'


def mail(reply: Reply) -> Body:
    """Apple Mail on a Mac: answers above or below what it sets off with ``>`` and ``blockquote type=cite``."""
    attribution = said(reply.wording.apple)
    plain = around(reply, f"{prefixed(attribution)}\n> \n{prefixed(reply.quoted)}")
    own = blocks(reply.text)
    open_, close = (
        f'<blockquote type="cite"><div>{html.escape(attribution)}</div><br class="Apple-interchange-newline"><div>',
        "</div></blockquote>",
    )
    if reply.position == "bottom":
        inside = f"<div>{open_}{reply.markup}{close}</div><br>{own}"
    elif reply.position == "interleaved":
        first, second = halves(reply)
        inside = f'<div>{open_}{first}{close}<div><br></div>{own}<div><br></div><blockquote type="cite">{second}</blockquote></div>'
    else:
        inside = f"{own}<div><br>{open_}{reply.markup}{close}</div><br>"
    style = 'style="overflow-wrap: break-word; -webkit-nbsp-mode: space; line-break: after-white-space;"'
    return Body(plain=plain, html=page(inside, head=_META, body=style))


def iphone(reply: Reply) -> Body:
    """Mail on an iPhone: HTML only in recent versions, its signature straight under the answer."""
    attribution = said(reply.wording.apple, escape=True)
    quote = (
        f'<div dir="ltr"><br><blockquote type="cite">{attribution}<br><br></blockquote></div>'
        f'<blockquote type="cite"><div dir="ltr">\ufeff{reply.markup}</div></blockquote>'
    )
    signature = f'<br id="lineBreakAtBeginningOfSignature"><div dir="ltr">{reply.wording.iphone}</div>'
    return Body(html=page(f"{blocks(reply.text)}{signature}{quote}", head=_META, body='dir="auto"'))


def iphone_both(reply: Reply) -> Body:
    """The same with a text part, and the signature on the line right below the word."""
    attribution = said(reply.wording.apple)
    plain = f"{reply.text}\n{reply.wording.iphone}\n\n{prefixed(folded(attribution))}\n> \n{prefixed(reply.quoted)}\n"
    return Body(plain=plain, html=iphone(reply).html)


def spark(reply: Reply) -> Body:
    """Spark."""
    attribution = said(reply.wording.apple)
    plain = f"{reply.text}\n{prefixed(folded(attribution), '')}\n{prefixed(reply.quoted)}\n"
    inside = (
        f'<div name="messageBodySection"><div dir="auto">{blocks(reply.text)}</div></div><div name="messageSignatureSection">'
        f'<br></div><div name="messageReplySection">{html.escape(attribution)}<br><blockquote type="cite" '
        f'class="spark_quote" style="margin: 5px 5px; padding-left: 10px; border-left: thin solid #1abc9c;">{reply.markup}'
        "</blockquote></div>"
    )
    return Body(plain=plain, html=page(inside))


def superhuman(reply: Reply) -> Body:
    """Superhuman: its own containers, HTML only."""
    quote = (
        f'<div class="sh-quoted-content"><div class="gmail_quote"><div>{said(reply.wording.gmail, escape=True)}<br></div>'
        f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px #ccc solid;padding-left:1ex">{reply.markup}'
        "</blockquote></div></div>"
    )
    signature = '<div class="gmail_signature"><div>Sent via <a href="https://sprh.mn/?vip=x">Superhuman</a></div></div>'
    plain = (
        f"{reply.text}\n\nSent via Superhuman ( https://sprh.mn/?vip=x )\n\n{folded(said(reply.wording.gmail))}\n\n"
        f"{prefixed(reply.quoted)}\n"
    )
    return Body(plain=plain, html=page(f"<div>{blocks(reply.text)}</div><br>{signature}<br>{quote}"))


def hey(reply: Reply) -> Body:
    """HEY: Trix markup, the quote in a ``blockquote`` below an attribution."""
    attribution = "On November 24, 2026, Approvals <approvals@gate.example.com> wrote:"
    inside = (
        f'<div class="trix-content"><div>{reply.text.replace(chr(10), "<br>")}</div></div><br>'
        f"<div>{html.escape(attribution)}</div><blockquote>{reply.markup}</blockquote>"
    )
    plain = f"{reply.text}\n\n{attribution}\n\n{prefixed(reply.quoted)}\n"
    return Body(plain=plain, html=page(inside))


def fastmail(reply: Reply) -> Body:
    """Fastmail's web client."""
    attribution = "On Tue, 24 Nov 2026, at 3:00 PM, Approvals wrote:"
    plain = around(reply, f"{attribution}\n{prefixed(reply.quoted)}")
    own, quote = blocks(reply.text), f'<blockquote type="cite" id="qt">{reply.markup}</blockquote>'
    inside = (
        f"<div>{attribution}<br></div>{quote}{own}"
        if reply.position == "bottom"
        else f"{own}<div><br></div><div>{attribution}<br></div>{quote}"
    )
    head = '<title></title><style type="text/css">p.MsoNormal,p.MsoNoSpacing{margin:0}</style>'
    return Body(plain=plain, html=f"<!DOCTYPE html>{page(inside, head=head)}")


def mailspring(reply: Reply) -> Body:
    """Mailspring: HTML only, Gmail's names."""
    quote = (
        f'<br/><div class="gmail_quote_attribution">{said(reply.wording.gmail, escape=True)}</div>'
        f"<blockquote>{reply.markup}</blockquote>"
    )
    signature = (
        '<signature id="initial">Sent from <a href="https://getmailspring.com/?ref=client">Mailspring</a></signature>'
    )
    return Body(html=f'<div>{blocks(reply.text)}</div><br/>{signature}<div class="gmail_quote">{quote}</div>')


CLIENTS = (
    Client(
        name="apple mail",
        write=mail,
        languages=_ALL,
        positions=("top", "bottom", "interleaved"),
        program=("X-Mailer", "Apple Mail (2.3826.200.121)"),
        transfer=QP,
        boundary="Apple-Mail=_{}",
    ),
    Client(
        name="iphone mail",
        write=iphone,
        languages=_ALL,
        program=("X-Mailer", "iPhone Mail (22B91)"),
        transfer=QP,
    ),
    Client(
        name="iphone mail with text",
        write=iphone_both,
        languages=("en", "de", "fr", "es", "ja"),
        program=("X-Mailer", "iPhone Mail (21H16)"),
        transfer=BASE64,
        boundary="Apple-Mail-{}",
    ),
    Client(
        name="spark",
        write=spark,
        languages=("en", "de", "ru"),
        program=("X-Readdle-Message-ID", "5f6a1d5e@Spark"),
        transfer=QP,
    ),
    Client(name="superhuman", write=superhuman, program=("X-Mailer", "Superhuman Desktop (2026-11-18)"), transfer=OWN),
    Client(name="hey", write=hey, program=("X-Mailer", "HEY.com"), transfer=EIGHT, boundary="--==_mimepart_{}"),
    Client(
        name="fastmail",
        write=fastmail,
        positions=("top", "bottom"),
        program=("User-Agent", "Cyrus-JMAP/3.11.0-alpha0"),
        transfer=EIGHT,
    ),
    Client(
        name="mailspring", write=mailspring, languages=("en", "pt"), program=("X-Mailer", "Mailspring"), transfer=QP
    ),
)
