"""Truth tables of personal data, what only looks like it, and the way back."""

import random
import re

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import iban, luhn
from stdnum.iso7064 import mod_97_10

from triage.messages.personal import KnownFields, Pseudonyms, find, pseudonymise, redact, scrub

# (text, what is found as (words, kind))
FOUND = [
    ("info@example.com", [("info@example.com", "email")]),
    ("my address is jane.doe+shop@mail.example.com.", [("jane.doe+shop@mail.example.com", "email")]),
    ("(jane_doe@example.com), please", [("jane_doe@example.com", "email")]),
    ("mailto:jane@example.com", [("jane@example.com", "email")]),
    ("from <jane@example.com> and bob@example.com", [("jane@example.com", "email"), ("bob@example.com", "email")]),
    ("jörg@müller.example.com", [("jörg@müller.example.com", "email")]),
    ("JANE@EXAMPLE.COM", [("JANE@EXAMPLE.COM", "email")]),
    ("jane at example dot com", [("jane at example dot com", "email")]),
    ("jane (at) example (dot) com", [("jane (at) example (dot) com", "email")]),
    ("jane[at]example.com", [("jane[at]example.com", "email")]),
    ("+44 20 7946 0958", [("+44 20 7946 0958", "phone")]),
    ("call +1 212 555 0142 now", [("+1 212 555 0142", "phone")]),
    ("+49 30 901820", [("+49 30 901820", "phone")]),
    ("+33612345678", [("+33612345678", "phone")]),
    ("call me on 07911 123456", [("07911 123456", "phone")]),
    ("Tel. 030 901820", [("030 901820", "phone")]),
    ("my number is 2125550142", [("2125550142", "phone")]),
    ("(212) 555-0142", [("(212) 555-0142", "phone")]),
    ("212-555-0142", [("212-555-0142", "phone")]),
    ("212-555-0142 (212) 555-0143", [("212-555-0142", "phone"), ("(212) 555-0143", "phone")]),
    ("2026-11-20 212-555-0142", [("212-555-0142", "phone")]),
    ("020 7946 0958", [("020 7946 0958", "phone")]),
    ("06 12 34 56 78", [("06 12 34 56 78", "phone")]),
    ("0044 20 7946 0958", [("0044 20 7946 0958", "phone")]),
    ("you can reach me at 212.555.0142.", [("212.555.0142", "phone")]),
    ("my mobile: 0171 1234567", [("0171 1234567", "phone")]),
    ("whatsapp 07911123456 please", [("07911123456", "phone")]),
    ("4111 1111 1111 1111", [("4111 1111 1111 1111", "card")]),
    ("card 4111111111111111 was charged", [("4111111111111111", "card")]),
    ("5500-0000-0000-0004", [("5500-0000-0000-0004", "card")]),
    ("378282246310005", [("378282246310005", "card")]),
    ("6011 1111 1111 1117.", [("6011 1111 1111 1117", "card")]),
    ("3530111333300000", [("3530111333300000", "card")]),
    ("2223 0031 2200 3222", [("2223 0031 2200 3222", "card")]),
    ("DE89 3704 0044 0532 0130 00 please", [("DE89 3704 0044 0532 0130 00", "iban")]),
    ("IBAN:GB82WEST12345698765432", [("GB82WEST12345698765432", "iban")]),
    ("to fr1420041010050500013m02606", [("fr1420041010050500013m02606", "iban")]),
    ("NL91 ABNA 0417 1643 00", [("NL91 ABNA 0417 1643 00", "iban")]),
    ("from 203.0.113.7 last night", [("203.0.113.7", "ip")]),
    ("login from 2001:db8::8a2e:370:7334", [("2001:db8::8a2e:370:7334", "ip")]),
    ("jane@example.com or +44 20 7946 0958", [("jane@example.com", "email"), ("+44 20 7946 0958", "phone")]),
]  # fmt: skip

NOTHING = [
    "",
    "hello",
    "info@example.",
    "@company",
    "a @ b",
    "user@localhost",
    "meet me at example.com",
    "@ 5 pm at the dot",
    "flight 1428",
    "flight AA1428 on 12 May",
    "BA 2490",
    "order 4471009382",
    "order no. 10482-55712",
    "order #2125550142",
    "ticket 00447182206",
    "booking reference 202 555 0142",
    "tracking 1Z999AA10123456784",
    "tracking number 9400100000000000000000",
    "PNR X4K2LM",
    "invoice 2026-000123456",
    "case: 0055667788",
    "ref: 020 7946 0958",
    "2026-11-20 10:22:33",
    "20.11.2026",
    "11/20/2026",
    "20/11/2026 - 25/11/2026",
    "2019-2024",
    "20261120",
    "10:15:30",
    "from 10.05.2026 to 12.05.2026",
    "$1,234,567.00",
    "1 234 567,89 €",
    "£2,125,550,142",
    "USD 2125550142",
    "I paid 1234567890 rupees",
    "1,000,000 miles",
    "12 000 000",
    "4111 1111 1111 1112",
    "1234 5678 9012 3456",
    "4111-1111",
    "DE89 3704 0044 0532 0130 01",
    "GB82 WEST",
    "AB12 CDEF GHIJ KLMN",
    "version 10.0.19.1",
    "v2.3.4.1",
    "256.300.1.2",
    "1.2.3",
    "12:30",
    "::",
    "ratio 3:2:1",
    "room 1204, row 33, seat 14",
    "serial 0123456789012",
    "isbn 978-3-16-148410-0",
    "meter 0044 1234 5678",
    "100 200 300 4000",
]


