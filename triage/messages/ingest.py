"""A message comes in: clean, score, then ONE transaction that writes all of it or none.

Cleaning and scoring happen outside the transaction, so a message that is sent again is read in vain: looking for it
before would cost every message more than the few repeated ones would save.
"""

import hashlib
import json
from collections.abc import Hashable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from triage.errors import Conflict, Invalid
from triage.messages.automatic import machine_reason
from triage.messages.clean import clean
from triage.messages.html import render
from triage.messages.posted import AHEAD, MAX_TEXT, PostedMessage, sent
from triage.messages.values import Incoming
from triage.priority import Facts, prioritise, stand
from triage.resolving import learn_outcome
from triage.scoring.score import score_all_async
from triage.scoring.values import Score
from triage.service import Service
from triage.store.engine import WriteSession
from triage.store.repositories.conversations import LOST_RACE, Conversations
from triage.store.repositories.drafts import Drafts
from triage.store.repositories.live import Events
from triage.store.repositories.messages import Messages
from triage.store.repositories.people import People
from triage.store.tables import Conversation, Customer, Message, Priority

BACKFILL = timedelta(days=7)
"""A message older than this when it arrives is history: scored and stored, never drafted for."""
RECENT = timedelta(days=7)
TRIES = 5


@dataclass(frozen=True, slots=True)
class Ingested:
    """The answer to a posted message, and whether this call stored it."""

    answer: dict[str, Any]
    created: bool
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Read:
    """What was found out about a message before anything is written."""

    text: str
    cuts: list[dict[str, Any]]
    machine: str | None
    score: Score | None
    fingerprint: str
    sent_at: datetime


async def ingest(service: Service, organisation_id: str, posted: PostedMessage, actor: str) -> Ingested:
    """Stores, scores and places one message; the same one again gets the first answer.

    Errors: Invalid (a time to come, no text, a text over the limit); Conflict where the external id was used for
    another text, or its conversation for another customer.
    """
    with service.traffic.one():
        return await _ingest(service, organisation_id, posted, actor)


async def _ingest(service: Service, organisation_id: str, posted: PostedMessage, actor: str) -> Ingested:
    now = service.clock()
    fingerprint = _fingerprint(posted)
    read = await _read(service, posted, fingerprint, now)
    for tries_left in reversed(range(TRIES)):
        try:
            done = await service.shared_writes.run(
                _touched(organisation_id, posted),
                lambda session: _write(session, organisation_id, posted, read, actor, now),
            )
            break
        except LOST_RACE:
            # Lost a race with another process: on this message, whose answer will be found, or on its customer or
            # conversation, which another message made or an erasure took away.
            if not tries_left:
                raise
    if done.created and done.answer["draft_id"]:
        service.enqueue_draft(organisation_id, done.answer["draft_id"], 1)
    return done


@dataclass(frozen=True, slots=True)
class Written:
    """What a message left in the tables, and the answer that follows from it: the same however often it is asked."""

    message: Message
    score: Score | None
    priority: Priority | None
    draft_id: str | None

    def answer(self) -> dict[str, Any]:
        message, priority = self.message, self.priority
        return {
            "id": message.id,
            "conversation_id": message.conversation_id,
            "source": message.source,
            "external_id": message.external_id,
            "author": message.author,
            "received_at": _written(message.received_at),
            "machine": message.machine,
            "score": self.score.line(message.id) if self.score else None,
            "priority": {"act_by": _written(priority.act_by), "policy": priority.policy, "reasons": priority.reasons}
            if priority and priority.act_by
            else None,
            "draft_id": self.draft_id,
        }


async def _answered(
    session: AsyncSession, organisation_id: str, posted: PostedMessage, fingerprint: str
) -> Ingested | None:
    """The first answer to a message that is here already; Conflict where it said something else."""
    messages = Messages(session, organisation_id)
    message = await messages.by_external_id(posted.source, posted.external_id)
    if message is None:
        return None
    if message.fingerprint != fingerprint:
        raise Conflict("This source and external_id were used before for another message.", pointer="/external_id")
    score = await messages.first_score(message.id)
    priority = await Conversations(session, organisation_id).priority_of_message(message.id)
    draft = await Drafts(session, organisation_id).of_message(message.id)
    written = Written(message, score, priority, draft.id if draft else None)
    return Ingested(written.answer(), False, message.conversation_id)


def _touched(organisation_id: str, posted: PostedMessage) -> frozenset[Hashable]:
    """The customer and the conversation, which a message may make or change."""
    source = posted.source
    return frozenset(
        {
            (organisation_id, source, "customer", posted.customer.external_id),
            (organisation_id, source, "conversation", posted.conversation.external_id),
        }
    )


