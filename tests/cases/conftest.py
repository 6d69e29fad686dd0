"""A real small embedder: words hashed into a few hundred dimensions."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from triage.cases.terms import terms
from triage.protocols import Vectors


class Bag:
    """A bag of stems, each hashed to one dimension: texts that share words are near."""

    name = "bag"
    dimensions = 384

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for stem in terms(text) or [text]:
                row[int.from_bytes(hashlib.sha256(stem.encode()).digest()[:4], "big") % self.dimensions] += 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.fixture
def embedder() -> Bag:
    return Bag()
