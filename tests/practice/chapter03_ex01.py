"""연습 3.1의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import keras
import numpy as np
import tensorflow as tf

TENSOR = "tf.Tensor가 아니다"


def rmsprop(theta, v, g, eta, rho, epsilon):
    v = rho * v + (1 - rho) * g**2
    return theta - eta * g / tf.sqrt(v + epsilon), v


def rmsprop_old_v(theta, v, g, eta, rho, epsilon):
    return theta - eta * g / tf.sqrt(v + epsilon), rho * v + (1 - rho) * g**2


def rmsprop_by_keras(theta, v, g, eta, rho, epsilon):
    variable = keras.Variable(theta)
    optimizer = keras.optimizers.RMSprop(eta, rho=rho, epsilon=epsilon)
    optimizer.build([variable])
    optimizer._velocities[0].assign(v)
    optimizer.apply([g], [variable])
    return tf.convert_to_tensor(variable), tf.convert_to_tensor(optimizer._velocities[0])


def rmsprop_loop(theta, v, g, eta, rho, epsilon):
    pairs = []
    for p, s, d in zip(theta.numpy(), v.numpy(), g.numpy(), strict=True):
        s = rho * s + (1 - rho) * d * d
        pairs.append((p - eta * d / np.sqrt(s + epsilon), s))
    return tuple(tf.constant(column, tf.float32) for column in zip(*pairs, strict=True))


def adam(theta, m, v, g, t, eta, beta1, beta2, epsilon, correct_m=True, correct_v=True, power=0.5, inside=False):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t) if correct_m else m
    v_hat = v / (1 - beta2**t) if correct_v else v
    scale = (v_hat + epsilon) ** power if inside else v_hat**power + epsilon
    return theta - eta * m_hat / scale, m, v


def adam_as_keras_orders_it(theta, m, v, g, t, eta, beta1, beta2, epsilon):
    m = m + (g - m) * (1 - beta1)
    v = v + (tf.square(g) - v) * (1 - beta2)
    root = np.sqrt(1 - beta2**t)
    return theta - eta * root / (1 - beta1**t) * m / (tf.sqrt(v) + epsilon * root), m, v


def adam_corrected_state(theta, m, v, g, t, eta, beta1, beta2, epsilon):
    theta, m, v = adam(theta, m, v, g, t, eta, beta1, beta2, epsilon)
    return theta, m / (1 - beta1**t), v / (1 - beta2**t)


def adam_old_state(theta, m, v, g, t, eta, beta1, beta2, epsilon):
    step = eta * m / (1 - beta1**t) / (tf.sqrt(v / (1 - beta2**t)) + epsilon)
    return theta - step, *adam(theta, m, v, g, t, eta, beta1, beta2, epsilon)[1:]


def copied(model):
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    return twin


def copied_trainable(model):
    twin = keras.models.clone_model(model)
    for new, old in zip(twin.trainable_weights, model.trainable_weights, strict=True):
        new.assign(old)
    return twin


def copied_from_config(model):
    twin = model.__class__.from_config(model.get_config())
    for new, old in zip(twin.weights, model.weights, strict=True):
        new.assign(old)
    return twin


def copied_and_zeroed(model):
    twin = copied(model)
    model.set_weights([0 * w for w in model.get_weights()])
    return twin


def compare(model, optimizers, loss, x, y, epochs, batch_size, copy=copied, shuffle=False):
    losses = {}
    for name, optimizer in optimizers.items():
        twin = copy(model)
        twin.compile(optimizer, loss)
        losses[name] = twin.fit(x, y, batch_size, epochs, shuffle=shuffle, verbose=0).history["loss"]
    return losses


def compare_continuing(model, optimizers, loss, x, y, epochs, batch_size):
    twin = copied(model)
    return compare(model, optimizers, loss, x, y, epochs, batch_size, copy=lambda _: twin)


def compare_histories(model, optimizers, loss, x, y, epochs, batch_size):
    histories = {}
    for name, optimizer in optimizers.items():
        twin = copied(model)
        twin.compile(optimizer, loss)
        histories[name] = twin.fit(x, y, batch_size, epochs, shuffle=False, verbose=0)
    return histories


def compare_by_tape(model, optimizers, loss, x, y, epochs, batch_size):
    losses = {name: [] for name in optimizers}
    for name, optimizer in optimizers.items():
        twin = copied(model)
        for _ in range(epochs):
            values = []
            for start in range(0, len(x), batch_size):
                rows = slice(start, start + batch_size)
                with tf.GradientTape() as tape:
                    values.append(keras.losses.get(loss)(y[rows], twin(x[rows], training=True)))
                    values[-1] = tf.reduce_mean(values[-1])
                variables = twin.trainable_variables
                optimizer.apply(tape.gradient(values[-1], variables), variables)
            losses[name].append(np.mean(values))
    return losses


def first(losses, target):
    return next((epoch for epoch, loss in enumerate(losses, 1) if loss <= target), None)


def last(losses, target):
    return max((epoch for epoch, loss in enumerate(losses, 1) if loss <= target), default=None)


WRONG = {
    "check_rmsprop_step": [
        (rmsprop_old_v, "고치기 전의 v"),
        (lambda theta, v, g, eta, rho, e: rmsprop(theta, v, g, eta, 1 - rho, e), "rho와 1 - rho가 바뀌었다"),
        (lambda theta, v, g, eta, rho, e: rmsprop(theta, v, g, -eta, rho, e), "방향이 반대다"),
        (lambda theta, v, g, eta, rho, e: rmsprop(theta, v, g, eta, rho, 0.0), "epsilon을 더하지 않았다"),
        (lambda theta, v, g, eta, rho, e: rmsprop(theta, v, g, eta, rho, e)[::-1], "theta와 v의 순서가 바뀌었다"),
        (lambda theta, v, g, eta, rho, e: (rmsprop(theta, v, g, eta, rho, e)[0], v), "v를 고치지 않고"),
        (lambda theta, v, g, eta, rho, e: rmsprop(theta, v, g, eta, rho, e)[0], "튜플이 아니다"),
        (lambda theta, v, g, eta, rho, e: (tf.constant([0.9]), tf.constant([12.0])), "예시의 답"),
        (
            lambda theta, v, g, eta, rho, e: (
                theta - eta * g / (tf.sqrt(rho * v + (1 - rho) * g**2) + e),
                rho * v + (1 - rho) * g**2,
            ),
            "epsilon이 제곱근 밖에 있다",
        ),
        (lambda *inputs: [value.numpy() for value in rmsprop(*inputs)], TENSOR),
        (lambda theta, v, g, eta, rho, e: (theta - theta, rho * v + g**2), "1 - rho를 곱하지 않았다"),
        (lambda p, v, g, eta, rho, e: (p, rho * v + (1 - rho) * tf.reduce_sum(g**2)), "성분마다 따로"),
        (lambda p, v, g, eta, rho, e: (p - eta * g, rho * v + (1 - rho) * g**2), "나누지 않았다"),
    ],
    "check_adam_step": [
        (lambda *a: adam(*a, correct_m=False, correct_v=False), "편향 보정을 하지 않았다"),
        (lambda *a: adam(*a, correct_v=False), "m만 보정하고"),
        (lambda *a: adam(*a, correct_m=False), "v만 보정하고"),
        (lambda *a: adam(*a, inside=True), "epsilon이 제곱근 안에 있다"),
        (lambda *a: adam(*a, power=1.0), "제곱근을 구하지 않았다"),
        (lambda theta, m, v, g, t, *rest: adam(theta, m, v, g, t + 1, *rest), "t에 1을 더했다"),
        (lambda p, m, v, g, t, eta, b1, b2, e: adam(p, m, v, g, t, eta, b2, b1, e), "beta1과 beta2가 바뀌었다"),
        (lambda p, m, v, g, t, eta, *rest: adam(p, m, v, g, t, -eta, *rest), "방향이 반대다"),
        (adam_corrected_state, "보정한 m을 돌려주었다"),
        (adam_old_state, "고치기 전의 m과 v"),
        (lambda *a: adam(*a)[:2], "개수가 다르다"),
        (lambda *a: [value.numpy() for value in adam(*a)], TENSOR),
        (lambda *a: tuple(tf.constant([c]) for c in (0.92, 2.0, 4.0)), "예시의 답"),
    ],
    "check_copy_model": [
        (lambda model: model, "같은 객체다"),
        (keras.models.clone_model, "구조만 복사했다"),
        (copied_trainable, "학습하지 않는 가중치"),
        (lambda model: keras.Model(model.inputs[0], model.outputs[0]), "변수를 함께 쓴다"),
        (lambda model: model.get_weights(), "모델이 아니다"),
        (copied_and_zeroed, "입력 model: 가중치가 바뀌었다"),
        (lambda model: keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), "모양이 다르다"),
        (lambda model: None, "모델이 아니다"),
    ],
    "check_compare_optimizers": [
        (lambda *a: compare(*a, copy=lambda model: model), "입력 model: 가중치가 바뀌었다"),
        (compare_continuing, "이어 시작했다"),
        (lambda *a: compare(*a, shuffle=True), "섞지 않는지"),
        (lambda *a: compare(*a, copy=keras.models.clone_model), "모든 가중치를 복사했는지"),
        (compare_histories, "History 객체다"),
        (lambda *a: compare(*a[:-1], batch_size=32), "batch_size를"),
        (lambda *a: compare(*a[:-2], epochs=a[-1], batch_size=a[-2]), "epochs와 batch_size가 바뀌었다"),
        (lambda *a: compare(*a[:-2], epochs=1, batch_size=a[-1]), "epochs를 `fit`에"),
        (lambda *a: {name: values[-1] for name, values in compare(*a).items()}, "마지막 에포크의 손실만"),
        (lambda *a: list(compare(*a).values()), "사전이 아니다"),
        (lambda *a: {name: [] for name in a[1]}, "모양이 다르다"),
    ],
    "check_epochs_to_reach": [
        (lambda losses, target: first(losses, target) and first(losses, target) - 1, "0부터 셌다"),
        (last, "처음으로 닿은 것"),
        (lambda losses, target: next((e for e, v in enumerate(losses, 1) if v >= target), None), "부등호가 반대"),
        (lambda losses, target: int(np.argmax(np.array(losses) <= target)) + 1, "None"),
        (lambda losses, target: first(losses, np.nextafter(target, 0)), "`<`가 아니라 `<=`"),
        (lambda losses, target: int(np.argmin(losses)) + 1, "손실이 가장 작은 에포크"),
        (lambda losses, target: next((v for v in losses if v <= target), None), "에포크의 번호가 아니라 손실"),
        (lambda losses, target: None, "None이다"),
        (lambda losses, target: 3, "값이 다르다"),
    ],
}

RIGHT = {
    "check_rmsprop_step": [rmsprop, rmsprop_by_keras, rmsprop_loop, tf.function(rmsprop)],
    "check_adam_step": [adam, adam_as_keras_orders_it],
    "check_copy_model": [copied_from_config, copied],
    "check_compare_optimizers": [compare_by_tape, compare],
    "check_epochs_to_reach": [
        first,
        lambda losses, target: next(iter(np.flatnonzero(np.array(losses) <= target) + 1), None),
    ],
}
