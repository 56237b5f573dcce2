"""평가를 파일 하나짜리 HTML로: 그림은 모두 안에 들어 있고 네트워크에서 아무것도 읽지 않는다."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from projects.project01_image_classifier import figures, folder
from projects.project01_image_classifier.evaluate import Evaluation
from projects.project01_image_classifier.run import Run

SHOWN_PER_CLASS = 3  # Grad-CAM 표에 클래스마다 보일 그림
WORST = 12

STYLE = """
body { font-family: system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.6; color: #222; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; } th, td { padding: 0.25rem 0.8rem; border-bottom: 1px solid #ddd; text-align: left; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } img { max-width: 100%; height: auto; }
.big { font-size: 1.3rem; }
"""


def html_report(run: Run, evaluation: Evaluation) -> str:
    """Return the whole page."""
    images, _ = run.pictures("test")
    sections = [
        ("결과", _result(run, evaluation)),
        ("학습 곡선", _picture(figures.learning_curves(run.curves), "두 단계의 손실과 정확도")),
        ("혼동 행렬", _picture(figures.confusion(evaluation), "정답과 모델의 답")),
        ("클래스마다", _by_class(evaluation)),
        ("보정", _calibration(evaluation)),
        ("어디를 보는가 (Grad-CAM)", _grad_cam(run, evaluation, images)),
        ("가장 나쁜 실수", _worst(run, evaluation, images)),
        ("데이터", _data(run.dataset)),
    ]
    body = "".join(f"<h2>{title}</h2>\n{content}\n" for title, content in sections)
    return (
        f'<!doctype html>\n<html lang="ko"><head><meta charset="utf-8"><title>이미지 분류기 보고서</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>이미지 분류기 보고서</h1>\n{body}</body></html>\n"
    )


def _result(run: Run, evaluation: Evaluation) -> str:
    summary = evaluation.summary()
    facts = {
        "그림 폴더": run.dataset.root, "백본": run.config["backbone"], "처음 가중치": run.config["weights"],
        "가중치의 수": f"{run.model.count_params():,}", "입력": f"{run.side}×{run.side} 픽셀",
        "시드": run.config["seed"],
    }  # fmt: skip
    return (
        f'<p class="big">시험 그림 {summary["test_pictures"]}장 가운데 {summary["right"]}장을 맞혔다: '
        f'정확도 {_percent(summary["accuracy"], summary["interval"])}</p>'
        + _table(("", ""), facts.items())
    )


def _by_class(evaluation: Evaluation) -> str:
    rows = [
        (row.name, row.pictures, _percent(row.recall, row.recall_interval), _percent(row.precision, row.precision_interval))
        for row in evaluation.by_class()
    ]
    note = "<p>괄호는 95 % 윌슨 구간이다. 구간이 겹치는 클래스의 순서는 우연일 수 있다.</p>"
    return _table(("클래스", "그림", "재현율", "정밀도"), rows, numbers=(1, 2, 3)) + note


def _calibration(evaluation: Evaluation) -> str:
    before, after = evaluation.ece()
    change = "줄었다" if after < before else "줄지 않았다"
    return _picture(figures.calibration(evaluation), "확신도와 맞은 비율") + (
        f"<p>검증 그림에서 고른 온도는 {evaluation.temperature:.3f}이고, 시험 그림의 기대 보정 오차(ECE)는 "
        f"{before:.4f}에서 {after:.4f}로 {change}. 온도는 답을 바꾸지 않는다. 예측의 확률은 이 온도로 나눈 것이다.</p>"
    )


def _grad_cam(run: Run, evaluation: Evaluation, images: np.ndarray) -> str:
    chosen = np.concatenate([np.flatnonzero(evaluation.labels == k)[:SHOWN_PER_CLASS] for k in range(len(evaluation.classes))])
    return _sheet(run, evaluation, images, chosen, "밝은 곳이 모델의 답을 가장 크게 올린다")


def _worst(run: Run, evaluation: Evaluation, images: np.ndarray) -> str:
    mistakes = int((~evaluation.right).sum())
    text = f"<p>틀린 그림은 {mistakes}장이다. 확신이 큰 것부터 놓고, 남은 자리에는 맞혔지만 확신이 가장 작은 것을 놓았다.</p>"
    return text + _sheet(run, evaluation, images, evaluation.worst(WORST), f"실수 {mistakes}장과 아슬아슬하게 맞힌 것")


def _sheet(run: Run, evaluation: Evaluation, images: np.ndarray, chosen: np.ndarray, title: str) -> str:
    answer, confidence = evaluation.predicted[chosen], evaluation.calibrated.max(axis=1)[chosen]
    captions = [
        f"{'맞음' if k == true else '틀림'}: {evaluation.classes[k]} {c:.2f}"
        + ("" if k == true else f"\n정답: {evaluation.classes[true]}")
        for k, true, c in zip(answer, evaluation.labels[chosen], confidence)
    ]
    overlays = figures.heat_maps(run.model, images[chosen], answer)
    paths, _ = run.dataset.of("test")
    names = [(run.dataset.root.joinpath(paths[i]).relative_to(run.dataset.root).as_posix()) for i in chosen]
    listed = "<details><summary>파일</summary>" + _table(("차례", "파일"), enumerate(names, 1), numbers=(0,)) + "</details>"
    return _picture(figures.pairs(images[chosen], overlays, captions, title), title) + listed


def _data(dataset: folder.Dataset) -> str:
    rows = []
    for k, name in enumerate(dataset.classes):
        counts = [sum(p.label == k and p.split == split for p in dataset.pictures) for split in folder.SPLITS]
        rows.append((name, *counts, sum(counts)))
    groups = len({p.group for p in dataset.pictures})
    text = (
        f"<p>쓸 그림 {len(dataset.pictures)}장이 닮은 것끼리 {groups}묶음이고, 한 묶음은 한 몫에만 들어갔다. "
        f"뺀 파일은 {len(dataset.problems)}개, 살펴볼 것은 {len(dataset.warnings)}개이다.</p>"
    )
    lists = [
        f"<h3>{title}</h3>" + _table(("파일", "까닭"), found)
        for title, found in (("뺀 파일", dataset.problems), ("살펴볼 것", dataset.warnings))
        if found
    ]
    return text + _table(("클래스", "훈련", "검증", "시험", "모두"), rows, numbers=(1, 2, 3, 4)) + "".join(lists)


def _percent(share: float, interval: tuple[float, float]) -> str:
    if np.isnan(share):
        return "–"
    return f"{share:.1%} ({interval[0]:.1%}–{interval[1]:.1%})"


def _table(head: Sequence[str], rows: Iterable[Sequence], numbers: Sequence[int] = ()) -> str:
    def line(cells, tag):
        kinds = (' class="n"' if i in numbers else "" for i in range(len(head)))
        return "".join(f"<{tag}{kind}>{html.escape(str(cell))}</{tag}>" for cell, kind in zip(cells, kinds))

    top = f"<tr>{line(head, 'th')}</tr>" if any(head) else ""
    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table>{top}{body}</table>"


def _picture(figure: Figure, text: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{html.escape(text)}" src="data:image/png;base64,{data}">'
