"""From an incoming message to its score: clean, find language and signals, read with the model, conclude."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from triage.errors import Unavailable
from triage.messages.automatic import machine_reason
from triage.messages.clean import clean
from triage.messages.language import detect
from triage.messages.values import Clean, Incoming
from triage.protocols import AsyncScorer, Scorer
from triage.scoring import rules
from triage.scoring.evidence import Probe, explain, probe
from triage.scoring.signals import find_signals
from triage.scoring.values import FAILURES, FRUSTRATION_LEVELS, URGENCY_LEVELS, Ordinal, Reading, Score, Signal, Span

SCORED = frozenset({"en"})
"""Languages that the shipped model reads; others abstain."""
PART = 32
"""Messages that are prepared without letting others in: some 10 ms."""
_ANSWERS = re.compile(r"\s*(?:re|aw|fwd?|wg|sv|tr|antw)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")
_TELLING = frozenset(
    "thanks thank thx ty help refund urgent awful terrible horrible useless pathetic disgusting ridiculous unacceptable"
    " scam scammers fraud cancel hello hi ok okay yes no great perfect awesome amazing love worst liars thieves"
    " disappointed disappointing shocking appalling brilliant excellent cheers".split()
)
"""One word that says enough by itself."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message as the model reads it, with the way back to the text as received.

    `text` begins with the subject, `lead` characters of it, where the customer did not repeat it in the message.
    """

    incoming: Incoming
    clean: Clean
    language: str
    text: str
    lead: int
    signals: tuple[Signal, ...]
    abstain_reasons: tuple[str, ...]

    def to_original(self, start: int, end: int) -> Span:
        """Returns the span of the message's text that [start, end) of `text` covers; both lie behind the lead."""
        return self.clean.to_original(start - self.lead, end - self.lead)


def prepare(incoming: Incoming) -> Prepared:
    """Returns the message cleaned, with its language, its signals and any reason to abstain."""
    cleaned = clean(incoming.text)
    language = detect(cleaned.text, incoming.account_language)
    lead = _lead(incoming.subject, cleaned.text)
    signals = tuple(
        Signal(s.name, span.start, span.end, s.at)
        for s in find_signals(cleaned.text, incoming.sent_at)
        for span in [cleaned.to_original(s.start, s.end)]
    )
    reasons = tuple(_abstain_reasons(incoming, cleaned, language))
    return Prepared(incoming, cleaned, language, lead + cleaned.text, len(lead), signals, reasons)


def _lead(subject: str | None, text: str) -> str:
    """The subject as the labelled mails have it; a reply's or a forward's subject was written in another message."""
    subject = " ".join((subject or "").split())
    if not subject or _ANSWERS.match(subject) or subject.casefold() in text[: len(subject) + 200].casefold():
        return ""
    return f"Subject: {subject[:300]}\n\n"


def _abstain_reasons(incoming: Incoming, cleaned: Clean, language: str) -> list[str]:
    words = _WORD.findall(cleaned.text)
    subject = incoming.subject and _WORD.search(incoming.subject)
    if not cleaned.text.strip() and incoming.text.strip():
        return ["empty_after_cleaning"]
    if _is_machine(cleaned.text):
        return ["machine_text"]
    if not words or (len(words) < 2 and words[0].lower() not in _TELLING and not subject):
        # A script without spaces says a lot in one run of letters; then the language is the reason.
        return ["too_short"] if len(cleaned.text.strip()) < 12 or language in SCORED else ["language"]
    reasons = []
    if machine_reason(incoming.text, incoming.subject, incoming.sender, incoming.headers):
        reasons.append("machine_text")
    if language not in SCORED and not (len(words) == 1 and words[0].lower() in _TELLING):
        reasons.append("language")
    return reasons


def _is_machine(text: str) -> bool:
    """Whether the text is code, a log or encoded data: less than half of it letters and spaces, or one endless word."""
    sample = text[:2000]
    plain = sum(c.isalpha() or c.isspace() for c in sample)
    endless = max((len(word) for word in sample.split() if word.isascii()), default=0) > 400
    return len(sample) >= 40 and (plain < 0.5 * len(sample) or endless)


def conclude(prepared: Prepared, reading: Reading, model: str, probes: Sequence[Reading] = ()) -> Score:
    """Returns the score of a reading; `probes` are the readings of `probe(prepared...)`'s texts, for evidence."""
    frustration = Ordinal(reading.frustration, FRUSTRATION_LEVELS)
    urgency = Ordinal(reading.urgency, URGENCY_LEVELS)
    if probes:
        probed = _probe(prepared)
        frustration, urgency = explain(prepared.incoming.text, probed, frustration, urgency, probes)
    reasons = prepared.abstain_reasons
    if model == rules.NAME:
        reasons = (*reasons, "model_unavailable")
    failure = dict(zip(FAILURES, reading.failure, strict=True))
    return Score(prepared.language, frustration, urgency, failure, model, prepared.signals, reasons)


def score_all(incoming: Sequence[Incoming], scorer: Scorer, evidence: bool = False) -> list[Score]:
    """Returns one score a message, in order; by rules, marked `model_unavailable`, where the model is down."""
    prepared, texts = _texts(incoming, evidence)
    try:
        readings, name = scorer.read(texts), scorer.name
    except Unavailable:
        readings, name = rules.RuleScorer().read(texts), rules.NAME
    return _conclude_all(prepared, readings, name, evidence)


async def score_all_async(incoming: Sequence[Incoming], scorer: AsyncScorer, evidence: bool = False) -> list[Score]:
    """As `score_all`, through a micro-batcher: while the model reads one part, the next is prepared."""
    parts = (incoming[at : at + PART] for at in range(0, len(incoming), PART))
    scored = await asyncio.gather(*(_score_part(part, scorer, evidence) for part in parts))
    return [score for part in scored for score in part]


async def _score_part(incoming: Sequence[Incoming], scorer: AsyncScorer, evidence: bool) -> list[Score]:
    prepared, texts = _texts(incoming, evidence)
    try:
        readings, name = await scorer.read(texts), scorer.name
    except Unavailable:
        readings, name = rules.RuleScorer().read(texts), rules.NAME
    return _conclude_all(prepared, readings, name, evidence)


def _texts(incoming: Sequence[Incoming], evidence: bool) -> tuple[list[Prepared], list[str]]:
    """Every text that must be read, in one batch: the messages, then each one's probes."""
    prepared = [prepare(i) for i in incoming]
    texts = [p.text for p in prepared]
    if evidence:
        texts += [text for p in prepared for text in _probe(p).texts]
    return prepared, texts


def _probe(prepared: Prepared) -> Probe:
    return probe(prepared.text, prepared.lead, prepared.to_original)


def _conclude_all(prepared: list[Prepared], readings: list[Reading], model: str, evidence: bool) -> list[Score]:
    at, scores = len(prepared), []
    for p, reading in zip(prepared, readings, strict=False):
        count = len(_probe(p).texts) if evidence else 0
        scores.append(conclude(p, reading, model, readings[at : at + count]))
        at += count
    return scores
