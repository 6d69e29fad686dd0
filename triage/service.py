"""The parts of a running service, put together once by whoever starts it (api/wiring.py)."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from triage.cases.articles import ArticleSearch
from triage.cases.search import CaseSearch
from triage.clock import Clock, utc_now
from triage.config import Settings
from triage.protocols import AsyncEmbedder, AsyncScorer, Drafter
from triage.store.engine import Store
from triage.store.shared import SharedWrites

Enqueue = Callable[[str, str, int], None]
"""Starts the job of a due draft: organisation id, draft id, number of the job. Returns at once; may be called twice."""


def _leave_to_sweep(organisation_id: str, draft_id: str, number: int) -> None:
    """No worker here: the sweep of whichever process works finds the due draft."""


class Traffic:
    """How many messages are being taken in right now: background work gives way to them."""

    def __init__(self) -> None:
        self._count = 0
        self._calm = asyncio.Event()
        self._calm.set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """A message is being taken in during the block."""
        self._count += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._count -= 1
            if self._count == 0:
                self._calm.set()

    async def calm(self, within: float) -> None:
        """Returns once no message is being taken in, or after `within` seconds all the same."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._calm.wait(), within)


@dataclass
class Service:
    """What every part of the domain may need; tests build it from small real parts.

    Service(settings, store, scorer, embedder, CaseSearch(embedder.name), {"composer": Composer()})
    """

    settings: Settings
    store: Store
    scorer: AsyncScorer
    embedder: AsyncEmbedder
    cases: CaseSearch
    drafters: dict[str, Drafter]
    clock: Clock = utc_now
    articles: ArticleSearch = field(default_factory=ArticleSearch)
    traffic: Traffic = field(default_factory=Traffic)
    enqueue_draft: Enqueue = field(default=_leave_to_sweep)
    close_models: Callable[[], None] = field(default=lambda: None)
    shared_writes: SharedWrites = field(init=False)

    def __post_init__(self) -> None:
        self.shared_writes = SharedWrites(self.store.write)

    async def close(self) -> None:
        self.close_models()
        await self.store.close()
