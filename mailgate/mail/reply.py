"""Find a person's own new text in a reply, and read it: quotes, attributions and forwarded mails are removed here.

How it is done. A body is a list of lines, some of them set off as quotes: in plain text by ``>``, in HTML by the
containers of clients. Two kinds of clients have to be told apart:

*Those that set quotes off.* What they quote is dropped line by line, with the attribution above it, and what stands
below the quote is still the person's: people answer at the bottom. Our marker line is then one of the quoted lines and
says nothing more than that the quote is ours.

*Those that do not* (Outlook and kin). Where their frame begins (our marker line without a prefix, a header block, a
separator, an attribution with nothing set off below it), the person's text ends, for good: below it nobody can tell a
sentence of ours from an answer. An answer at the bottom of such a mail is not found, and the person is asked again; but
words below the last line of ours may be a condition, and take an approval back.

An answer at the bottom counts only in one piece, after the last quoted line and after an empty line. A line directly
below a quoted one may be the rest of it, wrapped by a server on the way, and lines between quoted ones may be too: an
action's own arguments could be laid out to leave ``APPROVE`` on such a rest. Answers of that kind are unclear.

A ``>`` alone does not make a quote: "> 50 EUR: ask me again" below an approval is a condition. It counts as one below an
attribution, or with our marker, an attribution or a header in it; else the line stays, with its prefix, and decides
nothing. So does a block of HTML that is merely indented, text that is struck through, and a banner above the answer
("CAUTION: external sender"): it is the first line, and no list of banners could be complete.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from mailgate.mail.addresses import one_mailbox
from mailgate.mail.charsets import decode_words
from mailgate.mail.frames import (
    attribution,
    begins_header_block,
    ends_record,
    has_marker,
    is_our_last,
    is_rule,
    is_separator,
    labelled_above,
    link_list,
    looks_attributed,
    undated_attribution,
    unknown_header,
    visible,
)
from mailgate.mail.lines import MAX_LINES, Line, plain_lines
from mailgate.mail.markup import html_lines
from mailgate.mail.mime import Mail
from mailgate.model.signoff import spelled, spellings
from mailgate.model.verdict import Reading, Verdict, read_verdict
from mailgate.model.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class NewText:
    """The person's own text, and why it may not be: a ``doubt`` makes whatever it says unclear.

    ``whole`` has also what stands in the client's signature, below a quote in its container, and below our whole mail
    where it is not set off: most likely not an answer, but where it is one, it may be a condition.
    """

    text: str
    whole: str
    doubt: str = ""


def new_text_of_plain(text: str) -> str:
    """Return what the sender wrote in a plain text part; nothing where it cannot be told from what is quoted."""
    found = new_text(plain_lines(text))
    return "" if found.doubt else found.text


def new_text_of_html(source: str) -> str:
    """Return what the sender wrote in an HTML part, as lines; nothing where it cannot be told from what is quoted.

    Raises:
        MailUnreadable: the HTML cannot be read at all.
    """
    found = new_text(html_lines(source))
    return "" if found.doubt else found.text


MOST_TEXT = 4000


def read_reply(
    mail: Mail, known_as: str = "", words: Sequence[Words] = (), *, signature: str = "", added: str = ""
) -> Reading:
    """Read what a mail says. Plain text and HTML must say the same, and for a yes be all it says, else it is unclear.

    Args:
        known_as: more words by which its sender is known, such as a configured name; for recognising a signature.
        words: words of other languages that decide besides the English ones.
        signature: lines of its sender's own signature, as configured.
        added: lines that mail systems add on the way, as configured.

    Raises:
        MailUnreadable: the HTML cannot be read at all.
    """
    plain = _without(plain_lines("\n".join(mail.plain)), added)
    markup = _without(html_lines("\n".join(mail.html)), added)
    signed = frozenset(visible(line.text) for line in markup if line.signature)
    plain = tuple(replace(line, signature=visible(line.text) in signed) for line in plain)
    parts = [
        (name, lines)
        for name, lines in (("plain text", plain), ("HTML", markup))
        if any(visible(line.text) for line in lines)
    ]
    if not parts:
        missing = not (mail.plain or mail.html)
        because = "the mail has no text part" if missing else "the text of the mail is empty"
        return Reading(verdict=Verdict.UNCLEAR if missing else Verdict.NONE, because=(because,))
    read = partial(read_verdict, signer=f"{_signer(mail)} {known_as}", words=words, signature=signature)
    readings = [(name, _read(lines, read)) for name, lines in parts]
    verdicts = {reading.verdict for _, reading in readings}
    first = readings[0][1]
    if len(verdicts) == 1:
        return _with_unread(first, mail)
    told = tuple(f"the {name} part reads as {reading.verdict}: {reading.because[-1]}" for name, reading in readings)
    return Reading(verdict=Verdict.UNCLEAR, first_line=first.first_line, because=(*told, "the two parts disagree"))


def _without(lines: Sequence[Line], added: str) -> tuple[Line, ...]:
    """Return lines with those made empty that a mail system added. Done first: a banner on top is no answer on top."""
    theirs = spellings(added)
    return tuple(replace(line, text="", raw="") if theirs and spelled(line.text) in theirs else line for line in lines)


def new_text(lines: Sequence[Line]) -> NewText:
    """Return the person's own text of a body."""
    if len(lines) > MAX_LINES:
        return NewText(text="", whole="", doubt=f"the text has more than {MAX_LINES} lines")
    lines = lines[: len(lines) - link_list([line.raw for line in lines])]
    everything, lines = lines, _before_frame(lines)
    pairs = zip(lines, _ownership(lines), strict=True)
    runs = [(own, [line for line, _ in run]) for own, run in groupby(pairs, key=lambda pair: pair[1])]
    written = [index for index, (own, run) in enumerate(runs) if own and _text(run).strip()]
    text = "\n\n".join(_text(runs[index][1]) for index in written)
    whole = "\n\n".join("\n".join(line.raw for line in run) for own, run in runs if own)
    whole += "".join(f"\n{line.text}" for line in lines if line.loose)
    whole += "".join(f"\n{line.text}" for line in _below_ours(everything[len(lines) :]))
    return NewText(text=text, whole=whole, doubt=_doubt(lines, runs, written))


