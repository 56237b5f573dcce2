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


PADDINGS = ("none", "right", "left")


def hugging_face(settings):
    """Weights and logits of each model, by "case/name" and "case/padding" (in the child)."""
    import torch
    import transformers

    generator, outputs = torch.Generator().manual_seed(0), {}
    for case, fields in json.loads(str(settings)).items():
        inputs = make_inputs(fields["vocab_size"])
        family = "Mistral" if fields["sliding_window"] else "Qwen2" if fields["qkv_bias"] else "Llama"
        fields["rope_parameters"] = {"rope_type": "default", "rope_theta": fields.pop("rope_theta")}
        for name in ("qkv_bias", "rope_scaling", *(["sliding_window"] if family != "Mistral" else [])):
            fields.pop(name)
        config = getattr(transformers, f"{family}Config")(**fields, attn_implementation="eager")
        model = getattr(transformers, f"{family}ForCausalLM")(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():                   # 빠진 가중치가 드러나게 키운다
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
            outputs |= {f"{case}/{name}": value.numpy() for name, value in model.state_dict().items()}
            for padding, (tokens, real, positions) in inputs.items():
                logits = model(torch.tensor(tokens), attention_mask=torch.tensor(real.astype("int64")),
                               position_ids=torch.tensor(positions)).logits
                outputs[f"{case}/{padding}"] = logits.numpy()
    return outputs


def make_inputs(vocab_size: int) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Tokens, which of them are real, and their positions, each (3, 9), by the side of the padding."""
    tokens = np.random.default_rng(0).integers(0, vocab_size, (3, 9))
    real = np.arange(9) < np.array([[9], [6], [4]])
    masks = dict(zip(PADDINGS, (np.ones_like(real), real, real[:, ::-1])))
    return {name: (tokens, mask, np.maximum(np.cumsum(mask, axis=1) - 1, 0)) for name, mask in masks.items()}


def configuration(case: str):
    from tf_study.modern_llms.llama import LlamaConfig

    return LlamaConfig(**{**BASE, "tie_word_embeddings": False, **CASES[case]})


@pytest.fixture(scope="module")
def reference():
    settings = {case: dataclasses.asdict(configuration(case)) for case in CASES}
    return in_torch(hugging_face, settings=json.dumps(settings))


@pytest.fixture(scope="module", params=CASES)
def ours(request, reference):
    """The case's name and the model with the reference's weights."""
    from tf_study.modern_llms.llama import from_huggingface

    prefix = f"{request.param}/"
    weights = {name.removeprefix(prefix): value for name, value in reference.items()
               if name.startswith(prefix) and name.removeprefix(prefix) not in PADDINGS}
    return request.param, from_huggingface(weights, configuration(request.param))


@pytest.mark.parametrize("padding", PADDINGS)
def test_logits_equal_hugging_face(ours, reference, padding):
    case, model = ours
    tokens, real, positions = make_inputs(model.config.vocab_size)[padding]
    expected = reference[f"{case}/{padding}"][real]
    logits = model(tokens, positions=positions, padding_mask=real).numpy()[real]
    assert np.abs(expected).max() > 1
    assert np.abs(logits - expected).max() <= TOLERANCE
