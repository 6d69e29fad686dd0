"""Turns one input row of `amends draft` into a situation; what a row brings replaces what the store would give."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast, get_args

from triage.cases.values import Article, Case, Match, Outcome
from triage.clock import utc_now
from triage.errors import Invalid, TooLarge
from triage.messages.values import MAX_TEXT, Channel
from triage.recovery.policy import load_policy
from triage.recovery.values import Agent, Brand, Customer, Situation, Turn
from triage.scoring.values import Score

CHANNELS: tuple[str, ...] = get_args(Channel)


def situation_from_row(row: Mapping[str, Any], score: Score, now: datetime | None = None) -> Situation:
    """Returns the situation that a row describes; Invalid names the wrong field by its JSON pointer."""
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Invalid("`text` is the customer's message and may not be empty.", pointer="/text")
    if len(text) > MAX_TEXT:
        raise TooLarge(f"`text` is at most {MAX_TEXT} characters.", pointer="/text")
    channel = row.get("channel") or "email"
    if channel not in CHANNELS:
        raise Invalid(f"`channel` is one of {', '.join(CHANNELS)}.", pointer="/channel")
    return Situation(
        id=str(row.get("id", "")),
        text=text,
        score=score,
        now=_time(row.get("now"), "/now") or now or utc_now(),
        channel=cast(Channel, channel),
        subject=_optional(row, "subject"),
        customer=_customer(row.get("customer")),
        order=_object(row, "order"),
        history=[_turn(t, f"/history/{i}") for i, t in enumerate(_list(row, "history"))],
        remedies=load_policy(_list(row, "remedies"), "/remedies"),
        cases=[_match(c, f"/cases/{i}") for i, c in enumerate(_list(row, "cases"))],
        articles=[_article(a, f"/articles/{i}") for i, a in enumerate(_list(row, "articles"))],
        attachments=[str(a.get("name") if isinstance(a, Mapping) else a) for a in _list(row, "attachments")],
        agent=Agent(**_texts(row, "agent", ("name", "signature"))),
        brand=Brand(**_texts(row, "brand", ("name", "greeting", "sign_off"))),
        instructions=_optional(row, "instructions"),
        tone=_optional(row, "tone"),
    )


def _optional(row: Mapping[str, Any], key: str, at: str = "") -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"`{key}` is a text.", pointer=f"{at}/{key}")
    return value or None


def _object(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = row.get(key) or {}
    if not isinstance(value, Mapping):
        raise Invalid(f"`{key}` is an object.", pointer=f"/{key}")
    return value


def _list(row: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = row.get(key) or []
    if not isinstance(value, list):
        raise Invalid(f"`{key}` is a list.", pointer=f"/{key}")
    return value


def _texts(row: Mapping[str, Any], key: str, fields: Sequence[str]) -> dict[str, str | None]:
    value = _object(row, key)
    return {f: _optional(value, f, f"/{key}") for f in fields}


def _customer(value: Any) -> Customer:
    fields = _texts({"customer": value}, "customer", ("name", "tier", "language"))
    return Customer(name=fields["name"], tier=fields["tier"] or "standard", language=fields["language"])


def _turn(value: Any, at: str) -> Turn:
    if not isinstance(value, Mapping) or value.get("role") not in ("customer", "agent"):
        raise Invalid("A turn has a `role`, `customer` or `agent`, and a `text`.", pointer=f"{at}/role")
    return Turn(value["role"], _optional(value, "text", at) or "", _time(value.get("at"), f"{at}/at"))


def _time(value: Any, at: str) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise Invalid("A time is ISO 8601 with a zone, as 2026-03-01T09:00:00+01:00.", pointer=at) from None
    if time.tzinfo is None:
        raise Invalid("A time names its zone, as +01:00 or Z.", pointer=at)
    return time


def _match(value: Any, at: str) -> Match:
    if not isinstance(value, Mapping):
        raise Invalid("A case is an object.", pointer=at)
    outcome = value.get("outcome") or {}
    return Match(
        Case(
            id=str(value.get("id", "")),
            summary=str(value.get("summary", "")),
            problem=str(value.get("problem", "")),
            remedy=_optional(value, "remedy", at),
            outcome=Outcome(csat=outcome.get("csat"), reopened=outcome.get("reopened")),
        ),
        score=float(value.get("score", 0.0)),
        why=(),
    )


def _article(value: Any, at: str) -> Article:
    if not isinstance(value, Mapping) or not isinstance(value.get("text"), str):
        raise Invalid("An article has `id`, `title` and `text`.", pointer=at)
    return Article(str(value.get("id", "")), str(value.get("title", "")), value["text"])