def words(text: str, known: KnownFields | None = None) -> list[tuple[str, str]]:
    return [(text[f.start : f.end], f.kind) for f in find(text, known)]


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_found(text, expected) -> None:
    assert words(text) == expected


@pytest.mark.parametrize("text", NOTHING)
def test_only_looks_like_it(text) -> None:
    assert words(text) == []


JANE = KnownFields(("Jane van der Meer",), ("jane@example.com",), ("+44 7911 123456",), ("A-10482", "4471009382"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I am Jane van der Meer", [("Jane van der Meer", "person")]),
        ("JANE here", [("JANE", "person")]),
        ("Regards, Jane", [("Jane", "person")]),
        ("Mrs Meer's parcel", [("Meer", "person")]),
        ("a van der whatever", []),
        ("Janet and Meerkat", []),
        ("order A-10482 and a-10482", [("A-10482", "order"), ("a-10482", "order")]),
        ("order A-104821", []),
        ("order 4471009382.", [("4471009382", "order")]),
        ("ring 07911 123456", [("07911 123456", "phone")]),
        ("ring 07911-123-456", [("07911-123-456", "phone")]),
        ("447911123456", [("447911123456", "phone")]),
        ("write to jane@example.com", [("jane@example.com", "email")]),
        ("write to jane.meer@example.com", [("jane.meer@example.com", "email")]),
    ],
)
def test_what_is_known_is_found(text, expected) -> None:
    assert words(text, JANE) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Will you help? Will", [("Will", "person"), ("Will", "person")]),
        ("I will, in may", []),
        ("WILL YOUNG", ["all"]),
    ],
)
def test_names_that_are_words_count_only_as_written(text, expected) -> None:
    found = words(text, KnownFields(("Will Young",)))
    assert found == expected or (expected == ["all"] and found == [("WILL YOUNG", "person")])


def test_a_region_tells_how_numbers_are_written() -> None:
    text = "07911123456 or 2125550142"
    assert [text[f.start : f.end] for f in find(text, region="GB")] == ["07911123456"]


def make_card(rng: random.Random) -> str:
    digits = rng.choice(["4", "51", "54", "2230", "6011"])
    digits += "".join(rng.choices("0123456789", k=15 - len(digits)))
    digits += luhn.calc_check_digit(digits)
    return rng.choice([digits, " ".join(re.findall("....", digits)), "-".join(re.findall("....", digits))])


def make_iban(rng: random.Random) -> str:
    country, length = rng.choice([("DE", 18), ("AT", 16), ("BE", 12), ("PT", 21)])
    account = "".join(rng.choices("0123456789", k=length))
    check = mod_97_10.calc_check_digits(account + country)
    number = f"{country}{check}{account}"
    assert iban.is_valid(number, check_country=False)
    return rng.choice([number, " ".join(number[i : i + 4] for i in range(0, len(number), 4))])


def make_email(rng: random.Random) -> str:
    name = rng.choice(["jo", "ada.lovelace", "m_schmidt", "x-ray", "o'neil", "info+shop", "JOHN.DOE", "k9"])
    return f"{name}{rng.randint(1, 999)}@{rng.choice(['example.com', 'mail.example.com', 'my-shop.example.com'])}"


def make_phone(rng: random.Random) -> str:
    region = rng.choice(["US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU"])
    kinds = [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]
    number = phonenumbers.example_number_for_type(region, rng.choice(kinds))
    style = rng.choice(["INTERNATIONAL", "E164", "NATIONAL"])
    return phonenumbers.format_number(number, getattr(phonenumbers.PhoneNumberFormat, style))


FRAMES = [
    "Hello, this is about my bill. {} is what I gave you. Order 4471009382 from 12.05.2026.",
    "{}",
    "I paid $1,200.50 on 2026-03-02; {}, and flight AA1428 was late.",
    "Contact: {}\nThanks",
    "you have it on file ({})!",
    "please use {}.",
]
CALLED = ["call me on {}", "my number is {}", "Tel: {}\nBest", "You can reach me at {}, thanks", "text {} please"]


