"""Working the queue over HTTP: who holds what, in which order, and what happens to those who come late."""

from datetime import timedelta
from typing import Any

import pytest
from bodies import message

from triage.queue import wake

CRITICAL = "I smell gas from the heater you sold me, please help at once"
FURIOUS = "You are all idiots, I am furious, this spoon is the wrong green, never again!!!"
CALM = "Could you tell me how to change my address?"


async def post(caller: Any, number: int | str, text: str, **customer: Any) -> dict[str, Any]:
    body = message(number, text)
    body["customer"] |= customer
    answer = await caller.post("/v1/messages", body)
    assert answer.status_code == 201
    return answer.json()


async def test_a_calm_emergency_stands_before_a_furious_trifle(admin: Any) -> None:
    trifle, emergency = await post(admin, 1, FURIOUS), await post(admin, 2, CRITICAL)
    page = (await admin.get("/v1/queue")).json()["data"]
    assert [row["conversation"]["id"] for row in page] == [emergency["conversation_id"], trifle["conversation_id"]]
    assert sum(r["seconds"] for r in page[0]["reasons"]) < sum(r["seconds"] for r in page[1]["reasons"])


async def test_claiming_takes_it_and_a_colleague_gets_a_conflict(caller: Any, organisation: Any) -> None:
    ada, bo = await caller(organisation, "agent", "Ada Brook"), await caller(organisation, "agent", "Bo Finch")
    found = await post(ada, 1, CALM)
    path = f"/v1/conversations/{found['conversation_id']}"
    taken = await ada.post(f"{path}/claim", {"version": 1})
    assert taken.status_code == 200
    assert taken.json()["owner_id"] == ada.user_id
    assert taken.json()["version"] == 2
    assert (await bo.post(f"{path}/claim")).status_code == 409
    assert (await bo.post(f"{path}/release")).status_code == 409
    stale = await ada.post(f"{path}/release", {"version": 1})
    assert stale.status_code == 409
    assert stale.json()["type"].endswith("/stale_version")
    assert (await ada.post(f"{path}/release", {"version": 2})).json()["owner_id"] is None


async def test_a_lead_may_release_for_others(caller: Any, organisation: Any) -> None:
    ada, lead = await caller(organisation, "agent", "Ada Brook"), await caller(organisation, "lead", "Lea Moss")
    found = await post(ada, 1, CALM)
    path = f"/v1/conversations/{found['conversation_id']}"
    await ada.post(f"{path}/claim")
    assert (await lead.post(f"{path}/release")).json()["owner_id"] is None


async def test_the_next_is_the_first_that_nobody_owns(caller: Any, organisation: Any) -> None:
    ada, bo = await caller(organisation, "agent", "Ada Brook"), await caller(organisation, "agent", "Bo Finch")
    later, first = await post(ada, 1, CALM), await post(ada, 2, CRITICAL)
    assert (await ada.post("/v1/queue/claim")).json()["id"] == first["conversation_id"]
    assert (await bo.post("/v1/queue/claim")).json()["id"] == later["conversation_id"]
    assert (await bo.post("/v1/queue/claim")).status_code == 404


async def test_nobody_gets_more_than_so_many_extremes_in_a_row(
    caller: Any, organisation: Any, service: Any, clock: Any
) -> None:
    ada = await caller(organisation, "agent", "Ada Brook")
    limit = service.settings.max_extremes_in_a_row
    extremes = [(await post(ada, f"x{n}", FURIOUS))["conversation_id"] for n in range(limit + 2)]
    clock.advance(seconds=1)
    calm = (await post(ada, "calm", CALM))["conversation_id"]
    levels = [row["frustration"] for row in (await ada.get("/v1/queue")).json()["data"]]
    assert levels.count("extreme") == limit + 2
    claimed = []
    for _ in range(limit + 3):
        claimed.append((await ada.post("/v1/queue/claim")).json()["id"])
        clock.advance(seconds=1)
    assert claimed[limit] == calm
    assert set(claimed) == {*extremes, calm}


async def test_snoozed_until_its_time_or_until_the_customer_writes(admin: Any, service: Any, clock: Any) -> None:
    found = await post(admin, 1, CALM)
    path = f"/v1/conversations/{found['conversation_id']}"
    until = (clock() + timedelta(hours=2)).isoformat()
    assert (await admin.post(f"{path}/snooze", {"until": until})).json()["status"] == "snoozed"
    assert (await admin.get("/v1/queue")).json()["data"] == []
    clock.advance(hours=3)
    assert await wake(service, admin.organisation_id) == [found["conversation_id"]]
    [row] = (await admin.get("/v1/queue")).json()["data"]
    assert row["conversation"]["act_by"] == found["priority"]["act_by"]
    assert (await admin.post(f"{path}/snooze", {"until": clock().isoformat()})).status_code == 422
    await admin.post(f"{path}/snooze", {"until": (clock() + timedelta(hours=2)).isoformat()})
    again = message("1b", "Any news?")
    again["conversation"]["external_id"] = again["customer"]["external_id"] = "x"
    again["conversation"]["external_id"], again["customer"]["external_id"] = "c1", "u1"
    await admin.post("/v1/messages", again)
    assert len((await admin.get("/v1/queue")).json()["data"]) == 1


