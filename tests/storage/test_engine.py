"""One contract, two databases: what a session promises, run on both."""

import asyncio
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from triage.config import Settings
from triage.ids import new_id
from triage.store.engine import Store
from triage.store.tables import (
    Conversation,
    Customer,
    Draft,
    Embedding,
    Message,
    Organisation,
    Table,
)

SQLITE_ONLY = pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)


async def count(store: Store, table: Any) -> int:
    async with store.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def add(store: Store, *rows: Any) -> None:
    """Stores rows in the order given."""
    async with store.write() as session:
        for row in rows:
            session.add(row)
            await session.flush()


# Uniqueness, per organisation


@pytest.mark.parametrize("kind", ["customer", "conversation", "message"])
async def test_an_external_id_is_unique_within_one_organisation_only(
    store: Store, build: Any, two_organisations: tuple[Organisation, Organisation], kind: str
) -> None:
    same = {"source": "helpdesk", "external_id": "1001"}

    def rows(organisation: Organisation) -> list[Any]:
        customer = build.customer(organisation, **same if kind == "customer" else {})
        conversation = build.conversation(customer, **same if kind == "conversation" else {})
        return [customer, conversation, build.message(conversation, **same if kind == "message" else {})]

    one, other = two_organisations
    await add(store, *rows(one))
    await add(store, *rows(other))
    with pytest.raises(IntegrityError):
        await add(store, *rows(one))
    assert await count(store, Message) == 2


@pytest.mark.parametrize("name", sorted(Table.metadata.tables.keys() - {"organisation"}))
def test_organisation_stands_first_in_every_key_and_index(name: str) -> None:
    """So that no query can use one across organisations."""
    table = Table.metadata.tables[name]
    assert "organisation_id" in table.c
    unique = [list(c.columns.keys()) for c in table.constraints if type(c).__name__ == "UniqueConstraint"]
    for columns in [*unique, *([c.name for c in index.columns] for index in table.indexes)]:
        assert columns[0] == "organisation_id"


async def test_of_writers_of_one_message_exactly_one_wins(store: Store, build: Any, organisation: Organisation) -> None:
    customer = build.customer(organisation)
    conversation = build.conversation(customer)
    await add(store, customer, conversation)

    async def write() -> bool:
        try:
            await add(store, build.message(conversation, external_id="the same"))
        except IntegrityError:
            return False
        return True

    assert sorted(await asyncio.gather(*(write() for _ in range(12)))) == [False] * 11 + [True]
    assert await count(store, Message) == 1


async def test_of_two_changes_to_one_version_exactly_one_wins(
    store: Store, build: Any, organisation: Organisation
) -> None:
    customer = build.customer(organisation)
    conversation = build.conversation(customer)
    await add(store, customer, conversation)
    statement = (
        Conversation.__table__.update()
        .where(Conversation.id == conversation.id, Conversation.version == 1)
        .values(version=2)
        .returning(Conversation.id)
    )

    async def change() -> int:
        async with store.write() as session:
            return len((await session.execute(statement)).all())

    assert sorted(await asyncio.gather(*(change() for _ in range(8)))) == [0] * 7 + [1]


# Transactions


async def test_an_error_rolls_everything_back(store: Store, build: Any, organisation: Organisation) -> None:
    async def fail() -> None:
        async with store.write() as session:
            session.add(build.customer(organisation))
            await session.flush()
            raise RuntimeError("after the flush")

    with pytest.raises(RuntimeError, match="after the flush"):
        await fail()
    assert await count(store, Customer) == 0
    await add(store, build.customer(organisation))  # and the next writer is not kept waiting
    assert await count(store, Customer) == 1


async def test_a_cancelled_writer_leaves_nothing_and_lets_the_next_one_in(
    store: Store, build: Any, organisation: Organisation
) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with store.write() as session:
            session.add(build.customer(organisation))
            await session.flush()
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await add(store, build.customer(organisation))
    assert await count(store, Customer) == 1


async def test_what_a_read_session_adds_is_not_kept(store: Store, build: Any, organisation: Organisation) -> None:
    async with store.read() as session:
        session.add(build.customer(organisation))
        await session.flush()
    assert await count(store, Customer) == 0


async def test_a_reader_sees_the_old_rows_and_waits_for_no_writer(
    store: Store, build: Any, organisation: Organisation
) -> None:
    async with store.write() as session:
        session.add(build.customer(organisation))
        await session.flush()
        async with asyncio.timeout(2):
            assert await count(store, Customer) == 0
    assert await count(store, Customer) == 1


@SQLITE_ONLY
async def test_a_writer_takes_the_lock_before_its_first_statement(store: Store, settings: Settings) -> None:
    """Or two that read first and write later would deadlock, and one be refused without waiting."""
    other = Store(settings)
    async with store.write(), other.read() as session:
        await session.execute(text("PRAGMA busy_timeout=0"))
        with pytest.raises(DBAPIError, match="locked"):
            await session.execute(text("DELETE FROM message"))
    await other.close()


async def test_many_tasks_write_and_read_at_once(store: Store, build: Any, organisation: Organisation) -> None:
    """32 tasks on a pool of fewer connections: nobody is refused, nothing is lost."""

    async def task(n: int) -> None:
        for i in range(5):
            await add(store, build.customer(organisation, external_id=f"{n}-{i}"))
            await count(store, Customer)

    await asyncio.gather(*(task(n) for n in range(32)))
    assert await count(store, Customer) == 160


