"""The steps of recovery for one message: its kind, what to restate, what to tell, what to offer, what to ask."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from triage.cases.values import Article
from triage.recovery.facts import Clause, Facts, extract
from triage.recovery.policy import Decision, decide, is_goodwill, smallest_adequate
from triage.recovery.values import Kind, SectionName, Situation
from triage.recovery.words import (
    ADVERBS,
    AUXILIARIES,
    BASES,
    CONJUNCTIONS,
    DETERMINERS,
    IRREGULAR_PASTS,
    PREPOSITIONS,
    PRONOUNS,
    WORD,
    content_stems,
    is_verb,
)
from triage.scoring.values import NOT_FAILURES

Restricted = Literal["legal", "regulator", "press", "injury", "data", "chargeback", "other"]
Lack = Literal["lookup", "unreadable", "two", "paid", "sent", "unclear", "vague"]
Tone = Literal["question", "praise", "idea"]


@dataclass(frozen=True, slots=True)
class Record:
    """A fact of the order or ticket, as it can be told: dates in words, nothing internal."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the reply says, in order; the composer and every other engine only find the words."""

    kind: Kind
    steps: tuple[SectionName, ...]
    facts: Facts
    problems: tuple[Clause, ...] = ()
    others: tuple[Clause, ...] = ()
    thing: str | None = None
    records: tuple[Record, ...] = ()
    offers: tuple[Decision, ...] = ()
    decisions: tuple[Decision, ...] = ()
    article: Article | None = None
    answer: tuple[str, ...] = ()
    restricted: Restricted | None = None
    lack: Lack | None = None
    tone: Tone = "question"
    number_unknown: bool = False
    fragments: tuple[Clause, ...] = ()
    """Pieces without a verb that say what happened: "eleven e-mails", "broth in the bag"."""
    asked: Clause | None = None
    life: bool = False
    """Somebody's life may be at risk: ask first."""
    suggest_sender: Literal["agent", "lead"] = "agent"
    channel_advice: str | None = None


WORD_LIMITS = {"email": 220, "form": 220, "phone": 220, "chat": 90, "sms": 90, "social": 60}
_BUDGET = {"email": 78, "form": 78, "phone": 78, "chat": 34, "sms": 30, "social": 24}
"""Words for the customer's own facts: a reply that says everything back is a form letter too."""


def plan(situation: Situation) -> Plan:
    """Returns the plan for the message: kind, steps, facts with spans, offers that policy allows, the open question."""
    facts = extract(situation.text, situation.customer.name)
    if foreign(situation):
        facts = replace(facts, clauses=())
    decisions = tuple(decide(situation))
    kind, restricted, lack = _kind(situation, facts, decisions)
    failed = kind not in ("no_failure", "restricted", "holding")
    offers = tuple(_offers(situation, decisions, kind, failed))
    problems, others = restate(situation, facts, kind)
    article, answer = _answer(situation) if kind == "no_failure" else (None, ())
    return Plan(
        kind=kind,
        steps=_steps(kind),
        facts=facts,
        problems=problems,
        others=others,
        thing=_thing(situation, facts),
        records=_records(situation, kind, facts),
        offers=offers,
        decisions=decisions,
        article=article,
        answer=answer,
        restricted=restricted,
        lack=lack,
        tone=_tone(situation.text),
        fragments=_fragments(situation, facts, kind, (*problems, *others)),
        asked=_asked(situation, facts, kind),
        life=kind == "safety" and bool(_LIFE.search(situation.text)),
        number_unknown=_number_wanted(situation, decisions),
        suggest_sender="lead" if _severe(situation, facts) and failed else "agent",
        channel_advice=_channel_advice(situation, facts, kind, offers),
    )


def _steps(kind: Kind) -> tuple[SectionName, ...]:
    return {
        "failure": ("apologise", "restate", "own", "options", "ask", "next_steps", "follow_up", "close"),
        "limited": ("apologise", "restate", "own", "options", "ask", "close"),
        "no_failure": ("acknowledge", "restate", "answer", "options", "ask", "close"),
        "public": ("apologise", "restate", "options", "ask"),
        "safety": ("safety", "apologise", "restate", "options", "close"),
        "restricted": ("acknowledge", "restate", "next_steps", "close"),
        "holding": ("acknowledge", "restate", "ask", "follow_up", "close"),
    }[kind]  # type: ignore[return-value]


def foreign(s: Situation) -> bool:
    """Returns whether the message is in a language that clauses cannot be turned in yet."""
    return s.score.language not in ("en", "und", "unknown", "")


# ---- kind


