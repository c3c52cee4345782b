"""Answers that are hard to get at: charsets and encodings right and wrong, invisible letters, HTML alone."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from tests.corpus import ours
from tests.corpus.clients.shape import prefixed
from tests.corpus.envelope import Mail, header
from tests.corpus.people import WRITERS

_BOB = WRITERS["en"]
QUOTE = (
    f"On Tue, 24 Nov 2026 at 15:00, Approvals <approvals@gate.example.com> wrote:\n\n{prefixed(ours.text(_BOB.name))}"
)
HTML_QUOTE = f'<br><blockquote type="cite">{ours.markup(_BOB.name)}</blockquote>'
PLAIN = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit"
HTML = "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit"


def mails() -> Iterator[Mail]:
    """Yield the mails in a fixed order."""
    yield from _charsets()
    yield from _mislabelled()
    yield from _encodings()
    yield from _invisible()
    yield from _markup()


def case(
    name: str,
    fields: str,
    body: bytes,
    *,
    group: str,
    means: str = "approve",
    clear: bool = True,
    read: str = "",
    why: str = "",
    language: str = "en",
    kind: str = "reply",
    level: str = "aligned",
    proven: bool = True,
) -> Mail:
    """Return a mail of ``fields`` (the last of its header) and ``body``, whose bytes are taken as they are."""
    writer = WRITERS[language]
    head = header(name, writer, proven=proven).encode() + fields.replace("\n", "\r\n").encode() + b"\r\n\r\n"
    decides = means in ("approve", "reject")
    return Mail(
        name=name,
        raw=head + body,
        group=group,
        language=language,
        kind=kind,
        level=level,
        means=means,
        clear=clear and decides,
        read=read,
        why=why,
    )


def lines(text: str, charset: str = "utf-8") -> bytes:
    """Return text as bytes with the line ends of mail."""
    return text.replace("\n", "\r\n").encode(charset)


def parts(kind: str, *pieces: tuple[str, bytes], boundary: str = "=_b1") -> tuple[str, bytes]:
    """Return the Content-Type of a multipart, and its body from headers and contents."""
    edge = f"--{boundary}\r\n".encode()
    body = b"".join(edge + lines(head) + b"\r\n\r\n" + content + b"\r\n" for head, content in pieces)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"', body + f"--{boundary}--\r\n".encode()


def _charsets() -> Iterator[Mail]:
    """Mails as their charsets say, in 8 bits or less."""
    for charset, language in (
        ("utf-8", "de"),
        ("iso-8859-1", "de"),
        ("iso-8859-15", "fr"),
        ("windows-1252", "fr"),
        ("windows-1250", "pl"),
        ("iso-8859-2", "pl"),
        ("koi8-r", "ru"),
        ("windows-1251", "ru"),
        ("iso-2022-jp", "ja"),
        ("shift_jis", "ja"),
        ("euc-jp", "ja"),
        ("gb2312", "zh"),
        ("gbk", "zh"),
        ("gb18030", "zh"),
        ("euc-kr", "ko"),
        ("ks_c_5601-1987", "ko"),
        ("windows-1255", "he"),
        ("windows-1256", "ar"),
        ("iso-8859-9", "tr"),
        ("utf-16", "de"),
    ):
        writer = WRITERS[language]
        text = f"APPROVE\n\n{writer.closing}\n{writer.name}\n\n{QUOTE}\n"
        fields = f'Content-Type: text/plain; charset="{charset}"\nContent-Transfer-Encoding: 8bit'
        body = lines(text, charset)
        if charset == "utf-16":
            fields, body = fields.replace("8bit", "base64"), base64.encodebytes(body).replace(b"\n", b"\r\n")
        yield case(f"charset-{charset}", fields, body, group="charsets", language=language)
        no = f"REJECT: {writer.reason}\n\n{QUOTE}\n"
        body = lines(no, charset)
        body = base64.encodebytes(body).replace(b"\n", b"\r\n") if charset == "utf-16" else body
        yield case(f"charset-{charset}-reject", fields, body, group="charsets", language=language, means="reject")


def _mislabelled() -> Iterator[Mail]:
    """Mails whose charset is wrong, unknown or not said: the word is ASCII in all of them."""
    german, text = WRITERS["de"], "APPROVE\n\n{}\n\n" + QUOTE
    for declared, actual, language, closing in (
        ("us-ascii", "windows-1252", "de", german.closing),
        ("iso-8859-1", "windows-1252", "fr", "Merci – Élodie"),
        ("utf-8", "windows-1252", "de", german.closing),
        ("unknown-8bit", "utf-8", "de", german.closing),
        ("x-user-defined", "utf-8", "fr", WRITERS["fr"].closing),
        ("utf8", "utf-8", "es", WRITERS["es"].closing),
        ("'utf-8'", "utf-8", "es", WRITERS["es"].closing),
        ("iso-8859-8-i", "windows-1255", "he", WRITERS["he"].closing),
        ("no-such-charset", "utf-8", "de", german.closing),
    ):
        fields = f"Content-Type: text/plain; charset={declared}\nContent-Transfer-Encoding: 8bit"
        name = f"labelled-{declared.strip(chr(39))}-is-{actual}"
        yield case(name, fields, lines(text.format(closing), actual), group="charsets", language=language)
    yield case(
        "charset-not-said",
        "Content-Type: text/plain",
        lines(text.format(german.closing)),
        group="charsets",
        language="de",
    )
    yield case("content-type-not-said", "X-Nothing: x", lines(text.format("Thanks")), group="charsets")
    garbled = lines(text.format("С уважением\nОльга"), "windows-1251")
    yield case(
        "koi8-label-on-windows-1251",
        "Content-Type: text/plain; charset=koi8-r",
        garbled,
        group="charsets",
        language="ru",
        read="unclear",
        why="her name below the word comes out as other letters, which may say anything",
    )


def _encodings() -> Iterator[Mail]:
    """Transfer encodings, used well and badly."""
    qp = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable"
    b64 = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64"
    quote = lines(f"\n\n{QUOTE}\n")
    group = "encodings"
    yield case("qp-soft-break-in-the-word", qp, b"APPR=\r\nOVE" + quote, group=group)
    yield case("qp-soft-break-after-the-word", qp, b"APPROVE=\r\n" + quote, group=group)
    yield case("qp-every-letter", qp, b"=41=50=50=52=4F=56=45" + quote, group=group)
    yield case("qp-lower-case-digits", qp, b"=61pprov=65=2e" + quote, group=group)
    yield case("qp-trailing-blanks", qp, b"APPROVE=20=20  " + quote, group=group)
    yield case("qp-broken", qp, b"APPROVE\r\n\r\nThanks=\r\n!" + quote.rstrip() + b"=ZZ=", group=group)
    yield case(
        "qp-upper-case-name", qp.replace("quoted-printable", "QUOTED-PRINTABLE"), b"APPROVE=20" + quote, group=group
    )
    yield case("qp-not-declared", PLAIN, b"REJECT=3A dear" + quote, group=group, means="reject")
    whole = base64.b64encode(b"APPROVE" + quote)
    yield case("base64-one-line", b64, whole + b"\r\n", group=group)
    yield case("base64-without-padding", b64, base64.b64encode(b"APPROVE\r\n").rstrip(b"="), group=group)
    yield case(
        "base64-with-noise",
        b64,
        b"\r\n".join(whole[i : i + 20] for i in range(0, len(whole), 20)) + b"\r\n--\r\n",
        group=group,
    )
    yield case(
        "base64-of-a-reject",
        b64,
        base64.encodebytes(b"REJECT: dear" + quote).replace(b"\n", b"\r\n"),
        group=group,
        means="reject",
    )
    yield case("binary", PLAIN.replace("8bit", "binary"), b"APPROVE" + quote, group=group)
    yield case("bare-line-feeds-in-the-body", PLAIN, b"APPROVE\n\nThanks\nBob\n" + quote, group=group)
    yield case("carriage-returns-only-in-the-body", PLAIN, b"APPROVE\r\rThanks\rBob\r" + quote, group=group)
    flowed = "Content-Type: text/plain; charset=utf-8; format=flowed"
    yield case("flowed-blank-at-the-end", flowed, b"APPROVE \r\n\r\nThanks" + quote, group=group)
    yield case("flowed-stuffed", flowed, b" APPROVE\r\n" + quote, group=group)
    yield case("flowed-goes-on", flowed, b"APPROVE \r\nonly up to 50" + quote, group=group, means="unclear")
    yield case(
        "flowed-delsp-goes-on", f"{flowed}; delsp=yes", b"APPROVE \r\nD_NOT" + quote, group=group, means="unclear"
    )
    yield case("flowed-reject", flowed, b"REJECT: the customer was \r\nrefunded" + quote, group=group, means="reject")


def _invisible() -> Iterator[Mail]:
    """Letters that nobody sees, around the word: clients and keyboards put them there."""
    for name, before, after in (
        ("byte-order-mark", "\ufeff", ""),
        ("zero-width-space", "\u200b", "\u200b"),
        ("no-break-space", "\u00a0", "\u00a0"),
        ("ideographic-space", "\u3000", ""),
        ("right-to-left-mark", "\u200f", "\u200f"),
        ("embedding", "\u202a", "\u202c"),
        ("isolate", "\u2068", "\u2069"),
        ("word-joiner", "\u2060", "\u2060"),
        ("soft-hyphen", "\u00ad", ""),
        ("line-separator", "", "\u2028"),
        ("empty-lines", "\n\n \n\t\n", ""),
        ("form-feed", "\f", ""),
    ):
        text = f"{before}APPROVE{after}\n\n{QUOTE}\n"
        yield case(f"invisible-{name}", PLAIN, lines(text), group="invisible letters")
        no = f"{before}REJECT: dear{after}\n\n{QUOTE}\n"
        yield case(f"invisible-{name}-reject", PLAIN, lines(no), group="invisible letters", means="reject")


def _markup() -> Iterator[Mail]:
    """HTML alone, as editors in browsers and telephones write it."""
    for name, source, means in (
        ("entities", "&#65;PPROV&#x45;", "approve"),
        ("split", "<b>AP</b><i>PROVE</i>", "approve"),
        ("spans", '<span style="color:#000">Approve</span><span>.</span>', "approve"),
        ("nbsp", "<div>&nbsp;APPROVE&nbsp;</div><div>&nbsp;</div>", "approve"),
        ("table", "<table><tr><td>APPROVE</td></tr></table>", "approve"),
        ("heading", "<h1>Approved</h1>", "approve"),
        ("list", "<ul><li>APPROVE</li></ul>", "approve"),
        ("pre", "<pre>APPROVE\n\nThanks\nBob</pre>", "approve"),
        ("unclosed", "<div><p>APPROVE<p>Thanks<br>Bob", "approve"),
        ("upper-case", "<DIV><P>REJECT: dear</P></DIV>", "reject"),
        ("wbr", "REJE<wbr>CT: dear", "reject"),
        ("preheader", '<div style="display:none">Re: refund</div><p>APPROVE</p>', "approve"),
        ("comment", "<!-- saved by an editor --><p>APPROVE</p>", "approve"),
        ("font", '<font face="Arial" size="2">REJECT</font><br><font>too dear</font>', "reject"),
        ("picture-below", '<p>APPROVE</p><p>Bob Brown</p><img src="cid:logo" alt="Example Ltd">', "approve"),
    ):
        yield case(f"html-{name}", HTML, lines(source + HTML_QUOTE), group="html alone", means=means)
