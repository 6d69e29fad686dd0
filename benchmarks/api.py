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
from itertools import count

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


def texts(number: int, seed: int) -> list[str]:
    """Returns different messages of about 30 tokens."""
    chance = random.Random(seed)
    return [
        f"{chance.choice(OPENINGS).format(thing=chance.choice(THINGS), when=chance.choice(WHENS))} "
        f"{chance.choice(MIDDLES)} {chance.choice(ENDINGS)} Reference {chance.randrange(10**6)}."
        for _ in range(number)
    ]


def ms(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1000


def in_turns(rounds: int, *acts: Callable[[], float]) -> list[float]:
    """Returns each one's median over rounds in which all take their turn: a machine's mood meets them alike."""
    return [statistics.median(found) for found in zip(*([act() for act in acts] for _ in range(rounds)), strict=True)]


def after_pause(act: Callable[[], float]) -> float:
    """`act` on an idle machine: the draft of the message before is finished by then."""
    time.sleep(LONE_PAUSE)
    return act()


def peer(folder: str) -> Callable[[list[str]], object]:
    """Returns sentence-transformers' default: torch, float32, batches of 32."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    return lambda batch: model.encode(batch, batch_size=32)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--peer", help="folder of all-MiniLM-L6-v2 for sentence-transformers; absent: not compared")
    arguments.add_argument("--messages", type=int, default=320, help="a round")
    arguments.add_argument("--database-url", default="")
    chosen = arguments.parse_args()

    scorer = OnnxScorer.load(Settings())
    batch, singles = texts(64, 1), (text for seed in count(2) for text in texts(1000, seed))
    many = {"messages": [{"id": str(i), "text": t} for i, t in enumerate(batch)]}
    encode: Callable[[list[str]], object] = peer(chosen.peer) if chosen.peer else scorer.read
    names = (str(i) for i in count())
    server = Server(chosen.database_url)
    try:
        idle, post = server.rss_mb(), server.caller()

        def burst() -> float:
            """Messages a second of 16 clients; the drafts that it leaves are made before anything else is timed."""
            rate = concurrent(server, [posted(next(names), next(singles)) for _ in range(chosen.messages)], 16)
            server.settle()
            return rate

        def peer_rate() -> float:
            return chosen.messages * 1000 / ms(lambda: encode([next(singles) for _ in range(chosen.messages)]))

        bare_batch, triage = in_turns(
            15, lambda: ms(lambda: scorer.read(batch)), lambda: ms(lambda: post("/v1/triage", many))
        )
        bare_single, message = in_turns(
            30,
            lambda: after_pause(lambda: ms(lambda: scorer.read([next(singles)]))),
            lambda: after_pause(lambda: ms(lambda: post("/v1/messages", posted(next(names), next(singles))))),
        )
        peer_rate()  # warms the peer up
        rate, peers = in_turns(5, burst, peer_rate)
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
    if chosen.peer:
        rows += [
            ("sentence-transformers, torch fp32, batches of 32", f"{peers:.0f} messages/s", ""),
            ("16 clients as a share of that", f"{rate / peers:.2f}", "at least 0.5"),
        ]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| what | median | bar |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
