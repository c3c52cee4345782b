"""QQ, NetEase, Naver, Samsung, Huawei, Yandex, Mail.ru, Becky!: the clients of half the world."""

from __future__ import annotations

import html

from tests.corpus.clients.shape import (
    BASE64,
    EIGHT,
    OWN_EIGHT,
    Body,
    Client,
    Reply,
    around,
    blocks,
    header_lines,
    page,
    prefixed,
)

_SAMSUNG = {
    "en": ("Original message", ("From:", "Date:", "To:", "Subject:")),
    "de": ("Ursprüngliche Nachricht", ("Von:", "Datum:", "An:", "Betreff:")),
    "fr": ("Message d'origine", ("De :", "Date :", "À :", "Objet :")),
    "es": ("Mensaje original", ("De:", "Fecha:", "Para:", "Asunto:")),
    "pl": ("Oryginalna wiadomość", ("Od:", "Data:", "Do:", "Temat:")),
    "ko": ("원본 이메일", ("발신:", "날짜:", "수신:", "제목:")),
}


def qq(reply: Reply) -> Body:
    """QQ Mail."""
    separator, labels = (
        ("原始邮件", ("发件人:", "发送时间:", "收件人:", "主题:"))
        if reply.writer.language == "zh"
        else ("Original", ("From:", "Date:", "To:", "Subject:"))
    )
    at = "2026年11月24日(星期二) 晚上11:00" if reply.writer.language == "zh" else "Tue, Nov 24, 2026 11:00 PM"
    values = (
        '"Approvals"<approvals@gate.example.com>;',
        f"{at}",
        f'"{reply.writer.name}"<{reply.writer.address}>;',
        '"issue_refund (R-7K2M9Q)";',
    )
    rows = tuple(zip(labels, values, strict=True))
    line = f"------------------&nbsp;{separator}&nbsp;------------------"
    header = "".join(f"<div><b>{a}</b>&nbsp;{html.escape(b)}</div>" for a, b in rows)
    inside = (
        f'{blocks(reply.text)}<div><br></div><div style="font-size: 12px;font-family: Arial '
        f'Narrow;padding:2px 0 2px 0;">{line}</div>'
        f'<div style="font-size: 12px;background:#efefef;padding:8px;">{header}</div><div><br></div>{reply.markup}'
    )
    plain = (
        f"{reply.text}\n\n\n------------------ {separator} ------------------\n"
        + "\n".join(f"{a} {b}" for a, b in rows)
        + f"\n\n{reply.quoted}\n"
    )
    return Body(plain=plain, html=inside)


def netease(reply: Reply) -> Body:
    """NetEase (163.com): an attribution, then the quote in ``pre`` or a container of its own."""
    attribution = '在 2026-11-24 23:00:12，"Approvals" <approvals@gate.example.com> 写道：'
    plain = f"{reply.text}\n\n\n\n{attribution}\n{prefixed(reply.quoted, '>')}\n"
    inside = (
        f'<div style="line-height:1.7;color:#000000;font-size:14px;font-family:Arial">'
        f'{blocks(reply.text, "div")}<p style="margin: 0;"><br></p>'
        f'<p>{html.escape(attribution)}</p><blockquote id="isReplyContent" style="PADDING-LEFT: 1ex; MARGIN: 0px 0px 0px 0.8ex; '
        f'BORDER-LEFT: #ccc 1px solid">{reply.markup}</blockquote></div>'
    )
    return Body(plain=plain, html=inside)


def naver(reply: Reply) -> Body:
    """Naver Mail."""
    header = (
        f"<b>From:</b> &quot;Approvals&quot;&lt;approvals@gate.example.com&gt; <br><b>To:</b> "
        f"&quot;{html.escape(reply.writer.name)}&quot;"
        f"&lt;{reply.writer.address}&gt;; <br><b>Cc:</b> <br><b>Sent:</b> 2026-11-24 (화) 15:00:12 "
        f"(GMT+09:00)<br><b>Subject:</b> issue_refund"
    )
    inside = (
        f'<div style="font-size:10pt; font-family: Gulim;">'
        f'{blocks(reply.text, "p style=margin:0", "&nbsp;")}<p>&nbsp;</p><div style="font-size:10pt">'
        f"-----Original Message-----<br>{header}<br><br></div><blockquote style='margin:0'>{reply.markup}</blockquote></div>"
    )
    plain = (
        f'{reply.text}\n\n-----Original Message-----\nFrom: "Approvals"<approvals@gate.example.com>\nTo: '
        f'"{reply.writer.name}"<{reply.writer.address}>;\n'
        f"Cc:\nSent: 2026-11-24 (화) 15:00:12 (GMT+09:00)\nSubject: issue_refund (R-7K2M9Q)\n\n{reply.quoted}\n"
    )
    return Body(plain=plain, html=inside)


