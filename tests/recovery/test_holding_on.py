"""What a customer can hold on to: each draft ends in an offer, a question, a next step, thanks, or who takes over."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.recovery.conftest import NOW, make_score, make_situation
from triage.cases.values import Article
from triage.recovery.compose import Composer
from triage.recovery.guard import failed
from triage.recovery.plan import plan
from triage.recovery.turn import odd
from triage.recovery.values import Brand, Customer, Draft, Money, Remedy, Situation, Turn

ORDER: dict[str, Any] = {"number": "FT-20418", "item": "Fernlea enamel kettle, 2 pieces", "status": "delivered"}


def draft(situation: Situation) -> Draft:
    made = Composer().draft(situation)
    assert made is not None
    assert failed(made.checks) == ()
    return made


@pytest.mark.parametrize("channel", ["email", "chat", "sms", "form", "phone"])
@pytest.mark.parametrize("tone", [None, "brief", "formal"])
@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("The kettle has not come and nobody answers.", "late_or_missing"),
        ("You closed my account and I cannot get in.", "account_access"),
        ("Do you sell the lid by itself?", "request"),
        ("Cancel my subscription.", "request"),
    ],
)
def test_a_draft_without_an_offer_says_what_happens_next(channel: Any, tone: str, text: str, failure: str) -> None:
    d = draft(make_situation(text, failure=failure, channel=channel, tone=tone, order={"number": "FT-20418"}))
    assert d.options == ()
    assert d.placeholders == ("next_update",)
    body = d.text[: d.sections[-1].start] if d.sections[-1].name == "close" else d.text
    assert re.search(r"\[\[next_update\]\][^\n]*$", body.strip())


def test_a_photo_is_asked_for_where_it_would_open_a_remedy(situation: Callable[..., Situation]) -> None:
    remedies = [Remedy("refund", "Refund of the item", Money("48.00", "EUR"), when="order.photos_on_file > 0")]
    cracked = situation("The kettle came cracked.", order=ORDER | {"photos_on_file": 0}, remedies=remedies)
    assert plan(cracked).evidence == "a photo"
    assert "photo" in draft(cracked).text
    on_its_way = replace(cracked, order={**cracked.order, "status": "in transit"})
    assert plan(on_its_way).evidence is None
    late = replace(cracked, text="The kettle came five days late and I had to wait.")
    assert plan(late).evidence is None
    closed = replace(cracked, remedies=[replace(remedies[0], when="order.photos_on_file > 0 && order.stock > 0")])
    assert plan(closed).evidence is None


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ({"next_van_at": "2026-05-09T08:00:00+02:00"}, ("the next van", "9 May")),
        ({"part_confirmed_at": "2026-05-12T08:00:00+02:00"}, ("the part", "12 May")),
        ({"promised_at": "2026-05-08T08:00:00+02:00"}, ("the delivery", "8 May")),
        (
            {"promised_at": "2026-05-08T08:00:00+02:00", "next_van_at": "2026-05-07T08:00:00+02:00"},
            ("the next van", "7 May"),
        ),
        ({"promised_at": "2026-05-02T08:00:00+02:00"}, None),
        ({"warranty_until": "2026-05-20T08:00:00+02:00"}, None),
        ({"express_cutoff_at": "2026-05-07T08:00:00+02:00"}, None),
        ({"departs_at": "2026-05-20T08:00:00+02:00"}, None),
        ({"promised_at": "soon"}, None),
    ],
)
def test_a_day_to_come_is_told_from_the_records(order: dict[str, Any], told: tuple[str, str] | None) -> None:
    due = plan(make_situation("My kettle has not come, where is it?", failure="late_or_missing", order=order)).due
    assert (due and (due.what, due.day)) == told


@pytest.mark.parametrize(("before", "words"), [(0, None), (1, "before this"), (5, "five")])
def test_our_silence_is_named(before: int, words: str | None) -> None:
    history = [Turn("agent", "Hello, we will look.", NOW), *[Turn("customer", "Hello? My kettle.", NOW)] * before]
    text = draft(make_situation("The kettle still leaks.", failure="defect_or_outage", history=history)).text
    assert (words in text) if words else "before this" not in text


@pytest.mark.parametrize(
    ("text", "last", "tone"),
    [
        ("Go for it, cheers", "It would be £34. Shall they go ahead?", "consent"),
        ("sound ta", "The tens are set aside for you.", "thanks"),
        ("They fit!! Thank you, you're a good one.", "The right ones are in today's post.", "thanks"),
        ("Thanks, but the lid is still missing.", "It is in today's post.", None),
        ("Thanks. When will it come?", "It is in today's post.", None),
    ],
)
def test_thanks_and_a_yes_are_no_complaint(text: str, last: str, tone: str | None) -> None:
    remedies = [Remedy("refund", "Refund of the item", Money("48.00", "EUR"))]
    s = make_situation(text, order=ORDER, remedies=remedies, history=[Turn("agent", last, NOW)])
    s = replace(s, score=make_score("request", frustration=0, urgency=0))
    p = plan(s)
    assert (p.tone if p.tone in ("thanks", "consent") else None) == tone
    if tone:
        d = draft(s)
        assert d.kind == "no_failure"
        assert d.options == ()
        assert not re.search(r"sorry|apolog", d.text)


def test_bitter_praise_is_a_complaint() -> None:
    text = "Thanks for the great service, my mum's 70th birthday is ruined."
    angry = replace(make_situation(text), score=make_score("praise", frustration=4))
    assert plan(replace(angry, score=replace(angry.score, failure={"praise": 0.4, "quality": 0.6}))).kind == "failure"


@pytest.mark.parametrize(
    ("text", "topic", "advice"),
    [
        ("There is a smell of gas in the porch.", "gas", "switches"),
        ("We used the camping stove in the tent and I can't keep her awake.", "carbon_monoxide", "fresh air"),
        ("My son's lips are swelling after the cake.", "breathing", "emergency services"),
        ("The lamp is sparking when I touch it.", "electric", "mains"),
        ("The battery is smoking.", "fire", "fire service"),
        ("The blade bit flew off and went through the window.", "breakage", "do not use it again"),
    ],
)
def test_each_danger_has_its_own_advice_first(text: str, topic: str, advice: str) -> None:
    s = make_situation(text, failure="defect_or_outage")
    d = draft(s)
    assert (d.kind, plan(s).danger) == ("safety", topic)
    first = next(x for x in d.sections if x.name == "safety")
    assert advice in d.text[first.start : first.end]


def test_a_danger_is_answered_from_the_companys_own_article() -> None:
    gas = Article(
        "gas", "If you smell gas near a grill", "Turn the grill off and close the valve. Ring 999 from outside."
    )
    d = draft(make_situation("I smell gas near the grill, is that dangerous?", articles=[gas]))
    assert "close the valve" in d.text
    assert any(c.source.ref == "gas" for x in d.sections for c in x.claims)


@pytest.mark.parametrize(
    ("signals", "kind"),
    [(("data_request",), "restricted"), (("self_harm",), "safety"), (("chargeback",), "restricted"), ((), "failure")],
)
def test_signals_decide_too(signals: tuple[str, ...], kind: str) -> None:
    assert (
        plan(make_situation("It never came and nobody answers.", failure="late_or_missing", signals=signals)).kind
        == kind
    )


def test_a_chargeback_that_is_only_threatened_is_still_a_failure() -> None:
    text = "If it does not come I will go to the card people, it never came."
    s = make_situation(text, failure="late_or_missing", signals=("chargeback",))
    assert plan(s).kind == "failure"
    assert plan(s).suggest_sender == "lead"


@pytest.mark.parametrize(
    ("item", "text", "thing"),
    [
        ("Fernlea cake stand, 9 pieces", "Where are my stands?", "your cake stands"),
        ("Narcissus white, 2000 bulbs", "The white bulbs are yellow and wrong.", "your bulbs"),
        ("Harl spoon rest, sage", "The spoon rest is the wrong colour.", "your spoon rest"),
        ("Emberlow patio heater with regulator", "The heater never came.", "your patio heater"),
        ("Potting Box", "My box never came.", "your Potting Box"),
        ("Larch summer house", "It never came and nobody answers.", "your order"),
    ],
)
def test_the_item_is_named_as_people_name_it(item: str, text: str, thing: str) -> None:
    order = {"number": "FT-1", "item": item}
    assert plan(make_situation(text, failure="damaged_or_wrong", order=order)).thing == thing


def test_a_refund_that_we_wrote_of_is_not_offered_again(situation: Callable[..., Situation]) -> None:
    remedies = [Remedy("refund", "Full refund of the item", when='order.status == "returned"')]
    said = [Turn("agent", "The refund was issued today.", NOW)]
    s = situation("There is nothing on my card.", failure="billing", order={"status": "returned"}, remedies=remedies)
    assert [d.remedy.id for d in plan(s).offers] == ["refund"]
    assert plan(replace(s, history=said)).offers == ()


def test_what_was_asked_for_comes_first_and_what_a_lead_allows_last(situation: Callable[..., Situation]) -> None:
    remedies = [
        Remedy("big", "Full refund of the order", needs_approval=True),
        Remedy("fee", "Refund of the delivery fee"),
        Remedy("repair", "Free collection and repair"),
    ]
    s = situation("It never worked. I want it collected and repaired.", failure="defect_or_outage", remedies=remedies)
    assert [d.remedy.id for d in plan(s).offers] == ["repair", "fee", "big"]


@pytest.mark.parametrize(
    ("label", "amount", "value"),
    [
        ("Refund of the item", "18.00", "18.00"),
        ("Refund of the item", "80.00", "48.00"),
        ("Refund of the item", "unknown", "48.00"),
        ("A credit for your next order", "18.00", "48.00"),
    ],
)
def test_no_refund_is_over_what_was_paid(label: str, amount: str, value: str) -> None:
    order = ORDER | {"amount": amount, "currency": "EUR"}
    remedies = [Remedy("r", label, Money("48.00", "EUR"))]
    d = draft(make_situation("The kettle came broken.", failure="damaged_or_wrong", order=order, remedies=remedies))
    assert d.options[0].value == Money(value, "EUR")


@pytest.mark.parametrize(
    ("name", "reply", "greeting"),
    [
        ("Wilhelmina Straker", "Dear Ms Straker, your stove is here.", "Dear Ms Straker,"),
        ("Oluwaseun Bakare", "Hi Seun, all good.", "Dear Seun,"),
        ("Mrs Ashby", "Dear Mr Ashby, your bill.", "Dear Mrs Ashby,"),
        ("Ingrid Solheim", "Dear Deji, a note for you.", "Dear Ingrid,"),
    ],
)
def test_people_are_called_as_our_last_reply_called_them(name: str, reply: str, greeting: str) -> None:
    s = make_situation("It leaks again.", customer=Customer(name), history=[Turn("agent", reply, NOW)])
    assert draft(s).text.startswith(greeting)


def test_a_brands_greeting_reads_well_without_a_name() -> None:
    s = make_situation("It leaks again.", customer=Customer(None), brand=Brand("Fjelltopp", "Hello {name},"))
    assert draft(s).text.startswith("Hello,\n")


def test_a_loss_is_spoken_to_first() -> None:
    text = "My mother, Constance, died on 2 May. You keep sending her bills and nobody answers."
    d = draft(make_situation(text, failure="billing"))
    assert re.search(r"loss|condolences", d.text.split("\n\n")[1].split(".")[0])


@pytest.mark.parametrize(
    "turned",
    [
        "you would not recommend we",
        "all of it, refund every penny",
        "you asked",
        "got sum1 elses parcel",
        'our site says "free',
        "after insisting that it was not acceptable",
        "a voicemail meant for somebody else, and nothing",
        "the box box",
        "you waited and",
        "NO VAN CAME AGAIN",
    ],
)
def test_what_reads_wrongly_is_left_out(turned: str) -> None:
    assert odd(turned)


@pytest.mark.parametrize(
    "turned",
    ["your kettle arrived on 9th May", "nobody answered", "we sent you the wrong charger", "you fly on booking T8KM4Q"],
)
def test_what_reads_well_stays(turned: str) -> None:
    assert not odd(turned)