_LEGAL = re.compile(
    r"\b(?:letter before (?:claim|action)|we act for|we represent|acting on behalf of|our client(?:'s)?|"
    r"on behalf of my client|"
    r"issue proceedings|legal proceedings|without prejudice|llp|solicitors? for|attorneys? at law|court summons|"
    r"i have (?:instructed|hired) (?:a|my) (?:solicitor|lawyer|attorney)|my (?:solicitor|lawyer|"
    r"attorney) (?:will|has|is))\b",
    re.I,
)
_REGULATOR = re.compile(
    r"\b(?:(?:ombudsman|regulator|authority|trading standards|consumer protection)\b.{0,80}\b(?:has accepted|"
    r"accepted (?:the|your|this)|"
    r"investigation|case (?:no|number|ref))|the complainant|investigations? (?:team|officer|unit))",
    re.I | re.S,
)
_PRESS = re.compile(
    r"\b(?:journalist|reporter|i(?:'m| am) (?:running|writing|doing|working on) (?:a|an) (?:piece|story|"
    r"article|report|feature)|newsroom|"
    r"for publication|press (?:enquiry|inquiry|request)|media (?:enquiry|inquiry)|my editor|"
    r"named spokesperson|on the record)\b",
    re.I,
)
_INJURY = re.compile(
    r"\b(?:(?:make|making|file|filing|bring|start) a claim (?:for|against)\b.{0,40}\b(?:injur\w*|accident|"
    r"hurt)|injury claim|claim for (?:\w+ ){0,2}injur\w+|"
    r"(?:injur\w+|broke \w+ (?:wrist|arm|leg|ankle|hip)|hospital)\b.{0,400}\b(?:your insurer|the insurer|"
    r"liab\w+|sue|claim for))",
    re.I | re.S,
)
_DATA = re.compile(
    r"\b(?:gdpr|dsgvo|rgpd|ccpa|art(?:icle|\.)?\s?(?:15|17|20)\b|subject access|data (?:access|"
    r"subject) request|right to be forgotten|"
    r"(?:delete|erase|remove) (?:me|all (?:of )?my (?:personal )?data|everything (?:you have|about me)|"
    r"my (?:personal )?data)|"
    r"copy of (?:all )?(?:my|the) (?:personal )?data|what data (?:do )?you (?:hold|have|store))\b",
    re.I,
)
_CHARGEBACK = re.compile(
    r"\bcharge-?back\b|\b(?:bank|card (?:company|issuer|provider)|paypal)\b.{0,60}\b(?:opened|open|raised|"
    r"started|filed) (?:a|the) (?:dispute|claim)|"
    r"\b(?:opened|raised|filed|started) (?:a|the) dispute (?:with|through|at|via) (?:my|the) (?:bank|card)",
    re.I | re.S,
)
_DANGER = re.compile(
    r"\b(?:smell(?:s|ing)? (?:of )?(?:gas|burning|rotten eggs)|gas (?:smell|leak)|(?:is|are|it's|"
    r"its) (?:\w+ ){0,2}(?:hissing|smoking|sparking|on fire|overheating)|"
    r"caught fire|on fire|smoke (?:is )?com\w+|sparks?|electric shock|swollen battery|"
    r"battery .{0,40}(?:swollen|puffy|hissing|hot)|carbon monoxide|"
    r"(?:lips?|throat|tongue|face) (?:is|are) swelling|can(?:'?t|not) breathe|struggling to breathe|"
    r"allergic reaction|anaphyla\w+|"
    r"swallowed|poison\w*|unconscious|chest pain|collapsed?|overdose|bleeding (?:badly|heavily|a lot)|"
    r"trapped (?:in|inside))\b",
    re.I | re.S,
)
_LIFE = re.compile(
    r"\b(?:kill myself|end (?:it all|my life)|suicid\w+|not (?:want|worth) (?:to live|living)|"
    r"better off (?:dead|without me)|"
    r"life insurance (?:pays|will pay)|put (?:the|my) papers in order|won't be here (?:much longer|any ?more)|"
    r"no way out)\b",
    re.I,
)
_NOT_COMPLAINT = re.compile(
    r"\b(?:not a (?:complaint|bug|problem)|(?<!make )no complaint|nothing (?:is )?wrong|furious,? with myself|"
    r"angry (?:at|with) myself|my own (?:fault|mistake|stupidity)|"
    r"there is nothing (?:we|i) want|quick (?:one|question)|just a question|small question|"
    r"one (?:small )?question|one idea|an idea)\b",
    re.I,
)
_PRAISE = re.compile(
    r"\b(?:best (?:\w+ ){0,3}(?:ever|in my life)|thankful|grateful|appreciate|awesome|greatest|"
    r"great (?:\w+ ){0,2}(?:flight|service|"
    r"crew|team|job|work|stay|experience|support|help|day)|kudos|shout ?out|impressed|"
    r"thank you (?:so much )?for (?:your|the|such) (?:\w+ )?(?:help|kindness|support|care|service|work|help)|"
    r"thanks for (?:the|a|your|good|great)|wonderful|excellent|"
    r"fantastic|amazing|brilliant|lovely|"
    r"delighted|so kind|very kind|"
    r"thank you thank you|well done|compliments?\b|made my day|could not be happier|how well|love (?:the|it|this|"
    r"your)|fav(?:ourite)?\b)",
    re.I,
)
_IDEA = re.compile(
    r"\b(?:idea|suggest\w*|feature|it would be (?:great|nice|cool)|can (?:u|you) (?:pls |please )?add|"
    r"wish(?:list)?|would be lovely if|proposal)\b",
    re.I,
)
_STRONG_FAILURE = re.compile(
    r"\b(?:where (?:is|are|'s) (?:my|our|the)|brok\w+|crush\w+|smash\w+|shatter\w+|crack\w+|damag\w+|leak\w*|"
    r"dripp\w+|missing|lost|faulty|dead|"
    r"fail\w*|crash\w*|outage|"
    r"nobody|no[- ]one|(?:did|do|does|has|have|had|is|was|were|are|could|can|will|would)(?:n'?t|"
    r" not)\s+(?:arriv\w*|come|came|work\w*|answer\w*|repl\w*|show\w*|load\w*|been|received?|get|got)|"
    r"never|cancelled|canceled|charged|charging|twice|refused|declined|closed|blocked|banned|wiped|gone|cold|"
    r"late|hung up|ignored|"
    r"no (?:reply|answer|van|internet|response|tracking|mail|power|heating|water|human)|stuck|erased|"
    r"overcharged|third|fourth|again|wrong|"
    r"nothing|complaint|unacceptable|disappoint\w*|terrible|awful|worst|refund|money back|fake|scam|stolen|"
    r"dirty|hair|bites?|smell\w*|cold|rude)\b",
    re.I,
)
_MAY_BE_ASKED = re.compile(
    r"\?|\b(?:how (?:do|can|long|much)|can i|could i|is it possible|do i need|what(?:'s|"
    r" is) the (?:right )?way|may i)\b",
    re.I,
)
_CANNOT = re.compile(
    r"\b(?:cannot be (?:restored|repaired|replaced|recovered|brought back)|no copy|not recoverable|"
    r"irrecoverabl\w+|wiped|lost for good|search closed|"
    r"volcan\w+|storm|weather|strike|snow|flood|force majeure|laryngitis|organi[sz]er|no private places|"
    r"first free place|discontinued|sold out for good|"
    r"backups? (?:gone|included)|not possible)\b",
    re.I,
)
_INTERNAL = re.compile(r"^\s*(?:internal|intern|interne|interno|confidential|staff only|do not share)\b", re.I)


