"""12.4가 내보내는 것: 라우터, 전문가들, 보조 손실, z-손실, MoE 레이어."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_study.modern_llms.kv_cache import generate
from tf_study.modern_llms.llama import Llama, LlamaConfig
from tf_study.modern_llms.moe import MoE, Experts, Router, _capacity, expert_load, load_balancing_loss, z_loss

RNG = np.random.RandomState(0)
D, F, N = 6, 7, 5
CONFIG = dict(vocab_size=61, hidden_size=24, intermediate_size=20, num_hidden_layers=2,
              num_attention_heads=4, num_key_value_heads=2)


@keras.saving.register_keras_serializable(package="test_moe")
class MoELlama(Llama):
    def make_feed_forward(self, layer):
        return MoE(4, 2, self.config.intermediate_size, capacity_factor=1.0, dtype=self.dtype_policy)


def draw(*shape):
    return tf.constant(RNG.uniform(-1, 1, shape), tf.float32)


def build(top_k=2, **options):
    """A layer with weights large enough that no part of it is lost in the tolerance."""
    layer = MoE(N, top_k, F, **options)
    layer.build((None, None, D))
    layer.router.kernel.assign(2 * draw(D, N))
    layer.experts.gate_up.assign(draw(N, D, 2 * F))
    layer.experts.down.assign(draw(N, F, D))
    return layer


def by_hand(layer, x, capacity=None):
    """The formula with loops over tokens; first choices are seated first."""
    tokens = np.reshape(x, (-1, D)).astype("float64")
    logits = tokens @ layer.router.kernel.numpy()
    scores = 1 / (1 + np.exp(-logits)) if layer.router.gate == "sigmoid" else np.exp(logits)
    if layer.router.gate == "softmax":
        scores /= scores.sum(1, keepdims=True)
    order = np.argsort(-scores, axis=1)[:, :layer.router.top_k]
    y, seated = np.zeros_like(tokens), np.zeros(N, int)
    for k in range(layer.router.top_k):
        for t, token in enumerate(tokens):
            i = order[t, k]
            seated[i] += 1
            if capacity is not None and seated[i] > capacity:
                continue
            gate, up = np.split(token @ layer.experts.gate_up.numpy()[i], 2)
            weight = scores[t, i] / (scores[t, order[t]].sum() if layer.router.normalize else 1)
            y[t] += weight * (gate / (1 + np.exp(-gate)) * up) @ layer.experts.down.numpy()[i]
    return y.reshape(x.shape)


def compiled(layer, mode, **options):
    if mode == "eager":
        return lambda x: layer(x, **options)
    return tf.function(lambda x: layer(x, **options), jit_compile=mode == "jit",
                       input_signature=[tf.TensorSpec((None, None, D))])


@pytest.mark.parametrize("mode", ["eager", "graph", "jit"])
@pytest.mark.parametrize("options", [dict(), dict(top_k=1), dict(top_k=N), dict(gate="sigmoid"),
                                     dict(gate="sigmoid", normalize=False), dict(top_k=1, normalize=True)])
def test_moe_is_the_formula(options, mode):
    layer = build(**options)
    function = compiled(layer, mode)
    for shape in ((3, 11, D), (1, 1, D), (2, 1, D)):
        x = draw(*shape)
        np.testing.assert_allclose(function(x), by_hand(layer, x.numpy()), rtol=1e-4, atol=1e-5)


def test_any_number_of_leading_axes():
    layer, x = build(), draw(2, 3, 4, D)
    np.testing.assert_allclose(layer(x), by_hand(layer, x.numpy()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tokens", [1, 2, 5, 6, 63])
@pytest.mark.parametrize("spread", ["one expert", "two experts", "random"])
def test_no_load_loses_a_token(tokens, spread):
    experts, x = Experts(N, F), draw(tokens, D)
    experts.build(x.shape)
    experts.gate_up.assign(draw(N, D, 2 * F))
    experts.down.assign(draw(N, F, D))
    indices = {"one expert": np.full((tokens, 1), N - 1), "two experts": np.tile([0, 3], (tokens, 1)),
               "random": np.argsort(RNG.uniform(size=(tokens, N)), 1)[:, :3]}[spread]
    weights = RNG.uniform(size=indices.shape).astype("float32")
    hidden = np.einsum("td,ndf->ntf", x, experts.gate_up)
    gate, up = np.split(hidden, 2, -1)
    every = np.einsum("ntf,nfd->tnd", gate / (1 + np.exp(-gate)) * up, experts.down)
    expected = (np.take_along_axis(every, indices[..., None], 1) * weights[..., None]).sum(1)
    for jit in (False, True):
        function = tf.function(experts, jit_compile=jit)
        np.testing.assert_allclose(function(x, weights, tf.constant(indices, tf.int32)), expected,
                                   rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["eager", "jit"])
@pytest.mark.parametrize("factor, capacity", [(1.0, 14), (0.5, 7), (1.1, 15), (2, 27)])
def test_capacity_limits_an_expert_while_training(factor, capacity, mode):
    layer, x = build(capacity_factor=factor), draw(3, 11, D)          # T K / N = 13.2
    y = compiled(layer, mode, training=True)(x)
    np.testing.assert_allclose(y, by_hand(layer, x.numpy(), capacity), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer(x), by_hand(layer, x.numpy()), rtol=1e-4, atol=1e-5)


def test_capacity_rounds_up_exactly():
    assert np.ceil(1.1 * 50) == 56
    assert _capacity(1.1, tf.zeros((25, 2), tf.int32), 1) == 55


@pytest.mark.parametrize("factor, capacity", [(4 / 3, 18), (1.23456789, 17)])
def test_capacity_of_a_long_fraction_fits_a_shape_that_is_unknown(factor, capacity):
    assert _capacity(factor, tf.zeros((3, 11, 2), tf.int32), N) == capacity       # 66 c / 5
    layer, x = build(capacity_factor=factor), draw(3, 11, D)
    np.testing.assert_allclose(compiled(layer, "graph", training=True)(x), by_hand(layer, x.numpy(), capacity),
                               rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_gradients_are_those_of_all_experts(jit):
    layer, x, target = build(balance_weight=0, z_weight=0), draw(40, D), draw(40, D)

    def dense(x):
        weights, indices, _ = layer.router(x)
        g = tf.reduce_sum(tf.one_hot(indices, N) * weights[..., None], 1)
        gate, up = tf.split(tf.einsum("td,ndf->ntf", x, layer.experts.gate_up), 2, -1)
        return tf.einsum("ntd,tn->td", (tf.nn.silu(gate) * up) @ layer.experts.down, g)

    def gradients(function):
        def run(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = tf.reduce_sum(function(x) * target)
            return [tf.convert_to_tensor(g) for g in tape.gradient(value, [x, *layer.trainable_variables])]
        return tf.function(run, jit_compile=jit)(x)

    for ours, expected in zip(gradients(lambda x: layer(x, training=True)), gradients(dense)):
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-4)


def test_router_returns_sorted_float32():
    router, x = Router(N, 3, dtype="bfloat16"), tf.cast(draw(2, 4, D), tf.bfloat16)
    weights, indices, logits = router(x)
    assert (weights.shape, indices.shape, logits.shape) == ((2, 4, 3), (2, 4, 3), (2, 4, N))
    assert weights.dtype == logits.dtype == tf.float32 and indices.dtype == tf.int32
    assert (np.diff(weights) <= 0).all()
    np.testing.assert_allclose(tf.reduce_sum(weights, -1), 1, rtol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(router.probabilities(logits), -1), 1, rtol=1e-5)


def test_scores_that_vanish_are_no_nan():
    router = Router(N, 2, gate="sigmoid")
    router.build((None, 1))
    router.kernel.assign(tf.fill((1, N), -1000.0))
    assert np.isfinite(router(tf.ones((1, 1)))[0]).all()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
@pytest.mark.parametrize("jit", [False, True])
def test_low_precision_chooses_the_same_experts(policy, jit):
    layer = build()
    low = MoE(N, 2, F, dtype=policy)
    low.build((None, None, D))
    for variable, value in zip(low.variables, layer.variables):
        variable.assign(tf.cast(value, variable.dtype))
    x = tf.cast(tf.cast(draw(2, 30, D), low.compute_dtype), tf.float32)
    y = tf.function(lambda x: low(x, training=True), jit_compile=jit)(x)
    assert y.dtype == low.compute_dtype and low.router.kernel.dtype == low.load.dtype == "float32"
    assert (low.router(x)[1] == layer.router(x)[1]).numpy().all()
    np.testing.assert_allclose(tf.cast(y, tf.float32), layer(x), atol=0.05)


def test_losses_only_while_training():
    layer, x = build(balance_weight=0.5, z_weight=0.25), draw(2, 9, D)
    layer(x)
    assert layer.losses == [] and (layer.load.numpy() == 0).all()
    layer(x, training=True)
    weights, indices, logits = layer.router(x)
    p, rows = tf.nn.softmax(logits).numpy().reshape(-1, N), indices.numpy().reshape(-1, 2)
    f = np.bincount(rows.ravel(), minlength=N) / rows.size
    balance, z = layer.losses
    np.testing.assert_allclose(layer.load, f, rtol=1e-6)
    np.testing.assert_allclose(balance, 0.5 * N * (f * p.mean(0)).sum(), rtol=1e-5)
    flat = logits.numpy().reshape(-1, N)
    np.testing.assert_allclose(z, 0.25 * (np.log(np.exp(flat).sum(1)) ** 2).mean(), rtol=1e-5)
    silent = build(balance_weight=0, z_weight=0)
    silent(x, training=True)
    assert silent.losses == []


def test_loss_functions_at_known_points():
    uniform, one = tf.fill((8, 4), 0.25), tf.one_hot(tf.zeros(8, tf.int32), 4)
    turns = tf.constant(np.arange(8)[:, None] % 4)
    assert load_balancing_loss(uniform, turns) == 1 and load_balancing_loss(one, tf.zeros((8, 1), tf.int32)) == 4
    assert expert_load(turns, 4).numpy().tolist() == [0.25] * 4
    np.testing.assert_allclose(z_loss(tf.zeros((3, 4))), np.log(4) ** 2, rtol=1e-6)
    assert np.isfinite(z_loss(tf.fill((3, 4), 1e4)))


@pytest.mark.parametrize("make, message", [
    (lambda: Router(0, 1), "num_experts"),
    (lambda: Router(4, 5), "top_k"),
    (lambda: Router(4, True), "top_k"),
    (lambda: Router(4, 2, gate="linear"), "gate"),
    (lambda: Experts(4, 2.5), "units"),
    (lambda: MoE(4, 2, 8, capacity_factor=0), "capacity_factor"),
    (lambda: MoE(4, 2, 8, balance_weight=-1), "balance_weight"),
    (lambda: Experts(4, 2)(tf.ones((3, D)), tf.ones((4, 2)), tf.zeros((4, 2), tf.int32)), "weights"),
    (lambda: Experts(4, 2)(tf.ones((3, D)), tf.ones((3, 1)), tf.zeros((3, 2), tf.int32)), "weights"),
])
def test_wrong_input_is_one_clear_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_config_round_trip():
    layer = MoE(N, 3, F, capacity_factor=1.25, balance_weight=0.1, z_weight=0.2, gate="sigmoid", normalize=False)
    again = MoE.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.router.get_config() == layer.router.get_config()


def test_model_is_saved_and_generates_as_it_computes(tmp_path):
    keras.utils.set_random_seed(0)
    model = MoELlama(LlamaConfig(**CONFIG))
    for variable in model.trainable_variables:
        variable.assign_add(0.2 * tf.random.stateless_normal(variable.shape, (0, 1)))
    model.save(tmp_path / "moe.keras")
    loaded = keras.saving.load_model(tmp_path / "moe.keras")
    prompts = [[1, 2, 3, 4], [5, 6]]
    for prompt, new in zip(prompts, generate(loaded, prompts, 8)):
        scores = model(np.array([[*prompt, *new]]))[0, len(prompt) - 1:-1]
        assert (np.argmax(scores, -1) == new).all()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_model_learns_with_fit_and_xla(policy):
    keras.utils.set_random_seed(0)
    model = MoELlama(LlamaConfig(**CONFIG), dtype=policy)
    tokens = np.tile(np.arange(9), (8, 1))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=True)
    history = model.fit(tokens[:, :-1], tokens[:, 1:], epochs=15, verbose=0).history["loss"]
    assert history[-1] < 0.9 * history[0]
    np.testing.assert_allclose(model.blocks[0].feed_forward.load.numpy().sum(), 1, rtol=1e-5)
    assert model.blocks[0].feed_forward.experts.compute_dtype == model.compute_dtype


def test_functional_model(tmp_path):
    inputs = keras.Input((None, D))
    model = keras.Model(inputs, MoE(N, 2, F, capacity_factor=2.0)(inputs))
    assert model.output.shape == (None, None, D)
    x = draw(2, 7, D)
    model(x, training=True)
    assert len(model.losses) == 2
    model.save(tmp_path / "moe.keras")
    np.testing.assert_allclose(keras.saving.load_model(tmp_path / "moe.keras")(x), model(x), atol=1e-6)
