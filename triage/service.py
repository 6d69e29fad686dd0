"""The parts of a running service, put together once by whoever starts it (api/wiring.py)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from triage.cases.articles import ArticleSearch
from triage.cases.search import CaseSearch
from triage.clock import Clock, utc_now
from triage.config import Settings
from triage.protocols import AsyncEmbedder, AsyncScorer, Drafter
from triage.store.engine import Store

Enqueue = Callable[[str, str, int], None]
"""Starts the job of a due draft: organisation id, draft id, number of the job. Returns at once; may be called twice."""


def _leave_to_sweep(organisation_id: str, draft_id: str, number: int) -> None:
    """No worker here: the sweep of whichever process works finds the due draft."""


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
    enqueue_draft: Enqueue = field(default=_leave_to_sweep)
    close_models: Callable[[], None] = field(default=lambda: None)

    async def close(self) -> None:
        self.close_models()
        await self.store.close()
