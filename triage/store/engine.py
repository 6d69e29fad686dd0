"""Databases and sessions: SQLite by default, PostgreSQL by URL; the same tables on both."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NewType

from sqlalchemy import insert, inspect, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session

from triage.config import Settings
from triage.store import sqlite
from triage.store.tables import Table

ReadSession = NewType("ReadSession", AsyncSession)
"""A session that only reads: pages and lists."""
WriteSession = NewType("WriteSession", AsyncSession)
"""A session inside one transaction that commits when the block ends, and only there."""


class Store:
    """The database of one process.

    store = Store(Settings())
    async with store.write() as session: ...   # one transaction, committed at the end of the block
    async with store.read() as session: ...
    """

    def __init__(self, settings: Settings) -> None:
        url = make_url(settings.rows_url)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"hide_parameters": True}  # an error's text goes to logs and terminals
        if self.is_sqlite:
            make_private(Path(url.database or ""))
            options |= {"connect_args": {"async_creator_fn": sqlite.connect}}
        else:
            options |= {"pool_size": 10, "max_overflow": 20, "pool_pre_ping": True}
        self.engine: AsyncEngine = create_async_engine(url, **options)
        if self.is_sqlite:
            sqlite.prepare(self.engine, settings.synchronous)
        # SQLite has one writer at a time: queue here, in order, rather than in its polling busy handler.
        self._writing = asyncio.Semaphore(1 if self.is_sqlite else 30)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """One transaction; a raised error rolls all of it back."""
        async with self._writing, self._sessions() as session:
            if self.is_sqlite:
                # Take the write lock at once: a reader that turns writer late can be refused without waiting.
                await session.connection(execution_options={"sqlite_begin": "IMMEDIATE"})
            yield WriteSession(session)
            await session.commit()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        async with self._sessions() as session:
            yield ReadSession(session)

    async def close(self) -> None:
        await self.engine.dispose()


_ORDER = {table.name: i for i, table in enumerate(Table.metadata.sorted_tables)}
"""A row's table comes after those that it points to."""


async def write_out(session: WriteSession) -> None:
    """Inserts the new rows, a statement a table, then writes what was changed in others.

    The inserts go past the unit of work, which took half of the time of an ingested message and orders rows by
    relationships, of which we have none. Rows that were inserted so are no longer followed: change them before.
    """
    if session.new:
        await session.run_sync(_insert)
    await session.flush()


def _insert(session: Session) -> None:
    found: dict[tuple[str, frozenset[str]], list[dict[str, Any]]] = defaultdict(list)
    for row in list(session.new):
        session.expunge(row)
        state = inspect(row)
        values = {name: state.dict[name] for name in state.mapper.column_attrs.keys() if name in state.dict}
        found[row.__tablename__, frozenset(values)].append(values)
    for table, given in sorted(found, key=lambda like: _ORDER[like[0]]):
        session.execute(insert(Table.metadata.tables[table]), found[table, given])


def make_private_at(url: str) -> None:
    """Makes the file of an SQLite URL private before a library opens it; does nothing for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        make_private(Path(parsed.database or ""))


def make_private(file: Path) -> None:
    """Makes the folder (0700) and the file (0600) of an embedded database."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600, exist_ok=True)
