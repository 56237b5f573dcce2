"""한 버전의 모델로 글을 채점하고, 어느 토큰이 점수를 움직였는지 나눈다."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from projects.project02_sentiment_analysis.registry import Registry

LENGTHS = (16, 32, 64, 128, 256, 512)
STEPS = 32  # 적분을 더하는 점의 수

# KerasHub의 모델을 읽을 때마다 나오지만 가중치는 바르게 들어간다
warnings.filterwarnings("ignore", r"`build\(\)` was called on layer 'bert", UserWarning)
warnings.filterwarnings("ignore", "Skipping variable loading for optimizer", UserWarning)  # 옵티마이저는 내놓지 않았다


class Score(NamedTuple):
    """A text's probability of being positive, and how much of the text the model saw."""

    positive: float
    tokens: int  # 모델이 읽은 토큰. [CLS]와 [SEP]은 세지 않는다
    unknown: float  # 그 가운데 어휘에 없는 것의 몫
    truncated: bool  # 뒤를 잘라 냈는가


class Explanation(NamedTuple):
    """Log odds of 'positive' = `baseline` + the sum of the tokens' weights."""

    tokens: list[tuple[str, float]]
    baseline: float  # 모든 토큰이 [UNK]일 때의 로그 오즈


class Predictor:
    """A version of the model, ready to be called from one thread.

    Texts are padded to a few lengths and batches to a few sizes, so that the shapes that occur are known
    beforehand: `warm_up` runs them all. Nothing is traced after it.
    """

    def __init__(self, registry: Registry, version: str, max_batch: int = 32):
        """Load a version.

        Raises:
            RegistryError: it is missing or its files are damaged.
        """
        self.version = version
        model = keras_hub.models.BertTextClassifier.from_preset(str(registry.model_folder(version)))
        self.length = model.preprocessor.sequence_length
        self._tokenizer = model.preprocessor.tokenizer
        self._unknown = self._tokenizer.token_to_id("[UNK]")
        self._lengths = [n for n in LENGTHS if n < self.length] + [self.length]
        self._sizes = [2**i for i in range((max_batch - 1).bit_length() + 1)]
        self._embed, self._head = _halves(model)
        row = tf.TensorSpec([None, None], tf.int32)
        self._split = tf.function(self._tokenizer, input_signature=[tf.TensorSpec([None], tf.string)])
        self._odds = tf.function(self._log_odds, input_signature=[row, row])
        self._attribute = tf.function(self._integrate, input_signature=[row, row, row])

    def warm_up(self) -> None:
        """Trace everything and run every shape once."""
        self._split(tf.constant([""]))
        for length in self._lengths:
            for size in self._sizes:
                self._odds(*_zeros(size, length))
            self._attribute(*_zeros(1, length), tf.zeros((1, length), tf.int32))

    def traces(self) -> int:
        """How often something was traced so far."""
        functions = (self._split, self._odds, self._attribute)
        return sum(function.experimental_get_tracing_count() for function in functions)

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Score normalised texts, at most `max_batch` of them."""
        tokens = self._tokens(texts)
        ids, mask = self._pad(tokens, self._bucket(self._sizes, len(texts)))
        positive = tf.sigmoid(self._odds(ids, mask)).numpy()
        return [self._score(found, p) for found, p in zip(tokens, positive)]

    def explain(self, texts: Sequence[str]) -> list[tuple[Score, Explanation]]:
        """Score texts and share each log odds out over its tokens by integrated gradients.

        Source: Sundararajan, Taly & Yan 2017 (arXiv:1703.01365), equation 1; the path goes from the text
        with every token unknown ([UNK]) to the text.
        """
        return [self._explain(tokens) for tokens in self._tokens(texts)]

    def _tokens(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [np.asarray(row) for row in self._split(tf.constant(list(texts)))]

    def _pad(self, tokens: Sequence[np.ndarray], size: int) -> tuple[np.ndarray, np.ndarray]:
        """Token numbers and mask (size, T) with [CLS] and [SEP]; T is the shortest length that fits."""
        room = self.length - 2
        longest = max(min(len(row), room) for row in tokens) + 2
        ids = np.full((size, self._bucket(self._lengths, longest)), self._tokenizer.pad_token_id, "int32")
        mask = np.zeros_like(ids)
        for i, row in enumerate(tokens):
            packed = [self._tokenizer.cls_token_id, *row[:room], self._tokenizer.sep_token_id]
            ids[i, : len(packed)], mask[i, : len(packed)] = packed, 1
        return ids, mask

    @staticmethod
    def _bucket(sizes: Sequence[int], needed: int) -> int:
        return next(size for size in sizes if size >= needed)

    def _score(self, tokens: np.ndarray, positive: float) -> Score:
        read = tokens[: self.length - 2]
        unknown = float(np.mean(read == self._unknown)) if len(read) else 0.0
        return Score(float(positive), len(read), unknown, len(tokens) > len(read))

    def _log_odds(self, ids: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        return self._head_odds(self._embed(ids), mask)

    def _head_odds(self, embedded: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """The log odds (B,) of 'positive' from token embeddings (B, T, D)."""
        logits = tf.cast(self._head([embedded, tf.zeros_like(mask), mask]), tf.float32)
        return logits[:, 1] - logits[:, 0]

    def _integrate(self, ids: tf.Tensor, hidden: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Weights (1, T) of the tokens and the log odds of the text and of the hidden text."""
        nodes, weights = np.polynomial.legendre.leggauss(STEPS)  # 가우스 구적: 점 32개로 곧은 길을 적분한다
        start, end = self._embed(hidden), self._embed(ids)
        alpha = tf.constant((nodes[:, None, None] + 1) / 2, start.dtype)
        path = start + alpha * (end - start)  # (STEPS, T, D)
        with tf.GradientTape() as tape:
            tape.watch(path)
            odds = self._head_odds(path, tf.repeat(mask, STEPS, axis=0))
        mean = tf.einsum("s,std->td", tf.constant(weights / 2, start.dtype), tape.gradient(odds, path))
        ends = self._head_odds(tf.concat([start, end], axis=0), tf.repeat(mask, 2, axis=0))
        return tf.reduce_sum((end - start)[0] * mean, axis=-1), ends[1], ends[0]

    def _explain(self, tokens: np.ndarray) -> tuple[Score, Explanation]:
        ids, mask = self._pad([tokens], 1)
        count = min(len(tokens), self.length - 2)
        hidden = ids.copy()
        hidden[0, 1 : count + 1] = self._unknown
        weights, odds, baseline = self._attribute(ids, hidden, mask)
        names = [self._tokenizer.id_to_token(int(i)) for i in tokens[:count]]
        shares = [float(weight) for weight in weights.numpy()[1 : count + 1]]
        score = self._score(tokens, tf.sigmoid(odds).numpy())
        return score, Explanation(list(zip(names, shares)), float(baseline))


def _halves(model: keras_hub.models.BertTextClassifier):
    """Cut the classifier behind the token embedding: a function of token numbers, and one of vectors."""
    backbone = model.backbone
    embed = backbone.get_layer("token_embedding")
    inputs = [embed.output, backbone.input["segment_ids"], backbone.input["padding_mask"]]
    body = keras.Function(inputs, backbone.output)
    return embed, lambda parts: model.output_dense(body(parts)["pooled_output"])


def _zeros(size: int, length: int) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.zeros((size, length), tf.int32), tf.ones((size, length), tf.int32)
