"""One gate for every engine and for agents' edits: what a reply says needs a source, and some things may not be said.

Every check says what it looked for, and where it found it. `check` runs them all on a draft; `check_edit` runs the
same on an agent's text, whose results are warnings.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import prompts
from triage.recovery.facts import attacks
from triage.recovery.policy import decide
from triage.recovery.values import Check, Draft, Situation
from triage.recovery.words import WORD, content_stems, stem

CHECKS = (
    "unsupported_claim",
    "over_policy",
    "other_customer_data",
    "banned_phrase",
    "placeholder",
    "blame_customer",
    "language",
    "section_missing",
    "injection",
    "not_yet_done",
    "asks_known",
)


@dataclass(frozen=True, slots=True)
class _Finding:
    detail: str
    start: int
    end: int


def check(draft: Draft, situation: Situation) -> tuple[Check, ...]:
    """Returns one or more results a check, in the order of CHECKS; a failed one names the span and the reason."""
    return _checks(draft.text, draft, situation, done=frozenset(o.remedy for o in draft.options if o.state == "done"))


def check_edit(text: str, draft: Draft, situation: Situation, done: Iterable[str] = ()) -> tuple[Check, ...]:
    """Returns the same results for an agent's edit of a draft, as warnings; `done` are the remedies ticked as done.

    Words that the agent wrote may bring facts of their own: what is not in the inputs is still named.
    """
    return _checks(text, draft, situation, done=frozenset(done))


def _checks(text: str, draft: Draft, s: Situation, *, done: frozenset[str]) -> tuple[Check, ...]:
    known = _Known(s)
    found: dict[str, list[_Finding]] = {
        "unsupported_claim": [
            *_numbers(text, known),
            *_dates(text, known),
            *_names(text, known),
            *_promises(text, known),
        ],
        "over_policy": [*_over_policy(text, draft, s)],
        "other_customer_data": [*_other_customers(text, s, known)],
        "banned_phrase": [*_phrases(text, "phrases", "a stock phrase")],
        "placeholder": [
            _Finding(f"{m.group()} is still to be filled in", *m.span()) for m in _PLACEHOLDER.finditer(text)
        ],
        "blame_customer": [*_phrases(text, "blame", "it blames the customer"), *_excuses(text)],
        "language": [*_language(text, draft)],
        "section_missing": [*_sections(text, draft)],
        "injection": [*_injection(text, s)],
        "not_yet_done": [*_done(text, draft, done)],
        "asks_known": [*_asks(text, s)],
    }
    out: list[Check] = []
    for name in CHECKS:
        findings = found[name]
        if name == "placeholder":  # a placeholder is a question to the agent, no fault of the draft
            out.append(Check(name, True, "; ".join(f.detail for f in findings)))
            continue
        out += [Check(name, False, f.detail, f.start, f.end) for f in findings] or [Check(name, True)]
    return tuple(out)


def failed(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Returns the checks that failed."""
    return tuple(c for c in checks if not c.passed)


# ---- sources


_PLACEHOLDER = re.compile(r"\[\[[^\]\n]{1,80}\]\]")
_WORDS = {w: str(i) for i, w in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty".split()
)} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60"}  # fmt: skip
_MONTHS = "january february march april may june july august september october november december".split()
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_NUMBER = re.compile(r"(?<![\w.])[€£$]?\d[\d,.]*\d(?:%|\b)|(?<![\w.])[€£$]?\d(?:%|\b)")


