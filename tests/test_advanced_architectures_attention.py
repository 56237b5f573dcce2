"""7.1이 내보내는 것: 스케일 내적 어텐션, 마스크, 헤드 나누기, 멀티헤드 어텐션."""

from __future__ import annotations

import itertools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_study.advanced_architectures.attention import (
    MultiHeadAttention,
    causal_mask,
    merge_heads,
    padding_mask,
    scaled_dot_product_attention,
    split_heads,
)

RNG = np.random.RandomState(0)
B, H, T, S, D, D_V = 2, 3, 4, 5, 6, 7


def draw(*shape):
    return tf.constant(RNG.uniform(-1, 1, shape), tf.float32)


def heads():
    return draw(B, H, T, D), draw(B, H, S, D), draw(B, H, S, D_V)


def by_hand(q, k, v, mask):
    """The formula with loops; `mask` (B, H, T, S)."""
    output, weights = np.zeros((B, H, T, D_V)), np.zeros((B, H, T, S))
    for b, h, t in itertools.product(range(B), range(H), range(T)):
        seen = np.flatnonzero(mask[b, h, t])
        if len(seen) == 0:
            continue
        e = np.array([np.dot(q[b, h, t], k[b, h, j]) for j in seen]) / np.sqrt(D)
        weights[b, h, t, seen] = np.exp(e) / np.exp(e).sum()
        output[b, h, t] = weights[b, h, t] @ v[b, h].numpy()
    return output, weights


@pytest.mark.parametrize("shape", [None, (T, S), (B, 1, 1, S), (B, 1, T, S), (1, H, T, 1), (B, H, T, S)])
@pytest.mark.parametrize("compiled", [False, True])
def test_attention_is_the_formula(shape, compiled):
    q, k, v = heads()
    mask = None if shape is None else tf.constant(RNG.uniform(size=shape) < 0.5)
    full = np.broadcast_to(True if mask is None else mask.numpy(), (B, H, T, S))
    function = tf.function(scaled_dot_product_attention) if compiled else scaled_dot_product_attention
    for ours, expected in zip(function(q, k, v, mask), by_hand(q, k, v, full)):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


def test_heads_of_queries_share_one_head_of_keys():
    q, k, v = draw(B, H, T, D), draw(B, 1, S, D), draw(B, 1, S, D_V)
    shared = scaled_dot_product_attention(q, k, v)
    repeated = scaled_dot_product_attention(q, tf.repeat(k, H, 1), tf.repeat(v, H, 1))
    for ours, expected in zip(shared, repeated):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_a_query_that_may_look_nowhere_takes_nothing():
    q, k, v = heads()
    mask = tf.constant(np.arange(T)[:, None] > np.zeros(S))            # 쿼리 0은 아무것도 보지 못한다
    with tf.GradientTape() as tape:
        tape.watch([q, k, v])
        output, weights = scaled_dot_product_attention(q, k, v, mask)
    assert (weights[:, :, 0].numpy() == 0).all() and (output[:, :, 0].numpy() == 0).all()
    np.testing.assert_allclose(tf.reduce_sum(weights[:, :, 1:], -1), 1, rtol=1e-5)
    gradients = tape.gradient(output, [q, k, v])
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert (gradients[0][:, :, 0].numpy() == 0).all()


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_huge_scores_stay_finite(size):
    q, k, v = heads()
    output, weights = scaled_dot_product_attention(q * size, k, v, causal_mask(T, S))
    assert np.isfinite(output).all() and np.isfinite(weights).all()
    assert (weights.numpy()[..., ~causal_mask(T, S).numpy()[0]][:, :, 0] == 0).all()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 5e-3), ("bfloat16", 3e-2)])
def test_half_precision(dtype, tolerance):
    q, k, v = heads()
    mask = causal_mask(T, S)
    output, weights = scaled_dot_product_attention(*(tf.cast(x, dtype) for x in (q, k, v)), mask)
    expected = scaled_dot_product_attention(q, k, v, mask)
    assert output.dtype == weights.dtype == dtype
    np.testing.assert_allclose(tf.cast(output, "float32"), expected[0], atol=tolerance)
    np.testing.assert_allclose(tf.cast(weights, "float32"), expected[1], atol=tolerance)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": draw(B, H, S, D + 1)}, r"q \(\.\.\., T, d\)"),
        ({"v": draw(B, H, S + 1, D_V)}, r"v \(\.\.\., S, d_v\)"),
        ({"mask": tf.ones((T, S))}, "mask는 bool.*float32"),
        ({"mask": tf.ones((S, T), tf.bool)}, "mask는 bool"),
        ({"mask": tf.ones((B, T, S), tf.bool)}, "mask는 bool"),      # 배치의 축을 헤드로 읽지 않는다
    ],
)
def test_wrong_arguments_of_attention(change, message):
    q, k, v = heads()
    with pytest.raises(ValueError, match=message):
        scaled_dot_product_attention(**({"q": q, "k": k, "v": v} | change))


def test_a_mask_never_enlarges_the_weights():
    q, k, v = heads()
    with pytest.raises(ValueError, match="mask는 bool"):
        scaled_dot_product_attention(q[:, :, :1], k, v, tf.ones((T, S), tf.bool))


