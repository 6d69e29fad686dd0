"""Turns the customer's words to our side: "my lamp arrived crushed" becomes "your lamp arrived crushed"."""

import re

from triage.recovery.words import ADVERBS, AUXILIARIES, CALENDAR, CONJUNCTIONS, PREPOSITIONS, is_finite, is_verb

_TOKEN = re.compile(
    r"(?=[A-Za-z]*\d)[A-Za-z]*\d[A-Za-z0-9]*(?:[.,:/_-][A-Za-z0-9]+)*|[A-Za-zÀ-ÖØ-öø-ÿ]+(?:['’][A-Za-z]+)*|\d[\w.,:/-]*\w|\d|\s+|[^\w\s]|\w"
)
_CUSTOMER = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself",
    "we": "you", "us": "you", "our": "your", "ours": "yours", "ourselves": "yourselves",
    "i'm": "you are", "im": "you are", "i've": "you have", "ive": "you have", "i'll": "you will", "i'd": "you'd",
    "we're": "you are", "we've": "you have", "we'll": "you will", "we'd": "you'd",
}  # fmt: skip
_COMPANY = {
    "your": "our", "yours": "ours", "yourself": "ourselves", "yourselves": "ourselves", "ur": "our",
    "you're": "we are", "youre": "we are", "you've": "we have", "youve": "we have", "you'll": "we will",
    "you'd": "we'd",
}  # fmt: skip
_PLAIN = {
    "didn't": "did not", "didnt": "did not", "don't": "do not", "dont": "do not", "doesn't": "does not",
    "doesnt": "does not", "can't": "cannot", "cant": "cannot", "won't": "will not", "wont": "will not",
    "isn't": "is not", "isnt": "is not", "wasn't": "was not", "wasnt": "was not", "aren't": "are not",
    "weren't": "were not", "haven't": "have not", "havent": "have not", "hasn't": "has not", "hasnt": "has not",
    "hadn't": "had not", "couldn't": "could not", "couldnt": "could not", "wouldn't": "would not",
    "shouldn't": "should not", "it's": "it is", "that's": "that is", "there's": "there is", "thats": "that is",
    "theres": "there is", "he's": "he is", "she's": "she is", "they're": "they are", "they've": "they have",
    "bc": "because", "cuz": "because", "thru": "through", "tho": "though", "w/o": "without", "fav": "favourite",
    "bday": "birthday", "msg": "message", "msgs": "messages", "acc": "account", "gonna": "going to",
    "wanna": "want to", "gotta": "have to", "n": "and", "mins": "minutes", "hrs": "hours", "hr": "hour",
}  # fmt: skip
_DROPPED = frozenset(
    "pls plz please lol lmao omg bro mate dude btw tbh literally really absolutely honestly seriously simply just "
    "bloody damn damned freaking frigging fucking effing actually basically totally".split()
)
_CAPS_KEPT = frozenset(
    "SMS VAT DVD TV USB GPS GDPR CCPA PIN SIM UK US EU USA CEO ID PDF QR FAQ CSV API URL DM DMs II III IV XL".split()
)
_PLURAL_YOU = re.compile(r"\b(you|u) (people|guys|lot|folks)\b", re.I)


def turn(clause: str) -> str:
    """Returns the clause as we would say it to the customer, in plain lower-case-first words, without end mark.

    The customer's first person becomes the second, the second (the company) becomes our first; contractions are
    written out, capitals used for shouting and filler words go.
    """
    text = _PLURAL_YOU.sub("you", clause.replace("’", "'").replace("`", "'"))
    tokens = [t for t in _TOKEN.findall(text) if t.lower() not in _DROPPED]
    words = [i for i, t in enumerate(tokens) if t[0].isalnum()]
    out = list(tokens)
    for at, i in enumerate(words):
        before = tokens[words[at - 1]].lower() if at else ""
        after = tokens[words[at + 1]].lower() if at + 1 < len(words) else ""
        out[i] = _turned(tokens[i], before, after, [tokens[j].lower() for j in words[max(0, at - 2) : at]])
    turned = re.sub(r"\s+", " ", "".join(out)).strip(" \t\n,;:.!?-–—")
    turned = re.sub(r"\s+([,;:.!?])", r"\1", turned)
    return _calm(re.sub(r"\b(in|since|until|last|next) may\b", r"\1 May", turned))


