"""The repository of cases on both databases: rows, words and vectors go together, and stay in one organisation."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, event, func, select, text

from triage.cases.index import Memory
from triage.cases.values import Case, Filters, Outcome
from triage.config import Settings
from triage.ids import new_id
from triage.store.engine import Store
from triage.store.repositories.cases import Cases
from triage.store.tables import CaseRecord, Conversation, Customer, Embedding, Organisation

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def a_case(problem: str, **fields: Any) -> Case:
    return Case(**{"id": new_id("case"), "summary": "", "problem": problem, "external_id": problem} | fields)


def unit(*numbers: float) -> np.ndarray:
    vector = np.zeros(384, np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.linalg.norm(vector)


async def put(store: Store, organisation: Organisation, *cases: Case, vectors: np.ndarray | None = None) -> list[str]:
    if vectors is None:
        vectors = np.stack([unit(1, i + 1) for i in range(len(cases))])
    async with store.write() as session:
        return await Cases(session, organisation.id).upsert(cases, vectors, "m", NOW)


async def lexical(store: Store, organisation: Organisation, *stems: str, filters: Filters | None = None) -> list[str]:
    async with store.read() as session:
        return await Cases(session, organisation.id).lexical(stems, 10, filters)


async def test_a_case_comes_back_as_it_went_in(store: Store, organisation: Organisation) -> None:
    case = a_case(
        "The kettle leaks",
        summary="Defect; replacement sent.",
        failure="defect_or_outage",
        frustration=3,
        urgency=2,
        product="kettle",
        channel="email",
        remedy="replacement",
        cost=24.5,
        currency="GBP",
        outcome=Outcome(csat=5, reopened=False),
        resolved_at=NOW,
    )
    await put(store, organisation, case)
    async with store.read() as session:
        assert await Cases(session, organisation.id).get(case.id) == case


async def test_the_same_external_id_keeps_its_row_and_takes_the_new_words(
    store: Store, organisation: Organisation
) -> None:
    (first,) = await put(store, organisation, a_case("old kettle", external_id="T-1"))
    (second,) = await put(store, organisation, a_case("new toaster", external_id="T-1"))
    assert first == second
    assert await lexical(store, organisation, "kettl") == []
    assert await lexical(store, organisation, "toaster") == [first]
    async with store.read() as session:
        assert await Cases(session, organisation.id).count() == 1


async def test_of_two_alike_in_one_batch_the_last_counts(store: Store, organisation: Organisation) -> None:
    ids = await put(store, organisation, a_case("kettle", external_id="T-1"), a_case("toaster", external_id="T-1"))
    assert len(ids) == 1
    async with store.read() as session:
        vectors = await Cases(session, organisation.id).vectors_of(ids, "m")
        assert np.allclose(vectors[ids[0]], unit(1, 2), atol=1e-3)
    assert await lexical(store, organisation, "toaster") == ids


async def test_organisations_never_see_each_other(
    store: Store, two_organisations: tuple[Organisation, Organisation]
) -> None:
    ours, theirs = two_organisations
    mine, other = a_case("leaking kettle", external_id="T-1"), a_case("leaking kettle", external_id="T-1")
    await put(store, ours, mine)
    await put(store, theirs, other)
    assert await lexical(store, ours, "kettl", "leak") == [mine.id]
    async with store.read() as session:
        cases = Cases(session, ours.id)
        assert await cases.get(other.id) is None
        assert await cases.counts(["kettl"]) == {"kettl": 1}
        assert await cases.vectors_of([other.id], "m") == {}
        assert [part.case_ids async for part in cases.vectors("m")] == [[mine.id]]
        assert sum(t.cases for t in await cases.tallies()) == 1
    async with store.write() as session:
        assert await Cases(session, ours.id).delete([other.id]) == 0
        assert not await Cases(session, ours.id).set_outcome(other.id, Outcome(csat=1))
    async with store.read() as session:
        assert await Cases(session, theirs.id).get(other.id) == other


async def test_an_organisation_that_looks_like_a_query_finds_only_its_own(
    store: Store, organisation: Organisation
) -> None:
    await put(store, organisation, a_case("leaking kettle"))
    async with store.read() as session:
        for id in ('" OR terms : "kettl', f"{organisation.id}' --", organisation.id.upper(), ""):
            assert await Cases(session, id).lexical(["kettl"], 10) == []


FILTERS = [
    (Filters(), {"a", "b", "c"}),
    (Filters(failure="billing"), {"a", "b"}),
    (Filters(failure="billing", channel="chat"), {"b"}),
    (Filters(product="lamp"), {"c"}),
    (Filters(language="de"), set()),
    (Filters(resolved_after=datetime(2026, 6, 1, tzinfo=UTC)), {"b"}),
    (Filters(remedy="refund"), {"a"}),
]


async def test_filters_hold_for_words_and_for_vectors(store: Store, organisation: Organisation) -> None:
    cases = [
        a_case("kettle", external_id="a", failure="billing", channel="email", remedy="refund"),
        a_case("kettle", external_id="b", failure="billing", channel="chat", resolved_at=NOW),
        a_case("kettle", external_id="c", product="lamp", resolved_at=datetime(2026, 5, 1, tzinfo=UTC)),
    ]
    await put(store, organisation, *cases)
    names = {case.id: case.external_id for case in cases}
    async with store.read() as session:
        here = Cases(session, organisation.id)
        space = await Memory().space(here, "m")
        for filters, found in FILTERS:
            assert {names[i] for i in await here.lexical(["kettl"], 10, filters)} == found, filters
            assert {names[i] for i in await space.nearest(unit(1, 1), 10, filters)} == found, filters


async def test_not_cases_are_left_out(store: Store, organisation: Organisation) -> None:
    a, b = a_case("kettle", external_id="a"), a_case("kettle", external_id="b")
    await put(store, organisation, a, b)
    assert await lexical(store, organisation, "kettl", filters=Filters(not_cases=frozenset({a.id}))) == [b.id]


@pytest.mark.parametrize("store_settings", ["postgres"], indirect=True)
async def test_nearest_by_pgvector_is_ordered_and_exact_to_half_precision(
    store: Store, organisation: Organisation
) -> None:
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(300, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = await put(store, organisation, *[a_case(f"case {i}") for i in range(300)], vectors=vectors)
    async with store.read() as session:
        found = await Cases(session, organisation.id).nearest(vectors[17], "m", 10)
    exact = vectors @ vectors[17]
    assert [i for i, _ in found] == [ids[i] for i in np.argsort(-exact)[:10]]
    assert [c for _, c in found] == pytest.approx(np.sort(exact)[::-1][:10], abs=2e-3)


@pytest.mark.parametrize("store_settings", ["postgres"], indirect=True)
async def test_the_vector_index_serves_the_query(store: Store, organisation: Organisation) -> None:
    """Asked to do without scan and sort, PostgreSQL can: the query is written as the index is."""
    await put(store, organisation, *[a_case(f"kettle {i}") for i in range(50)])
    asked: list[tuple[str, Any]] = []

    def listen(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        asked.append((statement, parameters))

    async with store.read() as session:
        event.listen(store.engine.sync_engine, "before_cursor_execute", listen)
        await Cases(session, organisation.id).nearest(unit(1, 2), "m", 10)
        event.remove(store.engine.sync_engine, "before_cursor_execute", listen)
        for off in ("enable_seqscan", "enable_sort"):
            await session.execute(text(f"SET LOCAL {off} = off"))
        connection = await session.connection()
        plan = await connection.exec_driver_sql(f"EXPLAIN {asked[-1][0]}", asked[-1][1])
        assert "ix_embedding_vector" in "\n".join(row[0] for row in plan)


@pytest.mark.parametrize("store_settings", ["postgres"], indirect=True)
async def test_a_rare_filter_still_fills_the_list(store: Store, organisation: Organisation) -> None:
    rng = np.random.default_rng(8)
    vectors = rng.normal(size=(600, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cases = [a_case(f"case {i}", product="lamp" if i % 60 == 0 else "kettle") for i in range(600)]
    await put(store, organisation, *cases, vectors=vectors)
    async with store.read() as session:
        found = await Cases(session, organisation.id).nearest(vectors[5], "m", 10, Filters(product="lamp"))
    assert len(found) == 10


async def test_erased_with_the_customer(store: Store, organisation: Organisation) -> None:
    customer = Customer(id=new_id("cus"), organisation_id=organisation.id, source="s", external_id="c", created_at=NOW)
    conversation = Conversation(
        id=new_id("cnv"), organisation_id=organisation.id, customer_id=customer.id, source="s", external_id="v",
        channel="email", created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    async with store.write() as session:
        session.add(customer)
        await session.flush()
        session.add(conversation)
        await session.flush()
        await Cases(session, organisation.id).upsert(
            [a_case("zanzibar kettle")], np.stack([unit(1)]), "m", NOW, conversation_id=conversation.id
        )
    async with store.read() as session:
        found = await Cases(session, organisation.id).of_conversation(conversation.id)
        assert found is not None
        assert found.problem == "zanzibar kettle"
    async with store.write() as session:
        await session.execute(delete(Customer).where(Customer.id == customer.id))
    assert await lexical(store, organisation, "zanzibar") == []
    async with store.read() as session:
        for table in (CaseRecord, Embedding):
            assert await session.scalar(select(func.count()).select_from(table)) == 0
        if store.is_sqlite:
            assert await session.scalar(text("SELECT count(*) FROM case_search")) == 0


@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
async def test_a_deleted_case_leaves_no_byte(
    store: Store, store_settings: Settings, organisation: Organisation
) -> None:
    secret = a_case("zanzibar zanzibarly kettle", summary="quixotically replaced")
    others = [a_case(f"an ordinary kettle number {i}") for i in range(200)]
    vector = unit(0.123, 0.456, 0.789)
    await put(store, organisation, *others)
    await put(store, organisation, secret, vectors=np.stack([vector]))
    traces = [b"zanzibar", b"quixot", secret.id.encode(), vector[:3].tobytes()]
    before = await bytes_of(store, store_settings.data)
    assert [trace for trace in traces if trace not in before] == []
    async with store.write() as session:
        assert await Cases(session, organisation.id).delete([secret.id]) == 1
    left = await bytes_of(store, store_settings.data)
    assert [trace for trace in traces if trace in left] == []


async def bytes_of(store: Store, folder: Path) -> bytes:
    """What stands in the database's file once its log has been written into it."""
    async with store.engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return b"".join(file.read_bytes() for file in folder.glob("amends.db*"))


