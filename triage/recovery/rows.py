"""Turns input rows of `amends draft` into drafts; what a row brings replaces what the store would give."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, cast, get_args

from triage.cases.values import Article, Case, Match, Outcome
from triage.clock import utc_now
from triage.errors import AmendsError, Invalid, TooLarge
from triage.messages.clean import clean
from triage.messages.values import MAX_TEXT, Channel, Clean, Incoming
from triage.protocols import Drafter, Scorer
from triage.recovery.policy import load_policy
from triage.recovery.values import Agent, Brand, Claim, Customer, Draft, Situation, Turn
from triage.scoring.score import score_all
from triage.scoring.values import Score

BATCH = 64
"""Rows scored in one pass."""
CHANNELS: tuple[str, ...] = get_args(Channel)


def draft_lines(
    lines: Iterable[str], scorer: Scorer, drafter: Drafter, now: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """Yields one draft line a row of JSON, in order; a row that cannot be drafted yields its `id` and `error`.

    A row that is owed no reply yields `id`, `engine` and an empty `text`. Only what the customer wrote just now is
    drafted for; spans count in the text as given.
    """
    rows = (line for line in lines if line.strip())
    while batch := list(islice(rows, BATCH)):
        read = [_read(line) for line in batch]
        good = [r for r in read if "error" not in r]
        scores = iter(score_all([_incoming(r) for r in good], scorer))
        for row in read:
            yield row if "error" in row else _draft_line(row, next(scores), drafter, now)


def _read(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        return {"id": None, "error": f"no JSON: {error}"}
    if not isinstance(row, dict):
        return {"id": None, "error": "a row is an object"}
    row.pop("error", None)
    try:
        check_text(row)
        _time(row.get("now"), "/now")
        _customer(row.get("customer"))
    except AmendsError as error:
        return _refused(row, error)
    return row


def _incoming(row: Mapping[str, Any]) -> Incoming:
    return Incoming(
        text=row["text"],
        subject=row.get("subject") if isinstance(row.get("subject"), str) else None,
        account_language=_customer(row.get("customer")).language,
        channel=cast(Channel, row["channel"]) if row.get("channel") in CHANNELS else "email",
        sent_at=_time(row.get("now"), "/now"),
    )


def _draft_line(row: Mapping[str, Any], score: Score, drafter: Drafter, now: datetime | None) -> dict[str, Any]:
    try:
        situation = situation_from_row(row, score, now)
        cleaned = clean(situation.text)
        draft = drafter.draft(replace(situation, text=cleaned.text) if cleaned.text.strip() else situation)
    except AmendsError as error:
        return _refused(row, error)
    if draft is None:
        return {"id": situation.id, "engine": drafter.name, "text": ""}
    return (to_original(draft, cleaned) if cleaned.text.strip() else draft).line()


def _refused(row: Mapping[str, Any], error: AmendsError) -> dict[str, Any]:
    where = f" ({error.pointer})" if error.pointer else ""
    return {"id": row.get("id"), "error": f"{error.detail}{where}"}


def to_original(draft: Draft, cleaned: Clean) -> Draft:
    """Returns the draft with its message spans counted in the message as received."""

    def moved(claim: Claim) -> Claim:
        source = claim.source
        if source.kind != "message" or source.start is None or source.end is None:
            return claim
        span = cleaned.to_original(source.start, source.end)
        return replace(claim, source=replace(source, start=span.start, end=span.end))

    return replace(draft, sections=tuple(replace(s, claims=tuple(moved(c) for c in s.claims)) for s in draft.sections))


def check_text(row: Mapping[str, Any]) -> str:
    """Returns the row's text; Invalid where it is missing or empty, TooLarge where it is too long."""
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Invalid("`text` is the customer's message and may not be empty.", pointer="/text")
    if len(text) > MAX_TEXT:
        raise TooLarge(f"`text` is at most {MAX_TEXT} characters.", pointer="/text")
    return text


def situation_from_row(row: Mapping[str, Any], score: Score, now: datetime | None = None) -> Situation:
    """Returns the situation that a row describes; Invalid names the wrong field by its JSON pointer."""
    text = check_text(row)
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
    value = row.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid(f"`{key}` is an object.", pointer=f"/{key}")
    return value


def _list(row: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = row.get(key)
    if value is None:
        return []
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
