"""3.4가 내보내는 진단과 콜백."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tf_study.training_mechanics.diagnostics import ADVICE, Diagnostics, StepLosses, climb, diagnose, level

T = np.arange(100) / 100
FALLING = 0.1 + 0.9 * np.exp(-5 * T)
SPIKE = FALLING + 1.0 * np.exp(-np.abs(np.arange(100) - 50))
TURNED_UP = 0.3 + np.abs(np.linspace(-0.4, 0.4, 20))


def faults(loss, val=(), floor=0.0):
    return [finding.fault for finding in diagnose({"loss": loss, "val_loss": val}, floor)]


@pytest.mark.parametrize(("loss", "val", "expected"), [
    (FALLING, (), ["정상"]),
    (FALLING, np.interp(np.arange(20) / 20, T, FALLING), ["정상"]),
    (np.r_[FALLING[:50], np.nan], (), ["발산"]),
    ([2.3, 9.0, np.inf], (), ["발산"]),
    (1 + 3 * T, (), ["발산"]),
    (FALLING + 0.4 * (np.arange(100) % 2), (), ["진동"]),
    (SPIKE, (), ["급등"]),
    (FALLING, TURNED_UP, ["과적합"]),
    (SPIKE, TURNED_UP, ["급등", "과적합"]),
    (1 - 0.5 * T, (), ["느린 수렴"]),
    (0.8 + 0.2 * np.exp(-10 * T), (), ["정체"]),
    (np.ones(100), (), ["정체"]),
    (FALLING, [*TURNED_UP[:-1], np.nan], ["발산"]),
])
def test_each_fault(loss, val, expected):
    assert faults(loss, val) == expected


def test_unit_and_floor_do_not_matter():
    for loss in (FALLING, SPIKE, 1 - 0.5 * T, 0.8 + 0.2 * np.exp(-10 * T)):
        assert faults(100 * loss, 100 * TURNED_UP) == faults(loss, TURNED_UP)
        assert faults(loss + 7, TURNED_UP + 7, floor=7.0) == faults(loss, TURNED_UP)


def test_floor_tells_a_plateau_from_the_best_that_can_be_had():
    loss = 0.8 + 0.2 * np.exp(-10 * T)
    assert faults(loss) == ["정체"] and faults(loss, floor=0.8 - 1e-6) == ["정상"]


def test_training_that_rises_with_validation_is_no_overfitting():
    rising = np.r_[np.linspace(1, 0.2, 40), np.linspace(0.2, 0.6, 60)]
    assert "과적합" not in faults(rising, TURNED_UP)


def test_validation_that_still_falls_is_no_overfitting():
    assert faults(1 - 0.9 * T, 1 - 0.95 * np.arange(50) / 50) == ["느린 수렴"]


def test_few_validation_losses_are_not_judged():
    assert faults(FALLING, [0.3, 0.5, 0.7, 0.9]) == ["정상"]


def test_finding_says_where_and_what_to_try():
    spike = diagnose({"loss": SPIKE})[0]
    assert spike.step == 51 and spike.advice == ADVICE["급등"]
    assert str(spike).startswith("급등 (51번째): ") and str(spike).endswith(spike.advice)
    assert diagnose({"loss": [1.0, np.nan, 1.0]})[0].step == 2


def test_wrong_input():
    with pytest.raises(ValueError, match="10개 이상 있어야 한다. 받은 개수: 3"):
        diagnose({"loss": [3.0, 2.0, 1.0]})
    with pytest.raises(ValueError, match="10개 이상 있어야 한다. 받은 개수: 0"):
        diagnose({"loss": []})
    with pytest.raises(ValueError, match="바닥 0.0보다 커야 한다. 받은 값: -1.0"):
        diagnose({"loss": -np.ones(20)})


def test_climb_and_level():
    assert climb(np.array([3.0, 1.0, 2.0, 0.0, 4.0])).tolist() == [0, 0, 1, 0, 4]
    assert level(np.arange(100.0)) == 94.5 and level(np.arange(100.0), 0.5) == 44.5
    assert level(np.arange(10.0)) == 8.0 and level(np.arange(10.0), 0.1) == 1.0


def small_model(loss="mse", learning_rate=0.0):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(learning_rate), loss)
    return model


X = np.random.default_rng(0).normal(size=(22, 3)).astype("float32")
Y = np.arange(22, dtype="float32")[:, None]


def test_callback_records_the_loss_of_each_batch():
    model, callback = small_model(), Diagnostics()
    model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0, validation_data=(X, Y), callbacks=[callback])
    expected = [np.mean((np.asarray(model(X[i : i + 8])) - Y[i : i + 8]) ** 2) for i in (0, 8, 16)] * 2
    np.testing.assert_allclose(callback.history["loss"], expected, rtol=1e-4)
    assert len(callback.history["val_loss"]) == 2


def test_callback_stops_at_the_first_loss_that_is_not_finite():
    callback = Diagnostics()
    small_model(learning_rate=1e30).fit(X, Y, batch_size=2, epochs=50, verbose=0, callbacks=[callback])
    assert len(callback.history["loss"]) < 11 and callback.findings()[0].fault == "발산"


def test_callback_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        callback = Diagnostics()
        small_model().fit(X, Y, batch_size=2, verbose=0, callbacks=[callback])
    finally:
        keras.config.set_dtype_policy("float32")
    assert len(callback.history["loss"]) == 11 and np.isfinite(callback.history["loss"]).all()


def test_callback_wants_a_metric_named_loss():
    class NoTracker(keras.Model):
        metrics = []

        def call(self, x):
            return x

        def train_step(self, data):
            return {}

    model = NoTracker()
    model.compile()
    with pytest.raises(ValueError, match=r"이름이 'loss'인 지표가 있어야 한다. 있는 이름: \[\]"):
        model.fit(X, Y, verbose=0, callbacks=[StepLosses()])
