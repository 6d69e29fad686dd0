"""Puts a service together from settings: the one place where models meet the domain."""

import structlog

from models.batching import Batcher
from models.embedder import OnnxEmbedder
from models.scorer import OnnxScorer
from triage.cases.search import CaseSearch
from triage.config import Settings
from triage.errors import Unavailable
from triage.messages import language
from triage.protocols import Scorer
from triage.recovery.compose import Composer
from triage.scoring.rules import RuleScorer
from triage.service import Service
from triage.store.engine import Store

log = structlog.get_logger()


def build(settings: Settings) -> Service:
    """Returns a service with the shipped models behind one inference thread. Close it with `close`."""
    language.load()  # here rather than in the first message's time
    batcher = Batcher(_scorer(settings), OnnxEmbedder.load(settings))
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


def _scorer(settings: Settings) -> Scorer:
    """The model, or rules where it cannot be loaded: no message is ever refused for want of a model."""
    try:
        return OnnxScorer.load(settings)
    except Unavailable as error:
        log.error("scoring by rules: every score abstains", error=error.detail)
        return RuleScorer()
