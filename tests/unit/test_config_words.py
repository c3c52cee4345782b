"""[answers] languages and [words]: what loads, and which mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailgate.config import Config, load_config
from mailgate.errors import ConfigError
from mailgate.mail.rehearsal import refuse_words
from mailgate.mail.templates import Templates
from mailgate.model.words import SHIPPED, Words
from mailgate.runtime import make_key_files, open_serving
from tests.letters import SHIPPED as TEMPLATES
from tests.letters import templates

GATE = '[mailgate]\ndefault_approvers = ["bob"]\n[people.bob]\nname = "Bob"\naddress = "bob@example.org"\n'


def loaded(tmp_path: Path, text: str) -> Config:
    """Load a configuration."""
    (tmp_path / "config.toml").write_text(f"{GATE}{text}", encoding="utf-8")
    return load_config(tmp_path / "config.toml")


def problems(tmp_path: Path, text: str) -> list[str]:
    """Return what is wrong with a configuration."""
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, text)
    return list(refused.value.problems)


def test_only_english_counts_unless_said(tmp_path: Path) -> None:
    """Without the section nothing but APPROVE and its kin decides."""
    assert loaded(tmp_path, "").own_words == ()


def test_a_language_is_turned_on_by_name(tmp_path: Path) -> None:
    """Shipped words by their language; one's own are added to them, or make a language of their own."""
    assert loaded(tmp_path, '[answers]\nlanguages = ["en", "de"]').own_words == (SHIPPED["de"],)
    own = loaded(
        tmp_path,
        '[answers]\nlanguages = ["en", "de", "nl"]\n[words.de]\napprove = ["bestätigt"]\n[words.nl]\nreject = ["nee"]\n',
    ).own_words
    assert own[0].approve == (*SHIPPED["de"].approve, "bestätigt")
    assert own[0].assent == SHIPPED["de"].assent
    assert own[1] == Words(language="nl", reject=("nee",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[answers]\nlanguages = ["de"]', "[answers] languages: 'en' is missing"),
        ('[answers]\nlanguages = ["en", "xx"]', "[answers] languages names 'xx', for which there are no words"),
        ('[words.nl]\napprove = ["akkoord"]', "[words.nl] counts only if [answers] languages names 'nl'"),
        (
            '[answers]\nlanguages = ["en", "nl"]\n[words.nl]\napprove = ["go ahead"]',
            "[words.nl] approve: 'go ahead' is not made of",
        ),
        (
            '[answers]\nlanguages = ["en", "nl"]\n[words.nl]\napprove = ["nee"]\nreject = ["nee"]',
            "'nee' is under reject as well",
        ),
        (
            '[answers]\nlanguages = ["en", "nl", "af"]\n[words.nl]\napprove = ["goed"]\n[words.af]\nreject = ["goed"]',
            "[words.nl] approve: 'goed' rejects in [words.af]",
        ),
        (
            '[answers]\nlanguages = ["en", "de"]\n[gates.refund]\napprovers = ["bob"]\nif_approved = "Wird sofort genehmigt."',
            "[gates.refund] if_approved holds 'genehmigt'",
        ),
        ('[answers]\nlanguages = "de"', "[answers] languages = 'de'"),
        ('[words.nl]\naprove = ["x"]', "[words.nl] aprove is not a known key"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, said: str) -> None:
    """Each in one sentence that names the key and what to do."""
    assert any(said in problem for problem in problems(tmp_path, text)), problems(tmp_path, text)


def test_words_of_our_own_mails_are_refused() -> None:
    """They would be found in what is quoted of them; each is named, with the line."""
    with pytest.raises(ConfigError) as refused:
        refuse_words(
            templates(), [Words(language="xx", approve=("refund", "akkoord"), reject=("decision",))], anywhere=True
        )
    named = [problem.partition(" stands in our own mails (“")[0] for problem in refused.value.problems]
    assert sorted(named) == ["[words.xx] 'decision'", "[words.xx] 'refund'"]


def test_shipped_words_stand_nowhere_in_our_mails() -> None:
    """Neither in a line of any kind of mail, nor in the HTML of it."""
    refuse_words(templates(), SHIPPED.values(), anywhere=True)


def test_templates_of_ones_own_may_name_a_word_and_not_begin_a_line_with_it(tmp_path: Path) -> None:
    """As our own name APPROVE within a sentence."""
    (tmp_path / "mail").mkdir()

    def own_templates(title: str) -> Templates:
        for name in ("request.txt.j2", "request.html.j2"):
            source = (TEMPLATES / "mail" / name).read_text(encoding="utf-8")
            assert "What would be run" in source
            (tmp_path / "mail" / name).write_text(source.replace("What would be run", title), encoding="utf-8")
        return Templates.load(TEMPLATES, tmp_path)

    words = [Words(language="nl", approve=("akkoord",))]
    refuse_words(own_templates("Wat met AKKOORD gebeurt"), words, anywhere=False)
    with pytest.raises(ConfigError, match="'akkoord' stands in our own mails"):
        refuse_words(own_templates("Akkoord of niet"), words, anywhere=False)


def test_the_serving_side_does_not_start_with_a_word_of_our_mails(tmp_path: Path) -> None:
    """What the configuration alone cannot show is found before the first mail is read; another word is no hindrance."""
    text = '[answers]\nlanguages = ["en", "xx"]\n[words.xx]\napprove = ["{}"]\n'
    config = loaded(tmp_path, text.format("akkoord"))
    make_key_files(config)
    open_serving(config).store.close()
    with pytest.raises(ConfigError, match=r"\[words.xx\] 'deadline' stands in our own mails"):
        open_serving(loaded(tmp_path, text.format("deadline")))
