"""The customer's own facts: what failed, since when, how often, what it spoiled, what they ask for, as spans.

Rules, not a model: sentences are cut into clauses that can stand alone, each clause says what kinds of fact it holds,
and `restate` picks the few clauses that carry most of them. Words that try to steer the drafter are set apart first.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from triage.recovery.turn import turn
from triage.recovery.words import (
    AUXILIARIES,
    BASES,
    CONJUNCTIONS,
    DETERMINERS,
    IRREGULAR_PASTS,
    PREPOSITIONS,
    PRONOUNS,
    WORD,
    is_finite,
    is_regular_past,
)

FactKind = Literal["problem", "contact", "impact", "request", "time", "count", "amount", "number", "occasion"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A span of the message that says something we must know, as `time`: "since 2 September"."""

    kind: FactKind
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a sentence that can stand alone, and the same from our side."""

    start: int
    end: int
    text: str
    turned: str
    kinds: frozenset[FactKind]
    finite: bool
    question: bool
    """Whether the customer asks it; `turned` is then what is asked, as "whether you can bring it back"."""
    words: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the message says, in the order it says it."""

    clauses: tuple[Clause, ...]
    spans: tuple[Fact, ...]
    attacks: tuple[tuple[int, int], ...]
    """Spans that try to steer the drafter: data, never restated."""

    def of(self, kind: FactKind) -> tuple[Fact, ...]:
        return tuple(f for f in self.spans if f.kind == kind)


_MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    "nov(?:ember)?|dec(?:ember)?"
)
_DAY = "mon|tues|wednes|thurs|fri|satur|sun"
_NUMBER_WORD = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|twenty|thirty|forty"
)
_PATTERNS: dict[FactKind, re.Pattern[str]] = {
    "time": re.compile(
        rf"\b(?:(?:since|on|by|until|till|before|after|from|for|every|last|next|this)\s+)?(?:the\s+)?(?:"
        rf"\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?(?:{_MONTH})\b(?:\s+\d{{4}})?|(?:{_MONTH})\s+\d{{1,2}}(?:st|"
        rf"nd|rd|th)?\b"
        rf"|(?:{_DAY})day\b|\d{{4}}-\d\d-\d\d|\d{{1,2}}(?:st|nd|rd|th)\b|\d{{1,2}}[:.]\d\d\b(?:\s?[ap]m)?|"
        rf"\d{{1,2}}\s?[ap]m\b"
        rf"|(?:\d+|{_NUMBER_WORD}|a few|several|a)\s+(?:minute|min|hour|hr|day|night|evening|week|month|year)s?\b"
        rf"|yesterday|today|tonight|tomorrow|this (?:morning|afternoon|evening|week|weekend)|last (?:night|"
        rf"week|month))",
        re.I,
    ),
    "count": re.compile(
        rf"\b(?:again|twice|thrice|second|third|fourth|fifth|sixth|number (?:two|three|four|five)|"
        rf"(?:\d+|{_NUMBER_WORD}|several|many|countless) (?:times|tickets|calls|e-?mails|messages|letters|"
        rf"visits|engineers)"
        rf"|over and over|double|each time|every time|day (?:two|three|four|\d))\b",
        re.I,
    ),
    "amount": re.compile(
        r"(?:[£$€]\s?\d[\d,.]*\d|[£$€]\s?\d|\b\d[\d,]*(?:\.\d\d)?\s?(?:eur|euros?|gbp|pounds?|quid|usd|"
        r"dollars?|€|£|chf|reais)(?!\w)"
        r"|\b(?:eur|gbp|usd|chf)\s?\d[\d,.]*\d?)",
        re.I,
    ),
    "number": re.compile(r"\b(?=[A-Z0-9/_-]*\d)(?=[A-Z0-9/_-]*[A-Z])[A-Z0-9]+(?:[/_-][A-Z0-9]+)*\b|\b\d{5,}\b"),
    "occasion": re.compile(
        r"\b(?:birthday|b-?day|wedding|funeral|buried|exam|exams|anniversary|christmas|graduation|confirmation|"
        r"baptism|christening|party|holiday|vacation|conference|interview|visa|scholarship|payroll|rent|mortgage|"
        r"inhaler|medicine|medication|hospital|surgery|operation|passport|marry|married|baby|newborn|concert|"
        r"[2-9]0th|18th|21st birthday)\b",
        re.I,
    ),
}
_PROBLEM = re.compile(
    r"\b(?:brok\w+|crush\w+|smash\w+|shatter\w+|crack\w+|damag\w+|torn|ripped|leak\w*|drip\w*|spill\w*|spilt|cold|late|"
    r"delay\w*|missing|lost|loses?|gone|never|wrong\w*|fault\w*|defect\w*|dead|fail\w*|error|crash\w*|down|outage|"
    r"nobody|no[- ]one|nothing|none|not|n't|dont|didnt|doesnt|isnt|cant|wont|cannot|no|without|cancell?ed|"
    r"charg\w+|overcharg\w+|"
    r"debited|block\w*|lock\w*|banned|clos\w+|refus\w+|declin\w+|reject\w*|rude\w*|laugh\w*|hung up|cut off|ignor\w+|"
    r"kept|keeps|stuck|held|held back|under review|disappear\w*|wip\w+|delet\w+|overwr\w+|dirty|filthy|stain\w*|bugs?|"
    r"smell\w*|bites?|mould\w*|false|lied?|lies|fake|scam|instead|swollen|hot|hiss\w*|smok\w+|burn\w*|swelling|itch\w*|"
    r"erased|misspel\w+|crooked|empty|corrupt\w*|unreadable|expired|sick|ill|hurt|injur\w+|fell|slow\w*|noisy|loud|"
    r"unpaid|outstanding|still|again|twice|second|third|fourth|overdue|half|only|robot|bot|minutes late|hours late|"
    r"unknown|invalid|disconnect\w*|drop\w*|freez\w*|frozen|stopp\w+|stops|blink\w*|wait\w*|bill is|walked|stole\w*)\b"
    r"|n't\b",
    re.I,
)
_STRONG = re.compile(
    r"\b(?:brok\w+|crush\w+|smash\w+|shatter\w+|crack\w+|damag\w+|leak\w*|dripp\w*|missing|lost|never|wrong|"
    r"faulty|dead|"
    r"fail\w*|crash\w*|outage|nobody|no[- ]one|didn'?t (?:arrive|come|show)|not (?:arrive\w*|come|work\w*)|cancelled|"
    r"twice|two times|refused|declined|closed|blocked|banned|wiped|gone|cold|late|hung up|ignored|no (?:reply|"
    r"answer|van|"
    r"internet|response|tracking|mail|power|heating|water)|stuck|erased|delet\w+|overcharged|still|nothing|kept)\b",
    re.I,
)
_CONTACT = re.compile(
    r"\b(?:wr[oi]te|written|rang|r[iu]ng|call(?:ed|ing)?|phoned?|e-?mail(?:s|ed)?|asked|told|tell|said|says|answer\w*|"
    r"repl(?:y|ied)|chat|bot|robot|hotline|queue|promis\w+|tickets?|upload\w*|sent|letter|messages?|contact\w*|"
    r"respon\w+|agent|support|desk|form|waited|opened a case|reported?)\b",
    re.I,
)
_PEOPLE = re.compile(
    r"\b(?:mum|mom|mother|dad|father|parents?|son|daughter|kids?|child(?:ren)?|toddler|twins|baby|wife|husband|partner|"
    r"fianc[eé]e?|sister|brother|grand(?:mother|father|son|daughter|ma|pa|parents)|nan|family|cousin|"
    r"neighbour|neighbor|"
    r"clients?|customers?|patients?|colleagues?|boss|team|friends?|guests?|guild)\b",
    re.I,
)
_LOSS = re.compile(
    r"\b(?:work|job|jobs|wages|day off|days off|unpaid|rent|salary|money|savings|school|student|clients?|practice|"
    r"business|sleep|slept|cried|missed|deadline|miss)\b",
    re.I,
)
_REQUEST = re.compile(
    r"\b(?:i want|i(?:'d| would) (?:just |only )?like|i need|i expect|i wish|we need|we want|we expect|we'd like|"
    r"please|pls|could (?:you|somebody|someone|u)|can (?:you|u|i)|refund|money back|give me|send me|fix|sort it|"
    r"i(?:'m| am) asking|tell me|kindly|how (?:do|can) i)\b",
    re.I,
)
_HEAT = re.compile(
    r"\b(?:furious|angry|mad|disgust\w*|outrag\w*|joke|idiots?|stupid|scum|liars?|lying|shame\w*|clowns?|incompeten\w+|"
    r"useless|pathetic|hate|hell|shit\w*|fuck\w*|crap|suck\w*|wtf|scream\w*|avoid|sue|lawyer|solicitor|done being|"
    r"nerve|sick of|fed up|rip-?off|thie(?:f|ves)|sorry|thank\w*|forgive|excuse|polite|cross|nice about|raise my voice|"
    r"troll|worst|ridiculous|unacceptable|hilarious|bold|visionary|genius|gravel|kidney|blame|proud|like a dog|"
    r"hope|wish|believe it|imagine|suppose|guess|honest|human being|to whom|quiz|spare me|script|as i said|no idea|"
    r"going to say|you should|cannot believe|can't believe|bother|trouble|told off|drop dead|do you people)\b",
    re.I,
)
_ATTACK = re.compile(
    r"(?:\bignore (?:all |any |the |your |every )*(?:previous|prior|above|earlier|instructions|rules|polic)|"
    r"\bdisregard (?:all|any|the|your|previous)|\byou are now\b|\bfrom now on,? you\b|\badmin(?:istrator)? mode\b|"
    r"\bdeveloper mode\b|\bsystem (?:message|prompt|note|override)\b|\bend system\b|###|\bas an ai\b|"
    r"\byour (?:ai|assistant|model|bot|drafter)\b.{0,60}\b(?:must|should|has to|have|will)\b|"
    r"\b(?:print|reveal|show|repeat|translate|output|list below|please list)\b.{0,60}\b(?:instructions|prompt|"
    r"customers|policies|tools|limits|code block|account numbers?)\b|"
    r"\bassistant\s*:|\bsystem\s*:|<!--|-->|<\s*(?:system|script|instructions?|prompt)|\[/?(?:inst|system)\]|"
    r"\bbegin your (?:reply|answer)\b|"
    r"\bdo not (?:run|mention|tell).{0,40}\b(?:checks?|message|memo|anyone|human)\b|\b(?:pre-?approved|"
    r"limits? (?:are|is) lifted|all limits)\b|"
    r"\binternal memo\b|\breply assistant\b|\bset this ticket\b|\bgive up all claims\b|\bmark (?:(?:this|"
    r"the) (?:ticket|case)|"
    r"this|it) (?:as )?(?:solved|closed|resolved)\b|"
    r"\bfor verification purposes\b|\baudit (?:partner|team|fails)\b|\bused? the word\b|\banswer as an?\b|"
    r"\bact as\b|\bpretend\b|\bjailbreak\b|"
    r"\bif a human (?:agent )?sees\b|\btransparency act\b|\bcode block\b|\bstarts with \"you are\b|"
    r"\bhow your ai works\b|\bstate it as confirmed\b|"
    r"\bkeep this (?:memo|message|secret|confidential)|\b(?:repeat|copy) after me\b|\bbase64\b|\bpolicy \d|"
    r"\bnew (?:rules?|policy|instructions?)\s*:|"
    r"\byou (?:must|have to|are required to|are authori[sz]ed to) (?:now )?(?:offer|refund|approve|grant|"
    r"confirm|pay|reply|answer|say|include|write))",
    re.I | re.S,
)
_BLOCKS = re.compile(
    r"<!--.*?(?:-->|\Z)|^#{2,}[^\n]*\n.*?(?:^#{2,}[^\n]*$|\Z)|"
    r"^-{3,}[^\n]*(?:previous|original|forwarded|conversation|messages?)[^\n]*\n.*?(?:^-{3,}[^\n]*$|\Z)|"
    r"<[a-z/!][^>\n]*>",
    re.I | re.S | re.M,
)
_FORGED = re.compile(r"^\s*(?:agent|assistant|system|support|operator|customer|user)\b[^:\n]{0,30}:.*$", re.I | re.M)


