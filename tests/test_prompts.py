import hashlib
import tomllib
from importlib.resources import files

import pytest

import prompts

HERE = files("prompts")
ENTRIES = tomllib.loads(HERE.joinpath("index.toml").read_text("utf-8"))["prompt"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e["id"])
def test_the_index_names_the_hash_of_each_file(entry: dict[str, str]) -> None:
    """A changed file without a new version and hash would leave drafts naming a prompt that never existed."""
    assert hashlib.sha256(HERE.joinpath(entry["file"]).read_bytes()).hexdigest() == entry["sha256"]


def test_every_phrasing_file_is_in_the_index() -> None:
    on_disk = {f.name for f in HERE.iterdir() if f.name.endswith(".toml")} - {"index.toml"}
    assert on_disk == {entry["file"] for entry in ENTRIES}


def test_a_prompt_says_its_name_and_version() -> None:
    prompt = prompts.load("apology")
    assert prompt.name == f"apology@{prompt.version}"
    assert "one" in prompt.data["sorry"]


def test_an_unknown_prompt_is_refused() -> None:
    with pytest.raises(KeyError, match="sonnet"):
        prompts.load("sonnet")


def test_no_phrasing_holds_a_stock_phrase() -> None:
    banned = prompts.load("stock").data["phrases"] + prompts.load("stock").data["blame"]
    for entry in ENTRIES:
        if entry["id"] != "stock":
            text = HERE.joinpath(entry["file"]).read_text("utf-8").lower()
            assert [phrase for phrase in banned if phrase in text] == [], entry["file"]
