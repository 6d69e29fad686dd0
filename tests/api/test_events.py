"""GET /v1/events: who may listen, what is heard, and that nothing of another organisation is."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from bodies import message

from api.routes import events
from triage.store.repositories.live import Events


class Listener:
    """A request whose client stays for so many polls."""

    def __init__(self, polls: int) -> None:
        self.polls = polls
        self.app = SimpleNamespace(state=SimpleNamespace(stopping=asyncio.Event()))

    async def is_disconnected(self) -> bool:
        self.polls -= 1
        return self.polls < 0


async def heard(service: Any, organisation_id: str, after: int | None, polls: int = 1) -> list[tuple[str, Any]]:
    """What the stream says: (id, data) of each event."""
    blocks = [block async for block in events._stream(Listener(polls), service, organisation_id, after)]
    assert blocks[0].startswith("retry:")
    found = []
    for block in blocks[1:]:
        fields = dict(line.split(": ", 1) for line in block.strip().splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["id"], json.loads(fields["data"])))
    return found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "POLL_SECONDS", 0.01)


async def test_from_the_last_event_on_each_is_heard_once(admin: Any, service: Any) -> None:
    first = (await admin.post("/v1/messages", message(1))).json()
    [(number, event)] = await heard(service, admin.organisation_id, 0)
    assert event["type"] == "queue.changed"
    assert event["conversation_id"] == first["conversation_id"]
    await admin.post("/v1/messages", message(2))
    rest = await heard(service, admin.organisation_id, int(number))
    assert [data["conversation_id"] for _, data in rest] != [first["conversation_id"]]
    assert len(rest) == 1


async def test_without_a_last_event_only_what_comes_now(admin: Any, service: Any) -> None:
    await admin.post("/v1/messages", message(1))
    assert await heard(service, admin.organisation_id, None) == []


async def test_an_event_holds_ids_and_no_words(admin: Any, service: Any) -> None:
    await admin.post("/v1/messages", message(1, "The zanzibar kettle is late again"))
    [(_, event)] = await heard(service, admin.organisation_id, 0)
    assert set(event) == {"type", "at", "conversation_id"}


async def test_nothing_of_another_organisation_is_heard(caller: Any, service: Any, two_organisations: Any) -> None:
    ours, theirs = [await caller(organisation) for organisation in two_organisations]
    await theirs.post("/v1/messages", message(1))
    assert await heard(service, ours.organisation_id, 0) == []
    assert len(await heard(service, theirs.organisation_id, 0)) == 1


async def test_it_ends_when_the_process_stops(service: Any, organisation: Any) -> None:
    listener = Listener(10_000)
    listener.app.state.stopping.set()
    async with asyncio.timeout(5):
        assert [b async for b in events._stream(listener, service, organisation.id, 0)] == ["retry: 2000\n\n"]


async def test_who_may_listen(client: Any, caller: Any, organisation: Any) -> None:
    assert (await client.get("/v1/events")).status_code == 401
    assert (await (await caller(organisation, "ingest")).get("/v1/events")).status_code == 403
    bad = await (await caller(organisation)).get("/v1/events", headers={"Last-Event-ID": "x"})
    assert bad.status_code == 422


@pytest.mark.parametrize("store_settings", ["postgres"], indirect=True)
async def test_what_is_committed_late_is_heard_all_the_same(admin: Any, service: Any, clock: Any) -> None:
    """PostgreSQL numbers an event when it is written; others may be committed before it is."""

    async def add(type: str) -> None:
        async with service.store.write() as session:
            Events(session, admin.organisation_id).add(type, clock(), conversation_id="cnv_0")

    await add("before")
    late = service.store.write()
    session = await late.__aenter__()
    Events(session, admin.organisation_id).add("late", clock(), conversation_id="cnv_0")
    await session.flush()
    await add("early")
    listener = Listener(3)
    stream = events._stream(listener, service, admin.organisation_id, 0)
    said = [await anext(stream) for _ in range(3)]
    assert ["event: before" in said[1], "event: early" in said[2]] == [True, True]
    await late.__aexit__(None, None, None)
    rest = [block async for block in stream]
    assert [block.splitlines()[1] for block in rest] == ["event: late"]
