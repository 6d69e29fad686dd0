"""The default engine: writes a reply from the plan as a person does, without a model.

>>> draft = Composer().draft(situation)
>>> draft.engine
'composer'
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import prompts
from triage.recovery import guard
from triage.recovery.facts import Clause
from triage.recovery.plan import WORD_LIMITS, Plan, plain_dates, plan
from triage.recovery.policy import Decision
from triage.recovery.turn import sentence
from triage.recovery.values import Claim, Draft, Money, Option, OptionState, Section, SectionName, Situation, Source
from triage.recovery.words import AUXILIARIES, BASES, is_finite, is_regular_past

_PLACEHOLDER = re.compile(r"\[\[([a-z_]+)\]\]")
_SHORT = ("chat", "sms", "social")


@dataclass(slots=True)
class _Piece:
    section: SectionName
    text: str
    claims: list[Claim] = field(default_factory=list)
    paragraph: bool = False


@dataclass(slots=True)
class _Choice:
    """Picks among equal phrasings, the same for the same message, another for the next."""

    seed: str
    used: int = 0

    def of(self, options: Sequence[str]) -> str:
        self.used += 1
        digest = hashlib.sha256(f"{self.seed}/{self.used}".encode()).digest()
        return options[int.from_bytes(digest[:4], "big") % len(options)]


class Composer:
    """Drafter without a model: the plan decides, the phrasing files and the customer's own facts give the words."""

    name = "composer"

    def draft(self, situation: Situation) -> Draft | None:
        """Returns the draft; None where no reply is owed."""
        p = plan(situation)
        writer = _Writer(situation, p)
        pieces = writer.write()
        limit = WORD_LIMITS[situation.channel]
        while sum(len(x.text.split()) for x in pieces) > limit and (spare := _least(pieces)):
            pieces.remove(spare)
        return _guarded(situation, p, pieces, writer.options)


def _least(pieces: list[_Piece]) -> _Piece | None:
    for section in ("follow_up", "next_steps", "own", "restate"):
        for piece in reversed(pieces):
            if piece.section == section:
                return piece
    return None


def _guarded(s: Situation, p: Plan, pieces: list[_Piece], options: Sequence[Option]) -> Draft:
    """Returns the checked draft; a part that fails the guard is left out, at most twice."""
    draft = _assemble(s, p, pieces, options)
    for _ in range(2):
        checks = guard.check(draft, s)
        faults = [c for c in checks if not c.passed and c.start is not None and c.end]
        if not faults:
            break
        kept, at = [], 0
        for piece in pieces:
            start = draft.text.find(piece.text, at)
            at = start + len(piece.text)
            if not any(start <= (c.start or 0) < at for c in faults) or piece.section in ("close", "safety"):
                kept.append(piece)
        if len(kept) == len(pieces):
            break
        pieces = kept
        draft = _assemble(s, p, pieces, options)
    return replace(draft, checks=guard.check(draft, s))


def _assemble(s: Situation, p: Plan, pieces: list[_Piece], options: Sequence[Option]) -> Draft:
    text = ""
    sections: list[Section] = []
    for piece in pieces:
        if text:
            text += "\n\n" if piece.paragraph else ("\n" if text.endswith(",") and piece.section == "close" else " ")
        start = len(text)
        text += piece.text
        if sections and sections[-1].name == piece.section:
            last = sections.pop()
            sections.append(Section(last.name, last.start, len(text), (*last.claims, *piece.claims)))
        else:
            sections.append(Section(piece.section, start, len(text), tuple(piece.claims)))
    return Draft(
        id=s.id,
        engine="composer",
        prompt=_prompt(p).name,
        channel=s.channel,
        language="en",
        kind=p.kind,
        text=text,
        sections=tuple(sections),
        options=tuple(o for o in options if o.text in text),
        placeholders=tuple(dict.fromkeys(_PLACEHOLDER.findall(text))),
        similar_cases=tuple(m.case.id for m in s.cases),
        suggest_sender=p.suggest_sender,
        channel_advice=p.channel_advice,
    )


def _prompt(p: Plan) -> prompts.Prompt:
    name = {
        "no_failure": "answer",
        "restricted": "receipt",
        "holding": "holding",
        "public": "public",
        "safety": "safety",
    }
    return prompts.load(name.get(p.kind, "apology"))


