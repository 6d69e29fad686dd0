"""The console without a browser: who gets in, what a form must carry, and that nobody sees another organisation."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from bodies import message
from fastapi.routing import iter_route_contexts

from api.pages.page import PageRoute
from api.security import COOKIE
from triage.keys import create_key, principal_of_session, sign_in_link
from triage.recovery.drafting import make_draft
from triage.service import Service
from triage.store.repositories.people import People
from triage.store.tables import Organisation

pytestmark = pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)  # what they call runs on both
SCRIPT = "<script>alert(1)</script>"
READING = ["/", "/queue", "/follow-ups", "/help", "/conversations/{conversation}", "/conversations/{conversation}/work"]
READING += ["/drafts/{draft}"]
ACTS: dict[str, dict[str, str]] = {
    "/paste": {"text": "My parcel is late again, where is it?"},
    "/queue/next": {},
    "/conversations/{conversation}/claim": {},
    "/conversations/{conversation}/release": {},
    "/conversations/{conversation}/snooze": {"hours": "4"},
    "/conversations/{conversation}/resolve": {"note": "sent a new one"},
    "/conversations/{conversation}/drafts": {"tone": "plain"},
    "/drafts/{draft}/accept": {"text": "I am sorry. I will write to you by tomorrow."},
    "/drafts/{draft}/dismiss": {"reason": "tone"},
    "/follow-ups/{follow_up}/done": {},
}
"""Every POST of somebody signed in, with a form that is complete but for the token."""
OPEN = {("GET", "/sign-in"), ("POST", "/sign-in"), ("POST", "/sign-out")}


@dataclass
class Browser:
    """A signed-in browser without a script: its cookie and the token that its forms carry."""

    client: httpx2.AsyncClient
    cookie: str
    csrf: str
    organisation_id: str

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(path, headers={"Cookie": f"{COOKIE}={self.cookie}"} | headers)

    async def post(self, path: str, form: dict[str, str], **headers: str) -> httpx2.Response:
        return await self.client.post(path, data=form, headers={"Cookie": f"{COOKIE}={self.cookie}"} | headers)

    async def send(self, path: str, form: dict[str, str], **headers: str) -> httpx2.Response:
        """Posts the form as the page would, with its token."""
        return await self.post(path, form | {"csrf": self.csrf}, **headers)


async def link_of(service: Service, organisation: Organisation, role: str = "agent") -> str:
    now, email = service.clock(), f"{role}@example.com"
    async with service.store.write() as session:
        people = People(session, organisation.id)
        user = await people.user(email) or people.add_user("Ada Brook", email, role, now)
    link = urlsplit(await sign_in_link(service.store, service.settings, organisation.id, user.id, now))
    return f"{link.path}?{link.query}"


@pytest.fixture
def browser(client: httpx2.AsyncClient, service: Service) -> Any:
    async def make(organisation: Organisation, role: str = "agent") -> Browser:
        answer = await client.get(await link_of(service, organisation, role))
        cookie = answer.cookies[COOKIE]
        client.cookies.clear()
        who = await principal_of_session(service.store, cookie, "session", service.clock())
        assert who is not None
        assert who.csrf is not None
        return Browser(client, cookie, who.csrf, organisation.id)

    return make


async def ids_of(browser: Browser, service: Service) -> dict[str, str]:
    """A pasted conversation with a draft, and a follow-up of an accepted one."""
    first = await browser.send("/paste", {"text": "My parcel is late again, where is it?", "once": "a"})
    answered = first.headers["location"].rsplit("/", 1)[1]
    page = await browser.get(f"/conversations/{answered}")
    draft = found(r'data-draft="(\w+)"', page.text)
    await browser.send(f"/drafts/{draft}/accept", {"text": "I am sorry. I will write to you by tomorrow."})
    listed = await browser.get("/follow-ups")
    second = await browser.send("/paste", {"text": "My other parcel is late too, where is it?", "once": "b"})
    conversation = second.headers["location"].rsplit("/", 1)[1]
    page = await browser.get(f"/conversations/{conversation}")
    return {
        "answered": answered,
        "conversation": conversation,
        "draft": found(r'data-draft="(\w+)"', page.text),
        "follow_up": found(r'id="(fol_\w+)"', listed.text),
    }


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, f"{pattern} is nowhere in the page"
    return match[1]


NOWHERE = {"conversation": "cnv_x", "draft": "drf_x", "follow_up": "fol_x"}


def test_every_page_stands_in_the_tables(client: Any) -> None:
    tables = {("GET", path) for path in READING} | {("POST", path) for path in ACTS} | OPEN
    app = client._transport.app
    pages = {
        (method, re.sub(r"_id\}", "}", context.path))
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, PageRoute)
        for method in context.methods
    }
    assert pages == tables


@pytest.mark.parametrize("path", READING)
async def test_whoever_is_not_signed_in_is_led_to_sign_in(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path.format(**NOWHERE))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


async def test_callers_of_the_api_are_not_led_anywhere(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/queue")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_link_signs_in_once(client: httpx2.AsyncClient, service: Service, organisation: Organisation) -> None:
    link = await link_of(service, organisation)
    first = await client.get(link)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert "Ada Brook" in (await client.get("/")).text
    client.cookies.clear()
    second = await client.get(link)
    assert second.status_code == 410
    assert COOKIE not in second.cookies
    assert "make run" in second.text


async def test_link_is_no_session_and_session_no_link(
    client: httpx2.AsyncClient, service: Service, organisation: Organisation, browser: Any
) -> None:
    token = (await link_of(service, organisation)).partition("token=")[2]
    as_cookie = await client.get("/queue", headers={"Cookie": f"{COOKIE}={token}"})
    assert as_cookie.status_code == 303
    signed_in = await browser(organisation)
    assert (await client.get(f"/sign-in?token={signed_in.cookie}")).status_code == 410


@pytest.mark.parametrize(("public_url", "secure"), [("", False), ("https://amends.example.com", True)])
async def test_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: httpx2.AsyncClient, service: Service, organisation: Organisation, public_url: str, secure: bool
) -> None:
    service.settings = service.settings.model_copy(update={"public_url": public_url})
    answer = await client.get(await link_of(service, organisation))
    set_cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in set_cookie
    assert "samesite=lax" in set_cookie
    assert ("secure" in set_cookie.split("; ")) == secure


@pytest.mark.parametrize(
    ("role", "key_role", "status"), [("agent", "agent", 303), ("admin", "agent", 403), ("agent", "ingest", 403)]
)
async def test_key_signs_its_user_in_and_never_as_more(
    client: httpx2.AsyncClient, service: Service, organisation: Organisation, role: str, key_role: Any, status: int
) -> None:
    async with service.store.write() as session:
        user = People(session, organisation.id).add_user("Ada Brook", "ada@example.com", role, service.clock())
    owner = user.id if key_role != "ingest" else None
    key = await create_key(service.store, organisation.id, key_role, service.clock(), owner)
    answer = await client.post("/sign-in", data={"key": f" {key}\n", "next": "/queue"})
    assert answer.status_code == status
    assert (COOKIE in answer.cookies) == (status == 303)
    if status == 303:
        assert answer.headers["location"] == "/queue"


async def test_wrong_key_is_told_apart_from_nothing(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/sign-in", data={"key": f"amends_{'0' * 32}_{'x' * 43}"})
    assert answer.status_code == 401
    assert "wrong or revoked" in answer.text


async def test_another_site_cannot_sign_a_browser_in(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/sign-in", data={"key": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize("next", ["//evil.example.com", "https://evil.example.com", "/\\evil.example.com", "/a\r\nb"])
async def test_sign_in_leads_nowhere_else(client: httpx2.AsyncClient, next: str) -> None:
    answer = await client.get("/sign-in", params={"next": next})
    assert 'name="next" value=""' in answer.text


async def test_sign_out_ends_the_session(browser: Any, organisation: Organisation) -> None:
    signed_in = await browser(organisation)
    assert (await signed_in.post("/sign-out", {})).status_code == 403
    assert (await signed_in.send("/sign-out", {})).headers["location"] == "/sign-in"
    assert (await signed_in.get("/queue")).status_code == 303


@pytest.mark.parametrize("path", sorted(ACTS))
async def test_forms_need_their_token(browser: Any, organisation: Organisation, path: str) -> None:
    signed_in = await browser(organisation)
    for form in ({}, {"csrf": ""}, {"csrf": "wrong"}):
        answer = await signed_in.post(path.format(**NOWHERE), ACTS[path] | form)
        assert answer.status_code == 403, answer.text
        assert "CSRF" in answer.text


@pytest.mark.parametrize("path", sorted(ACTS))
async def test_analysts_read_and_do_not_act(browser: Any, organisation: Organisation, path: str) -> None:
    analyst = await browser(organisation, "analyst")
    assert (await analyst.send(path.format(**NOWHERE), ACTS[path])).status_code == 403


@pytest.mark.parametrize("path", sorted(p for p in [*READING, *ACTS] if "{" in p))
async def test_another_organisations_ids_are_not_found(
    browser: Any, service: Service, two_organisations: Any, path: str
) -> None:
    ours, theirs = [await browser(organisation, "lead") for organisation in two_organisations]
    foreign, own = await ids_of(theirs, service), await ids_of(ours, service)
    for ids, expected in ((foreign, {404}), (own, {200, 303})):
        at = path.format(**ids)
        answer = await (ours.send(at, ACTS[path]) if path in ACTS else ours.get(at))
        assert answer.status_code in expected, answer.text


async def test_nothing_of_another_organisation_stands_on_a_page(
    browser: Any, service: Service, two_organisations: Any
) -> None:
    ours, theirs = [await browser(organisation) for organisation in two_organisations]
    foreign = await ids_of(theirs, service)
    for path in ("/", "/queue", "/queue?status=answered", "/follow-ups"):
        text = (await ours.get(path)).text
        assert not any(id in text for id in foreign.values())
        own = (await theirs.get(path)).text
        assert path == "/" or any(id in own for id in foreign.values())


@pytest.mark.parametrize("path", ["/sign-in", "/", "/queue", "/help", "/conversations/cnv_x"])
async def test_pages_carry_a_strict_policy(browser: Any, organisation: Organisation, path: str) -> None:
    answer = await (await browser(organisation)).get(path)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", answer.text)


async def test_a_paste_is_scored_placed_and_drafted_at_once(browser: Any, organisation: Organisation) -> None:
    signed_in = await browser(organisation)
    text = "This is unacceptable!! I have called four times and nobody answers. I want my money back today."
    answer = await signed_in.send("/paste", {"text": text, "once": "x", "name": "Rosa Lind"})
    assert answer.status_code == 303
    page = (await signed_in.get(answer.headers["location"])).text
    assert "First in the queue" in page
    assert re.search(r'<mark class="[^"]*frustration', page)
    assert 'data-status="ready"' in page
    assert "Rosa" in found(r"(?s)<textarea[^>]*>(.*?)</textarea>", page)
    again = await signed_in.send("/paste", {"text": text, "once": "x", "name": "Rosa Lind"})
    assert again.headers["location"] == answer.headers["location"]  # pressed twice: one message
    other = await signed_in.send("/paste", {"text": text, "once": "y", "name": "Rosa Lind"})
    assert other.headers["location"] != answer.headers["location"]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"text": ""}, 422),
        ({"text": " \n"}, 422),
        ({"text": "x" * 20_001}, 413),
        ({"text": "Hello there", "channel": "pigeon"}, 422),
        ({"text": "Hello there\x00"}, 422),
        ({"text": "Hello there", "name": "n" * 201}, 422),
    ],
)
async def test_bad_pastes_are_refused_on_a_page(
    browser: Any, organisation: Organisation, form: dict[str, str], status: int
) -> None:
    signed_in = await browser(organisation)
    answer = await signed_in.send("/paste", form)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "Nobody is waiting" in (await signed_in.get("/queue")).text


async def test_broken_forms_are_refused(browser: Any, organisation: Organisation) -> None:
    signed_in = await browser(organisation)
    headers = {"Cookie": f"{COOKIE}={signed_in.cookie}", "Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"text=%ff%fe", b"\xff", b"&".join(b"a=1" for _ in range(101))):
        answer = await signed_in.client.post("/paste", content=body, headers=headers)
        assert answer.status_code == 400


async def test_customers_words_are_text(
    browser: Any, service: Service, caller: Any, organisation: Organisation
) -> None:
    admin = await caller(organisation)
    body = message(SCRIPT, f"My parcel {SCRIPT} is late again & I am angry!")
    body["conversation"] |= {"subject": SCRIPT, "tags": [SCRIPT], "brand": SCRIPT}
    body["customer"] |= {"name": SCRIPT, "email": "x@example.com"}
    posted = await admin.post(
        "/v1/messages",
        body | {"order": {SCRIPT: SCRIPT}, "attachments": [{"name": SCRIPT, "media_type": "text/html"}]},
    )
    assert posted.status_code == 201, posted.text
    await make_draft(service, organisation.id, posted.json()["draft_id"])
    signed_in = await browser(organisation)
    for path in ("/queue", f"/conversations/{posted.json()['conversation_id']}"):
        page = (await signed_in.get(path)).text
        assert SCRIPT not in page
        assert "&lt;script&gt;alert(1)" in page


async def test_two_agents_on_one_conversation(browser: Any, organisation: Organisation, service: Service) -> None:
    agent, lead = await browser(organisation), await browser(organisation, "lead")
    ids = await ids_of(agent, service)
    page = (await lead.get(f"/conversations/{ids['conversation']}")).text
    seen = found(r'name="version" value="(\d+)"', page)
    at = f"/conversations/{ids['conversation']}"
    assert (await agent.send(f"{at}/claim", {"version": seen})).status_code == 303
    late = await lead.send(f"{at}/claim", {"version": seen})
    assert late.status_code == 409
    assert "moved on" in late.text
    swapped = await lead.send(f"{at}/claim", {"version": seen}, **{"HX-Request": "true"})
    assert swapped.status_code == 409
    assert swapped.headers["hx-retarget"] == "#notices"
    assert "<html" not in swapped.text


async def test_accepting_by_htmx_brings_the_new_bar_along(
    browser: Any, organisation: Organisation, service: Service
) -> None:
    agent = await browser(organisation)
    ids = await ids_of(agent, service)
    left_open = await agent.send(f"/drafts/{ids['draft']}/accept", {"text": "By [[date]]."}, **{"HX-Request": "true"})
    assert left_open.status_code == 422
    assert "[[date]]" in left_open.text
    done = await agent.send(f"/drafts/{ids['draft']}/accept", {"text": "I am sorry."}, **{"HX-Request": "true"})
    assert done.status_code == 200
    assert 'data-status="accepted"' in done.text
    assert 'hx-swap-oob="outerHTML"' in done.text
    shown = (await agent.get(f"/conversations/{ids['conversation']}")).text
    assert "I am sorry." in shown
    assert "Answered" in shown


async def test_an_ended_session_tells_htmx_instead_of_swapping_a_page(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/queue", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "sign in again" in answer.text.lower()
    assert "<html" not in answer.text


async def test_queue_pages_on(browser: Any, caller: Any, organisation: Organisation, monkeypatch: Any) -> None:
    monkeypatch.setattr("api.pages.queue.PAGE", 2)
    admin, signed_in = await caller(organisation), await browser(organisation)
    posted = [(await admin.post("/v1/messages", message(n))).json()["conversation_id"] for n in range(5)]
    seen, path = [], "/queue"
    while path:
        page = (await signed_in.get(path)).text
        seen += re.findall(r'id="row-(\w+)"', page)
        more = re.search(r'hx-get="(/queue\?[^"]*cursor=[^"]+)"', page)
        path = more[1].replace("&amp;", "&") if more else ""
    assert sorted(seen) == sorted(posted)
    queue = (await admin.get("/v1/queue")).json()["data"]
    assert seen == [item["conversation"]["id"] for item in queue]


async def test_demo_is_marked_on_every_page(browser: Any, service: Service, organisation: Organisation) -> None:
    signed_in = await browser(organisation)
    assert "are invented" not in (await signed_in.get("/queue")).text
    async with service.store.write() as session:
        (await session.merge(organisation)).demo = True
    ids = await ids_of(signed_in, service)
    for path in READING:
        if not path.endswith("/work") and not path.startswith("/drafts"):
            assert "are invented" in (await signed_in.get(path.format(**ids))).text


async def test_static_files_are_kept_for_good_by_their_hash(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/sign-in")).text
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(addresses) >= 4
    for address in addresses:
        answer = await client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert (await client.get(addresses[0].partition("?")[0])).headers["cache-control"] == "no-cache"
    assert (await client.get("/static/../page.py")).status_code == 404
