"""GET /v1/events: what changes, as server-sent events from the one event table."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from api.problems import problems
from api.security import Reader, Svc
from api.views import EVENT_STREAM
from triage.service import Service
from triage.store.repositories.live import Events

POLL_SECONDS = 1.0
QUIET_POLLS = 15
"""After so many polls without news a comment keeps proxies from closing the stream."""
LATE = 100
"""An event may be committed after so many of higher numbers: PostgreSQL numbers them before they are committed."""
router = APIRouter(tags=["events"])


@router.get(
    "/v1/events",
    response_class=StreamingResponse,
    responses=problems(also={200: {"content": EVENT_STREAM}}),
)
async def get_events(
    request: Request,
    who: Reader,
    service: Svc,
    last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,15}$")] = None,
) -> StreamingResponse:
    """Changes of the queue and of drafts, ids only, from `Last-Event-ID` on or from now."""
    return StreamingResponse(
        _stream(request, service, who.organisation_id, int(last_event_id) if last_event_id else None),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(request: Request, service: Service, organisation_id: str, after: int | None) -> AsyncIterator[str]:
    async with service.store.read() as session:
        events = Events(session, organisation_id)
        after = await events.newest() if after is None else after
        told = {event.id for event in await events.after(after - LATE, LATE) if event.id <= after}
    yield "retry: 2000\n\n"
    quiet = 0
    while not await request.is_disconnected() and not request.app.state.stopping.is_set():
        async with service.store.read() as session:
            recent = await Events(session, organisation_id).after(after - LATE, LATE + 200)
        news = [event for event in recent if event.id not in told]
        for event in news:
            after = max(after, event.id)
            data = json.dumps({"type": event.type, "at": event.at.isoformat(), **event.subject})
            yield f"id: {event.id}\nevent: {event.type}\ndata: {data}\n\n"
        told = {number for number in told.union(event.id for event in news) if number > after - LATE}
        quiet = 0 if news else quiet + 1
        if quiet and quiet % QUIET_POLLS == 0:
            yield ": still here\n\n"
        try:
            await asyncio.wait_for(request.app.state.stopping.wait(), POLL_SECONDS)
        except TimeoutError:
            continue