def _kind(s: Situation, facts: Facts, decisions: Sequence[Decision]) -> tuple[Kind, Restricted | None, Lack | None]:
    text = _customer_words(s.text, facts)
    signals = {x.name for x in s.score.signals}
    order = " ".join(_flat(s.order))
    if signals & {"self_harm"} or _LIFE.search(text):
        return "safety", None, None
    if _DANGER.search(text):
        return "safety", None, None
    if matter := _restricted(text, s.order):
        return "restricted", matter, None
    if s.channel == "social":
        return "public", None, None
    if lack := _lack(s, text, facts, decisions):
        return "holding", None, lack
    if foreign(s):  # the words cannot be read: only what the records and the policy say counts
        owed = any(d.state == "eligible" and d.remedy.when for d in decisions)
        return ("failure", None, None) if owed else ("holding", None, "vague")
    if not _is_failure(s, text, decisions):
        plain = _PRAISE.search(text) or _MAY_BE_ASKED.search(text) or _IDEA.search(text) or _NOT_COMPLAINT.search(text)
        if plain or s.articles or s.score.known_failure:
            return "no_failure", None, None
        said = any(c.finite and not c.question for c in facts.clauses)
        return ("failure", None, None) if said or s.order else ("holding", None, "vague")
    if _CANNOT.search(order):
        return "limited", None, None
    return "failure", None, None


def _customer_words(text: str, facts: Facts) -> str:
    out, at = [], 0
    for start, end in facts.attacks:
        out.append(text[at:start])
        at = end
    return "".join([*out, text[at:]])


def _restricted(text: str, order: Mapping[str, Any]) -> Restricted | None:
    for name, pattern in (
        ("legal", _LEGAL),
        ("regulator", _REGULATOR),
        ("press", _PRESS),
        ("chargeback", _CHARGEBACK),
        ("injury", _INJURY),
        ("data", _DATA),
    ):
        if pattern.search(text):
            return name  # type: ignore[return-value]
    if order.get("chargeback_open") is True:
        return "chargeback"
    if order.get("legal_claim") is True:
        return "legal"
    return None


_OUR_FAILURE = re.compile(
    r"\b(?:mistake|error|fault|wrong|missing|missed|late|damaged?|broken|cancelled (?:twice|by)|overbooked|"
    r"twice|outage|although|lost|not as bought)\b",
    re.I,
)
_FIX = re.compile(
    r"\b(?:could (?:somebody|someone|you) (?:please )?(?:look|fix|repair|check)|please (?:fix|repair)|can you fix)\b",
    re.I,
)
_PROBLEM_FACT = re.compile(
    r"\b(?:delay|late|lost|damaged|fault|error|outage|missing|cancelled|refused|blocked)\w*\b", re.I
)
_PRAISE_ONLY = re.compile(r"\b(?:nothing (?:we|i) want|not a (?:complaint|bug))\b", re.I)


