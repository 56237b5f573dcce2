"""연습 5.1의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import keras
import numpy as np
import tensorflow as tf

layers = keras.layers


def standardize(train, images, axis=(0, 1, 2), power=1, keepdims=False):
    train, images = np.asarray(train, "float32"), np.asarray(images, "float32")
    mean, deviation = train.mean(axis=axis, keepdims=keepdims), train.std(axis=axis, keepdims=keepdims)
    return tf.constant((images - mean) / deviation**power)


def standardize_each(train, images):
    images = tf.cast(images, tf.float32)
    mean, variance = tf.nn.moments(images, axes=(1, 2), keepdims=True)
    return (images - mean) / tf.sqrt(variance)


def standardize_by_layer(train, images):
    layer = layers.Normalization(axis=-1)
    layer.adapt(np.asarray(train, "float32"))
    return layer(np.asarray(images, "float32"))


def standardize_by_channel(train, images):
    planes = []
    for c in range(images.shape[-1]):
        plane = train[..., c].astype("float64")
        planes.append((images[..., c] - plane.mean()) / plane.std())
    return np.stack(planes, axis=-1).astype("float32")


def block(x, filters, kernel=3, bias=False, norm=True, pool=layers.MaxPooling2D, turns=2, padding="same", relu="after"):
    for _ in range(turns):
        x = layers.Conv2D(filters, kernel, padding=padding, use_bias=bias)(x)
        x = layers.ReLU()(x) if relu == "before" else x
        x = layers.BatchNormalization()(x) if norm else x
        x = layers.ReLU()(x) if relu == "after" else x
    return pool(2)(x) if pool else x


def block_one_relu(x, filters):
    x = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(x))
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(layers.ReLU()(x))
    return layers.MaxPooling2D(2)(layers.BatchNormalization()(x))


def block_frozen(x, filters):
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(trainable=False)(x))
    return layers.MaxPooling2D(2)(x)


def block_by_ops(x, filters):
    for _ in range(2):
        x = layers.Conv2D(filters, (3, 3), padding="same", use_bias=False, data_format="channels_last")(x)
        x = keras.ops.relu(layers.BatchNormalization()(x))
    return keras.ops.max_pool(x, 2)


def block_sequential(x, filters):
    halves = [
        [layers.Conv2D(filters, 3, padding="same", use_bias=False), layers.BatchNormalization(), layers.Activation("relu")]
        for _ in range(2)
    ]
    return keras.Sequential([*halves[0], *halves[1], layers.MaxPool2D()])(x)


def classifier(shape, classes, filters, pool=layers.GlobalAveragePooling2D, activation=None, bias=True, make=block):
    inputs = x = keras.Input(shape)
    for count in filters:
        x = make(x, count)
    return keras.Model(inputs, layers.Dense(classes, activation=activation, use_bias=bias)(pool()(x)))


def classifier_first_only(shape, classes, filters):
    inputs = keras.Input(shape)
    for count in filters:
        x = block(inputs, count)
    return keras.Model(inputs, layers.Dense(classes)(layers.GlobalAveragePooling2D()(x)))


def classifier_sequential(shape, classes, filters):
    model = keras.Sequential([keras.Input(shape)])
    for count in filters:
        for _ in range(2):
            model.add(layers.Conv2D(count, 3, padding="same", use_bias=False))
            model.add(layers.BatchNormalization())
            model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(classes))
    return model


def costs(shape, classes, filters, norm=4, bias=0, second=1, factor=2, halve="after", head=True):
    height, width, channels = shape
    parameters = flops = 0
    for count in filters:
        kernels = 9 * channels * count + second * 9 * count * count
        parameters += kernels + 2 * (norm + bias) * count
        small = height // 2, width // 2
        if halve == "before":
            height, width = small
        flops += factor * kernels * height * width
        if halve == "after":
            height, width = small
        channels = count
    if head:
        parameters, flops = parameters + (channels + 1) * classes, flops + factor * channels * classes
    return parameters, flops


def costs_by_keras(shape, classes, filters):
    model = classifier(shape, classes, filters)
    flops = 0
    for layer in model.layers:
        if isinstance(layer, (layers.Conv2D, layers.Dense)):
            places = int(np.prod(layer.output.shape[1:-1]))
            flops += 2 * int(np.prod(layer.kernel.shape)) * places
    return model.count_params(), flops


def read(history, tolerance, key="val_loss", shift=1, at=None, last=False):
    losses = history[key]
    best = len(losses) - 1 - int(np.argmin(losses[::-1])) if last else int(np.argmin(losses))
    at = best if at is None else at
    gap = history["accuracy"][at] - history["val_accuracy"][at]
    return best + shift, gap, history["val_loss"][-1] > (1 + tolerance) * min(history["val_loss"])


def read_by_loop(history, tolerance):
    best = None
    for epoch, loss in enumerate(history["val_loss"], 1):
        if best is None or loss < best[1]:
            best = epoch, loss
    gap = np.float64(history["accuracy"][best[0] - 1]) - history["val_accuracy"][best[0] - 1]
    return [best[0], gap, np.bool_(history["val_loss"][-1] / best[1] - 1 > tolerance)]


WRONG = {
    "check_standardize_channels": [
        (lambda train, images: standardize(images, images), "받은 이미지의 통계"),
        (lambda train, images: standardize(train, train), "훈련 이미지를 돌려주었다"),
        (lambda train, images: standardize(train, images, axis=None), "모든 채널을 합친"),
        (lambda train, images: standardize(train, images, power=2), "분산으로 나누었다"),
        (lambda train, images: standardize(train, images, axis=0), "픽셀의 자리마다"),
        (standardize_each, "이미지마다"),
        (lambda train, images: standardize(train, images, power=0), "나누지 않았다"),
        (lambda train, images: images / train.std(axis=(0, 1, 2)), "평균을 빼지 않았다"),
        (lambda train, images: (images - train.mean((0, 1, 2))) / train.std((0, 1, 2)), "float64"),
        (lambda train, images: None, "None이다"),
    ],
    "check_conv_block": [
        (lambda x, f: block(x, f, bias=True), "합성곱에 편향이 있다"),
        (lambda x, f: block(x, f, norm=False), "배치 정규화가 없다"),
        (lambda x, f: block(x, f, norm=False, bias=True), "배치 정규화가 없고"),
        (lambda x, f: block(x, f, turns=1), "한 번뿐이다"),
        (lambda x, f: block(x, f, turns=3), "세 번이다"),
        (lambda x, f: block(x, f, kernel=5), "파라미터의 수"),
        (lambda x, f: block(x, f, padding="valid"), "모양이 다르다"),
        (lambda x, f: block(x, f, pool=None), "모양이 다르다"),
        (lambda x, f: block(x, f, pool=layers.AveragePooling2D), "평균으로 풀링했다"),
        (lambda x, f: block(x, f, relu="before"), "앞에 있다"),
        (lambda x, f: block(x, f, relu="none"), "ReLU가 없다"),
        (block_one_relu, "둘째 ReLU가 없다"),
        (block_frozen, "훈련 모드에서도 이동 평균"),
        (lambda x, f: layers.Conv2D(f, 3), "기호 텐서가 아니다"),
    ],
    "check_make_classifier": [
        (lambda *a: classifier(*a, pool=layers.Flatten), "Flatten"),
        (lambda *a: classifier(*a, pool=layers.GlobalMaxPooling2D), "전역 최댓값 풀링"),
        (lambda *a: classifier(*a, activation="softmax"), "softmax를 씌웠다"),
        (lambda *a: classifier(*a, activation="relu"), "로짓에 ReLU"),
        (lambda *a: classifier(*a, bias=False), "편향이 없다"),
        (lambda shape, n, f: classifier(shape, n, f[:1]), "첫 블록만"),
        (lambda shape, n, f: classifier(shape, n, f[::-1]), "거꾸로"),
        (classifier_first_only, "마지막 블록만"),
        (lambda *a: classifier(*a, make=lambda x, f: block(x, f, bias=True)), "합성곱에 편향이 있다"),
        (lambda *a: classifier(*a).outputs[0], "모델이 아니다"),
        (lambda shape, n, f: classifier(shape, n + 1, f), "모양이 다르다"),
    ],
    "check_classifier_costs": [
        (lambda *a: costs(*a, norm=0), "배치 정규화를 세지 않았다"),
        (lambda *a: costs(*a, norm=2), "이동 평균을 세지 않았다"),
        (lambda *a: costs(*a, bias=1), "합성곱에 편향을 더했다"),
        (lambda *a: costs(*a, second=0), "합성곱을 하나만"),
        (lambda *a: costs(*a, head=False), "완전 연결 레이어를 빠뜨렸다"),
        (lambda *a: costs(*a)[::-1], "순서가 바뀌었다"),
        (lambda *a: costs(*a, factor=1), "곱셈만 세었다"),
        (lambda *a: costs(*a, halve="before"), "풀링 뒤의 크기"),
        (lambda *a: costs(*a, halve="never"), "처음 크기로 셌다"),
        (lambda *a: (costs(*a)[0], costs(*a, second=0)[1]), "합성곱을 하나만"),
        (lambda *a: costs(*a)[0], "튜플이 아니다"),
    ],
    "check_read_curves": [
        (lambda history, t: read(history, t, shift=0), "0부터 셌다"),
        (lambda history, t: read(history, t, key="loss"), "훈련 손실이 가장 작은"),
        (lambda history, t: read(history, t, at=-1), "마지막 에포크의 차이"),
        (lambda history, t: (read(history, t)[0], -read(history, t)[1], True), "훈련이 먼저다"),
        (lambda history, t: read(history, t, at=read(history, t)[0]), "다음 에포크의 값"),
        (lambda history, t: read(history, t, last=True), "먼저 나온 에포크"),
        (lambda history, t: (*read(history, t)[:2], True), "overfitting: 값이 다르다"),
        (lambda history, t: read(history, 0.0), "overfitting: 값이 다르다"),
        (lambda history, t: (*read(history, t)[:2], "예"), "bool이 아니다"),
        (lambda history, t: read(history, t)[:2], "개수가 다르다"),
    ],
}

RIGHT = {
    "check_standardize_channels": [standardize, standardize_by_layer, standardize_by_channel],
    "check_conv_block": [block, block_by_ops, block_sequential],
    "check_make_classifier": [
        classifier,
        classifier_sequential,
        lambda *a: classifier(*a, make=block_by_ops),
    ],
    "check_classifier_costs": [costs, costs_by_keras],
    "check_read_curves": [read, read_by_loop],
}
