from datetime import UTC, datetime
from typing import Any

import pytest

from triage.cases.resolve import FAILED, MAX_PROBLEM, case_from_conversation, summarise
from triage.cases.values import Outcome
from triage.messages.personal import KnownFields
from triage.scoring.values import FAILURES, FRUSTRATION_LEVELS, URGENCY_LEVELS, Ordinal, Score

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def a_score(*reasons: str) -> Score:
    return Score(
        language="en",
        frustration=Ordinal((0.0, 0.1, 0.1, 0.7, 0.1), FRUSTRATION_LEVELS),
        urgency=Ordinal((0.1, 0.1, 0.6, 0.1, 0.1), URGENCY_LEVELS),
        failure={code: 0.8 if code == "damaged_or_wrong" else 0.2 / 11 for code in FAILURES},
        model="m",
        abstain_reasons=reasons,
    )


def resolved(**fields: Any) -> Any:
    given = {"conversation_id": "cnv_1", "problem": "The vase came crushed.", "resolved_at": NOW} | fields
    return case_from_conversation(**given)


def test_a_case_of_facts() -> None:
    case = resolved(
        score=a_score(),
        channel="chat",
        order={"item": "vase", "paid": "42.00"},
        remedy="partial_refund",
        cost=21.0,
        currency="GBP",
        note="Kept the vase for its flowers.",
        outcome=Outcome(csat=4),
    )
    assert case.external_id == "cnv_1"
    assert (case.failure, case.frustration, case.urgency) == ("damaged_or_wrong", 3, 2)
    assert (case.product, case.channel, case.remedy, case.cost) == ("vase", "chat", "partial_refund", 21.0)
    assert case.summary == (
        "Damaged or wrong item (vase). Remedy: partial refund, 21.00 GBP. Kept the vase for its flowers."
    )
    assert case.outcome == Outcome(csat=4)


def test_an_abstained_score_gives_no_facts() -> None:
    case = resolved(score=a_score("language"))
    assert (case.failure, case.frustration, case.urgency) == (None, None, None)


def test_the_customers_words_never_stand_in_the_summary() -> None:
    case = resolved(problem="zanzibar!", score=a_score(), order={"item": ["no text"]})
    assert "zanzibar" not in case.summary
    assert case.product is None


def test_personal_data_is_replaced_in_problem_and_note() -> None:
    known = KnownFields(names=("Priya Natarajan",), emails=("priya@example.com",))
    case = resolved(
        problem="It is Priya Natarajan, priya@example.com. Natarajan with N. Card 4111 1111 1111 1111.",
        note="Called Priya back on +44 20 7946 0958.",
        known=known,
    )
    told = case.problem + case.summary
    assert [s for s in ("Priya", "priya", "Natarajan", "4111", "7946") if s in told] == []


def test_a_long_problem_is_cut_after_replacing() -> None:
    case = resolved(problem="word " * 5000)
    assert len(case.problem) == MAX_PROBLEM


def test_every_failure_has_words() -> None:
    assert set(FAILED) == set(FAILURES)


@pytest.mark.parametrize(
    ("facts", "summary"),
    [
        ((None,), "A matter of unknown kind. No remedy recorded."),
        (("billing",), "Billing problem. No remedy recorded."),
        (("billing", None, "refund"), "Billing problem. Remedy: refund."),
        (("billing", None, None, 5.0, "EUR"), "Billing problem. No remedy recorded."),
    ],
)
def test_summary(facts: tuple[Any, ...], summary: str) -> None:
    assert summarise(*facts) == summary
