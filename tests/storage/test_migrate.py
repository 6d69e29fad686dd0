"""The revisions build what tables.py describes, once, whoever comes first."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pgvector.sqlalchemy  # noqa: F401 -- names the vector types for reflection
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, inspect, select, text

from triage.config import Settings
from triage.store import migrate as migrating
from triage.store.engine import Store
from triage.store.migrate import HEAD, MIGRATIONS, compact_files, migrate, revision, upgrade
from triage.store.migrations.compare import include_object
from triage.store.tables import Message, Organisation, Table


def differences(connection: Connection) -> list[object]:
    options = {"include_object": include_object, "compare_type": True, "target_metadata": Table.metadata}
    return compare_metadata(MigrationContext.configure(connection, opts=options), Table.metadata)


async def test_revisions_build_the_tables(store: Store) -> None:
    async with store.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_comparison_sees_a_missing_column(store: Store) -> None:
    async with store.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE follow_up DROP COLUMN reminded_at"))
        assert len(await connection.run_sync(differences)) == 1


def test_revisions_are_one_line_and_head_is_its_end() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    assert script.get_heads() == [HEAD]
    assert [r.revision for r in script.walk_revisions()] == sorted(
        (f.name[:4] for f in (MIGRATIONS / "versions").glob("[0-9]*.py")), reverse=True
    )


async def test_an_empty_database_has_no_revision(tmp_path: Path) -> None:
    store = Store(Settings(data=tmp_path / "var"))
    assert await revision(store) == ""
    assert await upgrade(store) == ""
    assert await upgrade(store) == HEAD
    await store.close()


async def test_migrating_twice_keeps_the_rows(store_settings: Settings, organisation: Organisation) -> None:
    assert await migrate(store_settings) == HEAD
    store = Store(store_settings)
    async with store.read() as session:
        assert await session.scalar(select(Organisation.name)) == organisation.name
    await store.close()


MIGRATE = """
import asyncio, sys
from pathlib import Path
from triage.config import Settings
from triage.store.migrate import migrate
sys.stdin.readline()
asyncio.run(migrate(Settings(data=Path(sys.argv[1]), database_url=sys.argv[2])))
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_processes_that_start_at_once_migrate_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = ""
    if kind == "postgres":
        postgres = request.getfixturevalue("postgres")
        postgres.run("CREATE DATABASE at_once")
        url = postgres.url("at_once")
    command = [sys.executable, "-c", MIGRATE, str(tmp_path / "var"), url]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in started:  # all have imported what they need and wait at the line
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    errors = await asyncio.gather(*(asyncio.to_thread(process.communicate) for process in started))
    assert [(p.returncode, e) for p, (_, e) in zip(started, errors, strict=True)] == [(0, "")] * 3
    store = Store(Settings(data=tmp_path / "var", database_url=url))
    async with store.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await store.close()
    if kind == "postgres":
        postgres.run("DROP DATABASE at_once WITH (FORCE)")


def test_at_head_alembic_is_not_imported(settings: Settings) -> None:
    """`amends serve` checks its database at each start; Alembic would cost it 0.2 s."""
    code = (
        "import asyncio, sys; from pathlib import Path; from triage.config import Settings; "
        "from triage.store.migrate import migrate; asyncio.run(migrate(Settings(data=Path(sys.argv[1])))); "
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(settings.data)], check=False).returncode == 0


@pytest.fixture
def next_revision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of revisions with room for one more, 9999, whose body the test writes."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrating, "MIGRATIONS", folder)
    monkeypatch.setattr(migrating, "HEAD", "9999")
    return folder / "versions" / "9999_next.py"


def write_revision(file: Path, *body: str) -> None:
    lines = ["import sqlalchemy as sa", "from alembic import op", "revision = '9999'", f"down_revision = {HEAD!r}"]
    file.write_text("\n".join([*lines, "def upgrade() -> None:", *(f"    {line}" for line in body)]))


async def test_a_revision_that_fails_leaves_the_old_schema(store: Store, next_revision: Path) -> None:
    write_revision(next_revision, "op.create_table('half', sa.Column('id', sa.String()))", "raise RuntimeError('half')")
    with pytest.raises(RuntimeError, match="half"):
        await upgrade(store)
    assert await revision(store) == HEAD
    async with store.engine.connect() as connection:
        assert not await connection.run_sync(lambda c: inspect(c).has_table("half"))


async def test_a_rebuilt_table_keeps_the_rows_that_point_to_it(
    store: Store, next_revision: Path, planted: object
) -> None:
    """SQLite changes a column by copying the table and dropping the old one; that drop must not cascade."""
    write_revision(
        next_revision,
        "with op.batch_alter_table('conversation', recreate='auto') as batch:",
        "    batch.alter_column('channel', type_=sa.Text())",
    )
    assert await upgrade(store) == HEAD
    assert await revision(store) == "9999"
    async with store.read() as session:
        assert await session.scalar(select(func.count()).select_from(Message)) == 1


async def test_compacting_says_when_another_reads(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "LOCK_WAIT", 20)
    store = Store(settings)
    async with store.read() as session:
        await session.execute(select(Organisation))
        with pytest.raises(Exception, match=r"locked|another process"):
            await compact_files(store)
    await compact_files(store)
    assert not (wal := Path(f"{store.engine.url.database}-wal")).exists() or wal.stat().st_size == 0
    await store.close()
