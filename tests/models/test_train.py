import json

import numpy as np
import pytest

from models.scorer import NAMES, OnnxScorer
from models.train import Recipe, Row, calibrate, folds, read_rows, refuse_leaks, soft_targets, train
from triage.config import Settings
from triage.errors import Invalid
from triage.scoring.values import FAILURES

HEADER = "id,source,ref,draw,text,frustration,urgency,failure,labels"
ANGRY = [
    "This is unacceptable, I was charged twice",
    "You are useless, still no refund",
    "Worst service ever, refund me",
]
GLAD = ["Thank you, that was great", "Love it, thanks so much", "Perfect, you are amazing"]


def row(id, source="tweets", ref="", text="hello"):
    return Row(str(id), source, ref, "uniform", text, 0, 0, "praise")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """120 short messages, angry or glad, in conversations of two; one in ten is labelled as the other kind."""
    folder = tmp_path_factory.mktemp("labels")
    lines = [HEADER]
    for i in range(120):
        text = ANGRY[i % 3] if i % 2 else GLAD[i % 3]
        levels = "3,2,billing" if (i % 2) ^ (i % 10 == 9) else "0,0,praise"
        lines.append(f'r{i},{"chats" if i < 20 else "tweets"},{i // 2}:{i % 2},uniform,"{text}, case {i}",{levels},x')
    (folder / "train.csv").write_text("\n".join(lines))
    (folder / "test.csv").write_text(f"{HEADER}\ne1,tweets,t1,uniform,Something else,1,1,request,x")
    return folder


def test_a_trained_folder_scores_what_it_learnt(data, tmp_path_factory):
    weights = tmp_path_factory.mktemp("weights")
    recipe = Recipe(kept=16, hidden=8, epochs=6, batch=16, seeds=2)
    found = train(data, weights / "mine", exclude_source=["chats"], recipe=recipe)
    assert found["all"]["n"] == 100
    assert found["all"]["frustration"]["pearson"][0] > 0.6
    scorer = OnnxScorer.load(Settings(weights=weights, triage_model="mine", threads=1))
    angry, glad = scorer.read([f"{ANGRY[0]}, case 500", f"{GLAD[0]}, case 501"])
    assert np.dot(angry.frustration, range(5)) > np.dot(glad.frustration, range(5)) + 1
    written = (weights / "mine" / "out_of_fold.jsonl").read_text()
    lines = [json.loads(line) for line in written.splitlines()]
    assert len(lines) == 100
    assert sum(lines[0]["urgency"]["probabilities"]) == pytest.approx(1, abs=1e-3)
    assert "case 1" not in written
    assert "agreement with that reading, not accuracy against people" in (weights / "mine" / "card.md").read_text()


def test_rows_of_the_test_are_refused(data, tmp_path):
    rows = read_rows(data / "train.csv")
    with pytest.raises(Invalid, match=r"row r0 .* also in test"):
        refuse_leaks(rows, [row("e1", text=rows[0].text.upper())])
    with pytest.raises(Invalid, match=r"row r8 .* also in test"):
        refuse_leaks(rows, [row("e1", source="chats", ref="4:9")])
    refuse_leaks(rows, [row("e1", source="mails", ref="4:9", text="new")])
    with pytest.raises(Invalid, match="names a folder"):
        train(tmp_path, tmp_path / "out")


def test_a_conversation_is_never_on_both_sides():
    rows = [row(i, ref=f"{i // 3}:{i % 3}") for i in range(90)] + [row(f"own{i}") for i in range(30)]
    held_out = []
    for kept, held in folds(rows):
        assert not {rows[i].conversation for i in kept} & {rows[i].conversation for i in held}
        held_out += held.tolist()
    assert sorted(held_out) == list(range(120))


def test_soft_targets_are_widest_between_levels():
    soft = soft_targets("urgency", np.array([2.0, 2.5]), 0.5)
    assert soft.sum(1) == pytest.approx(1)
    assert soft[0].argmax() == 2
    assert soft[1, 2] == pytest.approx(soft[1, 3])
    assert soft_targets("failure", np.array([3]), 0.5)[0].argmax() == 3


def test_calibration_takes_overconfidence_back():
    random = np.random.default_rng(0)
    y = random.integers(0, 5, 2000)
    sure = np.where(random.random(2000) < 0.6, y, random.integers(0, 5, 2000))  # right two times of three
    logits = (8 * np.eye(5)[sure]).astype(np.float32)
    found = calibrate(logits, y.astype(float))
    assert 0.2 < found["scale"][0] < 0.5
    assert np.abs(found["shift"]).max() < 0.3


def test_what_ships_reads_plainly():
    scorer = OnnxScorer.load(Settings(threads=1))
    furious, calm, critical = scorer.read(
        [
            "You are the worst airline ever, I HATE you!!! Never again!",
            "Thank you so much for your quick help",
            "My wallet was stolen, someone is emptying my account right now, please block it",
        ]
    )
    level = np.arange(5)
    assert np.dot(furious.frustration, level) > 3
    assert np.dot(calm.frustration, level) < 0.5
    assert np.dot(critical.urgency, level) > 2.5 > np.dot(calm.urgency, level) + 1.5
    assert FAILURES[int(np.argmax(calm.failure))] == "praise"
    assert scorer.name.startswith("triage-en@")


def test_what_ships_reads_a_text_alike_in_every_batch():
    scorer = OnnxScorer.load(Settings(threads=1))
    texts = ["Where is it?", "still waiting " * 60, "", "Thanks!"]
    together = scorer.read(texts * 9)[: len(texts)]
    for text, reading in zip(texts, together, strict=True):
        [alone] = scorer.read([text])
        for name in NAMES:
            assert getattr(alone, name) == pytest.approx(getattr(reading, name), abs=1e-4)
            assert sum(getattr(alone, name)) == pytest.approx(1)
