"""Finds the resolved cases that help with a message, and says why each was chosen.

Candidates come from two sides, nearest vectors and the message's rarest words. A candidate's relevance is a calibrated
probability from its cosine and the share of the message's words that it holds; circumstances and endings then move it
up or down on the scale of log odds, and near-copies give way to other cases. docs/retrieval.md has the figures behind
every constant here.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from triage.cases.index import InDatabase, InMemory, Memory
from triage.cases.outcomes import Norms, goodness
from triage.cases.terms import terms, words
from triage.cases.values import Case, Circumstances, Filters, Match, Outcome, SearchResult
from triage.cases.weights import idf, overlap
from triage.store.repositories.cases import Cases

Vector = NDArray[np.float32]

CANDIDATES = 100
"""Taken from each side."""
RAREST = 8
"""Words of the message that are looked up in the text index."""
RARE_ENOUGH = 5_000
"""Cases that those words may be in, all together: a bound on what one query costs."""
MAX_TERMS = 64
"""Distinct words of a message whose rarity is looked up: the first ones."""

OVERLAP = 0.15
"""What holding all of the message's words adds to the cosine: best on half A of three sets, where RRF did worse."""
BIAS, SLOPE = -4.6, 6.5
"""Log odds of "a case of the same matter" from that sum: between the fits on three sets, by all of their queries."""
NEAR = 0.2
"""Chance of being about the same matter that the best case must have, or nothing is near (docs/retrieval.md)."""
SHOWN = 0.1
"""Chance that the others must have."""

SAME_FAILURE, SAME_PRODUCT, SAME_CHANNEL, RECENT, ENDING = 0.8, 0.6, 0.2, 0.3, 0.6
"""What each circumstance adds to the log odds at most.

With .6, endings planted by chance raise the share of good ones among the first three by more than half, and cost less
than .02 of nDCG@10; with 2.0 they cost .05.
"""
HALF_LIFE = 180.0
"""Days after which a case's recency counts half."""
COPY = 0.93
"""Cosine from which two cases with the same remedy are one case told twice."""

LOOKED_THROUGH = 6
"""Candidates a place in the list that are looked through for copies."""
KEPT_FOR = 600.0
"""Seconds for which word counts and usual endings are remembered."""
MAX_COUNTS = 50_000


@dataclass
class _Known:
    """What a process remembers of an organisation between searches."""

    norms: Norms
    counts: dict[str, int]
    until: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A case on its way into the list."""

    case: Case
    """Without its words."""
    stems: list[str]
    cosine: float
    overlap: float
    """Share of the message's words, by rarity, that the case holds."""
    relevance: float
    """Log odds of being about the same matter, by words alone."""
    matter: float
    """The same with failure, product and channel: what decides whether it is near."""
    odds: float
    """The same with age and ending: what decides its place."""


class CaseSearch:
    """Searches the cases of any organisation; one per process, for it keeps vectors in memory on SQLite.

    search = CaseSearch(embedder.name)
    async with store.read() as session:
        found = await search.search(session, organisation_id, text, vector)
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self._memory = Memory()
        self._known: dict[str, _Known] = {}

    async def search(
        self,
        session: AsyncSession,
        organisation_id: str,
        text: str,
        vector: Vector | None,
        *,
        circumstances: Circumstances | None = None,
        filters: Filters | None = None,
        limit: int = 5,
    ) -> SearchResult:
        """Returns the cases nearest to `text`, best first; none, and `nothing_near`, where none is near enough.

        `vector` is the text's embedding by `model`, of length 1; None searches by words alone (the embedder is down).
        """
        about, cases = circumstances or Circumstances(), Cases(session, organisation_id)
        space = await self._memory.space(cases, self.model)
        ranked, weights = await self.rank(cases, space, text, vector, about, filters or Filters())
        nothing_near = all(c.matter < logit(NEAR) for c in ranked)
        best = [] if nothing_near else [c for c in ranked if c.matter >= logit(SHOWN)][: LOOKED_THROUGH * limit]
        chosen = apart(best, await space.vectors([c.case.id for c in best]), limit)
        whole = await cases.many([c.case.id for c, _ in chosen])
        shown = words(text)
        return SearchResult(
            tuple(
                Match(whole[c.case.id], round(sigmoid(c.odds), 4), _why(c, copies, about, weights, shown))
                for c, copies in chosen
                if c.case.id in whole
            ),
            nothing_near=nothing_near,
        )

    async def rank(
        self,
        cases: Cases,
        space: InMemory | InDatabase,
        text: str,
        vector: Vector | None,
        about: Circumstances,
        filters: Filters,
    ) -> tuple[list[Candidate], dict[str, float]]:
        """Returns every candidate, best first, however far, and the rarity of each of the message's words."""
        filters = await _without_own(cases, filters)
        known = await self._remembered(cases)
        asked = list(dict.fromkeys(terms(text)))[:MAX_TERMS]
        weights = await self._weights(cases, known, asked)

        cosines = {} if vector is None else await space.nearest(vector, CANDIDATES, filters)
        by_words = await cases.lexical(_rarest(known, asked), CANDIDATES, filters)
        if vector is not None:
            cosines |= await space.cosines(vector, [c for c in by_words if c not in cosines])
        found = await cases.facts(list(dict.fromkeys([*cosines, *by_words])))

        ranked = []
        for case_id, (case, stems) in found.items():
            cosine, shared = cosines.get(case_id, 0.0), overlap(weights, stems)
            relevance = _relevance(cosine, shared, vector is not None)
            matter = relevance + _likeness(case, about)
            odds = matter + _timeliness(case, about) + ENDING * known.norms.advantage(case)
            ranked.append(Candidate(case, stems, cosine, shared, relevance, matter, odds))
        ranked.sort(key=lambda c: (-c.odds, c.case.id))
        return ranked, weights

    async def norms(self, session: AsyncSession, organisation_id: str) -> Norms:
        """Returns what endings are usual in the organisation, as of some minutes ago."""
        return (await self._remembered(Cases(session, organisation_id))).norms

    async def _remembered(self, cases: Cases) -> _Known:
        known = self._known.get(cases.organisation_id)
        if known is None or known.until < time.monotonic():
            known = _Known(Norms(await cases.tallies()), {}, time.monotonic() + KEPT_FOR)
            self._known[cases.organisation_id] = known
        return known

    async def _weights(self, cases: Cases, known: _Known, asked: Sequence[str]) -> dict[str, float]:
        """Returns the rarity of each word (inverse document frequency, natural log)."""
        if len(known.counts) > MAX_COUNTS:
            known.counts.clear()
        known.counts |= await cases.counts([stem for stem in asked if stem not in known.counts])
        total = max(known.norms.cases, 1)
        return {stem: idf(known.counts[stem], total) for stem in asked}


