"""The queue: who ought to be answered first, and why."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.pages.page import PageRoute, back_to, page
from api.paging import cursor as token
from api.paging import place
from api.security import Reader, Svc, Worker
from triage import queue as work
from triage.messages.values import Channel, Tier
from triage.store.repositories.conversations import Conversations, QueueFilters
from triage.store.repositories.messages import Messages
from triage.store.repositories.people import People

router = APIRouter(route_class=PageRoute)
PAGE = 50
OPENING = 160
"""Characters of the message that a row shows."""
Status = Literal["open", "answered", "snoozed", "resolved"]


@router.get("/queue")
async def queue(
    request: Request,
    who: Reader,
    service: Svc,
    status: Status = "open",
    channel: Channel | Literal[""] = "",
    tier: Tier | Literal[""] = "",
    owner: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str | None, Query(max_length=300)] = None,
) -> Response:
    filters = QueueFilters(
        status=status,
        channel=channel or None,
        tier=tier or None,
        owner_id=who.actor if owner == "me" else owner if owner not in ("", "none") else None,
        unowned=owner == "none",
    )
    async with service.store.read() as session:
        conversations = Conversations(session, who.organisation_id)
        rows = await conversations.queue(filters, PAGE + 1, place(cursor))
        counts = await conversations.counts()
        users = await People(session, who.organisation_id).users()
        opening = await Messages(session, who.organisation_id).openings(
            [row.priority.inputs["message_id"] for row in rows if row.priority], OPENING
        )
    chosen = {"status": status, "channel": channel, "tier": tier, "owner": owner}
    more = None
    if len(rows) > PAGE:
        last = rows[PAGE - 1].conversation
        more = "/queue?" + urlencode({k: v for k, v in chosen.items() if v} | {"cursor": token(last.act_by, last.id)})
    return await page(
        request,
        service,
        who,
        "queue.html",
        rows=rows[:PAGE],
        opening=opening,
        counts=counts,
        owners=[user for user in users if user.role != "analyst"],
        chosen=chosen,
        narrowed=bool(channel or tier or owner),
        later=cursor is not None,
        more=more,
    )


@router.post("/queue/next")
async def take_next(request: Request, who: Worker, service: Svc) -> Response:
    """Claims the next conversation that nobody owns, and opens it."""
    found = await work.claim_next(service, who)
    if found is None:
        return back_to("/queue?owner=none")
    return back_to(f"/conversations/{found.id}")
