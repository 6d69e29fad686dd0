import json
import shutil

import pytest

from models.registry import SHIPPED, open_model
from triage.errors import Unavailable


def test_what_ships_is_whole():
    model = open_model("minilm-l6-en")
    assert model.config["licence"] == "Apache-2.0"
    assert model.encoder is model


def test_no_pickles_ship():
    assert not [p for p in SHIPPED.rglob("*") if p.suffix in {".pkl", ".pt", ".bin", ".joblib", ".pickle"}]
    assert all(p.stat().st_size < 48e6 for p in SHIPPED.rglob("*"))


def test_a_missing_folder_says_what_to_check(tmp_path):
    with pytest.raises(Unavailable, match=r"config\.json is missing"):
        open_model("nowhere", tmp_path)


def test_an_altered_file_is_refused(tmp_path):
    shutil.copytree(SHIPPED / "minilm-l6-en", tmp_path / "minilm-l6-en")
    with (tmp_path / "minilm-l6-en" / "tokenizer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(Unavailable, match=r"tokenizer\.json is not the file"):
        open_model("minilm-l6-en", tmp_path)


def test_an_operators_own_folder_goes_first(tmp_path):
    assert open_model("minilm-l6-en", tmp_path).path == SHIPPED / "minilm-l6-en"
    shutil.copytree(SHIPPED / "minilm-l6-en", tmp_path / "minilm-l6-en")
    assert open_model("minilm-l6-en", tmp_path).path == tmp_path / "minilm-l6-en"


def test_a_broken_config_is_refused(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text(json.dumps([1]))
    with pytest.raises(Unavailable):
        open_model("m", tmp_path)
