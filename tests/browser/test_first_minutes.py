"""The first five minutes, in a real browser: sign in, paste, read, edit, accept."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bodies import message
from playwright.async_api import expect

from triage.cases.importing import store_cases
from triage.cases.values import Case, Outcome
from triage.messages.ingest import ingest
from triage.messages.posted import PostedMessage
from triage.recovery.drafting import make_draft
from triage.recovery.values import Remedy
from triage.store.repositories.policies import Policies
from triage.store.tables import Organisation

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True),
]
Arrives = Callable[..., Awaitable[Any]]
WORDS = (
    "This is unacceptable!! I have now rung you four times about my wardrobe and nobody ever calls back. "
    "It was due on Monday and it still has not arrived. I want my money back by tomorrow."
)
PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    '"><script>alert(1)</script>',
    "'-alert(1)-'",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<body onload=alert(1)>",
    "{{ 7 * 191 }}{% raw %}",
    "<template><script>alert(1)</script></template>",
    "<hx-partial hx-target='body'>x</hx-partial>",
    "<form action='https://evil.example.com'><button>x",
    "<div hx-get='/v1/queue' hx-trigger='load' hx-on:click='alert(1)'>x</div>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<base href='https://evil.example.com/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example.com'>",
    "\u202egnp.exe<!--",
]


async def furnish(site: Any, organisation: Organisation) -> None:
    """A policy and a resolved case to learn from."""
    now = site.service.clock()
    async with site.service.store.write() as session:
        await Policies(session, organisation.id).add([Remedy("call_back", "A call from the team lead")], now)
    case = Case(
        id="",
        external_id="old-1",
        summary="Wardrobe a week late and four calls unanswered. A lead rang, the customer stayed.",
        problem="My wardrobe was due on Monday, it has not arrived and nobody ever calls back, I rang four times.",
        failure="no_response",
        channel="email",
        remedy="call_back",
        outcome=Outcome(csat=5, reopened=False, kept=True),
        resolved_at=now,
    )
    await store_cases(site.service.store, site.service.embedder, organisation.id, [case], now)


async def test_from_the_link_to_an_accepted_reply(arrives: Arrives, site: Any, organisation: Organisation) -> None:
    await furnish(site, organisation)
    ada = await arrives()
    page = ada.page
    await page.get_by_label("The message as it came").fill(WORDS)
    await page.get_by_role("button", name="Score it and draft a reply").click()
    await page.wait_for_url(re.compile(r"/conversations/cnv_"))

    chips = page.locator(".chips .chip")
    await expect(chips).to_have_count(2)
    assert await chips.nth(0).inner_text() != await chips.nth(1).inner_text()
    await expect(page.locator("#work")).to_contain_text("First in the queue")
    marked = page.locator(".newest mark.frustration, .newest mark.urgency")
    assert await marked.count() >= 1
    assert all([words in WORDS for words in await marked.all_inner_texts()])
    assert await page.locator(".newest .words").inner_text() == WORDS
    await expect(page.get_by_role("region", name="Why it stands here")).to_contain_text("urgency")
    await expect(page.get_by_role("region", name="Resolved cases like it")).to_contain_text("A call from the team lead")

    lit = page.locator(".newest mark.frustration").first
    before = await lit.evaluate("e => getComputedStyle(e).borderBottomStyle")
    await page.get_by_label("frustration", exact=True).uncheck()
    assert before != await lit.evaluate("e => getComputedStyle(e).borderBottomStyle")

    reply = page.get_by_label("The reply, to edit")
    written = await reply.input_value()
    assert len(written) > 80
    accept = page.get_by_role("button", name="Accept reply")
    await reply.fill(written + "\n\nYours, [[my_name]]")
    await expect(accept).to_have_attribute("aria-disabled", "true")
    await accept.click(force=True)  # a person can press it; it leads to what is missing
    assert await reply.evaluate("e => e.value.slice(e.selectionStart, e.selectionEnd)") in written + "[[my_name]]"
    await expect(page.locator("#draft")).to_have_attribute("data-status", "ready")
    edited = re.sub(r"\[\[[^\]]+\]\]", "Friday", written) + "\n\nI will write to you by tomorrow."
    await reply.fill(edited)
    await expect(accept).to_have_attribute("aria-disabled", "false")
    await page.reload()
    assert await reply.input_value() == edited  # a reload loses nothing
    await accept.click()
    await expect(page.locator("#draft")).to_have_attribute("data-status", "accepted")
    await expect(page.locator("#final-text")).to_have_text(edited)
    await expect(page.locator("#work")).to_contain_text("Answered")

    await page.get_by_role("link", name="Follow-ups").click()
    await page.get_by_role("button", name="Mark as kept").first.click()
    await expect(page.locator(".follow-up.kept").first).to_be_visible()
    assert ada.complaints == []
    assert {url.split("/", 3)[2] for url in ada.asked} == {site.origin.removeprefix("http://")}


async def test_words_of_customers_are_shown_as_text(arrives: Arrives, site: Any, organisation: Organisation) -> None:
    opened = []
    for n, payload in enumerate(PAYLOADS):
        body: dict[str, Any] = message(n, f"My parcel is late again! {payload} Where is it?")
        body["conversation"] |= {"subject": payload, "tags": [payload]}
        body["customer"] |= {"name": payload}
        body |= {"order": {"item": payload}, "attachments": [{"name": payload, "media_type": "text/html"}]}
        done = await ingest(site.service, organisation.id, PostedMessage.model_validate(body), "test")
        if done.answer["draft_id"]:
            await make_draft(site.service, organisation.id, done.answer["draft_id"])
        opened.append((payload, done.conversation_id))
    ada = await arrives()
    await ada.page.goto(f"{site.origin}/queue")
    names = await ada.page.locator(".matter strong").all_text_contents()
    assert sorted(names) == sorted(PAYLOADS)
    for payload, conversation_id in opened:
        await ada.page.goto(f"{site.origin}/conversations/{conversation_id}")
        assert payload in (await ada.page.locator(".newest").text_content() or "")
        assert await ada.page.locator("h1").text_content() == payload
        assert payload in await ada.page.title()
    assert ada.complaints == []
    assert {url.split("/", 3)[2] for url in ada.asked} == {site.origin.removeprefix("http://")}


async def test_the_queue_is_live_and_does_not_jump(arrives: Arrives, site: Any, organisation: Organisation) -> None:
    async def comes(n: int, text: str) -> None:
        await ingest(site.service, organisation.id, PostedMessage.model_validate(message(n, text)), "test")

    await comes(1, "Hello, what are your opening hours please? No hurry at all.")
    ada = await arrives()
    page = ada.page
    await page.goto(f"{site.origin}/queue")
    await expect(page.locator("[data-live]")).to_have_text("Live")
    await comes(2, WORDS)
    await expect(page.locator("#rows tr")).to_have_count(2)  # nobody points at it: it simply appears

    await page.locator("#rows tr").first.hover()
    await comes(3, WORDS)
    await expect(page.get_by_role("button", name="Show 1 change")).to_be_visible()
    await expect(page.locator("#rows tr")).to_have_count(2)
    await page.get_by_role("button", name="Show 1 change").click()
    await expect(page.locator("#rows tr")).to_have_count(3)
    assert ada.complaints == []


async def test_the_second_agent_sees_the_first_and_is_told(
    arrives: Arrives, site: Any, organisation: Organisation
) -> None:
    done = await ingest(site.service, organisation.id, PostedMessage.model_validate(message(1, WORDS)), "test")
    ada, lea = await arrives("agent"), await arrives("lead")
    for person in (ada, lea):
        await person.page.goto(f"{site.origin}/conversations/{done.conversation_id}")
    # The second page is not told (no events reach it), so that it acts on what it saw.
    await lea.page.route("**/work", lambda route: route.abort())
    await ada.page.get_by_role("button", name="Claim").click()
    await expect(ada.page.locator("#work")).to_contain_text("with Ada Agent")
    await lea.page.get_by_role("button", name="Claim").click()
    await expect(lea.page.locator("#notices")).to_contain_text("moved on")
    await lea.page.get_by_role("button", name="Show the newest").click()
    await expect(lea.page.locator("#work")).to_contain_text("with Ada Agent")
    await lea.page.unroute("**/work")
    await ada.page.get_by_role("button", name="Release").click()
    await expect(lea.page.locator("#work")).to_contain_text("with nobody yet")  # by itself
    await ada.page.locator("summary", has_text="Snooze").click()
    await ada.page.get_by_role("button", name="4 hours").click()
    await expect(ada.page.locator("#work")).to_contain_text("Snoozed")


async def test_an_ended_session_keeps_what_was_typed(arrives: Arrives, site: Any, organisation: Organisation) -> None:
    done = await ingest(site.service, organisation.id, PostedMessage.model_validate(message(1, WORDS)), "test")
    await make_draft(site.service, organisation.id, done.answer["draft_id"])
    ada = await arrives()
    await ada.page.goto(f"{site.origin}/conversations/{done.conversation_id}")
    reply = ada.page.get_by_label("The reply, to edit")
    await reply.fill("I am sorry, and I mean it.")
    await ada.page.context.clear_cookies()
    await ada.page.get_by_role("button", name="Accept reply").click()
    await expect(ada.page.locator("#notices")).to_contain_text("Sign in again")
    assert await reply.input_value() == "I am sorry, and I mean it."


@pytest.mark.parametrize("width", [400, 1440])
async def test_nothing_sticks_out(arrives: Arrives, site: Any, organisation: Organisation, width: int) -> None:
    body = message(1, "W" * 300 + " " + WORDS)
    body["customer"] |= {"name": "N" * 150}
    done = await ingest(site.service, organisation.id, PostedMessage.model_validate(body), "test")
    await make_draft(site.service, organisation.id, done.answer["draft_id"])
    ada = await arrives(viewport={"width": width, "height": 800})
    for path in ("/", "/queue", "/help", "/follow-ups", f"/conversations/{done.conversation_id}"):
        await ada.page.goto(site.origin + path)
        assert await ada.page.evaluate("document.documentElement.scrollWidth") <= width, path


async def test_without_scripts_it_still_works(arrives: Arrives, site: Any, organisation: Organisation) -> None:
    ada = await arrives(java_script_enabled=False)
    page = ada.page
    await page.get_by_label("The message as it came").fill(WORDS)
    await page.get_by_role("button", name="Score it and draft a reply").click()
    await page.get_by_role("button", name="Claim").click()
    await expect(page.locator("#work")).to_contain_text("with Ada Agent")
    await page.get_by_label("The reply, to edit").fill("I am sorry. I have read every word.")
    await page.get_by_role("button", name="Accept reply").click()
    await page.goto(page.url if "/conversations/" in page.url else f"{site.origin}/queue?status=answered")
    await expect(page.locator("body")).to_contain_text("nswered")
