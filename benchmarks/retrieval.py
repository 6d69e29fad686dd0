"""Quality and speed of the case search, with words alone and vectors alone beside it in the same run.

    python benchmarks/retrieval.py --data DIR            # quality; DIR holds the public sets (docs/retrieval.md)
    python benchmarks/retrieval.py --speed 1000 20000    # speed on synthetic cases, SQLite

Weights are chosen on half A of each set's queries; the table gives half B.
"""

import argparse
import asyncio
import csv
import gzip
import json
import math
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.embedder import OnnxEmbedder
from triage.cases import search as searching
from triage.cases.outcomes import Norms
from triage.cases.search import Candidate, CaseSearch
from triage.cases.terms import terms
from triage.cases.values import Case, Circumstances, Filters, Outcome, Tally
from triage.config import Settings
from triage.ids import new_id
from triage.store.engine import Store
from triage.store.migrate import upgrade
from triage.store.repositories.cases import Cases
from triage.store.repositories.directory import Directory

NOW = datetime(2026, 11, 21, tzinfo=UTC)
GRID = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
"""Weights of the words' overlap that are tried on half A."""
DEPTH = 10


@dataclass(frozen=True)
class Labelled:
    """Cases with the label that makes two of them alike; queries are other texts, or each case in turn."""

    name: str
    texts: list[str]
    labels: list[str]
    queries: list[str] | None = None
    query_labels: list[str] | None = None


def banking77(data: Path) -> Labelled:
    with gzip.open(data / "banking77/train.csv.gz", "rt") as file:
        train = list(csv.DictReader(file))
    with (data / "banking77/test.csv").open() as file:
        test = list(csv.DictReader(file))
    columns = [[row[name] for row in rows] for rows in (train, test) for name in ("text", "category")]
    return Labelled("banking77", *columns)


def airline_dialogs(data: Path) -> Labelled:
    with gzip.open(data / "airline-dialogs/dialogs.jsonl.gz", "rt") as file:
        rows = [row for row in map(json.loads, file) if row["intent"]]
    told = [(_customer(row)[:1], row["intent"]) for row in rows]
    return Labelled("airline-dialogs", [t[0] for t, _ in told if t], [label for t, label in told if t])


def ibm_customer_care(data: Path) -> Labelled:
    with gzip.open(data / "ibm-customer-care/dialogs.jsonl.gz", "rt") as file:
        rows = [row for row in map(json.loads, file) if _customer(row)]
    return Labelled("ibm-customer-care", [" ".join(_customer(r)) for r in rows], [r["doc_id"] for r in rows])


def _customer(row: dict[str, list[dict[str, str]]]) -> list[str]:
    return [turn["text"] for turn in row["turns"] if turn["role"] == "customer"]


@dataclass
class Scores:
    """One row a query: nDCG@10, recall@5, reciprocal rank."""

    values: NDArray[np.float64]  # (queries, 3)

    def cells(self) -> list[str]:
        rng = np.random.default_rng(0)
        draws = self.values[rng.integers(0, len(self.values), (1000, len(self.values)))].mean(1)  # (1000, 3)
        low, high = np.percentile(draws, [2.5, 97.5], axis=0)
        return [f"{mean:.3f} ({a:.3f}-{b:.3f})" for mean, a, b in zip(self.values.mean(0), low, high, strict=True)]


def judge(ranked: Sequence[str], relevant: set[str]) -> tuple[float, float, float]:
    """Returns nDCG@10, recall@5 (of at most 5) and the reciprocal rank within the first ten."""
    hits = [case_id in relevant for case_id in ranked[:DEPTH]]
    gain = sum(hit / math.log2(i + 2) for i, hit in enumerate(hits))
    ideal = sum(1 / math.log2(i + 2) for i in range(min(DEPTH, len(relevant))))
    first = next((1 / (i + 1) for i, hit in enumerate(hits) if hit), 0.0)
    return gain / ideal, sum(hits[:5]) / min(5, len(relevant)), first


