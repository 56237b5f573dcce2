"""연습 3.2의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import keras
import matplotlib.pyplot as plt
import numpy as np


def rate(callback):
    return float(callback.model.optimizer.learning_rate)


def recorder(begin=None, before=None, after=None, epoch=None):
    """A callback class with `rates`, made of what its hooks do."""

    class Recorder(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.rates = []

        def on_train_begin(self, logs=None):
            (begin or (lambda self: setattr(self, "rates", [])))(self)

        def on_train_batch_begin(self, batch, logs=None):
            before and before(self)

        def on_train_batch_end(self, batch, logs=None):
            after and after(self)

        def on_epoch_end(self, epoch_number, logs=None):
            epoch and epoch(self)

    return Recorder


def add(self):
    self.rates.append(rate(self))


def add_first(self):
    self.rates.append(self.rates[0] if self.rates else rate(self))


def add_array(self):
    self.rates.append(np.float32(rate(self)))


def add_each_epoch(self):
    if (self.model.optimizer.iterations.numpy()) % 3 == 0:
        self.rates = []
    add(self)


class OnTheClass(keras.callbacks.Callback):
    rates = []

    def on_train_batch_begin(self, batch, logs=None):
        add(self)


class ByIterations(keras.callbacks.Callback):
    """The rate that step `iterations` used, asked from the schedule after the step."""

    def on_train_begin(self, logs=None):
        self.rates = []

    def on_train_batch_end(self, batch, logs=None):
        optimizer = self.model.optimizer
        schedule = optimizer._learning_rate
        constant = isinstance(schedule, keras.Variable)
        self.rates.append(float(schedule if constant else schedule(optimizer.iterations - 1)))


class Unnamed(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.history = []


class NotACallback:
    rates = []


def logger(value, name="rate", before=rate, keep=True):
    """A callback class that logs `value(self)`; `self.seen` holds what `before` saw at each step."""

    class Logger(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.seen = []

        def on_train_batch_begin(self, batch, logs=None):
            self.seen.append(before(self))

        def on_epoch_end(self, epoch, logs=None):
            if not keep:
                logs.clear()
            logs[name] = value(self)

    return Logger


class NewDictionary(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs = {**logs, "rate": rate(self)}


class FromTheStart(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.rate = rate(self)

    def on_epoch_end(self, epoch, logs=None):
        logs["rate"] = self.rate


class ByUpdate(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        logs.update(rate=float(optimizer._learning_rate(optimizer.iterations - 1)))


def drawn(x, labels=("에포크", "학습률"), plot="plot", result=lambda fig, ax: ax):
    def plot_rates(rates, n):
        fig, ax = plt.subplots()
        getattr(ax, plot)(x(np.arange(len(rates)), n), rates)
        ax.set(xlabel=labels[0], ylabel=labels[1])
        return result(fig, ax)

    return plot_rates


def drawn_swapped(rates, n):
    ax = plt.figure().gca()
    ax.plot(rates, np.arange(len(rates)) / n)
    ax.set(xlabel="에포크", ylabel="학습률")
    return ax


def drawn_on_the_same(rates, n):
    ax = plt.figure("학습률").gca()
    ax.plot(np.arange(len(rates)) / n, rates)
    ax.set(xlabel="에포크", ylabel="학습률")
    return ax


def drawn_by_pyplot(rates, n):
    plt.figure()
    plt.plot([s / n for s in range(len(rates))], list(rates))
    plt.xlabel("epoch")
    plt.ylabel("learning rate")
    return plt.gca()


def warmup(fraction, when="before", reset=True, set_rate=None):
    """A callback class; `fraction(step, batch, epoch, W)` is the share of the peak."""

    class Warmup(keras.callbacks.Callback):
        def __init__(self, peak, warmup_steps):
            super().__init__()
            self.peak, self.W, self.step, self.epoch = peak, warmup_steps, 0, 0

        def on_train_begin(self, logs=None):
            if reset:
                self.step = 0
            self.model.optimizer.learning_rate = 10 * self.peak

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def change(self, batch):
            value = self.peak * fraction(self.step, batch, self.epoch, self.W)
            if set_rate:
                set_rate(self, value)
            else:
                self.model.optimizer.learning_rate = value
            self.step += 1

        def on_train_batch_begin(self, batch, logs=None):
            if when == "before":
                self.change(batch)

        def on_train_batch_end(self, batch, logs=None):
            if when == "after":
                self.change(batch)

    return Warmup


def ramp(s, W):
    return min(1, (s + 1) / (W + 1))


class WarmupOnce(keras.callbacks.Callback):
    """Sets the first rate when training begins, and the next one after each step."""

    def __init__(self, peak, warmup_steps):
        super().__init__()
        self.rates = np.append(np.linspace(0, peak, warmup_steps + 2)[1:], peak)

    def on_train_begin(self, logs=None):
        self.left = list(self.rates)
        self.on_train_batch_end(0)

    def on_train_batch_end(self, batch, logs=None):
        if self.left:
            self.model.optimizer.learning_rate.assign(self.left.pop(0))


WRONG = {
    "check_rate_recorder": [
        (recorder(after=add), "한 스텝 늦다"),
        (recorder(epoch=add), "에포크마다 한 번 적었다"),
        (recorder(before=add, after=add), "두 번 적었다"),
        (recorder(before=add_first), "처음의 학습률을 되풀이했다"),
        (recorder(before=add_array), "파이썬 float가 아니다"),
        (recorder(before=lambda self: self.rates.append(self.model.optimizer.learning_rate)), "파이썬 float가 아니다"),
        (recorder(begin=lambda self: None, before=add), "비우지 않았다"),
        (recorder(), "적은 것이 없다"),
        (recorder(before=add_each_epoch), "에포크마다 리스트를 비웠다"),
        (OnTheClass, "`self`에 만든다"),
        (Unnamed, "rates 속성이 없다"),
        (NotACallback, "콜백이 아니다"),
    ],
    "check_rate_in_history": [
        (logger(rate), "다음 에포크의 첫 스텝"),
        (logger(lambda self: self.seen[0]), "에포크의 첫 스텝이 쓴"),
        (logger(lambda self: float(np.mean(self.seen))), "에포크의 평균이다"),
        (FromTheStart, "학습이 시작될 때"),
        (NewDictionary, "\"rate\"가 없다"),
        (logger(lambda self: self.seen[-1], name="learning_rate"), "\"rate\"가 없다"),
        (logger(lambda self: np.float32(self.seen[-1])), "파이썬 float가 아니다"),
        (logger(lambda self: self.seen[-1], keep=False), "\"loss\"가 사라졌다"),
        (NotACallback, "콜백이 아니다"),
    ],
    "check_plot_rates": [
        (drawn(lambda s, n: s), "스텝을 그대로 썼다"),
        (drawn(lambda s, n: (s + 1) / n), "1부터 셌다"),
        (drawn(lambda s, n: s // n), "`//`가 아니라 `/`"),
        (drawn(lambda s, n: np.linspace(0, len(s) / n, len(s))), "끝점까지"),
        (drawn(lambda s, n: s * n), "곱했다"),
        (drawn(lambda s, n: s / n, labels=("에포크", "")), "세로축에 이름이 없다"),
        (drawn(lambda s, n: s / n, plot="scatter"), "선 하나를 그린다"),
        (drawn(lambda s, n: s / n, result=lambda fig, ax: fig), "Axes가 아니다"),
        (drawn(lambda s, n: s / n, result=lambda fig, ax: None), "Axes가 아니다"),
        (drawn_swapped, "가로와 세로가 바뀌었다"),
        (drawn_on_the_same, "새 그림을 만든다"),
    ],
    "check_warmup": [
        (warmup(lambda s, batch, epoch, W: ramp(batch, W)), "에포크마다 예열을 다시 시작했다"),
        (warmup(lambda s, batch, epoch, W: ramp(epoch, W)), "에포크마다 한 번 올렸다"),
        (warmup(lambda s, batch, epoch, W: ramp(s, W), when="after"), "스텝의 뒤에서"),
        (warmup(lambda s, batch, epoch, W: min(1, s / (W + 1))), "분자는 0이 아니라 1이다"),
        (warmup(lambda s, batch, epoch, W: min(1, (s + 1) / max(W, 1))), "W로 나누었다"),
        (warmup(lambda s, batch, epoch, W: (s + 1) / (W + 1)), "계속 올라간다"),
        (warmup(lambda s, batch, epoch, W: ramp(s + 1, W)), "한 스텝 이르다"),
        (warmup(lambda s, batch, epoch, W: 10 * ramp(s, W)), "처음 학습률까지"),
        (warmup(lambda s, batch, epoch, W: ramp(s, W), set_rate=lambda self, value: None), "바꾸지 않았다"),
        (warmup(lambda s, batch, epoch, W: ramp(s, W), reset=False), "0으로 돌리지 않았다"),
        (warmup(lambda s, batch, epoch, W: 1), "처음부터 peak을 썼다"),
    ],
}

RIGHT = {
    "check_rate_recorder": [recorder(before=add), ByIterations],
    "check_rate_in_history": [logger(lambda self: self.seen[-1]), ByUpdate],
    "check_plot_rates": [drawn(lambda s, n: s / n), drawn_by_pyplot],
    "check_warmup": [warmup(lambda s, batch, epoch, W: ramp(s, W)), WarmupOnce],
}
