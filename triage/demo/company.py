"""The demo company as values, with every time made absolute.

In the files, times count from the moment at which something was written: `minutes_ago` from the load, an order's
`now-2d` (m, h or d) and a text's `{weekday:+3}` or `{date:-9}` (days) from the sending of their message.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from zoneinfo import ZoneInfo

from triage.cases.values import Article, Case, Outcome
from triage.ids import new_id
from triage.messages.posted import PostedEvent, PostedMessage
from triage.recovery.policy import load_policy
from triage.recovery.values import Remedy
from triage.resolving import Ending

_DATA = files("triage") / "demo" / "data"
_AGO = re.compile(r"now([+-]\d+)([mhd])")
_DAY = re.compile(r"\{(weekday|date):([+-]\d+)\}")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Staff:
    """One of the company's users; `key` is how the data files name them."""

    key: str
    name: str
    email: str
    role: str
    signature: str


@dataclass(frozen=True, slots=True)
class Company:
    name: str
    source: str
    """The helpdesk that its messages come from."""
    time_zone: ZoneInfo
    brand: dict[str, Any]
    users: tuple[Staff, ...]


@dataclass(frozen=True, slots=True)
class Wrote:
    """Somebody wrote; `by` is the key of one of our people, or None for the customer.

    What an agent wrote may have been made of the draft that was ready then (`accepted`), or instead of it
    (`dismissed`, with a reason); what it promised may not have been kept.
    """

    at: datetime
    message: PostedMessage
    by: str | None = None
    draft: Literal["accepted", "dismissed"] | None = None
    reason: str | None = None
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Happened:
    """The helpdesk told us something about a conversation (by external id)."""

    at: datetime
    conversation: str
    event: PostedEvent


@dataclass(frozen=True, slots=True)
class Snoozed:
    at: datetime
    conversation: str
    by: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Resolved:
    at: datetime
    conversation: str
    by: str
    ending: Ending


Done = Wrote | Happened | Snoozed | Resolved


@cache
def company() -> Company:
    told = tomllib.loads((_DATA / "company.toml").read_text(encoding="utf-8"))
    return Company(
        name=told["name"],
        source=told["source"],
        time_zone=ZoneInfo(told["time_zone"]),
        brand=told["brand"],
        users=tuple(Staff(**user) for user in told["users"]),
    )


def remedies() -> list[Remedy]:
    return load_policy(json.loads((_DATA / "policy.json").read_text(encoding="utf-8")))


def articles() -> list[Article]:
    return [Article(r["external_id"], r["title"], r["text"], r["kind"]) for r in rows("articles.jsonl")]


def cases(now: datetime) -> list[Case]:
    """Resolved cases, oldest first."""
    names = {f.name for f in fields(Case)}
    return [
        Case(
            id=new_id("case"),
            outcome=Outcome(**row["outcome"]),
            resolved_at=now - timedelta(days=row["days_ago"]),
            **{k: v for k, v in row.items() if k in names and k != "outcome"},
        )
        for row in rows("cases.jsonl")
    ]


def history(now: datetime) -> list[Done]:
    """All that has happened before `now`, in the order in which it happened."""
    done: list[Done] = []
    for row in rows("conversations.jsonl"):
        conversation = row["conversation"]["external_id"]
        for told in row["messages"]:
            at = now - timedelta(minutes=told["minutes_ago"])
            kept = told.get("promise") != "broken"
            posted = _posted(row | told, at)
            done.append(Wrote(at, posted, told.get("by"), told.get("draft"), told.get("reason"), kept))
        for told in row.get("events", []):
            at = now - timedelta(minutes=told["minutes_ago"])
            if told["type"] == "snooze":
                until = now + timedelta(minutes=told["until_minutes_ahead"])
                done.append(Snoozed(at, conversation, told["by"], until))
            elif told["type"] == "resolve":
                ending = Ending(*(told.get(name) for name in ("remedy", "cost", "currency", "note")))
                done.append(Resolved(at, conversation, told["by"], ending))
            else:
                done.append(Happened(at, conversation, _event(told, at)))
    return sorted(done, key=lambda d: d.at)


def arriving(start: datetime) -> list[Wrote]:
    """What comes in while somebody watches: messages of the minutes after `start`, in order."""
    times = [(row, start + timedelta(seconds=row["after_seconds"])) for row in rows("arriving.jsonl")]
    return [Wrote(at, _posted(row, at)) for row, at in times]


def rows(name: str) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file of the company, times still relative."""
    return [json.loads(line) for line in (_DATA / name).read_text(encoding="utf-8").splitlines()]


@cache
def _customers() -> Mapping[str, dict[str, Any]]:
    return {row["external_id"]: row for row in rows("customers.jsonl")}


def _posted(row: Mapping[str, Any], at: datetime) -> PostedMessage:
    body = {k: row[k] for k in ("external_id", "author", "conversation", "headers", "attachments") if k in row}
    return PostedMessage(
        source=company().source,
        customer=_customers()[row["customer"]],
        text=_dated(row.get("text", ""), at),
        html=_dated(row["html"], at) if "html" in row else None,
        order=_timed(row.get("order"), at),
        sent_at=at,
        **body,
    )


def _event(told: Mapping[str, Any], at: datetime) -> PostedEvent:
    about = {k: v for k, v in told.items() if k not in ("minutes_ago", "assignee")}
    emails = {user.key: user.email for user in company().users}
    assignee = emails[told["assignee"]] if "assignee" in told else None
    return PostedEvent(at=at, source=company().source, assignee=assignee, **about)


def _dated(text: str, at: datetime) -> str:
    """The text with its days named, as the customer's calendar shows them."""

    def name(found: re.Match[str]) -> str:
        day = at.astimezone(company().time_zone) + timedelta(days=int(found[2]))
        return f"{day:%A}" if found[1] == "weekday" else f"{day.day} {day:%B}"

    return _DAY.sub(name, text)


def _timed(value: Any, at: datetime) -> Any:
    """Order facts with `now-2d` and the like as ISO 8601 times, to the second."""
    if isinstance(value, dict):
        return {k: _timed(v, at) for k, v in value.items()}
    if isinstance(value, list):
        return [_timed(v, at) for v in value]
    if isinstance(value, str) and (found := _AGO.fullmatch(value)):
        return (at + timedelta(**{_UNITS[found[2]]: int(found[1])})).replace(microsecond=0).isoformat()
    return value
