"""Vectors of an organisation's cases in memory: exact search, kept in step with the database (SQLite)."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from triage.cases.values import Filters
from triage.store.repositories.cases import FACTS, Cases

MAX_ROWS = 1_000_000
"""Vectors kept in memory over all organisations (1.5 GB at 384 dimensions); the longest unasked go first."""
COLUMNS = [fact.key for fact in FACTS]
RESOLVED = COLUMNS.index("resolved_at")


@dataclass
class Rows:
    """One organisation's vectors by one model. A removed row stays, masked, until the next full load."""

    version: int = -1
    ids: list[str] = field(default_factory=list)
    place: dict[str, int] = field(default_factory=dict)
    matrix: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))  # (room, dimensions)
    codes: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, len(COLUMNS)), np.int32))  # (room, facts)
    resolved: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))  # (room,) seconds, -inf where unknown
    alive: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))  # (room,)
    code_of: list[dict[str | None, int]] = field(default_factory=lambda: [{} for _ in COLUMNS])

    def __len__(self) -> int:
        return len(self.place)

    def put(self, case_ids: list[str], matrix: NDArray[np.float32], facts: list[tuple[object, ...]]) -> None:
        """Adds rows, or replaces those that are there."""
        new = [case_id for case_id in case_ids if case_id not in self.place]
        self._make_room(len(self.ids) + len(new), matrix.shape[1])
        for case_id in new:
            self.place[case_id] = len(self.ids)
            self.ids.append(case_id)
        at = np.array([self.place[case_id] for case_id in case_ids])
        self.matrix[at] = matrix
        for column, codes in enumerate(self.code_of):
            if column == RESOLVED:
                self.resolved[at] = [f[column].timestamp() if f[column] else -np.inf for f in facts]  # type: ignore[attr-defined]  # datetime
            else:
                self.codes[at, column] = [codes.setdefault(f[column], len(codes)) for f in facts]  # type: ignore[arg-type]  # text
        self.alive[at] = True  # last: a search in another thread may be half-way

    def _make_room(self, rows: int, dimensions: int) -> None:
        if rows <= len(self.matrix):
            return
        room, had = max(1024, rows + rows // 8), len(self.ids)
        matrix = np.empty((room, dimensions), np.float32)
        codes = np.zeros((room, len(COLUMNS)), np.int32)
        resolved = np.full(room, -np.inf)
        alive = np.zeros(room, bool)
        if had:
            matrix[:had], codes[:had] = self.matrix[:had], self.codes[:had]
            resolved[:had], alive[:had] = self.resolved[:had], self.alive[:had]
        self.matrix, self.codes, self.resolved, self.alive = matrix, codes, resolved, alive

    def keep(self, case_ids: set[str]) -> None:
        """Forgets every row that is not among `case_ids`, its vector too."""
        for case_id in [c for c in self.place if c not in case_ids]:
            at = self.place.pop(case_id)
            self.ids[at] = ""
            self.alive[at] = False
            self.matrix[at] = 0

    def nearest(self, vector: NDArray[np.float32], k: int, filters: Filters) -> list[tuple[str, float]]:
        """Ids and cosines of the k nearest rows that pass the filters, nearest first."""
        n = len(self.ids)
        mask = self._mask(filters, n)
        if not mask.any():
            return []
        cosines = np.where(mask, self.matrix[:n] @ vector, -np.inf)  # (n,)
        k = min(k, int(mask.sum()))
        top = np.argpartition(-cosines, k - 1)[:k] if k < n else np.arange(n)
        top = top[np.lexsort((top, -cosines[top]))][:k]
        return [(self.ids[i], float(cosines[i])) for i in top if self.ids[i]]

    def _mask(self, filters: Filters, n: int) -> NDArray[np.bool_]:
        mask = self.alive[:n].copy()
        for name, value in filters.equal().items():
            column = COLUMNS.index(name)
            mask &= self.codes[:n, column] == self.code_of[column].get(value, -1)
        if filters.resolved_after:
            mask &= self.resolved[:n] >= filters.resolved_after.timestamp()
        for case_id in filters.not_cases:
            if case_id in self.place:
                mask[self.place[case_id]] = False
        return mask

    def cosines(self, vector: NDArray[np.float32], case_ids: list[str]) -> dict[str, float]:
        known = [c for c in case_ids if c in self.place]
        if not known:
            return {}
        values = self.matrix[[self.place[c] for c in known]] @ vector
        return {c: float(v) for c, v in zip(known, values, strict=True)}

    def vectors(self, case_ids: list[str]) -> dict[str, NDArray[np.float32]]:
        return {c: self.matrix[self.place[c]] for c in case_ids if c in self.place}


class Memory:
    """The vectors of every organisation that was asked for lately; one per process."""

    def __init__(self) -> None:
        self._rows: OrderedDict[tuple[str, str], Rows] = OrderedDict()
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def space(self, cases: Cases, model: str) -> "InMemory | InDatabase":
        """Returns where the organisation's vectors are searched: here on SQLite, in the database on PostgreSQL."""
        return InMemory(await self.rows(cases, model)) if cases.is_sqlite else InDatabase(cases, model)

    async def rows(self, cases: Cases, model: str) -> Rows:
        """Returns the organisation's rows; one cheap query where nothing changed.

        For sessions that only read: what a transaction wrote and rolled back would stay.
        """
        key = (cases.organisation_id, model)
        async with self._locks.setdefault(key, asyncio.Lock()):
            rows = self._rows.setdefault(key, Rows())
            self._rows.move_to_end(key)
            version, removed = await cases.version()
            if rows.version < version:
                if rows.version >= 0 and removed > rows.version:
                    rows.keep(await cases.vector_ids(model))
                    if len(rows) < len(rows.ids) // 2:
                        rows = self._rows[key] = Rows()
                async for part in cases.vectors(model, since=rows.version):
                    rows.put(part.case_ids, part.matrix, part.facts)
                rows.version = version
            self._forget_the_longest_unasked()
            return rows

    def _forget_the_longest_unasked(self) -> None:
        while len(self._rows) > 1 and sum(len(r) for r in self._rows.values()) > MAX_ROWS:
            self._rows.popitem(last=False)


class InMemory:
    """Exact search over rows in memory."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def nearest(self, vector: NDArray[np.float32], k: int, filters: Filters) -> dict[str, float]:
        """Cosines of the k nearest cases that pass the filters, nearest first."""
        # A product over 100,000 rows takes 6 ms without the interpreter's lock.
        return dict(await asyncio.to_thread(self._rows.nearest, vector, k, filters))

    async def cosines(self, vector: NDArray[np.float32], case_ids: list[str]) -> dict[str, float]:
        return self._rows.cosines(vector, case_ids)

    async def vectors(self, case_ids: list[str]) -> dict[str, NDArray[np.float32]]:
        return self._rows.vectors(case_ids)


class InDatabase:
    """Approximate search by pgvector."""

    def __init__(self, cases: Cases, model: str) -> None:
        self._cases, self._model = cases, model

    async def nearest(self, vector: NDArray[np.float32], k: int, filters: Filters) -> dict[str, float]:
        """Cosines of the k nearest cases that pass the filters, nearest first."""
        return dict(await self._cases.nearest(vector, self._model, k, filters))

    async def cosines(self, vector: NDArray[np.float32], case_ids: list[str]) -> dict[str, float]:
        return await self._cases.cosines(vector, self._model, case_ids)

    async def vectors(self, case_ids: list[str]) -> dict[str, NDArray[np.float32]]:
        return await self._cases.vectors_of(case_ids, self._model)
