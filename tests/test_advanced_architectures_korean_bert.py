"""7.3이 내보내는 것: 한국어 워드피스 어휘, BERT의 입력과 백본, 가리기, MLM의 손실, 사전학습."""

from __future__ import annotations

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from tf_study.advanced_architectures.korean_bert import (
    SPECIAL_TOKENS,
    bert_inputs,
    build_korean_bert,
    korean_tokenizer,
    mask_tokens,
    mlm_loss,
    pretrain,
)

TEXTS = ["영화가 정말 좋았다", "이야기가 지루하고 길다", "음악은 좋지만 결말이 아쉽다", "다시 보고 싶다", "배우가 좋다"] * 8


@pytest.fixture(scope="module")
def tokenizer():
    return korean_tokenizer(TEXTS, 200)


def ids_of(count, tokenizer):
    """Random ordinary tokens (count, 20) between '[CLS]' and '[SEP]', with '[UNK]' and padding."""
    ids = np.random.RandomState(0).randint(5, tokenizer.vocabulary_size(), (count, 20)).astype("int32")
    ids[:, 0], ids[:, 3], ids[:, 15], ids[:, 16:] = 2, 1, 3, 0
    return ids


def test_the_vocabulary_starts_with_the_special_tokens(tokenizer):
    vocabulary = tokenizer.get_vocabulary()
    assert vocabulary[:5] == SPECIAL_TOKENS and tokenizer.mask_token_id == 4
    assert len(set(vocabulary)) == len(vocabulary) == tokenizer.vocabulary_size() <= 200
    assert vocabulary == korean_tokenizer(TEXTS, 200).get_vocabulary()


def test_hangul_is_not_decomposed_and_unknown_words_are_one_token(tokenizer):
    pieces = [tokenizer.id_to_token(int(i)) for i in tokenizer("영화가 쀍뷁")]
    assert "".join(piece.removeprefix("##") for piece in pieces[:-1]) == "영화가" and pieces[-1] == "[UNK]"


def test_inputs_of_texts_and_of_pairs(tokenizer):
    inputs = bert_inputs(TEXTS[:2], tokenizer, 12)
    assert {name: (part.shape, part.dtype.name) for name, part in inputs.items()} == dict.fromkeys(
        ("token_ids", "segment_ids", "padding_mask"), ((2, 12), "int32"))
    for ids, mask in zip(inputs["token_ids"], inputs["padding_mask"]):
        assert ids[0] == 2 and ids[mask.sum() - 1] == 3 and (ids[mask == 0] == 0).all()
    pairs = bert_inputs((TEXTS[:2], TEXTS[2:4]), tokenizer, 20)
    for ids, segments in zip(pairs["token_ids"], pairs["segment_ids"]):
        first, second = np.flatnonzero(ids == 3)
        assert (segments[: first + 1] == 0).all() and (segments[first + 1 : second + 1] == 1).all()
    assert bert_inputs(["좋다 " * 30], tokenizer, 8)["padding_mask"].sum() == 8


def test_shares_of_the_masking(tokenizer):
    ids = ids_of(2000, tokenizer)
    masked, chosen = (part.numpy() for part in mask_tokens(ids, tokenizer, (1, 2), 0.3))
    ordinary = ids > 4
    assert not chosen[~ordinary].any() and (masked[~chosen] == ids[~chosen]).all()
    assert masked.dtype == np.int32 and chosen.dtype == bool
    n, V = chosen.sum(), tokenizer.vocabulary_size() - 5
    kept = (masked == ids)[chosen]
    for k, total, p in ((n, ordinary.sum(), 0.3), ((masked[chosen] == 4).sum(), n, 0.8), (kept.sum(), n, 0.1 + 0.1 / V)):
        assert abs(k - total * p) < 4 * np.sqrt(total * p * (1 - p))
    others = masked[chosen][(masked[chosen] != 4) & ~kept]
    assert others.min() > 4 and len(np.unique(others)) > 0.9 * V          # 고르게 뽑는다


def test_the_seed_decides_the_mask(tokenizer):
    ids = ids_of(50, tokenizer)
    first, again, other = (mask_tokens(ids, tokenizer, seed)[0].numpy() for seed in ((1, 2), (1, 2), (1, 3)))
    assert (first == again).all() and (first != other).any()
    compiled = tf.function(lambda ids, i: mask_tokens(ids, tokenizer, tf.stack([1, i])))
    np.testing.assert_array_equal(compiled(ids, tf.constant(2))[0], first)


