"""Characters that hide, links that could be tapped, lines that could pass for ours."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.mail.characters import coded, defang, harmless, hidden, is_hidden, one_line, refusable, remarks

HIDDEN = {
    "bidi override": "\u202e",
    "isolate": "\u2066",
    "zero width space": "\u200b",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "byte order mark": "\ufeff",
    "tag letter": "\U000e0041",
    "variation selector": "\ufe0f",
    "supplementary variation selector": "\U000e0101",
    "Mongolian variation selector": "\u180b",
    "no-break space": "\u00a0",
    "ideographic space": "\u3000",
    "Hangul filler": "\u3164",
    "braille blank": "\u2800",
    "combining grapheme joiner": "\u034f",
    "private use": "\ue000",
    "unassigned": "\u0378",
    "half a character": "\ud800",
    "line separator": "\u2028",
    "escape": "\x1b",
    "carriage return": "\r",
    "tab": "\t",
}


@pytest.mark.parametrize("char", HIDDEN.values(), ids=HIDDEN.keys())
def test_what_does_not_show_itself_is_shown_as_a_code(char: str) -> None:
    """Every kind of hidden character becomes its number in brackets, in the middle of a word too."""
    assert coded(f"a{char}b") == f"a⟨U+{ord(char):04X}⟩b"


def test_codes_cannot_be_imitated() -> None:
    """Text that spells a code is told apart from the character, because brackets are codes themselves."""
    assert coded("⟨U+202E⟩") == "⟨U+27E8⟩U+202E⟨U+27E9⟩"


@settings(deadline=None)
@given(st.text())
def test_no_coded_text_holds_a_hidden_character(text: str) -> None:
    """Whatever comes in, what goes out consists of visible characters, blanks and line feeds."""
    assert not any(is_hidden(char) for char in coded(text) if char != "\n")


@settings(deadline=None)
@given(st.text(), st.text())
def test_different_texts_are_coded_differently(one: str, other: str) -> None:
    """No two texts look the same once coded (up to look-alikes, which the notes tell apart)."""
    assert (coded(one) == coded(other)) == (one == other)


def test_one_line_shows_line_feeds_as_codes() -> None:
    """A name with a line feed cannot make a line of its own."""
    assert one_line("a\nb") == "a⟨U+000A⟩b"


def test_marks_cannot_climb_over_our_lines_or_sit_on_our_quotes() -> None:
    """A mark without a letter before it, and the fourth on one letter, are codes; ordinary accents are not."""
    assert coded("e\u0301") == "e\u0301"
    assert coded("\u0301e") == "⟨U+0301⟩e"
    assert coded("x \u0301") == "x ⟨U+0301⟩"
    assert coded("e" + "\u0301" * 5) == "e" + "\u0301" * 3 + "⟨U+0301⟩" * 2


def test_hidden_characters_are_named_once_in_order() -> None:
    """The names tell an operator what was found; ordinary line ends and tabs are left out."""
    assert hidden("a\u202eb\u200bc\u202e\r\n\td") == ("U+202E RIGHT-TO-LEFT OVERRIDE", "U+200B ZERO WIDTH SPACE")
    assert hidden("a\rb\ue000") == ("U+000D control character", "U+E000 private use")
    assert hidden("plain\ttext\r\n") == ()


def test_direction_controls_and_tags_are_refusable_and_the_rest_is_not() -> None:
    """All twelve characters of Bidi_Control and all tags are; a zero width joiner, common in emoji, is not."""
    for number in (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xE0001, 0xE0041, 0xE007F):
        assert refusable(f"a{chr(number)}b"), hex(number)
    assert not refusable("a\u200db\u00a0\ue000 שלום")


def test_remarks_say_what_the_eye_misses() -> None:
    """ASCII form, direction, tags, mixed alphabets and normal form are each said; plain ASCII gets none."""
    assert list(remarks("plain")) == []
    assert list(remarks("caf\u00e9")) == ["in ASCII: 'caf\\xe9'"]
    assert any("Cyrillic and Latin" in remark for remark in remarks("p\u0430ypal"))
    assert any("reading direction (U+202E)" in remark for remark in remarks("a\u202eb"))
    assert any("invisible tag" in remark for remark in remarks("a\U000e0041"))
    assert any("right to left" in remark for remark in remarks("שלום"))
    assert any("NFC" in remark for remark in remarks("e\u0301"))


def test_words_of_different_alphabets_side_by_side_are_no_mixture() -> None:
    """Only letters mixed within one word are suspicious; Japanese and units with a micro sign are not."""
    for text in ("Москва and Berlin", "日本のガイド", "5 µm"):
        assert not any("mixes alphabets" in remark for remark in remarks(text)), text


def test_long_foreign_text_is_listed_by_kind_not_repeated() -> None:
    """Beyond a few lines the ASCII form would double the mail; the kinds of characters are counted instead."""
    [remark, *_] = remarks("Größe " * 100)
    assert remark.startswith("200 characters outside ASCII: U+00F6 LATIN SMALL LETTER O WITH DIAERESIS")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://evil.example/a.b?c=d.e", "hxxps://evil[.]example/a.b?c=d.e"),
        ("HTTP://EVIL.EXAMPLE", "HxxP://EVIL[.]EXAMPLE"),
        ("https://good.com@evil.com/x", "hxxps://good[.]com@evil[.]com/x"),
        ("http://10.0.0.1/x", "hxxp://10[.]0[.]0[.]1/x"),
        ("ftp://evil.example", "ftp[:]//evil[.]example"),
        ("javascript:alert(1)", "javascript[:]alert(1)"),
        ("[a](https://x.example)[b](https://y.example)", "[a](hxxps://x[.]example)[b](hxxps://y[.]example)"),
        ("xhttp://evil.example", "xhxxp://evil[.]example"),
        ("tel:+491234", "tel[:]+491234"),
        ("www.evil.example.", "www[.]evil[.]example."),
        ("evil.com", "evil[.]com"),
        ("see evil.co/login", "see evil[.]co/login"),
        ("10.0.0.1:8080", "10[.]0[.]0[.]1:8080"),
        ("xn--e1awd7f.xn--p1ai", "xn--e1awd7f[.]xn--p1ai"),
        ("президент.рф", "президент[.]рф"),
        ("bob@corp.com", "bob@corp.com"),
        ("bob@corp.com/x", "bob@corp[.]com/x"),
        ("report.pdf in /etc/nginx/nginx.conf", "report.pdf in /etc/nginx/nginx.conf"),
        ("python3.11/site.py, os.path, 3.14, e.g. this", "python3.11/site.py, os.path, 3.14, e.g. this"),
    ],
)
def test_links_are_written_so_that_no_client_links_them(text: str, expected: str) -> None:
    """URLs and bare hosts are broken, mail addresses, files and numbers kept."""
    assert defang(text) == expected


@settings(deadline=None)
@given(st.text(alphabet="htps:/.w evilcom[]x@1", max_size=60))
def test_no_live_scheme_survives_defanging(text: str) -> None:
    """Whatever is thrown together, nothing that begins with a web scheme remains, and a second pass changes no URL."""
    once = defang(text)
    assert "http://" not in once.lower()
    assert "https://" not in once.lower()


def test_a_megabyte_is_defanged_in_linear_time() -> None:
    """Endless schemes, labels and words cost no more than their length (a quadratic search would take hours)."""
    for text in ("a" * 1_000_000, "a." * 500_000, "http:/" * 150_000, "a@" * 500_000, "a.b " * 250_000):
        assert len(defang(text)) >= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "mailgate-reply-above-k3v9q2ab",
        "MAILGATE-Reply-Above-x",
        "----- begin mailgate record -----",
        "end Mailgate record",
    ],
)
def test_our_own_lines_are_broken_in_the_text_of_others(text: str) -> None:
    """Neither the reply marker nor a line of the record block can come from an agent."""
    assert "mailgate-reply-above" not in harmless(text).lower()
    assert "mailgate record" not in harmless(text).lower()
