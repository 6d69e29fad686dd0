"""A conversation becomes a case however it was resolved, and its case learns what comes after."""

from datetime import timedelta
from typing import Any

import pytest
from bodies import message
from sqlalchemy import select

from triage.recovery.drafting import make_draft
from triage.recovery.values import Money, Remedy
from triage.store.repositories.cases import Cases
from triage.store.repositories.policies import Policies
from triage.store.tables import Embedding

KETTLE = "My kettle is late again and leaks water everywhere."


@pytest.fixture
async def waiting(admin: Any) -> str:
    """The path of a conversation whose customer waits."""
    answer = (await admin.post("/v1/messages", message(text=KETTLE))).json()
    return f"/v1/conversations/{answer['conversation_id']}"


@pytest.fixture
def happens(admin: Any, clock: Any, waiting: str) -> Any:
    """Posts an event of the helpdesk to that conversation, `later` from now."""

    async def post(type: str, later: float = 0, **fields: Any) -> dict[str, Any]:
        at = (clock() + timedelta(seconds=later)).isoformat()
        answer = await admin.post(f"{waiting}/events", {"type": type, "at": at} | fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return post


@pytest.fixture
def case(admin: Any, service: Any, waiting: str) -> Any:
    async def read() -> Any:
        async with service.store.read() as session:
            return await Cases(session, admin.organisation_id).of_conversation(waiting.rsplit("/", 1)[1])

    return read


async def write(admin: Any, number: str, text: str, **fields: Any) -> None:
    body = message(number, text, **fields)
    body["conversation"]["external_id"], body["customer"]["external_id"] = "c1", "u1"
    assert (await admin.post("/v1/messages", body)).status_code == 201


@pytest.mark.parametrize("event", [{"type": "solved"}, {"type": "status", "status": "solved"}])
async def test_what_the_helpdesk_calls_solved_is_a_case_with_its_vector(
    admin: Any, service: Any, happens: Any, case: Any, event: Any
) -> None:
    assert await case() is None
    assert (await happens(**event))["status"] == "resolved"
    found = await case()
    assert found.problem == KETTLE
    async with service.store.read() as session:
        assert await session.scalar(select(Embedding.case_id)) == found.id
    await happens(**event)
    assert (await case()).id == found.id


@pytest.mark.parametrize("by", ["helpdesk", "agent"])
async def test_what_the_agent_ticked_as_done_is_what_settled_it(
    admin: Any, service: Any, clock: Any, happens: Any, case: Any, waiting: str, by: str
) -> None:
    fee = Remedy("fee", "Refund of the delivery fee", Money("4.95", "GBP"), when='order.status == "delayed"')
    async with service.store.write() as session:
        await Policies(session, admin.organisation_id).add([fee], clock())
    order = {"number": "QB-100", "item": "Kite", "status": "delayed", "amount": "20.00", "currency": "GBP"}
    clock.advance(minutes=1)
    await write(admin, "1b", "My parcel QB-100 is late again, you promised it for Monday!", order=order)
    draft = (await admin.get(waiting)).json()["drafts"][0]
    await make_draft(service, admin.organisation_id, draft["id"])
    body = (await admin.get(f"/v1/drafts/{draft['id']}")).json()
    assert "fee" in [option["remedy"] for option in body["options"]]
    taken = await admin.post(f"/v1/drafts/{draft['id']}/accept", {"text": "We are sorry.", "done": ["fee"]})
    assert taken.status_code == 200, taken.text
    if by == "helpdesk":
        await happens("solved")
    else:
        await admin.post(f"{waiting}/resolve")
    found = await case()
    assert (found.remedy, found.cost, found.currency) == ("fee", 4.95, "GBP")


async def test_a_survey_tells_the_case_how_it_ended_before_and_after(happens: Any, case: Any) -> None:
    await happens("survey", score=2)
    await happens("solved")
    assert (await case()).outcome.csat == 2
    await happens("survey", 1, score=9, scale="nps")
    assert (await case()).outcome.csat == 2
    await happens("survey", 2, score=5)
    assert (await case()).outcome.csat == 5


@pytest.mark.parametrize(
    ("text", "reopened"), [("It leaks again, I am furious!!!", True), ("Thank you so much, perfect!", None)]
)
async def test_coming_back_is_how_it_ended_unless_it_is_to_say_thanks(
    admin: Any, clock: Any, happens: Any, case: Any, waiting: str, text: str, reopened: bool | None
) -> None:
    await happens("solved")
    clock.advance(days=1)
    await write(admin, "1b", text)
    assert (await admin.get(waiting)).json()["conversation"]["status"] == "open"
    assert (await case()).outcome.reopened is reopened
    await admin.post(f"{waiting}/resolve", {"remedy": "replacement"})
    found = await case()
    assert (found.remedy, found.outcome.reopened) == ("replacement", reopened)


async def test_reopened_by_the_helpdesk(happens: Any, case: Any, clock: Any) -> None:
    await happens("solved")
    clock.advance(minutes=5)
    changed = await happens("status", status="open")
    assert (changed["status"], changed["resolved_at"]) == ("open", None)
    assert (await case()).outcome.reopened is True


async def test_an_event_from_before_the_newest_change_only_goes_on_record(
    admin: Any, clock: Any, happens: Any, waiting: str
) -> None:
    clock.advance(minutes=10)
    await write(admin, "1b", "It is worse now!")
    assert (await happens("solved", -60))["status"] == "open"
    assert (await happens("assigned", assignee="ada.admin@example.com"))["owner_id"] == admin.user_id
    assert (await happens("assigned", -60))["owner_id"] == admin.user_id
    assert (await happens("solved"))["status"] == "resolved"
    assert (await happens("reopened", -60))["status"] == "resolved"
    types = [event["type"] for event in (await admin.get(waiting)).json()["events"]]
    assert (types.count("solved"), types.count("assigned"), types.count("reopened")) == (2, 2, 1)


async def test_an_event_of_the_future_is_refused(admin: Any, clock: Any, waiting: str) -> None:
    at = (clock() + timedelta(hours=2)).isoformat()
    refused = await admin.post(f"{waiting}/events", {"type": "solved", "at": at})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/at"
