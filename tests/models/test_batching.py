import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from doubles import HashEmbedder, WordScorer

from models.batching import Batcher
from models.encoder import BATCH
from triage.errors import Unavailable


class Recorder(WordScorer):
    """Notes the size of each pass; `gate` holds the first one up."""

    def __init__(self) -> None:
        self.passes: list[list[str]] = []
        self.started, self.gate = threading.Event(), threading.Event()

    def read(self, texts):
        self.passes.append(list(texts))
        self.started.set()
        assert self.gate.wait(10)
        return super().read(texts)


class Broken(WordScorer):
    def read(self, texts):
        raise RuntimeError("a customer's words")


@pytest.fixture
def make():
    made = []

    def make(scorer, embedder=None):
        made.append(Batcher(scorer, embedder))
        return made[-1]

    yield make
    for batcher in made:
        batcher.close()


@pytest.fixture
def held(make):
    """A batcher whose thread is busy with a first text until the gate opens."""
    scorer = Recorder()
    batcher = make(scorer, HashEmbedder())
    return scorer, batcher


async def test_everybody_gets_their_own_in_order(make):
    batcher = make(WordScorer(), HashEmbedder())
    texts = [["thanks"], ["this is unacceptable!!", "ok"], [], ["where is my order?"] * 70]
    found = await asyncio.gather(*(batcher.scorer.read(t) for t in texts))
    assert found == [WordScorer().read(t) for t in texts]
    assert (await batcher.embedder.embed(["a b"]) == HashEmbedder().embed(["a b"])).all()
    assert (await batcher.embedder.embed([])).shape == (0, 64)


async def test_callers_share_passes(held):
    scorer, batcher = held
    first = asyncio.ensure_future(batcher.read(["first"]))
    await asyncio.to_thread(scorer.started.wait, 10)
    others = [asyncio.ensure_future(batcher.read([f"text {i}"])) for i in range(2 * BATCH)]
    await asyncio.sleep(0)  # lets the others ask
    scorer.gate.set()
    await asyncio.gather(first, *others)
    assert [len(p) for p in scorer.passes] == [1, BATCH, BATCH]


async def test_a_short_call_passes_a_long_one_and_scores_pass_vectors(held):
    scorer, batcher = held
    order = []
    first = asyncio.ensure_future(batcher.read(["first"]))
    await asyncio.to_thread(scorer.started.wait, 10)
    vectors = asyncio.ensure_future(batcher.embed(["vector"]))
    long = asyncio.ensure_future(batcher.read(["long"] * 4 * BATCH))
    await asyncio.sleep(0)
    short = asyncio.ensure_future(batcher.read(["short"]))
    for name, call in (("vectors", vectors), ("long", long), ("short", short)):
        call.add_done_callback(lambda _, name=name: order.append(name))
    await asyncio.sleep(0)
    scorer.gate.set()
    await asyncio.gather(first, vectors, long, short)
    assert order == ["short", "long", "vectors"]


async def test_a_cancelled_caller_costs_the_others_nothing(held):
    scorer, batcher = held
    first = asyncio.ensure_future(batcher.read(["first"]))
    await asyncio.to_thread(scorer.started.wait, 10)
    gone, stays = asyncio.ensure_future(batcher.read(["gone"])), asyncio.ensure_future(batcher.read(["stays"]))
    await asyncio.sleep(0)
    gone.cancel()
    first.cancel()  # while it is being read
    await asyncio.sleep(0)
    scorer.gate.set()
    assert await stays == WordScorer().read(["stays"])
    assert scorer.passes == [["first"], ["stays"]]


async def test_an_error_reaches_every_caller_without_their_words(make):
    batcher = make(Broken(), HashEmbedder())
    found = await asyncio.gather(*(batcher.read(["x"]) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(e, Unavailable) and "words" not in e.detail for e in found)
    assert len({id(e) for e in found}) == 5
    assert (await batcher.embed(["still works"])).shape == (1, 64)


def test_threads_and_loops_of_their_own(make):
    batcher = make(WordScorer(), HashEmbedder())
    with ThreadPoolExecutor(8) as threads:
        direct = [threads.submit(batcher.read_sync, [f"text {i}"]) for i in range(40)]
        loops = [threads.submit(asyncio.run, batcher.read([f"text {i}"])) for i in range(40)]
        vectors = threads.submit(batcher.embed_sync, ["a", "b"])
        assert [d.result() for d in direct] == [w.result() for w in loops]
        assert np.allclose(vectors.result(), HashEmbedder().embed(["a", "b"]))


def test_a_closed_one_refuses(make):
    batcher = make(WordScorer())
    with pytest.raises(Unavailable, match="no embedder"):
        batcher.embed_sync(["a"])
    batcher.close()
    with pytest.raises(Unavailable, match="shutting down"):
        batcher.read_sync(["a"])
