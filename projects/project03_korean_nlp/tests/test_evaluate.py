"""정확도의 구간, 짝지은 비교, 혼동 행렬, 로그 오즈."""

from __future__ import annotations

import math

import numpy as np
import pytest

from projects.project03_korean_nlp.evaluate import accuracy, confusion, log_odds, mcnemar, topics_of


def test_accuracy_has_wilsons_interval():
    found = accuracy(np.array([True] * 80 + [False] * 20))
    assert found["accuracy"] == 0.8
    z, p, n = 1.959964, 0.8, 100
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (found["low"], found["high"]) == pytest.approx((middle - half, middle + half), abs=1e-5)


def test_mcnemar_counts_what_only_one_gets_right():
    first = np.array([True] * 10 + [False] * 2 + [True] * 5)
    second = np.array([False] * 10 + [True] * 2 + [True] * 5)
    found = mcnemar(first, second)
    assert (found["first"], found["second"]) == (10, 2)
    assert found["p"] == pytest.approx(2 * sum(math.comb(12, k) for k in range(3)) / 2**12)
    assert mcnemar(first, first)["p"] == 1.0


def test_confusion_has_true_topics_in_rows():
    matrix = confusion(np.array(["가", "가", "나"]), np.array(["가", "나", "나"]), ["가", "나", "다"])
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_topics_of():
    assert topics_of(np.array([[0.1, 0.9], [0.8, 0.2]]), ["가", "나"]).tolist() == ["나", "가"]


class TestLogOdds:
    counts = np.array([[30, 5, 10], [2, 20, 10], [3, 3, 30]])

    def test_the_formula_by_loops(self):
        prior_words, total = 50.0, self.counts.sum()
        for k, w in np.ndindex(self.counts.shape):
            alpha = prior_words * self.counts[:, w].sum() / total
            odds = []
            for y, n in (
                (self.counts[k, w], self.counts[k].sum()),
                (self.counts[:, w].sum() - self.counts[k, w], total - self.counts[k].sum()),
            ):
                odds.append(((y + alpha) / (n + prior_words - y - alpha), 1 / (y + alpha)))
            expected = (math.log(odds[0][0]) - math.log(odds[1][0])) / math.sqrt(odds[0][1] + odds[1][1])
            assert log_odds(self.counts, prior_words)[k, w] == pytest.approx(expected)

    def test_two_topics_are_opposite(self):
        z = log_odds(self.counts[:2])
        np.testing.assert_allclose(z[0], -z[1])

    def test_a_word_of_equal_use_says_nothing_and_a_rare_one_little(self):
        counts = np.array([[1000, 500, 3, 100], [1000, 300, 0, 303]])
        z = log_odds(counts)
        assert z[0, 1] > z[0, 2] > 0 and abs(z[0, 0]) < 1e-9

    @pytest.mark.parametrize("counts", [[[1, 2]], [[1, 0], [2, 0]]])
    def test_wrong_input(self, counts):
        with pytest.raises(ValueError, match="주제가 둘 이상"):
            log_odds(np.array(counts))
