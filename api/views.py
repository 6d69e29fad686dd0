"""How rows look on the wire. Every answer's shape stands here once, typed, so that OpenAPI tells the truth."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from triage.priority import overdue, rank
from triage.store.repositories.conversations import QueueRow
from triage.store.tables import Conversation, ConversationEvent, Customer, Draft, FollowUp, Message

EVENT_STREAM: dict[str, Any] = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "description": "One server-sent event.",
            "properties": {"event": {"type": "string"}, "data": {"type": "string"}, "id": {"type": "string"}},
        }
    }
}


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[dict[str, str]] | None = Field(None, description="`pointer` (RFC 6901) and `detail` of each.")


class EvidenceView(BaseModel):
    start: int
    end: int
    text: str
    weight: float


class OrdinalView(BaseModel):
    level: str
    score: float = Field(description="Expected level / 4.")
    probabilities: list[float] = Field(description="Of the five levels, lowest first.")
    evidence: list[EvidenceView]


class UrgencyView(OrdinalView):
    act_within: str | None = Field(description="ISO 8601 duration of the level.")


class FailureView(BaseModel):
    code: str
    probability: float
    probabilities: dict[str, float]


class SignalView(BaseModel):
    name: str
    start: int
    end: int
    at: datetime | None = None


class ScoreView(BaseModel):
    """One score line of the contract."""

    id: str
    language: str
    frustration: OrdinalView
    urgency: UrgencyView
    failure: FailureView
    signals: list[SignalView]
    abstained: bool
    abstain_reasons: list[str]
    model: str


class TriageAnswer(BaseModel):
    data: list[ScoreView]


class ReasonView(BaseModel):
    code: str
    text: str
    seconds: int


class PriorityView(BaseModel):
    act_by: datetime
    policy: str
    reasons: list[ReasonView] = Field(description="Their seconds add up to act_by, counted from the message.")


class IngestAnswer(BaseModel):
    id: str
    conversation_id: str
    source: str
    external_id: str
    author: str
    received_at: datetime
    machine: str | None = Field(description="Why this is automatic mail, or null.")
    score: ScoreView | None
    priority: PriorityView | None
    draft_id: str | None = Field(description="The draft that is being written, or null where none is due.")


class CustomerView(BaseModel):
    id: str
    external_id: str
    name: str | None
    email: str | None
    tier: str
    language: str | None


class ConversationView(BaseModel):
    id: str
    version: int
    source: str
    external_id: str
    channel: str
    subject: str | None
    status: str
    owner_id: str | None
    act_by: datetime | None
    waiting_since: datetime | None
    snoozed_until: datetime | None
    resolved_at: datetime | None
    prior_failure: bool
    brand: str | None
    group: str | None
    tags: list[str]
    order: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime


class QueueItem(BaseModel):
    conversation: ConversationView
    customer: CustomerView
    owner: str | None
    rank: int | None = Field(description="0-100, derived from act_by and the time of reading.")
    overdue_seconds: int
    frustration: str | None
    urgency: str | None
    failure: str | None
    abstained: bool
    reasons: list[ReasonView] = Field(description="Why here.")


class QueuePage(BaseModel):
    data: list[QueueItem]
    next_cursor: str | None
    has_more: bool


class MessageView(BaseModel):
    id: str
    author: str
    author_name: str | None
    text: str
    cuts: list[dict[str, Any]]
    attachments: list[dict[str, str]]
    language: str | None
    machine: str | None
    sent_at: datetime
    received_at: datetime
    score: ScoreView | None


class EventView(BaseModel):
    type: str
    actor: str
    at: datetime
    data: dict[str, Any]


class CaseView(BaseModel):
    """A similar resolved case: structured fields and a summary without personal data."""

    id: str
    summary: str
    failure: str | None
    product: str | None
    channel: str | None
    remedy: str | None
    cost: float | None
    currency: str | None
    csat: int | None
    reopened: bool | None
    resolved_at: datetime | None
    score: float
    why: list[str]


class CasesAnswer(BaseModel):
    data: list[CaseView]
    nothing_near: bool = Field(description="True where no case is near enough to learn from.")


class DraftView(BaseModel):
    """A draft's state and, once written, the contract's draft line."""

    id: str
    conversation_id: str
    message_id: str
    conversation_version: int
    attempt: int
    status: str
    dismiss_reason: str | None
    created_at: datetime
    ready_at: datetime | None
    engine: str | None = None
    prompt: str | None = None
    channel: str | None = None
    language: str | None = None
    kind: str | None = None
    sections: list[dict[str, Any]] = Field(default_factory=list)
    options: list[dict[str, Any]] = Field(default_factory=list)
    placeholders: list[str] = Field(default_factory=list)
    checks: list[dict[str, Any]] = Field(default_factory=list)
    text: str | None = None
    similar_cases: list[str] = Field(default_factory=list)
    suggest_sender: str | None = None
    channel_advice: str | None = None


class AcceptAnswer(BaseModel):
    draft: DraftView
    checks: list[dict[str, Any]] = Field(description="What the guard says of the accepted text, as warnings.")
    follow_ups: list["FollowUpView"]


class FollowUpView(BaseModel):
    id: str
    conversation_id: str
    draft_id: str
    promise: str
    due_at: datetime
    done_at: datetime | None
    done_by: str | None


class FollowUpPage(BaseModel):
    data: list[FollowUpView]
    next_cursor: str | None
    has_more: bool


class ConversationAnswer(BaseModel):
    conversation: ConversationView
    customer: CustomerView
    place: int | None = Field(description="How many open conversations stand before it; null when it is not waiting.")
    priority: PriorityView | None
    messages: list[MessageView]
    events: list[EventView]
    drafts: list[DraftView]
    follow_ups: list[FollowUpView]
    cases: CasesAnswer
    history: list[ConversationView] = Field(description="The customer's other conversations, newest first.")


def customer_view(row: Customer) -> dict[str, Any]:
    return {k: getattr(row, k) for k in ("id", "external_id", "name", "email", "tier", "language")}


def conversation_view(row: Conversation) -> dict[str, Any]:
    plain = {k: getattr(row, k) for k in ConversationView.model_fields if k != "group"}
    return plain | {"group": row.group_name}


def queue_item(row: QueueRow, now: datetime) -> dict[str, Any]:
    act_by, score = row.conversation.act_by, row.score
    return {
        "conversation": conversation_view(row.conversation),
        "customer": customer_view(row.customer),
        "owner": row.owner.name if row.owner else None,
        "rank": rank(act_by, now) if act_by else None,
        "overdue_seconds": int(overdue(act_by, now).total_seconds()) if act_by else 0,
        "frustration": score.frustration.level if score else None,
        "urgency": score.urgency.level if score else None,
        "failure": score.failure_code if score else None,
        "abstained": score.abstained if score else False,
        "reasons": row.priority.reasons if row.priority and act_by else [],
    }


def message_view(row: Message, score: Mapping[str, Any] | None) -> dict[str, Any]:
    plain = {k: getattr(row, k) for k in MessageView.model_fields if k != "score"}
    return plain | {"score": score}


def event_view(row: ConversationEvent) -> dict[str, Any]:
    return {"type": row.type, "actor": row.actor, "at": row.at, "data": row.data}


def draft_view(row: Draft) -> dict[str, Any]:
    state = {
        k: getattr(row, k)
        for k in (
            "id", "conversation_id", "message_id", "conversation_version", "attempt", "status", "dismiss_reason",
            "created_at", "ready_at",
        )
    }  # fmt: skip
    return {k: v for k, v in (row.body or {}).items() if k != "id"} | state


def follow_up_view(row: FollowUp) -> dict[str, Any]:
    return {k: getattr(row, k) for k in FollowUpView.model_fields}
