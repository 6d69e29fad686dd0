"""The queue and the work on it."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field, StrictFloat

from api.idempotency import IdempotentRoute
from api.paging import Cursor, Limit, page, place
from api.problems import problems
from api.security import Reader, Svc, Worker
from api.views import ConversationView, QueuePage, conversation_view, queue_item
from triage import queue, resolving
from triage.errors import NotFound
from triage.messages.posted import Line, Name, Shape, Time, Version
from triage.messages.values import Channel, Tier
from triage.store.repositories.conversations import Conversations, QueueFilters

router = APIRouter(tags=["queue"], route_class=IdempotentRoute)


class Act(Shape):
    version: Version | None = Field(None, description="The version you saw; a stale one is a 409.")


class SnoozeBody(Act):
    until: Time


class ResolveBody(Act):
    remedy: Name | None = Field(None, description="Id of the remedy that settled it.")
    cost: StrictFloat | None = Field(None, ge=0, le=1e9)
    currency: Annotated[str, Field(pattern="^[A-Z]{3,5}$")] | None = None
    note: Line | None = None


@router.get("/v1/queue", response_model=QueuePage, responses=problems())
async def get_queue(
    who: Reader,
    service: Svc,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: Literal["open", "answered", "snoozed", "resolved"] = "open",
    channel: Channel | None = None,
    tier: Tier | None = None,
    owner: Annotated[str | None, Query(max_length=200, description="A user's id, `me` or `none`.")] = None,
    due_before: Time | None = None,
) -> object:
    """The queue by act_by: who ought to be answered first, and why."""
    filters = QueueFilters(
        status=status,
        channel=channel,
        tier=tier,
        owner_id=who.actor if owner == "me" else owner if owner != "none" else None,
        unowned=owner == "none",
        due_before=due_before,
    )
    async with service.store.read() as session:
        rows = await Conversations(session, who.organisation_id).queue(filters, limit + 1, place(cursor))
    now = service.clock()
    last = rows[limit - 1].conversation if len(rows) > limit else None
    return page([queue_item(row, now) for row in rows], limit, (last.act_by, last.id) if last else None)


@router.post("/v1/queue/claim", response_model=ConversationView, responses=problems(404, 409))
async def claim_next(who: Worker, service: Svc) -> object:
    """Claims the next conversation that nobody owns; 404 when none waits."""
    found = await queue.claim_next(service, who)
    if found is None:
        raise NotFound("Nothing waits that nobody owns.")
    return conversation_view(found)


@router.post("/v1/conversations/{conversation_id}/claim", response_model=ConversationView, responses=problems(404, 409))
async def claim(conversation_id: str, who: Worker, service: Svc, body: Act | None = None) -> object:
    return conversation_view(await queue.claim(service, who, conversation_id, body.version if body else None))


@router.post(
    "/v1/conversations/{conversation_id}/release", response_model=ConversationView, responses=problems(404, 409)
)
async def release(conversation_id: str, who: Worker, service: Svc, body: Act | None = None) -> object:
    return conversation_view(await queue.release(service, who, conversation_id, body.version if body else None))


@router.post(
    "/v1/conversations/{conversation_id}/snooze", response_model=ConversationView, responses=problems(404, 409)
)
async def snooze(conversation_id: str, body: SnoozeBody, who: Worker, service: Svc) -> object:
    """Out of the queue until then, or until the customer writes again."""
    until: datetime = body.until
    return conversation_view(await queue.snooze(service, who, conversation_id, until, body.version))


@router.post(
    "/v1/conversations/{conversation_id}/resolve", response_model=ConversationView, responses=problems(404, 409)
)
async def resolve(conversation_id: str, who: Worker, service: Svc, body: ResolveBody | None = None) -> object:
    """Settled: it leaves the queue and becomes a case to learn from."""
    ending = body or ResolveBody()
    resolved = await resolving.resolve(
        service,
        who,
        conversation_id,
        resolving.Ending(ending.remedy, ending.cost, ending.currency, ending.note),
        ending.version,
    )
    return conversation_view(resolved)
