"""What fuzzing begins with: mails of the corpus, bodies of them, fields; and a dictionary of words that matter."""

from __future__ import annotations

import re
from pathlib import Path

from tests.corpus.reading import MAILS

WORDS = (
    *("APPROVE", "approved", "REJECT", "no", "question:", "undo", "genehmigt", "Thanks", "Bob", "-- ", "PS:", "50"),
    *(
        "mailgate-reply-above-k3v9q2ab",
        "On 1 May 2026 at 20:22, A <a@b.c> wrote:",
        "From: A <a@b.c>",
        "Sent: 1 May 2026",
    ),
    *(
        "To: B",
        "Subject: x",
        "-----Original Message-----",
        "> ",
        "________________________________",
        "Sent from my iPhone",
    ),
    *(
        "<p>",
        "</p>",
        "<div>",
        "<br>",
        "<blockquote type=cite>",
        "</blockquote>",
        "<div class=gmail_quote>",
        "<s>",
        "<!--",
        "-->",
    ),
    *(
        "<div id=divRplyFwdMsg>",
        "style=display:none",
        "&#65;",
        "&nbsp;",
        "=\r\n",
        "=3D",
        "=41",
        "\r\n\r\n",
        "\r\n",
        "\n",
        "\r",
    ),
    *(
        "Content-Type: ",
        "multipart/alternative",
        "boundary=",
        "text/html",
        "charset=",
        "Content-Transfer-Encoding: ",
        "base64",
    ),
    *("Auto-Submitted: ", "List-Id: ", "Return-Path: <>", "\u200b", "\ufeff", "\u202e", "а", "Ａ"),
    *(
        "dmarc=pass",
        "header.from=example.com",
        "mx.gate.example.com; ",
        "(",
        ")",
        '"',
        "\\",
        ";",
        "spf=fail smtp.mailfrom=",
    ),
)

FIELDS = (
    "mx.gate.example.com; dkim=pass header.d=example.com; dmarc=pass header.from=example.com",
    'mx.gate.example.com; spf=pass smtp.mailfrom="a; dmarc=pass header.from=b"@c (dmarc=pass)',
    "mx.gate.example.com 1; none",
    "mx.gate.example.com; dmarc=fail (p=none dis=none) header.from=example.com",
)


def write_seeds(folder: Path, target: str, *, most: int) -> None:
    """Write the seeds of a target into a folder, at most so many."""
    folder.mkdir(parents=True, exist_ok=True)
    if target == "results":
        found = [field.encode() for field in FIELDS]
    else:
        stored = sorted(MAILS.glob("*.eml"))
        paths = stored[:: max(1, len(stored) // most)][:most]
        found = [path.read_bytes() for path in paths if path.stat().st_size < 8000]
        if target == "body":
            found = [bytes((n % 5, n % 3, 1 + n % 3)) + raw.partition(b"\r\n\r\n")[2] for n, raw in enumerate(found)]
    for number, content in enumerate(found):
        (folder / f"{number:04}").write_bytes(content)


def write_dictionary(path: Path) -> None:
    """Write the words as libFuzzer reads them."""
    quoted = (re.sub(rb"[^ !#-\[\]-~]", lambda m: b"\\x%02x" % m[0][0], word.encode()) for word in WORDS)
    path.write_bytes(b"".join(b'"%s"\n' % word for word in quoted))
