"""What is cut of a mail, what must never be, and that nothing is lost."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.messages.clean import clean
from triage.messages.values import MAX_TEXT

# (text, what is left of it without surrounding space, kinds of cuts)
CUT = [
    (
        "Where is it?\n\nOn Mon, 3 Nov 2026 at 10:12, Acme <help@example.com> wrote:\n> Hi\n> there\n",
        "Where is it?",
        ["quoted"],
    ),
    ("No.\n\nOn Mon, Nov 3, 2026 at 10:12 AM Acme Support <help@example.com>\nwrote:\n\n> Hi\n", "No.", ["quoted"]),
    ("No.\n\nOn 3 Nov 2026, at 10:12, Acme <help@example.com> wrote:\n\nWe are sorry.\nAcme", "No.", ["quoted"]),
    ("Nein.\n\nAm 3. November 2026 um 10:12 schrieb Acme <help@example.com>:\n> Hallo", "Nein.", ["quoted"]),
    ("Non.\n\nLe lun. 3 nov. 2026 à 10:12, Acme <help@example.com> a écrit :\n> Bonjour", "Non.", ["quoted"]),
    ("No.\n\nEl lun, 3 nov 2026 a las 10:12, Acme (<help@example.com>) escribió:\n> Hola", "No.", ["quoted"]),
    ("No.\n\nIl giorno lun 3 nov 2026 alle ore 10:12 Acme <help@example.com> ha scritto:\n> Ciao", "No.", ["quoted"]),
    ("Nee.\n\nOp ma 3 nov. 2026 om 10:12 schreef Acme <help@example.com>:\n> Hoi", "Nee.", ["quoted"]),
    ("No.\n\nAcme <help@example.com> wrote on 3 Nov 2026:\n> Hi", "No.", ["quoted"]),
    ("No.\n\n2026-11-03 10:12 GMT+01:00 Acme <help@example.com>:\n> Hi", "No.", ["quoted"]),
    ("No.\n\n-----Original Message-----\nFrom: Acme\nSent: Monday\nTo: Jo\n\nHi Jo", "No.", ["quoted"]),
    ("Nein.\n\n-----Ursprüngliche Nachricht-----\nVon: Acme\n\nHallo", "Nein.", ["quoted"]),
    ("Non.\n\n-----Message d'origine-----\nDe : Acme\n\nBonjour", "Non.", ["quoted"]),
    (
        "No.\n\nFrom: Acme <help@example.com>\nSent: Monday, 3 November 2026 10:12\nTo: Jo\nSubject: Re: it\n\nHi Jo",
        "No.",
        ["quoted"],
    ),
    ("No.\n\n________________________________\nFrom: Acme\nSent: Monday\nTo: Jo\nSubject: x\n\nHi", "No.", ["quoted"]),
    ("No.\n\n*From:* Acme\n*Sent:* Monday\n*To:* Jo\n\nHi", "No.", ["quoted"]),
    ("Nein.\n\nVon: Acme\nGesendet: Montag\nAn: Jo\nBetreff: AW: es\n\nHallo", "Nein.", ["quoted"]),
    ("Non.\n\nDe : Acme\nEnvoyé : lundi\nÀ : Jo\nObjet : RE: ça\n\nBonjour", "Non.", ["quoted"]),
    ("No.\n\nDe: Acme\nEnviado el: lunes\nPara: Jo\nAsunto: RE: eso\n\nHola", "No.", ["quoted"]),
    (
        "Still no.\n\n##- Please type your reply above this line -##\n\nYour request was received.",
        "Still no.",
        ["quoted"],
    ),
    ("> Where was it sent?\nTo Leeds.\n> And when?\nMonday.\n", "To Leeds.\nMonday.", ["quoted", "quoted"]),
    ("On Mon, 3 Nov 2026 at 10:12, A <a@example.com> wrote:\n> Hi\n\nMy answer is no.", "My answer is no.", ["quoted"]),
    ("No! On Mon, 3 Nov 2026 at 10:12, Acme <help@example.com> wrote: > Hi > there", "No!", ["quoted"]),
    (
        "Please see why I am angry about this.\n\n---------- Forwarded message ---------\nFrom: Bank\n\nSorry",
        "Please see why I am angry about this.",
        ["forwarded"],
    ),
    (
        "This came today and it is a scam.\n\nBegin forwarded message:\n\nFrom: B\n\nPay",
        "This came today and it is a scam.",
        ["forwarded"],
    ),
    ("It broke.\n\n-- \nJo Doe\nAcme Ltd\n", "It broke.", ["signature"]),
    ("It broke.\n\nSent from my iPhone", "It broke.", ["signature"]),
    ("It broke. Sent from my iPhone", "It broke.", ["signature"]),
    ("Kaputt.\n\nVon meinem iPhone gesendet", "Kaputt.", ["signature"]),
    ("Cassé.\n\nEnvoyé de mon iPhone", "Cassé.", ["signature"]),
    ("Roto.\n\nEnviado desde mi iPhone", "Roto.", ["signature"]),
    ("It broke.\n\nGet Outlook for Android", "It broke.", ["signature"]),
    (
        "It broke.\n\nKind regards,\nJo Doe\nHead of Sales\nAcme Ltd | +44 20 7946 0958\nwww.example.com",
        "It broke.",
        ["signature"],
    ),
    ("Kaputt.\n\nMit freundlichen Grüßen\nJo Doe", "Kaputt.", ["signature"]),
    ("Cassé.\n\nCordialement,\nJo Doe\nTél : 06 12 34 56 78", "Cassé.", ["signature"]),
    ("Roto.\n\nUn saludo,\nJo Doe", "Roto.", ["signature"]),
    (
        "It broke.\n\nThanks,\nJo Doe\n\nOn Mon, 3 Nov 2026 at 10:12, A <a@example.com> wrote:\n> Hi",
        "It broke.",
        ["signature", "quoted"],
    ),
    (
        "It broke.\n\nBest,\nJo Doe\n\nPS: my mother needs it for her insulin.",
        "It broke.\n\n\nPS: my mother needs it for her insulin.",
        ["signature"],
    ),
    (
        "It broke.\n\nThis e-mail and any attachments may contain confidential data. If you\nare not meant, delete it.",
        "It broke.",
        ["disclaimer"],
    ),
    ("[EXTERNAL] This email originated from outside the company.\n\nIt broke.", "It broke.", ["disclaimer"]),
    ("Kaputt.\n\nDiese E-Mail enthält vertrauliche Informationen.", "Kaputt.", ["disclaimer"]),
    (
        "It broke.\n\nRegards,\nJo Doe\n\nCONFIDENTIALITY NOTICE: secret things",
        "It broke.",
        ["signature", "disclaimer"],
    ),
    ("It broke.\r\n\r\n> old\r\n> words\r\n", "It broke.", ["quoted"]),
]

KEPT = [
    "",
    "   ",
    "Where is it?",
    "You broke it.\nTwice.",
    'No!\nOn 3 May at 10:15 your agent Sam wrote:\n"We will refund you"\nThat was a lie.',
    "On Monday you wrote:\nwe will call you back. Nobody did.",
    "On hold again.\nI wrote: help.\nNobody answered",
    "waiting:\n> 2 hours now\nthat is too long",
    ">:( this is bad\nreally bad",
    "I need:\n- a refund\n- an apology\n- a call",
    "Sent from my house on Monday, and it has still not reached my sister.\nWhere is it?",
    "Thanks,\nbut that is not what I asked for.",
    "Thanks for nothing,\nyou lost me.",
    "Regards are not what I want.\nI want my money.",
    "From: Leeds\nthe train was late",
    "This email is confidential? You sent my bill to my neighbour.\nExplain.",
    "-- \n" + "And here is my whole story, which is long and goes on.\n" * 14,
    "WORST COMPANY EVER\nBest\nNOT",
    "> On Mon, 3 Nov 2026 at 10:12, A wrote:\n> all of it is a quotation\n",
    "FYI\n\n---------- Forwarded message ---------\nFrom: Courier\n\nYour parcel is lost.",
    "---------- Forwarded message ---------\nFrom: Courier\nTo: Jo\nSubject: x\n\nYour parcel is lost.",
    "From: Courier\nSent: Monday\nTo: Jo\n\nYour parcel is lost.",
    "Disclaimer: I am not a lawyer, but this is theft",
]


@pytest.mark.parametrize(("text", "left", "kinds"), CUT)
def test_cuts(text, left, kinds) -> None:
    cleaned = clean(text)
    assert cleaned.text.replace("\r", "").strip() == left
    assert [cut.kind for cut in cleaned.cuts] == kinds


@pytest.mark.parametrize("text", KEPT)
def test_customers_words_are_kept(text) -> None:
    assert clean(text).text == text
    assert clean(text).cuts == ()


ODD = ["\n", "\r\n", "> ", ">", "-- \n", "😡", "On ", " wrote:\n", "Thanks,\nJo\n", "\u2028"]
fragments = st.sampled_from(
    [text for text, _, _ in CUT]
    + KEPT
    + ["\n", "\r\n", "> ", ">", "-- \n", "😡", "On ", " wrote:\n", "Thanks,\nJo\n", "\u2028"]
)
texts = st.lists(fragments | st.text(max_size=30), max_size=8).map("".join)


@given(texts)
def test_pieces_and_cuts_make_up_the_original(text) -> None:
    cleaned = clean(text)
    spans = sorted([*cleaned.pieces, *cleaned.cuts], key=lambda s: s.start)
    assert "".join(text[s.start : s.end] for s in spans) == text
    assert all(a.end == b.start for a, b in itertools.pairwise(spans))
    assert all(s.start < s.end for s in spans)


@given(texts, st.data())
def test_offsets_map_back_exactly(text, data) -> None:
    cleaned = clean(text)
    for i, character in enumerate(cleaned.text):
        span = cleaned.to_original(i, i + 1)
        assert (text[span.start : span.end], span.end - span.start) == (character, 1)
    if cleaned.text:
        start = data.draw(st.integers(0, len(cleaned.text) - 1))
        end = data.draw(st.integers(start + 1, len(cleaned.text)))
        span = cleaned.to_original(start, end)
        inside = "".join(text[max(p.start, span.start) : min(p.end, span.end)] for p in cleaned.pieces)
        assert inside.endswith(cleaned.text[start:end]) or cleaned.text[start:end] in inside


@given(texts)
def test_something_is_left_where_something_was(text) -> None:
    assert bool(clean(text).text.strip()) == bool(text.strip())


HOSTILE = {
    "marks": ">",
    "marked lines": ">\n",
    "blank lines": "\n",
    "spaces": " ",
    "on": "On ",
    "on, in lines": "On a\n",
    "open brackets": "On a <",
    "headers": "From: a\n",
    "rules": "_",
    "addresses": "a@",
    "signatures": "Thanks,\nJo\n",
    "attributions": "On 3 wrote:\n",
    "deep": "> > > ",
    "dashes": "-- \n",
    "disclaimers": "this email this message is ",
    "devices": "sent from my ",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.timeout(5)  # each takes under 0.1 s; a pattern that backtracks would take minutes
def test_hostile_texts_take_linear_time(unit) -> None:
    text = (unit * MAX_TEXT)[:MAX_TEXT]
    assert clean(text).original == text
