"""Templates: what the shipped ones say, and what is wrong with a replaced one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mailgate.errors import ComposeError
from mailgate.mail.compose import Templates, compose, render
from mailgate.mail.draft import request_letter
from mailgate.mail.folding import opens_decision
from mailgate.mail.letter import RECORD_BEGINS, RECORD_ENDS, Letter, LetterKind, redacted
from mailgate.mail.rehearsal import rehearse, sample_letters
from mailgate.mail.saying import block, read_html
from mailgate.mail.templates import spaced
from mailgate.model.stamps import visible_block, visible_hash
from tests.letters import LINK, MARKER, SHIPPED, ask, headers, seat, templates


def replaced(folder: Path, name: str, old: str, new: str) -> Templates:
    """Return the templates with one shipped file changed in an override folder."""
    source = (SHIPPED / name).read_text()
    assert old in source
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source.replace(old, new))
    return Templates.load(SHIPPED, folder)


def test_the_shipped_templates_pass_their_rehearsal() -> None:
    """Every kind of mail, full and bare, live and redacted, says what its letter says."""
    rehearse(templates())


def test_the_rehearsal_covers_every_kind() -> None:
    """A new kind of mail cannot be forgotten."""
    assert {letter.kind for letter in sample_letters()} == set(LetterKind)


def test_no_line_of_any_mail_reads_as_an_answer() -> None:
    """Quoted back with or without marks, in text or HTML, no line begins with a deciding word."""
    for letter in sample_letters():
        rendered = render(letter, templates())
        for line in (*rendered.text.split("\n"), *read_html(rendered.html).lines):
            assert not opens_decision(line), line


def test_the_text_part_fits_a_terminal() -> None:
    """No line is wider than 78 columns but the link itself, which must not be broken."""
    for letter in sample_letters():
        lines = render(letter, templates()).text.split("\n")
        assert max(len(line) for line in lines if "https://" not in line) <= 78


def test_the_marker_is_the_first_line_and_stands_first_in_the_html_too() -> None:
    """Whatever a client quotes, the marker comes before everything of ours."""
    rendered = render(request_letter(ask(), seat()), templates())
    assert rendered.text.split("\n")[0] == MARKER
    assert next(line for line in read_html(rendered.html).lines if line.strip()).strip() == MARKER


def test_the_order_is_what_why_effects_deadline_how_who_warnings() -> None:
    """The design's section 7, in text and HTML alike."""
    order = [
        "Agent support asks",
        "What would be run",
        "Why, in the agent's own words",
        "If you approve",
        "If you reject",
        "Deadline",
        "How to answer",
        "Who else is asked",
        "Warnings",
    ]
    rendered = render(request_letter(ask(), seat(), warnings=("Look.",)), templates())
    for text in (rendered.text, "\n".join(read_html(rendered.html).lines)):
        positions = [text.index(words) for words in order]
        assert positions == sorted(positions)


def test_a_mail_has_one_link_and_its_label_names_the_host() -> None:
    """One place to go, and one sees where before going there."""
    html = render(request_letter(ask(), seat()), templates()).html
    assert re.findall(r'<a [^>]*href="([^"]*)"[^>]*>([^<]*)</a>', html) == [(LINK, "Decide on approvals.example.com")]


def test_an_archive_copy_has_no_link() -> None:
    """Nothing in it can be tapped."""
    rendered = render(redacted(request_letter(ask(), seat())), templates())
    assert "<a" not in rendered.html
    assert "https://" not in rendered.text


def test_text_and_html_say_the_same() -> None:
    """Between the record lines, both parts have the same words, the link's address excepted."""
    for letter in sample_letters():
        if letter.recorded:
            rendered = render(redacted(letter), templates())
            assert block(rendered.text) == block("\n".join(read_html(rendered.html).lines))


def bound(letter: Letter) -> list[str]:
    """Return what a mail's evidence is told that the mail shows."""
    told: list[str] = []
    compose(letter, headers(), templates(), evidence=lambda shown: told.append(shown) or b"{}")
    return told


def test_what_the_stamp_binds_is_what_both_parts_show() -> None:
    """The digest that the evidence is made from is that of the visible block, as text and HTML have it; empty without one."""
    for letter in (version for each in sample_letters() for version in (each, redacted(each))):
        rendered = render(letter, templates())
        block = visible_block(rendered.text.split("\n"))
        assert block == visible_block(read_html(rendered.html).lines)
        assert (block is not None) == letter.recorded
        assert bound(letter) == ["" if block is None else visible_hash(block)]


def test_what_the_stamp_binds_does_not_depend_on_the_link() -> None:
    """Gateways write links anew; every word and every value counts."""
    asked = request_letter(ask(), seat())
    assert bound(asked) == bound(request_letter(ask(), seat(link=LINK.replace("Wy", "Xy"))))
    others = (ask(arguments={}), ask(reasoning="For fun."), ask(arguments=ask().arguments | {"amount": 120.01}))
    assert bound(asked) not in [bound(request_letter(other, seat())) for other in others]


def test_values_keep_their_direction() -> None:
    """Hebrew in a value does not rearrange the label before it."""
    html = render(request_letter(ask(arguments={"name": "שלום"}), seat()), templates()).html
    assert '<bdi dir="ltr">&#34;שלום&#34;</bdi>' in html


