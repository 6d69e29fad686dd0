"""Resolved cases: what failed, what was done, what it cost, how it ended."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


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
class Tally:
    """How many cases of one failure and severity ended in one way, and what they cost."""

    failure: str | None
    severe: bool
    remedy: str | None
    outcome: Outcome
    cases: int
    cost: float
    """Sum of the known costs."""
    cost_squared: float
    costed: int
    """Cases whose cost is known."""
    currency: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """A case found for a message, and why."""

    case: Case
    score: float  # 0-1, higher is nearer
    why: tuple[str, ...]
    """Short reasons for an agent, as `same failure: late_or_missing`, `shares "replacement", "crushed"`."""

    def line(self) -> dict[str, Any]:
        """Returns what a caller is shown: facts and the summary, never the customer's words. Ready for JSON."""
        case = self.case
        return {
            "id": case.id,
            "external_id": case.external_id,
            "summary": case.summary,
            "failure": case.failure,
            "frustration": case.frustration,
            "urgency": case.urgency,
            "product": case.product,
            "channel": case.channel,
            "remedy": case.remedy,
            "cost": case.cost,
            "currency": case.currency,
            "outcome": {k: v for k, v in asdict(case.outcome).items() if v is not None},
            "resolved_at": case.resolved_at.isoformat() if case.resolved_at else None,
            "score": self.score,
            "why": list(self.why),
        }


@dataclass(frozen=True, slots=True)
class Filters:
    """What a case must be to be found; None: anything."""

    failure: str | None = None
    product: str | None = None
    channel: str | None = None
    language: str | None = None
    remedy: str | None = None
    resolved_after: datetime | None = None
    not_cases: frozenset[str] = frozenset()
    not_conversation: str | None = None
    """The conversation that is asked for, so that it is not found for itself once it is resolved."""

    def equal(self) -> dict[str, str]:
        """The fields that must be equal, by name."""
        names = ("failure", "product", "channel", "language", "remedy")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the message that cases are wanted for: it favours cases, and excludes none."""

    failure: Mapping[str, float] = field(default_factory=dict)
    """Probabilities of the failure codes, as the scorer gave them; empty where it abstained."""
    product: str | None = None
    channel: str | None = None
    now: datetime | None = None
    """The time from which a case's age counts; None: age does not matter."""
    remedies: frozenset[str] | None = None
    """Remedies that policy still knows: a case whose remedy is not among them is marked. None: not known."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The cases to learn from, best first."""

    matches: tuple[Match, ...]
    nothing_near: bool
    """No case is near enough to be of use; `matches` is empty."""


@dataclass(frozen=True, slots=True)
class Article:
    """A help article or a saved reply: a source for answers."""

    id: str
    title: str
    text: str
    kind: str = "article"  # or saved_reply
    url: str | None = None
