import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.embedder import OnnxEmbedder
from models.encoder import BATCH, batches
from triage.config import Settings


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder.load(Settings(threads=1))


def test_vectors_have_length_one(embedder):
    vectors = embedder.embed(["My parcel never came.", "", "Thanks!"])
    assert vectors.shape == (3, embedder.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_no_texts_give_no_vectors(embedder):
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_a_text_has_the_same_vector_in_every_batch(embedder):
    texts = ["Where is my order?", "I was promised a call back " * 40, "ok", "URGENT!!! The card was stolen"]
    alone = np.concatenate([embedder.embed([t]) for t in texts])
    assert np.abs(embedder.embed(texts * 9)[: len(texts)] - alone).max() < 1e-5


def test_meaning_is_near(embedder):
    vectors = embedder.embed(["I want a refund", "please give me my money back", "the app crashes on my phone"])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_the_end_of_a_long_text_counts(embedder):
    long = "It was a day like any other. " * 200
    plain, ended = embedder.embed([long, long + "Somebody stole my bank card and is emptying my account."])
    assert plain @ ended < 0.97


@given(st.lists(st.integers(1, 256), max_size=100))
def test_batches_hold_every_text_once_and_waste_little(lengths):
    made = list(batches(lengths))
    assert sorted(i for b in made for i in b) == list(range(len(lengths)))
    for b in made:
        assert len(b) <= BATCH
        assert max(lengths[i] for i in b) <= 1.6 * min(lengths[i] for i in b) + 8


def printed(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_serving_imports_no_training_library():
    code = (
        "import sys, models.embedder, models.scorer, models.batching;"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'sklearn'} & set(sys.modules)))"
    )
    assert printed(code) == "[]"


def test_heads_leave_no_thread_spinning():
    code = (
        "import numpy, models.encoder; from threadpoolctl import threadpool_info;"
        "print(all(pool['num_threads'] == 1 for pool in threadpool_info() if pool['user_api'] == 'blas'))"
    )
    assert printed(code) == "True"
