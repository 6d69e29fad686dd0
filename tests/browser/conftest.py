"""A real Chromium on a real server of this test's own; skipped, visibly, where there is no Chromium."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from api.app import create_app
from triage.clock import utc_now
from triage.keys import sign_in_link
from triage.service import Service
from triage.store.repositories.people import People
from triage.store.tables import Organisation

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Site:
    """A running server: its origin, and what it serves."""

    origin: str
    service: Service


@dataclass
class Person:
    """Somebody signed in, what their browser asked for, and what it complained about."""

    page: Page
    asked: list[str]
    complaints: list[str]


@pytest.fixture
async def site(service: Service) -> AsyncIterator[Site]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service.clock = utc_now  # a browser has no other
    service.settings = service.settings.model_copy(update={"port": port})
    service.settings.__dict__.pop("console_url", None)
    server = uvicorn.Server(
        uvicorn.Config(create_app(service), port=port, log_level="error", access_log=False, timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield Site(f"http://127.0.0.1:{port}", service)
    server.should_exit = True
    await serving


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


@pytest.fixture
def arrives(site: Site, chromium: Browser, organisation: Organisation) -> Callable[..., Awaitable[Person]]:
    """Makes a person who opens a fresh browser at the sign-in link."""

    async def arrive(role: str = "agent", **options: object) -> Person:
        now, email = site.service.clock(), f"{role}@example.com"
        async with site.service.store.write() as session:
            people = People(session, organisation.id)
            user = await people.user(email) or people.add_user(f"Ada {role.title()}", email, role, now)
        context: BrowserContext = await chromium.new_context(locale="en-GB", **options)  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        page = await context.new_page()
        person = Person(page, [], [])
        page.on("request", lambda request: person.asked.append(request.url))
        page.on("pageerror", lambda error: person.complaints.append(str(error)))
        page.on("dialog", lambda dialog: person.complaints.append(f"dialog: {dialog.message}"))
        page.on(
            "console",
            lambda said: (
                person.complaints.append(said.text)
                if said.type in ("error", "warning") and "status of 4" not in said.text
                else None
            ),
        )
        await page.goto(await sign_in_link(site.service.store, site.service.settings, organisation.id, user.id, now))
        return person

    return arrive
