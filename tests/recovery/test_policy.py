from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.errors import Invalid
from triage.recovery.policy import decide, load_policy, policy_data, smallest_adequate
from triage.recovery.values import Money, Remedy, Situation

GOOD = {
    "id": "refund",
    "label": "Full refund",
    "max": {"amount": "42.00", "currency": "EUR"},
    "needs_approval": True,
    "conditions": "within 30 days",
    "when": 'order.status == "lost"',
}


def test_a_policy_is_read_and_written_back() -> None:
    remedies = load_policy([GOOD, {"id": "call", "label": "A call"}])
    assert remedies[0] == Remedy(
        "refund", "Full refund", Money("42.00", "EUR"), True, "within 30 days", 'order.status == "lost"'
    )
    assert load_policy(policy_data(remedies)) == remedies
    assert load_policy({"remedies": [GOOD]})[0].id == "refund"


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ("refund", ""),
        ({"remedies": None}, "/remedies"),
        (["refund"], "/0"),
        ([{"label": "Full refund"}], "/0/id"),
        ([{"id": "a b", "label": "Full refund"}], "/0/id"),
        ([{"id": "a", "label": " "}], "/0/label"),
        ([{"id": "a", "label": 3}], "/0/label"),
        ([GOOD, GOOD], "/1/id"),
        ([GOOD | {"max": "42"}], "/0/max"),
        ([GOOD | {"max": {"amount": "lots", "currency": "EUR"}}], "/0/max/amount"),
        ([GOOD | {"max": {"amount": "-1", "currency": "EUR"}}], "/0/max/amount"),
        ([GOOD | {"max": {"amount": "NaN", "currency": "EUR"}}], "/0/max/amount"),
        ([GOOD | {"max": {"amount": "1", "currency": "euro"}}], "/0/max/currency"),
        ([GOOD | {"needs_approval": "yes"}], "/0/needs_approval"),
        ([GOOD | {"when": "order.status =="}], "/0/when"),
        ([GOOD | {"when": "mood > 3"}], "/0/when"),
        ([GOOD | {"conditions": ["x"]}], "/0/conditions"),
    ],
)
def test_an_invalid_policy_points_to_its_field(data: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        load_policy(data)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    ("when", "state"),
    [
        (None, "eligible"),
        ("true", "eligible"),
        ("order.late", "eligible"),
        ("!order.late", "not_eligible"),
        ('now - order.delivered_at < duration("48h")', "eligible"),
        ('now - order.delivered_at < duration("1h")', "not_eligible"),
        ("double(order.amount) > 20.0", "eligible"),
        ("order.amount > 20", "not_known"),  # text is no number: nothing is offered on a comparison that cannot be made
        ("order.missing > 0", "not_known"),
        ("has(order.missing)", "not_eligible"),
        ("size(order.list) == 2", "eligible"),
        ('customer.tier == "vip"', "not_eligible"),
        ('channel != "social"', "eligible"),
        ("size(history) > 2", "not_eligible"),
        ('failure == "late_or_missing"', "eligible"),
        ("urgency < 3", "eligible"),
        ("frustration >= 4", "not_eligible"),
        ("order.amount", "not_known"),
        ("1 / 0 == 1", "not_known"),
    ],
)
def test_conditions(situation: Callable[..., Situation], when: str | None, state: str) -> None:
    order = {"late": True, "delivered_at": "2026-05-05T10:00:00+02:00", "amount": "31.00", "list": [1, 2]}
    s = situation("x", failure="late_or_missing", order=order, remedies=[Remedy("a", "A", when=when)])
    assert decide(s)[0].state == state


@pytest.mark.parametrize(
    "when", ['failure == "billing"', '!(failure in ["praise"])', "urgency < 5", "frustration >= 0"]
)
def test_what_an_unsure_model_says_is_not_known(situation: Callable[..., Situation], when: str) -> None:
    decision = decide(situation("x", failure=None, remedies=[Remedy("a", "A", when=when)]))[0]
    assert decision.state == "not_known"
    assert "not known" in decision.reason


def test_the_missing_fact_is_named(situation: Callable[..., Situation]) -> None:
    decision = decide(situation("x", remedies=[Remedy("a", "A", when="order.room_number != ''")]))[0]
    assert decision.missing == "room_number"


def test_naive_times_of_an_order_are_read_in_the_zone_of_now(situation: Callable[..., Situation]) -> None:
    s = situation(
        "x",
        now=datetime.fromisoformat("2026-05-06T10:00:00+02:00"),
        order={"due": "2026-05-06T09:30:00"},
        remedies=[Remedy("a", "A", when='now - order.due < duration("45m")')],
    )
    assert decide(s)[0].state == "eligible"


SUM = Money("10.00", "EUR")
REMEDIES = st.lists(
    st.builds(
        Remedy,
        id=st.text("abcdef", min_size=1, max_size=6),
        label=st.sampled_from(["Full refund", "Goodwill credit", "A call", "Voucher", "Send another one"]),
        max=st.sampled_from([None, SUM]),
        needs_approval=st.booleans(),
        when=st.sampled_from([None, "true", "false", "order.missing", 'failure == "billing"']),
    ),
    max_size=6,
    unique_by=lambda r: r.id,
)


@given(remedies=REMEDIES, failed=st.booleans())
def test_only_eligible_remedies_are_chosen(remedies: list[Remedy], failed: bool) -> None:
    from tests.recovery.conftest import make_situation

    decisions = decide(make_situation("x", remedies=remedies))
    chosen = smallest_adequate(decisions, failed=failed)
    assert all(d.state == "eligible" for d in chosen)
    assert len(chosen) == len({d.remedy.id for d in chosen})
    if not failed:
        assert all(d.remedy.max is None or d.remedy.when for d in chosen), "no failure: no money without a fact"
