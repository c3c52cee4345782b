"""How mail clients quote: for each, a function from an answer and a quoted mail to the body of the reply.

Shapes only, written down from what the clients send. The names and times are invented.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable

Frame = Callable[[str, str], str]
"""From an answer and the text of the mail it answers to the text of the reply."""

WHO = "Approvals <approvals+abcdefghijklmnopqrstuvwxyz@gate.example.com>"

ATTRIBUTIONS = {
    # Clients that put ">" before what they quote, by client and language.
    "gmail en": f"On Sun, Nov 22, 2026 at 8:22 PM {WHO} wrote:",
    "gmail en-gb wrapped": "On Sun, 22 Nov 2026 at 20:22, Approvals <\napprovals+abcdefghijklm@gate.example.com> wrote:",
    "gmail de": f"Am So., 22. Nov. 2026 um 20:22 Uhr schrieb {WHO}:",
    "gmail de wrapped": "Am So., 22. Nov. 2026 um 20:22 Uhr schrieb Approvals <\napprovals@gate.example.com>:",
    "gmail fr": f"Le dim. 22 nov. 2026 à 20:22, {WHO} a\u00a0écrit :",
    "gmail es": f"El dom, 22 nov 2026 a las 20:22, {WHO}\nescribió:",
    "gmail it": f"Il giorno dom 22 nov 2026 alle ore 20:22 {WHO} ha scritto:",
    "gmail pt-br": f"Em dom., 22 de nov. de 2026 às 20:22, {WHO} escreveu:",
    "gmail nl": f"Op zo 22 nov 2026 om 20:22 schreef {WHO}:",
    "gmail sv": f"Den sön 22 nov. 2026 kl 20:22 skrev {WHO}:",
    "gmail no": f"søn. 22. nov. 2026 kl. 20:22 skrev {WHO}:",
    "gmail no wrapped": "søn. 22. nov. 2026 kl. 20:22 skrev Approvals <approvals@gate.example.com\n>:",
    "gmail da": f"Den søn. 22. nov. 2026 kl. 20.22 skrev {WHO}:",
    "gmail fi": f"su 22. marrask. 2026 klo 20.22 {WHO} kirjoitti:",
    "gmail pl": f"niedz., 22 lis 2026 o 20:22 {WHO} napisał(a):",
    "gmail cs": f"ne 22. 11. 2026 v 20:22 odesílatel {WHO} napsal:",
    "gmail hu": "Approvals <approvals@gate.example.com> ezt írta (időpont: 2026. nov. 22., V, 20:22):",
    "gmail ru": f"вс, 22 нояб. 2026 г. в 20:22, {WHO}:",
    "gmail uk": f"нд, 22 лист. 2026 р. о 20:22 {WHO} пише:",
    "gmail tr": f"{WHO}, 22 Kas 2026 Paz, 20:22\ntarihinde şunu yazdı:",
    "gmail el": f"Στις Κυρ 22 Νοε 2026 στις 8:22 μ.μ., ο χρήστης {WHO} έγραψε:",
    "gmail he": (
        "\u202bבתאריך יום א׳, 22 בנוב׳ 2026 ב-20:22 מאת \u202aApprovals\u202c\u200f "
        "<\u202aapprovals@gate.example.com\u202c\u200f>:\u202c"
    ),
    "gmail ar": f"\u200fفي الأحد، ٢٢ نوفمبر ٢٠٢٦ في ٨:٢٢ م تمت كتابة ما يلي بواسطة \u200f\u202a{WHO}\u202c\u200f:",
    "gmail ja": f"2026年11月22日(日) 20:22 {WHO}:",
    "gmail zh-cn": f"{WHO} 于2026年11月22日周日 20:22写道：",
    "gmail zh-tw": f"{WHO} 於 2026年11月22日週日 下午8:22寫道：",
    "gmail ko": f"2026년 11월 22일 (일) 오후 8:22, {WHO}님이 작성:",
    "gmail vi": f"Vào CN, 22 thg 11, 2026 vào lúc 20:22 {WHO} đã\nviết:",
    "gmail id": f"Pada tanggal Min, 22 Nov 2026 pukul 20.22 {WHO} menulis:",
    "gmail ro": f"În dum., 22 nov. 2026 la 20:22, {WHO} a scris:",
    "apple mail en": f"On 22 Nov 2026, at 20:22, {WHO} wrote:",
    "apple mail de": f"Am 22.11.2026 um 20:22 schrieb {WHO}:",
    "apple mail fr": f"Le 22 nov. 2026 à 20:22, {WHO} a écrit :",
    "apple mail ja": f"2026/11/22 20:22、{WHO}のメール：",
    "iphone wrapped": "On Nov 22, 2026, at 8:22 PM, Approvals\n<approvals@gate.example.com>\nwrote:",
    "thunderbird en": "On 11/22/26 8:22 PM, Approvals wrote:",
    "thunderbird de": "Am 22.11.26 um 20:22 schrieb Approvals:",
    "thunderbird fr": "Le 22/11/2026 à 20:22, Approvals a écrit :",
    "thunderbird ja": "On 2026/11/22 20:22, Approvals wrote:",
    "roundcube": "On 2026-11-22 20:22, Approvals wrote:",
    "mutt": "On Sun, Nov 22, 2026 at 08:22:30PM +0000, Approvals wrote:",
    "protonmail": f"On Sunday, November 22nd, 2026 at 8:22 PM, {WHO} wrote:",
    "yandex": '22.11.2026, 20:22, "Approvals" <approvals@gate.example.com>:',
    "mail.ru": "Воскресенье, 22 ноября 2026, 20:22 +03:00 от Approvals <approvals@gate.example.com>:",
    "yahoo": "On Sunday, November 22, 2026 at 08:22:30 PM GMT, Approvals <approvals@gate.example.com> wrote:",
    "fastmail": "On Sun, 22 Nov 2026, at 8:22 PM, Approvals wrote:",
    "zoho": "---- On Sun, 22 Nov 2026 20:22:30 +0000 Approvals <approvals@gate.example.com> wrote ---",
    "k-9": "Am 22. November 2026 20:22:30 MEZ schrieb Approvals <approvals@gate.example.com>:",
    "onet.pl": "W dniu 2026-11-22 20:22:30 użytkownik Approvals <approvals@gate.example.com> napisał:",
    "kmail": "On Sonntag, 22. November 2026 20:22:30 CET Approvals wrote:",
    "evolution": "On Sun, 2026-11-22 at 20:22 +0000, Approvals wrote:",
}


def _header(labels: str, sent: str, *, above: str = "") -> str:
    """Return a repeated header: four labels with their punctuation, divided by bars, and the date as the client writes it."""
    values = ("Approvals <approvals@gate.example.com>", sent, "Bob Brown <bob@example.com>", "issue_refund (R-7K2M9Q)")
    lines = (f"{label.strip()} {value}" for label, value in zip(labels.split("|"), values, strict=True))
    return above + "\n".join(lines)


_RULE = "_" * 32 + "\n"

HEADERS = {
    # Clients that repeat a header and then the mail, without any mark.
    "outlook en": _header("From:|Sent:|To:|Subject:", "Sunday, November 22, 2026 8:22 PM"),
    "outlook de": _header("Von:|Gesendet:|An:|Betreff:", "Sonntag, 22. November 2026 20:22"),
    "outlook fr": _header("De :|Envoyé :|À :|Objet :", "dimanche 22 novembre 2026 20:22"),
    "outlook es": _header("De:|Enviado el:|Para:|Asunto:", "domingo, 22 de noviembre de 2026 20:22"),
    "outlook it": _header("Da:|Inviato:|A:|Oggetto:", "domenica 22 novembre 2026 20:22"),
    "outlook pt": _header("De:|Enviado:|Para:|Assunto:", "domingo, 22 de novembro de 2026 20:22"),
    "outlook nl": _header("Van:|Verzonden:|Aan:|Onderwerp:", "zondag 22 november 2026 20:22"),
    "outlook sv": _header("Från:|Skickat:|Till:|Ämne:", "den 22 november 2026 20:22"),
    "outlook da": _header("Fra:|Sendt:|Til:|Emne:", "22. november 2026 20:22"),
    "outlook fi": _header("Lähettäjä:|Lähetetty:|Vastaanottaja:|Aihe:", "sunnuntai 22. marraskuuta 2026 20.22"),
    "outlook pl": _header("Od:|Wysłano:|Do:|Temat:", "niedziela, 22 listopada 2026 20:22"),
    "outlook cs": _header("Od:|Odesláno:|Komu:|Předmět:", "neděle 22. listopadu 2026 20:22"),
    "outlook hu": _header("Feladó:|Elküldve:|Címzett:|Tárgy:", "2026. november 22., vasárnap 20:22"),
    "outlook ru": _header("От:|Отправлено:|Кому:|Тема:", "22 ноября 2026 г. 20:22"),
    "outlook tr": _header("Kimden:|Gönderildi:|Kime:|Konu:", "22 Kasım 2026 Pazar 20:22"),
    "outlook ja": _header("差出人:|送信日時:|宛先:|件名:", "2026年11月22日 20:22"),
    "outlook zh-cn": _header("发件人:|发送时间:|收件人:|主题:", "2026年11月22日 20:22"),
    "outlook zh-tw": _header("寄件者:|寄件日期:|收件者:|主旨:", "2026年11月22日 下午 08:22"),
    "outlook ko": _header("보낸 사람:|보낸 날짜:|받는 사람:|제목:", "2026년 11월 22일 일요일 오후 8:22"),
    "outlook he": _header("מאת:|נשלח:|אל:|נושא:", "יום ראשון 22 נובמבר 2026 20:22"),
    "outlook bold": _header("*From:*|*Sent:*|*To:*|*Subject:*", "Sunday, November 22, 2026 8:22 PM"),
    "outlook wrapped": _header("From: Approvals\n|Sent:|To:|Subject:", "Sunday, November 22, 2026 8:22 PM"),
    "outlook mac": _header("From:|Date:|To:|Subject:", "Sunday, 22 November 2026 at 20:22"),
    "outlook rule": _header("From:|Sent:|To:|Subject:", "Sunday, November 22, 2026 8:22 PM", above=_RULE),
    "outlook unknown language": _header("Siuntėjas:|Laikas:|Gavėjas:|Dalykas:", "2026 lapkritis 22", above=_RULE),
    "original message": _header(
        "From:|Sent:|To:|Subject:", "Sunday, November 22, 2026 8:22 PM", above="-----Original Message-----\n"
    ),
    "ursprüngliche nachricht": _header(
        "Von:|Gesendet:|An:|Betreff:", "Sonntag, 22. November 2026 20:22", above="-----Ursprüngliche Nachricht-----\n"
    ),
    "samsung": _header(
        "From:|Date:|To:|Subject:", "22/11/2026 20:22 (GMT+00:00)", above="-------- Original message --------\n"
    ),
    "gmx": "Gesendet: Sonntag, 22. November 2026 um 20:22 Uhr\nVon: Approvals <a@gate.example.com>\nAn: Bob\nBetreff: x",
    "orange.fr": "====\n\nMessage du : 22/11/2026 20:22\nDe : a@gate.example.com\nA : Bob\nCopie à :\nObjet : x",
    "lotus notes": _header("From:\t|Date:\t|To:\t|Subject:\t", "22/11/2026 20:22"),
    "hotmail": "Date: Sun, 22 Nov 2026 20:22:30 +0000\nSubject: x\nFrom: approvals@gate.example.com\nTo: bob@example.com",
    "qq": _header(
        "发件人:|发送时间:|收件人:|主题:",
        "2026年11月22日(星期天) 晚上8:22",
        above="------------------ 原始邮件 ------------------\n",
    ),
    "forwarded": _header(
        "From:|Date:|To:|Subject:", "Sun, Nov 22, 2026 at 8:22 PM", above="---------- Forwarded message ---------\n"
    ),
    "apple forward": _header(
        "From:|Date:|To:|Subject:", "22 November 2026 at 20:22:30 GMT", above="Begin forwarded message:\n\n"
    ),
}


def prefixed(attribution: str) -> Frame:
    """Quote line by line with ``>`` below an attribution."""

    def frame(answer: str, quoted: str) -> str:
        return f"{answer}\n\n{attribution}\n\n" + "".join(f"> {line}\n" for line in quoted.split("\n"))

    return frame


def headed(header: str) -> Frame:
    """Repeat the mail below a header."""
    return lambda answer, quoted: f"{answer}\n\n{header}\n\n{quoted}\n"


def flowed(attribution: str) -> Frame:
    """Quote, and let a server wrap long quoted lines without repeating the mark."""

    def frame(answer: str, quoted: str) -> str:
        lines = [part for line in quoted.split("\n") for part in textwrap.wrap(f"> {line}", 60) or [">"]]
        return f"{answer}\n\n{attribution}\n" + "\n".join(lines)

    return frame


PLAIN = {
    **{name: prefixed(line) for name, line in ATTRIBUTIONS.items()},
    **{name: headed(block) for name, block in HEADERS.items()},
    "apple mail, attribution quoted": lambda answer, quoted: (
        f"{answer}\n\n> On 22 Nov 2026, at 20:22, Approvals <a@gate.example.com> wrote:\n> \n"
        + "".join(f"> {line}\n" for line in quoted.split("\n"))
    ),
    "no blank line above the attribution": lambda answer, quoted: (
        f"{answer}\nOn 22 Nov 2026, at 20:22, Approvals <a@gate.example.com> wrote:\n"
        + "".join(f">{line}\n" for line in quoted.split("\n"))
    ),
    "unmarked below an attribution": lambda answer, quoted: (
        f"{answer}\n\nOn Sunday, November 22, 2026, 8:22 PM, Approvals <a@gate.example.com> wrote:\n\n{quoted}\n"
    ),
}

OUTLOOK_HEADER = (
    "<b>From:</b> Approvals &lt;approvals@gate.example.com&gt;<br><b>Sent:</b> Sunday, November 22, 2026 8:22 PM<br>"
    "<b>To:</b> Bob Brown &lt;bob@example.com&gt;<br><b>Subject:</b> issue_refund (R-7K2M9Q)"
)
_ON = "On Sun, Nov 22, 2026 at 8:22 PM Approvals &lt;a@gate.example.com&gt; wrote:<br>"


def blocks(text: str, tag: str = "div") -> str:
    """Turn text into HTML, a block for each line."""
    return "".join(f"<{tag}>{html.escape(line) or '<br>'}</{tag}>" for line in text.split("\n"))


def broken(text: str, prefix: str = "") -> str:
    """Turn text into HTML, a line break after each line."""
    return "<br>".join(html.escape(prefix + line) for line in text.split("\n"))


def _gmail(answer: str, quoted: str) -> str:
    style = "margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex"
    return (
        f'<div dir="ltr">{blocks(answer)}</div><br><div class="gmail_quote gmail_quote_container">'
        f'<div dir="ltr" class="gmail_attr">{_ON}</div>'
        f'<blockquote class="gmail_quote" style="{style}">{blocks(quoted, "p")}</blockquote></div>\n'
    )


def _apple_mail(answer: str, quoted: str) -> str:
    return (
        f'<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body>{blocks(answer)}'
        f'<div><br><blockquote type="cite"><div>{_ON}</div><br><div>{blocks(quoted)}</div></blockquote></div></body></html>'
    )


def _iphone(answer: str, quoted: str) -> str:
    return (
        f'<html><body dir="auto">{blocks(answer)}<div dir="ltr"><br id="lineBreakAtBeginningOfSignature">'
        f'Sent from my iPhone</div><div dir="ltr"><br><blockquote type="cite">{_ON}<br></blockquote></div>'
        f'<blockquote type="cite"><div dir="ltr">{blocks(quoted)}</div></blockquote></body></html>'
    )


def _outlook_desktop(answer: str, quoted: str) -> str:
    own = "".join(f"<p class=MsoNormal>{html.escape(x)}<o:p>&nbsp;</o:p></p>" for x in answer.split("\n"))
    return (
        '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style><!-- p.MsoNormal {margin:0cm;} --></style>'
        '<!--[if gte mso 9]><xml><o:shapedefaults v:ext="edit" spidmax="1026" /></xml><![endif]--></head>'
        f"<body lang=EN-GB><div class=WordSection1>{own}"
        "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
        f"<p class=MsoNormal>{OUTLOOK_HEADER}<o:p></o:p></p></div></div>{blocks(quoted, 'p')}</div></body></html>"
    )


def _outlook_web(answer: str, quoted: str) -> str:
    return (
        f'<html><body dir="ltr"><div class="elementToProof">{blocks(answer)}</div><div id="appendonsend"></div>'
        '<hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr">'
        f'<font face="Calibri">{OUTLOOK_HEADER}</font><div>&nbsp;</div></div>{blocks(quoted)}</body></html>'
    )


def _outlook_mobile(answer: str, quoted: str) -> str:
    return (
        f'<html><body><div dir="ltr">{blocks(answer)}</div><div id="ms-outlook-mobile-signature"><div><br></div>'
        'Get <a href="https://aka.ms/o0ukef">Outlook for iOS</a></div><hr style="display:inline-block;width:98%">'
        f'<div id="divRplyFwdMsg">{OUTLOOK_HEADER}</div>{blocks(quoted)}</body></html>'
    )


def _outlook_unknown(answer: str, quoted: str) -> str:
    return (
        f"<body>{blocks(answer, 'p')}<div style='border:none;border-top:solid #E1E1E1 1.0pt'><p><b>Siuntėjas:</b> A "
        "&lt;a@gate.example.com&gt;<br><b>Laikas:</b> 2026-11-22<br><b>Gavėjas:</b> Bob<br><b>Dalykas:</b> x</p></div>"
        f"{blocks(quoted)}</body>"
    )


def _thunderbird(answer: str, quoted: str) -> str:
    return (
        f'<!DOCTYPE html><html><head><meta charset="UTF-8"></head><body>{blocks(answer, "p")}'
        '<div class="moz-cite-prefix">On 11/22/26 8:22 PM, Approvals wrote:<br></div>'
        f'<blockquote type="cite" cite="mid:r1@gate.example.com">{blocks(quoted, "p")}</blockquote></body></html>'
    )


def _yahoo(answer: str, quoted: str) -> str:
    return (
        f'<html><body><div class="ydp1yahoo-style-wrap">{blocks(answer)}</div>'
        f'<div id="ydp9fyahoo_quoted_42" class="ydp9fyahoo_quoted"><div>{_ON}</div><div>{blocks(quoted)}</div></div></body></html>'
    )


def _protonmail(answer: str, quoted: str) -> str:
    return (
        f'{blocks(answer)}<div class="protonmail_signature_block"><div>Sent with <a href="https://proton.me/">Proton Mail</a>'
        f' secure email.</div></div><div class="protonmail_quote">{_ON}'
        f'<blockquote class="protonmail_quote" type="cite">{blocks(quoted)}</blockquote><br></div>'
    )


def _samsung(answer: str, quoted: str) -> str:
    return (
        f'<html><body>{blocks(answer)}<div id="composer_signature">Sent from my Galaxy</div><div><br></div>'
        '<div align="left" style="font-size:100%;color:#000000"><div>-------- Original message --------</div>'
        "<div>From: Approvals &lt;a@gate.example.com&gt;</div><div>Date: 22/11/2026 20:22 (GMT+00:00)</div><div>To: Bob</div>"
        f"<div>Subject: issue_refund</div></div><div><br></div>{blocks(quoted)}</body></html>"
    )


def _roundcube(answer: str, quoted: str) -> str:
    return (
        f'<html><body style="font-size: 10pt">{blocks(answer, "p")}<p id="reply-intro">{_ON}</p><blockquote type="cite" '
        f'style="padding: 0 0.4em; border-left: #1010ff 2px solid; margin: 0">{blocks(quoted)}</blockquote></body></html>'
    )


def _yandex(answer: str, quoted: str) -> str:
    attribution = "<div>22.11.2026, 20:22, &quot;Approvals&quot; &lt;a@gate.example.com&gt;:</div>"
    return f"{blocks(answer)}{attribution}<blockquote>{blocks(quoted, 'p')}</blockquote>"


def _mail_ru(answer: str, quoted: str) -> str:
    return (
        f'<HTML><BODY>{blocks(answer, "p")}<blockquote style="border-left:1px solid #0857A6; margin:10px; padding:0 0 0 10px;">'
        f"Воскресенье, 22 ноября 2026, 20:22 +03:00 от A &lt;a@gate.example.com&gt;:<br>{blocks(quoted)}</blockquote></BODY></HTML>"
    )


def _zimbra(answer: str, quoted: str) -> str:
    return (
        f'<html><body><div style="font-family: arial">{blocks(answer)}<hr id="zwchr" data-marker="__DIVIDER__">'
        f'<div data-marker="__HEADERS__">{OUTLOOK_HEADER}</div><div data-marker="__QUOTED_TEXT__">{blocks(quoted)}</div>'
        "</div></body></html>"
    )


def _gmx(answer: str, quoted: str) -> str:
    return (
        f'<html><body>{blocks(answer)}<div name="quote" style="margin:10px 5px 5px 10px; border-left:2px solid #C3D9E5;">'
        "<div><b>Gesendet:</b>&nbsp;Sonntag, 22. November 2026<br/><b>Von:</b>&nbsp;A<br/><b>An:</b>&nbsp;Bob</div>"
        f'<div name="quoted-content">{blocks(quoted)}</div></div></body></html>'
    )


def _spark(answer: str, quoted: str) -> str:
    return (
        f'<html><body><div name="messageBodySection">{blocks(answer)}</div><div name="messageReplySection">{_ON}'
        f'<blockquote type="cite" class="spark_quote">{blocks(quoted)}</blockquote></div></body></html>'
    )


def _lotus_notes(answer: str, quoted: str) -> str:
    rows = (("From:", "A &lt;a@gate.example.com&gt;"), ("To:", "Bob"), ("Date:", "22/11/2026"), ("Subject:", "x"))
    table = "".join(f"<tr><td>{label}</td><td>{value}</td></tr>" for label, value in rows)
    return f"<font size=2>{broken(answer)}</font><br><br><table>{table}</table><hr>{blocks(quoted)}"


def _outlook_mac(answer: str, quoted: str) -> str:
    return (
        f'<html><body><div>{blocks(answer)}</div><span id="OLK_SRC_BODY_SECTION"><div>{OUTLOOK_HEADER}</div>'
        f"<div>{blocks(quoted)}</div></span></body></html>"
    )


def _hotmail(answer: str, quoted: str) -> str:
    header = "Date: Sun, 22 Nov 2026\nFrom: approvals@gate.example.com\nTo: bob@example.com\nSubject: issue_refund\n"
    return f"<body class='hmmessage'><div dir='ltr'>{broken(answer)}<br><br><div>{broken(header + quoted, '> ')}</div></div></body>"


MARKUP: dict[str, Frame] = {
    "gmail": _gmail,
    "apple mail": _apple_mail,
    "iphone": _iphone,
    "outlook desktop": _outlook_desktop,
    "outlook web": _outlook_web,
    "outlook mobile": _outlook_mobile,
    "outlook in an unknown language": _outlook_unknown,
    "outlook for mac": _outlook_mac,
    "thunderbird": _thunderbird,
    "yahoo": _yahoo,
    "protonmail": _protonmail,
    "samsung": _samsung,
    "roundcube": _roundcube,
    "yandex": _yandex,
    "mail.ru": _mail_ru,
    "zimbra": _zimbra,
    "gmx": _gmx,
    "spark": _spark,
    "lotus notes": _lotus_notes,
    "hotmail, marks as text": _hotmail,
}
