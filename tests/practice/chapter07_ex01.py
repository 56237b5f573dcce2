"""연습 7.1 트랜스포머 분류의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops


def embedding(combine=lambda x, p: x + p, table=lambda p, ids: p[: ops.shape(ids)[1]], extra=0):
    class Layer(keras.layers.Layer):
        def __init__(self, V, L, D):
            super().__init__()
            self.P = self.add_weight(shape=(L, D))
            self.E = self.add_weight(shape=(V + extra, D))

        def call(self, ids):
            return combine(ops.take(self.E, ids, axis=0), table(self.P, ids))

    return Layer


class OneHot(keras.layers.Layer):
    """Both tables as products with one-hot rows."""

    def __init__(self, V, L, D):
        super().__init__()
        self.V, self.L = V, L
        self.E = self.add_weight(shape=(V, D))
        self.P = self.add_weight(shape=(L, D))

    def call(self, ids):
        tokens = tf.one_hot(ids, self.V) @ self.E
        return tokens + (tf.eye(self.L) @ self.P)[None, : tf.shape(ids)[1]]


def block(x, mask, attention, n_1, n_2, W_1, W_2):
    a = x + attention(n_1(x), n_1(x), attention_mask=mask)
    return a + W_2(W_1(n_2(a)))


def block_by_einsum(x, mask, attention, n_1, n_2, W_1, W_2):
    W_q, b_q, W_k, b_k, W_v, b_v, W_o, b_o = attention.weights
    h = n_1(x)
    q, k, v = (tf.einsum("btd,dhe->bhte", h, W) + b[:, None] for W, b in ((W_q, b_q), (W_k, b_k), (W_v, b_v)))
    e = tf.where(mask[:, None], q @ tf.linalg.matrix_transpose(k) / q.shape[-1] ** 0.5, -1e9)
    a = x + tf.einsum("bhte,hed->btd", tf.nn.softmax(e) @ v, W_o) + b_o
    return a + W_2(W_1(n_2(a)))


def post_norm(x, mask, attention, n_1, n_2, W_1, W_2):
    a = n_1(x + attention(x, x, attention_mask=mask))
    return n_2(a + W_2(W_1(a)))


def normed_residual(x, mask, attention, n_1, n_2, W_1, W_2):
    h = n_1(x)
    a = n_2(h + attention(h, h, attention_mask=mask))
    return a + W_2(W_1(a))


def parallel(x, mask, attention, n_1, n_2, W_1, W_2):
    return x + attention(n_1(x), n_1(x), attention_mask=mask) + W_2(W_1(n_2(x)))


def in_place(x, mask, *parts):
    x += 1
    return block(x - 1, mask, *parts)


def mean(x, real, least=1.0):
    m = ops.cast(real, "float32")[:, :, None]
    return ops.sum(m * x, axis=1) / ops.maximum(ops.sum(m, axis=1), least)


def mean_by_loop(x, ids):
    rows = [vectors[row != 0] for vectors, row in zip(x, ids, strict=True)]
    return np.stack([row.mean(axis=0) if len(row) else np.zeros(x.shape[-1], "float32") for row in rows])


def classifier(
    V, L, D, h, F, size=None, last=True, mask=True, pool=True, activation=None, outputs=1, places=True, extra=0,
    hidden="relu", late=False, attend=block,
):  # fmt: skip
    ids = keras.Input((None,), dtype="int32")
    table = (lambda p, ids: p[: ops.shape(ids)[1]]) if places else (lambda p, ids: p[:1])
    x = embedding(table=table, extra=extra)(V, L, D)(ids)
    parts = [
        keras.layers.MultiHeadAttention(h, size or D // h), keras.layers.LayerNormalization(),
        keras.layers.LayerNormalization(), keras.layers.Dense(F, hidden), keras.layers.Dense(D),
    ]  # fmt: skip
    x = attend(x, ops.not_equal(ids, 0)[:, None] if mask else None, *parts)
    x = keras.layers.LayerNormalization()(x) if last and not late else x
    x = mean(x, ops.not_equal(ids, 0)) if pool else ops.mean(x, axis=1)
    x = keras.layers.LayerNormalization()(x) if late else x
    return keras.Model(ids, keras.layers.Dense(outputs, activation)(x))


class Subclassed(keras.Model):
    def __init__(self, V, L, D, h, F):
        super().__init__()
        self.embed = OneHot(V, L, D)
        self.parts = [
            keras.layers.MultiHeadAttention(h, D // h), keras.layers.LayerNormalization(),
            keras.layers.LayerNormalization(), keras.layers.Dense(F, "relu"), keras.layers.Dense(D),
        ]  # fmt: skip
        self.last, self.logit = keras.layers.LayerNormalization(), keras.layers.Dense(1)
        self(np.ones((1, 2), "int32"))

    def call(self, ids):
        x = block(self.embed(ids), tf.not_equal(ids, 0)[:, None], *self.parts)
        return self.logit(mean(self.last(x), tf.not_equal(ids, 0)))


WRONG = {
    "check_token_and_position": [
        (embedding(lambda x, p: x), "더하지 않았다"),
        (embedding(table=lambda p, ids: ops.take(p, ids, axis=0)), "토큰 번호로 골랐다"),
        (embedding(table=lambda p, ids: p[0]), "첫 위치의 벡터"),
        (embedding(table=lambda p, ids: ops.roll(p, -1, axis=0)[: ids.shape[1]]), "1부터 셌다"),
        (embedding(table=lambda p, ids: p[: ids.shape[1]][::-1]), "뒤에서부터"),
        (embedding(table=lambda p, ids: p[-ids.shape[1] :]), "표의 뒤쪽"),
        (embedding(lambda x, p: x * p), "더한다"),
        (embedding(lambda x, p: x * x.shape[-1] ** 0.5 + p), "√D"),
        (embedding(lambda x, p: ops.concatenate([x, ops.broadcast_to(p, x.shape)], -1)), "모양이 다르다"),
        (embedding(extra=1), "가중치의 모양이 다르다"),
        (lambda V, L, D: keras.layers.Embedding(V, D), "가중치의 모양이 다르다"),
    ],
    "check_padding_mask": [
        (lambda ids: (ids == 0)[:, None], "반대다"),
        (lambda ids: (ids != 0)[:, :, None], "쿼리의 축"),
        (lambda ids: ids != 0, "모양이 다르다"),
        (lambda ids: (ids > 1)[:, None], "번호 1도 가렸다"),
        (lambda ids: np.ones((len(ids), 1, ids.shape[1]), bool), "모두 참"),
        (lambda ids: (ids != 0)[:, None].astype("float32"), "bool"),
        (lambda ids: (ids != 0)[:, None, None], "모양이 다르다"),
    ],
    "check_encoder_block": [
        (lambda x, m, *p: block(x, None, *p), "마스크를 넘기지"),
        (lambda x, m, *p: block(x, ~m, *p), "뒤집었다"),
        (post_norm, "post-norm"),
        (normed_residual, "정규화한 것을 더했다"),
        (parallel, "지나기 전의 x"),
        (lambda x, m, A, n, k, U, W: block(x, m, A, k, n, U, W), "바꾸어 썼다"),
        (lambda x, m, A, n, k, U, W: block(x, m, A, n, n, U, W), "두 번 썼다"),
        (lambda x, m, A, n, k, U, W: block(x, m, A, lambda a: a, k, U, W), "어텐션 앞의 정규화"),
        (lambda x, m, A, n, k, U, W: block(x, m, A, n, lambda a: a, U, W), "피드포워드 앞의 정규화"),
        (lambda x, m, A, n, k, U, W: block(x, m, A, n, k, U, W) - x, "값이 다르다"),
        (in_place, "입력 x: 값이 바뀌었다"),
    ],
    "check_masked_mean": [
        (lambda x, ids: x.mean(axis=1), "패딩까지"),
        (lambda x, ids: (x * (ids != 0)[..., None]).mean(axis=1), "T로 나누었다"),
        (lambda x, ids: (x * (ids != 0)[..., None]).sum(axis=1), "나누지 않은 합"),
        (lambda x, ids: mean(x, ids == 0), "패딩인 자리만"),
        (lambda x, ids: mean(x, ids > 1), "번호 1도 뺐다"),
        (lambda x, ids: mean(x, ids != 0, 0.0), "NaN"),
        (lambda x, ids: mean(x, ids != 0, (ids != 0).sum(axis=1).max()), "가장 긴 글"),
        (lambda x, ids: mean(ids[..., None] * x, ids != 0), "번호를 가중치로"),
        (lambda x, ids: np.array([[3.0, 6.0]]), "모양이 다르다"),
    ],
    "check_build_classifier": [
        (lambda V, L, D, h, F: classifier(V, L, D, h, F, size=D), "헤드 하나의 크기를 D로"),
        (lambda *a: classifier(*a, last=False), "셋이 아니다"),
        (lambda *a: classifier(*a, mask=False), "패딩했더니"),
        (lambda *a: classifier(*a, pool=False), "패딩했더니"),
        (lambda *a: classifier(*a, places=False), "순서를 뒤집어도"),
        (lambda *a: classifier(*a, activation="sigmoid"), "시그모이드를 뺀다"),
        (lambda *a: classifier(*a, outputs=2), "출력이 둘이다"),
        (lambda *a: classifier(*a, extra=1), "V + 1"),
        (lambda V, L, D, h, F: classifier(V, F, D, h, L), "제자리에 있는지"),
        (lambda V, L, D, h, F: classifier(V, L, D, D // h, F), "두 인수를 바꾸었다"),
        (lambda V, L, D, h, F: classifier(V, L, D, 1, F), "헤드가 하나다"),
        (lambda *a: classifier(*a, hidden=None), "ReLU가 없다"),
        (lambda *a: classifier(*a, hidden="gelu"), "로짓: 값이 다르다"),
        (lambda *a: classifier(*a, late=True), "평균 낸 뒤에"),
        (lambda *a: classifier(*a, attend=post_norm), "로짓: 값이 다르다"),
        (lambda *a: classifier(*a, attend=parallel), "로짓: 값이 다르다"),
        (lambda *a: None, "모델이 아니다"),
    ],
}

RIGHT = {
    "check_token_and_position": [embedding(), OneHot],
    "check_padding_mask": [lambda ids: (ids != 0)[:, None], lambda ids: tf.cast(ids, tf.bool)[:, tf.newaxis, :]],
    "check_encoder_block": [block, block_by_einsum],
    "check_masked_mean": [lambda x, ids: mean(x, ids != 0), mean_by_loop],
    "check_build_classifier": [classifier, Subclassed],
}
