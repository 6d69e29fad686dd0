"""A draft's life: due when a message comes in, made by a job, ready, then accepted, dismissed or stale."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher

from triage.cases.similar import circumstances_of, embedded, similar_articles, similar_cases
from triage.cases.values import Filters
from triage.conversation import change, current
from triage.errors import Conflict, Invalid, NotFound, StaleVersion
from triage.keys import Principal
from triage.messages.clean import clean
from triage.messages.values import Channel, Clean
from triage.recovery.follow_ups import promises
from triage.recovery.guard import check_edit
from triage.recovery.rows import to_original
from triage.recovery.values import Agent, Brand, Check, Customer, Draft, Situation, Turn
from triage.service import Service
from triage.store.engine import WriteSession
from triage.store.repositories.conversations import Conversations
from triage.store.repositories.directory import Directory
from triage.store.repositories.drafts import Drafts, FollowUps
from triage.store.repositories.live import Events
from triage.store.repositories.messages import Messages
from triage.store.repositories.people import People
from triage.store.repositories.policies import Policies
from triage.store.tables import Draft as DraftRow
from triage.store.tables import Message

PLACEHOLDER = re.compile(r"\[\[[^\]\n]{1,80}\]\]")
SIMILAR_CASES = 5


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """What an agent asks of a new draft; None: as usual."""

    engine: str | None = None
    instructions: str | None = None
    tone: str | None = None
    channel: Channel | None = None


async def make_draft(service: Service, organisation_id: str, draft_id: str) -> None:
    """Fills a due draft; does nothing where it is due no longer, so that any number of jobs make it once."""
    async with service.store.read() as session:
        row = await Drafts(session, organisation_id).get(draft_id)
    if row is None or row.status != "due":
        return
    try:
        situation, cleaned = await situation_of(service, organisation_id, row)
    except NotFound:
        return  # erased by now
    drafter = service.drafters[row.request.get("engine") or service.settings.drafter]
    draft = await asyncio.to_thread(drafter.draft, situation)
    now = service.clock()
    async with service.store.write() as session:
        body = to_original(draft, cleaned).line() if draft else None
        if await Drafts(session, organisation_id).finish(draft_id, "ready" if draft else "none", now, body):
            Events(session, organisation_id).add(
                "draft.ready", now, conversation_id=row.conversation_id, draft_id=draft_id
            )


async def situation_of(service: Service, organisation_id: str, row: DraftRow) -> tuple[Situation, Clean]:
    """All that may be known for this draft, and the map from the cleaned message to the message as received."""
    async with service.store.read() as session:
        conversations, messages = Conversations(session, organisation_id), Messages(session, organisation_id)
        message = await messages.get(row.message_id)
        conversation = await conversations.get(row.conversation_id)
        score = await messages.first_score(row.message_id)
        if message is None or conversation is None or score is None:
            raise NotFound("The message of this draft is gone.")
        customer = await conversations.customer(conversation.customer_id)
        earlier = [m for m in await messages.of_conversation(conversation.id) if _before(m, message)]
        owner = await People(session, organisation_id).user(conversation.owner_id) if conversation.owner_id else None
        organisation = await Directory(session).organisation(organisation_id)
        remedies = await Policies(session, organisation_id).newest()
    assert customer is not None
    assert organisation is not None
    cleaned = clean(message.text)
    about = circumstances_of(service, score, conversation.channel, conversation.order)
    own = Filters(not_conversation=conversation.id)
    vector = await embedded(service, cleaned.text)
    similar = await similar_cases(service, organisation_id, cleaned.text, about, own, SIMILAR_CASES, vector)
    articles = await similar_articles(service, organisation_id, cleaned.text, vector)
    brand = organisation.brand or {}
    situation = Situation(
        id=message.id,
        text=cleaned.text,
        score=score,
        now=service.clock(),
        channel=row.request.get("channel") or conversation.channel,
        subject=message.subject or conversation.subject,
        customer=Customer(customer.name, customer.tier, customer.language),
        order=conversation.order or {},
        history=[Turn("agent" if m.author == "agent" else "customer", clean(m.text).text, m.sent_at) for m in earlier],
        remedies=remedies,
        cases=similar.matches,
        articles=articles,
        attachments=[a["name"] for a in message.attachments],
        agent=Agent(owner.name, owner.signature) if owner else Agent(),
        brand=Brand(
            conversation.brand or brand.get("name") or organisation.name, brand.get("greeting"), brand.get("sign_off")
        ),
        instructions=row.request.get("instructions"),
        tone=row.request.get("tone"),
    )
    return situation, cleaned


async def request_draft(service: Service, who: Principal, conversation_id: str, request: DraftRequest) -> DraftRow:
    """A new draft for the newest customer message, made at once; older open ones become stale.

    Errors: NotFound; Invalid for an engine that is not set up; Conflict where nothing can be answered.
    """
    if request.engine is not None and request.engine not in service.drafters:
        raise Invalid(f"No engine {request.engine!r} here; there is {', '.join(service.drafters)}.", pointer="/engine")
    now = service.clock()
    async with service.store.write() as session:
        # Locked: a message that comes in meanwhile waits, and then makes this draft stale.
        conversation = await current(session, who.organisation_id, conversation_id, None)
        written = await Messages(session, who.organisation_id).of_conversation(conversation_id)
        message = next((m for m in reversed(written) if m.author == "customer" and not m.machine), None)
        if message is None:
            raise Conflict("No customer message here to answer; automatic mail is never answered.")
        drafts = Drafts(session, who.organisation_id)
        await drafts.make_stale(conversation_id)
        row = drafts.add(
            conversation_id=conversation_id,
            message_id=message.id,
            attempt=await drafts.next_attempt(message.id),
            conversation_version=conversation.version,
            request={k: v for k, v in asdict(request).items() if v is not None},
            created_at=now,
        )
    await make_draft(service, who.organisation_id, row.id)
    return await read_draft(service, who.organisation_id, row.id)


async def read_draft(service: Service, organisation_id: str, draft_id: str) -> DraftRow:
    async with service.store.read() as session:
        row = await Drafts(session, organisation_id).get(draft_id)
    if row is None:
        raise NotFound("There is no such draft.")
    return row


async def accept(
    service: Service, who: Principal, draft_id: str, text: str | None, done: Sequence[str]
) -> tuple[DraftRow, tuple[Check, ...]]:
    """The draft, now accepted with the agent's text, and what the guard says of that text, as warnings.

    The conversation counts as answered from now on; dated promises in the text become follow-ups.
    Errors: NotFound; Invalid for a placeholder left open; StaleVersion where the conversation moved on;
    Conflict where the draft is not ready.
    """
    row = await read_draft(service, who.organisation_id, draft_id)
    if row.body is None or row.status != "ready":
        raise _refusal(row.status)
    final = row.body["text"] if text is None else text
    if left := PLACEHOLDER.findall(final):
        raise Invalid(f"Fill in or remove {', '.join(sorted(set(left)))} first.", pointer="/text")
    offered = {option["remedy"] for option in row.body["options"]}
    if unknown := set(done) - offered:
        raise Invalid(f"Not among the draft's options: {', '.join(sorted(unknown))}.", pointer="/done")
    situation, _ = await situation_of(service, who.organisation_id, row)
    checks = await asyncio.to_thread(check_edit, final, Draft.from_line(row.body), situation, done)
    now = service.clock()
    async with service.store.write() as session:
        await _answer(session, service, who, row)
        Drafts(session, who.organisation_id).add_edit(
            draft_id=draft_id,
            user_id=who.user_id,
            text=final,
            changed=round(1 - SequenceMatcher(None, row.body["text"], final, autojunk=False).ratio(), 4),
            done=list(done),
            created_at=now,
        )
        for promise in promises(final, now, service.settings.follow_up_days):
            FollowUps(session, who.organisation_id).add(
                conversation_id=row.conversation_id,
                draft_id=draft_id,
                promise=promise.text,
                due_at=promise.due_at,
                created_at=now,
            )
    return await read_draft(service, who.organisation_id, draft_id), checks


async def _answer(session: WriteSession, service: Service, who: Principal, row: DraftRow) -> None:
    """Closes the draft and stops the clock; a message in between has made the draft stale, so it is not ready."""
    now = service.clock()
    # The conversation before its draft, in the order of everybody who writes both: else two could wait for each other.
    conversation = await current(session, who.organisation_id, row.conversation_id, None)
    if not await Drafts(session, who.organisation_id).close(row.id, "accepted"):
        raise StaleVersion("The conversation has just moved on, or a colleague was faster; read it again.")
    status = "resolved" if conversation.status == "resolved" else "answered"
    await change(session, conversation, now, status=status, act_by=None, waiting_since=None, snoozed_until=None)
    told = {"draft_id": row.id}
    Conversations(session, who.organisation_id).add_event(conversation.id, "replied", who.actor, now, told)
    Events(session, who.organisation_id).add("draft.accepted", now, conversation_id=conversation.id, draft_id=row.id)


async def dismiss(service: Service, who: Principal, draft_id: str, reason: str) -> DraftRow:
    """The draft, now dismissed. Errors: NotFound; Conflict where it is not ready."""
    row = await read_draft(service, who.organisation_id, draft_id)
    now = service.clock()
    async with service.store.write() as session:
        drafts = Drafts(session, who.organisation_id)
        if not await drafts.close(draft_id, "dismissed", reason):
            newest = await drafts.get(draft_id)
            raise _refusal(newest.status if newest else "gone")
        Conversations(session, who.organisation_id).add_event(
            row.conversation_id, "draft_dismissed", who.actor, now, {"draft_id": draft_id, "reason": reason}
        )
        Events(session, who.organisation_id).add(
            "draft.dismissed", now, conversation_id=row.conversation_id, draft_id=draft_id
        )
    return await read_draft(service, who.organisation_id, draft_id)


def _refusal(status: str) -> Conflict:
    if status == "stale":
        return StaleVersion("The conversation has moved on since this draft was written; ask for a new one.")
    return Conflict(
        {
            "due": "The draft is still being written.",
            "none": "No reply is owed here, so there is nothing to accept.",
        }.get(status, f"The draft is {status}.")
    )


def _before(earlier: Message, message: Message) -> bool:
    return earlier.author in ("customer", "agent") and not earlier.machine and earlier.sent_at < message.sent_at
