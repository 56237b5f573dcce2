"""연습 3.1 옵티마이저 비교의 검사와 힌트."""

from __future__ import annotations

import numpy as np

from tf_study.course.check import (
    Exercise,
    WrongAnswer,
    expect_close,
    expect_dtype,
    expect_tensor,
    expect_tuple,
    given,
)

exercise = Exercise("chapter03_training_mechanics/ex01_optimizer_comparison", title="옵티마이저 비교")

EXAMPLE = "예시의 답을 그대로 돌려주었다. 답은 입력으로 계산한다."


@exercise.task(
    "1. RMSprop의 한 걸음",
    hints=(
        "차례가 중요하다. 먼저 v를 이번 기울기로 고치고, 고친 v로 걸음을 나눈다.",
        "새 v는 옛 v의 rho배와 g의 제곱의 (1 - rho)배를 더한 것이다.",
        "걸음은 eta * g를 `tf.sqrt`로 나눈 것이고, epsilon은 제곱근 안에서 새 v에 더한다. 돌려줄 것은 둘이다.",
    ),
)
def check_rmsprop_step(rmsprop_step, rng):
    import tensorflow as tf

    for size, eta, rho, epsilon in ((4, 0.3, 0.9, 0.2), (3, 0.05, 0.6, 1e-3)):
        theta, g = rng.normal(size=(2, size))
        v = rng.uniform(0.1, 2, size)
        new_v = rho * v + (1 - rho) * g**2
        new_theta = theta - eta * g / np.sqrt(new_v + epsilon)
        inputs = {name: tf.constant(value, "float32") for name, value in (("theta", theta), ("v", v), ("g", g))}
        with given(**inputs, eta=eta, rho=rho, epsilon=epsilon):
            result = rmsprop_step(*inputs.values(), eta, rho, epsilon)
            expect_tuple(result, ("theta", "v"))
            expect_close(result[1], new_v, "v", causes={
                EXAMPLE: [12],
                "theta와 v의 순서가 바뀌었다.": new_theta,
                "v를 고치지 않고 그대로 돌려주었다.": v,
                "rho와 1 - rho가 바뀌었다.": (1 - rho) * v + rho * g**2,
                "기울기를 제곱하지 않았다.": rho * v + (1 - rho) * g,
                "새 기울기의 제곱에 1 - rho를 곱하지 않았다.": rho * v + g**2,
                "기울기의 제곱을 모두 더했다. 성분마다 따로 센다.": rho * v + (1 - rho) * np.sum(g**2),
            })
            expect_close(result[0], new_theta, "theta", causes={
                EXAMPLE: [0.9],
                "고치기 전의 v로 나누었다.": theta - eta * g / np.sqrt(v + epsilon),
                "epsilon이 제곱근 밖에 있다.": theta - eta * g / (np.sqrt(new_v) + epsilon),
                "epsilon을 더하지 않았다.": theta - eta * g / np.sqrt(new_v),
                "제곱근을 구하지 않았다.": theta - eta * g / (new_v + epsilon),
                "걸음의 방향이 반대다. 기울기의 반대쪽으로 간다.": 2 * theta - new_theta,
                "걸음만 돌려주었다. theta에서 빼야 한다.": theta - new_theta,
                "기울기 대신 그 부호만 썼다.": theta - eta * np.sign(g),
                "걸음을 v의 제곱근으로 나누지 않았다.": theta - eta * g,
            })
            for value, name in zip(result, ("theta", "v"), strict=True):
                expect_tensor(value, name)
                expect_dtype(value, "float32", name)
    return "무작위 상태 두 벌에서 다음 theta와 v가 맞다"


