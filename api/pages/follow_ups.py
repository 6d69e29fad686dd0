"""What was promised, to whom, by when."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.pages.page import PageRoute, back_to, by_htmx, page, render
from api.paging import cursor as token
from api.paging import place
from api.security import Reader, Svc, Worker
from triage.errors import NotFound
from triage.store.repositories.conversations import Conversations
from triage.store.repositories.drafts import FollowUps

router = APIRouter(route_class=PageRoute)
PAGE = 50


@router.get("/follow-ups")
async def follow_ups(
    request: Request, who: Reader, service: Svc, cursor: Annotated[str | None, Query(max_length=300)] = None
) -> Response:
    """Promises still to be kept, by due date."""
    after = place(cursor)
    async with service.store.read() as session:
        due = await FollowUps(session, who.organisation_id).open(
            PAGE + 1, (after[0], after[1]) if after and after[0] else None
        )
        rows = await Conversations(session, who.organisation_id).rows([f.conversation_id for f in due])
    last = due[PAGE - 1] if len(due) > PAGE else None
    return await page(
        request,
        service,
        who,
        "follow_ups.html",
        due=due[:PAGE],
        of={row.conversation.id: row for row in rows},
        more=f"/follow-ups?cursor={token(last.due_at, last.id)}" if last else None,
    )


@router.post("/follow-ups/{follow_up_id}/done")
async def post_done(follow_up_id: str, request: Request, who: Worker, service: Svc) -> Response:
    """Kept; saying so again changes nothing."""
    async with service.store.write() as session:
        await FollowUps(session, who.organisation_id).finish(follow_up_id, who.user_id, service.clock())
    async with service.store.read() as session:
        row = await FollowUps(session, who.organisation_id).get(follow_up_id)
    if row is None:
        raise NotFound("There is no such follow-up.")
    if not by_htmx(request):
        return back_to("/follow-ups")
    return HTMLResponse(render(service, who, "_kept.html", follow_up=row))
