"""8.3이 내보내는 양자화와 LiteRT 변환, 실행."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest

from tf_study.production.litert import (
    MODES,
    LiteRTModel,
    convert,
    dequantize,
    quantize,
    scale_and_zero_point,
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential([
        keras.Input((6, 5, 1)), keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Flatten(),
        keras.layers.Dense(3),
    ])  # fmt: skip


@pytest.fixture(scope="module")
def images():
    return np.random.RandomState(0).uniform(-1, 2, (50, 6, 5, 1)).astype("float32")


@pytest.mark.parametrize("bits", [2, 4, 8, 12, 16])
@pytest.mark.parametrize("low, high", [(-1.0, 3.0), (0.5, 2.0), (-4.0, -1.0), (0.0, 0.0), (-1e-6, 2e-6)])
def test_grid_covers_the_range_within_half_a_step_and_keeps_zero(bits, low, high):
    s, z = scale_and_zero_point(low, high, bits)
    x = np.linspace(low, high, 1001)
    q = quantize(x, s, z, bits)
    assert -(2 ** (bits - 1)) <= z <= 2 ** (bits - 1) - 1
    rounding = 1e-6 * np.abs(x).max()  # float32
    assert np.abs(dequantize(q, s, z) - x).max() <= s / 2 + rounding
    assert dequantize(quantize(0.0, s, z, bits), s, z) == 0


def test_symmetric_grid_has_zero_point_zero_and_the_same_ends():
    s, z = scale_and_zero_point(-1.0, 3.0, symmetric=True)
    assert z == 0 and s == pytest.approx(3 / 127)
    assert quantize([-3.0, 3.0, -99.0], s, z).tolist() == [-127, 127, -128]


def test_one_grid_per_channel_is_the_grid_of_each_channel():
    w = np.random.RandomState(0).standard_normal((5, 4)) * [0.01, 1, 10, 100]
    s, z = scale_and_zero_point(w.min(axis=0), w.max(axis=0))
    together = dequantize(quantize(w, s, z), s, z)
    for c in range(4):
        grid = scale_and_zero_point(w[:, c].min(), w[:, c].max())
        np.testing.assert_array_equal(together[:, c], dequantize(quantize(w[:, c], *grid), *grid))


def test_values_outside_are_clipped_not_wrapped():
    assert quantize([130.0, -200.0], 1.0, 0).tolist() == [127, -128]
    assert quantize([9.0], 1.0, 0, bits=4).tolist() == [7]
    assert quantize(40_000.0, 1.0, 0, bits=16).dtype == np.int16


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: scale_and_zero_point(1.0, -1.0), "low <= high"),
        (lambda: scale_and_zero_point(np.nan, 1.0), "유한"),
        (lambda: scale_and_zero_point(0, 1, bits=1), "2에서 16"),
        (lambda: quantize(0.0, 1.0, 0, bits=17), "2에서 16"),
    ],
)
def test_wrong_grids_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_predicts_as_keras_for_any_batch(model, images, mode):
    lite = LiteRTModel(convert(model, mode, images))
    for batch in (images, images[:1], images[:7]):
        y = lite.predict(batch)
        assert y.shape == (len(batch), 3) and y.dtype == np.float32
        np.testing.assert_allclose(y, model(batch), atol=0.05)
    assert lite.input["dtype"] == (np.int8 if mode == "int8" else np.float32)


def test_wrong_conversions_are_refused(model, images):
    with pytest.raises(ValueError, match="mode는 float32"):
        convert(model, "fp16")
    with pytest.raises(ValueError, match="대표 데이터.*받은 것: 없음"):
        convert(model, "int8")
    with pytest.raises(ValueError, match=r"받은 모양: \(6, 5, 1\)"):
        convert(model, "int8", images[0])
    with pytest.raises(ValueError, match="N >= 1"):
        convert(model, "int8", images[:0])


def test_wrong_inputs_are_refused(model, images):
    lite = LiteRTModel(convert(model))
    for wrong in (images[0], images[:, :5], images[:0]):
        with pytest.raises(ValueError, match="입력의 모양은"):
            lite.predict(wrong)
    np.testing.assert_allclose(lite.predict(images), model(images), atol=1e-5)
    with pytest.raises(ValueError, match="Flatbuffer"):
        LiteRTModel(b"not a model")


def test_integer_tokens_and_a_fixed_batch(tmp_path):
    tokens = np.array([[1, 2, 3], [4, 0, 0]])
    embedding = keras.Sequential([keras.Input((3,), dtype="int32"), keras.layers.Embedding(5, 2)])
    np.testing.assert_allclose(LiteRTModel(convert(embedding)).predict(tokens), embedding(tokens))
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    path = tmp_path / "fixed.tflite"
    signature = [keras.InputSpec(shape=(2, 3), dtype="float32")]
    dense.export(path, format="litert", verbose=False, input_signature=signature)
    lite = LiteRTModel(path.read_bytes())
    assert lite.predict(np.ones((2, 3))).shape == (2, 2)
    with pytest.raises(ValueError, match=r"\(2, 3\)여야.*\(1, 3\)"):
        lite.predict(np.ones((1, 3)))


def test_two_outputs_are_refused():
    x = keras.Input((3,))
    two = keras.Model(x, [keras.layers.Dense(2)(x), keras.layers.Dense(3)(x)])
    with pytest.raises(ValueError, match="출력 2개"):
        LiteRTModel(convert(two))


def test_running_needs_no_tensorflow_and_writes_nothing(model, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(model))
    script = (
        "import sys, numpy as np; from pathlib import Path; from tf_study.production.litert import LiteRTModel;"
        "print(LiteRTModel(Path(sys.argv[1]).read_bytes()).predict(np.ones((2, 6, 5, 1))).shape,"
        " 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert result.stdout.strip() == "(2, 3) False False", result.stderr
    assert result.stderr == ""
