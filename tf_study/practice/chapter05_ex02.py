"""연습 5.2 꽃 전이학습의 검사와 힌트."""

from __future__ import annotations

import numpy as np

from tf_study.course.check import (
    Exercise,
    WrongAnswer,
    expect_close,
    expect_dtype,
    expect_equal,
    expect_shape,
    expect_tensor,
    expect_tuple,
    given,
)

exercise = Exercise("chapter05_computer_vision/ex02_transfer_learning_flowers", title="꽃 전이학습")

EXAMPLE = "예시의 답을 그대로 돌려주었다. 답은 입력으로 계산한다."


@exercise.task(
    "1. 백본에 넣을 그림",
    hints=(
        "두 가지만 한다: 크기 바꾸기와 float32로 만들기. 값의 범위는 백본이 맞춘다.",
        "`tf.image.resize`는 쌍선형 보간이 기본이고, uint8을 받아도 float32를 돌려준다.",
        "`tf.image.resize`의 둘째 인수는 높이와 너비의 쌍이다. 결과를 나누거나 반올림하지 않는다.",
    ),
)
def check_prepare(prepare, rng):
    import tensorflow as tf

    for n, height, width, size in ((2, 6, 9, 4), (3, 5, 5, 8)):
        images = rng.integers(0, 256, (n, height, width, 3), dtype=np.uint8)
        expected = tf.image.resize(images, (size, size)).numpy()
        with given(images=images, size=size):
            result = prepare(images, size)
            expect_tensor(result)
            expect_close(result, expected, rtol=1e-4, atol=1e-2, causes={
                "255로 나누었다. 이 백본은 0–255를 받아 안에서 바꾼다.": expected / 255,
                "-1과 1 사이로 바꾸었다. 이 백본은 0–255를 받아 안에서 바꾼다.": expected / 127.5 - 1,
                "쌍선형이 아니라 가장 가까운 픽셀로 크기를 바꾸었다.": tf.image.resize(images, (size, size), "nearest"),
                "반올림했다. 보간한 값의 소수점 아래를 남긴다.": np.round(expected),
                "소수점 아래를 버렸다. uint8로 되돌리지 않는다.": np.floor(expected),
                "크기를 바꾸지 않았다.": images,
                "크기를 바꾸지 않고 한가운데를 잘랐다.": tf.image.resize_with_crop_or_pad(images, size, size),
            })
            expect_dtype(result, "float32")
    return "줄인 그림과 늘린 그림에서 값의 범위 0–255, 모양, float32가 맞다"


@exercise.task(
    "2. 학습하는 가중치의 수",
    hints=(
        "모델은 학습하는 가중치와 학습하지 않는 가중치의 목록을 따로 갖고 있다.",
        "`trainable_weights`와 `non_trainable_weights`의 원소는 변수이다. 변수의 수가 아니라 그 안의 수를 센다.",
        "변수마다 `shape`의 곱을 구해 더한다. `np.prod`는 빈 모양에서 1을 준다. 둘 다 파이썬 int로 바꾼다.",
    ),
)
def check_count_weights(count_weights, rng):
    for frozen in (0, 2, 4):
        model = _classifier(rng, dropout=True)
        for layer in model.layers[0].layers[: 2 * frozen]:
            layer.trainable = False
        groups = model.trainable_weights, model.non_trainable_weights
        sizes = [[int(np.prod(v.shape)) for v in group] for group in groups]
        expected = tuple(sum(group) for group in sizes)
        result = count_weights(model)
        expect_tuple(result, ("학습하는 수", "얼린 수"))
        expect_equal(list(map(int, result)), list(expected), causes={
            EXAMPLE: [325, 24_672],
            "두 수의 순서가 바뀌었다.": expected[::-1],
            "변수의 개수를 셌다. 변수마다 그 안의 수를 센다.": [len(group) for group in sizes],
            "얼린 수 대신 모든 가중치의 수를 돌려주었다.": [expected[0], sum(expected)],
            "드롭아웃의 난수 상태까지 셌다. `variables`가 아니라 `weights`를 쓴다.": [
                expected[0], sum(int(np.prod(v.shape)) for v in model.non_trainable_variables)],
            "배치 정규화의 이동 통계만 얼린 것으로 셌다.": [
                expected[0], sum(int(np.prod(v.shape)) for v in model.non_trainable_weights if "moving" in v.path)],
        })  # fmt: skip
    return "얼린 레이어가 없을 때, 일부일 때, 전부일 때 두 수가 맞다"


