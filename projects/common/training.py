"""죽여도 잃는 것이 없는 학습: 에포크마다 원자적인 체크포인트, 진행 막대, TensorBoard."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from projects.common.cli import UserError

History = list[dict[str, float]]

KEPT = 2  # 가장 새것이 깨졌을 때 돌아갈 하나를 더 남긴다
META = "meta"  # 체크포인트 안에서 설정과 곡선이 든 항목


class TrainingError(UserError):
    """A run that cannot start or go on; the message is one Korean line for the user."""


def fit(
    model: keras.Model,
    epoch_data: Callable[[int], tf.data.Dataset],
    *,
    epochs: int,
    folder: Path | str,
    config: dict,
    validation: tf.data.Dataset | None = None,
    progress: bool = True,
) -> History:
    """Train a compiled model epoch by epoch, or go on where a run in `folder` stopped.

    A run that was killed at any moment and is started again ends with the same curve and the same
    weights as one that was never interrupted, up to float noise (bit for bit under op determinism,
    `course.setup`). The model of a finished run gets its weights back and is not trained again.

    Everything that the next epoch depends on is in one file: weights, optimizer, the states of the
    random generators (dropout, augmentation layers) and the history. State that Keras does not keep
    in variables (the constants of an adapted `Normalization`, a lookup table) is the caller's.

    Args:
        model: built and compiled by the same code in every process; left with the final weights.
        epoch_data: epoch (from 0) -> the batches of that epoch, a function of the epoch alone:
            shuffle and augment with seeds made of (seed, epoch). The data set is finite.
        epochs: epochs of the whole run, those before an interruption included.
        folder: made if missing. Holds checkpoint-NNNN.npz (the last two) and logs/ (TensorBoard:
            runs train and validation, one value an epoch).
        config: everything that defines the run, as JSON values (data, model, rates, seed).
        validation: evaluated after every epoch; its figures are named val_….
        progress: a progress bar and the messages on stderr.

    Returns:
        one dict of metrics per epoch, {"loss": …, "learning_rate": …, "val_loss": …}.

    Raises:
        TrainingError: `folder` holds a run of another configuration or another model, is used by
            another process, or the loss is not finite (the last good checkpoint stays).
        ValueError: `epochs` is less than 1, the model is not built or not compiled.
    """
    _check(model, epochs)
    config = json.loads(json.dumps(config | {"epochs": epochs}))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        history = _restore(model, folder, config)
        if history and progress:
            tqdm.write(f"이어 간다: 에포크 {len(history)}/{epochs}까지 마친 체크포인트", file=sys.stderr)
        if len(history) == epochs:
            return history
        with _Log(folder / "logs", history) as log:
            for epoch in range(len(history), epochs):
                title = f"에포크 {epoch + 1}/{epochs}" if progress else None
                history.append(_epoch(model, epoch_data(epoch), validation, title))
                if not math.isfinite(history[-1]["loss"]):
                    raise TrainingError(f"에포크 {epoch + 1}의 손실이 유한해야 한다. 나온 값: {history[-1]['loss']}")
                log.write(epoch, history[-1])
                _save(model, folder, config, history)
    return history


def _check(model: keras.Model, epochs: int) -> None:
    if epochs < 1:
        raise ValueError(f"epochs는 1 이상이어야 한다. 받은 값: {epochs}")
    if not model.built or not getattr(model, "optimizer", None):
        raise ValueError("가중치가 있고 compile된 모델이어야 한다. `model.build`와 `model.compile`을 먼저 부른다.")
    model.optimizer.build(model.trainable_variables)  # 모멘트의 변수를 되돌리기 전에 만든다


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system drops it when the process dies."""
    try:
        with filelock.FileLock(folder / ".lock", timeout=0):
            yield
    except filelock.Timeout:
        raise TrainingError(f"한 폴더에서는 학습이 하나만 돌 수 있다. 다른 프로세스가 쓰는 폴더: {folder}") from None


