"""Resolving a conversation: it leaves the queue and becomes a case that retrieval learns from."""

from dataclasses import dataclass

from triage.cases.resolve import case_from_conversation
from triage.cases.values import Case, Outcome
from triage.conversation import current
from triage.errors import Conflict, StaleVersion
from triage.keys import Principal
from triage.messages.clean import clean
from triage.messages.personal import KnownFields
from triage.service import Service
from triage.store.repositories.cases import Cases
from triage.store.repositories.conversations import Conversations
from triage.store.repositories.drafts import Drafts
from triage.store.repositories.live import Events
from triage.store.repositories.messages import Messages
from triage.store.tables import Conversation


@dataclass(frozen=True, slots=True)
class Ending:
    """What settled it, as the agent says."""

    remedy: str | None = None
    cost: float | None = None
    currency: str | None = None
    note: str | None = None


async def resolve(
    service: Service, who: Principal, conversation_id: str, ending: Ending, version: int | None
) -> Conversation:
    """The conversation, now resolved, with its case in the case base.

    Errors: NotFound; StaleVersion; Conflict where it is resolved already.
    """
    now = service.clock()
    case = await case_of(service, who.organisation_id, conversation_id, ending)
    vectors = await service.embedder.embed([case.problem]) if case else None
    async with service.store.write() as session:
        conversations = Conversations(session, who.organisation_id)
        conversation = await current(session, who.organisation_id, conversation_id, version)
        if conversation.status == "resolved":
            raise Conflict("The conversation is resolved already.")
        if not await conversations.change(
            conversation.id, conversation.version, now, status="resolved", resolved_at=now, snoozed_until=None
        ):
            raise StaleVersion("The conversation has just moved on; read it again.")
        told = {"remedy": ending.remedy, "cost": ending.cost, "currency": ending.currency}
        conversations.add_event(
            conversation.id, "resolved", who.actor, now, {k: v for k, v in told.items() if v is not None}
        )
        await Drafts(session, who.organisation_id).make_stale(conversation.id)
        if case:
            await Cases(session, who.organisation_id).upsert(
                [case], vectors, service.embedder.name, now, conversation_id=conversation.id
            )
        Events(session, who.organisation_id).add("queue.changed", now, conversation_id=conversation.id)
        await session.refresh(conversation)
        return conversation


async def case_of(service: Service, organisation_id: str, conversation_id: str, ending: Ending) -> Case | None:
    """The case that a conversation becomes; None where no customer told a problem in it.

    The first customer message that the model takes for a failure tells the problem, else the first one.
    """
    async with service.store.read() as session:
        conversations, messages = Conversations(session, organisation_id), Messages(session, organisation_id)
        conversation = await current(session, organisation_id, conversation_id, None)
        customer = await conversations.customer(conversation.customer_id)
        written = [m for m in await messages.of_conversation(conversation_id) if m.author == "customer"]
        scores = await messages.scores([m.id for m in written])
        surveys = [e.data for e in await conversations.events(conversation_id) if e.type == "survey"]
        order = conversation.order
    told = [m for m in written if not m.machine and m.id in scores]
    problem = next((m for m in told if scores[m.id].known_failure not in (None, "praise", "request", "other")), None)
    problem = problem or next(iter(told), None)
    if problem is None:
        return None
    csat = next((s["score"] for s in reversed(surveys) if s.get("scale") == "csat" and "score" in s), None)
    names = (customer.name,) if customer and customer.name else ()
    emails = (customer.email,) if customer and customer.email else ()
    return case_from_conversation(
        conversation_id=conversation_id,
        problem=clean(problem.text).text,
        resolved_at=service.clock(),
        score=scores[problem.id],
        channel=conversation.channel,
        language=problem.language or "en",
        order=order,
        remedy=ending.remedy,
        cost=ending.cost,
        currency=ending.currency,
        note=ending.note,
        outcome=Outcome(csat=int(csat) if csat is not None and 1 <= csat <= 5 else None),
        known=KnownFields(names=names, emails=emails),
    )
