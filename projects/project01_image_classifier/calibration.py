"""확률이 믿을 만한가: 보정 오차, 온도, 비율의 신뢰 구간. 3.3의 식을 그대로 쓴다."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest

BINS = 10


def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """softmax(logits / T): (N, K) -> (N, K)."""
    return softmax(np.asarray(logits, np.float64) / temperature, axis=1)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the T of least cross-entropy on validation logits (N, K), labels (N,), within 1/20..20.

    One more picture whose label is spread evenly over the classes keeps T above 0 when all N are right.

    Source: Guo et al. 2017 (arXiv:1706.04599), section 4.2; chapter 3.3, equation (10). The smooth
    targets: Platt 1999, "Probabilistic Outputs for Support Vector Machines", section 2.2.
    """
    logits = np.asarray(logits, np.float64)
    N, K = logits.shape
    targets = (np.eye(K)[labels] * N + 1 / K) / (N + 1)

    def loss(log_temperature):
        return -(targets * log_softmax(logits / np.exp(log_temperature), axis=1)).sum(axis=1).mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> list[tuple[float, float, int]]:
    """Return (mean confidence, share right, count) of each filled bin of equal width on [0, 1]."""
    index = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    filled = (index == m for m in range(bins) if (index == m).any())
    return [(float(confidence[m].mean()), float(right[m].mean()), int(m.sum())) for m in filled]


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Chapter 3.3, equation (9): the mean gap of the bins, weighted by their counts, in 0..1."""
    return sum(n * abs(share - mean) for mean, share, n in reliability(confidence, right, bins)) / len(confidence)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a proportion; (0, 1) of no trials.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    if trials == 0:
        return 0.0, 1.0
    interval = binomtest(int(successes), int(trials)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
