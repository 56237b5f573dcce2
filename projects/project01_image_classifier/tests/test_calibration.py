"""보정과 구간: 손으로 센 값, 알려진 온도."""

from __future__ import annotations

import numpy as np
import pytest

from projects.project01_image_classifier.calibration import (
    expected_calibration_error,
    fit_temperature,
    probabilities,
    reliability,
    wilson,
)
from projects.project01_image_classifier.evaluate import evaluate

CONFIDENCE = np.array([0.95, 0.91, 0.55, 0.59, 1.0])
RIGHT = np.array([True, False, True, True, True])


def test_calibration_error_by_hand():
    bins = reliability(CONFIDENCE, RIGHT)
    assert [n for *_, n in bins] == [2, 3]
    np.testing.assert_allclose(bins, [(0.57, 1.0, 2), (0.95333, 0.66667, 3)], atol=1e-4)
    expected = (2 * 0.43 + 3 * (0.95333 - 0.66667)) / 5
    assert expected_calibration_error(CONFIDENCE, RIGHT) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(true):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4)) * 3
    p = probabilities(logits, true)
    labels = np.array([rng.choice(4, p=row) for row in p])
    assert fit_temperature(logits, labels) == pytest.approx(true, rel=0.05)


def test_all_right_does_not_make_the_model_certain():
    logits = np.eye(3)[np.arange(30) % 3] * 8
    temperature = fit_temperature(logits, np.arange(30) % 3)
    assert 0.9 < probabilities(logits, temperature).max() < 0.999


def test_wilson_by_hand():
    z, n, p = 1.959964, 50, 0.9
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    np.testing.assert_allclose(wilson(45, 50), [(middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)], rtol=1e-5)
    assert wilson(0, 0) == (0.0, 1.0) and wilson(5, 5)[1] == 1.0 and wilson(5, 5)[0] < 0.6


LOGITS = np.log([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.05, 0.9, 0.05], [0.5, 0.4, 0.1]])
LABELS = np.array([0, 1, 1, 0, 0])


def test_evaluation_by_hand():
    found = evaluate(LOGITS, LABELS, ["a", "b", "c"], temperature=1.0)
    np.testing.assert_array_equal(found.confusion, [[2, 1, 0], [1, 1, 0], [0, 0, 0]])
    a, b, c = found.by_class()
    assert (a.pictures, a.recall, a.precision) == (3, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert a.recall_interval == wilson(2, 3) and b.precision_interval == wilson(1, 2)
    assert c.pictures == 0 and np.isnan(c.recall) and c.recall_interval == (0.0, 1.0)
    assert found.summary()["right"] == 3 and found.summary()["interval"] == wilson(3, 5)


def test_the_worst_are_the_confident_mistakes_then_the_doubtful_hits():
    found = evaluate(LOGITS, LABELS, ["a", "b", "c"], temperature=1.0)
    assert found.worst(4).tolist() == [3, 2, 4, 0]


def test_the_temperature_changes_no_answer():
    hot = evaluate(LOGITS, LABELS, ["a", "b", "c"], temperature=5.0)
    assert hot.ece()[0] != hot.ece()[1]
    np.testing.assert_array_equal(hot.calibrated.argmax(axis=1), hot.predicted)
