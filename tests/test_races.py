"""What two do at once to the same rows: on both databases every order of events ends in a state that is allowed."""

import asyncio
from typing import Any

import pytest
from bodies import message
from sqlalchemy import func, select

from triage.errors import AmendsError, Conflict, NotFound, StaleVersion
from triage.keys import Principal
from triage.messages.ingest import ingest
from triage.messages.posted import PostedMessage
from triage.queue import claim_next
from triage.recovery.drafting import DraftRequest, accept, dismiss, make_draft, read_draft, request_draft
from triage.resolving import Ending, resolve
from triage.store.erasure import erase_customer
from triage.store.repositories.conversations import Conversations
from triage.store.repositories.drafts import Drafts
from triage.store.tables import CaseRecord, Customer, Draft, Message

ROUNDS = 8


def posted(number: int | str, conversation: str, text: str = "Where is my parcel? It is late!", **fields: Any) -> Any:
    body = message(number, text, **fields)
    body["conversation"]["external_id"] = body["customer"]["external_id"] = conversation
    return PostedMessage.model_validate(body)


@pytest.fixture
def agents(caller: Any, organisation: Any) -> Any:
    async def make(*names: str) -> list[Principal]:
        made = [await caller(organisation, "agent", name) for name in names]
        return [
            Principal(organisation.id, a.user_id, name, "agent", "key") for a, name in zip(made, names, strict=True)
        ]

    return make


async def settled(*work: Any) -> list[Any]:
    """Results and our own errors; any other error fails the test."""
    found = await asyncio.gather(*work, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, AmendsError):
            raise one
    return found


async def count(service: Any, table: Any) -> int:
    async with service.store.read() as session:
        return await session.scalar(select(func.count()).select_from(table))


async def test_many_first_messages_of_a_new_customer_at_once_each_twice(service: Any, organisation: Any) -> None:
    sends = [posted(number, "new") for number in range(6) for _ in range(2)]
    done = await asyncio.gather(*(ingest(service, organisation.id, one, "test") for one in sends))
    assert sum(d.created for d in done) == 6
    assert done[0].answer == done[1].answer
    assert await count(service, Message) == 6
    assert await count(service, Customer) == 1
    async with service.store.read() as session:
        conversation = await Conversations(session, organisation.id).get(done[0].conversation_id)
        drafts = await Drafts(session, organisation.id).of_conversation(conversation.id)
    assert conversation.version == 6
    assert [d.status for d in drafts].count("due") == 1


async def test_every_agent_who_asks_for_the_next_at_once_gets_one_of_their_own(
    service: Any, organisation: Any, agents: Any
) -> None:
    people = await agents("Ada Brook", "Bo Finch", "Cy Marsh", "Di Thorn", "Ed Vale")
    for number in range(5):
        await ingest(service, organisation.id, posted(number, f"c{number}"), "test")
    found = await asyncio.gather(*(claim_next(service, who) for who in people))
    assert len({conversation.id for conversation in found}) == 5
    assert {conversation.owner_id for conversation in found} == {who.user_id for who in people}
    assert await claim_next(service, people[0]) is None


@pytest.mark.parametrize("act", ["accept", "dismiss"])
async def test_an_agent_takes_or_refuses_a_draft_while_the_customer_writes(
    service: Any, organisation: Any, agents: Any, clock: Any, act: str
) -> None:
    [ada] = await agents("Ada Brook")
    for number in range(ROUNDS):
        first = (await ingest(service, organisation.id, posted(f"{number}a", f"c{number}"), "test")).answer
        await make_draft(service, organisation.id, first["draft_id"])
        clock.advance(seconds=1)
        taken = (
            accept(service, ada, first["draft_id"], "I am sorry, it leaves today.", [])
            if act == "accept"
            else dismiss(service, ada, first["draft_id"], "tone")
        )
        again = posted(f"{number}b", f"c{number}", "And now it is open, too!")
        answer, newer = await settled(taken, ingest(service, organisation.id, again, "test"))
        assert isinstance(answer, StaleVersion | tuple | Draft)
        async with service.store.read() as session:
            conversation = await Conversations(session, organisation.id).get(first["conversation_id"])
        assert (await read_draft(service, organisation.id, newer.answer["draft_id"])).status in ("due", "stale")
        assert conversation.status == "open" or (act, type(answer)) == ("accept", tuple)


