"""학습한 모델을 LiteRT로 바꾸고 크기, 정확도, 지연 시간을 견준다.

    python -m projects.project01_image_classifier.convert
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from projects.common import cli
from projects.common.files import write_whole
from projects.project01_image_classifier.calibration import wilson
from projects.project01_image_classifier.train import OUT
from tf_study import course

MODES = ("float16", "int8")
REPRESENTATIVE = 200  # 양자화의 범위를 재는 훈련 그림: 적어도 이만큼, 모자라면 모두
REPEATS = 100


class Row(NamedTuple):
    """One model on the test pictures: bytes of its file, share right, share that answers as Keras does, seconds."""

    name: str
    bytes: int
    accuracy: float
    interval: tuple[float, float]
    agreement: float
    p50: float
    p95: float


def convert_run(run, repeats: int = REPEATS) -> list[Row]:
    """Write model-float16.tflite and model-int8.tflite beside the model and measure all three.

    Latency is of one picture at a time, one thread for LiteRT, Keras as `predict_on_batch` has it.
    """
    from tf_study.production.litert import LiteRTModel, convert

    representative = run.pictures("train", REPRESENTATIVE)[0].astype(np.float32)
    images, labels = run.pictures("test")
    images = images.astype(np.float32)
    rows = [_measure("keras", run.path / "model.keras", run.model.predict_on_batch, images, labels, None, repeats)]
    answers = run.model.predict(images, verbose=0).argmax(axis=1)
    for mode in MODES:
        content = convert(run.model, mode, representative)
        path = run.path / f"model-{mode}.tflite"
        write_whole(path, lambda part, content=content: part.write_bytes(content))
        rows.append(_measure(mode, path, LiteRTModel(content).predict, images, labels, answers, repeats))
    return rows


def _measure(
    name: str, path: Path, predict: Callable, images: np.ndarray, labels: np.ndarray, answers: np.ndarray | None,
    repeats: int,
) -> Row:  # fmt: skip
    from tf_study.production.measure import latency

    found = np.array([np.argmax(predict(image[None])) for image in images])
    hits = int((found == labels).sum())
    agreement = 1.0 if answers is None else float((found == answers).mean())
    seconds = latency(predict, images[:1], repeats=repeats)
    size = path.stat().st_size
    return Row(name, size, hits / len(labels), wilson(hits, len(labels)), agreement, seconds.p50, seconds.p95)


def table(rows: list[Row]) -> str:
    lines = ["| 모델 | 크기 (KB) | 시험 정확도 (95 % 구간) | Keras와 같은 답 | p50 (ms) | p95 (ms) |", "|---|---:|---:|---:|---:|---:|"]
    for row in rows:
        low, high = row.interval
        lines.append(
            f"| {row.name} | {row.bytes / 1000:,.0f} | {row.accuracy:.1%} ({low:.1%}–{high:.1%}) "
            f"| {row.agreement:.1%} | {1000 * row.p50:.2f} | {1000 * row.p95:.2f} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = cli.Parser(prog="convert", description="LiteRT float16과 int8로 바꾸고 견준다.")
    parser.add_argument("--run", type=Path, default=OUT, help=f"train의 결과 폴더 (기본: {OUT})")
    options = parser.parse_args(arguments)
    course.setup(seed=0)

    from projects.project01_image_classifier.run import load_run

    rows = convert_run(load_run(options.run))
    found = json.dumps([row._asdict() for row in rows], indent=1)
    write_whole(options.run / "convert.json", lambda part: part.write_text(found))
    print(table(rows))
    return 0


if __name__ == "__main__":
    cli.run(main)