@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
async def test_vacuum_keeps_words_and_cases_together(store: Store, organisation: Organisation) -> None:
    cases = [a_case(f"kettle word{i}") for i in range(20)]
    await put(store, organisation, *cases)
    async with store.write() as session:
        await Cases(session, organisation.id).delete([c.id for c in cases[:10]])
    async with store.engine.connect() as opened:
        connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
        await connection.commit()
        raw = await connection.get_raw_connection()
        await raw.driver_connection.execute("VACUUM")
    assert await lexical(store, organisation, "word15") == [cases[15].id]


@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
async def test_versions_tell_what_changed(store: Store, organisation: Organisation) -> None:
    async with store.read() as session:
        assert await Cases(session, organisation.id).version() == (0, 0)
    ids = await put(store, organisation, a_case("one"), a_case("two"))
    await put(store, organisation, a_case("three"))
    async with store.read() as session:
        cases = Cases(session, organisation.id)
        assert await cases.version() == (2, 0)
        assert sum(len(part.case_ids) for part in [p async for p in cases.vectors("m", since=1)]) == 1
    async with store.write() as session:
        await Cases(session, organisation.id).delete([ids[0]])
    async with store.read() as session:
        assert await Cases(session, organisation.id).version() == (3, 3)


async def test_tallies_group_endings(store: Store, organisation: Organisation) -> None:
    good, bad = Outcome(csat=5, reopened=False), Outcome(reopened=True)
    await put(
        store,
        organisation,
        a_case("a", failure="billing", frustration=4, remedy="refund", cost=10.0, currency="EUR", outcome=good),
        a_case("b", failure="billing", frustration=3, remedy="refund", cost=20.0, currency="EUR", outcome=good),
        a_case("c", failure="billing", frustration=1, remedy="refund", outcome=bad),
    )
    async with store.read() as session:
        tallies = await Cases(session, organisation.id).tallies()
    found = {(t.severe, t.outcome): (t.cases, t.cost, t.cost_squared, t.costed, t.currency) for t in tallies}
    assert found == {(True, good): (2, 30.0, 500.0, 2, "EUR"), (False, bad): (1, 0.0, 0.0, 0, None)}


async def test_vectors_of_another_model_live_beside(store: Store, organisation: Organisation) -> None:
    (case_id,) = await put(store, organisation, a_case("kettle"))
    async with store.write() as session:
        cases = Cases(session, organisation.id)
        assert await cases.without_vector("new", 10) == [(case_id, "kettle")]
        await cases.put_vectors([case_id], np.stack([unit(0, 1)]), "new")
        assert await cases.without_vector("new", 10) == []
        assert await cases.embedded([case_id], "m") == {case_id}
        vectors = await cases.vectors_of([case_id], "m")
    assert np.allclose(vectors[case_id], unit(1, 1), atol=1e-3)
