"""3.2가 내보내는 학습률 스케줄."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_study.training_mechanics.schedules import WarmupCosine


@pytest.mark.parametrize(
    ("peak", "warmup_steps", "total_steps", "floor"),
    [(0.1, 20, 100, 0.01), (3e-4, 0, 7, 0.0), (1.0, 6, 7, 1.0), (0.5, 1, 1000, 0.1)],
)
def test_equals_keras(peak, warmup_steps, total_steps, floor):
    ours = WarmupCosine(peak, warmup_steps, total_steps, floor)
    theirs = keras.optimizers.schedules.CosineDecay(
        peak / (warmup_steps + 1),
        total_steps - warmup_steps,
        floor / peak,
        warmup_target=peak,
        warmup_steps=warmup_steps,
    )
    steps = np.unique(np.linspace(0, total_steps + 5, 40).astype(int))
    np.testing.assert_allclose(ours(steps), [theirs(s) for s in steps], rtol=1e-4, atol=1e-8)


def test_corners():
    schedule = WarmupCosine(2.0, 3, 13, 0.5)
    rates = schedule(np.array([0, 1, 2, 3, 8, 13, 10**6])).numpy()
    np.testing.assert_allclose(rates, [0.5, 1.0, 1.5, 2.0, 1.25, 0.5, 0.5], rtol=1e-6)


def test_no_step_is_wasted():
    rates = WarmupCosine(1.0, 5, 50)(np.arange(50)).numpy()
    assert (rates > 0).all() and rates.argmax() == 5


@pytest.mark.parametrize("step", [3, 3.0, np.int64(3), tf.constant(3), tf.constant(3, tf.int64)])
def test_any_step_gives_float32(step):
    schedule = WarmupCosine(0.1, 10, 100)
    for call in (schedule, tf.function(schedule)):
        rate = call(step)
        assert rate.dtype == tf.float32 and rate.shape == ()
        np.testing.assert_allclose(rate, 0.1 * 4 / 11, rtol=1e-6)


def test_stays_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert WarmupCosine(1e-5, 10, 100)(50).dtype == tf.float32
    finally:
        keras.config.set_dtype_policy("float32")


def test_serialises():
    schedule = WarmupCosine(0.1, 20, 100, 0.01)
    packed = keras.optimizers.schedules.serialize(schedule)
    assert packed["registered_name"] == "tf_study>WarmupCosine"
    again = keras.optimizers.schedules.deserialize(packed)
    assert type(again) is WarmupCosine and again.get_config() == schedule.get_config()


def test_moves_an_optimizer():
    optimizer = keras.optimizers.SGD(WarmupCosine(1.0, 1, 3))
    weight = keras.Variable(0.0)
    moved = []
    for _ in range(4):
        before = float(weight)
        optimizer.apply([tf.constant(-1.0)], [weight])
        moved.append(float(weight) - before)
    np.testing.assert_allclose(moved, [0.5, 1.0, 0.5, 0.0], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1, 10), "peak은 0보다 큰 유한한 수여야 한다. 받은 값: 0.0"),
        ((float("nan"), 1, 10), "peak은 0보다 큰 유한한 수여야 한다. 받은 값: nan"),
        ((0.1, 10, 10), "받은 값: warmup_steps=10, total_steps=10"),
        ((0.1, -1, 10), "받은 값: warmup_steps=-1, total_steps=10"),
        ((0.1, 1, 10, 0.2), "floor는 0과 peak=0.1 사이여야 한다. 받은 값: 0.2"),
        ((0.1, 1, 10, -0.1), "받은 값: -0.1"),
    ],
)
def test_refuses_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        WarmupCosine(*arguments)
