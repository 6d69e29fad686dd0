"""What a draft is made from, and what a draft is. The shapes are those of the contract's draft line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from triage.cases.values import Article, Match
from triage.messages.values import Channel
from triage.scoring.values import Score

Kind = Literal["failure", "no_failure", "limited", "public", "safety", "restricted", "holding"]
SectionName = Literal[
    "acknowledge",
    "restate",
    "apologise",
    "own",
    "safety",
    "answer",
    "options",
    "ask",
    "next_steps",
    "follow_up",
    "close",
]
OptionState = Literal["offer", "needs_customer_yes", "done"]
SourceKind = Literal[
    "message", "subject", "customer", "order", "history", "policy", "case", "article", "agent", "brand"
]


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier message of the conversation."""

    role: Literal["customer", "agent"]
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Money:
    amount: str  # decimal digits, as "42.00"
    currency: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something the policy may offer. `when` is CEL; absent means always."""

    id: str
    label: str
    max: Money | None = None
    needs_approval: bool = False
    conditions: str = ""
    when: str | None = None
    version: str = "1"


@dataclass(frozen=True, slots=True)
class Customer:
    name: str | None = None
    tier: str = "standard"
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    name: str | None = None
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Brand:
    name: str | None = None
    greeting: str | None = None
    sign_off: str | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a drafter may know about one message; nothing outside it may be said."""

    id: str
    text: str
    score: Score
    now: datetime
    channel: Channel = "email"
    subject: str | None = None
    customer: Customer = field(default_factory=Customer)
    order: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Turn] = ()
    remedies: Sequence[Remedy] = ()
    cases: Sequence[Match] = ()
    articles: Sequence[Article] = ()
    attachments: Sequence[str] = ()
    agent: Agent = field(default_factory=Agent)
    brand: Brand = field(default_factory=Brand)
    instructions: str | None = None
    tone: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a claim comes from: a span for message, subject and history; an id or field name (`ref`) for the rest."""

    kind: SourceKind
    start: int | None = None
    end: int | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Words of the reply that state a fact, and their source."""

    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Section:
    """A span [start, end) of the draft's text."""

    name: SectionName
    start: int
    end: int
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """A remedy as the reply offers it; `text` stands in the reply word for word."""

    remedy: str
    state: OptionState
    text: str
    policy: str
    value: Money | None = None
    needs_approval: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One result of the guard: what was looked for, and what was found where."""

    name: str
    passed: bool
    detail: str = ""
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply for an agent to edit. Sections are spans of `text`; nothing in it is sent by itself."""

    id: str
    engine: str
    prompt: str
    channel: Channel
    language: str
    kind: Kind
    text: str
    sections: tuple[Section, ...]
    options: tuple[Option, ...] = ()
    placeholders: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    similar_cases: tuple[str, ...] = ()
    suggest_sender: Literal["agent", "lead"] = "agent"
    channel_advice: str | None = None

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> "Draft":
        """Returns the draft that `line()` gave: a stored one."""
        sections = tuple(
            Section(
                s["name"],
                s["start"],
                s["end"],
                tuple(Claim(c["text"], Source(**c["source"])) for c in s["claims"]),
            )
            for s in line["sections"]
        )
        options = tuple(
            Option(
                o["remedy"],
                o["state"],
                o["text"],
                o["policy"],
                Money(o["value"]["amount"], o["value"]["currency"]) if o["value"] else None,
                o["needs_approval"],
            )
            for o in line["options"]
        )
        checks = tuple(Check(**c) for c in line["checks"])
        plain = {k: line[k] for k in ("id", "engine", "prompt", "channel", "language", "kind", "text")}
        rest = {k: line[k] for k in ("suggest_sender", "channel_advice")}
        return cls(
            **plain,
            **rest,
            sections=sections,
            options=options,
            checks=checks,
            placeholders=tuple(line["placeholders"]),
            similar_cases=tuple(line["similar_cases"]),
        )

    def line(self) -> dict[str, Any]:
        """Returns one draft line of the contract, ready for JSON."""
        return {
            "id": self.id,
            "engine": self.engine,
            "prompt": self.prompt,
            "channel": self.channel,
            "language": self.language,
            "kind": self.kind,
            "sections": [
                {
                    "name": s.name,
                    "start": s.start,
                    "end": s.end,
                    "text": self.text[s.start : s.end],
                    "claims": [{"text": c.text, "source": _source_line(c.source)} for c in s.claims],
                }
                for s in self.sections
            ],
            "options": [
                {
                    "remedy": o.remedy,
                    "state": o.state,
                    "text": o.text,
                    "value": {"amount": o.value.amount, "currency": o.value.currency} if o.value else None,
                    "policy": o.policy,
                    "needs_approval": o.needs_approval,
                }
                for o in self.options
            ],
            "placeholders": list(self.placeholders),
            "checks": [
                {"name": c.name, "passed": c.passed, "detail": c.detail}
                | ({"start": c.start, "end": c.end} if c.start is not None else {})
                for c in self.checks
            ],
            "text": self.text,
            "similar_cases": list(self.similar_cases),
            "suggest_sender": self.suggest_sender,
            "channel_advice": self.channel_advice,
        }


def _source_line(s: Source) -> dict[str, Any]:
    fields = {"kind": s.kind, "start": s.start, "end": s.end, "ref": s.ref}
    return {k: v for k, v in fields.items() if v is not None}
