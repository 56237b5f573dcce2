"""7.2가 내보내는 것: 사인과 코사인의 위치 인코딩, 트랜스포머의 인코더 블록과 디코더 블록."""

from __future__ import annotations

import warnings

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from tf_study.advanced_architectures.attention import causal_mask, padding_mask
from tf_study.advanced_architectures.transformer import (
    TransformerDecoderBlock,
    TransformerEncoderBlock,
    sinusoidal_positions,
)

RNG = np.random.RandomState(0)
B, T, S, D, H, F = 2, 5, 7, 6, 3, 10
REAL = np.arange(T) < np.array([[5], [3]])                             # (B, T)
SEEN = np.arange(S) < np.array([[4], [7]])                             # (B, S)
SELF_MASK = causal_mask(T) & padding_mask(REAL, pad=False)             # (B, 1, T, T)
CROSS_MASK = padding_mask(SEEN, pad=False)                             # (B, 1, 1, S)


def draw(*shape):
    return tf.constant(RNG.uniform(-1, 1, shape), tf.float32)


def randomised(layer, *shapes):
    """All weights random: gains of 1 and biases of 0 would hide which is which."""
    layer.build(*shapes)
    layer.set_weights([RNG.uniform(-1, 1, w.shape) for w in layer.weights])
    return layer


def encoder(**kwargs):
    return randomised(TransformerEncoderBlock(H, F, **kwargs), (B, T, D))


def decoder(**kwargs):
    return randomised(TransformerDecoderBlock(H, F, **kwargs), (B, T, D), (B, S, D))


# 위치 인코딩


