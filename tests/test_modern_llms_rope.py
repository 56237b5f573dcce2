"""12.3이 내보내는 것: 두 짝짓기의 회전과 순열, 다섯 가지 주파수."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_study.modern_llms import rope
from tf_study.modern_llms.kv_cache import KVCache
from tf_study.modern_llms.llama import ROPE_FREQUENCIES, Llama, LlamaConfig, default_frequencies

CONFIG = LlamaConfig(vocab_size=23, hidden_size=24, intermediate_size=16, num_hidden_layers=2, num_attention_heads=4,
                     num_key_value_heads=2, max_position_embeddings=16)
ORIGINAL = {"original_max_position_embeddings": 16}
SCALINGS = {
    "linear": {"factor": 4.0},
    "dynamic": {"factor": 2.0},
    "yarn": {"factor": 4.0, **ORIGINAL},
    "llama3": {"factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, **ORIGINAL},
    "longrope": {"short_factor": [1.0, 1.5, 2.0], "long_factor": [1.0, 3.0, 6.0], "factor": 4.0, **ORIGINAL},
}


def configuration(kind, **changes):
    return dataclasses.replace(CONFIG, rope_scaling={"rope_type": kind, **SCALINGS[kind], **changes})


def frequencies(config, length=64):
    found, factor = ROPE_FREQUENCIES[config.rope_scaling["rope_type"]](config, length)
    return np.asarray(found), factor


def random_rotation(dtype="float32", shape=(2, 3, 5, 8)):
    rng = np.random.default_rng(0)
    angles = rng.uniform(-3, 3, (shape[-2], shape[-1] // 2)).astype("float32")
    return tf.cast(rng.normal(size=shape), dtype), tf.cos(angles), tf.sin(angles)


def by_complex(x, cos, sin, interleaved):
    x, half = np.asarray(tf.cast(x, tf.float64)), x.shape[-1] // 2
    real, imaginary = (x[..., ::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    turned = (real + 1j * imaginary) * (np.asarray(cos, "float64") + 1j * np.asarray(sin, "float64"))
    if interleaved:
        return np.stack([turned.real, turned.imag], axis=-1).reshape(x.shape)
    return np.concatenate([turned.real, turned.imag], axis=-1)


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("bfloat16", 5e-2), ("float16", 6e-3)])
def test_apply_rope_multiplies_complex_numbers(interleaved, dtype, tolerance):
    x, cos, sin = random_rotation(dtype)
    expected = by_complex(x, cos, sin, interleaved)
    for call in (rope.apply_rope, tf.function(rope.apply_rope), tf.function(rope.apply_rope, jit_compile=True)):
        turned = call(x, cos, sin, interleaved=interleaved)
        assert turned.dtype == x.dtype
        np.testing.assert_allclose(tf.cast(turned, tf.float64), expected, atol=tolerance)


@pytest.mark.parametrize("interleaved", [False, True])
def test_apply_rope_of_unknown_length(interleaved):
    x, cos, sin = random_rotation()
    call = tf.function(lambda *arguments: rope.apply_rope(*arguments, interleaved=interleaved), input_signature=[
        tf.TensorSpec([None, 3, None, 8]), tf.TensorSpec([None, 4]), tf.TensorSpec([None, 4])])
    np.testing.assert_allclose(call(x, cos, sin), by_complex(x, cos, sin, interleaved), atol=1e-5)


@pytest.mark.parametrize("columns, width", [(3, 8), (4, 7), (8, 8)])
def test_apply_rope_names_shapes(columns, width):
    with pytest.raises(ValueError, match=rf"\(5, {width}\).*\(5, {columns}\)"):
        rope.apply_rope(tf.zeros((5, width)), tf.zeros((5, columns)), tf.zeros((5, columns)))


def test_permutation_turns_neighbours_into_halves():
    x, cos, sin = random_rotation()
    neighbours = rope.apply_rope(x, cos, sin, interleaved=True)
    halves = rope.apply_rope(rope.neighbours_to_halves(x), cos, sin)
    np.testing.assert_allclose(halves, rope.neighbours_to_halves(neighbours), atol=1e-6)
    np.testing.assert_array_equal(rope.neighbours_to_halves(np.arange(6)), [0, 2, 4, 1, 3, 5])


def test_permutation_of_a_kernel_works_head_by_head():
    kernel = np.arange(2 * 12).reshape(2, 12)
    each = [rope.neighbours_to_halves(kernel[:, a:a + 4]) for a in (0, 4, 8)]
    np.testing.assert_array_equal(rope.neighbours_to_halves(kernel, 4), np.concatenate(each, axis=1))
    np.testing.assert_array_equal(rope.neighbours_to_halves(kernel[0], 6)[:6], [0, 2, 4, 1, 3, 5])


@pytest.mark.parametrize("width, head_dim", [(6, 4), (9, 3), (7, None), (6, 0)])
def test_permutation_refuses_odd_heads(width, head_dim):
    with pytest.raises(ValueError, match="짝수"):
        rope.neighbours_to_halves(np.zeros(width), head_dim)


def test_every_kind_is_registered():
    assert set(ROPE_FREQUENCIES) >= {"default", *SCALINGS}


@pytest.mark.parametrize("kind", SCALINGS)
def test_a_factor_of_one_changes_nothing(kind):
    changes = {"factor": 1.0}
    if kind == "longrope":
        changes |= {"short_factor": [1.0] * 3, "long_factor": [1, 1, 1]}
    found, factor = frequencies(configuration(kind, **changes), length=16)
    np.testing.assert_allclose(found, default_frequencies(CONFIG, 16)[0], rtol=1e-6)
    assert factor == 1


def test_values_by_hand():
    theta, _ = default_frequencies(CONFIG, 64)                     # r = 2.55, 0.118, 0.0055
    np.testing.assert_allclose(frequencies(configuration("linear"))[0], theta / 4)
    stretched = theta * 7.0 ** (-np.arange(3) / 2)                 # 2 * 64 / 16 - 1 = 7
    np.testing.assert_allclose(frequencies(configuration("dynamic"))[0], stretched, rtol=1e-6)
    np.testing.assert_allclose(frequencies(configuration("dynamic"), 16)[0], theta, rtol=1e-6)
    gamma = (16 / (2 * np.pi) - 1) / 3
    expected = [gamma + (1 - gamma) / 4, theta[1] / 4, theta[2] / 4]
    np.testing.assert_allclose(frequencies(configuration("llama3"))[0], expected)
    found, factor = frequencies(configuration("yarn"))             # 짝 0은 그대로, 1부터 4로 나눈다
    np.testing.assert_allclose(found, theta / [1, 4, 4])
    assert factor == pytest.approx(0.1 * np.log(4) + 1)
    for length, divisors in ((16, [1, 1.5, 2]), (17, [1, 3, 6])):
        found, factor = frequencies(configuration("longrope"), length)
        np.testing.assert_allclose(found, theta / divisors, rtol=1e-6)
        assert factor == pytest.approx(np.sqrt(1 + np.log(4) / np.log(16)))


def test_yarn_options():
    theta, _ = default_frequencies(CONFIG, 64)
    ramp = (np.arange(3) - 0) / (3 * np.log(16 / (2 * np.pi)) / np.log(1e4))      # truncate가 거짓일 때
    gamma = 1 - np.clip(ramp, 0, 1)
    found, _ = frequencies(configuration("yarn", truncate=False))
    np.testing.assert_allclose(found, gamma * theta + (1 - gamma) * theta / 4)
    assert frequencies(configuration("yarn", attention_factor=0.7))[1] == 0.7
    ratio = frequencies(configuration("yarn", mscale=1.0, mscale_all_dim=0.5))[1]
    assert ratio == pytest.approx((0.1 * np.log(4) + 1) / (0.05 * np.log(4) + 1))
    assert frequencies(configuration("yarn", mscale=1.0))[1] == frequencies(configuration("yarn"))[1]


def test_null_is_the_default():
    assert frequencies(configuration("yarn", attention_factor=None, beta_fast=None))[1] > 1
    with pytest.raises(ValueError, match="빠진 값.*factor"):
        frequencies(configuration("linear", factor=None))


@pytest.mark.parametrize("kind, name", [(kind, name) for kind, values in SCALINGS.items() for name in values
                                        if (kind, name) != ("longrope", "factor")])
def test_missing_parameters_are_named(kind, name):
    config = configuration(kind)
    del config.rope_scaling[name]
    with pytest.raises(ValueError, match=rf"{kind}.*빠진 값: \['{name}'\]"):
        frequencies(config)


@pytest.mark.parametrize("kind", SCALINGS)
def test_unknown_parameters_are_named(kind):
    with pytest.raises(ValueError, match=rf"{kind}.*모르는 값: \['beta'\]"):
        frequencies(configuration(kind, beta=1))


@pytest.mark.parametrize("kind, name, value", [
    ("linear", "factor", 0.5), ("linear", "factor", "4"), ("dynamic", "factor", True), ("yarn", "factor", np.nan),
    ("yarn", "beta_fast", 0.5), ("yarn", "truncate", 1), ("yarn", "original_max_position_embeddings", -16),
    ("yarn", "attention_factor", 0), ("llama3", "high_freq_factor", 1.0), ("llama3", "low_freq_factor", 0),
    ("longrope", "long_factor", [1.0, 2.0]), ("longrope", "long_factor", 3.0), ("longrope", "short_factor", [1, 0, 1]),
])
def test_values_out_of_range_are_named(kind, name, value):
    with pytest.raises(ValueError, match=rf"{name}은"):
        frequencies(configuration(kind, **{name: value}))


def test_dynamic_needs_two_pairs():
    with pytest.raises(ValueError, match="head_dim"):
        frequencies(dataclasses.replace(configuration("dynamic"), head_dim=2))


@pytest.mark.parametrize("kind", SCALINGS)
def test_a_model_of_unknown_length(kind):
    """길이를 모르는 그래프와 XLA가 즉시 실행과 같다: dynamic과 longrope는 길이에 따라 주파수가 다르다."""
    keras.utils.set_random_seed(0)
    model = Llama(configuration(kind))
    signature = [tf.TensorSpec([None, None], tf.int32)]
    graph = tf.function(lambda tokens: model(tokens), input_signature=signature)
    compiled = tf.function(lambda tokens: model(tokens), jit_compile=True)
    for length in (9, 21):                                         # 학습한 길이 16의 안과 밖
        tokens = tf.reshape(tf.range(2 * length) % 23, (2, length))
        logits = model(tokens)
        np.testing.assert_allclose(graph(tokens), logits, atol=1e-5)
        np.testing.assert_allclose(compiled(tokens), logits, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_model_in_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = Llama(configuration("yarn"))
        assert np.isfinite(model(tf.zeros((1, 40), tf.int32))).all()
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("kind", SCALINGS)
def test_a_cache_keeps_one_set_of_frequencies(kind):
    """캐시의 키는 나중에 다시 돌리지 않는다: 주파수는 처음부터 캐시의 최대 길이의 것이어야 한다."""
    keras.utils.set_random_seed(0)
    model = Llama(configuration(kind))
    tokens = tf.reshape(tf.range(2 * 25) % 23, (2, 25))
    cache, parts = KVCache.empty(model.config, 2, 25), []
    for part in tf.split(tokens, [10, 7, 8], axis=1):              # 학습한 길이 16을 넘어간다
        logits, cache = model(part, cache=cache)
        parts.append(logits)
    np.testing.assert_allclose(tf.concat(parts, axis=1), model(tokens), atol=1e-5)


def test_a_scaled_model_is_saved_and_loaded(tmp_path):
    model = Llama(configuration("yarn"))
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    tokens = np.arange(20)[None]
    assert restored.config == model.config
    np.testing.assert_array_equal(restored(tokens), model(tokens))
