"""One conversation: what was said, how it reads, where it stands and why, and the work on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.pages import show
from api.pages.page import PageRoute, back_to, by_htmx, field, page, render, version
from api.routes.queue import ResolveBody
from api.security import Reader, Svc, Worker
from triage import queue, resolving
from triage.conversation import OpenConversation, open_conversation
from triage.errors import Invalid, NotFound
from triage.keys import Principal
from triage.scoring.values import Score
from triage.service import Service
from triage.store.repositories.articles import Articles
from triage.store.repositories.conversations import Conversations
from triage.store.repositories.drafts import Drafts
from triage.store.repositories.people import People
from triage.store.repositories.policies import Policies
from triage.store.tables import ConversationEvent, DraftEdit, Message

router = APIRouter(route_class=PageRoute)
SNOOZES = {"1": "1 hour", "4": "4 hours", "24": "1 day", "72": "3 days", "168": "1 week"}
QUIET = frozenset({"received", "shown"})
"""Events that the timeline leaves out: the message itself stands there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline: a message, or something that happened."""

    at: datetime
    message: Message | None = None
    score: Score | None = None
    blocks: Sequence[show.Block] = ()
    newest: bool = False
    counts: bool = False
    """The message that the conversation's place rests on."""
    event: ConversationEvent | None = None
    actor: str = ""
    reply: DraftEdit | None = None


@router.get("/conversations/{conversation_id}")
async def conversation(conversation_id: str, request: Request, who: Reader, service: Svc) -> Response:
    found = await open_conversation(service, who.organisation_id, conversation_id)
    async with service.store.read() as session:
        people = {user.id: user.name for user in await People(session, who.organisation_id).users()}
        edits = await Drafts(session, who.organisation_id).edits([draft.id for draft in found.drafts])
        remedies = {remedy.id: remedy.label for remedy in await Policies(session, who.organisation_id).newest()}
        cited = show.cited(found.drafts[0].body, "article") if found.drafts else []
        titles = await Articles(session, who.organisation_id).titles(cited)
        waiting = (await Conversations(session, who.organisation_id).counts()).get("open", 0)
    newest = found.newest
    draft = next(iter(found.drafts), None)
    return await page(
        request,
        service,
        who,
        "conversation.html",
        found=found,
        conversation=found.conversation,
        customer=found.customer,
        owner=people.get(found.conversation.owner_id or ""),
        place=found.place,
        waiting=waiting,
        messages=len(found.messages),
        score=found.scores.get(newest.id) if newest else None,
        newest=newest,
        timeline=_timeline(found, newest, draft.body if draft else None, people, edits),
        draft=draft,
        edit=edits.get(draft.id) if draft else None,
        answered=newest if draft is None or newest is None or draft.message_id == newest.id else None,
        follow_ups=found.follow_ups,
        warnings=(),
        cases=found.cases,
        remedies=remedies,
        titles=titles,
        snoozes=SNOOZES,
        beside=False,
    )


def _timeline(
    found: OpenConversation,
    newest: Message | None,
    draft: Mapping[str, Any] | None,
    people: Mapping[str, str],
    edits: Mapping[str, DraftEdit],
) -> list[Entry]:
    """Messages and events, newest first."""
    entries = []
    waiting = found.conversation.act_by is not None
    counting = found.priority.inputs["message_id"] if found.priority else None
    for message in found.messages:
        score = found.scores.get(message.id)
        layers = show.layers_of(score, draft if message is newest else None)
        parts = show.blocks(message.text, layers, message.cuts)
        counts = waiting and message.id == counting and len(found.messages) > 1
        entries.append(Entry(message.sent_at, message, score, parts, message is newest, counts))
    for event in found.events:
        if event.type not in QUIET:
            actor = people.get(event.actor, event.actor)
            entries.append(Entry(event.at, event=event, actor=actor, reply=edits.get(event.data.get("draft_id", ""))))
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


@router.get("/conversations/{conversation_id}/work")
async def get_work(conversation_id: str, who: Reader, service: Svc) -> Response:
    """The bar with owner, place and acts, as it is now."""
    return HTMLResponse(await work_bar(service, who, conversation_id))


@router.post("/conversations/{conversation_id}/claim")
async def claim(conversation_id: str, request: Request, who: Worker, service: Svc) -> Response:
    await queue.claim(service, who, conversation_id, version(request))
    return await _done(request, service, who, conversation_id)


@router.post("/conversations/{conversation_id}/release")
async def release(conversation_id: str, request: Request, who: Worker, service: Svc) -> Response:
    await queue.release(service, who, conversation_id, version(request))
    return await _done(request, service, who, conversation_id)


@router.post("/conversations/{conversation_id}/snooze")
async def snooze(conversation_id: str, request: Request, who: Worker, service: Svc) -> Response:
    hours = field(request, "hours")
    if hours not in SNOOZES:
        raise Invalid("Choose for how long.")
    until = service.clock() + timedelta(hours=int(hours))
    await queue.snooze(service, who, conversation_id, until, version(request))
    return await _done(request, service, who, conversation_id)


@router.post("/conversations/{conversation_id}/resolve")
async def resolve(conversation_id: str, request: Request, who: Worker, service: Svc) -> Response:
    given = {name: field(request, name).strip() for name in ("remedy", "cost", "currency", "note")}
    body = ResolveBody.model_validate({name: value for name, value in given.items() if value})
    ending = resolving.Ending(body.remedy, body.cost, body.currency, body.note)
    await resolving.resolve(service, who, conversation_id, ending, version(request))
    return await _done(request, service, who, conversation_id)


async def _done(request: Request, service: Service, who: Principal, conversation_id: str) -> Response:
    if not by_htmx(request):
        return back_to(f"/conversations/{conversation_id}")
    return HTMLResponse(await work_bar(service, who, conversation_id))


async def work_bar(service: Service, who: Principal, conversation_id: str, *, beside: bool = False) -> str:
    """The bar's text; `beside` where it comes along with the part that was asked for."""
    async with service.store.read() as session:
        conversations = Conversations(session, who.organisation_id)
        found = await conversations.get(conversation_id)
        if found is None:
            raise NotFound("There is no such conversation.")
        place = await conversations.count_ahead(found.act_by, found.id) if found.status == "open" else None
        waiting = (await conversations.counts()).get("open", 0)
        owner = await People(session, who.organisation_id).user(found.owner_id) if found.owner_id else None
        remedies = {remedy.id: remedy.label for remedy in await Policies(session, who.organisation_id).newest()}
        messages = await conversations.count_messages(conversation_id)
    return render(
        service,
        who,
        "_work.html",
        conversation=found,
        owner=owner.name if owner else None,
        place=place,
        waiting=waiting,
        messages=messages,
        remedies=remedies,
        snoozes=SNOOZES,
        beside=beside,
    )
