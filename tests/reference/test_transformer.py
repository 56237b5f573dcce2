"""트랜스포머의 블록을 PyTorch의 것과 견준다: 같은 입력, 복사한 가중치, float32."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_study.advanced_architectures.attention import causal_mask, padding_mask
from tf_study.advanced_architectures.transformer import TransformerDecoderBlock, TransformerEncoderBlock

torch = pytest.importorskip("torch")

RNG = np.random.RandomState(0)
B, T, S, D, H, F = 2, 7, 9, 12, 3, 20
REAL = np.arange(T) < np.array([[7], [4]])                             # (B, T)
SEEN = np.arange(S) < np.array([[5], [9]])                             # (B, S)
SELF_MASK = causal_mask(T) & padding_mask(REAL, pad=False)
CROSS_MASK = padding_mask(SEEN, pad=False)
FUTURE = torch.tensor(~causal_mask(T).numpy())                         # PyTorch에서는 참이 "보지 않는다"
TOLERANCE = 1e-5


def draw(*shape):
    return RNG.uniform(-1, 1, shape).astype("float32")


def assert_equal(pairs, record_property):
    """Compare (name, TensorFlow's, PyTorch's) and report how far apart they are."""
    errors = {name: float(np.abs(np.asarray(ours) - theirs.detach().numpy()).max()) for name, ours, theirs in pairs}
    worst = max(errors, key=errors.get)
    record_property("largest_error", f"{errors[worst]:.1e} ({worst})")
    assert errors[worst] < TOLERANCE, f"가장 큰 차이 {errors[worst]:.1e}: {errors}"


def attention(layer, module):
    """Pairs of the layer's weights and where PyTorch keeps them (a parameter and its rows)."""
    parts = ((layer.W_Q, slice(0, D)), (layer.W_K, slice(D, 2 * D)), (layer.W_V, slice(2 * D, 3 * D)))
    for dense, rows in parts:
        yield dense.kernel, module.in_proj_weight, rows
        yield dense.bias, module.in_proj_bias, rows
    yield from whole(layer.W_O, module.out_proj)


def whole(layer, module):
    """The same for a Dense layer or a normalisation, which PyTorch keeps whole."""
    yield from ((ours, theirs, slice(None)) for ours, theirs in zip(layer.weights, (module.weight, module.bias)))


def pairs_of(block, module):
    yield from attention(block.attention, module.self_attn)
    if isinstance(block, TransformerDecoderBlock):
        yield from attention(block.cross_attention, module.multihead_attn)
        norms = (block.attention_norm, module.norm1), (block.cross_norm, module.norm2), (block.ffn_norm, module.norm3)
    else:
        norms = (block.attention_norm, module.norm1), (block.ffn_norm, module.norm2)
    for layer, part in (*norms, (block.W_1, module.linear1), (block.W_2, module.linear2)):
        yield from whole(layer, part)


def twins(block, kind, *shapes):
    """`block` and PyTorch's layer with the same random weights, biases and gains too."""
    block.build(*shapes)
    block.set_weights([RNG.uniform(-0.5, 0.5, w.shape) for w in block.weights])
    module = kind(D, H, F, dropout=0.0, activation=block.activation.__name__, batch_first=True,
                  norm_first=block.norm_first)
    with torch.no_grad():
        for ours, theirs, rows in pairs_of(block, module):
            theirs[rows] = torch.tensor(ours.numpy().T)
    return block, module


def compare(block, module, ours, theirs, inputs, record_property):
    """Outputs, and gradients with respect to the inputs and all weights, of the two callables."""
    direction = draw(B, T, D)
    ours_in = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(ours_in)
        output = ours(*ours_in)
        loss = tf.reduce_sum(output * direction)
    weights = list(pairs_of(block, module))
    assert len(weights) == len(block.weights)
    d_inputs, d_weights = tape.gradient(loss, [ours_in, [w for w, _, _ in weights]])
    theirs_in = [torch.tensor(x, requires_grad=True) for x in inputs]
    expected = theirs(*theirs_in)
    (expected * torch.tensor(direction)).sum().backward()
    pairs = [("output", output, expected)]
    pairs += [(f"d/dinput {i}", a, b.grad) for i, (a, b) in enumerate(zip(d_inputs, theirs_in))]
    pairs += [(f"d/d{w.path.partition('/')[2]}", d, p.grad[rows].t()) for d, (w, p, rows) in zip(d_weights, weights)]
    assert_equal(pairs, record_property)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_encoder_block(norm_first, activation, masked, record_property):
    block = TransformerEncoderBlock(H, F, norm_first, activation=activation)
    block, module = twins(block, torch.nn.TransformerEncoderLayer, (B, T, D))
    masks = {"src_mask": FUTURE, "src_key_padding_mask": torch.tensor(~REAL)} if masked else {}
    compare(block, module, lambda x: block(x, SELF_MASK if masked else None), lambda x: module(x, **masks),
            [draw(B, T, D)], record_property)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_decoder_block(norm_first, masked, record_property):
    block, module = twins(
        TransformerDecoderBlock(H, F, norm_first), torch.nn.TransformerDecoderLayer, (B, T, D), (B, S, D)
    )
    masks = {"tgt_mask": FUTURE, "tgt_key_padding_mask": torch.tensor(~REAL),
             "memory_key_padding_mask": torch.tensor(~SEEN)} if masked else {}
    ours_masks = (SELF_MASK, CROSS_MASK) if masked else ()
    compare(block, module, lambda x, memory: block(x, memory, *ours_masks),
            lambda x, memory: module(x, memory, **masks), [draw(B, T, D), draw(B, S, D)], record_property)
