"""Llama를 Hugging Face의 LlamaForCausalLM, Mistral, Qwen2와 견준다: 옮긴 가중치, float32."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from torch_side import in_torch

TOLERANCE = 1e-4

BASE = dict(vocab_size=61, hidden_size=24, intermediate_size=40, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2)
CASES = {
    "mha": dict(num_key_value_heads=4),
    "mqa, tied": dict(num_key_value_heads=1, tie_word_embeddings=True),
    "three heads a group": dict(hidden_size=36, num_attention_heads=6),
    "head size of its own": dict(head_dim=10, hidden_size=28),
    "odd sizes": dict(vocab_size=53, hidden_size=30, intermediate_size=37, num_attention_heads=5,
                      num_key_value_heads=5, num_hidden_layers=3),
    "other numbers": dict(rope_theta=500_000.0, rms_norm_eps=1e-3),
    "mistral": dict(sliding_window=3),
    "qwen2": dict(qkv_bias=True, tie_word_embeddings=True),
}


def hugging_face(settings, tokens, padding_mask, positions):
    """Logits of a model with large random weights, and those weights (in the child)."""
    import torch
    import transformers

    fields = json.loads(str(settings))
    family = "Mistral" if fields["sliding_window"] else "Qwen2" if fields["qkv_bias"] else "Llama"
    fields["rope_parameters"] = {"rope_type": "default", "rope_theta": fields.pop("rope_theta")}
    for name in ("qkv_bias", "rope_scaling", *(["sliding_window"] if family != "Mistral" else [])):
        fields.pop(name)
    config = getattr(transformers, f"{family}Config")(**fields, attn_implementation="eager")
    model = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():                       # 빠진 가중치가 드러나게 키운다
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
        logits = model(torch.tensor(tokens), attention_mask=torch.tensor(padding_mask),
                       position_ids=torch.tensor(positions)).logits
    return {"logits": logits.numpy(), **{name: value.numpy() for name, value in model.state_dict().items()}}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("padding", ["none", "right", "left"])
def test_logits_equal_hugging_face(case, padding):
    from tf_study.modern_llms.llama import LlamaConfig, from_huggingface

    config = LlamaConfig(**{**BASE, "tie_word_embeddings": False, **CASES[case]})
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, config.vocab_size, (3, 9))
    real = np.arange(9) < np.array([[9], [6], [4]])
    padding_mask = {"none": np.ones_like(real), "right": real, "left": real[:, ::-1]}[padding]
    positions = np.maximum(np.cumsum(padding_mask, axis=1) - 1, 0)

    weights = in_torch(hugging_face, settings=json.dumps(dataclasses.asdict(config)), tokens=tokens,
                       padding_mask=padding_mask.astype("int64"), positions=positions)
    expected = weights.pop("logits")
    logits = from_huggingface(weights, config)(tokens, positions=positions, padding_mask=padding_mask).numpy()
    assert np.abs(expected[padding_mask]).max() > 1
    assert np.abs(logits - expected)[padding_mask].max() <= TOLERANCE
