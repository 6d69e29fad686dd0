"""The steps of recovery for one message: its kind, what to restate, what to tell, what to offer, what to ask."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import prompts
from triage.cases.values import Article
from triage.recovery.facts import Clause, Facts, extract
from triage.recovery.policy import Decision, decide, is_goodwill, smallest_adequate
from triage.recovery.turn import odd
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
from triage.scoring.values import NOT_FAILURES, SURE

Restricted = Literal["legal", "regulator", "press", "injury", "data", "chargeback", "other"]
Lack = Literal["lookup", "unreadable", "two", "paid", "sent", "unclear", "vague"]
Tone = Literal["question", "praise", "idea", "thanks", "consent"]


@dataclass(frozen=True, slots=True)
class Record:
    """A fact of the order or ticket, as it can be told: dates in words, nothing internal."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Due:
    """A day still to come that our records name: `what` is "the next van"."""

    key: str
    what: str
    day: str


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
    wish: Clause | None = None
    """What the customer asks for, where nothing can be offered yet: "you would like it collected"."""
    evidence: str | None = None
    """The one thing that would open a remedy, as "a photo"."""
    due: Due | None = None
    unanswered: int = 0
    """Messages of the customer since our last reply, this one apart."""
    danger: str | None = None
    """The topic of prompts/safety.toml that the message is about."""
    bereaved: bool = False
    """Somebody has died: said before anything else."""
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
    offers = tuple(_offers(situation, decisions, kind, failed, _tone(situation)))
    problems, others = restate(situation, facts, kind)
    answers = kind in ("no_failure", "safety") or (kind == "failure" and not offers)
    article, answer = _answer(situation, kind) if answers else (None, ())
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
        tone=_tone(situation),
        fragments=_fragments(situation, facts, kind, (*problems, *others)),
        asked=_asked(situation, facts, kind),
        wish=_wish(facts) if not offers and kind in ("failure", "limited", "no_failure") else None,
        evidence=_evidence(situation, decisions) if failed and not offers else None,
        due=_due(situation) if kind in ("failure", "limited") or "?" in situation.text else None,
        unanswered=_unanswered(situation),
        danger=_danger(situation.text) if kind == "safety" else None,
        bereaved=kind in ("failure", "limited", "no_failure") and bool(_DIED.search(situation.text)),
        life=kind == "safety" and _life(situation),
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
    r"attorney) (?:will|has|is)|reference at (?:the|my) (?:solicitor|lawyer)\S*|"
    r"(?:direct|address|send) all (?:further|future) (?:letters|correspondence))\b",
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
    r"\b(?:hurt|injur\w*|bruis\w*|fell|broke)\b.{0,300}\b(?:our|my|your) insurers?\b|"
    r"\b(?:taken|went|rushed|admitted) to (?:a&e|hospital|the er|casualty)\b.{0,600}\b(?:compensat\w+|damages|liab\w+)|"
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
    r"trapped (?:in|inside)|co alarm|(?:for|need|called|rung for|rang) an ambulance|fainted|overheat\w*|"
    r"can(?:'?t|not) (?:wake|keep (?:\w+ ){1,2}awake)|(?:flew|came|shot|burst) (?:off|apart|out)|"
    r"(?:blade|glass|metal)\b.{0,20}\bflew)\b",
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
    if _life(s) or _in_danger(s, text, signals):
        return "safety", None, None
    if matter := _restricted(s, text, signals):
        return "restricted", matter, None
    if _closes(s, text):
        return "no_failure", None, None
    told = _tone(s) == "praise" or "?" not in text
    if s.channel == "social" and told and not _is_failure(s, text, decisions):
        return "no_failure", None, None
    if s.channel == "social":
        return "public", None, None
    if lack := _lack(s, text, facts, decisions):
        return "holding", None, lack
    if foreign(s):  # the words cannot be read: only what the records and the policy say counts
        owed = any(d.state == "eligible" and d.remedy.when for d in decisions)
        return ("failure", None, None) if owed else ("holding", None, "vague")
    if not _is_failure(s, text, decisions):
        plain = (
            _fine(s) >= 0.4
            or _PRAISE.search(text)
            or _MAY_BE_ASKED.search(text)
            or _IDEA.search(text)
            or _NOT_COMPLAINT.search(text)
        )
        if len(WORD.findall(text)) <= 3 and not (s.articles or _PRAISE.search(text) or _wish(facts)):
            return "holding", None, "vague"
        if plain or s.articles:
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


