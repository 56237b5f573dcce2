"""기준선: 형태소 주머니의 로지스틱 회귀. 순서를 보지 않거나, 이어진 셋까지만 본다."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from projects.project03_korean_nlp.model import selected
from projects.project03_korean_nlp.prepare import Part
from projects.project03_korean_nlp.shards import read_batches

STRENGTHS = (1.0, 10.0, 100.0)  # 규제의 역수. 검증 데이터로 고른다


class Labelled(NamedTuple):
    """N documents in memory: morphemes, topics and places (file, line)."""

    morphemes: list[list[str]]
    topics: np.ndarray
    places: list[tuple[str, int]]


def load(part: Part) -> Labelled:
    """Return the part's documents that carry a topic."""
    morphemes, topics, places = [], [], []
    for batch in read_batches(part.folder):
        chosen = selected(batch, part)
        words = tf.ragged.boolean_mask(batch["morphemes"], chosen).to_list()
        morphemes += [[word.decode() for word in row] for row in words]
        topics += [topic.decode() for topic in batch["topic"].numpy()[chosen]]
        files, lines = batch["file"].numpy()[chosen], batch["line"].numpy()[chosen]
        places += [(file.decode(), int(line)) for file, line in zip(files, lines)]
    return Labelled(morphemes, np.array(topics), places)


class Bag:
    """Logistic regression on counts of morphemes and of up to `longest` that follow each other."""

    def __init__(self, longest: int, train: Labelled, valid: Labelled):
        self._counts = CountVectorizer(analyzer=lambda words: list(_ngrams(words, longest)), min_df=2)
        x, x_valid = self._counts.fit_transform(train.morphemes), self._counts.transform(valid.morphemes)
        options = {"solver": "saga", "tol": 1e-3, "max_iter": 1000, "random_state": 0}  # lbfgs보다 열 배 빠르다
        models = [LogisticRegression(C=C, **options).fit(x, train.topics) for C in STRENGTHS]
        self._model = max(models, key=lambda model: model.score(x_valid, valid.topics))

    def predict(self, morphemes: list[list[str]]) -> np.ndarray:
        """Return the topics (N,) of N documents."""
        return self._model.predict(self._counts.transform(morphemes))


def _ngrams(words: list[str], longest: int) -> Iterator[str]:
    for size in range(1, longest + 1):
        for start in range(len(words) - size + 1):
            yield " ".join(words[start : start + size])
