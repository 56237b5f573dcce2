"""보이는 장치마다 작은 합성곱 신경망을 학습시켜 NumPy float64로 한 같은 학습과 견준다.

Metal은 모델에 따라 오류 없이 틀린 수를 낸다. 그래서 장치가 있는지가 아니라 수가 맞는지를 본다.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tf_study.environment import probe

STEPS = 20
LEARNING_RATE = 0.01
TOLERANCE = 1e-3  # float32로 맞게 계산하면 차이가 1e-5를 넘지 않는다

Weights = list[np.ndarray]


class Training(NamedTuple):
    """What a training run left: the loss of each step (STEPS,) and the final weights."""

    losses: np.ndarray
    weights: Weights


def problem() -> tuple[np.ndarray, np.ndarray, Weights]:
    """Return images x (64, 8, 8, 1), labels y (64,) in 0..3 and initial weights.

    The weights are a kernel (3, 3, 1, 4), its bias (4,), a matrix (144, 4) and its bias (4,).
    """
    random = np.random.RandomState(0)
    x = random.uniform(-1, 1, (64, 8, 8, 1))
    y = random.randint(0, 4, 64)
    shapes = ((3, 3, 1, 4), (4,), (6 * 6 * 4, 4), (4,))
    return x, y, [random.uniform(-0.3, 0.3, shape) for shape in shapes]


def loss_and_gradients(weights: Weights, x: np.ndarray, y: np.ndarray) -> tuple[float, Weights]:
    """Cross entropy of softmax(W·tanh(conv(x)) + b) and its gradients, in NumPy float64."""
    kernel, bias, matrix, offset = weights
    patches = np.lib.stride_tricks.sliding_window_view(x[..., 0], (3, 3), axis=(1, 2))  # (B, 6, 6, 3, 3)
    hidden = np.tanh(np.einsum("bijkl,klf->bijf", patches, kernel[:, :, 0]) + bias)  # (B, 6, 6, 4)
    flat = hidden.reshape(len(x), -1)  # (B, 144)
    logits = flat @ matrix + offset  # (B, 4)
    logits -= logits.max(axis=1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    rows = np.arange(len(y))

    d_logits = np.exp(log_p)
    d_logits[rows, y] -= 1
    d_logits /= len(y)
    d_hidden = (d_logits @ matrix.T).reshape(hidden.shape) * (1 - hidden**2)
    d_kernel = np.einsum("bijkl,bijf->klf", patches, d_hidden)[:, :, None]
    gradients = [d_kernel, d_hidden.sum(axis=(0, 1, 2)), flat.T @ d_logits, d_logits.sum(axis=0)]
    return -log_p[rows, y].mean(), gradients


def train_in_numpy() -> Training:
    """Train with Adam (Kingma & Ba 2015, Algorithm 1, in the form that Keras computes) in float64."""
    x, y, weights = problem()
    means, squares = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    losses = []
    for t in range(1, STEPS + 1):
        loss, gradients = loss_and_gradients(weights, x, y)
        losses.append(loss)
        rate = LEARNING_RATE * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients)]
        squares = [0.999 * v + 0.001 * g**2 for v, g in zip(squares, gradients)]
        weights = [w - rate * m / (np.sqrt(v) + 1e-7) for w, m, v in zip(weights, means, squares)]
    return Training(np.array(losses), weights)


def train_in_tensorflow(device: str) -> Training:
    """Train the same model with Keras' layers and optimizer on `device`, in float32."""
    import keras
    import tensorflow as tf

    x, y, weights = problem()
    with tf.device(device):
        model = keras.Sequential([
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="tanh"),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
        ])
        model.set_weights(weights)
        optimizer = keras.optimizers.Adam(LEARNING_RATE)
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        optimizer.build(model.trainable_variables)
        images, labels = tf.constant(x, tf.float32), tf.constant(y)

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                loss = cross_entropy(labels, model(images, training=True))
            optimizer.apply(tape.gradient(loss, model.trainable_variables))
            return loss

        losses = np.array([step().numpy() for _ in range(STEPS)])
    return Training(losses, model.get_weights())


def largest_difference(run: Training, reference: Training) -> float:
    """Return the largest absolute difference of any loss or weight; not finite counts as infinite."""
    pairs = [(run.losses, reference.losses), *zip(run.weights, reference.weights)]
    worst = max(np.abs(a - b).max() for a, b in pairs)
    return float(worst) if np.isfinite(worst) else float("inf")


def _probe() -> None:
    import tensorflow as tf

    probe.answer(version=tf.__version__, path=tf.__file__)
    tf.config.experimental.enable_tensor_float_32_execution(False)  # TF32는 맞는 장치도 1e-3만큼 어긋나게 한다
    names = [device.name for device in tf.config.list_logical_devices()]
    probe.answer(devices=names)
    reference = train_in_numpy()
    for name in names:
        probe.answer(device=name, difference=largest_difference(train_in_tensorflow(name), reference))


if __name__ == "__main__":
    probe.run(_probe)
