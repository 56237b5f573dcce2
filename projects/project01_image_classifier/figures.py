"""보고서와 노트북의 그림."""

from __future__ import annotations

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from projects.project01_image_classifier.calibration import reliability, wilson
from projects.project01_image_classifier.evaluate import Evaluation
from tf_study.computer_vision.detection import grad_cam
from tf_study.course import plot


def learning_curves(curves: dict[str, list[dict[str, float]]]) -> Figure:
    """Loss and accuracy of both stages on one axis of epochs; a line marks where the backbone is freed."""
    epochs = [row for stage in ("head", "fine") for row in curves[stage]]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    for ax, name, title in ((axes[0], "loss", "손실"), (axes[1], "accuracy", "정확도")):
        plot.curves({"훈련": [row[name] for row in epochs], "검증": [row[f"val_{name}"] for row in epochs]},
                    ylabel=title, ax=ax)
        ax.axvline(len(curves["head"]) + 0.5, color="0.4", linestyle=":")
    figure.suptitle("학습 곡선 (점선에서 백본을 푼다)")
    return figure


def confusion(evaluation: Evaluation) -> Figure:
    size = 0.75 * len(evaluation.classes)
    figure, ax = plt.subplots(figsize=(size + 2, 0.8 * size + 1.4))
    plot.heatmap(evaluation.confusion, rows=evaluation.classes, columns=evaluation.classes, fmt="d", ax=ax)
    hits, count = evaluation.right.sum(), len(evaluation.labels)
    ax.set(title=f"혼동 행렬: {count}장 가운데 {hits}장이 대각선에 있다", xlabel="모델의 답", ylabel="정답")
    ax.tick_params(axis="x", rotation=30)
    return figure


def calibration(evaluation: Evaluation) -> Figure:
    """The reliability diagram before and after the temperature."""
    figure, ax = plt.subplots(figsize=(4.8, 4.2))
    ax.plot([0, 1], [0, 1], color="0.5", linestyle=":", label="완전한 보정")
    before, after = evaluation.ece()
    for name, p, ece, marker, color in (
        ("보정 전", evaluation.raw, before, "o", plot.COLORS[0]), ("보정 후", evaluation.calibrated, after, "s", plot.COLORS[1])
    ):  # fmt: skip
        for i, (mean, share, count) in enumerate(reliability(p.max(axis=1), evaluation.right)):
            low, high = wilson(round(share * count), count)
            ax.errorbar(mean, share, [[max(0.0, share - low)], [max(0.0, high - share)]], marker=marker, color=color, capsize=3,
                        label=f"{name} (ECE {ece:.3f})" if i == 0 else None)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="평균 확신도", ylabel="맞은 비율 (95 % 윌슨 구간)")
    ax.set_title(f"온도 {evaluation.temperature:.2f}로 나누면 ECE {before:.3f} → {after:.3f}")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)  # 점을 가리지 않게
    return figure


def heat_maps(model: keras.Model, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Lay Grad-CAM of the given classes over pictures (N, S, S, 3) uint8; the same shape and dtype."""
    heat = grad_cam(model, model.layers[0], images.astype(np.float32), classes).numpy()
    colour = plt.get_cmap("inferno")(heat)[..., :3] * 255
    weight = 0.25 + 0.45 * heat[..., None]
    return ((1 - weight) * images + weight * colour).astype(np.uint8)


def pairs(images: np.ndarray, overlays: np.ndarray, titles: list[str], title: str, columns: int = 6) -> Figure:
    """Each picture above its overlay, with a caption of up to two lines."""
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(2 * rows, columns, figsize=(1.5 * columns, 3.4 * rows), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for i, caption in enumerate(titles):
        row, column = divmod(i, columns)
        axes[2 * row, column].imshow(images[i])
        axes[2 * row, column].set_title(caption, fontsize=8)
        axes[2 * row + 1, column].imshow(overlays[i])
    figure.suptitle(title)
    return figure