def _doubt(lines: Sequence[Line], runs: Sequence[tuple[bool, Sequence[Line]]], written: Sequence[int]) -> str:
    """Say why what is ``written`` may be the rest of a quote, or nothing."""
    seam = next((index for index, line in enumerate(lines) if line.seam), None)
    if seam is not None and written and not any(visible(line.text) for line in lines[:seam]):
        return "the answer stands where a client begins to quote"
    if any(ends_record(line.text) for line in lines if not line.quoted):
        return "the end of our own mail stands in it, unmarked, and what stands above may be ours too"
    if not written or written[0] == 0:
        return ""
    if written != [len(runs) - 1] or any(line.quoted and visible(line.text) for line in runs[-1][1]):
        return "the answer stands between quoted lines, and may be the rest of one"
    if visible(runs[-1][1][0].text) and not runs[-2][1][-1].sure:
        return "the answer follows a quoted line directly, and may be the rest of it"
    return ""


def _read(lines: Sequence[Line], read: Callable[[str], Reading]) -> Reading:
    found = new_text(lines)
    reading = replace(read(found.text), text=found.text.strip()[:MOST_TEXT])
    because = found.doubt
    if reading.verdict is Verdict.APPROVE and not because:
        whole = read(found.whole)
        if whole.verdict is Verdict.APPROVE:
            return replace(whole, text=reading.text)
        because = whole.because[-1]
    return replace(reading, verdict=Verdict.UNCLEAR, reason="", because=(because,)) if because else reading


def _with_unread(reading: Reading, mail: Mail) -> Reading:
    """Take an approval back if its sender may have seen words in the mail that were not read; a refusal stands."""
    if reading.verdict is not Verdict.APPROVE or not mail.unread:
        return reading
    because = f"the mail also has {mail.unread[0]}, which was not read and may say more: an approval stands alone"
    return replace(reading, verdict=Verdict.UNCLEAR, because=(*reading.because, because))


def _signer(mail: Mail) -> str:
    """Return the words by which the sender's own name is known. Whether it is theirs, says `identity`."""
    mailbox = one_mailbox(mail.first("from"))
    return f"{decode_words(mailbox[1][:500])} {mailbox[0]}" if mailbox else ""


def _text(lines: Sequence[Line]) -> str:
    return "\n".join(line.raw for line in lines if not line.signature)


def _before_frame(lines: Sequence[Line]) -> list[Line]:
    """Return the lines above the point where a client begins to repeat another mail without setting it off."""
    texts = ["" if line.quoted else line.text for line in lines]
    following = _next_visible(lines)
    for index, line in enumerate(lines):
        below = following[index]
        if line.cut or (not line.quoted and has_marker(line.text)):
            return _without_furniture(lines[:index], texts[:index], ours=True, undated=not line.cut)
        if line.quoted:
            continue
        if is_separator(line.text) or begins_header_block(texts, index):
            return _without_furniture(lines[:index], texts[:index], ours=False, undated=False)
        if below is not None and is_rule(line.text) and unknown_header(texts, below):
            return list(lines[:index])
        found = attribution(texts, index)
        if found and found[1] and not (below is not None and lines[below].quoted):
            return list(lines[: found[0]])
    return list(lines)