class _Writer:
    def __init__(self, s: Situation, p: Plan) -> None:
        self.s, self.p = s, p
        self.choice = _Choice(s.id or s.text[:80])
        self.words = _prompt(p).data
        self.apology: Mapping[str, Any] = prompts.load("apology").data
        self.options: list[Option] = []
        self.short = s.channel in _SHORT

    def write(self) -> list[_Piece]:
        body = {
            "failure": self._failure,
            "limited": self._failure,
            "no_failure": self._answer,
            "public": self._public,
            "safety": self._safety,
            "restricted": self._receipt,
            "holding": self._holding,
        }[self.p.kind]()
        pieces = [x for x in body if x.text]
        if self.s.channel != "social" and pieces:
            pieces = [_Piece(pieces[0].section, self._greeting()), *pieces]
            pieces[1].paragraph = self.s.channel not in ("chat", "sms")
            pieces.append(self._close())
        return pieces

    # ---- bodies

    def _failure(self) -> list[_Piece]:
        out = [*self._sorry(), *self._restated(), *self._recorded(), self._owned()]
        offered = self._offered()
        if offered:
            offered[0].paragraph = not self.short
        out += offered
        out += self._question()
        if not self.short and self.options and self.p.kind == "failure":
            out.append(_Piece("next_steps", self.choice.of(self.apology["next"]["email"]), paragraph=True))
            out.append(_Piece("follow_up", self.choice.of(self.apology["follow_up"]["frame"])))
        return out

    def _answer(self) -> list[_Piece]:
        p, words = self.p, self.words
        out = [_Piece("acknowledge", self.choice.of(words["thanks"][p.tone]))]
        told = [*p.problems, *p.others]
        told.sort(key=lambda c: c.start)
        frames = words["noted"]["praise" if p.tone == "praise" else "frame"]
        for c in told[: 1 if self.short else 2]:
            out.append(self._framed("restate", self.choice.of(frames), c))
        if p.article:
            text = " ".join(p.answer)
            out.append(
                _Piece("answer", text, [Claim(text, Source("article", ref=p.article.id))], paragraph=not self.short)
            )
        for r in p.records:
            text = sentence(r.text)
            out.append(
                _Piece(
                    "answer",
                    text,
                    [Claim(r.text, Source("order", ref=r.key))],
                    paragraph=not self.short and not p.article,
                )
            )
        offered = self._offered()
        if offered:
            offered[0].paragraph = not self.short
        return [*out, *offered, *self._question()]

    def _public(self) -> list[_Piece]:
        out = self._sorry()[:1]
        out += [self._framed("restate", "{clause}.", c) for c in self.p.others[:1]]
        offered = []
        for d in self.p.offers:
            if re.search(r"\bprivate|direct", d.remedy.label + d.remedy.id, re.I):
                text = _invitation(d.remedy.label)
                key = "number" if self.p.number_unknown else "plain"
                line = self.choice.of(self.words["invite"][key])
                self._option(d, text, None)
                offered.append(_Piece("ask", f"{sentence(text)} {line}" if text not in line else line))
            else:
                offered += self._offered([d])
        if not any(x.section == "ask" for x in offered):
            offered.append(
                _Piece("ask", self.choice.of(self.words["invite"]["number" if self.p.number_unknown else "plain"]))
            )
        return [*out, *offered]

    def _safety(self) -> list[_Piece]:
        sheet = next((str(v) for k, v in self.s.order.items() if "safety" in k and isinstance(v, str)), None)
        out = []
        if sheet:
            out.append(
                _Piece(
                    "safety",
                    f"Please do this now, before anything else: {sheet}",
                    [Claim(sheet, Source("order", ref="safety_sheet"))],
                )
            )
        else:
            out.append(_Piece("safety", "Please call the emergency services or an ambulance now, before you read on."))
        out += [*self._recorded(), *self._sorry(), *self._restated()]
        offered = self._offered()
        if offered:
            offered[0].paragraph = not self.short
        return [*out, *offered]

    def _receipt(self) -> list[_Piece]:
        matter = self.p.restricted or "other"
        numbers = [f.text for f in self.p.facts.of("number")][:2]
        reference = f" ({', '.join(dict.fromkeys(numbers))})" if numbers else ""
        out = [_Piece("acknowledge", self.choice.of(self.words["received"][matter]).replace("{reference}", reference))]
        out.append(_Piece("next_steps", self.choice.of(self.words["handover"][matter]), paragraph=not self.short))
        return out

    def _holding(self) -> list[_Piece]:
        lack = self.p.lack or "vague"
        out = [_Piece("acknowledge", "Thank you for writing.")]
        told = sorted([*self.p.problems, *self.p.others], key=lambda c: c.start)
        out += [self._framed("restate", self.choice.of(self.apology["also"]["frame"]), c) for c in told[:2]]
        missing = self.words["missing"]
        if lack == "lookup":
            lookup = next((str(v) for k, v in self.s.order.items() if "lookup" in k), "")
            out.append(_Piece("restate", missing["lookup"][0].format(lookup=lookup)))
            out.append(_Piece("ask", self.words["question"]["lookup_order"][0]))
        elif lack == "unreadable":
            file = next(
                (
                    str(v.get("name"))
                    for x in self.s.order.values()
                    if isinstance(x, list)
                    for v in x
                    if isinstance(v, Mapping) and "name" in v
                ),
                "",
            )
            out.append(_Piece("restate", missing["unreadable"][0].format(file=file)))
            out.append(_Piece("ask", self.words["question"]["unreadable"][0]))
        elif lack == "two":
            choices = [v for x in self.s.order.values() if isinstance(x, list) for v in x if isinstance(v, Mapping)]
            said = " and ".join(
                f"the {v.get('item')} ({v.get('number')}), {plain_dates(str(v.get('status', '')), self.s.now)}"
                for v in choices
            )
            out.append(_Piece("restate", missing["two"][0].format(choices=said)))
            out.append(_Piece("ask", self.words["question"]["two"][0]))
        else:
            out.append(_Piece("restate", missing["vague"][0]))
            out.append(_Piece("ask", self.words["question"]["unclear"][0]))
        return out

    # ---- parts

    def _sorry(self) -> list[_Piece]:
        named = self.p.problems
        words = self.words["sorry"] if "one" in self.words.get("sorry", {}) else self.apology["sorry"]
        if len(named) == 2 and "two" in words:
            frame = self.choice.of(words["two"])
            text = frame.format(clause=named[0].turned, second=named[1].turned)
            return [_Piece("apologise", sentence(text), [_claim(c) for c in named])]
        if named:
            return [self._framed("apologise", self.choice.of(words["one"]), named[0])]
        thing = self.p.thing or "what happened"
        return [_Piece("apologise", self.choice.of(words["about"]).format(thing=thing))]

    def _restated(self) -> list[_Piece]:
        out = []
        for c in self.p.others:
            kind = (
                "impact"
                if "impact" in c.kinds
                else "contact"
                if "contact" in c.kinds and "problem" in c.kinds
                else "also"
            )
            if "request" in c.kinds:
                kind = "ask"
            out.append(self._framed("restate", self.choice.of(self.apology[kind]["frame"]), c))
        return out

    def _recorded(self) -> list[_Piece]:
        if not self.p.records:
            return []
        text = "; ".join(r.text for r in self.p.records)
        frame = self.choice.of(self.apology["records"]["frame"])
        claims = [Claim(r.text, Source("order", ref=r.key)) for r in self.p.records]
        return [_Piece("restate", frame.format(facts=text.rstrip(".")), claims)]

    def _owned(self) -> _Piece:
        return _Piece("own", self.choice.of(self.apology["own"]["limited" if self.p.kind == "limited" else "failure"]))

    def _framed(self, section: SectionName, frame: str, c: Clause) -> _Piece:
        return _Piece(section, sentence(frame.format(clause=c.turned)), [_claim(c)])

    def _offered(self, offers: Sequence[Decision] | None = None) -> list[_Piece]:
        out: list[_Piece] = []
        for d in self.p.offers if offers is None else offers:
            form, np = phrase(d.remedy.label)
            value = _value(d)
            np += _details(d, value, self.s)
            words = self.apology["offer"]
            if d.remedy.needs_approval:
                frame = self.choice.of(words["approval"])
            else:
                first = not any(x.section == "options" for x in out)
                key = {"np": "one" if first else "next"}.get(form, form if first else f"{form}_next")
                frame = self.choice.of(words[key])
            self._option(d, np, value)
            out.append(_Piece("options", sentence(frame.format(np=np)), [Claim(np, Source("policy", ref=d.remedy.id))]))
        return out

    def _option(self, d: Decision, text: str, value: Money | None) -> None:
        consent = re.search(
            r"\b(?:say yes|agrees?|consent|wishes|chosen|named by|your choice)\b",
            f"{d.remedy.conditions} {d.remedy.label}",
            re.I,
        )
        state: OptionState = "needs_customer_yes" if consent else "offer"
        self.options.append(
            Option(d.remedy.id, state, text, f"{d.remedy.id}@{d.remedy.version}", value, d.remedy.needs_approval)
        )

    def _question(self) -> list[_Piece]:
        words = self.apology["question"]
        if self.p.number_unknown and self.p.kind == "failure":
            return [_Piece("ask", self.choice.of(words["number"]))]
        open_ = [o for o in self.options if not o.needs_approval]
        if len(open_) > 1:
            return [_Piece("ask", self.choice.of(words["choose"]))]
        if open_:
            return [_Piece("ask", self.choice.of(words["yes"]))]
        return []

    def _greeting(self) -> str:
        if self.s.brand.greeting and not self.short:
            return self.s.brand.greeting.replace("{name}", self.s.customer.name or "")
        name = addressed(self.s.customer.name, formal=self.p.kind == "restricted")
        words = self.apology["greeting"]
        key = "chat" if self.short else "email"
        return self.choice.of(words[key if name else f"{key}_nameless"]).format(name=name)

    def _close(self) -> _Piece:
        signature = self.s.agent.signature or self.s.agent.name
        company = self.s.brand.name or self.s.order.get("company")
        if self.short:
            return _Piece("close", signature or (str(company) if company else ""))
        sign_off = self.s.brand.sign_off or self.choice.of(self.apology["close"]["email"]) + ","
        lines = [sign_off, *([signature] if signature else []), *([str(company)] if company and not signature else [])]
        return _Piece("close", "\n".join(lines), paragraph=True)


