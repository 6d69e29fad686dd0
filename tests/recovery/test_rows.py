import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.recovery.conftest import NOW, make_score
from triage.cli import app
from triage.errors import Invalid, TooLarge
from triage.recovery.compose import Composer
from triage.recovery.rows import draft_lines, situation_from_row
from triage.scoring.rules import RuleScorer

ROW: dict[str, Any] = {
    "id": "r1",
    "text": "The kettle arrived broken.\n\nOn 4 May Tove wrote:\n> Dear Ingrid, it is on its way.",
    "customer": {"name": "Ingrid Solheim", "tier": "vip"},
    "channel": "email",
    "now": "2026-05-06T10:00:00+02:00",
    "order": {"number": "FT-20418", "photos_on_file": 1},
    "history": [{"role": "customer", "text": "It is broken.", "at": "2026-05-05T09:00:00+02:00"}],
    "remedies": [{"id": "refund", "label": "Full refund", "when": "order.photos_on_file > 0"}],
    "cases": [{"id": "case_1", "summary": "A kettle.", "remedy": "x", "outcome": {"csat": 5, "reopened": False}}],
    "articles": [{"id": "a", "title": "Kettles", "text": "Boil it twice."}],
    "attachments": [{"name": "lid.jpg"}],
    "agent": {"name": "Tove", "signature": "Tove"},
    "brand": {"name": "Fjelltopp"},
}


def lines(*rows: Any) -> list[dict[str, Any]]:
    written = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    return list(draft_lines(written, RuleScorer(), Composer()))


def test_a_row_becomes_a_situation() -> None:
    s = situation_from_row(ROW, make_score())
    assert (s.customer.tier, s.now, s.order["number"]) == ("vip", NOW, "FT-20418")
    assert s.history[0].at is not None
    assert s.cases[0].case.outcome.csat == 5
    assert s.attachments == ["lid.jpg"]


def test_a_row_without_a_time_is_written_now() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert situation_from_row({"text": "x"}, make_score(), now).now == now


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"text": " "}, "/text"),
        ({"text": 3}, "/text"),
        ({"channel": "pigeon"}, "/channel"),
        ({"now": "yesterday"}, "/now"),
        ({"now": "2026-05-06T10:00:00"}, "/now"),
        ({"order": []}, "/order"),
        ({"history": {}}, "/history"),
        ({"history": [{"role": "bot", "text": "x"}]}, "/history/0/role"),
        ({"customer": {"name": 1}}, "/customer/name"),
        ({"remedies": [{"id": "a"}]}, "/remedies/0/label"),
        ({"articles": [{"id": "a"}]}, "/articles/0"),
        ({"cases": ["x"]}, "/cases/0"),
    ],
)
def test_a_wrong_field_is_pointed_at(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        situation_from_row(ROW | change, make_score())
    assert caught.value.pointer == pointer
    [line] = lines(ROW | change)
    assert pointer in line["error"]
    assert line["id"] == "r1"


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(TooLarge):
        situation_from_row({"text": "x" * 20_001}, make_score())


def test_bad_rows_stand_in_their_place() -> None:
    got = lines(ROW, "no json", "[]", {"id": "r3"}, ROW | {"id": "r4"})
    assert [line["id"] for line in got] == ["r1", None, None, "r3", "r4"]
    assert ["error" in line for line in got] == [False, True, True, True, False]


def test_a_draft_line_has_the_contract_s_fields_and_spans_of_the_text_as_received() -> None:
    [line] = lines(ROW | {"text": "Hello,\n\n> your old mail\n\nThe kettle arrived broken and nobody answered me."})
    assert {"id", "engine", "prompt", "channel", "language", "kind", "sections", "options", "placeholders", "checks",
            "text", "similar_cases", "suggest_sender", "channel_advice"} <= set(line)  # fmt: skip
    spans = [
        (c["text"], c["source"]) for s in line["sections"] for c in s["claims"] if c["source"]["kind"] == "message"
    ]
    assert spans
    received = "Hello,\n\n> your old mail\n\nThe kettle arrived broken and nobody answered me."
    for text, source in spans:
        assert received[source["start"] : source["end"]].split()[-1] == text.split()[-1].replace("you", "me")
    for section in line["sections"]:
        assert line["text"][section["start"] : section["end"]] == section["text"]


def test_the_command_drafts_without_a_database(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMENDS_WEIGHTS", str(tmp_path))  # no model here: scored by rules
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(ROW) + "\n")
    good = CliRunner().invoke(app, ["draft", str(file)])
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["options"][0]["remedy"] == "refund"
    piped = CliRunner().invoke(app, ["draft", "-"], input=json.dumps(ROW) + "\n{}\n")
    assert piped.exit_code == 1
    assert [("error" in json.loads(line)) for line in piped.stdout.splitlines()] == [False, True]
    assert not (tmp_path / "var").exists()


def test_the_command_shows_a_policy_and_names_a_wrong_field(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "remedies.json"
    file.write_text(json.dumps(ROW["remedies"]))
    shown = CliRunner().invoke(app, ["policy", "show", str(file)])
    assert shown.exit_code == 0
    assert "Full refund" in shown.stdout
    file.write_text(json.dumps([{"id": "a", "label": "A", "when": "order.("}]))
    refused = CliRunner().invoke(app, ["policy", "show", str(file)])
    assert isinstance(refused.exception, Invalid)
    assert refused.exception.pointer == "/0/when"
