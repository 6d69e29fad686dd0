"""Drafts: ask for one, read it, take it, refuse it."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field

from api.idempotency import IdempotentRoute
from api.problems import problems
from api.security import Reader, Svc, Worker
from api.views import EVENT_STREAM, AcceptAnswer, DraftView, draft_view, follow_up_view
from triage.errors import TooLarge
from triage.messages.posted import MAX_TEXT, Line, Name, Said, Shape
from triage.messages.values import Channel
from triage.recovery.drafting import DraftRequest, accept, dismiss, read_draft, request_draft
from triage.store.repositories.drafts import FollowUps
from triage.store.tables import Draft

router = APIRouter(tags=["drafts"], route_class=IdempotentRoute)


class DraftBody(Shape):
    engine: Name | None = None
    instructions: Line | None = Field(None, description="What the agent wants said or left out.")
    tone: Literal["warm", "formal", "plain"] | None = None
    channel: Channel | None = None


class AcceptBody(Shape):
    text: Said | None = Field(None, description="The text as edited; absent: as drafted.")
    done: list[Name] = Field(default_factory=list, max_length=50, description="Remedies ticked as done.")


class DismissBody(Shape):
    reason: Literal["not_relevant", "incorrect", "policy", "tone", "language", "own_words", "other"]


@router.post(
    "/v1/conversations/{conversation_id}/drafts",
    status_code=201,
    response_model=DraftView,
    responses=problems(
        404,
        409,
        also={201: {"content": EVENT_STREAM, "description": "The draft"}},
    ),
)
async def post_draft(
    conversation_id: str,
    who: Worker,
    service: Svc,
    body: DraftBody | None = None,
    stream: Annotated[bool, Query(description="As server-sent events: `section` by section, then `draft`.")] = False,
) -> object:
    """A new draft for the newest customer message; older open ones become stale."""
    wanted = DraftRequest(**body.model_dump()) if body else DraftRequest()
    row = await request_draft(service, who, conversation_id, wanted)
    if stream:
        return StreamingResponse(_sections(row), 201, media_type="text/event-stream")
    return draft_view(row)


async def _sections(row: Draft) -> AsyncIterator[str]:
    line = JSONResponse(DraftView(**draft_view(row)).model_dump(mode="json")).body
    for section in (row.body or {}).get("sections", []):
        yield f"event: section\ndata: {json.dumps(section)}\n\n"
    yield f"event: draft\ndata: {bytes(line).decode()}\n\n"


@router.get("/v1/drafts/{draft_id}", response_model=DraftView, responses=problems(404))
async def get_draft(draft_id: str, who: Reader, service: Svc) -> object:
    return draft_view(await read_draft(service, who.organisation_id, draft_id))


@router.post("/v1/drafts/{draft_id}/accept", response_model=AcceptAnswer, responses=problems(404, 409))
async def accept_draft(draft_id: str, who: Worker, service: Svc, body: AcceptBody | None = None) -> object:
    """Takes the draft, with the agent's edits: the conversation is answered, dated promises become follow-ups."""
    taken = body or AcceptBody()
    if len(taken.text or "") > MAX_TEXT:
        raise TooLarge(f"A text may have at most {MAX_TEXT:,} characters.", pointer="/text")
    row, checks = await accept(service, who, draft_id, taken.text, taken.done)
    async with service.store.read() as session:
        promised = await FollowUps(session, who.organisation_id).of_conversation(row.conversation_id)
    return {
        "draft": draft_view(row),
        "checks": [{"name": c.name, "passed": c.passed, "detail": c.detail} for c in checks],
        "follow_ups": [follow_up_view(f) for f in promised if f.draft_id == draft_id],
    }


@router.post("/v1/drafts/{draft_id}/dismiss", response_model=DraftView, responses=problems(404, 409))
async def dismiss_draft(draft_id: str, body: DismissBody, who: Worker, service: Svc) -> object:
    """Refuses the draft, with a reason that review counts."""
    return draft_view(await dismiss(service, who, draft_id, body.reason))
