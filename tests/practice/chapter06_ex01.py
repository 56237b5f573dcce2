"""연습 6.1 영어 리뷰의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import keras
import numpy as np
import tensorflow as tf

TENSOR = "tf.Tensor가 아니다"


def decode(ids, word_index, offset=3, skip=(0, 1), unknown="<?>", joined=" "):
    words = {rank + offset: word for word, rank in word_index.items()}
    found = (unknown if i < 3 else words.get(i, "") for i in ids if i not in skip)
    return joined.join(filter(None, found))


def decode_in_place(ids, word_index):
    text = decode(ids, word_index)
    word_index["<?>"] = -1
    return text


def pad(reviews, length, front=True, right=True, dtype="int32"):
    rows = [ids[-length:] if front else ids[:length] for ids in reviews]
    zeros = [[0] * (length - len(row)) for row in rows]
    return np.array([r + z if right else z + r for r, z in zip(rows, zeros, strict=True)], dtype)


def pad_in_place(reviews, length):
    for ids in reviews:
        ids += [0] * (length - len(ids))
    return np.array([ids[-length:] for ids in reviews], "int32")


def lstm(x, h, C, W_x, W_h, b, order=(0, 1, 2, 3), squash=tf.tanh):
    parts = tf.split(x @ W_x + h @ W_h + b, 4, axis=1)
    i, f, g, o = (parts[k] for k in order)
    C = tf.sigmoid(f) * C + tf.sigmoid(i) * squash(g)
    return tf.sigmoid(o) * tf.tanh(C), C


def lstm_by_keras(x, h, C, W_x, W_h, b):
    cell = keras.layers.LSTMCell(h.shape[1])
    cell.build(x.shape)
    cell.set_weights([W_x, W_h, b])
    new_h, (_, new_C) = cell(x, [h, C])
    return new_h, new_C


def lstm_old_memory(x, h, C, W_x, W_h, b):
    o = tf.sigmoid(tf.split(x @ W_x + h @ W_h + b, 4, axis=1)[3])
    return o * tf.tanh(C), lstm(x, h, C, W_x, W_h, b)[1]


def lstm_no_tanh(x, h, C, W_x, W_h, b):
    o = tf.sigmoid(tf.split(x @ W_x + h @ W_h + b, 4, axis=1)[3])
    C = lstm(x, h, C, W_x, W_h, b)[1]
    return o * C, C


def model(v, e, u, mask=True, rnn=keras.layers.LSTM, activation=None, outputs=1, sequences=False):
    return keras.Sequential([
        keras.Input((None,), dtype="int32"),
        keras.layers.Embedding(v, e, mask_zero=mask),
        rnn(u, return_sequences=sequences),
        keras.layers.Dense(outputs, activation=activation),
    ])


def functional(v, e, u):
    ids = keras.Input((None,), dtype="int32")
    h = keras.layers.LSTM(u)(keras.layers.Embedding(v, e, mask_zero=True)(ids))
    return keras.Model(ids, keras.layers.Dense(1)(h))


def explicit_mask(v, e, u):
    ids = keras.Input((None,), dtype="int32")
    mask = keras.layers.Lambda(lambda t: keras.ops.not_equal(t, 0))(ids)
    h = keras.layers.LSTM(u)(keras.layers.Embedding(v, e)(ids), mask=mask)
    return keras.Model(ids, keras.layers.Dense(1)(h))


def unbuilt(v, e, u):
    return keras.Sequential([keras.layers.Embedding(v, e, mask_zero=True), keras.layers.LSTM(u), keras.layers.Dense(1)])


def gather(outputs, lengths, minus=1):
    return tf.gather(outputs, lengths - minus, axis=1, batch_dims=1)


WRONG = {
    "check_decode_review": [
        (lambda ids, w: decode(ids, w, offset=0), "순위에 3을 더한 것"),
        (lambda ids, w: decode(ids, w, offset=2), "2를 뺐다"),
        (lambda ids, w: decode(ids, w, skip=(0, 1, 2)), "건너뛰었다"),
        (lambda ids, w: decode(ids, w, skip=(0,)), "시작(번호 1)"),
        (lambda ids, w: decode(ids, w, skip=()), "시작과 패딩"),
        (lambda ids, w: decode(ids, w, joined=""), "빈칸이 없다"),
        (lambda ids, w: decode(ids, w).split(), "리스트다"),
        (lambda ids, w: "film <?> the", "예시의 답"),
        (decode_in_place, "word_index: 값이 바뀌었다"),
        (lambda ids, w: None, "None이다"),
    ],
    "check_pad_reviews": [
        (lambda r, n: pad(r, n, front=False), "앞쪽을 남겼다"),
        (lambda r, n: pad(r, n, right=False), "왼쪽에 패딩했다"),
        (lambda r, n: pad(r, n, front=False, right=False), "앞쪽을 남기고 왼쪽"),
        (lambda r, n: pad(r, n, dtype="int64"), "int32"),
        (lambda r, n: pad(r, n).T, "전치"),
        (lambda r, n: pad(r, n + 1), "모양이 다르다"),
        (lambda r, n: np.array([[7, 8, 0], [2, 3, 4]], "int32"), "예시의 답"),
        (lambda r, n: np.zeros((len(r), n), "int32"), "모든 원소가 0"),
        (pad_in_place, "reviews: 값이 바뀌었다"),
        (keras.utils.pad_sequences, "왼쪽에 패딩했다"),
    ],
    "check_lstm_step": [
        (lambda *a: lstm(*a, order=(1, 0, 2, 3)), "i와 f의 차례"),
        (lambda *a: lstm(*a, order=(0, 1, 3, 2)), "후보와 o의 차례"),
        (lambda *a: lstm(*a, order=(1, 0, 3, 2)), "f, i, o, 후보"),
        (lambda *a: lstm(*a, squash=tf.sigmoid), "시그모이드를 썼다"),
        (lambda *a: lstm(*a)[::-1], "h와 C의 순서"),
        (lambda x, h, C, W_x, W_h, b: lstm(x, h, C, W_x, W_h, 0 * b), "편향을 더하지"),
        (lambda x, h, C, W_x, W_h, b: lstm(x, 0 * h, C, W_x, W_h, b), "상태의 곱"),
        (lambda x, h, C, W_x, W_h, b: lstm(0 * x, h, C, W_x, W_h, b), "입력의 곱"),
        (lstm_old_memory, "옛 기억으로"),
        (lstm_no_tanh, "tanh를 씌우지"),
        (lambda *a: lstm(*a)[0], "튜플이 아니다"),
        (lambda *a: [v.numpy() for v in lstm(*a)], TENSOR),
        (lambda *a: (tf.constant([[0.381]]), tf.constant([[1.0]])), "예시의 답"),
    ],
    "check_last_outputs": [
        (lambda o, n: o[:, -1], "모든 리뷰에서 마지막"),
        (lambda o, n: tf.constant(np.where(
            n.numpy()[:, None] < o.shape[1],
            o.numpy()[np.arange(len(o)), np.minimum(n, o.shape[1] - 1)], 0)), "1을 빼지 않았다"),
        (lambda o, n: tf.gather(o, n - 1, axis=1), "짝을 맞추는 축"),
        (lambda o, n: tf.reduce_mean(o, axis=1), "모든 시각의 평균"),
        (lambda o, n: gather(o, n)[:, None], "크기가 1인 축"),
        (lambda o, n: gather(o, n).numpy(), TENSOR),
        (lambda o, n: tf.constant([[5.0, 6], [7, 8]]), "예시의 답"),
        (lambda o, n: tf.zeros((len(o), o.shape[2])), "모든 원소가 0"),
    ],
    "check_build_classifier": [
        (lambda *a: model(*a, mask=False), "마스크를 만들지 않는다"),
        (lambda *a: model(*a, activation="sigmoid"), "시그모이드를 뺀다"),
        (lambda *a: model(*a, rnn=keras.layers.GRU), "GRU이다"),
        (lambda *a: model(*a, rnn=keras.layers.SimpleRNN), "SimpleRNN이다"),
        (lambda *a: model(*a, outputs=2), "출력이 둘이다"),
        (lambda v, e, u: model(v + 1, e, u), "V + 1이다"),
        (lambda v, e, u: model(v, u, e), "제자리에 있는지"),
        (lambda *a: model(*a, sequences=True), "모양이 다르다"),
        (unbuilt, "가중치가 없다"),
        (lambda *a: None, "모델이 아니다"),
    ],
}

RIGHT = {
    "check_decode_review": [
        decode,
        lambda ids, w: " ".join("<?>" if i == 2 else sorted(w, key=w.get)[i - 4] for i in ids if i not in (0, 1)),
    ],
    "check_pad_reviews": [
        pad,
        lambda r, n: keras.utils.pad_sequences(r, n, padding="post"),
        lambda r, n: tf.ragged.constant([ids[-n:] for ids in r]).to_tensor(shape=(None, n)),
    ],
    "check_lstm_step": [lstm, lstm_by_keras, tf.function(lstm)],
    "check_last_outputs": [
        gather,
        lambda o, n: tf.stack([row[k - 1] for row, k in zip(o, n.numpy(), strict=True)]),
        lambda o, n: tf.einsum("bth,bt->bh", o, tf.one_hot(n - 1, o.shape[1])),
    ],
    "check_build_classifier": [model, functional, explicit_mask],
}
