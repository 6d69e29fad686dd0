import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from models.encoder import Encoder
from models.export import Bert, Scale, Writer, find_ranges, read_texts, write_exact, write_folder
from models.registry import ENCODER, SHIPPED, Model, open_folder

TEXTS = [
    "Where is my parcel? You promised it for Tuesday, then for Thursday.",
    "thanks, all sorted",
    "I was charged TWICE for order 4711 and nobody answers the phone!!!",
    "The app crashes as soon as I open it on my phone, since the update last night. " * 3,
    "Please cancel my booking and give me my money back",
    "ok",
]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A sentence-transformers folder with a small random BERT, one hidden unit of which reaches far."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("source")
    torch.manual_seed(3)
    shape = transformers.BertConfig(
        hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96, max_position_embeddings=80
    )
    bert = transformers.BertModel(shape, add_pooling_layer=False)
    with torch.no_grad():
        for parameter in bert.parameters():
            parameter.mul_(4).add_(0.05 * torch.randn_like(parameter))
        # A table that int8 holds without loss, so that the fp32 form has to be exact.
        table = bert.embeddings.word_embeddings.weight
        step = table.abs().amax(1, keepdim=True) / 127
        table.copy_((table / step).round() * step)
        bert.encoder.layer[1].intermediate.dense.weight[7] *= 20
        bert.encoder.layer[1].output.LayerNorm.weight[5] *= 30  # and one channel too
    bert.save_pretrained(folder)
    shutil.copy(SHIPPED / "minilm-l6-en" / "tokenizer.json", folder)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 64}))
    return folder


def test_fp32_form_gives_what_torch_gives(source, tmp_path):
    import torch
    from transformers import AutoModel

    bert = AutoModel.from_pretrained(source, add_pooling_layer=False).eval()
    encoder = write_exact(source, tmp_path)
    vectors, features = encoder.encode(TEXTS)
    for text, vector, row in zip(TEXTS, vectors, features, strict=True):
        with torch.no_grad():
            states = bert(torch.tensor(encoder.tokens([text])), output_hidden_states=True).hidden_states
        means = np.concatenate([state[0].mean(0).numpy() for state in states])
        assert row == pytest.approx(means, abs=1e-3)
        assert cosine(vector, means[-48:]) > 0.999999


def test_int8_form_is_near_and_the_same_in_every_batch(source, tmp_path):
    exact = write_exact(source, tmp_path / "exact")
    write_folder(source, tmp_path / "small", TEXTS, "acme/tiny")
    model = open_folder(tmp_path / "small")
    small = Encoder(model)
    alone = [small.encode([text]) for text in TEXTS]
    for (a, b), (c, d), (one, one_wide) in zip(
        zip(*exact.encode(TEXTS), strict=True), zip(*small.encode(TEXTS), strict=True), alone, strict=True
    ):
        assert cosine(a, c) > 0.99
        assert cosine(b, d) > 0.995
        assert np.abs(c - one).max() < 1e-5
        assert np.abs(d - one_wide).max() < 1e-4
    assert model.config["dimensions"] == 48
    assert model.config["features"] == 4 * 48
    assert "acme/tiny" in (tmp_path / "small" / "card.md").read_text()
    assert model.config["files"].keys() == {ENCODER, "tokenizer.json"}


def test_units_and_channels_that_reach_far_cost_the_others_nothing(source, tmp_path):
    bert = Bert.load(source)
    exact = write_exact(source, tmp_path / "exact")
    ranges = find_ranges(bert, exact.tokens(TEXTS))
    widths = {
        i: next(c for c in Writer(bert, ranges).model().graph.initializer if c.name == f"hidden{i}_weight").dims[1]
        for i in range(3)
    }
    assert widths[1] > 96  # laid out as several
    folder = tmp_path / "small"
    folder.mkdir()
    shutil.copy(source / "tokenizer.json", folder)
    onnx.save(Writer(bert, ranges).model(), folder / ENCODER)
    evened = cosines(exact, Encoder(Model(folder, {"max_length": 64})))
    flat = {name: (low.min(keepdims=True), high.max(keepdims=True)) for name, (low, high) in ranges.items()}
    onnx.save(Writer(bert, flat).model(), folder / ENCODER)
    assert (1 - evened).mean() < 0.5 * (1 - cosines(exact, Encoder(Model(folder, {"max_length": 64})))).mean()


def test_only_what_can_be_written_is_taken(source, tmp_path):
    config = json.loads((source / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    with pytest.raises(ValueError, match="only BERT with GELU"):
        Bert.load(tmp_path)


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (-0.17, 6.2), (0.5, 3), (-4, -1)])
def test_scales_hold_zero_and_reach_both_ends(low, high):
    scale = Scale.fit(low, high)
    assert 0 <= scale.zero <= 255
    assert scale.end >= max(high, 0) - scale.step
    assert -scale.zero * scale.step <= min(low, 0) + scale.step


def test_texts_are_a_column_or_lines(tmp_path):
    (tmp_path / "a.csv").write_text('id,text\n1,"two\nlines"\n2,one\n')
    (tmp_path / "b.txt").write_text("two\n\none\n")
    assert read_texts(tmp_path / "a.csv") == ["two\nlines", "one"]
    assert read_texts(tmp_path / "b.txt") == ["two", "one"]


def cosine(a, b) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def cosines(exact: Encoder, small: Encoder) -> np.ndarray:
    return np.array([cosine(a, b) for a, b in zip(exact.encode(TEXTS)[1], small.encode(TEXTS)[1], strict=True)])