class _Known:
    """What the situation says: its words, numbers and dates; similar cases are no source for a reply."""

    def __init__(self, s: Situation) -> None:
        values = [s.text, s.subject or "", s.customer.name or "", *(t.text for t in s.history), *s.attachments]
        values += [
            *_flat(s.order),
            s.agent.name or "",
            s.agent.signature or "",
            *(b for b in (s.brand.name, s.brand.greeting, s.brand.sign_off) if b),
        ]
        values += [a.title + " " + a.text for a in s.articles]
        values += [
            f"{r.label} {r.conditions} {r.max.amount + ' ' + r.max.currency if r.max else ''}" for r in s.remedies
        ]
        values += [s.instructions or ""]
        times = [s.now, *(t.at for t in s.history if t.at)]
        self.text = "\n".join(values)
        self.low = self.text.lower()
        self.numbers = {n for v in values for n in _canonical(v)}
        self.numbers |= {_WORDS[w] for w in re.findall(r"[a-z]+", self.low) if w in _WORDS}
        self.words = {w.lower() for w in WORD.findall(self.text)}
        self.stems = {stem(w) for w in self.words}
        self.days = {(d.day, d.month) for d in times} | set(_days_in(self.text))
        self.month_days = {day for day, _ in self.days} | {
            int(n) for n in re.findall(r"\b(\d{1,2})(?:st|nd|rd|th)\b", self.low)
        }
        self.now = s.now


def _flat(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for k, v in value.items():
            yield from _flat(v, str(k))
    elif isinstance(value, list | tuple):
        yield str(len(value))
        for v in value:
            yield from _flat(v, key)
    elif value is not None and not isinstance(value, bool):
        yield f"{key.replace('_', ' ')} {value}"


def _canonical(text: str) -> Iterator[str]:
    for m in re.finditer(r"\d[\d,.:]*\d|\d", text):
        yield _number(m.group())
        yield from (_number(part) for part in re.split(r"[.:,-]", m.group()) if part)


def _number(text: str) -> str:
    digits = text.strip("€£$%").replace(",", "")
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+", digits):
        digits = digits.replace(".", "")
    try:
        return format(Decimal(digits).normalize(), "f")
    except InvalidOperation:
        return digits


def _days_in(text: str) -> Iterator[tuple[int, int]]:
    low = text.lower()
    for m in re.finditer(r"\b\d{4}-(\d\d)-(\d\d)", low):
        yield int(m[2]), int(m[1])
    for m in re.finditer(r"\b(\d{1,2})[./](\d{1,2})[./]\d{2,4}\b", low):
        yield int(m[1]), int(m[2])
        yield int(m[2]), int(m[1])
    for m in _DAY_MONTH.finditer(low):
        name = m["m1"] or m["m2"]
        yield int(m["d1"] or m["d2"]), next(i for i, x in enumerate(_MONTHS, 1) if x.startswith(name[:3]))
    for m in _SPAN.finditer(low):
        yield int(m[1]), next(i for i, x in enumerate(_MONTHS, 1) if x.startswith(m[2][:3]))


_MONTH_NAMES = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    "sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_DAY_MONTH = re.compile(
    rf"\b(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m1>{_MONTH_NAMES})\b|"
    rf"\b(?P<m2>{_MONTH_NAMES})\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b",
    re.I,
)
_SPAN = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?:\s*(?:to|and|or|-|–)\s*\d{{1,2}}(?:st|nd|rd|th)?)\s+({_MONTH_NAMES})\b", re.I
)


# ---- checks


def _numbers(text: str, known: _Known) -> Iterator[_Finding]:
    masked = _DAY_MONTH.sub(lambda m: " " * len(m.group()), _PLACEHOLDER.sub(lambda m: " " * len(m.group()), text))
    for m in _NUMBER.finditer(masked):
        if _number(m.group()) not in known.numbers:
            yield _Finding(f"{m.group()} is in none of the sources", *m.span())
    for m in re.finditer(r"\b[A-Z]{1,5}[-/]?\d[\w/-]*", masked):
        if m.group().lower() not in known.low:
            yield _Finding(f"{m.group()} is in none of the sources", *m.span())
    for m in re.finditer(
        rf"\b({'|'.join(w for w in _WORDS if w not in ('one', 'zero'))})\s+(?:\w+\s+)?(?:minute|hour|day|week|"
        rf"month|year|euro|pound|dollar|percent)s?\b",
        masked,
        re.I,
    ):
        if _WORDS[m[1].lower()] not in known.numbers:
            yield _Finding(f"{m.group()} is in none of the sources", *m.span())


