from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from triage.cases.articles import PASSAGE, ArticleSearch, passages
from triage.cases.threaded import Threaded
from triage.cases.values import Article
from triage.store.engine import Store
from triage.store.repositories.articles import Articles, NewArticle
from triage.store.tables import Organisation

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RETURNS = NewArticle("returns", "Sending something back", "You have 60 days. Print the label in your account.")
REFUNDS = NewArticle("refunds", "When will I see my refund?", "We send refunds within three days. Banks need longer.")


async def put(store: Store, organisation: Organisation, *articles: NewArticle, now: datetime = NOW) -> None:
    async with store.write() as session:
        await Articles(session, organisation.id).upsert(articles, now)


async def test_finds_the_article_or_none(store: Store, organisation: Organisation, embedder: Any) -> None:
    await put(store, organisation, RETURNS, REFUNDS)
    search, embedder = ArticleSearch(), Threaded(embedder)
    found = await search.search(store, embedder, organisation.id, "when do I see the refund on my bank account?")
    assert [article.title for article, _ in found] == [REFUNDS.title]
    assert await search.search(store, embedder, organisation.id, "espresso grinder whistles") == []
    assert await search.search(store, embedder, organisation.id, "") == []


async def test_organisations_never_see_each_other(
    store: Store, two_organisations: tuple[Organisation, Organisation], embedder: Any
) -> None:
    ours, theirs = two_organisations
    await put(store, theirs, REFUNDS)
    search = ArticleSearch()
    assert await search.search(store, Threaded(embedder), ours.id, "When will I see my refund?") == []
    assert len(await search.search(store, Threaded(embedder), theirs.id, "When will I see my refund?")) == 1


async def test_changes_and_deletions_are_seen(store: Store, organisation: Organisation, embedder: Any) -> None:
    search, embedder = ArticleSearch(), Threaded(embedder)
    await put(store, organisation, REFUNDS)
    [(before, _)] = await search.search(store, embedder, organisation.id, "When will I see my refund?")
    changed = NewArticle("refunds", "When will I see my refund?", "It takes a week.")
    await put(store, organisation, changed, now=NOW + timedelta(seconds=1))
    [(after, _)] = await search.search(store, embedder, organisation.id, "When will I see my refund?")
    assert (before.id, after.text) == (after.id, "It takes a week.")
    async with store.write() as session:
        assert await Articles(session, organisation.id).delete([after.id]) == 1
    assert await search.search(store, embedder, organisation.id, "When will I see my refund?") == []


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", ["T"]),
        ("One. Two!", ["T. One. Two!"]),
        (f"{'a' * 300}. {'b' * 300}.", [f"T. {'a' * 300}.", f"T. {'b' * 300}."]),
        ("x" * (2 * PASSAGE), [f"T. {'x' * (2 * PASSAGE)}"]),
    ],
)
def test_passages_are_whole_sentences_under_the_title(text: str, pieces: list[str]) -> None:
    assert passages(Article("a", "T", text)) == pieces
