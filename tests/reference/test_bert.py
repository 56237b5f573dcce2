"""BERT를 Hugging Face의 클래스와 견준다: 같은 입력, KerasHub의 변환기로 옮긴 가중치, float32.

KerasHub의 백본은 gelu의 tanh 근사(Hugging Face의 `gelu_new`)를, MLM 머리는 정확한 gelu와 1e-5의 LayerNorm을 쓴다.
TensorFlow를 부른 프로세스에서 transformers를 부르면 죽으므로 Hugging Face 쪽은 자식 프로세스에서 돈다.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [*SPECIAL, "영화", "##가", "##는", "좋", "##다", "지루", "##하다", "음악"]
TEXTS = ["영화가 좋다", "음악 지루하다 모름", "영화는"]
TOLERANCE = 2e-5


def write_reference(root: Path) -> None:
    """Write three folders as the Hub has them, and what transformers makes of the inputs (in the child)."""
    import torch
    import transformers

    inputs = {name: torch.tensor(part) for name, part in np.load(root / "inputs.npz").items()}
    renamed = {"input_ids": inputs["token_ids"], "token_type_ids": inputs["segment_ids"],
               "attention_mask": inputs["padding_mask"]}
    for name, kind, gelu in (("model", "BertModel", "gelu_new"), ("exact", "BertModel", "gelu"),
                             ("masked", "BertForPreTraining", "gelu_new")):
        module = getattr(transformers, kind)(transformers.BertConfig(
            vocab_size=len(VOCABULARY), hidden_size=64, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=256, max_position_embeddings=10, hidden_act=gelu)).eval()
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in module.parameters():      # 빠진 가중치가 드러나게 키운다
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
            folder = root / name
            module.save_pretrained(folder)
            (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
            (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
            np.savez(root / f"{name}.npz", **_outputs(torch, module, renamed))
    tokenizer = transformers.BertTokenizer.from_pretrained(root / "model")
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    (root / "tokens.json").write_text(json.dumps(ids))


def _outputs(torch, module, inputs):
    if not hasattr(module, "cls"):
        result = module(**inputs)
        return {"sequence_output": result.last_hidden_state, "pooled_output": result.pooler_output}
    transform = module.cls.predictions.transform
    transform.transform_act_fn, transform.LayerNorm.eps = torch.nn.GELU(), 1e-5
    head = [module.cls.predictions.bias, module.bert.embeddings.word_embeddings.weight, transform.dense.weight.T,
            transform.dense.bias, transform.LayerNorm.weight, transform.LayerNorm.bias]
    return {"logits": module(**inputs).prediction_logits, **{f"head_{i}": weight for i, weight in enumerate(head)}}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "safetensors")):
        pytest.skip("torch, transformers, safetensors가 없다")
    import keras_hub

    from tf_study.advanced_architectures.korean_bert import bert_inputs

    root = tmp_path_factory.mktemp("bert")
    tokenizer = keras_hub.models.BertTokenizer(vocabulary=VOCABULARY, lowercase=False)
    inputs = bert_inputs((["영화가 좋다", "음악"], ["지루하다", "영화는 지루하다"]), tokenizer, 10)
    assert (inputs["padding_mask"] == 0).any() and inputs["segment_ids"].any()
    np.savez(root / "inputs.npz", **inputs)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, __file__, str(root)], check=True, capture_output=True, env=environment)
    return root, inputs


def encoder(folder: Path):
    """`build_korean_bert` with the weights that KerasHub's converter reads from the folder."""
    import keras_hub

    from tf_study.advanced_architectures.korean_bert import build_korean_bert

    ours = build_korean_bert(len(VOCABULARY), length=10, num_layers=2, hidden_dim=64)
    ours.set_weights(keras_hub.models.BertBackbone.from_preset(str(folder)).get_weights())
    return ours


def error(ours, theirs):
    return float(np.abs(np.asarray(ours) - theirs).max())


def test_backbone(reference):
    root, inputs = reference
    theirs = np.load(root / "model.npz")
    errors = {name: error(part, theirs[name]) for name, part in encoder(root / "model")(inputs).items()}
    assert set(errors) == {"sequence_output", "pooled_output"}
    print(errors)
    assert max(errors.values()) < TOLERANCE, errors


def test_exact_gelu_differs_from_the_approximation(reference):
    root, inputs = reference
    difference = error(encoder(root / "exact")(inputs)["sequence_output"], np.load(root / "exact.npz")["sequence_output"])
    print(difference)
    assert 1e-5 < difference < 5e-2


def test_masked_lm(reference):
    import keras_hub

    root, inputs = reference
    theirs = np.load(root / "masked.npz")
    model = keras_hub.models.BertMaskedLM(encoder(root / "masked"))
    model.masked_lm_head.set_weights([theirs[f"head_{i}"] for i in range(6)])
    positions = np.array([[1, 3, 4], [1, 2, 5]], "int32")
    expected = np.take_along_axis(theirs["logits"], positions[..., None], axis=1)      # (B, 3, V)
    difference = error(model({**inputs, "mask_positions": positions}), expected)
    print(difference)
    assert difference < TOLERANCE, difference


def test_tokenizer(reference):
    import keras_hub

    root, _ = reference
    ours = keras_hub.models.BertTokenizer.from_preset(str(root / "model"))
    assert [[int(i) for i in ours(text)] for text in TEXTS] == json.loads((root / "tokens.json").read_text())


if __name__ == "__main__":
    write_reference(Path(sys.argv[1]))
