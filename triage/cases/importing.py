"""Fills the case base from files: streaming, in batches, each batch its own transaction, so that a run can be resumed.

A case is known by its external id: the same file twice leaves each case once, and what has not changed is neither
embedded nor written again.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from triage.cases.resolve import MAX_PROBLEM, summarise
from triage.cases.values import Case, Outcome
from triage.errors import Invalid
from triage.ids import new_id
from triage.messages.personal import redact
from triage.messages.values import MAX_TEXT
from triage.protocols import AsyncEmbedder
from triage.scoring.values import FAILURES, FRUSTRATION_LEVELS, URGENCY_LEVELS
from triage.store.engine import Store
from triage.store.repositories.articles import Articles, NewArticle
from triage.store.repositories.cases import Cases

BATCH = 128
"""Cases embedded and written at a time: a killed import loses at most these."""
MAX_FIELD = 200
MAX_SUMMARY = 2_000
YES, NO = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken, and why."""

    line: int
    reason: str


@dataclass
class Report:
    """What became of the rows of an import."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def taken(self) -> int:
        return self.added + self.changed + self.unchanged


Row = tuple[int, Mapping[str, Any] | Rejected]
"""A line's number, from 1, and its fields, or why it has none."""


def read_rows(file: TextIO, kind: str) -> Iterator[Row]:
    """Yields the rows of a CSV (with a header) or JSONL file with the lines that they end on; empty lines are none."""
    yield from _csv_rows(file) if kind == "csv" else _json_rows(file)


def _json_rows(file: TextIO) -> Iterator[Row]:
    for line, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            yield line, Rejected(line, f"not JSON: {error.msg} at column {error.colno}")
            continue
        yield line, row if isinstance(row, dict) else Rejected(line, "not a JSON object")


