"""Help articles and saved replies of one organisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from triage.cases.values import Article
from triage.ids import new_id
from triage.store.tables import Article as ArticleRow


@dataclass(frozen=True, slots=True)
class NewArticle:
    """An article as it comes in; the same external id again replaces it."""

    external_id: str
    title: str
    text: str
    kind: str = "article"
    url: str | None = None


class Articles:
    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id

    async def upsert(self, articles: Sequence[NewArticle], now: datetime) -> None:
        """Writes articles by their external ids; of two alike in `articles` the last counts."""
        rows = [
            {
                "id": new_id("art"),
                "organisation_id": self.organisation_id,
                "external_id": article.external_id,
                "kind": article.kind,
                "title": article.title,
                "text": article.text,
                "url": article.url,
                "created_at": now,
            }
            for article in {a.external_id: a for a in articles}.values()
        ]
        if not rows:
            return
        dialect: Any = sqlite if self.session.get_bind().dialect.name == "sqlite" else postgresql
        insert = dialect.insert(ArticleRow)
        await self.session.execute(
            insert.on_conflict_do_update(
                index_elements=["organisation_id", "external_id"],
                set_={name: insert.excluded[name] for name in ("kind", "title", "text", "url", "created_at")},
            ),
            rows,
        )

    async def all(self) -> list[Article]:
        rows = await self.session.scalars(
            select(ArticleRow).where(ArticleRow.organisation_id == self.organisation_id).order_by(ArticleRow.id)
        )
        return [Article(id=r.id, title=r.title, text=r.text, kind=r.kind, url=r.url) for r in rows]

    async def titles(self, article_ids: Sequence[str]) -> dict[str, str]:
        rows = await self.session.execute(
            select(ArticleRow.id, ArticleRow.title).where(
                ArticleRow.organisation_id == self.organisation_id, ArticleRow.id.in_(article_ids)
            )
        )
        return {article_id: title for article_id, title in rows}

    async def by_external_id(self, external_ids: Sequence[str]) -> dict[str, NewArticle]:
        rows = await self.session.scalars(
            select(ArticleRow).where(
                ArticleRow.organisation_id == self.organisation_id, ArticleRow.external_id.in_(list(external_ids))
            )
        )
        return {r.external_id: NewArticle(r.external_id, r.title, r.text, r.kind, r.url) for r in rows}

    async def version(self) -> tuple[int, datetime | None]:
        """Changes whenever an article is written or deleted."""
        row = await self.session.execute(
            select(func.count(), func.max(ArticleRow.created_at)).where(
                ArticleRow.organisation_id == self.organisation_id
            )
        )
        count, newest = row.one()
        return count, newest

    async def delete(self, article_ids: Sequence[str]) -> int:
        gone = await self.session.execute(
            delete(ArticleRow)
            .where(ArticleRow.organisation_id == self.organisation_id, ArticleRow.id.in_(list(article_ids)))
            .returning(ArticleRow.id)
        )
        return len(gone.all())