def _dates(text: str, known: _Known) -> Iterator[_Finding]:
    for m in _DAY_MONTH.finditer(text):
        name = (m["m1"] or m["m2"]).lower()
        month = next(i for i, x in enumerate(_MONTHS, 1) if x.startswith(name[:3]))
        day = int(m["d1"] or m["d2"])
        named = any(x.startswith(name[:3]) for x in known.words if x[:3] in {y[:3] for y in _MONTHS})
        if (day, month) not in known.days and not (named and str(day) in known.numbers and day in known.month_days):
            yield _Finding(f"{m.group()} is in none of the sources", *m.span())
    for m in re.finditer(rf"\b(?:{'|'.join(_WEEKDAYS)})\b", text, re.I):
        if m.group().lower() not in known.low:
            yield _Finding(f"{m.group()} is in none of the sources", *m.span())
    for m in re.finditer(
        r"\b(tomorrow|tonight|this (?:afternoon|evening)|next (?:week|month)|by the end of (?:the )?(?:day|week))\b",
        text,
        re.I,
    ):
        if m.group().lower() not in known.low:
            yield _Finding(f"{m.group()} is in none of the sources", *m.span())


_NOT_NAMES = frozenset(
    "i dear hello hi kind regards yours sincerely best with thank thanks please sorry mr mrs ms miss dr sir "
    "madam our your my "
    "we you the a an it this that these those there here as on in at for and but or if when once what which "
    "could would "
    "can shall may will to from of by sms pdf app faq id vat iban pin eu uk usa us ok internet english".split()
) | {*_MONTHS, *_WEEKDAYS}


def _names(text: str, known: _Known) -> Iterator[_Finding]:
    """Capitalised words inside a sentence, and any pair of them, must come from the inputs."""
    for m in re.finditer(r"(?<![.!?:\n•-] )(?<![.!?:\n])(?<!^)(?<=[\w,;)] )\b([A-ZÀ-Ý][\w’'-]+)", text):
        word = m.group().removesuffix("'s").removesuffix("’s").lower()
        if (
            word in _NOT_NAMES
            or word in known.words
            or stem(word) in known.stems
            or any(word in w for w in known.words if len(word) > 4)
        ):
            continue
        if word.split("'")[0].split("’")[0] in _NOT_NAMES:
            continue
        yield _Finding(f"{m.group()} is in none of the sources", *m.span())
    for m in re.finditer(r"\b(?:Mr|Mrs|Ms|Dr)\.? ([A-ZÀ-Ý][\w’'-]+)", text):
        if m[1].removesuffix("'s").lower() not in known.words:
            yield _Finding(f"{m.group()} is in none of the sources", *m.span())


_COMMITS = re.compile(
    r"\b(?:(?:will|'ll|’ll) (?:definitely|certainly|surely|never)|(?:I|we) (?:guarantee|promise)|guaranteed?|for sure|"
    r"(?:will|'ll) (?:arrive|be (?:delivered|fixed|repaired|restored|back|resolved|refunded|with you|on your account))|"
    r"never happen again|won't happen again|will not happen again|free of charge for life|for life)\b",
    re.I,
)


def _promises(text: str, known: _Known) -> Iterator[_Finding]:
    for m in _COMMITS.finditer(text):
        if m.group().lower() not in known.low:
            yield _Finding(f'"{m.group()}" promises what no source says', *m.span())


_OFFER = re.compile(
    r"\b(?:refund\w*|reimburs\w+|vouchers?|coupons?|gift cards?|store credit|credit(?:s|ed)?|discount\w*|"
    r"compensat\w+|free (?:month|meal|night|"
    r"upgrade|delivery|shipping|replacement)|goodwill|replacements?|upgrad\w+|waiv\w+|money back|on the house|"
    r"free of charge|half price)\b",
    re.I,
)
_GIVES = re.compile(
    r"\b(?:i|we) (?:can|will|would like to|have|am|are|'ll|’ll|shall)\b|\bi'll\b|\byou (?:will|can) (?:get|"
    r"have|receive)\b|\bthere is also\b|\benjoy\b|"
    r"\b(?:is|are) yours\b|\bplease accept\b|\bhere is\b|\bas a (?:thank|gesture|small)|\boffer\b",
    re.I,
)


