"""All queries. A repository is made for one organisation and sees nothing of another; only `Directory` looks across."""

from typing import Any

from sqlalchemy import ColumnElement


def owns(column: Any, organisation_id: str) -> ColumnElement[bool]:
    """Whether a row is the organisation's, where its id is given too: not by an index.

    SQLite would take the organisation's index, and read all of its rows, rather than look up some hundred ids.
    """
    found: ColumnElement[bool] = (column + "") == organisation_id
    return found
