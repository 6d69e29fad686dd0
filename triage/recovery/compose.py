"""The default engine: writes a reply from the plan as a person does, without a model.

>>> draft = Composer().draft(situation)
>>> draft.engine
'composer'
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import prompts
from triage.recovery import guard
from triage.recovery.facts import Clause
from triage.recovery.plan import WORD_LIMITS, Plan, foreign, plain_dates, plan
from triage.recovery.policy import Decision
from triage.recovery.turn import sentence
from triage.recovery.values import Claim, Draft, Money, Option, OptionState, Section, SectionName, Situation, Source
from triage.recovery.words import (
    ADVERBS,
    AUXILIARIES,
    BASES,
    CONJUNCTIONS,
    DETERMINERS,
    PREPOSITIONS,
    is_finite,
    is_regular_past,
    third_person,
)

_PLACEHOLDER = re.compile(r"\[\[([a-z_]+)\]\]")
_SHORT = ("chat", "sms", "social")


@dataclass(slots=True)
class _Piece:
    section: SectionName
    text: str
    claims: list[Claim] = field(default_factory=list)
    paragraph: bool = False
    line: bool = False
    unsure: bool = False
    """An option that still needs somebody's approval."""


@dataclass(slots=True)
class _Choice:
    """Picks among equal phrasings, the same for the same message, another for the next."""

    seed: str
    used: int = 0
    said: set[str] = field(default_factory=set)

    def of(self, options: Sequence[str]) -> str:
        self.used += 1
        options = [o for o in options if o not in self.said] or options
        digest = hashlib.sha256(f"{self.seed}/{self.used}".encode()).digest()
        chosen = options[int.from_bytes(digest[:4], "big") % len(options)]
        self.said.add(chosen)
        return chosen


class Composer:
    """Drafter without a model: the plan decides, the phrasing files and the customer's own facts give the words."""

    name = "composer"

    def draft(self, situation: Situation) -> Draft | None:
        """Returns the draft; None where no reply is owed."""
        if not situation.text.strip() or "machine_text" in situation.score.abstain_reasons:
            return None
        p = plan(situation)
        writer = _Writer(situation, p)
        tone = prompts.load("tones").data.get(situation.tone or "", {})
        without = {*tone.get("without", ())}
        pieces = writer.write()
        if not writer.options:  # then the next step is all that there is to hold on to
            without.discard("next_steps")
        pieces = [x for x in pieces if x.section not in without]
        limit = WORD_LIMITS[situation.channel]
        while sum(len(x.text.split()) for x in pieces) > limit and (spare := _least(pieces)):
            pieces.remove(spare)
        return _guarded(situation, p, pieces, writer.options)


def _least(pieces: list[_Piece]) -> _Piece | None:
    """Returns the piece to leave out first: forms of words, then what the customer said, then what our records say."""
    offers = any(x.section == "options" for x in pieces)
    for section in ("follow_up", "next_steps", "own") if offers else ("own",):
        for piece in reversed(pieces):
            if piece.section == section:
                return piece
    for kind in ("order", "message"):
        for piece in reversed(pieces):
            if piece.section == "restate" and piece.claims and piece.claims[0].source.kind == kind:
                return piece
    offered = [x for x in pieces if x.section == "options"]
    return next((x for x in reversed(offered) if x.unsure), None) if len(offered) > 1 else None


def _guarded(s: Situation, p: Plan, pieces: list[_Piece], options: Sequence[Option]) -> Draft:
    """Returns the checked draft; a part that fails the guard is left out, at most twice."""
    draft = _assemble(s, p, pieces, options)
    for attempt in range(3):
        checks = guard.check(draft, s)
        faults = [c.start for c in checks if not c.passed and c.start is not None and c.end]
        kept = _without(draft.text, pieces, faults) if faults and attempt < 2 else pieces
        if kept == pieces:
            break
        pieces = kept
        draft = _assemble(s, p, pieces, options)
    return replace(draft, checks=checks)


def _without(text: str, pieces: list[_Piece], faults: Sequence[int]) -> list[_Piece]:
    """Returns the pieces that no fault lies in; an apology is put plainly rather than left out."""
    kept: list[_Piece] = []
    at, opens = 0, False
    for piece in pieces:
        start = text.find(piece.text, at)
        at = start + len(piece.text)
        if not any(start <= fault < at for fault in faults) or piece.section in ("close", "safety"):
            kept.append(replace(piece, paragraph=piece.paragraph or opens))
            opens = False
        elif piece.section == "apologise" and piece.claims:
            plain = prompts.load("apology").data["sorry"]["nothing"][0]
            kept.append(replace(piece, text=plain, claims=[], paragraph=piece.paragraph or opens))
            opens = False
        else:
            opens = opens or piece.paragraph
    return kept