def _is_failure(s: Situation, text: str, decisions: Sequence[Decision]) -> bool:
    known = s.score.known_failure
    cues = len({m.group().lower() for m in _STRONG_FAILURE.finditer(text)})
    if (
        any(d.state == "eligible" and _OUR_FAILURE.search(d.remedy.conditions) for d in decisions)
        and not s.articles
        and known not in NOT_FAILURES
    ):
        return not _PRAISE_ONLY.search(text)
    if _NOT_COMPLAINT.search(text) and (known is None or known in NOT_FAILURES):
        return cues >= 5
    if known is not None and known not in NOT_FAILURES:
        return True
    if known in NOT_FAILURES:
        return cues >= 4 and not s.articles
    if s.articles and _MAY_BE_ASKED.search(text):
        return cues >= 6
    if _PRAISE.search(text) and cues <= 2 and not _FIX.search(text):
        return False
    if not s.score.abstained and s.score.failure_code in NOT_FAILURES and cues <= 1:
        return False  # unsure of the kind, but not of a failure
    if _MAY_BE_ASKED.search(text) and cues == 0:
        return False
    return cues > 0 or bool(_PROBLEM_FACT.search(" ".join(_flat(s.order))))


def _lack(s: Situation, text: str, facts: Facts, decisions: Sequence[Decision]) -> Lack | None:
    if any(
        re.match(r"no |not found|nothing found|unknown\b", str(v), re.I) for k, v in s.order.items() if "lookup" in k
    ):
        return "lookup"
    for value in s.order.values():
        if isinstance(value, list) and any(
            isinstance(v, Mapping) and (v.get("readable") is False or v.get("bytes") == 0) for v in value
        ):
            return "unreadable"
    if lack := _contradiction(s, text):
        return lack
    if any(d.state == "eligible" and d.remedy.when for d in decisions):
        return None
    for value in s.order.values():
        if isinstance(value, list) and len(value) > 1 and all(isinstance(v, Mapping) and "number" in v for v in value):
            if sum(str(v["number"]).lower() in text.lower() for v in value) != 1:
                return "two"
    if _scrambled(text):
        return "unclear"
    return None


def _contradiction(s: Situation, text: str) -> Lack | None:
    paid = re.search(r"\bI(?: have|'ve)? (?:already )?paid\b", text, re.I)
    if paid and any(
        re.search(r"no payment|not paid|unpaid|open", str(v), re.I) for k, v in s.order.items() if k == "status"
    ):
        return "paid"
    return None


def _scrambled(text: str) -> bool:
    words = [w.lower() for w in WORD.findall(text)]
    if len(words) < 8:
        return False
    marks = sum(text.count(m) for m in ".!?,;")
    no = sum(w in ("no", "not", "stop", "dont", "what", "send") for w in words)
    return marks <= len(words) / 12 and no >= 5 and len(words) < 60


def _tone(text: str) -> Tone:
    if _PRAISE.search(text) and not _IDEA.search(text):
        return "praise"
    return "idea" if _IDEA.search(text) else "question"


def _severe(s: Situation, facts: Facts) -> bool:
    signals = {x.name for x in s.score.signals}
    heat = not s.score.abstained and s.score.frustration.index >= 4
    turns = sum(t.role == "customer" for t in s.history)
    return heat or turns >= 2 or bool(signals & {"threat_to_leave", "legal_or_regulator", "chargeback"})


# ---- what to restate


_STRONG = re.compile(
    _STRONG_FAILURE.pattern + r"|n't\b|\b(?:not|no|nothing|without|still|instead|kept|minus|down|half)\b", re.I
)
_EMPTY = re.compile(
    r"\b(?:x{3,}|will attach|trying to|get well|furious|angry|mad|disgust\w*|outrag\w*|joke|idiots?|stupid|"
    r"scum|liars?|lying|shame\w*|clowns?|"
    r"incompeten\w+|useless|pathetic|hate|hell|"
    r"shit\w*|fuck\w*|crap|suck\w*|wtf|scream\w*|sue|being nice|the nerve|sick of|fed up|rip-?off|thie(?:f|"
    r"ves)|sorry|thank\w*|forgive|excuse|polite|"
    r"cross|raise your voice|troll|ridiculous|hilarious|visionary|kidney|to blame|dog|hope|imagine|suppose|"
    r"reckon|guess|quiz|spare|as we said|"
    r"going to say|we should|cannot believe|bother|trouble|told off|do we people|your english|"
    r"make no complaint|pay slip|personally|as plain as|"
    r"nobody else|gone pale|thought|must have been|look forward|nice lad|no idea|like our|like to ask|"
    r"wears off|let you look|prove that|we cannot prove|do not know|we know|you know us|remember you|opinion|"
    r"be honest|asking us|care to|like it told|"
    r"you think|embarrass\w*|napkin)\b",
    re.I,
)


