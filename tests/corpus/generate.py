"""Write the corpus: ``python -m tests.corpus.generate``. The same bytes come out every time; a test compares."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.corpus import attacks, beside, hard
from tests.corpus.envelope import Mail
from tests.corpus.machines import machine_mails
from tests.corpus.reading import EXPECTATIONS, MAILS
from tests.corpus.replies import replies

_USUAL = {
    "language": "en",
    "kind": "reply",
    "level": "aligned",
    "means": "none",
    "clear": False,
    "read": "",
    "why": "",
    "would": "",
    "words": (),
}


def corpus() -> Iterator[Mail]:
    """Yield every mail in its order."""
    yield from replies()
    yield from hard.mails()
    yield from beside.mails()
    yield from attacks.mails()
    yield from machine_mails()


def told(mails: list[Mail]) -> str:
    """Return the expectations as JSON, a line for each mail; what is usual is left out."""
    lines = []
    for mail in mails:
        fields = {name: getattr(mail, name) for name in ("group", *_USUAL)}
        known = {name: value for name, value in fields.items() if name == "group" or value != _USUAL[name]}
        lines.append(f"{json.dumps(mail.name)}: {json.dumps(known, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write mails and expectations, and remove mails that are none any more."""
    mails = list(corpus())
    MAILS.mkdir(exist_ok=True)
    for mail in mails:
        (MAILS / f"{mail.name}.eml").write_bytes(mail.raw)
    for gone in {path.stem for path in MAILS.glob("*.eml")} - {mail.name for mail in mails}:
        (MAILS / f"{gone}.eml").unlink()
    EXPECTATIONS.write_text(told(mails), encoding="utf-8")
    print(f"wrote {len(mails)} mails, {sum(len(mail.raw) for mail in mails):,} bytes")


if __name__ == "__main__":
    main()
