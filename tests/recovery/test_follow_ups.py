from datetime import datetime

import pytest

from triage.recovery.follow_ups import promises

SENT = datetime.fromisoformat("2026-05-06T10:00:00+02:00")  # a Wednesday


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("I will write to you by Friday.", "2026-05-08T17:00"),
        ("We'll ring you tomorrow at 10.", "2026-05-07T10:00"),
        ("I'll call you today at 4 pm.", "2026-05-06T16:00"),
        ("I’ll call you at 3:30 pm.", "2026-05-06T15:30"),
        ("My colleague will email you on 12 May.", "2026-05-12T17:00"),
        ("I will get back to you within two hours.", "2026-05-06T12:00"),
        ("You will hear from me by noon tomorrow.", "2026-05-07T12:00"),
        ("We will send it within 3 working days.", "2026-05-11T10:00"),
        ("I will let you know next week.", "2026-05-15T17:00"),
        ("We will update you by 2026-05-20.", "2026-05-20T17:00"),
        ("I will write again on May 9th.", "2026-05-09T17:00"),
        ("I will report back to you on Wednesday.", "2026-05-06T17:00"),
        ("I will come back to you next Monday.", "2026-05-11T17:00"),
        ("I will be in touch.", "2026-05-08T10:00"),
        ("I will write to you by 3 January.", "2027-01-03T17:00"),
        ("You will have it back by Friday.", "2026-05-08T17:00"),
        ("The refund will be on your card by 12 May.", "2026-05-12T17:00"),
        ("Your kettle will reach you within 3 working days.", "2026-05-11T10:00"),
        ("The van will be there tomorrow at 10.", "2026-05-07T10:00"),
    ],
)
def test_promises_fall_due(text: str, due: str) -> None:
    found = promises(f"Dear Ingrid, thank you.\n\n{text} Kind regards", SENT)
    assert [(p.text, p.due_at.isoformat()[:16]) for p in found] == [(text, due)]


@pytest.mark.parametrize(
    "text",
    [
        "Please write to us by Friday.",
        "You wrote that we would call you on Monday.",
        "Your parcel arrived on 12 May.",
        "Shall I call you tomorrow?",
        "I cannot call you before Monday.",
        "We promised to ring you on Tuesday and did not.",
        "You were told that somebody will call you today.",
        "The shop is open until 6 pm.",
        "I might write to you tomorrow.",
        "I would call you by Friday if I could.",
        "I will not write to you again.",
        "I will only call this settled when you tell me it is.",
        "The offer ends on Friday.",
        "It will be back.",
        "In our records I can see the delivery for 12 May.",
    ],
)
def test_what_is_no_promise(text: str) -> None:
    assert promises(text, SENT) == []


def test_several_promises_keep_their_order() -> None:
    text = "I will write to you tomorrow. On Monday the shop is closed. My manager will call you on Friday at 9:15."
    assert [p.due_at.day for p in promises(text, SENT)] == [7, 8]


def test_a_promise_by_an_impossible_date_falls_due_like_one_without() -> None:
    found = promises("I will write to you by 31 February.", SENT, default_days=3)
    assert [p.due_at.isoformat()[:16] for p in found] == ["2026-05-09T10:00"]
