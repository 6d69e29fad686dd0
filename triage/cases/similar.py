"""What helps with a message: embed it once, then search the organisation's resolved cases and its articles."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from triage.cases.search import Vector
from triage.cases.values import Article, Circumstances, Filters, SearchResult
from triage.errors import Unavailable
from triage.scoring.values import Score
from triage.service import Service
from triage.store.repositories.policies import Policies


def circumstances_of(
    service: Service, score: Score | None, channel: str | None = None, order: Mapping[str, Any] | None = None
) -> Circumstances:
    """What favours a case: the same likely failure, product and channel, and a recent ending."""
    item = (order or {}).get("item")
    return Circumstances(
        failure=score.failure if score and not score.abstained else {},
        product=item if isinstance(item, str) else None,
        channel=channel,
        now=service.clock(),
    )


async def embedded(service: Service, text: str) -> Vector | None:
    """The text's vector for both searches; None while the embedder is down."""
    try:
        vectors = await service.embedder.embed([text])
    except Unavailable:
        return None
    vector: Vector = vectors[0]
    return vector


async def similar_cases(
    service: Service,
    organisation_id: str,
    text: str,
    circumstances: Circumstances | None = None,
    filters: Filters | None = None,
    limit: int = 5,
    vector: Vector | None = None,
) -> SearchResult:
    """Returns the cases to learn from, best first; `nothing_near` where none is near enough.

    Cases whose remedy the policy no longer knows are marked; while the embedder is down, words alone are searched.
    """
    if vector is None:
        vector = await embedded(service, text)
    async with service.store.read() as session:
        remedies = frozenset(remedy.id for remedy in await Policies(session, organisation_id).newest())
        about = replace(circumstances or Circumstances(), remedies=remedies or None)
        return await service.cases.search(
            session, organisation_id, text, vector, circumstances=about, filters=filters, limit=limit
        )


async def similar_articles(
    service: Service, organisation_id: str, text: str, vector: Vector | None = None
) -> list[Article]:
    """Returns the few articles and saved replies that may answer a message, best first; none without an embedder."""
    try:
        found = await service.articles.search(service.store, service.embedder, organisation_id, text, vector=vector)
    except Unavailable:
        return []
    return [article for article, _ in found]