class Bm25:
    """Okapi BM25 (k1 1.2, b .75) over all words of the query: the yardstick for words alone."""

    def __init__(self, texts: Sequence[str]) -> None:
        stems = [terms(text) for text in texts]
        self.lengths = np.array([len(s) for s in stems], float)
        self.postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for i, some in enumerate(stems):
            for stem, n in Counter(some).items():
                self.postings[stem].append((i, n))

    def scores(self, text: str) -> NDArray[np.float64]:
        total, mean = len(self.lengths), self.lengths.mean()
        scores = np.zeros(total)
        for stem in set(terms(text)):
            found = self.postings.get(stem, [])
            rarity = math.log1p((total - len(found) + 0.5) / (len(found) + 0.5))
            for i, n in found:
                scores[i] += rarity * n * 2.2 / (n + 1.2 * (0.25 + 0.75 * self.lengths[i] / mean))
        return scores


class Bench:
    """A case base of one labelled set in a database of its own, and its queries with what each way found."""

    def __init__(self, store: Store, embedder: OnnxEmbedder, labelled: Labelled, queries: int) -> None:
        self.store, self.embedder, self.set = store, embedder, labelled
        self.search = CaseSearch(embedder.name)
        texts = labelled.queries or labelled.texts
        labels = labelled.query_labels or labelled.labels
        groups = Counter(labelled.labels)
        alone = labelled.queries is None  # a query that is a case itself needs another one of its label
        able = [i for i, label in enumerate(labels) if groups[label] > alone]
        self.at = np.random.default_rng(0).permutation(able)[:queries]
        self.queries = [texts[i] for i in self.at]
        self.labels = [labels[i] for i in self.at]
        self.own = [int(i) if alone else None for i in self.at]

    async def run(self) -> None:
        async with self.store.write() as session:
            self.organisation = Directory(session).add_organisation(self.set.name, NOW).id
        self.vectors = self.embedder.embed(self.set.texts)
        self.ids = [new_id("case") for _ in self.set.texts]
        told = [
            Case(id=i, external_id=i, summary="", problem=text)
            for i, text in zip(self.ids, self.set.texts, strict=True)
        ]
        for start in range(0, len(told), 1000):
            part = slice(start, start + 1000)
            async with self.store.write() as session:
                await Cases(session, self.organisation).upsert(told[part], self.vectors[part], self.embedder.name, NOW)
        asked = self.embedder.embed(self.queries)
        words = Bm25(self.set.texts)
        by_label: dict[str, set[str]] = defaultdict(set)
        for case_id, label in zip(self.ids, self.set.labels, strict=True):
            by_label[label].add(case_id)
        self.relevant, self.by_words, self.by_vectors = [], [], []
        self.candidates: list[list[Candidate]] = []
        self.served: list[list[str]] = []
        for query, vector, label, own in zip(self.queries, asked, self.labels, self.own, strict=True):
            itself = {self.ids[own]} if own is not None else set()
            self.relevant.append(by_label[label] - itself)
            self.by_words.append(self._top(words.scores(query), own))
            self.by_vectors.append(self._top(self.vectors @ vector, own))
            filters = Filters(not_cases=frozenset(itself))
            async with self.store.read() as session:
                cases = Cases(session, self.organisation)
                space = await self.search._memory.space(cases, self.embedder.name)
                ranked, _ = await self.search.rank(cases, space, query, vector, Circumstances(), filters)
                found = await self.search.search(
                    session, self.organisation, query, vector, filters=filters, limit=DEPTH
                )
            self.candidates.append(ranked)
            self.served.append([m.case.id for m in found.matches])

    def _top(self, scores: NDArray[np.floating], own: int | None) -> list[str]:
        order = [i for i in np.argsort(-scores, kind="stable")[: DEPTH + 1] if i != own and scores[i] > 0]
        return [self.ids[i] for i in order[:DEPTH]]

    def blended(self, weight: float) -> list[list[str]]:
        return [
            [c.case.id for c in sorted(some, key=lambda c: -(c.cosine + weight * c.overlap))]
            for some in self.candidates
        ]

    def fused(self) -> list[list[str]]:
        """Reciprocal rank fusion (k 60) of the two lists."""
        lists = []
        for some in self.candidates:
            points: Counter[str] = Counter()
            for key in (lambda c: -c.cosine, lambda c: -c.overlap):
                for rank, c in enumerate(sorted(some, key=key), 1):
                    points[c.case.id] += 1 / (60 + rank)
            lists.append([case_id for case_id, _ in points.most_common(DEPTH)])
        return lists

    def score(self, lists: Sequence[Sequence[str]], half: str) -> Scores:
        pairs = list(zip(lists, self.relevant, strict=True))[{"A": 0, "B": 1}[half] :: 2]
        return Scores(np.array([judge(found, relevant) for found, relevant in pairs]))


