"""The shape in which a helpdesk gives us a message or an event: the body of POST /v1/messages and its siblings."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictFloat,
    StringConstraints,
    WithJsonSchema,
)

from triage.messages.values import MAX_TEXT, Author, Channel, Tier

MAX_HTML = 1_000_000
AHEAD = timedelta(hours=1)
"""A sender's clock may be this far ahead of ours; more is a mistake worth telling."""


def _storable(value: str) -> str:
    """PostgreSQL stores no NUL, and no database a lone surrogate."""
    if "\x00" in value:
        raise ValueError("must not contain the character NUL")
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("must be valid Unicode, without lone surrogates")
    return value


def _written_out(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise ValueError("must be a time as text, e.g. 2026-11-21T09:30:00Z")
    return value


def whole(value: object) -> object:
    """JSON knows one kind of number: 4.0 is a whole one; true is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a whole number")
    return value


Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_storable)]
ExternalId = Name
Line = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_storable)]
Time = Annotated[
    AwareDatetime,
    BeforeValidator(_written_out),
    Field(ge=datetime(1990, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC)),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339 with a zone, 1990 to 2199."}),
]
Level = Annotated[int, Field(ge=0, le=4), BeforeValidator(whole)]
Stars = Annotated[int, Field(ge=1, le=5), BeforeValidator(whole)]
Version = Annotated[int, Field(ge=0, le=2**31), BeforeValidator(whole)]
SEEN = r"[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2060\u3000\ufeff]"
"""Something that shows: no language's idea of white space."""
Said = Annotated[str, StringConstraints(pattern=SEEN), AfterValidator(_storable)]
"""Words: how many is checked apart, because too many of them are a 413."""
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Paragraph = Annotated[str, StringConstraints(max_length=5000), AfterValidator(_storable)]
Text = Annotated[str, AfterValidator(_storable)]


def _plain_facts(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """At most 20 kB of JSON that every database takes: no NaN, no NUL."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except ValueError:
        raise ValueError("must not contain NaN or Infinity") from None
    _storable(text.replace("\\u0000", "\x00"))
    if len(text) > 20_000:
        raise ValueError("must be at most 20,000 characters of JSON")
    return value


class Shape(BaseModel):
    """Refuses unknown fields, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class PostedConversation(Shape):
    external_id: ExternalId
    channel: Channel
    subject: Line | None = None
    brand: Name | None = None
    group: Name | None = None
    assignee: Name | None = Field(None, description="E-mail address or id of one of our users.")
    tags: list[Name] = Field(default_factory=list, max_length=100)


class PostedCustomer(Shape):
    external_id: ExternalId
    name: Name | None = None
    email: Name | None = None
    tier: Tier = "standard"
    language: Language | None = None


class Attachment(Shape):
    name: Name
    media_type: Name


class PostedMessage(Shape):
    """One message of a conversation. `text` may be empty where `html` is given."""

    source: ExternalId = Field(description="The helpdesk that it comes from, as `zendesk`; ids are unique within it.")
    external_id: ExternalId
    author: Author
    conversation: PostedConversation
    customer: PostedCustomer
    text: Text = ""
    html: Annotated[str, StringConstraints(max_length=MAX_HTML), AfterValidator(_storable)] | None = None
    attachments: list[Attachment] = Field(default_factory=list, max_length=100)
    headers: dict[str, Text] = Field(
        default_factory=dict, description="Mail headers that tell automatic mail, as `Auto-Submitted`."
    )
    sent_at: Time | None = Field(None, description="When it was written; absent: now.")
    order: Annotated[dict[str, JsonValue], AfterValidator(_plain_facts)] | None = Field(
        None, description="Facts from the shop or ticket system: number, item, amount, currency, promised_at ..."
    )


class TriageMessage(Shape):
    id: ExternalId
    text: Said
    subject: Line | None = None
    language: Language | None = None
    channel: Channel = "email"
    sent_at: Time | None = None


EventType = Literal["assigned", "status", "solved", "reopened", "survey"]


class PostedEvent(Shape):
    """Something that happened in the helpdesk."""

    type: EventType
    at: Time
    external_id: ExternalId | None = Field(None, description="The same one again changes nothing.")
    source: ExternalId | None = None
    assignee: Name | None = Field(None, description="For `assigned`: e-mail address or id of one of our users.")
    status: Literal["open", "pending", "on_hold", "solved", "closed"] | None = Field(None, description="For `status`.")
    score: StrictFloat | None = Field(None, ge=0, le=10, description="For `survey`.")
    scale: Literal["csat", "nps", "ces"] = "csat"
    comment: Paragraph | None = None


def sent(message: PostedMessage, now: datetime) -> datetime:
    """When the customer began to wait: the stated time, never later than now."""
    return min(message.sent_at or now, now)


__all__ = [
    "MAX_TEXT",
    "Attachment",
    "PostedConversation",
    "PostedCustomer",
    "PostedEvent",
    "PostedMessage",
    "Shape",
    "TriageMessage",
    "sent",
]
