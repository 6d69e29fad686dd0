"""Measures the composer on rows of `amends draft`: speed, guard, length, and whether drafts read like one form letter.

python benchmarks/drafts.py SCENARIOS.jsonl... [--limit N] [--show N]

Rows need `id` and `text`; whatever else `amends draft` reads is used. A row's own `expect` is never looked at: compare
the drafts with it by a checker that knows nothing of the composer (`amends draft FILE` writes them).
"""

import argparse
import itertools
import json
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from triage.config import Settings
from triage.errors import Unavailable
from triage.messages.clean import clean
from triage.messages.values import Incoming
from triage.protocols import Scorer
from triage.recovery import guard
from triage.recovery.compose import Composer
from triage.recovery.rows import situation_from_row
from triage.recovery.values import Draft
from triage.scoring.rules import RuleScorer
from triage.scoring.score import score_all

PAIRS = 4000
"""Pairs of drafts compared for shared phrases, drawn with a fixed seed."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("files", nargs="+", type=Path)
    arguments.add_argument("--limit", type=int, default=1000)
    arguments.add_argument("--show", type=int, default=0, help="print so many drafts in full")
    options = arguments.parse_args()
    rows = list(itertools.islice(_rows(options.files), options.limit))
    scorer = _scorer()
    drafts, seconds, guarded, faults = [], [], [], Counter[str]()
    composer = Composer()
    for row in rows:
        [score] = score_all([Incoming(text=row["text"])], scorer)
        situation = situation_from_row({**row, "text": clean(row["text"]).text or row["text"]}, score)
        began = time.perf_counter()
        draft = composer.draft(situation)
        seconds.append(time.perf_counter() - began)
        if draft is None:
            continue
        drafts.append(draft)
        began = time.perf_counter()
        checks = guard.check(draft, situation)
        guarded.append(time.perf_counter() - began)
        faults.update(c.name for c in guard.failed(checks))
    _report(rows, drafts, seconds, guarded, faults, scorer.name)
    for draft in drafts[: options.show]:
        print(f"\n--- {draft.id} ({draft.kind})\n{draft.text}")


def _rows(files: Sequence[Path]) -> Iterator[dict[str, object]]:
    for file in files:
        for line in file.read_text("utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


def _scorer() -> Scorer:
    from models.scorer import OnnxScorer

    try:
        return OnnxScorer.load(Settings())
    except Unavailable:
        return RuleScorer()


def _report(
    rows: Sequence[object],
    drafts: Sequence[Draft],
    seconds: Sequence[float],
    guarded: Sequence[float],
    faults: Counter[str],
    scorer: str,
) -> None:
    kinds = Counter(d.kind for d in drafts)
    print(f"scored by          {scorer}")
    print(f"rows, drafts       {len(rows)}, {len(drafts)}: {', '.join(f'{n} {k}' for k, n in kinds.most_common())}")
    print(f"composer           median {statistics.median(seconds) * 1000:.1f} ms, slowest {max(seconds) * 1000:.0f} ms")
    print(f"guard              median {statistics.median(guarded) * 1000:.1f} ms")
    print(f"guard finds        {dict(faults) or 'nothing'}")
    print(f"words              median {statistics.median(len(d.text.split()) for d in drafts):.0f}")
    print(f"placeholders       median {statistics.median(len(d.placeholders) for d in drafts):.0f}")
    print(f"options            mean {statistics.mean(len(d.options) for d in drafts):.2f}")
    print(f"shared 4-grams     mean {_overlap(drafts):.3f} of a pair's words, greetings and closes apart")
    sentence, share = _commonest_apology(drafts)
    print(f"commonest apology  {share:.1%}: {sentence!r}")
    print(f"Flesch             median {statistics.median(_flesch(d.text) for d in drafts):.0f}")


def _body(draft: Draft) -> str:
    return " ".join(draft.text[s.start : s.end] for s in draft.sections if s.name != "close").split(",\n", 1)[-1]


def _overlap(drafts: Sequence[Draft]) -> float:
    """Mean share of a draft's 4-grams that another draft has too."""
    grams = [_grams(_body(d)) for d in drafts]
    grams = [g for g in grams if g]
    every = list(itertools.combinations(range(len(grams)), 2))
    pairs = every if len(every) <= PAIRS else random.Random(1).sample(every, PAIRS)
    return statistics.mean(len(grams[a] & grams[b]) / min(len(grams[a]), len(grams[b])) for a, b in pairs)


def _grams(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 4]) for i in range(len(words) - 3)}


def _commonest_apology(drafts: Sequence[Draft]) -> tuple[str, float]:
    sentences = Counter(
        s.strip() for d in drafts for s in re.split(r"(?<=[.!?])\s+|\n", d.text) if re.search(r"sorry|apolog", s, re.I)
    )
    [(sentence, count)] = sentences.most_common(1) or [("", 0)]
    return sentence, count / len(drafts)


def _flesch(text: str) -> float:
    """Flesch reading ease (1948) with syllables counted as groups of vowels."""
    words = re.findall(r"[A-Za-z']+", text)
    sentences = max(1, len(re.findall(r"[.!?]+", text)))
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", w.lower().removesuffix("e")))) for w in words)
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / max(1, len(words))


if __name__ == "__main__":
    main()
