"""Resolved cases: rows, text index and vectors of one organisation."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Double,
    Row,
    Select,
    bindparam,
    column,
    delete,
    func,
    literal_column,
    select,
    table,
    text,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from triage.cases.terms import terms
from triage.cases.values import Case, Filters, Outcome, Tally
from triage.store.repositories import owns
from triage.store.tables import CaseIndex, CaseRecord, Embedding

COMMON = 5_000
"""Cases are counted up to here for a word: what is in more of them is common, however many."""
FTS = table("case_fts", column("rowid"))
SEARCH = table("case_search", column("number"), column("case_id"))
"""The text index of SQLite, and the numbers that stand for cases in it (migration 0002)."""
FACTS = (
    CaseRecord.failure,
    CaseRecord.product,
    CaseRecord.channel,
    CaseRecord.language,
    CaseRecord.remedy,
    CaseRecord.resolved_at,
)
"""What filters look at."""
RANKED = (
    "id", "failure", "frustration", "product", "channel", "remedy", "cost", "currency", "resolved_at",
)  # fmt: skip
"""What ranking looks at, besides outcome and terms."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors of cases by one model, row by row with their cases and the facts that filters look at."""

    case_ids: list[str]
    matrix: NDArray[np.float32]  # (cases, dimensions)
    facts: list[tuple[Any, ...]]  # in the order of FACTS