_DIED = re.compile(
    r"\b(?:my|our) (?:late )?(?:\w+,? ){1,3}(?:\w+,? )?(?:died|passed away|has died|was buried)\b|\bmy late (?:husband|"
    r"wife|mother|father|mum|dad|partner|son|daughter|brother|sister)'?s?\b.{0,80}\b(?:account|bill|subscription|letters?)",
    re.I | re.S,
)


def _life(s: Situation) -> bool:
    return bool(_LIFE.search(s.text)) or any(x.name == "self_harm" for x in s.score.signals)


def _in_danger(s: Situation, text: str, signals: set[str]) -> bool:
    """Returns whether somebody may be in danger now: by the words, or by the signal where the matter is urgent.

    The customer's earlier messages count while nobody has answered them: an update of a danger is one.
    """
    earlier = " ".join(x.text for x in s.history[len(s.history) - _unanswered(s) :])
    if _DANGER.search(text) or (s.score.urgency.index >= 3 and not s.score.abstained and _DANGER.search(earlier)):
        return True
    urgent = s.score.abstained or s.score.urgency.index >= 3
    return "safety" in signals and urgent and _danger(text) is not None


def _danger(text: str) -> str | None:
    topics = prompts.load("safety").data["topic"]
    return next((t["name"] for t in topics if re.search(t["pattern"], text, re.I)), None)


def _unanswered(s: Situation) -> int:
    count = 0
    for turn in reversed(s.history):
        if turn.role == "agent":
            break
        count += 1
    return count


_THANKS = re.compile(
    r"\b(?:thank\w*|thanks|thx|ta|cheers|legend|brilliant|perfect|great|lovely|sorted|fits?|works? now|"
    r"that was it|all good|appreciate\w*|saved|fair enough|decent of you|steady)\b|[\U0001F44D\U0001F60D\u2764]",
    re.I,
)
_CONSENT = re.compile(
    r"\b(?:go (?:for it|ahead)|yes|yep|yeah|please do|ok(?:ay)?|sure|sounds? good|sound|do it|agreed)\b", re.I
)
_STILL_WRONG = re.compile(r"\b(?:but|still|however|except|not|nothing|wrong|again|why)\b|n't\b|\?", re.I)


def _closes(s: Situation, text: str) -> bool:
    """Returns whether a short message only thanks us for, or agrees to, what we wrote last."""
    if not s.history or s.history[-1].role != "agent" or len(WORD.findall(text)) > 25 or _STILL_WRONG.search(text):
        return False
    calm = s.score.abstained or s.score.frustration.index <= 1
    return calm and bool(_THANKS.search(text) or _CONSENT.search(text))


_ALREADY = re.compile(r"\b(?:will|'ll|may|might|going to|if|unless|or (?:i|we)|can|could|should|shall)\b", re.I)


def _acted(s: Situation, name: str) -> bool:
    """Returns whether a signal tells what was done already, and is not only threatened."""
    for x in (x for x in s.score.signals if x.name == name):
        start = max(s.text.rfind(mark, 0, x.start) for mark in ".!?\n") + 1
        end = next((i for i in range(x.end, len(s.text)) if s.text[i] in ".!?\n"), len(s.text))
        if not _ALREADY.search(s.text[start:end]):
            return True
    return False


