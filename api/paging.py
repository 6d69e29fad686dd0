"""Cursors: made of the place after which the next page begins, so that rows may come and go between two pages."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Query

Cursor = Annotated[
    str | None,
    Query(
        pattern=r"^([0-9]{1,16}|-)\.[a-z]{3}_[0-9a-f]{32}$",
        description="`next_cursor` of the page before; opaque, do not make your own.",
    ),
]
Limit = Annotated[int, Query(ge=1, le=200)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cursor(at: datetime | None, id: str) -> str:
    """Returns a token for the place (at, id): microseconds since 1970, or `-`, and the id."""
    return f"{(at - _EPOCH) // timedelta(microseconds=1) if at else '-'}.{id}"


def place(token: str | None) -> tuple[datetime | None, str] | None:
    """Returns the place that a token names."""
    if token is None:
        return None
    at, _, id = token.partition(".")
    return (None if at == "-" else _EPOCH + timedelta(microseconds=int(at))), id


def page(data: list[Any], limit: int, last: tuple[datetime | None, str] | None) -> dict[str, Any]:
    """Returns `{data, next_cursor, has_more}` of limit + 1 rows asked for; `last` is the place of the limit-th."""
    more = len(data) > limit
    return {"data": data[:limit], "next_cursor": cursor(*last) if more and last else None, "has_more": more}