@exercise.task(
    "3. 위쪽만 풀기",
    hints=(
        "백본 전체를 먼저 풀어 놓고, 앞에서부터 레이어를 보며 얼릴 것을 얼린다.",
        "이름이 prefix로 시작하는 첫 레이어를 만나면 그때부터는 연다. 그 뒤에 이름이 다른 레이어가 와도 열려 있다.",
        "열렸더라도 `keras.layers.BatchNormalization`이면 얼린다. `isinstance`로 가린다.",
    ),
)
def check_unfreeze_from(unfreeze_from, rng):
    import keras

    for prefix in ("block2", "block3", "block1"):
        backbone = _backbone(rng)
        backbone.trainable = False
        before = backbone.get_weights()
        unfreeze_from(backbone, prefix)
        if not all(map(np.array_equal, before, backbone.get_weights())):
            raise WrongAnswer("백본의 가중치가 바뀌었다", cause="`trainable`만 바꾸고 값은 그대로 둔다.")
        if not backbone.trainable:
            cause = "백본 자신이 얼어 있으면 안의 레이어를 풀어도 학습하지 않는다. 먼저 백본을 푼다."
            raise WrongAnswer("백본의 trainable이 False다", "True", "False", cause)
        names = [layer.name for layer in backbone.layers]
        first = next(i for i, name in enumerate(names) if name.startswith(prefix))
        norms = [isinstance(layer, keras.layers.BatchNormalization) for layer in backbone.layers]
        opened = [i >= first for i in range(len(names))]
        named = [name.startswith(prefix) for name in names]

        def learning(flags, backbone=backbone):
            return [layer.name for layer, flag in zip(backbone.layers, flags, strict=True) if layer.weights and flag]

        expect_equal(
            learning([layer.trainable for layer in backbone.layers]),
            learning([a and not b for a, b in zip(opened, norms, strict=True)]),
            f"'{prefix}'부터 풀었을 때 학습하는 레이어",
            causes={
                "배치 정규화도 풀었다. 배치 정규화는 얼려 둔다.": learning(opened),
                "아무것도 얼리지 않았다.": learning([True] * len(names)),
                "아무것도 풀지 않았다.": [],
                "prefix로 시작하는 레이어만 풀었다. 그 위의 레이어도 푼다.": learning(
                    [a and not b for a, b in zip(named, norms, strict=True)]),
                "prefix의 아래를 풀고 위를 얼렸다.": learning([not a and not b for a, b in zip(opened, norms, strict=True)]),
                "prefix보다 위만 풀었다. 그 레이어부터 푼다.": learning(
                    [a and not c and not b for a, b, c in zip(opened, norms, named, strict=True)]),
            },
        )  # fmt: skip
    return "세 곳에서 그 위의 합성곱만 학습하고 배치 정규화는 모두 얼었다"


