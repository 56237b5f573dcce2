"""연습 5.2의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import keras
import numpy as np
import tensorflow as tf

NORM = keras.layers.BatchNormalization


def prepare(images, size):
    return tf.image.resize(images, (size, size))


def prepared_by_layer(images, size):
    return keras.layers.Resizing(size, size)(tf.cast(images, tf.float32))


def size_of(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


def count(model):
    return size_of(model.trainable_weights), size_of(model.non_trainable_weights)


def unfreeze(backbone, prefix, norms=False, strictly=False, below=False, only=False, whole=True):
    if whole:
        backbone.trainable = True
    opened = False
    for layer in backbone.layers:
        starts = layer.name.startswith(prefix)
        before, opened = opened, opened or starts
        flag = before and not starts if strictly else opened
        flag = starts if only else not opened if below else flag
        layer.trainable = flag and (norms or not isinstance(layer, NORM))


def unfreeze_by_index(backbone, prefix):
    backbone.trainable = True
    first = min(i for i, layer in enumerate(backbone.layers) if layer.name.startswith(prefix))
    for layer in backbone.layers[:first]:
        layer.trainable = False
    for layer in backbone.layers[first:]:
        if isinstance(layer, NORM):
            layer.trainable = False


def unfreeze_and_reset(backbone, prefix):
    unfreeze(backbone, prefix)
    backbone.set_weights([0 * w for w in backbone.get_weights()])


def attach(backbone, classes, freeze=True, pool=keras.layers.GlobalAveragePooling2D, rate=0.2, activation=None):
    backbone.trainable = not freeze
    layers = [backbone, pool(), keras.layers.Dropout(rate), keras.layers.Dense(classes, activation=activation)]
    return keras.Sequential([keras.Input(backbone.input_shape[1:]), *layers])


def attach_functional(backbone, classes):
    for layer in backbone.layers:
        layer.trainable = False
    pixels = keras.Input(backbone.input_shape[1:])
    h = keras.ops.mean(backbone(pixels, training=False), axis=(1, 2))
    return keras.Model(pixels, keras.layers.Dense(classes)(keras.layers.Dropout(0.2)(h)))


def attach_all_frozen(backbone, classes):
    model = attach(backbone, classes)
    model.trainable = False
    return model


def attach_two_layers(backbone, classes):
    model = attach(backbone, classes)
    model.add(keras.layers.Dense(classes))
    return model


def frozen(backbone, prefix):
    backbone.trainable = False


def everything(backbone, prefix):
    backbone.trainable = True


def convolutions(backbone, prefix):
    unfreeze(backbone, "")


def two_stages(
    model, backbone, prefix, x, y, rates, epochs, stages=(frozen, unfreeze), again=True, batch=32, part=slice(None)
):
    losses = []
    for number, (stage, rate, count) in enumerate(zip(stages, rates, epochs, strict=True)):
        stage(backbone, prefix)
        if again or number == 0:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.Adam(rate), loss)
        losses.append(model.fit(x, y, batch, count, shuffle=False, verbose=0).history["loss"])
    return sum(losses[part], [])


def two_stages_backwards(model, backbone, prefix, x, y, rates, epochs):
    return two_stages(model, backbone, prefix, x, y, rates[::-1], epochs)


def two_stages_one_rate(model, backbone, prefix, x, y, rates, epochs):
    return two_stages(model, backbone, prefix, x, y, (rates[0], rates[0]), epochs)


def two_stages_by_tape(model, backbone, prefix, x, y, rates, epochs):
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    losses = []
    for stage, rate, count in zip((frozen, unfreeze), rates, epochs, strict=True):
        stage(backbone, prefix)
        optimizer = keras.optimizers.Adam(rate)
        for _ in range(count):
            with tf.GradientTape() as tape:
                loss = loss_fn(y, model(x, training=True))
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
            losses.append(float(loss))
    return losses


WRONG = {
    "check_prepare": [
        (lambda images, size: prepare(images, size) / 255, "255로 나누었다"),
        (lambda images, size: prepare(images, size) / 127.5 - 1, "-1과 1 사이"),
        (lambda images, size: tf.cast(prepare(images, size), tf.uint8), "소수점 아래를 버렸다"),
        (lambda images, size: tf.round(prepare(images, size)), "반올림했다"),
        (
            lambda images, size: tf.cast(tf.image.resize(images, (size, size), "nearest"), tf.float32),
            "가장 가까운 픽셀",
        ),
        (lambda images, size: tf.constant(images, tf.float32), "크기를 바꾸지 않았다"),
        (
            lambda images, size: tf.cast(tf.image.resize_with_crop_or_pad(images, size, size), tf.float32),
            "한가운데를 잘랐다",
        ),
        (lambda images, size: prepare(images, size).numpy(), "tf.Tensor가 아니다"),
    ],
    "check_count_weights": [
        (lambda model: count(model)[::-1], "순서가 바뀌었다"),
        (lambda model: (len(model.trainable_weights), len(model.non_trainable_weights)), "변수의 개수"),
        (lambda model: (count(model)[0], model.count_params()), "모든 가중치의 수"),
        (lambda model: (count(model)[0], size_of(model.non_trainable_variables)), "난수 상태"),
        (lambda model: count(model)[0], "튜플이 아니다"),
        (lambda model: (325, 24_672), "예시의 답"),
        (
            lambda model: (
                count(model)[0],
                size_of(v for v in model.non_trainable_weights if "moving" in v.path),
            ),
            "이동 통계만",
        ),
    ],
    "check_unfreeze_from": [
        (lambda backbone, prefix: unfreeze(backbone, prefix, norms=True), "배치 정규화도 풀었다"),
        (lambda backbone, prefix: unfreeze(backbone, prefix, only=True), "시작하는 레이어만 풀었다"),
        (lambda backbone, prefix: unfreeze(backbone, prefix, strictly=True), "그 레이어부터 푼다"),
        (lambda backbone, prefix: unfreeze(backbone, prefix, below=True), "아래를 풀고 위를"),
        (lambda backbone, prefix: unfreeze(backbone, prefix, whole=False), "먼저 백본을 푼다"),
        (everything, "아무것도 얼리지 않았다"),
        (lambda backbone, prefix: None, "trainable이 False다"),
        (unfreeze_and_reset, "가중치가 바뀌었다"),
    ],
    "check_attach_head": [
        (lambda backbone, classes: attach(backbone, classes, freeze=False), "얼지 않았다"),
        (lambda backbone, classes: attach(backbone, classes, pool=keras.layers.Flatten), "평균하지 않고 폈다"),
        (lambda backbone, classes: attach(backbone, classes, pool=keras.layers.GlobalMaxPooling2D), "최댓값"),
        (lambda backbone, classes: attach(backbone, classes, rate=0.0), "드롭아웃이 없거나"),
        (lambda backbone, classes: attach(backbone, classes, activation="softmax"), "softmax를 씌웠다"),
        (lambda backbone, classes: attach(backbone, classes, activation="relu"), "ReLU를 씌웠다"),
        (attach_all_frozen, "머리까지 얼렸다"),
        (attach_two_layers, "Dense 하나"),
        (lambda backbone, classes: attach(backbone, classes + 1), "모양이 다르다"),
        (lambda backbone, classes: backbone.layers, "모델이 아니다"),
    ],
    "check_two_stage_fit": [
        (lambda *a: two_stages(*a, again=False), "다시 컴파일하지 않아"),
        (lambda *a: two_stages(*a, stages=(frozen, frozen)), "원인: 둘째 단계에서도 백본이 얼어 있다"),
        (lambda *a: two_stages(*a, stages=(unfreeze, unfreeze)), "첫 단계부터 위쪽을"),
        (lambda *a: two_stages(*a, stages=(frozen, everything)), "배치 정규화까지 풀었다"),
        (lambda *a: two_stages(*a, stages=(frozen, convolutions)), "모두 풀었다"),
        (two_stages_backwards, "순서가 바뀌었다"),
        (two_stages_one_rate, "두 단계에 첫 학습률"),
        (lambda *a: two_stages(*a, part=slice(1, 2)), "둘째 단계의 손실만"),
        (lambda *a: two_stages(*a, part=slice(0, 1)), "첫 단계의 손실만"),
        (lambda *a: two_stages(*a, batch=8), "배치 크기"),
    ],
}

RIGHT = {
    "check_prepare": [prepare, prepared_by_layer],
    "check_count_weights": [
        count,
        lambda model: (count(model)[0], model.count_params() - count(model)[0]),
    ],
    "check_unfreeze_from": [unfreeze, unfreeze_by_index],
    "check_attach_head": [attach, attach_functional],
    "check_two_stage_fit": [two_stages, two_stages_by_tape],
}