def _assemble(s: Situation, p: Plan, pieces: list[_Piece], options: Sequence[Option]) -> Draft:
    text = ""
    sections: list[Section] = []
    for piece in pieces:
        if text:
            text += "\n\n" if piece.paragraph else "\n" if piece.line else " "
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
        self._about = False
        self.tone: Mapping[str, Any] = prompts.load("tones").data.get(s.tone or "", {})

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
            pieces[1].paragraph, pieces[1].line = not self.short, self.short
            if (close := self._close()).text:
                pieces.append(close)
        return pieces

    # ---- bodies

    def _failure(self) -> list[_Piece]:
        loss = [_Piece("acknowledge", self._frame("loss"))] if self.p.bereaved else []
        out = [*loss, *self._sorry(), *self._waited(), *self._restated(), *self._recorded(), *self._dated()]
        offered = self._offered()
        if self.p.article:
            text = " ".join(self.p.answer)
            claims = [Claim(text, Source("article", ref=self.p.article.id))]
            out.append(_Piece("answer", text, claims, paragraph=not self.short))
        elif not offered:
            out.append(self._owned())
        if not offered and self.p.kind == "limited":
            offered = [_Piece("options", self.choice.of(self.apology["offer"]["nothing"]))]
        if offered:
            offered[0].paragraph = not self.short
        asked = self._question()
        return [*out, *offered, *asked, *self._onward(bool(asked))]

    def _onward(self, asked: bool) -> list[_Piece]:
        """What the customer can hold on to beside an offer: who does what until when."""
        out: list[_Piece] = []
        words = self.apology["next"]
        if asked:
            if self.short:
                return out
            out.append(_Piece("next_steps", self.choice.of(words["email" if self.options else "answer"])))
            if self.options:
                out.append(_Piece("follow_up", self.choice.of(self.apology["follow_up"]["frame"])))
        elif self.p.wish:
            frame = self.choice.of(words["wish"])
            out.append(_Piece("next_steps", sentence(frame.format(clause=self.p.wish.turned)), [_claim(self.p.wish)]))
        else:
            urgent = self.s.score.urgency.index >= 4 and not self.s.score.abstained
            key = "applied" if self.p.article else "urgent" if urgent else "short" if self.short else "open"
            out.append(_Piece("next_steps", self.choice.of(words[key])))
        if out:
            out[0].paragraph = not self.short
        return out

    def _dated(self) -> list[_Piece]:
        """A day to come that our records name."""
        if not self.p.due:
            return []
        text = self._frame("due").format(what=self.p.due.what, day=self.p.due.day)
        return [_Piece("next_steps", sentence(text), [Claim(text, Source("order", ref=self.p.due.key))])]

    def _waited(self) -> list[_Piece]:
        """Our silence, where the customer wrote before this and nobody answered; lines of a chat are one message."""
        count = self.p.unanswered
        if not count or (self.short and count < 2):
            return []
        words = self.apology["waited"]
        said = words["one" if count == 1 else "chat" if self.short else "more"]
        number = _COUNTED[count] if count < len(_COUNTED) else str(count)
        text = self.choice.of(said).format(count=number)
        return [_Piece("apologise", text, [Claim(text, Source("history", ref=f"{count} unanswered"))])]

    def _answer(self) -> list[_Piece]:
        p, words = self.p, self.words
        stated = p.tone == "question" and "?" not in self.s.text and not p.asked and not _ASKING.match(self.s.text)
        out = [_Piece("acknowledge", self.choice.of(words["thanks"]["note" if stated else p.tone]))]
        if p.tone in ("thanks", "consent"):
            return out
        told = sorted([*p.problems, *p.others], key=lambda c: c.start)
        praised = p.tone == "praise"
        frames = words["noted"]["praise" if praised else "frame"]
        most = 0 if self.s.channel == "social" else 3 if praised and not self.short else 2
        if p.article:
            most = 0 if self.short else 1
        for c in [c for c in told if not praised or self._pleases(c)][:most]:
            out.append(self._framed("restate", self.choice.of(frames), c))
        if p.asked and not (p.article and self.short) and self.s.channel != "social":
            out.append(self._framed("restate", self.choice.of(self.apology["asked"]["frame"]), p.asked))
        if p.article:
            text = " ".join(p.answer)
            out.append(
                _Piece("answer", text, [Claim(text, Source("article", ref=p.article.id))], paragraph=not self.short)
            )
        for r in p.records:
            claims = [Claim(r.text, Source("order", ref=r.key))]
            out.append(_Piece("answer", sentence(r.text), claims, paragraph=not self.short and not p.article))
        offered = self._offered()
        if offered:
            offered[0].paragraph = not self.short
        answered = [*out, *offered, *self._question()]
        if praised:
            return answered if self.options else [*answered, _Piece("next_steps", self.choice.of(words["passed_on"]))]
        if p.article or p.records or offered:
            return answered
        if p.wish and p.tone == "question":
            frame = self.choice.of(self.apology["next"]["wish"])
            said = _Piece("next_steps", sentence(frame.format(clause=p.wish.turned)), [_claim(p.wish)])
            return [*answered, *self._dated(), said]
        stated = stated and self.s.score.failure_code != "request"
        key = "idea" if p.tone == "idea" else "noted" if stated else "short" if self.short else "question"
        held = words["held"][key]
        return [*answered, *self._dated(), _Piece("next_steps", self.choice.of(held))]

    def _pleases(self, c: Clause) -> bool:
        """Returns whether a clause of praise can be said back with pleasure: no trouble, and no mere reason."""
        named = re.match(r"(?:our|he|she|they)\b|[A-Z][a-z]+ (?!you\b|we\b)", c.turned)
        return "problem" not in c.kinds and bool(named or _GOOD.search(c.turned))

    def _public(self) -> list[_Piece]:
        out = self._sorry()[:1]
        out += [self._framed("restate", self.choice.of(self.words["impact"]["frame"]), c) for c in self.p.others[:1]]
        private = [d for d in self.p.offers if _PRIVATE.search(d.remedy.label)]
        offered = self._offered([d for d in self.p.offers if d not in private])
        for d in private[:1]:
            form, np = phrase(_shortened(d.remedy.label))
            frame = self.choice.of(self.words["private"]["do" if form == "do" else "np"])
            self._option(d, np, None)
            offered.append(
                _Piece("options", sentence(frame.format(np=np)), [Claim(np, Source("policy", ref=d.remedy.id))])
            )
        key = "number" if self.p.number_unknown else "after" if private else "plain"
        return [*out, *offered, _Piece("ask", self.choice.of(self.words["invite"][key]))]

    def _safety(self) -> list[_Piece]:
        words, first = self.words, self.words["first"]
        key, sheet = next(((k, v) for k, v in self.s.order.items() if "safety" in k and isinstance(v, str)), ("", ""))
        steps = _for_the_customer(sheet) if sheet else ""
        claims = [Claim(steps, Source("order", ref=key))] if steps else []
        topic = next((x for x in words["topic"] if x["name"] == self.p.danger), None)
        if not steps and self.p.article and topic:
            steps = " ".join(self.p.answer)
            claims = [Claim(steps, Source("article", ref=self.p.article.id))]
        if self.p.life:
            out = [_Piece("safety", first["life"][0].format(steps=steps).strip(), claims)]
        elif steps:
            out = [_Piece("safety", self.choice.of(first["sheet"]).format(steps=steps), claims)]
        else:
            told = topic["steps"] if topic else self.choice.of(first["plain"])
            if self.short:  # the first two sentences are what to do first
                told = " ".join(re.split(r"(?<=[.!])\s+", told)[:2])
            out = [_Piece("safety", told)]
        sorry = self._sorry()
        sorry[0].paragraph = not self.short
        out += [*([] if sheet else self._recorded()), *sorry, *self._restated()]
        offered = self._offered()
        if offered:
            offered[0].paragraph = not self.short
            return [*out, *offered]
        ring = self.choice.of(words["next"]["ring"])
        return [*out, _Piece("next_steps", ring, paragraph=not self.short)]

    def _receipt(self) -> list[_Piece]:
        matter = self.p.restricted or "other"
        spans = [f for f in self.p.facts.of("number") if any(ch.isdigit() for ch in f.text) and f.text[0] != "0"]
        known = str(self.s.order.get("number", "")).split()[-1:]
        mentioned = [f.text for f in spans[:2]] + [n for n in known if n in self.s.text]
        reference = ", ".join(dict.fromkeys(mentioned))
        subject = f" ({reference})" if reference else ""
        claims = [Claim(f.text, Source("message", f.start, f.end)) for f in spans[:2]]
        line = self.choice.of(self.words["received"][matter]).replace("{reference}", subject)
        out = [_Piece("acknowledge", line, claims)]
        told = sorted([*self.p.problems, *self.p.others], key=lambda c: c.start)[: 1 if self.short else 2]
        if told:
            clauses = " and that ".join(c.turned for c in told)
            out.append(
                _Piece("restate", self.words["noted"]["frame"][0].format(clauses=clauses), [_claim(c) for c in told])
            )
        if deadline := _deadline(self.s.text):
            out.append(_Piece("restate", self.words["deadline"]["frame"][0].format(deadline=deadline)))
        out.append(_Piece("next_steps", self.choice.of(self.words["handover"][matter]), paragraph=not self.short))
        return out

    def _holding(self) -> list[_Piece]:
        lack = self.p.lack or "vague"
        number = self.s.order.get("number")
        about = f" about {number}" if number and not self.short else ""
        out = [
            _Piece(
                "acknowledge",
                f"Thank you for writing{about}.",
                [Claim(str(number), Source("order", ref="number"))] if about else [],
            )
        ]
        told = sorted([*self.p.problems, *self.p.others], key=lambda c: c.start)
        if lack != "unclear":
            out += [self._framed("restate", self.choice.of(self.words["noted"]["frame"]), c) for c in told[:3]]
        fields, key = self._lacking(lack)
        for field_ in fields:
            out.append(_Piece("restate", self.words["missing"][lack][0].format(**field_)))
        when = next(
            (f for f in self.p.facts.of("time") if re.search(r"\d", f.text) and re.search(r"[A-Za-z]{3}", f.text)), None
        )
        day = f" {_on(when.text)}" if when else ""
        how = (
            f" {m.group()}"
            if (m := re.search(r"\b(?:in cash|by card|by (?:bank )?transfer)\b", self.s.text, re.I))
            else ""
        )
        question = self.words["question"][key][0].replace("{when}", how + day)
        out.append(
            _Piece(
                "ask",
                question,
                [Claim(when.text, Source("message", when.start, when.end))] if when and day in question else [],
            )
        )
        return out

    def _lacking(self, lack: str) -> tuple[list[dict[str, str]], str]:
        """Returns what fills the sentence about what is missing, and which question to ask."""
        listed = [v for x in self.s.order.values() if isinstance(x, list) for v in x if isinstance(v, Mapping)]
        if lack == "lookup":
            lookup = next((str(v) for k, v in self.s.order.items() if "lookup" in k), "")
            order = re.search(r"\b(?:order|booking|name|account)\b", lookup, re.I)
            lookup = re.sub(r"\b(?:she|he|they) (\w+?)s?\b", r"you \1", lookup.rstrip("."))
            return [{"lookup": lookup}], "lookup_order" if order else "lookup_code"
        if lack == "unreadable":
            file = next((str(v["name"]) for v in listed if "name" in v), "")
            return [{"file": file}], "unreadable"
        if lack == "two":
            said = [
                f"the {v.get('item')} ({v.get('number')}; {plain_dates(str(v.get('status', '')), self.s.now)})"
                for v in listed
            ]
            return [{"choices": " and ".join(said)}], "two"
        if lack in ("paid", "sent"):
            return [{"facts": plain_dates(str(self.s.order.get("status", "")), self.s.now)}], lack
        if lack == "unclear":
            read = re.findall(
                r"\b(?:\d+|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[ -]?\w+)\b", self.s.text
            )[:2]
            return [{"words": " and ".join(f"“{w}”" for w in dict.fromkeys(read)) or "some of it"}], "unclear"
        return [{}], "vague"

    # ---- parts

    def _sorry(self) -> list[_Piece]:
        named = [_subject_named(c, self.p.thing) for c in self.p.problems]
        if self.p.kind == "safety":  # only for what we did; the rest is said back below
            named = [c for c in named if re.match(r"(?:we|our)\b", c.turned)]
        words = self.words["sorry"] if "one" in self.words.get("sorry", {}) else self.apology["sorry"]
        if len(named) == 2 and "two" in words:
            frame = self.choice.of(words["two"])
            text = frame.format(clause=named[0].turned, second=named[1].turned)
            return [_Piece("apologise", sentence(text), [_claim(c) for c in named])]
        if named:
            return [self._framed("apologise", self.choice.of(words["one"]), named[0])]
        if self.p.fragments and "problem" in self.p.fragments[0].kinds:
            self._about = True
            first = self.p.fragments[0]
            return [
                _Piece("apologise", self.choice.of(words["about"]).format(thing=_the(first.turned)), [_claim(first)])
            ]
        if self.p.kind == "safety":
            return [_Piece("apologise", self.choice.of(self.words["sorry"]["plain"]))]
        known = self.s.score.known_failure or ""
        if known in _NOT_OF_THINGS:
            return [_Piece("apologise", self.choice.of(self.apology["sorry_for"][known]))]
        if self.p.thing:
            return [_Piece("apologise", self.choice.of(words["thing"]).format(thing=self.p.thing))]
        return [_Piece("apologise", self.choice.of(self.apology["sorry_for"].get(known, words["nothing"])))]

    def _restated(self) -> list[_Piece]:
        """What else the customer said, neighbours joined; an occasion is named for what hangs on it."""
        out: list[_Piece] = []
        spare = self.p.fragments[1:] if self._about else self.p.fragments
        if spare:
            listed = _series([c.turned for c in spare])
            out.append(_Piece("restate", self._frame("fragments").format(list=listed), [_claim(c) for c in spare]))
        waiting: list[Clause] = []
        others = self.p.others
        if self.p.kind == "safety":
            unsaid = [c for c in self.p.problems if not re.match(r"(?:we|our)\b", c.turned)]
            others = tuple(sorted((*others, *unsaid), key=lambda c: c.start))
        for c in others:
            if "occasion" in c.kinds and _OCCASION.search(c.turned):
                out += self._joined(waiting)
                waiting = []
                out.append(self._framed("restate", self._frame("impact"), c))
                continue
            waiting.append(c)
            if len(waiting) == 2 or sum(x.words for x in waiting) > 14:
                out += self._joined(waiting)
                waiting = []
        out += self._joined(waiting)
        if self.p.asked:
            out.append(self._framed("restate", self._frame("asked"), self.p.asked))
        said = " ".join(c.turned for c in (*self.p.problems, *self.p.others, *self.p.fragments))
        given = [f for f in self.p.facts.of("number") if f.text in self._known_text() and f.text not in said]
        if given and not self.short:
            text = _series(list(dict.fromkeys(f.text for f in given))[:2])
            claims = [Claim(f.text, Source("message", f.start, f.end)) for f in given[:2]]
            out.append(_Piece("restate", self._frame("given").format(list=text), claims))
        return out

    def _joined(self, clauses: Sequence[Clause]) -> list[_Piece]:
        if not clauses:
            return []
        frame = "{clause}." if len(clauses) > 1 else self._frame("also")
        text = frame.format(clause=", and ".join(c.turned for c in clauses))
        return [_Piece("restate", sentence(text), [_claim(c) for c in clauses])]

    def _frame(self, name: str) -> str:
        return self.choice.of(self.apology[name]["frame"])

    def _known_text(self) -> str:
        return " ".join([*(str(v) for v in self.s.order.values()), *(t.text for t in self.s.history)])

    def _recorded(self) -> list[_Piece]:
        """One fact of our records in a sentence of its own; a second one where there is room."""
        out: list[_Piece] = []
        for r in self.p.records[: 1 if self.short else 2]:
            key = "frame" if not out else "more"
            text = self.choice.of(self.apology["records"][key]).format(facts=r.text.rstrip("."))
            out.append(_Piece("restate", sentence(text), [Claim(r.text, Source("order", ref=r.key))]))
        return out

    def _owned(self) -> _Piece:
        return _Piece("own", self.choice.of(self.apology["own"]["limited" if self.p.kind == "limited" else "failure"]))

    def _framed(self, section: SectionName, frame: str, c: Clause) -> _Piece:
        return _Piece(section, sentence(frame.format(clause=c.turned)), [_claim(c)])

    def _offered(self, offers: Sequence[Decision] | None = None) -> list[_Piece]:
        out: list[_Piece] = []
        for d in self.p.offers if offers is None else offers:
            label = _shortened(d.remedy.label) if self.p.kind == "public" else d.remedy.label
            form, np = ("tell", label) if foreign(self.s) and not _english(label) else phrase(label)
            value = _value(d, self.s)
            if not (self.short and len(self.p.offers) > 2):
                np += _details(d, value, self.s)
            words = self.apology["offer"]
            if d.remedy.needs_approval and out and out[-1].unsure:  # one sentence for all that another must allow
                np = f"to {np}" if form == "do" else np
                self._option(d, np, value)
                last = out[-1]
                out[-1] = replace(
                    last,
                    text=f"{last.text.rstrip('.')}, and {np}.",
                    claims=[*last.claims, Claim(np, Source("policy", ref=d.remedy.id))],
                )
                continue
            if d.remedy.needs_approval:
                frame = self.choice.of(words["approval"])
                np = f"to {np}" if form == "do" else np
            else:
                first = not any(x.section == "options" for x in out)
                key = {"np": "one" if first else "next"}.get(form, form if first else f"{form}_next")
                frame = self.choice.of(words[key])
            self._option(d, np, value)
            claims = [Claim(np, Source("policy", ref=d.remedy.id))]
            piece = _Piece("options", sentence(frame.format(np=np)), claims, unsure=d.remedy.needs_approval)
            out.append(piece)
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
        if self.p.evidence:
            return [_Piece("ask", self.choice.of(words["evidence"]).format(thing=self.p.evidence))]
        if self.p.number_unknown and self.p.kind == "failure":
            return [_Piece("ask", self.choice.of(words["number"]))]
        open_ = [o for o in self.options if not o.needs_approval]
        if len(open_) > 1:
            return [_Piece("ask", self.choice.of(words["choose"]))]
        if open_:
            return [_Piece("ask", self.choice.of(words["yes"]))]
        return []

    def _greeting(self) -> str:
        formal = self.p.kind == "restricted" or self.tone.get("full_name", False) or bool(_FORMAL.match(self.s.text))
        name = self._called() or addressed(self.s.customer.name, formal=formal)
        if self.s.brand.greeting and not self.short:
            text = self.s.brand.greeting.replace("{name}", name or "")
            return re.sub(r"\s+(?=[,!.]|$)", "", text)
        words = self.apology["greeting"]
        key = "chat" if self.short else "email"
        return self.choice.of(words[key if name else f"{key}_nameless"]).format(name=name)

    def _called(self) -> str | None:
        """Returns how our last reply called this customer: "Ms Straker"."""
        own = (self.s.customer.name or "").lower()
        for turn in reversed(self.s.history):
            m = _SALUTED.match(turn.text) if turn.role == "agent" else None
            if m and not _TITLED.match(own) and any(w.lower() in own for w in m[1].split() if len(w) > 2):
                return str(m[1])
        return None

    def _close(self) -> _Piece:
        signature = self.s.agent.signature or self.s.agent.name
        company = self.s.brand.name or self.s.order.get("company")
        if self.short:
            return _Piece("close", signature or (str(company) if company else ""), line=True)
        sign_off = self.s.brand.sign_off or self.choice.of(self.tone.get("close", self.apology["close"]["email"])) + ","
        if not (signature or company):
            return _Piece("close", sign_off.rstrip(","), paragraph=True)
        lines = [sign_off, *([signature] if signature else []), *([str(company)] if company and not signature else [])]
        return _Piece("close", "\n".join(lines), paragraph=True)


