"""시험 그림으로 모델을 재고, 파일 하나짜리 HTML 보고서를 쓴다.

    python -m projects.project01_image_classifier.evaluate
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix

from projects.common import cli
from projects.common.files import write_whole
from projects.project01_image_classifier.calibration import expected_calibration_error, probabilities, wilson
from projects.project01_image_classifier.train import OUT
from tf_study import course


class ClassReport(NamedTuple):
    """One class: shares in 0..1 with their 95 % Wilson intervals."""

    name: str
    pictures: int
    recall: float
    recall_interval: tuple[float, float]
    precision: float
    precision_interval: tuple[float, float]


class Evaluation(NamedTuple):
    """What the test pictures say: N pictures, K classes."""

    classes: list[str]
    labels: np.ndarray  # (N,)
    raw: np.ndarray  # (N, K) 온도로 나누지 않은 확률
    calibrated: np.ndarray  # (N, K)
    temperature: float

    @property
    def predicted(self) -> np.ndarray:
        return self.raw.argmax(axis=1)

    @property
    def right(self) -> np.ndarray:
        return self.predicted == self.labels

    @property
    def confusion(self) -> np.ndarray:
        """(K, K): rows are the truth."""
        return confusion_matrix(self.labels, self.predicted, labels=range(len(self.classes)))

    def ece(self) -> tuple[float, float]:
        """Before and after the temperature."""
        return tuple(expected_calibration_error(p.max(axis=1), self.right) for p in (self.raw, self.calibrated))

    def by_class(self) -> list[ClassReport]:
        rows = []
        for k, name in enumerate(self.classes):
            hits, true, guessed = (int(n) for n in (self.confusion[k, k], self.confusion[k].sum(), self.confusion[:, k].sum()))
            rows.append(ClassReport(name, true, _share(hits, true), wilson(hits, true),
                                    _share(hits, guessed), wilson(hits, guessed)))
        return rows

    def worst(self, count: int) -> np.ndarray:
        """The mistakes, the most confident first; then the right answers, the least confident first."""
        confidence = self.calibrated.max(axis=1)
        return np.lexsort((np.where(self.right, confidence, -confidence), self.right))[:count]

    def summary(self) -> dict:
        hits, count = int(self.right.sum()), len(self.labels)
        before, after = self.ece()
        return {
            "test_pictures": count, "right": hits, "accuracy": hits / count, "interval": wilson(hits, count),
            "ece": before, "ece_calibrated": after, "temperature": self.temperature,
        }  # fmt: skip


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def evaluate(logits: np.ndarray, labels: np.ndarray, classes: list[str], temperature: float) -> Evaluation:
    """Judge test logits (N, K) with the temperature that validation chose."""
    raw, calibrated = probabilities(logits), probabilities(logits, temperature)
    return Evaluation(classes, labels, raw, calibrated, temperature)


def main(arguments: list[str] | None = None) -> int:
    parser = cli.Parser(prog="evaluate", description="시험 그림으로 재고 report.html을 쓴다.")
    parser.add_argument("--run", type=Path, default=OUT, help=f"train의 결과 폴더 (기본: {OUT})")
    options = parser.parse_args(arguments)
    course.setup(seed=0)

    from projects.project01_image_classifier.report import html_report
    from projects.project01_image_classifier.run import load_run

    run = load_run(options.run)
    evaluation = evaluate(run.logits("test"), run.dataset.of("test")[1], run.dataset.classes, run.temperature)
    page = html_report(run, evaluation)
    write_whole(options.run / "report.html", lambda part: part.write_text(page, errors="backslashreplace"))
    summary = evaluation.summary() | {"report": str(options.run / "report.html")}
    print(json.dumps(summary, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    cli.run(main)
