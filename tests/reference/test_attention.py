"""어텐션을 PyTorch의 구현과 견준다: 같은 입력, 복사한 가중치, float32."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_study.advanced_architectures.attention import (
    MultiHeadAttention,
    causal_mask,
    padding_mask,
    scaled_dot_product_attention,
)

torch = pytest.importorskip("torch")

RNG = np.random.RandomState(0)
B, H, T, S, D, D_V = 2, 3, 7, 9, 5, 4
TOLERANCE = 1e-5


def draw(*shape):
    return RNG.uniform(-1, 1, shape).astype("float32")


def assert_equal(pairs):
    """Compare (name, TensorFlow's, PyTorch's) and say how far apart they are."""
    errors = {name: float(np.abs(np.asarray(ours) - theirs.detach().numpy()).max()) for name, ours, theirs in pairs}
    assert max(errors.values()) < TOLERANCE, f"가장 큰 차이 {max(errors.values()):.1e}: {errors}"


def tensors(*arrays):
    return [torch.tensor(array, requires_grad=True) for array in arrays]


MASKS = {
    "none": None,
    "causal": causal_mask(T, S),
    "padding": padding_mask(np.arange(S) < np.array([[9], [4]]), pad=False),
    "random": tf.constant(RNG.uniform(size=(B, H, T, S)) < 0.7),
}


@pytest.mark.parametrize("name", MASKS)
def test_scaled_dot_product_attention(name):
    arrays, mask = (draw(B, H, T, D), draw(B, H, S, D), draw(B, H, S, D_V)), MASKS[name]
    direction = draw(B, H, T, D_V)
    ours = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(ours)
        output, _ = scaled_dot_product_attention(*ours, mask)
        loss = tf.reduce_sum(output * direction)
    theirs = tensors(*arrays)
    expected = torch.nn.functional.scaled_dot_product_attention(
        *theirs, attn_mask=None if mask is None else torch.tensor(np.asarray(mask))
    )
    (expected * torch.tensor(direction)).sum().backward()
    gradients = zip(("d/dq", "d/dk", "d/dv"), tape.gradient(loss, ours), (x.grad for x in theirs))
    assert_equal([("output", output, expected), *gradients])


def test_the_causal_flag_of_torch():
    arrays = draw(B, H, T, D), draw(B, H, T, D), draw(B, H, T, D_V)
    output, _ = scaled_dot_product_attention(*map(tf.constant, arrays), causal_mask(T))
    expected = torch.nn.functional.scaled_dot_product_attention(*map(torch.tensor, arrays), is_causal=True)
    assert_equal([("output", output, expected)])


def test_a_row_without_keys_is_zero_in_torch_too():
    arrays = draw(B, H, T, D), draw(B, H, S, D), draw(B, H, S, D_V)
    mask = np.arange(T)[:, None] > np.zeros(S)
    output, _ = scaled_dot_product_attention(*map(tf.constant, arrays), tf.constant(mask))
    expected = torch.nn.functional.scaled_dot_product_attention(*map(torch.tensor, arrays), attn_mask=torch.tensor(mask))
    assert (output[:, :, 0].numpy() == 0).all()
    assert_equal([("output", output, expected)])


def twins(width, value_width):
    """Our layer and PyTorch's with the same random weights and biases."""
    ours = MultiHeadAttention(H, width // H)
    ours.build((None, None, width), (None, None, value_width))
    ours.set_weights([RNG.uniform(-1, 1, w.shape) for w in ours.weights])
    theirs = torch.nn.MultiheadAttention(width, H, kdim=value_width, vdim=value_width, batch_first=True)
    W_Q, b_Q, W_K, b_K, W_V, b_V, W_O, b_O = ours.get_weights()
    if value_width == width:
        copied = {"in_proj_weight": np.concatenate([W_Q, W_K, W_V], axis=1).T}
    else:
        copied = {"q_proj_weight": W_Q.T, "k_proj_weight": W_K.T, "v_proj_weight": W_V.T}
    copied |= {"in_proj_bias": np.concatenate([b_Q, b_K, b_V]), "out_proj.weight": W_O.T, "out_proj.bias": b_O}
    theirs.load_state_dict({name: torch.tensor(array) for name, array in copied.items()})
    return ours, theirs


@pytest.mark.parametrize("value_width", [12, 10])
@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention(value_width, masked):
    layer, module = twins(12, value_width)
    query, value, direction = draw(B, T, 12), draw(B, S, value_width), draw(B, T, 12)
    real = np.arange(S) < np.array([[9], [6]])                                 # (B, S)
    mask = causal_mask(T, S) & padding_mask(real, pad=False) if masked else None
    inputs = [tf.constant(query), tf.constant(value)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output, weights = layer(*inputs, mask)
        loss = tf.reduce_sum(output * direction)
    d_query, d_value, d_W_Q, _, d_W_K, _, d_W_V, d_b_V, d_W_O, d_b_O = tape.gradient(
        loss, [*inputs, *layer.trainable_variables]
    )
    q, v = tensors(query, value)
    expected, expected_weights = module(                                       # PyTorch에서는 참이 "보지 않는다"
        q, v, v, average_attn_weights=False,
        attn_mask=torch.tensor(~causal_mask(T, S).numpy()) if masked else None,
        key_padding_mask=torch.tensor(~real) if masked else None,
    )
    (expected * torch.tensor(direction)).sum().backward()
    if value_width == 12:
        kernels = module.in_proj_weight.grad.T.split(12, dim=1)
    else:
        kernels = [getattr(module, f"{name}_proj_weight").grad.T for name in "qkv"]
    assert_equal([
        ("output", output, expected), ("weights", weights, expected_weights),
        ("d/dquery", d_query, q.grad), ("d/dvalue", d_value, v.grad),
        ("d/dW_Q", d_W_Q, kernels[0]), ("d/dW_K", d_W_K, kernels[1]), ("d/dW_V", d_W_V, kernels[2]),
        ("d/db_V", d_b_V, module.in_proj_bias.grad[24:]),
        ("d/dW_O", d_W_O, module.out_proj.weight.grad.T), ("d/db_O", d_b_O, module.out_proj.bias.grad),
    ])
