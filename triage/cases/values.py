"""Resolved cases: what failed, what was done, what it cost, how it ended."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended; None where nobody asked or knows."""

    csat: int | None = None  # 1-5
    reopened: bool | None = None
    kept: bool | None = None  # the customer stayed
    accepted: bool | None = None  # the customer took the remedy


@dataclass(frozen=True, slots=True)
class Case:
    """One resolved case, free of personal data."""

    id: str
    summary: str
    """One or two sentences: what failed for the customer and what was done."""
    problem: str
    """What the customer wrote, with personal data replaced: what is searched, never shown."""
    failure: str | None = None
    frustration: int | None = None  # 0-4
    urgency: int | None = None  # 0-4
    product: str | None = None
    channel: str | None = None
    language: str = "en"
    remedy: str | None = None
    cost: float | None = None
    currency: str | None = None
    outcome: Outcome = field(default_factory=Outcome)
    resolved_at: datetime | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A case found for a message, and why."""

    case: Case
    score: float  # 0-1, higher is nearer
    why: tuple[str, ...]
    """Short reasons for an agent, as `same failure: late_or_missing`, `shares "replacement", "crushed"`."""


@dataclass(frozen=True, slots=True)
class Article:
    """A help article or a saved reply: a source for answers."""

    id: str
    title: str
    text: str
    kind: str = "article"  # or saved_reply
    url: str | None = None
