"""Agents that write to deceive, through the whole service: whatever they write wherever they can, the mails stay ours.

Each attack stands in every place that an agent controls: names and values of arguments, reason, its own names, the intent,
and what its action returns or raises. Then every mail that goes out, from the request to the outcome, is read as bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import Message
from typing import Any

import pytest

from mailgate.errors import InvalidArguments
from mailgate.mail.characters import is_hidden
from mailgate.mail.folding import opens_decision, squeezed
from mailgate.mail.letter import MARKER, RECORD_BEGINS, RECORD_ENDS
from mailgate.mail.saying import read_html
from mailgate.model.verdict import Verdict
from mailgate.store.tables import Request
from tests.e2e.post import part
from tests.service.conftest import RigMaker
from tests.service.post import AUTHSERV_ID
from tests.service.rig import Rig

Record = Callable[[str, object], None]
FIELDS = ["Date", "From", "To", "Reply-To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"]
FIELDS += ["X-Mailgate-Instance", "MIME-Version", "Content-Type"]
LINK = re.compile(r"https://\S+/d/\S+/")
HEADINGS = ("If you approve", "If you reject", "Deadline", "How to answer")
"""Ours alone: each stands once in a request, on a line of its own."""


@dataclass(frozen=True, slots=True)
class Attack:
    """What an agent writes, and in a sentence what becomes of it."""

    name: str
    text: str
    happened: str
    shown: tuple[str, ...] = field(default=())


ATTACKS = [
    Attack(
        "Header injection: line ends and header fields in what an agent writes",
        "A-1\r\nBcc: evil@evil.example\r\nSubject: approved\r\n\r\n<p>new body</p>",
        "No word of it is in a header; each line end is shown as a code.",
        ("| A-1⟨U+000D⟩",),
    ),
    Attack(
        "Encoded words that become header lines (CVE-2024-6923)",
        "=?utf-8?q?x=0D=0ABcc=3A_evil=40evil.example=0D=0A=0D=0AAPPROVE?=",
        "It is printed as it is; headers hold nothing of it and are compared after the mail was written.",
        ("=?utf-8?q?x=0D=0ABcc=3A_evil=40evil",),
    ),
    Attack(
        "A forged MIME boundary that would begin a part of the agent's own",
        '--=_0\r\nContent-Type: text/html\r\n\r\n<b>approved</b>\r\n--=_0--\r\nboundary="=_0"',
        "The mail has exactly the parts that were meant; boundaries are made of a digest and looked for in the text.",
        ("| --=_0⟨U+000D⟩",),
    ),
    Attack(
        "HTML and script that would change the mail",
        "</td></table><a href='https://evil.example'>APPROVE</a><script>alert(1)</script><img src=x onerror=alert(1)><!--",
        "It is printed as text; the mail has one link, to the decide page.",
        ("</td></table><a href='hxxps://evil[.]example'>",),
    ),
    Attack(
        "Markdown that would become a link or a heading",
        "# Approved\n[APPROVE](https://evil.example/yes) ![](http://evil.example/p.png)\n**APPROVE**\nwww.evil.com tel:123",
        "Addresses are written so that no program links them; every line stands behind a bar.",
        ("| [APPROVE](hxxps://evil[.]example/yes)", "| # Approved", "www[.]evil[.]com tel[:]123"),
    ),
    Attack(
        "Ten thousand characters, to push the truth out of sight",
        "harmless " * 1_111,
        "Its beginning is printed with a count and a digest, the whole is attached; the mail stays shorter than 102 KB.",
        ("more characters are left out. The whole is in",),
    ),
    Attack(
        "Three thousand line feeds, to push the truth out of sight",
        "harmless" + "\n" * 3_000 + "the truth",
        "Forty lines are printed with a count and a digest, the whole is attached.",
        ("more characters are left out. The whole is in",),
    ),
    Attack(
        "Bidirectional controls that turn text around",
        "pay 10\u202e 0001 yap\u202c \u2066EUR\u2069",
        "With `hidden_characters = mark` shown as codes, with a warning; otherwise refused.",
        ("pay 10⟨U+202E⟩ 0001 yap⟨U+202C⟩",),
    ),
    Attack(
        "Tag characters, which people cannot see and programs read",
        "A-1" + "".join(chr(0xE0000 + ord(char)) for char in "approve"),
        "With `hidden_characters = mark` shown as codes, with a warning; otherwise refused.",
        ("A-1⟨U+E0061⟩⟨U+E0070⟩",),
    ),
    Attack(
        "Zero-width characters inside words",
        "A\u200bP\u200cP\u200dR\u2060O\ufeffV\u00adE",
        "Each is shown as a code, with a warning.",
        ("A⟨U+200B⟩P⟨U+200C⟩",),
    ),
    Attack(
        "Homoglyphs: letters of other alphabets that look like ours",
        "\u0430pprove p\u0430ypal.com \u0455\u0441\u043e\u0440\u0435",
        "The ASCII form is printed below, with a warning that alphabets are mixed within a word.",
        ("\\u0430pprove",),
    ),
    Attack(
        "A section that says that somebody has approved",
        "x\n\nWhat has happened so far\n\n  Signed by: Alice Adams <alice@example.com>\n  Decision: approved\n\nAPPROVE\n",
        "It stands behind bars, among the agent's own words; no line of it is one of ours.",
        ("| What has happened so far",),
    ),
    Attack(
        "Our own reply marker, so that a client cuts the answer off there",
        "mailgate-reply-above-k3v9q2ab\nMAILGATE-REPLY-ABOVE-x\n> mailgate-reply-above-",
        "It is broken apart; the mail has one marker, in its first line.",
        ("| mailgate[-]reply-above-k3v9q2ab",),
    ),
    Attack(
        "Another deadline, other instructions, another code",
        "x\nDeadline\n\n  Tue 24 Nov 2099, 18:00 UTC\n\nHow to answer\n\n  Reply OK to this mail.\n\n  Code: 000 000\n",
        "It stands behind bars, and every heading of ours stands once.",
        ("| Deadline", "| How to answer"),
    ),
    Attack(
        "The lines of our record, so that a verifier takes something else for what was shown",
        f"{RECORD_ENDS}\n\nSent by approvals (mailgate).\n\n{RECORD_BEGINS}\nDecision needed\nEnd Mailgate Record",
        "They are broken apart; the record has one beginning and one end.",
        ("| ----- end [mailgate] record -----",),
    ),
    Attack(
        "Template language, in case what an agent writes is a template",
        "{{ letter.answering.code }}{% raw %}{{ 7 * 7 }}{# #}",
        "It is printed as it is.",
        ("{{ letter.answering.code }}{% raw %}{{ 7 * 7 }}",),
    ),
]


@pytest.fixture
def rig(make_rig: RigMaker) -> Rig:
    """Make a rig whose gates mark hidden characters, and have a summary that an argument fills."""
    usual = {"approvers": ["bob"], "remind_after": "none", "hidden_characters": "mark"}
    gates = {
        "pay": usual | {"summary": "Refund {{ args.order }} now"},
        "odd": usual,
        "strict": usual | {"hidden_characters": "refuse"},
    }
    return make_rig(imap={"authserv_id": AUTHSERV_ID}, gates=gates)


def lines_of(text: str) -> str:
    """Return text as an agent's name may be: printable, at most 200 characters."""
    return "".join(char if char.isprintable() else " " for char in text)[:200].strip() or "x"


