"""One conversation with all that belongs to it, as an agent opens it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from triage.cases.similar import circumstances_of, similar_cases
from triage.cases.values import Filters, SearchResult
from triage.errors import NotFound, StaleVersion
from triage.messages.clean import clean
from triage.messages.values import Incoming
from triage.scoring.score import score_all_async
from triage.scoring.values import Score
from triage.service import Service
from triage.store.engine import WriteSession
from triage.store.repositories.conversations import Conversations
from triage.store.repositories.drafts import Drafts, FollowUps
from triage.store.repositories.live import Events
from triage.store.repositories.messages import Messages
from triage.store.tables import Conversation, ConversationEvent, Customer, Draft, FollowUp, Message, Priority

NOTHING = SearchResult((), nothing_near=True)


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """Rows and values of one conversation; `scores` by message id, the newest with its evidence."""

    conversation: Conversation
    customer: Customer
    place: int | None
    priority: Priority | None
    messages: Sequence[Message]
    newest: Message | None
    """The newest customer message; automatic mail only where there is nothing else."""
    scores: dict[str, Score]
    events: Sequence[ConversationEvent]
    drafts: Sequence[Draft]
    follow_ups: Sequence[FollowUp]
    cases: SearchResult
    history: Sequence[Conversation]


async def current(
    session: WriteSession, organisation_id: str, conversation_id: str, version: int | None
) -> Conversation:
    """The conversation, locked until the transaction ends. NotFound; StaleVersion where `version` is not the newest."""
    conversation = await Conversations(session, organisation_id).get(conversation_id, lock=True)
    if conversation is None:
        raise NotFound("There is no such conversation.")
    if version is not None and version != conversation.version:
        raise StaleVersion(f"The conversation has moved on to version {conversation.version}; read it again.")
    return conversation


async def change(session: WriteSession, conversation: Conversation, now: datetime, **values: Any) -> None:
    """Writes `values` and the next version, and tells live pages. StaleVersion where somebody else was faster."""
    organisation_id = conversation.organisation_id
    if not await Conversations(session, organisation_id).change(conversation.id, conversation.version, now, **values):
        raise StaleVersion("The conversation has just moved on; read it again.")
    Events(session, organisation_id).add("queue.changed", now, conversation_id=conversation.id)
    await session.refresh(conversation)


async def last_customer_message(
    service: Service, organisation_id: str, conversation_id: str
) -> tuple[Conversation, Message, Score]:
    """What the customer last wrote, with its score; NotFound where no customer wrote anything yet."""
    async with service.store.read() as session:
        conversation = await Conversations(session, organisation_id).get(conversation_id)
        messages = Messages(session, organisation_id)
        written = await messages.of_conversation(conversation_id) if conversation else []
        scores = await messages.scores([m.id for m in written])
    newest = next((m for m in reversed(written) if m.id in scores and not m.machine), None)
    if conversation is None or newest is None:
        raise NotFound("There is no such conversation with a customer's message.")
    return conversation, newest, scores[newest.id]


async def open_conversation(service: Service, organisation_id: str, conversation_id: str) -> OpenConversation:
    """Everything about a conversation. The evidence of its newest customer message is made here, on opening."""
    async with service.store.read() as session:
        conversations, messages = Conversations(session, organisation_id), Messages(session, organisation_id)
        conversation = await conversations.get(conversation_id)
        if conversation is None:
            raise NotFound("There is no such conversation.")
        customer = await conversations.customer(conversation.customer_id)
        assert customer is not None
        waiting = conversation.status == "open"
        place = await conversations.count_ahead(conversation.act_by, conversation.id) if waiting else None
        priority = await conversations.newest_priority(conversation.id)
        written = await messages.of_conversation(conversation.id)
        scores = await messages.scores([m.id for m in written])
        events = await conversations.events(conversation.id)
        drafts = await Drafts(session, organisation_id).of_conversation(conversation.id)
        follow_ups = await FollowUps(session, organisation_id).of_conversation(conversation.id)
        history = [c for c in await conversations.of_customer(customer.id) if c.id != conversation.id]
    cases, scored = NOTHING, [m for m in reversed(written) if m.id in scores]
    newest = next((m for m in scored if not m.machine), next(iter(scored), None))
    if newest:
        incoming = Incoming(newest.text, newest.subject, customer.language, conversation.channel, newest.sent_at)
        [fresh] = await score_all_async([incoming], service.scorer, evidence=True)
        scores[newest.id] = _with_evidence(scores[newest.id], fresh)
        about = circumstances_of(service, scores[newest.id], conversation.channel, conversation.order)
        own = Filters(not_conversation=conversation.id)
        cases = await similar_cases(service, organisation_id, clean(newest.text).text, about, own)
    return OpenConversation(
        conversation, customer, place, priority, written, newest, scores, events, drafts, follow_ups, cases, history
    )


def _with_evidence(stored: Score, fresh: Score) -> Score:
    """The score as stored, with the words behind it; what was decided on arrival is not decided again."""
    return replace(
        stored,
        frustration=replace(stored.frustration, evidence=fresh.frustration.evidence),
        urgency=replace(stored.urgency, evidence=fresh.urgency.evidence),
    )
