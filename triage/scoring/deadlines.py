"""Deadlines that a customer states, resolved from the time of sending: "by Friday", "in 2 hours", "tonight at 8".

The time is the end of the period that the words name, in the zone of `sent_at`:
"by Friday" is Friday 23:59, "before Friday" Thursday 23:59.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WORDS = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {word: i for i, word in enumerate(_WORDS.split())} | {"a": 1, "an": 1}
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_PARTS = {"morning": time(12), "afternoon": time(18), "evening": time(22), "night": time(23, 59)}
_END = time(23, 59)

_CLOCK = r"(?:noon|midnight|\d{1,2}(?:[:.]\d\d)\s?(?:[ap]\.?m\b\.?)?|\d{1,2}\s?(?:[ap]\.?m\b\.?|o'clock))"
_PART = r"(?:morning|afternoon|evening|night)"
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_DAY = rf"(?:today|tonight|tomorrow(?:\s{_PART})?|this\s{_PART}|(?:(?:this|next|coming)\s)?{_WEEKDAY}(?:\s{_PART})?)"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = (
    rf"(?:(?:the\s)?\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}"
    rf"|{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?|the\s\d{{1,2}}(?:st|nd|rd|th))\b"
)
_SPAN = (
    r"(?:in|within)\s(?:the\snext\s|about\s|less\sthan\s|under\s|just\s)?"
    r"(?:half\san\s(?P<half>hour)|(?P<count>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven"
    r"|twelve)"
    r"\s?(?P<unit>min|minute|hour|hr|day|week)s?(?:'\stime)?)\b"
)
_CLOSE = r"(?:(?:the\s)?end\sof\s(?:the\s)?(?P<close>day|today|week|month)|EOD|COB|close\sof\sbusiness)"
_TIME = re.compile(
    rf"\b(?P<by>(?:by|before|until|till|no\slater\sthan|not\slater\sthan)\s)?"
    rf"(?:(?P<span>{_SPAN})|(?P<end>{_CLOSE})"
    rf"|(?:at\s)?(?P<first>{_CLOCK})\s(?:on\s)?(?P<day2>{_DAY}|{_DATE})"
    rf"|(?:on\s)?(?P<day>{_DAY}|{_DATE})(?:\s(?:at|by|before|around)?\s?(?P<clock>{_CLOCK}"
    rf"|\d{{1,2}}\b(?![:./%$€£-]|\s\w{{3,}}s\b)))?"
    rf"|(?:at\s)?(?P<alone>{_CLOCK})"
    r")(?!\w)",
    re.IGNORECASE,
)
_NEED = re.compile(
    r"\b(?:need\w*|must|have to|has to|had better|deadline|due|expir\w+|flights?|fly|flying|leav(?:e|es|ing)"
    r"|depart\w*"
    r"|board\w*|check[- ]?in|wedding|birthday|party|event|exam|interview|surgery|operation|appointment|meeting"
    r"|funeral"
    r"|trip|travel\w*|moving|rent|court|hearing|runs? out|running out|clos(?:es|ing)|starts?|begins?|concert"
    r"|urgent\w*"
    r"|asap|presentation|launch|before it(?:'s| is) too late|want|expect|require|shuts?|cut off|last chance"
    r"|reply|respond|answer|sort(?:ed)?|fix(?:ed)?|resolved?|refund(?:ed)?|or (?:else )?i(?:'ll| will))\b",
    re.IGNORECASE,
)
_NOT_OURS = re.compile(
    r"\b(?:can't wait|cannot wait|promis\w+|supposed to|should have|said (?:it|they|you|he|she)|guarantee\w*"
    r"|(?:was|were) (?:told|due|scheduled|meant|supposed|expect\w+)|told (?:me|us)|thank\w*"
    r"|have a (?:great|good|nice|lovely)|happy|see you|looking forward"
    r"|times in|calls in|emails in|bought|ordered (?:it |this )?on)\b",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"\b(?:arrived|came|got (?:it|here)|received|landed|delivered|fixed|sorted|resolved|worked)\b", re.IGNORECASE
)
_WANTED = re.compile(r"\b(?:need|want|must|please|have to|has to|be|get|expect|require)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?](?=\s|$)|\n")
_QUICK = re.compile(
    rf"\b(?:today|tonight|tomorrow|noon|midnight|eod|cob|end of|close of|this {_PART}|{_WEEKDAY}|(?:in"
    rf"|within) (?:the next"
    r"|about|less|under|just|half|an?|\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
    rf"|\d{{1,2}}(?::\d\d)? ?(?:[ap]\.?m|o'clock)|\d{{1,2}}:\d\d|{_MONTH} \d|\d{{1,2}}(?:st|nd|rd"
    rf"|th)? (?:of )?{_MONTH}"
    r"|the \d{1,2}(?:st|nd|rd|th))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A stated deadline's span, and its time where the time of sending is known and it lies ahead."""

    start: int
    end: int
    at: datetime | None


