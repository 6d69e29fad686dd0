"""Working the queue: claim, release, snooze, resolve, and what the helpdesk says has happened.

Order is `act_by`, then id (store/repositories/conversations.py); nothing here computes a priority.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from triage.conversation import current
from triage.errors import Conflict, Invalid, StaleVersion
from triage.keys import Principal
from triage.messages.posted import PostedEvent
from triage.service import Service
from triage.store.engine import WriteSession
from triage.store.repositories.conversations import Conversations, QueueFilters, QueueRow
from triage.store.repositories.drafts import Drafts
from triage.store.repositories.live import Events
from triage.store.repositories.people import People
from triage.store.tables import Conversation

EXTREME = 4
"""Frustration level of which one agent is never handed too many in a row."""


async def claim(service: Service, who: Principal, conversation_id: str, version: int | None) -> Conversation:
    """The conversation, now owned by who asks.

    Errors: NotFound; StaleVersion where `version` is not the newest; Conflict where a colleague owns it.
    """
    async with service.store.write() as session:
        conversation = await current(session, who.organisation_id, conversation_id, version)
        return await _claim(service, session, who, conversation)


async def claim_next(service: Service, who: Principal) -> Conversation | None:
    """The next unowned conversation, now owned by who asks; None where nothing waits.

    After `max_extremes_in_a_row` of extreme frustration the agent gets the next that is not, where there is one:
    angry cases are shared out. The one passed over stays first for everybody else.
    """
    async with service.store.write() as session:
        conversations = Conversations(session, who.organisation_id)
        limit = service.settings.max_extremes_in_a_row
        latest = await conversations.latest_claims(who.actor, limit)
        weary = len(latest) == limit and all(claim.get("frustration") == EXTREME for claim in latest)
        waiting = await conversations.queue(QueueFilters(unowned=True), limit=50 if weary else 1)
        chosen = next((row for row in waiting if not weary or _frustration(row) != EXTREME), None)
        chosen = chosen or next(iter(waiting), None)
        return await _claim(service, session, who, chosen.conversation) if chosen else None


async def release(service: Service, who: Principal, conversation_id: str, version: int | None) -> Conversation:
    async with service.store.write() as session:
        conversation = await current(session, who.organisation_id, conversation_id, version)
        if conversation.owner_id is None:
            return conversation
        if conversation.owner_id != who.user_id and who.role == "agent":
            raise Conflict("A colleague owns this conversation; a lead can release it.")
        return await _move(service, session, who, conversation, "released", owner_id=None)


async def snooze(
    service: Service, who: Principal, conversation_id: str, until: datetime, version: int | None
) -> Conversation:
    """The conversation, out of the queue until then or until the customer writes again."""
    if until <= service.clock():
        raise Invalid("A conversation can only be snoozed until a time to come.", pointer="/until")
    async with service.store.write() as session:
        conversation = await current(session, who.organisation_id, conversation_id, version)
        if conversation.status not in ("open", "snoozed"):
            raise Conflict(f"The conversation is {conversation.status}; only an open one can be snoozed.")
        return await _move(
            service, session, who, conversation, "snoozed", {"until": until.isoformat()},
            status="snoozed", snoozed_until=until,
        )  # fmt: skip


async def wake(service: Service, organisation_id: str) -> Sequence[str]:
    """Puts conversations whose snooze is over back into the queue; their ids."""
    now = service.clock()
    async with service.store.write() as session:
        conversations = Conversations(session, organisation_id)
        due = await conversations.snoozed_until(now)
        for conversation in due:
            status = "open" if conversation.act_by else "answered"
            if await conversations.change(
                conversation.id, conversation.version, now, status=status, snoozed_until=None
            ):
                conversations.add_event(conversation.id, "woken", "system", now)
                Events(session, organisation_id).add("queue.changed", now, conversation_id=conversation.id)
    return [conversation.id for conversation in due]


async def record(service: Service, organisation_id: str, conversation_id: str, posted: PostedEvent) -> Conversation:
    """The conversation after what happened in the helpdesk; the same external id again changes nothing.

    Errors: NotFound; Invalid for an assignee who is not one of our users.
    """
    async with service.store.write() as session:
        conversations = Conversations(session, organisation_id)
        conversation = await current(session, organisation_id, conversation_id, None)
        # The conversation is locked, so of the same event twice at once the second finds the first.
        if posted.source and posted.external_id:
            if await conversations.event_by_external_id(posted.source, posted.external_id):
                return conversation
        change = await _consequence(session, organisation_id, conversation, posted)
        now = service.clock()
        conversations.add_event(
            conversation.id, posted.type, "helpdesk", posted.at, _event_data(posted), posted.source, posted.external_id
        )
        if change:
            await conversations.change(conversation.id, conversation.version, now, **change)
            if change.get("status") == "resolved":
                await Drafts(session, organisation_id).make_stale(conversation.id)
            await session.refresh(conversation)
        Events(session, organisation_id).add("queue.changed", now, conversation_id=conversation.id)
        return conversation


async def _consequence(
    session: WriteSession, organisation_id: str, conversation: Conversation, posted: PostedEvent
) -> dict[str, Any]:
    """What an event changes of the conversation; an event from before its newest change only goes on record."""
    waits = {"status": "open" if conversation.act_by else "answered", "resolved_at": None, "snoozed_until": None}
    solved = {"status": "resolved", "resolved_at": posted.at, "snoozed_until": None}
    if posted.type == "assigned":
        if posted.assignee is None:
            return {"owner_id": None}
        user = await People(session, organisation_id).user(posted.assignee)
        if user is None:
            raise Invalid("The assignee is none of our users.", pointer="/assignee")
        return {"owner_id": user.id}
    if posted.type == "solved" or (posted.type == "status" and posted.status in ("solved", "closed")):
        return solved if conversation.status != "resolved" else {}
    if posted.type == "reopened" or (posted.type == "status" and posted.status == "open"):
        return waits if conversation.status == "resolved" else {}
    return {}


def _event_data(posted: PostedEvent) -> dict[str, Any]:
    data = {
        "assignee": posted.assignee,
        "status": posted.status,
        "score": posted.score,
        "scale": posted.scale if posted.score is not None else None,
        "comment": posted.comment,
    }
    return {k: v for k, v in data.items() if v is not None}


async def _claim(service: Service, session: WriteSession, who: Principal, conversation: Conversation) -> Conversation:
    if who.user_id is None:
        raise Invalid("Only a user can own a conversation; this key belongs to none.")
    if conversation.owner_id == who.user_id:
        return conversation
    if conversation.owner_id is not None:
        raise Conflict("A colleague owns this conversation.")
    rows = Conversations(session, who.organisation_id)
    [row] = await rows.rows([conversation.id])
    return await _move(
        service, session, who, conversation, "claimed", {"frustration": _frustration(row)}, owner_id=who.user_id
    )


async def _move(
    service: Service,
    session: WriteSession,
    who: Principal,
    conversation: Conversation,
    event: str,
    data: dict[str, Any] | None = None,
    **values: Any,
) -> Conversation:
    """Writes a person's act: the change, what happened, and the news for live pages."""
    now, conversations = service.clock(), Conversations(session, who.organisation_id)
    if not await conversations.change(conversation.id, conversation.version, now, **values):
        raise StaleVersion("The conversation has just moved on; read it again.")
    conversations.add_event(conversation.id, event, who.actor, now, data)
    Events(session, who.organisation_id).add("queue.changed", now, conversation_id=conversation.id)
    await session.refresh(conversation)
    return conversation


def _frustration(row: QueueRow) -> int | None:
    return row.score.frustration.index if row.score else None