def apart(candidates: Sequence[Candidate], vectors: Mapping[str, Vector], limit: int) -> list[tuple[Candidate, int]]:
    """Returns the best candidates that are not copies of better ones, each with the number of its copies."""
    chosen: list[tuple[Candidate, int]] = []
    for candidate in candidates:
        for i, (other, copies) in enumerate(chosen):
            if _copies(candidate, other, vectors):
                chosen[i] = (other, copies + 1)
                break
        else:
            if len(chosen) < limit:
                chosen.append((candidate, 0))
    return chosen


async def _without_own(cases: Cases, filters: Filters) -> Filters:
    if not filters.not_conversation:
        return filters
    own = await cases.of_conversation(filters.not_conversation)
    if own is None:
        return filters
    return replace(filters, not_cases=filters.not_cases | {own.id})


def _rarest(known: _Known, asked: Sequence[str]) -> list[str]:
    """Returns the words to look up: the rarest that are in any case at all, within the bound on their cases."""
    rarest: list[str] = []
    total = 0
    for stem in sorted((s for s in asked if known.counts[s]), key=lambda s: (known.counts[s], s)):
        total += known.counts[stem]
        if len(rarest) == RAREST or (rarest and total > RARE_ENOUGH):
            break
        rarest.append(stem)
    return rarest


def _relevance(cosine: float, overlap: float, dense: bool) -> float:
    # Without a vector, a case that holds all words counts as one at cosine .6.
    return BIAS + SLOPE * ((cosine if dense else 0.6 * overlap) + OVERLAP * overlap)


def _likeness(case: Case, about: Circumstances) -> float:
    odds = SAME_FAILURE * about.failure.get(case.failure or "", 0.0)
    odds += SAME_PRODUCT * _same(case.product, about.product)
    return odds + SAME_CHANNEL * _same(case.channel, about.channel)


def _timeliness(case: Case, about: Circumstances) -> float:
    if about.now is None or case.resolved_at is None:
        return 0.0
    days = max(0.0, (about.now - case.resolved_at).total_seconds() / 86_400)
    return RECENT * float(0.5 ** (days / HALF_LIFE))


def _same(a: str | None, b: str | None) -> bool:
    return a is not None and b is not None and a.casefold() == b.casefold()


def _copies(a: Candidate, b: Candidate, vectors: Mapping[str, Vector]) -> bool:
    if a.case.remedy != b.case.remedy:
        return False
    if sorted(a.stems) == sorted(b.stems):
        return True
    va, vb = vectors.get(a.case.id), vectors.get(b.case.id)
    return va is not None and vb is not None and float(va @ vb) >= COPY


def _why(
    found: Candidate, copies: int, about: Circumstances, weights: dict[str, float], shown: dict[str, str]
) -> tuple[str, ...]:
    case = found.case
    why = []
    if case.failure and about.failure.get(case.failure, 0.0) >= 0.3:
        why.append(f"same failure: {case.failure}")
    shared = sorted({s for s in found.stems if s in weights}, key=lambda s: -weights[s])[:3]
    if shared:
        why.append("shares " + ", ".join(f'"{shown.get(stem, stem)}"' for stem in shared))
    elif not why:
        why.append("tells of the same matter in other words")
    if _same(case.product, about.product):
        why.append(f"same product: {case.product}")
    if _same(case.channel, about.channel):
        why.append(f"same channel: {case.channel}")
    if ending := _ending(case.outcome):
        why.append(ending)
    if about.remedies is not None and case.remedy and case.remedy not in about.remedies:
        why.append(f"its remedy is no longer offered: {case.remedy}")
    if copies:
        why.append(f"{copies} more like it")
    return tuple(why)


def _ending(outcome: Outcome) -> str:
    value, evidence = goodness(outcome)
    if not evidence:
        return ""
    signs = []
    if outcome.csat is not None:
        signs.append(f"CSAT {outcome.csat}")
    if outcome.reopened is not None:
        signs.append("reopened" if outcome.reopened else "not reopened")
    if outcome.kept is not None:
        signs.append("customer stayed" if outcome.kept else "customer left")
    if outcome.accepted is not None:
        signs.append("remedy accepted" if outcome.accepted else "remedy refused")
    word = "well" if value >= 0.7 else "badly" if value <= 0.4 else "mixed"
    return f"ended {word}: {', '.join(signs)}"


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def logit(p: float) -> float:
    return math.log(p / (1 - p))
