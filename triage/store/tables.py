"""Every table. Ids are text (noun_uuid7), times are UTC, every row names its organisation.

`organisation_id` stands first in every unique key and index, so that no query can use one across organisations.
"""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    JSON,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from triage.messages.values import Channel


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC on every database; naive ones are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


DIMENSIONS = 384
"""Width of the vector column on PostgreSQL; shorter vectors are padded with zeros, which leaves cosines as they are."""


class Vector(TypeDecorator[NDArray[np.float32]]):
    """float32, little-endian, in a BLOB on SQLite; `halfvec` on PostgreSQL, where the index needs a fixed width."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != "postgresql":
            return dialect.type_descriptor(LargeBinary())
        from pgvector.sqlalchemy import HALFVEC  # comes with the `postgres` extra

        return dialect.type_descriptor(HALFVEC(DIMENSIONS))

    def process_bind_param(self, value: NDArray[np.float32] | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        vector = np.asarray(value, dtype="<f4")
        if dialect.name != "postgresql":
            return vector.tobytes()
        if len(vector) > DIMENSIONS:
            raise ValueError(f"a vector of {len(vector)} numbers does not fit the column's {DIMENSIONS}")
        return np.pad(vector, (0, DIMENSIONS - len(vector)))

    def process_result_value(self, value: Any, dialect: Dialect) -> NDArray[np.float32] | None:
        if value is None:
            return None
        if dialect.name != "postgresql":
            return np.frombuffer(value, dtype="<f4")
        return np.asarray(value, dtype=np.float32)


class Table(DeclarativeBase):
    # Constraints carry the same names on both databases, so that a later migration can drop one by name.
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime,
        dict[str, Any]: JSON(none_as_null=True),  # None is NULL: JSON's own null is something to SQL's IS NULL
        list[Any]: JSON(none_as_null=True),
        str: String,
    }


class Organisation(Table):
    __tablename__ = "organisation"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    demo: Mapped[bool] = mapped_column(default=False)
    brand: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Voice of the replies: {name, greeting, sign_off}."""
    created_at: Mapped[datetime]


class Owned:
    """Mixed into every table but `organisation`."""

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"))


class User(Owned, Table):
    """A person who works here: agent, lead, analyst or admin."""

    __tablename__ = "user"
    __table_args__ = (UniqueConstraint("organisation_id", "email"),)
    name: Mapped[str]
    email: Mapped[str]
    role: Mapped[str]
    signature: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]


class ApiKey(Owned, Table):
    """`amends_<id>_<secret>`; only the secret's SHA-256 is kept. Ingest keys have no user."""

    __tablename__ = "api_key"
    __table_args__ = (Index("ix_api_key_owner", "organisation_id", "user_id"),)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    role: Mapped[str]
    label: Mapped[str] = mapped_column(default="")
    secret_hash: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class BrowserSession(Owned, Table):
    """A signed-in browser (`kind` session) or a link that signs one in once (`kind` link)."""

    __tablename__ = "browser_session"
    __table_args__ = (Index("ix_browser_session_user", "organisation_id", "user_id"),)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    kind: Mapped[str]
    secret_hash: Mapped[str]
    csrf: Mapped[str]
    expires_at: Mapped[datetime]


class Customer(Owned, Table):
    __tablename__ = "customer"
    __table_args__ = (UniqueConstraint("organisation_id", "source", "external_id"),)
    source: Mapped[str]
    external_id: Mapped[str]
    name: Mapped[str | None]
    email: Mapped[str | None]
    tier: Mapped[str] = mapped_column(default="standard")
    language: Mapped[str | None]
    created_at: Mapped[datetime]


