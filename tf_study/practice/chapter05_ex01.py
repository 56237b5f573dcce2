"""연습 5.1 CIFAR-10 분류기의 검사와 힌트."""

from __future__ import annotations

import numpy as np

from tf_study.course.check import (
    Exercise,
    WrongAnswer,
    expect_close,
    expect_dtype,
    expect_equal,
    expect_shape,
    expect_tuple,
    given,
)

exercise = Exercise("chapter05_computer_vision/ex01_cifar10_classifier", title="CIFAR-10 분류기")


@exercise.task(
    "1. 채널마다 표준화",
    hints=(
        "평균과 표준편차는 훈련 이미지에서만 구하고, 그 값으로 받은 이미지를 바꾼다.",
        "채널 축만 남기려면 배치, 높이, 너비의 세 축을 한꺼번에 줄인다. `axis`는 튜플을 받는다.",
        "uint8을 먼저 float32로 바꾼다. 남은 모양 (C,)는 (N, H, W, C)에 저절로 브로드캐스팅된다.",
    ),
)
def check_standardize_channels(standardize_channels, rng):
    for count, height, width in ((5, 4, 6), (3, 7, 3)):
        offset, spread = np.array([40, 90, 150]), np.array([30, 60, 100])
        train, images = (
            (offset + spread * rng.uniform(0, 1, (n, height, width, 3))).astype(np.uint8) for n in (count + 4, count)
        )
        with given(train=train, images=images):
            result = standardize_channels(train, images)
            expected = _standardized(train, images)
            expect_close(result, expected, rtol=1e-3, atol=1e-4, causes={
                "받은 이미지의 통계를 썼다. 시험 이미지도 훈련 이미지의 통계로 바꾼다.": _standardized(images, images),
                "훈련 이미지를 돌려주었다.": _standardized(train, train),
                "모든 채널을 합친 통계다. 채널 축은 남긴다.": _standardized(train, images, axis=None),
                "표준편차가 아니라 분산으로 나누었다.": _standardized(train, images, power=2),
                "픽셀의 자리마다 통계를 구했다. 높이와 너비의 축도 줄인다.": _standardized(train, images, axis=0),
                "이미지마다 통계를 구했다.": _per_image(images),
                "나누지 않았다.": _standardized(train, images, power=0),
                "평균을 빼지 않았다.": images / train.std(axis=(0, 1, 2), dtype=float),
            })
            expect_dtype(result, "float32")
    return "채널마다 다른 밝기의 무작위 이미지에서 훈련 데이터의 통계로 표준화한 것과 같다"