def _claim(c: Clause) -> Claim:
    return Claim(c.turned, Source("message", c.start, c.end))


# ---- names, labels, values


_TITLES = ("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam", "lady", "lord", "rev", "herr", "frau")


def addressed(name: str | None, *, formal: bool = False) -> str | None:
    """Returns how the greeting names the customer: title and surname, the first name, or None for what is no name."""
    if not name or len(name) > 60 or not re.fullmatch(r"[^\W\d_][\w .,'’-]*", name):
        return None
    words = name.split()
    if words[0].lower().rstrip(".") in _TITLES:
        return f"{words[0]} {words[-1]}" if len(words) > 1 else None
    if len(words) == 1 or formal:
        return name
    return name if len(words[0].rstrip(".")) < 2 else words[0]


_MASS = frozenset(
    "reimbursement compensation credit cash payment access help postage advice entry breakfast delivery "
    "collection contact cleaning "
    "settlement information support pick-up money crystals miles".split()
)


def phrase(label: str) -> tuple[str, str]:
    """Returns the form of a remedy's label and the label as it stands in a sentence.

    Forms: `np` ("a full refund"), `back` ("the postage back"), `have` ("the block lifted"), `do` ("send another lamp"),
    `clause` ("our optician comes to your home").
    """
    text = label.strip().rstrip(".")
    words = text.split()
    first = words[0].lower().strip(",")
    low = text if (len(words[0]) > 1 and words[0][1].isupper()) or first in ("i",) else text[0].lower() + text[1:]
    if first in BASES and first not in (
        "refund",
        "change",
        "transfer",
        "return",
        "repair",
        "place",
        "help",
        "check",
        "search",
        "report",
        "call",
        "credit",
        "block",
        "park",
        "exchange",
        "visit",
        "rent",
        "mail",
        "note",
        "order",
        "offer",
        "contact",
        "need",
        "care",
        "cost",
        "charge",
        "post",
        "release",
        "load",
        "claim",
        "walk",
        "ring",
        "move",
        "lock",
        "cover",
    ):
        return "do", low
    if first in ("go", "open"):
        return "do", low
    if is_regular_past(first):
        return "have", f"it {low}"
    if first in ("we", "our", "i", "someone", "somebody"):
        return "clause", low
    head = re.split(
        r",|;|:| (?:of|for|from|to|at|in|on|with|by|against|per|until|when|while|as|that|who|which|where|and|"
        r"or|towards|without|before) ",
        text,
        maxsplit=1,
    )[0]
    head_words = head.split()
    rest = text[len(head) :]
    if re.search(r"\bback$", head) or (
        re.match(r"[^,;]{0,60}? back\b", text) and not re.search(r"\b(?:driver|we|he)\b", text, re.I)
    ):
        return "back", _with_article(low, head_words, definite=True)
    for i, w in enumerate(head_words[1:], 1):
        if is_regular_past(w.lower()) or w.lower() in (
            "brought",
            "sent",
            "made",
            "taken",
            "kept",
            "sewn",
            "done",
            "given",
        ):
            return "have", _with_article(low, head_words[:i], definite=True)
        if w.lower() in AUXILIARIES or (
            is_finite(w) and w.lower().endswith("s") and i == len(head_words) - 1 and i > 0 and rest
        ):
            return (
                ("clause", _with_article(low, head_words[:i], definite=True))
                if w.lower() in AUXILIARIES or (len(head_words) > 1 and _sentence_like(head_words, i))
                else ("np", _with_article(low, head_words))
            )
    return "np", _with_article(low, head_words)