def _over_policy(text: str, draft: Draft, s: Situation) -> Iterator[_Finding]:
    decisions = {d.remedy.id: d for d in decide(s)}
    for option in draft.options:
        at = text.find(option.text)
        where = (max(at, 0), max(at, 0) + len(option.text) * (at >= 0))
        decision = decisions.get(option.remedy)
        if decision is None or decision.state != "eligible":
            why = decision.reason if decision else "no such remedy in the policy"
            yield _Finding(f"{option.remedy} may not be offered: {why}", *where)
            continue
        limit = decision.remedy.max
        if option.value and (
            limit is None
            or option.value.currency != limit.currency
            or Decimal(option.value.amount) > Decimal(limit.amount)
        ):
            yield _Finding(f"{option.remedy}: {option.value.amount} {option.value.currency} is over the limit", *where)
        if decision.remedy.needs_approval and not option.needs_approval:
            yield _Finding(f"{option.remedy} needs approval", *where)
    offered = [d for d in decisions.values() if d.state == "eligible"]
    stems = content_stems(" ".join(d.remedy.label + " " + d.remedy.conditions for d in offered))
    highest = max((Decimal(d.remedy.max.amount) for d in offered if d.remedy.max), default=Decimal(0))
    answered = content_stems(" ".join(a.text for a in s.articles))
    for start, end in _sentences(text):
        sentence = text[start:end]
        if not (_OFFER.search(sentence) and _GIVES.search(sentence)) or re.search(
            r"\b(?:cannot|not|nothing)\b", sentence, re.I
        ):
            continue
        for m in _OFFER.finditer(sentence):
            word = stem(m.group().split()[-1])
            if word not in stems and word not in answered and not any(word[:5] == x[:5] for x in stems):
                yield _Finding(
                    f'"{m.group()}" is offered, but no eligible remedy gives it', start + m.start(), start + m.end()
                )
        for m in re.finditer(
            r"[€£$]\s?\d[\d,.]*|\b\d[\d,]*(?:\.\d\d)?\s?(?:EUR|GBP|USD|CHF|euros?|pounds|dollars)\b", sentence
        ):
            amount = _number(re.sub(r"[^\d.,]", "", m.group()).rstrip(".,"))
            if highest and re.fullmatch(r"[\d.]+", amount) and Decimal(amount) > highest:
                yield _Finding(f"{m.group()} is over what policy allows", start + m.start(), start + m.end())


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for m in re.finditer(r"(?<=[.!?])\s+|\n+|\Z", text):
        if m.start() > at:
            yield at, m.start()
        at = m.end()


def _other_customers(text: str, s: Situation, known: _Known) -> Iterator[_Finding]:
    """Names, numbers and sums that stand in a similar case and nowhere in this customer's own matter."""
    for match in s.cases:
        case = f"{match.case.summary} {match.case.problem} {match.case.remedy or ''}"
        secrets = set(re.findall(r"\b(?=[\w-]*\d)[A-Za-z\d]+(?:-[\w]+)*\b", case)) | {
            w
            for w in re.findall(r"(?<=[\w,;)] )[A-ZÀ-Ý][\w’-]{2,}|^[A-ZÀ-Ý][\w’-]{2,}", case)
            if w.lower() not in _NOT_NAMES
        }
        for secret in secrets:
            if secret.lower() in known.words or _number(secret) in known.numbers or stem(secret) in known.stems:
                continue
            for m in re.finditer(rf"(?<!\w){re.escape(secret)}(?!\w)", text, re.I if len(secret) > 4 else 0):
                if m.group()[0].isupper() or m.group()[0].isdigit():
                    yield _Finding(f"{m.group()} comes from case {match.case.id}", *m.span())


def _phrases(text: str, key: str, why: str) -> Iterator[_Finding]:
    low = " ".join(text.lower().replace("’", "'").split())
    for phrase in prompts.load("stock").data[key]:
        if (m := re.search(rf"\b{re.escape(phrase)}\b", low)) is not None:
            at = text.lower().find(phrase)
            yield _Finding(f'"{m.group()}": {why}', max(at, 0), max(at, 0) + len(phrase))