def _restricted(s: Situation, text: str, signals: set[str]) -> Restricted | None:
    order = s.order
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
    if "data_request" in signals:
        return "data"
    if order.get("chargeback_open") is True or _acted(s, "chargeback"):
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
    if not s.score.abstained:
        fine = _fine(s)
        if fine >= SURE:
            return cues >= 4 and not s.articles and s.score.frustration.index > 0
        level = s.score.frustration.index
        glad = _PRAISE.search(text) and cues <= 2 and not _FIX.search(text)
        if level >= 3 and fine < SURE:  # words of praise from somebody this angry are none
            return True
        if s.channel == "social" and level == 0 and cues == 0:
            return False
        if level == 0 and ((fine >= 0.4 and cues <= 1) or glad):
            return False
        asked = _MAY_BE_ASKED.search(text)
        sure = known is not None and not asked
        if s.articles and not sure and (asked or fine >= 0.4) and cues <= bool(asked) and _answer(s, "no_failure")[0]:
            return False
        if fine < 0.5 and level >= 1 and _STRONG.search(text) and not s.articles:
            return True
        if fine <= 1 - SURE and (known is not None or cues > 0 or level >= 2):
            return not (s.articles and level <= 1 and asked and cues < 3)
    if s.articles and _MAY_BE_ASKED.search(text):
        return cues >= 6
    if _PRAISE.search(text) and cues <= 2 and not _FIX.search(text):
        return False
    if not s.score.abstained and s.score.failure_code in NOT_FAILURES and cues <= 1:
        return False  # unsure of the kind, but not of a failure
    if _MAY_BE_ASKED.search(text) and cues == 0:
        return False
    return cues > 0 or bool(_PROBLEM_FACT.search(" ".join(_flat(s.order))))


def _fine(s: Situation) -> float:
    """Returns how likely the model finds it that nothing failed; 0 where it abstains."""
    return 0.0 if s.score.abstained else sum(s.score.failure.get(code, 0.0) for code in NOT_FAILURES)


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


def _tone(s: Situation) -> Tone:
    if _closes(s, s.text):
        asked = "?" in s.history[-1].text and bool(_CONSENT.search(s.text)) and not re.search(r"thank", s.text, re.I)
        return "consent" if asked else "thanks"
    said = not s.score.abstained and "?" not in s.text
    praised = _PRAISE.search(s.text) or (not s.score.abstained and s.score.failure_code == "praise")
    if praised and not _IDEA.search(s.text) and not (s.score.known_failure == "request" and "?" in s.text):
        return "praise"
    if _IDEA.search(s.text):
        return "idea"
    told = (
        said and s.history and s.score.frustration.index == 0 and _THANKS.search(s.text) and not _WISHED.search(s.text)
    )
    return "thanks" if told and _fine(s) >= 0.4 and s.score.failure_code != "request" else "question"


def _severe(s: Situation, facts: Facts) -> bool:
    signals = {x.name for x in s.score.signals}
    heat = not s.score.abstained and s.score.frustration.index >= 4
    turns = sum(t.role == "customer" for t in s.history)
    return (
        heat
        or turns >= 2
        or bool(signals & {"threat_to_leave", "legal_or_regulator", "chargeback", "vulnerable_person"})
    )


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
    if kind in ("no_failure", "restricted", "safety", "holding") and _tone(s) != "praise":
        budget = budget // 2
    item = content_stems(" ".join(str(s.order.get(k, "")) for k in ("item", "items")))
    near = content_stems(" ".join([*_flat(s.order), *(f"{r.label} {r.conditions}" for r in s.remedies)]))
    praised = kind == "no_failure" and _tone(s) == "praise"
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
    if not c.finite or c.question or not 2 <= c.words <= 22 or _EMPTY.search(c.turned) or odd(c.turned):
        return False
    if _SAYS_LITTLE.match(c.turned):
        return False
    if _OTHERS.search(c.turned) and not _WHO.search(c.turned) and not _OPENS_WITH_OTHER.match(c.turned):
        return False
    if re.match(r"(?:all|everything|anything) (?:what|that|who)\b", c.turned, re.I):
        return False
    if re.match(r"(?:if|where|which|who|what|whether|how|shall|can|could|do|does|did|is|are|will)\b", c.turned, re.I):
        return False
    if c.turned.split()[-1].lower() in PREPOSITIONS | DETERMINERS | CONJUNCTIONS | {"not", "because", "very"}:
        return False
    return kind != "public" or not _personal(c.text, s)