def restate(s: Situation, facts: Facts, kind: Kind) -> tuple[tuple[Clause, ...], tuple[Clause, ...]]:
    """Returns the clauses to name in the apology (at most two) and those to restate beside it, in the message's order.

    Greedy cover: each step takes the clause with most facts not yet told for its length, until the channel's budget.
    """
    budget = _BUDGET[s.channel]
    if kind in ("no_failure", "restricted", "safety", "holding") and _tone(s.text) != "praise":
        budget = budget // 2
    item = content_stems(" ".join(str(s.order.get(k, "")) for k in ("item", "items")))
    near = content_stems(" ".join([*_flat(s.order), *(f"{r.label} {r.conditions}" for r in s.remedies)]))
    praised = kind == "no_failure" and _tone(s.text) == "praise"
    most = 6 if _BUDGET[s.channel] > 60 else 3
    told: set[str] = set()
    chosen: list[Clause] = []
    clauses = [_public_part(c, s) for c in facts.clauses] if kind == "public" else facts.clauses
    pool = [c for c in clauses if _fit(c, s, kind)]
    while pool and budget > 4 and len(chosen) < most:
        best = max(pool, key=lambda c: _worth(c, told, item, near, chosen) + praised * _kind_word(c))
        if _worth(best, told, item, near, chosen) < 0.8:
            break
        pool.remove(best)
        if best.words <= budget:
            chosen.append(best)
            told |= _features(best.text)
            budget -= best.words
    chosen.sort(key=lambda c: c.start)
    problems = [c for c in chosen if _is_problem(c)]
    problems.sort(key=lambda c: -_strength(c, item | near))
    named = sorted([c for c in problems if _to_apologise_for(c)][:2], key=lambda c: c.start)
    return tuple(named), tuple(c for c in chosen if c not in named)


def _fit(c: Clause, s: Situation, kind: Kind) -> bool:
    if (
        not c.finite
        or c.question
        or not 2 <= c.words <= 22
        or _EMPTY.search(c.turned)
        or re.search(r"[\"“”()@<>{}\[\]|]", c.turned)
    ):
        return False
    if re.match(r"(?:all|everything|anything) (?:what|that|who)\b", c.turned, re.I):
        return False
    if re.match(r"(?:if|where|which|who|what|whether|how|shall|can|could|do|does|did|is|are|will)\b", c.turned, re.I):
        return False
    if c.turned.split()[-1].lower() in PREPOSITIONS | DETERMINERS | CONJUNCTIONS | {"not", "because", "very"}:
        return False
    return kind != "public" or not _personal(c.text, s)


def _personal(text: str, s: Situation) -> bool:
    """Returns whether words must not stand on a public page: names of people, numbers of any length, health, age."""
    own = {w.lower() for w in WORD.findall(s.customer.name or "") if len(w) > 2}
    if any(w.lower() in own for w in WORD.findall(text)) or _PERSON_NAMED.search(text):
        return True
    return bool(re.search(r"\d{2,}|\b(?:diabet\w*|account|booking|room|pregnan\w*|disab\w*)\b", text, re.I))


_PERSON_NAMED = re.compile(
    r"\b(?:[Mm]r|[Mm]rs|[Mm]s|[Dd]r|called|named|[Mm]y \w+|[Yy]our \w+),? [A-ZÀ-Ý][a-zß-ÿ]+|, [A-ZÀ-Ý][a-zß-ÿ]+(?:,|$)"
)


def _public_part(c: Clause, s: Situation) -> Clause:
    """Returns the clause without the parts, cut at commas and brackets, that are not for a public page."""
    kept = [x for x in re.split(r",\s*|\s*\([^)]*\)", c.turned) if x and not _personal(x, s)]
    text = ", ".join(kept)
    return replace(c, text=text, turned=text, words=len(text.split()))


def _fragments(s: Situation, facts: Facts, kind: Kind, told: Sequence[Clause]) -> tuple[Clause, ...]:
    """Returns up to three pieces without a verb that hold a fact and are not told yet, in the message's order."""
    if kind in ("safety", "restricted", "holding") or (kind == "no_failure" and not s.channel == "chat"):
        return ()
    known = set().union(*(_features(c.text) for c in told)) if told else set()
    near = content_stems(" ".join([*_flat(s.order), *(f"{r.label} {r.conditions}" for r in s.remedies)]))
    room = _BUDGET[s.channel] - sum(c.words for c in told)
    scored: list[tuple[float, Clause]] = []
    for c in facts.clauses:
        c = _public_part(c, s) if kind == "public" else c
        if c.finite or c.question or not 2 <= c.words <= 16 or not _nominal(c.turned) or _EMPTY.search(c.turned):
            continue
        if re.search(r"[\"“”()@<>{}\[\]|#]", c.turned) or "request" in c.kinds:
            continue
        new = _features(c.text) - known
        worth = (
            len(new) * 0.6
            + len(new & near)
            + sum(k in c.kinds for k in ("problem", "time", "count", "amount", "impact"))
        )
        if worth >= 2.2 and c.kinds & {"problem", "time", "count", "amount", "contact"}:
            scored.append((worth / c.words**0.4, c))
    scored.sort(key=lambda x: -x[0])
    out: list[Clause] = []
    for _, c in scored[:3]:
        if c.words <= room:
            out.append(c)
            room -= c.words
    return tuple(sorted(out, key=lambda c: c.start))


