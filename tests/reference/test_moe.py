"""MoE를 Hugging Face의 Mixtral과 견준다: 옮긴 가중치, float32."""

from __future__ import annotations

import json

import numpy as np
import pytest
from torch_side import in_torch

TOLERANCE = 1e-4
CASES = {
    "mixtral": dict(num_experts=8, top_k=2, units=16, hidden_size=12),
    "odd sizes": dict(num_experts=5, top_k=3, units=7, hidden_size=9),
    "every expert": dict(num_experts=3, top_k=3, units=10, hidden_size=6),
    "one token": dict(num_experts=4, top_k=2, units=6, hidden_size=8, tokens=(1, 1)),
}


def hugging_face(settings):
    """Weights, input, output and gradients of each block, and the losses (in the child)."""
    import torch
    from transformers import MixtralConfig, MixtralForCausalLM
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock, load_balancing_loss_func

    generator, outputs = torch.Generator().manual_seed(0), {}
    for case, sizes in json.loads(str(settings)).items():
        N, K, D = sizes["num_experts"], sizes["top_k"], sizes["hidden_size"]
        block = MixtralSparseMoeBlock(MixtralConfig(
            hidden_size=D, intermediate_size=sizes["units"], num_local_experts=N, num_experts_per_tok=K)).eval()
        for parameter in block.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)
        x = torch.randn((*sizes.get("tokens", (3, 11)), D), generator=generator).requires_grad_()
        target = torch.randn(x.shape, generator=generator)
        logits, weights, indices = block.gate(x)
        y = block(x)
        (y * target).sum().backward()
        layers = (logits, -logits.flip(0))
        values = {"x": x, "target": target, "y": y, "weights": weights, "indices": indices,
                  "x gradient": x.grad, "layers": torch.stack(layers),
                  "one loss": load_balancing_loss_func((logits,), N, K),
                  "loss": load_balancing_loss_func(layers, N, K)}
        for name, parameter in block.named_parameters():
            values |= {name: parameter, f"{name} gradient": parameter.grad}
        outputs |= {f"{case}/{name}": value.detach().numpy() for name, value in values.items()}
    with torch.device("meta"):
        mixtral = MixtralForCausalLM(MixtralConfig())
    return outputs | {"parameters": sum(p.numel() for p in mixtral.parameters())}


@pytest.fixture(scope="module")
def reference():
    return in_torch(hugging_face, settings=json.dumps(CASES))


@pytest.fixture(params=CASES)
def case(request, reference):
    """The sizes, the reference's values and the layer with its weights."""
    from tf_study.modern_llms.moe import MoE

    sizes, prefix = CASES[request.param], f"{request.param}/"
    values = {name.removeprefix(prefix): value for name, value in reference.items() if name.startswith(prefix)}
    layer = MoE(sizes["num_experts"], sizes["top_k"], sizes["units"], balance_weight=0, z_weight=0)
    layer.build(values["x"].shape)
    layer.router.kernel.assign(values["gate.weight"].T)
    layer.experts.gate_up.assign(values["experts.gate_up_proj"].swapaxes(1, 2))
    layer.experts.down.assign(values["experts.down_proj"].swapaxes(1, 2))
    return sizes, values, layer


def test_router_and_block_equal_hugging_face(case):
    sizes, values, layer = case
    weights, indices, _ = layer.router(values["x"])
    np.testing.assert_array_equal(np.reshape(indices, (-1, sizes["top_k"])), values["indices"])
    np.testing.assert_allclose(np.reshape(weights, (-1, sizes["top_k"])), values["weights"], atol=1e-6)
    assert np.abs(values["y"]).max() > 1
    np.testing.assert_allclose(layer(values["x"]), values["y"], rtol=TOLERANCE, atol=TOLERANCE)


def test_gradients_equal_hugging_face(case):
    import tensorflow as tf

    _, values, layer = case
    x = tf.constant(values["x"])
    parts = [layer.router.kernel, layer.experts.gate_up, layer.experts.down]
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(layer(x, training=True) * values["target"])
    ours = [tf.convert_to_tensor(g) for g in tape.gradient(value, [x, *(p.value for p in parts)])]
    expected = [values["x gradient"], values["gate.weight gradient"].T,
                values["experts.gate_up_proj gradient"].swapaxes(1, 2),
                values["experts.down_proj gradient"].swapaxes(1, 2)]
    for gradient, reference_gradient in zip(ours, expected):
        np.testing.assert_allclose(gradient, reference_gradient, rtol=1e-3, atol=1e-3)


def test_load_balancing_loss_is_k_times_ours(case):
    import tensorflow as tf

    from tf_study.modern_llms.moe import load_balancing_loss

    sizes, values, _ = case
    logits = np.reshape(values["layers"], (-1, sizes["num_experts"]))      # 모든 층의 토큰을 모은다
    for name, rows in (("one loss", logits[:len(logits) // 2]), ("loss", logits)):
        indices = tf.math.top_k(rows, sizes["top_k"])[1]
        ours = sizes["top_k"] * load_balancing_loss(tf.nn.softmax(rows), indices)
        np.testing.assert_allclose(ours, values[name], rtol=1e-5)


def test_mixtral_has_the_parameters_of_the_formula(reference):
    from tf_study.modern_llms.llama import LlamaConfig, parameter_count

    mixtral = LlamaConfig(32_000, 4096, 14_336, 32, 32, 8, tie_word_embeddings=False)
    dense = parameter_count(mixtral)
    experts = 32 * (8 * 3 * 4096 * 14_336 + 4096 * 8)
    assert dense["total"] - dense["feed_forward"] + experts == reference["parameters"] == 46_702_792_704
