"""Small real models for tests: deterministic, without weights, quick enough for every test."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from triage.protocols import Vectors
from triage.scoring.rules import RuleScorer
from triage.scoring.values import Reading

WORDS = re.compile(r"\w+")


class WordScorer:
    """Reads by cue words, as the rules do, under a model's name: more cues, more frustration or urgency.

    WordScorer().read(["This is unacceptable!!"])[0].frustration    # highest at level 3
    """

    name = "words@000000000000"

    def read(self, texts: Sequence[str]) -> list[Reading]:
        return RuleScorer().read(texts)


class HashEmbedder:
    """Bags of hashed words as unit vectors: texts that share words are near."""

    name = "hash@000000000000"
    dimensions = 64

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            for word in WORDS.findall(text.lower()) or ["\0"]:
                digest = hashlib.sha256(word.encode()).digest()
                vectors[row, digest[0] % self.dimensions] += 1 if digest[1] & 1 else -1
            if not vectors[row].any():
                vectors[row, 0] = 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