class Conversation(Owned, Table):
    """`status`: open (a customer waits for us), answered (our word is the last), snoozed, resolved."""

    __tablename__ = "conversation"
    __table_args__ = (
        UniqueConstraint("organisation_id", "source", "external_id"),
        Index("ix_conversation_queue", "organisation_id", "status", "act_by", "id"),
        Index("ix_conversation_owner", "organisation_id", "owner_id", "status", "act_by", "id"),
        Index("ix_conversation_customer", "organisation_id", "customer_id"),
    )
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    source: Mapped[str]
    external_id: Mapped[str]
    channel: Mapped[Channel] = mapped_column(String)
    subject: Mapped[str | None] = mapped_column(Text)
    brand: Mapped[str | None]
    group_name: Mapped[str | None]
    tags: Mapped[list[Any]] = mapped_column(default=list)
    order: Mapped[dict[str, Any] | None]
    """Facts from the shop or ticket system as last sent with a message."""
    status: Mapped[str] = mapped_column(default="open")
    version: Mapped[int] = mapped_column(default=1)
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    act_by: Mapped[datetime | None]
    """When we ought to have acted; None while nobody waits for us."""
    waiting_since: Mapped[datetime | None]
    """The first customer message since our last reply."""
    warned_at: Mapped[datetime | None]
    """When people were warned that act_by is near; cleared when act_by changes."""
    snoozed_until: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    prior_failure: Mapped[bool] = mapped_column(default=False)
    """This customer met a service failure in an earlier conversation."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Message(Owned, Table):
    """What somebody wrote. `text` is as received, or the plain rendering of `html`."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("organisation_id", "source", "external_id"),
        Index("ix_message_conversation", "organisation_id", "conversation_id", "sent_at"),
    )
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    source: Mapped[str]
    external_id: Mapped[str]
    author: Mapped[str]
    author_name: Mapped[str | None]
    text: Mapped[str] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    html: Mapped[str | None] = mapped_column(Text)
    cuts: Mapped[list[Any]] = mapped_column(default=list)
    """Spans kept but not scored: [{start, end, kind}]."""
    attachments: Mapped[list[Any]] = mapped_column(default=list)
    language: Mapped[str | None]
    machine: Mapped[str | None]
    """Why this is automatic mail (out_of_office, bounce, ...), or None."""
    fingerprint: Mapped[str]
    """SHA-256 of what was sent: the same external id with another one is a conflict."""
    sent_at: Mapped[datetime]
    received_at: Mapped[datetime]


class Score(Owned, Table):
    """Append-only: what a model said of a customer's message."""

    __tablename__ = "score"
    __table_args__ = (Index("ix_score_message", "organisation_id", "message_id", "created_at"),)
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"))
    model: Mapped[str]
    language: Mapped[str]
    frustration: Mapped[list[Any]]
    urgency: Mapped[list[Any]]
    failure: Mapped[dict[str, Any]]
    signals: Mapped[list[Any]]
    abstain_reasons: Mapped[list[Any]]
    created_at: Mapped[datetime]


class Priority(Owned, Table):
    """Append-only: why a conversation stands where it stands, and by which policy."""

    __tablename__ = "priority"
    __table_args__ = (Index("ix_priority_conversation", "organisation_id", "conversation_id", "created_at"),)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"))
    policy: Mapped[str]
    act_by: Mapped[datetime | None]
    reasons: Mapped[list[Any]]
    inputs: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ConversationEvent(Owned, Table):
    """Append-only: received, claimed, released, snoozed, replied, resolved, reopened, survey, sla_at_risk ..."""

    __tablename__ = "conversation_event"
    __table_args__ = (
        UniqueConstraint("organisation_id", "source", "external_id"),
        Index("ix_conversation_event", "organisation_id", "conversation_id", "at"),
        Index("ix_conversation_event_actor", "organisation_id", "actor", "type", "at"),
    )
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    type: Mapped[str]
    actor: Mapped[str]
    """A user's id, or `customer`, `helpdesk`, `system`."""
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    source: Mapped[str | None]
    external_id: Mapped[str | None]


class CaseRecord(Owned, Table):
    """A resolved conversation as retrieval sees it; personal data is replaced before it gets here."""

    __tablename__ = "case_record"
    __table_args__ = (
        UniqueConstraint("organisation_id", "external_id"),
        Index("ix_case_conversation", "organisation_id", "conversation_id"),
    )
    external_id: Mapped[str]
    conversation_id: Mapped[str | None] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    summary: Mapped[str] = mapped_column(Text)
    problem: Mapped[str] = mapped_column(Text)
    failure: Mapped[str | None]
    frustration: Mapped[int | None]
    urgency: Mapped[int | None]
    product: Mapped[str | None]
    channel: Mapped[str | None]
    language: Mapped[str] = mapped_column(default="en")
    remedy: Mapped[str | None]
    cost: Mapped[float | None]
    currency: Mapped[str | None]
    outcome: Mapped[dict[str, Any]] = mapped_column(default=dict)
    resolved_at: Mapped[datetime | None]
    terms: Mapped[str] = mapped_column(Text, default="", server_default="")
    """What the text index holds: the stems of problem and summary, one space between (triage/cases/terms.py)."""
    created_at: Mapped[datetime]