_ASKING = re.compile(r"(?:is|are|do|does|can|could|will|would|how|what|when|where|why|who|which)\b", re.I)
_GOOD = re.compile(
    r"\b(?:best|better|good|great|kind|kindly|patient|lovely|happy|glad|quick|warm|right|love|loved|laughed|smil\w+|passed|"
    r"helped|wonderful|excellent|fantastic|amazing|brilliant|perfect|gorgeous|awesome|thank\w*|pleased|impressed|"
    r"friendly|beautiful|works?|breathtaking|extra mile|made (?:my|your|our))\b",
    re.I,
)
_NOT_OF_THINGS = ("staff_conduct", "no_response", "billing", "account_access")
"""Failures where naming the item would miss the point."""
_SALUTED = re.compile(r"\s*(?:Dear|Hello|Hi) ((?:(?:Mr|Mrs|Ms|Miss|Mx|Dr)\.? )?[^\W\d_][\w'’-]*(?: [\w'’-]+)?)\s*[,!]")
_TITLED = re.compile(r"(?:mr|mrs|ms|miss|mx|dr|prof)\b")
_FORMAL = re.compile(r"\s*(?:Dear (?:Sirs?|Madam|Mr|Mrs|Ms)\b|To whom it may concern)", re.I)
_COUNTED = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PRIVATE = re.compile(r"\b(?:private|privately|direct|directly|DM)\b", re.I)