_SAYS_LITTLE = re.compile(
    r"(?:it|this|that) (?:is|was) (?:the|your|our|a|about)(?: \w+){1,2}$|"
    r"(?:you (?:will not|do not (?:want|need)|are not joking)|perhaps|his|their|her|we (?:only|just|admit|claim)|"
    r"(?:nobody|no one)(?: is| was|'s)? (?:was |got )?(?:\w+ )?(?:hurt|injured)|no h(?:ard feelings|arm))\b|"
    r"you (?:just |only )?(?:asked|wrote|called|trust|reply|mention)\b(?: \w+){0,1}$",
    re.I,
)
_OTHERS = re.compile(r"(?<=\w )(?:him|her(?! \w)|them|he|she)\b")
_OPENS_WITH_OTHER = re.compile(r"(?:he|she|they|the|our|your|a)\b", re.I)
_WHO = re.compile(
    r"\b(?:your|our|the|a) (?:\w+ )?(?:mum|mom|mother|dad|father|parents?|son|daughter|kids?|child(?:ren)?|wife|"
    r"husband|partner|sister|brother|\w*man|\w*woman|driver|agent|colleague|boy|girl|\w+s)\b|\b[A-Z][a-z]+\b",
)


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
        if _IDLE.search(c.turned):
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
    if (
        words[0] in _NO_NAME | ADVERBS
        or odd(text)
        or words[0] in PREPOSITIONS
        or words[0] in BASES
        or words[-1] in PREPOSITIONS | DETERMINERS
    ):
        return False
    if any(w in _ACTS for w in words[1:]):
        return False
    subjects = {"you", "we", "they", "he", "she", "it", "who", "where", "which", "what", "whether", "there", "that"}
    if words[0] == "not" or len(words) < 2:
        return False
    return not any(w in AUXILIARIES or w in IRREGULAR_PASTS or w in subjects for w in words)


_ACTS = frozenset("says comes goes gets keeps wants tells makes works shows asks needs means looks seems".split())
_NO_NAME = PRONOUNS - DETERMINERS | frozenset(
    "and but or so if when where which who that because then even as to not how why what going got please kindly again "
    "once every while until although however regards finance director yes quick re happy".split()
)


def _asked(s: Situation, facts: Facts, kind: Kind) -> Clause | None:
    """Returns the question of the customer that can be said back, where the reply answers one."""
    if kind not in ("no_failure", "failure", "limited") or (kind != "no_failure" and s.channel in ("chat", "sms")):
        return None
    asked = [c for c in facts.clauses if c.question and c.finite and 4 <= c.words <= 22 and not _EMPTY.search(c.turned)]
    asked = [c for c in asked if not odd(c.turned)]
    return max(asked, key=lambda c: len(_features(c.text)), default=None)


def _features(text: str) -> frozenset[str]:
    return content_stems(text) | frozenset(re.findall(r"\d+(?:[.,:]\d+)*", text))


def _is_problem(c: Clause) -> bool:
    return "problem" in c.kinds and bool(_STRONG.search(c.text)) and "request" not in c.kinds


_OWN_ACT = re.compile(
    r"you (?!were|was|have been|had to|have to|cannot|could not|did not (?:get|receive|hear)|"
    r"have not (?:received|heard|had)|(?:have )?never (?:got|received|heard|had|been)|"
    r"(?:have )?(?:received|had|heard|got) no|have no|got|missed|lost|waited|arrived|paid|"
    r"are not (?:paid|able|allowed)|are still|still|"
    r"have had to|landed)\b",
    re.I,
)


