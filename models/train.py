"""Trains the heads of the triage model on the shipped encoder, calibrates them, and writes a model folder.

`amends train --data DIR --out DIR`: DIR holds train.csv and test.csv of the recovery labels. Needs torch; about ten
minutes on two cores, most of it reading the texts once with the encoder (kept in --out, so that a second run is short).
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor, nn

from models.card import write_card
from models.encoder import Encoder
from models.evaluate import Labels, figures
from models.registry import ENCODER, Model, open_model, write_config
from models.scorer import HEADS, NAMES, Heads, inputs, reduce, softmax
from triage.errors import Invalid
from triage.messages.clean import clean
from triage.protocols import Vectors
from triage.scoring.features import FEATURES
from triage.scoring.values import FAILURES, Reading

CLASSES = {"frustration": 5, "urgency": 5, "failure": len(FAILURES)}
FOLDS = 5
SEED = 20261121


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled message."""

    id: str
    source: str
    ref: str
    draw: str
    text: str
    frustration: float
    urgency: float
    failure: str

    @property
    def conversation(self) -> str:
        """Messages of one conversation stay in one fold; a row without a reference is a conversation of its own."""
        return f"{self.source}/{self.ref.split(':')[0].split('<TURN>')[0] or self.id}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the heads are trained with; chosen by grouped cross-validation."""

    kept: int = 512
    """Main directions of the encoder's features: .94 of their variance, a fifth of the size, and it overfits less."""
    hidden: int = 128
    dropout: float = 0.4
    decay: float = 0.05
    epochs: int = 14
    rate: float = 1.5e-3
    soften: float = 0.5
    """Width, in levels, of the soft ordinal target; failure types are smoothed by 0.05 instead."""
    batch: int = 256
    seeds: int = 2
    """Heads a head, side by side: their logits are averaged."""


RECIPE = Recipe()


def train(
    data: Path, out: Path, exclude_source: Sequence[str] = (), encoder: str = "minilm-l6-en", recipe: Recipe = RECIPE
) -> dict[str, Any]:
    """Writes the model folder `out` and returns its figures, out of fold.

    Errors: Invalid where the data is missing a column, or where a text or conversation of test.csv is in train.csv.
    """
    rows = read_rows(data / "train.csv")
    refuse_leaks(rows, read_rows(data / "test.csv"))
    rows = [r for r in rows if r.source not in exclude_source]
    if len(rows) < 100:
        raise Invalid(f"{len(rows)} rows are too few to train on")
    out.mkdir(parents=True, exist_ok=True)
    base = open_model(encoder)
    x = read_inputs(base, [clean(r.text).text for r in rows], out)
    y = targets(rows)
    frame = find_frame(x, recipe.kept)
    with _quick_heads():
        logits = cross_validate(x, y, rows, frame, recipe)
        tensors = fit(x, y, np.arange(len(rows)), frame, recipe)
    uniform = np.array([r.draw == "uniform" for r in rows])
    calibration = {name: calibrate(logits[name][uniform], y[name][uniform]) for name in NAMES}
    readings = _readings(logits, calibration)
    write_predictions(out / "out_of_fold.jsonl", rows, readings)
    save_file(tensors, out / HEADS)
    found = {
        "uniform draw": figures(*_labelled(rows, readings, uniform)),
        "all": figures(*_labelled(rows, readings, uniform | True)),
    }
    config = {
        "name": "triage-en",
        "kind": "triage",
        "languages": ["en"],
        "licence": "Apache-2.0",
        "encoder": encoder,
        "encoder_sha256": base.config["files"][ENCODER],
        "calibration": calibration,
        "explicit_features": len(FEATURES),
        "trained_on": {
            "rows": len(rows),
            "sha256": hashlib.sha256((data / "train.csv").read_bytes()).hexdigest(),
            "excluded_sources": list(exclude_source),
        },
        "recipe": {name: getattr(recipe, name) for name in Recipe.__slots__},
        "out_of_fold": found,
    }
    write_config(out, config, (HEADS,))
    write_card(out, config)
    return found