def samsung(reply: Reply) -> Body:
    """Samsung Email: its signature, then a header in plain blocks."""
    words, labels = _SAMSUNG[reply.writer.language]
    rows = zip(
        labels,
        (
            "Approvals <approvals@gate.example.com>",
            "24/11/2026  15:00  (GMT+00:00)",
            reply.to,
            "issue_refund (R-7K2M9Q)",
        ),
        strict=True,
    )
    header = "".join(f"<div>{a} {html.escape(b)} </div>" for a, b in rows)
    inside = (
        f'<div dir="auto">{blocks(reply.text)}</div><div dir="auto"><br></div><div '
        f'id="composer_signature" dir="auto"><div style="font-size:12px;'
        f'color:#575757" dir="auto">{reply.wording.galaxy}</div></div><div dir="auto"><br></div><div '
        f'dir="auto"><br></div><div align="left" dir="auto" '
        f'style="font-size:100%;color:#000000"><div>-------- {words} --------</div>{header}</div><div '
        f'dir="auto"><br></div>{reply.markup}'
    )
    return Body(html=page(inside))


def samsung_plain(reply: Reply) -> Body:
    """The same as text."""
    words, labels = _SAMSUNG[reply.writer.language]
    return Body(
        plain=(
            f"{reply.text}\n\n\n{reply.wording.galaxy}\n-------- {words} "
            f"--------{header_lines_joined(reply, labels)}\n{reply.quoted}\n"
        )
    )


def header_lines_joined(reply: Reply, labels: tuple[str, str, str, str]) -> str:
    """Return the repeated header on one line with the separator, as this client's text part has it."""
    return header_lines(reply, labels=labels)


def huawei(reply: Reply) -> Body:
    """Huawei's Email app."""
    frame = f"-------- {reply.wording.original} --------\n{header_lines(reply)}"
    plain = f"{reply.text}\n\n{frame}\n\n{reply.quoted}\n"
    return Body(plain=plain, html=page(f"{blocks(reply.text)}<br>{blocks(frame)}<br>{reply.markup}"))


def yandex(reply: Reply) -> Body:
    """Yandex Mail: HTML only, an attribution without a verb."""
    attribution = "<div>24.11.2026, 15:00, &quot;Approvals&quot; &lt;approvals@gate.example.com&gt;:</div>"
    return Body(html=f"{blocks(reply.text)}<div> </div>{attribution}<blockquote>{reply.markup}</blockquote>")


def mail_ru(reply: Reply) -> Body:
    """Mail.ru."""
    attribution = "Вторник, 24 ноября 2026, 15:00 +03:00 от Approvals <approvals@gate.example.com>:"
    inside = (
        f"<HTML><BODY>{blocks(reply.text, 'div', '&nbsp;')}<div>&nbsp;</div><blockquote "
        f'style="border-left:1px solid #0857A6; margin:10px; '
        f'padding:0 0 0 10px;">{html.escape(attribution)}<br>&nbsp;<div id="">{reply.markup}</div></blockquote></BODY></HTML>'
    )
    plain = f"{reply.text}\n \n>{attribution}\n>{prefixed(reply.quoted, '> ')[1:]}\n"
    return Body(plain=plain, html=inside)


def becky(reply: Reply) -> Body:
    """Becky! Internet Mail, known in Japanese offices: ISO-2022-JP, text only."""
    frame = (
        f"On Tue, 24 Nov 2026 15:00:12 +0000\nApprovals <approvals@gate.example.com> wrote:\n\n{prefixed(reply.quoted)}"
    )
    return Body(plain=around(reply, frame))


CLIENTS = (
    Client(
        name="qq mail",
        write=qq,
        languages=("zh", "en"),
        program=("X-QQ-Mailer", "QQMail 2.x"),
        transfer=BASE64,
        boundary="----=_NextPart_{}",
    ),
    Client(
        name="netease",
        write=netease,
        languages=("zh", "en"),
        program=("X-Mailer", "Coremail Webmail Server Version XT5.0.14"),
        transfer=OWN_EIGHT,
        boundary="----=_Part_{}",
    ),
    Client(
        name="naver",
        write=naver,
        languages=("ko", "en"),
        program=("X-Naver-ESV", "+xS0EXI7b4F9W4U9KZE="),
        transfer=BASE64,
        boundary="-----Boundary-WM={}",
    ),
    Client(name="samsung", write=samsung, languages=("en", "de", "fr", "es", "pl", "ko"), transfer=BASE64),
    Client(name="samsung plain", write=samsung_plain, languages=("en", "de", "ko"), transfer=BASE64),
    Client(name="huawei", write=huawei, languages=("en", "it", "zh"), transfer=BASE64),
    Client(
        name="yandex",
        write=yandex,
        languages=("ru", "en"),
        program=("X-Mailer", "Yamail [ http://yandex.ru ] 5.0"),
        transfer=EIGHT,
    ),
    Client(
        name="mail.ru",
        write=mail_ru,
        languages=("ru", "en"),
        program=("X-Mailer", "Mail.Ru Mailer 1.0"),
        transfer=BASE64,
        boundary="--ALT--{}",
    ),
    Client(
        name="becky",
        write=becky,
        languages=("ja",),
        positions=("top", "bottom"),
        program=("X-Mailer", "Becky! ver. 2.81.06"),
        transfer=OWN_EIGHT,
    ),
)