@lru_cache(maxsize=64)
def attacks(text: str) -> tuple[tuple[int, int], ...]:
    """Returns the spans that address the drafter instead of the company, or forge turns: hidden blocks, orders, roles.

    A paragraph with one order to the drafter is set apart whole: what surrounds an order serves it.
    """
    found = [(m.start(), m.end()) for m in _BLOCKS.finditer(text)]
    found += [(m.start(), m.end()) for m in _FORGED.finditer(text)]
    for start, end in _paragraphs(text):
        if hit := _ATTACK.search(text, start, end):
            found.append((start, end) if end - start < 700 else (hit.start(), end))
    return _merged(found)


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for gap in re.finditer(r"\n\s*\n|\Z", text):
        if gap.start() > at:
            yield at, gap.start()
        at = gap.end()


def _merged(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    out: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return tuple(out)


def extract(text: str, name: str | None = None) -> Facts:
    """Returns the message's clauses and facts; greetings, signatures and steering words are left out."""
    hostile = attacks(text)
    proper = {m.group() for m in _MID_CAPITAL.finditer(text)}
    clauses: list[Clause] = []
    for start, end in _sentences(text, hostile, name):
        question = "?" in text[end - 1 : end + 2]
        own_subject = True
        for a, b in _clauses(text, start, end):
            if clause := _clause(text, a, b, question, own_subject, proper):
                clauses.append(clause)
                own_subject = clause.turned.startswith("you ") if clause.finite else own_subject
    return Facts(tuple(clauses), tuple(_spans(text, hostile)), hostile)


def _spans(text: str, hostile: tuple[tuple[int, int], ...]) -> Iterator[Fact]:
    for kind, pattern in _PATTERNS.items():
        for m in pattern.finditer(text):
            if not _inside(m.start(), hostile):
                yield Fact(kind, m.start(), m.end(), m.group())


def _inside(at: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(a <= at < b for a, b in spans)


_END = re.compile(
    r"(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bno)(?<!\bNo)(?<!\be\.g)(?<!\bi\.e)(?<!\b[A-Z])[.!?]+[\"')\]]*(?=\s|$)|"
    r"\n+|[\U0001F300-\U0001FAFF\u2600-\u27BF]+|…"
)
_GREETING = re.compile(
    r"^(?:hi|hello|hey\w*|dear|good (?:morning|evening|afternoon|day)|greetings|to whom it may concern|guten morgen|"
    r"moin|sir|madam)\b[^.!?\n]{0,40}[,!.:)]*$",
    re.I,
)
_CLOSING = re.compile(
    r"^(?:(?:kind|best|warm|many|with)?\s*(?:kind|warm|best)?\s*(?:regards|wishes|greetings)|yours\b.*|"
    r"sincerely|thanks?\b.*|thank you\b.*|"
    r"cheers|best|mit freundlichen.*|cordially|re:.*|(?:our|your) ref\b.*)[\s,.!a-z]*$",
    re.I,
)


def _sentences(text: str, hostile: tuple[tuple[int, int], ...], name: str | None) -> Iterator[tuple[int, int]]:
    at = 0
    own = {w.lower() for w in WORD.findall(name or "")}
    for end in [*(m.span() for m in _END.finditer(text)), (len(text), len(text))]:
        start, stop = at, end[0]
        at = end[1]
        while start < stop and not text[start].isalnum() and text[start] not in "£$€":
            start += 1
        piece = text[start:stop]
        if len(piece) < 3 or _inside(start, hostile) or _GREETING.match(piece) or _CLOSING.match(piece):
            continue
        words = {w.lower() for w in WORD.findall(piece)}
        if own & words and len(words) <= 6 and len(own & words) >= min(len(own), 2):
            continue
        yield start, stop + (1 if text[stop : stop + 1] == "?" else 0)


_CUT = re.compile(
    r"\s*(?:;|:(?=\s)|\s[-–—]+\s|\()\s*|\)\s*,?\s*|,?\s+(?=(?:and|but|so|then|because|which|where|while|"
    r"although|though|when|whether)\b)|,\s+"
)
_APPOSITION = re.compile(r"(?:(?:Mr|Mrs|Ms|Dr)\.? )?[A-ZÀ-Ý][\w'’-]+(?: [A-ZÀ-Ý][\w'’-]+)?,")
_LEAD = re.compile(
    r"^(?:[@#]\w+[\s,:]*|(?:only|and|but|so|then|also|well|ok(?:ay)?|now|right|yes|hey\w*|hi|hello|anyway|ps|"
    r"p\.s|bro|dude|look|"
    r"listen|please|"
    r"plus|because|cause|thanks|sorry|just|to be (?:fair|honest)|i mean|you know|of course|as i said)\b[\s,:.]*)+",
    re.I,
)


def _clauses(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cuts a sentence where a new subject and verb begin; pieces without a verb stay with what precedes them."""
    cuts = [start]
    for m in _CUT.finditer(text, start, end):
        if re.search(r"\bbetween \S+$", text[cuts[-1] : m.start()]):
            continue
        led = WORD.match(text, m.end())
        if led and led.group().lower() in PREPOSITIONS and text[m.start() : m.end()].strip() == ",":
            continue  # "the first one, for the 11th, was cancelled"
        right = _strip_lead(text, m.end(), end)
        if (
            m.start() > cuts[-1]
            and not _APPOSITION.match(text, m.end(), end)
            and (
                _opens(text[right:end], text[_strip_lead(text, cuts[-1], end) : m.start()])
                or text[m.start() : m.end()].strip() in ";:()-–—"
            )
        ):
            cuts.append(m.end())
    yield from zip(cuts, [*cuts[1:], end], strict=True)


def _strip_lead(text: str, start: int, end: int) -> int:
    m = _LEAD.match(text[start:end])
    return start + m.end() if m and m.end() < end - start else start


def _opens(piece: str, before: str) -> bool:
    first = WORD.match(piece)
    return _subject_and_verb(piece) or bool(first and _elided(first.group()) and _has_verb(before))


def _has_verb(piece: str) -> bool:
    first = WORD.match(piece)
    return _subject_and_verb(piece) or bool(first and _elided(first.group()))


def _subject_and_verb(piece: str) -> bool:
    """Returns whether the piece opens with a subject that a finite verb follows soon."""
    words = [w.lower().replace("’", "'") for w in WORD.findall(piece[:160])[:13]]
    if len(words) < 2:
        return False
    first = words[0]
    if first.split("'")[0] in ("i", "we", "you", "he", "she", "it", "they", "that", "there") and "'" in first:
        return True
    if first in ("im", "ive", "its", "youre", "thats", "theres", "u"):
        return True
    if first in PRONOUNS and first not in ("one", "both", "that", "this", "these", "those"):
        plural = first in ("i", "we", "you", "they")
        return any(is_finite(w) or (plural and w in BASES) for w in words[1:4])
    bare = first not in DETERMINERS | PRONOUNS
    named = piece[:1].isupper() or piece[:1].isdigit()
    if first in _NO_SUBJECT:
        return False
    if (named or first not in DETERMINERS | PRONOUNS) and is_finite(first):
        return False
    if first in PREPOSITIONS and first not in ("like", "about", "of", "to"):
        for at in range(1, min(len(words) - 1, 8)):
            if words[at] in _SUBJECTS and _subject_and_verb(" ".join(words[at:])):
                return True
        return False
    if first in DETERMINERS or first in PRONOUNS or named:
        if first in DETERMINERS and any(w.endswith("s") for w in words[1:3]):
            acts = (w in BASES and after in DETERMINERS for w, after in pairwise(words[2:9]))
            if any(acts):
                return True
        return any(
            _predicate(w, words[1 : i + 1], bare) for i, w in enumerate(words[1:12]) if not _breaks(words[1 : i + 1])
        )
    return False


def _predicate(word: str, between: list[str], bare: bool) -> bool:
    """Returns whether a word is the verb of the subject before it, and no participle or verb of a phrase between."""
    if word in AUXILIARIES:
        return True
    if not is_finite(word) or (between and between[-1] in DETERMINERS):
        return False
    if bare and (is_regular_past(word) or word in _PARTICIPLE_LIKE):
        return False
    inside = PREPOSITIONS & {*between}
    return not inside or (inside == {"of"} and word in IRREGULAR_PASTS)


_NO_SUBJECT = frozenset("twice again just even only finally almost never upon per bottom".split())
_PARTICIPLE_LIKE = frozenset(
    "found lost sent made kept left put cut paid bought brought held sold bent split spent set hit meant".split()
)
_SUBJECTS = frozenset(
    "i we you he she it they there my your our the his her its nobody nothing their this that".split()
)


def _breaks(words: list[str]) -> bool:
    relative = ("who", "which", "that", "what", "where", "whether")
    return any((w in CONJUNCTIONS and w not in ("and", "or")) or w in relative for w in words)


_ASKS = (  # what is asked, in reported form
    (re.compile(r"^(how|where|when|why|what) (can|could|should|shall|may|must) (you|we) (.+)", re.I), r"\1 \3 \2 \4"),
    (re.compile(r"^(how|where|when|why|what) do (you|we) (.+)", re.I), r"\1 \2 can \3"),
    (
        re.compile(r"^(how (?:long|much|many)|what|when|where) does (.+?) (cost|take|stay|work|last)\b(.*)", re.I),
        r"\1 \2 \3s\4",
    ),
    (re.compile(r"^(can|could|may|should|shall|will|would) (you|we|it|they|somebody) (.+)", re.I), r"whether \2 \1 \3"),
    (re.compile(r"^do (you|we) (.+)", re.I), r"whether \1 \2"),
    (re.compile(r"^where (is|are) ((?:your|the|our) [\w -]+)$", re.I), r"where \2 \1"),
    (re.compile(r"^(is|are) (there|it|this|that|they|we|you) (.+)", re.I), r"whether \2 \1 \3"),
    (re.compile(r"^does (it|that|this) (\w+)\b(.*)", re.I), r"whether \1 \2s\3"),
)  # fmt: skip


def _reported(question: str) -> str | None:
    """Returns a question in reported form: "can we bring it back" becomes "whether we can bring it back"."""
    for pattern, form in _ASKS:
        if pattern.match(question):
            out = re.split(r",? (?:and|or) (?:do|does|what|how|is|are|can|when|who)\b", pattern.sub(form, question))[0]
            return re.sub(r"\bshall\b", "should", out[0].lower() + out[1:])
    return None


def _elided(word: str) -> bool:
    """Returns whether the customer left out "I" before this past tense: "paid for a large portion"."""
    w = word.lower()
    return (
        w not in _AMBIGUOUS and (w not in AUXILIARIES or w in ("was", "had")) and (w in IRREGULAR_PASTS or w in _ELIDED)
    )


_AMBIGUOUS = frozenset("left let cut put set read cost hit shut ground felt lit bound".split())

_ELIDED = frozenset(
    "was had ordered asked called tried waited phoned emailed received opened booked uploaded arrived landed missed "
    "would used checked cancelled canceled requested returned reported attached visited contacted messaged walked "
    "moved".split()
)


_SCARE = re.compile(r"[\"“”']((?:\w+ ?){1,3})[\"“”'](?!\w)")


def _trimmed(text: str) -> str:
    """Returns a long clause up to a comma, where what stands before can stand alone."""
    text = re.sub(r",? (?:and|but|or|so)$", "", text)
    while len(text.split()) > 18 and len(text.rpartition(", ")[0].split()) >= 6:
        text = text.rpartition(", ")[0]
    return text


_MID_CAPITAL = re.compile(r"(?<=[a-z0-9,;] )[A-ZÀ-Ý][\w'’-]*")


def _clause(text: str, start: int, end: int, question: bool, own_subject: bool, proper: set[str]) -> Clause | None:
    raw_start = _strip_lead(text, start, end)
    while end > raw_start and not (text[end - 1].isalnum() or text[end - 1] in "%€£$)\"'"):
        end -= 1
    piece = text[raw_start:end]
    words = WORD.findall(piece)
    if len(words) < 2:
        return None
    turned = _trimmed(turn(_SCARE.sub(r"\1", piece)))
    if not turned:
        return None
    if words[0] not in proper and words[0][1:].islower() and turned.startswith(words[0]):
        turned = turned[0].lower() + turned[1:]
    finite = _subject_and_verb(piece)
    if not finite and own_subject and _elided(words[0]) and words[1].lower() not in ("me", "us", "to", "that"):
        turned, finite = "you " + turned[0].lower() + turned[1:], True
    asked = question and ("?" in text[end : end + 3] or words[0].lower() in AUXILIARIES)
    if asked and (reported := _reported(turned)):
        turned, finite = reported, True
    elif asked:
        finite = False
    kinds: set[FactKind] = {k for k, p in _PATTERNS.items() if p.search(piece)}
    if _PROBLEM.search(piece):
        kinds.add("problem")
    if _CONTACT.search(piece):
        kinds.add("contact")
    if "occasion" in kinds or _PEOPLE.search(piece) or _LOSS.search(piece):
        kinds.add("impact")
    if _REQUEST.search(piece):
        kinds.add("request")
    return Clause(
        raw_start,
        end,
        piece,
        turned,
        frozenset(kinds),
        finite,
        asked,
        len(turned.split()),
    )
