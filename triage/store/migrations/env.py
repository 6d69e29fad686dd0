"""Alembic's entry: runs the revisions on the connection that triage/store/migrate.py opened and locked."""

from alembic import context

from triage.store.migrations.compare import include_object
from triage.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    include_object=include_object,
    render_as_batch=True,
    # Ours begins with BEGIN IMMEDIATE, so SQLite's DDL rolls back like any other statement.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
