"""How well cases ended, compared with what was to be expected of their kind."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from triage.cases.values import Case, Outcome, Tally

REOPENED, KEPT, SATISFIED, ACCEPTED = 0.3, 0.25, 0.25, 0.2
"""How much each sign says of an ending; together 1."""
DOUBT = 0.3
"""Evidence that a case must outweigh: one whose only known sign weighs .3 counts half."""
FEW = 10
"""Cases of a kind that weigh as much as what is known of the wider kind."""


def goodness(outcome: Outcome) -> tuple[float, float]:
    """Returns how well a case ended (0-1; .5 where nothing is known) and how much is known of it (0-1)."""
    signs = [
        (REOPENED, None if outcome.reopened is None else float(not outcome.reopened)),
        (KEPT, None if outcome.kept is None else float(outcome.kept)),
        (SATISFIED, None if outcome.csat is None else (outcome.csat - 1) / 4),
        (ACCEPTED, None if outcome.accepted is None else float(outcome.accepted)),
    ]
    known = [(weight, value) for weight, value in signs if value is not None]
    evidence = sum(weight for weight, _ in known)
    return (sum(w * v for w, v in known) / evidence if known else 0.5), evidence


class _Sums:
    """Weighted sums of goodness and cost over cases of one kind."""

    def __init__(self) -> None:
        self.evidence = self.good = 0.0

    def add(self, value: float, weight: float) -> None:
        self.evidence += weight
        self.good += value * weight

    def mean(self, prior: float) -> float:
        return (self.good + FEW * prior) / (self.evidence + FEW)


class _Spend:
    """Least squares of goodness on cost over cases of one failure and currency."""

    def __init__(self) -> None:
        self.n = self.cost = self.cost_squared = self.good = self.good_cost = 0.0

    def add(self, tally: Tally, value: float, evidence: float) -> None:
        self.n += evidence * tally.costed
        self.cost += evidence * tally.cost
        self.cost_squared += evidence * tally.cost_squared
        self.good += evidence * value * tally.costed
        self.good_cost += evidence * value * tally.cost

    @property
    def mean(self) -> float:
        return self.cost / self.n if self.n else 0.0

    @property
    def slope(self) -> float:
        """Goodness bought by one unit of money, never negative; shrunk towards none where cases are few."""
        if self.n < 2:
            return 0.0
        variance = self.cost_squared / self.n - self.mean**2
        covariance = self.good_cost / self.n - self.mean * self.good / self.n
        if variance <= 1e-9:
            return 0.0
        return max(0.0, covariance / variance) * self.n / (self.n + FEW)


class Norms:
    """What endings are to be expected of cases by failure, severity and money spent, in one organisation."""

    def __init__(self, tallies: Iterable[Tally]) -> None:
        self.cases = 0
        self._all = _Sums()
        self._failure: dict[str | None, _Sums] = defaultdict(_Sums)
        self._kind: dict[tuple[str | None, bool], _Sums] = defaultdict(_Sums)
        self._spend: dict[tuple[str | None, str | None], _Spend] = defaultdict(_Spend)
        for tally in tallies:
            self.cases += tally.cases
            value, evidence = goodness(tally.outcome)
            if not evidence:
                continue
            for sums in (self._all, self._failure[tally.failure], self._kind[tally.failure, tally.severe]):
                sums.add(value, evidence * tally.cases)
            self._spend[tally.failure, tally.currency].add(tally, value, evidence)

    def expected(self, case: Case) -> float:
        """Returns the goodness (0-1) that cases of this failure, severity and cost usually reach."""
        overall = self._all.mean(0.5)
        failure = self._failure[case.failure].mean(overall) if case.failure in self._failure else overall
        kind = (case.failure, is_severe(case.frustration))
        mean = self._kind[kind].mean(failure) if kind in self._kind else failure
        spend = self._spend.get((case.failure, case.currency))
        if spend is None or case.cost is None:
            return mean
        return min(1.0, max(0.0, mean + spend.slope * (case.cost - spend.mean)))

    def advantage(self, case: Case) -> float:
        """Returns how much better (to 1) or worse (to -1) a case ended than its kind usually does, net of its cost.

        What is not known is discounted: without any sign of its ending a case is neither better nor worse.
        """
        value, evidence = goodness(case.outcome)
        return (value - self.expected(case)) * evidence / (evidence + DOUBT)


def is_severe(frustration: int | None) -> bool:
    return (frustration or 0) >= 3


@dataclass(frozen=True, slots=True)
class Worked:
    """How cases with one remedy ended."""

    remedy: str
    cases: int
    good: float
    """Share that ended well (0-1), of those whose ending is known."""
    low: float
    high: float
    """95% interval of `good` (Wilson)."""
    known: int
    spend: dict[str, float]
    """Mean cost by currency."""


def what_worked(tallies: Sequence[Tally], failure: str) -> list[Worked]:
    """Returns what was done about a failure, best first by the lower end of the interval."""
    by_remedy: dict[str, list[Tally]] = defaultdict(list)
    for tally in tallies:
        if tally.failure == failure and tally.remedy:
            by_remedy[tally.remedy].append(tally)
    found = [_worked(remedy, some) for remedy, some in by_remedy.items()]
    return sorted(found, key=lambda w: (-w.low, -w.cases, w.remedy))


def _worked(remedy: str, tallies: Sequence[Tally]) -> Worked:
    known = [t for t in tallies if goodness(t.outcome)[1] > 0]
    n = sum(t.cases for t in known)
    good = sum(t.cases for t in known if goodness(t.outcome)[0] >= 0.7)
    low, high = wilson(good, n)
    spend: dict[str, float] = {}
    for currency in {t.currency for t in tallies if t.currency and t.costed}:
        of = [t for t in tallies if t.currency == currency]
        spend[currency] = sum(t.cost for t in of) / sum(t.costed for t in of)
    return Worked(remedy, sum(t.cases for t in tallies), good / n if n else 0.0, low, high, n, spend)


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Returns the Wilson score interval of a share; (0, 1) where nothing was tried."""
    if not trials:
        return 0.0, 1.0
    share = successes / trials
    centre = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
