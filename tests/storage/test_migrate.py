"""The revisions build what tables.py describes, once, whoever comes first."""


from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from triage.store.engine import Store
from triage.store.migrations.compare import include_object
from triage.store.tables import Table


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
