"""Puts the demo company into the store, and lets its messages arrive while somebody watches.

Everything goes the way of a real helpdesk: messages through ingest and events through the queue, in the order in
which they happened, each at its own time. The drafts that are then due are left to the worker.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from triage.cases.importing import store_cases
from triage.demo import company as demo
from triage.demo.company import Happened, Snoozed, Wrote
from triage.errors import AmendsError, Conflict
from triage.keys import Principal
from triage.messages.ingest import ingest
from triage.queue import record, snooze
from triage.service import Service
from triage.store.repositories.articles import Articles, NewArticle
from triage.store.repositories.conversations import Conversations
from triage.store.repositories.directory import Directory
from triage.store.repositories.drafts import Drafts
from triage.store.repositories.live import Audit
from triage.store.repositories.messages import Messages
from triage.store.repositories.people import People
from triage.store.repositories.policies import Policies
from triage.store.tables import Organisation, User

LOADED, ARRIVED = "demo.loaded", "demo.arrived"
"""Kept in the audit, so that what somebody erased of the demo does not come back at the next start."""
HELPDESK = "helpdesk"
log = structlog.get_logger()

Pause = Callable[[float], Awaitable[None]]


async def load(service: Service) -> str:
    """The id of the demo organisation, loaded if it was not; a load that was cut short is taken up again.

    Errors: Conflict where an organisation that is no demo has its name.
    """
    organisation = await _organisation(service)
    if await _has(service, organisation.id, LOADED):
        return organisation.id
    # Times count from the first load, so that a load taken up again says the same words.
    now = organisation.created_at
    await store_cases(service.store, service.embedder, organisation.id, demo.cases(now), now)
    users = await _users(service, organisation.id)
    for done in demo.history(now):
        await _redo(service, organisation.id, users, done)
    await _date_due_drafts(service, organisation.id)
    await _note(service, organisation.id, LOADED)
    return organisation.id


async def arrive(service: Service, pause: Pause = asyncio.sleep) -> None:
    """Has the drafts made that the load left, then sends further messages, one every half minute, until all are there.

    Needs a service whose jobs run; without a demo, or once all is there, it ends at once.
    """
    async with service.store.read() as session:
        organisation = await Directory(session).organisation(demo.company().name)
    if organisation is None or not organisation.demo or await _has(service, organisation.id, ARRIVED):
        return
    async with service.store.read() as session:
        drafts = await Drafts(session, organisation.id).overdue(service.clock() + timedelta(seconds=1), limit=1000)
    for draft in reversed(drafts):  # the newest message first
        service.enqueue_draft(organisation.id, draft.id, 1)
    before = service.clock()
    for due in await _not_here(service, organisation.id, demo.arriving(before)):
        await pause((due.at - before).total_seconds())
        before = due.at
        try:
            await ingest(service, organisation.id, due.message, HELPDESK)
        except AmendsError as error:
            log.warning("demo message refused", external_id=due.message.external_id, code=error.code)
    await _note(service, organisation.id, ARRIVED)


async def remove(service: Service) -> None:
    """Deletes the demo organisation and all that was done in it; nothing else is touched."""
    async with service.store.write() as session:
        directory = Directory(session)
        organisation = await directory.organisation(demo.company().name)
        if organisation is not None:
            await directory.remove_demo(organisation.id)


async def _organisation(service: Service) -> Organisation:
    """The demo organisation with its users, policy and articles, made if need be in one transaction."""
    told, now = demo.company(), service.clock()
    async with service.store.write() as session:
        directory = Directory(session)
        organisation = await directory.organisation(told.name)
        if organisation is not None:
            if not organisation.demo:
                raise Conflict(f"There is an organisation called {told.name} that is no demo; rename it first.")
            return organisation
        organisation = directory.add_organisation(told.name, now, demo=True)
        organisation.brand = told.brand
        await session.flush()
        people = People(session, organisation.id)
        for user in told.users:
            people.add_user(user.name, user.email, user.role, now, user.signature)
        await Policies(session, organisation.id).add(demo.remedies(), now)
        articles = [NewArticle(a.id, a.title, a.text, a.kind) for a in demo.articles()]
        await Articles(session, organisation.id).upsert(articles, now)
        return organisation


async def _users(service: Service, organisation_id: str) -> dict[str, User]:
    """The demo's users by the keys that its files name them by."""
    async with service.store.read() as session:
        by_email = {user.email: user for user in await People(session, organisation_id).users()}
    return {user.key: by_email[user.email] for user in demo.company().users}


async def _redo(
    service: Service, organisation_id: str, users: dict[str, User], done: Wrote | Happened | Snoozed
) -> None:
    """Lets one thing happen as if the service had been there at its time; drafts are left for the end."""
    then = replace(service, clock=lambda: done.at, enqueue_draft=lambda organisation, draft, number: None)
    if isinstance(done, Wrote):
        await ingest(then, organisation_id, done.message, users[done.by].id if done.by else HELPDESK)
        return
    async with service.store.read() as session:
        conversation = await Conversations(session, organisation_id).by_external_id(
            demo.company().source, done.conversation
        )
        assert conversation is not None, "the files name no conversation before its first message"
        snoozed = any(
            e.type == "snoozed" for e in await Conversations(session, organisation_id).events(conversation.id)
        )
    if isinstance(done, Happened):
        await record(then, organisation_id, conversation.id, done.event)
    elif not snoozed:
        user = users[done.by]
        who = Principal(organisation_id, user.id, user.name, "agent", user.id)
        await snooze(then, who, conversation.id, done.until, None)


async def _date_due_drafts(service: Service, organisation_id: str) -> None:
    """Lets the wait for a draft begin now, and not when its message was written: the sweep gives up what is too old."""
    now = service.clock()
    async with service.store.write() as session:
        for draft in await Drafts(session, organisation_id).overdue(now, limit=1000):
            draft.created_at = now


async def _not_here(service: Service, organisation_id: str, wrote: Sequence[Wrote]) -> list[Wrote]:
    async with service.store.read() as session:
        messages = Messages(session, organisation_id)
        return [w for w in wrote if not await messages.by_external_id(w.message.source, w.message.external_id)]


async def _has(service: Service, organisation_id: str, action: str) -> bool:
    async with service.store.read() as session:
        return await Audit(session, organisation_id).has(action)


async def _note(service: Service, organisation_id: str, action: str) -> None:
    at: datetime = service.clock()
    async with service.store.write() as session:
        Audit(session, organisation_id).add("system", action, organisation_id, at)