@pytest.mark.parametrize(
    ("kind", "make", "frames", "least"),
    [
        ("email", make_email, FRAMES, 0.99),
        ("card", make_card, FRAMES, 0.99),
        ("iban", make_iban, FRAMES, 0.98),
        ("phone", make_phone, CALLED, 0.98),
    ],
)
def test_recall_in_free_text(kind, make, frames, least) -> None:
    rng = random.Random(7)
    hits = 0
    for _ in range(500):
        value = make(rng)
        text = rng.choice(frames).format(value)
        hits += (value, kind) in words(text)
    assert hits / 500 >= least


# --- replacing ---

pieces = st.sampled_from(
    [text for text, _ in FOUND]
    + ["Jane", "<PERSON_1>", "<EMAIL_1>", "<email_2>", "< person 1 >", "<TEXT_1>", "<IP_", "A-10482", " ", "\n"]
)
texts = st.lists(pieces | st.text(max_size=20), max_size=8).map(" ".join)


@given(st.lists(texts, min_size=1, max_size=3))
def test_restoring_gives_exactly_the_text_again(several) -> None:
    pseudonyms, hidden = Pseudonyms(), []
    for text in several:
        changed, pseudonyms = pseudonymise(text, JANE, pseudonyms)
        hidden.append(changed)
    assert [pseudonyms.restore(h) for h in hidden] == several


@given(texts)
@example("212-555-0142 4111 1111 1111 1111 212-555-0142")
@example("+49 30 901820 +49 30 901820 4111 1111 1111 1111. 4111 1111 1111 1111.")
@example("my order no. 212-555-0142, call 212-555-0142")
def test_nothing_that_was_found_is_left(text) -> None:
    hidden, _ = pseudonymise(text, JANE)
    for f in find(text, JANE):
        assert not (f.end - f.start > 8 and text[f.start : f.end] in hidden)


def test_the_same_words_have_the_same_placeholder_in_every_text() -> None:
    first, pseudonyms = pseudonymise("Jane, jane@example.com", JANE)
    second, pseudonyms = pseudonymise("bob@example.com wrote to Jane", JANE, pseudonyms)
    assert (first, second) == ("<PERSON_1>, <EMAIL_1>", "<EMAIL_2> wrote to <PERSON_1>")
    assert pseudonyms.restore("Dear <PERSON_1>, dear <person 1>") == "Dear Jane, dear Jane"
    assert pseudonyms.restore("<PERSON_7> <CARD_1>") == "<PERSON_7> <CARD_1>"


def test_nobody_can_write_a_placeholder_in() -> None:
    _, pseudonyms = pseudonymise("secret@example.com")
    hidden, pseudonyms = pseudonymise("repeat <EMAIL_1> to me", None, pseudonyms)
    assert hidden == "repeat <TEXT_1> to me"
    assert pseudonyms.restore(hidden) == "repeat <EMAIL_1> to me"


def test_redacting_leaves_the_kind() -> None:
    text = "Jane (jane@example.com, 07911 123456) paid with 4111 1111 1111 1111 for A-10482"
    assert redact(text, JANE) == "<person> (<email>, <phone>) paid with <card> for <order>"


@given(texts)
def test_redacted_text_holds_no_more_data(text) -> None:
    assert find(redact(text, JANE), JANE) == []


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "unit", ["1", "1 ", "a", "a@", "a.", "1.", "a at ", "+1", "DE89 ", "(1", "f:", "4111 ", "@", "<person_1>"]
)
def test_hostile_texts_take_little_time(unit) -> None:
    text = (unit * 20_000)[:20_000]
    assert pseudonymise(text, JANE)[1].restore(pseudonymise(text, JANE)[0]) == text


# --- logs ---


def test_logs_hold_no_words_of_customers() -> None:
    event = {
        "event": "stored for jane@example.com",
        "text": "my secret words",
        "customer": {"name": "Jane"},
        "detail": {"html": "<p>my secret words</p>", "rows": [{"subject": "my secret words"}]},
        "error": ValueError("my secret words"),
        "message_id": "msg_1",
        "count": 3,
        "note": None,
    }
    cleaned = dict(scrub(None, "info", event))
    assert "secret" not in str(cleaned)
    assert "Jane" not in str(cleaned)
    assert cleaned["event"] == "stored for <email>"
    assert (cleaned["message_id"], cleaned["count"], cleaned["text"]) == ("msg_1", 3, "<15 characters>")


def test_a_logged_trace_keeps_its_lines_of_code_but_not_what_the_exception_said() -> None:
    trace = (
        "Traceback (most recent call last):\n"
        '  File "ingest.py", line 3, in write\n'
        "    session.flush()\n"
        "sqlalchemy.exc.IntegrityError: duplicate\n"
        "[parameters: ('my secret words',)]\n"
        "DETAIL: my secret words"
    )
    cleaned = str(scrub(None, "error", {"event": "failed", "exception": trace})["exception"])
    assert "secret" not in cleaned
    assert cleaned.endswith("session.flush()\nsqlalchemy.exc.IntegrityError")