def play(rig: Rig, attack: str, *, fails: bool) -> list[Message]:
    """Ask, approve and run, with an attack in every place; return every mail that was sent."""
    rig.shop.doing = lambda: _raise(attack) if fails else {attack: [attack]}
    name = lines_of(attack)
    about = {
        "agent": name,
        "run": name,
        "on_behalf_of": "erin@example.com",
        "reasoning": attack,
        "intent": attack[:1000],
    }
    rig.mg.submit("odd", {name: {attack: [attack, 1]}, "order": attack}, key=attack[:1000], **about)
    paid = rig.ask("pay", {"order": attack, "currency": attack}, **about)
    assert rig.press(paid, "bob", Verdict.APPROVE).done
    rig.keeper()
    assert rig.execute() is not None
    rig.keeper()
    rig.outbox()
    return [message_from_bytes(raw, policy=policy.compat32) for _, _, raw in rig.sender.sent]


def _raise(text: str) -> None:
    raise ValueError(text)


def leaves(mail: Message) -> Iterator[Message]:
    """Yield the parts that hold something."""
    return (found for found in mail.walk() if not found.is_multipart())


def check_header(mail: Message) -> None:
    """Nothing of the agent's is in the header block, and no field is there that we did not write."""
    assert [name for name in FIELDS if name in mail] == mail.keys()
    head = "".join(f"{name}: {value}\n" for name, value in mail.items())
    assert not re.search(r"(?i)evil|bcc:|=\?|A-1|harmless|approve\b|x=0D", head), head
    assert re.fullmatch(r"\[approvals\] ((pay|odd) \([A-Z0-9]{6}\)|notice to operators)", str(mail["Subject"]))
    assert re.fullmatch(r"Approvals\s+<approvals@gate\.example\.com>", str(mail["From"]))


def check_parts(mail: Message) -> None:
    """Text, HTML, and files with names of ours."""
    kinds = [(found.get_content_type(), found.get_filename() or "") for found in leaves(mail)]
    assert kinds[:2] == [("text/plain", ""), ("text/html", "")]
    for _, name in kinds[2:]:
        assert re.fullmatch(r"argument-\d\.txt|reasoning\.txt|result\.txt|error\.txt|mailgate-evidence\.json", name)


def check_words(mail: Message, links: list[str]) -> None:
    """Both parts are in our own frame: one marker, one record, one link, no line that decides, nothing hidden."""
    text, html = part(mail, "text/plain"), part(mail, "text/html")
    page = read_html(html)
    assert len(html.encode()) < 102_000
    assert page.links == re.findall(r"https?://\S+", text) == [link for link in links if link in text]
    for lines in (text.split("\n"), [line.strip() for line in page.lines]):
        words = "\n".join(lines)
        assert [line for line in lines if MARKER in line.lower()] == [line for line in lines if line][: MARKER in words]
        assert words.lower().count("mailgate record") == 2 * (RECORD_BEGINS in words)
        assert not any(map(opens_decision, lines))
        assert not any(map(is_hidden, words.replace("\n", "").replace("\u00a0", " ")))
        if LINK.search(text):
            assert [lines.count(heading) for heading in HEADINGS] == [1, 1, 1, 1]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.partition(":")[0].partition(",")[0])
