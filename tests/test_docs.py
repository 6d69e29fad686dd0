"""The documentation names what exists, and what exists is named."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from triage.cli import app
from triage.config import Settings
from triage.store.tables import Table

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def _paths(page: str) -> Iterator[str]:
    """Paths in backticks: `triage/store/`, `models/weights/<name>/card.md`, `pyproject.toml`."""
    for path in re.findall(r"`([\w./<>*-]+)`", page):
        if "/" in path.strip("/") or re.search(r"\.(py|md|toml|lock)$", path):
            yield path


@pytest.mark.parametrize("path", sorted({*_paths(ARCHITECTURE)}))
def test_paths_in_architecture_exist(path: str) -> None:
    found = list(ROOT.glob(re.sub(r"<\w+>", "*", path.rstrip("/"))))
    assert found, f"docs/architecture.md names {path}, which does not exist"


@pytest.mark.parametrize("package", ["triage", "models", "api"])
def test_architecture_names_every_module_at_the_top(package: str) -> None:
    modules = {
        f"{package}/{entry.name}" + ("/" if entry.is_dir() else "")
        for entry in (ROOT / package).iterdir()
        if entry.name[0] not in "._" and (entry.suffix == ".py" or {*entry.glob("*")} - {entry / "__pycache__"})
    }
    assert not sorted(module for module in modules if f"`{module}`" not in ARCHITECTURE)


def test_architecture_names_every_table() -> None:
    assert not sorted(table for table in Table.metadata.tables if f"`{table}`" not in ARCHITECTURE)


def test_operations_lists_every_setting_as_it_is() -> None:
    """A row is the variable, its default and its description, so that the page cannot drift from config.py."""
    rows = [
        f"| `AMENDS_{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    listed = [line for line in OPERATIONS.splitlines() if line.startswith("| `AMENDS_")]
    assert listed == rows, "the table should read:\n" + "\n".join(rows)


def test_every_command_is_shown_somewhere() -> None:
    pages = "\n".join(page.read_text() for page in PAGES)
    assert not [command for command in _commands(typer.main.get_command(app)) if f"amends {command}" not in pages]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_exists(page: Path) -> None:
    commands = {*_commands(typer.main.get_command(app))}
    groups = {command.split()[0] for command in commands if " " in command}
    for word, next_word in re.findall(r"(?:bin/|`|^)amends ([a-z]+)(?: ([a-z]+))?", page.read_text(), re.M):
        assert (f"{word} {next_word}" if word in groups else word) in commands


def test_help_of_make_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.M)
    explained = set(re.findall(r"@echo 'make (\w+) ", makefile))
    assert set(phony.split()) - explained == {"help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"\w+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file) if file else page
        assert there.exists(), target
        if anchor:
            assert anchor in {*_anchors(there.read_text())}, target


def _commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[str]:
    """`keys create`, `serve`: every command that does something."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*words, name))
    if words and not hasattr(command, "commands"):
        yield " ".join(words)


def _default(value: object) -> str:
    return "" if value in ("", None) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _anchors(page: str) -> Iterator[str]:
    for heading in re.findall(r"^#+ (.+)$", page, re.M):
        yield re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
