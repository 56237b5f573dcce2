"""서비스할 분류기를 학습한다: 7.3의 작은 한국어 BERT를 사전학습하고 미세 조정하거나, 공개된 BERT를 미세 조정한다."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
from pathlib import Path

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from projects.common.training import History, fit
from projects.project02_sentiment_analysis.data import Data, Reviews
from tf_study.advanced_architectures.korean_bert import bert_inputs, build_korean_bert, korean_tokenizer, mask_tokens
from tf_study.training_mechanics.schedules import WarmupCosine

MASKED = 0.3  # 사전학습에서 가릴 토큰의 몫 (7.3)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What defines a run. `preset` None is the small BERT, which the other sizes describe.

    Attributes:
        length: T, tokens of a text with [CLS] and [SEP].
        texts: training texts to use; None for all.
        pretraining_epochs: rounds over the training texts as a masked language model; 0 skips it.
        forgetting: in fine-tuning the share u**forgetting of a text's tokens becomes [UNK], with u uniform in
            0..1: on average one in five.
    """

    preset: str | None = None
    texts: int | None = None
    vocabulary: int = 2000
    length: int = 24
    layers: int = 4
    pretraining_epochs: int = 18
    pretraining_rate: float = 3e-3
    epochs: int = 8
    learning_rate: float = 1e-3
    forgetting: int = 4
    batch: int = 50
    seed: int = 0


class PresetError(Exception):
    """A preset that cannot be read; the message is one Korean line for the user."""


def train_classifier(
    settings: Settings, data: Data, folder: Path, progress: bool = True
) -> tuple[keras_hub.models.BertTextClassifier, dict[str, History]]:
    """Return the fine-tuned classifier, which takes raw texts, and the curves of its trainings.

    Everything in between is kept in `folder`; a run that was killed goes on there (`fit`).

    Raises:
        PresetError: `settings.preset` cannot be read.
        TrainingError: see `fit`.
    """
    keras.utils.set_random_seed(settings.seed)
    curves = {}
    if settings.preset:
        backbone, tokenizer = _load_preset(settings.preset)
    else:
        tokenizer = _tokenizer(data.train.texts, settings, folder)
        backbone = build_korean_bert(tokenizer.vocabulary_size(), settings.length, settings.layers)
        if settings.pretraining_epochs:
            curves["pretraining"] = _pretrain(backbone, tokenizer, settings, data, folder, progress)
    keras.utils.set_random_seed(settings.seed)  # 분류 머리는 앞에서 무엇을 했는지와 상관없이 같게 시작한다
    dropout = 0.1 if settings.preset else 0.0  # 작은 모델은 외우기보다 덜 배우는 것이 문제이다 (7.3)
    classifier = keras_hub.models.BertTextClassifier(backbone, 2, dropout=dropout)
    curves["classifier"] = _fine_tune(classifier, tokenizer, settings, data, folder, progress)
    classifier.preprocessor = keras_hub.models.BertTextClassifierPreprocessor(
        tokenizer, settings.length, name="preprocessor"
    )
    return classifier, curves


def probabilities(classifier: keras_hub.models.BertTextClassifier, texts: np.ndarray) -> np.ndarray:
    """The probability (N,) of the positive label."""
    preprocessor = classifier.preprocessor
    inputs = bert_inputs(texts, preprocessor.tokenizer, preprocessor.sequence_length)
    logits = tf.concat([classifier(batch) for batch in tf.data.Dataset.from_tensor_slices(inputs).batch(256)], axis=0)
    return tf.nn.softmax(logits)[:, 1].numpy()


def _load_preset(preset: str):
    try:
        backbone = keras_hub.models.BertBackbone.from_preset(preset)
        return backbone, keras_hub.models.BertTokenizer.from_preset(preset)
    except Exception as error:  # 없는 이름, 네트워크, 다른 구조, 빠진 파일이 저마다 다른 예외를 낸다
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise PresetError(
            f"--preset은 BERT의 폴더나 hf://사용자/모델이어야 한다(config.json, vocab.txt, model.safetensors). "
            f"받은 값: {preset!r}. 읽지 못한 까닭: {reason}"
        ) from error


def place(folder: Path, name: str, config: dict) -> Path:
    """The folder of one training: another configuration gets another one, the same one goes on in it."""
    text = json.dumps(config, sort_keys=True, ensure_ascii=False)
    return folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _tokenizer(texts: np.ndarray, settings: Settings, folder: Path) -> keras_hub.models.BertTokenizer:
    """Learn the vocabulary once; a run that goes on reads it back."""
    path = place(folder, "vocabulary", {"texts": list(texts), "size": settings.vocabulary}).with_suffix(".txt")
    if not path.exists():
        vocabulary = korean_tokenizer(texts, settings.vocabulary).get_vocabulary()
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text("\n".join(vocabulary), encoding="utf-8")
        os.replace(part, path)
    vocabulary = path.read_text(encoding="utf-8").split("\n")
    as_it_is = {"lowercase": False, "strip_accents": False, "split_on_cjk": False}
    return keras_hub.models.BertTokenizer(vocabulary, name="tokenizer", **as_it_is)  # 이름까지 파일에 적힌다


