"""Identifiers: a short noun and a uuid7, so that they sort by time and say what they name."""

from typing import Literal

from uuid_utils import uuid7

Noun = Literal[
    "org",
    "usr",
    "key",
    "ses",
    "cus",
    "cnv",
    "msg",
    "scr",
    "pri",
    "evt",
    "case",
    "pol",
    "art",
    "drf",
    "edt",
    "fol",
]


def new_id(noun: Noun) -> str:
    """Returns e.g. `msg_019aa1b2c3d47e5f8a9b0c1d2e3f4a5b`: 32 hex digits after the noun."""
    return f"{noun}_{uuid7().hex}"
