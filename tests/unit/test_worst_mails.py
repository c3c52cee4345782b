"""Mails made to cost: each is as large as a bound allows, and all of them one kind of work. None takes more than seconds.

Nothing here measures time. A reader whose work grew with the square of its input would need hours for any of these, and
the time limit of the tests would end it.
"""

from __future__ import annotations

import pytest

from mailgate.config import Config
from mailgate.mail.inbound import Kind
from mailgate.model.verdict import Verdict
from mailgate.service.judging import examine

MILLION = 1_000_000
HEAD = b"From: Bob <bob@example.com>\r\nTo: approvals@example.com\r\n"
PLAIN = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
MARKUP = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n"
ATTRIBUTION = b"On 1 May 2026 at 20:22, A <a@b.c> wrote:\r\n"

COSTLY = {
    "labels": PLAIN + b"APPROVE\r\n" + b"From: x\r\n" * 19990,
    "labels mixed": PLAIN + b"APPROVE\r\n" + b"From: x\r\nxxxxx\r\n" * 9990,
    "attributions quoted": PLAIN + b"APPROVE\r\n" + (ATTRIBUTION + b"> x\r\n") * 9990,
    "attributions weak": PLAIN + b"APPROVE\r\n" + (b"On 1 May 2026 at 20:22, Bob wrote:\r\n") * 19990,
    "long near-attributions": PLAIN + (b"On 1 May 2026 " + b"a" * 36 + b":\r\n") * 18000,
    "near 5-line": PLAIN + (b"On 1 May 2026 20:22 aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n") * 19000,
    "names writes": PLAIN + (b"a b c d <a@b.c> writes:\r\n") * 19000,
    "separators": PLAIN + (b"-----" + b"a " * 15 + b"-----\r\n") * 19000,
    "forwarded by": PLAIN + (b"-- forwarded by " + b"a/a" * 20 + b" on 1/1/2026 --\r\n") * 9000,
    "quotes alternating": PLAIN + b"> a\r\nb\r\n" * 9990,
    "quote marker each": PLAIN + b"> mailgate-reply-above-a\r\nb\r\n" * 9990,
    "one long line": PLAIN + b"a" * MILLION,
    "long blanks": PLAIN + b" " * MILLION,
    "approve then long": PLAIN + b"APPROVE\r\n" + b"a " * (MILLION // 2 - 10),
    "approve many sig lines": PLAIN
    + b"APPROVE\r\nBob\r\n"
    + b"Head of Finance | a@example.com | +49 221 1234567\r\n" * 19000,
    "approve legal": PLAIN
    + b"APPROVE\r\n"
    + (b"This e-mail is intended only for the use of the addressee in error " * 80 + b"\r\n") * 180,
    "approve legal lines": PLAIN + b"APPROVE\r\n" + b"this e-mail not intended recipient\r\n" * 19000,
    "approve closings": PLAIN + b"APPROVE\r\n" + b"thanks and best regards and thanks and x\r\n" * 19000,
    "approve postal": PLAIN
    + b"APPROVE\r\nBob\r\n"
    + b"12 aaa aaa aaa aaa a-b'c street, suite 400, San Francisco Aa Bb, CA 9410\r\n" * 9000,
    "approve titles": PLAIN + b"APPROVE\r\nBob\r\n" + b"head / head - head, head (head) head head head\r\n" * 19000,
    "approve courtesy": PLAIN
    + b"APPROVE\r\n"
    + b"is all good is all good ok please no objections it is fine\r\n" * 16000,
    "device": PLAIN + b"APPROVE\r\n" + b"Sent from my iPhone my iPhone my iPhone my x\r\n" * 19000,
    "reject long": PLAIN + b"REJECT: " + b"no problem approved " * 49000,
    "no blanks": PLAIN + b"no" + b" " * 900000 + b"x",
    "html divs": MARKUP + b"<div>" * 99000,
    "html divs text": MARKUP + b"<div>a" * 99000,
    "html blockquote nested": MARKUP + b"<blockquote>a" * 49000 + b"</blockquote>b" * 49000,
    "html gmail nested": MARKUP + b"<div class=gmail_quote>a" * 39000 + b"</div>b" * 39000,
    "html gmail+bq": MARKUP + (b"<div class=gmail_quote><blockquote>a</blockquote>b") * 24000,
    "html spans style": MARKUP + b"<span style='font-size:0;color:red;display:block'>a</span>" * 15000,
    "html long style": MARKUP + (b"<p style='" + b"a:b;" * 990 + b"'>x") * 240,
    "html amp": MARKUP + b"&#65;" * 190000,
    "html lt": MARKUP + b"<a " * 300000,
    "html comments": MARKUP + b"<!-- -->" * 99000,
    "html p in p": MARKUP + b"<p>" * 99000,
    "html close misnest": MARKUP + b"<div><b>" * 25000 + b"</div>" * 49000,
    "html table": MARKUP + b"<td>a" * 99000,
    "html pre": MARKUP + b"<pre>" + b"a\n" * 19000,
    "html pre many lines": MARKUP + b"<pre>" + b"\n" * 900000,
    "html br": MARKUP + b"<br>" * 99000,
    "html struck": MARKUP + b"<s>a</s>" * 49000,
    "html class": MARKUP + (b"<div class='" + b"a " * 480 + b"'>x") * 900,
    "html attrs": MARKUP + (b"<div " + b"a=b " * 200000 + b">x"),
    "10MB parts": HEAD
    + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    + b"--b\r\n\r\nx\r\n" * 90
    + b"y" * 9_000_000,
    "10MB base64": HEAD
    + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + b"QUFB\r\n" * 1_600_000,
    "10MB qp": HEAD
    + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    + b"=\r\n" * 3_000_000,
    "10MB newline": PLAIN + b"\r\n" * 5_000_000,
    "10MB nested parts": HEAD
    + b'Content-Type: multipart/mixed; boundary="b0"\r\n\r\n'
    + b"".join(b'--b%d\r\nContent-Type: multipart/mixed; boundary="b%d"\r\n\r\n' % (n, n + 1) for n in range(9))
    + b"--b9\r\n\r\n"
    + b"x\r\n" * 3_000_000,
    "header words": HEAD + b"Subject: " + b"\r\n ".join([b"=?utf-8?q?a?="] * 4000) + b"\r\n\r\nAPPROVE",
    "header auth": HEAD + b"Authentication-Results: mx; " + b"(" * 60000 + b"\r\n\r\nAPPROVE",
    "header auth many": HEAD + b"Authentication-Results: mx; dmarc=pass header.from=a\r\n" * 1150 + b"\r\nAPPROVE",
    "header refs": HEAD + b"References: " + b"<a@b> " * 10000 + b"\r\n\r\nAPPROVE",
    "header to": b"From: bob@example.com\r\nTo: " + b'"a\\"' * 15000 + b"\r\n\r\nAPPROVE",
    "header to2": b"From: bob@example.com\r\nTo: " + b"a@b.c," * 10000 + b"\r\n\r\nAPPROVE",
    "header ct": HEAD + b"Content-Type: text/plain" + b';a="' * 15000 + b"\r\n\r\nAPPROVE",
    "from long": b"From: " + b"a" * 64000 + b"\r\n\r\nAPPROVE",
    "from words": b"From: " + b"a " * 31000 + b"<a@b.c>\r\n\r\nAPPROVE\r\n\r\nBob\r\n" + b"a b c d e\r\n" * 19000,
    "dsn": HEAD
    + (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: message/delivery-status\r\n\r\n"
    )
    + b"Action: failed\r\n\r\n" * 3000
    + b"--b--",
    "bounce text": b"From: mailer-daemon@x.y\r\n\r\n" + b"<a@b.c>: x\r\n" * 800000,
    "cond": PLAIN + b"APPROVE\r\n" + b"\r\n".join(b"P.S. a" for _ in range(19000)),
    "emphasis": PLAIN + b"*" * MILLION,
    "unders": PLAIN + b"_ " * (MILLION // 2),
    "gt": PLAIN + b">" * MILLION,
    "gt lines": PLAIN + b"> > > > >\r\n" * 19000,
    "cjk": PLAIN + ("承認 " * 160000).encode(),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTLY)
def test_a_mail_made_to_cost_is_read_or_refused(name: str) -> None:
    """Every one ends, as a reading or as a mail out of bounds; the few that hold the word and nothing else may approve."""
    examined = examine(COSTLY[name], Config(), "approvals")
    assert examined.because
    assert examined.kind in (Kind.REPLY, Kind.BROKEN, Kind.BOUNCE)
    if examined.reading is not None and examined.reading.verdict is Verdict.APPROVE:
        assert name in ("attributions quoted", *(n for n in COSTLY if COSTLY[n].endswith(b"\r\n\r\nAPPROVE")))
