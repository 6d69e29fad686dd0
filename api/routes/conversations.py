"""GET /v1/conversations/{id}: everything an agent needs of one conversation, in one answer."""

from fastapi import APIRouter

from api.problems import problems
from api.routes.cases import cases_answer
from api.security import Reader, Svc
from api.views import (
    ConversationAnswer,
    conversation_view,
    customer_view,
    draft_view,
    event_view,
    follow_up_view,
    message_view,
)
from triage.conversation import open_conversation

router = APIRouter(tags=["conversations"])


@router.get("/v1/conversations/{conversation_id}", response_model=ConversationAnswer, responses=problems(404))
async def get_conversation(conversation_id: str, who: Reader, service: Svc) -> object:
    """Timeline, customer, scores with the words behind them, drafts, similar cases."""
    found = await open_conversation(service, who.organisation_id, conversation_id)
    row = found.conversation
    return {
        "conversation": conversation_view(row),
        "customer": customer_view(found.customer),
        "place": found.place,
        "priority": {"act_by": row.act_by, "policy": found.priority.policy, "reasons": found.priority.reasons}
        if found.priority and row.act_by
        else None,
        "messages": [
            message_view(m, found.scores[m.id].line(m.id) if m.id in found.scores else None) for m in found.messages
        ],
        "events": [event_view(event) for event in found.events],
        "drafts": [draft_view(draft) for draft in found.drafts],
        "follow_ups": [follow_up_view(follow_up) for follow_up in found.follow_ups],
        "cases": cases_answer(found.cases),
        "history": [conversation_view(other) for other in found.history],
    }
