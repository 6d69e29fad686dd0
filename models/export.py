"""Writes an encoder folder (ONNX, int8) from a sentence-transformers folder: BERT with mean pooling.

python -m models.export all-MiniLM-L6-v2/ models/weights/minilm-l6-en --texts train.csv

Needs onnx; serving does not, and torch is needed for neither. The graph is written by hand, operator by operator, in
the forms that onnxruntime's CPU kernels are fast in:

- **Activations have one scale a tensor, fixed here** by what 1,000 texts reach. A scale a batch, the library's own
  dynamic form, lets a message's score depend on its neighbours (cosine down to .970 between alone and in 32); a scale a
  token does not, but computing it costs as much as the products themselves. Fixed scales cost nothing and do neither.
- **Channels are evened out first.** One channel in a hundred reaches ten times as far as the rest and would leave these
  a few steps of 255. What LayerNorm gives is therefore moved and scaled by its own weights so that every channel fills
  the range, and the next weights take it back (after SmoothQuant, Xiao et al. 2023; the shift as in Outlier
  Suppression+, Wei et al. 2023). Only the residual has to be scaled back by an operator of its own.
- **Hidden units that reach too far become several.** After GELU one unit in 500 reaches up to 25 where the others end
  at 6. Its first copy saturates at the scale's end L, and a copy moved by L goes on from there:
  min(gelu(u), L) + gelu(u - L). That is off by .17 at most, and only next to L; scaling the unit down instead ruins
  the vectors (cosine .90), for such units do their work near 0 too.
- Weights have a scale a column, the word table a scale a row. uint8 weights would need another, slower kernel.
- Attention in single operators, Add and LayerNormalization apart, bias and GELU apart: the fused kernels
  (QAttention, SkipLayerNormalization, BiasGelu) are slower in batches, the second by five times.
"""

import argparse
import csv
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from models.encoder import Encoder
from models.registry import ENCODER, Model, sha256_of, write_config
from triage.protocols import Vectors

CALIBRATE, COMPARE = 1000, 300
"""Texts that set the ranges, and other texts that the card's cosines are measured on."""
FAR = 0.998
"""Share of the hidden units that end within the scale after GELU; units beyond are laid out as several."""
NORMED = ("h", "m")
"""First letters of the tensors that a LayerNorm gives."""
DEEPEST = 0.17
"""GELU falls to -0.17 and no lower."""
Range = tuple[Vectors, Vectors]
"""What each channel of a tensor reaches, low and high, (channels,) each."""

UPSTREAM = "sentence-transformers/all-MiniLM-L6-v2"
NOTICE = """encoder.onnx and tokenizer.json are derived from
{upstream} (model.safetensors, sha256 {sha256}),
licensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0

Changes: written as ONNX with mean pooling of every layer; weights and activations as 8-bit integers.
"""
CARD = """# {name}

The English encoder that every model here leans on: {upstream} (Apache-2.0; model.safetensors
sha256 `{sha256}`), written as ONNX by
`models/export.py`.

- In: token ids and mask, at most {max_length} tokens; of a longer text its first {half} and last {half}.
- Out: `vector` ({width}, length 1, for retrieval), `features` ({states} x {width}: the mean of each layer, for heads).
- Weights int8 with a scale a column (word table: a row), activations uint8 with a fixed scale a tensor, set by
  {calibrated:,} texts. Cosine to fp32 on {compared} others: `vector` mean {vector}; `features` mean {features}.
  The same text gives the same vector in every batch.
- English only. Nothing of the upstream model was changed but its number format.
"""


