"""The triage model as it serves: one encoder pass, then three small heads in numpy."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import triage
from models.encoder import Encoder
from models.registry import Model, open_model
from triage.config import Settings
from triage.protocols import Vectors
from triage.scoring.features import FEATURES, features
from triage.scoring.values import Reading

HEADS = "heads.safetensors"
NAMES = ("frustration", "urgency", "failure")
RULES = ("messages/clean.py", "messages/language.py", "scoring/features.py", "scoring/signals.py",
         "scoring/deadlines.py", "scoring/score.py")  # fmt: skip
"""Source files, beside the weights, that decide a score: their bytes are part of a model's name."""


FAR = 8.0
"""Standard deviations: an input further out than the heads ever saw counts as this far."""


class Heads:
    """Three heads on the encoder's features: one hidden layer, then a softmax with a temperature and shifts.

    Tensors of `heads.safetensors`: `mean`, `scale` (inputs,); `project` (encoder features, kept), which turns what the
    encoder gives to its main directions; by head `hidden.weight` (hidden, kept + explicit features), `hidden.bias`,
    `out.weight` (classes, hidden), `out.bias`. Calibration stands in config.json.
    """

    def __init__(self, tensors: dict[str, Vectors], calibration: dict[str, dict[str, list[float]]]) -> None:
        self._tensors, self._calibration = tensors, calibration

    def __call__(self, inputs: Vectors) -> dict[str, Vectors]:
        """Returns calibrated probabilities by head, (texts, classes), of `inputs` (texts, inputs)."""
        x = reduce(inputs, self._tensors)
        return {name: self._calibrated(name, self._logits(name, x)) for name in NAMES}

    def _logits(self, name: str, x: Vectors) -> Vectors:
        t = self._tensors
        hidden = np.maximum(x @ t[f"{name}.hidden.weight"].T + t[f"{name}.hidden.bias"], 0)  # (texts, hidden)
        logits: Vectors = hidden @ t[f"{name}.out.weight"].T + t[f"{name}.out.bias"]  # (texts, classes)
        return logits

    def _calibrated(self, name: str, logits: Vectors) -> Vectors:
        figures = self._calibration[name]
        return softmax(logits * np.float32(figures["scale"][0]) + np.asarray(figures["shift"], np.float32))


def reduce(inputs: Vectors, tensors: dict[str, Vectors]) -> Vectors:
    """Returns what the hidden layers see, (texts, kept + explicit features)."""
    x = np.clip((inputs - tensors["mean"]) / tensors["scale"], -FAR, FAR)
    width = len(tensors["project"])
    return np.concatenate([x[:, :width] @ tensors["project"], x[:, width:]], axis=1)


def softmax(logits: Vectors) -> Vectors:
    """Returns probabilities along the last axis, in float64 so that a row adds up to 1."""
    exp = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    probabilities: Vectors = exp / exp.sum(-1, keepdims=True)
    return probabilities


class OnnxScorer:
    """Implements `triage.protocols.Scorer` with onnxruntime.

    scorer = OnnxScorer.load(Settings())
    [reading] = scorer.read(["I was promised a call back. Nobody called!"])
    """

    def __init__(self, model: Model, threads: int = 0) -> None:
        self.name = f"{model.path.name}@{_digest(model)}"
        self._encoder = Encoder(model.encoder, threads)
        self._heads = Heads(load_file(model.path / HEADS), model.config["calibration"])

    @classmethod
    def load(cls, settings: Settings) -> "OnnxScorer":
        """Returns the scorer that the settings name; Unavailable where its folder is missing or altered."""
        return cls(open_model(settings.triage_model, settings.weights), settings.threads)

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Returns a reading a text, in order; the same text reads the same in every batch."""
        if not texts:
            return []
        found = self._heads(inputs(self._encoder.encode(texts)[1], texts))
        rows = zip(*(found[name].tolist() for name in NAMES), strict=True)
        return [Reading(tuple(f), tuple(u), tuple(k)) for f, u, k in rows]


def inputs(encoded: Vectors, texts: Sequence[str]) -> Vectors:
    """Returns what the heads read, (texts, encoder features + explicit ones): training and serving alike."""
    explicit = np.array([features(text) for text in texts], np.float32).reshape(len(texts), len(FEATURES))
    return np.concatenate([encoded, explicit], axis=1)


def _digest(model: Model) -> str:
    """First 12 of the SHA-256 over weights, config, cleaning and signal rules."""
    digest = hashlib.sha256(model.digest)
    for name in RULES:
        digest.update((Path(triage.__file__).parent / name).read_bytes())
    return digest.hexdigest()[:12]
