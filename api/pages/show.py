"""How values look to a person: durations, names of codes, and a message cut at the spans that stand out in it."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from triage.messages.values import CutKind
from triage.scoring.values import FRUSTRATION_LEVELS, URGENCY_LEVELS, Ordinal, Score

MINUTE, HOUR, DAY = 60, 3600, 86_400

NAMES = {
    "late_or_missing": "late or missing",
    "damaged_or_wrong": "damaged or wrong",
    "defect_or_outage": "defect or outage",
    "account_access": "account access",
    "staff_conduct": "staff conduct",
    "no_response": "no response",
    "policy_or_price": "policy or price",
    "vip": "VIP",
    "sms": "SMS",
    "csat": "CSAT",
}
CHECKS = {
    "unsupported_claim": "Every claim has a source",
    "over_policy": "Offers stay within policy",
    "other_customer_data": "No other customer's data",
    "banned_phrase": "No stock phrases",
    "placeholder": "Placeholders are marked",
    "blame_customer": "No blame on the customer",
    "language": "The customer's language",
    "section_missing": "Every step of the plan is there",
    "injection": "No instructions taken from the message",
    "not_yet_done": "Nothing told as done before it is",
    "asks_known": "Asks nothing we already know",
}
SOURCES = {
    "message": "the customer's words",
    "subject": "the subject line",
    "customer": "the customer record",
    "order": "the order",
    "history": "earlier in this conversation",
    "policy": "policy",
    "case": "a resolved case",
    "article": "a help article",
    "agent": "your own details",
    "brand": "the brand's voice",
}
KINDS = {
    "failure": "an apology with what we can do",
    "no_failure": "an answer; nothing failed here",
    "limited": "a short reply; little is known for sure",
    "public": "a short public reply; details belong in private",
    "safety": "safety first",
    "restricted": "a receipt without admission or offer, for a specialist",
    "holding": "a short honest reply with one question; facts are missing",
}
CUTS: dict[CutKind, str] = {
    "quoted": "quoted history",
    "signature": "signature",
    "disclaimer": "disclaimer",
    "forwarded": "forwarded message",
}


def name(code: str | None) -> str:
    """A code as words, as `late_or_missing` -> `late or missing`."""
    return NAMES.get(code or "", (code or "").replace("_", " ").replace("-", " "))


def span(seconds: float) -> str:
    """A length of time in its two largest units, as `2 d 4 h`, `3 h 20 min`, `14 min`."""
    minutes = round(abs(seconds) / MINUTE)
    days, rest = divmod(minutes, DAY // MINUTE)
    hours, minutes = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else "under a minute"


def left(act_by: datetime, now: datetime) -> str:
    """What a page says of act_by until a script keeps it up to date."""
    seconds = (act_by - now).total_seconds()
    return f"{span(seconds)} left" if seconds >= 0 else f"{span(seconds)} overdue"


def moment(value: object) -> datetime | None:
    """The time that a fact of an order states, or None where it is something else."""
    if not isinstance(value, str) or len(value) < 10 or "-" not in value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else None


def ordinal_number(n: int) -> str:
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 or share == 0 else "<1%"


def level_index(level: str, kind: str) -> int:
    return (FRUSTRATION_LEVELS if kind == "frustration" else URGENCY_LEVELS).index(level)


def levels(ordinal: Ordinal) -> list[tuple[str, float, bool]]:
    """(name, probability, likeliest?) of the five levels, highest first."""
    rows = [
        (n, p, i == ordinal.index) for i, (n, p) in enumerate(zip(ordinal.names, ordinal.probabilities, strict=True))
    ]
    return rows[::-1]


def likely_failures(score: Score, most: int = 3) -> list[tuple[str, float]]:
    """The likeliest failure codes worth showing, with their probabilities."""
    ranked = sorted(score.failure.items(), key=lambda item: -item[1])[:most]
    return [(code, p) for i, (code, p) in enumerate(ranked) if i == 0 or p >= 0.05]


def weightiest(reasons: Sequence[Mapping[str, Any]], most: int = 3) -> list[Mapping[str, Any]]:
    """What a row says beside its levels: the facts that take the most time away, or else the urgency itself."""
    facts = [reason for reason in reasons if reason["code"] not in ("urgency", "frustration")]
    return sorted(facts, key=lambda r: r["seconds"])[:most] or list(reasons[:1])


@dataclass(frozen=True, slots=True)
class Layer:
    """A span of a message that stands out, and why."""

    start: int
    end: int
    kind: str  # frustration, urgency, signal, claim
    title: str
    strength: int = 1  # 1-3
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text under the same layers."""

    text: str
    layers: tuple[Layer, ...] = ()

    @property
    def classes(self) -> str:
        return " ".join(f"{layer.kind} s{layer.strength}" for layer in self.layers if layer.kind != "claim")

    @property
    def title(self) -> str:
        return "; ".join(dict.fromkeys(layer.title for layer in self.layers if layer.title))

    @property
    def claims(self) -> str:
        return " ".join(str(layer.number) for layer in self.layers if layer.number is not None)