@dataclass(frozen=True, slots=True)
class Bert:
    """The weights of a BERT by their upstream names, float32, and what its config says of its shape."""

    tensors: dict[str, Vectors]
    layers: int
    heads: int
    width: int
    epsilon: float

    @classmethod
    def load(cls, folder: Path) -> "Bert":
        """Returns the model of a sentence-transformers folder; ValueError where it is no BERT with GELU."""
        config = json.loads((folder / "config.json").read_text("utf-8"))
        form = (config["model_type"], config["hidden_act"], config.get("position_embedding_type", "absolute"))
        if form != ("bert", "gelu", "absolute"):
            raise ValueError(f"{folder} is {form}; only BERT with GELU and absolute positions can be written")
        return cls(
            {
                name.removeprefix("bert."): tensor.astype(np.float32)
                for name, tensor in load_file(folder / "model.safetensors").items()
                if tensor.dtype.kind == "f"
            },
            config["num_hidden_layers"],
            config["num_attention_heads"],
            config["hidden_size"],
            config["layer_norm_eps"],
        )

    def linear(self, name: str) -> Range:
        """Weight (in, out) and bias (out,)."""
        return self.tensors[f"{name}.weight"].T, self.tensors[f"{name}.bias"]

    def norm(self, name: str) -> Range:
        """Factor and shift, (width,) each."""
        return self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]


class Graph:
    """Nodes and constants of an ONNX graph in the making; a node is named after what it gives."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def microsoft(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """A node with one of onnxruntime's own operators."""
        return self.add(operator, inputs, output, domain="com.microsoft", **attributes)

    def constant(self, name: str, value: Any) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name)
        return name


