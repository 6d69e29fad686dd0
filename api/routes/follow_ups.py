"""What was promised, to whom, by when."""

from fastapi import APIRouter

from api.idempotency import IdempotentRoute
from api.paging import Cursor, Limit, page, place
from api.problems import problems
from api.security import Reader, Svc, Worker
from api.views import FollowUpPage, FollowUpView, follow_up_view
from triage.errors import NotFound
from triage.store.repositories.drafts import FollowUps

router = APIRouter(tags=["follow-ups"], route_class=IdempotentRoute)


@router.get("/v1/follow_ups", response_model=FollowUpPage, responses=problems())
async def get_follow_ups(
    who: Reader,
    service: Svc,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> object:
    """Promises still to be kept, by due date."""
    after = place(cursor)
    due = (after[0], after[1]) if after and after[0] else None
    async with service.store.read() as session:
        rows = await FollowUps(session, who.organisation_id).open(limit + 1, due)
    last = rows[limit - 1] if len(rows) > limit else None
    return page([follow_up_view(row) for row in rows], limit, (last.due_at, last.id) if last else None)


@router.post("/v1/follow_ups/{follow_up_id}/done", response_model=FollowUpView, responses=problems(404, 409))
async def post_done(follow_up_id: str, who: Worker, service: Svc) -> object:
    """Kept; saying so again changes nothing."""
    async with service.store.write() as session:
        follow_ups = FollowUps(session, who.organisation_id)
        await follow_ups.finish(follow_up_id, who.user_id, service.clock())
    async with service.store.read() as session:
        row = await FollowUps(session, who.organisation_id).get(follow_up_id)
    if row is None:
        raise NotFound("There is no such follow-up.")
    return follow_up_view(row)
