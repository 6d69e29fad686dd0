"""The whole API in one process, on both databases, with small real models in place of the weights."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from doubles import HashEmbedder, WordScorer

from api.app import create_app
from triage.cases.search import CaseSearch
from triage.config import Settings
from triage.keys import Role, create_key
from triage.protocols import Vectors
from triage.recovery.compose import Composer
from triage.scoring.values import Reading
from triage.service import Service
from triage.store.engine import Store
from triage.store.repositories.people import People
from triage.store.tables import Organisation


class DirectScorer:
    """A scorer without a batcher; counts what it read."""

    def __init__(self) -> None:
        self.scorer, self.texts = WordScorer(), 0

    @property
    def name(self) -> str:
        return self.scorer.name

    async def read(self, texts: Sequence[str]) -> list[Reading]:
        self.texts += len(texts)
        return self.scorer.read(texts)


class DirectEmbedder:
    def __init__(self) -> None:
        self.embedder = HashEmbedder()

    @property
    def name(self) -> str:
        return self.embedder.name

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return self.embedder.embed(texts)


@pytest.fixture
def service(store: Store, store_settings: Settings, clock: Any) -> Service:
    embedder = DirectEmbedder()
    return Service(
        store_settings,
        store,
        DirectScorer(),
        embedder,
        CaseSearch(embedder.name),
        {"composer": Composer()},
        clock=clock,
    )


@dataclass
class Caller:
    """A client with one key."""

    client: httpx2.AsyncClient
    key: str
    role: str
    organisation_id: str
    user_id: str | None

    async def __call__(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> httpx2.Response:
        return await self("POST", path, json=json, **options)


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(service)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://amends.example.com") as client:
            yield client


@pytest.fixture
def caller(client: httpx2.AsyncClient, service: Service) -> Callable[..., Awaitable[Caller]]:
    """Makes a caller with a role in an organisation, as a user of their own."""

    async def make(organisation: Organisation, role: Role = "admin", name: str = "Ada Brook") -> Caller:
        now, user_id = service.clock(), None
        if role != "ingest":
            email = f"{name.split()[0].lower()}.{role}@example.com"
            async with service.store.write() as session:
                people = People(session, organisation.id)
                user = await people.user(email) or people.add_user(name, email, role, now, f"{name}\nCustomer care")
                user_id = user.id
        key = await create_key(service.store, organisation.id, role, now, user_id)
        return Caller(client, key, role, organisation.id, user_id)

    return make


@pytest.fixture
async def admin(caller: Callable[..., Awaitable[Caller]], organisation: Organisation) -> Caller:
    return await caller(organisation)
