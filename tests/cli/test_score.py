import io
import json
import os
import subprocess
import sys

import pytest
from doubles import WordScorer
from hypothesis import given
from hypothesis import strategies as st

from triage.errors import Invalid, Unavailable
from triage.scoring.lines import BATCH, Bad, read_csv, read_jsonl, run_score, score_rows


def rows_of(text, reader=read_jsonl, **options):
    return list(reader(io.BytesIO(text if isinstance(text, bytes) else text.encode()), **options))


@pytest.mark.parametrize(
    ("line", "id", "error"),
    [
        (b"not json", None, "not JSON"),
        (b'{"id": "a", "text": "\xff\xfe"}', None, "not UTF-8"),
        (b'["a"]', None, "not an object"),
        (b"[" * 100_000, None, "not JSON"),
        (b'{"text": "hello"}', None, "`id` is missing"),
        (b'{"id": [1], "text": "hello"}', None, "neither text nor a whole number"),
        (b'{"id": "a"}', "a", "`text` is missing"),
        (b'{"id": "a", "text": null}', "a", "`text` is missing"),
        (b'{"id": "a", "text": 5}', "a", "not text"),
        (b'{"id": "a", "text": "\\ud83d"}', "a", "not UTF-8"),
        (json.dumps({"id": 7, "text": "x" * 20_001}).encode(), 7, "20,001 characters"),
        (b'{"id": "a", "text": "hi", "sent_at": "yesterday"}', "a", "ISO 8601"),
        (b'{"id": "a", "text": "hi", "channel": "pigeon"}', "a", "`channel` is not one of"),
        (b'{"id": "a", "text": "hi", "subject": 1}', "a", "`subject` is not text"),
    ],
)
def test_a_bad_row_says_why_and_costs_only_itself(line, id, error):
    found = rows_of(b'{"id": "first", "text": "fine"}\n' + line + b'\n\n{"id": "last", "text": ""}\n')
    bad = found[1]
    assert isinstance(bad, Bad)
    assert bad.id == id
    assert error in bad.error
    lines = [json.loads(line) for line in score_rows(found, WordScorer())]
    assert [("error" in line, line["id"]) for line in lines] == [(False, "first"), (True, id), (False, "last")]


def test_csv_with_other_names_and_broken_bytes():
    table = b'\xef\xbb\xbfid,body,subject\n1,"two\nlines, one cell",Lamp\n2,\xff,\n3,,\n4\n'
    found = rows_of(table, read_csv, text_field="body")
    assert [r[1].text if isinstance(r, tuple) else r.error for r in found] == [
        "two\nlines, one cell", "not UTF-8", "", "`body` is missing",
    ]  # fmt: skip
    assert found[0][1].subject == "Lamp"
    with pytest.raises(Invalid, match="no column text; it has id, body"):
        rows_of("id,body\n1,a\n", read_csv)


@given(st.lists(st.text(max_size=30), max_size=20))
def test_every_row_is_answered_in_order(texts):
    source = "\n".join(json.dumps({"id": i, "text": t}) for i, t in enumerate(texts))
    lines = [json.loads(line) for line in score_rows(rows_of(source), WordScorer())]
    assert [line["id"] for line in lines] == list(range(len(texts)))


def test_a_file_longer_than_a_batch(tmp_path, capsys):
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps({"id": f"m{i}", "text": "thanks"}) + "\n" for i in range(BATCH + 3)))
    assert run_score(WordScorer, str(file), None, "text", evidence=False) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [
        f"m{i}" for i in range(BATCH + 3)
    ]


def test_bad_rows_are_told_by_the_exit_status(tmp_path, capsys):
    file = tmp_path / "in.csv"
    file.write_text("id,text\n1,hello there\n2\n")
    assert run_score(WordScorer, str(file), None, "text", evidence=False) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_without_a_model_the_rules_score_and_say_so(tmp_path, capsys):
    def load():
        raise Unavailable("model triage-en: config.json is missing")

    file = tmp_path / "in.jsonl"
    file.write_text('{"id": "a", "text": "This is unacceptable"}\n')
    assert run_score(load, str(file), None, "text", evidence=False) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["abstain_reasons"] == ["model_unavailable"]
    assert "rules alone" in captured.err


def amends(*arguments, stdin=b"", **options):
    return subprocess.run(
        [sys.executable, "-m", "triage.cli", *arguments], input=stdin, capture_output=True, timeout=100, **options
    )


def test_the_command_in_a_pipe():
    done = amends("score", "--evidence", stdin=b'{"id": "m1", "text": "Still no reply! I need it by Friday."}\nnope\n')
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 1, done.stderr
    assert first["model"].startswith("triage-en@")
    assert {s["name"] for s in first["signals"]} == {"repeat_contact", "stated_deadline"}
    assert second == {"id": None, "error": second["error"]}
    assert done.stderr == b""


def test_a_reader_that_leaves_early_is_no_traceback():
    rows = b'{"id": "a", "text": "thanks"}\n' * 2000
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "triage.cli", "score"], input=rows, stdout=write, stderr=subprocess.PIPE, timeout=100
    )
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


def test_a_missing_file_is_one_line():
    done = amends("score", "nowhere.jsonl")
    assert done.returncode == 2
    assert done.stderr.decode().strip() == "amends: nowhere.jsonl cannot be read: No such file or directory."


def test_help_loads_no_engine():
    code = (
        "import sys\nfrom triage.cli import main\nsys.argv = ['amends', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.exit(bool({'torch', 'onnxruntime', 'transformers'} & set(sys.modules)) and 3)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 3), done.stderr
    assert "score" in done.stdout
    assert done.returncode == 0
