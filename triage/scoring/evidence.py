"""The customer's words behind a score: each candidate clause is left out in turn, and the score read again.

Leaving a part out and measuring the change (occlusion; Zeiler & Fergus 2014, Li et al. 2016) asks the model itself,
so that what is shown is what moved it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from triage.scoring.rules import cues
from triage.scoring.values import Evidence, Ordinal, Reading, Span

MOST = 6
"""Candidate clauses a message: with the message itself seven texts, which make one batch."""
LEAST = 0.08
"""A clause that carries less of the score than this is not shown."""
_BREAK = re.compile(
    r"(?<=[.!?;:])\s+|\n+|,\s+|\s+(?=(?:but|and|because|so|yet|which|while|although|or)\s)", re.IGNORECASE
)
_SHORTEST = 12  # characters: shorter parts join the one before


@dataclass(frozen=True, slots=True)
class Probe:
    """Candidate clauses, as spans of the message as received, and the texts without each of them."""

    spans: tuple[Span, ...]
    texts: tuple[str, ...]


def probe(text: str, lead: int, to_original: Callable[[int, int], Span]) -> Probe:
    """Returns up to six clauses of `text` behind its first `lead` characters, those with the strongest cues first."""
    found = sorted(clauses(text, lead), key=lambda c: (-cues(text[c.start : c.end]), c.start - c.end))[:MOST]
    spans = tuple(to_original(c.start, c.end) for c in found)
    return Probe(spans, tuple(text[: c.start] + text[c.end :] for c in found))


def clauses(text: str, start: int = 0) -> list[Span]:
    """Returns the clauses of `text` from `start` on, without the space around them; short ones join the one before."""
    found: list[Span] = []
    at = start
    for end, following in [*((b.start(), b.end()) for b in _BREAK.finditer(text, start)), (len(text), len(text))]:
        inner = text[at:end]
        span = Span(at + len(inner) - len(inner.lstrip()), at + len(inner.rstrip()))
        if span.end > span.start:
            if found and (span.end - span.start < _SHORTEST or found[-1].end - found[-1].start < _SHORTEST):
                found[-1] = Span(found[-1].start, span.end)
            else:
                found.append(span)
        at = following
    return found


def explain(
    text: str, probed: Probe, frustration: Ordinal, urgency: Ordinal, readings: Sequence[Reading]
) -> tuple[Ordinal, Ordinal]:
    """Returns both levels with their evidence: the share of the score gone without a clause, largest first."""
    without = [
        (replace(frustration, probabilities=r.frustration), replace(urgency, probabilities=r.urgency)) for r in readings
    ]
    return (
        replace(frustration, evidence=_evidence(text, probed, frustration, [f for f, _ in without])),
        replace(urgency, evidence=_evidence(text, probed, urgency, [u for _, u in without])),
    )


def _evidence(text: str, probed: Probe, whole: Ordinal, without: list[Ordinal]) -> tuple[Evidence, ...]:
    if whole.index == 0 or whole.score <= 0:
        return ()
    found = [
        Evidence(s.start, s.end, text[s.start : s.end], min(1.0, (whole.score - w.score) / whole.score))
        for s, w in zip(probed.spans, without, strict=True)
    ]
    return tuple(sorted((e for e in found if e.weight >= LEAST), key=lambda e: -e.weight))
