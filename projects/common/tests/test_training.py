"""죽여도 잃는 것이 없는 학습: kill -9 뒤의 곡선과 가중치가 끊기지 않은 것과 같다."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import keras
import numpy as np
import pytest
import tensorflow as tf

from projects.common import training
from projects.common.training import TrainingError, fit
from tf_study.production.tensorboard import read_scalars

EPOCHS = 4
CONFIG = {"seed": 0, "rate": 0.01}


def build(units: int = 8) -> keras.Model:
    """Dropout has a random state, Adam its moments and its step."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((4,)), keras.layers.Dense(units, activation="relu"), keras.layers.Dropout(0.5),
        keras.layers.BatchNormalization(), keras.layers.Dense(1),
    ])  # fmt: skip
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


def batches(epoch: int) -> tf.data.Dataset:
    rng = np.random.default_rng([0, epoch])
    x = rng.uniform(-1, 1, (64, 4)).astype("float32")
    return tf.data.Dataset.from_tensor_slices((x, x.sum(axis=1, keepdims=True))).batch(16)


def run(folder: Path, data=batches, epochs: int = EPOCHS, config: dict = CONFIG, units: int = 8):
    """Train in `folder`; return the history and the weights."""
    model = build(units)
    history = fit(
        model, data, epochs=epochs, folder=folder, config=config, validation=batches(99), progress=False
    )  # fmt: skip
    return history, model.get_weights()


def until_the_middle_of(epoch: int, action) -> Callable[[int], tf.data.Dataset]:
    """The data of a run to which `action()` happens after two batches of `epoch`."""

    def two_batches():
        yield from batches(epoch).take(2).as_numpy_iterator()
        action()

    def data(current):
        if current < epoch:
            return batches(current)
        return tf.data.Dataset.from_generator(two_batches, output_signature=batches(0).element_spec)

    return data


def interrupted_at(folder: Path, epoch: int) -> None:
    """Fail in the middle of an epoch."""

    def fail():
        raise OSError("데이터를 읽지 못했다")

    with pytest.raises(tf.errors.OpError, match="데이터를 읽지 못했다"):
        run(folder, until_the_middle_of(epoch, fail))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, *run(folder)


