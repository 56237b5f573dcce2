"""DeepSeekRouter, DeepSeekMoE, MTPModule와 파라미터의 수를 Hugging Face의 DeepSeek-V3와 견준다: 옮긴 가중치, float32."""

from __future__ import annotations

import json

import numpy as np
import pytest
from torch_side import in_torch

D, F, TOKENS = 10, 6, (3, 7)

# num_experts, top_k, num_groups, top_groups, scaling_factor, num_shared
CASES = {
    "one group": (5, 2, 1, 1, 1.0, 1),
    "two of four groups": (12, 3, 4, 2, 2.5, 1),
    "every group": (8, 4, 2, 2, 1.5, 3),
    "a group of two": (6, 2, 3, 1, 0.7, 2),
    "every expert": (4, 4, 1, 1, 2.0, 1),
}
SMALL = dict(
    vocab_size=53, hidden_size=14, intermediate_size=22, moe_intermediate_size=6, num_hidden_layers=5,
    first_k_dense_replace=2, num_attention_heads=3, q_lora_rank=7, kv_lora_rank=5, qk_nope_head_dim=8,
    qk_rope_head_dim=4, v_head_dim=6, n_routed_experts=6, n_shared_experts=2, num_experts_per_tok=2, n_group=2,
    topk_group=1, routed_scaling_factor=1.5)  # fmt: skip
LLAMA = dict(
    vocab_size=17, hidden_size=16, intermediate_size=20, num_hidden_layers=1, num_attention_heads=4,
    num_key_value_heads=2, rms_norm_eps=1e-4)  # fmt: skip


