"""What the service costs beside the bare model and beside sentence-transformers, on the same texts in one run.

Prints a table; docs/operations.md holds the newest. Texts are made up here, so that anyone can run it.
"""

import argparse
import os
import platform
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from serving import Server, concurrent, posted

from models.scorer import OnnxScorer
from triage.config import Settings

OPENINGS = ("I ordered {thing} {when} and", "My {thing} arrived {when} but", "Your courier lost my {thing},", "Hello,")
MIDDLES = (
    "it still has not come although you promised it twice,",
    "the screen is cracked and the box was open,",
    "I was charged two times for the same thing,",
    "nobody has answered any of my three emails,",
)
ENDINGS = (
    "please tell me what happens now.",
    "this is not acceptable!",
    "I need it before Friday.",
    "thank you for your help.",
)
THINGS = ("lamp", "tent", "kettle", "bicycle lock", "subscription box", "heater", "raincoat", "radio")
WHENS = ("last week", "on Monday", "ten days ago", "this morning", "in October")


LONE_PAUSE = 0.8  # seconds


def texts(count: int, seed: int) -> list[str]:
    """Returns different messages of about 30 tokens."""
    chance = random.Random(seed)
    return [
        f"{chance.choice(OPENINGS).format(thing=chance.choice(THINGS), when=chance.choice(WHENS))} "
        f"{chance.choice(MIDDLES)} {chance.choice(ENDINGS)} Reference {chance.randrange(10**6)}."
        for _ in range(count)
    ]


def median_ms(act: Callable[[], object], times: int) -> float:
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


def lone_ms(scorer: OnnxScorer, post: Callable[[str, Any], object]) -> tuple[float, float]:
    """Medians of a model call and of a POST, in turns, each after a pause in which the draft before is finished."""
    bare, posts = [], []
    for i, text in enumerate(texts(30, 4)):
        time.sleep(LONE_PAUSE)
        bare.append(median_ms(lambda text=text: scorer.read([text]), 1))
        time.sleep(LONE_PAUSE)
        posts.append(median_ms(lambda i=i, text=text: post("/v1/messages", posted(f"lone{i}", text)), 1))
    return statistics.median(bare), statistics.median(posts)


def peer_rate(batch: list[str], folder: str) -> float:
    """Messages a second of sentence-transformers' default: torch, float32, batches of 32."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    model.encode(batch[:64])
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        model.encode(batch, batch_size=32)
        rates.append(len(batch) / (time.perf_counter() - started))
    return statistics.median(rates)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--peer", help="folder of all-MiniLM-L6-v2 for sentence-transformers; absent: not compared")
    arguments.add_argument("--messages", type=int, default=600)
    arguments.add_argument("--database-url", default="")
    chosen = arguments.parse_args()

    scorer = OnnxScorer.load(Settings())
    batch = texts(64, 1)
    scorer.read(batch)
    bare_batch = median_ms(lambda: scorer.read(batch), 15)
    peer = peer_rate(texts(512, 3), chosen.peer) if chosen.peer else None

    server = Server(chosen.database_url)
    try:
        idle = server.rss_mb()
        post = server.caller()
        many = {"messages": [{"id": str(i), "text": t} for i, t in enumerate(batch)]}
        post("/v1/triage", many)
        triage = median_ms(lambda: post("/v1/triage", many), 15)
        bare_single, message = lone_ms(scorer, post)
        rate = concurrent(server, [posted(f"m{i}", t) for i, t in enumerate(texts(chosen.messages, 5))], 16)
        loaded = server.rss_mb()
    finally:
        server.stop()

    rows = [
        ("`amends serve` ready", f"{server.seconds_to_ready:.1f} s", "at most 6 s"),
        ("memory, idle / after the load", f"{idle:.0f} / {loaded:.0f} MB", ""),
        ("64 messages, bare batch", f"{bare_batch:.0f} ms", ""),
        ("64 messages, POST /v1/triage", f"{triage:.0f} ms = {triage / bare_batch:.2f}x", "at most 1.3x"),
        ("one message, bare model", f"{bare_single:.1f} ms", ""),
        ("one message, POST /v1/messages", f"{message:.1f} ms = +{message - bare_single:.1f} ms", "at most +15 ms"),
        ("16 clients, POST /v1/messages", f"{rate:.0f} messages/s", ""),
    ]
    if peer is not None:
        rows += [
            ("sentence-transformers, torch fp32, batches of 32", f"{peer:.0f} messages/s", ""),
            ("16 clients as a share of that", f"{rate / peer:.2f}", "at least 0.5"),
        ]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| what | median | bar |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