@exercise.task(
    "4. 얼린 백본에 머리 얹기",
    hints=(
        "차례대로 네 가지다: 백본을 얼리고, 입력을 백본에 넣고, 자리를 평균하고, 점수를 낸다.",
        "`keras.Input(backbone.input_shape[1:])`에서 시작한다. 평균은 `GlobalAveragePooling2D`, 점수는 활성화가 없는 `Dense`이다.",
        "드롭아웃은 평균과 점수 사이에 둔다. 백본은 복사하지 않고 그대로 부르며, 부르기 전에 `trainable`을 끈다.",
    ),
)
def check_attach_head(attach_head, rng):
    import keras

    for classes in (5, 3):
        backbone = _backbone(rng)
        before = backbone.get_weights()
        model = attach_head(backbone, classes)
        if not isinstance(model, keras.Model):
            raise WrongAnswer("반환값: 모델이 아니다", "keras.Model", type(model).__name__)
        images = rng.uniform(0, 255, (4, 16, 16, 3)).astype("float32")
        scores = model(images, training=False)
        expect_shape(scores, (4, classes), "점수")
        if backbone.trainable_weights:
            cause = "백본의 `trainable`을 끄지 않았다."
            raise WrongAnswer("백본이 얼지 않았다", "학습하는 백본의 변수 0개", f"{len(backbone.trainable_weights)}개", cause)
        shapes = [tuple(v.shape) for v in model.trainable_weights]
        expected_shapes = [(12, classes), (classes,)]
        if shapes != expected_shapes:
            cause = "자리를 평균하지 않고 폈다." if shapes and shapes[0] == (48, classes) else "머리는 Dense 하나다."
            cause = "백본 전체를 얼리면서 머리까지 얼렸다." if not shapes else cause
            raise WrongAnswer("학습하는 가중치의 모양이 다르다", str(expected_shapes), str(shapes), cause)
        kernel, bias = rng.normal(size=(12, classes)), rng.normal(size=classes)
        model.trainable_weights[0].assign(kernel)
        model.trainable_weights[1].assign(bias)
        features = np.asarray(backbone(images, training=False))
        expected = features.mean(axis=(1, 2)) @ kernel + bias
        powers = np.exp(expected - expected.max(axis=1, keepdims=True))
        expect_close(model(images, training=False), expected, "점수", rtol=1e-3, atol=1e-3, causes={
            "softmax를 씌웠다. 손실이 from_logits=True이므로 점수를 그대로 낸다.": powers / powers.sum(axis=1, keepdims=True),
            "ReLU를 씌웠다. 점수는 음수일 수 있다.": np.maximum(expected, 0),
            "평균이 아니라 최댓값으로 모았다.": features.max(axis=(1, 2)) @ kernel + bias,
        })
        noisy = np.asarray(model(images, training=True))
        if not all(map(np.array_equal, before, backbone.get_weights())):
            raise WrongAnswer("백본의 가중치가 바뀌었다", cause="백본을 얼리지 않은 채 training=True로 불렀거나 값을 바꾸었다.")
        if np.allclose(noisy, expected, rtol=1e-3, atol=1e-3):
            raise WrongAnswer("훈련 모드와 추론 모드의 점수가 같다", cause="드롭아웃이 없거나 비율이 0이다.")
    return "점수가 정의대로이고, 훈련 모드로 불러도 백본의 이동 통계가 그대로다"