def _nominal(text: str) -> bool:
    """Returns whether the words are a name for something, without a verb of their own and no half sentence."""
    words = [w.lower() for w in WORD.findall(text)]
    if words[0] in _NO_NAME or words[0] in PREPOSITIONS or words[0] in BASES or words[-1] in PREPOSITIONS | DETERMINERS:
        return False
    subjects = {"you", "we", "they", "he", "she", "it", "who", "where", "which", "what", "whether", "there", "that"}
    if words[0] == "not" or len(words) < 2:
        return False
    return not any(w in AUXILIARIES or w in IRREGULAR_PASTS or w in subjects for w in words)


_NO_NAME = PRONOUNS - DETERMINERS | frozenset(
    "and but or so if when where which who that because then even as to not how why what going got please kindly again "
    "once every while until although however regards finance director yes quick re happy".split()
)


def _asked(s: Situation, facts: Facts, kind: Kind) -> Clause | None:
    """Returns the question of the customer that can be said back, where the reply answers one."""
    if kind not in ("no_failure", "failure", "limited") or (kind != "no_failure" and s.channel in ("chat", "sms")):
        return None
    asked = [c for c in facts.clauses if c.question and c.finite and 4 <= c.words <= 22 and not _EMPTY.search(c.turned)]
    return max(asked, key=lambda c: len(_features(c.text)), default=None)


def _features(text: str) -> frozenset[str]:
    return content_stems(text) | frozenset(re.findall(r"\d+(?:[.,:]\d+)*", text))


def _is_problem(c: Clause) -> bool:
    return "problem" in c.kinds and bool(_STRONG.search(c.text)) and "request" not in c.kinds


_OWN_ACT = re.compile(
    r"you (?!were|was|have been|had to|have to|cannot|could not|did not (?:get|receive|hear)|"
    r"have not (?:received|heard|had)|never|had no|"
    r"have no|got|missed|lost|waited|arrived|paid|are not (?:paid|able|allowed)|are still|still|have never|"
    r"have had to|landed)\b",
    re.I,
)


def _to_apologise_for(c: Clause) -> bool:
    """Returns whether the clause says what befell the customer, and not what the customer did or thinks."""
    if _OWN_ACT.match(c.turned) or re.match(r"(?:he|she|they)\b", c.turned) or _IDLE.search(c.turned):
        return False
    told = len(_STRONG_FAILURE.findall(c.text))
    if re.match(r"this is the \w+ time\b", c.turned):
        return True
    return (
        told > 1
        if re.match(r"(?:it|this|that|there) (?:is|was)\b", c.turned)
        else bool(told or _SUFFERED.search(c.turned))
    )


_SUFFERED = re.compile(r"\b(?:not|no|nothing|without|instead|kept|minus|down|half|only|still|nobody|n't)\b|^we\b", re.I)
_IDLE = re.compile(r"\b(?:still (?:work|comes?)|no hurry|can wait|wears? off|at once|fine|no problem)\b", re.I)


def _strength(c: Clause, near: frozenset[str]) -> float:
    starts_low = re.match(r"(?:it|this|that|there)\b", c.turned)
    shared = len(content_stems(c.text) & near)
    return len(_STRONG.findall(c.text)) + shared * 0.5 + ("time" in c.kinds) * 0.3 - (1.2 if starts_low else 0)


def _kind_word(c: Clause) -> float:
    """Returns how much a clause of a letter of praise is about those who are praised."""
    named = bool(_PROPER.search(c.text)) or c.turned.startswith(("our ", "your ", "he ", "she ", "they "))
    return 1.5 * named - 0.8 * c.turned.startswith("you ") - 0.6 * ("problem" in c.kinds)


_PROPER = re.compile(r"(?<=[a-z0-9,;] )(?!I\b|I')[A-ZÀ-Ý][a-zß-ÿ][\w'’-]*")


def _worth(c: Clause, told: set[str], item: frozenset[str], near: frozenset[str], chosen: Sequence[Clause]) -> float:
    new = _features(c.text) - told
    value = len(new) * 0.7 + len(new & item) * 1.0 + len(new & near) * 0.7
    value += sum(
        1.2 for w in WORD.findall(c.text)[1:] if w[0].isupper() and not w.isupper() and w.lower() in told | new
    )
    weights = {
        "problem": 1.5,
        "contact": 0.8,
        "impact": 2.0,
        "time": 1.0,
        "count": 1.2,
        "amount": 1.5,
        "number": 0.8,
        "occasion": 0.8,
    }
    value += sum(w for k, w in weights.items() if k in c.kinds)
    value -= 3.0 if "request" in c.kinds else 0.0
    dated = c.words > 3 and re.match(r"(?:it|this|that) is (?:now )?(?:day|the|your|our|\w+day)\b", c.turned)
    if (
        re.match(r"(?:it|he|she|they|this|that|there)\b", c.turned)
        and not dated
        and not any(abs(o.end - c.start) < 30 for o in chosen)
    ):
        value -= 4.0
    return float(value / c.words**0.55)