_EXCUSE = re.compile(
    r"\b(?:(?:it was|was|is) (?:the fault of|caused by) (?:our|the) (?:courier|carrier|driver|supplier|"
    r"partner|colleague|warehouse|other team)|"
    r"not our (?:fault|responsibility)|nothing we (?:can|could) do|due to high demand|because you did(?:n't|"
    r" not)|you did(?:n't| not) (?:read|check|follow|update|provide)|"
    r"had you (?:read|checked|told)|next time,? please|in future,? please|you need to be more|"
    r"please be more careful|you were supposed to|"
    r"you neglected|your (?:own )?(?:error|carelessness|negligence|oversight))\b",
    re.I,
)


def _excuses(text: str) -> Iterator[_Finding]:
    for m in _EXCUSE.finditer(text):
        yield _Finding(f'"{m.group()}" blames or excuses', *m.span())


_FOREIGN = {
    "de": "und der die das nicht wir ist sie mit für ihre haben bei einen auf",
    "fr": "nous vous les des est pour dans une votre avec pas que sur",
    "es": "que los las para con una por usted nuestro del está pero como",
    "pt": "que não para com uma por você nosso está dos mas como",
}
_ENGLISH = frozenset("the and to of you your we our is are was that for it i in with on have will not be".split())


def _language(text: str, draft: Draft) -> Iterator[_Finding]:
    words = [w.lower() for w in re.findall(r"[^\W\d_]+", text)]
    if draft.language != "en" or len(words) < 12:
        return
    english = sum(w in _ENGLISH for w in words)
    for code, list_ in _FOREIGN.items():
        foreign = set(list_.split()) - _ENGLISH
        hits = sum(w in foreign for w in words)
        if hits > 3 and hits * 2 > english:
            yield _Finding(f"it reads as {code}, not as {draft.language}", 0, len(text))
            return


_MUST: dict[str, tuple[str, re.Pattern[str]]] = {
    "failure": ("an apology", re.compile(r"\b(?:sorry|apolog\w+)\b", re.I)),
    "limited": ("an apology", re.compile(r"\b(?:sorry|apolog\w+)\b", re.I)),
    "public": ("an invitation to a private channel", re.compile(r"\b(?:private|direct|DM|message us)\b", re.I)),
    "holding": ("a question", re.compile(r"\?")),
    "safety": ("what to do first", re.compile(r"\b(?:now|first|call|leave|emergency|safe)\b", re.I)),
    "restricted": ("who takes it over", re.compile(r"\b(?:team|specialist|colleagues?)\b", re.I)),
}


def _sections(text: str, draft: Draft) -> Iterator[_Finding]:
    if draft.kind in _MUST:
        what, pattern = _MUST[draft.kind]
        if not pattern.search(text):
            yield _Finding(f"{what} is missing", 0, 0)
    if draft.kind in ("no_failure", "restricted") and (
        m := re.search(r"\b(?:apologi[sz]e|apologies|(?:I am|I'm|we are|we're) (?:\w+ )?sorry)\b", text, re.I)
    ):
        yield _Finding(f'"{m.group()}": nothing here is to be apologised for', *m.span())
    for option in draft.options:
        if option.text and option.text not in text:
            yield _Finding(f"the option {option.remedy} does not stand in the text", 0, 0)


_LEAK = re.compile(
    r"\b(?:system prompt|my instructions|as an ai|language model|i am an? (?:assistant|bot)|admin mode|"
    r"developer mode|internal memo|"
    r"needs_approval|ignore (?:all|previous)|pre-?approved|limits? (?:are|is) lifted|claims? (?:are|"
    r"is) (?:waived|given up)|"
    r"give up all claims|rating:? ?5|ticket (?:is )?(?:marked|set) (?:as |to )?solved|"
    r"liability (?:is )?admitted)\b|```|<!--|<\w+>|\{\{|###",
    re.I,
)