_OCCASION = re.compile(
    r"^(?:it is|the|your|his|her|our|my)\b.*\b(?:birthday|wedding|funeral|exams?|anniversary|christening|"
    r"christmas|graduation|confirmation|party|"
    r"conference|interview|payroll|scholarship|concert|[2-9]0th|buried|married)\b",
    re.I,
)


def _subject_named(c: Clause, thing: str | None) -> Clause:
    """Returns the clause with what it is about in place of a bare "it": "your lamp flickers"."""
    m = re.match(
        r"it (?!should|would|will|can|could|may|might|must)(?=(?:still |just |now |never |keeps? )?"
        r"(?!is\b|was\b|has been\b)\w+)",
        c.turned,
    )
    if not (m and thing) or thing.endswith("s"):
        return c
    return replace(c, turned=f"{thing} {c.turned[m.end() :]}")


def _on(day: str) -> str:
    day = day[0].lower() + day[1:]
    return day if re.match(r"(?:on|since|by|until|at|in|from|before|after)\b", day) else f"on {day}"


def _english(label: str) -> bool:
    words = {w.lower() for w in re.findall(r"[^\W\d_]+", label)}
    return bool(words & _ENGLISH) and label.isascii()


_ENGLISH = frozenset("the of your our and with for at by from free full refund new one call".split())


