"""Languages of short and long messages."""

import csv
import gzip
import json
import os
from pathlib import Path

import pytest

from triage.messages.language import detect

DATA = Path(os.environ.get("AMENDS_TEST_DATA", "/nonexistent"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="AMENDS_TEST_DATA names no folder with the data sets")


@pytest.mark.parametrize(
    ("text", "account", "language"),
    [
        ("Where is my order?", None, "en"),
        ("My flight was cancelled and nobody at the desk will talk to us.", "de", "en"),
        ("yes", None, "en"),
        ("help", None, "en"),
        ("Thanks!", None, "en"),
        ("@company WORST SERVICE EVER #fail https://example.com/x", None, "en"),
        ("fuck you", None, "en"),
        ("Wo bleibt mein Paket?", "en", "de"),
        ("Das ist eine Frechheit", "en", "de"),
        ("Danke", None, "de"),
        ("Où est ma commande ?", "en", "fr"),
        ("Gracias", None, "es"),
        ("¿Dónde está mi pedido?", "en", "es"),
        ("Dov'è il mio ordine?", "en", "it"),
        ("Cadê meu pedido?", "en", "pt"),
        ("Waar is mijn bestelling?", "en", "nl"),
        ("Gdzie jest moja paczka?", "en", "pl"),
        ("Где моя посылка?", "en", "ru"),
        ("我的包裹在哪里", "en", "zh"),
        ("أين طلبي؟", "en", "ar"),
        ("ok", None, "und"),
        ("ok", "de", "de"),
        ("ok", "en-GB", "en"),
        ("ok", "pt_BR", "pt"),
        ("1234567", None, "und"),
        ("😡🤬", None, "und"),
        ("😡🤬", "en", "en"),
        ("", None, "und"),
        ("", "fr", "fr"),
        ("https://example.com/merci-beaucoup", "en", "en"),
    ],
)
def test_language(text, account, language) -> None:
    assert detect(text, account) == language


@pytest.mark.parametrize("text", ["a" * 20_000, "@" * 20_000, "a@" * 10_000, " " * 20_000, "\x00", "\ud800"])
def test_odd_texts_have_some_language(text) -> None:
    assert len(detect(text, "en")) in (2, 3)


@needs_data
def test_english_posts_of_customers_come_out_as_english() -> None:
    with gzip.open(DATA / "airline-dialogs" / "dialogs.jsonl.gz", "rt") as lines:
        posts = [json.loads(line)["turns"][0]["text"] for line, _ in zip(lines, range(5000), strict=False)]
    wrong = sum(detect(text, "en") != "en" for text in posts)
    assert wrong / len(posts) < 0.006  # most of these are in Spanish


@needs_data
def test_other_languages_are_not_taken_for_english() -> None:
    with gzip.open(DATA / "brighter-anger" / "dev.csv.gz", "rt") as lines:
        posts = [row for row in csv.DictReader(lines) if row["language"] != "eng"]
    assert sum(detect(row["text"], "en") == "en" for row in posts) / len(posts) < 0.015
