"""An embedder for callers on an event loop that have no micro-batcher: the command line and benchmarks."""

import asyncio
from collections.abc import Sequence

from triage.protocols import Embedder, Vectors


class Threaded:
    """Runs an embedder's passes in a thread; implements `triage.protocols.AsyncEmbedder`."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def name(self) -> str:
        return self._embedder.name

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return await asyncio.to_thread(self._embedder.embed, texts)
