"""How we use SQLite: its settings, and as few trips to its thread as may be.

aiosqlite runs every call of a cursor (make, execute, fetch, close) as a trip of its own to the connection's thread and
back: 148 trips for one ingested message. Here a statement is one trip, because its rows are fetched at once anyway; and
inside a write transaction, where nothing can wait for a lock, it is none: some 30 µs a statement on the event loop,
against ten times as much for the trip. What may wait stays off the loop: reading, taking the lock, committing.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import aiosqlite
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


class OneTripCursor(aiosqlite.Cursor):
    """Runs a statement and fetches its rows in one trip."""

    def __init__(self, connection: "OneTripConnection") -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self._state: tuple[Any, int, int | None] = (None, -1, None)

    async def execute(self, sql: str, parameters: Any = None) -> "OneTripCursor":
        if sql == "BEGIN DEFERRED":  # reads nothing yet, so it waits for nobody
            self._connection.database.execute(sql)
            return self
        await self._run(lambda database: database.execute(sql, parameters or ()))
        if sql == "BEGIN IMMEDIATE":
            self._connection.writing = True
        return self

    async def executemany(self, sql: str, parameters: Any) -> "OneTripCursor":
        return await self._run(lambda database: database.executemany(sql, parameters))

    async def _run(self, statement: Callable[[sqlite3.Connection], sqlite3.Cursor]) -> "OneTripCursor":
        self._rows, self._state = await self._connection.trip(partial(_run, statement))
        return self

    async def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        taken, self._rows = self._rows[: size or 1], self._rows[size or 1 :]
        return taken

    async def fetchall(self) -> Sequence[Any]:
        taken, self._rows = self._rows, []
        return taken

    async def close(self) -> None:
        self._rows = []

    @property
    def description(self) -> Any:
        return self._state[0]

    @property
    def rowcount(self) -> int:
        return self._state[1]

    @property
    def lastrowid(self) -> int | None:
        return self._state[2]


def _run(
    statement: Callable[[sqlite3.Connection], sqlite3.Cursor], database: sqlite3.Connection
) -> tuple[list[Any], tuple[Any, int, int | None]]:
    cursor = statement(database)
    rows = cursor.fetchall() if cursor.description else []
    state = cursor.description, cursor.rowcount, cursor.lastrowid
    cursor.close()
    return rows, state


class OneTripConnection(aiosqlite.Connection):
    """A connection whose cursors make one trip a statement, and none while it holds the write lock."""

    writing = False

    @property
    def database(self) -> sqlite3.Connection:
        return self._conn

    async def commit(self) -> None:
        self.writing = False
        await super().commit()

    async def rollback(self) -> None:
        if self.writing:
            self.writing = False
            await super().rollback()
        else:
            self.database.rollback()

    def cursor(self) -> OneTripCursor:  # type: ignore[override]  # theirs is a trip to its thread
        return OneTripCursor(self)

    async def trip(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Returns what `work` returns, in the connection's thread unless it cannot wait for anybody."""
        if self.writing:
            return work(self.database)
        return await self._execute(work, self._conn)  # type: ignore[no-untyped-call]


def connect(*arguments: Any, **options: Any) -> OneTripConnection:
    """For SQLAlchemy's `async_creator_fn`; awaiting the result connects."""
    connection = OneTripConnection(
        partial(sqlite3.connect, *arguments, **options | {"check_same_thread": False}), iter_chunk_size=64
    )
    connection._thread.daemon = True
    return connection


def prepare(engine: AsyncEngine, synchronous: str) -> None:
    """Sets every new connection up, and lets transactions begin where we say so."""

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        # Transactions begin where we say so (below), not where the driver guesses.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "busy_timeout=10000",  # first: turning a new file to WAL waits for another process that does so, too
            "journal_mode=WAL",
            "foreign_keys=ON",
            f"synchronous={synchronous}",
            "secure_delete=ON",  # erased text is overwritten, not only unlinked
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")
