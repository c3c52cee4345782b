"""The life of a request: what is not in the table cannot happen, and no count says yes that people did not say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.errors import IllegalTransition
from mailgate.model.lifecycle import (
    FINAL,
    TRANSITIONS,
    Stage,
    Standing,
    State,
    Trigger,
    Vote,
    advance,
    diagram,
    tally,
)

TABLE = """
pending    approve           approved
pending    reject            rejected
pending    expire            expired
pending    exhaust           undeliverable
pending    cancel            cancelled
approved   claim             executing
approved   withdraw          withdrawn
approved   lapse             lapsed
approved   die               in_doubt
executing  reclaim           executing
executing  succeed           succeeded
executing  fail              failed
executing  die               in_doubt
in_doubt   settle_succeeded  succeeded
in_doubt   settle_failed     failed
"""
"""The design's picture, written out a second time: a row that is added or lost there fails here."""

ROWS = {(State(a), Trigger[t.upper()]): State(b) for a, t, b in map(str.split, TABLE.split("\n")[1:-1])}


@pytest.mark.parametrize(("state", "trigger"), list(product(State, Trigger)))
def test_each_state_takes_the_triggers_of_the_table_and_no_other(state: State, trigger: Trigger) -> None:
    """Every pair there is: it goes where the design says, or is refused with both words."""
    if (state, trigger) in ROWS:
        assert ROWS[state, trigger] == advance(state, trigger)
    else:
        with pytest.raises(IllegalTransition, match=f"^A request that is {state} cannot {trigger.value}.$") as caught:
            advance(state, trigger)
        assert (state, trigger) == (caught.value.state, caught.value.trigger)


def test_nothing_leaves_a_final_state_and_every_other_can_be_left() -> None:
    """An outcome is final; what is not final has a way on, so nothing hangs."""
    left = {state for state, _ in TRANSITIONS}
    assert set(State) - left == FINAL
    assert {State.PENDING, State.APPROVED, State.EXECUTING, State.IN_DOUBT} == left


def test_only_an_approval_approves_and_only_a_claim_executes() -> None:
    """There is one way to a yes and one into the action (a second time only for a worker that died)."""
    into = {
        state: {(a, t) for (a, t), b in TRANSITIONS.items() if b is state}
        for state in (State.APPROVED, State.EXECUTING)
    }
    assert into[State.APPROVED] == {(State.PENDING, Trigger.APPROVE)}
    assert into[State.EXECUTING] == {(State.APPROVED, Trigger.CLAIM), (State.EXECUTING, Trigger.RECLAIM)}


def test_every_way_from_pending_to_a_run_passes_an_approval() -> None:
    """Without the approval row neither a run nor its result can be reached."""
    reached, before = {State.PENDING}, 0
    while before != len(reached):
        before = len(reached)
        reached |= {b for (a, t), b in TRANSITIONS.items() if a in reached and t is not Trigger.APPROVE}
    assert reached == {State.PENDING, State.REJECTED, State.EXPIRED, State.UNDELIVERABLE, State.CANCELLED}


def test_doubt_is_left_by_a_person_alone() -> None:
    """What a worker left in doubt is never retried or resumed by itself."""
    ways = {t for a, t in TRANSITIONS if a is State.IN_DOUBT}
    assert ways == {Trigger.SETTLE_SUCCEEDED, Trigger.SETTLE_FAILED}
    assert State.IN_DOUBT not in FINAL


def test_the_picture_shows_every_transition() -> None:
    """The diagram of the documentation is the table: each row once, one start, and every outcome an end."""
    lines = diagram().split("\n")
    rows = [f"    {a} --> {b}: {t.name.lower().replace('_', ' ')}" for (a, t), b in TRANSITIONS.items()]
    ends = [f"    {state} --> [*]" for state in FINAL]
    assert sorted(lines) == sorted(["stateDiagram-v2", "    [*] --> pending", *rows, *ends])
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> pending"]


def count(
    stages: Sequence[Stage],
    votes: Iterable[Vote],
    requester: str | None = None,
    veto: bool = True,
    gone: Iterable[str] = (),
) -> Standing:
    """Return only the standing."""
    return tally(stages, votes, requester=requester, veto=veto, gone=frozenset(gone)).standing


def stage(people: str, quorum: int = 1) -> Stage:
    """Return a stage of people with one-letter ids."""
    return Stage(people=tuple(people), quorum=quorum)


def yes(person: str, at: int = 0) -> Vote:
    """Return a person's yes."""
    return Vote(person=person, stage=at, approves=True)


def no(person: str, at: int = 0) -> Vote:
    """Return a person's no."""
    return Vote(person=person, stage=at, approves=False)


Case = tuple[tuple[Stage, ...], tuple[Vote, ...], str | None, bool, frozenset[str]]
Cases = Callable[[], Iterator[Case]]


