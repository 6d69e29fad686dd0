"""POST /v1/messages and what happened in the helpdesk."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.idempotency import IdempotentRoute
from api.problems import problems
from api.security import Feeder, Svc
from api.views import ConversationView, IngestAnswer, conversation_view
from triage.errors import NotFound, TooLarge
from triage.messages.ingest import ingest
from triage.messages.posted import MAX_TEXT, Name, PostedEvent, PostedMessage, Shape
from triage.queue import record
from triage.store.repositories.conversations import Conversations

router = APIRouter(tags=["messages"], route_class=IdempotentRoute)


class ConversationName(Shape):
    source: Name
    external_id: Name


class NamedEvent(PostedEvent):
    conversation: ConversationName


@router.post(
    "/v1/messages",
    status_code=201,
    response_model=IngestAnswer,
    responses=problems(
        409, also={200: {"model": IngestAnswer, "description": "The same message again: the first answer"}}
    ),
)
async def post_message(body: PostedMessage, who: Feeder, service: Svc, request: Request) -> JSONResponse:
    """Stores, scores and places one message. Safe to repeat: the same source and external_id give the first answer."""
    if len(body.text) > MAX_TEXT:
        raise TooLarge(f"A text may have at most {MAX_TEXT:,} characters.", pointer="/text")
    done = await ingest(service, who.organisation_id, body, who.actor)
    request.state.conversation_id = done.conversation_id
    # As it stands, in the documented shape: validating it again would cost as much as writing it.
    return JSONResponse(done.answer, 201 if done.created else 200)


@router.post("/v1/conversations/events", response_model=ConversationView, responses=problems(404, 409))
async def post_named_event(body: NamedEvent, who: Feeder, service: Svc, request: Request) -> object:
    """What happened to the conversation that the helpdesk knows by `source` and `external_id`."""
    async with service.store.read() as session:
        named = await Conversations(session, who.organisation_id).by_external_id(
            body.conversation.source, body.conversation.external_id
        )
    if named is None:
        raise NotFound("There is no conversation with this source and external_id.")
    request.state.conversation_id = named.id
    return conversation_view(await record(service, who.organisation_id, named.id, body))


@router.post(
    "/v1/conversations/{conversation_id}/events", response_model=ConversationView, responses=problems(404, 409)
)
async def post_event(conversation_id: str, body: PostedEvent, who: Feeder, service: Svc, request: Request) -> object:
    """What happened in the helpdesk: assigned, status, solved, reopened, survey."""
    changed = await record(service, who.organisation_id, conversation_id, body)
    request.state.conversation_id = changed.id
    return conversation_view(changed)
