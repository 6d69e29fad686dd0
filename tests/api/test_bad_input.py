"""What a helpdesk may send by mistake or malice: each gets a clear problem, and nothing is lost or half written."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from bodies import message

pytestmark = pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)  # refused before any database


def changed(path: str, value: Any) -> dict[str, Any]:
    """The usual message with one field changed; a dot goes into an object."""
    body = message()
    *parents, last = path.split(".")
    target = body
    for parent in parents:
        target = target[parent]
    target[last] = value
    return body


def without(field: str) -> dict[str, Any]:
    return {k: v for k, v in message().items() if k != field}


MESSAGES: list[tuple[str, Any, int, str]] = [
    # what, body, status, pointer of the wrong field ("" where it is no field)
    ("empty text", changed("text", ""), 422, "/text"),
    ("blank text", changed("text", " \n\t "), 422, "/text"),
    ("20,001 characters", changed("text", "x" * 20_001), 413, "/text"),
    ("2 MB text", changed("text", "x" * 2_000_000), 413, "/text"),
    ("text is a number", changed("text", 7), 422, "/text"),
    ("text is a list", changed("text", ["a"]), 422, "/text"),
    ("NUL in the text", changed("text", "a\x00b"), 422, "/text"),
    ("lone surrogate", changed("text", "a\ud800b"), 422, "/text"),
    ("unknown field", changed("colour", "red"), 422, "/colour"),
    ("unknown field inside", changed("customer.colour", "red"), 422, "/customer/colour"),
    ("no external id", without("external_id"), 422, "/external_id"),
    ("no customer", without("customer"), 422, "/customer"),
    ("empty external id", changed("external_id", ""), 422, "/external_id"),
    ("long external id", changed("external_id", "x" * 201), 422, "/external_id"),
    ("unknown author", changed("author", "robot"), 422, "/author"),
    ("unknown channel", changed("conversation.channel", "fax"), 422, "/conversation/channel"),
    ("unknown tier", changed("customer.tier", "gold"), 422, "/customer/tier"),
    ("language is no language", changed("customer.language", "english please"), 422, "/customer/language"),
    ("time without a zone", changed("sent_at", "2026-11-21T10:00:00"), 422, "/sent_at"),
    ("time to come", changed("sent_at", "2030-01-01T00:00:00Z"), 422, "/sent_at"),
    ("no time at all", changed("sent_at", "yesterday"), 422, "/sent_at"),
    ("year 1", changed("sent_at", "0001-01-01T00:00:00+14:00"), 422, "/sent_at"),
    ("order is a list", changed("order", [1]), 422, "/order"),
    ("order of 30 kB", changed("order", {"note": "x" * 30_000}), 422, "/order"),
    ("body is a list", [message()], 422, ""),
    ("body is null", None, 422, ""),
    ("unknown assignee", changed("conversation.assignee", "nobody@example.com"), 201, ""),
    ("right-to-left", changed("text", "أين طلبي؟ لقد تأخر كثيرا"), 201, ""),
    ("emoji only", changed("text", "😡😡😡"), 201, ""),
    ("one word", changed("text", "help"), 201, ""),
    ("unknown language", changed("text", "Kde je moje zásilka? Slíbili jste ji na včera."), 201, ""),
    ("direction overrides", changed("text", "\u202etxt.exe\u202c my parcel is late"), 201, ""),
    ("html only", changed("text", "") | {"html": "<p>Where is it?</p>"}, 201, ""),
    ("100,000 nested elements", changed("text", "") | {"html": "<div>" * 100_000 + "Where is it?"}, 201, ""),
    ("html without text", changed("text", "") | {"html": "<img src=x>"}, 422, "/text"),
    ("html of 1.2 MB", changed("text", "") | {"html": "x" * 1_200_000}, 422, "/html"),
]


@pytest.mark.parametrize(("what", "body", "status", "pointer"), MESSAGES, ids=[m[0] for m in MESSAGES])
async def test_a_message(admin: Any, what: str, body: Any, status: int, pointer: str) -> None:
    answer = await admin(
        "POST",
        "/v1/messages",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == status, answer.text
    waiting = (await admin.get("/v1/queue")).json()["data"]
    if status >= 400:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["status"] == status
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert len(problem["detail"]) > 10
        if pointer:
            assert pointer in [e["pointer"] for e in problem["errors"]]
        assert waiting == []
    else:
        assert len(waiting) == 1


RAW: list[tuple[str, bytes, dict[str, str], int]] = [
    ("broken JSON", b'{"text": ', {}, 400),
    ("broken UTF-8", b'{"text": "\xff\xfe"}', {}, 400),
    ("empty body", b"", {}, 422),
    ("deeply nested", b"[" * 100_000, {}, 400),
    ("over 4 MB", b'{"text": "' + b"x" * 4_100_000 + b'"}', {}, 413),
    ("a form", b"text=hello", {"Content-Type": "application/x-www-form-urlencoded"}, 422),
]


@pytest.mark.parametrize(("what", "content", "headers", "status"), RAW, ids=[r[0] for r in RAW])
async def test_raw_bytes(admin: Any, what: str, content: bytes, headers: dict[str, str], status: int) -> None:
    answer = await admin(
        "POST", "/v1/messages", content=content, headers={"Content-Type": "application/json"} | headers
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def triage(count: int = 1, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"id": str(i), "text": "Where is it?"} | fields for i in range(count)]}


TRIAGE: list[tuple[str, Any, int, str]] = [
    ("none", {"messages": []}, 422, "/messages"),
    ("256", triage(256), 200, ""),
    ("257", triage(257), 422, "/messages"),
    ("empty text", triage(text=""), 422, "/messages/0/text"),
    ("blank text", triage(text="  "), 422, "/messages/0/text"),
    ("long text", triage(text="x" * 20_001), 413, "/messages/0/text"),
    ("emoji", triage(text="😡"), 200, ""),
    ("no id", {"messages": [{"text": "a"}]}, 422, "/messages/0/id"),
]


@pytest.mark.parametrize(("what", "body", "status", "pointer"), TRIAGE, ids=[t[0] for t in TRIAGE])
async def test_triage(admin: Any, what: str, body: Any, status: int, pointer: str) -> None:
    answer = await admin.post("/v1/triage", body)
    assert answer.status_code == status, answer.text
    if pointer:
        assert pointer in [e["pointer"] for e in answer.json()["errors"]]


KEYS = [
    "Bearer nonsense",
    "Bearer amends_" + "0" * 32 + "_" + "a" * 43,
    "Basic dXNlcjpwYXNz",
    "Bearer ",
    "amends",
]


@pytest.mark.parametrize("header", KEYS)
async def test_a_wrong_key(client: Any, header: str) -> None:
    answer = await client.get("/v1/queue", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_right_id_with_a_wrong_secret(admin: Any) -> None:
    wrong = admin.key[:-1] + ("A" if admin.key[-1] != "A" else "B")
    answer = await admin.client.get("/v1/queue", headers={"Authorization": f"Bearer {wrong}"})
    assert answer.status_code == 401


async def test_a_revoked_key_ends_at_once_and_so_do_its_users_browsers(admin: Any, service: Any) -> None:
    from triage.keys import create_browser_session, principal_of_session
    from triage.store.repositories.people import People

    now = service.clock()
    token, _ = await create_browser_session(service.store, admin.organisation_id, admin.user_id, "session", now)
    assert await principal_of_session(service.store, token, "session", now)
    async with service.store.write() as session:
        [key] = await People(session, admin.organisation_id).keys()
        assert await People(session, admin.organisation_id).revoke_key(key.id, service.clock())
    assert (await admin.get("/v1/queue")).status_code == 401
    assert await principal_of_session(service.store, token, "session", now) is None


async def test_a_helpdesks_key_is_looked_up_again_after_some_seconds(
    caller: Any, organisation: Any, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api import security
    from triage.store.repositories.people import People

    seconds = [100.0]
    monkeypatch.setattr(security, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    helpdesk = await caller(organisation, "ingest")
    assert (await helpdesk.post("/v1/messages", message(1))).status_code == 201
    async with service.store.write() as session:
        [key] = await People(session, organisation.id).keys()
        assert await People(session, organisation.id).revoke_key(key.id, service.clock())
    assert (await helpdesk.post("/v1/messages", message(2))).status_code == 201
    seconds[0] += security.KnownKeys.LASTS
    assert (await helpdesk.post("/v1/messages", message(3))).status_code == 401


@pytest.mark.parametrize(
    "cursor", ["x", "W10", "eyJhIjoxfQ", "bnVsbA", "WyIyMDI2IiwxXQ", "%00", "W251bGwsICJhXHUwMDAwIl0"]
)
async def test_a_cursor_of_no_making_of_ours(admin: Any, cursor: str) -> None:
    assert (await admin.get(f"/v1/queue?cursor={cursor}")).status_code == 422


async def test_paging_gives_each_conversation_once(admin: Any) -> None:
    for n in range(7):
        await admin.post("/v1/messages", message(n))
    seen, cursor = [], ""
    while cursor is not None:
        page = (await admin.get("/v1/queue", params={"limit": 3} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["conversation"]["id"] for item in page["data"]]
        assert page["has_more"] == (page["next_cursor"] is not None)
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 7


async def test_idempotency_key(admin: Any) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await admin.post("/v1/triage", triage(), headers=headers)
    again = await admin.post("/v1/triage", triage(), headers=headers)
    assert first.headers["x-idempotency-lookup"] == "miss"
    assert again.headers["x-idempotency-lookup"] == "hit"
    assert again.content == first.content
    other = await admin.post("/v1/triage", triage(2), headers=headers)
    assert other.status_code == 422
    elsewhere = await admin.post("/v1/messages", message(), headers=headers)
    assert elsewhere.status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9".encode().decode("latin-1")])
async def test_a_bad_idempotency_key(admin: Any, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1", "ignore")}
    answer = await admin.post("/v1/triage", triage(), headers=headers)
    assert answer.status_code == 400


async def test_a_key_in_flight_is_a_conflict(admin: Any, service: Any, clock: Any) -> None:
    import hashlib

    from triage.store.repositories.live import IdempotentAnswers

    body = json.dumps(triage()).encode()
    async with service.store.write() as session:
        answers = IdempotentAnswers(session, admin.organisation_id)
        answers.begin("POST /v1/triage", "k", hashlib.sha256(body).hexdigest(), clock())
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    assert (await admin("POST", "/v1/triage", content=body, headers=headers)).status_code == 409
    clock.advance(minutes=2)  # its process died
    assert (await admin("POST", "/v1/triage", content=body, headers=headers)).status_code == 200


async def test_a_failed_request_does_not_use_its_idempotency_key_up(admin: Any) -> None:
    headers = {"Idempotency-Key": "k"}
    assert (await admin.post("/v1/triage", triage(text=""), headers=headers)).status_code == 422
    assert (await admin.post("/v1/triage", triage(), headers=headers)).status_code == 200


async def test_request_ids_come_back(admin: Any) -> None:
    assert (await admin.get("/v1/queue", headers={"X-Request-ID": "abc-1"})).headers["x-request-id"] == "abc-1"
    assert len((await admin.get("/v1/queue", headers={"X-Request-ID": "a b"})).headers["x-request-id"]) == 32


async def test_unknown_paths_and_methods(admin: Any) -> None:
    assert (await admin.get("/v1/nothing")).json()["status"] == 404
    assert (await admin("PUT", "/v1/queue")).json()["status"] == 405
