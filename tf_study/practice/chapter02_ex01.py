"""연습 2.1 첫 모델 만들기의 검사와 힌트, 그리고 세 모델의 summary를 나란히 보이는 함수."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tf_study.course.check import Exercise, WrongAnswer, expect_close, expect_equal, given

exercise = Exercise("chapter02_keras_api/ex01_build_your_first_model", title="첫 모델 만들기")

TEST_ACCURACY = 0.7  # 8 에포크에 76–78 %(시드 여섯)이고, 학습하지 않으면 10 %이다


@exercise.task(
    "1. Sequential",
    hints=(
        "표의 레이어를 위에서 아래로 늘어놓는다. 은닉 레이어의 수가 정해져 있지 않으므로 반복문이 필요하다.",
        "빈 `keras.Sequential()`에 `add`로 하나씩 붙인다. 맨 먼저 붙일 것은 `keras.Input`이다.",
        "`hidden`의 수마다 ReLU를 쓰는 Dense를 붙인다. 드롭아웃은 반복문을 나온 뒤 한 번, softmax를 쓰는 Dense는 그다음이다.",
    ),
)
def check_sequential(build_sequential, rng):
    import keras

    def build(shape, *settings):
        model = build_sequential(shape, *settings)
        if not isinstance(model, keras.Sequential):
            raise WrongAnswer("반환값: Sequential 모델이 아니다", "keras.Sequential", type(model).__name__)
        return model

    return _check_network(build, rng)


@exercise.task(
    "2. Functional",
    hints=(
        "`keras.Input`이 주는 기호 텐서를 레이어에 차례로 통과시킨다.",
        "레이어를 만든 다음 바로 부른다: `레이어(설정)(x)`. 결과를 다시 x라 하면 반복문으로 이을 수 있다.",
        "`keras.Model`에 `inputs`와 `outputs`를 준다. `inputs`는 처음의 기호 텐서이므로 x로 덮어쓰지 않는다.",
    ),
)
def check_functional(build_functional, rng):
    import keras

    empty = keras.Input((1,))
    functional = type(keras.Model(empty, empty))

    def build(shape, *settings):
        model = build_functional(shape, *settings)
        if not isinstance(model, functional):
            raise WrongAnswer("반환값: Functional 모델이 아니다", "keras.Model(inputs, outputs)", type(model).__name__)
        return model

    return _check_network(build, rng)


@exercise.task(
    "3. Subclassing",
    hints=(
        "`__init__`에서 레이어와 설정을 속성으로 두고, `call`에서 레이어를 차례로 부르고, `get_config`에서 설정을 돌려준다.",
        "은닉 레이어는 리스트에 담아 속성 하나에 두어도 Keras가 찾는다. 레이어는 부르는 순서대로 만든다.",
        "`get_config`는 `super().get_config()`에 hidden, rate, classes를 더한 딕셔너리이다. 그 이름으로 `__init__`이 다시 불린다.",
    ),
)
def check_subclassing(GarmentClassifier, rng):
    import keras

    def build(shape, hidden, rate, classes):
        model = GarmentClassifier(hidden=hidden, rate=rate, classes=classes)
        if not isinstance(model, keras.Model):
            raise WrongAnswer("keras.Model을 상속한 클래스가 아니다", "keras.Model", type(model).__name__)
        signature = inspect.signature(model.call)
        if "training" not in signature.parameters:
            cause = "`fit`은 `call`에 `training`이 있을 때만 True를 넘긴다. 없으면 드롭아웃이 꺼진 채 학습한다."
            raise WrongAnswer("call에 training 인수가 없다", "(images, training=None)", str(signature), cause)
        model(np.zeros((1, *shape), "uint8"))  # 첫 호출에 가중치가 생긴다
        return model

    verified = _check_network(build, rng)
    _check_saved(GarmentClassifier, rng)
    return f"{verified}. 저장했다 읽어도 출력, 설정, 이름이 같다"


@exercise.task(
    "4. summary의 수",
    hints=(
        "`model.layers`가 레이어의 목록이다. 레이어마다 두 종류의 가중치를 따로 센다.",
        "`layer.trainable_weights`와 `layer.non_trainable_weights`는 변수의 목록이다. 변수 하나의 수는 그 `shape`의 곱이다.",
        "한 목록의 합은 `sum(math.prod(w.shape) for w in 목록)`이다. 두 합이 모두 0인 레이어는 넣지 않는다.",
    ),
)
def check_summary_rows(summary_rows, rng):
    import keras

    layers = keras.layers
    for _ in range(2):
        size, units, outputs = rng.permutation(np.arange(3, 10))[:3].tolist()
        first, second = size * units + units, units * outputs + outputs
        stack = [
            layers.Flatten(),
            layers.Dense(units),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(outputs),
        ]
        rows = [("Dense", first, 0), ("BatchNormalization", 2 * units, 2 * units), ("Dense", second, 0)]
        for frozen in (False, True):
            stack[1].trainable = not frozen
            if frozen:
                rows[0] = ("Dense", 0, first)
            for kind, model in _in_three_apis(stack, size).items():
                with given(model=f"{kind}, Dense {size}→{units}→{outputs}{', 첫 Dense는 고정' if frozen else ''}"):
                    _expect_rows(summary_rows(model), rows, model)
    return "세 API의 모델 12개에서 학습되는 수와 학습되지 않는 수가 손으로 센 값과 같다"


@exercise.task(
    "5. 옷과 신발을 학습하기",
    hints=(
        "1.1의 손글씨 분류기처럼 `compile`과 `fit`을 차례로 부른다.",
        "레이블이 정수이고 출력이 확률이므로 손실은 `sparse_categorical_crossentropy`이다. "
        "지표는 `metrics=[…]`에 이름을 적는다.",
        "`fit`에 이미지와 레이블, `epochs`, `batch_size`를 그대로 넘긴다. 돌려줄 것은 `fit`이 준 History의 `.history`이다.",
    ),
)
def check_train(train, rng):
    import keras

    from tf_study.course.data import garments

    (x, y), (x_test, y_test) = garments.load_data()
    x, y, x_test, y_test = x[:6000], y[:6000], x_test[:1000], y_test[:1000]
    epochs, batch_size = 8, 48
    keras.utils.set_random_seed(int(rng.integers(2**31)))
    model = keras.Sequential([
        keras.Input(x.shape[1:]),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ])
    before = model.get_weights()
    with given(images=x, labels=y, epochs=epochs, batch_size=batch_size):
        history = train(model, x, y, epochs, batch_size)
    _expect_trained(model, before, len(x), epochs, batch_size)
    _expect_history(history)
    p = model.predict(x_test, verbose=0)
    accuracy = (p.argmax(axis=1) == y_test).mean()
    if accuracy < TEST_ACCURACY:
        cause = "학습률은 `optimizer='adam'`의 기본값을 쓰고, 픽셀은 모델이 나누므로 그대로 넘긴다."
        raise WrongAnswer("시험 정확도가 낮다", f"{TEST_ACCURACY:.0%} 이상", f"{accuracy:.1%}", cause)
    _expect_loss(model, x_test, y_test, p)
    return f"{epochs} 에포크에 시험 정확도가 {TEST_ACCURACY:.0%}를 넘고, 손실은 정답 확률의 교차 엔트로피이다"


def print_summaries(build_sequential: Callable, build_functional: Callable, subclass: type) -> None:
    """Print the three `summary()` of the network for 28×28 images, or ⬜ if a task is not solved yet."""
    import keras

    shape, settings = (28, 28), {"hidden": (128, 64), "rate": 0.2, "classes": 10}
    for build in (build_sequential, build_functional, subclass):
        keras.utils.clear_session()  # 레이어의 이름이 다시 처음부터 매겨진다
        try:
            if build is subclass:
                model = subclass(**settings)
                model(np.zeros((32, *shape), "uint8"))
            else:
                model = build(shape, *settings.values())
        except NotImplementedError:
            print("⬜ 과제 1, 2, 3을 모두 풀면 세 summary가 나란히 나온다.")
            return
        model.summary(line_length=72, print_fn=print)


# 과제 1–3: 가중치를 옮겨 넣고 NumPy로 계산한 값과 견준다.

Build = Callable[..., Any]


def _check_network(build: Build, rng: np.random.Generator) -> str:
    """Check the network that `build(shape, hidden, rate, classes)` makes."""
    settings = (((4, 6), (5, 3), 0.4, 4), ((3, 5), (7,), 0.3, 3), ((5, 5), (6, 6, 6), 0.2, 6))
    for shape, hidden, rate, classes in settings:
        images = rng.integers(0, 256, size=(8, *shape), dtype=np.uint8)
        weights = _random_weights(rng, shape, hidden, classes)
        with given(shape=shape, hidden=hidden, rate=rate, classes=classes):
            model = build(shape, hidden, rate, classes)
            _copy_weights(weights, model, shape)
            _expect_outputs(model, images, weights)
            _expect_dropout(build, rng, shape, hidden, rate)
    return "가중치를 옮기면 세 설정 모두에서 파라미터의 수와 출력이 같고, 드롭아웃은 학습할 때만 켜진다"


def _random_weights(rng, shape, hidden, classes) -> list[np.ndarray]:
    """Return [kernel, bias, kernel, bias, …] of the network."""
    sizes = [int(np.prod(shape)), *hidden, classes]
    pairs = [(rng.normal(size=(n, m)) / n**0.5, rng.normal(size=m) / 2) for n, m in zip(sizes, sizes[1:])]
    return [weight.astype("float32") for pair in pairs for weight in pair]


def _copy_weights(weights: list[np.ndarray], model: Any, shape: Sequence[int]) -> None:
    """Copy the weights into `model`, whose parameters must be as many and in the same order."""
    expected, actual = [w.shape for w in weights], [tuple(w.shape) for w in model.get_weights()]
    if actual != expected:
        cause = ""
        if not actual:
            cause = "아직 가중치가 없다. 입력의 모양을 모르면 만들지 못한다. `keras.Input`을 맨 앞에 둔다."
        elif sorted(actual) == sorted(expected):
            cause = "레이어를 만든 순서가 부르는 순서와 다르다. 가중치는 만든 순서로 늘어선다."
        elif actual == [s for s in expected if len(s) == 2]:
            cause = "편향이 없다."
        elif actual[0][0] == shape[-1]:
            cause = "이미지를 한 줄로 펴지 않았다. Dense는 마지막 축만 본다."
        elif len(actual) < len(expected):
            cause = "Dense가 모자란다. 은닉 레이어는 `hidden`의 수만큼이고, 출력 레이어가 하나 더 있다."
        elif len(actual) > len(expected):
            cause = "가중치를 가진 레이어가 더 있다."
        raise WrongAnswer("가중치의 모양이 다르다", _listed(expected), _listed(actual), cause)
    model.set_weights(weights)


def _listed(shapes: list[tuple]) -> str:
    count = sum(int(np.prod(shape)) for shape in shapes)
    return f"{', '.join(map(str, shapes)) or '없음'} (파라미터 {count}개)"


def _expect_outputs(model: Any, images: np.ndarray, weights: list[np.ndarray]) -> None:
    """Expect the probabilities that NumPy computes from the same weights."""
    first, second = (np.asarray(model(images, training=False)) for _ in range(2))
    if not np.array_equal(first, second):
        cause = "드롭아웃이 추론할 때도 켜져 있다. `training=True`를 못 박지 않는다."
        raise WrongAnswer("같은 입력의 출력이 부를 때마다 다르다", "같은 값", "다른 값", cause)
    expect_close(first, _forward(images, weights), "출력", atol=1e-4, causes={
        "출력에 softmax가 없다(로짓이다).": _forward(images, weights, output=_identity),
        "은닉 레이어에 활성화가 없다.": _forward(images, weights, activation=_identity),
        "은닉 레이어의 활성화가 sigmoid이다.": _forward(images, weights, activation=_sigmoid),
        "은닉 레이어의 활성화가 tanh이다.": _forward(images, weights, activation=np.tanh),
        "출력의 활성화가 softmax가 아니라 sigmoid이다.": _forward(images, weights, output=_sigmoid),
        "출력의 활성화가 softmax가 아니라 ReLU이다.": _forward(images, weights, output=_relu),
        "픽셀을 255로 나누지 않았다.": _forward(images, weights, scale=1),
        "픽셀을 255로 두 번 나누었다.": _forward(images, weights, scale=255**2),
        "은닉 레이어의 출력이 아니라 입력에 ReLU를 걸었다.": _forward_relu_first(images, weights),
    })  # fmt: skip


def _expect_dropout(build: Build, rng, shape, hidden, rate) -> None:
    """Read the dropout's mask off the outputs.

    With the last kernel [0, I] and no bias, log(p_j / p_0) is the j-th unit that the output layer received.
    """
    units = hidden[-1]
    weights = _random_weights(rng, shape, hidden, units + 1)
    weights[-2:] = np.eye(units, units + 1, k=1, dtype="float32"), np.zeros(units + 1, "float32")
    images = rng.integers(0, 256, size=(2000, *shape), dtype=np.uint8)
    model = build(shape, hidden, rate, units + 1)
    model.set_weights(weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = np.log(np.asarray(model(images, training=True)))
        received = log_p[:, 1:] - log_p[:, :1]  # (N, units)
    sent = _hidden(images / 255, weights, _relu)
    ratio = (received / np.where(sent > 0.2, sent, np.nan))[sent > 0.2]
    _expect_mask(ratio, rate)


def _expect_mask(ratio: np.ndarray, rate: float) -> None:
    """Expect units to be 0 with probability `rate`, and 1/(1-rate) times themselves else."""
    dropped, kept, untouched, swapped = (
        np.isclose(ratio, value, atol=0.02).mean() for value in (0, 1 / (1 - rate), 1, 1 / rate)
    )
    if untouched > 0.9:
        cause = "드롭아웃이 없거나 `training=False`를 못 박았다."
        raise WrongAnswer("학습할 때도 드롭아웃이 꺼져 있다", f"{rate:.0%}의 유닛이 0", "0인 유닛이 없다", cause)
    if swapped > 0.1 and dropped + swapped > 0.9:
        cause = "rate는 남기는 비율이 아니라 0으로 만드는 비율이다."
        raise WrongAnswer("드롭아웃의 비율이 다르다", f"{rate:.0%}의 유닛이 0", f"{dropped:.0%}", cause)
    if dropped + kept < 0.98:
        cause = "드롭아웃은 한 번, 마지막 은닉 레이어와 출력 레이어의 사이에 둔다. 비율은 `rate`이다."
        raise WrongAnswer(
            "학습할 때 출력 레이어가 받는 값이 다르다",
            f"0이거나 은닉 유닛의 1/(1-{rate:g})배",
            f"그 밖의 값이 {1 - dropped - kept:.0%}",
            cause,
        )
    if abs(dropped - rate) > 0.06:
        raise WrongAnswer("드롭아웃의 비율이 다르다", f"{rate:.0%}의 유닛이 0", f"{dropped:.0%}")


def _forward(images, weights, activation=None, output=None, scale=255.0) -> np.ndarray:
    """Compute the network in inference mode: (N, H, W) images to (N, classes)."""
    last = _hidden(images / scale, weights, activation or _relu)
    return (output or _softmax)(last @ weights[-2] + weights[-1])


def _forward_relu_first(images, weights) -> np.ndarray:
    x = (images / 255).reshape(len(images), -1)
    for kernel, bias in zip(weights[::2], weights[1::2]):
        x = _relu(x) @ kernel + bias
    return _softmax(x)


def _hidden(x: np.ndarray, weights: list[np.ndarray], activation: Callable) -> np.ndarray:
    """Compute the last hidden layer: (N, units)."""
    x = x.reshape(len(x), -1).astype("float64")
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2]):
        x = activation(x @ kernel + bias)
    return x


def _relu(x):
    return np.maximum(x, 0)


def _identity(x):
    return x


def _sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))


def _softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _check_saved(subclass: type, rng: np.random.Generator) -> None:
    """Save a model, load it and expect the same outputs and settings."""
    import keras

    settings = {"hidden": (6, 5), "rate": 0.35, "classes": 4}
    images = rng.integers(0, 256, size=(8, 3, 4), dtype=np.uint8)
    if subclass.get_config is keras.Model.get_config:
        cause = "설정을 적지 않으면 Keras는 `__init__`에 무엇을 넘겨 다시 만들지 모른다."
        raise WrongAnswer("get_config가 없다", "hidden, rate, classes를 담은 딕셔너리", cause=cause)
    model = subclass(**settings, name="garments")
    outputs = np.asarray(model(images))
    config = model.get_config()
    if not isinstance(config, dict):
        raise WrongAnswer("get_config의 반환값: 딕셔너리가 아니다", "dict", type(config).__name__)
    if missing := [name for name in settings if name not in config]:
        cause = "`__init__`이 받은 것을 모두 적어야 다시 만들 수 있다."
        raise WrongAnswer(f"get_config에 없다: {', '.join(missing)}", _keys(settings), _keys(config), cause)
    expect_equal({name: config[name] for name in settings}, settings, "get_config의 값")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "garments.keras")
        model.save(path)
        loaded = keras.saving.load_model(path, custom_objects={subclass.__name__: subclass})
    expect_close(loaded(images), outputs, "읽은 모델의 출력", atol=1e-5)
    if loaded.name != "garments":
        cause = "`super().get_config()`의 것도 함께 돌려주어야 이름이 남는다."
        raise WrongAnswer("읽은 모델의 이름이 다르다", "garments", loaded.name, cause)


def _keys(config: dict) -> str:
    return ", ".join(config) or "없음"


# 과제 4와 5


def _in_three_apis(stack: list, size: int) -> dict[str, Any]:
    """Return three models of (N, size) inputs that share the layers of `stack`, by the name of the API."""
    import keras

    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.stack = stack

        def call(self, x):
            for layer in self.stack:
                x = layer(x)
            return x

    inputs = outputs = keras.Input((size,))
    for layer in stack:
        outputs = layer(outputs)
    subclassed = Subclass()
    subclassed(np.zeros((2, size), "float32"))  # 첫 호출에 가중치가 생긴다
    sequential = keras.Sequential([keras.Input((size,)), *stack])
    return {"Sequential": sequential, "Functional": keras.Model(inputs, outputs), "Subclassing": subclassed}


def _expect_rows(rows: Any, expected: list[tuple], model: Any) -> None:
    total = [(name, a + b, 0) for name, a, b in expected]
    weights = [layer for layer in model.layers if layer.weights]
    expect_equal(rows, expected, causes={
        "고정한 레이어와 이동 평균까지 학습되는 수로 세었다.": total,
        "학습되는 것과 학습되지 않는 것의 자리가 바뀌었다.": [(name, b, a) for name, a, b in expected],
        "파라미터가 아니라 변수(텐서)를 세었다. 변수 하나에 `shape`의 곱만큼 있다.": [
            (type(layer).__name__, len(layer.trainable_weights), len(layer.non_trainable_weights)) for layer in weights
        ],
        "편향을 세지 않았다.": [_without_bias(row, layer) for row, layer in zip(expected, weights)],
        "파라미터가 없는 레이어도 넣었다.": [_row(layer) for layer in model.layers],
        "종류가 아니라 레이어의 이름이다. 종류는 클래스의 이름이다.": [
            (layer.name, *row[1:]) for row, layer in zip(expected, weights)
        ],
        "레이어가 아니라 모델의 수이다.": [(type(model).__name__, *np.sum([row[1:] for row in expected], axis=0))],
        "학습되는 수가 0인 레이어를 빠뜨렸다.": [row for row in expected if row[1]],
    })  # fmt: skip


def _row(layer: Any) -> tuple[str, int, int]:
    return (
        type(layer).__name__,
        sum(int(np.prod(w.shape)) for w in layer.trainable_weights),
        sum(int(np.prod(w.shape)) for w in layer.non_trainable_weights),
    )


def _without_bias(row: tuple, layer: Any) -> tuple:
    bias = getattr(layer, "units", 0)
    return row[0], row[1] and row[1] - bias, row[2] and row[2] - bias


def _expect_trained(model: Any, before: list[np.ndarray], size: int, epochs: int, batch_size: int) -> None:
    """Expect that this very model was trained, on all `size` images in each of `epochs`."""
    if not getattr(model, "compiled", False):
        raise WrongAnswer("모델이 compile되지 않았다", cause="받은 `model`의 `compile`을 부른다. 새 모델을 만들지 않는다.")
    if all(np.array_equal(a, b) for a, b in zip(before, model.get_weights())):
        raise WrongAnswer("가중치가 그대로다", cause="`fit`을 부르지 않았거나 다른 모델을 학습했다.")
    steps, taken = epochs * -(-size // batch_size), int(model.optimizer.iterations)
    causes = {
        steps // epochs: "한 에포크만 돌았다. `epochs`를 넘긴다.",
        epochs * -(-size // 32): "`batch_size`를 넘기지 않아 기본값 32를 썼다.",
        -(-size // 32): "`epochs`와 `batch_size`를 넘기지 않아 기본값 1과 32를 썼다.",
    }
    if taken != steps:
        cause = causes.get(taken, "훈련 데이터를 모두 쓰고, `epochs`와 `batch_size`를 그대로 넘긴다.")
        raise WrongAnswer("학습한 스텝의 수가 다르다", f"{steps}스텝", f"{taken}스텝", cause)


def _expect_history(history: Any) -> None:
    if not isinstance(history, dict):
        cause = "`fit`이 돌려준 것의 `.history`가 딕셔너리이다."
        raise WrongAnswer("반환값: 딕셔너리가 아니다", "dict", type(history).__name__, cause)
    if missing := [name for name in ("loss", "accuracy") if name not in history]:
        cause = "`compile`의 `metrics`에 'accuracy'를 적는다." if missing == ["accuracy"] else ""
        raise WrongAnswer(f"반환값에 없다: {', '.join(missing)}", "loss, accuracy", _keys(history), cause)


def _expect_loss(model: Any, images: np.ndarray, labels: np.ndarray, p: np.ndarray) -> None:
    """Expect that the compiled loss is the mean cross-entropy of the probabilities `p`."""
    expected = -np.log(np.clip(p[np.arange(len(p)), labels].astype("float64"), 1e-7, 1)).mean()
    loss = model.evaluate(images, labels, verbose=0, return_dict=True)["loss"]
    if not np.isclose(loss, expected, rtol=1e-3):
        cause = "정수 레이블과 확률의 교차 엔트로피를 평균 낸 것이 손실이다."
        raise WrongAnswer("compile한 손실의 값이 다르다", f"{expected:.4f}", f"{loss:.4f}", cause)