def _shortened(label: str) -> str:
    """Returns a label for a page with room for sixty words: up to its first comma where it is long."""
    return label.split(",")[0] if len(label.split()) > 9 else label


def _series(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _the(text: str) -> str:
    first = text.split()[0].lower()
    return text if first in DETERMINERS or first[0].isdigit() or first.endswith("s") else f"the {text}"


_STAFF = re.compile(r"\b(?:the agent|care lead|no draft|staff|colleague|lead at once|do not send|never post)\b", re.I)


def _for_the_customer(sheet: str) -> str:
    """Returns the steps of a safety sheet that the customer is to take; those for our people stay inside."""
    kept = []
    for line in re.split(r"(?<=[.!])\s+", sheet):
        parts = [x for x in re.split(r";\s*", line.split(": ", 1)[-1]) if not _STAFF.search(x)]
        if parts:
            kept.append(sentence("; ".join(parts).rstrip(".")))
    return " ".join(kept)


_DEADLINE = re.compile(
    r"\b(?:by|before|until|deadline (?:is|of)|no later than|reply by)\s+((?:\d{1,2}(?::\d\d|"
    r"\.\d\d)?\s?(?:[ap]\.?m\.?)?\s+(?:on\s+)?)?"
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day\s*)?(?:\d{1,2}(?:st|nd|rd|th)?\s+[A-Z][a-z]+(?:\s+\d{4})?|"
    r"today|tomorrow)|\d{1,2}:\d\d(?:\s+today)?)",
    re.I,
)


def _deadline(text: str) -> str | None:
    return " ".join(m[1].split()) if (m := _DEADLINE.search(text)) else None


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
    "reimbursement compensation cash payment access help postage advice breakfast delivery collection contact cleaning "
    "settlement information support pick-up money storage praise".split()
)
_AFTER_PARTICIPLE = PREPOSITIONS | CONJUNCTIONS | ADVERBS | frozenset("again anew free back".split())
_PARTICIPLES = frozenset("brought sent made taken kept sewn done given put paid".split())
_DOERS = frozenset("send bring take give go restore get make put let keep reverse cancel lift block move open".split())
_BREAK = re.compile(
    r",|;|:| (?:of|for|from|to|at|in|on|with|by|against|per|until|when|while|as|that|who|which|where|and|or|"
    r"towards|without|before|if|about)\b"
)


