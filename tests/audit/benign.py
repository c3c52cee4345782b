"""What ordinary mail systems do to mails, none of which may alarm: each a function from the mails of an archive to mails."""

from __future__ import annotations

import base64
import binascii
import html
import random
import re
from collections.abc import Callable, Iterable, Iterator
from email.header import Header
from email.utils import format_datetime, parsedate_to_datetime

from mailgate.audit.parts import header_of, leaves_of
from tests.audit.mails import b64, open_mail

Benign = Callable[[list[bytes]], Iterable[bytes]]

BANNER = (
    '<table width="100%"><tr><td><img src="https://filter.example.net/x.png" alt="a > b"><font color=red>CAUTION: This '
    "email originated outside the organization.</font><script>track()</script></td></tr></table>"
)


def _each(change: Callable[[bytes], bytes]) -> Benign:
    """Return what changes every mail alike."""

    def changed(mails: list[bytes]) -> Iterable[bytes]:
        return [change(raw) for raw in mails]

    changed.__name__, changed.__doc__ = change.__name__, change.__doc__
    return changed


def _recoded(raw: bytes, encoding: str, code: Callable[[bytes], bytes]) -> bytes:
    """Return a mail with every part encoded anew."""
    fields, body = header_of(raw)
    for leaf in sorted(leaves_of(raw, fields, body), key=lambda leaf: leaf.span, reverse=True):
        start, end = leaf.span
        content = binascii.a2b_qp(raw[start:end]) if leaf.encoding == "quoted-printable" else raw[start:end]
        head_at = raw.rindex(b"\r\n\r\n", 0, start)
        head_begins = raw.rindex(b"\r\n--", 0, head_at)
        head = raw[head_begins:head_at]
        head = re.sub(rb"(?i)content-transfer-encoding: \S+", b"Content-Transfer-Encoding: " + encoding.encode(), head)
        raw = raw[:head_begins] + head + raw[head_at:start] + code(content) + raw[end:]
    return raw


@_each
def base64_again(raw: bytes) -> bytes:
    """Every part in base64."""
    return _recoded(raw, "base64", lambda c: base64.encodebytes(c).replace(b"\n", b"\r\n"))