@pytest.mark.parametrize(("length", "dim"), [(1, 2), (5, 6), (400, 64)])
def test_positions_are_the_formula(length, dim):
    expected = np.zeros((length, dim))
    for pos in range(length):
        for i in range(dim // 2):
            expected[pos, 2 * i] = np.sin(pos / 10000 ** (2 * i / dim))
            expected[pos, 2 * i + 1] = np.cos(pos / 10000 ** (2 * i / dim))
    positions = sinusoidal_positions(length, dim)
    assert positions.shape == (length, dim) and positions.dtype == tf.float32
    np.testing.assert_allclose(positions, expected, atol=5e-5)


def test_positions_of_an_open_length():
    dynamic = tf.function(lambda n: sinusoidal_positions(n, 8), input_signature=[tf.TensorSpec([], tf.int32)])
    np.testing.assert_allclose(dynamic(tf.constant(7)), sinusoidal_positions(7, 8), atol=1e-6)


@pytest.mark.parametrize(("length", "dim", "message"), [(5, 7, "짝수"), (5, 0, "짝수"), (0, 4, "length는 1 이상")])
def test_wrong_sizes_of_positions(length, dim, message):
    with pytest.raises(ValueError, match=message):
        sinusoidal_positions(length, dim)


# 블록


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_encoder_block_equals_that_of_keras_hub(norm_first, activation):
    block, x = encoder(norm_first=norm_first, activation=activation), draw(B, T, D)
    library = keras_hub.layers.TransformerEncoder(F, H, activation=activation, normalize_first=norm_first)
    library.build(x.shape)
    library.set_weights([w.reshape(theirs.shape) for w, theirs in zip(block.get_weights(), library.weights)])
    output, weights = block(x, SELF_MASK, return_attention_scores=True)
    expected, scores = library(
        x, padding_mask=REAL, attention_mask=np.broadcast_to(causal_mask(T), (B, T, T)), return_attention_scores=True
    )
    np.testing.assert_allclose(output, expected, atol=2e-5)
    np.testing.assert_allclose(weights, scores, atol=1e-5)
    np.testing.assert_array_equal(block(x, SELF_MASK), output)


@pytest.mark.parametrize("norm_first", [False, True])
def test_the_decoder_block_equals_that_of_keras_hub(norm_first):
    block, x, memory = decoder(norm_first=norm_first), draw(B, T, D), draw(B, S, D)
    library = keras_hub.layers.TransformerDecoder(F, H, normalize_first=norm_first)
    library.build(x.shape, memory.shape)
    weights = block.get_weights()
    weights = weights[:-6] + weights[-4:] + weights[-6:-4]             # 그쪽은 마지막 정규화가 맨 뒤이다
    library.set_weights([w.reshape(theirs.shape) for w, theirs in zip(weights, library.weights)])
    output, scores = block(x, memory, SELF_MASK, CROSS_MASK, return_attention_scores=True)
    expected = library(x, memory, decoder_padding_mask=REAL, encoder_padding_mask=SEEN)
    np.testing.assert_allclose(output, expected, atol=2e-5)
    np.testing.assert_array_equal(block(x, memory, SELF_MASK, CROSS_MASK), output)
    assert scores.shape == (B, H, T, S) and (scores.numpy()[0, :, :, 4:] == 0).all()
    np.testing.assert_allclose(tf.reduce_sum(scores, -1), 1, rtol=1e-5)


@pytest.mark.parametrize("norm_first", [False, True])
def test_no_output_depends_on_what_is_masked(norm_first):
    x, memory, block = draw(B, T, D), draw(B, S, D), decoder(norm_first=norm_first)
    before = block(x, memory, SELF_MASK, CROSS_MASK).numpy()
    for t in range(1, T):
        changed = tf.concat([x[:, :t], -x[:, t:]], axis=1)
        after = block(changed, memory, SELF_MASK, CROSS_MASK).numpy()
        np.testing.assert_allclose(after[:, :t], before[:, :t], atol=1e-5)
        assert (np.abs(after - before)[:, t:] > 1e-3).any(axis=-1).all()
    changed = tf.where(SEEN[..., None], memory, 9.0)
    np.testing.assert_allclose(block(x, changed, SELF_MASK, CROSS_MASK), before, atol=1e-5)
    assert np.abs(block(x, changed, SELF_MASK) - before).max() > 1e-2


def test_memory_of_another_width():
    block = randomised(TransformerDecoderBlock(H, F), (B, T, D), (B, S, 4))
    assert block(draw(B, T, D), draw(B, S, 4)).shape == (B, T, D)


def test_dropout_works_in_training_only():
    x, block, plain = draw(B, T, D), encoder(dropout=0.5), encoder()
    plain.set_weights(block.get_weights())
    np.testing.assert_array_equal(block(x), plain(x))
    np.testing.assert_array_equal(block(x, training=False), plain(x))
    dropped = block(x, training=True).numpy()
    assert np.abs(dropped - plain(x)).max() > 0.1 and np.abs(dropped - block(x, training=True)).max() > 0.1
    block.set_weights([np.zeros(w.shape) for w in block.weights])      # 부품이 0을 내면 남는 것은 x이다
    assert (block(x, training=True).numpy() == 0).all()
    first = TransformerEncoderBlock(H, F, norm_first=True, dropout=1.0)
    np.testing.assert_array_equal(first(x, training=True), x)          # 지름길은 버리지 않는다


@pytest.mark.parametrize("norm_first", [False, True])
def test_mixed_precision_and_graph(norm_first):
    x, memory = draw(B, T, D), draw(B, S, D)
    for make, inputs in ((encoder, (x, SELF_MASK)), (decoder, (x, memory, SELF_MASK, CROSS_MASK))):
        block, half = make(norm_first=norm_first), make(norm_first=norm_first, dtype="mixed_float16")
        half.set_weights(block.get_weights())
        expected, output = block(*inputs), tf.function(half)(*inputs)
        assert output.dtype == tf.float16 and {w.dtype for w in half.weights} == {"float32"}
        np.testing.assert_allclose(output, expected, atol=5e-2)
        np.testing.assert_allclose(tf.function(block)(*inputs), expected, atol=1e-5)


def test_a_model_with_open_axes_is_saved_and_loaded(tmp_path):
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(9, D)
    memory = TransformerEncoderBlock(H, F, activation="gelu", dropout=0.1)(embedding(source), padding_mask(source))
    output = TransformerDecoderBlock(H, F, norm_first=True)(
        embedding(target), memory, cross_mask=padding_mask(source)
    )
    model = keras.Model([source, target], output)
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    for length in (3, 6):
        ids = np.minimum(np.arange(2 * length).reshape(2, length), 8)
        np.testing.assert_array_equal(model([ids, ids[:, ::-1]]), copy([ids, ids[:, ::-1]]))
    for kind in (TransformerEncoderBlock, TransformerDecoderBlock):
        ours, theirs = ([b.get_config() for b in m.layers if isinstance(b, kind)] for m in (model, copy))
        assert ours == theirs and len(ours) == 1


def test_parameters_are_the_formula():
    attention, norm, ffn = 4 * (D * D + D), 2 * D, 2 * D * F + F + D
    assert encoder().count_params() == attention + ffn + 2 * norm
    assert decoder(dropout=0.1).count_params() == 2 * attention + ffn + 3 * norm


def test_a_mask_of_keras_is_not_dropped_silently():
    x = keras.layers.Embedding(5, D, mask_zero=True)(np.array([[1, 2, 0]]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        TransformerEncoderBlock(H, F)(x)
    assert any("does not support masking" in str(warning.message) for warning in caught)


def test_wrong_arguments():
    for sizes in ((0, 4), (2, 0)):
        with pytest.raises(ValueError, match="num_heads와 ffn_dim은 1 이상"):
            TransformerEncoderBlock(*sizes)
    x = draw(B, T, D)
    for wrong in (x[:, 0], draw(B, T, D + 1)):
        with pytest.raises(ValueError, match=r"x는 \(B, T, D\)이고 D는 num_heads=3의 배수"):
            TransformerEncoderBlock(H, F)(wrong)
    with pytest.raises(ValueError, match=r"value는 \(B, S, D_v\)"):
        TransformerDecoderBlock(H, F)(x, x[:, 0])
    with pytest.raises(ValueError, match="mask는 bool"):
        TransformerEncoderBlock(H, F)(x, tf.cast(SELF_MASK, tf.float32))
