"""POST /v1/triage: score lines for up to 256 messages, nothing stored."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field, StrictBool

from api.idempotency import IdempotentRoute
from api.problems import problems
from api.security import Anyone, Svc
from api.views import TriageAnswer
from triage.errors import Invalid, TooLarge
from triage.messages.posted import MAX_TEXT, Shape, TriageMessage
from triage.messages.values import Incoming
from triage.scoring.score import score_all_async

MAX_MESSAGES = 256
router = APIRouter(tags=["triage"], route_class=IdempotentRoute)


class TriageBody(Shape):
    messages: Annotated[list[TriageMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    evidence: StrictBool = Field(
        False, description="Also give the customer's words behind each level; costs up to 6 reads."
    )


@router.post("/v1/triage", response_model=TriageAnswer, responses=problems())
async def triage(body: TriageBody, who: Anyone, service: Svc) -> JSONResponse:
    """Scores messages, in order. Relative deadlines ("tomorrow") count from `sent_at`, or else from now."""
    now = service.clock()
    for i, message in enumerate(body.messages):
        if len(message.text) > MAX_TEXT:
            raise TooLarge(f"A text may have at most {MAX_TEXT:,} characters.", pointer=f"/messages/{i}/text")
        if not message.text.strip():
            raise Invalid("There is no text.", pointer=f"/messages/{i}/text")
    incoming = [
        Incoming(m.text, m.subject, m.language, m.channel, m.sent_at or now)
        for m in body.messages
    ]  # fmt: skip
    scores = await score_all_async(incoming, service.scorer, evidence=body.evidence)
    # Built by hand in the documented shape: validating 64 score lines again would cost more than scoring them.
    return JSONResponse({"data": [score.line(m.id) for m, score in zip(body.messages, scores, strict=True)]})
