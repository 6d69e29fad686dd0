"""What time brings about, found by looking rather than by a timer for each: cheap, and right after any crash.

Every few seconds: drafts that should be there by now, snoozes that are over, places in the queue about to be
overdue, promises that fall due. Each is an indexed query over what is due, whatever the number of conversations.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from triage.queue import wake
from triage.service import Service
from triage.store.erasure import expire_texts
from triage.store.repositories.conversations import Conversations
from triage.store.repositories.directory import Directory
from triage.store.repositories.drafts import Drafts, FollowUps
from triage.store.repositories.live import Events, IdempotentAnswers
from triage.store.repositories.people import People

DRAFT_WITHIN = timedelta(seconds=30)
"""A draft still due after this gets another job, unless its last one still waits its turn or runs."""
MAX_JOBS = 8
WARN_BEFORE = timedelta(minutes=10)
EVENTS_KEPT = timedelta(days=2)
ANSWERS_KEPT = timedelta(days=1)
log = structlog.get_logger()


Waiting = Callable[[Sequence[str]], set[str]]
"""Which of these drafts have a job that waits its turn, however long, or runs."""


Start = Callable[[str, str, int], None]
"""Starts a draft's job so that it outlives this process: organisation id, draft id, number of the job."""


async def sweep(service: Service, waiting: Waiting, start: Start) -> None:
    """Once over every organisation."""
    for organisation_id in await _organisations(service):
        await _redo_drafts(service, organisation_id, waiting, start)
        await wake(service, organisation_id)
        await _warn(service, organisation_id)
        await _remind(service, organisation_id)


async def tidy(service: Service) -> None:
    """Removes what is kept only for a while: texts past retention, old events, stored answers, ended sessions."""
    now = service.clock()
    for organisation_id in await _organisations(service):
        async with service.store.write() as session:
            await Events(session, organisation_id).forget(now - EVENTS_KEPT)
            await IdempotentAnswers(session, organisation_id).forget(now - ANSWERS_KEPT)
            await People(session, organisation_id).end_expired_sessions(now)
        if service.settings.retention_days:
            await _expire(service, organisation_id, now - timedelta(days=service.settings.retention_days))


async def _expire(service: Service, organisation_id: str, before: datetime) -> None:
    expired = 1
    while expired:  # some hundreds of conversations a transaction
        async with service.store.write() as session:
            expired = await expire_texts(session, organisation_id, before)


async def _organisations(service: Service) -> list[str]:
    async with service.store.read() as session:
        return [organisation.id for organisation in await Directory(session).organisations()]


async def _redo_drafts(service: Service, organisation_id: str, waiting: Waiting, start: Start) -> None:
    now = service.clock()
    async with service.store.read() as session:
        overdue = await Drafts(session, organisation_id).overdue(now - DRAFT_WITHIN, limit=200)
    if not overdue:
        return
    queued = await asyncio.to_thread(waiting, [d.id for d in overdue])
    lost = [d for d in overdue if d.id not in queued]
    if not lost:
        return
    again, given_up = [d for d in lost if d.jobs < MAX_JOBS], [d for d in lost if d.jobs >= MAX_JOBS]
    for draft in again:  # first, for only a job that was started counts: a process may be killed here eight times
        await asyncio.to_thread(start, organisation_id, draft.id, draft.jobs + 1)
    async with service.store.write() as session:
        drafts, events = Drafts(session, organisation_id), Events(session, organisation_id)
        for draft in again:
            await drafts.count_job(draft.id, draft.jobs + 1)
        for draft in given_up:
            if await drafts.finish(draft.id, "failed", now):
                events.add("draft.failed", now, conversation_id=draft.conversation_id, draft_id=draft.id)
                log.error("draft given up", draft_id=draft.id, jobs=draft.jobs)


async def _warn(service: Service, organisation_id: str) -> None:
    now = service.clock()
    async with service.store.read() as session:
        if not await Conversations(session, organisation_id).at_risk(now + WARN_BEFORE, limit=1):
            return
    async with service.store.write() as session:
        conversations, events = Conversations(session, organisation_id), Events(session, organisation_id)
        for conversation_id, act_by in await conversations.warn(now + WARN_BEFORE, now):
            conversations.add_event(conversation_id, "sla_at_risk", "system", now, {"act_by": act_by.isoformat()})
            events.add("sla.at_risk", now, conversation_id=conversation_id)


async def _remind(service: Service, organisation_id: str) -> None:
    now = service.clock()
    async with service.store.read() as session:
        if not await FollowUps(session, organisation_id).any_fallen_due(now):
            return
    async with service.store.write() as session:
        conversations, events = Conversations(session, organisation_id), Events(session, organisation_id)
        for follow_up in await FollowUps(session, organisation_id).fallen_due(now):
            conversations.add_event(
                follow_up.conversation_id, "follow_up_due", "system", now, {"follow_up_id": follow_up.id}
            )
            events.add("follow_up.due", now, conversation_id=follow_up.conversation_id, follow_up_id=follow_up.id)