async def test_resolving_makes_a_case_that_is_found_without_personal_data(admin: Any) -> None:
    text = "My kettle leaks water everywhere. Call me on +44 20 7946 0018 or rosa.lind@example.com. Rosa Lind"
    found = await post(admin, 1, text, name="Rosa Lind")
    path = f"/v1/conversations/{found['conversation_id']}"
    body = {"remedy": "replacement", "cost": 24.5, "currency": "GBP", "note": "New kettle sent to Rosa Lind"}
    resolved = await admin.post(f"{path}/resolve", body)
    assert resolved.json()["status"] == "resolved"
    assert (await admin.post(f"{path}/resolve")).status_code == 409
    assert (await admin.get("/v1/queue")).json()["data"] == []
    answer = await admin.post("/v1/cases/search", {"text": "my kettle leaks water everywhere"})
    [case] = answer.json()["data"]
    assert (case["remedy"], case["cost"]) == ("replacement", 24.5)
    assert case["why"]
    for private in ("Rosa", "Lind", "7946", "example.com"):
        assert private not in answer.text


async def test_a_customer_who_writes_again_reopens_it(admin: Any) -> None:
    found = await post(admin, 1, CALM)
    path = f"/v1/conversations/{found['conversation_id']}"
    await admin.post(f"{path}/resolve")
    again = message("1b", "It is still not changed!")
    again["conversation"]["external_id"], again["customer"]["external_id"] = "c1", "u1"
    await admin.post("/v1/messages", again)
    shown = (await admin.get(path)).json()
    assert shown["conversation"]["status"] == "open"
    assert "reopened" in [e["type"] for e in shown["events"]]


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"type": "solved"}, "resolved"),
        ({"type": "status", "status": "closed"}, "resolved"),
        ({"type": "status", "status": "pending"}, "open"),
        ({"type": "survey", "score": 2, "comment": "slow"}, "open"),
    ],
)
async def test_what_happens_in_the_helpdesk(admin: Any, clock: Any, event: Any, status: str) -> None:
    found = await post(admin, 1, CALM)
    body = event | {"at": clock().isoformat(), "source": "helpdesk", "external_id": "e1"}
    path = f"/v1/conversations/{found['conversation_id']}"
    assert (await admin.post(f"{path}/events", body)).json()["status"] == status
    named = body | {"conversation": {"source": "helpdesk", "external_id": "c1"}}
    assert (await admin.post("/v1/conversations/events", named)).json()["status"] == status
    events = (await admin.get(path)).json()["events"]
    assert [e["type"] for e in events].count(event["type"]) == 1


async def test_an_assignee_must_be_one_of_ours(admin: Any, clock: Any) -> None:
    found = await post(admin, 1, CALM)
    path = f"/v1/conversations/{found['conversation_id']}/events"
    event = {"type": "assigned", "at": clock().isoformat()}
    assert (await admin.post(path, event | {"assignee": "ada.admin@example.com"})).json()["owner_id"] == admin.user_id
    refused = await admin.post(path, event | {"assignee": "nobody@example.com"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/assignee"


async def test_what_failed_before_is_remembered_in_the_next_conversation(admin: Any, clock: Any) -> None:
    await post(admin, 1, "My parcel is late and nobody answers, where is it?", external_id="same")
    clock.advance(hours=1)
    second = message(2, CALM)
    second["customer"]["external_id"] = "same"
    answer = (await admin.post("/v1/messages", second)).json()
    assert "repeated" in [r["code"] for r in answer["priority"]["reasons"]]


async def test_filters(admin: Any) -> None:
    await post(admin, 1, CALM, tier="vip")
    await post(admin, 2, CRITICAL)
    rows = (await admin.get("/v1/queue?tier=vip")).json()["data"]
    assert [r["customer"]["external_id"] for r in rows] == ["u1"]
    assert (await admin.get("/v1/queue?channel=chat")).json()["data"] == []
    assert len((await admin.get("/v1/queue?owner=none")).json()["data"]) == 2
    await admin.post("/v1/queue/claim")
    assert len((await admin.get("/v1/queue?owner=me")).json()["data"]) == 1
