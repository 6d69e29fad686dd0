"""Dated promises in a reply that was sent: "I will write to you by Friday" becomes something due."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

END_OF_DAY = time(17, 0)
"""A promise for a day without an hour falls due at this hour, in the zone of `sent_at`."""


@dataclass(frozen=True, slots=True)
class Promise:
    """The sentence that promises, and when it falls due."""

    text: str
    due_at: datetime


_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_NUMBERS = {w: i for i, w in enumerate("a one two three four five six seven eight nine ten".split())} | {
    "a": 1,
    "an": 1,
}
_ACTS = (
    r"write|ring|call|phone|e-?mail|message|text|reply|answer|report|let\s+you\s+know|get\s+back|come\s+back|"
    r"be\s+(?:back\s+)?in\s+touch|"
    r"update|tell\s+you|send|confirm|check|follow\s+up|have\s+(?:an?\s+)?(?:answer|news|update)|"
    r"get\s+in\s+touch|speak\s+to\s+you|contact|"
    r"inform|arrange|see\s+to|look\s+into|make\s+sure|keep\s+you|ask\s+you|hear\s+from|sort|settle|refund|"
    r"post|ship|visit|come"
)
_PROMISE = re.compile(
    rf"\b(?:(?:I|we|(?:[Mm]y|[Oo]ur)\s+(?:colleague|team|manager|lead|engineer|doctor|driver|courier)s?|someone|"
    rf"somebody|a colleague|[A-Z][a-z]+)"
    rf"(?:\s+will|'ll|’ll|\s+shall|\s+am going to|\s+are going to|'m going to|\s+promise to)"
    rf"(?:\s+(?:also|then|personally|now|certainly|myself|definitely|be))?\s+(?:{_ACTS})\w*|[Yy]ou(?:\s+will|'ll|"
    rf"’ll)\s+(?:hear\s+from|have|get|receive))\b",
)
_ARRIVES = re.compile(
    r"\b(?:[Ii]t|[Tt]hey|(?:[Tt]he|[Yy]our|[Oo]ur|[Aa]n?)\s+(?:\w+\s+){1,3}?)(?:\s*will|'ll|’ll)\s+(?:be\s+(?:with|on|at|back|"
    r"there|here|delivered|collected|repaired|refunded|ready|sent|posted)|reach|arrive|come|leave|go\s+out|bring)\b"
)
"""What is promised of a thing: kept track of where the sentence gives a day."""
_NOT_PROMISE = re.compile(
    r"\?\s*$|\b(?:cannot|can't|can not|will not|won't|not be able|may not|might|could|would|wish|hope to|unless|"
    r"not promise|you (?:said|wrote|asked|told)|was told|were told|had promised|promised (?:to|you|that)|should have|"
    r"please (?:write|ring|call|send|reply|let))\b",
    re.I,
)
_DATE = re.compile(
    r"(?P<iso>\b\d{4}-\d\d-\d\d\b)"
    rf"|\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{'|'.join(_MONTHS)})\b(?:\s+(?P<year>\d{{4}}))?"
    rf"|\b(?P<month2>{'|'.join(_MONTHS)})\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year2>\d{{4}}))?"
    rf"|\b(?P<next>next\s+)?(?P<weekday>{'|'.join(_DAYS)})\b"
    r"|\b(?P<word>today|tonight|tomorrow|this (?:morning|afternoon|evening)|end of (?:the )?day|"
    r"end of (?:the )?week|next week)\b"
    r"|\b(?:in|within)\s+(?:the\s+next\s+)?(?P<count>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten)\s+"
    r"(?P<unit>minute|hour|(?:working |business )?day|week)s?\b",
    re.I,
)
_HOUR = re.compile(
    r"\b(?:at|by|before|until|from)\s+(?P<h>\d{1,2})(?:[:.](?P<m>\d\d))?\s*(?P<half>am|pm|a\.m\.|p\.m\.|"
    r"o'clock)?(?![\d%€£$-]|[:.]\d)",
    re.I,
)
_AT_NOON = re.compile(r"\b(?:at|by|before)\s+(?P<what>noon|midday|midnight)\b", re.I)


def promises(text: str, sent_at: datetime, default_days: int = 2) -> list[Promise]:
    """Returns the promises of an accepted reply with the time each falls due, in the text's order.

    Relative days count from `sent_at`, whose zone is used. A promise to get in touch without a date falls due after
    `default_days`; other undated sentences are no promises to keep track of. Questions, refusals and what somebody
    else was told are not promises.
    """
    found: list[Promise] = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", text):
        spoken = sentence.strip()
        ours = _PROMISE.search(spoken)
        match = ours or _ARRIVES.search(spoken)
        if match is None or _NOT_PROMISE.search(spoken):
            continue
        due = _due(spoken[match.start() :], sent_at) or _due(spoken, sent_at)
        if due is None and ours and _CONTACT.search(match.group()) and not _CONDITIONAL.search(spoken):
            due = sent_at + timedelta(days=default_days)
        if due is not None:
            found.append(Promise(spoken, due))
    return found


_CONTACT = re.compile(
    r"write|ring|call|phone|mail|message|text|reply|answer|report|know|back|touch|update|tell|hear|check|ask|keep", re.I
)
_CONDITIONAL = re.compile(r"\b(?:if|when|once|as soon as|whenever|until|only)\b", re.I)


def _due(text: str, sent_at: datetime) -> datetime | None:
    if not (m := _DATE.search(text)):
        hour = _hour(text, explicit=True)
        return _next_at(sent_at, hour) if hour else None
    if m["count"]:
        return _after(sent_at, _NUMBERS.get(m["count"].lower()) or int(m["count"]), m["unit"].lower())
    day = _day(m, sent_at)
    if day is None:
        return None
    hour = _hour(text[: m.start()] + " " + text[m.end() :], explicit=False)
    word = (m["word"] or "").lower()
    at = hour or {"this morning": time(12), "tonight": time(21), "this evening": time(21)}.get(word, END_OF_DAY)
    due = datetime.combine(day.date(), at, sent_at.tzinfo)
    return due if due > sent_at else max(due, sent_at + timedelta(hours=1)) if day.date() == sent_at.date() else None


def _day(m: re.Match[str], sent_at: datetime) -> datetime | None:
    if m["iso"]:
        return _date(sent_at, *map(int, m["iso"].split("-")))
    if month := m["month"] or m["month2"]:
        number, year = _MONTHS.index(month.lower()) + 1, m["year"] or m["year2"]
        day = int(m["day"] or m["day2"])
        found = _date(sent_at, int(year) if year else sent_at.year, number, day)
        if found and not year and found.date() < sent_at.date():
            found = _date(sent_at, sent_at.year + 1, number, day)
        return found
    if m["weekday"]:
        ahead = (_DAYS.index(m["weekday"].lower()) - sent_at.weekday()) % 7
        if m["next"]:
            ahead = ahead + 7 if 0 < ahead and ahead + sent_at.weekday() <= 6 else ahead or 7
        return sent_at + timedelta(days=ahead)
    word = m["word"].lower()
    if word == "tomorrow":
        return sent_at + timedelta(days=1)
    if "week" in word:
        friday = (4 - sent_at.weekday()) % 7
        return sent_at + timedelta(days=friday + (7 if word == "next week" and sent_at.weekday() <= 4 else 0))
    return sent_at


def _date(sent_at: datetime, year: int, month: int, day: int) -> datetime | None:
    try:
        return sent_at.replace(year=year, month=month, day=day)
    except ValueError:
        return None


def _after(sent_at: datetime, count: int, unit: str) -> datetime:
    if unit in ("minute", "hour"):
        return sent_at + timedelta(**{f"{unit}s": count})
    if unit == "week":
        return sent_at + timedelta(weeks=count)
    due = sent_at
    while count:
        due += timedelta(days=1)
        count -= 1 if unit == "day" or due.weekday() < 5 else 0
    return due


def _hour(text: str, *, explicit: bool) -> time | None:
    """Returns the hour of day; `explicit` wants minutes or am/pm, so that "by 3" of something is no time."""
    if m := _AT_NOON.search(text):
        return time(0) if m["what"].lower() == "midnight" else time(12)
    m = _HOUR.search(text)
    if not m or (explicit and not (m["m"] or m["half"])):
        return None
    hour, half = int(m["h"]), (m["half"] or "").lower()
    if half.startswith("p") and hour < 12:
        hour += 12
    elif not half and not m["m"] and 1 <= hour <= 6:
        hour += 12
    return time(hour, int(m["m"] or 0)) if hour < 24 and int(m["m"] or 0) < 60 else None


def _next_at(sent_at: datetime, hour: time) -> datetime:
    due = datetime.combine(sent_at.date(), hour, sent_at.tzinfo)
    return due if due > sent_at else due + timedelta(days=1)
