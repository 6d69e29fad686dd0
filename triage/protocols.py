"""What the domain asks of a model; `models` implements it, tests use real small ones."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from triage.recovery.values import Draft, Situation
from triage.scoring.values import Reading

Vectors = NDArray[np.float32]


class Scorer(Protocol):
    """Reads cleaned texts; the list comes back in the same order."""

    @property
    def name(self) -> str:
        """`triage-en@<first 12 of sha256>` of weights, config, cleaning and signal rules."""

    def read(self, texts: Sequence[str]) -> list[Reading]: ...


class AsyncScorer(Protocol):
    """A scorer behind a micro-batcher: concurrent callers share one pass."""

    @property
    def name(self) -> str: ...

    async def read(self, texts: Sequence[str]) -> list[Reading]: ...


class Embedder(Protocol):
    """Turns texts into unit vectors for retrieval."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Returns (len(texts), dimensions) float32, each row of length 1."""


class AsyncEmbedder(Protocol):
    """An embedder behind the same micro-batcher; its texts wait while others are being scored."""

    @property
    def name(self) -> str: ...

    async def embed(self, texts: Sequence[str]) -> Vectors: ...


class Drafter(Protocol):
    """Writes a checked reply from a situation; code, not the engine, has decided what may be offered."""

    @property
    def name(self) -> str: ...

    def draft(self, situation: Situation) -> Draft | None:
        """Returns the draft, or None where no reply is owed (praise with nothing to answer)."""
