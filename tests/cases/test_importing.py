"""Imports from files: what is taken, what is rejected and why, and that a second run changes nothing."""

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from triage.cases.importing import (
    BATCH,
    Rejected,
    Report,
    case_from_row,
    import_articles,
    import_cases,
    read_rows,
    store_cases,
)
from triage.cases.threaded import Threaded
from triage.cases.values import Outcome
from triage.errors import Invalid
from triage.protocols import Vectors
from triage.store.engine import Store
from triage.store.repositories.articles import Articles
from triage.store.repositories.cases import Cases
from triage.store.tables import Organisation

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CSV = """external_id,problem,failure,frustration,cost,currency,csat,reopened,resolved_at
T-1,"The kettle leaks,
and it is new",defect_or_outage,high,24.50,GBP,5,no,2026-10-01T09:00:00Z
T-2,Charged twice,billing,2,,,,,
T-3,Charged thrice,banking,2,,,,,
T-4,,billing,2,,,,,
T-5,Rude driver,staff_conduct,7,,,,,
T-6,Late,late_or_missing,1,-3,,,,
T-7,Late,late_or_missing,1,,,9,,
T-8,Late,late_or_missing,1,,,,perhaps,
T-9,Late,late_or_missing,1,,,,,yesterday
T-10,Late
T-11,Late,late_or_missing,1,,,,,,more
"""


class Counting(Threaded):
    """Counts the texts that were embedded."""

    seen = 0

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.seen += len(texts)
        return await super().embed(texts)


@pytest.fixture
def counting(embedder: Any) -> Counting:
    return Counting(embedder)


async def take(store: Store, counting: Counting, organisation: Organisation, text: str, kind: str = "csv") -> Report:
    return await import_cases(store, counting, organisation.id, read_rows(io.StringIO(text), kind), NOW)


async def test_good_rows_are_taken_and_bad_ones_listed(
    store: Store, organisation: Organisation, counting: Counting
) -> None:
    report = await take(store, counting, organisation, CSV)
    assert (report.added, report.changed, report.unchanged) == (2, 0, 0)
    reasons = {r.line: r.reason for r in report.rejected}
    assert list(reasons) == [5, 6, 7, 8, 9, 10, 11, 12, 13]
    expected = ["failure: 'banking'", "problem is missing", "frustration", "cost", "csat", "reopened", "resolved_at"]
    for reason, start in zip(reasons.values(), [*expected, "fewer fields", "more fields"], strict=True):
        assert reason.startswith(start)
    async with store.read() as session:
        case = (await Cases(session, organisation.id).by_external_id(["T-1"]))["T-1"]
    assert case.problem == "The kettle leaks,\nand it is new"
    assert (case.frustration, case.cost, case.currency) == (3, 24.5, "GBP")
    assert case.outcome == Outcome(csat=5, reopened=False)
    assert case.resolved_at == datetime(2026, 10, 1, 9, tzinfo=UTC)


async def test_the_same_file_twice_leaves_each_case_once(
    store: Store, organisation: Organisation, counting: Counting
) -> None:
    await take(store, counting, organisation, CSV)
    again = await take(store, counting, organisation, CSV)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 2)
    assert counting.seen == 2
    async with store.read() as session:
        assert await Cases(session, organisation.id).count() == 2


async def test_rows_without_an_id_are_known_by_their_words(
    store: Store, organisation: Organisation, counting: Counting
) -> None:
    rows = "problem\nThe kettle leaks\nThe kettle leaks\nThe toaster burns\n"
    await take(store, counting, organisation, rows)
    await take(store, counting, organisation, rows)
    async with store.read() as session:
        assert await Cases(session, organisation.id).count() == 2


async def test_changed_facts_are_written_without_embedding_again(
    store: Store, organisation: Organisation, counting: Counting
) -> None:
    await take(store, counting, organisation, "external_id,problem,csat\nT-1,The kettle leaks,2\n")
    report = await take(store, counting, organisation, "external_id,problem,csat\nT-1,The kettle leaks,5\n")
    assert (report.added, report.changed, report.unchanged) == (0, 1, 0)
    assert counting.seen == 1
    report = await take(store, counting, organisation, "external_id,problem,csat\nT-1,The kettle burst,5\n")
    assert report.changed == 1
    assert counting.seen == 2