@pytest.mark.parametrize(("t", "s"), [(1, 1), (4, 4), (2, 5), (1, 3)])
def test_the_causal_mask_is_the_end_of_a_triangle(t, s):
    expected = np.tril(np.ones((s, s), bool))[s - t :]
    np.testing.assert_array_equal(causal_mask(t, s), expected, strict=True)
    dynamic = tf.function(causal_mask, input_signature=[tf.TensorSpec([], tf.int32)] * 2)
    np.testing.assert_array_equal(dynamic(tf.constant(t), tf.constant(s)), expected)


@pytest.mark.parametrize("sizes", [(0,), (3, 2)])
def test_wrong_sizes_of_the_causal_mask(sizes):
    with pytest.raises(ValueError, match="1 ≤ t ≤ s"):
        causal_mask(*sizes)


def test_the_padding_mask():
    mask = padding_mask(np.array([[3, 0, 7], [9, 9, 9]]), pad=9)
    np.testing.assert_array_equal(mask, np.array([[[[True] * 3]], [[[False] * 3]]]))
    assert padding_mask(tf.constant([[3, 0]])).numpy().tolist() == [[[[True, False]]]]
    with pytest.raises(ValueError, match=r"tokens는 \(B, S\)"):
        padding_mask(np.array([1, 2]))


def test_heads_are_split_and_merged():
    x = draw(B, T, H * D)
    folded = split_heads(x, H)
    for i in range(H):
        np.testing.assert_array_equal(folded[:, i], x[:, :, i * D : (i + 1) * D])
    np.testing.assert_array_equal(merge_heads(folded), x)
    dynamic = tf.function(lambda x: merge_heads(split_heads(x, H)), input_signature=[tf.TensorSpec([None, None, H * D])])
    np.testing.assert_array_equal(dynamic(x), x)


def keras_twin(layer, query, value):
    twin = keras.layers.MultiHeadAttention(layer.num_heads, layer.key_dim)
    twin.build(query.shape, value.shape)
    twin.set_weights([w.reshape(theirs.shape) for w, theirs in zip(layer.get_weights(), twin.weights)])
    return twin


def built(query, value, **kwargs):
    """A layer all of whose weights, the biases too, are random."""
    layer = MultiHeadAttention(H, D, **kwargs)
    layer.build(query.shape, value.shape)
    layer.set_weights([RNG.uniform(-1, 1, w.shape) for w in layer.weights])
    return layer


@pytest.mark.parametrize("mask", [None, causal_mask(T, S)])
def test_the_layer_equals_that_of_keras(mask):
    query, value = draw(B, T, 8), draw(B, S, 9)
    layer = built(query, value)
    theirs = keras_twin(layer, query, value)(query, value, attention_mask=mask, return_attention_scores=True)
    for ours, expected in zip(layer(query, value, mask), theirs):
        assert ours.shape == expected.shape
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_no_output_depends_on_the_future():
    x = draw(B, T, 8)
    layer = built(x, x)
    for t in range(1, T):
        changed = tf.concat([x[:, :t], x[:, t:] + 1], axis=1)
        before, after = (layer(value, value, causal_mask(T))[0].numpy() for value in (x, changed))
        np.testing.assert_allclose(after[:, :t], before[:, :t], atol=1e-6)
        assert (np.abs(after - before)[:, t:] > 1e-3).any(axis=-1).all()


def test_the_layer_in_mixed_precision_and_in_a_graph():
    x = draw(B, T, 8)
    layer = built(x, x, dtype="mixed_float16")
    output, weights = tf.function(layer)(x, x, causal_mask(T))
    assert output.dtype == weights.dtype == tf.float16
    assert {w.dtype for w in layer.weights} == {"float32"}
    reference = MultiHeadAttention(H, D)
    reference.build(x.shape, x.shape)
    reference.set_weights(layer.get_weights())
    np.testing.assert_allclose(output, reference(x, x, causal_mask(T))[0], atol=3e-2)


def test_the_layer_with_open_axes_is_saved_and_loaded(tmp_path):
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 8)(tokens)
    model = keras.Model(tokens, MultiHeadAttention(H, D)(x, x, padding_mask(tokens)))
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    for length in (3, 6):
        ids = np.minimum(np.arange(2 * length).reshape(2, length), 8)
        for ours, theirs in zip(model(ids), copy(ids)):
            np.testing.assert_array_equal(ours, theirs)
    assert copy.layers[-1].get_config() == model.layers[-1].get_config()


def test_a_mask_of_keras_is_not_dropped_silently():
    x = keras.layers.Embedding(5, 8, mask_zero=True)(np.array([[1, 2, 0]]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        MultiHeadAttention(H, D)(x, x)
    assert any("does not support masking" in str(warning.message) for warning in caught)


def test_wrong_arguments_of_the_layer():
    for sizes in ((0, 4), (2, 0)):
        with pytest.raises(ValueError, match="num_heads와 key_dim은 1 이상"):
            MultiHeadAttention(*sizes)
    x = draw(B, T, 8)
    with pytest.raises(ValueError, match=r"query는 \(B, T, D\)"):
        MultiHeadAttention(2, 4)(x[:, 0], x)
    with pytest.raises(ValueError, match="mask는 bool"):
        MultiHeadAttention(2, 4)(x, x, tf.ones((B, T, T), tf.bool))