def elections() -> Iterator[Case]:
    """Yield every small case: up to four people, quorum up to three, who said what, veto or not, the requester, one gone."""
    for size, quorum in product(range(5), (1, 2, 3)):
        people = "abcd"[:size]
        for said in product((None, True, False), repeat=size):
            votes = tuple(
                Vote(person=p, stage=0, approves=s) for p, s in zip(people, said, strict=True) if s is not None
            )
            for veto, requester, gone in product((True, False), (None, "a", "z"), ((), ("a",), ("b", "c"))):
                yield (stage(people, quorum),), votes, requester, veto, frozenset(gone)


def in_two_stages() -> Iterator[Case]:
    """Yield two stages over three people, each asked in the stages they belong to, in every combination of answers."""
    groups = ["".join(g) for n in (1, 2, 3) for g in combinations("abc", n)]
    for first, second, quorums in product(groups, groups, product((1, 2), repeat=2)):
        stages = (stage(first, quorums[0]), stage(second, quorums[1]))
        for seats in product((0, 1), repeat=3):
            for said in product((None, True, False), repeat=3):
                votes = tuple(
                    Vote(person=p, stage=at, approves=s)
                    for p, at, s in zip("abc", seats, said, strict=True)
                    if s is not None
                )
                yield stages, votes, None, True, frozenset()
                yield stages, votes, "a", False, frozenset("b")


def four_in_two_stages() -> Iterator[Case]:
    """Yield four people in two stages, apart and overlapping, with quorums up to three and no veto."""
    groups = [("ab", "cd"), ("abc", "cd"), ("abc", "bcd"), ("abcd", "abcd")]
    for (first, second), quorums in product(groups, product((1, 2, 3), repeat=2)):
        stages = (stage(first, quorums[0]), stage(second, quorums[1]))
        for seats, said in product(product((0, 1), repeat=4), product((None, True, False), repeat=4)):
            votes = tuple(
                Vote(person=p, stage=at, approves=s)
                for p, at, s in zip("abcd", seats, said, strict=True)
                if s is not None
            )
            yield stages, votes, "d", False, frozenset()


def enough(stages: Sequence[Stage], votes: Sequence[Vote], requester: str | None) -> bool:
    """Return whether every stage has its quorum of different people, none of them the requester or a rejecter.

    Said the slow way: some choice of yeses, nobody twice, fills every stage.
    """
    rejecters = {v.person for v in votes if not v.approves}
    able = [
        {v.person for v in votes if v.approves and v.stage == i and v.person in s.people} - rejecters - {requester}
        for i, s in enumerate(stages)
    ]
    choices = product(*(combinations(sorted(a), s.quorum) for a, s in zip(able, stages, strict=True)))
    return any(len({p for c in choice for p in c}) == sum(s.quorum for s in stages) for choice in choices)


@pytest.mark.parametrize("cases", [elections, in_two_stages, four_in_two_stages])
def test_never_approved_without_enough_different_people_saying_yes(cases: Cases) -> None:
    """Every small case there is: approved exactly when the quorums are full, and with veto only when nobody said no."""
    wrong = []
    for stages, votes, requester, veto, gone in cases():
        approved = count(stages, votes, requester, veto, gone) is Standing.APPROVED
        expected = enough(stages, votes, requester) and not (veto and any(not v.approves for v in votes))
        if approved != expected:
            wrong.append((stages, votes, requester, veto, gone))
    assert wrong == []


@pytest.mark.parametrize("cases", [elections, in_two_stages, four_in_two_stages])
def test_an_open_request_can_still_be_approved_or_says_that_it_cannot(cases: Cases) -> None:
    """Open means that the present stage can still be filled by somebody who has not answered; otherwise it has ended."""
    wrong = []
    for stages, votes, requester, veto, gone in cases():
        result = tally(stages, votes, requester=requester, veto=veto, gone=gone)
        said = {v.person for v in votes}
        silent = [p for p in stages[result.stage].people if p not in said | gone | {requester}]
        best = [*votes, *(yes(p, result.stage) for p in silent)]
        after = tally(stages, best, requester=requester, veto=veto, gone=gone)
        passable = after.standing is Standing.APPROVED or after.stage > result.stage
        rejected = any(not v.approves for v in votes)
        expected = (
            Standing.APPROVED
            if result.standing is Standing.APPROVED
            else Standing.REJECTED
            if rejected and (veto or not passable)
            else Standing.OPEN
            if passable
            else Standing.OUT_OF_REACH
        )
        if result.standing is not expected:
            wrong.append((stages, votes, requester, veto, gone, result.standing, expected))
    assert wrong[:3] == []


def test_nobody_to_ask_is_never_a_yes() -> None:
    """No stages, an empty stage, a quorum of nought: whatever was misconfigured, nothing is approved."""
    assert count([], []) is Standing.OUT_OF_REACH
    assert count([], [yes("a")]) is Standing.OUT_OF_REACH
    assert count([stage("")], []) is Standing.OUT_OF_REACH
    assert count([stage("a", 0)], []) is Standing.OPEN
    assert count([stage("a", -1)], []) is Standing.OPEN
    assert count([stage("", 0)], [yes("a")]) is Standing.OUT_OF_REACH


