"""All queries. A repository is made for one organisation and sees nothing of another; only `Directory` looks across."""

from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from triage.store.tables import Table

Row = TypeVar("Row", bound=Table)


def owns(column: Any, organisation_id: str) -> ColumnElement[bool]:
    """Whether a row is the organisation's, where its id is given too: not by an index.

    SQLite would take the organisation's index, and read all of its rows, rather than look up some hundred ids.
    """
    found: ColumnElement[bool] = (column + "") == organisation_id
    return found


async def by_external_id(
    session: AsyncSession, table: type[Row], organisation_id: str, source: str, external_id: str, *, lock: bool = False
) -> Row | None:
    """The row that the helpdesk knows by that name; `lock` as in `Conversations.get`."""
    named = {"organisation_id": organisation_id, "source": source, "external_id": external_id}
    found: Row | None = await session.scalar(_by_external_id(table, lock), named)
    return found


@cache
def _by_external_id(table: Any, lock: bool) -> Select[Any]:
    """Built once for each table: building it took half of a look-up's time."""
    statement = select(table).where(
        table.organisation_id == bindparam("organisation_id"),
        table.source == bindparam("source"),
        table.external_id == bindparam("external_id"),
    )
    return statement.with_for_update(key_share=True) if lock else statement
