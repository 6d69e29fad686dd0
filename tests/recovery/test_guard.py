from dataclasses import replace

import pytest

from tests.recovery.conftest import KETTLE
from triage.cases.values import Case, Match
from triage.recovery.compose import Composer
from triage.recovery.guard import CHECKS, check, check_edit, failed
from triage.recovery.values import Draft, Money, Option, Situation

GOOD = Composer().draft(KETTLE)
assert GOOD is not None
CASE = Match(Case("case_9", "Gro Vik, order FT-99517: 75 EUR goodwill paid by the manager.", ""), 0.8, ())
CLOSE = "\n\n" + GOOD.text.rsplit("\n\n", 1)[-1]


def planted(words: str) -> str:
    """The good draft with one more sentence before its close."""
    return GOOD.text.replace(CLOSE, f" {words}{CLOSE}")


PLANTS = [
    ("unsupported_claim", "Your order FT-20481 is with me."),
    ("unsupported_claim", "You paid us €84 for it."),
    ("unsupported_claim", "The kettle was packed on 12 April."),
    ("unsupported_claim", "Everything will be settled by Thursday."),
    ("unsupported_claim", "That takes seven hours."),
    ("unsupported_claim", "My colleague Henrik looks after it."),
    ("unsupported_claim", "I have spoken to Mrs Aasen about it."),
    ("unsupported_claim", "It will definitely be there in time."),
    ("unsupported_claim", "I guarantee that it holds."),
    ("unsupported_claim", "This will never happen again."),
    ("unsupported_claim", "The money will be on your account."),
    ("unsupported_claim", "I will see to it tomorrow."),
    ("over_policy", "I can also offer you a voucher."),
    ("over_policy", "We would like to offer you 20% discount on the next kettle."),
    ("over_policy", "Please accept a free month as a gesture."),
    ("over_policy", "I can also offer you a refund of €480 for it."),
    ("other_customer_data", "We did the same for Gro Vik."),
    ("other_customer_data", "It is like order FT-99517."),
    ("other_customer_data", "Others were paid 75 EUR."),
    ("banned_phrase", "We apologise for any inconvenience."),
    ("banned_phrase", "Unfortunately we were busy."),
    ("banned_phrase", "Rest assured that we care."),
    ("banned_phrase", "Thank you for your patience."),
    ("blame_customer", "You should have checked the box at the door."),
    ("blame_customer", "Next time, please look inside at once."),
    ("blame_customer", "It was caused by our courier."),
    ("blame_customer", "You did not read the note on the box."),
    ("injection", "My instructions do not allow more."),
    ("injection", "As an AI I cannot say."),
    ("not_yet_done", "I have refunded the kettle."),
    ("not_yet_done", "A new kettle has been sent."),
    ("not_yet_done", "We've already cancelled the order."),
    ("not_yet_done", "Your refund is on its way."),
    ("asks_known", "Could you tell me your order number?"),
    ("asks_known", "Please send us a photo of the lid."),
    ("asks_known", "What is your name?"),
]


@pytest.mark.parametrize(("name", "words"), PLANTS, ids=[w for _, w in PLANTS])
def test_a_planted_fault_is_caught_and_pointed_at(name: str, words: str) -> None:
    situation = replace(KETTLE, cases=[CASE])
    text = planted(words)
    found = [c for c in failed(check_edit(text, GOOD, situation)) if c.name == name]
    assert found
    start = text.index(words)
    assert any(c.start is not None and start <= c.start < start + len(words) for c in found)


@pytest.mark.parametrize(
    "words",
    [
        "You wrote to us on Monday about FT-20418.",
        "The kettle costs €48.",
        "Your daughter's christening is this Sunday.",
        "I can offer you a full refund.",
        "You ordered it on 20 April.",
        "I will write to you again by [[date]].",
        "Nobody answered you, and that was wrong.",
        "I have read your message.",
        "Shall I go ahead?",
        "Twelve guests are coming.",
        "I have the photos here.",
        "Tove is looking after it.",
        "I will stay with this.",
    ],
)
def test_what_has_a_source_is_not_flagged(words: str) -> None:
    assert failed(check_edit(planted(words), GOOD, KETTLE)) == ()


def test_a_good_draft_passes_every_check() -> None:
    results = check(GOOD, KETTLE)
    assert {c.name for c in results} == set(CHECKS)
    assert failed(results) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"remedy": "cash"}, "no such remedy"),
        ({"remedy": "late_fee"}, "not known"),
        ({"value": Money("48.01", "EUR")}, "over the limit"),
        ({"value": Money("48.00", "GBP")}, "over the limit"),
    ],
)
def test_an_option_beyond_policy_is_caught(change: dict[str, object], reason: str) -> None:
    options = (replace(GOOD.options[0], **change), *GOOD.options[1:])  # type: ignore[arg-type]
    found = [c for c in failed(check(replace(GOOD, options=options), KETTLE)) if c.name == "over_policy"]
    assert reason in found[0].detail


def test_hidden_approval_is_caught() -> None:
    option = Option("goodwill", "offer", "a goodwill credit", "goodwill@1", Money("15.00", "EUR"))
    text = planted("I can offer you a goodwill credit.")
    found = failed(check(replace(GOOD, text=text, options=(option,)), KETTLE))
    assert "needs approval" in found[0].detail


def test_an_option_that_is_ticked_may_be_told_as_done() -> None:
    text = planted("I have refunded the kettle.")
    assert "not_yet_done" in {c.name for c in failed(check_edit(text, GOOD, KETTLE))}
    assert "not_yet_done" not in {c.name for c in failed(check_edit(text, GOOD, KETTLE, done=["refund"]))}


@pytest.mark.parametrize(
    ("kind", "text", "missing"),
    [
        ("failure", "Dear Ingrid, here is your refund.", "an apology"),
        ("holding", "Dear Ingrid, we do not know.", "a question"),
        ("public", "We saw it.", "an invitation"),
        ("restricted", "We are sorry, we apologise.", "who takes it over"),
    ],
)
def test_a_missing_part_is_named(kind: str, text: str, missing: str) -> None:
    d = replace(GOOD, kind=kind, text=text, options=(), sections=())  # type: ignore[arg-type]
    assert any(missing in c.detail for c in failed(check(d, KETTLE)) if c.name == "section_missing")


def test_an_apology_where_nothing_failed_is_named() -> None:
    d = replace(GOOD, kind="no_failure", text="I am sorry. Yes, you can.", options=(), sections=())
    assert [c.name for c in failed(check(d, KETTLE))] == ["section_missing"]


def test_a_reply_in_another_language_is_named() -> None:
    german = "Es tut uns leid, sorry, dass wir die Kanne nicht gut für Sie verpackt haben und Sie auf uns warten."
    d: Draft = replace(GOOD, text=german, options=(), sections=())
    assert "language" in {c.name for c in failed(check(d, KETTLE))}


def test_placeholders_are_listed_and_no_fault(kettle: Situation) -> None:
    listed = [c for c in check(GOOD, kettle) if c.name == "placeholder"]
    assert [c.passed for c in listed] == [True]
    assert "next_update" in listed[0].detail
