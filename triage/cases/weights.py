"""How much a word says: rarity, and how much of a message's rare words a text holds."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

K1, B = 1.2, 0.4
"""Saturation and length normalisation, as in BM25."""
LENGTH = 30
"""Words that count in a message of usual length."""


def idf(count: int, total: int) -> float:
    """Returns ln(1 + (total - count + .5) / (count + .5)), the rarity of BM25 (Robertson and Zaragoza, 2009)."""
    return math.log1p((max(total - count, 0) + 0.5) / (count + 0.5))


def overlap(weights: Mapping[str, float], stems: Sequence[str]) -> float:
    """Returns the share (0-1) of the asked words, by rarity, that a text with these stems holds."""
    asked = sum(weights.values())
    if not asked:
        return 0.0
    often = Counter(stem for stem in stems if stem in weights)
    length = 1 - B + B * len(stems) / LENGTH
    held = sum(weights[stem] * n * (K1 + 1) / (n + K1 * length) for stem, n in often.items())
    return min(1.0, held / asked)
