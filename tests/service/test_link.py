"""The link's two verbs: looking, which changes nothing, and pressing, which decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from mailgate.errors import TokenError
from mailgate.model.verdict import Verdict
from mailgate.service.link import CODE_TRIES, Problem, look, press
from mailgate.store.tables import Decision, Event
from mailgate.tokens import LinkClaim, LinkKeys
from tests.service.conftest import RigMaker
from tests.service.rig import GATES, Rig, in_parallel

APPROVE, REJECT = Verdict.APPROVE, Verdict.REJECT


def wrong(rig: Rig, request_id: str, person: str = "bob") -> str:
    """Return a code that is not the right one."""
    seat = rig.seat(request_id, person)
    return f"{(int(rig.serving.key.code(seat.id, seat.generation)) + 1) % 1_000_000:06d}"


def test_looking_changes_nothing(rig: Rig) -> None:
    """However often a link is opened, in whatever state, the database stays as it is."""
    request_id = rig.ask()
    open_before = rig.dump()
    for _ in range(3):
        page = rig.look(request_id, "bob")
        assert (page.is_open, page.deciding_as) == (True, "Bob Brown <bob@example.com>")
    assert open_before == rig.dump()

    rig.press(request_id, "bob")
    decided_before = rig.dump()
    assert not rig.look(request_id, "bob").is_open
    assert decided_before == rig.dump()


def test_page_shows_what_the_mail_shows(rig: Rig) -> None:
    """The page is made from the same letter as the mail: the action, every argument, who asks, until when."""
    request_id = rig.ask(args={"order": "A-77", "amount": 12.5}, reasoning="Charged twice.")

    letter = rig.look(request_id, "bob").letter

    shown = {a.name: " ".join(a.value.lines) for a in letter.arguments}
    assert {"order", "amount", "currency"} == set(shown)
    assert "A-77" in shown["order"]
    assert letter.claim is not None
    assert letter.claim.words.lines == ("| Charged twice.",)


def test_approving_needs_the_mailed_code(rig: Rig) -> None:
    """A machine that follows links lacks the code: without the right one nothing is decided."""
    request_id = rig.ask()

    for code in ("", wrong(rig, request_id), "x" * 6, "１２３４５６"):
        page = rig.press(request_id, "bob", code=code)
        assert (page.problem, page.done) == (Problem.CODE_WRONG, False)
    assert rig.state(request_id) == "pending"


def test_code_may_be_typed_with_blanks(rig: Rig) -> None:
    """The code is printed in two groups; blanks in it do not matter."""
    request_id = rig.ask()
    seat = rig.seat(request_id, "bob")
    code = rig.serving.key.code(seat.id, seat.generation)

    assert rig.press(request_id, "bob", code=f" {code[:3]} {code[3:]} ").done


def test_codes_of_others_do_not_fit(rig: Rig) -> None:
    """Each seat has a code of its own."""
    request_id = rig.ask("pay_twice")
    alice = rig.seat(request_id, "alice")

    page = rig.press(request_id, "bob", code=rig.serving.key.code(alice.id, alice.generation))

    assert Problem.CODE_WRONG is page.problem


def test_five_wrong_codes_close_the_link_for_approving(rig: Rig) -> None:
    """After five wrong codes even the right one is refused; rejecting still works."""
    request_id = rig.ask()
    left = [rig.press(request_id, "bob", code=wrong(rig, request_id)).tries_left for _ in range(CODE_TRIES)]
    assert left == [4, 3, 2, 1, 0]

    page = rig.press(request_id, "bob")
    assert (page.problem, page.done, page.tries_left) == (Problem.CODES_USED_UP, False, 0)
    assert rig.state(request_id) == "pending"
    assert rig.look(request_id, "bob").tries_left == 0

    assert rig.press(request_id, "bob", REJECT).done
    assert rig.state(request_id) == "rejected"


def test_codes_tried_in_parallel_are_counted_one_by_one(rig: Rig) -> None:
    """Twenty tries at once are not more than five."""
    request_id = rig.ask()
    code = wrong(rig, request_id)

    pages = in_parallel([lambda: rig.press(request_id, "bob", code=code)] * 20)

    problems = Counter(p.problem for p in pages)
    assert problems == {Problem.CODE_WRONG: CODE_TRIES, Problem.CODES_USED_UP: 20 - CODE_TRIES}
    assert Problem.CODES_USED_UP is rig.press(request_id, "bob").problem


def test_twenty_presses_at_once_decide_once(rig: Rig) -> None:
    """Parallel presses with the right code make one decision, one event and one approval; the others hear the truth."""
    request_id = rig.ask()

    pages = in_parallel([lambda: rig.press(request_id, "bob")] * 20)

    assert sum(p.done for p in pages) == 1
    assert all("You approved it" in p.sentence for p in pages if not p.done)
    assert len(rig.rows(Decision)) == 1
    assert len(rig.rows(Event, request_id=request_id, kind="decision")) == 1
    assert rig.state(request_id) == "approved"


def test_approve_and_reject_at_once_end_in_one_of_them(rig: Rig) -> None:
    """Two people who disagree at the same instant make one outcome."""
    request_id = rig.ask("pay_twice")
    calls = [
        lambda: rig.press(request_id, "alice"),
        lambda: rig.press(request_id, "bob", REJECT),
        lambda: rig.reply(request_id, "alice"),
        lambda: rig.reply(request_id, "bob"),
    ]

    in_parallel(calls)

    people = [d.person for d in rig.rows(Decision)]
    assert len(set(people)) == len(people)
    verdicts = {d.person: d.verdict for d in rig.rows(Decision)}
    expected = "rejected" if "reject" in verdicts.values() else "approved"
    assert expected == rig.state(request_id)


def test_rejecting_needs_a_reason(rig: Rig) -> None:
    """Without a reason the agent would try the same again: the page asks for one, and nothing is decided."""
    request_id = rig.ask()

    page = rig.press(request_id, "bob", REJECT, reason=" \n ")

    assert (page.problem, page.done) == (Problem.REASON_MISSING, False)
    assert rig.state(request_id) == "pending"


def test_rejecting_needs_no_code(rig: Rig) -> None:
    """A doubtful no may stop."""
    request_id = rig.ask()

    assert rig.press(request_id, "bob", REJECT, code="").done


def test_button_alone_where_the_gate_says_so(make_rig: RigMaker) -> None:
    """web_confirm = button asks for no code, and the record claims no more than the link."""
    rig = make_rig(gates={"pay": GATES["pay"] | {"web_confirm": "button"}})
    request_id = rig.ask()

    assert not rig.look(request_id, "bob").needs_code
    assert rig.press(request_id, "bob", code="").done
    assert rig.row(Decision).level == "link"


def test_other_verdicts_are_no_decisions(rig: Rig) -> None:
    """Only approve and reject decide, and undo takes back."""
    request_id = rig.ask()

    with pytest.raises(ValueError, match="not a decision"):
        rig.press(request_id, "bob", Verdict.QUESTION)
    assert rig.state(request_id) == "pending"


def test_tokens_of_others_are_unknown(rig: Rig, record_property: Callable[[str, object], None]) -> None:
    """A token under another key, of another generation, for another action or for no seat leads nowhere, and never says why."""
    seat = rig.seat(rig.ask(), "bob")
    prefix = seat.digest[:8].hex()
    tokens = [
        LinkKeys([b"x" * 32]).sign(LinkClaim(assignment=seat.id, generation=1, digest_prefix=prefix)),
        rig.serving.links.sign(LinkClaim(assignment=seat.id, generation=2, digest_prefix=prefix)),
        rig.serving.links.sign(LinkClaim(assignment=seat.id, generation=1, digest_prefix="00" * 8)),
        rig.serving.links.sign(LinkClaim(assignment="nobody", generation=1, digest_prefix=prefix)),
        "",
        "x.y",
        rig.token(seat)[:-3],
    ]
    sentences = set()
    for token in tokens:
        for visit in (
            lambda t: look(rig.serving, t),
            lambda t: press(rig.serving, t, verdict=APPROVE, code="000000", reason=""),
        ):
            with pytest.raises(TokenError) as caught:
                visit(token)
            sentences.add(str(caught.value))
    assert len(sentences) == 1
    record_property("attack", "links forged, revoked, of another action, of no seat, or damaged")
    record_property("happened", "all led to the same neutral answer")


def test_other_spelling_of_a_token_is_the_same_seat(rig: Rig) -> None:
    """Tokens are malleable as text; what they name is used up all the same."""
    request_id = rig.ask()
    token = rig.token(rig.seat(request_id, "bob"))
    rig.press(request_id, "bob")

    page = press(rig.serving, f"{token}=", verdict=APPROVE, code="", reason="")

    assert not page.done
    assert len(rig.rows(Decision)) == 1


def test_closed_seat_says_so(rig: Rig) -> None:
    """Somebody whose seat was taken back sees that, and can decide nothing."""
    request_id = rig.ask("pay_twice")
    rig.forge("update assignments set state = 'closed' where person = 'bob'")

    page = rig.press(request_id, "bob")

    assert (page.is_open, page.done) == (False, False)
    assert "taken back" in page.sentence
