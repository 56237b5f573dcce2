"""12.5가 내보내는 것: 편향이 있는 라우터, 공유 전문가가 있는 MoE, 여러 토큰 예측과 그 손실."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_study.modern_llms.deepseek_moe import (
    DEEPSEEK_V3,
    DeepSeekMoE,
    DeepSeekRouter,
    MultiTokenPrediction,
    bias_update,
    deepseek_parameters,
    mtp_loss,
)
from tf_study.modern_llms.kv_cache import generate
from tf_study.modern_llms.llama import Llama, LlamaConfig

RNG = np.random.RandomState(0)
B, T, D, F, N, K = 2, 5, 6, 3, 8, 3
CONFIG = LlamaConfig(11, 8, 12, 1, 2, 1)


def draw(*shape):
    return tf.constant(RNG.uniform(-1, 1, shape), tf.float32)


def randomised(layer, *shape):
    layer.build(shape)
    layer.set_weights([RNG.uniform(-1, 1, w.shape) for w in layer.weights])
    return layer


def moe(**kwargs):
    kwargs = {"num_groups": 4, "top_groups": 2, "scaling_factor": 2.5, "num_shared": 2, **kwargs}
    return randomised(DeepSeekMoE(F, N, K, **kwargs), B, T, D)


def prediction(depth=2, **kwargs):
    model = MultiTokenPrediction(Llama(CONFIG, **kwargs), depth)
    model.set_weights([RNG.uniform(-1, 1, w.shape) for w in model.weights])
    return model


# 편향


def test_the_bias_moves_against_the_load():
    bias = np.array([0.5, 0.0, -1.0, 2.0], "float32")
    for load in ([6, 1, 3, 2], [0.5, 1 / 12, 0.25, 1 / 6]):
        np.testing.assert_allclose(bias_update(bias, np.array(load, "float32"), 0.1), bias + [-0.1, 0.1, 0, 0.1])


@pytest.mark.parametrize("compiled", [None, False, True])
def test_the_bias_moves_in_training_only(compiled):
    router = randomised(DeepSeekRouter(N, K, bias_update_rate=0.1), B, T, D)
    call = router if compiled is None else tf.function(router, jit_compile=compiled)
    bias, u = router.bias.numpy(), draw(B, T, D)
    _, indices, _ = call(u)
    np.testing.assert_array_equal(router.bias, bias)
    np.testing.assert_array_equal(call(u, training=True)[1], indices)          # 옛 편향으로 고른다
    load = np.bincount(np.ravel(indices), minlength=N)
    np.testing.assert_allclose(router.bias, bias + 0.1 * np.sign(load.mean() - load), rtol=1e-5)


def test_a_rate_of_zero_leaves_the_bias():
    router = randomised(DeepSeekRouter(N, K), B, T, D)
    bias = router.bias.numpy()
    router(draw(B, T, D), training=True)
    np.testing.assert_array_equal(router.bias, bias)
    assert [w.name for w in router.trainable_weights] == ["kernel"]


def test_a_large_bias_chooses_but_does_not_weigh():
    router = randomised(DeepSeekRouter(N, K, scaling_factor=2.5), B, T, D)
    router.bias.assign([9.0, 8, 7, 0, 0, 0, 0, 0])
    weights, indices, logits = router(draw(B, T, D))
    assert (indices.numpy() == [0, 1, 2]).all()
    s = 1 / (1 + np.exp(-logits.numpy()[..., :3]))
    np.testing.assert_allclose(weights, 2.5 * s / s.sum(axis=-1, keepdims=True), rtol=1e-5)


def test_a_group_is_scored_by_its_two_best():
    router = DeepSeekRouter(6, 2, num_groups=2, top_groups=1)
    router.build((None, 1))
    router.kernel.assign([[3.0, -2, -2, 1, 0.9, -9]])      # 가장 큰 하나는 묶음 0, 두 개의 합은 묶음 1
    assert router(np.ones((1, 1), "float32"))[1].numpy().tolist() == [[3, 4]]


# 레이어


@pytest.mark.parametrize("kwargs", [{}, {"num_shared": 0}, {"num_groups": 1, "top_groups": 1}])
def test_compiled_equals_eager(kwargs):
    layer, u = moe(**kwargs), draw(B, T, D)
    for compiled in (False, True):
        np.testing.assert_allclose(tf.function(layer, jit_compile=compiled)(u), layer(u), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer(tf.reshape(u, [-1, D])), tf.reshape(layer(u), [-1, D]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "mixed_bfloat16", "mixed_float16"])
def test_half_precision_routes_in_float32(dtype):
    layer, u = moe(bias_update_rate=0.001), draw(B, T, D)
    half = moe(dtype=dtype, bias_update_rate=0.001)
    half.set_weights(layer.get_weights())
    u = tf.cast(tf.cast(u, half.compute_dtype), tf.float32)    # 같은 토큰을 고르게
    out = half(tf.cast(u, half.compute_dtype), training=True)
    assert out.dtype == half.compute_dtype and half.router.bias.dtype == "float32" and half.load.dtype == "float32"
    np.testing.assert_allclose(tf.cast(out, tf.float32), layer(u), rtol=0.1, atol=0.1)


def test_losses_and_load_in_training_only():
    layer, u = moe(balance_weight=0.5), draw(B, T, D)
    layer(u)
    assert layer.losses == []
    layer(u, training=True)
    _, indices, logits = layer.router(u)
    share = np.bincount(np.ravel(indices), minlength=N) / (B * T * K)
    s = 1 / (1 + np.exp(-logits.numpy().reshape(-1, N)))
    expected = 0.5 * N * (share * (s / s.sum(axis=1, keepdims=True)).mean(axis=0)).sum()
    np.testing.assert_allclose(layer.losses[0], expected, rtol=1e-4)
    np.testing.assert_allclose(layer.load, share, rtol=1e-5)
    assert moe()(u, training=True) is not None and moe().losses == []


def test_gradients_reach_every_trainable_weight():
    layer, u = moe(), draw(40, D)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(u, training=True) ** 2)
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, layer.trainable_weights)]
    assert all(np.abs(g).max() > 0 for g in gradients)


def test_serialisation_keeps_the_layer(tmp_path):
    model = keras.Sequential([keras.Input((T, D)), DeepSeekMoE(F, N, K, 2, 4, 2, 2.5, 0.01, 0.1)])
    model.layers[0].router.bias.assign(draw(N))
    model.save(tmp_path / "moe.keras")
    loaded, u = keras.models.load_model(tmp_path / "moe.keras"), draw(B, T, D)
    np.testing.assert_allclose(loaded(u), model(u), rtol=1e-5)
    assert loaded.layers[0].get_config() == model.layers[0].get_config()


@pytest.mark.parametrize(("kwargs", "message"), [
    (dict(num_experts=0), "num_experts"), (dict(top_k=9), "top_k"), (dict(num_groups=3), "num_groups"),
    (dict(num_groups=8), "둘 이상"), (dict(num_groups=4, top_groups=5), "top_groups"),
    (dict(num_groups=4, top_groups=1), "top_k"), (dict(scaling_factor=0), "scaling_factor"),
    (dict(bias_update_rate=-1), "bias_update_rate"), (dict(units=0), "units"), (dict(num_shared=-1), "num_shared"),
    (dict(num_shared=1.5), "num_shared"), (dict(num_shared=True), "num_shared"),
    (dict(balance_weight=-0.1), "balance_weight"),
])  # fmt: skip
def test_wrong_options_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        DeepSeekMoE(**{"units": F, "num_experts": N, "top_k": K, **kwargs})


# 여러 토큰 예측


@pytest.mark.parametrize("compiled", [False, True])
def test_compiled_prediction_equals_eager(compiled):
    model, tokens = prediction(), tf.constant(RNG.randint(0, 11, (B, T)))
    logits = model(tokens)
    assert [x.shape for x in logits] == [(B, T - k, 11) for k in range(3)]
    for ours, expected in zip(tf.function(model, jit_compile=compiled)(tokens), logits):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(logits[0], model.llama(tokens), rtol=1e-4, atol=1e-5)


def test_prediction_of_an_open_length():
    model, tokens = prediction(), RNG.randint(0, 11, (B, T)).astype("int32")
    call = tf.function(model, input_signature=[tf.TensorSpec([None, None], tf.int32)])
    targets = RNG.randint(0, 11, (B, T))
    np.testing.assert_allclose(mtp_loss(targets, call(tokens)), mtp_loss(targets, model(tokens)), rtol=1e-4)


def test_the_future_does_not_leak():
    model, tokens = prediction(), RNG.randint(0, 11, (1, 7))
    changed = tokens.copy()
    changed[0, 4] = (tokens[0, 4] + 1) % 11
    for k, (a, b) in enumerate(zip(model(tokens), model(changed))):
        differs = np.abs(a - b).max(axis=(0, 2)) > 1e-5
        assert not differs[:4 - k].any() and differs[4 - k]


def test_the_loss_by_a_loop():
    T, logits = 6, [draw(B, 6 - k, 11) for k in range(3)]
    targets = RNG.randint(0, 11, (B, T))
    sums = [-sum(tf.nn.log_softmax(logits[k])[b, i, targets[b, i + k]] for b in range(B) for i in range(T - k))
            for k in range(3)]
    main, *later = np.array(sums) / (B * T)
    np.testing.assert_allclose(mtp_loss(targets, logits, 0.3), main + 0.3 * np.mean(later), rtol=1e-5)
    np.testing.assert_allclose(mtp_loss(targets, logits, 0.0), main, rtol=1e-5)


def test_the_mask_of_a_sliding_window_is_kept():
    config = LlamaConfig(11, 8, 12, 1, 2, 1, sliding_window=2)
    model = MultiTokenPrediction(Llama(config), 1)
    model.set_weights([RNG.uniform(-1, 1, w.shape) for w in model.weights])
    tokens = RNG.randint(0, 11, (1, 8))
    changed = tokens.copy()
    changed[0, 0] = (tokens[0, 0] + 1) % 11
    differs = np.abs(model(tokens)[1] - model(changed)[1]).max(axis=(0, 2)) > 1e-6
    assert differs[:3].any() and not differs[3:].any()     # 블록 둘이 둘씩 본다


def test_a_prediction_is_saved_and_trains_in_half_precision(tmp_path):
    model, tokens = prediction(depth=1, dtype="mixed_bfloat16"), RNG.randint(0, 11, (B, T))
    model.save(tmp_path / "mtp.keras")
    loaded = keras.models.load_model(tmp_path / "mtp.keras")
    assert loaded.mtp_modules[0].compute_dtype == "bfloat16"
    for ours, expected in zip(loaded(tokens), model(tokens)):
        assert ours.dtype == tf.float32
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3)
    with tf.GradientTape() as tape:
        loss = mtp_loss(tokens, model(tokens, training=True))
    assert all(g is not None for g in tape.gradient(loss, model.trainable_weights))


class MoELlama(Llama):
    def make_feed_forward(self, layer):
        return DeepSeekMoE(6, 4, 2, bias_update_rate=0.1, balance_weight=0.1, dtype=self.dtype_policy)


def test_the_modules_take_the_feed_forward_of_the_llama():
    model, tokens = MultiTokenPrediction(MoELlama(CONFIG)), RNG.randint(0, 11, (B, T))
    layers = [model.llama.blocks[0].feed_forward, model.mtp_modules[0].block.feed_forward]
    model(tokens)
    assert all(np.abs(layer.router.bias).max() == 0 for layer in layers) and model.losses == []
    tf.function(model, jit_compile=True)(tokens, training=True)
    assert all(np.abs(layer.router.bias).max() > 0 for layer in layers)
    model(tokens, training=True)
    assert len(model.losses) == 2
    assert [len(row) for row in generate(model.llama, [[1, 2, 3], [4]], 3)] == [3, 3]


def test_fit_moves_the_biases():
    model = MultiTokenPrediction(MoELlama(CONFIG))
    tokens = np.full((B, T), 3)                # 같은 토큰은 같은 전문가로 가므로 부하가 고를 수 없다
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=[loss, loss])
    model.fit(tokens, [tokens, tokens[:, 1:]], verbose=0)
    layers = [model.llama.blocks[0].feed_forward, model.mtp_modules[0].block.feed_forward]
    assert all(np.abs(layer.router.bias).max() > 0 for layer in layers)


@pytest.mark.parametrize("depth", [0, 1.5, True])
def test_wrong_depths(depth):
    with pytest.raises(ValueError, match="depth"):
        MultiTokenPrediction(Llama(CONFIG), depth)


def test_wrong_lengths():
    with pytest.raises(ValueError, match="depth=2보다"):
        prediction()(RNG.randint(0, 11, (1, 2)))
    targets = np.zeros((B, T), "int32")
    for logits in ([draw(B, T, 11)], [draw(B, T, 11), draw(B, T, 11)]):
        with pytest.raises(ValueError, match="logits"):
            mtp_loss(targets, logits)


def test_deepseek_v3_is_counted():
    counts = deepseek_parameters(DEEPSEEK_V3)
    assert (counts["total"], counts["active"]) == (671_026_404_352, 36_625_603_584)