def phrase(label: str) -> tuple[str, str]:
    """Returns the form of a remedy's label and the label as it stands in a sentence.

    Forms: `np` ("a full refund"), `back` ("the postage back"), `have` ("the block lifted"), `do` ("send another lamp"),
    `clause` ("our optician comes to your home"), `tell` ("cards work while the app is down").
    """
    text = label.strip().rstrip(".")
    words = [w.strip(",;:") for w in text.split()]
    low = text if words[0][1:2].isupper() else text[0].lower() + text[1:]
    first, second = words[0].lower(), words[1].lower() if len(words) > 1 else ""
    if first in ("we", "our", "i", "someone", "somebody") and any(is_finite(w) or w in BASES for w in words[1:5]):
        return "clause", low
    if first == "no":
        return "clause", low
    if (
        second in DETERMINERS | {"it", "us"}
        and first not in DETERMINERS | PREPOSITIONS
        and first not in ("half", "part")
    ):
        return "do", low
    if first in _DOERS and second in PREPOSITIONS | {"back", "another"}:
        return "do", low
    if _is_participle(first) and second in _AFTER_PARTICIPLE:
        return "have", f"it {low}"
    head = _BREAK.split(text, maxsplit=1)[0].split()
    upto = text.split(",")[0].split()
    for at, word in enumerate(upto[1:], 1):
        after = upto[at + 1].lower() if at + 1 < len(upto) else ""
        if (
            _is_participle(word.lower())
            and (not after or after in _AFTER_PARTICIPLE)
            and upto[at - 1].lower() not in _NOT_HEAD
        ):
            return "have", _with_article(low, head[:at], definite=True)
        if (
            third_person(word.lower())
            and after in DETERMINERS | PREPOSITIONS | {"back"}
            and at <= 3
            and head[0].lower() in ("the", "driver")
        ):
            return "clause", _with_article(low, head[:at], definite=True)
        if word.lower() in ("work", "are", "is") and after in ("while", "when", "again", "open", "free"):
            return "tell", low
    if (
        "back" in upto
        and not {"with", "to"} & {*upto[: upto.index("back")]}
        and not any(third_person(w) for w in upto[1:4])
    ):
        return "back", _with_article(low, head, definite=True)
    return "np", _with_article(low, head)


