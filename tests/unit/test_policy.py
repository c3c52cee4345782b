"""Policy: the first rule that is true rules, and whatever cannot be judged needs a person."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mailgate.model.policy import Facts, Gate, Rule, Ruling, StageSettings, Tier, judge, policy_digest, read_gate

AT = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
REFUND = {"amount": 120.0, "currency": "EUR", "items": [1, 2], "customer": {"id": "C-1"}}


def facts(args: Any = REFUND, confidence: float = 0.9, **changes: Any) -> Facts:
    """Return what a rule may look at."""
    usual: dict[str, Any] = {"agent": "support", "run": "run-7", "risk": 0.1, "now": AT}
    return Facts(args=args, confidence=confidence, **(usual | changes))


def gate(*rules: tuple[str, str], tier: str = "require_approval", **settings: Any) -> Gate:
    """Return a gate with ``(when, tier)`` rules."""
    return Gate(tier=Tier(tier), rules=tuple(Rule(when=w, tier=Tier(t)) for w, t in rules), **settings)


def ruled(
    *rules: tuple[str, str], tier: str = "require_approval", require_below: float = 0.0, **changes: Any
) -> Ruling:
    """Return the ruling of such a gate."""
    return judge(gate(*rules, tier=tier), facts(**changes), require_below=require_below)


def test_the_first_rule_that_is_true_rules() -> None:
    """Rules are read from top to bottom; later ones that would be true too are not asked."""
    rules = [("args.amount <= 50.0", "auto"), ("args.amount <= 200.0", "log"), ("true", "auto")]
    assert ruled(*rules, args={"amount": 50.0}) == Ruling(tier=Tier.AUTO, rule="rule 1: args.amount <= 50.0")
    assert ruled(*rules, args={"amount": 50.01}) == Ruling(tier=Tier.LOG, rule="rule 2: args.amount <= 200.0")
    assert ruled(*rules, args={"amount": 201.0}) == Ruling(tier=Tier.AUTO, rule="rule 3: true")


@pytest.mark.parametrize("tier", list(Tier))
def test_without_a_matching_rule_the_gate_s_own_tier_holds(tier: Tier) -> None:
    """The tier beside the rules is for when none matched."""
    assert ruled(("false", "auto"), tier=tier.value) == Ruling(tier=tier, rule="no rule matched")


def test_a_rule_with_an_id_is_named_by_it() -> None:
    """Rulings are kept with the request; a name is better than a line of CEL."""
    named = Gate(rules=(Rule(when="true", tier=Tier.LOG, id="small"),))
    assert judge(named, facts()) == Ruling(tier=Tier.LOG, rule="small")


def test_an_action_without_a_gate_needs_approval() -> None:
    """Nobody said that it may run."""
    assert judge(None, facts()) == Ruling(tier=Tier.REQUIRE_APPROVAL, rule="no gate is configured for this action")


@pytest.mark.parametrize(
    ("when", "args"),
    [
        ("args.missing > 5", {}),
        ("args.customer.missing == 'x'", REFUND),
        ("args.items[7] == 1", REFUND),
        ("args.amount * 2 > 5.0", REFUND),
        ("args.amount > 'x'", REFUND),
        ("args.amount / 0.0 > args.currency", REFUND),
        ("1 / 0 > 1", REFUND),
        ("9223372036854775807 + 1 > 0", REFUND),
        ("now > args.currency", REFUND),
        ("timestamp(args.currency) > now", REFUND),
        ("int(args.currency) > 1", REFUND),
        ("args.items.all(x, x)", REFUND),
        ("true", {"thing": object()}),
        ("true", {"things": [object()]}),
        ("args.amount", REFUND),
        ("args.currency", REFUND),
        ("args.items", REFUND),
        ("null", REFUND),
        ("1", REFUND),
        ("'true'", REFUND),
    ],
)
def test_whatever_cannot_be_judged_needs_approval(when: str, args: dict[str, Any]) -> None:
    """A missing field, clashing types, an overflow, a value CEL cannot hold, a result that is no boolean: a person is asked.

    Even where the gate's own tier, and every later rule, would have let it run.
    """
    ruling = ruled((when, "auto"), ("true", "auto"), tier="auto", args=args)
    assert ruling.tier is Tier.REQUIRE_APPROVAL
    assert ruling.rule.startswith(f"rule 1: {when} ")
    assert "\n" not in ruling.rule


def test_values_that_cel_has_no_type_for_are_told_as_text() -> None:
    """As JSON would have them, so that a rule can speak of a date or an id at all."""
    args = {
        "day": date(2026, 1, 1),
        "at": datetime(2026, 1, 1, 12, 0),
        "id": UUID(int=1),
        "file": PurePosixPath("/tmp/x"),
        "set": {1},
        "deep": {"days": [date(2026, 1, 2)]},
    }
    for when in (
        "args.day == '2026-01-01'",
        "args.at == '2026-01-01T12:00:00'",
        "args.id.endsWith('0001')",
        "args.file == '/tmp/x'",
        "args.set == [1]",
        "args.deep.days[0] > args.day",
    ):
        assert ruled((when, "auto"), args=args).tier is Tier.AUTO


def test_less_confidence_than_required_needs_approval_whatever_the_rules_say() -> None:
    """The limit itself is enough; the ruling says which rule would have let it run."""
    for tier in ("auto", "log"):
        low = ruled(("true", tier), require_below=0.5, confidence=0.49)
        assert low == Ruling(tier=Tier.REQUIRE_APPROVAL, rule="confidence 0.49 is below 0.5 (rule 1: true)")
        assert ruled(("true", tier), require_below=0.5, confidence=0.5).tier is Tier(tier)
    asked = ruled(("true", "require_approval"), require_below=0.5, confidence=0.1)
    assert asked == Ruling(tier=Tier.REQUIRE_APPROVAL, rule="rule 1: true")


@pytest.mark.parametrize("require_below", [0.0, 0.5, 1.0])
def test_a_confidence_that_is_no_number_is_below_every_limit(require_below: float) -> None:
    """NaN is neither above nor below anything; in doubt a person is asked."""
    ruling = ruled(("true", "auto"), require_below=require_below, confidence=math.nan)
    assert ruling.tier is Tier.REQUIRE_APPROVAL


USABLE = [
    "args.amount <= 500.0 && confidence >= 0.85",
    "args.currency in ['EUR', 'USD']",
    "has(args.customer) && args.customer.id.startsWith('C-')",
    "args.items.all(x, x > 0)",
    "args.items.exists(i, i == 2) || args['currency'] == agent",
    "args.items.exists_one(item, item == 1)",
    "args.items.map(x, x * 2)[0] == 2",
    "args.items.map(x, x > 1, x)[0] == 2",
    "size(args.items.filter( y , y > 1 )) == 1",
    "args.currency.matches('^[A-Z]{3}$')",
    "args.currency.contains('UR') && args.currency.endsWith('R')",
    "now.getHours() >= 9 && now < timestamp('2027-01-01T00:00:00Z')",
    "now - duration('1h') < now",
    "type(args.amount) == double",
    "double(string(int('5'))) == 5.0 && uint(5) == 5u",
    "risk < 0.5 && run != '' ? true : false",
    "agent != 'say .all(z, z)' && type(args.items) == list",
]


@pytest.mark.parametrize("when", USABLE)
def test_the_language_of_the_rules_is_there(when: str) -> None:
    """Comparison, text, lists with their macros, time, and types: each is accepted and judged."""
    assert Rule(when=when, tier=Tier.AUTO).when == when
    assert ruled((when, "auto")).tier is Tier.AUTO


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("", "is not valid CEL"),
        ("args.amount <=", "is not valid CEL"),
        ("args[", "is not valid CEL"),
        ("args.amount < 5 and true", "is not valid CEL"),
        ("user == 'x'", "speaks of user; a rule may use agent, args, confidence, now, risk, run"),
        ("amount < 5 || total > 5", "speaks of amount, total;"),
        ("args.items.all(x, x > y)", "speaks of y;"),
        ("x > 5 && 'args.items.all(x, true)' == agent", "speaks of x;"),
        ("risky(args)", "calls risky, which CEL does not have"),
        ("args.currency.lowerAscii() == 'eur'", "calls lowerAscii, which CEL does not have"),
        ("math.greatest(1, 2) > 1", "math"),
    ],
)
def test_a_rule_that_cannot_work_is_an_error_where_it_is_written(when: str, why: str) -> None:
    """Bad CEL, unknown names and unknown functions are found at load, in one line."""
    with pytest.raises(ValidationError) as caught:
        Rule(when=when, tier=Tier.AUTO)
    [error] = caught.value.errors()
    assert repr(when) in error["msg"]
    assert why in error["msg"]
    assert "\n" not in error["msg"]


OPERATORS = st.sampled_from(["+", "-", "*", "/", "%", "<", "<=", "==", "!=", "&&", "||", "in", ">"])
expressions = st.recursive(
    st.sampled_from(
        [
            "args.a",
            "args.b",
            "args.c",
            "args.missing",
            "confidence",
            "risk",
            "now",
            "agent",
            "1",
            "0",
            "2.5",
            "'x'",
            "null",
            "true",
            "9223372036854775807",
            "[1]",
            "{'a': 1}",
            "args",
            "duration('1h')",
            "b'x'",
        ]
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, o, b: f"({a} {o} {b})", inner, OPERATORS, inner),
        st.builds(lambda a: f"(!{a})", inner),
        st.builds(lambda a: f"size({a})", inner),
        st.builds(lambda a, b: f"{a}[{b}]", inner, inner),
        st.builds(lambda a, b, c: f"({a} ? {b} : {c})", inner, inner, inner),
        st.builds(lambda a, b: f"[1, 2].{a}(x, {b} == x)", st.sampled_from(["all", "exists", "map", "filter"]), inner),
    ),
    max_leaves=6,
)
anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=4)
    | st.dates()
    | st.datetimes()
    | st.decimals()
    | st.lists(st.integers(), max_size=2)
)


def evaluates_to(when: str, args: dict[str, Any]) -> Any:
    """Return what CEL itself makes of an expression, or the error."""
    import cel

    told = {n: v.isoformat() if isinstance(v, date) else v for n, v in args.items()}
    known = {"args": told, "confidence": 0.9, "risk": 0.1, "now": AT, "agent": "support", "run": "run-7"}
    try:
        return cel.compile(when).execute(known)
    except Exception as error:
        return error


@settings(deadline=None, max_examples=400)
@given(expressions, st.fixed_dictionaries({"a": anything, "b": anything, "c": anything}))
def test_only_a_rule_that_came_out_true_ever_lets_an_action_run(when: str, args: dict[str, Any]) -> None:
    """Whatever the rule and the arguments are: no error and no other value than true yields auto, and nothing escapes."""
    outcome = evaluates_to(when, args)
    ruling = ruled((when, "auto"), args=args)
    assert (ruling.tier is Tier.AUTO) == (outcome is True)
    if outcome is not False:
        fallen = ruled((when, "require_approval"), tier="auto", args=args)
        assert fallen.tier is Tier.REQUIRE_APPROVAL


def test_a_gate_asks_by_its_approvers_or_by_its_stages() -> None:
    """Both ways to write it come to the same thing; nobody named is nobody asked."""
    bob = StageSettings(approvers=("bob",), quorum=1)
    carol = StageSettings(approvers=("carol", "dave"), quorum=2)
    assert Gate().asked() == ()
    assert Gate(approvers=("bob",)).asked() == (bob,)
    assert Gate(approvers=("carol", "dave"), quorum=2).asked() == (carol,)
    assert Gate(stages=(bob, carol)).asked() == (bob, carol)


STEPS = {"escalate_after": "1h", "escalate_to": ["carol"]}


def test_an_escalation_may_have_several_steps() -> None:
    """The first one is escalate_to after escalate_after; without a time its people are asked when somebody is missing."""
    gate = Gate.model_validate(STEPS | {"escalate_further": [{"after": "90m", "ask": ["dave", "group:board"]}]})
    assert [(step.after, step.ask) for step in gate.escalation] == [
        (timedelta(hours=1), ("carol",)),
        (timedelta(minutes=90), ("dave", "group:board")),
    ]
    assert gate.reserve == (("carol",), ("dave", "group:board"))
    assert (Gate(escalate_to=("carol",)).escalation, Gate(escalate_to=("carol",)).reserve) == ((), (("carol",),))


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({"approvers": ["bob"], "stages": [{"approvers": ["carol"]}]}, "both 'approvers' and 'stages'"),
        ({"quorum": 2, "stages": [{"approvers": ["carol"]}]}, "both 'quorum' and 'stages'"),
        ({"timeout": "1h", "remind_after": "1h"}, "'remind_after' is not before 'timeout'"),
        ({"timeout": "1h", "escalate_after": "2h"}, "'escalate_after' is not before 'timeout'"),
        ({"remind_after": "5h"}, "'remind_after' is not before 'timeout'"),
        ({"escalate_after": "1h"}, "'escalate_to'"),
        ({"escalate_further": [{"after": "1h", "ask": ["bob"]}]}, "'escalate_further' and no 'escalate_after'"),
        (STEPS | {"escalate_further": [{"after": "1h", "ask": ["bob"]}]}, "not after the one before it"),
        (STEPS | {"escalate_further": [{"after": "4h", "ask": ["bob"]}]}, "not before 'timeout'"),
        (STEPS | {"escalate_further": [{"after": "2h", "ask": []}]}, "at least 1 item"),
        ({"timeout": "0s"}, "timeout"),
        ({"valid_for": "0s"}, "valid_for"),
        ({"timeout": "soon"}, "length of time"),
        ({"tier": "maybe"}, "'auto', 'log' or 'require_approval'"),
        ({"quorum": 0}, "greater than or equal to 1"),
        ({"stages": [{"approvers": []}]}, "at least 1 item"),
        ({"aprovers": ["bob"]}, "aprovers"),
    ],
)
def test_a_gate_that_contradicts_itself_is_an_error(written: dict[str, Any], why: str) -> None:
    """What would be ignored or could never happen is said at load."""
    with pytest.raises(ValidationError) as caught:
        Gate.model_validate(written)
    assert why in str(caught.value)


def test_a_short_timeout_needs_no_word_about_the_usual_reminder() -> None:
    """The reminder after an hour is a default: with a deadline before it there is simply none."""
    assert Gate(timeout=timedelta(minutes=30)).timeout == timedelta(minutes=30)
    assert Gate.model_validate({"timeout": "none", "remind_after": "none"}).timeout is None
    assert Gate.model_validate({"timeout": "none", "remind_after": "9d"}).remind_after == timedelta(days=9)


FULL = Gate.model_validate(
    {
        "summary": "Refund {{ args.amount }}",
        "tier": "log",
        "rules": [{"when": "args.amount <= 50.0", "tier": "auto", "id": "small"}],
        "approvers": ["group:finance"],
        "quorum": 2,
        "timeout": "1234567s",
        "remind_after": "90m",
        "escalate_after": "none",
        "valid_for": "0.5s",
        "on_reject": "abort",
        "veto": False,
    }
)


def test_the_kept_form_of_a_policy_is_fixed() -> None:
    """Golden values: requests name the policy they were made under by this digest."""
    assert FULL.document() == (
        b'{"allow_twins":false,"approvers":["group:finance"],"assess":"","assess_timeout":"2s",'
        b'"batch_window":"0s","cooling_off":"0s","escalate_after":"none","escalate_further":[],"escalate_to":[],'
        b'"escalate_when_away":false,"hidden_characters":"refuse","if_approved":"","if_rejected":"",'
        b'"named_people":false,"on_reject":"abort","quorum":2,"rejection_memory":"30d",'
        b'"remind_after":"90m","reply_level":"aligned","require_reason":true,"retention":"0s","rules":[{"id":"small",'
        b'"tier":"auto","when":"args.amount <= 50.0"}],"separation":"checked","single_operator":false,'
        b'"stages":[],"summary":"Refund {{ args.amount }}","tier":"log","timeout":"1234567s",'
        b'"valid_for":"0.5s","veto":false,"web_confirm":"code"}'
    )
    assert policy_digest(FULL.document()).hex() == "afac83c451498e369523dddd0ff9a68c5efa126082a96370ecbd9a09fbdb4bad"
    assert policy_digest(Gate().document()).hex() == "fd012f65a62f90bcfe3fc106ddcaefb0bed61c711b403a2a2be9432c7d962612"


lengths = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=3000))
names = st.lists(st.sampled_from(["alice", "bob", "group:finance"]), min_size=1, max_size=3).map(tuple)


@st.composite
def gates(draw: st.DrawFn) -> Gate:
    """Return any gate that can be configured."""
    chosen: dict[str, Any] = {
        "timeout": draw(lengths | st.none()),
        "valid_for": draw(lengths),
        "tier": draw(st.sampled_from(Tier)),
        "veto": draw(st.booleans()),
        "summary": draw(st.text(max_size=5)),
        "rules": draw(st.lists(st.builds(Rule, when=st.sampled_from(USABLE), tier=st.sampled_from(Tier)), max_size=2)),
        "on_reject": draw(st.sampled_from(["abort", "reroute", "escalate"])),
    }
    if draw(st.booleans()):
        chosen |= {"stages": draw(st.lists(st.builds(StageSettings, approvers=names), min_size=1, max_size=2))}
    else:
        chosen |= {"approvers": draw(names), "quorum": draw(st.integers(1, 3))}
    if draw(st.booleans()):
        chosen |= {"remind_after": None, "escalate_after": None}
    return Gate(**chosen)


@settings(deadline=None)
@given(gates())
def test_a_kept_policy_is_read_back_as_it_was(original: Gate) -> None:
    """A request keeps the policy it was made under: every gate survives being kept, and keeps its digest."""
    again = read_gate(original.document())
    assert again == original
    assert again.document() == original.document()
    assert policy_digest(again.document()) == policy_digest(original.document())


def test_a_kept_policy_is_read_back_whatever_rules_may_say_today() -> None:
    """A version that refuses a rule at load still reads what an earlier one kept: open requests go on."""
    kept = (
        Gate(approvers=("bob",)).document().replace(b'"rules":[]', b'"rules":[{"id":"","tier":"log","when":"args.("}]')
    )
    assert [rule.when for rule in read_gate(kept).rules] == ["args.("]


@pytest.mark.parametrize(
    "change", [{"quorum": 2}, {"veto": False}, {"timeout": "5h"}, {"reply_level": "token"}, {"tier": "auto"}], ids=str
)
def test_another_policy_has_another_digest(change: dict[str, Any]) -> None:
    """No setting is left out of what the digest covers."""
    other = Gate.model_validate({"approvers": ["bob"], **change})
    assert policy_digest(other.document()) != policy_digest(Gate(approvers=("bob",)).document())
