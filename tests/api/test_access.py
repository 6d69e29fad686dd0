"""Every route, who may call it, and that nothing of another organisation is ever seen.

The table must name every route of the application: a route that is missing fails the first test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from bodies import message
from fastapi.routing import APIRoute, iter_route_contexts

from api.security import EVERYONE, FEEDS, LEADS, READS, WORKS
from triage.recovery.drafting import make_draft

NOBODY: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """How to call a route with ids of an organisation's own; `foreign` is the status for another's ids."""

    roles: tuple[str, ...]
    path: Callable[[dict[str, str]], str]
    body: Any = None
    foreign: int | None = 404
    """None: the route takes no id; the test then looks for foreign data in its answer."""


def _event(ids: dict[str, str]) -> Any:
    return {"type": "solved", "at": "2026-11-21T12:00:00Z"}


TABLE: dict[tuple[str, str], Call] = {
    ("POST", "/v1/triage"): Call(EVERYONE, lambda i: "/v1/triage", {"messages": [{"id": "1", "text": "hi"}]}, None),
    ("POST", "/v1/messages"): Call(FEEDS, lambda i: "/v1/messages", message("new"), None),
    ("POST", "/v1/conversations/events"): Call(
        FEEDS,
        lambda i: "/v1/conversations/events",
        lambda i: _event(i) | {"conversation": {"source": "helpdesk", "external_id": i["external"]}},
    ),
    ("POST", "/v1/conversations/{conversation_id}/events"): Call(
        FEEDS, lambda i: f"/v1/conversations/{i['conversation']}/events", _event
    ),
    ("GET", "/v1/queue"): Call(READS, lambda i: "/v1/queue", None, None),
    ("POST", "/v1/queue/claim"): Call(WORKS, lambda i: "/v1/queue/claim", None, None),
    ("GET", "/v1/conversations/{conversation_id}"): Call(READS, lambda i: f"/v1/conversations/{i['conversation']}"),
    ("POST", "/v1/conversations/{conversation_id}/claim"): Call(
        WORKS, lambda i: f"/v1/conversations/{i['conversation']}/claim"
    ),
    ("POST", "/v1/conversations/{conversation_id}/release"): Call(
        WORKS, lambda i: f"/v1/conversations/{i['conversation']}/release"
    ),
    ("POST", "/v1/conversations/{conversation_id}/snooze"): Call(
        WORKS, lambda i: f"/v1/conversations/{i['conversation']}/snooze", {"until": "2027-01-01T00:00:00Z"}
    ),
    ("POST", "/v1/conversations/{conversation_id}/resolve"): Call(
        WORKS, lambda i: f"/v1/conversations/{i['conversation']}/resolve"
    ),
    ("POST", "/v1/conversations/{conversation_id}/drafts"): Call(
        WORKS, lambda i: f"/v1/conversations/{i['conversation']}/drafts"
    ),
    ("GET", "/v1/drafts/{draft_id}"): Call(READS, lambda i: f"/v1/drafts/{i['draft']}"),
    ("POST", "/v1/drafts/{draft_id}/accept"): Call(
        WORKS, lambda i: f"/v1/drafts/{i['draft']}/accept", {"text": "We will write tomorrow."}
    ),
    ("POST", "/v1/drafts/{draft_id}/dismiss"): Call(
        WORKS, lambda i: f"/v1/drafts/{i['draft']}/dismiss", {"reason": "other"}
    ),
    ("POST", "/v1/cases/search"): Call(
        READS, lambda i: "/v1/cases/search", lambda i: {"conversation_id": i["conversation"]}
    ),
    ("POST", "/v1/cases"): Call(FEEDS, lambda i: "/v1/cases", {"external_id": "x", "problem": "It broke."}, None),
    ("DELETE", "/v1/customers/{customer_id}"): Call(LEADS, lambda i: f"/v1/customers/{i['customer']}"),
    ("GET", "/v1/customers/{customer_id}/export"): Call(LEADS, lambda i: f"/v1/customers/{i['customer']}/export"),
    ("GET", "/v1/follow_ups"): Call(READS, lambda i: "/v1/follow_ups", None, None),
    ("POST", "/v1/follow_ups/{follow_up_id}/done"): Call(WORKS, lambda i: f"/v1/follow_ups/{i['follow_up']}/done"),
    ("GET", "/metrics"): Call(EVERYONE, lambda i: "/metrics", None, None),
}
OPEN = {("GET", "/livez"), ("GET", "/readyz"), ("GET", "/openapi.json"), ("HEAD", "/openapi.json")}
STREAMS = {("GET", "/v1/events")}
"""Tested in test_events.py, because it does not end by itself."""


def routes(client: Any) -> set[tuple[str, str]]:
    app = client._transport.app
    found = {
        (method, context.path)
        for context in iter_route_contexts(app.routes)
        for method in getattr(context, "methods", None) or ()
        if context.path.startswith("/v1")
        or not isinstance(context.original_route, APIRoute)
        or context.include_in_schema
    }
    return {(m, p) for m, p in found if p is not None}


async def ids_of(caller: Any, service: Any, n: str) -> dict[str, str]:
    """An open conversation with a ready draft and a follow-up from an earlier one, and the ids of all of it."""
    first = (await caller.post("/v1/messages", message(n, "My parcel is late again, where is it?"))).json()
    await make_draft(service, caller.organisation_id, first["draft_id"])
    accepted = await caller.post(
        f"/v1/drafts/{first['draft_id']}/accept", {"text": "I am sorry. I will write to you by tomorrow."}
    )
    second = message(f"{n}-again", "It is still not here!")
    second["conversation"]["external_id"], second["customer"]["external_id"] = f"c{n}", f"u{n}"
    answer = (await caller.post("/v1/messages", second)).json()
    await make_draft(service, caller.organisation_id, answer["draft_id"])
    shown = (await caller.get(f"/v1/conversations/{answer['conversation_id']}")).json()
    return {
        "conversation": answer["conversation_id"],
        "external": f"c{n}",
        "customer": shown["customer"]["id"],
        "draft": answer["draft_id"],
        "follow_up": accepted.json()["follow_ups"][0]["id"],
    }


def _body(call: Call, ids: dict[str, str]) -> Any:
    return call.body(ids) if callable(call.body) else call.body


def test_every_route_stands_in_the_table(client: Any) -> None:
    assert routes(client) - OPEN - STREAMS == set(TABLE)


@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
async def test_without_a_key_nothing_answers(client: Any) -> None:
    ids = dict.fromkeys(("conversation", "external", "customer", "draft", "follow_up"), "x")
    for (method, route), call in TABLE.items():
        answer = await client.request(method, call.path(ids), json=_body(call, ids))
        assert answer.status_code == 401, (method, route)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
async def test_only_the_roles_of_the_table_may(caller: Any, organisation: Any) -> None:
    callers = {role: await caller(organisation, role) for role in EVERYONE}
    ids = dict.fromkeys(("conversation", "external", "customer", "draft", "follow_up"), "unknown")
    for (method, route), call in TABLE.items():
        for role, one in callers.items():
            answer = await one(method, call.path(ids), json=_body(call, ids))
            assert (answer.status_code == 403) == (role not in call.roles), (method, route, role, answer.text)


@pytest.mark.parametrize("route", sorted(r for r in TABLE if TABLE[r].foreign), ids=" ".join)
async def test_another_organisations_ids_are_not_found(
    caller: Any, service: Any, two_organisations: Any, route: tuple[str, str]
) -> None:
    method, call = route[0], TABLE[route]
    ours, theirs = [await caller(organisation) for organisation in two_organisations]
    foreign = await ids_of(theirs, service, "theirs")
    refused = await ours(method, call.path(foreign), json=_body(call, foreign))
    assert refused.status_code == call.foreign, refused.text
    own = await ids_of(ours, service, "ours")
    allowed = await ours(method, call.path(own), json=_body(call, own))
    assert allowed.status_code < 300, allowed.text


@pytest.mark.parametrize("route", sorted(r for r in TABLE if not TABLE[r].foreign), ids=" ".join)
async def test_nothing_of_another_organisation_stands_in_an_answer(
    caller: Any, service: Any, two_organisations: Any, route: tuple[str, str]
) -> None:
    method, call = route[0], TABLE[route]
    ours, theirs = [await caller(organisation) for organisation in two_organisations]
    foreign = await ids_of(theirs, service, "theirs")
    answer = await ours(method, call.path({}), json=_body(call, {}))
    assert not any(id in answer.text for id in foreign.values())
