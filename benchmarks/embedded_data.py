"""내장 이미지 데이터의 난이도: 픽셀에 바로 건 선형 모델과 작은 합성곱 신경망의 시험 정확도.

    python benchmarks/embedded_data.py [digits garments objects flowers]
"""

from __future__ import annotations

import argparse
import importlib
import time

import numpy as np
from sklearn.linear_model import LogisticRegression

from tf_study import course

DATA = ("digits", "garments", "objects", "flowers")
SEEDS = (0, 1, 2)
EPOCHS = {"digits": 6, "garments": 8, "objects": 10, "flowers": 16}


def linear_accuracy(train: tuple, test: tuple) -> float:
    """Return the better of strong and weak regularisation, so that the linear model is not undersold."""
    scores = []
    for strength in (0.01, 0.1):
        model = LogisticRegression(C=strength, max_iter=100)
        model.fit(_pixels(train[0]), train[1].ravel())
        scores.append(model.score(_pixels(test[0]), test[1].ravel()))
    return max(scores)


def _pixels(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1).astype(np.float32) / 255


def network_accuracy(train: tuple, test: tuple, epochs: int, seed: int) -> float:
    """Train a small convolutional network (3×3 convolutions, halving until 7 pixels remain)."""
    import keras

    keras.utils.set_random_seed(seed)
    side, classes = train[0].shape[1], int(train[1].max()) + 1
    model = keras.Sequential([keras.Input(train[0].shape[1:] if train[0].ndim == 4 else (side, side, 1))])
    model.add(keras.layers.Rescaling(1 / 255))
    width = 32 if side < 64 else 16
    while side > 7:
        model.add(keras.layers.Conv2D(width, 3, padding="same", use_bias=False))
        model.add(keras.layers.BatchNormalization(momentum=0.9))
        model.add(keras.layers.ReLU())
        model.add(keras.layers.MaxPooling2D())
        side, width = side // 2, min(2 * width, 128)
    model.add(keras.layers.Conv2D(width, 3, padding="same", activation="relu"))
    model.add(keras.layers.GlobalMaxPooling2D())
    model.add(keras.layers.Dropout(0.3))
    model.add(keras.layers.Dense(classes, activation="softmax"))
    steps = epochs * -(-len(train[0]) // 32)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    shape = (-1, *model.input_shape[1:])
    model.fit(train[0].reshape(shape), train[1].ravel(), batch_size=32, epochs=epochs, verbose=0)
    return model.evaluate(test[0].reshape(shape), test[1].ravel(), verbose=0)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="데이터", help=f"{', '.join(DATA)} (기본: 모두)")
    names = parser.parse_args().names or DATA
    course.setup()
    print("| 데이터 | 훈련/시험 | 선형 | 작은 합성곱 신경망 (시드마다) | 학습 한 번 |")
    print("|---|---|---|---|---|")
    for name in names:
        train, test = importlib.import_module(f"tf_study.course.data.{name}").load_data()
        linear = linear_accuracy(train, test)
        started = time.perf_counter()
        scores = [network_accuracy(train, test, EPOCHS[name], seed) for seed in SEEDS]
        seconds = (time.perf_counter() - started) / len(SEEDS)
        each = " ".join(f"{score:.1%}" for score in scores)
        print(
            f"| {name} | {len(train[0])}/{len(test[0])} | {linear:.1%} | {np.mean(scores):.1%} ({each}) "
            f"| {seconds:.0f}초 |",
            flush=True,
        )


if __name__ == "__main__":
    main()