def _thing(s: Situation, facts: Facts) -> str | None:
    """Returns what it is about, as "your lamp": the order's item as the customer names it, else a thing of theirs."""
    near = content_stems(" ".join([*_flat(s.order), *(r.label for r in s.remedies)]))
    mine = [_head(m) for m in _MINE.finditer(_customer_words(s.text, facts))]
    mine = [x for x in mine if x and not _PEOPLE_WORD.match(x)]
    mine.sort(key=lambda x: -len(content_stems(x) & near))
    if mine and content_stems(mine[0]) & near:
        return f"your {mine[0]}"
    item = s.order.get("item")
    if isinstance(item, str) and 0 < len(item) < 80:
        head = re.split(r",|;| with | \(|: | - ", item)[0].strip()
        shared = [w for w in WORD.findall(head) if len(w) > 2 and re.search(rf"\b{re.escape(w.lower())}", s.text)]
        if shared:
            return "your " + _lower(shared[-1])
    return None


def _head(m: re.Match[str]) -> str:
    """Returns the noun after "my", with the word before or after it that belongs to it: "bridesmaid dress"."""
    words = m[1].lower().split()
    ends = PREPOSITIONS | AUXILIARIES | ADVERBS | CONJUNCTIONS | PRONOUNS
    if len(words) > 1 and (words[1] in ends or (is_verb(words[1]) and words[1] not in _NOUNS)):
        words = words[:1]
    return " ".join(words) if not words[0].endswith(("ed", "est")) else ""


_NOUNS = frozenset(
    "report card order account number bill claim change transfer call visit delivery refund ticket stay".split()
)
_MINE = re.compile(r"\b(?:my|our)\s+([A-Za-z]{3,}(?:\s+[A-Za-z]{2,})?)\b", re.I)
_PEOPLE_WORD = re.compile(
    r"(?:\w+ )?(?:mum|mom|mother|dad|father|parents?|son|daughter|kids?|child|children|toddler|wife|husband|"
    r"partner|sister|brother|boss|"
    r"neighbou?r|friends?|fault|mistake|name|house|home|life|time|english|way|case|hallway|living|opinion|"
    r"hands?|arms?|ex|fav|own|cousin|"
    r"whole|old|new|first|last|only)\b",
    re.I,
)


def _lower(word: str) -> str:
    return word if word[1:2].isupper() or any(ch.isdigit() for ch in word) else word[0].lower() + word[1:]


# ---- what our records say


_TOLD = re.compile(
    r"^(?:status|cause|review|lookup|search_log|scan_position|last_scan|cloud_backup|known_issue|next_slots|"
    r"driver_log.*|kitchen_log|"
    r"lab_sheet|self_service|june_flight|rules|family_room_from|wrong_announcement|new_handler|customer_note|"
    r"cup|assistance|till_log|"
    r"documents|statement_signatory|cancellations|restaurant_closes_at|express_slot|engineer_note.*|.*_log|"
    r".*_until|.*_sheet)$"
)
_HIDDEN = re.compile(
    r"(?:comment|note_internal|internal|desk_note|job_sheet|hotline|warehouse|near_match|guest_|customer_note|"
    r"address|phone|contact|email|"
    r"safety_sheet|number|amount|currency|company|item|handler$|account_name|identity|requester)",
    re.I,
)
_ORDERS_US = re.compile(r"\b(?:assistant|reply|drafter|model|treat|approve|must|ignore)\b.*:|assistant\b", re.I)


def _records(s: Situation, kind: Kind, facts: Facts) -> tuple[Record, ...]:
    """Returns up to two facts of the order that answer what the customer wrote; one-word states say nothing."""
    if kind in ("restricted", "public", "holding") or foreign(s):
        return ()
    said = content_stems(s.text)
    found: list[tuple[float, Record]] = []
    for key, value in s.order.items():
        if not isinstance(value, str) or _HIDDEN.search(key) or _INTERNAL.match(value) or _ORDERS_US.search(value):
            continue
        words = value.split()
        if len(words) < 3:
            continue
        worth = (
            2.0 * (key == "status") + 1.0 * bool(_TOLD.match(key)) + len(content_stems(value + " " + key) & said) * 0.6
        )
        if worth >= 1.0 and len(words) <= 45:
            found.append((worth, Record(key, _named(key) + plain_dates(value, s.now))))
    found.sort(key=lambda x: -x[0])
    room = 34 if s.channel in ("chat", "sms") else 60
    out: list[Record] = []
    for _, record in found[:2]:
        if (size := len(record.text.split())) <= room:
            out.append(record)
            room -= size
    return tuple(out)


def _named(key: str) -> str:
    """Returns what the fact is, for keys whose value does not say so: `scan_position` becomes "scan position: "."""
    if key in ("status", "self_service", "rules", "known_issue", "june_flight") or "note" in key:
        return ""
    return re.sub(r"[_\d-]+", " ", key).strip() + ": "


_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?)?")
_MONTHS = "January February March April May June July August September October November December".split()


def plain_dates(text: str, now: datetime) -> str:
    """Returns the text with ISO dates as people say them: "16 April", with the year where it is another one."""

    def said(m: re.Match[str]) -> str:
        year, month, day = int(m[1]), int(m[2]), int(m[3])
        if not 1 <= month <= 12:
            return m.group()
        out = f"{day} {_MONTHS[month - 1]}" + (f" {year}" if year != now.year else "")
        return out + (f" at {m[4]}:{m[5]}" if m[4] else "")

    return _ISO.sub(said, text)


