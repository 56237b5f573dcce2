"""BERT가 이겨야 할 것들: 글자 조각의 단어 주머니와 6.4의 BiLSTM. 같은 글로 배우고 같은 검증 데이터로 고른다."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from projects.common.training import fit
from projects.project02_sentiment_analysis.classifier import Settings, announce, place, run_config, shuffled
from projects.project02_sentiment_analysis.data import Data
from tf_study.nlp.classification import build_bilstm, text_vectorizer

STRENGTHS = (1.0, 10.0, 100.0)  # 규제의 세기 C의 후보 (6.4)
CHARACTERS = 32  # BiLSTM이 읽는 글자의 수. 내장 리뷰의 95 %가 넘게 다 들어간다 (6.4)
EPOCHS, BATCH, RATE = 8, 250, 0.01  # 6.4에서 고른 학습률


def bag_of_words(data: Data) -> np.ndarray:
    """The predicted labels (N,) of the test texts, from counts of 1 to 4 characters."""
    count = CountVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2).fit(data.train.texts)
    features = {part: count.transform(getattr(data, part).texts) for part in ("train", "validation", "test")}
    trials = [
        LogisticRegression(C=C, solver="liblinear", tol=0.05).fit(features["train"], data.train.labels)
        for C in STRENGTHS
    ]
    best = max(trials, key=lambda trial: trial.score(features["validation"], data.validation.labels))
    return best.predict(features["test"])


def bilstm(settings: Settings, data: Data, folder: Path, progress: bool = True) -> np.ndarray:
    """The predicted labels (N,) of the test texts, from a BiLSTM over characters."""
    keras.utils.set_random_seed(settings.seed)
    vectorizer = text_vectorizer(data.train.texts, CHARACTERS)
    train, validation, test = (vectorizer(list(part.texts)).numpy() for part in data[:3])
    return train_bilstm(
        settings, data, "bilstm", vectorizer.vocabulary_size(), train, validation, test, folder, progress
    )  # fmt: skip


def train_bilstm(
    settings: Settings, data: Data, name: str, vocabulary: int, train: np.ndarray, validation: np.ndarray,
    test: np.ndarray, folder: Path, progress: bool = True,
) -> np.ndarray:  # fmt: skip
    """Train 6.4's BiLSTM on token numbers (N, T) and return the predicted labels of the test's."""
    batch = min(BATCH, len(train))
    settings = Settings(texts=settings.texts, epochs=EPOCHS, learning_rate=RATE, batch=batch, seed=settings.seed)
    model = build_bilstm(vocabulary)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE), loss, metrics=[keras.metrics.BinaryAccuracy(threshold=0)])
    rows = tf.data.Dataset.from_tensor_slices((train, data.train.labels))
    config = run_config(settings, data)
    announce(progress, f"기준선 {name}: {EPOCHS}에포크")
    fit(
        model, lambda epoch: shuffled(rows, settings, epoch), epochs=EPOCHS, folder=place(folder, name, config),
        config=config, progress=progress,
        validation=tf.data.Dataset.from_tensor_slices((validation, data.validation.labels)).batch(500),
    )  # fmt: skip
    return (model.predict(test, batch_size=500, verbose=0)[:, 0] > 0).astype(int)