def _below_ours(repeated: Sequence[Line]) -> Sequence[Line]:
    """Return what stands below our mail where a client repeats it without setting it off: whoever wrote that, not we."""
    last = next((row for row in range(len(repeated) - 1, -1, -1) if is_our_last(repeated[row].text)), None)
    return repeated[last + 1 :] if last is not None else ()


def _next_visible(lines: Sequence[Line]) -> list[int | None]:
    """Return for each line the index of the next one below it that is not empty."""
    following: list[int | None] = [None] * len(lines)
    below: int | None = None
    for index in range(len(lines) - 1, -1, -1):
        following[index] = below
        if visible(lines[index].text):
            below = index
    return following


def _without_furniture(lines: Sequence[Line], texts: Sequence[str], *, ours: bool, undated: bool) -> list[Line]:
    """Drop what a client draws right above the mail it repeats: rules, an attribution, a header in any language."""
    end = len(lines)
    while end:
        if not visible(lines[end - 1].text) or is_rule(texts[end - 1]):
            end -= 1
        elif found := attribution(texts, end - 1):
            end = found[0]
        elif undated and (start := undated_attribution(texts, end - 1)) is not None:
            end, undated = start, False
        elif ours and (header := _unknown_header_above(texts[max(0, end - 8) : end])):
            end -= header
        else:
            break
    return list(lines[:end])


def _unknown_header_above(texts: Sequence[str]) -> int:
    """Return how many of the last lines are a header in some language."""
    return next((size for size in range(4, len(texts) + 1) if unknown_header(texts, len(texts) - size) == size), 0)


def _ownership(lines: Sequence[Line]) -> list[bool]:
    """Say for each line whether it is the person's own."""
    own = [True] * len(lines)
    texts = ["" if line.quoted else line.text for line in lines]
    index = 0
    while index < len(lines):
        if not lines[index].quoted:
            index += 1
            continue
        end = _end_of_quote(lines, index)
        above = next((row for row in range(index - 1, -1, -1) if visible(lines[row].text)), None)
        above = None if above is not None and lines[above].quoted else above
        found = attribution(texts, above) if above is not None else None
        proven = _proven_from(lines[index:end])
        if found:
            own[found[0] : end] = [False] * (end - found[0])
        elif proven is not None:
            # A quote that has an attribution within needs none above it.
            bare = proven == 0 and above is not None and not _attributed_within(lines[index:end])
            undated = undated_attribution(texts, above) if bare and above is not None else None
            start = undated if undated is not None else index + proven
            own[start:end] = [False] * (end - start)
        index = end
    return own


def _attributed_within(lines: Sequence[Line]) -> bool:
    """Whether a quote begins with an attribution or a header of its own, as those of Apple Mail and GMX do."""
    texts = [line.text for line in lines if visible(line.text)][:5]
    return any(
        attribution(texts, row) or looks_attributed(texts[row]) or begins_header_block(texts, row)
        for row in range(len(texts))
    )


def _end_of_quote(lines: Sequence[Line], index: int) -> int:
    """Return where the quoted lines from ``index`` on end; empty lines between them belong to them.

    Not so below the last line of our mail, and where a container ends: a ``>`` that stands there was typed by hand.
    """
    end = index + 1
    for row in range(index + 1, len(lines)):
        if lines[row].quoted:
            above = lines[end - 1]
            if (lines[row].typed and not above.typed) or (end < row and is_our_last(above.text)):
                break
            end = row + 1
        elif visible(lines[row].text):
            break
    return end


def _proven_from(lines: Sequence[Line]) -> int | None:
    """Return from where on prefixed lines are proven to be a quote by what they hold; a bare ``>`` may mean "more than".

    What stands above the first proof may be the person's own, with a ``>`` typed by hand right above the client's.
    """
    texts = [line.text for line in lines]
    for row, line in enumerate(lines):
        proof = line.sure or has_marker(line.text) or is_separator(texts[row]) or begins_header_block(texts, row)
        found = None if proof else attribution(texts, row)
        if proof or found:
            start = found[0] if found else row
            while start and (not visible(texts[start - 1]) or looks_attributed(texts[start - 1])):
                start -= 1
            return start - labelled_above(texts, start)
    return None
