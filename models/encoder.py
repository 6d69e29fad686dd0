"""Texts to vectors with onnxruntime and tokenizers alone: 50 MB and a third of a second to import, no torch."""

from collections.abc import Iterator, Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tokenizers import Tokenizer

from models.registry import ENCODER, Model
from triage.protocols import Vectors

# OpenBLAS lets its threads spin after every small product of the heads, and waits for them before the next: one
# message took 46 ms of CPU time with two threads, 11 ms with one, and no longer. The cost: the one large product here,
# a search through 100,000 vectors, takes 20 ms instead of 10.
threadpool_limits(1, "blas")

BATCH = 32
"""Texts a pass; more gains nothing on two cores."""
SLACK = 1.6
"""A batch is closed where padding its shortest text up to the next one would cost more than this, times its length."""


class Encoder:
    """The shared encoder: one pass gives unit vectors for retrieval and features for heads."""

    def __init__(self, model: Model, threads: int = 0) -> None:
        self.max_length: int = model.config["max_length"]
        self._tokenizer = Tokenizer.from_file(str(model.path / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Threads that spin after a pass take the cores from the heads and from everybody else:
        # one message took 28 to 100 ms with it, 9 ms without, on two busy cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(model.path / ENCODER), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> tuple[Vectors, Vectors]:
        """Returns unit vectors (texts, width) and features (texts, features), in the order of `texts`."""
        ids = self.tokens(texts)
        parts = [self._run([ids[i] for i in batch]) for batch in batches([len(i) for i in ids])]
        if not parts:
            vectors, features = self._run([[0, 0]])  # for their widths
            return vectors[:0], features[:0]
        back = np.argsort(np.concatenate(list(batches([len(i) for i in ids]))), kind="stable")
        return np.concatenate([v for v, _ in parts])[back], np.concatenate([f for _, f in parts])[back]

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the token ids of each text, special tokens included, at most `max_length`."""
        # Half a surrogate pair, as `"\\ud83d"` in JSON leaves, is no Unicode: it becomes a question mark.
        whole = [t if t.isascii() else t.encode("utf-8", "replace").decode() for t in texts]
        return [self._shortened(e.ids) for e in self._tokenizer.encode_batch_fast(whole)]

    def _shortened(self, ids: list[int]) -> list[int]:
        """Keeps beginning and end of a long text: what happened stands first, what is asked stands last."""
        if len(ids) <= self.max_length:
            return ids
        half = self.max_length // 2
        return ids[:half] + ids[half - self.max_length :]

    def _run(self, ids: list[list[int]]) -> tuple[Vectors, Vectors]:
        width = max(map(len, ids))
        tokens: NDArray[np.int64] = np.zeros((len(ids), width), np.int64)  # (batch, tokens)
        mask = np.zeros_like(tokens)
        for row, i in enumerate(ids):
            tokens[row, : len(i)] = i
            mask[row, : len(i)] = 1
        vectors, features = self._session.run(["vector", "features"], {"input_ids": tokens, "attention_mask": mask})
        return vectors, features


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yields the indices of `lengths`, shortest first, in batches of like length."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == BATCH or lengths[i] > SLACK * lengths[batch[0]] + 8):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