def _injection(text: str, s: Situation) -> Iterator[_Finding]:
    for m in _LEAK.finditer(text):
        yield _Finding(f'"{m.group()}" answers an instruction, not the customer', *m.span())
    low = text.lower()
    order = {w.lower() for v in _flat(s.order) for w in WORD.findall(v)}
    for source in (s.text, *(t.text for t in s.history if t.role == "customer")):
        for start, end in attacks(source):
            for m in re.finditer(r"[A-Z]{2,}(?:-[A-Z\d]+)+|\b[€£$]?\d{3,}[\d.,]*\b", source[start:end]):
                token = m.group().lower().rstrip(".,")
                if token in low and token not in order and token not in source[:start].lower():
                    at = low.find(token)
                    yield _Finding(f'"{m.group()}" comes from words that steer the drafter', at, at + len(token))


_DONE = re.compile(
    r"\b(?:I|we)(?:'ve| have|’ve)? (?:just |already |now |also )?(?P<verb>refunded|credited|cancelled|"
    r"canceled|sent|shipped|booked|ordered|replaced|issued|"
    r"reversed|waived|lifted|restored|unblocked|reopened|arranged|upgraded|released|paid|transferred|"
    r"dispatched|approved|deleted|changed|removed|"
    r"scheduled|reserved|applied|processed)\b|"
    r"\b(?:has|have) (?:now |already |just )?been (?P<verb2>refunded|credited|cancelled|canceled|sent|shipped|"
    r"booked|ordered|replaced|issued|reversed|waived|"
    r"lifted|restored|unblocked|reopened|arranged|upgraded|released|paid|transferred|dispatched|approved|"
    r"deleted|changed|removed|scheduled|reserved|applied|processed)\b|"
    r"\b(?:your|the) (?:refund|replacement|credit|voucher|payment) is (?:on its way|done|complete|approved|"
    r"confirmed)\b",
    re.I,
)


def _done(text: str, draft: Draft, done: frozenset[str]) -> Iterator[_Finding]:
    """Perfect-tense acts of ours are true only where the agent ticked an option as done, or the claim has a source."""
    if done:
        return
    sourced = [
        c.text
        for section in draft.sections
        for c in section.claims
        if c.source.kind in ("order", "history", "message", "article")
    ]
    for m in _DONE.finditer(text):
        if any(m.group().lower() in claim.lower() for claim in sourced):
            continue
        yield _Finding(f'"{m.group()}" tells as done what nobody ticked as done', *m.span())


_ASKED = {
    "order or booking number": (
        r"\b(?:order|booking|reference|account|contract|customer|tracking|ticket|case)(?: or (?:order|"
        r"booking))? (?:number|no|id|code)\b",
        ("number",),
    ),
    "photos": (r"\b(?:photos?|pictures?|images?|screenshots?)\b", ("photos_on_file", "screenshots_on_file", "photos")),
    "receipt": (r"\b(?:receipts?|invoice|proof of (?:payment|purchase))\b", ("receipt_on_file", "receipt")),
    "address": (r"\b(?:home|delivery|postal|e-?mail) address\b", ("home_address_on_file", "address")),
    "phone number": (r"\bphone number\b", ("phone_on_file", "phone")),
}


def _asks(text: str, s: Situation) -> Iterator[_Finding]:
    for start, end in _sentences(text):
        sentence = text[start:end]
        asking = sentence.endswith("?") or re.search(
            r"\b(?:please (?:send|share|give|provide|tell|upload|attach)|could you|can you|let (?:me|us) have)\b",
            sentence,
            re.I,
        )
        if not asking:
            continue
        for what, (pattern, keys) in _ASKED.items():
            m = re.search(pattern, sentence, re.I)
            if m and (
                any(s.order.get(k) not in (None, "", 0, False) for k in keys) or (what == "photos" and _readable(s))
            ):
                yield _Finding(f"the {what} is known already", start + m.start(), start + m.end())
        if re.search(r"\bwhat is your name\b", sentence, re.I) and s.customer.name:
            yield _Finding("the name is known already", start, end)


def _readable(s: Situation) -> bool:
    files = s.order.get("attachments")
    if isinstance(files, list):
        return any(isinstance(f, Mapping) and f.get("readable", True) and f.get("bytes", 1) for f in files)
    return bool(s.attachments)