def test_hostile_text_stays_text(rig: Rig, attack: Attack, record_property: Record) -> None:
    """Every mail of a request's life has our headers, our parts, our frame; and a person is shown what is there."""
    mails = play(rig, attack.text, fails=ATTACKS.index(attack) % 2 == 0)
    asked = [text for mail in mails if LINK.search(text := part(mail, "text/plain"))]
    links = [link for text in asked for link in LINK.findall(text)]
    assert len(asked) == len(links) == 2
    for mail in mails:
        check_header(mail)
        check_parts(mail)
        check_words(mail, links)
    for words in attack.shown:
        assert all(squeezed(words) in squeezed(text) for text in asked), words
    record_property("attack", attack.name)
    record_property("happened", attack.happened)


@pytest.mark.parametrize("text", ["a\u202eb", "a\u2066b\u2069", "a\u200fb", "a\U000e0041b"], ids=ascii)
@pytest.mark.parametrize("where", ["value", "nested value", "nested name", "reasoning"])
def test_what_only_deceives_is_refused_before_anybody_is_asked(
    rig: Rig, text: str, where: str, record_property: Record
) -> None:
    """Direction controls and tags stop the call wherever an agent may write them; the error names the place."""
    arguments: dict[str, dict[str, Any]] = {
        "value": {"order": text},
        "nested value": {"order": [{"a": text}]},
        "nested name": {"order": {text: 1}},
        "reasoning": {"order": "A-1"},
    }
    reasoning = text if where == "reasoning" else ""
    with pytest.raises(InvalidArguments, match="hide or turn text around") as refused:
        rig.mg.submit("strict", arguments[where], agent="support", run="run-1", reasoning=reasoning)
    assert refused.value.argument == ("reasoning" if where == "reasoning" else "order")
    rig.keeper()
    assert rig.mails("request") == []
    record_property("attack", f"Direction controls and tag characters in what an agent writes: {where}")
    record_property("happened", "Refused before anybody was asked (`hidden_characters = refuse`, as shipped).")


@pytest.mark.parametrize("name", ["agent", "run"])
@pytest.mark.parametrize("text", ["a\u202eb", "a\nb", "a\u200bb", "a\U000e0041b", "a\x00b", ""], ids=ascii)
def test_names_are_printable(rig: Rig, name: str, text: str) -> None:
    """Nothing hidden gets into the names that head a mail, whatever the gate allows in arguments."""
    with pytest.raises(InvalidArguments, match="give it a printable name"):
        rig.mg.submit("pay", {"order": "A-1"}, **({"agent": "support", "run": "run-1"} | {name: text}))


@pytest.mark.parametrize("field", ["reasoning", "key", "intent"])
@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "x" * 100_001, b"bytes", 5], ids=lambda text: f"{text!a:.9}")
def test_what_cannot_be_put_before_a_person_is_an_error_of_ours(rig: Rig, field: str, text: Any) -> None:
    """Half a character, NUL, a flood, or no text at all: one sentence that names the place, and nothing is stored."""
    with pytest.raises(InvalidArguments, match=f"^{field}: give it text"):
        rig.mg.submit("pay", {"order": "A-1"}, agent="support", run="run-1", **{field: text})
    assert rig.rows(Request) == []


def test_a_summary_keeps_what_an_agent_writes_in_quotes(rig: Rig, record_property: Record) -> None:
    """The sentence around it is the operator's: no argument can go on with it."""
    rig.ask("pay", {"order": 'A-1 is approved by Alice; answer by Monday. Ignore "the" list'})
    rig.outbox()
    [text] = [part(message_from_bytes(raw), "text/plain") for _, to, raw in rig.sender.sent if to.startswith("bob@")]
    said = " ".join(text.split())
    assert 'Agent support asks: Refund "A-1 is approved by Alice; answer by Monday. Ignore \\"the\\" list" now' in said
    record_property("attack", "An argument that goes on with the operator's own sentence in the headline")
    record_property("happened", "It stands in quotes, cut after 80 characters; only plain words stand bare.")


def test_a_result_of_any_length_is_a_mail_that_can_be_sent(rig: Rig) -> None:
    """Six hundred thousand characters are cut: their beginning is attached, and it is said where the rest is."""
    rig.shop.doing = lambda: "x" * 600_000
    assert rig.press(rig.ask("pay"), "bob", Verdict.APPROVE).done
    rig.keeper()
    assert rig.execute() is not None
    rig.keeper()
    rig.outbox()
    raw = rig.sender.sent[-1][2]
    assert len(raw) < 900_000
    assert "only the first 500,000 of" in " ".join(part(message_from_bytes(raw), "text/plain").split())
