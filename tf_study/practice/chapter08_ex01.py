"""연습 8.1 내보내고 서비스하기의 검사와 힌트."""

from __future__ import annotations

import functools
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from tf_study.course.check import Exercise, WrongAnswer, expect_close, expect_equal, given
from tf_study.course.runtime import silent_stderr

exercise = Exercise("chapter08_production/ex01_export_and_serve", title="내보내고 서비스하기")


def _model(height=9, width=7, classes=4):
    """Return a small classifier (B, height, width, 1) -> (B, classes) logits with weights that no seed changes."""
    import keras

    layers, rng = keras.layers, np.random.default_rng(0)
    inputs = keras.Input((height, width, 1))
    x = layers.Conv2D(8, 3, activation="relu")(inputs)
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(classes)(x))
    weights = [rng.normal(scale=0.2, size=w.shape) for w in model.get_weights()]
    model.set_weights([*weights[:-1], weights[-1] + 3])        # 출력의 영점이 0에서 멀어진다
    return model


@exercise.task(
    "1. 저장하고 되살리기",
    hints=(
        "`.keras`로 끝나는 이름에 저장하면 구조와 가중치와 옵티마이저의 상태가 한 파일에 들어간다.",
        "저장은 모델의 메서드이고, 여는 것은 `keras.saving`의 함수이다. 여는 함수의 기본값을 바꾸지 않는다.",
        "두 줄이면 된다. 첫 줄에서 저장하고, 둘째 줄에서 그 파일을 열어 나온 것을 돌려준다.",
    ),
)
def check_save_and_reload(save_and_reload, rng):
    import keras

    model = _model()
    model.compile(keras.optimizers.Adam(0.004), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = rng.uniform(size=(8, 9, 7, 1)).astype("float32"), rng.integers(0, 4, 8)
    for _ in range(2):
        model.train_on_batch(x, y)
    before = [np.array(v) for v in model.variables]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "classifier.keras"
        reloaded = save_and_reload(model, path)
        if not path.exists():
            raise WrongAnswer("파일이 없다", str(path.name), cause="`path`에 그대로 저장한다. 이름을 바꾸지 않는다.")
        if not zipfile.is_zipfile(path):
            raise WrongAnswer("`.keras` 파일이 아니다", "zip 파일", cause="`model.save`가 쓴 파일이 아니다.")
        _expect_reloaded(reloaded, model, before, x)
        with zipfile.ZipFile(path) as archive:
            if "config.json" not in archive.namelist():
                raise WrongAnswer("파일에 config.json이 없다", cause="`model.save`가 쓴 파일이 아니다.")
    return "예측, 옵티마이저의 상태, 컴파일한 설정이 모두 같다"


def _expect_reloaded(reloaded, model, before, x):
    import keras

    if reloaded is model:
        raise WrongAnswer("받은 모델을 그대로 돌려주었다", cause="저장한 파일을 열어 나온 모델을 돌려준다.")
    if not isinstance(reloaded, keras.Model):
        raise WrongAnswer("Keras 모델이 아니다", "keras.Model", type(reloaded).__name__, "연 모델을 돌려준다.")
    if not all(np.array_equal(a, b) for a, b in zip(before, model.variables, strict=True)):
        raise WrongAnswer("입력 model: 값이 바뀌었다", cause="저장하고 여는 동안 모델을 고치거나 학습하지 않는다.")
    if not np.allclose(reloaded(x, training=False), model(x, training=False), atol=1e-6):
        cause = "구조만 되살리고 가중치는 새로 초기화했는지 본다."
        raise WrongAnswer("되살린 모델의 로짓이 다르다", cause=cause)
    if getattr(reloaded, "optimizer", None) is None:
        raise WrongAnswer("되살린 모델에 옵티마이저가 없다", cause="`compile=False`로 열면 학습을 이어 갈 수 없다.")
    steps = int(model.optimizer.iterations)
    expect_equal(int(reloaded.optimizer.iterations), steps, "옵티마이저의 스텝", causes={
        "옵티마이저를 새로 만들었다. 구조를 복사하거나 다시 컴파일하지 말고 파일의 상태를 쓴다.": 0,
    })
    for ours, theirs in zip(model.optimizer.variables, reloaded.optimizer.variables, strict=True):
        expect_close(np.array(theirs), np.array(ours), what=f"옵티마이저의 {ours.name}")


@exercise.task(
    "2. 전처리를 담은 서명",
    hints=(
        "모델이 배운 입력은 0과 1 사이의 실수 (B, H, W, 1)이고 서명이 받을 것은 uint8 (B, H, W)이다. 무엇을 해야 하는지 적어 본다.",
        "자료형을 바꾸고, 255로 나누고, 채널 축을 붙이고, 추론 모드로 부르고, 로짓을 확률로 바꾸는 함수를 먼저 쓴다.",
        "그 함수를 `ExportArchive`의 `add_endpoint`에 이름 serve와 (None, H, W) uint8의 `tf.TensorSpec`과 함께 넘기고 `write_out`한다. 함수는 사전을 돌려준다.",
    ),
)
def check_export_with_preprocessing(export_with_preprocessing, rng):
    import tensorflow as tf

    model = _model(9, 7, 4)
    images = rng.integers(0, 256, (5, 9, 7)).astype("uint8")
    with tempfile.TemporaryDirectory() as folder, given(images=images):
        with silent_stderr():
            export_with_preprocessing(model, Path(folder) / "served")
        if not tf.saved_model.contains_saved_model(str(Path(folder) / "served")):
            raise WrongAnswer("SavedModel이 없다", "folder 안의 saved_model.pb", cause="`folder`에 내보내지 않았다.")
        signatures = tf.saved_model.load(str(Path(folder) / "served")).signatures
        if "serve" not in signatures:
            raise WrongAnswer("서명의 이름이 다르다", "serve", ", ".join(signatures), "이름을 그대로 쓴다.")
        name = _expect_signature(signatures["serve"])
        for batch in (images, images[:1]):
            found = signatures["serve"](**{name: tf.constant(batch)})["probability"]
            again = signatures["serve"](**{name: tf.constant(batch)})["probability"]
            if not np.allclose(found, again):
                raise WrongAnswer("부를 때마다 값이 다르다", cause="드롭아웃이 켜져 있다. 추론 모드로 부른다.")
            _expect_probability(found, model, batch)
    return "uint8 그림 다섯 장과 한 장에서 원래 모델의 확률과 같다"


def _expect_signature(signature):
    """Return the name of the input of a signature uint8 (None, H, W) -> probability."""
    inputs = signature.structured_input_signature[1]
    if len(inputs) != 1:
        raise WrongAnswer("입력은 하나여야 한다", "입력 1개", f"{len(inputs)}개")
    (name, spec), = inputs.items()
    expect_equal(spec.dtype.name, "uint8", "서명이 받는 자료형", causes={
        "실수를 받는다. 전처리를 서명 안에 넣어 uint8을 받는다.": "float32",
        "int32를 받는다. 그림은 uint8이다.": "int32",
    })
    expect_equal(spec.shape.as_list(), [None, 9, 7], "서명이 받는 모양", causes={
        "채널 축을 부르는 쪽에 맡겼다. 서명 안에서 붙인다.": [None, 9, 7, 1],
        "배치의 크기가 1로 굳었다. None으로 열어 둔다.": [1, 9, 7],
        "모양을 모두 열어 두었다. 높이와 너비는 모델의 것이다.": [None, None, None],
    })
    expect_equal(sorted(signature.structured_outputs), ["probability"], "출력의 이름", causes={
        "텐서를 그대로 돌려주었다. {\"probability\": …}를 돌려준다.": ["output_0"],
    })
    return name


def _expect_probability(found, model, images):
    pixels = images[..., None].astype("float32")

    def softmax(z):
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def logits(x):
        return np.array(model(x, training=False))

    expect_close(found, softmax(logits(pixels / 255)), rtol=1e-3, atol=1e-5, causes={
        "로짓이다. softmax로 확률을 만든다.": logits(pixels / 255),
        "255로 나누지 않았다.": softmax(logits(pixels)),
        "나누지도 않고 로짓을 냈다. 255로 나누고 softmax를 쓴다.": logits(pixels),
        "-1과 1 사이로 바꾸었다. 모델은 0과 1 사이를 배웠다.": softmax(logits(pixels / 127.5 - 1)),
        "softmax를 두 번 썼다.": softmax(softmax(logits(pixels / 255))),
        "256으로 나누었다. 255로 나눈다.": softmax(logits(pixels / 256)),
        "정수끼리 나누어 모두 0이나 1이 되었다. 먼저 실수로 바꾼다.": softmax(logits(pixels // 255)),
        "로짓마다 시그모이드를 썼다. 클래스의 확률은 softmax이다.": 1 / (1 + np.exp(-logits(pixels / 255))),
    })


@exercise.task(
    "3. 정수로 변환하기",
    hints=(
        "임시 폴더에 `model.export`로 내보낸 SavedModel을 `tf.lite.TFLiteConverter.from_saved_model`에 넘긴다.",
        "정수로 만들려면 넷을 정한다: `optimizations`, `representative_dataset`, `target_spec.supported_ops`, 입력과 출력의 자료형.",
        "`representative_dataset`에는 함수를 넣는다. 부르면 대표 데이터 한 장마다 길이 1의 리스트를 내고, 그 안의 배열은 앞에 배치 축 1이 있다. `convert()`의 바이트를 돌려준다.",
    ),
)
def check_to_int8(to_int8, rng):
    model = _model()
    samples = rng.uniform(0, 1, (12, 9, 7, 1)).astype("float32")
    samples[7, 2, 3], samples[9, 5, 1] = 2.1, -0.7            # 범위는 뒤쪽의 것이 정한다
    with given(samples=samples):
        with silent_stderr():
            content = to_int8(model, samples)
        if not isinstance(content, bytes):
            raise WrongAnswer("바이트가 아니다", "bytes", type(content).__name__, "`convert()`의 결과를 그대로 돌려준다.")
        net = _litert(content)
        _expect_integer(net)
        _expect_input_grid(net, samples)
        found, expected = net.predict(samples), np.array(model(samples, training=False))
        error = float(np.abs(found - expected).max() / np.ptp(expected))
        if error > 0.1:
            raise WrongAnswer("출력이 원래 모델과 다르다", "범위의 10 % 안", f"{error:.0%}", "다른 모델을 변환했는지 본다.")
    return "입력과 출력과 중간이 모두 정수이고, 눈금이 대표 데이터 전체의 범위에서 나왔다"


def _litert(content):
    from tf_study.production.litert import LiteRTModel

    try:
        return LiteRTModel(content)
    except ValueError as error:
        raise WrongAnswer("LiteRT가 열지 못한다", actual=str(error).splitlines()[0]) from error


def _expect_integer(net):
    kinds = {np.dtype(detail["dtype"]).name for detail in net.interpreter.get_tensor_details()}
    ends = {np.dtype(end["dtype"]).name for end in (net.input, net.output)}
    if ends == {"uint8"}:
        raise WrongAnswer("입력과 출력이 uint8이다", "int8", "uint8", "`inference_input_type`과 출력의 것을 tf.int8로 한다.")
    if ends != {"int8"}:
        cause = "변환한 그대로이다. 양자화를 켜지 않았다."
        if "int8" in kinds:
            cause = "가중치나 중간만 정수이다. 대표 데이터를 주고 입력과 출력의 자료형도 정수로 정한다."
        raise WrongAnswer("입력과 출력이 정수가 아니다", "int8", ", ".join(sorted(ends)), cause)
    if "float32" in kinds:
        raise WrongAnswer("실수로 계산하는 곳이 남았다", "정수만", ", ".join(sorted(kinds)), "supported_ops를 정한다.")


def _expect_input_grid(net, samples):
    from tf_study.production.litert import scale_and_zero_point

    def scale(x):
        return float(scale_and_zero_point(x.min(), x.max())[0])

    expect_close(net.input["quantization"][0], scale(samples), what="입력의 스케일", rtol=0.01, causes={
        "대표 데이터의 첫 장만 썼다. 모두 차례로 낸다.": scale(samples[:1]),
        "대표 데이터를 255로 나누었다. 이미 모델이 배운 범위이다.": scale(samples / 255),
        "대표 데이터에 255를 곱했다. 모델이 배운 범위로 준다.": scale(samples * 255),
        "대표 데이터를 0과 1 사이로 잘랐다.": scale(np.clip(samples, 0, 1)),
    })


@functools.cache
def _content():
    """Return the bytes of a small int8 model."""
    from tf_study.production.litert import convert

    rng = np.random.default_rng(1)
    samples = rng.uniform(-0.4, 1.3, (16, 9, 7, 1)).astype("float32")
    return convert(_model(), "int8", samples)


@exercise.task(
    "4. 정수로 추론하기",
    hints=(
        "인터프리터를 만들고 텐서를 배정한 뒤, 입력과 출력의 `quantization`에서 스케일과 영점을 둘씩 꺼낸다.",
        "q = clip(round(x / s) + z, -128, 127)을 int8로 바꾼다. 처음의 배치는 1이므로 한 장씩 넣고 실행한다.",
        "나온 int8을 더 넓은 정수로 바꾸고, 출력의 영점을 뺀 뒤 출력의 스케일을 곱한다.",
    ),
)
def check_predict_int8(predict_int8, rng):
    content = _content()
    net = _litert(content)
    (s, z), (s_y, z_y) = net.input["quantization"], net.output["quantization"]
    # 눈금의 한가운데를 피하고(어느 쪽으로 반올림해도 되지 않게) 범위 밖의 값을 섞는다
    steps = rng.integers(-128, 128, (6, 9, 7, 1)) + rng.uniform(-0.35, 0.35, (6, 9, 7, 1))
    steps[:, ::4, ::3] += rng.choice([-300.0, 300.0], size=steps[:, ::4, ::3].shape)
    x = (s * (steps - z)).astype("float32")

    def run(q):
        """Return the output's integers, as int32, for input integers in -128..127."""
        return np.round(net.predict((s * (q.astype("float64") - z)).astype("float64")) / s_y).astype("int32") + z_y

    def real(q):
        return (s_y * (run(q) - z_y)).astype("float32")

    def clip(q):
        return np.clip(q, -128, 127)

    rounded = np.round(x.astype("float64") / s)
    q = clip(rounded + z)
    with given(x=x):
        with silent_stderr():
            found = predict_int8(content, x)
        expect_close(found, real(q), rtol=1e-4, atol=1e-4 * s_y, causes={
            "정수를 그대로 돌려주었다. 출력의 스케일과 영점으로 되돌린다.": run(q),
            "범위 밖의 값을 자르지 않아 int8에서 넘쳤다. 바꾸기 전에 clip한다.": real(
                (rounded + z).astype("int64").astype("int8")
            ),
            "반올림하지 않고 버렸다.": real(clip(np.trunc(x.astype("float64") / s + z))),
            "입력의 영점을 더하지 않았다.": real(clip(rounded)),
            "입력의 영점을 뺐다. 양자화에서는 더하고 되돌릴 때 뺀다.": real(clip(rounded - z)),
            "스케일로 나누지 않았다.": real(clip(np.round(x) + z)),
            "스케일을 곱했다. 양자화에서는 나눈다.": real(clip(np.round(x * s) + z)),
            "출력의 영점을 빼지 않았다.": s_y * run(q),
            "출력의 영점을 더했다. 되돌릴 때는 뺀다.": s_y * (run(q) + z_y),
            "되돌릴 때 입력의 스케일을 썼다. 출력의 스케일을 쓴다.": s * (run(q) - z_y),
            "되돌릴 때 입력의 영점을 썼다. 출력의 영점을 쓴다.": s_y * (run(q) - z),
            "되돌릴 때 입력의 스케일과 영점을 썼다. 출력의 것을 쓴다.": s * (run(q) - z),
            "int8인 채로 영점을 빼서 넘쳤다. 먼저 더 넓은 정수로 바꾼다.": s_y * (run(q) - z_y).astype("int8"),
            "첫 장의 결과가 되풀이된다. 실행할 때마다 결과를 꺼낸다.": np.repeat(real(q)[:1], len(x), axis=0),
            "마지막 장의 결과가 되풀이된다. 꺼낸 배열을 복사해 둔다.": np.repeat(real(q)[-1:], len(x), axis=0),
        })
    return "범위를 벗어난 값이 섞인 여섯 장에서 눈금까지 같다"


@exercise.task(
    "5. 재고 정하기",
    hints=(
        "두 모델의 예측은 확률이나 로짓이 가장 큰 클래스이다. 먼저 그것부터 구한다.",
        "정확도는 정답과, 일치율은 두 예측끼리 견준 비율이다. 잃은 정확도는 실수 모델의 것에서 정수 모델의 것을 뺀다.",
        "세 조건을 `and`로 잇고, NumPy의 수는 `float`과 `bool`로 바꾸어 사전에 넣는다.",
    ),
)
def check_measure(measure, rng):
    for n, other, worse, better, sizes in (
        (200, 2, 0, 6, (7000, 2000)), (150, 30, 0, 0, (9000, 2000)), (120, 0, 1, 0, (3000, 1500)),
        (100, 0, 3, 0, (8000, 2000)), (200, 1, 1, 0, (4000, 1100)),
    ):
        labels, real, integer = _two_models(rng, n, other, worse, better)
        with given(labels=labels, y_float=real, y_int8=integer, sizes=np.array(sizes)):
            found = measure(labels, real, integer, *sizes)
            if not isinstance(found, dict):
                raise WrongAnswer("사전이 아니다", "사전", type(found).__name__)
            expected = _report(labels, real, integer, *sizes)
            expect_equal(sorted(found), sorted(expected), "사전의 열쇠")
            for key in ("size_ratio", "accuracy_loss", "agreement"):
                expect_close(found[key], expected[key], what=key, rtol=1e-6, atol=1e-9,
                             causes=_causes(key, labels, real, integer, *sizes))
            expect_equal(bool(found["deploy"]), expected["deploy"], "deploy", causes={
                "세 조건 가운데 하나를 빠뜨렸거나 `or`로 이었다. 모두 맞아야 한다.": True,
                "조건이 모두 맞는데 내보내지 않는다고 했다. 부등호를 보고, 정확도가 오른 것도 통과시킨다.": False,
            })
    return "통과하는 두 벌과 일치율, 크기, 정확도가 하나씩 모자란 세 벌에서 맞다"


def _report(labels, real, integer, float_bytes, int8_bytes):
    a, b = real.argmax(axis=1), integer.argmax(axis=1)
    ratio, agreement = float_bytes / int8_bytes, float(np.mean(a == b))
    loss = float(np.mean(a == labels) - np.mean(b == labels))
    deploy = ratio >= 3 and loss <= 0.01 and agreement >= 0.95
    return {"size_ratio": ratio, "accuracy_loss": loss, "agreement": agreement, "deploy": bool(deploy)}


def _causes(key, labels, real, integer, float_bytes, int8_bytes):
    """What the answer would be if a mistake were made, for one number of the report."""
    a, b = real.argmax(axis=1), integer.argmax(axis=1)
    right_a, right_b = np.mean(a == labels), np.mean(b == labels)
    return {
        "size_ratio": {
            "거꾸로 나누었다. 실수 모델이 정수 모델의 몇 배인가이다.": int8_bytes / float_bytes,
            "줄어든 비율이다. 몇 배인가를 낸다.": 1 - int8_bytes / float_bytes,
        },
        "accuracy_loss": {
            "부호가 반대다. 실수 모델의 정확도에서 정수 모델의 것을 뺀다.": right_b - right_a,
            "백분율이다. 0과 1 사이의 비율로 낸다.": 100 * (right_a - right_b),
            "잃은 것이 아니라 정수 모델의 정확도다.": right_b,
            "잃은 것이 아니라 정수 모델이 틀린 비율이다.": 1 - right_b,
        },
        "agreement": {
            "정답과 견주었다. 두 모델의 예측끼리 견준다.": right_b,
            "어긋난 비율이다. 같은 비율을 낸다.": np.mean(a != b),
            "둘 다 맞은 비율이다. 둘이 똑같이 틀린 것도 일치이다.": np.mean((a == labels) & (b == labels)),
            "백분율이다. 0과 1 사이의 비율로 낸다.": 100 * np.mean(a == b),
            "출력의 값끼리 견주었다. 가장 큰 클래스를 견준다.": np.mean(np.isclose(real, integer)),
        },
    }[key]


def _two_models(rng, n, other, worse, better):
    """Labels and the outputs of two models, the first wrong in one image of four.

    The second is wrong in another way in `other` of these, right in `better` of these, and wrong in `worse` more.
    """
    labels = rng.integers(0, 5, n)
    first = labels.copy()
    wrong = np.arange(3 * n // 4, n)
    first[wrong] = (labels[wrong] + 1) % 5
    second = first.copy()
    second[:worse] = (labels[:worse] + 2) % 5
    second[wrong[:other]] = (labels[wrong[:other]] + 3) % 5
    second[wrong[other : other + better]] = labels[wrong[other : other + better]]

    def outputs(classes):
        return (rng.uniform(0, 1, (n, 5)) + 2 * np.eye(5)[classes]).astype("float32")

    order = rng.permutation(n)
    return labels[order], outputs(first)[order], outputs(second)[order]