_NOT_HEAD = DETERMINERS | PREPOSITIONS | AUXILIARIES | ADVERBS | {"who", "which", "that", "as"}


def _is_participle(word: str) -> bool:
    return word in _PARTICIPLES or is_regular_past(word)


def _with_article(low: str, head: Sequence[str], *, definite: bool = False) -> str:
    first, last = head[0].lower(), head[-1].lower()
    if first in DETERMINERS or first in ("part", "full-time") or first[0].isdigit():
        return low
    if definite or first in ("first", "next", "right", "same"):
        return f"the {low}"
    if (last in _MASS and len(head) < 3) or (
        last.endswith("s") and not last.endswith("ss") and last not in ("pass", "gas")
    ):
        return low
    if head[0][1:2].isupper() or (
        len(head) > 1 and head[0][0].isupper() and head[1][:1].isupper() and first not in _ADJECTIVES
    ):
        return low
    return f"{'an' if low[0] in 'aeiou' and not low.startswith(('one', 'uni', 'use', 'eu')) else 'a'} {low}"


_ADJECTIVES = frozenset("full free new written direct bonus read-only".split())


_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}


def money(value: Money) -> str:
    """Returns a sum as people write it: £64.90, €1,500, 98.50 CHF."""
    amount = Decimal(value.amount)
    digits = f"{amount:,.0f}" if amount == amount.to_integral() else f"{amount:,.2f}"
    if symbol := _SYMBOLS.get(value.currency):
        return f"{symbol}{digits}"
    return f"{digits} {value.currency if len(value.currency) == 3 else value.currency.lower()}"