@contextmanager
def _quick_heads() -> Iterator[None]:
    """Heads this small train fastest on one core, and 2.5 times as fast without denormal numbers.

    Both are settings of the whole process, so they are put back.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


def read_rows(path: Path) -> list[Row]:
    """Returns the rows of a labelled file; Invalid says which column or line is wrong."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [
                Row(
                    r["id"], r["source"], r["ref"], r["draw"], r["text"],
                    float(r["frustration"]), float(r["urgency"]), r["failure"],
                )
                for r in csv.DictReader(file)
            ]  # fmt: skip
    except FileNotFoundError as e:
        raise Invalid(f"{path} is missing; --data names a folder with train.csv and test.csv") from e
    except (KeyError, ValueError) as e:
        raise Invalid(f"{path}: {e!r}; columns: id, source, ref, draw, text, frustration, urgency, failure") from e


def refuse_leaks(train: Sequence[Row], test: Sequence[Row]) -> None:
    """Invalid where a text or a conversation of the test is trained on."""
    texts, conversations = {_plain(r.text) for r in test}, {r.conversation for r in test if r.ref}
    for r in train:
        if _plain(r.text) in texts or r.conversation in conversations:
            raise Invalid(f"row {r.id} of train.csv is also in test.csv")


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def read_inputs(model: Model, texts: Sequence[str], cache: Path) -> Vectors:
    """Returns the heads' inputs (texts, inputs) by the int8 encoder that serves, kept in `cache` for the next run."""
    key = hashlib.sha256(model.digest + json.dumps(texts).encode()).hexdigest()[:16]
    file = cache / f"encoded-{key}.npy"
    if not file.exists():
        np.save(file, Encoder(model).encode(texts)[1].astype(np.float16))
    return inputs(np.load(file).astype(np.float32), texts)


