"""Replays against brute force, and what the report says of small known days."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from doubles import WordScorer
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from triage import cli
from triage.cases.importing import Rejected
from triage.errors import Invalid
from triage.priority import Facts, prioritise
from triage.replay import Placed, Ticket, find_slots, place, read_tickets, replay, serve, show
from triage.scoring.values import FAILURES, FRUSTRATION_LEVELS, URGENCY_LEVELS, Ordinal, Score

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def make(id: str, urgency: int, created: float, replied: float | None = None, own: float | None = None) -> Placed:
    def levels(index: int) -> tuple[float, ...]:
        return tuple(float(i == index) for i in range(5))

    score = Score(
        "en",
        Ordinal(levels(0), FRUSTRATION_LEVELS),
        Ordinal(levels(urgency), URGENCY_LEVELS),
        {code: float(code == "other") for code in FAILURES},
        "test@0",
    )
    ticket = Ticket(id, f"text of {id}", at(created), None if replied is None else at(replied), own)
    return Placed(ticket, score, prioritise(score, Facts(), ticket.created_at))


def brute_force(arrivals, keys, slots):
    served = [None] * len(arrivals)
    for slot in slots:
        waiting = [i for i, a in enumerate(arrivals) if served[i] is None and a <= slot]
        if waiting:
            served[min(waiting, key=lambda i: (keys[i], arrivals[i], i))] = slot
    return served


minutes = st.integers(0, 60).map(at)
days = st.lists(st.tuples(minutes, st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12)


@given(days, st.lists(minutes, max_size=15).map(sorted))
def test_serving_is_what_a_patient_clerk_would_do(day, slots) -> None:
    arrivals, keys = [a for a, _, _ in day], [k for _, k, _ in day]
    assert serve(arrivals, keys, slots) == brute_force(arrivals, keys, slots)


@given(days, st.lists(minutes, max_size=15).map(sorted))
def test_every_order_uses_the_same_moments(day, slots) -> None:
    arrivals = [a for a, _, _ in day]
    ours = serve(arrivals, [k for _, k, _ in day], slots)
    theirs = serve(arrivals, [k for _, _, k in day], slots)
    assert sorted(filter(None, ours)) == sorted(filter(None, theirs))


@given(days)
def test_nobody_is_served_before_writing_and_endless_slots_serve_all(day) -> None:
    arrivals = [a for a, _, _ in day]
    tickets = [Ticket(str(i), "x", a) for i, a in enumerate(arrivals)]
    slots, words = find_slots(tickets, 7.0)
    served = serve(arrivals, [k for _, k, _ in day], slots)
    assert all(s is not None and s >= a for s, a in zip(served, arrivals, strict=True))
    assert words.startswith("assumed: 7")


def test_a_known_day() -> None:
    """Three tickets, answered in the order they came; the critical one came last and waited longest."""
    report = replay([make("low", 1, 0, 10, own=3), make("medium", 2, 1, 20, own=1), make("critical", 4, 2, 60, own=2)])
    waits = {name: (w.p50, w.late) for name, w in report.urgent_waits.items()}
    assert waits == {
        "amends": (8 * 60, 0),
        "fifo": (58 * 60, 1),
        "own": (18 * 60, 1),
        "recorded": (58 * 60, 1),
    }
    assert report.other_waits["amends"].longest == 60 * 60
    assert (report.tickets, report.urgent, report.alarms, report.days) == (3, 1, 1, 1.0)
    assert [(s.id, s.wait, s.wait_before) for s in report.sooner] == [("critical", 480, 3480)]
    assert report.compared_with == "recorded"


def test_who_was_never_answered_waits_to_the_end() -> None:
    report = replay([make("a", 3, 0), make("b", 1, 0, 30), make("c", 1, 40, 50)])
    assert report.urgent_waits["recorded"].unserved == 1
    assert report.urgent_waits["recorded"].p50 == 50 * 60
    assert (report.urgent_waits["amends"].unserved, report.urgent_waits["amends"].p50) == (0, 30 * 60)
    assert report.other_waits["amends"].unserved == 1


def test_without_recorded_replies_a_rate_is_assumed_and_said() -> None:
    report = replay([make(str(i), i % 5, 30 * i) for i in range(21)])
    assert set(report.urgent_waits) == {"amends", "fifo"}
    assert report.capacity == "assumed: 2.31 first replies an hour, day and night"
    assert report.urgent_waits["amends"].p90 <= report.urgent_waits["fifo"].p90


def test_percentiles_are_those_of_the_sorted_waits() -> None:
    report = replay([make(str(i), 4, 0, 10 * (i + 1)) for i in range(11)])
    w = report.urgent_waits["fifo"]
    assert (w.p50, w.p90, w.longest) == (60 * 60, 100 * 60, 110 * 60)


def test_nothing_to_replay_is_told() -> None:
    with pytest.raises(Invalid):
        replay([])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "x"}, "text and created_at are needed"),
        ({"text": " ", "created_at": "2026-03-02"}, "text and created_at are needed"),
        ({"text": "x", "created_at": "yesterday"}, "created_at is no ISO 8601 time"),
        (
            {"text": "x", "created_at": "2026-03-02T10:00", "first_reply_at": "2026-03-02T09:00"},
            "first_reply_at lies before created_at",
        ),
    ],
)
def test_a_bad_row_says_what_is_wrong(row, reason) -> None:
    assert read_tickets([(7, row)]) == ([], [Rejected(7, reason)])


@pytest.mark.parametrize(
    ("priority", "one_is_highest", "own"),
    [
        ("Urgent", False, 4),
        ("P2", False, 3),
        ("3 normal", False, 2),
        ("low", False, 1),
        ("odd word", False, 2),
        ("4", False, 4),
        (1, True, -1),
        ("", False, None),
        (None, False, None),
    ],
)
def test_priorities_in_usual_words_and_numbers(priority, one_is_highest, own) -> None:
    row = {"text": "x", "created_at": "2026-03-02T09:00:00Z", "priority": priority}
    ([ticket], _) = read_tickets([(1, row)], one_is_highest=one_is_highest)
    assert (ticket.own, ticket.created_at) == (own, START)


def test_contacts_of_the_week_before_count() -> None:
    rows = [
        (i, {"text": "where is my order?", "created_at": at(1440 * d).isoformat(), "customer": "c1", "id": i})
        for i, d in enumerate([0, 1, 6, 30])
    ]
    placed = place(read_tickets(rows)[0], WordScorer())
    repeated = [next((r.text for r in p.priority.reasons if r.code == "repeated"), None) for p in placed]
    assert repeated == [None, "1 earlier contact this week", "2 earlier contacts this week", None]


def test_the_report_can_be_shown_whatever_the_tickets_say() -> None:
    console = Console(width=200, file=io.StringIO())
    odd = make("[red]", 4, 2, 60)
    console.print(show(replay([make("low", 1, 0, 10), odd], rejected=[Rejected(3, "[/nope]")])))
    text = console.file.getvalue()
    assert "[red]" in text
    assert "as it was" in text


def test_the_command_prints_json_and_tells_of_bad_rows(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cli, "_scorer", WordScorer)
    file = tmp_path / "tickets.csv"
    file.write_text(
        "id,text,created_at,first_reply_at,priority\n"
        "a,How do I change my address?,2026-03-02T09:00:00Z,2026-03-02T09:30:00Z,high\n"
        "b,The battery is on fire and smoke fills the room!,2026-03-02T09:01:00Z,2026-03-02T11:00:00Z,low\n"
        "c,no time,,,\n"
    )
    result = CliRunner().invoke(cli.app, ["replay", str(file), "--json"])
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["rejected"] == [{"line": 4, "reason": "text and created_at are needed"}]
    assert (report["tickets"], report["urgent"], report["sooner"][0]["id"]) == (2, 1, "b")
    assert report["urgent_waits"]["amends"]["p50_seconds"] == 29 * 60
    assert CliRunner().invoke(cli.app, ["replay", str(file)]).exit_code == 1
