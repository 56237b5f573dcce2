"""시험 데이터의 문장을 뽑은 우연까지 담은 비교: 정확도의 구간, 같은 문장을 푼 두 모델의 차이."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from projects.project02_sentiment_analysis.data import KINDS

RESAMPLES = 20_000


def accuracy_interval(right: np.ndarray) -> tuple[float, float, float]:
    """The share of True in (N,) bool and its 95 % Wilson interval over the texts."""
    result = stats.binomtest(int(right.sum()), right.size)
    low, high = result.proportion_ci(method="wilson")
    return float(right.mean()), float(low), float(high)


def paired_difference(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Compare two models on the same texts, (N,) bool each: right or wrong.

    Returns:
        difference: accuracy of ours less theirs; low, high: its 95 % bootstrap interval over the texts;
        p: two-sided exact McNemar test, the chance of so uneven a split if both were equally good.
    """
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    n = ours.size
    shares = np.array([only_ours, only_theirs, n - only_ours - only_theirs]) / n
    draws = np.random.RandomState(0).multinomial(n, shares, RESAMPLES)  # 문장을 n개 다시 뽑는 것과 같다
    low, high = np.percentile((draws[:, 0] - draws[:, 1]) / n, [2.5, 97.5])
    either = only_ours + only_theirs
    p = stats.binomtest(only_ours, either).pvalue if either else 1.0
    return {"difference": (only_ours - only_theirs) / n, "low": float(low), "high": float(high), "p": float(p)}


def report(predictions: Mapping[str, np.ndarray], labels: np.ndarray, kinds: np.ndarray | None) -> dict:
    """The figures of every model, and the first model against each of the others.

    Args:
        predictions: labels (N,) that the models give to the test texts; the served model comes first.
        labels: (N,).
        kinds: (N,) what makes each text hard, if that is known.
    """
    right = {name: predicted == labels for name, predicted in predictions.items()}
    served, *others = right
    return {
        "texts": int(labels.size),
        "accuracy": {name: accuracy_interval(r) for name, r in right.items()},
        "against": {name: paired_difference(right[served], right[name]) for name in others},
        "kinds": {} if kinds is None else {
            kind: {name: accuracy_interval(r[kinds == kind]) for name, r in right.items()}
            for kind in KINDS if (kinds == kind).any()
        },
    }  # fmt: skip


def table(figures: dict) -> str:
    """The report as lines for a terminal."""
    served = next(iter(figures["accuracy"]))
    lines = [f"시험 데이터 {figures['texts']:,}문장, [ ] 안은 문장을 뽑은 우연의 95 % 구간"]
    for name, (mean, low, high) in figures["accuracy"].items():
        lines.append(f"  정확도 {mean:.3f} [{low:.3f}, {high:.3f}]  {name}")
    for name, found in figures["against"].items():
        lines.append(f"  {served} - {name}: {found['difference']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}], "
                     f"p = {found['p']:.1g}: {verdict(found)}")  # fmt: skip
    return "\n".join(lines)


def verdict(found: dict[str, float]) -> str:
    """What the interval of a difference allows to say."""
    if found["low"] > 0:
        return "더 정확하다"
    if found["high"] < 0:
        return "덜 정확하다"
    return "차이를 말할 수 없다"


def draw(figures: dict, title: str) -> Figure:
    """Accuracy by kind of sentence with 95 % intervals, one bar a model."""
    groups = {"모두": figures["accuracy"]} | {KINDS[kind]: found for kind, found in figures["kinds"].items()}
    models = list(figures["accuracy"])
    figure, ax = plt.subplots(figsize=(8, 3.6))
    width = 0.8 / len(models)
    for i, model in enumerate(models):
        mean, low, high = np.array([found[model] for found in groups.values()]).T
        places = np.arange(len(groups)) + (i - (len(models) - 1) / 2) * width
        ax.bar(places, mean, width, yerr=[mean - low, high - mean], label=model, error_kw={"linewidth": 1})
    ax.set_xticks(range(len(groups)), groups)
    ax.set(title=title, ylabel="시험 정확도 (95 % 구간)", ylim=(0.3, 1.02))
    ax.legend(loc="lower left", ncols=len(models))
    return figure
