"""Rows to store: one of each table, with words that can be looked for."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from triage.ids import new_id
from triage.store.engine import Store
from triage.store.tables import (
    CaseRecord,
    Conversation,
    ConversationEvent,
    Customer,
    Draft,
    DraftEdit,
    Embedding,
    FollowUp,
    IdempotentAnswer,
    Message,
    Organisation,
    Priority,
    Score,
)

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def a_customer(organisation: Organisation, **fields: Any) -> Customer:
    defaults = {"source": "helpdesk", "external_id": uuid4().hex, "created_at": AT}
    return Customer(id=new_id("cus"), organisation_id=organisation.id, **defaults | fields)


def a_conversation(customer: Customer, **fields: Any) -> Conversation:
    defaults = {"source": "helpdesk", "external_id": uuid4().hex, "channel": "email"}
    return Conversation(
        id=new_id("cnv"),
        organisation_id=customer.organisation_id,
        customer_id=customer.id,
        created_at=AT,
        updated_at=AT,
        **defaults | fields,
    )


def a_message(conversation: Conversation, **fields: Any) -> Message:
    defaults = {
        "source": "helpdesk",
        "external_id": uuid4().hex,
        "author": "customer",
        "text": "Where is my parcel?",
        "fingerprint": "0" * 64,
        "sent_at": AT,
        "received_at": AT,
    }
    return Message(
        id=new_id("msg"),
        organisation_id=conversation.organisation_id,
        conversation_id=conversation.id,
        **defaults | fields,
    )


@dataclass(frozen=True)
class Planted:
    """A customer with rows in every table that can hold something of one; `word` stands in all of their texts."""

    customer: Customer
    conversation: Conversation
    message: Message
    word: str


async def store_planted(store: Store, organisation: Organisation, word: str, **conversation_fields: Any) -> Planted:
    """Stores one row of everything that a customer leaves behind."""
    customer = a_customer(organisation, name=f"Ada {word}", email=f"{word}@example.com")
    conversation = a_conversation(
        customer, subject=f"Re: {word}", tags=["vip"], order={"city": word}, **conversation_fields
    )
    message = a_message(
        conversation,
        text=f"I wrote {word} four times." + " And waited." * 400,
        html=f"<p>{word}</p>",
        subject=word,
        author_name=word,
        attachments=[{"name": f"{word}.png", "media_type": "image/png"}],
    )
    owned = {"organisation_id": organisation.id, "created_at": AT}
    draft = Draft(
        id=new_id("drf"),
        conversation_id=conversation.id,
        message_id=message.id,
        conversation_version=1,
        status="accepted",
        request={"instructions": word},
        body={"text": f"Dear {word}"},
        **owned,
    )
    record = CaseRecord(
        id=new_id("case"),
        external_id=uuid4().hex,
        conversation_id=conversation.id,
        summary=f"{word} was late",
        problem=f"my {word} is late",
        terms=f"{word} late",
        **owned,
    )
    of = {"conversation_id": conversation.id, "message_id": message.id}
    inputs = {"message_id": message.id, "lowered": False}
    async with store.write() as session:
        session.add(customer)
        await session.flush()
        session.add(conversation)
        await session.flush()
        session.add(message)
        await session.flush()
        session.add_all(
            [
                Score(
                    id=new_id("scr"),
                    message_id=message.id,
                    model="triage-en@0",
                    language="en",
                    frustration=[0.1, 0.2, 0.3, 0.3, 0.1],
                    urgency=[0.2] * 5,
                    failure={"no_response": 1.0},
                    signals=[],
                    abstain_reasons=[],
                    **owned,
                ),
                Priority(id=new_id("pri"), policy="default@1", act_by=AT, reasons=[], inputs=inputs, **of, **owned),
                ConversationEvent(
                    id=new_id("evt"),
                    organisation_id=organisation.id,
                    conversation_id=conversation.id,
                    type="resolved",
                    actor="system",
                    at=AT,
                    data={"note": f"gave {word} a refund", "cost": 12.5},
                ),
                draft,
                record,
            ]
        )
        await session.flush()
        session.add_all(
            [
                DraftEdit(id=new_id("edt"), draft_id=draft.id, text=f"Dear {word}!", changed=0.1, **owned),
                FollowUp(
                    id=new_id("fol"),
                    conversation_id=conversation.id,
                    draft_id=draft.id,
                    promise=f"call {word}",
                    due_at=AT + timedelta(days=1),
                    **owned,
                ),
                Embedding(
                    case_id=record.id,
                    model="minilm@0",
                    organisation_id=organisation.id,
                    vector=np.full(384, 384**-0.5, dtype=np.float32),
                ),
                IdempotentAnswer(
                    id=new_id("evt"),
                    conversation_id=conversation.id,
                    route="POST /v1/messages",
                    key=uuid4().hex,
                    fingerprint="0" * 64,
                    status=201,
                    body=f'{{"text": "{word}"}}',
                    **owned,
                ),
                IdempotentAnswer(
                    id=new_id("evt"),
                    route="POST /v1/conversations/drafts",
                    key=uuid4().hex,
                    fingerprint="0" * 64,
                    status=201,
                    body=f'{{"id": "{draft.id}", "text": "{word}"}}',
                    **owned,
                ),
            ]
        )
    return Planted(customer, conversation, message, word)


Plant = Callable[..., Coroutine[Any, Any, Planted]]


@pytest.fixture
def plant(store: Store) -> Plant:
    """`await plant(organisation, word)` leaves a customer with one row of everything, each holding `word`."""
    return partial(store_planted, store)


@pytest.fixture
async def planted(plant: Plant, organisation: Organisation) -> Planted:
    return await plant(organisation, "zanzibarquill")


@pytest.fixture
def build() -> SimpleNamespace:
    """Rows with defaults, not yet stored: `build.message(build.conversation(build.customer(organisation)))`."""
    return SimpleNamespace(customer=a_customer, conversation=a_conversation, message=a_message)
