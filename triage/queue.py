"""Working the queue: claim, release, snooze, and what the helpdesk says has happened.

Order is `act_by`, then id (store/repositories/conversations.py); nothing here computes a priority.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from triage.conversation import change, current
from triage.errors import Conflict, Invalid, NotFound, StaleVersion
from triage.keys import Principal
from triage.messages.posted import AHEAD, PostedEvent
from triage.resolving import Ending, learn_outcome, lesson_of, settle
from triage.service import Service
from triage.store.engine import WriteSession
from triage.store.repositories.conversations import Conversations, QueueFilters, QueueRow
from triage.store.repositories.people import People
from triage.store.tables import Conversation

EXTREME = 4
"""Frustration level of which one agent is never handed too many in a row."""
OWNING = frozenset({"assigned", "claimed", "released"})
SETTLING = frozenset({"solved", "status", "resolved", "reopened"})


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
    while True:
        try:
            async with service.store.write() as session:
                chosen = await _next(service, session, who)
                return await _claim(service, session, who, chosen) if chosen else None
        except StaleVersion:
            continue  # somebody was faster: each turn of this loop is another's success, so it ends


async def _next(service: Service, session: WriteSession, who: Principal) -> Conversation | None:
    conversations = Conversations(session, who.organisation_id)
    limit = service.settings.max_extremes_in_a_row
    latest = await conversations.latest_claims(who.actor, limit)
    weary = len(latest) == limit and all(claim.get("frustration") == EXTREME for claim in latest)
    waiting = await conversations.queue(QueueFilters(unowned=True), limit=50 if weary else 1)
    chosen = next((row for row in waiting if not weary or _frustration(row) != EXTREME), None)
    chosen = chosen or next(iter(waiting), None)
    return chosen.conversation if chosen else None


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
    now, woken = service.clock(), []
    async with service.store.read() as session:
        due = await Conversations(session, organisation_id).snoozed_until(now)
    for found in due:
        try:
            async with service.store.write() as session:
                conversation = await current(session, organisation_id, found.id, found.version)
                status = "open" if conversation.act_by else "answered"
                await change(session, conversation, now, status=status, snoozed_until=None)
                Conversations(session, organisation_id).add_event(found.id, "woken", "system", now)
        except (NotFound, StaleVersion):
            continue  # the customer, an agent or an erasure was faster
        woken.append(found.id)
    return woken


async def record(service: Service, organisation_id: str, conversation_id: str, posted: PostedEvent) -> Conversation:
    """The conversation after what happened in the helpdesk; the same external id again changes nothing.

    Errors: NotFound; Invalid for an assignee who is not one of our users, and for a time to come.
    """
    now = service.clock()
    if posted.at > now + AHEAD:
        raise Invalid("The time of the event lies in the future.", pointer="/at")
    at = min(posted.at, now)
    lesson = await lesson_of(service, organisation_id, conversation_id, Ending(), at) if _solves(posted) else None
    async with service.store.write() as session:
        conversations = Conversations(session, organisation_id)
        conversation = await current(session, organisation_id, conversation_id, None)
        # The conversation is locked, so of the same event twice at once the second finds the first.
        if posted.source and posted.external_id:
            if await conversations.event_by_external_id(posted.source, posted.external_id):
                return conversation
        overtaken = await _overtaken(session, conversation, posted)
        conversations.add_event(
            conversation.id, posted.type, "helpdesk", at, _event_data(posted), posted.source, posted.external_id
        )
        if posted.type == "assigned":
            owner_id = await _assignee(session, organisation_id, posted)
            if not overtaken:
                await change(session, conversation, now, owner_id=owner_id)
        elif _solves(posted) and conversation.status != "resolved" and not overtaken:
            await settle(service, session, conversation, lesson, at)
        elif _reopens(posted) and conversation.status == "resolved" and not overtaken:
            status = "open" if conversation.act_by else "answered"
            await change(session, conversation, now, status=status, resolved_at=None)
        await learn_outcome(session, organisation_id, conversation.id)
        return conversation


def _solves(posted: PostedEvent) -> bool:
    return posted.type == "solved" or (posted.type == "status" and posted.status in ("solved", "closed"))


def _reopens(posted: PostedEvent) -> bool:
    return posted.type == "reopened" or (posted.type == "status" and posted.status == "open")


async def _assignee(session: WriteSession, organisation_id: str, posted: PostedEvent) -> str | None:
    if posted.assignee is None:
        return None
    user = await People(session, organisation_id).user(posted.assignee)
    if user is None:
        raise Invalid("The assignee is none of our users.", pointer="/assignee")
    return user.id


async def _overtaken(session: WriteSession, conversation: Conversation, posted: PostedEvent) -> bool:
    """Whether something of the same kind happened later than this event, which then only goes on record.

    Helpdesks send events out of order and again. A customer who wrote after the helpdesk solved it still waits.
    """
    conversations = Conversations(session, conversation.organisation_id)
    kind = OWNING if posted.type == "assigned" else SETTLING
    if any(e.type in kind and e.at > posted.at for e in await conversations.events(conversation.id)):
        return True
    wrote = await conversations.last_sent(conversation.id, "customer") if _solves(posted) else None
    return wrote is not None and wrote > posted.at


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
    """Writes a person's act: the change, and what happened."""
    now = service.clock()
    await change(session, conversation, now, **values)
    Conversations(session, who.organisation_id).add_event(conversation.id, event, who.actor, now, data)
    return conversation


def _frustration(row: QueueRow) -> int | None:
    return row.score.frustration.index if row.score else None
