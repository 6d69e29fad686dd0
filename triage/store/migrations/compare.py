"""What a comparison of the database with tables.py leaves out: objects that only one of the two databases has."""

import re
from typing import Any

TEXT_SEARCH = re.compile(r"\w*_(fts|search|vector)(_(data|idx|content|docsize|config))?(_idx)?$")
"""Names kept for search: FTS5 tables and their shadows, tsvector and pgvector columns and their indexes."""


def include_object(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Says whether Alembic looks at this object; the signature is Alembic's."""
    only_in_database = reflected and compare_to is None
    return not (only_in_database and name and TEXT_SEARCH.match(name))
