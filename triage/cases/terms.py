"""The words that the text index holds: the same on both databases, so that both find the same cases."""

import re
import unicodedata
from functools import lru_cache

import snowballstemmer  # type: ignore[import-untyped]  # it has no stubs

MAX_TERM = 40
"""Longer runs of letters are tokens and keys, which nobody shares."""

STOP = frozenset(
    """
    a about after again all also am an and any are aren as at be because been before being but by can cannot could
    couldn did didn do does doesn doing don down during each few for from further get got had hadn has hasn have haven
    having he her here hers him his how i if in into is isn it its itself just ll let me more most my myself no nor
    not now of off on once only or other our ours out over own please re s same she should shouldn so some such t than
    thank thanks that the their theirs them then there these they this those through to too under until up us ve very
    was wasn we were weren what when where which while who whom why will with won would wouldn yes yet you your yours
    company cust hi hello hey dear regards
    """.split()
)
WORD = re.compile(r"[^\W_]+")
REPLACED = re.compile(r"<[a-z]{2,20}>")
"""What stands in place of personal data, as `<email>`: no word of the customer's."""


def terms(text: str) -> list[str]:
    """Returns the stems of the words of `text` in order: folded, without stop words, letters and digits only."""
    return [stem for word in WORD.findall(fold(REPLACED.sub(" ", text))) if word not in STOP and (stem := _stem(word))]


def words(text: str) -> dict[str, str]:
    """Returns the first word behind each stem, as it stands in `text`: what an agent is shown."""
    found: dict[str, str] = {}
    for word in WORD.findall(text):
        for stem in terms(word):
            found.setdefault(stem, word.lower())
    return found


def fold(text: str) -> str:
    """Returns `text` in lower case without accents: `Straße` becomes `strasse`, `Größe` `grosse`."""
    decomposed = unicodedata.normalize("NFKD", text.casefold()).casefold()
    return "".join(c for c in decomposed if not unicodedata.combining(c))


_english = snowballstemmer.stemmer("english")


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    if len(word) > MAX_TERM or (len(word) == 1 and not word.isdigit() and word.isascii()):
        return ""
    return str(_english.stemWord(word))
