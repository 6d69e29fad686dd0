"""POST /v1/messages: stored once, scored, placed; who wrote decides what it does to the clock."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from bodies import message

from triage.messages.ingest import ingest
from triage.messages.posted import PostedMessage
from triage.recovery.drafting import make_draft


async def test_a_message_is_stored_scored_placed_and_its_draft_is_due(admin: Any, service: Any) -> None:
    answer = await admin.post("/v1/messages", message())
    assert answer.status_code == 201
    body = answer.json()
    assert body["score"]["failure"]["probabilities"].keys() == body["score"]["failure"]["probabilities"].keys()
    assert len(body["score"]["frustration"]["probabilities"]) == 5
    assert body["priority"]["reasons"]
    assert body["draft_id"].startswith("drf_")
    page = (await admin.get("/v1/queue")).json()
    assert [item["conversation"]["id"] for item in page["data"]] == [body["conversation_id"]]
    assert page["data"][0]["reasons"] == body["priority"]["reasons"]


async def test_the_same_message_again_gets_the_first_answer(admin: Any) -> None:
    first = await admin.post("/v1/messages", message())
    again = await admin.post("/v1/messages", message())
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


async def test_a_label_that_changed_since_is_not_another_message(admin: Any) -> None:
    await admin.post("/v1/messages", message())
    labelled = message()
    labelled["conversation"]["tags"] = ["vip"]
    assert (await admin.post("/v1/messages", labelled)).status_code == 200


async def test_the_same_external_id_with_another_text_is_a_conflict(admin: Any) -> None:
    first = (await admin.post("/v1/messages", message())).json()
    answer = await admin.post("/v1/messages", message(text="Something else"))
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["pointer"] == "/external_id"
    conversation = (await admin.get(f"/v1/conversations/{first['conversation_id']}")).json()
    assert [m["text"] for m in conversation["messages"]] == [message()["text"]]


async def test_two_organisations_may_use_the_same_external_ids(caller: Any, two_organisations: Any) -> None:
    ours, theirs = [await caller(organisation) for organisation in two_organisations]
    first = (await ours.post("/v1/messages", message())).json()
    second = (await theirs.post("/v1/messages", message(text="Thank you, all fine."))).json()
    assert first["id"] != second["id"]
    assert (await ours.get(f"/v1/conversations/{second['conversation_id']}")).status_code == 404


async def test_sixteen_at_once_with_one_id_store_it_once(admin: Any) -> None:
    answers = await asyncio.gather(*(admin.post("/v1/messages", message()) for _ in range(16)))
    assert sorted({a.status_code for a in answers}) in ([200, 201], [201])
    assert [a.status_code for a in answers].count(201) == 1
    assert len({a.text for a in answers}) == 1
    assert len((await admin.get("/v1/queue")).json()["data"]) == 1


async def test_sixteen_at_once_in_one_conversation_are_all_there(admin: Any) -> None:
    bodies = [message(n, f"Where is my parcel, question {n}?") for n in range(16)]
    for body in bodies:
        body["conversation"]["external_id"] = "one"
        body["customer"]["external_id"] = "one"
    answers = await asyncio.gather(*(admin.post("/v1/messages", body) for body in bodies))
    assert {a.status_code for a in answers} == {201}
    [item] = (await admin.get("/v1/queue")).json()["data"]
    conversation = (await admin.get(f"/v1/conversations/{item['conversation']['id']}")).json()
    assert {m["external"] if "external" in m else m["text"] for m in conversation["messages"]} == {
        body["text"] for body in bodies
    }
    assert conversation["conversation"]["version"] == 16
    assert [d["status"] for d in conversation["drafts"]].count("due") == 1


@pytest.mark.parametrize("author", ["agent", "note", "system"])
async def test_only_customers_words_are_ever_scored(admin: Any, service: Any, author: str) -> None:
    """A law: what an agent, a note or a machine says is stored and never scored."""
    furious = "This is outrageous, I will sue you, I am furious!"
    answer = await admin.post("/v1/messages", message(text=furious, author=author))
    assert answer.status_code == 201
    assert answer.json()["score"] is None
    assert answer.json()["priority"] is None
    assert answer.json()["draft_id"] is None
    assert service.scorer.texts == 0
    assert (await admin.get("/v1/queue")).json()["data"] == []


async def test_a_reply_stops_the_clock_and_makes_the_draft_stale(admin: Any, service: Any, clock: Any) -> None:
    first = (await admin.post("/v1/messages", message())).json()
    await make_draft(service, admin.organisation_id, first["draft_id"])
    clock.advance(minutes=5)
    reply = message("r1", "We are looking into it.", author="agent")
    reply["conversation"]["external_id"] = "c1"
    reply["customer"]["external_id"] = "u1"
    assert (await admin.post("/v1/messages", reply)).status_code == 201
    conversation = (await admin.get(f"/v1/conversations/{first['conversation_id']}")).json()
    assert conversation["conversation"]["status"] == "answered"
    assert conversation["conversation"]["act_by"] is None
    assert [d["status"] for d in conversation["drafts"]] == ["stale"]
    refused = await admin.post(f"/v1/drafts/{first['draft_id']}/accept")
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/stale_version")


async def test_a_reply_from_before_the_customers_last_word_does_not_stop_the_clock(admin: Any, clock: Any) -> None:
    late = (clock() - timedelta(hours=1)).isoformat()
    first = (await admin.post("/v1/messages", message())).json()
    reply = message("r1", "We are looking into it.", author="agent", sent_at=late)
    reply["conversation"]["external_id"] = "c1"
    reply["customer"]["external_id"] = "u1"
    await admin.post("/v1/messages", reply)
    [item] = (await admin.get("/v1/queue")).json()["data"]
    assert item["conversation"]["id"] == first["conversation_id"]


async def test_automatic_mail_is_scored_but_neither_placed_nor_drafted_for(admin: Any) -> None:
    body = message(
        text="I am out of the office until Monday and will answer then.", headers={"Auto-Submitted": "auto-replied"}
    )
    answer = (await admin.post("/v1/messages", body)).json()
    assert answer["machine"]
    assert answer["draft_id"] is None
    assert (await admin.get("/v1/queue")).json()["data"] == []


async def test_history_from_a_backfill_is_placed_but_not_drafted_for(admin: Any, clock: Any) -> None:
    old = (clock() - timedelta(days=30)).isoformat()
    answer = (await admin.post("/v1/messages", message(sent_at=old))).json()
    assert answer["draft_id"] is None
    assert answer["priority"] is not None


async def test_html_is_stored_as_its_plain_rendering(admin: Any) -> None:
    html = "<p>Where is my <b>parcel</b>?</p><script>alert(1)</script>"
    first = (await admin.post("/v1/messages", message(text="", html=html))).json()
    conversation = (await admin.get(f"/v1/conversations/{first['conversation_id']}")).json()
    assert conversation["messages"][0]["text"].strip() == "Where is my parcel?"


async def test_the_worst_message_counts_and_thanks_lower_it(admin: Any, clock: Any) -> None:
    first = (
        await admin.post("/v1/messages", message(text="I smell gas from the stove you sold me, it is urgent"))
    ).json()
    worst = first["priority"]["act_by"]
    clock.advance(minutes=1)
    for n, text in (("2", "Any news?"), ("3", "Never mind, it is sorted now, thank you!")):
        body = message(n, text)
        body["conversation"]["external_id"], body["customer"]["external_id"] = "c1", "u1"
        answer = (await admin.post("/v1/messages", body)).json()
        if n == "2":
            assert answer["priority"]["act_by"] == worst
    assert answer["priority"]["act_by"] > worst


async def test_what_follows_a_lost_race_is_the_winners_answer(service: Any, organisation: Any) -> None:
    posted = PostedMessage.model_validate(message())
    first, second = await asyncio.gather(
        ingest(service, organisation.id, posted, "test"), ingest(service, organisation.id, posted, "test")
    )
    assert first.answer == second.answer
    assert sorted([first.created, second.created]) == [False, True]


async def test_automatic_mail_does_not_hide_what_the_customer_wrote_last(admin: Any) -> None:
    first = (await admin.post("/v1/messages", message(1, "My parcel is late again and nobody answers!"))).json()
    away = message("1b", "I am out of the office until Monday.", headers={"Auto-Submitted": "auto-replied"})
    away["conversation"]["external_id"], away["customer"]["external_id"] = "c1", "u1"
    assert (await admin.post("/v1/messages", away)).json()["machine"]
    shown = (await admin.get(f"/v1/conversations/{first['conversation_id']}")).json()["messages"]
    assert [bool(m["score"]["frustration"]["evidence"]) for m in shown] == [True, False]
