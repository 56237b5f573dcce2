"""12.1이 내보내는 것: 설정, RMSNorm, SwiGLU, 회전, 그룹 쿼리 어텐션, Llama, 가중치 옮기기, 세기."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_study.advanced_architectures.attention import scaled_dot_product_attention
from tf_study.modern_llms import llama
from tf_study.modern_llms.llama import (
    GroupedQueryAttention,
    Llama,
    LlamaBlock,
    LlamaConfig,
    RMSNorm,
    SwiGLU,
    flops_per_token,
    from_huggingface,
    grouped_attention,
    parameter_count,
    rope_table,
    rotate,
)

SMALL = LlamaConfig(vocab_size=37, hidden_size=20, intermediate_size=28, num_hidden_layers=2,
                    num_attention_heads=6, num_key_value_heads=2, head_dim=4, max_position_embeddings=16)
CONFIGS = {
    "tied": SMALL,
    "untied": dataclasses.replace(SMALL, tie_word_embeddings=False),
    "window and bias": dataclasses.replace(SMALL, sliding_window=3, qkv_bias=True),
}
B, T, D = 2, 7, 20
TOKENS = np.random.RandomState(0).randint(0, 37, (B, T))
POLICIES = {"float32": 1e-5, "mixed_bfloat16": 3e-2, "mixed_float16": 4e-3}


def draw(*shape, seed=0):
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype("float32")


def randomised(layer, *shapes):
    """All weights random: gains of 1 and biases of 0 would hide which is which."""
    if shapes:
        layer.build(*shapes)
    layer.set_weights([draw(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


@pytest.fixture(scope="module", params=CONFIGS)
def model(request):
    return randomised(Llama(CONFIGS[request.param]))


# 설정


@pytest.mark.parametrize("change, message", [
    ({"vocab_size": 0}, "vocab_size"),
    ({"hidden_size": -20}, "hidden_size.*-20"),
    ({"num_hidden_layers": 2.0}, "num_hidden_layers.*정수"),
    ({"intermediate_size": True}, "intermediate_size.*True"),
    ({"max_position_embeddings": "16"}, "max_position_embeddings"),
    ({"num_key_value_heads": 4}, "배수.*6, 4"),
    ({"num_key_value_heads": 12}, "배수.*6, 12"),
    ({"head_dim": None}, "head_dim이 없으면.*20, 6"),
    ({"head_dim": 5}, "짝수.*5"),
    ({"sliding_window": 0}, "sliding_window"),
    ({"rope_theta": -1.0}, "rope_theta"),
    ({"rms_norm_eps": 0}, "rms_norm_eps"),
    ({"qkv_bias": 1}, "qkv_bias.*true나 false"),
    ({"tie_word_embeddings": "yes"}, "tie_word_embeddings.*yes"),
    ({"rope_scaling": {"factor": 2.0}}, "rope_type"),
    ({"rope_scaling": "yarn"}, "rope_type.*yarn"),
])
def test_a_wrong_configuration_names_the_field(change, message):
    with pytest.raises(ValueError, match=message):
        LlamaConfig.from_dict(dataclasses.asdict(SMALL) | change)


def test_unknown_and_missing_fields():
    with pytest.raises(ValueError, match=r"모르는 필드: \['hiden_size'\], 빠진 필드: \['hidden_size'\]"):
        LlamaConfig.from_dict({"hiden_size" if k == "hidden_size" else k: v
                               for k, v in dataclasses.asdict(SMALL).items()})
    with pytest.raises(ValueError, match="사전"):
        LlamaConfig.from_dict([1, 2])


def test_yaml(tmp_path):
    config = dataclasses.replace(SMALL, rope_scaling={"rope_type": "default"}, rope_theta=5e5)
    config.to_yaml(tmp_path / "a.yaml")
    assert LlamaConfig.from_yaml(tmp_path / "a.yaml") == config
    for name, text in (("list.yaml", "- 1"), ("broken.yaml", "a: [1"), ("empty.yaml", "")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=name):
            LlamaConfig.from_yaml(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        LlamaConfig.from_yaml(tmp_path / "none.yaml")


def test_presets():
    assert {name: parameter_count(LlamaConfig.preset(name))["total"] for name in llama.PRESETS} == {
        "kr_mini_small": 7_752_960, "kr_mini_medium": 397_722_624, "kr_mini_large": 870_262_272}
    with pytest.raises(KeyError, match="kr_mini_small.*tiny"):
        LlamaConfig.preset("tiny")


# 부품


@pytest.mark.parametrize("policy", POLICIES)
def test_rms_norm_equals_keras(policy):
    x = 5 * draw(B, T, D)
    ours = randomised(RMSNorm(1e-3, dtype=policy), x.shape)
    theirs = randomised(keras.layers.RMSNormalization(epsilon=1e-3), x.shape)
    result = ours(x)
    assert keras.backend.standardize_dtype(result.dtype) == ours.compute_dtype
    np.testing.assert_allclose(tf.cast(result, tf.float32), theirs(x), atol=2 * POLICIES[policy])


def test_rms_norm_of_large_float16():
    x = tf.constant([[300.0, -200.0, 100.0]], tf.float16)
    assert np.isfinite(RMSNorm(dtype="mixed_float16")(x)).all()
    assert np.abs(RMSNorm(dtype="mixed_float16")(x)).max() > 1


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("jit", [None, False, True], ids=["eager", "graph", "jit"])
def test_swiglu(policy, jit):
    x = draw(B, T, D)
    layer = randomised(SwiGLU(9, dtype=policy), x.shape)
    function = layer if jit is None else tf.function(layer, jit_compile=jit)
    gate, up = x @ draw(D, 18)[:, :9], x @ draw(D, 18)[:, 9:]
    expected = gate / (1 + np.exp(-gate)) * up @ draw(9, D, seed=1)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(tf.cast(function(x), tf.float32) / scale, expected / scale, atol=POLICIES[policy])


def test_rotation_is_a_complex_product():
    config = dataclasses.replace(SMALL, head_dim=8, rope_theta=100.0)
    positions, x = np.array([[0, 3, 4], [7, 7, 900]]), draw(2, 3, 8)
    cos, sin = rope_table(config, positions, 1000)
    z = (x[..., :4] + 1j * x[..., 4:]) * np.exp(1j * positions[..., None] * 100.0 ** (-np.arange(4) / 4))
    np.testing.assert_allclose(rotate(tf.constant(x), cos, sin), np.concatenate([z.real, z.imag], -1), atol=1e-4)
    for dtype in ("bfloat16", "float16"):
        assert rotate(tf.cast(x, dtype), cos, sin).dtype == dtype


def test_an_unknown_rope_type():
    config = dataclasses.replace(SMALL, rope_scaling={"rope_type": "spiral"})
    with pytest.raises(ValueError, match="default.*spiral"):
        rope_table(config, np.arange(3), 3)


@pytest.mark.parametrize("G", [6, 3, 2, 1])
@pytest.mark.parametrize("jit", [None, False, True], ids=["eager", "graph", "jit"])
def test_grouped_attention_equals_repeated_keys(G, jit):
    inputs = [tf.constant(3 * draw(B, heads, n, 4, seed=n)) for heads, n in ((6, 5), (G, 8), (G, 8))]
    mask = np.random.RandomState(3).rand(B, 5, 8) < 0.5
    mask[..., 0] = True

    def ours(q, k, v):
        return grouped_attention(q, k, v, mask)

    def theirs(q, k, v):
        k, v = (tf.repeat(x, 6 // G, axis=1) for x in (k, v))
        return scaled_dot_product_attention(q, k, v, mask[:, None])[0]

    function = ours if jit is None else tf.function(ours, jit_compile=jit)
    for a, b in zip(gradients(function, inputs), gradients(theirs, inputs), strict=True):
        np.testing.assert_allclose(a, b, atol=3e-5)


def gradients(function, inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(*inputs)
        loss = tf.reduce_sum(output * draw(*output.shape, seed=9))
    return [output, *tape.gradient(loss, inputs)]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_grouped_attention_in_low_precision(dtype):
    q, k, v = (draw(B, heads, n, 4, seed=n) for heads, n in ((6, 5), (2, 8), (2, 8)))
    low = grouped_attention(*(tf.cast(x, dtype) for x in (q, k, v)))
    assert low.dtype == dtype
    np.testing.assert_allclose(tf.cast(low, tf.float32), grouped_attention(q, k, v), atol=2e-2)


@pytest.mark.parametrize("jit", [None, True], ids=["eager", "jit"])
def test_many_equal_keys_in_float16(jit):
    """The sum of the values, 102400, is beyond float16; their mean is not."""
    q, k, v = np.zeros((1, 4, 1, 4)), np.zeros((1, 2, 1024, 4)), np.full((1, 2, 1024, 4), 100.0)
    function = grouped_attention if jit is None else tf.function(grouped_attention, jit_compile=jit)
    o = function(*(tf.constant(x, tf.float16) for x in (q, k, v)))
    np.testing.assert_allclose(tf.cast(o, tf.float32), np.full((1, 4, 1, 4), 100.0), rtol=1e-2)


def test_a_query_that_may_look_nowhere_is_finite():
    q, k = draw(1, 2, 3, 4), draw(1, 1, 5, 4)
    inputs = [tf.constant(x) for x in (q, k, k)]
    results = gradients(lambda q, k, v: grouped_attention(q, k, v, np.zeros((3, 5), bool)), inputs)
    assert all(np.isfinite(x).all() for x in results)


@pytest.mark.parametrize("shapes", [
    [(6, 5, 4), (2, 5, 4), (2, 5, 4)], [(1, 6, 5, 4), (1, 4, 5, 4), (1, 4, 5, 4)],
    [(1, 6, 5, 4), (1, 2, 5, 6), (1, 2, 5, 6)], [(1, 6, 5, 4), (1, 2, 5, 4), (1, 2, 6, 4)],
])
def test_wrong_shapes_of_attention(shapes):
    with pytest.raises(ValueError, match=r"q \(B, H, T, d\)"):
        grouped_attention(*(draw(*shape) for shape in shapes))


def test_wrong_mask_of_attention():
    with pytest.raises(ValueError, match="attention_mask"):
        grouped_attention(draw(1, 2, 5, 4), draw(1, 1, 5, 4), draw(1, 1, 5, 4), np.ones((1, 1, 5, 5), bool))


@pytest.mark.parametrize("G", [6, 2, 1])
@pytest.mark.parametrize("bias", [False, True])
def test_attention_equals_keras(G, bias):
    x, (H, d) = draw(B, T, D, seed=5), (6, 4)
    ours = randomised(GroupedQueryAttention(H, G, d, qkv_bias=bias), x.shape)
    theirs = keras.layers.GroupQueryAttention(d, H, G, use_bias=bias)
    theirs.build(x.shape, x.shape)
    split = [H * d, (H + G) * d]
    kernels = [k.reshape(D, -1, d) for k in np.split(ours.qkv.kernel.numpy(), split, axis=1)]
    out = ours.out.kernel.numpy().reshape(H, d, D)
    if bias:
        biases = [b.reshape(-1, d) for b in np.split(ours.qkv.bias.numpy(), split)]
        theirs.set_weights([w for pair in zip(kernels, biases) for w in pair] + [out, np.zeros(D)])
    else:
        theirs.set_weights([*kernels, out])
    mask = np.tri(T, dtype=bool)
    np.testing.assert_allclose(ours(x, attention_mask=mask), theirs(x, x, use_causal_mask=True), atol=1e-4)


@pytest.mark.parametrize("make, message", [
    (lambda: GroupedQueryAttention(6, 4, 4), "배수.*6, 4"),
    (lambda: GroupedQueryAttention(0, 1, 4), "num_heads"),
    (lambda: GroupedQueryAttention(2, 1, -4), "head_dim"),
    (lambda: SwiGLU(0), "units"),
    (lambda: RMSNorm(-1.0), "epsilon"),
])
def test_wrong_arguments_of_layers(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("layer", [
    RMSNorm(1e-3), SwiGLU(9), GroupedQueryAttention(6, 2, 4, qkv_bias=True)], ids=lambda layer: type(layer).__name__)
def test_layers_are_saved(layer, tmp_path):
    x = draw(B, T, D)
    model = keras.Sequential([keras.Input((T, D)), type(layer).from_config(layer.get_config())])
    model.set_weights([draw(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(x), model(x))


# 모델


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "jit"])
def test_compiled_equals_eager(model, jit):
    compiled = tf.function(model, jit_compile=jit)
    np.testing.assert_allclose(compiled(tf.constant(TOKENS)), model(TOKENS), atol=2e-4)


def test_open_shapes(model):
    signature = [tf.TensorSpec([None, None], tf.int32)]
    dynamic = tf.function(lambda tokens: model(tokens), input_signature=signature)
    for tokens in (TOKENS, TOKENS[:1, :4]):
        np.testing.assert_allclose(dynamic(tf.constant(tokens, tf.int32)), model(tokens), atol=2e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("jit", [None, True], ids=["eager", "jit"])
def test_mixed_precision(policy, jit):
    full = Llama(CONFIGS["untied"])
    half = Llama(CONFIGS["untied"], dtype=policy)
    half.set_weights(full.get_weights())
    assert {w.dtype for w in half.weights} == {"float32"}
    assert half.hidden_states(TOKENS).dtype == half.compute_dtype
    logits = (half if jit is None else tf.function(half, jit_compile=jit))(TOKENS)
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(logits, full(TOKENS), atol=2e-2)


def test_saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "llama.keras")
    again = keras.saving.load_model(tmp_path / "llama.keras")
    assert type(again) is Llama and again.config == model.config
    np.testing.assert_array_equal(again(TOKENS), model(TOKENS))


def test_a_block_is_saved(tmp_path):
    rope = rope_table(SMALL, np.arange(T), T)
    x = keras.Input((T, D))
    block = LlamaBlock(SMALL, 1, SwiGLU(28))
    model = keras.Model(x, block(x, rope=rope, attention_mask=np.tri(T, dtype=bool)))
    model.set_weights([draw(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    model.save(tmp_path / "block.keras")
    again = keras.saving.load_model(tmp_path / "block.keras")
    np.testing.assert_allclose(again(draw(B, T, D)), model(draw(B, T, D)), atol=1e-5)
    settings = block.get_config()
    assert LlamaBlock.from_config(settings).get_config() == settings and settings["layer"] == 1


def test_configuration_of_the_model_is_not_consumed():
    settings = Llama(SMALL, dtype="mixed_bfloat16").get_config()
    for _ in range(2):
        again = Llama.from_config(settings)
        assert again.config == SMALL and again.compute_dtype == "bfloat16"


def test_weights_and_logits(model):
    assert model.count_params() == parameter_count(model.config)["total"]
    logits = model(TOKENS)
    assert logits.shape == (B, T, 37) and logits.dtype == tf.float32
    hidden = model.hidden_states(TOKENS)
    np.testing.assert_allclose(model.logits(hidden), logits, atol=1e-4)


def test_the_future_changes_nothing(model):
    other = np.where(np.arange(T) < 4, TOKENS, (TOKENS + 1) % 37)
    moved = np.abs(model(other) - model(TOKENS)).max(axis=(0, 2))
    assert moved[:4].max() < 1e-4 and moved[4:].min() > 1e-2


def test_left_padding_with_positions_changes_nothing(model):
    padded = np.concatenate([np.full((B, 3), 5), TOKENS], axis=1)
    real = np.tile(np.arange(T + 3) >= 3, (B, 1))
    positions = np.maximum(np.cumsum(real, axis=1) - 1, 0)
    logits = model(padded, positions=positions, padding_mask=real)
    np.testing.assert_allclose(logits[:, 3:], model(TOKENS), atol=3e-4)
    assert np.isfinite(logits).all()


def test_positions_count_by_their_differences(model):
    logits = model(TOKENS).numpy()
    positions = np.outer([1, 3], np.arange(T)) + 50               # 첫 줄은 한 칸씩, 둘째 줄은 세 칸씩
    moved = model(TOKENS, positions=positions).numpy()
    np.testing.assert_allclose(moved[0], logits[0], atol=1e-3)
    assert np.abs(moved[1] - logits[1]).max() > 1e-2
    np.testing.assert_allclose(model(TOKENS, positions=positions[1])[1], moved[1], atol=1e-4)


def test_tied_weights_get_gradients_from_both_ends():
    model = randomised(Llama(SMALL))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(TOKENS)[..., :3])
    gradient = tf.convert_to_tensor(tape.gradient(loss, model.embedding.embeddings)).numpy()
    unused = [token for token in range(37) if token not in TOKENS]
    assert (np.abs(gradient[:3]).sum(axis=1) > 0).all()           # 출력으로
    assert not gradient[[t for t in unused if t > 2]].any()
    assert (np.abs(gradient[np.unique(TOKENS)]).sum(axis=1) > 0).all()     # 입력으로


def test_a_training_step_compiled():
    keras.utils.set_random_seed(0)
    model = Llama(SMALL)
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function(jit_compile=True)
    def step(tokens):
        with tf.GradientTape() as tape:
            loss = loss_fn(tokens[:, 1:], model(tokens[:, :-1]))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    losses = [float(step(tf.constant(TOKENS))) for _ in range(40)]
    assert losses[0] == pytest.approx(np.log(37), abs=0.2) and losses[-1] < 0.5 * losses[0]


def test_another_feed_forward_network():
    class Plain(Llama):
        def make_feed_forward(self, layer):
            return keras.layers.Dense(self.config.hidden_size, name=f"plain_{layer}", dtype=self.dtype_policy)

    model = Plain(SMALL, dtype="mixed_bfloat16")
    assert [block.feed_forward.name for block in model.blocks] == ["plain_0", "plain_1"]
    assert model(TOKENS).shape == (B, T, 37)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "jit"])
def test_fit_tells_the_layers_that_it_trains(jit):
    seen = []

    class Recorder(keras.layers.Dense):
        def call(self, x, training=None):
            seen.append(training)
            return super().call(x)

    class Recording(Llama):
        def make_feed_forward(self, layer):
            return Recorder(self.config.hidden_size, dtype=self.dtype_policy)

    model = Recording(SMALL)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=jit)
    seen.clear()
    model.fit(TOKENS[:, :-1], TOKENS[:, 1:], verbose=0)
    assert seen and all(training is True for training in seen)
    seen.clear()
    model.predict(TOKENS, verbose=0)
    assert seen and not any(seen)
    seen.clear()
    model(TOKENS, training=True)
    assert seen == [True, True]


@pytest.mark.parametrize("case", ["tied", "untied"])
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_two_halves_of_call_in_low_precision(case, policy):
    model = Llama(CONFIGS[case], dtype=policy)
    hidden = model.hidden_states(TOKENS)
    logits = model.logits(hidden)
    assert hidden.dtype == model.compute_dtype and logits.dtype == tf.float32
    np.testing.assert_array_equal(logits, model(TOKENS))


@pytest.mark.parametrize("tokens", [TOKENS[0], TOKENS[None]], ids=["one axis", "three axes"])
def test_tokens_have_two_axes(tokens):
    with pytest.raises(ValueError, match=r"tokens는 \(B, T\)"):
        Llama(SMALL).hidden_states(tokens)


# Hugging Face의 이름


def state_of(model):
    """The state dict that Hugging Face would have for the weights of `model`."""
    config, state = model.config, {"model.embed_tokens.weight": model.embedding.embeddings.numpy(),
                                   "model.norm.weight": model.norm.g.numpy()}
    if model.head is not None:
        state["lm_head.weight"] = model.head.kernel.numpy().T
    q, kv = (n * config.head_dim for n in (config.num_attention_heads, config.num_key_value_heads))
    for block in model.blocks:
        prefix = f"model.layers.{block.layer}."
        attention, network = block.attention, block.feed_forward
        for name, part in zip("qkv", np.split(attention.qkv.kernel.numpy(), [q, q + kv], axis=1)):
            state[f"{prefix}self_attn.{name}_proj.weight"] = part.T
        if config.qkv_bias:
            for name, part in zip("qkv", np.split(attention.qkv.bias.numpy(), [q, q + kv])):
                state[f"{prefix}self_attn.{name}_proj.bias"] = part
        gate, up = np.split(network.gate_up.kernel.numpy(), 2, axis=1)
        state |= {prefix + name + ".weight": value for name, value in {
            "self_attn.o_proj": attention.out.kernel.numpy().T, "mlp.gate_proj": gate.T, "mlp.up_proj": up.T,
            "mlp.down_proj": network.down.kernel.numpy().T, "input_layernorm": block.attention_norm.g.numpy(),
            "post_attention_layernorm": block.feed_forward_norm.g.numpy()}.items()}
    return state


def test_from_huggingface_takes_every_weight(model):
    state = state_of(model) | {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(2)}
    np.testing.assert_array_equal(from_huggingface(state, model.config)(TOKENS), model(TOKENS))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_from_huggingface_reads_other_dtypes(dtype):
    """Published checkpoints are in bfloat16, which NumPy has from ml_dtypes."""
    model = randomised(Llama(SMALL))
    state = {name: value.astype(tf.as_dtype(dtype).as_numpy_dtype) for name, value in state_of(model).items()}
    again = from_huggingface(state, SMALL)
    rounded = {name: value.astype("float32") for name, value in state.items()}
    for name, value in state_of(again).items():
        assert value.dtype == "float32"
        np.testing.assert_array_equal(value, rounded[name])


def test_from_huggingface_ignores_the_tied_head():
    model = randomised(Llama(SMALL))
    state = state_of(model)
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    np.testing.assert_array_equal(from_huggingface(state, SMALL)(TOKENS), model(TOKENS))


@pytest.mark.parametrize("change, message", [
    (lambda s: s.pop("model.layers.1.mlp.up_proj.weight"), "mlp.up_proj.weight이.* 없다"),
    (lambda s: s.update({"model.layers.2.mlp.up_proj.weight": np.ones((28, 20))}), "없는 가중치.*layers.2"),
    (lambda s: s.update({"model.norm.weight": np.ones(21)}), r"\(20,\)여야 한다.*\(21,\)"),
])
def test_a_wrong_state_dict(change, message):
    state = state_of(Llama(SMALL))
    change(state)
    with pytest.raises(ValueError, match=message):
        from_huggingface(state, SMALL)


# 세기


@pytest.mark.parametrize("sizes, count", [
    (dict(vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
          num_key_value_heads=8, tie_word_embeddings=False), 8_030_261_248),
    (dict(vocab_size=128256, hidden_size=8192, intermediate_size=28672, num_hidden_layers=80, num_attention_heads=64,
          num_key_value_heads=8, tie_word_embeddings=False), 70_553_706_496),
    (dict(vocab_size=32000, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
          num_key_value_heads=8, tie_word_embeddings=False), 7_241_732_096),
    (dict(vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
          num_key_value_heads=2, qkv_bias=True), 494_032_768),
], ids=["Llama-3-8B", "Llama-3-70B", "Mistral-7B", "Qwen2.5-0.5B"])
def test_published_parameter_counts(sizes, count):
    assert parameter_count(LlamaConfig(**sizes))["total"] == count


def test_flops_do_not_depend_on_tying_or_biases():
    flops = {flops_per_token(config, 10) for config in (
        SMALL, CONFIGS["untied"], dataclasses.replace(SMALL, qkv_bias=True))}
    assert flops == {2 * (2 * (20 * 40 + 24 * 20 + 3 * 20 * 28) + 37 * 20) + 4 * 2 * 24 * 10}