def _to_apologise_for(c: Clause) -> bool:
    """Returns whether the clause says what befell the customer, and not what the customer did or thinks."""
    if (
        _OWN_ACT.match(c.turned)
        or re.match(r"you(?:'d| would)\b", c.turned)
        or re.match(r"(?:he|she|they)\b", c.turned)
        or _IDLE.search(c.turned)
    ):
        return False
    if re.match(r"we (?:only |just )?(?:admit|say|said|call|claim|think|know|reply|understand)\b", c.turned):
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
_IDLE = re.compile(
    r"\b(?:(?:nobody|no one)(?: is| was|'s)? (?:was |got )?(?:\w+ )?(?:hurt|injured)|no h(?:ard feelings|arm)|"
    r"not (?:seriously |badly )?hurt|do not (?:need|want) (?:an apology|a voucher)|not the end of|"
    r"still (?:work|comes?)|no hurry|can wait|wears? off|at once|fine|no problem)\b",
    re.I,
)


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
    """Returns what it is about, as "your lamp": the order's item where the customer names it, else a thing of theirs.

    Without an order only a thing counts that the customer calls their own where they say what failed.
    """
    text = _customer_words(s.text, facts)
    item = s.order.get("item")
    if isinstance(item, str) and 0 < len(item) < 80:
        named = _item(item)
        if content_stems(named) & content_stems(text):
            return f"your {named}"
        return "your order" if s.order.get("number") and _STRONG_FAILURE.search(text) else None
    failed = " ".join(c.text for c in facts.clauses if "problem" in c.kinds)
    mine = [_head(m) for m in _MINE.finditer(failed)]
    mine = [x for x in mine if x and not _PEOPLE_WORD.match(x)]
    return f"your {max(mine, key=lambda x: text.lower().count(x))}" if mine else None


_COUNT_OF = re.compile(r"\b(\d+) (\w+)\b")
_UNITS = frozenset("piece pieces pc pcs pack packs set sets pair pairs cm mm kg g ml l".split())


def _item(item: str) -> str:
    """Returns the noun of an item's name: "cake stands" for "Fernlea cake stand, 9 pieces"."""
    head, _, rest = item.partition(",")
    head = re.split(r" with | for | of | in |\(|: | - ", head)[0].strip()
    count = _COUNT_OF.search(rest)
    if count and count[2].lower() not in _UNITS and not any(ch.isdigit() for ch in count[2]):
        return count[2].lower()
    words = head.split()
    plain = [w for w in words if w[0].islower()]
    if not plain:
        return head if len(words) > 1 else _lower(head)
    at = words.index(plain[0])
    noun = " ".join(words[at:])
    if count and int(count[1]) > 1 and not noun.endswith("s"):
        noun += "s"
    return noun


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
        if key == "status" and not _says(value, said):
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


def _says(status: str, said: frozenset[str]) -> bool:
    """Returns whether a status tells the customer more than a label would."""
    return len(status.split()) > 4 or bool(re.search(r"\d|[,;:]", status))


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
    if not s.score.abstained and (s.score.failure_code in _NO_ORDER_NEEDED or s.score.urgency.index >= 4):
        return False
    waiting = [d for d in decisions if d.state != "eligible" and d.remedy.when and "order." in d.remedy.when]
    return (bool(waiting) and not any(d.state == "eligible" and d.remedy.max is None for d in decisions)) or (
        s.channel == "social" and bool(waiting)
    )


_NO_ORDER_NEEDED = frozenset({"no_response", "staff_conduct", "account_access", "policy_or_price"})


def _known_number(s: Situation) -> bool:
    said = s.text + " " + " ".join(t.text for t in s.history)
    return bool(re.search(r"\b(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9]+-?[A-Z0-9]{3,}\b|\b\d{5,}\b", said))


# ---- what to offer


def _offers(s: Situation, decisions: Sequence[Decision], kind: Kind, failed: bool, tone: Tone) -> list[Decision]:
    if kind in ("restricted", "holding") or (not failed and tone in ("thanks", "consent")):
        return []
    most = {"chat": 4, "sms": 2, "social": 2}.get(s.channel, 4)
    chosen = smallest_adequate(decisions, failed=failed, most=most)
    if kind == "public":
        chosen = [d for d in chosen if d.remedy.max is None and not is_goodwill(d.remedy)]
    if kind == "safety":
        chosen = [d for d in chosen if not is_goodwill(d.remedy)]
        if s.score.urgency.index >= 4 and not s.score.abstained and not any("safety" in k for k in s.order):
            chosen = [d for d in chosen if _HELPS_NOW.search(d.remedy.label)]
    chosen = [d for d in chosen if not _paid_already(d, s)]
    if not failed:
        chosen = [d for d in chosen if (d.remedy.when and not d.remedy.max) or _asked_for(d, s)]
    wished = content_stems(" ".join(m.group() for m in _WISHED.finditer(s.text)))
    # What was asked for comes first, what another must allow last.
    return sorted(chosen, key=lambda d: (d.remedy.needs_approval, -len(wished & content_stems(d.remedy.label))))


