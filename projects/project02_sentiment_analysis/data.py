"""리뷰를 훈련, 검증, 시험으로 나눈다."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from projects.project02_sentiment_analysis.text import normalise
from tf_study.course.data import reviews_ko

LABELS = ("negative", "positive")
VALIDATION = 0.1  # 훈련 데이터의 끝에서 떼어 내는 몫
KINDS = {"plain": "평서", "noise": "오타", "contrast": "대조", "irony": "반어", "negation": "부정"}


class Reviews(NamedTuple):
    """Normalised texts (N,) object and labels (N,) int32, 0 negative and 1 positive."""

    texts: np.ndarray
    labels: np.ndarray


class Data(NamedTuple):
    train: Reviews
    validation: Reviews
    test: Reviews
    kinds: np.ndarray | None  # 시험 문장마다 현상의 이름. 원본 데이터에는 없다
    description: str


def load(count: int | None = None) -> Data:
    """Return the reviews of `TF_STUDY_DATA`; of the training data the first `count` only.

    Raises:
        ValueError: fewer than 100 training texts.
    """
    train, test = reviews_ko.load_data()
    texts, labels = _reviews(*train)
    texts, labels = texts[:count], labels[:count]
    if len(texts) < 100:
        raise ValueError(f"훈련 데이터는 100문장 이상이어야 한다. 받은 수: {len(texts)}")
    kept = round(len(texts) * (1 - VALIDATION))
    return Data(
        Reviews(texts[:kept], labels[:kept]), Reviews(texts[kept:], labels[kept:]), _reviews(*test), _kinds(),
        reviews_ko.describe(),
    )  # fmt: skip


def _reviews(texts: np.ndarray, labels: np.ndarray) -> Reviews:
    return Reviews(np.array([normalise(text) for text in texts], object), labels.astype("int32"))


def _kinds() -> np.ndarray | None:
    try:
        return reviews_ko.phenomena()[1]
    except RuntimeError:
        return None
