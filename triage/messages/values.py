"""A message as it came, and the part of it that the customer wrote just now."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from triage.scoring.values import Span

Author = Literal["customer", "agent", "note", "system"]
Channel = Literal["email", "chat", "social", "form", "sms", "phone"]
Tier = Literal["standard", "vip"]
CutKind = Literal["quoted", "signature", "disclaimer", "forwarded"]
MAX_TEXT = 20_000
"""Longest text of one message, in code points."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of the text that is kept but not scored."""

    start: int
    end: int
    kind: CutKind


@dataclass(frozen=True, slots=True)
class Clean:
    """What is scored of a text, and where each part of it stood.

    `pieces` are the kept spans of `original` in order; `text` is their concatenation.
    """

    original: str
    pieces: tuple[Span, ...]
    cuts: tuple[Cut, ...] = ()
    text: str = field(init=False)
    _starts: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        starts, at = [], 0
        for piece in self.pieces:
            starts.append(at)
            at += piece.end - piece.start
        object.__setattr__(self, "text", "".join(self.original[p.start : p.end] for p in self.pieces))
        object.__setattr__(self, "_starts", tuple(starts))

    def to_original(self, start: int, end: int) -> Span:
        """Returns the span of `original` that [start, end) of `text` covers, from first to last code point."""
        return Span(self._offset(start), self._offset(max(start, end - 1)) + (end > start))

    def _offset(self, at: int) -> int:
        if not self.pieces:
            return 0
        i = max(0, bisect_right(self._starts, at) - 1)
        return self.pieces[i].start + at - self._starts[i]


@dataclass(frozen=True, slots=True)
class Incoming:
    """One customer message on its way to a score.

    `account_language` decides where the text is too short to tell; `sent_at` is what "tomorrow" counts from.
    """

    text: str
    subject: str | None = None
    account_language: str | None = None
    channel: Channel = "email"
    sent_at: datetime | None = None
    sender: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
