"""Finds the help articles and saved replies that answer a message.

There are few of them, so their vectors live in memory, made when they are first asked for and kept by content.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from triage.cases.terms import terms
from triage.cases.values import Article
from triage.cases.weights import idf
from triage.protocols import AsyncEmbedder, Vectors
from triage.store.engine import Store
from triage.store.repositories.articles import Articles

PASSAGE = 400
"""Characters of a passage, at most, unless one sentence is longer: an answer is one passage of an article."""
NEAR = 0.42
"""Score from which an article is offered."""
OVERLAP = 0.25
"""What holding all of the message's words adds to the cosine."""
FEW = 3
MAX_CACHED = 50_000
"""Passages whose vectors are kept (75 MB)."""
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass
class _Shelf:
    """One organisation's articles, cut into passages."""

    version: tuple[int, datetime | None]
    articles: list[Article]
    owner: np.ndarray  # (passages,) row of `articles`
    vectors: Vectors  # (passages, dimensions)
    stems: list[set[str]]  # by article
    counts: Counter[str] = field(default_factory=Counter)


class ArticleSearch:
    """Searches the articles of any organisation; one per process."""

    def __init__(self) -> None:
        self._shelves: dict[tuple[str, str], _Shelf] = {}
        self._vectors: dict[tuple[str, bytes], Vectors] = {}
        self._lock = asyncio.Lock()

    async def search(
        self,
        store: Store,
        embedder: AsyncEmbedder,
        organisation_id: str,
        text: str,
        limit: int = FEW,
        vector: NDArray[np.float32] | None = None,
    ) -> list[tuple[Article, float]]:
        """Returns the articles that may answer `text` with their scores, best first; none where none is near.

        `vector` is the text's embedding where the caller has it already.
        """
        shelf = await self._shelf(store, embedder, organisation_id)
        if not shelf.articles or not text.strip():
            return []
        if vector is None:
            [vector] = await embedder.embed([text])
        cosines = np.full(len(shelf.articles), -1.0)
        np.maximum.at(cosines, shelf.owner, shelf.vectors @ vector)  # an article is as near as its nearest passage
        asked = {stem: idf(shelf.counts[stem], len(shelf.articles)) for stem in set(terms(text))}
        total = sum(asked.values()) or 1.0
        scored = [
            (article, float(cosine) + OVERLAP * sum(asked[s] for s in stems & asked.keys()) / total)
            for article, cosine, stems in zip(shelf.articles, cosines, shelf.stems, strict=True)
        ]
        scored.sort(key=lambda pair: (-pair[1], pair[0].id))
        return [(article, round(score, 4)) for article, score in scored[:limit] if score >= NEAR]

    async def _shelf(self, store: Store, embedder: AsyncEmbedder, organisation_id: str) -> _Shelf:
        key = (organisation_id, embedder.name)
        async with self._lock:
            async with store.read() as session:
                articles = Articles(session, organisation_id)
                version = await articles.version()
                shelf = self._shelves.get(key)
                if shelf is not None and shelf.version == version:
                    return shelf
                found = await articles.all()
            cut = [(i, passage) for i, article in enumerate(found) for passage in passages(article)]
            vectors = await self._embed(embedder, [passage for _, passage in cut])
            stems = [set(terms(f"{a.title} {a.text}")) for a in found]
            shelf = _Shelf(version, found, np.array([i for i, _ in cut], int), vectors, stems)
            for one in stems:
                shelf.counts.update(one)
            self._shelves[key] = shelf
            return shelf

    async def _embed(self, embedder: AsyncEmbedder, texts: Sequence[str]) -> Vectors:
        keys = [(embedder.name, sha256(text.encode()).digest()) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        if len(self._vectors) + len(new) > MAX_CACHED:
            self._vectors.clear()
            new = dict(zip(keys, texts, strict=True))
        if new:
            vectors = await embedder.embed(list(new.values()))
            self._vectors.update(zip(new, vectors, strict=True))
        return np.stack([self._vectors[key] for key in keys]) if keys else np.empty((0, 0), np.float32)


def passages(article: Article) -> list[str]:
    """Returns the article's text in pieces of whole sentences, each under the article's title."""
    pieces, piece = [], ""
    for sentence in SENTENCE_END.split(article.text.strip()):
        if piece and len(piece) + len(sentence) > PASSAGE:
            pieces.append(piece)
            piece = ""
        piece = f"{piece} {sentence}".strip()
    return [f"{article.title}. {p}" for p in [*pieces, piece] if p] or [article.title]
