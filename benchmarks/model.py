"""Messages a second of what ships, beside sentence-transformers' default and ONNX fp32, in one run on the same texts.

    python benchmarks/model.py --upstream all-MiniLM-L6-v2/ [--labels train.csv]

Absolute figures are this machine's now; read the ratios. Needs onnx. Without --upstream (the folder of
sentence-transformers/all-MiniLM-L6-v2) only what ships is timed.
"""

import argparse
import csv
import random
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

from models.encoder import BATCH
from models.scorer import OnnxScorer
from triage.config import Settings

WORDS = (
    "my order was delayed again and nobody answers please help refund the parcel flight hours waiting phone promised"
    " delivery broken screen charge card account locked today tomorrow because still service customer team email never"
).split()
ROUNDS = 5


def main() -> None:
    options = _options()
    texts = _texts(options.labels)
    paths: dict[str, Callable[[Sequence[str]], Any]] = {"triage model, int8 (ships)": OnnxScorer.load(Settings()).read}
    with tempfile.TemporaryDirectory() as scratch:
        if options.upstream:
            paths = {
                "sentence-transformers, torch fp32 (default)": _peer(options.upstream),
                "the same encoder, ONNX fp32": _exact(options.upstream, Path(scratch)),
            } | paths
        for run in paths.values():  # first passes allocate and compile
            run(texts[:BATCH])
        batch: dict[str, list[float]] = {name: [] for name in paths}
        single: dict[str, list[float]] = {name: [] for name in paths}
        for _ in range(ROUNDS):  # in turn, so that a busy moment hits all of them
            for name, run in paths.items():
                batch[name].append(_seconds(lambda run=run: run(texts)) / len(texts))
                single[name] += [_seconds(lambda run=run, t=t: run([t])) for t in texts[:20]]
    _show(paths, batch, single, len(texts))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", type=Path, help="folder of sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--labels", type=Path, help="CSV with `text`; left out, made-up texts of about 40 tokens")
    return parser.parse_args()


def _texts(labels: Path | None) -> list[str]:
    """320 texts of about 40 tokens."""
    if labels:
        with labels.open(encoding="utf-8", newline="") as file:
            return [r["text"] for r in csv.DictReader(file) if 130 <= len(r["text"]) <= 190][:320]
    draw = random.Random(1)
    return [" ".join(draw.choices(WORDS, k=38)) for _ in range(320)]


def _peer(upstream: Path) -> Callable[[Sequence[str]], Any]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(upstream), device="cpu")
    return lambda texts: model.encode(list(texts), batch_size=BATCH, show_progress_bar=False)


def _exact(upstream: Path, scratch: Path) -> Callable[[Sequence[str]], Any]:
    from models.export import write_exact

    return write_exact(upstream, scratch).encode


def _seconds(work: Callable[[], Any]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _show(paths: dict[str, Any], batch: dict[str, list[float]], single: dict[str, list[float]], count: int) -> None:
    table = Table(
        "", "messages/s", "ratio", "one message, ms", "ratio", title=f"{count} texts, medians of {ROUNDS} rounds"
    )
    first = next(iter(paths))
    rate = {name: 1 / statistics.median(times) for name, times in batch.items()}
    one = {name: 1000 * statistics.median(times) for name, times in single.items()}
    for name in paths:
        ratios = f"{rate[name] / rate[first]:.2f}x", f"{one[name] / one[first]:.2f}x"
        table.add_row(name, f"{rate[name]:.0f}", ratios[0], f"{one[name]:.1f}", ratios[1])
    Console().print(table)


if __name__ == "__main__":
    main()