async def test_a_killed_import_goes_on_where_it_was(
    store: Store, organisation: Organisation, counting: Counting
) -> None:
    rows = "external_id,problem\n" + "".join(f"T-{i},kettle number {i} leaks\n" for i in range(3 * BATCH))

    class Killed(Exception):
        pass

    def kill(line: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        await import_cases(store, counting, organisation.id, read_rows(io.StringIO(rows), "csv"), NOW, kill)
    report = await take(store, counting, organisation, rows)
    assert (report.added, report.unchanged) == (2 * BATCH, BATCH)
    assert counting.seen == 3 * BATCH
    async with store.read() as session:
        cases = Cases(session, organisation.id)
        assert await cases.count() == 3 * BATCH
        assert await cases.without_vector("bag", 10) == []


async def test_jsonl(store: Store, organisation: Organisation, counting: Counting) -> None:
    rows = [
        json.dumps({"id": 7, "problem": "The kettle leaks", "outcome": {"kept": True}, "cost": 3, "remedy": None}),
        "",
        "{not json",
        "[1]",
        json.dumps({"problem": ["a"]}),
        json.dumps({"problem": "x" * 20_001}),
        json.dumps({"problem": "y", "outcome": "good"}),
        json.dumps({"problem": "y", "cost": True}),
        json.dumps({"problem": "y", "cost": float("nan")}),
    ]
    report = await take(store, counting, organisation, "\n".join(rows), "jsonl")
    assert report.added == 1
    assert [r.line for r in report.rejected] == [3, 4, 5, 6, 7, 8, 9]
    assert report.rejected[0] == Rejected(3, "not JSON: Expecting property name enclosed in double quotes at column 2")
    async with store.read() as session:
        (case,) = (await Cases(session, organisation.id).by_external_id(["7"])).values()
    assert case.outcome == Outcome(kept=True)


def test_personal_data_is_replaced_before_anything_is_stored() -> None:
    case = case_from_row(
        {
            "problem": "Write to ada.lovelace@example.com or call +44 20 7946 0958, card 4111 1111 1111 1111.",
            "summary": "Called +44 20 7946 0958 back.",
            "note": "",
        }
    )
    told = case.problem + case.summary + str(case.external_id)
    assert [secret for secret in ("ada.lovelace", "7946", "4111") if secret in told] == []


def test_a_summary_is_made_of_facts_where_none_is_given() -> None:
    case = case_from_row(
        {"problem": "It leaks!", "failure": "quality", "product": "kettle", "remedy": "partial_refund"}
        | {"cost": "5", "currency": "EUR"}
    )  # fmt: skip
    assert case.summary == "Quality below what was expected (kettle). Remedy: partial refund, 5.00 EUR."


@pytest.mark.parametrize("row", [{}, {"problem": " "}, {"problem": None}, {"problem": 5}, {"problem": "\x00"}])
def test_a_row_without_a_problem_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        case_from_row(row)


async def test_organisations_may_use_the_same_ids(
    store: Store, two_organisations: tuple[Organisation, Organisation], counting: Counting
) -> None:
    for organisation in two_organisations:
        report = await take(store, counting, organisation, "external_id,problem\nT-1,The kettle leaks\n")
        assert report.added == 1


async def test_one_batch_with_one_id_twice(store: Store, organisation: Organisation, counting: Counting) -> None:
    first, last = (case_from_row({"external_id": "T-1", "problem": p}) for p in ("one", "two"))
    report = await store_cases(store, counting, organisation.id, [first, last], NOW)
    assert report.added == 1
    async with store.read() as session:
        assert (await Cases(session, organisation.id).by_external_id(["T-1"]))["T-1"].problem == "two"


async def test_articles(store: Store, organisation: Organisation) -> None:
    rows = [
        {"external_id": "a", "title": "Returns", "text": "60 days.", "url": "https://help.example.com/returns"},
        {"title": "Refunds", "text": "3 days.", "kind": "saved_reply"},
        {"title": "No text"},
        {"title": "T", "text": "x", "kind": "poem"},
        {"title": "T", "text": "x", "url": "javascript:alert(1)"},
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    for added, unchanged in ((2, 0), (0, 2)):
        report = await import_articles(store, organisation.id, read_rows(io.StringIO(text), "jsonl"), NOW)
        assert (report.added, report.changed, report.unchanged) == (added, 0, unchanged)
        assert [r.line for r in report.rejected] == [3, 4, 5]
    async with store.read() as session:
        assert [a.title for a in await Articles(session, organisation.id).all()] == ["Returns", "Refunds"]