@exercise.task(
    "2. 합성곱 블록",
    hints=(
        "레이어 하나를 만들고 곧바로 텐서에 부르는 함수형 API이다. `x = layer(x)`를 이어 쓴다.",
        "세 레이어의 묶음이 두 번 나온다. `for`로 두 번 돌고, 풀링은 반복문 밖에서 한 번 한다.",
        "`Conv2D`에는 `padding`과 `use_bias`를 정한다. 편향은 배치 정규화가 대신한다. 그다음이 정규화, 그다음이 ReLU이다.",
    ),
)
def check_conv_block(conv_block, rng):
    import keras

    for shape, filters in (((8, 6, 2), 3), ((7, 9, 4), 5)):
        inputs = keras.Input(shape)
        outputs = conv_block(inputs, filters)
        height, width, channels = shape
        if not isinstance(outputs, keras.KerasTensor):
            kind = type(outputs).__name__
            raise WrongAnswer("반환값: 기호 텐서가 아니다", "keras.KerasTensor", kind, "레이어를 `x`에 부른 결과를 돌려준다.")
        expect_shape(outputs, (None, height // 2, width // 2, filters), "블록의 출력")
        model = keras.Model(inputs, outputs)
        kernels = 9 * channels * filters + 9 * filters**2
        expect_equal(model.count_params(), kernels + 8 * filters, "파라미터의 수", causes={
            "합성곱에 편향이 있다. `use_bias=False`로 둔다.": kernels + 10 * filters,
            "배치 정규화가 없다.": kernels,
            "배치 정규화가 없고 합성곱에 편향이 있다.": kernels + 2 * filters,
            "배치 정규화가 한 번뿐이다.": kernels + 4 * filters,
            "합성곱과 배치 정규화가 한 번뿐이다.": 9 * channels * filters + 4 * filters,
            "합성곱이 세 번이다.": kernels + 9 * filters**2 + 12 * filters,
        })
        _expect_block_values(model, _reference_block(shape, filters), rng)
    return "무작위 가중치에서 훈련 모드와 추론 모드의 출력이 모두 기준과 같다"


@exercise.task(
    "3. 분류기",
    hints=(
        "`keras.Input`에서 시작해 `filters`의 수마다 과제 2의 블록을 한 번씩 지난다.",
        "블록을 다 지난 특징 맵을 채널마다 수 하나로 줄이는 레이어는 `GlobalAveragePooling2D`이다.",
        "마지막은 활성화 함수가 없는 `Dense(classes)`이다. `keras.Model`에 입력과 출력을 넘긴다.",
    ),
)
def check_make_classifier(make_classifier, rng):
    import keras

    for shape, classes, filters in (((16, 12, 3), 4, (3, 5)), ((8, 24, 1), 6, (2, 3, 4))):
        model = make_classifier(shape, classes, filters)
        if not isinstance(model, keras.Model):
            raise WrongAnswer("반환값: 모델이 아니다", "keras.Model", type(model).__name__)
        expect_shape(model.outputs[0], (None, classes), "모델의 출력")
        convolutions, norms = _block_parameters(shape[2], filters)
        side = shape[0] // 2 ** len(filters) * (shape[1] // 2 ** len(filters))
        head = (filters[-1] + 1) * classes
        expect_equal(model.count_params(), convolutions + norms + head, "파라미터의 수", causes={
            "특징 맵을 펴서(Flatten) 이었다. 전역 평균 풀링으로 줄인다.": (
                convolutions + norms + (side * filters[-1] + 1) * classes
            ),
            "마지막 완전 연결 레이어에 편향이 없다.": convolutions + norms + filters[-1] * classes,
            "합성곱에 편향이 있다.": convolutions + norms + head + 2 * sum(filters),
            "첫 블록만 썼다. `filters`의 수마다 블록이 하나이다.": _total_parameters(shape[2], filters[:1], classes),
            "`filters`를 거꾸로 썼다.": _total_parameters(shape[2], filters[::-1], classes),
            "마지막 블록만 썼다. 앞 블록의 출력을 다음 블록의 입력으로 넘긴다.": (
                _total_parameters(shape[2], filters[-1:], classes)
            ),
        })
        _expect_classifier_values(model, shape, classes, filters, rng)
    return "크기와 블록의 수가 다른 두 모델에서 로짓이 기준과 같다"


@exercise.task(
    "4. 비용의 예측",
    hints=(
        "블록마다 합성곱이 둘이다. 첫째는 앞 블록의 채널에서, 둘째는 자기의 채널에서 온다.",
        "높이와 너비는 `same` 합성곱에서 그대로이고 풀링에서 절반(내림)이 된다. 두 합성곱은 모두 풀링 앞의 크기에서 돈다.",
        "배치 정규화의 파라미터는 채널마다 넷(배우는 것 둘, 이동 평균 둘)이다. 완전 연결 레이어의 FLOPs는 2 × 입력 × 출력이다.",
    ),
)
def check_classifier_costs(classifier_costs, rng):
    for shape, classes, filters in (((32, 20, 3), 9, (4, 6, 5)), ((15, 9, 1), 3, (7, 2))):
        with given(input_shape=shape, classes=classes, filters=filters):
            answer = classifier_costs(shape, classes, filters)
            expect_tuple(answer, ("파라미터의 수", "FLOPs"))
            convolutions, norms = _block_parameters(shape[2], filters)
            head = (filters[-1] + 1) * classes
            expect_equal(answer[0], convolutions + norms + head, "파라미터의 수", causes={
                "배치 정규화를 세지 않았다.": convolutions + head,
                "배치 정규화의 이동 평균을 세지 않았다. 채널마다 넷이다.": convolutions + norms // 2 + head,
                "합성곱에 편향을 더했다. 편향은 없다.": convolutions + norms + head + 2 * sum(filters),
                "완전 연결 레이어의 편향을 빠뜨렸다.": convolutions + norms + head - classes,
                "블록마다 합성곱을 하나만 셌다.": convolutions + norms + head - 9 * sum(f * f for f in filters),
                "완전 연결 레이어를 빠뜨렸다.": convolutions + norms,
                "두 값의 순서가 바뀌었다.": _flops(shape, classes, filters),
            })
            expect_equal(answer[1], _flops(shape, classes, filters), "FLOPs", causes={
                "곱셈만 세었다. 덧셈까지 세어 2를 곱한다.": _flops(shape, classes, filters) // 2,
                "풀링 뒤의 크기로 셌다. 두 합성곱은 풀링 앞에서 돈다.": _flops(shape, classes, filters, pool_first=True),
                "모든 블록을 처음 크기로 셌다. 풀링이 크기를 절반으로 줄인다.": _flops(shape, classes, filters, pool=False),
                "완전 연결 레이어를 빠뜨렸다.": _flops(shape, classes, filters) - 2 * filters[-1] * classes,
                "블록마다 합성곱을 하나만 셌다.": _flops(shape, classes, filters, second=False),
            })
    return "홀수 크기와 직사각형 입력에서 파라미터의 수와 FLOPs가 정확히 맞는다"


@exercise.task(
    "5. 학습 곡선 읽기",
    hints=(
        "검증 손실 `val_loss`가 가장 작은 자리를 먼저 찾는다. 리스트의 자리는 0부터이고 에포크는 1부터이다.",
        "차이는 그 자리의 `accuracy`에서 `val_accuracy`를 뺀 것이다. 마지막 에포크의 것이 아니다.",
        "마지막 검증 손실이 가장 작은 검증 손실의 (1 + tolerance)배를 넘으면 과적합이다. 파이썬의 bool로 돌려준다.",
    ),
)
def check_read_curves(read_curves, rng):
    for values, tolerance in (
        ([1.5, 0.8, 0.6, 0.7, 0.9, 0.85], 0.1), ([1.2, 0.9, 0.7, 0.71], 0.05), ([2.0, 1.0, 1.2], 0.3),
        ([0.9, 0.5, 0.5, 0.8], 0.2),
    ):
        count = len(values)
        history = {
            "loss": np.sort(rng.uniform(0.1, 1, count))[::-1].tolist(),
            "accuracy": np.sort(rng.uniform(0.5, 1, count)).tolist(),
            "val_loss": values,
            "val_accuracy": np.sort(rng.uniform(0.3, 0.5, count)).tolist(),
        }
        with given(tolerance=tolerance, val_loss=np.array(values)):
            _expect_reading(read_curves(history, tolerance), history, tolerance)
    return "과적합인 곡선, 아닌 곡선, 손실이 같은 에포크가 둘인 곡선에서 맞다"


def _expect_reading(answer, history, tolerance):
    expect_tuple(answer, ("best_epoch", "gap", "overfitting"))
    loss, best = np.array(history["val_loss"]), int(np.argmin(history["val_loss"]))
    gaps = np.subtract(history["accuracy"], history["val_accuracy"])
    expect_equal(answer[0], best + 1, "best_epoch", causes={
        "0부터 셌다. 첫 에포크가 1이다.": best,
        "훈련 손실이 가장 작은 에포크다. 검증 손실을 본다.": int(np.argmin(history["loss"])) + 1,
        "가장 작은 손실이 둘이면 먼저 나온 에포크를 고른다.": len(loss) - int(np.argmin(loss[::-1])),
        "검증 손실이 가장 큰 에포크다.": int(np.argmax(loss)) + 1,
    })
    expect_close(answer[1], gaps[best], "gap", causes={
        "마지막 에포크의 차이다. best_epoch의 것을 쓴다.": gaps[-1],
        "검증에서 훈련을 뺐다. 훈련이 먼저다.": -gaps[best],
        "다음 에포크의 값이다. 에포크는 1부터, 리스트는 0부터 센다.": gaps[min(best + 1, len(gaps) - 1)],
        "정확도가 아니라 손실의 차이다.": history["val_loss"][best] - history["loss"][best],
    })
    if not isinstance(answer[2], (bool, np.bool_)):
        raise WrongAnswer("overfitting: bool이 아니다", "True 또는 False", type(answer[2]).__name__)
    expected = bool(loss[-1] > (1 + tolerance) * loss.min())
    if bool(answer[2]) != expected:
        cause = "마지막 검증 손실을 가장 작은 검증 손실의 (1 + tolerance)배와 견준다."
        raise WrongAnswer("overfitting: 값이 다르다", str(expected), str(bool(answer[2])), cause)


def _standardized(train, images, axis=(0, 1, 2), power=1):
    return (images - train.mean(axis=axis)) / train.std(axis=axis, dtype=float) ** power


def _per_image(images):
    mean, deviation = (f(images, axis=(1, 2), keepdims=True) for f in (np.mean, np.std))
    return (images - mean) / deviation


def _reference_block(shape, filters, order="conv bn relu", pooling="MaxPooling2D", last_relu=True):
    """The block of task 2, or one with a typical mistake, as a model."""
    import keras

    inputs = x = keras.Input(shape)
    for turn in range(2):
        for name in order.split():
            if name == "conv":
                x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            elif name == "bn":
                x = keras.layers.BatchNormalization()(x)
            elif turn == 0 or last_relu:
                x = keras.layers.ReLU()(x)
    return keras.Model(inputs, getattr(keras.layers, pooling)(2)(x))


def _expect_block_values(model, reference, rng):
    shape, filters = model.input_shape[1:], model.output_shape[-1]
    _same_random_weights((model, reference), rng)
    weights = model.get_weights()
    x = rng.normal(size=(3, *shape)).astype("float32")
    mistakes = {
        "ReLU가 배치 정규화보다 앞에 있다.": {"order": "conv relu bn"},
        "ReLU가 없다.": {"order": "conv bn"},
        "둘째 ReLU가 없다.": {"last_relu": False},
        "최댓값이 아니라 평균으로 풀링했다.": {"pooling": "AveragePooling2D"},
    }
    causes = {}
    for cause, change in mistakes.items():
        other = _reference_block(shape, filters, **change)
        other.set_weights(weights)
        causes[cause] = np.asarray(other(x, training=False))
    inference = np.asarray(reference(x, training=False))  # 훈련 모드로 부르면 이동 평균이 바뀐다
    expect_close(model(x, training=False), inference, "추론 모드의 출력", causes, 1e-4, 1e-5)
    frozen = {"훈련 모드에서도 이동 평균을 쓴다. 배치 정규화를 얼리지 않는다.": inference}
    training = np.asarray(reference(x, training=True))
    expect_close(model(x, training=True), training, "훈련 모드의 출력", frozen, rtol=1e-3, atol=1e-4)


def _expect_classifier_values(model, shape, classes, filters, rng):
    reference, maximum = (_reference_classifier(shape, classes, filters, pool) for pool in ("Average", "Max"))
    _same_random_weights((model, reference, maximum), rng)
    x = rng.normal(size=(2, *shape)).astype("float32")
    logits = np.asarray(reference(x, training=False))
    exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
    expect_close(model(x, training=False), logits, "로짓", rtol=1e-3, atol=1e-4, causes={
        "softmax를 씌웠다. 로짓을 그대로 낸다.": exponent / exponent.sum(axis=1, keepdims=True),
        "로짓에 ReLU를 씌웠다.": np.maximum(logits, 0),
        "전역 최댓값 풀링이다. 평균을 쓴다.": np.asarray(maximum(x, training=False)),
    })


def _reference_classifier(shape, classes, filters, pool):
    import keras

    inputs = x = keras.Input(shape)
    for count in filters:
        x = _reference_block(x.shape[1:], count)(x)
    x = getattr(keras.layers, f"Global{pool}Pooling2D")()(x)
    return keras.Model(inputs, keras.layers.Dense(classes)(x))


def _same_random_weights(models, rng):
    """Give all models the same weights, drawn so that no activation is trivial."""
    shapes = [[w.shape for w in model.get_weights()] for model in models]
    if any(other != shapes[0] for other in shapes[1:]):
        cause = "레이어의 차례가 합성곱 → 배치 정규화 → ReLU인지, 커널이 3×3인지 본다."
        raise WrongAnswer("가중치의 모양이 다르다", str(shapes[1]), str(shapes[0]), cause)
    weights = [
        rng.normal(size=s) / np.sqrt(np.prod(s[:-1])) if len(s) > 1 else rng.uniform(0.3, 1.2, s) for s in shapes[0]
    ]
    for model in models:
        model.set_weights(weights)


def _block_parameters(channels, filters):
    """Parameters of the convolutions and of the normalisations of all blocks."""
    inputs = (channels, *filters[:-1])
    convolutions = sum(9 * before * count + 9 * count**2 for before, count in zip(inputs, filters, strict=True))
    return convolutions, 8 * sum(filters)


def _total_parameters(channels, filters, classes):
    return sum(_block_parameters(channels, filters)) + (filters[-1] + 1) * classes


def _flops(shape, classes, filters, pool=True, pool_first=False, second=True):
    height, width, channels = shape
    total = 0
    for count in filters:
        shrunk = height // 2, width // 2
        rows, columns = shrunk if pool_first else (height, width)
        total += 2 * 9 * (channels * count + second * count**2) * rows * columns
        channels = count
        height, width = shrunk if pool else (height, width)
    return total + 2 * channels * classes
