"""What is erased is gone from every table, index and file; what is expired keeps the figures."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, String, Text, func, inspect, select, text

from triage.config import Settings
from triage.errors import NotFound
from triage.store.engine import Store
from triage.store.erasure import (
    EMPTIED,
    WHERE_IT_LIES,
    Follows,
    Nothing,
    Reached,
    erase_customer,
    expire_texts,
    export_customer,
)
from triage.store.migrate import migrate
from triage.store.tables import (
    AuditEvent,
    Conversation,
    ConversationEvent,
    Draft,
    DraftEdit,
    Message,
    Organisation,
    Score,
    Table,
)

REACHED = [name for name, where in WHERE_IT_LIES.items() if isinstance(where, Reached)]
SHADOW = re.compile(r"\w+_fts_(data|idx|docsize|content|config)|sqlite_sequence")


async def tables_of(store: Store) -> list[str]:
    async with store.engine.connect() as connection:
        names = await connection.run_sync(lambda c: inspect(c).get_table_names())
    return [name for name in names if not SHADOW.fullmatch(name)]


async def mentions(store: Store, *traces: str) -> set[str]:
    """The tables of which some row, written out as text, holds a trace."""

    def search(connection: Connection) -> set[str]:
        quote = connection.dialect.identifier_preparer.quote
        return {
            table
            for table in names
            for row in connection.execute(text(f"SELECT * FROM {quote(table)}"))
            if any(trace in str(tuple(row)) for trace in traces)
        }

    names = await tables_of(store)
    async with store.engine.connect() as connection:
        return await connection.run_sync(search)


async def count(store: Store, table: Any) -> int:
    async with store.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_every_table_says_where_it_lies(store: Store) -> None:
    """Those of tables.py and those that only a migration makes."""
    assert set(await tables_of(store)) - WHERE_IT_LIES.keys() == set()
    assert Table.metadata.tables.keys() - WHERE_IT_LIES.keys() == set()


@pytest.mark.parametrize("name", sorted(Table.metadata.tables))
def test_what_points_to_a_customers_row_is_a_customers_row(name: str) -> None:
    points_to = {key.column.table.name for key in Table.metadata.tables[name].foreign_keys}
    assert isinstance(WHERE_IT_LIES[name], Reached) == (name == "customer" or bool(points_to & {*REACHED}))


def test_paths_lead_from_each_table_to_the_customer() -> None:
    for name, where in WHERE_IT_LIES.items():
        match where:
            case Reached(column, parent):
                keys = {key.column.table.name for key in Table.metadata.tables[name].c[column].foreign_keys}
                assert parent in keys or (name, parent) == ("customer", "")
            case Follows(table):
                assert table in REACHED
            case Nothing(why):
                assert why


async def test_the_planted_customer_stands_in_every_table_that_can_hold_one(store: Store, planted: Any) -> None:
    """Or the tests below would prove nothing."""
    for name in REACHED:
        assert await count(store, Table.metadata.tables[name]) > 0, name
    held = {"customer", "conversation", "message", "draft", "draft_edit", "follow_up", "conversation_event"}
    assert await mentions(store, planted.word) >= held | {"case_record", "idempotent_answer"}


async def test_an_erased_customer_is_nowhere(
    store: Store, planted: Any, plant: Any, organisation: Organisation, two_organisations: Any, clock: Any
) -> None:
    neighbour = await plant(organisation, "neighbourly")
    stranger = await plant(two_organisations[1], "strangerly")
    before = {name: await count(store, Table.metadata.tables[name]) for name in REACHED}

    async with store.write() as session:
        erased = await erase_customer(session, organisation.id, planted.customer.id, "usr_1", clock())

    assert await mentions(store, planted.word, planted.conversation.id, planted.message.id) == set()
    assert await mentions(store, planted.customer.id) == {"audit_event"}
    assert erased == dict.fromkeys(REACHED, 1) | {"idempotent_answer": 2}
    for name in REACHED:
        assert await count(store, Table.metadata.tables[name]) == before[name] - erased[name]
    for other in (neighbour, stranger):
        assert await mentions(store, other.word) >= {"customer", "message", "draft", "case_record"}


async def test_an_erasure_is_audited_by_ids_alone(
    store: Store, planted: Any, organisation: Organisation, clock: Any
) -> None:
    async with store.write() as session:
        await erase_customer(session, organisation.id, planted.customer.id, "usr_1", clock())
    async with store.read() as session:
        (audit,) = await session.scalars(select(AuditEvent))
    assert (audit.actor, audit.action, audit.subject, audit.at) == (
        "usr_1",
        "customer_erased",
        planted.customer.id,
        clock(),
    )


async def test_another_organisation_cannot_erase_or_read(
    store: Store, planted: Any, two_organisations: tuple[Organisation, Organisation], clock: Any
) -> None:
    other = two_organisations[1]
    async with store.write() as session:
        with pytest.raises(NotFound):
            await erase_customer(session, other.id, planted.customer.id, "usr_1", clock())
    async with store.read() as session:
        with pytest.raises(NotFound):
            await export_customer(session, other.id, planted.customer.id)
    assert await count(store, Message) == 1
    assert await count(store, AuditEvent) == 0


async def test_an_erasure_that_fails_half_way_changes_nothing(
    store: Store, planted: Any, organisation: Organisation, clock: Any
) -> None:
    async def fail_half_way() -> None:
        async with store.write() as session:
            await erase_customer(session, organisation.id, planted.customer.id, "usr_1", clock())
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        await fail_half_way()
    assert await count(store, Message) == 1
    assert await count(store, AuditEvent) == 0


@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
async def test_nothing_is_left_in_the_file_after_compacting(
    store: Store,
    store_settings: Settings,
    planted: Any,
    plant: Any,
    organisation: Organisation,
    clock: Any,
    files_holding: Any,
) -> None:
    traces = (planted.word, planted.conversation.id)
    await plant(organisation, "neighbourly")
    assert files_holding(store_settings.data, *traces)
    async with store.write() as session:
        await erase_customer(session, organisation.id, planted.customer.id, "usr_1", clock())
    assert "amends.db-wal" in files_holding(store_settings.data, *traces)
    await migrate(store_settings, compact=True)  # beside `store`, which is open but idle
    assert files_holding(store_settings.data, *traces) == {}
    assert files_holding(store_settings.data, "neighbourly")


@pytest.mark.parametrize("store_settings", ["postgres"], indirect=True)
async def test_nothing_is_left_in_the_tables_of_postgres_after_compacting(
    store: Store,
    store_settings: Settings,
    postgres: Any,
    planted: Any,
    plant: Any,
    organisation: Organisation,
    clock: Any,
    files_holding: Any,
) -> None:
    """Tables, indexes and the planner's samples of them; the write-ahead log is the operator's to recycle."""
    await plant(organisation, "neighbourly")
    async with store.engine.begin() as connection:
        await connection.execute(text("ANALYZE"))  # as autovacuum does: samples of texts go into pg_statistic
    postgres.run("CHECKPOINT")
    assert files_holding(postgres.data / "base", planted.word)
    async with store.write() as session:
        await erase_customer(session, organisation.id, planted.customer.id, "usr_1", clock())
    await migrate(store_settings, compact=True)
    postgres.run("CHECKPOINT")
    assert files_holding(postgres.data / "base", planted.word, planted.conversation.id) == {}
    assert files_holding(postgres.data / "base", "neighbourly")


async def test_an_export_is_all_of_it_and_json(store: Store, planted: Any, organisation: Organisation) -> None:
    async with store.read() as session:
        export = await export_customer(session, organisation.id, planted.customer.id)
    assert json.loads(json.dumps(export)) == export
    assert export["customer_id"] == planted.customer.id
    assert set(export["tables"]) == {*REACHED}
    assert all(export["tables"].values())
    for table, rows in export["tables"].items():
        assert set(rows[0]) == {*Table.metadata.tables[table].c.keys()}
    (message,) = export["tables"]["message"]
    assert message["text"] == planted.message.text
    assert message["sent_at"] == "2026-11-20T09:30:00+00:00"
    assert len(export["tables"]["embedding"][0]["vector"]) == 384


async def test_an_export_holds_nobody_else(store: Store, planted: Any, plant: Any, organisation: Organisation) -> None:
    await plant(organisation, "neighbourly")
    async with store.read() as session:
        export = await export_customer(session, organisation.id, planted.customer.id)
    assert "neighbourly" not in json.dumps(export)


async def test_expired_texts_are_gone_and_the_figures_stay(
    store: Store, plant: Any, organisation: Organisation, clock: Any
) -> None:
    old = await plant(organisation, "oldword", status="resolved", resolved_at=clock() - timedelta(days=800))
    new = await plant(organisation, "newword", status="resolved", resolved_at=clock() - timedelta(days=700))
    waiting = await plant(organisation, "openword", status="open", resolved_at=clock() - timedelta(days=800))
    figures = {table: await count(store, table) for table in (Message, Score, Draft, DraftEdit, ConversationEvent)}

    async with store.write() as session:
        assert await expire_texts(session, organisation.id, clock() - timedelta(days=730)) == 1

    # The customer is still one; a case's words were made free of personal data (here the fixture only pretends to);
    # an answer that names no conversation is forgotten within a day.
    assert await mentions(store, old.word) == {"customer", "case_record", "idempotent_answer"}
    for kept in (new, waiting):
        assert "message" in await mentions(store, kept.word)
    assert {table: await count(store, table) for table in figures} == figures
    async with store.read() as session:
        event = await session.scalar(
            select(ConversationEvent).where(ConversationEvent.conversation_id == old.conversation.id)
        )
        assert event is not None
        assert event.data == {"cost": 12.5}

    async with store.write() as session:
        assert await expire_texts(session, organisation.id, clock() - timedelta(days=730)) == 0


async def test_expiring_takes_a_few_at_a_time_until_none_is_left(
    store: Store, plant: Any, organisation: Organisation, two_organisations: Any, clock: Any
) -> None:
    long_ago = {"status": "resolved", "resolved_at": clock() - timedelta(days=800)}
    for owner in (organisation, organisation, organisation, two_organisations[1]):
        await plant(owner, "word", **long_ago)
    taken = []
    for _ in range(3):
        async with store.write() as session:
            taken.append(await expire_texts(session, organisation.id, clock(), limit=2))
    assert taken == [2, 1, 0]
    async with store.read() as session:
        left = (await session.scalars(select(Message.organisation_id).where(Message.text != ""))).all()
    assert left == [two_organisations[1].id]


KEPT = {
    Conversation: {"id", "organisation_id", "customer_id", "source", "external_id", "channel", "brand", "group_name"}
    | {"tags", "status", "owner_id"},
    Message: {"id", "organisation_id", "conversation_id", "source", "external_id", "author", "language", "machine"}
    | {"fingerprint"},
    Draft: {"id", "organisation_id", "conversation_id", "message_id", "status", "dismiss_reason"},
    DraftEdit: {"id", "organisation_id", "draft_id", "user_id", "done"},
}
"""Columns that retention keeps: ids, codes, and what agents choose from a list."""


@pytest.mark.parametrize("table", [*KEPT])
def test_retention_has_thought_of_every_column_of_text(table: Any) -> None:
    worded = {c.name for c in table.__table__.c if isinstance(c.type, String | Text) or "JSON" in str(c.type)}
    assert worded - EMPTIED[table].keys() == KEPT[table]