def _pretrain(backbone, tokenizer, settings: Settings, data: Data, folder: Path, progress: bool) -> History:
    """Teach the backbone to guess hidden tokens of the training texts, without their labels."""
    model = keras_hub.models.BertMaskedLM(backbone)
    backbone.pooled_dense.trainable = False  # 빈칸 맞히기에는 풀러가 없다 (7.3)
    rows = tf.data.Dataset.from_tensor_slices(bert_inputs(data.train.texts, tokenizer, settings.length))
    steps = len(data.train.texts) // settings.batch
    guesses = settings.length // 2  # 문장마다 맞힐 자리의 수. 0.3 T보다 넉넉하다

    def hide(step, inputs):
        seed = tf.stack([settings.seed, tf.cast(step, tf.int32)])
        hidden, chosen = mask_tokens(inputs["token_ids"], tokenizer, seed, MASKED)
        weights, positions = tf.math.top_k(tf.cast(chosen, tf.float32), guesses)
        answers = tf.gather(inputs["token_ids"], positions, batch_dims=1)
        return {**inputs, "token_ids": hidden, "mask_positions": positions}, answers, weights

    def epoch_data(epoch):
        return shuffled(rows, settings, epoch).enumerate(epoch * steps).map(hide)

    # 고른 자리만 평균한다 (7.3의 식 3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    epochs = settings.pretraining_epochs
    model.compile(_optimizer(settings.pretraining_rate, epochs * steps), loss, weighted_metrics=[])
    config = run_config(settings, data, "epochs", "learning_rate", "forgetting")
    folder = place(folder, "pretraining", config)
    announce(progress, f"사전학습: 레이블 없는 글 {len(data.train.texts):,}개로 {epochs}에포크")
    history = fit(model, epoch_data, epochs=epochs, folder=folder, config=config, progress=progress)
    backbone.pooled_dense.trainable = True
    return history


def _fine_tune(classifier, tokenizer, settings: Settings, data: Data, folder: Path, progress: bool) -> History:
    """Teach the labels, some tokens of every text made unknown.

    The training texts hold no unknown token. Without this the model would be sure of what it cannot read;
    with it a text of unknown tokens alone gets a score near 0.5.
    """
    special = tf.constant([*tokenizer.special_token_ids, tokenizer.token_to_id("[UNK]")])

    def forget(step, row):
        inputs, labels = row
        ids = inputs["token_ids"]
        seeds = tf.random.split(tf.stack([settings.seed, tf.cast(step, tf.int32)]), 2)
        rates = tf.random.stateless_uniform((tf.shape(ids)[0], 1), seeds[0]) ** settings.forgetting
        forgotten = tf.random.stateless_uniform(tf.shape(ids), seeds[1]) < rates
        forgotten &= ~tf.reduce_any(ids[..., None] == special, axis=-1)
        return {**inputs, "token_ids": tf.where(forgotten, tokenizer.token_to_id("[UNK]"), ids)}, labels

    def dataset(reviews: Reviews) -> tf.data.Dataset:
        inputs = bert_inputs(reviews.texts, tokenizer, settings.length)
        return tf.data.Dataset.from_tensor_slices((inputs, reviews.labels))

    rows, steps = dataset(data.train), len(data.train.texts) // settings.batch
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(_optimizer(settings.learning_rate, settings.epochs * steps), loss, metrics=["accuracy"])
    config = run_config(settings, data)
    announce(progress, f"미세 조정: {settings.epochs}에포크")

    def epoch_data(epoch):
        return shuffled(rows, settings, 1000 + epoch).enumerate(epoch * steps).map(forget)

    return fit(
        classifier, epoch_data, epochs=settings.epochs, folder=place(folder, "classifier", config), config=config,
        validation=dataset(data.validation).batch(250), progress=progress,
    )  # fmt: skip


def announce(progress: bool, line: str) -> None:
    if progress:
        print(line, file=sys.stderr)


def _optimizer(rate: float, steps: int) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(WarmupCosine(rate, max(1, steps // 10), steps), global_clipnorm=1.0)


def shuffled(rows: tf.data.Dataset, settings: Settings, epoch: int) -> tf.data.Dataset:
    """Full batches in an order that is a function of the seed and the epoch."""
    order = rows.shuffle(len(rows), seed=1_000_003 * settings.seed + epoch, reshuffle_each_iteration=False)
    return order.batch(settings.batch, drop_remainder=True)


def run_config(settings: Settings, data: Data, *without: str) -> dict:
    """What defines a training, for `fit`."""
    kept = {name: value for name, value in dataclasses.asdict(settings).items() if name not in without}
    return kept | {"data": data.description}