def find_deadlines(text: str, sent_at: datetime | None) -> Iterator[Deadline]:
    """Yields the deadlines in `text`: a time with "by", or a time in a sentence that needs something then.

    A time that the company named ("was told it would come by Friday") or that is past is none.
    """
    if not _QUICK.search(text):
        return
    for found in _TIME.finditer(text):
        start, end = _sentence(text, found.start(), found.end())
        before = text[start : found.start()]
        if _DONE.search(before) and not _WANTED.search(before):
            continue
        if _NOT_OURS.search(before) or (not found["by"] and not _NEED.search(text, start, end)):
            continue
        if found["by"] and found["by"].lower().startswith(("until", "till")) and not _NEED.search(text, start, end):
            continue
        at = _resolve(found, sent_at) if sent_at else None
        if sent_at and at and at <= sent_at:
            continue
        yield Deadline(found.start(), found.end(), at)


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    left = max((m.end() for m in _SENTENCE.finditer(text, max(0, start - 300), start)), default=max(0, start - 300))
    right = _SENTENCE.search(text, end, end + 300)
    return left, right.start() if right else min(len(text), end + 300)


def _resolve(found: re.Match[str], sent: datetime) -> datetime | None:
    if found["span"]:
        if found["half"]:
            return sent + timedelta(minutes=30)
        count = found["count"].lower()
        return sent + (int(count) if count.isdigit() else _NUMBERS[count]) * _UNITS[found["unit"][0].lower()]
    if found["end"]:
        return _close(found["close"], sent)
    day, clock = found["day"] or found["day2"], found["clock"] or found["first"] or found["alone"]
    if day is None:
        at = datetime.combine(sent, _clock(clock, None), sent.tzinfo)
        return at if at > sent else at + timedelta(days=1)
    date, latest = _date(day.lower(), sent)
    if date is None:
        return None
    if not clock and (found["by"] or "").lower().startswith("before"):
        date, latest = date - timedelta(days=1), _END
    return datetime.combine(date, _clock(clock, day.lower()) if clock else latest, sent.tzinfo)


def _close(of: str | None, sent: datetime) -> datetime:
    if (of or "").lower() == "week":
        return datetime.combine(sent + timedelta(days=6 - sent.weekday()), _END, sent.tzinfo)
    if (of or "").lower() == "month":
        return datetime.combine(sent.replace(day=monthrange(sent.year, sent.month)[1]), _END, sent.tzinfo)
    return datetime.combine(sent, _END, sent.tzinfo)


def _date(day: str, sent: datetime) -> tuple[datetime | None, time]:
    """The day that the words name, and the end of the part of it that they name."""
    latest = next((at for part, at in _PARTS.items() if day.endswith(part) and not day.endswith("tonight")), _END)
    if day.startswith(("today", "tonight", "this ")) and not day.endswith("day"):
        return sent, latest
    if day == "today":
        return sent, latest
    if day.startswith("tomorrow"):
        return sent + timedelta(days=1), latest
    if weekday := next((i for i, name in enumerate(_DAYS) if name in day), None):
        return sent + timedelta(days=(weekday - sent.weekday()) % 7), latest
    if "monday" in day:
        return sent + timedelta(days=-sent.weekday() % 7), latest
    return _calendar(day, sent), latest


def _calendar(day: str, sent: datetime) -> datetime | None:
    number = re.search(r"\d{1,2}", day)
    month = next((i + 1 for i, name in enumerate(_MONTHS) if re.search(rf"\b{name}", day)), None)
    assert number is not None  # the pattern has digits in every form of a date
    try:
        if month is None:
            at = sent.replace(day=int(number[0]))
            if at.date() < sent.date():
                at = (at.replace(day=1) + timedelta(days=32)).replace(day=int(number[0]))
            return at
        at = sent.replace(month=month, day=int(number[0]))
        return at if at.date() >= sent.date() else at.replace(year=at.year + 1)
    except ValueError:  # the 31st of a month of 30 days
        return None


def _clock(words: str, day: str | None) -> time:
    """A time of day; without am or pm an hour up to 7 is in the afternoon, and "tonight" is always."""
    words = words.lower().replace(".", ":", 1) if re.search(r"\d\.\d", words) else words.lower()
    if "noon" in words:
        return time(12)
    if "midnight" in words:
        return _END
    hour, minute = (int(part) for part in [*re.findall(r"\d{1,2}", words), "0"][:2])
    afternoon = bool(re.search(r"p\.?m", words))
    morning = bool(re.search(r"a\.?m", words))
    late = bool(day and re.search(r"tonight|evening|night|afternoon", day))
    if hour < 12 and (afternoon or (not morning and (late or (hour < 8 and ":" not in words)))):
        hour += 12
    if hour == 12 and morning:
        hour = 0
    return time(hour, minute) if hour < 24 and minute < 60 else _END