def test_runs_of_blanks_survive_html() -> None:
    """Browsers print one of many blanks; here the others are kept."""
    assert spaced("a   b <i>") == "a &nbsp;&nbsp;b &lt;i&gt;"


def test_mails_without_a_record_have_no_block() -> None:
    """A plain notice does not pretend to be evidence."""
    bare = [letter for letter in sample_letters() if not letter.recorded]
    for letter in bare:
        rendered = render(letter, templates())
        assert RECORD_BEGINS not in rendered.text + rendered.html
        assert RECORD_ENDS not in rendered.text + rendered.html
    assert bare


def test_an_override_replaces_a_single_file(tmp_path: Path) -> None:
    """Everything else stays as shipped; the digest for the record changes."""
    changed = replaced(tmp_path, "mail/request.txt.j2", "Decision needed from", "Please decide,")
    changed_too = replaced(tmp_path, "mail/request.html.j2", "Decision needed from", "Please decide,")
    rehearse(changed_too)
    assert "Please decide, Bob Brown" in render(request_letter(ask(), seat()), changed_too).text
    assert changed.digest() == changed_too.digest() != templates().digest()


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    """The sentence names the folder and the setting."""
    with pytest.raises(ComposeError, match=r"does not exist; correct mailgate\.templates"):
        Templates.load(SHIPPED, tmp_path / "none")


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    """Found when the templates are loaded, not at the first request."""
    with pytest.raises(ComposeError, match=r"mail/request\.txt\.j2, line 2, is wrong: "):
        replaced(tmp_path, "mail/request.txt.j2", "{% block kicker %}", "{% blok kicker %}")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("{{ leter.recipient }}", "'leter' is undefined"),
        ("{{ letter.recipent }}", "has no attribute 'recipent'"),
        ("{{ letter.recipient / 2 }}", "unsupported operand"),
        ("{% include 'mail/none.j2' %}", r"mail/none\.j2"),
    ],
)
def test_a_mistake_in_a_template_names_file_line_and_variable(tmp_path: Path, wrong: str, reason: str) -> None:
    """The sentence is enough to find it."""
    changed = replaced(tmp_path, "mail/request.html.j2", "{{ letter.recipient }}", wrong)
    with pytest.raises(ComposeError, match=rf"mail/request\.html\.j2, line 2, fails with: .*{reason}"):
        render(request_letter(ask(), seat()), changed)


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("layout.txt.j2", "{{ letter.headline | fold }}", "", "does not show 'Agent support asks"),
        ("layout.txt.j2", "{{ letter.marker }}", "Hello\n{{ letter.marker }}", "does not begin with the reply marker"),
        ("layout.txt.j2", "{{ letter.marker }}", "", "does not print the reply marker line exactly once"),
        ("layout.txt.j2", "{{ record_ends }}", "", "does not print both lines of the record block"),
        ("layout.txt.j2", "Who else is asked", "The others", "do not say the same"),
        ("layout.txt.j2", "How to answer", "No answer yet", "could be read as an answer: 'No answer yet'"),
        ("layout.txt.j2", "write the single word APPROVE", "nod", "do not say the same"),
        ("layout.txt.j2", "How to answer", "https://other.example", "txt.j2 holds other links"),
        ("layout.html.j2", "letter.answering.code }}", "'' }}", "does not show '482 913'"),
        ("layout.html.j2", "Decide on", '<a href="https://x.example">x</a> Decide on', "html.j2 holds other links"),
        ("layout.html.j2", "Decide on", "https://x.example Decide on", "html.j2 holds other links"),
        ("layout.html.j2", "Decide on", "<img> Decide on", "holds <img>"),
        ("layout.html.j2", "Decide on", "<script></script> Decide on", "holds <script>"),
        ("layout.html.j2", "Decide on", "<form></form> Decide on", "holds <form>"),
        ("layout.html.j2", "Decide on", '<b onclick="x">Decide</b> on', "holds <b onclick>"),
        ("layout.html.j2", "Decide on", '<b style="background:url(x)">Decide</b> on', "holds <b style>"),
        ("layout.html.j2", ":root {", "@import 'x'; :root {", "style sheet of the HTML part loads"),
        ("layout.html.j2", "How to answer", "Approve", "could be read as an answer: 'Approve'"),
    ],
)
def test_a_replaced_template_that_would_mislead_is_refused(
    tmp_path: Path, name: str, old: str, new: str, reason: str
) -> None:
    """Left out, moved, turned into a decision, linking or loading something: no mail is made, and the rehearsal says why."""
    changed = replaced(tmp_path, f"mail/{name}", old, new)
    with pytest.raises(ComposeError, match=re.escape(reason)):
        render(request_letter(ask(), seat()), changed)
    with pytest.raises(ComposeError):
        rehearse(changed)


def test_escaping_cannot_be_forgotten_in_html_templates(tmp_path: Path) -> None:
    """Values are escaped because of the file's name, not because somebody thought of it."""
    letter = request_letter(ask(summary="<b>bold</b> & <script>"), seat())
    assert "<script>" not in render(letter, templates()).html
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; &lt;script&gt;" in render(letter, templates()).html
