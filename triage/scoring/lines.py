"""`amends score`: rows in, one JSON line each out, in the same order; a bad row costs only itself."""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from triage.errors import Invalid, Unavailable
from triage.messages.values import MAX_TEXT, Channel, Incoming
from triage.protocols import Scorer
from triage.scoring.rules import RuleScorer
from triage.scoring.score import score_all

BATCH = 256
"""Rows between two writes: enough to fill batches of like length, few enough to follow in a pipe."""
BROKEN_PIPE = 141  # what a shell shows for a program that ended because its reader did


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be scored, and why."""

    id: Any
    error: str


Row = tuple[Any, Incoming] | Bad


def run_score(load: Callable[[], Scorer], file: str, format: str | None, text_field: str, evidence: bool) -> int:
    """Scores `file` (- is standard input) to standard output; returns 0, or 1 where a row was bad.

    Where the model cannot be loaded the rules score, every line is marked `model_unavailable`, and stderr says so.
    """
    console = Console(stderr=True)
    with ExitStack() as stack:
        source = stack.enter_context(_open(file))
        csv_rows = format == "csv" or (format is None and file.lower().endswith(".csv"))
        rows = read_csv(source, text_field) if csv_rows else read_jsonl(source, text_field)
        try:
            scorer = load()
        except Unavailable as e:
            console.print(
                f"amends: {e.detail}; scoring by rules alone, every line is marked", style="yellow", markup=False
            )
            scorer = RuleScorer()
        progress = Progress(
            TextColumn("scored"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, disable=not console.is_terminal, transient=True,
        )  # fmt: skip
        stack.enter_context(progress)
        task = progress.add_task("score", total=None)
        bad = False
        try:
            while batch := list(islice(rows, BATCH)):
                bad |= any(isinstance(row, Bad) for row in batch)
                sys.stdout.write("".join(f"{line}\n" for line in score_rows(batch, scorer, evidence)))
                sys.stdout.flush()
                progress.advance(task, len(batch))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere
            return BROKEN_PIPE
    return int(bad)


def score_rows(rows: Sequence[Row], scorer: Scorer, evidence: bool = False) -> Iterator[str]:
    """Yields one JSON line a row: its score, or its `id` and `error`."""
    good = [row for row in rows if not isinstance(row, Bad)]
    scores = iter(score_all([incoming for _, incoming in good], scorer, evidence))
    for row in rows:
        line = {"id": row.id, "error": row.error} if isinstance(row, Bad) else next(scores).line(row[0])
        yield json.dumps(line, ensure_ascii=False)


def read_jsonl(source: BinaryIO, text_field: str = "text") -> Iterator[Row]:
    """Yields the rows of JSON lines; blank lines are skipped."""
    for number, raw in enumerate(source, 1):
        if not raw.strip():
            continue
        try:
            fields = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError:
            yield Bad(None, f"line {number}: not UTF-8")
        except (ValueError, RecursionError) as e:
            yield Bad(None, f"line {number}: not JSON ({e})")
        else:
            yield to_row(fields, text_field) if isinstance(fields, dict) else Bad(None, f"line {number}: not an object")


def read_csv(source: BinaryIO, text_field: str = "text") -> Iterator[Row]:
    """Yields the rows of a CSV file with a header line; Invalid where it has no column for the text."""
    csv.field_size_limit(50_000_000)
    # Broken bytes come through as surrogates, so that one bad row does not end the file.
    lines = (line.decode("utf-8", "surrogateescape") for line in source)
    reader = csv.DictReader(lines)
    header = [(name or "").removeprefix("\ufeff") for name in reader.fieldnames or []]
    if missing := {"id", text_field} - set(header):
        raise Invalid(f"The CSV has no column {' and no column '.join(sorted(missing))}; it has {', '.join(header)}.")
    reader.fieldnames = header
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as e:
            yield Bad(None, f"line {reader.line_num}: not CSV ({e})")
        else:
            yield to_row({k: v for k, v in fields.items() if v or k in ("id", text_field)}, text_field)


def to_row(fields: dict[str, Any], text_field: str = "text") -> Row:
    """Returns the id and the message of a row, or why it is bad."""
    id, text = fields.get("id"), fields.get(text_field)
    if not isinstance(id, str | int) or isinstance(id, bool):
        return Bad(None, "`id` is missing" if id is None else "`id` is neither text nor a whole number")
    if isinstance(id, str) and not _is_unicode(id):
        return Bad(None, "`id` is not UTF-8")
    if text is None:
        return Bad(id, f"`{text_field}` is missing")
    if not isinstance(text, str):
        return Bad(id, f"`{text_field}` is not text")
    if len(text) > MAX_TEXT:
        return Bad(id, f"`{text_field}` has {len(text):,} characters; at most {MAX_TEXT:,} are read")
    for name in ("subject", "language", "channel", "sent_at"):
        if not isinstance(fields.get(name), str | None):
            return Bad(id, f"`{name}` is not text")
    if not all(_is_unicode(v) for v in (text, fields.get("subject") or "", fields.get("language") or "")):
        return Bad(id, "not UTF-8")
    channel: Channel | None = next((c for c in get_args(Channel) if c == (fields.get("channel") or "email")), None)
    if channel is None:
        return Bad(id, f"`channel` is not one of {', '.join(get_args(Channel))}")
    try:
        sent_at = _time(fields["sent_at"]) if fields.get("sent_at") else None
    except ValueError:
        return Bad(id, "`sent_at` is not an ISO 8601 time")
    return id, Incoming(text, fields.get("subject"), fields.get("language"), channel, sent_at)


def _time(value: str) -> datetime:
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_unicode(value: str) -> bool:
    """Whether there is no half of a surrogate pair in it, as broken bytes and `"\\ud83d"` leave."""
    return not any("\ud800" <= c <= "\udfff" for c in value) if not value.isascii() else True


def _open(file: str) -> AbstractContextManager[BinaryIO]:
    if file == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(file).open("rb")
    except OSError as e:
        raise Invalid(f"{file} cannot be read: {e.strerror}.") from e
