"""Imports go one way: api and models depend on triage, triage on neither, and each heavy library has one room."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGINES = {"torch", "transformers", "sentence_transformers", "onnxruntime", "onnx", "onnxscript", "llguidance"}
WEB = {"fastapi", "starlette", "uvicorn"}

RULES = [
    # (room, what it may not import, modules that may all the same, and why)
    ("triage", {"models", "api"}, {"triage/cli.py"}),  # the command line wires models and api in, inside functions
    ("triage", ENGINES, set()),
    ("triage", WEB, set()),
    ("triage", {"dbos"}, {"triage/work"}),
    ("models", {"api", "dbos", "sqlalchemy"} | WEB, set()),
    ("api", ENGINES | {"dbos", "alembic"}, set()),
    ("prompts", {"triage", "models", "api"}, set()),
]


@pytest.mark.parametrize(("room", "forbidden", "but"), RULES)
def test_imports_go_one_way(room: str, forbidden: set[str], but: set[str]) -> None:
    found = [
        f"{name}:{line} imports {module}"
        for name, tree in _modules(room)
        if not any(name == allowed or name.startswith(f"{allowed}/") for allowed in but)
        for line, module in _imports(tree)
        if module.partition(".")[0] in forbidden
    ]
    assert not found


def test_command_line_imports_models_inside_functions() -> None:
    (tree,) = (tree for name, tree in _modules("triage") if name == "triage/cli.py")
    at_top = {module.partition(".")[0] for node in tree.body for _, module in _imports(node, nested=False)}
    assert not at_top & {"models", "api", *ENGINES, *WEB}


@pytest.mark.parametrize("module", ["triage.cli", "triage.service", "triage.work"])
def test_importing_the_domain_loads_no_engine(module: str) -> None:
    """The same law where it counts, through whatever our libraries import in turn."""
    show = f"import {module}, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", show], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert module.partition(".")[0] in loaded
    assert not loaded & {*ENGINES, *WEB, "models", "api"}


def _modules(room: str) -> Iterator[tuple[str, ast.Module]]:
    for file in sorted((ROOT / room).rglob("*.py")):
        yield str(file.relative_to(ROOT)), ast.parse(file.read_text(), filename=str(file))


def _imports(tree: ast.AST, *, nested: bool = True) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree) if nested else [tree]:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
