"""Brings a database to the newest schema; `amends migrate`, and every command that opens a store, come through here.

A revision is a file `migrations/versions/NNNN_noun.py` written for both databases; a test compares what the
revisions build with tables.py, so that the two cannot drift.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, NullPool, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from triage.config import Settings
from triage.errors import Unavailable
from triage.store.engine import Store
from triage.store.tables import Table

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = max(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
"""The newest revision."""
ADVISORY_LOCK = 0x616D656E6473  # "amends"
LOCK_WAIT = 60_000
"""How long a migration waits for other writers of an SQLite file, in milliseconds."""


async def migrate(settings: Settings, *, compact: bool = False) -> str:
    """Returns the revision that the database of `settings` had before it was brought to HEAD ("" when it was empty)."""
    store = Store(settings)
    try:
        before = await upgrade(store)
        if compact:
            await compact_files(store)
    finally:
        await store.close()
    return before


async def upgrade(store: Store) -> str:
    """Brings the database to HEAD and returns its revision before; two processes may call it at once.

    At HEAD it costs one query (Alembic takes 0.2 s to import, and is imported only when there is work).
    """
    before = await revision(store)
    if before == HEAD:
        return before
    engine = _own_engine(store)
    try:
        # One transaction: a process that dies half-way leaves the old schema.
        async with engine.begin() as connection:
            if store.is_sqlite:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            await connection.run_sync(_run_revisions)
            if store.is_sqlite:
                broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
                if broken:
                    raise RuntimeError(f"the migration left rows without their parents: {broken[:5]}")
    finally:
        await engine.dispose()
    return before


async def revision(store: Store) -> str:
    """Returns the revision of the database, or "" when nothing has been made in it."""
    async with store.engine.connect() as connection:
        try:
            return str((await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar() or "")
        except DBAPIError:
            await connection.rollback()
            if await connection.run_sync(lambda c: inspect(c).has_table("alembic_version")):
                raise
            return ""


async def compact_files(store: Store) -> None:
    """Rewrites the database so that nothing erased is left in its files.

    SQLite: the text indexes are merged, the file is rewritten and the log cut to nothing; needs a moment in which no
    other process reads or writes. PostgreSQL: VACUUM FULL of every table of ours and of the planner's samples (each is
    locked while it is rewritten); the write-ahead log and backups keep the old rows until they are recycled.
    """
    engine = _own_engine(store)
    try:
        async with engine.connect() as opened:
            connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
            if store.is_sqlite:
                await _compact_sqlite(connection)
            else:
                quote = connection.dialect.identifier_preparer.quote
                tables = ", ".join(quote(table) for table in Table.metadata.tables)
                await connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {tables}")
                # The planner keeps samples of texts; the database's owner may rewrite them, others are warned.
                await connection.exec_driver_sql("VACUUM (FULL) pg_catalog.pg_statistic")
    finally:
        await engine.dispose()


async def _compact_sqlite(connection: AsyncConnection) -> None:
    indexes = await connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%fts5%'"
    )
    for (name,) in indexes.all():
        # A deleted row's words stay in the segments of an FTS5 index until those are merged into one.
        await connection.exec_driver_sql(f"INSERT INTO {name}({name}) VALUES ('optimize')")
    await connection.exec_driver_sql("VACUUM")
    busy = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).scalar()
    if busy:
        raise Unavailable("another process is using the database; stop `amends serve` and `worker`, then try again")


def _own_engine(store: Store) -> AsyncEngine:
    """An engine on which nothing begins a transaction by itself, and a table that others point to may be rebuilt."""
    engine = create_async_engine(store.engine.url, poolclass=NullPool)
    if store.is_sqlite:

        @event.listens_for(engine.sync_engine, "connect")
        def _connect(connection: Any, _: object) -> None:
            connection.isolation_level = None
            cursor = connection.cursor()
            # Dropping the old copy of a rebuilt table must not cascade to the rows that point to it.
            for pragma in (f"busy_timeout={LOCK_WAIT}", "foreign_keys=OFF", "secure_delete=ON"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

    return engine


def _run_revisions(connection: Connection) -> None:
    from alembic import command

    command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection) -> Any:
    """Returns Alembic's configuration for an open connection; there is no alembic.ini."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
