"""Erasure, access and retention: where a customer's data lies, table by table.

`WHERE_IT_LIES` names every table; a test fails when one is missing, and when a table that points to a customer's rows
is said to hold nothing of them.

"Gone" means: from the commit on, no row and no text index answers with it. In an SQLite file freed space is overwritten
with zeros (secure_delete), but the write-ahead log and the segments of a text index keep older copies until
`amends migrate --compact`. On PostgreSQL dead rows stay in the table files until VACUUM FULL (the same command), and in
the write-ahead log and in backups until those are recycled.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy import Table as SqlTable
from sqlalchemy.ext.asyncio import AsyncSession

from triage.errors import Invalid, NotFound
from triage.ids import new_id
from triage.store.engine import ReadSession, WriteSession
from triage.store.tables import (
    AuditEvent,
    Conversation,
    ConversationEvent,
    Customer,
    Draft,
    DraftEdit,
    FollowUp,
    IdempotentAnswer,
    Message,
    Table,
)


@dataclass(frozen=True, slots=True)
class Reached:
    """Rows whose `column` names a row of `table` that is the customer's."""

    column: str
    table: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """The table holds nothing of a customer, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Follows:
    """An index kept by triggers on another table: what is deleted there is gone here."""

    table: str


WHERE_IT_LIES: dict[str, Reached | Nothing | Follows] = {
    "customer": Reached("id", ""),
    "conversation": Reached("customer_id", "customer"),
    "conversation_event": Reached("conversation_id", "conversation"),
    "message": Reached("conversation_id", "conversation"),
    "score": Reached("message_id", "message"),
    "priority": Reached("conversation_id", "conversation"),
    "draft": Reached("conversation_id", "conversation"),
    "draft_edit": Reached("draft_id", "draft"),
    "follow_up": Reached("conversation_id", "conversation"),
    "case_record": Reached("conversation_id", "conversation"),
    "embedding": Reached("case_id", "case_record"),
    "idempotent_answer": Reached("conversation_id", "conversation"),
    "case_search": Follows("case_record"),
    "case_fts": Follows("case_record"),
    "case_index": Nothing("counters"),
    "organisation": Nothing("the company that answers, not one who asks"),
    "user": Nothing("people who work here"),
    "api_key": Nothing("hashes of keys"),
    "browser_session": Nothing("hashes of sign-ins of people who work here"),
    "article": Nothing("written by the organisation for everybody"),
    "policy": Nothing("rules"),
    "event": Nothing("types and ids, which lead nowhere after an erasure; forgotten after a few days"),
    "audit_event": Nothing("ids only: it is the proof that an erasure was made"),
    "alembic_version": Nothing("the schema's revision"),
}
"""Every table, whether tables.py or a migration makes it."""

EMPTIED: dict[Any, dict[str, Any]] = {
    Conversation: {"subject": None, "order": None},
    Message: {"text": "", "html": None, "subject": None, "author_name": None, "attachments": [], "cuts": []},
    Draft: {"body": None, "request": {}},
    DraftEdit: {"text": ""},
    FollowUp: {"promise": ""},
}
"""What retention writes over texts; a test fails when a text column of these tables is neither here nor excused."""
AN_ID = re.compile(r"[a-z]+_[0-9a-f]{32}")
FREE_TEXT = ("note", "comment", "text", "message", "description")
"""Keys of a conversation event's data under which people write."""


async def customer_id_of(session: ReadSession | WriteSession, organisation_id: str, named: str) -> str:
    """Returns the id of the customer who has this id, e-mail address or helpdesk id.

    Errors: NotFound where nobody has it; Invalid where several do.
    """
    found = (
        await session.execute(
            select(Customer.id, Customer.source, Customer.external_id).where(
                Customer.organisation_id == organisation_id,
                or_(
                    Customer.id == named,
                    Customer.external_id == named,
                    func.lower(Customer.email) == named.lower(),
                ),
            )
        )
    ).all()
    if not found:
        raise NotFound(f"There is no customer {named!r} in this organisation.")
    if len(found) > 1:
        several = ", ".join(f"{row.id} ({row.source} {row.external_id})" for row in found)
        raise Invalid(f"Several customers are {named!r}, say which: {several}.")
    return str(found[0].id)


async def erase_customer(
    session: WriteSession, organisation_id: str, customer_id: str, actor: str, now: datetime
) -> dict[str, int]:
    """Deletes everything of one customer and returns how many rows went from each table.

    One audit event stays, with ids only. NotFound when the organisation has no such customer.
    """
    await _must_exist(session, organisation_id, customer_id)
    # Conversations first, in the order of everybody who writes them and what hangs on them.
    theirs = _rows_of(Table.metadata.tables["conversation"], organisation_id, customer_id)
    await session.execute(select(Conversation.id).where(theirs).order_by(Conversation.id).with_for_update())
    answers = await _answers_naming(session, organisation_id, customer_id)
    counts: dict[str, int] = {}
    for table in reversed(list(_reached_tables())):  # children before their parents
        rows = _rows_of(table, organisation_id, customer_id)
        if table.name == IdempotentAnswer.__tablename__:
            rows = or_(rows, table.c.id.in_(answers))
        gone = await session.execute(delete(table).where(rows).returning(*table.primary_key))
        counts[table.name] = len(gone.all())
    session.add(
        AuditEvent(
            id=new_id("evt"),
            organisation_id=organisation_id,
            actor=actor,
            action="customer_erased",
            subject=customer_id,
            at=now,
        )
    )
    return counts