def targets(rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    """Returns mean levels (rows,) by name, and the index of the failure type."""
    return {
        "frustration": np.array([r.frustration for r in rows], np.float32),
        "urgency": np.array([r.urgency for r in rows], np.float32),
        "failure": np.array([FAILURES.index(r.failure) for r in rows]),
    }


def soft_targets(name: str, y: NDArray[Any], soften: float) -> Vectors:
    """Returns distributions (rows, classes): a bump around the level, for a neighbouring level is half right."""
    classes = np.arange(CLASSES[name])
    if name == "failure":
        return np.where(y[:, None] == classes, 0.95, 0.05 / (len(classes) - 1)).astype(np.float32)
    bump = np.exp(-0.5 * ((y[:, None] - classes) / soften) ** 2)
    soft: Vectors = (bump / bump.sum(1, keepdims=True)).astype(np.float32)
    return soft


def folds(rows: Sequence[Row]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yields (train, held out) five times; a conversation is on one side only, the same on every run."""
    of = np.array([int(hashlib.sha256(r.conversation.encode()).hexdigest(), 16) % FOLDS for r in rows])
    for fold in range(FOLDS):
        yield np.flatnonzero(of != fold), np.flatnonzero(of == fold)


def find_frame(x: Vectors, kept: int) -> dict[str, Vectors]:
    """Returns `mean`, `scale` and `project` (principal components) of the inputs; no label is looked at."""
    width = x.shape[1] - len(FEATURES)
    # What hardly varies here must not weigh a thousandfold where it does.
    mean, scale = x.mean(0), np.maximum(x.std(0), np.float32(0.05))
    z = ((x - mean) / scale)[:, :width]
    variances, directions = np.linalg.eigh(z.T @ z / len(z))  # smallest first
    main = directions[:, ::-1][:, :kept] / np.sqrt(variances[::-1][:kept].mean())
    return {"mean": mean, "scale": scale, "project": np.ascontiguousarray(main, np.float32)}


def cross_validate(
    x: Vectors, y: dict[str, NDArray[Any]], rows: Sequence[Row], frame: dict[str, Vectors], recipe: Recipe
) -> dict[str, Vectors]:
    """Returns uncalibrated logits of every row from heads that never saw its conversation."""
    plain = {name: {"scale": [1.0], "shift": [0.0]} for name in NAMES}
    logits = {name: np.zeros((len(rows), CLASSES[name]), np.float32) for name in NAMES}
    for kept, held in folds(rows):
        found = Heads(fit(x, y, kept, frame, recipe), plain)(x[held])
        for name in NAMES:
            logits[name][held] = np.log(found[name] + 1e-9)
    return logits


def fit(
    x: Vectors, y: dict[str, NDArray[Any]], kept: NDArray[np.intp], frame: dict[str, Vectors], recipe: Recipe
) -> dict[str, Vectors]:
    """Returns the tensors of `heads.safetensors`; several seeds stand side by side in one wider hidden layer."""
    inside = torch.from_numpy(reduce(x[kept], frame))
    tensors = dict(frame)
    for name in NAMES:
        goal = torch.from_numpy(soft_targets(name, y[name][kept], recipe.soften))
        heads = [_fit_head(inside, goal, recipe, SEED + seed) for seed in range(recipe.seeds)]
        tensors[f"{name}.hidden.weight"] = np.concatenate([h[0] for h in heads])
        tensors[f"{name}.hidden.bias"] = np.concatenate([h[1] for h in heads])
        tensors[f"{name}.out.weight"] = np.concatenate([h[2] / np.float32(recipe.seeds) for h in heads], axis=1)
        tensors[f"{name}.out.bias"] = np.mean([h[3] for h in heads], axis=0, dtype=np.float32)
    return {name: np.ascontiguousarray(t, np.float32) for name, t in tensors.items()}


def _fit_head(x: Tensor, goal: Tensor, recipe: Recipe, seed: int) -> list[Vectors]:
    torch.manual_seed(seed)
    head = nn.Sequential(
        nn.Dropout(recipe.dropout / 2),
        nn.Linear(x.shape[1], recipe.hidden),
        nn.ReLU(),
        nn.Dropout(recipe.dropout),
        nn.Linear(recipe.hidden, goal.shape[1]),
    )
    steps = recipe.epochs * (len(x) // recipe.batch + 1)
    optimiser = torch.optim.AdamW(head.parameters(), recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=steps, pct_start=0.1)
    head.train()
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(x)).split(recipe.batch):  # type: ignore[no-untyped-call]  # torch ships it untyped
            loss = -(goal[rows] * head(x[rows]).log_softmax(-1)).sum(-1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return [p.detach().numpy() for p in head.parameters()]  # hidden weight and bias, out weight and bias


def calibrate(logits: Vectors, y: NDArray[Any]) -> dict[str, list[float]]:
    """Returns one scale and a shift a class (vector scaling; Guo et al. 2017) that fit held-out labels best.

    A label between two levels (the mean of several passes) counts as both, by its distance.
    """
    classes = np.arange(logits.shape[1])
    goal = torch.from_numpy(np.clip(1 - np.abs(y[:, None] - classes), 0, 1).astype(np.float32))
    inside = torch.from_numpy(logits)
    scale, shift = torch.ones(1, requires_grad=True), torch.zeros(len(classes), requires_grad=True)
    optimiser = torch.optim.LBFGS([scale, shift], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = -(goal * (inside * scale + shift).log_softmax(-1)).sum(-1).mean() + 1e-3 * shift.square().mean()
        value.backward()  # type: ignore[no-untyped-call]  # torch ships it untyped
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return {"scale": [round(scale.item(), 5)], "shift": [round(v, 5) for v in shift.tolist()]}


def _readings(logits: dict[str, Vectors], calibration: dict[str, dict[str, list[float]]]) -> list[Reading]:
    found = {
        name: softmax(logits[name] * calibration[name]["scale"][0] + np.array(calibration[name]["shift"], np.float32))
        for name in NAMES
    }
    rows = zip(*(found[name].tolist() for name in NAMES), strict=True)
    return [Reading(tuple(f), tuple(u), tuple(k)) for f, u, k in rows]


def _labelled(
    rows: Sequence[Row], readings: Sequence[Reading], kept: NDArray[np.bool_]
) -> tuple[Labels, list[Reading]]:
    chosen = np.flatnonzero(kept).tolist()
    labels = Labels(
        [rows[i].frustration for i in chosen], [rows[i].urgency for i in chosen], [rows[i].failure for i in chosen]
    )
    return labels, [readings[i] for i in chosen]


def write_predictions(path: Path, rows: Sequence[Row], readings: Sequence[Reading]) -> None:
    """Writes one JSON line a row with its labels and the calibrated out-of-fold probabilities; no text."""
    with path.open("w", encoding="utf-8") as file:
        for row, reading in zip(rows, readings, strict=True):
            line = {"id": row.id, "source": row.source, "draw": row.draw} | {
                name: {"label": getattr(row, name), "probabilities": [round(p, 5) for p in getattr(reading, name)]}
                for name in NAMES
            }
            file.write(json.dumps(line) + "\n")
