"""12.3의 주파수를 transformers의 ROPE_INIT_FUNCTIONS와, 그것을 쓴 Llama를 LlamaForCausalLM과 견준다."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from torch_side import in_torch

FREQUENCY_TOLERANCE = 1e-5                                         # 상대 오차. 저쪽은 float32이다
LOGIT_TOLERANCE = 1e-4

SIZES = dict(vocab_size=61, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2)
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LONGROPE = {"rope_type": "longrope", "original_max_position_embeddings": 16, "short_factor": [1.0, 1.1, 1.3, 1.9],
            "long_factor": [1.0, 2.0, 3.5, 6.0]}

# 이름 -> 설정의 다른 값, rope_scaling, 글의 길이
FREQUENCIES = {
    "linear": ({}, {"rope_type": "linear", "factor": 2.5}, 64),
    "linear, other base": (dict(rope_theta=500_000.0, head_dim=128), {"rope_type": "linear", "factor": 8}, 64),
    "dynamic inside": (dict(max_position_embeddings=64), {"rope_type": "dynamic", "factor": 4.0}, 64),
    "dynamic outside": (dict(max_position_embeddings=64), {"rope_type": "dynamic", "factor": 4.0}, 200),
    "dynamic, factor 1": (dict(head_dim=128), {"rope_type": "dynamic", "factor": 1.0}, 8192),
    "yarn, small": ({}, YARN, 64),
    "yarn, Llama 2": (dict(head_dim=128), YARN | {"factor": 16.0, "original_max_position_embeddings": 4096}, 64),
    "yarn, not truncated": (dict(head_dim=64), YARN | {"original_max_position_embeddings": 2048,
                                                       "truncate": False}, 64),
    "yarn, betas": (dict(head_dim=64), YARN | {"original_max_position_embeddings": 512, "beta_fast": 12,
                                               "beta_slow": 2.5}, 64),
    "yarn, equal ends": (dict(head_dim=4), YARN | {"original_max_position_embeddings": 5, "beta_fast": 2}, 64),
    "yarn, mscale": (dict(head_dim=64), YARN | {"factor": 40.0, "original_max_position_embeddings": 4096,
                                                     "mscale": 1.0, "mscale_all_dim": 0.7}, 64),
    "yarn, given factor": ({}, YARN | {"attention_factor": 0.8}, 64),
    "llama3, Llama 3.1": (dict(head_dim=128, rope_theta=500_000.0, max_position_embeddings=131_072),
                          LLAMA3 | {"original_max_position_embeddings": 8192}, 64),
    "llama3, small": (dict(head_dim=24), LLAMA3 | {"original_max_position_embeddings": 100, "factor": 3.0,
                                                   "high_freq_factor": 9.0}, 64),
    "longrope, short": (dict(max_position_embeddings=64), LONGROPE, 16),
    "longrope, long": (dict(max_position_embeddings=64), LONGROPE, 17),
    "longrope, factor": ({}, LONGROPE | {"factor": 32.0}, 40),
    "longrope, given factor": ({}, LONGROPE | {"factor": 4.0, "attention_factor": 1.3}, 40),
    "longrope, no stretch": (dict(max_position_embeddings=16), LONGROPE, 40),
}
MODELS = {
    "linear": ({}, {"rope_type": "linear", "factor": 4.0}),
    "dynamic": (dict(max_position_embeddings=24), {"rope_type": "dynamic", "factor": 2.0}),
    "yarn": ({}, YARN),
    "llama3": (dict(rope_theta=500_000.0), LLAMA3 | {"original_max_position_embeddings": 16}),
    "longrope": (dict(max_position_embeddings=64), LONGROPE),
}
TOKENS = np.random.default_rng(0).integers(0, 61, (2, 60))


def hugging_face(settings):
    """Frequencies and factors, then weights and logits, by "case" (in the child)."""
    import torch
    import transformers
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    def config_of(fields):
        fields = {name: value for name, value in fields.items() if name not in ("sliding_window", "qkv_bias")}
        fields["rope_parameters"] = fields.pop("rope_scaling") | {"rope_theta": fields.pop("rope_theta")}
        return transformers.LlamaConfig(**fields, attn_implementation="eager")

    cases, generator, outputs = json.loads(str(settings)), torch.Generator().manual_seed(0), {}
    for case, (fields, length) in cases["frequencies"].items():
        frequencies = ROPE_INIT_FUNCTIONS[fields["rope_scaling"]["rope_type"]]
        found, factor = frequencies(config_of(fields), "cpu", seq_len=length)
        outputs |= {f"{case}/frequencies": found.numpy(), f"{case}/factor": factor}
    for case, fields in cases["models"].items():
        model = transformers.LlamaForCausalLM(config_of(fields)).eval()
        with torch.no_grad():
            for parameter in model.parameters():                   # 어텐션이 위치를 가리도록 키운다
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
            outputs |= {f"{case}/weights/{name}": value.numpy() for name, value in model.state_dict().items()}
            outputs[f"{case}/logits"] = model(torch.tensor(TOKENS)).logits.numpy()
    return outputs


def configuration(changes, scaling):
    from tf_study.modern_llms.llama import LlamaConfig

    return LlamaConfig(**{**SIZES, "tie_word_embeddings": False, **changes, "rope_scaling": scaling})


@pytest.fixture(scope="module")
def reference():
    frequencies = {case: (dataclasses.asdict(configuration(changes, scaling)), length)
                   for case, (changes, scaling, length) in FREQUENCIES.items()}
    models = {case: dataclasses.asdict(configuration(*given)) for case, given in MODELS.items()}
    return in_torch(hugging_face, settings=json.dumps({"frequencies": frequencies, "models": models}))


@pytest.mark.parametrize("case", FREQUENCIES)
def test_frequencies_equal_hugging_face(case, reference):
    from tf_study.modern_llms.rope import ROPE_FREQUENCIES

    changes, scaling, length = FREQUENCIES[case]
    found, factor = ROPE_FREQUENCIES[scaling["rope_type"]](configuration(changes, scaling), length)
    np.testing.assert_allclose(found, reference[f"{case}/frequencies"], rtol=FREQUENCY_TOLERANCE)
    assert factor == pytest.approx(float(reference[f"{case}/factor"]), rel=1e-6)


@pytest.mark.parametrize("case", MODELS)
def test_logits_equal_hugging_face(case, reference):
    from tf_study.modern_llms import rope  # noqa: F401  방식들을 등록한다
    from tf_study.modern_llms.llama import Llama, from_huggingface

    prefix, config = f"{case}/weights/", configuration(*MODELS[case])
    weights = {name.removeprefix(prefix): value for name, value in reference.items() if name.startswith(prefix)}
    model = from_huggingface(weights, config)
    expected = reference[f"{case}/logits"]
    assert np.abs(model(TOKENS) - expected).max() <= LOGIT_TOLERANCE

    plain = Llama(dataclasses.replace(config, rope_scaling=None))  # 방식이 로짓에 드러나는가
    plain.set_weights(model.get_weights())
    assert np.abs(plain(TOKENS) - expected).max() > 100 * LOGIT_TOLERANCE
