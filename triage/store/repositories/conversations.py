"""Conversations, their customers, what happened in them, and the queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from triage.ids import new_id
from triage.priority import Priority as PriorityValue
from triage.priority import Reason, Standing
from triage.scoring.values import Score
from triage.store.repositories import by_external_id, owns
from triage.store.repositories.messages import Messages
from triage.store.tables import Conversation, ConversationEvent, Customer, Message, Priority, User
from triage.store.tables import Score as ScoreRow

LOST_RACE = (IntegrityError, StaleDataError)
"""What a writer meets when another has made, or taken away, the row that it was about to write."""


@dataclass(frozen=True, slots=True)
class QueueFilters:
    """What a page of the queue is narrowed to; None: anything."""

    status: str = "open"
    channel: str | None = None
    owner_id: str | None = None
    unowned: bool = False
    tier: str | None = None
    due_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One place in the queue, with what explains it."""

    conversation: Conversation
    customer: Customer
    owner: User | None
    priority: Priority | None
    score: Score | None
    """Of the message that counts: the worst since our last reply."""


Place = tuple[Conversation, Customer, User | None]


class Conversations:
    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id

    async def get(self, conversation_id: str, *, lock: bool = False) -> Conversation | None:
        """`lock` keeps others from writing it until the transaction ends (PostgreSQL; SQLite has one writer).

        Rows that only point to it may still be written: whoever writes some of those first waits for nobody here.
        """
        found = select(Conversation).where(
            Conversation.organisation_id == self.organisation_id, Conversation.id == conversation_id
        )
        return await self.session.scalar(found.with_for_update(key_share=True) if lock else found)

    async def by_external_id(self, source: str, external_id: str, *, lock: bool = False) -> Conversation | None:
        return await by_external_id(self.session, Conversation, self.organisation_id, source, external_id, lock=lock)

    async def customer(self, customer_id: str) -> Customer | None:
        return await self.session.scalar(
            select(Customer).where(Customer.organisation_id == self.organisation_id, Customer.id == customer_id)
        )

    async def customer_by_external_id(self, source: str, external_id: str) -> Customer | None:
        return await by_external_id(self.session, Customer, self.organisation_id, source, external_id)

    def add_customer(self, **fields: Any) -> Customer:
        customer = Customer(id=new_id("cus"), organisation_id=self.organisation_id, **fields)
        self.session.add(customer)
        return customer

    def add(self, **fields: Any) -> Conversation:
        conversation = Conversation(id=new_id("cnv"), organisation_id=self.organisation_id, **fields)
        self.session.add(conversation)
        return conversation

    async def contacts_since(self, customer_id: str, since: datetime, before: datetime) -> int:
        """How many messages the customer wrote in [since, before), over all conversations."""
        count = await self.session.scalar(
            select(func.count())
            .select_from(Message)
            .where(
                Message.organisation_id == self.organisation_id,
                Message.conversation_id.in_(self._ids_of_customer(customer_id)),
                Message.author == "customer",
                Message.machine.is_(None),
                Message.sent_at >= since,
                Message.sent_at < before,
            )
        )
        return count or 0

    async def had_failure(self, customer_id: str) -> bool:
        """Whether one of this customer's conversations was about a service failure."""
        written = select(Message.id).where(
            Message.organisation_id == self.organisation_id,
            Message.conversation_id.in_(self._ids_of_customer(customer_id)),
        )
        newest = await self.session.scalars(
            select(ScoreRow.failure)
            .where(ScoreRow.organisation_id == self.organisation_id, ScoreRow.message_id.in_(written))
            .order_by(ScoreRow.created_at.desc())
            .limit(20)
        )
        return any(
            max(failure, key=failure.__getitem__) not in ("request", "praise", "other") for failure in newest if failure
        )

    def _ids_of_customer(self, customer_id: str) -> Select[str]:
        # For IN, not for a join: SQLite would begin at the other end, and read the organisation's every message.
        return select(Conversation.id).where(
            Conversation.organisation_id == self.organisation_id, Conversation.customer_id == customer_id
        )

    def add_event(
        self,
        conversation_id: str,
        type: str,
        actor: str,
        at: datetime,
        data: dict[str, Any] | None = None,
        source: str | None = None,
        external_id: str | None = None,
    ) -> ConversationEvent:
        event = ConversationEvent(
            id=new_id("evt"),
            organisation_id=self.organisation_id,
            conversation_id=conversation_id,
            type=type,
            actor=actor,
            at=at,
            data=data or {},
            source=source,
            external_id=external_id,
        )
        self.session.add(event)
        return event

    async def events(self, conversation_id: str) -> Sequence[ConversationEvent]:
        return (
            await self.session.scalars(
                select(ConversationEvent)
                .where(
                    ConversationEvent.organisation_id == self.organisation_id,
                    ConversationEvent.conversation_id == conversation_id,
                )
                .order_by(ConversationEvent.at, ConversationEvent.id)
            )
        ).all()

    async def event_by_external_id(self, source: str, external_id: str) -> ConversationEvent | None:
        return await by_external_id(self.session, ConversationEvent, self.organisation_id, source, external_id)

    async def change(self, conversation_id: str, version: int, at: datetime, **values: Any) -> bool:
        """Writes `values` and the next version if the conversation is still at `version`; whether it was."""
        changed = await self.session.execute(
            update(Conversation)
            .where(
                Conversation.organisation_id == self.organisation_id,
                Conversation.id == conversation_id,
                Conversation.version == version,
            )
            .values(version=version + 1, updated_at=at, **values)
            .returning(Conversation.id)
        )
        return changed.first() is not None

    async def last_sent(self, conversation_id: str, author: str) -> datetime | None:
        """When the newest message of that author was sent; automatic mail does not count."""
        return await self.session.scalar(
            select(func.max(Message.sent_at)).where(
                Message.organisation_id == self.organisation_id,
                Message.conversation_id == conversation_id,
                Message.author == author,
                Message.machine.is_(None),
            )
        )

    def add_priority(self, **fields: Any) -> Priority:
        priority = Priority(id=new_id("pri"), organisation_id=self.organisation_id, **fields)
        self.session.add(priority)
        return priority

    async def standing(self, conversation_id: str) -> Standing | None:
        """Where the conversation stands, as last written."""
        row = await self.newest_priority(conversation_id)
        if row is None or row.act_by is None:
            return None
        priority = PriorityValue(row.act_by, tuple(Reason(**reason) for reason in row.reasons), row.policy)
        return Standing(priority, row.inputs["message_id"], row.inputs["lowered"])

    async def newest_priority(self, conversation_id: str) -> Priority | None:
        return await self.session.scalar(
            select(Priority)
            .where(Priority.organisation_id == self.organisation_id, Priority.conversation_id == conversation_id)
            .order_by(Priority.created_at.desc(), Priority.id.desc())
            .limit(1)
        )

    async def priority_of_message(self, message_id: str) -> Priority | None:
        return await self.session.scalar(
            select(Priority)
            .where(Priority.organisation_id == self.organisation_id, Priority.message_id == message_id)
            .order_by(Priority.created_at, Priority.id)
            .limit(1)
        )

    async def queue(
        self, filters: QueueFilters, limit: int, after: tuple[datetime | None, str] | None = None
    ) -> list[QueueRow]:
        """Rows by act_by (none last), then id, from just after the place `after`.

        Those with and those without act_by are asked for apart: each is one run along the index of the queue.
        """
        found: list[Place] = []
        if after is None or after[0] is not None:
            timed = self._queue(filters).where(Conversation.act_by.is_not(None))
            if after is not None:
                at, last = after
                timed = timed.where(Conversation.act_by >= at, or_(Conversation.act_by > at, Conversation.id > last))
            found = await self._rows(timed.order_by(Conversation.act_by, Conversation.id).limit(limit))
        if len(found) < limit and not filters.due_before:
            untimed = self._queue(filters).where(Conversation.act_by.is_(None))
            if after is not None and after[0] is None:
                untimed = untimed.where(Conversation.id > after[1])
            found += await self._rows(untimed.order_by(Conversation.id).limit(limit - len(found)))
        return await self._explained(found)

    def _queue(self, filters: QueueFilters) -> Select[Conversation, Customer, User]:
        conditions: list[ColumnElement[bool]] = [
            Conversation.organisation_id == self.organisation_id,
            Conversation.status == filters.status,
        ]
        if filters.channel:
            conditions.append(Conversation.channel == filters.channel)
        if filters.owner_id:
            conditions.append(Conversation.owner_id == filters.owner_id)
        if filters.unowned:
            conditions.append(Conversation.owner_id.is_(None))
        if filters.tier:
            conditions.append(Customer.tier == filters.tier)
        if filters.due_before:
            conditions.append(Conversation.act_by < filters.due_before)
        return self._with_people().where(*conditions)

    async def rows(self, conversation_ids: Sequence[str]) -> list[QueueRow]:
        """These conversations as the queue shows them, in no order."""
        return await self._explained(await self._rows(self._with_people().where(Conversation.id.in_(conversation_ids))))

    async def _rows(self, statement: Select[Conversation, Customer, User]) -> list[Place]:
        return [
            (conversation, customer, owner) for conversation, customer, owner in await self.session.execute(statement)
        ]

    def _with_people(self) -> Select[Conversation, Customer, User]:
        return (
            select(Conversation, Customer, User)
            .join(Customer, Customer.id == Conversation.customer_id)
            .outerjoin(User, User.id == Conversation.owner_id)
            .where(owns(Conversation.organisation_id, self.organisation_id))
        )

    async def _explained(self, found: Sequence[Place]) -> list[QueueRow]:
        priorities = await self._newest_priorities([c.id for c, _, _ in found])
        counting = {c: p.inputs["message_id"] for c, p in priorities.items()}
        scores = await Messages(self.session, self.organisation_id).scores(list(counting.values()))
        return [
            QueueRow(c, customer, owner, priorities.get(c.id), scores.get(counting.get(c.id, "")))
            for c, customer, owner in found
        ]

    async def _newest_priorities(self, conversation_ids: Sequence[str]) -> dict[str, Priority]:
        # One look into the index for each, however long the conversation.
        newest = (
            select(Priority.id)
            .where(Priority.organisation_id == self.organisation_id, Priority.conversation_id == Conversation.id)
            .order_by(Priority.created_at.desc(), Priority.id.desc())
            .limit(1)
            .correlate(Conversation)
            .scalar_subquery()
        )
        rows = await self.session.scalars(
            select(Priority)
            .join(Conversation, Priority.id == newest)
            .where(owns(Conversation.organisation_id, self.organisation_id), Conversation.id.in_(conversation_ids))
        )
        return {p.conversation_id: p for p in rows}

    async def count_ahead(self, act_by: datetime | None, conversation_id: str) -> int:
        """How many open conversations stand before this place."""
        count = await self.session.scalar(
            select(func.count())
            .select_from(Conversation)
            .where(
                Conversation.organisation_id == self.organisation_id,
                Conversation.status == "open",
                Conversation.id != conversation_id,
                ~_after(act_by, conversation_id),
            )
        )
        return count or 0

    async def counts(self) -> dict[str, int]:
        """How many conversations stand in each status."""
        rows = await self.session.execute(
            select(Conversation.status, func.count())
            .where(Conversation.organisation_id == self.organisation_id)
            .group_by(Conversation.status)
        )
        return {status: count for status, count in rows}

    async def count_messages(self, conversation_id: str) -> int:
        count = await self.session.scalar(
            select(func.count())
            .select_from(Message)
            .where(Message.organisation_id == self.organisation_id, Message.conversation_id == conversation_id)
        )
        return count or 0

    async def latest_claims(self, user_id: str, limit: int) -> Sequence[dict[str, Any]]:
        """What was recorded of the user's newest claims, newest first."""
        return (
            await self.session.scalars(
                select(ConversationEvent.data)
                .where(
                    ConversationEvent.organisation_id == self.organisation_id,
                    ConversationEvent.type == "claimed",
                    ConversationEvent.actor == user_id,
                )
                .order_by(ConversationEvent.at.desc(), ConversationEvent.id.desc())
                .limit(limit)
            )
        ).all()

    async def of_customer(self, customer_id: str) -> Sequence[Conversation]:
        return (
            await self.session.scalars(
                select(Conversation)
                .where(Conversation.organisation_id == self.organisation_id, Conversation.customer_id == customer_id)
                .order_by(Conversation.created_at.desc())
            )
        ).all()

    async def at_risk(self, act_by_before: datetime, limit: int) -> Sequence[str]:
        """Open conversations whose time is nearly up and of which nobody was warned yet."""
        return (
            await self.session.scalars(select(Conversation.id).where(*self._unwarned(act_by_before)).limit(limit))
        ).all()

    async def warn(self, act_by_before: datetime, now: datetime) -> list[tuple[str, datetime]]:
        """Marks those at risk as warned of; their ids and act_by."""
        rows = await self.session.execute(
            update(Conversation)
            .where(*self._unwarned(act_by_before))
            .values(warned_at=now)
            .returning(Conversation.id, Conversation.act_by)
        )
        return [(conversation_id, act_by) for conversation_id, act_by in rows if act_by is not None]

    def _unwarned(self, act_by_before: datetime) -> tuple[ColumnElement[bool], ...]:
        return (
            Conversation.organisation_id == self.organisation_id,
            Conversation.status == "open",
            Conversation.act_by <= act_by_before,
            Conversation.warned_at.is_(None),
        )

    async def snoozed_until(self, now: datetime) -> Sequence[Conversation]:
        """Snoozed conversations whose time has come."""
        return (
            await self.session.scalars(
                select(Conversation).where(
                    Conversation.organisation_id == self.organisation_id,
                    Conversation.status == "snoozed",
                    Conversation.snoozed_until <= now,
                )
            )
        ).all()


def _after(act_by: datetime | None, conversation_id: str) -> ColumnElement[bool]:
    """Places strictly behind (act_by, id) in the order of the queue; without act_by is last of all."""
    if act_by is None:
        return and_(Conversation.act_by.is_(None), Conversation.id > conversation_id)
    return or_(
        Conversation.act_by.is_(None),
        Conversation.act_by > act_by,
        and_(Conversation.act_by == act_by, Conversation.id > conversation_id),
    )
