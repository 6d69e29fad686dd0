"""The case base: ask it, and add to it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, StrictFloat, model_validator

from api.idempotency import IdempotentRoute
from api.problems import problems
from api.security import Feeder, Reader, Svc
from api.views import CasesAnswer
from triage.cases.importing import case_from_row, store_cases
from triage.cases.similar import circumstances_of, similar_cases
from triage.cases.values import Circumstances, Filters, SearchResult
from triage.conversation import last_customer_message
from triage.errors import TooLarge
from triage.messages.clean import clean
from triage.messages.posted import MAX_TEXT, Level, Line, Name, Said, Shape, Stars, Time, whole
from triage.messages.values import Channel
from triage.scoring.values import FAILURES

router = APIRouter(tags=["cases"], route_class=IdempotentRoute)
Limit = Annotated[int, Field(ge=1, le=50), BeforeValidator(whole)]
Failure = Literal[FAILURES]  # type: ignore[valid-type]  # the codes stand in one place


class FiltersBody(Shape):
    failure: Failure | None = None
    product: Name | None = None
    channel: Channel | None = None
    language: Name | None = None
    remedy: Name | None = None
    resolved_after: Time | None = None


def _only(field: str) -> dict[str, Any]:
    """The JSON schema of: this field, and not the other."""
    other = {"text": "conversation_id", "conversation_id": "text"}[field]
    return {"required": [field], "properties": {field: {"type": "string"}, other: {"type": "null"}}}


class SearchBody(Shape):
    """Either a text or one of our conversations; a customer's words never stand in a URL."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_only("text"), _only("conversation_id")]})

    text: Said | None = None
    conversation_id: Name | None = None
    filters: FiltersBody = Field(default_factory=FiltersBody)
    limit: Limit = 5

    @model_validator(mode="after")
    def _one_of_both(self) -> "SearchBody":
        if (self.text is None) == (self.conversation_id is None):
            raise ValueError("give either text or conversation_id")
        return self


class CaseBody(Shape):
    """A resolved case from elsewhere. Personal data in it is replaced before anything is stored."""

    external_id: Name
    problem: Said
    summary: Line | None = None
    failure: Failure | None = None
    frustration: Level | None = None
    urgency: Level | None = None
    product: Name | None = None
    channel: Channel | None = None
    language: Name = "en"
    remedy: Name | None = None
    cost: StrictFloat | None = Field(None, ge=0, le=1e9)
    currency: Annotated[str, Field(pattern="^[A-Z]{3,5}$")] | None = None
    csat: Stars | None = None
    reopened: StrictBool | None = None
    kept: StrictBool | None = None
    accepted: StrictBool | None = None
    note: Line | None = None
    resolved_at: Time | None = None


def cases_answer(found: SearchResult) -> dict[str, Any]:
    return {
        "data": [
            {
                "id": m.case.id,
                "summary": m.case.summary,
                "failure": m.case.failure,
                "product": m.case.product,
                "channel": m.case.channel,
                "remedy": m.case.remedy,
                "cost": m.case.cost,
                "currency": m.case.currency,
                "csat": m.case.outcome.csat,
                "reopened": m.case.outcome.reopened,
                "resolved_at": m.case.resolved_at,
                "score": m.score,
                "why": list(m.why),
            }
            for m in found.matches
        ],
        "nothing_near": found.nothing_near,
    }


@router.post("/v1/cases/search", response_model=CasesAnswer, responses=problems(404))
async def search_cases(body: SearchBody, who: Reader, service: Svc) -> object:
    """Similar resolved cases, with why each matched and how it ended."""
    wanted = body.filters.model_dump(exclude_none=True)
    if body.conversation_id is not None:
        conversation, message, score = await last_customer_message(service, who.organisation_id, body.conversation_id)
        text = clean(message.text).text
        about = circumstances_of(service, score, conversation.channel, conversation.order)
        filters = Filters(**wanted, not_conversation=conversation.id)
    else:
        text, about, filters = body.text or "", Circumstances(now=service.clock()), Filters(**wanted)
        if len(text) > MAX_TEXT:
            raise TooLarge(f"A text may have at most {MAX_TEXT:,} characters.", pointer="/text")
    return cases_answer(await similar_cases(service, who.organisation_id, text, about, filters, body.limit))


class CaseAnswer(Shape):
    external_id: str
    stored: Literal["added", "changed", "unchanged"]


@router.post(
    "/v1/cases",
    status_code=201,
    response_model=CaseAnswer,
    responses=problems(also={200: {"model": CaseAnswer, "description": "The case was there; it is now as given"}}),
)
async def post_case(body: CaseBody, who: Feeder, service: Svc, response: Response) -> object:
    """Adds a resolved case, or replaces the one with this external_id."""
    if len(body.problem) > MAX_TEXT:
        raise TooLarge(f"A text may have at most {MAX_TEXT:,} characters.", pointer="/problem")
    case = case_from_row(body.model_dump(exclude_none=True, mode="json"))
    report = await store_cases(service.store, service.embedder, who.organisation_id, [case], service.clock())
    response.status_code = 201 if report.added else 200
    stored = "added" if report.added else "changed" if report.changed else "unchanged"
    return {"external_id": body.external_id, "stored": stored}