@exercise.task(
    "5. 두 단계로 학습하기",
    hints=(
        "단계마다 같은 세 줄이다: 무엇이 학습하는지 정하고, 컴파일하고, `fit`한다.",
        "`trainable`을 바꾼 뒤에는 컴파일을 다시 해야 한다. 옵티마이저도 새것에 그 단계의 학습률을 준다.",
        "첫 단계는 백본의 `trainable`을 끄고, 둘째 단계는 과제 3의 함수를 부른다. 두 `history`의 'loss'를 이어 붙인다.",
    ),
)
def check_two_stage_fit(two_stage_fit, rng):
    model = _classifier(rng)
    backbone, start = model.layers[0], model.get_weights()
    x = rng.uniform(0, 255, (24, 16, 16, 3)).astype("float32")
    y = rng.integers(0, 5, 24)
    slow, fast, close = 0.02, 0.1, {"rtol": 2e-3, "atol": 1e-4}
    losses = two_stage_fit(model, backbone, "block3", x, y, (fast, slow), (2, 3))

    def trial(*stages):
        return _losses(model, start, x, y, stages)

    fair = trial((None, fast, 2), ("block3", slow, 3))
    if np.shape(losses) != (5,):
        expect_close(losses, fair, "손실", causes={
            "둘째 단계의 손실만 돌려주었다.": losses if np.shape(losses) == (3,) else np.nan,
            "첫 단계의 손실만 돌려주었다.": losses if np.shape(losses) == (2,) else np.nan,
        })  # fmt: skip
    try:
        expect_close(losses, fair, "손실", **close)
    except WrongAnswer:
        expect_close(losses, fair, "손실", **close, causes={
            "`trainable`을 바꾸고 다시 컴파일하지 않아 둘째 단계에서도 백본이 얼어 있다.": trial((None, fast, 5)),
            "둘째 단계에서도 백본이 얼어 있다.": trial((None, fast, 2), (None, slow, 3)),
            "첫 단계에서 백본을 얼리지 않았다.": trial(("all", fast, 2), ("block3", slow, 3)),
            "첫 단계부터 위쪽을 풀었다.": trial(("block3", fast, 2), ("block3", slow, 3)),
            "둘째 단계에서 백본을 모두 풀었다. prefix부터 푼다.": trial((None, fast, 2), ("block1", slow, 3)),
            "둘째 단계에서 배치 정규화까지 풀었다.": trial((None, fast, 2), ("all", slow, 3)),
            "두 학습률의 순서가 바뀌었다.": trial((None, slow, 2), ("block3", fast, 3)),
            "두 단계에 첫 학습률을 썼다.": trial((None, fast, 2), ("block3", fast, 3)),
            "`fit`이 데이터를 섞었거나 배치 크기, 손실, 옵티마이저 가운데 다른 것이 있다.": losses,
        })  # fmt: skip
    return "두 단계의 손실이 얼린 백본, 푼 위쪽에서 차례로 학습한 것과 같다"


def _backbone(rng):
    """(16, 16, 3) -> (2, 2, 12): three blocks of convolution, normalisation, ReLU; all weights from `rng`."""
    import keras

    h = pixels = keras.Input((16, 16, 3))
    h = keras.layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(h)
    for k, width in enumerate((4, 8, 12), start=1):
        h = keras.layers.Conv2D(width, 3, 2, padding="same", use_bias=False, name=f"block{k}_conv")(h)
        h = keras.layers.BatchNormalization(momentum=0.5, name=f"block{k}_bn")(h)
        h = keras.layers.Activation("relu", name=f"block{k}_relu" if k < 3 else "top_activation")(h)
    backbone = keras.Model(pixels, h)
    backbone.set_weights([rng.uniform(0.2, 1, w.shape) if w.ndim == 1 else rng.normal(0, 0.3, w.shape)
                          for w in backbone.get_weights()])  # fmt: skip
    return backbone


def _classifier(rng, dropout=False):
    import keras

    model = keras.Sequential([
        _backbone(rng),
        keras.layers.GlobalAveragePooling2D(),
        *([keras.layers.Dropout(0.2, seed=0)] if dropout else []),
        keras.layers.Dense(5),
    ])
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([rng.normal(0, 0.3, kernel.shape), bias])
    return model


def _losses(model, start, x, y, stages):
    """Losses of all epochs from the weights `start`.

    A stage is (opened, rate, epochs); it opens the convolutions from a block on, no layer (None), or "all" of them.
    """
    import keras

    model.set_weights(start)
    backbone, losses = model.layers[0], []
    for opened, rate, epochs in stages:
        backbone.trainable = True
        for layer in backbone.layers:
            norm = isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = opened == "all" or (opened is not None and layer.name >= opened and not norm)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss, run_eagerly=True)  # 몇 스텝뿐이라 추적하는 시간이 더 길다
        losses += model.fit(x, y, 32, epochs, shuffle=False, verbose=0).history["loss"]
    return losses
