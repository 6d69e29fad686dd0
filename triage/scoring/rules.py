"""What can be said without a model: cue words alone. Used while the model is down; every score is marked so."""

import re
from collections.abc import Sequence

from triage.scoring.values import FAILURES, Reading

NAME = "rules@1"
"""Scores of this model are abstained, with the reason `model_unavailable`."""


def _words(*stems: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(stems) + r")", re.IGNORECASE)


_FURY = _words(
    r"fuck", r"f\*+", r"idiots?\b", r"scum", r"never again", r"hate (?:you|this)", r"disgust", r"worst", r"bullshit",
    r"screw you", r"joke of", r"despicable",
)  # fmt: skip
_ANGER = _words(
    r"unacceptable", r"ridiculous", r"terrible", r"awful", r"horrible", r"furious", r"angry", r"appalling",
    r"outrag", r"disgrace", r"lied", r"lying", r"useless", r"fed up", r"sick of", r"incompetent", r"rude",
    r"pathetic",
)  # fmt: skip
_ANNOYANCE = _words(
    r"still (?:no|not|waiting|have)", r"again\b", r"disappoint", r"annoy", r"frustrat", r"unhappy", r"not happy",
    r"poor", r"complain", r"why (?:is|are|can't|do|does|did|have)", r"promised", r"seriously",
)  # fmt: skip
_TROUBLE = _words(
    r"problem", r"issue", r"broken", r"damaged", r"missing", r"late\b", r"delay", r"wrong", r"can't", r"cannot",
    r"doesn't", r"didn't", r"not work", r"lost", r"error", r"unable", r"never (?:came|arrived|received)",
)  # fmt: skip
_CRITICAL = _words(
    r"on fire", r"caught fire", r"smoke", r"gas leak", r"ambulance", r"hospital", r"insulin", r"bleeding",
    r"stranded",
    r"kill myself", r"suicid", r"allergic reaction", r"hacked", r"fraud", r"stolen", r"boarding",
)  # fmt: skip
_SOON = _words(
    r"today\b", r"tonight", r"tomorrow", r"urgent", r"asap", r"immediately", r"locked out", r"right now",
    r"emergency",
    r"in (?:an|\d+|two|three) hours?",
)  # fmt: skip
_OWED = _words(
    r"refund", r"charged", r"money", r"paid", r"not work", r"broken", r"damaged", r"missing", r"cancel", r"weeks?\b",
)  # fmt: skip
_ASKS = re.compile(r"\?|\b(?:please|help|how|need|want)\b", re.IGNORECASE)
_PRAISE = _words(r"thank", r"thx", r"great", r"love", r"awesome", r"amazing", r"excellent", r"kudos", r"perfect")
_KINDS: dict[str, re.Pattern[str]] = {
    "late_or_missing": _words(
        r"late\b", r"delay", r"never (?:came|arriv)", r"lost", r"missing", r"where is", r"not arriv"
    ),
    "damaged_or_wrong": _words(r"damaged", r"crushed", r"wrong (?:item|size|order|colou?r|seat)", r"cracked", r"torn"),
    "defect_or_outage": _words(
        r"not work", r"doesn't work", r"broken", r"crash", r"error", r"outage", r"is down", r"faulty"
    ),
    "billing": _words(r"charged", r"refund", r"bill", r"invoice", r"fees?\b", r"payment", r"overcharg", r"balance"),
    "account_access": _words(r"log ?in", r"locked", r"password", r"hacked", r"fraud", r"suspended", r"account"),
    "staff_conduct": _words(r"rude", r"lied", r"lying", r"staff", r"agent", r"attitude", r"discriminat", r"hung up"),
    "no_response": _words(r"no (?:reply|response"
    r"|answer)", r"on hold", r"call(?:ed)? (?:me )?back", r"ignor", r"nobody"),
    "policy_or_price": _words(r"policy", r"expensive", r"price", r"rule", r"unfair", r"terms"),
    "quality": _words(r"quality", r"dirty", r"cold food", r"uncomfortable", r"stale", r"taste"),
}  # fmt: skip


class RuleScorer:
    """Implements `triage.protocols.Scorer` by cue words; its probabilities are wide, for they know little."""

    name = NAME

    def read(self, texts: Sequence[str]) -> list[Reading]:
        return [read(text) for text in texts]


def read(text: str) -> Reading:
    """Returns a wide distribution around the level that the cue words name."""
    return Reading(_around(_frustration(text)), _around(_urgency(text)), _failure(text))


def _frustration(text: str) -> int:
    praise = len(_PRAISE.findall(text))
    shout = text.count("!") >= 2 or (len(text) > 12 and text.isupper())
    if _FURY.search(text):
        return 4 if shout else 3
    if _ANGER.search(text):
        return 3
    if _ANNOYANCE.search(text):
        return 2 + (shout and not praise)
    return 1 if _TROUBLE.search(text) and not praise else 0


def _urgency(text: str) -> int:
    if _CRITICAL.search(text):
        return 4
    if _SOON.search(text):
        return 3
    if _OWED.search(text):
        return 2
    return 1 if _ASKS.search(text) or _TROUBLE.search(text) else 0


def _failure(text: str) -> tuple[float, ...]:
    hits = {code: len(pattern.findall(text)) for code, pattern in _KINDS.items()}
    if not any(hits.values()):
        hits["praise" if _PRAISE.search(text) else "request" if _ASKS.search(text) else "other"] = 1
    weights = [0.1 + hits.get(code, 0) for code in FAILURES]
    return tuple(w / sum(weights) for w in weights)


def _around(level: int) -> tuple[float, ...]:
    weights = [0.5 ** abs(i - level) for i in range(5)]
    return tuple(w / sum(weights) for w in weights)


def cues(text: str) -> int:
    """Counts the cue words in `text`, strong ones more: which clauses are worth asking the model about."""
    strong = sum(len(p.findall(text)) for p in (_FURY, _ANGER, _CRITICAL, _SOON))
    return 3 * strong + sum(len(p.findall(text)) for p in (_ANNOYANCE, _OWED, _TROUBLE))
