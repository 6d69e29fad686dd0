"""What the triage says of one message. Levels and codes are those of the labelling rubric (docs/model-card.md)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

FRUSTRATION_LEVELS = ("none", "mild", "moderate", "high", "extreme")
URGENCY_LEVELS = ("none", "low", "medium", "high", "critical")
FAILURES = (
    "late_or_missing", "damaged_or_wrong", "defect_or_outage", "billing", "account_access", "staff_conduct",
    "no_response", "policy_or_price", "quality", "request", "praise", "other",
)  # fmt: skip
NOT_FAILURES = frozenset({"request", "praise", "other"})
ACT_WITHIN = (None, "P3D", "P1D", "PT4H", "PT15M")
"""ISO 8601 durations by urgency level; priority.py turns them into act_by."""
SURE = 0.6
"""Below this probability the failure code is "not known" to policy conditions."""


@dataclass(frozen=True, slots=True)
class Span:
    """Unicode code points [start, end) of the message's text as received."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span of the customer's words and how much of the level's score it carries (0-1)."""

    start: int
    end: int
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Signal:
    """A named fact in the words, as `repeat_contact`; `at` is the resolved time of a stated deadline."""

    name: str
    start: int
    end: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ordinal:
    """Calibrated probabilities of five ordered levels."""

    probabilities: tuple[float, ...]  # (5,)
    names: tuple[str, ...]
    evidence: tuple[Evidence, ...] = ()

    @property
    def index(self) -> int:
        """The likeliest level, 0-4."""
        return max(range(5), key=self.probabilities.__getitem__)

    @property
    def level(self) -> str:
        return self.names[self.index]

    @property
    def score(self) -> float:
        """Expected level / 4."""
        return sum(i * p for i, p in enumerate(self.probabilities)) / 4


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model says of one cleaned text: calibrated probabilities, nothing decided yet."""

    frustration: tuple[float, ...]  # (5,)
    urgency: tuple[float, ...]  # (5,)
    failure: tuple[float, ...]  # (12,) in the order of FAILURES


@dataclass(frozen=True, slots=True)
class Score:
    """The triage of one message, as CONTRACT's score line gives it."""

    language: str
    frustration: Ordinal
    urgency: Ordinal
    failure: dict[str, float]
    model: str
    signals: tuple[Signal, ...] = ()
    abstain_reasons: tuple[str, ...] = field(default=())

    @property
    def abstained(self) -> bool:
        return bool(self.abstain_reasons)

    @property
    def failure_code(self) -> str:
        return max(self.failure, key=self.failure.__getitem__)

    @property
    def known_failure(self) -> str | None:
        """The failure code where the model is sure enough to act on it, else None."""
        code = self.failure_code
        return code if not self.abstained and self.failure[code] >= SURE else None

    @property
    def deadline(self) -> datetime | None:
        """The earliest deadline that the message states."""
        return min((s.at for s in self.signals if s.at), default=None)

    def line(self, id: str) -> dict[str, Any]:
        """Returns one score line of the contract, ready for JSON."""
        code = self.failure_code
        return {
            "id": id,
            "language": self.language,
            "frustration": _ordinal_line(self.frustration),
            "urgency": _ordinal_line(self.urgency) | {"act_within": ACT_WITHIN[self.urgency.index]},
            "failure": {
                "code": code,
                "probability": round(self.failure[code], 4),
                "probabilities": {k: round(v, 4) for k, v in self.failure.items()},
            },
            "signals": [
                {"name": s.name, "start": s.start, "end": s.end} | ({"at": s.at.isoformat()} if s.at else {})
                for s in self.signals
            ],
            "abstained": self.abstained,
            "abstain_reasons": list(self.abstain_reasons),
            "model": self.model,
        }


def _ordinal_line(o: Ordinal) -> dict[str, Any]:
    return {
        "level": o.level,
        "score": round(o.score, 4),
        "probabilities": [round(p, 4) for p in o.probabilities],
        "evidence": [
            {"start": e.start, "end": e.end, "text": e.text, "weight": round(e.weight, 4)} for e in o.evidence
        ],
    }
