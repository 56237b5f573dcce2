"""연습 3.2 학습률을 보이는 콜백의 검사와 힌트."""

from __future__ import annotations

import numpy as np

from tf_study.course.check import Exercise, WrongAnswer, expect_close, given

exercise = Exercise("chapter03_training_mechanics/ex02_custom_callback", title="학습률을 보이는 콜백")

SAMPLES, BATCH_SIZE = 10, 4  # 한 에포크가 3스텝이고 마지막 배치는 작다
STEPS_PER_EPOCH = -(-SAMPLES // BATCH_SIZE)


@exercise.task(
    "1. 스텝마다의 학습률",
    hints=(
        "`on_train_`으로 시작하는 훅 가운데 스텝마다 불리는 것은 둘이다. 하나는 스텝의 앞, 하나는 뒤에 불린다.",
        "스텝이 끝나면 `iterations`가 이미 하나 늘어 있어 다음 스텝의 학습률이 읽힌다. `fit`의 시작을 알리는 훅도 있다.",
        "`on_train_batch_begin`에서 `self.model`의 옵티마이저가 말하는 학습률을 float로 바꾸어 더하고, "
        "`on_train_begin`에서 리스트를 비운다.",
    ),
)
def check_rate_recorder(recorder_class, rng):
    import keras

    peak, decay = rng.uniform(0.05, 0.1), rng.uniform(0.5, 0.9)
    for learning_rate, factor, epochs in ((peak, 1.0, 2), (_schedule(peak, decay), decay, 3)):
        expected = peak * factor ** np.arange(epochs * STEPS_PER_EPOCH)
        recorder = _callback(recorder_class)
        model = _model(keras.optimizers.SGD(learning_rate))
        _fit(model, epochs, recorder)
        _expect_rates(_rates(recorder), expected, factor)
    _fit(model, 1, recorder)
    again = peak * decay ** np.arange(3 * STEPS_PER_EPOCH, 4 * STEPS_PER_EPOCH)
    rates = _rates(recorder)
    if len(rates) == len(expected) + len(again):
        cause = "`fit`이 시작될 때 리스트를 비우지 않았다."
        raise WrongAnswer("둘째 fit 뒤의 rates: 앞의 fit의 기록이 남아 있다", f"{len(again)}개", f"{len(rates)}개", cause)
    expect_close(rates, again, "둘째 fit 뒤의 rates", rtol=1e-4)
    return "상수와 스케줄에서 스텝마다 쓴 학습률이 맞고, 다시 부른 fit에서 새로 시작한다"


@exercise.task(
    "2. 에포크의 기록에 넣기",
    hints=(
        "에포크의 끝에서 옵티마이저에게 물으면 다음 스텝의 학습률을 듣는다. 쓰기 전에 들어 둔 값이 필요하다.",
        "스텝의 앞에서 불리는 훅에서 학습률을 속성에 적어 두면, 에포크가 끝났을 때 마지막 스텝의 것이 남아 있다.",
        "`on_epoch_end`가 받는 `logs`는 보통의 사전이다. 거기에 'rate'라는 열쇠로 적어 둔 값을 넣는다.",
    ),
)
def check_rate_in_history(logger_class, rng):
    import keras

    peak, decay, epochs = rng.uniform(0.05, 0.1), rng.uniform(0.5, 0.9), 4
    model = _model(keras.optimizers.SGD(_schedule(peak, decay)))
    logs = _fit(model, epochs, _callback(logger_class)).history
    if "rate" not in logs:
        cause = "`on_epoch_end`가 받은 `logs` 사전에 직접 넣는다. 새 사전을 만들면 `fit`이 모른다."
        raise WrongAnswer('history: "rate"가 없다', "'rate'가 든 기록", f"{sorted(logs)}", cause)
    rates = logs["rate"]
    _expect_floats(rates, 'history["rate"]')
    last = STEPS_PER_EPOCH * np.arange(1, epochs + 1) - 1  # 에포크마다 마지막 스텝의 번호
    expect_close(rates, peak * decay**last, 'history["rate"]', rtol=1e-4, causes={
        "다음 에포크의 첫 스텝이 쓸 학습률이다. 에포크가 끝나면 `iterations`가 이미 늘어 있다.": peak * decay ** (last + 1),
        "에포크의 첫 스텝이 쓴 학습률이다.": peak * decay ** (last + 1 - STEPS_PER_EPOCH),
        "학습이 시작될 때의 학습률을 그대로 썼다.": np.full(epochs, peak),
        "에포크의 평균이다. 마지막 스텝의 값을 넣는다.": [
            np.mean(peak * decay ** np.arange(s + 1 - STEPS_PER_EPOCH, s + 1)) for s in last
        ],
    })
    if "loss" not in logs:
        raise WrongAnswer('history: "loss"가 사라졌다', cause="`logs`를 비우지 말고 더하기만 한다.")
    return "스케줄로 4에포크 학습한 기록에 마지막 스텝의 학습률이 있다"


@exercise.task(
    "3. 학습률 그리기",
    hints=(
        "새 그림과 축은 `plt.subplots()`가 만든다. 가로축의 값부터 만들어 본다.",
        "스텝의 번호는 0부터 센 `np.arange(len(rates))`이다. 에포크로 바꾸려면 무엇으로 나누는가.",
        "축의 `plot`에 가로와 세로의 값을 주고, `set`에 xlabel과 ylabel을 준 뒤 그 축을 돌려준다.",
    ),
)
def check_plot_rates(plot_rates, rng):
    import matplotlib.pyplot as plt

    open_before = set(plt.get_fignums())
    drawn = []
    try:
        for steps, steps_per_epoch in ((7, 3), (8, 4)):
            rates = rng.uniform(0.01, 0.1, steps)
            with given(rates=rates, steps_per_epoch=steps_per_epoch):
                ax = plot_rates(rates, steps_per_epoch)
                _expect_line(ax, rates, steps_per_epoch)
                if ax.figure in drawn:
                    raise WrongAnswer("두 번 불렀더니 같은 그림에 겹쳐 그렸다", cause="부를 때마다 새 그림을 만든다.")
            drawn.append(ax.figure)
    finally:
        for number in set(plt.get_fignums()) - open_before:
            plt.close(number)
    return "무작위 학습률 두 벌에서 선의 두 좌표와 축의 이름이 맞다"


@exercise.task(
    "4. 학습률 움직이기",
    hints=(
        "훅이 받는 `batch`는 에포크마다 0으로 돌아간다. 이어서 세는 스텝의 번호를 콜백이 들고 있어야 한다.",
        "스텝의 앞에서 불리는 훅에서 번호로 학습률을 계산해 옵티마이저의 `learning_rate`에 대입하고, 번호를 하나 늘린다.",
        "비율은 (s + 1)을 (W + 1)로 나눈 것이고 1을 넘지 않게 `min`으로 막는다. `fit`이 시작될 때 번호를 0으로 돌린다.",
    ),
)
def check_warmup(warmup_class, rng):
    import keras

    for warmup_steps in (4, 0, 7):
        peak, epochs = rng.uniform(0.02, 0.1), 3
        warmup, spy = _callback(warmup_class, peak, warmup_steps), _spy()
        model = _model(keras.optimizers.SGD(10 * peak))
        for start in ("", "둘째 fit의 "):
            _fit(model, epochs, warmup, spy)
            s = np.arange(epochs * STEPS_PER_EPOCH)
            W = warmup_steps

            def ramp(s, W=W, peak=peak):
                return peak * np.minimum(1, (s + 1) / (W + 1))

            causes = {
                "학습률을 바꾸지 않았다. `optimizer.learning_rate`에 대입한다.": np.full(len(s), 10 * peak),
                "에포크마다 예열을 다시 시작했다. `batch`는 에포크마다 0으로 돌아간다.": ramp(s % STEPS_PER_EPOCH),
                "스텝이 아니라 에포크마다 한 번 올렸다.": ramp(s // STEPS_PER_EPOCH),
                "한 스텝 늦다. 스텝의 뒤에서 바꾸면 다음 스텝부터 쓰인다.": np.r_[10 * peak, ramp(s[:-1])],
                "한 스텝 늦다. 첫 스텝의 분자는 0이 아니라 1이다.": peak * np.minimum(1, s / (W + 1)),
                "한 스텝 이르다. 번호를 먼저 늘리고 계산했다.": ramp(s + 1),
                "W + 1이 아니라 W로 나누었다.": peak * np.minimum(1, (s + 1) / max(W, 1)),
                "예열이 끝나도 계속 올라간다. 비율이 1을 넘지 않게 한다.": peak * (s + 1) / (W + 1),
                "예열하지 않고 처음부터 peak을 썼다.": np.full(len(s), peak),
                "peak이 아니라 옵티마이저의 처음 학습률까지 올렸다.": 10 * ramp(s),
            }
            if start:
                causes = {"둘째 fit에서 번호를 0으로 돌리지 않았다.": ramp(s + len(s))} | causes
            with given(peak=peak, warmup_steps=warmup_steps):
                expect_close(spy.rates, ramp(s), f"{start}스텝마다의 학습률", rtol=1e-4, causes=causes)
    return "예열 스텝이 4, 0, 7일 때와 둘째 fit에서 스텝마다 쓴 학습률이 맞다"


def _model(optimizer):
    """A linear model compiled with `optimizer`; eager, because tracing would take longer than its few steps."""
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", run_eagerly=True)
    return model


def _schedule(peak, decay):
    import keras

    return keras.optimizers.schedules.ExponentialDecay(peak, decay_steps=1, decay_rate=decay)


def _fit(model, epochs, *callbacks):
    x = np.linspace(-1, 1, 2 * SAMPLES).reshape(SAMPLES, 2)
    return model.fit(x, x[:, :1], BATCH_SIZE, epochs, verbose=0, callbacks=list(callbacks))


def _spy():
    """A callback behind the learner's: the rate that each step uses, asked right before it."""
    import keras

    class Spy(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.rates = []

        def on_train_batch_begin(self, batch, logs=None):
            self.rates.append(float(self.model.optimizer.learning_rate))

    return Spy()


def _callback(callback_class, *args):
    import keras

    callback = callback_class(*args)
    if not isinstance(callback, keras.callbacks.Callback):
        cause = "`keras.callbacks.Callback`을 상속한 클래스를 넘긴다."
        raise WrongAnswer("콜백이 아니다", "keras.callbacks.Callback", type(callback).__name__, cause)
    return callback


def _rates(recorder):
    if not hasattr(recorder, "rates"):
        raise WrongAnswer("rates 속성이 없다", "self.rates", f"{sorted(vars(recorder))}")
    _expect_floats(recorder.rates, "rates")
    return recorder.rates


def _expect_floats(values, what):
    kinds = sorted({type(value).__name__ for value in values})
    if kinds not in ([], ["float"]):
        cause = "`float(…)`로 바꾸어 적는다. 변수를 그대로 담으면 나중에 값이 함께 바뀐다."
        raise WrongAnswer(f"{what}: 파이썬 float가 아니다", "float", ", ".join(kinds), cause)


def _expect_rates(rates, expected, factor):
    """Expect one rate per step; each step's rate is `factor` times the one before."""
    epochs = len(expected) // STEPS_PER_EPOCH
    if len(rates) == epochs:
        cause = "에포크마다 한 번 적었다. 스텝마다 불리는 훅을 쓴다."
        raise WrongAnswer("rates: 개수가 다르다", f"{len(expected)}개", f"{len(rates)}개", cause)
    if len(rates) == 2 * len(expected):
        cause = "스텝의 앞과 뒤에서 두 번 적었다. 한 번만 적는다."
        raise WrongAnswer("rates: 개수가 다르다", f"{len(expected)}개", f"{len(rates)}개", cause)
    if len(rates) == STEPS_PER_EPOCH and np.allclose(rates, expected[-STEPS_PER_EPOCH:]):
        cause = "에포크마다 리스트를 비웠다. `fit`이 시작될 때 한 번만 비운다."
        raise WrongAnswer("rates: 마지막 에포크만 남았다", f"{len(expected)}개", f"{len(rates)}개", cause)
    if len(rates) > len(expected) and np.allclose(rates[-len(expected):], expected):
        cause = "다른 콜백의 기록이 섞였다. 리스트를 클래스가 아니라 `self`에 만든다."
        raise WrongAnswer("rates: 개수가 다르다", f"{len(expected)}개", f"{len(rates)}개", cause)
    expect_close(rates, expected, "rates", rtol=1e-4, causes={
        "적은 것이 없다. 스텝의 훅에서 적지 않았거나 학습이 끝날 때 비웠다.": [],
        "한 스텝 늦다. 스텝의 뒤에서 읽으면 다음 스텝의 학습률이 읽힌다.": expected * factor,
        "처음의 학습률을 되풀이했다. 스텝마다 다시 읽는다.": np.full(len(expected), expected[0]),
    })


def _expect_line(ax, rates, steps_per_epoch):
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        cause = "그림을 그린 축을 `return`한다. `plt.subplots()`의 둘째 값이 축이다."
        raise WrongAnswer("반환값: Axes가 아니다", "matplotlib의 Axes", type(ax).__name__, cause)
    if len(ax.lines) != 1:
        cause = "점이나 막대가 아니라 `plot`으로 선 하나를 그린다. 부를 때마다 새 그림을 만든다."
        raise WrongAnswer("선의 수가 다르다", "1개", f"{len(ax.lines)}개", cause)
    step = np.arange(len(rates))
    x, y = ax.lines[0].get_data()
    expect_close(y, rates, "세로의 값", causes={"가로와 세로가 바뀌었다.": step / steps_per_epoch})
    expect_close(x, step / steps_per_epoch, "가로의 값", causes={
        "스텝을 그대로 썼다. 한 에포크의 스텝 수로 나눈다.": step,
        "끝점까지 늘어놓았다. 마지막 스텝의 번호는 스텝의 수보다 1 작다.": np.linspace(
            0, len(rates) / steps_per_epoch, len(rates)
        ),
        "스텝을 1부터 셌다. 스텝 0은 에포크 0의 자리에 온다.": (step + 1) / steps_per_epoch,
        "정수로 나누어 한 에포크의 점이 모두 한자리에 모였다. `//`가 아니라 `/`이다.": step // steps_per_epoch,
        "스텝에 한 에포크의 스텝 수를 곱했다. 나눈다.": step * steps_per_epoch,
    })
    for name, label in (("가로축", ax.get_xlabel()), ("세로축", ax.get_ylabel())):
        if not label.strip():
            raise WrongAnswer(f"{name}에 이름이 없다", cause="`ax.set(xlabel=…, ylabel=…)`로 두 축의 이름을 적는다.")
