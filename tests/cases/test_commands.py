"""`amends cases` and `amends articles` as a person types them, with the shipped embedder."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from triage.cli import app

Amends = Callable[..., Result]
CASES = """external_id,problem,failure,product,remedy,csat
T-1,The vase was in pieces when I opened the box,damaged_or_wrong,vase,replacement,5
T-2,I have been charged twice for my subscription,billing,,refund,4
T-3,Nobody answers my e-mails to you,no_response,,,
T-4,,billing,,,
"""


@pytest.fixture
def amends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Amends:
    """Runs the command line in a folder of its own with one organisation."""
    monkeypatch.setenv("AMENDS_DATA", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cases.csv").write_text(CASES)

    def amends(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments)

    made = amends("keys", "create", "--role", "ingest", "--organisation", "Fernhill", "--create-organisation")
    assert made.exit_code == 0, made.output
    return amends


def test_import_then_search(amends: Amends) -> None:
    for counts in ("3 cases added, 0 changed, 0 as they were", "0 cases added, 0 changed, 3 as they were"):
        done = amends("cases", "import", "cases.csv")
        assert done.exit_code == 1
        assert counts in done.stdout
        assert "line 5: problem is missing" in done.stderr
    found = amends("cases", "search", "my vase arrived shattered", "--json", "--limit", "1")
    answer = json.loads(found.stdout)
    assert not answer["nothing_near"]
    assert [line["external_id"] for line in answer["data"]] == ["T-1"]
    assert "in pieces" not in found.stdout  # the customer's words are searched and never shown
    shown = amends("cases", "search", "double payment was taken from my card")
    assert "Billing problem. Remedy: refund." in shown.stdout
    assert "ended well: CSAT 4" in shown.stdout
    nothing = amends("cases", "search", "what a lovely sunset over the mountains")
    assert nothing.stdout.strip() == "No similar case."


def test_articles_import(amends: Amends, tmp_path: Path) -> None:
    (tmp_path / "help.jsonl").write_text(json.dumps({"title": "Returns", "text": "60 days."}) + "\n")
    done = amends("articles", "import", "help.jsonl")
    assert done.exit_code == 0
    assert "1 articles added" in done.stdout


def test_other_kinds_of_file_are_refused(amends: Amends, tmp_path: Path) -> None:
    (tmp_path / "cases.xlsx").write_text("x")
    done = amends("cases", "import", "cases.xlsx")
    assert done.exit_code != 0
    assert "expected a .csv or .jsonl file" in str(done.exception)