async def test_a_draft_asked_for_while_the_customer_writes_is_never_ready_for_the_older_message(
    service: Any, organisation: Any, agents: Any, clock: Any
) -> None:
    [ada] = await agents("Ada Brook")
    for number in range(ROUNDS):
        first = (await ingest(service, organisation.id, posted(f"{number}a", f"c{number}"), "test")).answer
        clock.advance(seconds=1)
        asked, newer = await settled(
            request_draft(service, ada, first["conversation_id"], DraftRequest()),
            ingest(service, organisation.id, posted(f"{number}b", f"c{number}", "Well?"), "test"),
        )
        async with service.store.read() as session:
            drafts = await Drafts(session, organisation.id).of_conversation(first["conversation_id"])
        alive = [d for d in drafts if d.status in ("due", "ready")]
        assert {d.message_id for d in alive} == {newer.answer["id"]}
        assert asked.attempt >= 1


async def test_drafts_asked_for_at_once_leave_one(service: Any, organisation: Any, agents: Any) -> None:
    people = await agents("Ada Brook", "Bo Finch", "Cy Marsh")
    first = (await ingest(service, organisation.id, posted(1, "c1"), "test")).answer
    made = await asyncio.gather(
        *(request_draft(service, who, first["conversation_id"], DraftRequest()) for who in people)
    )
    assert sorted(d.attempt for d in made) == [2, 3, 4]
    async with service.store.read() as session:
        drafts = await Drafts(session, organisation.id).of_conversation(first["conversation_id"])
    assert [d.status for d in drafts].count("ready") == 1


async def test_resolved_twice_at_once_it_is_resolved_once(service: Any, organisation: Any, agents: Any) -> None:
    ada, bo = await agents("Ada Brook", "Bo Finch")
    first = (await ingest(service, organisation.id, posted(1, "c1"), "test")).answer
    found = await settled(*(resolve(service, who, first["conversation_id"], Ending(), None) for who in (ada, bo)))
    assert sum(isinstance(one, Conflict) for one in found) == 1
    assert await count(service, CaseRecord) == 1


async def test_an_erasure_while_everything_else_goes_on_leaves_nothing_of_before(
    service: Any, organisation: Any, agents: Any, clock: Any
) -> None:
    [ada] = await agents("Ada Brook")

    async def erase(customer_id: str) -> None:
        async with service.store.write() as session:
            await erase_customer(session, organisation.id, customer_id, "test", clock())

    for number in range(ROUNDS):
        first = (await ingest(service, organisation.id, posted(f"{number}a", f"c{number}"), "test")).answer
        async with service.store.read() as session:
            conversation = await Conversations(session, organisation.id).get(first["conversation_id"])
        clock.advance(seconds=1)
        found = await settled(
            make_draft(service, organisation.id, first["draft_id"]),
            resolve(service, ada, conversation.id, Ending(), None),
            erase(conversation.customer_id),
            ingest(service, organisation.id, posted(f"{number}b", f"c{number}", "Well?"), "test"),
        )
        assert found[0] is None
        assert found[2] is None
        assert isinstance(found[1], NotFound | StaleVersion) or found[1].status == "resolved"
        async with service.store.read() as session:
            assert await Conversations(session, organisation.id).get(conversation.id) is None
            assert await Drafts(session, organisation.id).get(first["draft_id"]) is None
            assert await session.scalar(select(func.count()).where(CaseRecord.conversation_id == conversation.id)) == 0