def _fingerprint(posted: PostedMessage) -> str:
    """SHA-256 of who said what in which conversation; labels that a helpdesk may change later do not count."""
    said = [posted.author, posted.text, posted.html, posted.conversation.external_id, posted.customer.external_id]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


async def _read(service: Service, posted: PostedMessage, fingerprint: str, now: datetime) -> Read:
    if posted.sent_at and posted.sent_at > now + AHEAD:
        raise Invalid("The time of sending lies in the future.", pointer="/sent_at")
    text = posted.text if posted.text.strip() or not posted.html else render(posted.html)
    if not text.strip() and not posted.attachments:
        raise Invalid("There is no text.", pointer="/text")
    if len(text) > MAX_TEXT:
        raise Invalid(f"A text may have at most {MAX_TEXT:,} characters.", pointer="/text")
    machine, score, cuts = None, None, [asdict(cut) for cut in clean(text).cuts]
    if posted.author == "customer":
        subject = posted.conversation.subject
        machine = machine_reason(text, subject, posted.customer.email, posted.headers)
        incoming = Incoming(
            text=text,
            subject=subject,
            account_language=posted.customer.language,
            channel=posted.conversation.channel,
            sent_at=sent(posted, now),
        )
        [score] = await score_all_async([incoming], service.scorer)
    return Read(text, cuts, machine, score, fingerprint, sent(posted, now))


async def _write(
    session: WriteSession,
    organisation_id: str,
    posted: PostedMessage,
    read: Read,
    actor: str,
    now: datetime,
) -> Ingested:
    """Everything that one message changes; the transaction that it shares makes it all or nothing."""
    if (first := await _answered(session, organisation_id, posted, read.fingerprint)) is not None:
        return first
    customer = await _customer(session, organisation_id, posted, now)
    conversation = await _conversation(session, organisation_id, posted, customer, now)
    message = Messages(session, organisation_id).add(
        conversation_id=conversation.id,
        source=posted.source,
        external_id=posted.external_id,
        author=posted.author,
        author_name=posted.customer.name if posted.author == "customer" else None,
        text=read.text,
        subject=posted.conversation.subject,
        html=posted.html,
        cuts=read.cuts,
        attachments=[a.model_dump() for a in posted.attachments],
        language=read.score.language if read.score else None,
        machine=read.machine,
        fingerprint=read.fingerprint,
        sent_at=read.sent_at,
        received_at=now,
    )
    if posted.author in ("customer", "agent") or conversation.version == 0:
        conversation.version += 1
    priority, draft_id = None, None
    if posted.author == "customer" and read.score is not None:
        Messages(session, organisation_id).add_score(message.id, read.score, now)
        if read.machine is None:
            priority, draft_id = await _customer_wrote(
                session, organisation_id, conversation, customer, message, read.score, now
            )
    elif posted.author == "agent":
        await _agent_wrote(session, organisation_id, conversation, message)
    conversation.updated_at = now
    by = "customer" if posted.author == "customer" else actor
    data = {"message_id": message.id, "author": posted.author}
    Conversations(session, organisation_id).add_event(conversation.id, "received", by, now, data)
    Events(session, organisation_id).add("queue.changed", now, conversation_id=conversation.id)
    written = Written(message, read.score, priority, draft_id)
    return Ingested(written.answer(), True, conversation.id)


async def _customer(session: WriteSession, organisation_id: str, posted: PostedMessage, now: datetime) -> Customer:
    conversations = Conversations(session, organisation_id)
    told = posted.customer
    customer = await conversations.customer_by_external_id(posted.source, told.external_id)
    if customer is None:
        customer = conversations.add_customer(
            source=posted.source,
            external_id=told.external_id,
            name=told.name,
            email=told.email,
            tier=told.tier,
            language=told.language,
            created_at=now,
        )
        return customer
    if "tier" in told.model_fields_set:
        customer.tier = told.tier
    customer.name = told.name or customer.name
    customer.email = told.email or customer.email
    customer.language = told.language or customer.language
    return customer


