"""Resolving, here or in the helpdesk: a conversation leaves the queue and becomes a case that retrieval learns from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from triage.cases.resolve import case_from_conversation
from triage.cases.values import Case, Outcome
from triage.conversation import change, current
from triage.errors import Conflict, Unavailable
from triage.keys import Principal
from triage.messages.clean import clean
from triage.messages.personal import KnownFields
from triage.protocols import Vectors
from triage.service import Service
from triage.store.engine import WriteSession, write_out
from triage.store.repositories.cases import Cases
from triage.store.repositories.conversations import Conversations
from triage.store.repositories.drafts import Drafts
from triage.store.repositories.messages import Messages
from triage.store.tables import Conversation, ConversationEvent


@dataclass(frozen=True, slots=True)
class Ending:
    """What settled it, as the agent says."""

    remedy: str | None = None
    cost: float | None = None
    currency: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """The case that a conversation becomes; without vectors while the embedder is down."""

    case: Case
    vectors: Vectors | None


async def resolve(
    service: Service, who: Principal, conversation_id: str, ending: Ending, version: int | None
) -> Conversation:
    """The conversation, now resolved, with its case in the case base.

    Errors: NotFound; StaleVersion; Conflict where it is resolved already.
    """
    now = service.clock()
    lesson = await lesson_of(service, who.organisation_id, conversation_id, ending, now)
    async with service.store.write() as session:
        conversation = await current(session, who.organisation_id, conversation_id, version)
        if conversation.status == "resolved":
            raise Conflict("The conversation is resolved already.")
        told = {"remedy": ending.remedy, "cost": ending.cost, "currency": ending.currency}
        Conversations(session, who.organisation_id).add_event(
            conversation.id, "resolved", who.actor, now, {k: v for k, v in told.items() if v is not None}
        )
        await settle(service, session, conversation, lesson, now)
        return conversation


async def settle(
    service: Service, session: WriteSession, conversation: Conversation, lesson: Lesson | None, at: datetime
) -> None:
    """Takes a conversation that `current` gave out of the queue as of `at`, and keeps what is to be learnt from it."""
    now = service.clock()
    await change(session, conversation, now, status="resolved", resolved_at=at, snoozed_until=None)
    await Drafts(session, conversation.organisation_id).make_stale(conversation.id)
    if lesson:
        await Cases(session, conversation.organisation_id).upsert(
            [lesson.case], lesson.vectors, service.embedder.name, now, conversation_id=conversation.id
        )


async def lesson_of(
    service: Service, organisation_id: str, conversation_id: str, ending: Ending, resolved_at: datetime
) -> Lesson | None:
    """What is to be learnt from a conversation; None where no customer told a problem in it.

    The first customer message that the model takes for a failure tells the problem, else the first one. What settled
    it is what `ending` says, else what agents ticked as done in the replies that they accepted.
    """
    async with service.store.read() as session:
        conversations, messages = Conversations(session, organisation_id), Messages(session, organisation_id)
        conversation = await conversations.get(conversation_id)
        customer = await conversations.customer(conversation.customer_id) if conversation else None
        if conversation is None or customer is None:
            return None
        written = [m for m in await messages.of_conversation(conversation_id) if m.author == "customer"]
        scores = await messages.scores([m.id for m in written])
        outcome = outcome_of(await conversations.events(conversation_id))
        if ending.remedy is None:
            ending = await _done(session, organisation_id, conversation_id, ending)
    told = [m for m in written if not m.machine and m.id in scores]
    problem = next((m for m in told if scores[m.id].known_failure not in (None, "praise", "request", "other")), None)
    problem = problem or next(iter(told), None)
    if problem is None:
        return None
    case = case_from_conversation(
        conversation_id=conversation_id,
        problem=clean(problem.text).text,
        resolved_at=resolved_at,
        score=scores[problem.id],
        channel=conversation.channel,
        language=problem.language or "en",
        order=conversation.order,
        remedy=ending.remedy,
        cost=ending.cost,
        currency=ending.currency,
        note=ending.note,
        outcome=outcome,
        known=KnownFields(
            names=(customer.name,) if customer.name else (), emails=(customer.email,) if customer.email else ()
        ),
    )
    try:
        return Lesson(case, await service.embedder.embed([case.problem]))
    except Unavailable:
        return Lesson(case, None)


async def _done(session: AsyncSession, organisation_id: str, conversation_id: str, ending: Ending) -> Ending:
    """`ending` with the first remedy ticked as done in the newest accepted reply that has one."""
    drafts = Drafts(session, organisation_id)
    accepted = [draft for draft in await drafts.of_conversation(conversation_id) if draft.status == "accepted"]
    edits = await drafts.edits([draft.id for draft in accepted])
    for draft in accepted:
        for option in (draft.body or {}).get("options", []):
            if option["remedy"] in edits[draft.id].done:
                value = option.get("value") or {}
                cost = float(value["amount"]) if value else None
                return Ending(option["remedy"], cost, value.get("currency"), ending.note)
    return ending


async def learn_outcome(session: WriteSession, organisation_id: str, conversation_id: str) -> None:
    """Tells the conversation's case, if there is one, how things ended by now."""
    await write_out(session)
    cases = Cases(session, organisation_id)
    if case := await cases.of_conversation(conversation_id):
        events = await Conversations(session, organisation_id).events(conversation_id)
        await cases.set_outcome(case.id, outcome_of(events))


def outcome_of(events: Sequence[ConversationEvent]) -> Outcome:
    """How a conversation ended by what happened in it, in order: the newest CSAT of 1-5, and whether it came back.

    A customer who writes again only to say thanks (`lowered` in the event) does not count as coming back.
    """
    csat, resolved, reopened = None, False, None
    for event in events:
        score, status = event.data.get("score"), event.data.get("status")
        if event.type == "survey" and event.data.get("scale") == "csat" and score is not None and 1 <= score <= 5:
            csat = int(score)
        elif event.type in ("resolved", "solved") or status in ("solved", "closed"):
            resolved = True
        elif resolved and (event.type == "reopened" or status == "open") and not event.data.get("lowered"):
            resolved, reopened = False, True
    return Outcome(csat=csat, reopened=reopened)
