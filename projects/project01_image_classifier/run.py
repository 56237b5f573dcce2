"""학습이 남긴 폴더를 읽는다: 데이터의 나눔, 모델, 레이블, 곡선."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from projects.common.cli import UserError
from projects.project01_image_classifier import folder, pipeline
from projects.project01_image_classifier.model import load_classifier, logits_of

BATCH = 32


class Run(NamedTuple):
    """A finished training: temperature is what the validation logits are divided by."""

    path: Path
    model: keras.Model
    dataset: folder.Dataset
    temperature: float
    curves: dict[str, list[dict[str, float]]]
    config: dict

    @property
    def side(self) -> int:
        return self.model.input_shape[1]

    def pictures(self, split: str, about: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """uint8 (N, side, side, 3) and int64 (N,) of a split: all, or every so many, at least `about` if it has them."""
        paths, labels = self.dataset.of(split)
        step = max(1, len(paths) // about) if about else 1
        data = pipeline.batches(paths[::step], labels[::step], self.side, BATCH)
        x, y = zip(*((images.astype(np.uint8), truth) for images, truth in data.as_numpy_iterator()))
        return np.concatenate(x), np.concatenate(y)

    def logits(self, split: str) -> np.ndarray:
        """(N, K) float32."""
        return logits_of(self.model, pipeline.batches(*self.dataset.of(split), self.side, BATCH))


def load_run(path: Path) -> Run:
    """Read what `train --out path` wrote.

    Raises:
        UserError: the training there has not finished, or a picture of it is gone.
    """
    missing = [name for name in ("data.json", "labels.json", "run.json", "model.keras") if not (path / name).is_file()]
    if missing:
        raise UserError(f"학습을 마친 폴더여야 한다. {path}에 없는 것: {', '.join(missing)}. train을 먼저 실행한다.")
    labels, saved = (json.loads((path / name).read_text()) for name in ("labels.json", "run.json"))
    model, dataset = load_classifier(path / "model.keras"), folder.load(path / "data.json")
    return Run(path, model, dataset, labels["temperature"], saved["curves"], saved["config"])