async def quality(data: Path, queries: int) -> None:
    embedder = OnnxEmbedder.load(Settings())
    benches = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Settings(data=Path(folder)))
        await upgrade(store)
        for load in (banking77, airline_dialogs, ibm_customer_care):
            bench = Bench(store, embedder, load(data), queries)
            await bench.run()
            benches.append(bench)
        await store.close()
    on_a = {w: np.mean([b.score(b.blended(w), "A").values[:, 0].mean() for b in benches]) for w in GRID}
    best = max(on_a, key=lambda w: on_a[w])
    print("Overlap's weight on half A (mean nDCG@10):", ", ".join(f"{w}: {v:.4f}" for w, v in on_a.items()))
    print(f"best {best}, in use {searching.OVERLAP}; embedder {embedder.name}\n")
    ways: list[tuple[str, Callable[[Bench], list[list[str]]]]] = [
        ("bm25 alone", lambda b: b.by_words),
        ("vectors alone", lambda b: b.by_vectors),
        ("rank fusion", Bench.fused),
        ("amends", lambda b: b.blended(searching.OVERLAP)),
        ("amends, as shown", lambda b: b.served),
    ]
    print("| set | way | nDCG@10 | recall@5 | MRR@10 |\n|---|---|---|---|---|")
    means: dict[str, list[float]] = defaultdict(list)
    for bench in benches:
        for name, way in ways:
            scores = bench.score(way(bench), "B")
            means[name].append(scores.values[:, 0].mean())
            print(f"| {bench.set.name} ({len(scores.values)}) | {name} | " + " | ".join(scores.cells()) + " |")
    for name, some in means.items():
        print(f"| mean | {name} | {np.mean(some):.3f} | | |")
    foreign(benches, reddit(data))
    endings(benches)


GOOD, BAD = Outcome(csat=5, reopened=False), Outcome(csat=1, reopened=True)


def endings(benches: Sequence[Bench]) -> None:
    """Plants endings by chance, then endings that money bought, and prints what weighing by them does to the list."""
    print("\n| set | planted | good among the first 3 | nDCG@10 |\n|---|---|---|---|")
    rng = np.random.default_rng(0)
    for bench in benches:
        good = {case_id: bool(rng.random() < 0.5) for case_id in bench.ids}
        for planted in ("by chance", "bought with money"):
            bought = planted != "by chance"
            norms = Norms(
                Tally(None, False, None, GOOD if ok else BAD, n, *_spent(ok, n, bought))
                for ok in (True, False)
                if (n := sum(value == ok for value in good.values()))
            )
            lists: dict[str, list[list[str]]] = {"before": [], "after": []}
            for some in bench.candidates:
                told = {
                    c.case.id: replace(
                        c.case,
                        outcome=GOOD if good[c.case.id] else BAD,
                        cost=(100.0 if good[c.case.id] else 10.0) if bought else None,
                        currency="EUR" if bought else None,
                    )
                    for c in some
                }
                for name, weight in (("before", 0.0), ("after", searching.ENDING)):
                    order = sorted(some, key=lambda c: -(c.relevance + weight * norms.advantage(told[c.case.id])))
                    lists[name].append([c.case.id for c in order[:DEPTH]])
            shares = [np.mean([good[i] for ids in found for i in ids[:3]]) for found in lists.values()]
            gains = [
                np.mean([judge(ids, relevant)[0] for ids, relevant in zip(found, bench.relevant, strict=True)])
                for found in lists.values()
            ]
            share, gain = (" -> ".join(f"{x:.3f}" for x in pair) for pair in (shares, gains))
            print(f"| {bench.set.name} | {planted} | {share} | {gain} |")


def _spent(good: bool, cases: int, bought: bool) -> tuple[float, float, int, str | None]:
    """Sum and sum of squares of the costs, how many are known, and their currency."""
    each = 100.0 if good else 10.0
    return (each * cases, each * each * cases, cases, "EUR") if bought else (0.0, 0.0, 0, None)


def reddit(data: Path) -> list[str]:
    with gzip.open(data / "goemotions/test.tsv.gz", "rt") as file:
        return [line.split("\t")[0] for line in file][:200]


