"""생성과 표본기를 Hugging Face의 generate와 logits processor에 견준다: 옮긴 가중치, float32."""

from __future__ import annotations

import json

import numpy as np
import pytest
from torch_side import in_torch

V, NEW = 53, 14
MODELS = {"llama": {}, "mistral": {"sliding_window": 5}}
LENGTHS = (9, 3, 6)                                        # 길이가 다른 프롬프트: 왼쪽을 채운다
PENALTY = 1.4
SAMPLERS = {
    "temperature": dict(temperature=0.7),
    "top-k": dict(temperature=1.0, top_k=6),
    "top-p": dict(temperature=1.0, top_p=0.7),
    "all": dict(temperature=1.3, top_k=12, top_p=0.85, repetition_penalty=PENALTY),
}


def prompts():
    rng = np.random.default_rng(1)
    return [rng.integers(1, V, length).tolist() for length in LENGTHS]


def logits_and_tokens():
    rng = np.random.default_rng(2)
    return rng.normal(0, 3, (6, V)).astype("float32"), rng.integers(0, V, (6, 8))


def hugging_face(settings):
    """Weights, generated tokens and processed logits (in the child)."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM
    from transformers.generation import logits_process

    generator, outputs = torch.Generator().manual_seed(0), {}
    given = json.loads(str(settings))
    tokens = torch.zeros((len(LENGTHS), max(LENGTHS)), dtype=torch.long)
    for row, prompt in zip(tokens, given["prompts"]):
        row[len(row) - len(prompt):] = torch.tensor(prompt)
    for name, fields in given["models"].items():
        sliding = fields.pop("sliding_window")
        fields["rope_parameters"] = {"rope_type": "default", "rope_theta": fields.pop("rope_theta")}
        for ours in ("qkv_bias", "rope_scaling"):
            fields.pop(ours)
        options = dict(attn_implementation="eager", bos_token_id=None, eos_token_id=None, pad_token_id=0)
        if name == "mistral":
            model = MistralForCausalLM(MistralConfig(**fields, sliding_window=sliding, **options)).eval()
        else:
            model = LlamaForCausalLM(LlamaConfig(**fields, **options)).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
        outputs |= {f"{name}/{key}": value.numpy() for key, value in model.state_dict().items()}
        options = dict(max_new_tokens=NEW, do_sample=False, pad_token_id=0)
        new = model.generate(tokens, attention_mask=(tokens > 0).long(), **options)[:, tokens.shape[1]:]
        alone = torch.tensor([given["prompts"][0]])        # 패딩이 없어야 벌점이 패딩을 세지 않는다
        penalised = model.generate(alone, attention_mask=torch.ones_like(alone), repetition_penalty=PENALTY,
                                   **options)[:, alone.shape[1]:]
        outputs |= {f"{name} tokens": new.numpy(), f"{name} penalised": penalised.numpy()}
    logits, seen = (torch.tensor(part) for part in logits_and_tokens())
    for name, fields in given["samplers"].items():
        steps = [logits_process.RepetitionPenaltyLogitsProcessor(fields.get("repetition_penalty", 1.0)),
                 logits_process.TemperatureLogitsWarper(fields["temperature"]),
                 logits_process.TopKLogitsWarper(fields.get("top_k", V)),
                 logits_process.TopPLogitsWarper(fields.get("top_p", 1.0))]
        scores = logits.clone()
        for step in steps:
            scores = step(seen, scores)
        outputs[f"sampler {name}"] = scores.numpy()
    return outputs


def configuration(name: str):
    from tf_study.modern_llms.llama import LlamaConfig

    return LlamaConfig(V, 32, 48, 2, 4, 2, max_position_embeddings=64, tie_word_embeddings=False, **MODELS[name])


@pytest.fixture(scope="module")
def reference():
    import dataclasses

    models = {name: dataclasses.asdict(configuration(name)) for name in MODELS}
    settings = {"models": models, "prompts": prompts(), "samplers": SAMPLERS}
    return in_torch(hugging_face, settings=json.dumps(settings))


@pytest.mark.parametrize("name", MODELS)
def test_generated_tokens_equal_hugging_face(reference, name):
    from tf_study.modern_llms.kv_cache import Sampler, generate
    from tf_study.modern_llms.llama import from_huggingface

    weights = {key.removeprefix(f"{name}/"): value for key, value in reference.items() if key.startswith(f"{name}/")}
    model = from_huggingface(weights, configuration(name))
    rows = np.stack(generate(model, prompts(), NEW))
    assert len(np.unique(rows)) > 10
    np.testing.assert_array_equal(rows, reference[f"{name} tokens"])
    penalised = np.stack(generate(model, prompts()[:1], NEW, Sampler(repetition_penalty=PENALTY)))
    np.testing.assert_array_equal(penalised, reference[f"{name} penalised"])
    assert (penalised != rows[:1]).any()


@pytest.mark.parametrize("name", SAMPLERS)
def test_processed_logits_equal_hugging_face(reference, name):
    from tf_study.modern_llms.kv_cache import Sampler

    logits, tokens = logits_and_tokens()
    seen = (tokens[:, :, None] == np.arange(V)).any(axis=1)
    ours = Sampler(**SAMPLERS[name]).filter(logits, seen).numpy()
    theirs = reference[f"sampler {name}"]
    assert np.isinf(theirs).any() or name == "temperature"
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
