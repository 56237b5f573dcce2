"""샤드에서 학습용 배치까지, BiLSTM, 그리고 학습한 모델을 한 폴더로 쓰고 읽기."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from projects.common.cli import UserError
from projects.common.files import write_whole
from projects.project03_korean_nlp.prepare import Part
from projects.project03_korean_nlp.shards import SPEC, digest, read_batches, write_json
from tf_study.course.runtime import silent_stderr
from tf_study.data_pipeline.tfrecord import read_shards
from tf_study.nlp.classification import build_bilstm
from tf_study.training_mechanics.schedules import WarmupCosine

LONGEST = 128  # 더 긴 글은 뒤를 잃는다
VOCABULARY = 20_000
SHUFFLE = 10_000
PARSED = 512

UNITS, DIMENSION, DROPOUT = 32, 48, 0.3
BATCH, PEAK_RATE, WARMUP = 64, 4e-3, 0.1


class Survey(NamedTuple):
    """What one pass over the training documents finds."""

    vocabulary: list[str]  # 두 번 이상 나온 형태소, 많은 것부터
    topics: list[str]
    length: int  # 가장 긴 글의 형태소 수, LONGEST까지
    documents: int


def survey(part: Part) -> Survey:
    """Count morphemes and topics of the training documents, in bounded memory.

    Raises:
        UserError: there are fewer than two topics.
    """
    counts, topics, longest = Counter(), Counter(), 0
    for batch in read_batches(part.folder):
        chosen = selected(batch, part)
        morphemes = tf.ragged.boolean_mask(batch["morphemes"], chosen)
        counts.update(word.decode() for word in morphemes.flat_values.numpy())
        topics.update(topic.decode() for topic in tf.boolean_mask(batch["topic"], chosen).numpy())
        longest = max(longest, *morphemes.row_lengths().numpy().tolist())
    if len(topics) < 2:
        raise UserError(f"주제가 둘 이상 적힌 글이 있어야 한다. 나온 주제: {list(topics)}, 폴더: {part.folder}")
    words = [word for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count > 1]
    return Survey(words[:VOCABULARY], sorted(topics), min(longest, LONGEST), topics.total())


def selected(batch: dict, part: Part) -> tf.Tensor:
    """Return (B,) which of a batch of `read_batches` the part holds and carry a topic."""
    inside = (batch["bucket"] >= part.first) & (batch["bucket"] < part.last)
    return inside & (batch["topic"] != "")


def examples(part: Part, found: Survey) -> tf.data.Dataset:
    """Return (numbers (length,) int32, topic () int32) of the part's documents with a known topic."""
    words, topics = lookup(found.vocabulary), keras.layers.StringLookup(vocabulary=found.topics)

    def encode(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        batch = tf.io.parse_example(records, SPEC)
        numbers = words(batch["morphemes"].to_tensor("", shape=(None, found.length)))
        topic = tf.cast(topics(batch["topic"]), tf.int32) - 1  # 모르는 주제는 -1
        return tf.cast(numbers, tf.int32), topic, selected(batch, part) & (topic >= 0)

    def keep(numbers: tf.Tensor, topic: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        return kept

    def drop_flag(numbers: tf.Tensor, topic: tf.Tensor, kept: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return numbers, topic

    return read_shards(part.folder).batch(PARSED).map(encode).unbatch().filter(keep).map(drop_flag)


def lookup(vocabulary: list[str]) -> keras.layers.StringLookup:
    """Return the layer from morphemes to numbers: 0 is padding (''), 1 a morpheme not in the vocabulary."""
    return keras.layers.StringLookup(vocabulary=vocabulary, mask_token="")


def build(found: Survey, steps: int) -> keras.Sequential:
    """Return the compiled BiLSTM from numbers (B, T) to logits (B, K).

    It is chapter 6.4's with K logits in place of the one.

    Args:
        found: sizes of vocabulary and topics.
        steps: optimizer steps of the whole training.
    """
    body = build_bilstm(len(found.vocabulary) + 2, UNITS, DIMENSION, DROPOUT).layers[:-1]
    head = keras.layers.Dense(len(found.topics), dtype="float32")
    model = keras.Sequential([keras.Input((None,), dtype="int32"), *body, head])
    model.compile(
        keras.optimizers.Adam(WarmupCosine(PEAK_RATE, int(WARMUP * steps), steps), clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def save(model: keras.Sequential, found: Survey, settings: dict, folder: Path) -> None:
    """Write the model from morphemes to logits and what a user of it must know.

    settings.json carries the hash of model.keras and is written last: a folder between two models is
    noticed by `TopicModel`.
    """
    whole = keras.Sequential([keras.Input((None,), dtype="string"), lookup(found.vocabulary), *model.layers])
    write_whole(folder / "model.keras", whole.save)
    content = settings | {"topics": found.topics, "length": found.length, "model": digest(folder / "model.keras")}
    write_json(folder / "settings.json", content)


class TopicModel:
    """A trained classifier: morphemes to probabilities of topics.

    Attributes:
        topics: K names.
        settings: as given to `save`.

    Raises:
        UserError: the folder does not hold a whole model.
    """

    BATCH = 64

    def __init__(self, folder: Path | str):
        folder = Path(folder)
        try:
            self.settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
            whole = self.settings["model"] == digest(folder / "model.keras")
        except FileNotFoundError:
            raise UserError(
                f"학습한 모델의 폴더여야 한다. 모델이 없다: {folder}. "
                "`python -m projects.project03_korean_nlp.train`이 만든다."
            ) from None
        if not whole:
            raise UserError(f"모델이 온전하지 않다. train을 다시 실행하면 새로 쓴다: {folder}")
        self.topics, self._length = self.settings["topics"], self.settings["length"]
        model = keras.saving.load_model(folder / "model.keras", compile=False)
        self._logits = tf.function(model, input_signature=[tf.TensorSpec((self.BATCH, self._length), tf.string)])
        with silent_stderr():  # oneDNN이 첫 실행에서 stderr에 한 줄 적는다
            self._batch([])

    def __call__(self, morphemes: list[list[str]]) -> np.ndarray:
        """Return probabilities (N, K) of N documents; those longer than the model's length lose their end."""
        found = [self._batch(morphemes[i : i + self.BATCH]) for i in range(0, len(morphemes), self.BATCH)]
        return np.concatenate(found) if found else np.zeros((0, len(self.topics)), np.float32)

    def _batch(self, morphemes: list[list[str]]) -> np.ndarray:
        padded = np.full((self.BATCH, self._length), "", object)  # 모양이 늘 같아 한 번만 추적한다
        for row, words in zip(padded, morphemes):
            row[: len(words)] = words[: self._length]
        return tf.nn.softmax(self._logits(tf.constant(padded))).numpy()[: len(morphemes)]
