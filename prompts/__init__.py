"""Prompts and phrasing as data: versioned files, an index with their hashes, and this loader."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Prompt:
    """One file of the index; `data` is its parsed content."""

    id: str
    version: int
    file: str
    sha256: str
    data: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The id with its version, as `apology@1`: what a draft says it was written with."""
        return f"{self.id}@{self.version}"


@cache
def index() -> Mapping[str, Prompt]:
    """Returns every prompt by id; a file that does not match its hash is refused with ValueError."""
    here = files(__name__)
    entries = tomllib.loads(here.joinpath("index.toml").read_text("utf-8"))["prompt"]
    prompts = {}
    for entry in entries:
        raw = here.joinpath(entry["file"]).read_bytes()
        if (found := hashlib.sha256(raw).hexdigest()) != entry["sha256"]:
            raise ValueError(f"prompts/{entry['file']} has the hash {found}: raise its version in prompts/index.toml")
        prompts[entry["id"]] = Prompt(**entry, data=MappingProxyType(tomllib.loads(raw.decode("utf-8"))))
    return MappingProxyType(prompts)


def load(id: str) -> Prompt:
    """Returns the prompt of that id; KeyError names one that is not in the index."""
    return index()[id]