def test_one_person_counts_once_however_often_named_or_heard() -> None:
    """Named twice among the approvers, or answering twice: still one."""
    twice = tally([stage("aab", 2)], [yes("a"), yes("a")], requester=None, veto=True)
    assert (twice.standing, twice.approved_by, twice.missing) == (Standing.OPEN, ("a",), 1)


def test_one_person_counts_once_across_stages() -> None:
    """Whoever approved the first stage cannot be the second pair of eyes of the next."""
    stages = [stage("ab"), stage("ac")]
    assert count(stages, [yes("a"), yes("a", 1)]) is Standing.OPEN
    assert count(stages, [yes("a"), yes("c", 1)]) is Standing.APPROVED
    assert count([stage("a"), stage("a")], [yes("a")]) is Standing.OUT_OF_REACH
    assert count([stage("a"), stage("b")], [yes("a"), yes("b")]) is Standing.OUT_OF_REACH


def test_stages_go_in_order() -> None:
    """The stage being asked is the first one without its quorum; later answers do not skip it."""
    stages = [stage("ab", 2), stage("cd")]
    result = tally(stages, [yes("a"), yes("c", 1)], requester=None, veto=True)
    assert (result.standing, result.stage, result.approved_by, result.missing) == (Standing.OPEN, 0, ("a",), 1)
    result = tally(stages, [yes("a"), yes("b")], requester=None, veto=True)
    assert (result.standing, result.stage, result.approved_by, result.missing) == (Standing.OPEN, 1, (), 1)
    result = tally(stages, [yes("b"), yes("d", 1), yes("a")], requester=None, veto=True)
    assert (result.standing, result.approved_by) == (Standing.APPROVED, ("a", "b", "d"))


def test_a_veto_ends_it_even_after_the_quorum() -> None:
    """Whoever says no while others say yes stops the request; without veto it only does not count."""
    assert count([stage("abc", 2)], [yes("a"), yes("b"), no("c")]) is Standing.REJECTED
    assert count([stage("abc", 2)], [yes("a"), yes("b"), no("c")], veto=False) is Standing.APPROVED
    assert count([stage("abc", 2)], [yes("a"), no("b"), no("c")], veto=False) is Standing.REJECTED
    assert count([stage("abc", 1)], [no("b")], veto=False) is Standing.OPEN


def test_somebody_removed_from_the_people_since_no_longer_counts() -> None:
    """The quorum is counted against the people of now; a yes from somebody who left is gone with him."""
    assert count([stage("ab", 1)], [yes("c")]) is Standing.OPEN
    assert count([stage("a", 1)], [yes("c")], gone="a") is Standing.OUT_OF_REACH


def test_the_requester_is_no_approver_and_leaves_too_few() -> None:
    """Nobody clears what is done in their own name; where only they are left, it is said at once."""
    assert count([stage("ab", 1)], [yes("a")], requester="a") is Standing.OPEN
    assert count([stage("ab", 2)], [], requester="a") is Standing.OUT_OF_REACH
    assert count([stage("a", 1)], [], requester="a") is Standing.OUT_OF_REACH


people = st.sampled_from("abcde")
votes_given = st.lists(st.builds(Vote, person=people, stage=st.integers(0, 1), approves=st.booleans()), max_size=5)
stages_given = st.lists(
    st.builds(Stage, people=st.lists(people, max_size=5).map(tuple), quorum=st.integers(0, 3)), max_size=2
)


@settings(deadline=None, max_examples=150)
@given(stages_given, votes_given, st.none() | people, st.booleans(), st.frozensets(people))
def test_the_order_of_answers_makes_no_difference(
    stages: list[Stage], votes: list[Vote], requester: str | None, veto: bool, gone: frozenset[str]
) -> None:
    """Two mails that cross on their way come to the same result, whichever is read first."""
    results = {tally(stages, order, requester=requester, veto=veto, gone=gone) for order in permutations(votes)}
    assert len(results) == 1


@settings(deadline=None, max_examples=300)
@given(stages_given, votes_given, st.none() | people, st.booleans(), st.frozensets(people))
def test_another_yes_never_takes_an_approval_away_and_a_no_never_gives_one(
    stages: list[Stage], votes: list[Vote], requester: str | None, veto: bool, gone: frozenset[str]
) -> None:
    """More no cannot turn a standing into approved, and an approval names only people who said yes."""
    result = tally(stages, votes, requester=requester, veto=veto, gone=gone)
    said_yes = {v.person for v in votes if v.approves}
    assert set(result.approved_by) <= said_yes - {requester}
    assert len(set(result.approved_by)) == len(result.approved_by)
    if result.standing is Standing.APPROVED:
        assert len(result.approved_by) >= max(1, sum(s.quorum for s in stages))
    for person in "abcde":
        with_no = count(stages, [*votes, no(person)], requester, veto, gone)
        assert not (with_no is Standing.APPROVED and result.standing is not Standing.APPROVED)