async def test_two_processes_worth_of_stores_write_at_once(
    store_settings: Settings, build: Any, organisation: Organisation
) -> None:
    """Two engines on one database, as `serve` and `worker` are."""
    stores = [Store(store_settings), Store(store_settings)]

    async def task(store: Store) -> None:
        for _ in range(10):
            await add(store, build.customer(organisation))

    await asyncio.gather(*(task(store) for store in stores for _ in range(4)))
    assert await count(stores[0], Customer) == 80
    for store in stores:
        await store.close()


# Foreign keys


async def test_a_row_without_its_parent_is_refused(store: Store, build: Any, organisation: Organisation) -> None:
    stranger = build.conversation(build.customer(organisation))
    with pytest.raises(IntegrityError):
        await add(store, build.message(stranger))


async def test_deleting_an_organisation_takes_all_its_rows_and_no_others(
    store: Store, plant: Callable[..., Any], two_organisations: tuple[Organisation, Organisation]
) -> None:
    one, other = two_organisations
    await plant(one, "word")
    await plant(other, "word")
    before = {t.name: await count(store, t) for t in Table.metadata.sorted_tables}
    async with store.write() as session:
        await session.delete(await session.get_one(Organisation, one.id))
    for table in Table.metadata.sorted_tables:
        if table.name != "case_index":
            assert await count(store, table) == before[table.name] / 2, table.name


# Values


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    naive=st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)),
    offset=st.integers(min_value=-14 * 60, max_value=14 * 60),
)
@SQLITE_ONLY
async def test_a_time_comes_back_as_the_same_instant_in_utc(
    store: Store, build: Any, organisation: Organisation, naive: datetime, offset: int
) -> None:
    at = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    customer = build.customer(organisation, created_at=at)
    await add(store, customer)
    async with store.read() as session:
        found = await session.scalar(select(Customer.created_at).where(Customer.id == customer.id))
    assert found == at
    assert found is not None
    assert found.tzinfo == UTC


async def test_times_of_other_zones_are_compared_as_instants(
    store: Store, build: Any, organisation: Organisation
) -> None:
    """On SQLite times are text: only because all are UTC does their order say anything."""
    early = build.customer(organisation, created_at=datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=9))))
    late = build.customer(organisation, created_at=datetime(2026, 1, 1, 4, tzinfo=UTC))
    exact = build.customer(organisation, created_at=datetime(2026, 1, 1, 4, 0, 0, 1, tzinfo=UTC))
    await add(store, exact, late, early)
    async with store.read() as session:
        found = await session.scalars(
            select(Customer.id)
            .where(Customer.created_at < datetime(2026, 1, 2, tzinfo=UTC))
            .order_by(Customer.created_at)
        )
        assert found.all() == [early.id, late.id, exact.id]


async def test_a_time_without_a_zone_is_refused(store: Store, build: Any, organisation: Organisation) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        await add(store, build.customer(organisation, created_at=datetime(2026, 1, 1)))


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"amount": "42.00", "late": True, "days": 3, "share": 0.1, "nothing": None, "list": [1, [2, {"three": 3}]]},
        {"emoji": "😡", "rtl": "שלום", "quote": "\"'\\", "astral": "𝒳", "newline": "a\nb\u2028c"},
        None,
    ],
)
async def test_json_comes_back_as_it_went(store: Store, build: Any, organisation: Organisation, value: Any) -> None:
    customer = build.customer(organisation)
    conversation = build.conversation(customer, order=value)
    await add(store, customer, conversation)
    async with store.read() as session:
        found = await session.get_one(Conversation, conversation.id)
        assert found.order == value
        # NULL and JSON's null are two things to SQL; None is the first.
        assert await session.scalar(select(Conversation.order.is_(None))) is (value is None)


@pytest.mark.parametrize(
    "written", ["", "x" * 20_000, "😡" * 20_000, "a\r\nb\tc", "שלום \u202e abc \u0301", "' OR 1=1 --"]
)
async def test_text_comes_back_as_it_went(store: Store, build: Any, organisation: Organisation, written: str) -> None:
    customer = build.customer(organisation)
    conversation = build.conversation(customer)
    message = build.message(conversation, text=written)
    await add(store, customer, conversation, message)
    async with store.read() as session:
        assert await session.scalar(select(Message.text)) == written


async def test_a_vector_comes_back_as_near_as_retrieval_needs(store: Store, planted: Any) -> None:
    async with store.read() as session:
        vector = await session.scalar(select(Embedding.vector))
    assert vector is not None
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, np.full(384, 384**-0.5), atol=1e-4)


async def test_a_draft_is_made_once_for_a_message_and_attempt(
    store: Store, planted: Any, organisation: Organisation
) -> None:
    second = Draft(
        id=new_id("drf"),
        organisation_id=organisation.id,
        conversation_id=planted.conversation.id,
        message_id=planted.message.id,
        conversation_version=1,
        created_at=datetime.now(UTC),
    )
    with pytest.raises(IntegrityError):
        await add(store, second)


# Files


@SQLITE_ONLY
async def test_only_the_owner_reads_the_files(
    store: Store, store_settings: Settings, build: Any, organisation: Organisation
) -> None:
    await add(store, build.customer(organisation))
    modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in store_settings.data.iterdir()}
    assert modes == {"amends.db": 0o600, "amends.db-wal": 0o600, "amends.db-shm": 0o600}
    assert stat.S_IMODE(store_settings.data.stat().st_mode) == 0o700


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("secure_delete", 1), ("synchronous", 1), ("busy_timeout", 10000)],
)
async def test_every_connection_has_its_pragmas(store: Store, pragma: str, value: object) -> None:
    async with store.read() as first, store.read() as second:
        for session in (first, second):
            assert await session.scalar(text(f"PRAGMA {pragma}")) == value