class Writer:
    """Lays a BERT out as a graph: fp32 without `ranges`, 8 bits with them.

    Tensors by name: `h0` what the embeddings give, `h1` and on what each layer gives; inside layer i `ctx{i}` what
    attention gives, `m{i}` what the second half takes, `gelu{i}` its hidden units.
    """

    def __init__(self, bert: Bert, ranges: dict[str, Range] | None = None) -> None:
        self.bert, self.ranges, self.graph = bert, ranges or {}, Graph()

    def model(self, *, show_inside: bool = False) -> onnx.ModelProto:
        """Returns the model: `vector` and `features`, and with `show_inside` every tensor that a range is needed of."""
        g, bert = self.graph, self.bert
        share, bias = self._masks()
        states = [self._embeddings()]
        inside: list[str] = []
        for i in range(bert.layers):
            x = states[-1]
            attended = self._attention(i, x, bias)
            middle = self._norm(attended, self._residual(x), f"m{i}", f"encoder.layer.{i}.attention.output.LayerNorm")
            hidden = self._hidden(i, middle)
            states.append(
                self._norm(hidden, self._residual(middle), f"h{i + 1}", f"encoder.layer.{i}.output.LayerNorm")
            )
            inside += [x, f"ctx{i}", middle, f"gelu{i}"]
        # Tone is kept better below the top layer, which was trained to say what a text is about:
        # heads on every layer's mean read frustration at .77 against .70 on the last alone (Pearson, cross-validated).
        means = [self._mean(share, x) for x in states]  # each (batch, 1, width)
        one = g.constant("one", np.array([1]))
        g.add("Squeeze", [g.add("Concat", means, "means", axis=-1), one], "features")
        g.add("LpNormalization", [g.add("Squeeze", [means[-1], one], "mean")], "vector", axis=-1, p=2)
        free = {name: TensorProto.INT64 for name in ("input_ids", "attention_mask")}
        return helper.make_model(
            helper.make_graph(
                g.nodes,
                "encoder",
                [helper.make_tensor_value_info(name, kind, ["batch", "tokens"]) for name, kind in free.items()],
                [
                    helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", bert.width]),
                    helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", len(states) * bert.width]),
                    *(helper.make_tensor_value_info(x, TensorProto.FLOAT, None) for x in inside if show_inside),
                ],
                list(g.constants.values()),
            ),
            opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)],
            ir_version=10,
        )

    def _masks(self) -> tuple[str, str]:
        """Each token's share in the mean, (batch, 1, tokens), and what attention adds, (batch, 1, 1, tokens)."""
        g = self.graph
        one = g.constant("one", np.array([1]))
        keep = g.add("Cast", ["attention_mask"], "keep", to=TensorProto.FLOAT)
        count = g.add("ReduceSum", [keep, one], "count")  # never 0: every text has its two special tokens
        share = g.add("Unsqueeze", [g.add("Div", [keep, count], "share"), one], "share_row")
        gone = g.add("Sub", [keep, g.constant("one_float", np.float32(1))], "gone")  # 0 or -1
        bias = g.add("Mul", [gone, g.constant("never", np.float32(1e9))], "bias")
        return share, g.add("Unsqueeze", [bias, g.constant("heads_and_queries", np.array([1, 2]))], "bias_row")

    def _embeddings(self) -> str:
        """A word table of int8 with a scale a row is a quarter of the size, cosine to fp32 above .9999."""
        g, tensors = self.graph, self.bert.tensors
        words, scale = _rounded(tensors["embeddings.word_embeddings.weight"].T)
        found = g.add("Gather", [g.constant("words", words.T), "input_ids"], "word_int8")
        scales = g.add("Gather", [g.constant("word_scales", scale[:, None]), "input_ids"], "word_scale")
        word = g.add("Mul", [g.add("Cast", [found], "word_float", to=TensorProto.FLOAT), scales], "word")
        places = (
            tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        first, count = g.constant("zero", np.array([0])), g.add("Shape", ["input_ids"], "tokens", start=1, end=2)
        place = g.add("Slice", [g.constant("places", places), first, count, first], "place")
        return self._norm(word, place, "h0", "embeddings.LayerNorm")

    def _attention(self, i: int, x: str, bias: str) -> str:
        g, heads = self.graph, self.bert.heads
        name = f"encoder.layer.{i}.attention"
        split, join = g.constant("split", np.array([0, 0, heads, -1])), g.constant("join", np.array([0, 0, -1]))
        root = np.float32(np.sqrt(self.bert.width // heads))
        parts = []
        for part, by in (("query", root), ("key", 1), ("value", 1)):
            weight, shift = self.bert.linear(f"{name}.self.{part}")
            rows = g.add("Reshape", [self._linear(x, f"{part}{i}", weight / by, shift / by), split], f"{part}{i}_heads")
            parts.append(g.add("Transpose", [rows], f"{part}{i}_turned", perm=[0, 2, 1, 3]))
        query, key, value = parts  # each (batch, heads, tokens, width / heads)
        match = g.microsoft("FusedMatMul", [query, key], f"match{i}", transB=1)
        weights = g.add("Softmax", [g.add("Add", [match, bias], f"match{i}_kept")], f"attention{i}", axis=-1)
        taken = g.add(
            "Transpose", [g.add("MatMul", [weights, value], f"taken{i}")], f"taken{i}_back", perm=[0, 2, 1, 3]
        )
        context = g.add("Reshape", [taken, join], f"ctx{i}")
        return self._linear(context, f"attended{i}", *self.bert.linear(f"{name}.output.dense"), residual=x)

    def _hidden(self, i: int, x: str) -> str:
        g = self.graph
        up, up_bias = self.bert.linear(f"encoder.layer.{i}.intermediate.dense")
        down, down_bias = self.bert.linear(f"encoder.layer.{i}.output.dense")
        if self.ranges:
            high, end = self.ranges[f"gelu{i}"][1], self._scale(f"gelu{i}").end
            for copy in range(1, int(np.ceil(high.max() / end))):
                far = np.flatnonzero(high > copy * end)
                up = np.concatenate([up, up[:, far]], axis=1)
                up_bias = np.concatenate([up_bias, up_bias[far] - np.float32(copy * end)])
                down = np.concatenate([down, down[far]])
        units = g.microsoft("Gelu", [self._linear(x, f"hidden{i}", up, up_bias)], f"gelu{i}")
        return self._linear(units, f"out{i}", down, down_bias, residual=x)

    def _linear(self, x: str, y: str, weight: Vectors, bias: Vectors, residual: str = "") -> str:
        """`x` times `weight` plus `bias`; where `residual` is added next, plus the shift that was taken out of it."""
        g = self.graph
        if residual:
            bias = bias + self._evening(residual)[1]
        if not self.ranges:
            product = g.add("MatMul", [x, g.constant(f"{y}_weight", weight)], f"{y}_product")
            return g.add("Add", [product, g.constant(f"{y}_bias", bias)], y)
        factor, shift = self._evening(x)
        if f"{x}_scale" not in g.constants:  # query, key and value share theirs
            scale = self._scale(x)
            g.constant(f"{x}_scale", np.float32(scale.step))
            g.constant(f"{x}_zero", np.uint8(scale.zero))
            g.add("QuantizeLinear", [x, f"{x}_scale", f"{x}_zero"], f"{x}_uint8")
        whole, scales = _rounded(weight * factor.reshape(-1, 1))
        bias = bias + (weight * shift.reshape(-1, 1)).sum(0)
        constants = [g.constant(f"{y}_weight", whole), f"{x}_scale", g.constant(f"{y}_scales", scales), f"{x}_zero", ""]
        return g.microsoft("MatMulIntegerToFloat", [f"{x}_uint8", *constants, g.constant(f"{y}_bias", bias)], y)

    def _norm(self, x: str, residual: str, y: str, name: str) -> str:
        """LayerNorm of a sum, its channels evened out."""
        g = self.graph
        (factor, shift), (gain, bias) = self._evening(y), self.bert.norm(name)
        weights = [g.constant(f"{y}_gain", gain / factor), g.constant(f"{y}_offset", (bias - shift) / factor)]
        total = g.add("Add", [x, residual], f"{y}_sum")
        return g.add("LayerNormalization", [total, *weights], y, axis=-1, epsilon=self.bert.epsilon)

    def _residual(self, x: str) -> str:
        """`x` at its own scale; the shift is in the bias of what it is added to."""
        if not self.ranges:
            return x
        return self.graph.add("Mul", [x, self.graph.constant(f"{x}_factor", self._evening(x)[0])], f"{x}_residual")

    def _mean(self, share: str, x: str) -> str:
        g = self.graph
        mean = g.add("MatMul", [share, x], f"{x}_mean")
        if x not in self.ranges:  # the top layer's is multiplied no more, and stays as it is
            return mean
        factor, shift = self._evening(x)
        whole = g.add("Mul", [mean, g.constant(f"{x}_factor", factor)], f"{x}_mean_scaled")
        return g.add("Add", [whole, g.constant(f"{x}_shift", shift)], f"{x}_mean_moved")

    def _evening(self, x: str) -> Range:
        """Factor and shift that were taken out of `x`: only what a LayerNorm gives can be changed for nothing."""
        if x not in self.ranges or not x.startswith(NORMED):
            return np.ones(1, np.float32), np.zeros(1, np.float32)
        low, high = self.ranges[x]
        reach = np.maximum(high - low, np.float32(1e-6))
        return reach / np.float32(2), (high + low) / np.float32(2)

    def _scale(self, x: str) -> "Scale":
        low, high = self.ranges[x]
        if x.startswith(NORMED):
            return Scale.fit(-1, 1)
        if x.startswith("gelu"):
            return Scale.fit(-DEEPEST, float(np.quantile(high, FAR)))
        return Scale.fit(float(low.min()), float(high.max()))


@dataclass(frozen=True, slots=True)
class Scale:
    """How uint8 stands for a float: (whole - zero) * step."""

    step: float
    zero: int

    @classmethod
    def fit(cls, low: float, high: float) -> "Scale":
        """Returns the scale whose 256 steps reach from `low` to `high`, and hold 0 exactly."""
        low, high = min(low, 0), max(high, 0)
        step = max(high - low, 1e-6) / 255
        return cls(step, round(-low / step))

    @property
    def end(self) -> float:
        """The highest value; more saturates there."""
        return (255 - self.zero) * self.step


def _rounded(weight: Vectors) -> tuple[NDArray[np.int8], Vectors]:
    """Returns `weight` (in, out) as int8 and the scale of each column, (out,)."""
    scale = np.maximum(np.abs(weight).max(0), 1e-12) / 127
    return np.round(weight / scale).astype(np.int8), scale.astype(np.float32)


def write_exact(source: Path, folder: Path) -> Encoder:
    """Writes the fp32 form, and returns it at work."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(Writer(Bert.load(source)).model(), folder / ENCODER)
    shutil.copy(source / "tokenizer.json", folder / "tokenizer.json")
    return Encoder(Model(folder, {"max_length": _max_length(source)}))


def find_ranges(bert: Bert, ids: Sequence[Sequence[int]]) -> dict[str, Range]:
    """Returns what each channel of each tensor reaches in these texts, (channels,) each."""
    session = onnxruntime.InferenceSession(
        Writer(bert).model(show_inside=True).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()][2:]
    ranges: dict[str, Range] = {}
    for text in ids:  # one a pass, so that no padding counts
        tokens = np.array([text], np.int64)
        found = session.run(names, {"input_ids": tokens, "attention_mask": np.ones_like(tokens)})
        for name, values in zip(names, found, strict=True):  # (1, tokens, channels)
            low, high = ranges.get(name, (np.inf, -np.inf))
            ranges[name] = np.minimum(low, values.min((0, 1))), np.maximum(high, values.max((0, 1)))
    return ranges


def read_texts(path: Path) -> list[str]:
    """Returns the column `text` of a CSV file, or each line of another."""
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            return [row["text"] for row in csv.DictReader(file)]
        return [line for line in file.read().splitlines() if line.strip()]


def write_folder(source: Path, out: Path, texts: Sequence[str], upstream: str = UPSTREAM) -> None:
    """Writes the whole encoder folder: ONNX, tokenizer, notice, card and config with hashes."""
    bert, max_length = Bert.load(source), _max_length(source)
    texts = [texts[i] for i in np.random.default_rng(0).permutation(len(texts))[: CALIBRATE + COMPARE]]
    compared, calibrated = texts[: min(COMPARE, len(texts) // 4)], texts[min(COMPARE, len(texts) // 4) :]
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "tokenizer.json", out / "tokenizer.json")
    with tempfile.TemporaryDirectory() as scratch:
        exact = write_exact(source, Path(scratch))
        onnx.save(Writer(bert, find_ranges(bert, exact.tokens(calibrated))).model(), out / ENCODER)
        near = _cosines(exact, Encoder(Model(out, {"max_length": max_length})), compared)
    facts = {
        "name": out.name,
        "upstream": upstream,
        "sha256": sha256_of(source / "model.safetensors"),
        "width": bert.width,
        "states": bert.layers + 1,
        "max_length": max_length,
        "half": max_length // 2,
        "calibrated": len(calibrated),
        "compared": len(compared),
        "vector": near[0],
        "features": near[1],
    }
    (out / "NOTICE").write_text(NOTICE.format(**facts), "utf-8")
    (out / "card.md").write_text(CARD.format(**facts), "utf-8")
    config = {
        "name": out.name,
        "kind": "encoder",
        "languages": ["en"],
        "dimensions": bert.width,
        "features": (bert.layers + 1) * bert.width,
        "max_length": max_length,
        "licence": "Apache-2.0",
        "upstream": {"name": upstream, "file": "model.safetensors", "sha256": facts["sha256"]},
    }
    write_config(out, config, (ENCODER, "tokenizer.json"))


def _max_length(source: Path) -> int:
    return int(json.loads((source / "sentence_bert_config.json").read_text("utf-8"))["max_seq_length"])


def _cosines(exact: Encoder, small: Encoder, texts: Sequence[str]) -> list[str]:
    """Returns mean and worst cosine of vectors, and of features, in words."""
    found = []
    for a, b in zip(exact.encode(texts), small.encode(texts), strict=True):
        cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        found.append(f"{cosines.mean():.4f}, worst {cosines.min():.4f}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="sentence-transformers folder of a BERT with mean pooling")
    parser.add_argument("out", type=Path, help="model folder to write")
    parser.add_argument(
        "--texts",
        type=Path,
        required=True,
        metavar="FILE",
        help=f"texts like those to be read, {CALIBRATE + COMPARE:,} are drawn: CSV with a column `text`, or one a line",
    )
    parser.add_argument("--upstream", default=UPSTREAM, metavar="NAME", help="what the card names as its origin")
    options = parser.parse_args()
    write_folder(options.source, options.out, read_texts(options.texts), options.upstream)


if __name__ == "__main__":
    main()
