"""What an encoder blurs and a head should know: shouting, repeats, deadlines, counts, lengths. Plain numbers."""

import math
import re

_WORD = re.compile(r"[^\W\d_]{2,}")
_PATTERNS = {
    "negation": r"\b(?:not?|never|nothing|nobody|none|\w+n['’]t|cannot|without)\b",
    "again": r"\b(?:again|still|yet|already|another|twice|third|repeatedly|times|ever)\b",
    "second_person": r"\b(?:you|your|yours|u|ur|company)\b",
    "harsh": r"\b(?:worst|terrible|horrible|awful|disgust\w*|ridiculous|unacceptable|pathetic|joke|useless"
    r"|incompetent|rude"
    r"|disgrace\w*|appalling|furious|livid|outrag\w*|shame\w*|lie[ds]?|lying|liars?|scam\w*|thie\w+|hate"
    r"|sick of|fed up)\b",
    "swearing": r"\b(?:fuck\w*|shit\w*|damn\w*|hell|crap\w*|wtf|bullshit|bs|ass\w*|bitch\w*|bastards?|f\*+\w*"
    r"|idiots?|morons?)\b",
    "thanks": r"\b(?:thank\w*|thx|cheers|appreciate\w*|great|love\w*|awesome|amazing|excellent|perfect|kudos"
    r"|wonderful)\b",
    "please": r"\b(?:please|pls|plz|could you|would you|can you|help)\b",
    "disappointed": r"\b(?:disappoint\w*|annoy\w*|frustrat\w*|upset|unhappy|angry|tired of|not happy|poor\w*)\b",
    "deadline": r"\b(?:today|tonight|tomorrow|now|asap|urgent\w*|immediately|deadline|by (?:mon|tues|wednes"
    r"|thurs|fri|satur|sun)day"
    r"|in (?:an?|one|two|three|\d+) (?:hours?|minutes?|mins?)|hours?|minutes?|boarding|flight)\b",
    "long_wait": r"\b(?:days?|weeks?|months?|years?)\b",
    "money": r"[$€£]\s?\d|\b(?:refund\w*|money|charg\w+|paid|pay\w*|fees?|bill\w*|\d+ (?:dollars|pounds|euros))\b",
    "cut_off": r"\b(?:locked out|stranded|stuck|no (?:access|money|power|heating|phone|water)"
    r"|can['’]?t (?:access|log|get (?:in|into|home)))\b",
    "danger": r"\b(?:fire|smok\w+|burn\w*|hospital|ambulance|insulin|oxygen|medic\w+|inhaler|allerg\w+|bleed\w*"
    r"|gas|injur\w+"
    r"|unsafe|danger\w*|baby|child|daughter|son|elderly|pregnant|disabled|wheelchair|surgery)\b",
    "fraud": r"\b(?:fraud\w*|hack\w*|stolen|unauthori[sz]ed|identity|suspicious|compromised|scammed)\b",
    "threat": r"\b(?:lawyer|attorney|sue|legal|court|ombudsman|bbb|chargeback|dispute|cancel\w*|switch\w*"
    r"|competitor|leav(?:e|ing))\b",
    "promise": r"\b(?:promis\w+|told|assured|supposed to|guarantee\w*|said)\b",
}  # fmt: skip
_COMPILED = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _PATTERNS.items()}
FEATURES = (
    *_PATTERNS, "exclamations", "questions", "shouted", "capitals", "stretched", "ellipses", "log_length", "digits",
)  # fmt: skip
_STRETCHED = re.compile(r"(\w)\1{2,}|[!?]{2,}")
_MOST = 4.0
"""More of one kind tells nothing more, and must not carry a head beyond what it was trained on."""


def features(text: str) -> list[float]:
    """Returns one number for each of FEATURES, from 0 to about 8; patterns look at the first 4,000 characters."""
    text = text[:4000]
    words = _WORD.findall(text)
    shouted = sum(w.isupper() for w in words if len(w) > 2)
    letters = sum(map(len, words)) or 1
    counts = [min(_MOST, sum(1 for _ in pattern.finditer(text))) for pattern in _COMPILED.values()]
    return [
        *map(float, counts),
        min(_MOST, text.count("!")),
        min(_MOST, text.count("?")),
        min(_MOST, float(shouted)),
        sum(c.isupper() for c in text) / letters,
        min(_MOST, float(len(_STRETCHED.findall(text)))),
        min(_MOST, float(text.count("...") + text.count("…"))),
        math.log1p(len(words)),
        min(_MOST, math.log1p(sum(c.isdigit() for c in text))),
    ]
