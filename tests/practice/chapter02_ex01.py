"""연습 2.1의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import keras
import numpy as np
from keras import layers


def stack(
    hidden, rate, classes, *, scale=1 / 255, activation="relu", output="softmax", bias=True, drop="last", flat=True,
):  # fmt: skip
    dense = [layers.Dense(units, activation=activation, use_bias=bias) for units in hidden]
    last = layers.Dense(classes, activation=output, use_bias=bias)
    dropout = {
        "last": [*dense, layers.Dropout(rate)],
        "none": dense,
        "first": [layers.Dropout(rate), *dense],
        "every": [layer for d in dense for layer in (d, layers.Dropout(rate))],
        "kept": [*dense, layers.Dropout(1 - rate)],
    }[drop]
    return [layers.Rescaling(scale), *([layers.Flatten()] if flat else []), *dropout, last]


def sequential(shape, hidden, rate, classes, **changes):
    return keras.Sequential([keras.Input(shape), *stack(hidden, rate, classes, **changes)])


def functional(shape, hidden, rate, classes, **changes):
    inputs = outputs = keras.Input(shape)
    for layer in stack(hidden, rate, classes, **changes):
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def wrong(build, **changes):
    return lambda *settings: build(*settings, **changes)


def added(shape, hidden, rate, classes):
    model = keras.Sequential()
    model.add(layers.InputLayer(shape=shape))
    model.add(layers.Reshape((-1,)))
    model.add(layers.Rescaling(1 / 255))
    for units in hidden:
        model.add(layers.Dense(units))
        model.add(layers.ReLU())
    model.add(layers.Dropout(rate))
    model.add(layers.Dense(classes))
    model.add(layers.Softmax())
    return model


def with_operators(shape, hidden, rate, classes):
    inputs = keras.Input(shape)
    x = keras.ops.reshape(inputs, (-1, int(np.prod(shape)))) / 255
    for units in hidden:
        x = keras.ops.relu(layers.Dense(units)(x))
    return keras.Model(inputs, keras.ops.softmax(layers.Dense(classes)(layers.Dropout(rate)(x))))


def in_reverse(shape, hidden, rate, classes):
    inputs = keras.Input(shape)
    made = stack(hidden, rate, classes)
    return keras.Model(inputs, keras.Sequential(made[:-1] + [layers.Dense(classes + 1), made[-1]])(inputs))


class Network(keras.Model):
    """The right answer; the wrong ones change one method."""

    def __init__(self, hidden, rate, classes, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.rate, self.classes = hidden, rate, classes
        self.make()

    def make(self):
        self.layers_in_order = stack(self.hidden, self.rate, self.classes)

    def call(self, images, training=None):
        for layer in self.layers_in_order:
            images = layer(images)
        return images

    def get_config(self):
        return super().get_config() | {"hidden": self.hidden, "rate": self.rate, "classes": self.classes}


class OutputFirst(Network):
    def make(self):
        self.last = layers.Dense(self.classes, activation="softmax")
        self.first = stack(self.hidden, self.rate, self.classes)[:-1]

    def call(self, images, training=None):
        for layer in self.first:
            images = layer(images)
        return self.last(images)


class AlwaysDropping(Network):
    def call(self, images, training=None):
        for layer in self.layers_in_order:
            images = layer(images, training=True) if isinstance(layer, layers.Dropout) else layer(images)
        return images


class NeverDropping(Network):
    def call(self, images, training=None):
        for layer in self.layers_in_order:
            images = layer(images, training=False) if isinstance(layer, layers.Dropout) else layer(images)
        return images


class NeverDroppingInFit(Network):
    """Dropout works when called with training=True, which `fit` does only if `call` takes it."""

    def call(self, images):
        return super().call(images)


class Logits(Network):
    def make(self):
        self.layers_in_order = stack(self.hidden, self.rate, self.classes, output=None)


class DroppingTwice(Network):
    def make(self):
        self.layers_in_order = stack(self.hidden, self.rate, self.classes, drop="every")


class WithoutRate(Network):
    def get_config(self):
        return keras.Model.get_config(self) | {"hidden": self.hidden, "classes": self.classes}


class WithoutName(Network):
    def get_config(self):
        return {"hidden": self.hidden, "rate": self.rate, "classes": self.classes}


class OtherRate(Network):
    def get_config(self):
        return super().get_config() | {"rate": 0.5}


class LayersInConfig(Network):
    def get_config(self):
        return super().get_config() | {"hidden": self.layers_in_order}


class ForgottenReturn(Network):
    def get_config(self):
        super().get_config()


class WithoutConfig(keras.Model):
    def __init__(self, hidden, rate, classes, **kwargs):
        super().__init__(**kwargs)
        self.layers_in_order = stack(hidden, rate, classes)

    call = Network.call


class NotRemembered(Network):
    """`hidden`이 리스트로 저장되고, 읽을 때 유닛의 수가 바뀐다."""

    def make(self):
        grown = [units + isinstance(self.hidden, list) for units in self.hidden]
        self.layers_in_order = stack(grown, self.rate, self.classes)


class LayersMadeInCall(Network):
    def make(self):
        pass

    def call(self, images, training=None):
        for layer in stack(self.hidden, self.rate, self.classes):
            images = layer(images)
        return images


class ByHand(keras.Model):
    """Another right answer: operators instead of layers, one attribute per layer, settings from the layers."""

    def __init__(self, hidden, rate, classes, **kwargs):
        super().__init__(**kwargs)
        self.depth = len(hidden)
        for i, units in enumerate(hidden):
            setattr(self, f"dense_{i}", layers.Dense(units))
        self.dropout = layers.Dropout(rate)
        self.last = layers.Dense(classes)

    def call(self, images, training=None):
        x = keras.ops.cast(images, "float32") / 255
        x = keras.ops.reshape(x, (x.shape[0], -1))
        for i in range(self.depth):
            x = keras.ops.relu(getattr(self, f"dense_{i}")(x))
        return keras.ops.softmax(self.last(self.dropout(x, training=training)))

    def get_config(self):
        config = super().get_config()
        config["hidden"] = [getattr(self, f"dense_{i}").units for i in range(self.depth)]
        config.update(rate=self.dropout.rate, classes=self.last.units)
        return config


def sizes(weights):
    return sum(int(np.prod(w.shape)) for w in weights)


def rows(model, name=lambda layer: layer.__class__.__name__, size=sizes, keep=lambda layer: layer.weights):
    kept = [layer for layer in model.layers if keep(layer)]
    return [(name(x), size(x.trainable_weights), size(x.non_trainable_weights)) for x in kept]


def rows_by_subtraction(model):
    counts = [(type(x).__name__, x.count_params(), sizes(x.trainable_weights)) for x in model.layers]
    return np.array([[name, n, total - n] for name, total, n in counts if total], dtype=object)


def fit(
    model, x, y, epochs, batch_size, loss="sparse_categorical_crossentropy", optimizer="adam", metrics=("accuracy",),
):  # fmt: skip
    model.compile(optimizer, loss, metrics=list(metrics))
    return model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0).history


def scaled_by_hand(model, x, y, epochs, batch_size):
    return fit(model, x / 255, y, epochs, batch_size)


def fit_object(model, x, y, epochs, batch_size):
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0)


def fit_another(model, x, y, epochs, batch_size):
    return fit(keras.models.clone_model(model), x[:100], y[:100], 1, batch_size)


def only_compiled(model, x, y, epochs, batch_size):
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return {"loss": [0.1] * epochs, "accuracy": [0.99] * epochs}


def step_by_step(model, x, y, epochs, batch_size):
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    history = {"loss": [], "accuracy": []}
    for _ in range(epochs):
        order = np.random.default_rng(0).permutation(len(x))
        for i in range(0, len(x), batch_size):
            last = model.train_on_batch(x[order[i : i + batch_size]], y[order[i : i + batch_size]], return_dict=True)
        for name, values in history.items():
            values.append(float(last[name]))
    return history


NETWORK = [
    ({"output": None}, "출력에 softmax가 없다"),
    ({"output": "sigmoid"}, "softmax가 아니라 sigmoid"),
    ({"output": "relu"}, "softmax가 아니라 ReLU"),
    ({"activation": None}, "은닉 레이어에 활성화가 없다"),
    ({"activation": "sigmoid"}, "은닉 레이어의 활성화가 sigmoid"),
    ({"activation": "tanh"}, "은닉 레이어의 활성화가 tanh"),
    ({"scale": 1}, "255로 나누지 않았다"),
    ({"scale": 1 / 255**2}, "두 번 나누었다"),
    ({"bias": False}, "편향이 없다"),
    ({"flat": False}, "한 줄로 펴지 않았다"),
    ({"drop": "none"}, "드롭아웃이 없거나"),
    ({"drop": "first"}, "마지막 은닉 레이어와 출력 레이어의 사이"),
    ({"drop": "every"}, "마지막 은닉 레이어와 출력 레이어의 사이"),
    ({"drop": "kept"}, "rate는 남기는 비율이 아니라"),
]

WRONG = {
    "check_sequential": [
        *((wrong(sequential, **changes), cause) for changes, cause in NETWORK),
        (functional, "Sequential 모델이 아니다"),
        (lambda shape, *settings: keras.Sequential(stack(*settings)), "아직 가중치가 없다"),
        (lambda shape, hidden, rate, classes: sequential(shape, hidden[:1], rate, classes), "Dense가 모자란다"),
        (lambda shape, hidden, rate, classes: sequential(shape, (*hidden, 2), rate, classes), "가중치를 가진 레이어가 더"),
        (lambda shape, hidden, rate, classes: sequential(shape, hidden[::-1], rate, classes), "실제: (24, 3), (3,)"),
        (lambda shape, hidden, rate, classes: sequential((28, 28), (128, 64), 0.2, 10), "실제: (784, 128)"),
        (lambda *settings: sequential(*settings).pop(), "Sequential 모델이 아니다"),
        (lambda *settings: None, "Sequential 모델이 아니다"),
    ],
    "check_functional": [
        *((wrong(functional, **changes), cause) for changes, cause in NETWORK),
        (sequential, "Functional 모델이 아니다"),
        (in_reverse, "가중치를 가진 레이어가 더"),
        (lambda *settings: functional(*settings).output, "Functional 모델이 아니다"),
        (lambda shape, hidden, rate, classes: functional(shape, hidden, 0.4, classes), "마지막 은닉 레이어와 출력 레이어"),
    ],
    "check_subclassing": [
        (OutputFirst, "레이어를 만든 순서가 부르는 순서와 다르다"),
        (AlwaysDropping, "드롭아웃이 추론할 때도 켜져 있다"),
        (NeverDropping, "드롭아웃이 없거나 `training=False`"),
        (NeverDroppingInFit, "call에 training 인수가 없다"),
        (Logits, "출력에 softmax가 없다"),
        (DroppingTwice, "마지막 은닉 레이어와 출력 레이어의 사이"),
        (LayersMadeInCall, "아직 가중치가 없다"),
        (WithoutConfig, "get_config가 없다"),
        (WithoutRate, "get_config에 없다: rate"),
        (WithoutName, "`super().get_config()`의 것도"),
        (OtherRate, "get_config의 값: 값이 다르다"),
        (LayersInConfig, "get_config의 값: 값이 다르다"),
        (ForgottenReturn, "딕셔너리가 아니다"),
        (NotRemembered, "ValueError"),
        (lambda hidden, rate, classes, **kwargs: 3, "keras.Model을 상속한 클래스가 아니다"),
    ],
    "check_summary_rows": [
        (lambda m: [(n, a + b, 0) for n, a, b in rows(m)], "고정한 레이어와 이동 평균까지"),
        (lambda m: [(type(x).__name__, x.count_params(), 0) for x in m.layers if x.weights], "이동 평균까지"),
        (lambda m: [(n, b, a) for n, a, b in rows(m)], "자리가 바뀌었다"),
        (lambda m: rows(m, size=len), "변수(텐서)를 세었다"),
        (lambda m: rows(m, size=lambda ws: sizes(w for w in ws if w.name != "bias")), "편향을 세지 않았다"),
        (lambda m: rows(m, keep=lambda layer: True), "파라미터가 없는 레이어도"),
        (lambda m: rows(m, name=lambda layer: layer.name), "레이어의 이름이다"),
        (lambda m: rows(m, keep=lambda layer: layer.trainable_weights), "학습되는 수가 0인 레이어를"),
        (lambda m: [(type(m).__name__, sizes(m.trainable_weights), sizes(m.non_trainable_weights))], "모델의 수"),
        (lambda m: rows(m)[::-1], "순서만 다르다"),
        (lambda m: [("Dense", 9, 0), ("BatchNormalization", 6, 6)], "개수가 다르다"),
        (lambda m: m.summary(print_fn=lambda text: None), "None이다"),
    ],
    "check_train": [
        (lambda m, x, y, e, b: fit(m, x, y, 1, b), "한 에포크만 돌았다"),
        (lambda m, x, y, e, b: fit(m, x, y, e, None), "기본값 32를 썼다"),
        (lambda m, x, y, e, b: fit(m, x, y, 1, None), "기본값 1과 32를 썼다"),
        (lambda m, x, y, e, b: fit(m, x[:3000], y[:3000], e, b), "훈련 데이터를 모두 쓰고"),
        (lambda *a: fit(*a, loss=keras.losses.SparseCategoricalCrossentropy(reduction="sum")), "평균 낸 것이 손실"),
        (lambda *a: fit(*a, loss="mse"), "ValueError"),
        (lambda *a: fit(*a, loss="categorical_crossentropy"), "ValueError"),
        (lambda *a: fit(*a, metrics=()), "'accuracy'를 적는다"),
        (lambda *a: fit(*a, optimizer=keras.optimizers.SGD(1e-3)), "시험 정확도가 낮다"),
        (scaled_by_hand, "시험 정확도가 낮다"),
        (fit_object, "`.history`가 딕셔너리"),
        (lambda *a: None if fit_object(*a) else None, "딕셔너리가 아니다"),
        (fit_another, "모델이 compile되지 않았다"),
        (only_compiled, "가중치가 그대로다"),
    ],
}

RIGHT = {
    "check_sequential": [sequential, added],
    "check_functional": [functional, with_operators],
    "check_subclassing": [Network, ByHand],
    "check_summary_rows": [rows, rows_by_subtraction],
    "check_train": [fit, step_by_step],
}