def foreign(benches: Sequence[Bench], chatter: Sequence[str]) -> None:
    """Prints how often the search finds something near, for its own queries and for those of other sets."""
    print("\n| queries of | asked of | something near |\n|---|---|---|")
    near = searching.logit(searching.NEAR)
    for bench in benches:
        some = [bool(c) and max(x.relevance for x in c) >= near for c in bench.candidates]
        right = [
            ok
            for ok, ids, rel in zip(some, bench.blended(searching.OVERLAP), bench.relevant, strict=True)
            if ids and ids[0] in rel
        ]
        print(f"| {bench.set.name} | itself | {np.mean(some):.3f}; {np.mean(right):.3f} where the first is right |")
        for other in benches:
            if other is not bench:
                print(f"| {other.set.name} | {bench.set.name} | {np.mean(_near(bench, other.queries[:200])):.3f} |")
        print(f"| goemotions (Reddit) | {bench.set.name} | {np.mean(_near(bench, chatter)):.3f} |")


def _near(bench: Bench, texts: Sequence[str]) -> list[bool]:
    """Whether each text has a case near it, by exact search over both sides."""
    stems = [terms(text) for text in bench.set.texts]
    counts = Counter(stem for some in stems for stem in set(some))
    cosines = bench.embedder.embed(texts) @ bench.vectors.T
    found = []
    for text, row in zip(texts, cosines, strict=True):
        weights = {s: searching.idf(counts[s], len(stems)) for s in dict.fromkeys(terms(text))}
        best = max(
            searching._relevance(float(row[i]), searching.overlap(weights, stems[i]), True)
            for i in np.argsort(-row)[:100]
        )
        found.append(best >= searching.logit(searching.NEAR))
    return found


async def speed(sizes: Sequence[int], queries: int) -> None:
    """Times filtered hybrid queries on synthetic cases: Zipfian words, random unit vectors."""
    print("| cases | fill | first query | median | p95 | of that, vectors | file |\n|---|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"word{i}" for i in range(30_000)])
    weights = 1 / np.arange(10, 10 + len(vocabulary))
    weights /= weights.sum()
    products = [f"product {i}" for i in range(10)]

    def texts(n: int) -> list[str]:
        return [" ".join(row) for row in vocabulary[rng.choice(len(vocabulary), (n, 30), p=weights)]]

    def vectors(n: int) -> NDArray[np.float32]:
        made = rng.standard_normal((n, 384), np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Settings(data=Path(folder)))
            await upgrade(store)
            async with store.write() as session:
                organisation = Directory(session).add_organisation("speed", NOW).id
            begun = time.perf_counter()
            for start in range(0, size, 1000):
                n = min(1000, size - start)
                cases = [
                    Case(id=new_id("case"), external_id=f"{start + i}", summary="", problem=t, product=products[i % 10])
                    for i, t in enumerate(texts(n))
                ]
                async with store.write() as session:
                    await Cases(session, organisation).upsert(cases, vectors(n), "m", NOW)
            filled = time.perf_counter() - begun
            search, times = CaseSearch("m"), []
            for text, vector in zip(texts(queries + 1), vectors(queries + 1), strict=True):
                begun = time.perf_counter()
                async with store.read() as session:
                    await search.search(
                        session, organisation, text, vector, filters=Filters(product="product 3"), limit=5
                    )
                times.append(1000 * (time.perf_counter() - begun))
            async with store.read() as session:
                rows = await search._memory.rows(Cases(session, organisation), "m")
            probe, alone = vectors(20), []
            for vector in probe:
                begun = time.perf_counter()
                rows.nearest(vector, 100, Filters(product="product 3"))
                alone.append(1000 * (time.perf_counter() - begun))
            file = sum(f.stat().st_size for f in Path(folder).glob("amends.db*")) / 1e6
            first, rest = times[0], np.array(times[1:])
            print(
                f"| {size:,} | {filled:.1f} s | {first:.0f} ms | {np.median(rest):.1f} ms "
                f"| {np.percentile(rest, 95):.1f} ms | {np.median(alone):.1f} ms | {file:.0f} MB |",
                flush=True,
            )
            await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, help="folder with banking77, airline-dialogs, ibm-customer-care, goemotions"
    )
    parser.add_argument("--queries", type=int, default=500, help="at most so many of each set")
    parser.add_argument("--speed", type=int, nargs="*", default=[], help="numbers of cases to time")
    chosen = parser.parse_args()
    if chosen.data:
        asyncio.run(quality(chosen.data, chosen.queries))
    if chosen.speed:
        asyncio.run(speed(chosen.speed, min(chosen.queries, 100)))


if __name__ == "__main__":
    main()
