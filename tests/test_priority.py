"""The laws of act_by, and where a conversation stands."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.priority import DANGER, DEFAULT, EXPOSED, SAFETY, THREATS, Facts, Priority, overdue, prioritise, rank, stand
from triage.scoring.signals import RULES
from triage.scoring.values import FAILURES, FRUSTRATION_LEVELS, URGENCY_LEVELS, Ordinal, Score, Signal

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SIGNALS = ("safety", "self_harm", "vulnerable_person", "money_at_risk", "repeat_contact", "broken_promise", "sarcasm")


def sure(level: int) -> tuple[float, ...]:
    return tuple(float(i == level) for i in range(5))


def make_score(
    frustration: tuple[float, ...] = sure(0),
    urgency: tuple[float, ...] = sure(1),
    *,
    signals: tuple[Signal, ...] = (),
    abstained: tuple[str, ...] = (),
    failure: str = "other",
) -> Score:
    return Score(
        language="en",
        frustration=Ordinal(frustration, FRUSTRATION_LEVELS),
        urgency=Ordinal(urgency, URGENCY_LEVELS),
        failure={code: float(code == failure) for code in FAILURES},
        model="test@0",
        signals=signals,
        abstain_reasons=abstained,
    )


def seconds(priority: Priority) -> float:
    return (priority.act_by - NOW).total_seconds()


@st.composite
def distributions(draw: st.DrawFn) -> tuple[float, ...]:
    weights = draw(st.lists(st.integers(0, 100), min_size=5, max_size=5).filter(any))
    return tuple(w / sum(weights) for w in weights)


@st.composite
def dominated(draw: st.DrawFn) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """A distribution, and one that arises by moving some of its mass to higher levels."""
    lower = draw(distributions())
    higher = list(lower)
    for _ in range(draw(st.integers(0, 4))):
        i, j = sorted((draw(st.integers(0, 4)), draw(st.integers(0, 4))))
        moved = higher[i] * draw(st.integers(0, 100)) / 100
        higher[i] -= moved
        higher[j] += moved
    return lower, tuple(higher)


moments = st.timedeltas(timedelta(days=-9), timedelta(days=9)).map(lambda d: NOW + d)
facts = st.builds(
    Facts,
    tier=st.sampled_from(["standard", "vip"]),
    promised_at=st.none() | moments,
    amount=st.none() | st.floats(0, 1e9),
    contacts_last_week=st.integers(0, 50),
    sla_due=st.none() | moments,
    prior_failure=st.booleans(),
)
no_limits = facts.map(lambda f: replace(f, sla_due=None))
names = st.lists(st.sampled_from(SIGNALS), unique=True).map(lambda n: tuple(Signal(x, 0, 1) for x in n))
scores = st.builds(make_score, distributions(), distributions(), signals=names)


@given(dominated(), distributions(), names, facts)
def test_more_urgency_is_never_later(pair, frustration, signals, known) -> None:
    lower, higher = (make_score(frustration, u, signals=signals) for u in pair)
    assert prioritise(higher, known, NOW).act_by <= prioritise(lower, known, NOW).act_by


@given(dominated(), distributions(), names, facts)
def test_more_frustration_is_never_later(pair, urgency, signals, known) -> None:
    lower, higher = (make_score(f, urgency, signals=signals) for f in pair)
    assert prioritise(higher, known, NOW).act_by <= prioritise(lower, known, NOW).act_by


@given(scores, facts, st.integers(0, 9), st.floats(0, 1e6), st.timedeltas(timedelta(0), timedelta(days=9)))
def test_a_worse_fact_is_never_later(score, known, more_contacts, more_amount, earlier) -> None:
    base = prioritise(score, known, NOW).act_by
    worse = [
        replace(known, tier="vip"),
        replace(known, contacts_last_week=known.contacts_last_week + more_contacts),
        replace(known, amount=(known.amount or 0) + more_amount),
        replace(known, prior_failure=True),
        replace(known, promised_at=NOW - timedelta(hours=1)),
        replace(known, sla_due=(known.sla_due or NOW + timedelta(days=99)) - earlier),
    ]
    for fact in worse:
        assert prioritise(score, fact, NOW).act_by <= base


@given(scores, facts, st.sampled_from(SIGNALS))
def test_a_signal_is_never_later(score, known, name) -> None:
    more = replace(score, signals=(*score.signals, Signal(name, 0, 1)))
    assert prioritise(more, known, NOW).act_by <= prioritise(score, known, NOW).act_by


@given(distributions(), distributions(), distributions(), facts, no_limits)
def test_calm_and_critical_goes_before_furious_and_able_to_wait(calm, critical, waits, known, other) -> None:
    if critical[4] < DEFAULT.reach or sum(waits[3:]) >= DEFAULT.reach:
        return
    first = prioritise(make_score(calm, critical), known, NOW)
    second = prioritise(make_score(sure(4), waits), other, NOW)
    assert first.act_by < second.act_by


@pytest.mark.parametrize("level", range(4))
@given(no_limits)
def test_facts_never_move_a_sure_reading_past_the_next_level(level, known) -> None:
    here = prioritise(make_score(sure(4), sure(level)), known, NOW)
    assert seconds(here) > DEFAULT.levels[level + 1]


@given(scores)
def test_the_tier_alone_moves_less_than_a_level(score) -> None:
    plain, vip = (prioritise(score, Facts(tier=t), NOW) for t in ("standard", "vip"))
    steps = [a / b for a, b in zip(DEFAULT.levels, DEFAULT.levels[1:], strict=False)]
    assert seconds(plain) / seconds(vip) < max(steps) ** DEFAULT.tier + 0.01


@given(facts, scores, facts, st.timedeltas(timedelta(seconds=1), timedelta(days=9)))
def test_nothing_received_later_stands_before_an_abstained_message(known, score, other, later) -> None:
    abstained = prioritise(make_score(abstained=("language",)), known, NOW)
    after = replace(other, sla_due=None)
    assert abstained.act_by <= prioritise(score, after, NOW + later).act_by
    assert abstained.act_by <= NOW + timedelta(seconds=DEFAULT.soonest)


@given(scores, facts)
def test_nobody_waits_longer_than_the_longest_allowance_and_nobody_is_due_before_writing(score, known) -> None:
    assert 0 <= seconds(prioritise(score, known, NOW)) <= DEFAULT.levels[0]


@given(scores, facts, st.booleans())
def test_reasons_add_up_and_repeat_exactly(score, known, abstained) -> None:
    score = replace(score, abstain_reasons=("too_short",)) if abstained else score
    priority = prioritise(score, known, NOW)
    assert NOW + timedelta(seconds=sum(r.seconds for r in priority.reasons)) == priority.act_by
    assert priority.reasons[0].seconds > 0
    assert all(r.seconds <= 0 for r in priority.reasons[1:])
    assert priority == prioritise(score, known, NOW)


@pytest.mark.parametrize(("level", "expected"), list(enumerate(DEFAULT.levels)))
def test_a_sure_level_without_facts_has_its_own_allowance(level, expected) -> None:
    assert seconds(prioritise(make_score(urgency=sure(level)), Facts(), NOW)) == expected


@pytest.mark.parametrize(
    ("urgency", "limit"),
    [
        ((0.0, 0.0, 0.15, 0.35, 0.5), 900),
        ((0.0, 0.05, 0.15, 0.42, 0.38), 900),  # two in five that somebody is in danger
        ((0.0, 0.0, 0.0, 0.75, 0.25), 4 * 3600),
        ((0.6, 0.4, 0.0, 0.0, 0.0), 3 * 86400),
    ],
)
def test_doubt_goes_to_the_safer_side(urgency, limit) -> None:
    assert seconds(prioritise(make_score(urgency=urgency), Facts(), NOW)) <= limit


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(hours=2), timedelta(hours=1, minutes=30)),
        (timedelta(hours=20), timedelta(hours=18)),
        (timedelta(days=5), timedelta(days=3)),  # the level's own allowance is earlier
        (timedelta(minutes=-5), timedelta(days=3)),  # passed before it was written: no deadline any more
    ],
)
def test_a_stated_deadline_leaves_time_to_act(left, expected) -> None:
    signal = Signal("stated_deadline", 0, 5, NOW + left)
    assert prioritise(make_score(signals=(signal,)), Facts(), NOW).act_by == NOW + expected


@pytest.mark.parametrize(("left", "expected"), [(100, 90), (-500, 0)])
def test_an_sla_counts_also_for_an_abstained_message(left, expected) -> None:
    known = Facts(sla_due=NOW + timedelta(seconds=left))
    assert seconds(prioritise(make_score(abstained=("language",)), known, NOW)) == expected


def test_safety_raises_what_the_model_took_lightly() -> None:
    signal = (Signal("safety", 0, 5),)
    assert seconds(prioritise(make_score(urgency=sure(0), signals=signal), Facts(), NOW)) == DEFAULT.levels[3]
    assert seconds(prioritise(make_score(urgency=sure(2), signals=signal), Facts(), NOW)) == DEFAULT.levels[4]
    harm = (Signal("self_harm", 0, 5),)
    assert seconds(prioritise(make_score(urgency=sure(0), signals=harm), Facts(), NOW)) == DEFAULT.levels[4]


def test_the_signals_that_count_are_those_that_are_found() -> None:
    known = {rule.name for rule in RULES}
    assert known >= SAFETY | DANGER | THREATS | EXPOSED.keys() | {"repeat_contact", "broken_promise"}


def test_every_fact_that_counted_is_named() -> None:
    known = Facts("vip", NOW - timedelta(days=1), 120.0, 2, NOW + timedelta(minutes=40), True)
    codes = [r.code for r in prioritise(make_score(sure(3), sure(2)), known, NOW).reasons]
    assert codes == [
        "urgency", "frustration", "broken_promise", "repeated", "tier", "prior_failure", "amount", "sla",
    ]  # fmt: skip


# --- a conversation ---


def add(previous, score, text="where is it?", *, after=0, machine=False, name="m", known=Facts()):  # noqa: B008
    at = NOW + timedelta(minutes=after)
    return stand(previous, prioritise(score, known, at), score, text, at, name, machine=machine)


def test_the_worst_message_counts() -> None:
    bad = add(None, make_score(sure(3), sure(3)), name="bad")
    mild = add(bad, make_score(sure(1), sure(1)), after=5, name="mild")
    worse = add(mild, make_score(sure(3), sure(4)), after=9, name="worse")
    assert (bad.message_id, mild.message_id, worse.message_id) == ("bad", "bad", "worse")


def test_automatic_mail_never_counts() -> None:
    critical = make_score(sure(4), sure(4))
    assert add(None, critical, machine=True) is None
    first = add(None, make_score())
    assert add(first, critical, machine=True) is first


def test_praise_lowers_it_and_a_new_failure_raises_it_again() -> None:
    bad = add(None, make_score(sure(3), sure(3)))
    glad = add(bad, make_score(urgency=sure(0), failure="praise"), "It came, and your driver was lovely!", after=30)
    assert (glad.lowered, glad.act_by) == ("praise", NOW + timedelta(minutes=30, days=7))
    again = add(glad, make_score(sure(3), sure(3)), "it is broken", after=60)
    assert again.lowered is None
    assert again.act_by < glad.act_by


@pytest.mark.parametrize(
    "text",
    [
        "Never mind, found it!",
        "Just got it, thanks!",
        "nevermind",
        "It has arrived, thanks.",
        "All sorted now, thank you",
        "it's working again",
        "Please ignore my last email.",
        "You can close this ticket.",
        "No longer needed.",
        "Problem solved, cheers",
    ],
)
@pytest.mark.parametrize("abstained", [(), ("too_short",)])
def test_taking_it_back_lowers_it(text, abstained) -> None:
    bad = add(None, make_score(sure(2), sure(3)))
    assert add(bad, make_score(urgency=sure(0), abstained=abstained), text, after=1).lowered == "withdrawn"


@pytest.mark.parametrize(
    "text",
    [
        "It arrived but it is broken",
        "I found it smashed in the hallway",
        "Has this been resolved?",
        "It is not resolved",
        "You said it was fixed. It isn't.",
        "Never mind the delay, where is my refund?",
        "I don't want it until it is fixed now",
        "my account is still locked",
        "When will it be sorted",
        "Never mind, just cancel the order",
        "nevermind, you are useless",
    ],
)
def test_these_take_nothing_back(text) -> None:
    bad = add(None, make_score(sure(2), sure(3)), name="bad")
    assert add(bad, make_score(urgency=sure(1)), text, after=1, name="next").message_id == "bad"


@pytest.mark.parametrize(
    "score",
    [
        make_score(sure(3), sure(1)),
        make_score(sure(0), sure(3)),
        make_score(signals=(Signal("safety", 0, 4),)),
    ],
    ids=["angry", "urgent", "safety"],
)
def test_the_same_words_from_somebody_angry_or_in_danger_lower_nothing(score) -> None:
    bad = add(None, make_score(sure(2), sure(3)))
    assert add(bad, score, "never mind, found it", after=1).lowered is None


@pytest.mark.parametrize("text", ["ok", "👍", "👍🏽 thanks!", "Okay, got it, thanks", "🙏", "Thank you so much :)"])
def test_only_having_read_it_moves_nobody(text) -> None:
    short = make_score(abstained=("too_short",))
    bad = add(None, make_score(sure(2), sure(4)), name="bad")
    assert add(bad, short, text, after=1, name="ok") == bad
    assert add(None, short, text).act_by == NOW + timedelta(days=7)


@pytest.mark.parametrize("text", ["ok?", "😡", "👎", "no", "ok but where is it", "great, late again", "help"])
def test_these_say_more_than_having_read_it(text) -> None:
    assert add(None, make_score(abstained=("too_short",)), text).act_by == NOW + timedelta(seconds=DEFAULT.soonest)


def test_a_withdrawal_does_not_break_an_sla() -> None:
    known = Facts(sla_due=NOW + timedelta(hours=1))
    after = add(None, make_score(urgency=sure(0)), "never mind, found it", known=known)
    assert (after.lowered, after.act_by) == ("withdrawn", NOW + timedelta(minutes=54))


@given(moments, moments, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_rank_rises_with_time_and_falls_with_act_by(act_by, now, later) -> None:
    assert 0 <= rank(act_by, now) <= rank(act_by, now + later) <= 100
    assert rank(act_by + later, now) <= rank(act_by, now)
    assert (overdue(act_by, now) > timedelta(0)) == (act_by < now)
    if act_by <= now:
        assert rank(act_by, now) == 100