@exercise.task(
    "2. Adam의 한 걸음",
    hints=(
        "m과 v를 먼저 고치고, 고친 것에서 보정한 값을 따로 만든다. 돌려줄 상태는 보정하지 않은 m과 v이다.",
        "보정은 나눗셈이다. m은 1에서 beta1의 t제곱을 뺀 값으로, v는 1에서 beta2의 t제곱을 뺀 값으로 나눈다.",
        "걸음은 eta에 보정한 m을 곱하고, 보정한 v의 제곱근에 epsilon을 더한 것으로 나눈다. t에 1을 더하지 않는다.",
    ),
)
def check_adam_step(adam_step, rng):
    import tensorflow as tf

    for size, t, beta1, beta2, epsilon in ((4, 1, 0.9, 0.999, 0.3), (3, 5, 0.7, 0.95, 1e-3)):
        theta, g, m = rng.normal(size=(3, size))
        v, eta = rng.uniform(0.1, 2, size), 0.2
        m, v = (m, v) if t > 1 else (0 * m, 0 * v)
        new_m, new_v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2

        def step(m, v, t=t, theta=theta, eta=eta, beta1=beta1, beta2=beta2, epsilon=epsilon):
            return theta - eta * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)

        new_theta = step(new_m, new_v)
        m_hat, v_hat = new_m / (1 - beta1**t), new_v / (1 - beta2**t)
        named = (("theta", theta), ("m", m), ("v", v), ("g", g))
        inputs = {name: tf.constant(value, "float32") for name, value in named}
        options = {"t": t, "eta": eta, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
        with given(**inputs, **options):
            result = adam_step(*inputs.values(), *options.values())
            expect_tuple(result, ("theta", "m", "v"))
            expect_close(result[1], new_m, "m", causes={
                EXAMPLE: [2],
                "보정한 m을 돌려주었다. 상태는 보정하지 않은 것이다.": m_hat,
                "beta1과 beta2가 바뀌었다.": beta2 * m + (1 - beta2) * g,
                "beta1과 1 - beta1이 바뀌었다.": (1 - beta1) * m + beta1 * g,
                "m과 v의 순서가 바뀌었다.": new_v,
                "m에 기울기의 제곱을 넣었다.": beta1 * m + (1 - beta1) * g**2,
            })
            expect_close(result[2], new_v, "v", causes={
                EXAMPLE: [4],
                "보정한 v를 돌려주었다. 상태는 보정하지 않은 것이다.": v_hat,
                "beta1과 beta2가 바뀌었다.": beta1 * v + (1 - beta1) * g**2,
                "beta2와 1 - beta2가 바뀌었다.": (1 - beta2) * v + beta2 * g**2,
                "기울기를 제곱하지 않았다.": beta2 * v + (1 - beta2) * g,
            })
            shifted = step(new_m, new_v, t + 1)
            expect_close(result[0], new_theta, "theta", rtol=1e-4, atol=1e-5, causes={
                EXAMPLE: [0.92],
                "편향 보정을 하지 않았다.": theta - eta * new_m / (np.sqrt(new_v) + epsilon),
                "m만 보정하고 v는 보정하지 않았다.": theta - eta * m_hat / (np.sqrt(new_v) + epsilon),
                "v만 보정하고 m은 보정하지 않았다.": theta - eta * new_m / (np.sqrt(v_hat) + epsilon),
                "t에 1을 더했다. 첫 걸음이 이미 1이다.": shifted,
                "epsilon이 제곱근 안에 있다.": theta - eta * m_hat / np.sqrt(v_hat + epsilon),
                "epsilon을 더하지 않았다.": theta - eta * m_hat / np.sqrt(v_hat),
                "제곱근을 구하지 않았다.": theta - eta * m_hat / (v_hat + epsilon),
                "걸음의 방향이 반대다. 기울기의 반대쪽으로 간다.": 2 * theta - new_theta,
                "고치기 전의 m과 v를 썼다.": step(m, v),
                "걸음에 m이 아니라 기울기를 썼다.": theta - eta * g / (np.sqrt(v_hat) + epsilon),
            })
            for value, name in zip(result, ("theta", "m", "v"), strict=True):
                expect_tensor(value, name)
                expect_dtype(value, "float32", name)
    return "첫 걸음과 다섯째 걸음에서 다음 theta, m, v가 맞다"


@exercise.task(
    "3. 같은 출발점",
    hints=(
        "두 가지를 따로 복사한다: 구조와 가중치. Keras에는 구조를 복사하는 함수가 있다.",
        "`keras.models.clone_model`은 같은 구조에 가중치를 새로 뽑은 모델을 만든다. 그 모델에 가중치를 옮겨 담는다.",
        "`get_weights`는 학습하지 않는 것까지 모든 가중치를 NumPy 배열로 주고, `set_weights`가 그 목록을 받는다.",
    ),
)
def check_copy_model(copy_model, rng):
    import keras

    model, x = _small_model(rng), rng.normal(size=(6, 3)).astype("float32")
    before = model.get_weights()
    twin = copy_model(model)
    _expect_unchanged(model, before)
    if not isinstance(twin, keras.Model):
        raise WrongAnswer("반환값: 모델이 아니다", "keras.Model", type(twin).__name__)
    if twin is model:
        raise WrongAnswer("반환값: 원본과 같은 객체다", "새 모델", "원본", "이름을 하나 더 붙인 것은 복사가 아니다.")
    weights = twin.get_weights()
    if [w.shape for w in weights] != [w.shape for w in before]:
        raise WrongAnswer("가중치의 모양이 다르다", str([w.shape for w in before]), str([w.shape for w in weights]))
    for variable, actual, expected in zip(model.variables, weights, before, strict=False):
        cause = "구조만 복사했다. 새로 만든 모델의 가중치는 난수이다."
        if not variable.trainable:
            cause = "학습하지 않는 가중치(이동 평균)를 옮기지 않았다. `trainable_weights`에는 들어 있지 않다."
        if not np.array_equal(actual, expected):
            raise WrongAnswer(f"가중치 {variable.path}: 값이 다르다", cause=cause)
    expect_close(twin(x), np.asarray(model(x)), "복사본의 출력")
    twin.set_weights([w + 1 for w in before])
    if not all(map(np.array_equal, model.get_weights(), before)):
        raise WrongAnswer(
            "복사본의 가중치를 바꾸었더니 원본도 바뀌었다",
            cause="변수를 함께 쓴다. 레이어를 다시 쓰지 말고 새로 만들어 값만 옮긴다.",
        )
    return "배치 정규화가 든 모델에서 모든 가중치가 같고, 복사본을 바꾸어도 원본은 그대로다"


@exercise.task(
    "4. 공정한 비교",
    hints=(
        "옵티마이저마다 새 복사본이 필요하다. 과제 3의 함수를 반복문 안에서 부른다.",
        "복사본을 `compile`하고 `fit`한다. `fit`은 기본으로 데이터를 섞으므로 섞지 않게 하는 인수를 찾는다.",
        "`shuffle=False`로 학습하면 `fit`이 돌려주는 객체의 `history` 사전에 에포크마다의 손실이 'loss'라는 이름으로 있다.",
    ),
)
def check_compare_optimizers(compare_optimizers, rng):
    import keras

    model, epochs, batch_size = _small_model(rng), 3, 5
    x = rng.normal(size=(20, 3)).astype("float32")
    y = (x[:, :1] - 2 * x[:, 1:2] + np.linspace(-1, 1, 20)[:, None]).astype("float32")
    before = model.get_weights()

    def optimizers():
        return {"가": keras.optimizers.SGD(0.05), "나": keras.optimizers.Adam(0.1)}

    losses = compare_optimizers(model, optimizers(), "mse", x, y, epochs, batch_size)
    _expect_unchanged(model, before)
    if not isinstance(losses, dict) or list(losses) != ["가", "나"]:
        actual = f"이름이 {list(losses)}인 사전" if isinstance(losses, dict) else type(losses).__name__
        raise WrongAnswer("반환값: 옵티마이저의 이름을 그대로 쓴 사전이 아니다", "이름이 ['가', '나']인 사전", actual)
    fair = _train(model, optimizers(), x, y, epochs, batch_size)
    for name, values in losses.items():
        if isinstance(values, keras.callbacks.History):
            raise WrongAnswer(f"'{name}'의 손실: History 객체다", "손실의 리스트", cause="그 안의 사전에서 손실만 꺼낸다.")
        try:
            expect_close(values, fair[name], f"'{name}'의 손실", rtol=1e-3)
        except WrongAnswer:
            continued = _train(model, optimizers(), x, y, epochs, batch_size, restart=False)
            one_batch = _train(model, optimizers(), x, y, epochs, len(x))
            swapped = _train(model, optimizers(), x, y, batch_size, epochs)
            order = (
                "출발점, 배치의 차례, 손실, 옵티마이저 가운데 다른 것이 있다. "
                "모든 가중치를 복사했는지, `fit`이 데이터를 섞지 않는지, 받은 `loss`와 옵티마이저를 쓰는지 본다."
            )
            expect_close(values, fair[name], f"'{name}'의 손실", rtol=1e-3, causes={
                "앞의 옵티마이저가 배운 가중치에서 이어 시작했다. 옵티마이저마다 새로 복사한다.": continued[name],
                "batch_size를 `fit`에 넘기지 않았다.": one_batch[name],
                "epochs와 batch_size가 바뀌었다. `fit`은 batch_size를 먼저 받는다.": swapped[name],
                "epochs를 `fit`에 넘기지 않았다.": fair[name][:1],
                "마지막 에포크의 손실만 돌려주었다.": fair[name][-1],
                order: values if np.shape(values) == (epochs,) else np.nan,
            })
    return "SGD와 Adam의 손실이 같은 출발점, 같은 차례의 배치로 학습한 것과 같다"


@exercise.task(
    "5. 목표까지 걸린 에포크",
    hints=(
        "앞에서부터 하나씩 보다가 목표 이하인 손실을 만나면 멈춘다.",
        "`enumerate`에 시작하는 수를 줄 수 있다. 첫 에포크의 번호는 0이 아니다.",
        "반복문 안에서 목표와 같거나 작은지 묻고, 맞으면 번호를 돌려준다. 반복문이 끝까지 갔다면 닿지 못한 것이다.",
    ),
)
def check_epochs_to_reach(epochs_to_reach, rng):
    falling = np.sort(rng.uniform(0.5, 3, 8))[::-1]
    bouncing = [2.0, 1.5, 0.75, 1.25, 0.5, 0.6]
    cases = (
        (bouncing, 0.8, 3),
        (falling, float(falling[4]), 5),
        (falling.tolist(), float(falling[0]) + 1, 1),
        (bouncing, 0.4, None),
        ([1.0, np.nan, np.nan], 0.5, None),
    )
    for losses, target, expected in cases:
        with given(losses=np.array(losses), target=target):
            _expect_epoch(epochs_to_reach(losses, target), expected, np.array(losses), target)
    return "줄어드는 손실, 튀는 손실, 닿지 못한 손실과 nan에서 맞다"


def _expect_epoch(actual, expected, losses, target):
    if expected is None:
        if actual is not None:
            cause = "목표에 닿지 못하면 `None`을 돌려준다. `argmax`와 `searchsorted`는 없어도 번호를 낸다."
            raise WrongAnswer("반환값: 닿지 못했는데 번호가 나왔다", "None", str(actual), cause)
        return
    if actual is None:
        cause = "`return`을 빠뜨렸거나, 목표와 같은 손실은 닿지 않은 것으로 셌다(`<`가 아니라 `<=`)."
        raise WrongAnswer("반환값: 목표에 닿았는데 None이다", str(expected), "None", cause)
    below = np.flatnonzero(losses <= target) + 1
    strictly = np.flatnonzero(losses < target) + 1
    above = np.flatnonzero(losses >= target) + 1
    expect_close(actual, expected, causes={
        "0부터 셌다. 첫 에포크가 1이다.": expected - 1,
        "마지막으로 목표 이하인 에포크다. 처음으로 닿은 것을 찾는다.": below[-1],
        "목표와 같은 손실은 닿지 않은 것으로 셌다(`<`가 아니라 `<=`).": strictly[0] if len(strictly) else None,
        "부등호가 반대다. 목표보다 큰 손실을 찾았다.": above[0] if len(above) else None,
        "손실이 가장 작은 에포크다. 목표에 처음 닿은 것을 찾는다.": losses.argmin() + 1,
        "에포크의 번호가 아니라 손실이다.": losses[expected - 1],
    })


def _small_model(rng):
    """A model (3,) -> (1,) whose weights, the moving averages too, come from `rng`."""
    import keras

    model = keras.Sequential([
        keras.Input((3,)),
        keras.layers.Dense(4, activation="tanh"),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(1),
    ])
    model.set_weights([rng.uniform(0.2, 1, w.shape) for w in model.get_weights()])
    return model


def _train(model, optimizers, x, y, epochs, batch_size, restart=True):
    """Losses per epoch of each optimizer; without `restart` each goes on from where the one before ended."""
    import keras

    weights, losses = model.get_weights(), {}
    for name, optimizer in optimizers.items():
        twin = keras.models.clone_model(model)
        twin.set_weights(weights)
        twin.compile(optimizer, "mse", run_eagerly=True)  # 몇 스텝뿐이라 추적하는 시간이 더 길다
        losses[name] = twin.fit(x, y, batch_size, epochs, shuffle=False, verbose=0).history["loss"]
        weights = weights if restart else twin.get_weights()
    return losses


def _expect_unchanged(model, before):
    if not all(map(np.array_equal, model.get_weights(), before)):
        cause = "원본을 학습했거나 원본의 가중치를 바꾸었다. 복사본만 바꾼다."
        raise WrongAnswer("입력 model: 가중치가 바뀌었다", cause=cause)
