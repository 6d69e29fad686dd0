"""How far scores agree with labels: the figures of the model card, on any labelled file."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage.errors import Invalid
from triage.messages.values import Incoming
from triage.protocols import Scorer
from triage.scoring.score import score_all
from triage.scoring.values import FAILURES, Reading

Column = NDArray[np.float64]
HIGH = 2.5
"""A label counts as high from here: the mean of its passes is nearer to 3."""
DRAWS = 400
BINS = 10


@dataclass(frozen=True, slots=True)
class Labels:
    """Mean levels 0-4 and failure codes, one a message."""

    frustration: Sequence[float]
    urgency: Sequence[float]
    failure: Sequence[str]


def evaluate(path: Path, scorer: Scorer) -> dict[str, Any]:
    """Returns the figures of `scorer` on a labelled CSV file (id, text, frustration, urgency, failure)."""
    texts, labels = read_labels(path)
    scores = score_all([Incoming(text) for text in texts], scorer)
    readings = [
        Reading(s.frustration.probabilities, s.urgency.probabilities, tuple(s.failure[c] for c in FAILURES))
        for s in scores
    ]
    return figures(labels, readings) | {"abstained": sum(s.abstained for s in scores), "model": scorer.name}


def read_labels(path: Path) -> tuple[list[str], Labels]:
    """Returns texts and labels; Invalid says which line is wrong."""
    texts: list[str] = []
    frustration: list[float] = []
    urgency: list[float] = []
    failure: list[str] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                missing = {"text", "frustration", "urgency", "failure"} - {k for k, v in row.items() if v is not None}
                if missing:
                    raise Invalid(f"{path}, line {number}: no {', '.join(sorted(missing))}")
                levels = [float(row[name]) for name in ("frustration", "urgency")]
                if row["failure"] not in FAILURES or not all(0 <= level <= 4 for level in levels):
                    raise Invalid(f"{path}, line {number}: levels are 0 to 4, failure one of {', '.join(FAILURES)}")
                texts.append(row["text"])
                frustration.append(levels[0])
                urgency.append(levels[1])
                failure.append(row["failure"])
    except FileNotFoundError as e:
        raise Invalid(f"{path} is missing") from e
    except ValueError as e:
        raise Invalid(f"{path}: {e}") from e
    if not texts:
        raise Invalid(f"{path} has no rows")
    return texts, Labels(frustration, urgency, failure)


def figures(labels: Labels, readings: Sequence[Reading]) -> dict[str, Any]:
    """Returns every figure with its 95 % bootstrap interval: {"frustration": {"pearson": [value, low, high], ...}}."""
    found: dict[str, Any] = {"n": len(readings)}
    for name in ("frustration", "urgency"):
        probabilities = np.array([getattr(r, name) for r in readings])  # (n, 5)
        found[name] = _with_intervals(ORDINAL, np.array(getattr(labels, name), np.float64), probabilities)
    kinds = np.array([FAILURES.index(code) for code in labels.failure], np.float64)
    found["failure"] = _with_intervals(NOMINAL, kinds, np.array([r.failure for r in readings]))
    return found


def _with_intervals(
    measures: dict[str, Callable[[Column, Column], float]], y: Column, p: Column
) -> dict[str, list[float]]:
    draws = np.random.default_rng(0).integers(0, len(y), (DRAWS, len(y)))  # (draws, n)
    found = {}
    for name, measure in measures.items():
        drawn = [v for rows in draws if not np.isnan(v := measure(y[rows], p[rows]))]
        value = measure(y, p)
        if np.isnan(value):  # one class only
            continue
        low, high = np.quantile(drawn, [0.025, 0.975]) if drawn else (value, value)
        found[name] = [round(float(v), 4) for v in (value, low, high)]
    return found


def expected(p: Column) -> Column:
    """Returns the expected level (n,) of probabilities (n, 5)."""
    return p @ np.arange(5)


def pearson(a: Column, b: Column) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() and b.std() else float("nan")


def ranks(v: Column) -> Column:
    """Returns ranks from 0 with ties at their mean."""
    _, inverse, counts = np.unique(v, return_inverse=True, return_counts=True)
    middle: Column = np.cumsum(counts) - (counts + 1) / 2
    return middle[inverse]


def quadratic_kappa(a: Column, b: Column, levels: int = 5) -> float:
    """Cohen's kappa with quadratic weights of two sequences of whole levels."""
    observed = np.zeros((levels, levels))
    np.add.at(observed, (a.astype(int), b.astype(int)), 1)
    weights = (np.arange(levels)[:, None] - np.arange(levels)) ** 2
    chance = np.outer(observed.sum(1), observed.sum(0)) / len(a)
    return (
        float(1 - (weights * observed).sum() / (weights * chance).sum()) if (weights * chance).any() else float("nan")
    )


def calibration_error(high: Column, p: Column) -> float:
    """Expected calibration error over ten bins of equal mass (Nixon et al. 2019)."""
    bins = np.array_split(np.argsort(p, kind="stable"), BINS)
    return float(sum(abs(p[b].sum() - high[b].sum()) for b in bins) / len(p))


def area(high: Column, p: Column) -> float:
    """Area under the ROC curve."""
    positive = high.sum()
    negative = len(high) - positive
    if not positive or not negative:
        return float("nan")
    return float((ranks(p)[high == 1].sum() - positive * (positive - 1) / 2) / (positive * negative))


def macro_f1(y: Column, p: Column, least: int = 1) -> float:
    """Mean F1 over the classes with at least `least` labels."""
    scores = []
    for c in np.unique(y):
        if (y == c).sum() >= least:
            hit = ((y == c) & (p == c)).sum()
            scores.append(2 * hit / ((y == c).sum() + (p == c).sum()))
    return float(np.mean(scores)) if scores else float("nan")


def _high(y: Column) -> Column:
    return (y >= HIGH).astype(np.float64)


def _sure(p: Column) -> Column:
    return np.asarray(p[:, 3:].sum(1))


ORDINAL: dict[str, Callable[[Column, Column], float]] = {
    "pearson": lambda y, p: pearson(y, expected(p)),
    "spearman": lambda y, p: pearson(ranks(y), ranks(expected(p))),
    "qwk": lambda y, p: quadratic_kappa(np.floor(y + 0.5), p.argmax(1).astype(np.float64)),
    "mae": lambda y, p: float(np.abs(y - expected(p)).mean()),
    "ece_high": lambda y, p: calibration_error(_high(y), _sure(p)),
    "brier_high": lambda y, p: float(((_sure(p) - _high(y)) ** 2).mean()),
    "auc_high": lambda y, p: area(_high(y), _sure(p)),
}
NOMINAL: dict[str, Callable[[Column, Column], float]] = {
    "macro_f1": lambda y, p: macro_f1(y, p.argmax(1).astype(np.float64)),
    "macro_f1_of_20": lambda y, p: macro_f1(y, p.argmax(1).astype(np.float64), least=20),
    "accuracy": lambda y, p: float((p.argmax(1) == y).mean()),
}