def _sentence_like(words: Sequence[str], at: int) -> bool:
    return words[at].lower() in ("takes", "goes", "comes", "calls", "stays", "brings", "works", "stands")


def _with_article(low: str, head: Sequence[str], *, definite: bool = False) -> str:
    first, last = head[0].lower().strip(","), head[-1].lower().strip(",")
    if (
        first
        in (
            "a",
            "an",
            "the",
            "no",
            "one",
            "two",
            "three",
            "four",
            "part",
            "half",
            "your",
            "our",
            "my",
            "both",
            "all",
            "another",
            "each",
            "every",
            "any",
            "full-time",
        )
        or first.isdigit()
        or "%" in first
    ):
        return low
    if definite:
        return f"the {low}"
    if (
        last in _MASS and (len(head) == 1 or head[-2].lower() not in ("bank", "storm", "goodwill", "service", "same"))
    ) or (last.endswith("s") and not last.endswith("ss") and last not in ("pass", "gas")):
        return low
    if head[0][1:2].isupper() or (head[0][0].isupper() and len(head) > 1 and head[1][:1].isupper()):
        return low
    return f"{'an' if low[0] in 'aeiou' and not low.startswith(('one', 'uni', 'use')) else 'a'} {low}"


_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}


def money(value: Money) -> str:
    """Returns a sum as people write it: £64.90, €1,500, 98.50 CHF."""
    amount = Decimal(value.amount)
    digits = f"{amount:,.0f}" if amount == amount.to_integral() else f"{amount:,.2f}"
    if symbol := _SYMBOLS.get(value.currency):
        return f"{symbol}{digits}"
    return f"{digits} {value.currency if len(value.currency) == 3 else value.currency.lower()}"


