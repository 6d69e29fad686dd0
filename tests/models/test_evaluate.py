"""The figures against worked examples, and against scikit-learn where it has them."""

import numpy as np
import pytest
from doubles import WordScorer
from sklearn.metrics import cohen_kappa_score, f1_score, roc_auc_score

from models.evaluate import (
    Labels,
    area,
    calibration_error,
    evaluate,
    figures,
    macro_f1,
    pearson,
    quadratic_kappa,
    ranks,
    read_labels,
)
from triage.errors import Invalid
from triage.scoring.values import FAILURES, Reading

RANDOM = np.random.default_rng(3)
LEVELS, OTHERS = RANDOM.integers(0, 5, 300).astype(float), RANDOM.integers(0, 5, 300).astype(float)
HIGH, SURE = (LEVELS >= 3).astype(float), np.round(RANDOM.random(300), 1)


def test_as_scikit_learn_has_them():
    assert quadratic_kappa(LEVELS, OTHERS) == pytest.approx(cohen_kappa_score(LEVELS, OTHERS, weights="quadratic"))
    assert area(HIGH, SURE) == pytest.approx(roc_auc_score(HIGH, SURE))
    assert macro_f1(LEVELS, OTHERS) == pytest.approx(f1_score(LEVELS, OTHERS, average="macro"))


def test_worked_by_hand():
    assert ranks(np.array([5.0, 1.0, 5.0, 3.0])).tolist() == [2.5, 0.0, 2.5, 1.0]
    assert pearson(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])) == pytest.approx(1)
    assert calibration_error(np.array([0.0, 1.0] * 10), np.full(20, 0.5)) == pytest.approx(0)
    assert calibration_error(np.zeros(20), np.full(20, 0.3)) == pytest.approx(0.3)


def test_a_perfect_reading_has_perfect_figures():
    labels = Labels([0, 1, 2, 3, 4] * 4, [4, 3, 2, 1, 0] * 4, [FAILURES[i] for i in range(5)] * 4)
    sure = [
        Reading(*(tuple(np.eye(n)[k]) for n, k in ((5, i), (5, 4 - i), (12, i))))  # type: ignore[arg-type]
        for i in [0, 1, 2, 3, 4] * 4
    ]
    found = figures(labels, sure)
    assert found["frustration"]["pearson"] == pytest.approx([1, 1, 1])
    assert found["urgency"]["qwk"][0] == found["urgency"]["auc_high"][0] == found["failure"]["macro_f1"][0] == 1
    assert found["frustration"]["mae"][0] == found["urgency"]["brier_high"][0] == 0


def test_intervals_hold_the_value():
    readings = WordScorer().read(["this is unacceptable", "thanks", "it is broken", "still no reply"] * 10)
    labels = Labels([3, 0, 2, 2] * 10, [2, 0, 1, 2] * 10, ["staff_conduct", "praise", "quality", "no_response"] * 10)
    for measures in (figures(labels, readings)[head] for head in ("frustration", "urgency", "failure")):
        assert all(low <= value <= high for value, low, high in measures.values())


def test_a_file(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("id,text,frustration,urgency,failure\n1,unacceptable!,3,1.33,quality\n2,thank you,0,0,praise\n")
    found = evaluate(file, WordScorer())
    assert found["n"] == 2
    assert found["model"] == WordScorer.name


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,hi,5,0,praise", "line 2: levels are 0 to 4"),
        ("1,hi,1,0,anger", "failure one of"),
        ("1,hi,1", "line 2: no failure, urgency"),
        ("1,hi,high,0,praise", "could not convert"),
        ("", "has no rows"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, row, message):
    file = tmp_path / "labels.csv"
    file.write_text(f"id,text,frustration,urgency,failure\n{row}\n")
    with pytest.raises(Invalid, match=message):
        read_labels(file)
