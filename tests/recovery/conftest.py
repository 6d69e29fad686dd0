"""Situations of our own making, to draft for and to check."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from triage.recovery.values import Agent, Brand, Customer, Money, Remedy, Situation, Turn
from triage.scoring.values import FAILURES, FRUSTRATION_LEVELS, URGENCY_LEVELS, Ordinal, Score, Signal

NOW = datetime.fromisoformat("2026-05-06T10:00:00+02:00")


def make_score(
    failure: str | None = None, *, frustration: int = 2, urgency: int = 2, signals: tuple[str, ...] = ()
) -> Score:
    """A score that is sure of `failure`; None: it abstained."""
    share = 0.9 if failure else 1 / len(FAILURES)
    rest = (1 - share) / (len(FAILURES) - 1)
    levels = [tuple(0.8 if i == at else 0.05 for i in range(5)) for at in (frustration, urgency)]
    return Score(
        language="en",
        frustration=Ordinal(levels[0], FRUSTRATION_LEVELS),
        urgency=Ordinal(levels[1], URGENCY_LEVELS),
        failure={code: share if code == failure else rest for code in FAILURES},
        model="fake@0",
        signals=tuple(Signal(name, 0, 1) for name in signals),
        abstain_reasons=() if failure else ("too_short",),
    )


def make_situation(text: str, *, failure: str | None = None, **fields: Any) -> Situation:
    signals = fields.pop("signals", ())
    defaults: dict[str, Any] = {"id": "m1", "now": NOW, "customer": Customer(name="Ingrid Solheim")}
    return Situation(text=text, score=make_score(failure, signals=signals), **(defaults | fields))


KETTLE = make_situation(
    "The kettle I ordered on 20 April arrived with a cracked lid and it leaks all over my kitchen. I wrote to you on "
    "Monday and nobody answered. My daughter's christening is this Sunday and I have twelve guests. I want a new one "
    "or my money back.",
    failure="damaged_or_wrong",
    id="kettle",
    order={
        "company": "Fjelltopp Home",
        "number": "FT-20418",
        "item": "Enamel kettle, blue",
        "amount": "48.00",
        "currency": "EUR",
        "delivered_at": "2026-05-01T12:00:00+02:00",
        "photos_on_file": 2,
        "shop_stock": 3,
        "status": "delivered 2026-05-01, damage report of 2026-05-04 not answered",
    },
    history=[Turn("customer", "My kettle is cracked, photos attached.", NOW.replace(day=4))],
    remedies=[
        Remedy("refund", "Full refund of the kettle", Money("48.00", "EUR"), when="order.photos_on_file > 0"),
        Remedy("new_kettle", "A new kettle by courier", when="order.shop_stock > 0"),
        Remedy("late_fee", "Delivery fee back", Money("4.90", "EUR"), when="order.promised_at < now"),
        Remedy("goodwill", "Goodwill credit", Money("15.00", "EUR"), needs_approval=True),
    ],
    agent=Agent("Tove", "Tove, customer care"),
    brand=Brand("Fjelltopp Home"),
)


@pytest.fixture
def kettle() -> Situation:
    return KETTLE


@pytest.fixture
def situation() -> Callable[..., Situation]:
    return make_situation