def _flat(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for v in value.values():
            yield from _flat(v)
    elif isinstance(value, list | tuple):
        for v in value:
            yield from _flat(v)
    elif isinstance(value, str) and not _INTERNAL.match(value):
        yield value


def _number_wanted(s: Situation, decisions: Sequence[Decision]) -> bool:
    """Returns whether an order number would help: no order is known, none is named, and a remedy waits for one."""
    if s.order or _known_number(s):
        return False
    waiting = [d for d in decisions if d.state != "eligible" and d.remedy.when and "order." in d.remedy.when]
    return (bool(waiting) and not any(d.state == "eligible" and d.remedy.max is None for d in decisions)) or (
        s.channel == "social" and bool(waiting)
    )


def _known_number(s: Situation) -> bool:
    said = s.text + " " + " ".join(t.text for t in s.history)
    return bool(re.search(r"\b(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9]+-?[A-Z0-9]{3,}\b|\b\d{5,}\b", said))


# ---- what to offer


def _offers(s: Situation, decisions: Sequence[Decision], kind: Kind, failed: bool) -> list[Decision]:
    if kind in ("restricted", "holding"):
        return []
    most = {"chat": 4, "sms": 2, "social": 2}.get(s.channel, 4)
    chosen = smallest_adequate(decisions, failed=failed, most=most)
    if kind == "public":
        chosen = [d for d in chosen if d.remedy.max is None and not is_goodwill(d.remedy)]
    if kind == "safety":
        chosen = [d for d in chosen if not is_goodwill(d.remedy)]
    return chosen


# ---- answers to questions


def _answer(s: Situation) -> tuple[Article | None, tuple[str, ...]]:
    """Returns the article that fits the question best, and its sentences in order of the article, most to the point."""
    if not s.articles:
        return None, ()
    said = content_stems(s.text) | content_stems(" ".join(str(v) for v in s.order.values() if isinstance(v, str)))
    best = max(s.articles, key=lambda a: _fits(a, s.articles, s.text, said))
    sentences = [x.strip() for x in re.split(r"(?<=[.!?])\s+(?=[A-Z])", best.text) if x.strip()]
    labels = sum(len(r.label.split()) + 5 for r in s.remedies if r.when is None)
    room = (76 if s.channel in ("chat", "sms") else 130) - min(labels, 30)
    ranked = sorted(range(len(sentences)), key=lambda i: (-_point(sentences[i], said) - (i == 0), i))
    kept: set[int] = set()
    for i in ranked:
        if (size := len(sentences[i].split())) <= room:
            kept.add(i)
            room -= size
    return best, tuple(sentences[i] for i in sorted(kept))


def _point(sentence: str, said: frozenset[str]) -> float:
    """Returns how much a sentence of an article is to the point: what was asked, and steps to take."""
    first = sentence.split()[0].lower()
    step = first in BASES or first in ("then", "on", "please", "confirm", "dissolve", "afterwards")
    return len(content_stems(sentence) & said) + 1.5 * step - 1.0 * sentence.lower().startswith("if ")


def _fits(article: Article, articles: Sequence[Article], text: str, said: frozenset[str]) -> float:
    """Returns how well an article fits: shared words weighted by how few of the articles hold them, title twice."""
    words, title = content_stems(article.text), content_stems(article.title)
    spread = {w: sum(w in content_stems(a.title + " " + a.text) for a in articles) for w in said & (words | title)}
    shared = sum((2.0 if w in title else 1.0) / n for w, n in spread.items())
    exact = sum(m.group().lower() in article.title.lower() for m in re.finditer(r"\b\w+ \d+\b", text.lower()))
    return float(shared + 3.0 * exact)


# ---- advice


def _channel_advice(s: Situation, facts: Facts, kind: Kind, offers: Sequence[Decision]) -> str | None:
    if kind == "public":
        return "Answer in public in two sentences and go on in a private message; nothing personal on the page."
    if kind == "restricted":
        return "Leave the answer to the specialist team; neither admit nor deny, offer nothing, promise no date."
    if kind == "safety":
        return "Ring the customer now if there is a number; the letter alone is not enough."
    if kind in ("failure", "limited") and _severe(s, facts):
        ours = sum(t.role == "agent" for t in s.history)
        unsure = [d.remedy.label for d in offers if d.remedy.needs_approval]
        failed = [c.turned for c in facts.clauses if _is_problem(c)]
        lines = [
            "A call serves better than a letter here.",
            f"What happened: {'; '.join(failed)[:200] or 'see the message'}.",
            f"So far: {ours} replies of ours, {len(s.history) - ours} earlier messages of theirs.",
            f"May be offered: {'; '.join(d.remedy.label for d in offers) or 'nothing'}.",
            f"Must not be promised: {'; '.join(unsure) or 'dates that nobody gave'}.",
        ]
        return "\n".join(lines)
    return None