@pytest.mark.parametrize(("rate", "share"), [(0.0, 0.0), (1.0, 1.0)])
def test_the_ends_of_the_rate(tokenizer, rate, share):
    ids = ids_of(20, tokenizer)
    _, chosen = mask_tokens(ids, tokenizer, (0, 0), rate)
    assert chosen.numpy()[ids > 4].mean() == share


def test_the_backbone_has_the_sizes_asked_for():
    backbone = build_korean_bert(50, length=7, num_layers=3, hidden_dim=96)
    assert (backbone.num_layers, backbone.num_heads, backbone.hidden_dim, backbone.intermediate_dim) == (3, 3, 96, 384)
    ids = np.array([[2, 9, 8, 3, 0]], "int32")
    output = backbone({"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": (ids > 0).astype("int32")})
    assert output["sequence_output"].shape == (1, 5, 96) and output["pooled_output"].shape == (1, 96)


def test_the_loss_is_the_mean_over_the_chosen_places(tokenizer):
    keras.utils.set_random_seed(0)
    model = keras_hub.models.BertMaskedLM(build_korean_bert(tokenizer.vocabulary_size()))
    for variable in model.trainable_variables:
        variable.assign(variable + 0.3 * np.random.RandomState(0).standard_normal(variable.shape))
    ids = ids_of(6, tokenizer)
    inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": (ids > 0).astype("int32")}
    masked, chosen = (part.numpy() for part in mask_tokens(ids, tokenizer, (0, 7), 0.5))
    every = np.tile(np.arange(20, dtype="int32"), (6, 1))
    logits = model({**inputs, "token_ids": masked, "mask_positions": every})            # (B, T, V)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(ids, logits).numpy()
    expected = losses[chosen].mean()
    np.testing.assert_allclose(mlm_loss(model, tokenizer, inputs, (0, 7), 0.5), expected, rtol=1e-4)
    np.testing.assert_allclose(
        tf.function(lambda x: mlm_loss(model, tokenizer, x, (0, 7), 0.5))(inputs), expected, rtol=1e-4)
    assert abs(expected - losses.mean()) > 1e-3
    assert mlm_loss(model, tokenizer, inputs, (0, 7), rate=0.0).numpy() == 0.0


def test_pretraining_learns_and_leaves_the_pooler_alone(tokenizer):
    keras.utils.set_random_seed(0)
    start = build_korean_bert(tokenizer.vocabulary_size(), 12).get_layer("pooled_dense").get_weights()
    keras.utils.set_random_seed(0)
    model, losses = pretrain(TEXTS, tokenizer, steps=60, length=12, batch_size=8)
    assert losses.shape == (60,) and losses[-10:].mean() < losses[:5].mean() - 1.0
    assert model.preprocessor.tokenizer is tokenizer and model.backbone.max_sequence_length == 12
    for before, after in zip(start, model.backbone.pooled_dense.get_weights()):
        np.testing.assert_array_equal(before, after)


def test_mixed_precision(tokenizer):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model, losses = pretrain(TEXTS, tokenizer, steps=2, length=12, batch_size=8)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.backbone.compute_dtype == "float16" and losses.dtype == np.float32 and np.isfinite(losses).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: korean_tokenizer([]), "글이 하나 이상"),
        (lambda t: korean_tokenizer(TEXTS, 5), "vocabulary_size는 5보다"),
        (lambda t: mask_tokens(np.ones((1, 2), "int32"), t, (0, 0), 1.5), "rate는 0과 1 사이"),
        (lambda t: build_korean_bert(0), "vocabulary_size은\\(는\\) 1 이상"),
        (lambda t: build_korean_bert(10, hidden_dim=48), "32의 배수"),
        (lambda t: pretrain(TEXTS[:3], t, steps=1), "batch_size=64개 이상"),
        (lambda t: pretrain(TEXTS, t, steps=0, batch_size=8), "steps는 1 이상"),
    ],
)
def test_wrong_arguments(tokenizer, call, message):
    with pytest.raises(ValueError, match=message):
        call(tokenizer)
