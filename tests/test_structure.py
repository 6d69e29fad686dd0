"""Where SQL may stand and whom it may see: laws that are read off the source, each shown to catch what it forbids.

Which room may import what is in test_imports.py; that a repository shows nothing of another organisation when it is
called is in storage/test_repositories.py.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("triage", "models", "api", "prompts")
BUILDERS = {"select", "insert", "update", "delete", "text", "exists"}
"""What makes a statement."""
UNSCOPED = {"Directory": "looks across organisations: whose key is this, which organisations are there"}
"""Repositories that are not made for one organisation, and why."""
SEES_NO_ROW = {("Cases", "scrub"): "merges the segments of the text index that all share"}
"""Methods whose statement names no organisation, and why that is right."""

Found = Iterator[tuple[int, str]]


def imports_of_sql(tree: ast.Module) -> Found:
    """SQLAlchemy, but for the errors one may catch and the type of a session one is handed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (
                (node.lineno, a.name) for a in node.names if a.name.partition(".")[0] in {"sqlalchemy", "sqlite3"}
            )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in {"sqlalchemy", "sqlite3"}:
            names = {alias.name for alias in node.names}
            if node.module != "sqlalchemy.exc" and not names <= {"AsyncSession"}:
                yield node.lineno, f"{node.module}: {', '.join(sorted(names))}"


def commits(tree: ast.Module) -> Found:
    """A service that commits ends a transaction that its caller began."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            yield node.lineno, ast.unparse(node)


def driver_calls(tree: ast.Module) -> Found:
    """Raw SQL handed to a driver, which no repository would see."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "exec_driver_sql":
            yield node.lineno, ast.unparse(node)


def unscoped_statements(tree: ast.Module) -> Found:
    """Repositories not made for one organisation, their methods that make a statement without naming it, and statements
    made outside a repository, but for those that cannot be run without an organisation."""
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            if "bindparam('organisation_id')" in ast.unparse(node):
                continue
            yield from ((line, f"{call} outside a repository") for line, call in _statements(node))
            continue
        methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)}
        if node.name in UNSCOPED or not any(_statements(m) for m in methods.values()):
            continue
        start = methods.get("__init__")
        if start is None or "organisation_id" not in {a.arg for a in start.args.args}:
            yield node.lineno, f"{node.name} is not made for one organisation"
        scoped = _scoped(methods)
        for name, method in methods.items():
            if _statements(method) and name not in scoped and (node.name, name) not in SEES_NO_ROW:
                yield method.lineno, f"{node.name}.{name} does not name the organisation"


def _statements(tree: ast.AST) -> list[tuple[int, str]]:
    return [
        (node.lineno, ast.unparse(node.func))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in BUILDERS
        if isinstance(node.func, ast.Name) or ast.unparse(node.func).partition(".")[0] in {"sqlite", "postgresql", "sa"}
    ]


def _scoped(methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]) -> set[str]:
    """Methods that name `self.organisation_id`, themselves or through another method of theirs."""
    mentions = {
        name: {n.attr for n in ast.walk(method) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "self"}
        for name, method in methods.items()
    }
    scoped = {name for name, attributes in mentions.items() if "organisation_id" in attributes}
    while more := {name for name, attributes in mentions.items() if attributes & scoped} - scoped:
        scoped |= more
    return scoped


LAWS: list[tuple[Callable[[ast.Module], Found], str, tuple[str, ...], str]] = [
    # (what is looked for, where, but not there, a source that breaks the law)
    (imports_of_sql, "*", ("triage/store/",), "from sqlalchemy import select\nimport sqlalchemy.orm"),
    (driver_calls, "*", ("triage/store/",), "connection.exec_driver_sql('DELETE FROM message')"),
    (
        commits,
        "*",
        ("triage/store/engine.py", "triage/store/sqlite.py"),
        "async def f(session): await session.commit()",
    ),
    (
        unscoped_statements,
        "triage/store/repositories/",
        (),
        "class Things:\n def __init__(self, session, organisation_id): ...\n def all(self): return select(Thing)",
    ),
    (
        unscoped_statements,
        "triage/store/repositories/",
        (),
        "class Things:\n def __init__(self, session): ...\n def all(self): return select(self.organisation_id)",
    ),
    (unscoped_statements, "triage/store/repositories/", (), "def everything(): return sqlite.insert(Thing)"),
]


@pytest.mark.parametrize(("find", "where", "but", "breach"), LAWS, ids=lambda value: getattr(value, "__name__", ""))
def test_the_source_keeps_the_law(find: Callable[..., Found], where: str, but: tuple[str, ...], breach: str) -> None:
    assert [*find(ast.parse(breach))], "the law could not fail"
    read = [name for name in _modules() if (where == "*" or name.startswith(where)) and not name.startswith(but or "?")]
    assert len(read) > 3, "nothing was looked at"
    found = [f"{name}:{line} {what}" for name in read for line, what in find(ast.parse((ROOT / name).read_text()))]
    assert not found


def test_a_lawful_repository_is_not_accused() -> None:
    """By a name of its own, through a private method, and the one that looks across by name."""
    lawful = """
class Things:
    def __init__(self, session, organisation_id): self.organisation_id = organisation_id
    def one(self): return select(Thing).where(Thing.organisation_id == self.organisation_id)
    def two(self): return delete(Thing).where(*self._mine())
    def _mine(self): return [Thing.organisation_id == self.organisation_id]
class Directory:
    def all(self): return select(Thing)
"""
    assert not [*unscoped_statements(ast.parse(lawful))]


def test_exceptions_are_still_needed() -> None:
    """An exception that nothing needs would let the next breach through."""
    classes = {
        node.name: {m.name for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)}
        for name in _modules()
        if name.startswith("triage/store/repositories/")
        for node in ast.parse((ROOT / name).read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    assert UNSCOPED.keys() <= classes.keys()
    assert all(method in classes[name] for name, method in SEES_NO_ROW)


def _modules() -> list[str]:
    return [str(f.relative_to(ROOT)) for package in PACKAGES for f in sorted((ROOT / package).rglob("*.py"))]