_HELPS_NOW = re.compile(
    r"\b(?:calls?|crew|doctor|nurse|ambulance|engineer|manager|safety|stopp?\w*|frozen|block\w*|adviser|at once|"
    r"refund)\b",
    re.I,
)
_PAID = re.compile(
    r"\brefund\w*\b[^.!?\n]{0,40}\b(?:issued|made|sent|processed|paid|on (?:its|the) way)\b|"
    r"\b(?:have|has been|was|were) refunded\b",
    re.I,
)


def _paid_already(d: Decision, s: Situation) -> bool:
    """Returns whether we wrote that this refund was made: it is to be looked for then, not offered again."""
    if "refund" not in content_stems(d.remedy.label):
        return False
    return any(_PAID.search(turn.text) for turn in s.history if turn.role == "agent")


_WISHED = re.compile(
    r"\b(?:(?:i|we)(?:'d| would)? (?:like|want|need|expect)|please|could (?:i|you|we)|can (?:i|you|we)|"
    r"how do (?:i|we) get)\b[^.!?\n]{0,120}|\b(?:refund\w*|money back|replac\w+|repair\w*|collect\w*|cancel\w*)\b",
    re.I,
)


def _asked_for(d: Decision, s: Situation) -> bool:
    """Returns whether a remedy that is open to all is about what was written; praise is passed on unasked."""
    label = content_stems(f"{d.remedy.label} {d.remedy.conditions}")
    return bool(label & content_stems(s.text)) or bool(label & content_stems("praise letter thanks compliment idea"))


# ---- what holds the customer until the answer


_ON_FILE = {"photos_on_file": "a photo", "screenshots_on_file": "a screenshot", "receipt_on_file": "the receipt"}
"""Order facts that count what the customer sent, and what to ask for while there is none."""


def _evidence(s: Situation, decisions: Sequence[Decision]) -> str | None:
    """Returns what to ask for: a thing that is not on file and with which the policy would open a remedy."""
    if s.order and not re.search(r"delivered|received|returned", str(s.order.get("status", "delivered")), re.I):
        return None
    shown = sum(s.score.failure.get(code, 0.0) for code in ("damaged_or_wrong", "quality"))
    seen = _VISIBLE.search(s.text) or (not s.score.abstained and shown >= SURE)
    for key, thing in _ON_FILE.items():
        if s.order.get(key, 1) not in (0, False) or (key == "photos_on_file" and not seen):
            continue
        would = decide(replace(s, order={**s.order, key: 1}))
        had = {d.remedy.id for d in decisions if d.state == "eligible"}
        if any(d.state == "eligible" and d.remedy.id not in had for d in would):
            return thing
    return None


_VISIBLE = re.compile(
    r"\b(?:brok\w+|crack\w*|crush\w*|smash\w*|damag\w*|scratch\w*|dent\w*|torn|ripp\w+|split|stain\w*|print|"
    r"wrong|rust\w*|colou?r|shatter\w*|bent|mould\w*)\b",
    re.I,
)
_DAY_OF = re.compile(
    r"^(?P<what>\w*?)_?(?:(?:promised|confirmed|expected|due|planned|scheduled|estimated|booked)_)?(?:at|on|date)$"
)
_PLANNED = re.compile(r"^(?:promised|confirmed|expected|due|planned|scheduled|estimated)?$")
_NOT_AHEAD = re.compile(
    r"cutoff|valid|hold|warranty|order|offer|expir|clos|depart|arriv|leav|land|start|end|dead|born|birth|until|lapse|"
    r"event|wedding|book|bought|check"
)