def _value(d: Decision) -> Money | None:
    return d.remedy.max


_STILL_OPEN = re.compile(
    r"\b(?:against|receipts?|until|within|by|takes?|while|up to|copy of|needs?|has to|say yes|replaces|agrees|"
    r"days?|hours?|between|before|only|nothing to send|no proof|each|from|open on|passport)\b",
    re.I,
)


def _details(d: Decision, value: Money | None, s: Situation) -> str:
    label, parts = d.remedy.label, []
    if value and not d.remedy.needs_approval and value.amount.rstrip("0").rstrip(".") not in label:
        exact = any(str(v) == value.amount for v in s.order.values())
        parts.append(money(value) if exact else f"up to {money(value)}")
    wanted = [
        c.strip()
        for c in d.remedy.conditions.split(";")
        if _STILL_OPEN.search(c) and (not d.remedy.when or _customer_side(c))
    ]
    if wanted and not re.search(r"\b(?:customer|guest|player|patient|employee|never named|policy)\b", wanted[0], re.I):
        parts.append(plain_dates(wanted[0], s.now))
    return (", " if parts else "") + ", ".join(parts)


def _customer_side(condition: str) -> bool:
    return bool(
        re.search(r"\b(?:against|receipts?|copy of|takes|while|replaces|until|nothing to send)\b", condition, re.I)
    )


def _invitation(label: str) -> str:
    low = label[0].lower() + label[1:]
    return low.split(",")[0]
