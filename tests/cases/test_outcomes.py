import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.cases.outcomes import Norms, goodness, what_worked, wilson
from triage.cases.values import Case, Outcome, Tally

outcomes = st.builds(
    Outcome,
    csat=st.none() | st.integers(1, 5),
    reopened=st.none() | st.booleans(),
    kept=st.none() | st.booleans(),
    accepted=st.none() | st.booleans(),
)


def a_tally(outcome: Outcome, cases: int = 1, cost: float | None = None, **fields: object) -> Tally:
    costs = {"cost": 0.0, "cost_squared": 0.0, "costed": 0, "currency": None}
    if cost is not None:
        costs = {"cost": cost * cases, "cost_squared": cost * cost * cases, "costed": cases, "currency": "EUR"}
    kind = {"failure": "billing", "severe": False, "remedy": "refund"}
    return Tally(**kind | costs | fields, outcome=outcome, cases=cases)  # type: ignore[arg-type]


def a_case(outcome: Outcome, **fields: object) -> Case:
    return Case(**{"id": "c", "summary": "", "problem": "", "failure": "billing", "outcome": outcome} | fields)  # type: ignore[arg-type]


GOOD, BAD = Outcome(csat=5, reopened=False), Outcome(csat=1, reopened=True)


@pytest.mark.parametrize(
    ("outcome", "value", "evidence"),
    [
        (Outcome(), 0.5, 0.0),
        (Outcome(csat=5, reopened=False, kept=True, accepted=True), 1.0, 1.0),
        (Outcome(csat=1, reopened=True, kept=False, accepted=False), 0.0, 1.0),
        (Outcome(csat=3), 0.5, 0.25),
        (Outcome(reopened=False), 1.0, 0.3),
        (Outcome(csat=1, reopened=False), 0.3 / 0.55, 0.55),
    ],
)
def test_goodness(outcome: Outcome, value: float, evidence: float) -> None:
    assert goodness(outcome) == pytest.approx((value, evidence))


@given(outcomes)
def test_goodness_is_a_share(outcome: Outcome) -> None:
    value, evidence = goodness(outcome)
    assert 0 <= value <= 1 + 1e-9
    assert 0 <= evidence <= 1 + 1e-9


@given(outcomes, st.integers(1, 4))
def test_a_happier_customer_never_counts_less(outcome: Outcome, csat: int) -> None:
    norms = Norms([a_tally(GOOD, 5), a_tally(BAD, 5)])
    less, more = (
        Outcome(c, reopened=outcome.reopened, kept=outcome.kept, accepted=outcome.accepted) for c in (csat, csat + 1)
    )
    assert norms.advantage(a_case(more)) > norms.advantage(a_case(less))


def test_nothing_known_is_neither_better_nor_worse() -> None:
    assert Norms([a_tally(GOOD, 50)]).advantage(a_case(Outcome())) == 0


def test_less_known_counts_less() -> None:
    norms = Norms([a_tally(GOOD, 50), a_tally(BAD, 50)])
    one, all_signs = a_case(Outcome(reopened=False)), a_case(Outcome(csat=5, reopened=False, kept=True, accepted=True))
    assert 0 < norms.advantage(one) < norms.advantage(all_signs)


def test_easy_kinds_do_not_win_by_themselves() -> None:
    """A good ending where all end well says less than one where most end badly."""
    norms = Norms([a_tally(GOOD, 100, failure="request"), a_tally(BAD, 80), a_tally(GOOD, 20)])
    easy, hard = a_case(GOOD, failure="request"), a_case(GOOD)
    assert norms.advantage(easy) < 0.1 < norms.advantage(hard)


def test_severe_cases_are_compared_with_severe_ones() -> None:
    norms = Norms([a_tally(GOOD, 100), a_tally(BAD, 100, severe=True)])
    assert norms.advantage(a_case(GOOD, frustration=4)) > norms.advantage(a_case(GOOD, frustration=1))


def test_what_money_bought_does_not_count() -> None:
    """Where dear cases end well and cheap ones badly, a good cheap one is the one to learn from."""
    norms = Norms([a_tally(GOOD, 100, cost=100.0), a_tally(BAD, 100, cost=10.0)])
    dear, cheap = a_case(GOOD, cost=100.0, currency="EUR"), a_case(GOOD, cost=10.0, currency="EUR")
    assert norms.advantage(dear) < 0.1
    assert norms.advantage(cheap) > 0.4


def test_money_that_bought_nothing_takes_nothing_away() -> None:
    norms = Norms(
        [a_tally(GOOD, 50, cost=c) for c in (10.0, 100.0)] + [a_tally(BAD, 50, cost=c) for c in (10.0, 100.0)]
    )
    dear, cheap = a_case(GOOD, cost=100.0, currency="EUR"), a_case(GOOD, cost=10.0, currency="EUR")
    assert norms.advantage(dear) == pytest.approx(norms.advantage(cheap))


def test_what_worked_trusts_many_over_few() -> None:
    tallies = [
        a_tally(GOOD, 40, cost=20.0),
        a_tally(BAD, 10, cost=30.0),
        a_tally(GOOD, 1, remedy="apology"),
        a_tally(BAD, 9, remedy="voucher"),
        a_tally(Outcome(), 7, remedy="voucher"),
        a_tally(GOOD, 99, failure="quality", remedy="replacement"),
    ]
    found = what_worked(tallies, "billing")
    assert [(w.remedy, w.cases, w.known, w.good) for w in found] == [
        ("refund", 50, 50, 0.8),
        ("apology", 1, 1, 1.0),
        ("voucher", 16, 9, 0.0),
    ]
    assert found[0].spend == {"EUR": pytest.approx(22.0)}
    assert found[0].low < 0.8 < found[0].high


@pytest.mark.parametrize(
    ("successes", "trials", "interval"),
    [(0, 0, (0, 1)), (8, 10, (0.490, 0.943)), (0, 10, (0.0, 0.278)), (10, 10, (0.722, 1.0))],
)
def test_wilson(successes: int, trials: int, interval: tuple[float, float]) -> None:
    assert wilson(successes, trials) == pytest.approx(interval, abs=1e-3)