@_each
def eight_bit(raw: bytes) -> bytes:
    """Every part as it is, in 8bit (RFC 6152)."""
    return _recoded(raw, "8bit", lambda c: c.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


@_each
def quoted_otherwise(raw: bytes) -> bytes:
    """Every part quoted-printable, with other line lengths and more characters coded."""
    return _recoded(raw, "quoted-printable", _other_qp)


def _other_qp(content: bytes) -> bytes:
    coded = "".join(chr(c) if c in b"abcdefgh \n" else f"={c:02x}".upper() for c in content).replace(" \n", "=20\n")
    lines = []
    for line in coded.split("\n"):
        pieces = re.findall(r"(?:=[0-9A-F]{2}|.){1,22}", line)
        lines.append("=\r\n".join(pieces))
    return re.sub(r" (?=\r\n|\Z)", "=20", "\r\n".join(lines)).encode()


@_each
def refolded(raw: bytes) -> bytes:
    """Header lines folded at every blank."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n")
    return b"\r\n".join(line.replace(b" ", b"\r\n\t") for line in lines) + b"\r\n\r\n" + body


@_each
def unix_lines(raw: bytes) -> bytes:
    """LF for CRLF."""
    return raw.replace(b"\r\n", b"\n")


@_each
def mixed_lines(raw: bytes) -> bytes:
    """LF in the header, CRLF in the body."""
    head, _, body = raw.partition(b"\r\n\r\n")
    return head.replace(b"\r\n", b"\n") + b"\n\n" + body


@_each
def banner_around(raw: bytes) -> bytes:
    """A gateway's banner above and below, in both texts."""
    mail = open_mail(raw)
    mail.text = f"CAUTION: External sender.\n\n{mail.text}\n\nScanned by filter.example.net\n"
    mail.html = re.sub(r"(<body[^>]*>)", lambda m: m[0] + BANNER, mail.html).replace("</body>", f"{BANNER}</body>")
    return mail.write()


@_each
def links_rewritten(raw: bytes) -> bytes:
    """Links led through a filter, as Safe Links does."""
    mail = open_mail(raw)
    safe = r"https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fx&data=05%7C02&sdata=abc%3D&reserved=0"
    mail.text = re.sub(r"https?://\S+", safe, mail.text)
    mail.html = re.sub(r'href="https?://[^"]+"', f'href="{html.escape(safe)}" originalsrc="x" shash="y=="', mail.html)
    return mail.write()


@_each
def marked_external(raw: bytes) -> bytes:
    """[EXTERNAL] before the subject, or another word for it."""
    mail = open_mail(raw)
    tags = (
        "[EXTERNAL]",
        "[EXT]",
        "EXTERNAL:",
        "[External Sender]",
        "***SPAM***",
        "[Extern]",
        "Fwd: [CAUTION]",
        "[SPAM]",
    )
    mail.set("Subject", f"{tags[len(raw) % len(tags)]} {mail.field('Subject')}")
    return mail.write()


@_each
def journaled(raw: bytes) -> bytes:
    """Wrapped by a journal, as an attached mail."""
    return (
        b"From: journal@example.com\r\nTo: archive@vault.example.com\r\nSubject: Journal report\r\nMIME-Version: 1.0\r\n"
        b'X-MS-Journal-Report:\r\nContent-Type: multipart/mixed; boundary="j"\r\n\r\n--j\r\nContent-Type: text/plain\r\n\r\n'
        b"Sender: approvals@gate.example.com\r\nRecipient: archive@gate.example.com\r\n\r\n--j\r\n"
        b"Content-Type: message/rfc822\r\n\r\n" + raw + b"\r\n--j--\r\n"
    )


@_each
def sent_by_ses(raw: bytes) -> bytes:
    """Message-ID and Date given anew by a relay, a minute later."""
    mail = open_mail(raw)
    at = parsedate_to_datetime(mail.field("Date"))
    later = format_datetime(at.replace(second=(at.second + 7) % 60))
    mail.set("Message-ID", f"<010201{abs(hash(raw)):x}-000000@eu-west-1.amazonses.com>")
    mail.set("Date", later)
    mail.fields.insert(
        0, ("Received", f"from a8-1.smtp-out.eu-west-1.amazonses.com by mx.example.com with ESMTPS; {later}")
    )
    mail.fields.append(("X-SES-Outgoing", "2026.11.24-54.240.8.1"))
    mail.fields.append(("Feedback-ID", "1.eu-west-1.x:AmazonSES"))
    return mail.write()


def shuffled(mails: list[bytes]) -> Iterable[bytes]:
    """In any order."""
    mails = list(mails)
    random.Random(7).shuffle(mails)
    return mails


def doubled(mails: list[bytes]) -> Iterable[bytes]:
    """Every mail twice, and one three times."""
    return [*mails, *mails, mails[0]]


@_each
def text_only(raw: bytes) -> bytes:
    """Without the HTML."""
    return re.sub(rb"--inner\r\nContent-Type: text/html.*?(?=--inner--)", b"", open_mail(raw).write(), flags=re.DOTALL)


@_each
def html_only(raw: bytes) -> bytes:
    """Without the text."""
    return re.sub(
        rb"--inner\r\nContent-Type: text/plain.*?(?=--inner\r\n)", b"", open_mail(raw).write(), flags=re.DOTALL
    )


@_each
def headers_lost(raw: bytes) -> bytes:
    """Without any header field."""
    return b"\r\n" + raw.partition(b"\r\n\r\n")[2]


@_each
def most_headers_lost(raw: bytes) -> bytes:
    """Without Date, To, Message-ID and our own fields."""
    mail = open_mail(raw)
    mail.fields = [(n, v) for n, v in mail.fields if n in ("From", "Subject")]
    return mail.write()


@_each
def headers_added(raw: bytes) -> bytes:
    """With what servers and filters put on top."""
    mail = open_mail(raw)
    at = mail.field("Date")
    added = [
        ("Return-Path", "<approvals+b@gate.example.com>"),
        ("Delivered-To", "archive@gate.example.com"),
        ("Received", f"from b by c with ESMTPS id d\r\n\t(version=TLS1_3) for <x@example.com>; {at}"),
        ("Received", f"from a by b with ESMTP id e; {at} (UTC)"),
        ("ARC-Seal", "i=1; a=rsa-sha256; d=example.com; s=s; t=1795510800; cv=none; b=abc"),
        ("Authentication-Results", "mx.example.com; dkim=pass header.d=gate.example.com"),
        ("X-Spam-Status", "No, score=-1.9\r\n\trequired=5.0"),
        ("X-MS-Exchange-Organization-SCL", "1"),
        ("DKIM-Signature", "v=1; a=rsa-sha256; d=gate.example.com; s=s; bh=abc; b=abc"),
    ]
    mail.fields = [*added, *mail.fields]
    return mail.write()


@_each
def relabelled(raw: bytes) -> bytes:
    """Texts transcoded where they can be, and called by another charset where they cannot."""
    raw = open_mail(raw).write()
    fields, body = header_of(raw)
    for leaf in sorted(leaves_of(raw, fields, body), key=lambda leaf: leaf.span, reverse=True):
        if leaf.media_type.startswith("text/"):
            start, end = leaf.span
            words = binascii.a2b_qp(raw[start:end]).decode()
            try:
                content, charset = words.encode("cp1252"), b"windows-1252"
            except UnicodeEncodeError:
                content, charset = words.encode(), b"us-ascii"
            head_at = raw.rindex(b"charset=utf-8", 0, start)
            coded = binascii.b2a_qp(content).replace(b"\n", b"\r\n")
            raw = (
                raw[:head_at] + b"charset=" + charset + raw[head_at + len(b"charset=utf-8") : start] + coded + raw[end:]
            )
    return raw


@_each
def mislabelled(raw: bytes) -> bytes:
    """UTF-8 texts that are said to be Latin-1, or nothing at all."""
    return open_mail(raw).write().replace(b"charset=utf-8", b"charset=iso-8859-1" if len(raw) % 2 else b"x=y")


@_each
def nested_anew(raw: bytes) -> bytes:
    """mixed(related(alternative), mixed(attachment)), with a word before and after."""
    raw = open_mail(raw).write()
    head, _, body = raw.partition(b"\r\n\r\n")
    head = head.replace(b"boundary=outer", b'boundary="new--=_1"')
    pieces = body.split(b"--outer")
    alternative, attachment = pieces[1].removeprefix(b"\r\n"), pieces[2].removeprefix(b"\r\n")
    return b"".join(
        (
            head,
            b"\r\n\r\nThis is a multi-part message in MIME format.\r\n\r\n",
            b'--new--=_1\r\nContent-Type: multipart/related; boundary="rel"\r\n\r\n--rel\r\n',
            alternative,
            b'\r\n--rel--\r\n--new--=_1\r\nContent-Type: multipart/mixed;\r\n\tboundary*0="att";\r\n\tboundary*1="ach"\r\n\r\n',
            b"--attach\r\n",
            attachment,
            b"\r\n--attach--\r\n\r\n--new--=_1--\r\nAn epilogue.\r\n",
        )
    )


@_each
def footer_of_a_list(raw: bytes) -> bytes:
    """A list's footer, as a part of its own."""
    footer = (
        b"--outer\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Disposition: inline\r\n\r\n"
        b"_______________________________________________\r\nArchive mailing list\r\nhttps://lists.example.com/\r\n--outer--"
    )
    return open_mail(raw).write().replace(b"--outer--", footer)


@_each
def footer_under_html(raw: bytes) -> bytes:
    """A list's footer as text, in a mail of which only the HTML was kept."""
    [only] = html_only([raw])
    [listed] = footer_of_a_list_of(only)
    return listed


def footer_of_a_list_of(raw: bytes) -> Iterator[bytes]:
    """Yield a mail with a footer, whatever parts it has."""
    footer = b"--outer\r\nContent-Type: text/plain\r\n\r\nArchive mailing list\r\n--outer--"
    yield raw.replace(b"--outer--", footer)


@_each
def attachment_unnamed(raw: bytes) -> bytes:
    """The attachment's name lost, its type another."""
    raw = open_mail(raw).write()
    raw = raw.replace(b"Content-Type: application/json", b"Content-Type: application/octet-stream")
    return raw.replace(b'Content-Disposition: attachment; filename="mailgate-evidence.json"\r\n', b"")


@_each
def attachment_renamed(raw: bytes) -> bytes:
    """The attachment's name coded (RFC 2231)."""
    named = b"filename*0*=utf-8''mailgate-evi;\r\n\tfilename*1*=dence.json"
    return open_mail(raw).write().replace(b'filename="mailgate-evidence.json"', named)


@_each
def html_of_exchange(raw: bytes) -> bytes:
    """HTML written anew: upper-case tags, entities, other attributes, empty paragraphs."""
    mail = open_mail(raw)
    page = re.sub(r"<(/?)(p|td|tr|table|div)\b", lambda m: f"<{m[1]}{m[2].upper()}", mail.html)
    page = re.sub(r"(?<=>)([^<]*)(?=<)", lambda m: _entities(m[1]), page)
    page = page.replace('<bdi dir="ltr">', '<span class="x"><font size=2>').replace("</bdi>", "</font></span>")
    page = page.replace("<br>", "<br />\r\n").replace(
        "</P>", "<o:p></o:p></P>\r\n<P class=MsoNormal><o:p>&nbsp;</o:p></P>"
    )
    mail.html = page.replace(
        "<head>", '<head><meta name="Generator" content="Microsoft Word 15"><!--[if mso]><xml/><![endif]-->'
    )
    return mail.write()


def _entities(text: str) -> str:
    if text.strip().startswith(("-----", ":root", "@media")):
        return text
    return "".join(f"&#{ord(c)};" if ord(c) > 126 else c for c in text).replace("  ", "&nbsp; ")


@_each
def names_recoded(raw: bytes) -> bytes:
    """Display names and the subject as encoded words."""
    mail = open_mail(raw)
    mail.set("From", f"{Header('Freigabe für alle', 'utf-8').encode()} <approvals@gate.example.com>")
    mail.set("Subject", Header(mail.field("Subject"), "utf-8").encode())
    return mail.write()


@_each
def blanks_changed(raw: bytes) -> bytes:
    """Trailing blanks cut, indents made tabs, lines wrapped at 60, as old relays and clients do."""
    mail = open_mail(raw)
    lines = [re.sub(r"^ +", "\t", line.rstrip()) for line in mail.text.split("\n")]
    mail.text = "\n".join(
        re.sub(r"(.{50,60}) ", r"\1\n", line) if not line.startswith("--") else line for line in lines
    )
    return mail.write()


def others_in_between(mails: list[bytes]) -> Iterable[bytes]:
    """Other people's mails between ours: replies that quote the block, bounces, and what has nothing to do with it."""
    yield b"From: shop@example.net\r\nSubject: Sale\r\n\r\nBuy now.\r\n"
    for number, raw in enumerate(mails):
        yield raw
        mail = open_mail(raw)
        if number % 3 == 0:
            quoted = "\n".join(f"> {line}" for line in mail.text.split("\n"))
            said = quoted if number % 2 else f"-----Original Message-----\n{mail.text}"
            subject = f"Re: {mail.field('Subject')}"
            yield f"From: bob@example.com\nSubject: {subject}\nTo: approvals@gate.example.com\n\nAPPROVE\n\n{said}".encode()
        if number % 5 == 0:
            yield (
                b"From: MAILER-DAEMON@mx.example.com\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
                b"Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n--r\r\n\r\nSorry.\r\n"
                b"--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
                b"--r\r\nContent-Type: message/rfc822\r\n\r\n" + raw[: len(raw) // 2] + b"\r\n--r--\r\n"
            )


@_each
def forwarded(raw: bytes) -> bytes:
    """Sent on by a person, as an attachment in base64, which is not allowed, and done."""
    return (
        b"From: bob@example.com\r\nSubject: Fwd: for your files\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n"
        b"--f\r\n\r\nHere it is.\r\n--f\r\nContent-Type: message/rfc822; name=x.eml\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b64(raw).encode()
        + b"\r\n--f--\r\n"
    )


BENIGN: tuple[Benign, ...] = (
    base64_again,
    eight_bit,
    quoted_otherwise,
    refolded,
    unix_lines,
    mixed_lines,
    banner_around,
    links_rewritten,
    marked_external,
    journaled,
    sent_by_ses,
    shuffled,
    doubled,
    text_only,
    html_only,
    headers_lost,
    most_headers_lost,
    headers_added,
    relabelled,
    mislabelled,
    nested_anew,
    footer_of_a_list,
    footer_under_html,
    attachment_unnamed,
    attachment_renamed,
    html_of_exchange,
    names_recoded,
    blanks_changed,
    others_in_between,
    forwarded,
)
