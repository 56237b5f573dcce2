"""손글씨 숫자 (MNIST 형식).

내장 데이터의 씨앗은 사람이 쓴 진짜 숫자 1,797개다: scikit-learn에 든 UCI optdigits(8×8, CC BY 4.0).
라벨의 순서가 같은 양식을 열네 번 되풀이하므로 앞의 11장(1,415개)은 훈련, 뒤의 3장(382개)은 시험에 쓴다.
나눈 뒤에 하나하나를 28×28로 부드럽게 키우고 조금씩 기울이고 휘어 훈련 6,000장, 시험 1,000장을 만든다.
그래서 훈련과 시험은 같은 원본도, 같은 양식도 나누어 갖지 않는다.

시험 정확도(benchmarks/embedded_data.py): 픽셀에 건 선형 모델 88.4 %, 작은 합성곱 신경망 97.4 %(시드 셋의 평균).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from sklearn.datasets import load_digits

from tf_study.course.data import _source
from tf_study.course.data._render import smooth_noise, to_uint8

CLASSES = tuple("0123456789")

SIDE = 28
BOX = 20  # MNIST처럼 숫자는 가운데 20×20 상자에 든다
TRAIN_PER_CLASS, TEST_PER_CLASS = 600, 100
TRAIN_ORIGINALS = 1415  # 양식 11장의 끝

Split = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Split, Split]:
    """Return handwritten digits as `keras.datasets.mnist.load_data` does.

    Returns:
        (x_train, y_train), (x_test, y_test): x uint8 (N, 28, 28), white on black; y uint8 (N,) in 0..9.
        N is 6,000 and 1,000, or 60,000 and 10,000 when `TF_STUDY_DATA=real`.

    Raises:
        ValueError: `TF_STUDY_DATA` is neither 'embedded' nor 'real'.
    """
    if _source.use_real():
        from tf_study.course.data import originals

        return originals.mnist()
    arrays = embedded()
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def describe() -> str:
    """Return one Korean line: which data, how many, where from, licence."""
    if _source.use_real():
        return "MNIST 원본: 손글씨 숫자 훈련 60,000장, 시험 10,000장 (28×28). LeCun·Cortes·Burges, CC BY-SA 3.0."
    return (
        "내장 손글씨 숫자: 사람이 쓴 숫자 1,797개(UCI optdigits, 8×8, CC BY 4.0)를 28×28로 키우고 변형한 "
        "훈련 6,000장, 시험 1,000장."
    )


@_source.cached
def embedded() -> _source.Arrays:
    """Make the embedded set; `origin_*` is the index in scikit-learn's `load_digits` of each image's original."""
    originals = load_digits()
    random = np.random.RandomState(1998)
    arrays = {}
    for split, start, stop, per_class in (
        ("train", 0, TRAIN_ORIGINALS, TRAIN_PER_CLASS),
        ("test", TRAIN_ORIGINALS, len(originals.target), TEST_PER_CLASS),
    ):
        origin = random.permutation(_pick_balanced(originals.target, start, stop, per_class))
        arrays[f"x_{split}"] = _redraw(originals.images[origin] / 16.0, random)
        arrays[f"y_{split}"] = originals.target[origin].astype(np.uint8)
        arrays[f"origin_{split}"] = origin
    return arrays


def _pick_balanced(labels: np.ndarray, start: int, stop: int, per_class: int) -> np.ndarray:
    """Return `per_class` indices in start..stop-1 of each label, every original used about equally often."""
    members = (start + np.flatnonzero(labels[start:stop] == label) for label in range(10))
    return np.concatenate([np.resize(indices, per_class) for indices in members])


def _redraw(images: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Enlarge (N, 8, 8) in 0..1 to uint8 (N, 28, 28), each bent a little differently."""
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))  # 획이 가장자리에서 잘리지 않고 스러지게 한다
    places = _centres(padded)[:, :, None, None] + _bent_grid(images, random)
    enlarged = np.stack([ndimage.map_coordinates(*pair, order=3) for pair in zip(padded, places, strict=True)])
    threshold = random.uniform(0.42, 0.58, (len(images), 1, 1))  # 낮을수록 굵은 획
    blur = random.uniform(0.45, 0.7, (len(images), 1, 1))
    return to_uint8((enlarged - threshold) / blur + 0.5)


def _centres(images: np.ndarray) -> np.ndarray:
    """Return the centre of mass (N, 2) as row and column: MNIST puts it in the middle of the picture."""
    positions = np.indices(images.shape[1:])
    return np.einsum("nyx,iyx->ni", images, positions) / images.sum(axis=(1, 2))[:, None]


def _bent_grid(images: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Return where each output pixel looks in the original: (N, 2, 28, 28), relative to the centre of mass."""
    count = len(images)
    pixel = np.stack(np.mgrid[:SIDE, :SIDE]) - (SIDE - 1) / 2
    angle, shear = random.uniform(-0.22, 0.22, count), random.uniform(-0.25, 0.25, count)
    tall, wide = random.uniform(0.93, 1.08, count), random.uniform(0.78, 1.0, count) * _slimming(images)
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos * tall, sin * tall], [(shear - sin) * wide, cos * wide]]) * (images.shape[1] / BOX)
    return np.einsum("ijn,jyx->niyx", linear, pixel) + 0.35 * smooth_noise(random, (count, 2), (SIDE, SIDE), (4, 4))


def _slimming(images: np.ndarray) -> np.ndarray:
    """Return how much to narrow each digit (N,): optdigits stretches every one to full width, even a plain 1."""
    return np.clip(images.mean(axis=(1, 2)) / 0.30, 1.0, 1.8)