def _csv_rows(file: TextIO) -> Iterator[Row]:
    csv.field_size_limit(10 * MAX_TEXT)
    reader = csv.DictReader(file, restkey="", strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, Rejected(reader.line_num, f"not CSV: {error}")
            continue
        if "" in row:
            yield reader.line_num, Rejected(reader.line_num, "more fields than the header names")
        elif None in row.values():
            yield reader.line_num, Rejected(reader.line_num, "fewer fields than the header names")
        else:
            yield reader.line_num, {name: value for name, value in row.items() if value != ""}


def kind_of(path: Path) -> str:
    """Returns `csv` or `jsonl` by the file's name; Invalid for any other."""
    kinds = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    if path.suffix.lower() not in kinds:
        raise Invalid(f"{path.name}: expected a .csv or .jsonl file")
    return kinds[path.suffix.lower()]


def case_from_row(row: Mapping[str, Any]) -> Case:
    """Returns the case that a row tells of, with personal data replaced; Invalid names the wrong field.

    Fields: `problem` (required), `external_id`, `summary`, `failure`, `frustration`, `urgency` (0-4 or the level's
    name), `product`, `channel`, `language`, `remedy`, `cost`, `currency`, `resolved_at` (ISO 8601), `note`, and
    `outcome` {csat, reopened, kept, accepted} or these four beside the others. Without an external id the words are it.
    """
    problem = _text(row, "problem", MAX_TEXT) or _text(row, "text", MAX_TEXT)
    if not problem:
        raise Invalid("problem is missing", pointer="/problem")
    problem = redact(problem)[:MAX_PROBLEM]
    failure = _choice(row, "failure", FAILURES)
    facts = {name: _text(row, name, MAX_FIELD) for name in ("product", "channel", "remedy", "currency")}
    cost = _number(row, "cost")
    summary = redact(_text(row, "summary", MAX_SUMMARY) or "") or summarise(
        failure,
        facts["product"],
        facts["remedy"],
        cost,
        facts["currency"],
        redact(_text(row, "note", MAX_SUMMARY) or ""),
    )
    return Case(
        id=new_id("case"),
        external_id=_text(row, "external_id", MAX_FIELD)
        or _text(row, "id", MAX_FIELD)
        or f"sha256:{sha256(problem.encode()).hexdigest()[:32]}",
        summary=summary,
        problem=problem,
        failure=failure,
        frustration=_level(row, "frustration", FRUSTRATION_LEVELS),
        urgency=_level(row, "urgency", URGENCY_LEVELS),
        language=_text(row, "language", MAX_FIELD) or "en",
        cost=cost,
        outcome=_outcome(row),
        resolved_at=_time(row, "resolved_at"),
        **facts,
    )


async def store_cases(
    store: Store, embedder: AsyncEmbedder, organisation_id: str, cases: Sequence[Case], now: datetime
) -> Report:
    """Embeds what is new and writes what has changed, in one transaction; returns how many of each there were."""
    report = Report()
    cases = list({case.external_id: case for case in cases}.values())
    async with store.read() as session:
        here = Cases(session, organisation_id)
        known = await here.by_external_id([str(case.external_id) for case in cases])
        embedded = await here.embedded([case.id for case in known.values()], embedder.name)
    to_embed: list[Case] = []
    to_write: list[Case] = []
    for case in cases:
        before = known.get(str(case.external_id))
        if before is None or before.id not in embedded or before.problem != case.problem:
            to_embed.append(case)
        elif replace(case, id=before.id) != before:
            to_write.append(case)
        if before is None:
            report.added += 1
        elif replace(case, id=before.id) != before:
            report.changed += 1
        else:
            report.unchanged += 1
    vectors = await embedder.embed([case.problem for case in to_embed]) if to_embed else None
    if to_embed or to_write:
        async with store.write() as session:
            here = Cases(session, organisation_id)
            await here.upsert(to_embed, vectors, embedder.name, now)
            await here.upsert(to_write, None, embedder.name, now)
    return report


async def import_cases(
    store: Store,
    embedder: AsyncEmbedder,
    organisation_id: str,
    rows: Iterable[Row],
    now: datetime,
    on_progress: Callable[[int], None] = lambda line: None,
) -> Report:
    """Takes what can be taken of `rows` and reports the rest; `on_progress` hears the last line of each batch."""
    report, rows = Report(), iter(rows)
    while batch := list(islice(rows, BATCH)):
        cases = []
        for line, row in batch:
            try:
                cases.append(case_from_row(_taken(row)))
            except Invalid as error:
                report.rejected.append(Rejected(line, error.detail))
        part = await store_cases(store, embedder, organisation_id, cases, now)
        report.added += part.added
        report.changed += part.changed
        report.unchanged += part.unchanged
        on_progress(batch[-1][0])
    return report


async def import_articles(store: Store, organisation_id: str, rows: Iterable[Row], now: datetime) -> Report:
    """Takes help articles and saved replies: rows with `title`, `text`, and `external_id`, `kind`, `url` if known."""
    report, rows = Report(), iter(rows)
    while batch := list(islice(rows, BATCH)):
        articles = []
        for line, row in batch:
            try:
                articles.append(article_from_row(_taken(row)))
            except Invalid as error:
                report.rejected.append(Rejected(line, error.detail))
        async with store.write() as session:
            here = Articles(session, organisation_id)
            known = await here.by_external_id([a.external_id for a in articles])
            changed = [a for a in articles if known.get(a.external_id) != a]
            await here.upsert(changed, now)
        report.unchanged += len(articles) - len(changed)
        report.changed += sum(a.external_id in known for a in changed)
        report.added += sum(a.external_id not in known for a in changed)
    return report


def article_from_row(row: Mapping[str, Any]) -> NewArticle:
    """Returns the article that a row tells of; Invalid names the wrong field."""
    title, text = _text(row, "title", MAX_FIELD), _text(row, "text", 5 * MAX_TEXT)
    if not title:
        raise Invalid("title is missing", pointer="/title")
    if not text:
        raise Invalid("text is missing", pointer="/text")
    kind = _choice(row, "kind", ("article", "saved_reply")) or "article"
    url = _text(row, "url", 2_000)
    if url and not url.startswith(("https://", "http://")):
        raise Invalid("url: expected a web address", pointer="/url")
    external_id = _text(row, "external_id", MAX_FIELD) or _text(row, "id", MAX_FIELD) or url or title
    return NewArticle(external_id, title, text, kind, url)


def _taken(row: Mapping[str, Any] | Rejected) -> Mapping[str, Any]:
    if isinstance(row, Rejected):
        raise Invalid(row.reason)
    return row


def _text(row: Mapping[str, Any], name: str, longest: int) -> str | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and name in ("id", "external_id"):
        value = str(value)
    if not isinstance(value, str):
        raise Invalid(f"{name}: expected text", pointer=f"/{name}")
    value = value.replace("\x00", "").strip()
    if len(value) > longest:
        raise Invalid(f"{name}: {len(value):,} characters, at most {longest:,} are taken", pointer=f"/{name}")
    return value or None


def _choice(row: Mapping[str, Any], name: str, choices: Sequence[str]) -> str | None:
    value = _text(row, name, MAX_FIELD)
    if value is not None and value not in choices:
        raise Invalid(f"{name}: {value[:40]!r} is none of {', '.join(choices)}", pointer=f"/{name}")
    return value


def _number(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        number = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 <= number <= 1e9:
        raise Invalid(f"{name}: expected a number from 0 to 1,000,000,000", pointer=f"/{name}")
    return number


def _level(row: Mapping[str, Any], name: str, levels: Sequence[str]) -> int | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if value in levels:
        return levels.index(value)
    number = _number(row, name)
    if number is None or number not in range(len(levels)):
        raise Invalid(f"{name}: expected 0-4 or one of {', '.join(levels)}", pointer=f"/{name}")
    return int(number)


def _outcome(row: Mapping[str, Any]) -> Outcome:
    nested = row.get("outcome") or {}
    if not isinstance(nested, Mapping):
        raise Invalid("outcome: expected an object", pointer="/outcome")
    signs = {name: nested.get(name, row.get(name)) for name in ("csat", "reopened", "kept", "accepted")}
    csat = _number(signs, "csat")
    if csat is not None and csat not in range(1, 6):
        raise Invalid("csat: expected 1-5", pointer="/outcome/csat")
    flags = {name: _flag(signs, name) for name in ("reopened", "kept", "accepted")}
    return Outcome(csat=None if csat is None else int(csat), **flags)


def _flag(row: Mapping[str, Any], name: str) -> bool | None:
    value = row.get(name)
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in YES | NO | {""}:
        raise Invalid(f"{name}: expected true or false", pointer=f"/outcome/{name}")
    return word in YES if word else None


def _time(row: Mapping[str, Any], name: str) -> datetime | None:
    value = _text(row, name, MAX_FIELD)
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise Invalid(f"{name}: expected a time as 2026-11-21T12:00:00Z", pointer=f"/{name}") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