async def _conversation(
    session: WriteSession, organisation_id: str, posted: PostedMessage, customer: Customer, now: datetime
) -> Conversation:
    conversations, told = Conversations(session, organisation_id), posted.conversation
    owner = await People(session, organisation_id).user(told.assignee) if told.assignee else None
    conversation = await conversations.by_external_id(posted.source, told.external_id, lock=True)
    if conversation is None:
        conversation = conversations.add(
            customer_id=customer.id,
            source=posted.source,
            external_id=told.external_id,
            channel=told.channel,
            subject=told.subject,
            brand=told.brand,
            group_name=told.group,
            tags=told.tags,
            order=posted.order,
            owner_id=owner.id if owner else None,
            status="answered",  # until a customer's message opens it
            version=0,
            prior_failure=customer.created_at != now and await conversations.had_failure(customer.id),
            created_at=now,
            updated_at=now,
        )
    elif conversation.customer_id != customer.id:
        raise Conflict("This conversation belongs to another customer.", pointer="/customer/external_id")
    conversation.subject = told.subject or conversation.subject
    conversation.order = posted.order or conversation.order
    conversation.tags = told.tags or conversation.tags
    conversation.owner_id = owner.id if owner else conversation.owner_id
    return conversation


async def _customer_wrote(
    session: WriteSession,
    organisation_id: str,
    conversation: Conversation,
    customer: Customer,
    message: Message,
    score: Score,
    now: datetime,
) -> tuple[Priority | None, str | None]:
    """Puts the conversation in its place in the queue: why it stands there, and the draft that is now due, or None."""
    conversations, drafts = Conversations(session, organisation_id), Drafts(session, organisation_id)
    first = conversation.version == 1  # of a conversation: most messages are, and there is nothing to look up
    last_reply = None if first else await conversations.last_sent(conversation.id, "agent")
    if last_reply is not None and message.sent_at <= last_reply:
        return None, None  # it came late: our reply is newer
    order, week = conversation.order or {}, (message.sent_at - RECENT, message.sent_at)
    facts = Facts(
        tier=customer.tier,
        promised_at=_time(order.get("promised_at")),
        amount=_amount(order.get("amount")),
        contacts_last_week=0 if customer.created_at == now else await conversations.contacts_since(customer.id, *week),
        prior_failure=conversation.prior_failure,
    )
    own = prioritise(score, facts, message.sent_at)
    waiting = conversation.status in ("open", "snoozed") and conversation.waiting_since is not None
    before = await conversations.standing(conversation.id) if waiting else None
    standing = stand(before, own, score, message.text, message.sent_at, message.id)
    assert standing is not None
    placed = conversations.add_priority(
        conversation_id=conversation.id,
        message_id=message.id,
        policy=standing.priority.policy,
        act_by=standing.act_by,
        reasons=[asdict(reason) for reason in standing.priority.reasons],
        inputs={"message_id": standing.message_id, "lowered": standing.lowered, "facts": facts.line()},
        created_at=now,
    )
    if conversation.status == "resolved":
        told = {"message_id": message.id} | ({"lowered": standing.lowered} if standing.lowered else {})
        conversations.add_event(conversation.id, "reopened", "customer", now, told)
        await learn_outcome(session, organisation_id, conversation.id)
        conversation.resolved_at = None
    if conversation.act_by != standing.act_by:
        conversation.warned_at = None
    conversation.status = "open"
    conversation.act_by = standing.act_by
    conversation.snoozed_until = None
    conversation.waiting_since = conversation.waiting_since if waiting else message.sent_at
    if not first:
        await drafts.make_stale(conversation.id)
    if message.sent_at < now - BACKFILL:
        return placed, None
    draft = drafts.add(
        conversation_id=conversation.id,
        message_id=message.id,
        conversation_version=conversation.version,
        created_at=now,
    )
    return placed, draft.id


async def _agent_wrote(
    session: WriteSession, organisation_id: str, conversation: Conversation, message: Message
) -> None:
    """Stops the clock and makes open drafts stale, unless a customer has written since."""
    last_word = await Conversations(session, organisation_id).last_sent(conversation.id, "customer")
    if last_word is not None and message.sent_at < last_word:
        return
    await Drafts(session, organisation_id).make_stale(conversation.id)
    conversation.act_by = None
    conversation.waiting_since = None
    if conversation.status in ("open", "snoozed"):
        conversation.status = "answered"
        conversation.snoozed_until = None


def _written(at: datetime) -> str:
    """RFC 3339 as every other answer has it: `Z` for UTC."""
    return at.isoformat().replace("+00:00", "Z")


def _time(value: Any) -> datetime | None:
    """A time with a zone from an order fact; anything else is not known."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


def _amount(value: Any) -> float | None:
    try:
        amount = float(value)
    except (TypeError, ValueError):
        return None
    return amount if 0 <= amount < 1e12 else None