@dataclass(frozen=True, slots=True)
class Block:
    """Words of the customer (`cut` is None), or a part that was kept but not scored."""

    cut: str | None
    pieces: tuple[Piece, ...]


def blocks(text: str, layers: Sequence[Layer] = (), cuts: Iterable[Mapping[str, Any]] = ()) -> list[Block]:
    """The text as blocks of pieces: nothing lost, nothing twice, in order. Spans count code points."""
    found, at = [], 0
    for cut in sorted(cuts, key=lambda c: (c["start"], c["end"])):
        start, end = max(at, cut["start"]), min(len(text), cut["end"])
        if end <= start:
            continue
        found.append(Block(None, tuple(_pieces(text, at, start, layers))))
        found.append(Block(CUTS.get(cut["kind"], "not scored"), tuple(_pieces(text, start, end, layers))))
        at = end
    found.append(Block(None, tuple(_pieces(text, at, len(text), layers))))
    return [block for block in found if any(piece.text.strip() for piece in block.pieces)]


def _pieces(text: str, start: int, end: int, layers: Sequence[Layer]) -> Iterable[Piece]:
    inside = [layer for layer in layers if layer.start < end and layer.end > start and layer.end > layer.start]
    edges = {start, end} | {min(max(e, start), end) for layer in inside for e in (layer.start, layer.end)}
    ordered = sorted(edges)
    for a, b in itertools.pairwise(ordered):
        yield Piece(text[a:b], tuple(layer for layer in inside if layer.start < b and layer.end > a))


def layers_of(score: Score | None, draft: Mapping[str, Any] | None) -> list[Layer]:
    """What stands out in a message: the words behind its levels, its signals, and what the draft rests on."""
    found: list[Layer] = []
    if score is not None:
        for kind, ordinal in (("frustration", score.frustration), ("urgency", score.urgency)):
            for e in ordinal.evidence:
                title = f"{kind}: carries {percent(e.weight)} of the score"
                found.append(Layer(e.start, e.end, kind, title, 3 if e.weight >= 0.3 else 2 if e.weight >= 0.12 else 1))
        found += [Layer(s.start, s.end, "signal", f"signal: {name(s.name)}") for s in score.signals]
    for number, claim in enumerate(claims_of(draft)):
        source = claim["source"]
        if source["kind"] == "message" and source.get("start") is not None:
            found.append(Layer(source["start"], source["end"], "claim", "", number=number))
    return found


def cited(draft: Mapping[str, Any] | None, kind: str) -> list[str]:
    """The ids that a draft's claims name as their sources of this kind."""
    return [c["source"]["ref"] for c in claims_of(draft) if c["source"]["kind"] == kind and c["source"].get("ref")]


def claims_of(draft: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The draft's claims in reading order; their number ties them to the message."""
    return [claim for section in (draft or {}).get("sections", []) for claim in section["claims"]]


FILTERS = {
    "code_name": name,
    "span": span,
    "left": left,
    "moment": moment,
    "nth": ordinal_number,
    "percent": percent,
    "level_index": level_index,
    "levels": levels,
    "weightiest": weightiest,
    "likely_failures": likely_failures,
    "check_name": lambda code: CHECKS.get(code, name(code)),
    "source_name": lambda kind: SOURCES.get(kind, name(kind)),
    "kind_name": lambda kind: KINDS.get(kind, name(kind)),
    "claims": claims_of,
}
