"""Drafts over HTTP: made once, checked, taken or refused, never late."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from bodies import message

from triage.recovery.drafting import make_draft
from triage.recovery.values import Money, Remedy
from triage.store.repositories.drafts import Drafts
from triage.store.repositories.policies import Policies

LATE = "My parcel QB-100 is late again. You promised it for Monday and it is my daughter's birthday tomorrow!"


@pytest.fixture
async def drafted(admin: Any, service: Any) -> dict[str, Any]:
    """A late parcel with a ready draft under a small policy."""
    async with service.store.write() as session:
        await Policies(session, admin.organisation_id).add(
            [
                Remedy("fee", "Refund of the delivery fee", Money("4.95", "GBP"), when='order.status == "delayed"'),
                Remedy("never", "A free holiday", Money("900.00", "GBP"), when='order.status == "sunk"'),
            ],
            service.clock(),
        )
    order = {"number": "QB-100", "item": "Kite", "status": "delayed", "amount": "20.00", "currency": "GBP"}
    answer = (await admin.post("/v1/messages", message(text=LATE, order=order))).json()
    await make_draft(service, admin.organisation_id, answer["draft_id"])
    return answer


async def test_a_draft_is_ready_with_everything_the_contract_says(admin: Any, drafted: Any) -> None:
    draft = (await admin.get(f"/v1/drafts/{drafted['draft_id']}")).json()
    assert draft["status"] == "ready"
    assert draft["engine"] == "composer"
    assert draft["sections"]
    for section in draft["sections"]:
        assert draft["text"][section["start"] : section["end"]] == section["text"]
    assert "never" not in [o["remedy"] for o in draft["options"]]
    for option in draft["options"]:
        assert option["text"] in draft["text"]
    for section in draft["sections"]:
        for claim in section["claims"]:
            source = claim["source"]
            if source["kind"] == "message":
                assert LATE[source["start"] : source["end"]].strip()


async def test_jobs_make_it_once(admin: Any, service: Any, drafted: Any) -> None:
    before = (await admin.get(f"/v1/drafts/{drafted['draft_id']}")).json()
    await make_draft(service, admin.organisation_id, drafted["draft_id"])
    assert (await admin.get(f"/v1/drafts/{drafted['draft_id']}")).json() == before
    async with service.store.write() as session:
        assert not await Drafts(session, admin.organisation_id).finish(
            drafted["draft_id"], "ready", service.clock(), {}
        )


async def test_accepting_answers_the_conversation_and_promises_become_follow_ups(
    admin: Any, drafted: Any, clock: Any
) -> None:
    text = "I am sorry that the kite is late. I will write to you tomorrow with the day it arrives."
    answer = await admin.post(f"/v1/drafts/{drafted['draft_id']}/accept", {"text": text})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["draft"]["status"] == "accepted"
    assert {c["name"] for c in body["checks"]} >= {"unsupported_claim", "over_policy", "placeholder"}
    [follow_up] = body["follow_ups"]
    assert clock() < datetime.fromisoformat(follow_up["due_at"]) < clock() + timedelta(days=2)
    shown = (await admin.get(f"/v1/conversations/{drafted['conversation_id']}")).json()
    assert shown["conversation"]["status"] == "answered"
    assert (await admin.get("/v1/queue")).json()["data"] == []
    again = await admin.post(f"/v1/drafts/{drafted['draft_id']}/accept", {"text": text})
    assert again.status_code == 409
    [listed] = (await admin.get("/v1/follow_ups")).json()["data"]
    assert listed["id"] == follow_up["id"]
    done = (await admin.post(f"/v1/follow_ups/{listed['id']}/done")).json()
    assert done["done_by"] == admin.user_id
    assert (await admin.get("/v1/follow_ups")).json()["data"] == []


async def test_a_placeholder_left_open_is_refused(admin: Any, drafted: Any) -> None:
    text = "It will arrive on [[delivery_date]]."
    refused = await admin.post(f"/v1/drafts/{drafted['draft_id']}/accept", {"text": text})
    assert refused.status_code == 422
    assert "[[delivery_date]]" in refused.json()["detail"]


async def test_the_guard_warns_of_what_the_agent_invents(admin: Any, drafted: Any) -> None:
    text = "We will pay you 5,000.00 GBP and refund order ZZ-999 in full."
    body = (await admin.post(f"/v1/drafts/{drafted['draft_id']}/accept", {"text": text})).json()
    assert "unsupported_claim" in [c["name"] for c in body["checks"] if not c["passed"]]


async def test_only_offered_remedies_can_be_done(admin: Any, drafted: Any) -> None:
    body = {"text": "Done.", "done": ["never"]}
    refused = await admin.post(f"/v1/drafts/{drafted['draft_id']}/accept", body)
    assert refused.json()["errors"][0]["pointer"] == "/done"


async def test_a_message_in_between_makes_it_stale(admin: Any, drafted: Any, clock: Any) -> None:
    clock.advance(minutes=1)
    again = message("b", "And now the box is open too!")
    again["conversation"]["external_id"], again["customer"]["external_id"] = "c1", "u1"
    newer = (await admin.post("/v1/messages", again)).json()
    refused = await admin.post(f"/v1/drafts/{drafted['draft_id']}/accept")
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/stale_version")
    assert newer["draft_id"] != drafted["draft_id"]


async def test_dismissing(admin: Any, drafted: Any) -> None:
    path = f"/v1/drafts/{drafted['draft_id']}/dismiss"
    assert (await admin.post(path, {"reason": "because"})).status_code == 422
    assert (await admin.post(path, {"reason": "tone"})).json()["dismiss_reason"] == "tone"
    assert (await admin.post(path, {"reason": "tone"})).status_code == 409


async def test_asking_for_another(admin: Any, drafted: Any) -> None:
    path = f"/v1/conversations/{drafted['conversation_id']}/drafts"
    made = await admin.post(path, {"tone": "formal"})
    assert made.status_code == 201
    assert (made.json()["attempt"], made.json()["status"]) == (2, "ready")
    assert (await admin.get(f"/v1/drafts/{drafted['draft_id']}")).json()["status"] == "stale"
    refused = await admin.post(path, {"engine": "oracle"})
    assert refused.json()["errors"][0]["pointer"] == "/engine"


async def test_as_a_stream(admin: Any, drafted: Any) -> None:
    answer = await admin.post(f"/v1/conversations/{drafted['conversation_id']}/drafts?stream=true")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [block.splitlines()[0] for block in answer.text.strip().split("\n\n")]
    assert events[-1] == "event: draft"
    assert set(events[:-1]) == {"event: section"}


async def test_no_draft_for_a_conversation_without_a_customers_words(admin: Any) -> None:
    answer = (await admin.post("/v1/messages", message(author="note", text="For the record."))).json()
    refused = await admin.post(f"/v1/conversations/{answer['conversation_id']}/drafts")
    assert refused.status_code == 409
