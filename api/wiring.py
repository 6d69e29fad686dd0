"""Puts a service together from settings: the one place where models meet the domain."""

from models.batching import Batcher
from models.embedder import OnnxEmbedder
from models.scorer import OnnxScorer
from triage.cases.search import CaseSearch
from triage.config import Settings
from triage.recovery.compose import Composer
from triage.service import Service
from triage.store.engine import Store


def build(settings: Settings) -> Service:
    """Returns a service with the shipped models behind one inference thread. Close it with `close`."""
    batcher = Batcher(OnnxScorer.load(settings), OnnxEmbedder.load(settings))
    store = Store(settings)
    return Service(
        settings,
        store,
        batcher.scorer,
        batcher.embedder,
        CaseSearch(batcher.embedder.name),
        {"composer": Composer()},
        close_models=batcher.close,
    )
