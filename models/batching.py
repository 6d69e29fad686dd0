"""Concurrent callers share passes of the model on one inference thread; scoring goes before embedding."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any

import numpy as np

from models.encoder import BATCH
from triage.errors import Unavailable
from triage.protocols import Embedder, Scorer, Vectors
from triage.scoring.values import Reading

WAIT = 0.01
"""Seconds that a short batch waits for more, only right after a batch that several callers shared."""
_EMBED_LATER = 8 * BATCH
"""Embedding queues behind this many later calls for scores: behind them as a rule, but never for ever."""


@dataclass
class _Call:
    """One caller's texts; done when the last of its parts is."""

    future: Future[list[Any]]
    results: list[Any]
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = len(self.results)


@dataclass(frozen=True, slots=True)
class _Part:
    """At most one batch of a call: a long call lets others in between its parts."""

    call: _Call
    rows: list[int]
    texts: list[str]


class _Lane:
    """What waits for one kind of work: a heap of (turn, part)."""

    def __init__(self, work: Callable[[list[str]], Any], later: int) -> None:
        self.work, self.later = work, later
        self.waiting: list[tuple[int, int, _Part]] = []

    def take(self) -> list[_Part]:
        """Returns the next parts, at most a batch of texts; those of callers who gave up are dropped."""
        taken: list[_Part] = []
        size = 0
        while self.waiting and (not taken or size + len(self.waiting[0][2].texts) <= BATCH):
            part = heappop(self.waiting)[2]
            if not part.call.future.done():  # cancelled, or failed with an earlier part
                taken.append(part)
                size += len(part.texts)
        return taken


class Batcher:
    """One inference thread in front of a scorer and, where there is one, an embedder.

    batcher = Batcher(OnnxScorer.load(settings), OnnxEmbedder.load(settings))
    await batcher.scorer.read(["where is my parcel?"])       # from any event loop
    batcher.read_sync(["where is my parcel?"])               # from any thread
    batcher.close()

    An error of the model reaches every caller of that batch as Unavailable. A caller that is cancelled costs the
    others nothing.
    """

    def __init__(self, scorer: Scorer, embedder: Embedder | None = None) -> None:
        self._scorer, self._embedder = scorer, embedder
        self._score = _Lane(scorer.read, 0)
        self._embed = _Lane(embedder.embed if embedder else _no_embedder, _EMBED_LATER)
        self._turns, self._order = count(), count()
        self._changed = threading.Condition()
        self._closed = False
        self.scorer = BatchedScorer(self, scorer.name)
        self.embedder = BatchedEmbedder(self, embedder.name if embedder else "", embedder.dimensions if embedder else 0)
        self._thread = threading.Thread(target=self._serve, name="inference", daemon=True)
        self._thread.start()

    def read_sync(self, texts: Sequence[str]) -> list[Reading]:
        """Returns a reading a text, in order, waiting for the inference thread."""
        return self._submit(self._score, texts).result()

    def embed_sync(self, texts: Sequence[str]) -> Vectors:
        """Returns (len(texts), dimensions) float32, waiting for the inference thread."""
        return self._stack(self._submit(self._embed, texts).result())

    async def read(self, texts: Sequence[str]) -> list[Reading]:
        """Returns a reading a text, in order."""
        return await asyncio.wrap_future(self._submit(self._score, texts))

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Returns (len(texts), dimensions) float32."""
        return self._stack(await asyncio.wrap_future(self._submit(self._embed, texts)))

    def close(self) -> None:
        """Finishes what waits, then ends the thread; later calls are refused with Unavailable."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _stack(self, rows: list[Any]) -> Vectors:
        return np.stack(rows) if rows else np.zeros((0, self.embedder.dimensions), np.float32)

    def _submit(self, lane: _Lane, texts: Sequence[str]) -> Future[list[Any]]:
        call = _Call(Future(), [None] * len(texts))
        if not texts:
            call.future.set_result([])
            return call.future
        shortest_first = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = [shortest_first[at : at + BATCH] for at in range(0, len(texts), BATCH)]
        with self._changed:
            if self._closed:
                raise Unavailable("the model is shutting down")
            turn = next(self._turns)
            for i, rows in enumerate(parts):
                # The n-th part lets n batches of later calls pass: long calls do not hold up short ones.
                due = turn + i * BATCH + lane.later
                heappush(lane.waiting, (due, next(self._order), _Part(call, rows, [texts[r] for r in rows])))
            self._changed.notify()
        return call.future

    def _serve(self) -> None:
        gather_until = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waits())
                if not self._waits():
                    return
                self._gather(gather_until)
                lane = self._next_lane()
                parts = lane.take()
            if parts:
                _work(lane, parts)
            gather_until = time.monotonic() + WAIT if len(parts) > 1 else 0.0

    def _waits(self) -> bool:
        return bool(self._score.waiting or self._embed.waiting)

    def _gather(self, until: float) -> None:
        """Lets the callers of the last batch come back with their next text; one that comes alone never waits."""
        while not self._closed and sum(len(p.texts) for _, _, p in self._next_lane().waiting) < BATCH:
            if (left := until - time.monotonic()) <= 0 or not self._changed.wait(left):
                return

    def _next_lane(self) -> _Lane:
        lanes = [lane for lane in (self._score, self._embed) if lane.waiting]
        return min(lanes, key=lambda lane: lane.waiting[0][0])


class BatchedScorer:
    """Implements `triage.protocols.AsyncScorer`."""

    def __init__(self, batcher: Batcher, name: str) -> None:
        self.name, self._batcher = name, batcher

    async def read(self, texts: Sequence[str]) -> list[Reading]:
        return await self._batcher.read(texts)


class BatchedEmbedder:
    """Implements `triage.protocols.AsyncEmbedder`."""

    def __init__(self, batcher: Batcher, name: str, dimensions: int) -> None:
        self.name, self.dimensions, self._batcher = name, dimensions, batcher

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return await self._batcher.embed(texts)


def _work(lane: _Lane, parts: list[_Part]) -> None:
    """Runs one batch; its results, or its error, go to every caller in it."""
    try:
        found = lane.work([text for part in parts for text in part.texts])
        results = iter(found)
        if len(found) != sum(len(part.texts) for part in parts):
            raise ValueError("the model answered with another number of results")
    except Exception as error:
        for part in parts:
            _fail(part.call.future, error)
        return
    for part in parts:
        call = part.call
        for row in part.rows:
            call.results[row] = next(results)
        call.left -= len(part.rows)
        if not call.left and call.future.set_running_or_notify_cancel():
            call.future.set_result(call.results)


def _fail(future: "Future[list[Any]]", error: Exception) -> None:
    if not future.done() and future.set_running_or_notify_cancel():
        detail = error.detail if isinstance(error, Unavailable) else f"the model failed: {type(error).__name__}"
        unavailable = Unavailable(detail)  # one for each caller: a shared one would gather all their tracebacks
        unavailable.__cause__ = error
        future.set_exception(unavailable)


def _no_embedder(texts: list[str]) -> Vectors:
    raise Unavailable("no embedder is loaded")
