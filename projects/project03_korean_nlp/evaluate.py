"""정확도와 구간, 짝지은 비교, 혼동 행렬, 주제의 말."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats


def topics_of(probabilities: np.ndarray, topics: Sequence[str]) -> np.ndarray:
    """Return the most probable topic (N,) of each row of (N, K)."""
    return np.array(topics)[probabilities.argmax(axis=1)]


def accuracy(right: np.ndarray) -> dict[str, float]:
    """Return the share of True in (N,) with its 95 % Wilson interval."""
    interval = stats.binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return {"accuracy": float(right.mean()), "low": float(interval.low), "high": float(interval.high)}


def mcnemar(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Compare two classifiers on the same documents by those that only one of them gets right.

    Args:
        first, second: (N,) whether each was right.

    Returns:
        the two counts and the exact two-sided p value.

    Source: McNemar 1947.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    both = only_first + only_second
    p = stats.binomtest(only_first, both).pvalue if both else 1.0
    return {"first": only_first, "second": only_second, "p": float(p)}


def confusion(true: np.ndarray, predicted: np.ndarray, topics: Sequence[str]) -> np.ndarray:
    """Return (K, K) counts: row true topic, column predicted topic."""
    place = {topic: i for i, topic in enumerate(topics)}
    matrix = np.zeros((len(topics), len(topics)), int)
    np.add.at(matrix, ([place[t] for t in true], [place[p] for p in predicted]), 1)
    return matrix


def log_odds(counts: np.ndarray, prior_words: float = 1000.0) -> np.ndarray:
    """Return how typical each word is of each topic against all others: z scores (K, V).

    With y the counts of the topic, n their sum, y' and n' those of the other topics, and the prior
    α_w = prior_words * (share of w in everything), α_0 = prior_words:

        δ_w = log (y_w + α_w) / (n + α_0 - y_w - α_w) - log (y'_w + α_w) / (n' + α_0 - y'_w - α_w)
        var δ_w ≈ 1 / (y_w + α_w) + 1 / (y'_w + α_w)

    and z = δ / √var. The prior draws rare words to 0 instead of letting them win.

    Args:
        counts: (K, V) how often each word occurs in each topic's documents.
        prior_words: weight of the prior, in words.

    Raises:
        ValueError: fewer than two topics, or a word that occurs nowhere.

    Source: Monroe, Colaresi & Quinn 2008, "Fightin' Words", the log-odds ratio with an informative Dirichlet
        prior; all other topics together are the second group.
    """
    y = np.asarray(counts, float)
    if len(y) < 2 or not (y.sum(axis=0) > 0).all():
        raise ValueError(f"주제가 둘 이상이고 낱말마다 나온 적이 있어야 한다. 받은 모양: {y.shape}")
    n, others = y.sum(axis=1, keepdims=True), y.sum(axis=0) - y
    n_others = others.sum(axis=1, keepdims=True)
    alpha = prior_words * y.sum(axis=0) / y.sum()

    def odds(own: np.ndarray, total: np.ndarray) -> np.ndarray:
        return np.log(own + alpha) - np.log(total + prior_words - own - alpha)

    return (odds(y, n) - odds(others, n_others)) / np.sqrt(1 / (y + alpha) + 1 / (others + alpha))