def _due(s: Situation) -> Due | None:
    """Returns the first day to come that our records name for a delivery, a van, a part or the like."""
    if s.channel == "social" or foreign(s) or _closes(s, s.text):
        return None
    ahead: list[tuple[datetime, Due]] = []
    for key, value in s.order.items():
        m = _DAY_OF.match(key)
        if not m or not isinstance(value, str) or _NOT_AHEAD.search(key):
            continue
        try:
            at = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            continue
        at = at if at.tzinfo else at.replace(tzinfo=s.now.tzinfo)
        if s.now < at and (at - s.now).days <= 60:
            what = m["what"].replace("_", " ").strip()
            named = "delivery" if _PLANNED.match(what) else what
            ahead.append((at, Due(key, f"the {named}", plain_dates(at.date().isoformat(), s.now))))
    return min(ahead, key=lambda x: x[0])[1] if ahead else None


_WISH = re.compile(
    r"you(?:'d| would)? (?:just |still |also |now )?(?:like|want|need|expect)\b"
    r"(?! (?:you|to (?:know|hear|say|speak)))",
    re.I,
)


def _as_wish(c: Clause) -> Clause:
    """Returns an order to us as a wish: "cancel your subscription" becomes "you would like us to cancel ..."."""
    first, *rest = c.turned.split()
    if c.finite or first.lower() not in BASES or not rest or first.lower() in _NO_ORDER or rest[0].lower() in PRONOUNS:
        return c
    if first.lower() in ("want", "need", "expect"):
        return replace(c, turned=f"you {c.turned}", words=c.words + 1)
    return replace(c, turned=f"you would like us to {first.lower()} {' '.join(rest)}", words=c.words + 5)


_NO_ORDER = frozenset(
    "help thank thanks see look hope wish love hate feel mind know trust believe wait answer ignore disregard "
    "forget excuse".split()
)


def _wish(facts: Facts) -> Clause | None:
    wishes = [_as_wish(c) for c in facts.clauses if not c.question and 2 <= c.words <= 16 and not odd(c.turned)]
    wishes = [c for c in wishes if _WISH.match(c.turned) and c.words >= 4 and not _EMPTY.search(c.turned)]
    return max(wishes, key=lambda c: len(_features(c.text)), default=None)


# ---- answers to questions


def _answer(s: Situation, kind: Kind) -> tuple[Article | None, tuple[str, ...]]:
    """Returns the article that fits the question best, and its sentences to the point, in the article's order.

    None where nothing fits: no answer is better than a wrong one. Praise and thanks ask nothing.
    """
    if not s.articles or (kind == "no_failure" and _tone(s) in ("praise", "thanks", "consent")):
        return None, ()
    earlier = " ".join(x.text for x in s.history if x.role == "customer")
    asked = content_stems(f"{s.text} {s.subject or ''} {earlier}")
    said = asked | content_stems(" ".join(str(v) for v in s.order.values() if isinstance(v, str)))
    best = max(s.articles, key=lambda a: _fits(a, s.articles, s.text, said) - 0.3 * s.articles.index(a))
    title, body = content_stems(best.title), content_stems(best.text)
    shared = len((title | body) & asked)
    if not title & asked or (shared < 3 and shared < len(content_stems(s.text)) / 2):
        return None, ()
    sentences = [x.strip() for x in re.split(r"(?<=[.!?])\s+(?=[A-Z])", best.text) if x.strip() and "{" not in x]
    labels = sum(len(r.label.split()) + 5 for r in s.remedies if r.when is None)
    brief = s.channel in ("chat", "sms")
    room = (45 if brief else 70) if kind == "failure" else (76 if brief else 125) - min(labels, 30)
    ranked = sorted(range(len(sentences)), key=lambda i: (-_point(sentences[i], asked) - (i == 0), i))
    kept: set[int] = set()
    for i in ranked:
        if len(kept) >= 2 and _point(sentences[i], said) < 1:
            break
        if (size := len(sentences[i].split())) <= room:
            kept.add(i)
            room -= size
    return best, tuple(sentences[i] for i in sorted(kept))


def _point(sentence: str, said: frozenset[str]) -> float:
    """Returns how much a sentence of an article is to the point: what was asked, and steps to take."""
    first = sentence.split()[0].lower()
    step = first in BASES or first in ("then", "on", "please", "confirm", "dissolve", "afterwards")
    return (
        len(content_stems(sentence) & said)
        + 1.5 * step
        - 1.0 * (sentence.lower().startswith("if ") and len(content_stems(sentence) & said) < 2)
    )


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