class Cases:
    """All queries about the cases of one organisation."""

    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id
        self.is_sqlite = session.get_bind().dialect.name == "sqlite"

    async def upsert(
        self,
        cases: Sequence[Case],
        vectors: NDArray[np.float32] | None,
        model: str,
        now: datetime,
        *,
        conversation_id: str | None = None,
    ) -> list[str]:
        """Writes cases by their external ids and returns the ids of their rows; a known external id keeps its row.

        Ids come in the order in which external ids first stand in `cases`.
        `vectors` is (len(cases), dimensions), or None to leave the embedding to a later pass.
        """
        if not cases:
            return []
        places = {case.external_id or case.id: i for i, case in enumerate(cases)}  # of two alike, the last counts
        known = await self._ids(list(places))
        rows = [self._row(cases[i], known, now, conversation_id) for i in places.values()]
        insert: Any = (sqlite if self.is_sqlite else postgresql).insert(CaseRecord)
        kept = ("id", "organisation_id", "external_id", "created_at") + (
            () if conversation_id else ("conversation_id",)
        )
        await self.session.execute(
            insert.on_conflict_do_update(
                index_elements=["organisation_id", "external_id"],
                set_={name: insert.excluded[name] for name in rows[0] if name not in kept},
            ),
            rows,
        )
        ids = [row["id"] for row in rows]
        if vectors is not None:
            await self.put_vectors(ids, vectors[list(places.values())], model)
        else:
            await self._touch(ids)
        return ids

    async def put_vectors(self, case_ids: Sequence[str], vectors: NDArray[np.float32], model: str) -> None:
        """Writes or replaces the vectors of cases by `model`, and marks the cases as changed."""
        insert: Any = (sqlite if self.is_sqlite else postgresql).insert(Embedding)
        await self.session.execute(
            insert.on_conflict_do_update(
                index_elements=["case_id", "model"],
                set_={"vector": insert.excluded["vector"]},
                where=Embedding.organisation_id == self.organisation_id,
            ),
            [
                {"case_id": case_id, "model": model, "organisation_id": self.organisation_id, "vector": vector}
                for case_id, vector in zip(case_ids, vectors, strict=True)
            ],
        )
        await self._touch(case_ids)

    async def set_outcome(self, case_id: str, outcome: Outcome) -> bool:
        """Replaces how a case ended; whether there is such a case."""
        changed = await self.session.execute(
            update(CaseRecord)
            .where(CaseRecord.organisation_id == self.organisation_id, CaseRecord.id == case_id)
            .values(outcome=_known(outcome))
            .returning(CaseRecord.id)
        )
        return changed.first() is not None

    async def get(self, case_id: str) -> Case | None:
        found = await self.many([case_id])
        return found.get(case_id)

    async def of_conversation(self, conversation_id: str) -> Case | None:
        """The case that this conversation became, if any."""
        row = await self.session.scalar(
            select(CaseRecord).where(
                CaseRecord.organisation_id == self.organisation_id, CaseRecord.conversation_id == conversation_id
            )
        )
        return _case(row) if row else None

    async def many(self, case_ids: Sequence[str]) -> dict[str, Case]:
        rows = await self.session.scalars(
            select(CaseRecord).where(self._owns(CaseRecord.organisation_id), CaseRecord.id.in_(list(case_ids)))
        )
        return {row.id: _case(row) for row in rows}

    async def facts(self, case_ids: Sequence[str]) -> dict[str, tuple[Case, list[str]]]:
        """Cases without their words, and the stems of those: what ranking needs of many."""
        rows = await self.session.execute(
            select(*(getattr(CaseRecord, name) for name in RANKED), CaseRecord.outcome, CaseRecord.terms).where(
                self._owns(CaseRecord.organisation_id), CaseRecord.id.in_(list(case_ids))
            )
        )
        return {
            row[0]: (
                Case(**dict(zip(RANKED, row, strict=False)), summary="", problem="", outcome=Outcome(**row[-2])),
                row[-1].split(),
            )
            for row in rows
        }

    def _owns(self, column: Any) -> ColumnElement[bool]:
        return owns(column, self.organisation_id)

    async def by_external_id(self, external_ids: Sequence[str]) -> dict[str, Case]:
        rows = await self.session.scalars(
            select(CaseRecord).where(
                CaseRecord.organisation_id == self.organisation_id, CaseRecord.external_id.in_(list(external_ids))
            )
        )
        return {row.external_id: _case(row) for row in rows}

    async def _ids(self, external_ids: Sequence[str]) -> dict[str, str]:
        """Ids of the cases that are there already, by external id."""
        rows = await self.session.execute(
            select(CaseRecord.external_id, CaseRecord.id).where(
                CaseRecord.organisation_id == self.organisation_id, CaseRecord.external_id.in_(list(external_ids))
            )
        )
        return {external_id: case_id for external_id, case_id in rows}

    async def embedded(self, case_ids: Sequence[str], model: str) -> set[str]:
        """Those of the cases that have a vector by `model`."""
        return set(
            await self.session.scalars(
                select(Embedding.case_id).where(
                    self._owns(Embedding.organisation_id),
                    Embedding.model == model,
                    Embedding.case_id.in_(list(case_ids)),
                )
            )
        )

    async def without_vector(self, model: str, limit: int) -> Sequence[Row[str, str]]:
        """Ids and problems of cases that `model` has not embedded yet, oldest first."""
        has = select(Embedding.case_id).where(Embedding.case_id == CaseRecord.id, Embedding.model == model).exists()
        rows = await self.session.execute(
            select(CaseRecord.id, CaseRecord.problem)
            .where(CaseRecord.organisation_id == self.organisation_id, ~has)
            .order_by(CaseRecord.id)
            .limit(limit)
        )
        return rows.all()

    async def delete(self, case_ids: Sequence[str]) -> int:
        """Removes cases with their words and vectors, and returns how many there were."""
        gone = await self.session.execute(
            delete(CaseRecord)
            .where(self._owns(CaseRecord.organisation_id), CaseRecord.id.in_(list(case_ids)))
            .returning(CaseRecord.id)
        )
        count = len(gone.all())
        if count:
            await self.scrub()
        return count

    async def scrub(self) -> None:
        """Takes the words of removed cases out of the text index's pages; call it after any erasure.

        FTS5 marks a removed row and keeps its words until segments are merged; merging all of 100,000 cases takes
        about a second. PostgreSQL's pages are cleaned by its vacuum.
        """
        if self.is_sqlite:
            await self.session.execute(text("INSERT INTO case_fts (case_fts) VALUES ('optimize')"))

    async def count(self) -> int:
        found = await self.session.scalar(
            select(func.count()).select_from(CaseRecord).where(CaseRecord.organisation_id == self.organisation_id)
        )
        return found or 0

    async def counts(self, stems: Sequence[str]) -> dict[str, int]:
        """In how many cases each stem stands, counted up to COMMON."""
        if not stems:
            return {}
        # Written out: the expression language needs longer to put together sixty subqueries than they take to run.
        parts = " UNION ALL ".join(
            f"SELECT {i}, (SELECT count(*) FROM (SELECT 1 {self._holding(f':q{i}')} LIMIT {COMMON}) AS holding)"
            for i in range(len(stems))
        )
        queries = {f"q{i}": self._query([stem]) for i, stem in enumerate(stems)}
        rows = await self.session.execute(text(parts), queries | {"organisation_id": self.organisation_id})
        return {stems[i]: count for i, count in rows}

    def _holding(self, query: str) -> str:
        if self.is_sqlite:
            return f"FROM case_fts WHERE case_fts MATCH {query} AND :organisation_id <> ''"
        found = f"text_search @@ to_tsquery('simple', {query})"
        return f"FROM case_record WHERE organisation_id = :organisation_id AND {found}"

    def _query(self, stems: Sequence[str]) -> str:
        """What finds any of the stems; they are letters and digits, so quoting them is safe."""
        if self.is_sqlite:
            any_of = " OR ".join(f'"{stem}"' for stem in stems)
            return f'organisation : "{self.organisation_id.encode().hex()}" AND terms : ({any_of})'
        return " | ".join(f"'{stem}'" for stem in stems)

    def _matches(self, stems: Sequence[str]) -> ColumnElement[bool]:
        """Whether a case holds one of the stems."""
        query: Any = bindparam(None, self._query(stems), unique=True)
        if self.is_sqlite:
            return literal_column("case_fts").op("MATCH")(query)
        return literal_column("case_record.text_search").op("@@")(func.to_tsquery("simple", query))

    async def lexical(self, stems: Sequence[str], limit: int, filters: Filters | None = None) -> list[str]:
        """Ids of cases that hold any of the stems, best match first: bm25 on SQLite, ts_rank on PostgreSQL."""
        if not stems:
            return []
        conditions = self._conditions(filters)
        if self.is_sqlite:
            query: Select[Any] = (
                select(SEARCH.c.case_id)
                .join_from(SEARCH, FTS, FTS.c.rowid == SEARCH.c.number)
                .where(self._matches(stems))
                .order_by(literal_column("bm25(case_fts, 0.0, 1.0)"), SEARCH.c.number)
                .limit(limit)
            )
            if len(conditions) > 1:
                query = query.join(CaseRecord, CaseRecord.id == SEARCH.c.case_id).where(*conditions)
        else:
            # 1: a long case is not better for being long.
            rank = func.ts_rank(
                literal_column("case_record.text_search"), func.to_tsquery("simple", self._query(stems)), 1
            )
            query = (
                select(CaseRecord.id)
                .where(*conditions, self._matches(stems))
                .order_by(rank.desc(), CaseRecord.id)
                .limit(limit)
            )
        return list((await self.session.scalars(query)).all())

    def _conditions(self, filters: Filters | None) -> list[ColumnElement[bool]]:
        conditions = [CaseRecord.organisation_id == self.organisation_id]
        for name, value in (filters or Filters()).equal().items():
            conditions.append(getattr(CaseRecord, name) == value)
        if filters and filters.resolved_after:
            conditions.append(CaseRecord.resolved_at >= filters.resolved_after)
        if filters and filters.not_cases:
            conditions.append(CaseRecord.id.not_in(list(filters.not_cases)))
        return conditions

    async def nearest(
        self, vector: NDArray[np.float32], model: str, k: int, filters: Filters | None = None
    ) -> list[tuple[str, float]]:
        """Ids of the k nearest cases with their cosines, by pgvector's HNSW index (PostgreSQL only)."""
        # Filters are applied to what the index yields: it goes on yielding until k are found.
        await self.session.execute(
            select(
                func.set_config("hnsw.iterative_scan", "relaxed_order", True),
                func.set_config("hnsw.ef_search", str(max(40, min(k, 1000))), True),
            )
        )
        distance = _distance(vector)
        rows = await self.session.execute(
            select(Embedding.case_id, (1 - distance).label("cosine"))
            .join(CaseRecord, CaseRecord.id == Embedding.case_id)
            .where(
                Embedding.organisation_id == self.organisation_id, Embedding.model == model, *self._conditions(filters)
            )
            .order_by(distance)
            .limit(k)
        )
        return sorted(((case_id, float(cosine)) for case_id, cosine in rows), key=lambda row: -row[1])

    async def cosines(self, vector: NDArray[np.float32], model: str, case_ids: Sequence[str]) -> dict[str, float]:
        """Cosines of the given cases (PostgreSQL only)."""
        if not case_ids:
            return {}
        rows = await self.session.execute(
            select(Embedding.case_id, 1 - _distance(vector)).where(
                self._owns(Embedding.organisation_id),
                Embedding.model == model,
                Embedding.case_id.in_(list(case_ids)),
            )
        )
        return {case_id: float(cosine) for case_id, cosine in rows}

    async def vectors_of(self, case_ids: Sequence[str], model: str) -> dict[str, NDArray[np.float32]]:
        rows = await self.session.execute(
            select(Embedding.case_id, Embedding.vector).where(
                self._owns(Embedding.organisation_id),
                Embedding.model == model,
                Embedding.case_id.in_(list(case_ids)),
            )
        )
        return {case_id: vector for case_id, vector in rows}

    async def version(self) -> tuple[int, int]:
        """(version, version of the last removal) of the organisation's vectors (SQLite)."""
        row = (
            await self.session.execute(
                select(CaseIndex.version, CaseIndex.removed).where(CaseIndex.organisation_id == self.organisation_id)
            )
        ).one_or_none()
        return (row[0], row[1]) if row else (0, 0)

    async def vectors(self, model: str, since: int = -1) -> AsyncIterator[Vectors]:
        """Yields, some thousands at a time, the vectors of `model` that changed after version `since`."""
        rows = await self.session.stream(
            select(Embedding.case_id, Embedding.vector, *FACTS)
            .join(CaseRecord, CaseRecord.id == Embedding.case_id)
            .where(
                Embedding.organisation_id == self.organisation_id,
                Embedding.model == model,
                Embedding.version > since if since >= 0 else true(),
            )
            .execution_options(yield_per=4_000)
        )
        async for part in rows.partitions():
            yield Vectors([r[0] for r in part], np.stack([r[1] for r in part]), [tuple(r[2:]) for r in part])

    async def vector_ids(self, model: str) -> set[str]:
        """Ids of all cases that have a vector by `model`."""
        return set(
            await self.session.scalars(
                select(Embedding.case_id).where(
                    Embedding.organisation_id == self.organisation_id, Embedding.model == model
                )
            )
        )

    async def tallies(self) -> list[Tally]:
        """How cases ended, by failure, severity and remedy: a few hundred rows however many cases there are."""
        severe = func.coalesce(CaseRecord.frustration, 0) >= 3
        outcome = [
            CaseRecord.outcome["csat"].as_integer(),
            *(CaseRecord.outcome[name].as_boolean() for name in ("reopened", "kept", "accepted")),
        ]
        keys = (CaseRecord.failure, severe, CaseRecord.remedy, CaseRecord.currency, *outcome)
        rows = await self.session.execute(
            select(
                *keys,
                func.count(),
                func.coalesce(func.sum(CaseRecord.cost), 0.0),
                func.coalesce(func.sum(CaseRecord.cost * CaseRecord.cost), 0.0),
                func.count(CaseRecord.cost),
            )
            .where(CaseRecord.organisation_id == self.organisation_id)
            .group_by(*keys)
        )
        return [
            Tally(failure, bool(severe), remedy, Outcome(*ending), cases, cost, squared, costed, currency)
            for failure, severe, remedy, currency, *ending, cases, cost, squared, costed in rows
        ]

    async def _touch(self, case_ids: Sequence[str]) -> None:
        """Marks vectors as changed for the processes that keep them in memory."""
        if not self.is_sqlite:
            return
        insert = sqlite.insert(CaseIndex).values(organisation_id=self.organisation_id, version=1, removed=0)
        version = await self.session.scalar(
            insert.on_conflict_do_update(
                index_elements=["organisation_id"], set_={"version": CaseIndex.version + 1}
            ).returning(CaseIndex.version)
        )
        await self.session.execute(
            update(Embedding)
            .where(self._owns(Embedding.organisation_id), Embedding.case_id.in_(list(case_ids)))
            .values(version=version)
            .execution_options(synchronize_session=False)
        )

    def _row(self, case: Case, known: Mapping[str, str], now: datetime, conversation_id: str | None) -> dict[str, Any]:
        external_id = case.external_id or case.id
        return {
            "id": known.get(external_id, case.id),
            "organisation_id": self.organisation_id,
            "external_id": external_id,
            "conversation_id": conversation_id,
            "summary": case.summary,
            "problem": case.problem,
            "failure": case.failure,
            "frustration": case.frustration,
            "urgency": case.urgency,
            "product": case.product,
            "channel": case.channel,
            "language": case.language,
            "remedy": case.remedy,
            "cost": case.cost,
            "currency": case.currency,
            "outcome": _known(case.outcome),
            "resolved_at": case.resolved_at,
            "terms": " ".join(terms(f"{case.problem} {case.summary}")),
            "created_at": now,
        }


def _distance(vector: NDArray[np.float32]) -> Any:
    """1 - cosine, by pgvector."""
    return Embedding.vector.op("<=>", return_type=Double())(bindparam("vector", vector, Embedding.vector.type))


def _known(outcome: Outcome) -> dict[str, Any]:
    return {name: value for name, value in asdict(outcome).items() if value is not None}


def _case(row: CaseRecord) -> Case:
    return Case(
        id=row.id,
        summary=row.summary,
        problem=row.problem,
        failure=row.failure,
        frustration=row.frustration,
        urgency=row.urgency,
        product=row.product,
        channel=row.channel,
        language=row.language,
        remedy=row.remedy,
        cost=row.cost,
        currency=row.currency,
        outcome=Outcome(**row.outcome),
        resolved_at=row.resolved_at,
        external_id=row.external_id,
    )
