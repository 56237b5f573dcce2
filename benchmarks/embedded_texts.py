"""Measure how hard the embedded reviews are: bag of words against models that see word order.

    python benchmarks/embedded_texts.py [ko|en]

Prints test accuracies. The figures in the docstrings of `reviews_ko` and `reviews_en` come from here.
"""

from __future__ import annotations

import sys
import time

from tf_study import course

course.setup(seed=0)

import keras  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402

from tf_study.course.data import reviews_en, reviews_ko  # noqa: E402


def bag(train, test, **options) -> np.ndarray:
    """Return the predictions of logistic regression on counts."""
    vectorizer = TfidfVectorizer if options.pop("tfidf", False) else CountVectorizer
    model = make_pipeline(vectorizer(**options), LogisticRegression(C=3, max_iter=2000))
    return model.fit(*train).predict(test[0])


def network(train, test, split: str, length: int, layers: list, epochs: int, masked: bool) -> np.ndarray:
    """Return the predictions of an embedding followed by `layers`."""
    keras.utils.set_random_seed(0)
    vectorize = keras.layers.TextVectorization(split=split, output_sequence_length=length, max_tokens=20_000)
    vectorize.adapt(train[0])
    x_train, x_test = vectorize(train[0]).numpy(), vectorize(test[0]).numpy()
    embed = keras.layers.Embedding(vectorize.vocabulary_size(), 64, mask_zero=masked)
    model = keras.Sequential([embed, *layers, keras.layers.Dropout(0.3), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x_train, train[1], epochs=epochs, batch_size=64, verbose=0)
    return (model.predict(x_test, verbose=0)[:, 0] > 0.5).astype(int)


def cnn(width: int) -> list:
    conv = keras.layers.Conv1D
    return [
        keras.layers.SpatialDropout1D(0.2),
        conv(128, width, padding="same", activation="relu"),
        conv(128, width, padding="same", activation="relu"),
        keras.layers.GlobalMaxPooling1D(),
    ]


def bigru() -> list:
    return [keras.layers.SpatialDropout1D(0.2), keras.layers.Bidirectional(keras.layers.GRU(64))]


def report(name: str, predict, test, tags=None) -> None:
    """Print one line: accuracy, seconds and the accuracy for every phenomenon."""
    start = time.perf_counter()
    right = predict() == test[1]
    parts = "" if tags is None else "  ".join(f"{tag} {right[tags == tag].mean():.3f}" for tag in np.unique(tags))
    print(f"{name:<28} {right.mean():.3f}  {time.perf_counter() - start:5.1f} s  {parts}", flush=True)


def korean() -> None:
    print(reviews_ko.describe())
    train, test = reviews_ko.load_data()
    tags = reviews_ko.phenomena()[1]
    words = {"token_pattern": r"\S+"}
    report("words, logistic", lambda: bag(train, test, **words), test, tags)
    report("words 1-2, logistic", lambda: bag(train, test, **words, ngram_range=(1, 2)), test, tags)
    report("characters, logistic", lambda: bag(train, test, analyzer="char"), test, tags)
    report("characters 1-4, logistic", lambda: bag(train, test, analyzer="char", ngram_range=(1, 4)), test, tags)
    report("characters, CNN", lambda: network(train, test, "character", 60, cnn(5), 8, False), test, tags)
    report("characters, BiGRU", lambda: network(train, test, "character", 60, bigru(), 12, True), test, tags)


def english() -> None:
    print(reviews_en.describe())
    train, test = reviews_en.load_texts()
    report("words, logistic", lambda: bag(train, test), test)
    report("words 1-2, logistic", lambda: bag(train, test, ngram_range=(1, 2)), test)
    report("words 1-3 tf-idf, logistic", lambda: bag(train, test, ngram_range=(1, 3), tfidf=True), test)
    report("words, CNN", lambda: network(train, test, "whitespace", 160, cnn(3), 6, False), test)
    report("words, BiGRU", lambda: network(train, test, "whitespace", 160, bigru(), 6, True), test)


if __name__ == "__main__":
    for language in sys.argv[1:] or ["ko", "en"]:
        {"ko": korean, "en": english}[language]()