def hugging_face(x, h, e, cases, small, llama):
    """Outputs and weights of each case, of an MTP layer, and the counts (in the child)."""
    import torch
    import transformers
    from transformers.modeling_layers import MtpLayer
    from transformers.models.deepseek_v3 import modeling_deepseek_v3 as deepseek
    from transformers.models.llama import modeling_llama

    generator, outputs = torch.Generator().manual_seed(0), {}

    def fill(module):
        with torch.no_grad():
            for weight in module.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator) * 0.5)
        return module.eval()

    for case, (N, K, groups, top_groups, scaling, shared) in json.loads(str(cases)).items():
        config = transformers.DeepseekV3Config(
            hidden_size=x.shape[-1], moe_intermediate_size=F, n_routed_experts=N, num_experts_per_tok=K,
            n_group=groups, topk_group=top_groups, routed_scaling_factor=scaling, n_shared_experts=shared)
        config._experts_implementation = "eager"
        moe = fill(deepseek.DeepseekV3MoE(config))
        moe.gate.e_score_correction_bias.copy_(0.3 * torch.randn(N, generator=generator))
        with torch.no_grad():
            results = dict(zip(("logits", "weights", "indices"), moe.gate(torch.tensor(x))))
            results["output"] = moe(torch.tensor(x))
        outputs |= {f"{case}/{name}": value.numpy() for name, value in {**results, **moe.state_dict()}.items()}

    config = transformers.LlamaConfig(**json.loads(str(llama)), attn_implementation="eager")
    layer = fill(MtpLayer(config, modeling_llama.LlamaDecoderLayer, modeling_llama.LlamaRMSNorm, 0))
    positions = torch.arange(1, h.shape[1] + 1)[None]              # t_{i+1}의 위치
    rope = modeling_llama.LlamaRotaryEmbedding(config)(torch.tensor(h), positions)
    mask = torch.full((h.shape[1],) * 2, float("-inf")).triu(1)[None, None]
    with torch.no_grad():
        outputs["mtp/output"] = layer(torch.tensor(e), torch.tensor(h), rope, mask, positions, None).numpy()
    outputs |= {f"mtp/{name}": value.numpy() for name, value in layer.state_dict().items()}

    with torch.device("meta"):
        for name, config in (("v3", transformers.DeepseekV3Config()),
                             ("small", transformers.DeepseekV3Config(**json.loads(str(small))))):
            model = deepseek.DeepseekV3ForCausalLM(config)
            outputs[f"count/{name}"] = sum(p.numel() for p in model.parameters())
            block = model.model.layers[-1]
            extra = 2 * config.hidden_size**2 + 3 * config.hidden_size
            outputs[f"mtp_count/{name}"] = sum(p.numel() for p in block.parameters()) + extra
    outputs["fields"] = json.dumps(transformers.DeepseekV3Config().to_dict())
    return outputs


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    shapes = {"x": (*TOKENS, D), "h": (2, 5, LLAMA["hidden_size"]), "e": (2, 5, LLAMA["hidden_size"])}
    return {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def reference(inputs):
    settings = {"cases": CASES, "small": SMALL, "llama": LLAMA}
    return in_torch(hugging_face, **inputs, **{name: json.dumps(value) for name, value in settings.items()})


@pytest.mark.parametrize("case", CASES)
def test_gate_and_moe_equal_hugging_face(case, inputs, reference):
    from tf_study.modern_llms.deepseek_moe import DeepSeekMoE

    theirs = {name.removeprefix(f"{case}/"): value for name, value in reference.items() if name.startswith(case)}
    N, K, groups, top_groups, scaling, shared = CASES[case]
    moe = DeepSeekMoE(F, N, K, shared, groups, top_groups, scaling)
    moe.build((*TOKENS, D))
    moe.router.kernel.assign(theirs["gate.weight"].T)
    moe.router.bias.assign(theirs["gate.e_score_correction_bias"])
    moe.experts.gate_up.assign(theirs["experts.gate_up_proj"].swapaxes(1, 2))
    moe.experts.down.assign(theirs["experts.down_proj"].swapaxes(1, 2))
    halves = [theirs[f"shared_experts.{name}_proj.weight"].T for name in ("gate", "up")]
    moe.shared.gate_up.kernel.assign(np.concatenate(halves, axis=1))
    moe.shared.down.kernel.assign(theirs["shared_experts.down_proj.weight"].T)

    weights, indices, logits = (np.asarray(value).reshape(-1, value.shape[-1]) for value in moe.router(inputs["x"]))
    np.testing.assert_allclose(logits, theirs["logits"], atol=1e-5)
    np.testing.assert_allclose(gates(weights, indices, N), gates(theirs["weights"], theirs["indices"], N), atol=1e-5)
    assert np.abs(theirs["output"]).max() > 1
    np.testing.assert_allclose(moe(inputs["x"]), theirs["output"], atol=1e-4)


def gates(weights, indices, num_experts):
    """(T, N): Hugging Face does not sort the chosen experts."""
    full = np.zeros((len(weights), num_experts), "float32")
    np.put_along_axis(full, indices, weights, axis=1)
    return full


def test_the_mtp_module_equals_hugging_face(inputs, reference):
    from tf_study.modern_llms.deepseek_moe import MTPModule
    from tf_study.modern_llms.llama import LlamaConfig, SwiGLU, rope_table

    config = LlamaConfig(**LLAMA)
    module = MTPModule(config, 1, SwiGLU(config.intermediate_size))
    module.build(inputs["h"].shape)
    theirs = {name.removeprefix("mtp/"): value for name, value in reference.items() if name.startswith("mtp/")}

    def kernel(*names):
        return np.concatenate([theirs[f"mtp_block.{name}_proj.weight"] for name in names]).T

    for norm, name in ((module.hidden_norm, "hnorm"), (module.embedding_norm, "enorm"), (module.norm, "post_norm"),
                       (module.block.attention_norm, "mtp_block.input_layernorm"),
                       (module.block.feed_forward_norm, "mtp_block.post_attention_layernorm")):
        norm.g.assign(theirs[f"{name}.weight"])
    embedding_half, hidden_half = np.split(theirs["eh_proj.weight"].T, 2)      # 논문과 차례가 반대다
    module.M.kernel.assign(np.concatenate([hidden_half, embedding_half]))
    module.block.attention.qkv.kernel.assign(kernel("self_attn.q", "self_attn.k", "self_attn.v"))
    module.block.attention.out.kernel.assign(kernel("self_attn.o"))
    module.block.feed_forward.gate_up.kernel.assign(kernel("mlp.gate", "mlp.up"))
    module.block.feed_forward.down.kernel.assign(kernel("mlp.down"))

    T = inputs["h"].shape[1]
    ours = module(inputs["h"], inputs["e"], rope_table(config, np.arange(T), T), np.tril(np.ones((T, T), bool)))
    assert np.abs(theirs["output"]).max() > 0.5
    np.testing.assert_allclose(ours, theirs["output"], atol=1e-4)


@pytest.mark.parametrize("name", ["v3", "small"])
def test_counts_equal_hugging_face(name, reference):
    from tf_study.modern_llms.deepseek_moe import DEEPSEEK_V3, deepseek_parameters

    counts = deepseek_parameters(DEEPSEEK_V3 if name == "v3" else SMALL)
    assert counts["total"] == reference[f"count/{name}"]
    assert counts["mtp"] == reference[f"mtp_count/{name}"]


def test_the_configuration_is_that_of_hugging_face(reference):
    from tf_study.modern_llms.deepseek_moe import DEEPSEEK_V3

    fields = json.loads(str(reference["fields"]))
    assert {name: fields[name] for name in DEEPSEEK_V3} == DEEPSEEK_V3