class Embedding(Table):
    """A case's vector by one model, of length 1."""

    __tablename__ = "embedding"
    __table_args__ = (Index("ix_embedding_model", "organisation_id", "model", "version"),)
    case_id: Mapped[str] = mapped_column(ForeignKey("case_record.id", ondelete="CASCADE"), primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"))
    vector: Mapped[NDArray[np.float32]] = mapped_column(Vector)
    version: Mapped[int] = mapped_column(default=0, server_default="0")
    """The organisation's `case_index` version at which vector or case last changed; 0 on PostgreSQL."""


class CaseIndex(Table):
    """How processes that keep an organisation's vectors in memory learn what changed (SQLite only)."""

    __tablename__ = "case_index"
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    removed: Mapped[int] = mapped_column(default=0)
    """The version at which a vector was last removed."""


class Article(Owned, Table):
    """A help article or a saved reply."""

    __tablename__ = "article"
    __table_args__ = (UniqueConstraint("organisation_id", "external_id"),)
    external_id: Mapped[str]
    kind: Mapped[str] = mapped_column(default="article")
    title: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None]
    created_at: Mapped[datetime]


class Policy(Owned, Table):
    """One version of an organisation's remedies; the newest counts."""

    __tablename__ = "policy"
    __table_args__ = (UniqueConstraint("organisation_id", "version"),)
    version: Mapped[int]
    remedies: Mapped[list[Any]]
    created_at: Mapped[datetime]


class Draft(Owned, Table):
    """`status`: due, ready, none (no reply is owed), failed, stale, accepted, dismissed."""

    __tablename__ = "draft"
    __table_args__ = (
        UniqueConstraint("organisation_id", "message_id", "attempt"),
        Index("ix_draft_conversation", "organisation_id", "conversation_id", "created_at"),
        Index("ix_draft_status", "organisation_id", "status", "created_at"),
    )
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(default=1)
    conversation_version: Mapped[int]
    """The version that it answers: accepting it after the conversation moved on is refused."""
    status: Mapped[str] = mapped_column(default="due")
    jobs: Mapped[int] = mapped_column(default=1)
    """How many jobs have been started for it; the sweep starts the next."""
    request: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the agent asked for: {engine?, instructions?, tone?, channel?}."""
    body: Mapped[dict[str, Any] | None]
    """The contract's draft line."""
    dismiss_reason: Mapped[str | None]
    created_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]


class DraftEdit(Owned, Table):
    """What an agent made of a draft when accepting it."""

    __tablename__ = "draft_edit"
    __table_args__ = (Index("ix_draft_edit", "organisation_id", "draft_id"),)
    draft_id: Mapped[str] = mapped_column(ForeignKey("draft.id", ondelete="CASCADE"))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    text: Mapped[str] = mapped_column(Text)
    changed: Mapped[float]
    """Share of the draft's characters that differ, 0-1."""
    done: Mapped[list[Any]] = mapped_column(default=list)
    """Remedies that the agent ticked as done."""
    created_at: Mapped[datetime]


class FollowUp(Owned, Table):
    """What was promised in an accepted reply, and by when."""

    __tablename__ = "follow_up"
    __table_args__ = (
        Index("ix_follow_up_due", "organisation_id", "done_at", "due_at"),
        Index("ix_follow_up_conversation", "organisation_id", "conversation_id"),
    )
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    draft_id: Mapped[str] = mapped_column(ForeignKey("draft.id", ondelete="CASCADE"))
    promise: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]


class IdempotentAnswer(Owned, Table):
    """The stored answer to a request with an `Idempotency-Key`; `status` 0 while it is being made."""

    __tablename__ = "idempotent_answer"
    __table_args__ = (
        UniqueConstraint("organisation_id", "route", "key"),
        Index("ix_idempotent_answer_conversation", "organisation_id", "conversation_id"),
    )
    conversation_id: Mapped[str | None] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    """The conversation that `body` speaks of, so that the answer is erased with it."""
    route: Mapped[str]
    key: Mapped[str]
    fingerprint: Mapped[str]
    status: Mapped[int] = mapped_column(default=0)
    body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]


class Event(Table):
    """What live pages replay: a growing number, a type, and ids; never a customer's words."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_organisation", "organisation_id", "id"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"))
    type: Mapped[str]
    subject: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime]


class AuditEvent(Owned, Table):
    """Append-only, ids only: who did what to what. Survives erasure because it holds nothing of the customer."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event", "organisation_id", "at"),)
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    at: Mapped[datetime]