def assert_same(result, uninterrupted) -> None:
    _, history, weights = uninterrupted
    assert [set(row) for row in result[0]] == [set(row) for row in history]
    for ours, theirs in zip(result[0], history, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    for ours, theirs in zip(result[1], weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


CHILD = """
import sys
from collections.abc import Callable
from pathlib import Path
from tf_study import course
course.setup(seed=0)
from projects.common.tests.test_training import run, until_the_middle_of

def hang():
    print("가운데", flush=True)
    sys.stdin.read()

run(Path(sys.argv[1]), until_the_middle_of(2, hang))
"""


def test_killed_in_the_middle_of_an_epoch_it_ends_as_if_it_never_was(tmp_path, uninterrupted):
    folder = tmp_path / "run"
    command = [sys.executable, "-c", CHILD, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as child:
        line = child.stdout.readline()
        child.kill()
        assert line.strip() == "가운데", child.stderr.read()
    assert [path.name for path in sorted(folder.glob("*.npz"))] == ["checkpoint-0001.npz", "checkpoint-0002.npz"]
    (folder / "checkpoint.part").write_bytes(b"PK half")  # 쓰다가 죽었다면 남을 것
    seen = []
    assert_same(run(folder, lambda epoch: seen.append(epoch) or batches(epoch)), uninterrupted)
    assert seen == [2, 3]
    assert not (folder / "checkpoint.part").exists()


@pytest.mark.parametrize("damage", ["잘림", "한 비트", "빔", "다른 글"])
def test_a_damaged_checkpoint_is_skipped_with_a_message(tmp_path, uninterrupted, damage, capsys):
    interrupted_at(tmp_path, epoch=3)
    newest = tmp_path / "checkpoint-0003.npz"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    kinds = {"잘림": content[: len(content) // 2], "한 비트": content, "빔": b"", "다른 글": b"text"}
    newest.write_bytes(kinds[damage])
    seen = []
    assert_same(run(tmp_path, lambda epoch: seen.append(epoch) or batches(epoch)), uninterrupted)
    assert seen == [2, 3]
    assert "온전하지 않은 체크포인트를 건너뛴다" in capsys.readouterr().err


def test_when_all_checkpoints_are_damaged_it_starts_again(tmp_path, uninterrupted):
    interrupted_at(tmp_path, epoch=2)
    for path in tmp_path.glob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    assert_same(run(tmp_path), uninterrupted)


def test_a_finished_run_is_loaded_and_not_trained_again(uninterrupted):
    def never(epoch):
        raise AssertionError("끝난 학습을 다시 했다")

    assert_same(run(uninterrupted[0], never), uninterrupted)


def test_each_part_of_the_state_matters(tmp_path, uninterrupted, monkeypatch):
    """Leave the random state or the optimizer out: the resumed run is another one."""
    for name, part in (
        ("무작위", lambda model: [*model.weights, *model.optimizer.variables]),
        ("옵티마이저", lambda model: model.variables),
    ):
        folder = tmp_path / name
        with monkeypatch.context() as patch:
            patch.setattr(training, "_state", part)
            interrupted_at(folder, epoch=2)
            with pytest.raises(AssertionError):
                assert_same(run(folder), uninterrupted)


def test_only_the_last_two_checkpoints_stay(uninterrupted):
    names = sorted(path.name for path in uninterrupted[0].glob("checkpoint*"))
    assert names == ["checkpoint-0003.npz", "checkpoint-0004.npz"]


def test_a_run_that_dies_while_writing_keeps_the_whole_checkpoint(tmp_path, uninterrupted, monkeypatch):
    interrupted_at(tmp_path, epoch=2)

    def full(file, **arrays):
        file.write(b"PK\x03\x04")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(training.np, "savez", full)
        with pytest.raises(OSError):
            run(tmp_path)
    assert_same(run(tmp_path), uninterrupted)


def test_tensorboard_has_each_epoch_once_even_after_a_resume(tmp_path, uninterrupted):
    interrupted_at(tmp_path, epoch=2)
    run(tmp_path)
    scalars = read_scalars(tmp_path / "logs")
    assert set(scalars) == {"train", "validation"}
    for run_name, tag, name in (
        ("train", "epoch_loss", "loss"), ("train", "epoch_learning_rate", "learning_rate"),
        ("validation", "epoch_mae", "val_mae"),
    ):  # fmt: skip
        steps, values = scalars[run_name][tag]
        assert steps.tolist() == [1, 2, 3, 4]
        np.testing.assert_allclose(values, [row[name] for row in uninterrupted[1]], rtol=1e-4)


def test_another_configuration_is_one_clear_error(uninterrupted):
    before = {path: path.read_bytes() for path in uninterrupted[0].glob("*.npz")}
    with pytest.raises(TrainingError, match=r"rate 0.01 → 0.02") as error:
        run(uninterrupted[0], config={**CONFIG, "rate": 0.02})
    assert "seed" not in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(TrainingError, match="epochs 4 → 5"):
        run(uninterrupted[0], epochs=5)
    with pytest.raises(TrainingError, match="같은 모델"):
        run(uninterrupted[0], units=9)
    assert before == {path: path.read_bytes() for path in uninterrupted[0].glob("*.npz")}


def test_the_configuration_may_hold_tuples_and_korean(tmp_path):
    config = {"종류": ("꽃", "잎")}
    first = run(tmp_path, epochs=1, config=config)[0]
    assert run(tmp_path, epochs=1, config=config)[0] == first


def test_a_folder_in_use_is_one_clear_error(tmp_path):
    with filelock.FileLock(tmp_path / ".lock"), pytest.raises(TrainingError, match="하나만"):
        run(tmp_path)


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_good_state(tmp_path):
    def data(epoch):
        return batches(epoch).map(lambda x, y: (x, y / (0.0 if epoch == 1 else 1.0)))

    with pytest.raises(TrainingError, match="에포크 2의 손실이 유한해야 한다. 나온 값: (nan|inf)"):
        run(tmp_path, data)
    assert [path.name for path in tmp_path.glob("*.npz")] == ["checkpoint-0001.npz"]


def test_progress_goes_to_stderr(tmp_path, capsys):
    for _ in range(2):
        fit(build(), batches, epochs=1, folder=tmp_path, config=CONFIG)
    output = capsys.readouterr()
    assert output.out == ""
    assert re.search(r"에포크 1/1: 100%.*4/4.*loss=", output.err)
    assert "이어 간다: 에포크 1/1" in output.err


@pytest.mark.parametrize("change", [{"epochs": 0}, {"model": keras.Sequential([keras.layers.Dense(1)])}])
def test_wrong_arguments(tmp_path, change):
    arguments = {"model": build(), "epochs": 1} | change
    with pytest.raises(ValueError, match="받은 값: 0|먼저 부른다"):
        fit(arguments["model"], batches, epochs=arguments["epochs"], folder=tmp_path, config={})
    assert not list(tmp_path.glob("*.npz"))
