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
from triage.demo.company import Happened, Resolved, Snoozed, Wrote
from triage.errors import AmendsError, Conflict
from triage.keys import Principal
from triage.messages.ingest import ingest
from triage.queue import record, snooze
from triage.recovery.drafting import accept, dismiss, make_draft, read_draft
from triage.resolving import resolve
from triage.service import Service
from triage.store.repositories.articles import Articles, NewArticle
from triage.store.repositories.conversations import Conversations
from triage.store.repositories.directory import Directory
from triage.store.repositories.drafts import Drafts, FollowUps
from triage.store.repositories.live import Audit
from triage.store.repositories.messages import Messages
from triage.store.repositories.people import People
from triage.store.repositories.policies import Policies
from triage.store.tables import Conversation, Organisation, User

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


async def _redo(service: Service, organisation_id: str, users: dict[str, User], done: demo.Done) -> None:
    """Lets one thing happen as if the service had been there at its time; what happened already does not again."""
    then = replace(service, clock=lambda: done.at, enqueue_draft=lambda organisation, draft, number: None)
    if isinstance(done, Wrote):
        if not await _not_here(service, organisation_id, [done]):
            return
        if done.draft is not None:
            await _use_draft(then, _agent(organisation_id, users, done.by), done)
        await ingest(then, organisation_id, done.message, users[done.by].id if done.by else HELPDESK)
        return
    conversation, happened = await _conversation(service, organisation_id, done.conversation)
    assert conversation is not None, "the files name no conversation before its first message"
    if isinstance(done, Happened):
        await record(then, organisation_id, conversation.id, done.event)
    elif isinstance(done, Snoozed) and "snoozed" not in happened:
        await snooze(then, _agent(organisation_id, users, done.by), conversation.id, done.until, None)
    elif isinstance(done, Resolved) and "resolved" not in happened:
        await resolve(then, _agent(organisation_id, users, done.by), conversation.id, done.ending, None)


async def _use_draft(then: Service, who: Principal, done: Wrote) -> None:
    """Has the draft made that was due then, and accepts it with the words that were sent, or dismisses it.

    Where the model saw nothing to draft for, the agent wrote alone.
    """
    conversation, _ = await _conversation(then, who.organisation_id, done.message.conversation.external_id)
    assert conversation is not None, "an agent answers what a customer wrote"
    async with then.store.read() as session:
        drafts = await Drafts(session, who.organisation_id).of_conversation(conversation.id)
    for draft in drafts:
        await make_draft(then, who.organisation_id, draft.id)
        if (await read_draft(then, who.organisation_id, draft.id)).status != "ready":
            continue
        if done.draft == "dismissed":
            await dismiss(then, who, draft.id, done.reason or "other")
            continue
        await accept(then, who, draft.id, done.message.text, [])
        if done.kept:
            await _keep_promises(then, who, conversation.id, draft.id)


async def _keep_promises(then: Service, who: Principal, conversation_id: str, draft_id: str) -> None:
    """Marks as done on its day what has fallen due by the load; what is still to come stays open."""
    async with then.store.write() as session:
        loaded_at = (await session.get_one(Organisation, who.organisation_id)).created_at
        follow_ups = FollowUps(session, who.organisation_id)
        for follow_up in await follow_ups.of_conversation(conversation_id):
            if follow_up.draft_id == draft_id and follow_up.due_at <= loaded_at:
                await follow_ups.finish(follow_up.id, who.user_id, follow_up.due_at)


def _agent(organisation_id: str, users: dict[str, User], key: str | None) -> Principal:
    assert key is not None, "the files say which of us did it"
    return Principal(organisation_id, users[key].id, users[key].name, "agent", users[key].id)


async def _conversation(
    service: Service, organisation_id: str, external_id: str
) -> tuple[Conversation | None, frozenset[str]]:
    """The conversation and the types of what happened in it."""
    async with service.store.read() as session:
        conversations = Conversations(session, organisation_id)
        found = await conversations.by_external_id(demo.company().source, external_id)
        events = await conversations.events(found.id) if found else ()
    return found, frozenset(event.type for event in events)


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