def _turned(token: str, before: str, after: str, two_before: list[str]) -> str:
    word = token.lower()
    if word in ("you", "u"):
        return "us" if _takes_object(before, after) else "we"
    if token == "US":  # the country, unless somebody shouts
        return token
    if word in _CUSTOMER:
        return _CUSTOMER[word]
    if word in _COMPANY:
        return _COMPANY[word]
    if any(w in ("i",) for w in two_before) and (before == "i" or before in ADVERBS):
        if word == "am":
            return "are"
        if word in ("was", "wasn't", "wasnt"):
            return "were" if word == "was" else "were not"
    if word == "its" and not before:
        return "it is"
    if word in _PLAIN:
        if _PLAIN[word].endswith(" is") and after in _AFTER_HAS:
            return _PLAIN[word][:-2] + "has"
        return _PLAIN[word]
    if word in CALENDAR:
        return word.capitalize()
    if any(ch.isdigit() for ch in token):
        return token
    if token.isupper() and len(token) > 1 and token not in _CAPS_KEPT and (len(token) > 3 or word in _SHOUTED):
        return word
    return token


_AFTER_HAS = frozenset("got been had gone come taken become".split())
_SHOUTED = frozenset(
    "not no yes so my we the all any and but for you your our out off now one two its was has had did are is it in on "
    "at to do go new old may why how who day via nor too own bad sad paid done gone full".split()
)


def _takes_object(before: str, after: str) -> bool:
    if not before or before in CONJUNCTIONS or before in AUXILIARIES:
        return False
    if after in AUXILIARIES and before not in PREPOSITIONS:
        return False
    if before in _OPINIONS and (is_finite(after) or after in ADVERBS or after in ("ought", "need", "want", "have")):
        return False
    return before in PREPOSITIONS or is_verb(before) or (before.endswith("ing") and before not in ("thing", "morning"))


_OPINIONS = frozenset(
    "think thought know knew say said says see saw hope believe wish heard hear guess suppose understand mean assume "
    "told read notice noticed before after since until".split()
)


def _calm(text: str) -> str:
    first = text.split(" ", 1)[0]
    if first and (first.lower() in _LOWERED or first.lower() in AUXILIARIES):
        text = first.lower() + text[len(first) :]
    return text


_LOWERED = frozenset(
    "you your yours yourself we our us the a an this that these those it he she they there his her its their nobody "
    "nothing no none someone somebody everyone everything everybody both one two three four five six seven eight nine "
    "ten then after before when while since on in at from for with without as if not now today yesterday only every "
    "each all some another last first second third fourth fifth still again".split()
)


def sentence(text: str) -> str:
    """Returns the text with a capital first letter and a full stop."""
    text = text.strip()
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?" else text + "."


_ODD = re.compile(
    r"[\"“”()@<>{}\[\]|#*]|\.{2,}|\bx{3,}\b|"
    r"\b(?:we|i|he|she|they|and|or|but|so|if|when|because|who|which|whose|than|very|more|such|my|your|our)$|"
    r"\b(?:recommend|contact|tell|told|give|gave|charge|charged|send|sent|thank|help|ring|rang|call|called) "
    r"(?:we|i|they)\b(?! (?:are|were|will|would|had|have|could|can|did|do)\b)|"
    r"\b(?:we is|we has|you is|you has|us are|us have|us is|i are|a we|the we|our we)\b|"
    r"\b(?!\d)[a-z]+\d+[a-z]*\b|\b\w*([a-z])\1\1\w*\b|"
    r"^(?:under|of|than|as|per|re|fyi|dear|all of|none of|both of|nothing,|according|regarding)\b|"
    r"^(?:after|before|by|upon|while|without|since|when) \w+ing\b(?!.*, )|//|"
    r"\b(?:and|or) (?:nothing|that|this|it)$|"
    r"^[A-Z][a-z]+ (?:you|we|I) \w+,|"
    r"^(?:\w+\s+){0,3}(?:said|asked|called|told|think|noticed|mentioned|explained|stated|wrote|"
    r"insisted|tried)$|"
    r"\b(\w+) \2\b(?<!had had)(?<!that that)",
)
_SHOUT = re.compile(r"\b[A-Z]{2,}(?:\s+[A-Z]{2,}){2,}\b")


def odd(turned: str) -> bool:
    """Returns whether a turned clause reads wrongly: it is better left out than said.

    Quotes and markup, a subject where an object belongs, an end in mid-air, slang spelt with digits, a verb of saying
    with nothing said, a word twice, shouting.
    """
    return bool(_ODD.search(turned) or _SHOUT.search(turned))