_WHOLE = re.compile(r"\brefund of (?:the|your) (order|item|box|purchase)\b", re.I)


def _value(d: Decision, s: Situation) -> Money | None:
    """Returns the most that may be offered: for a refund of the order never more than was paid."""
    limit, paid = d.remedy.max, s.order.get("amount")
    whole = _WHOLE.search(d.remedy.label)
    if whole and whole[1] == "order" and "item" in s.order and not s.order.get("items"):
        whole = None  # the amount may be that of the one item
    if limit is None or not whole or s.order.get("currency") != limit.currency:
        return limit
    try:
        return limit if Decimal(str(paid)) >= Decimal(limit.amount) else Money(str(paid), limit.currency)
    except InvalidOperation:
        return limit


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
        for c in re.split(r"[;,]", d.remedy.conditions)
        if _STILL_OPEN.search(c) and (not d.remedy.when or _customer_side(c))
    ]
    if wanted and not re.search(r"\b(?:customer|guest|player|patient|employee|never named|policy)\b", wanted[0], re.I):
        parts.append(plain_dates(wanted[0], s.now))
    return f" ({', '.join(parts)})" if parts else ""


def _customer_side(condition: str) -> bool:
    return bool(
        re.search(r"\b(?:against|receipts?|copy of|takes|while|replaces|until|nothing to send)\b", condition, re.I)
    )