async def export_customer(session: ReadSession, organisation_id: str, customer_id: str) -> dict[str, Any]:
    """Returns everything held of one customer, as rows by table, ready for JSON; bytes and vectors are base64."""
    await _must_exist(session, organisation_id, customer_id)
    tables = {}
    for table in _reached_tables():
        rows = await session.execute(
            select(table).where(_rows_of(table, organisation_id, customer_id)).order_by(*table.primary_key)
        )
        tables[table.name] = [{name: _for_json(value) for name, value in row.items()} for row in rows.mappings()]
    return {"customer_id": customer_id, "tables": tables}


async def expire_texts(session: WriteSession, organisation_id: str, before: datetime, limit: int = 500) -> int:
    """Empties the texts of up to `limit` conversations resolved before then, and returns of how many.

    Subjects, texts, names of people and attachments, order facts, drafts and what agents made of them go; scores,
    priorities, times and events stay, so that figures of the past still add up. Cases stay: personal data was replaced
    when they were made. Call it until it returns 0; each call is a transaction of its own, and a short one.
    """
    with_texts = exists().where(
        Message.organisation_id == organisation_id, Message.conversation_id == Conversation.id, Message.text != ""
    ) | exists().where(
        Draft.organisation_id == organisation_id, Draft.conversation_id == Conversation.id, Draft.body.is_not(None)
    )
    ids = (
        await session.scalars(
            select(Conversation.id)
            .where(
                Conversation.organisation_id == organisation_id,
                Conversation.status == "resolved",
                Conversation.resolved_at < before,
                with_texts,
            )
            .order_by(Conversation.resolved_at)
            .limit(limit)
        )
    ).all()
    if not ids:
        return 0
    for table, emptied in EMPTIED.items():
        await session.execute(
            update(table)
            .where(table.organisation_id == organisation_id, _within(table, organisation_id, ids))
            .values(emptied)
        )
    await session.execute(
        delete(IdempotentAnswer).where(
            IdempotentAnswer.organisation_id == organisation_id, IdempotentAnswer.conversation_id.in_(ids)
        )
    )
    events = await session.scalars(
        select(ConversationEvent).where(
            ConversationEvent.organisation_id == organisation_id, ConversationEvent.conversation_id.in_(ids)
        )
    )
    for event in events:
        event.data = {key: value for key, value in event.data.items() if key not in FREE_TEXT}
    return len(ids)


def _reached_tables() -> Iterator[SqlTable]:
    """Tables that hold a customer's rows, parents first."""
    return (t for t in Table.metadata.sorted_tables if isinstance(WHERE_IT_LIES[t.name], Reached))


def _rows_of(table: SqlTable, organisation_id: str, customer_id: str) -> ColumnElement[bool]:
    """The condition under which a row of `table` is the customer's."""
    where = WHERE_IT_LIES[table.name]
    assert isinstance(where, Reached)
    owned = table.c.organisation_id == organisation_id
    if not where.table:
        return owned & (table.c[where.column] == customer_id)
    parent = Table.metadata.tables[where.table]
    return owned & table.c[where.column].in_(select(parent.c.id).where(_rows_of(parent, organisation_id, customer_id)))


def _within(table: Any, organisation_id: str, conversation_ids: Sequence[str]) -> ColumnElement[bool]:
    if table is Conversation:
        return Conversation.id.in_(conversation_ids)
    if table is DraftEdit:
        theirs = Draft.conversation_id.in_(conversation_ids)
        return DraftEdit.draft_id.in_(select(Draft.id).where(Draft.organisation_id == organisation_id, theirs))
    mine: ColumnElement[bool] = table.conversation_id.in_(conversation_ids)
    return mine


async def _must_exist(session: AsyncSession, organisation_id: str, customer_id: str) -> None:
    found = await session.scalar(
        select(Customer.id).where(Customer.organisation_id == organisation_id, Customer.id == customer_id)
    )
    if found is None:
        raise NotFound(f"There is no customer {customer_id} in this organisation.")


async def _answers_naming(session: AsyncSession, organisation_id: str, customer_id: str) -> Sequence[str]:
    """Returns stored answers tied to no conversation that yet name something of the customer."""
    theirs: set[str] = set()
    for table in _reached_tables():
        if "id" in table.c:
            theirs.update(
                await session.scalars(select(table.c.id).where(_rows_of(table, organisation_id, customer_id)))
            )
    answers = await session.execute(
        select(IdempotentAnswer.id, IdempotentAnswer.body).where(
            IdempotentAnswer.organisation_id == organisation_id,
            IdempotentAnswer.conversation_id.is_(None),
            IdempotentAnswer.body.is_not(None),
        )
    )
    return [answer_id for answer_id, body in answers if not theirs.isdisjoint(AN_ID.findall(body or ""))]


def _for_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return b64encode(value).decode() if isinstance(value, bytes) else value
