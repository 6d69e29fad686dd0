import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.cases.terms import terms, words


@pytest.mark.parametrize(
    ("text", "stems"),
    [
        ("My replacement was CRUSHED again!", ["replac", "crush"]),
        ("charged twice, charging, charges", ["charg", "twice", "charg", "charg"]),
        ("Größe und Straße", ["gross", "und", "strass"]),
        ("naïve café", ["naiv", "cafe"]),
        ("flight 1403 on 3/12", ["flight", "1403", "3", "12"]),
        ("😡😡 🎧 broken", ["broken"]),
        ('"AND" OR NOT NEAR(kettle*, 3) terms:x ^y', ["near", "kettl", "3", "term"]),
        ("snake_case_words", ["snake", "case", "word"]),
        ("x" * 41, []),
        ("the and of", []),
        ("", []),
    ],
)
def test_stems(text: str, stems: list[str]) -> None:
    assert terms(text) == stems


@given(st.text())
def test_stems_are_letters_and_digits_only(text: str) -> None:
    assert all(stem.isalnum() and stem == stem.casefold() for stem in terms(text))


def test_words_are_shown_as_written_first() -> None:
    assert words("Crushed boxes; crushing box") == {"crush": "crushed", "box": "boxes"}
