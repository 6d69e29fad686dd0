"""Text index and vector index of cases: FTS5 on SQLite, tsvector and pgvector on PostgreSQL."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.engine import Connection

from triage.errors import Unavailable
from triage.store.tables import DIMENSIONS

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("case_record", sa.Column("terms", sa.Text(), nullable=False, server_default=""))
    op.add_column("embedding", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("ix_embedding_model", "embedding")
    op.create_index("ix_embedding_model", "embedding", ["organisation_id", "model", "version"])
    op.create_table(
        "case_index",
        sa.Column("organisation_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_case_index_organisation_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", name="pk_case_index"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql(connection)


def _sqlite() -> None:
    # The index keeps no copy of the words (content=''); `case_search` gives each case a number that survives VACUUM,
    # which the rowid of a table with a text key does not. The organisation is a word of the index like any other, in
    # hex so that it stays one word: a query that does not name it cannot be written by accident in another place.
    op.execute("CREATE TABLE case_search (number INTEGER PRIMARY KEY AUTOINCREMENT, case_id TEXT NOT NULL UNIQUE)")
    op.execute(
        "CREATE VIRTUAL TABLE case_fts USING fts5("
        "organisation, terms, content='', tokenize='unicode61 remove_diacritics 0')"
    )
    add = """
        INSERT INTO case_fts (rowid, organisation, terms)
        SELECT number, hex(new.organisation_id), new.terms FROM case_search WHERE case_id = new.id;
    """
    remove = """
        INSERT INTO case_fts (case_fts, rowid, organisation, terms)
        SELECT 'delete', number, hex(old.organisation_id), old.terms FROM case_search WHERE case_id = old.id;
    """
    # Triggers, because rows also go by cascade: a customer, a conversation, an organisation is deleted.
    op.execute(
        "CREATE TRIGGER case_record_added AFTER INSERT ON case_record BEGIN "
        f"INSERT INTO case_search (case_id) VALUES (new.id); {add} END"
    )
    op.execute(
        "CREATE TRIGGER case_record_changed AFTER UPDATE OF terms, organisation_id ON case_record "
        f"WHEN old.terms <> new.terms OR old.organisation_id <> new.organisation_id BEGIN {remove} {add} END"
    )
    op.execute(
        "CREATE TRIGGER case_record_removed AFTER DELETE ON case_record BEGIN "
        f"{remove} DELETE FROM case_search WHERE case_id = old.id; END"
    )
    op.execute(
        "CREATE TRIGGER embedding_removed AFTER DELETE ON embedding BEGIN "
        "UPDATE case_index SET version = version + 1, removed = version + 1 "
        "WHERE organisation_id = old.organisation_id; END"
    )


def _postgresql(connection: Connection) -> None:
    if not connection.scalar(sa.text("SELECT 1 FROM pg_extension WHERE extname = 'vector'")):
        if not connection.scalar(sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")):
            raise Unavailable(
                "this PostgreSQL server has no pgvector: install its package (0.8 or newer), then migrate again"
            )
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.execute(
        "ALTER TABLE case_record ADD COLUMN text_search tsvector "
        "GENERATED ALWAYS AS (to_tsvector('simple', terms)) STORED"
    )
    op.execute("CREATE INDEX ix_case_text_search ON case_record USING gin (text_search)")
    op.execute("ALTER TABLE embedding DROP COLUMN vector")  # nothing has written one before this revision
    op.execute(f"ALTER TABLE embedding ADD COLUMN vector halfvec({DIMENSIONS}) NOT NULL")
    op.execute("CREATE INDEX ix_embedding_vector ON embedding USING hnsw (vector halfvec_cosine_ops)")
