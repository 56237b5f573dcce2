"""연습 12.2 공유 전문가가 있는 MoE 레이어의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops


def route(u, e, b, top_k, choose=lambda s, b: s + b, weigh=lambda s, b: s, score=ops.sigmoid, divide=True):
    s = score(ops.matmul(u, e))
    _, indices = ops.top_k(choose(s, b), top_k)
    g = ops.take_along_axis(weigh(s, b), indices, axis=-1)
    return (g / ops.sum(g, axis=-1, keepdims=True) if divide else g), indices


def route_by_loop(u, e, b, top_k):
    weights, indices = [], []
    for row in u @ e:
        s = 1 / (1 + np.exp(-row))
        chosen = sorted(range(len(s)), key=lambda i: -(s[i] + b[i]))[:top_k]
        weights.append([s[i] / sum(s[j] for j in chosen) for i in chosen])
        indices.append(chosen)
    return np.array(weights), np.array(indices)


def route_in_tensorflow(u, e, b, top_k):
    s = tf.sigmoid(tf.matmul(u, e))
    indices = tf.math.top_k(s + b, top_k).indices
    g = tf.gather(s, indices, batch_dims=1)
    return g / tf.reduce_sum(g, axis=1)[:, None], indices


def sorted_by_number(u, e, b, top_k):
    weights, indices = route(u, e, b, top_k)
    order = ops.argsort(indices, axis=-1)
    return ops.take_along_axis(weights, order, axis=-1), ops.take_along_axis(indices, order, axis=-1)


def over_all(u, e, b, top_k):
    g, indices = route(u, e, b, top_k, divide=False)
    return g / ops.sum(ops.sigmoid(ops.matmul(u, e)), axis=-1, keepdims=True), indices


def experts(u, gate_up, down, join=lambda a, v: ops.silu(a) * v):
    a, v = ops.split(ops.matmul(u, gate_up), 2, axis=-1)
    return ops.matmul(join(a, v), down)


def experts_by_loop(u, gate_up, down):
    outputs = []
    for both, last in zip(gate_up, down):
        a, v = np.split(np.asarray(u) @ both, 2, axis=1)
        outputs.append((a / (1 + np.exp(-a)) * v) @ last)
    return np.stack(outputs)


def experts_by_einsum(u, gate_up, down):
    a, v = tf.split(tf.einsum("td,ndf->ntf", u, gate_up), 2, axis=-1)
    return tf.einsum("ntf,nfd->ntd", tf.nn.silu(a) * v, down)


def picked(outputs, indices):
    return tf.gather(tf.transpose(outputs, [1, 0, 2]), indices, batch_dims=1)      # (T, K, D)


def combine(outputs, weights, indices):
    return tf.reduce_sum(weights[..., None] * picked(outputs, indices), axis=1)


def combine_by_loop(outputs, weights, indices):
    rows = [sum(w * outputs[i, t] for w, i in zip(weights[t], indices[t])) for t in range(len(indices))]
    return np.stack(rows)


def load(indices, N):
    counts = np.bincount(np.ravel(indices), minlength=N).astype("float32")
    return counts, counts.max() / counts.mean() - 1


def load_by_comparison(indices, N):
    counts = tf.reduce_sum(tf.cast(tf.range(N) == tf.reshape(indices, [-1, 1]), tf.float32), axis=0)
    mean = tf.size(indices, tf.int32) / N
    return counts, (tf.reduce_max(counts) - tf.cast(mean, tf.float32)) / tf.cast(mean, tf.float32)


def bias(b, counts, rate):
    return b + rate * ops.sign(ops.mean(counts) - counts)


def bias_in_place(b, counts, rate):
    b += rate * np.sign(counts.mean() - counts)
    return b


def layer(
    choose=route, mix=lambda shared, routed, x: shared + routed, update=bias, when=lambda training: training,
    early=False, numpy=False,
):  # fmt: skip
    class Layer(keras.layers.Layer):
        def __init__(self, units, num_experts=4, top_k=2, rate=0.01):
            super().__init__()
            self.units, self.num_experts, self.top_k, self.rate = units, num_experts, top_k, rate

        def build(self, input_shape):
            N, D, F = self.num_experts, input_shape[-1], self.units
            self.e = self.add_weight(shape=(D, N), name="e")
            self.b = self.add_weight(shape=(N,), initializer="zeros", trainable=False, name="b")
            self.gate_up = self.add_weight(shape=(N, D, 2 * F), name="gate_up")
            self.down = self.add_weight(shape=(N, F, D), name="down")
            self.shared_gate_up = self.add_weight(shape=(1, D, 2 * F), name="shared_gate_up")
            self.shared_down = self.add_weight(shape=(1, F, D), name="shared_down")

        def call(self, x, training=False):
            u = ops.reshape(x, (-1, x.shape[-1]))
            weights, indices = choose(u, self.e, self.b, self.top_k)
            if when(training):
                self.b.assign(update(self.b, load(indices, self.num_experts)[0], self.rate))
            if early:
                weights, indices = choose(u, self.e, self.b, self.top_k)
            outputs = experts(u, self.gate_up, self.down)
            outputs = tf.constant(np.asarray(outputs)) if numpy else outputs
            routed = ops.reshape(combine(outputs, weights, indices), x.shape)
            shared = ops.reshape(experts(u, self.shared_gate_up, self.shared_down), x.shape)
            return mix(shared, routed, x)

    return Layer


class WithoutFlattening(layer()):
    def call(self, x, training=False):
        D, N = x.shape[-1], self.num_experts
        weights, indices = route_in_tensorflow(tf.reshape(x, [-1, D]), self.e, self.b, self.top_k)
        if training:
            counts = tf.math.bincount(indices, minlength=N, maxlength=N, dtype=tf.float32)
            self.b.assign_add(self.rate * tf.sign(tf.reduce_mean(counts) - counts))
        a, v = tf.split(x @ self.shared_gate_up[0], 2, axis=-1)
        outputs = experts_by_einsum(tf.reshape(x, [-1, D]), self.gate_up, self.down)
        return (tf.nn.silu(a) * v) @ self.shared_down[0] + tf.reshape(combine(outputs, weights, indices), x.shape)


WRONG = {
    "check_route": [
        (lambda *a: route(*a, choose=lambda s, b: s), "더하지 않고 골랐다"),
        (lambda *a: route(*a, choose=lambda s, b: -s - b), "작은 전문가"),
        (lambda *a: route(*a, choose=lambda s, b: s - b), "편향을 뺐다"),
        (lambda *a: route(*a, weigh=lambda s, b: s + b), "가중치에 편향"),
        (lambda *a: route(*a, divide=False), "나누지 않았다"),
        (over_all, "모든 전문가의 합"),
        (sorted_by_number, "작은 것부터"),
        (lambda u, e, b, k: (route(u, e, b, k, score=ops.softmax, choose=lambda s, b: ops.sigmoid(u @ e) + b)),
         "소프트맥스를 썼다"),
        (lambda u, e, b, k: (route(u, e, b, k, score=lambda x: x, choose=lambda s, b: ops.sigmoid(s) + b)),
         "로짓을 썼다"),
        (lambda u, e, b, k: route(u, e, b, k, choose=lambda s, b: u @ e + b), "시그모이드 안에"),
        (lambda *a: route(*a)[0], "튜플이 아니다"),
        (lambda *a: route(*a)[::-1], "번호: 값이 다르다"),
    ],
    "check_all_experts": [
        (lambda *a: experts(*a, join=lambda g, v: g * ops.silu(v)), "앞의 절반이 W"),
        (lambda *a: experts(*a, join=lambda g, v: g * v), "Swish가 없다"),
        (lambda *a: experts(*a, join=lambda g, v: ops.silu(g) * ops.silu(v)), "양쪽에"),
        (lambda *a: experts(*a, join=lambda g, v: ops.sigmoid(g) * v), "시그모이드를 썼다"),
        (lambda *a: experts(*a, join=lambda g, v: ops.relu(g) * v), "ReLU"),
        (lambda *a: experts(*a, join=lambda g, v: ops.silu(g)), "곱하지 않았다"),
        (lambda *a: experts(*a, join=lambda g, v: ops.silu(g) + v), "더했다"),
        (lambda *a: ops.transpose(experts(*a), (1, 0, 2)), "전문가의 축을 앞에"),
        (lambda *a: ops.zeros_like(experts(*a)) + experts(*a)[:1], "첫 전문가"),
    ],
    "check_combine": [
        (lambda o, w, i: ops.sum(picked(o, i), axis=1), "곱하지 않고 더했다"),
        (lambda o, w, i: ops.mean(picked(o, i), axis=1), "평균 냈다"),
        (lambda o, w, i: np.einsum("tk,ktd->td", w, o[: w.shape[1]]), "앞의 K개"),
        (lambda o, w, i: combine(o, w, i) / w.shape[1], "K로 나누었다"),
        (lambda o, w, i: combine(o, w / w.sum(axis=1, keepdims=True), i), "가중치의 합으로"),
        (lambda o, w, i: w[:, :1] * picked(o, i)[:, 0], "첫째로 고른"),
        (lambda o, w, i: combine(o, w[:, ::-1], i), "뒤집혔다"),
        (lambda o, w, i: o.sum(axis=0), "고르지 않은"),
        (lambda o, w, i: combine(o, w, np.broadcast_to(i[:1], i.shape)), "첫 토큰이 고른"),
    ],
    "check_load_and_violation": [
        (lambda i, n: (np.bincount(i.ravel()).astype("float32"), load(i, n)[1]), "한 번도 골라지지"),
        (lambda i, n: (load(i, n)[0] / i.size, load(i, n)[1]), "비율을"),
        (lambda i, n: (load(i, n)[0] / len(i), load(i, n)[1]), "토큰의 수로"),
        (lambda i, n: (load(i[:, :1], n)[0], load(i, n)[1]), "첫째로 고른"),
        (lambda i, n: (load(i, n)[0].astype(int), load(i, n)[1]), "float32"),
        (lambda i, n: (load(i, n)[0], load(i, n)[1] + 1), "평균을 빼지"),
        (lambda i, n: (load(i, n)[0], load(i, n)[0].max() - load(i, n)[0].mean()), "나누지 않았다"),
        (lambda i, n: (load(i, n)[0], np.ptp(load(i, n)[0]) / load(i, n)[0].mean()), "평균을 빼지"),
        (lambda i, n: (load(i, n)[0], load(i, n)[0].std() / load(i, n)[0].mean()), "표준편차"),
        (lambda i, n: load(i, n)[0], "튜플이 아니다"),
    ],
    "check_updated_bias": [
        (lambda b, c, r: bias(b, c, -r), "반대다"),
        (lambda b, c, r: b + r * (c.mean() - c), "부호를 쓰지"),
        (lambda b, c, r: bias(b, c, 1.0), "rate를 곱하지"),
        (lambda b, c, r: bias(0 * b, c, r), "움직일 양만"),
        (lambda b, c, r: b + r * np.where(c > c.mean(), -1, 1), "같은 전문가도 올렸다"),
        (lambda b, c, r: b + r * np.where(c < c.mean(), 1, -1), "같은 전문가도 내렸다"),
        (lambda b, c, r: b - r, "0과 견주었다"),
        (bias_in_place, "입력 b: 값이 바뀌었다"),
    ],
    "check_shared_moe": [
        (layer(mix=lambda s, r, x: r), "공유 전문가를 더하지"),
        (layer(mix=lambda s, r, x: s), "공유 전문가만"),
        (layer(mix=lambda s, r, x: s + r + x), "잔차 연결"),
        (layer(mix=lambda s, r, x: (s + r) / 2), "평균 냈다"),
        (layer(mix=lambda s, r, x: ops.reshape(s + r, (-1, x.shape[-1]))), "모양이 다르다"),
        (layer(choose=lambda u, e, b, k: route(u, e, 0 * b, k)), "편향을 쓰지 않고"),
        (layer(when=lambda training: True), "추론에서 편향이"),
        (layer(when=lambda training: False), "편향이 그대로다"),
        (layer(update=lambda b, c, r: bias(b, c, -r)), "반대다"),
        (layer(early=True), "먼저 고치고"),
        (layer(numpy=True), "기울기가 끊긴다"),
    ],
}

RIGHT = {
    "check_route": [route, route_by_loop, route_in_tensorflow],
    "check_all_experts": [experts, experts_by_loop, experts_by_einsum],
    "check_combine": [combine, combine_by_loop],
    "check_load_and_violation": [load, load_by_comparison],
    "check_updated_bias": [bias, lambda b, c, r: np.where(c == c.mean(), b, np.where(c < c.mean(), b + r, b - r))],
    "check_shared_moe": [layer(), WithoutFlattening],
}