def _epoch(
    model: keras.Model, data: tf.data.Dataset, validation: tf.data.Dataset | None, title: str | None
) -> dict[str, float]:
    count = int(data.cardinality())
    options = {"total": count if count >= 0 else None, "desc": title, "unit": "배치", "disable": title is None}
    with tqdm(file=sys.stderr, **options) as bar:

        def advance(batch: int, logs: dict[str, float]) -> None:
            bar.set_postfix(loss=f"{logs['loss']:.4f}", refresh=False)
            bar.update()

        callback = keras.callbacks.LambdaCallback(on_train_batch_end=advance)
        # Keras는 Dataset을 섞지 않으며, 끄지 않으면 그렇다고 경고한다
        logs = model.fit(data, shuffle=False, verbose=0, callbacks=[callback]).history
    metrics = {name: float(values[0]) for name, values in logs.items()}
    metrics["learning_rate"] = float(model.optimizer.learning_rate)
    if validation is not None:
        found = model.evaluate(validation, verbose=0, return_dict=True)
        metrics |= {f"val_{name}": float(value) for name, value in found.items()}
    return metrics


class _Log:
    """TensorBoard scalars of every epoch, each once: what a killed run wrote is written anew."""

    def __init__(self, folder: Path, history: History):
        shutil.rmtree(folder, ignore_errors=True)
        self.writers = {run: tf.summary.create_file_writer(str(folder / run)) for run in ("train", "validation")}
        for epoch, metrics in enumerate(history):
            self.write(epoch, metrics)

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *error) -> None:
        for writer in self.writers.values():
            writer.close()

    def write(self, epoch: int, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            run = "validation" if name.startswith("val_") else "train"
            with self.writers[run].as_default():
                tf.summary.scalar(f"epoch_{name.removeprefix('val_')}", value, step=epoch + 1)
        for writer in self.writers.values():
            writer.flush()


def _state(model: keras.Model) -> list:
    """The variables that the next step depends on: weights, random generators, optimizer."""
    return [*model.variables, *model.optimizer.variables]


def _save(model: keras.Model, folder: Path, config: dict, history: History) -> None:
    """Write beside, then rename: a kill at any moment leaves whole files under their names."""
    meta = json.dumps({"config": config, "history": history}).encode()
    arrays = {f"{i:05d}": np.asarray(variable) for i, variable in enumerate(_state(model))}
    target = folder / f"checkpoint-{len(history):04d}.npz"
    with open(folder / "checkpoint.part", "wb") as part:
        np.savez(part, **arrays, **{META: np.frombuffer(meta, np.uint8)})
        part.flush()
        os.fsync(part.fileno())  # 이름보다 내용이 먼저 디스크에 닿게 한다
    os.replace(part.name, target)
    for old in _checkpoints(folder)[KEPT:]:
        old.unlink()


def _checkpoints(folder: Path) -> list[Path]:
    """The newest first."""
    return sorted(folder.glob("checkpoint-*.npz"), reverse=True)


def _restore(model: keras.Model, folder: Path, config: dict) -> History:
    """Load the newest whole checkpoint into the model; [] if there is none."""
    for saved, arrays in _whole_checkpoints(folder):
        if saved["config"] != config:
            raise TrainingError(
                f"같은 설정의 학습만 이어 갈 수 있다. 폴더: {folder}, 다른 값: "
                f"{_differences(saved['config'], config)}. 다른 폴더를 고르거나 이 폴더를 지운다."
            )
        shapes = [tuple(variable.shape) for variable in _state(model)]
        if shapes != [array.shape for array in arrays]:
            raise TrainingError(f"같은 모델의 학습만 이어 갈 수 있다. 변수의 수나 모양이 다른 체크포인트의 폴더: {folder}")
        for variable, array in zip(_state(model), arrays, strict=True):
            variable.assign(array)
        return saved["history"]
    return []


def _whole_checkpoints(folder: Path) -> Iterator[tuple[dict, list[np.ndarray]]]:
    for path in _checkpoints(folder):
        try:
            with np.load(path) as stored:  # 항목마다 CRC를 확인한다
                arrays = [stored[name] for name in sorted(stored.files) if name != META]
                saved = json.loads(stored[META].tobytes())
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            tqdm.write(f"온전하지 않은 체크포인트를 건너뛴다: {path} ({error})", file=sys.stderr)
            continue
        yield saved, arrays


def _differences(saved: dict, wanted: dict) -> str:
    names = sorted(name for name in saved.keys() | wanted.keys() if saved.get(name) != wanted.get(name))
    return ", ".join(f"{name} {saved.get(name)!r} → {wanted.get(name)!r}" for name in names)
