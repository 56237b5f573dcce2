"""연습 1.1의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import numpy as np
import tensorflow as tf

TENSOR = "tf.Tensor가 아니다"


def in_place_division(pixels, height, width):
    pixels //= 255
    return tf.reshape(tf.cast(pixels, tf.float32), (-1, height, width, 1))


def in_place_standardize(x, epsilon):
    x -= x.mean(axis=0)
    return tf.constant(x / np.sqrt(x.var(axis=0) + epsilon))


def standardize(x, epsilon, axis=0, keepdims=True, ddof=0):
    mean = x.mean(axis=axis, keepdims=keepdims)
    return tf.constant((x - mean) / np.sqrt(x.var(axis=axis, keepdims=keepdims, ddof=ddof) + np.float32(epsilon)))


def gradients(X, y, w, b, loss=lambda error: tf.reduce_mean(error**2), watch=True, column=False):
    with tf.GradientTape() as tape:
        if watch:
            tape.watch([w, b])
        prediction = X @ w[:, None] + b if column else tf.linalg.matvec(X, w) + b
        value = loss(prediction - y)
    return tape.gradient(value, [w, b])


def gradient_step(X, y, w, b):
    dw, db = gradients(X, y, w, b)
    if isinstance(w, tf.Variable):
        w.assign_sub(dw)
    return dw, db


def closed_form(X, y, w, b):
    error = tf.linalg.matvec(X, w) + b - y
    return 2 * tf.reduce_mean(X * error[:, None], axis=0), 2 * tf.reduce_mean(error)


def loop_distances(a, b):
    return tf.stack([tf.stack([tf.reduce_sum((p - q) ** 2) for q in b]) for p in a])


def expanded_distances(a, b):
    squares = tf.reduce_sum(a**2, axis=1)[:, None] + tf.reduce_sum(b**2, axis=1)
    return squares - 2 * tf.matmul(a, b, transpose_b=True)


WRONG = {
    "check_to_images": [
        (lambda p, h, w: tf.reshape(p / np.float32(255), (-1, w, h, 1)), "height와 width의 순서가 바뀌었다"),
        (lambda p, h, w: tf.transpose(tf.reshape(p / np.float32(255), (-1, w, h, 1)), (0, 2, 1, 3)), "열부터 채웠다"),
        (lambda p, h, w: tf.reshape(tf.cast(p, tf.float32), (-1, h, w, 1)), "255로 나누지 않았다"),
        (lambda p, h, w: tf.reshape(p, (-1, h, w, 1)), "255로 나누지 않았다"),
        (lambda p, h, w: tf.reshape(p / np.float32(256), (-1, h, w, 1)), "256으로 나누었다"),
        (lambda p, h, w: tf.reshape(p // 255, (-1, h, w, 1)), "정수 나눗셈"),
        (lambda p, h, w: tf.reshape(tf.cast(p, tf.float32) / p.max(), (-1, h, w, 1)), "가장 밝은 픽셀로 나누었다"),
        (lambda p, h, w: tf.reshape(p / np.float32(255), (-1, h, w)), "크기가 1인 축이 남거나 모자란다"),
        (lambda p, h, w: tf.reshape(p / 255, (-1, h, w, 1)), "float64"),
        (lambda p, h, w: (p / np.float32(255)).reshape(-1, h, w, 1), TENSOR),
        (lambda p, h, w: tf.reshape(tf.range(6.0) / 5, (1, 2, 3, 1)), "예시의 답"),
        (lambda p, h, w: tf.zeros((len(p), h, w, 1)), "모든 원소가 0이다"),
        (in_place_division, "입력 pixels: 값이 바뀌었다"),
        (lambda p, h, w: None, "None이다"),
    ],
    "check_squared_distances": [
        (lambda a, b: tf.transpose(loop_distances(a, b)), "전치"),
        (lambda a, b: tf.reduce_sum(a**2, 1)[:, None] + tf.reduce_sum(b**2, 1) - a @ tf.transpose(b), "2가 빠졌다"),
        (lambda a, b: tf.sqrt(loop_distances(a, b)), "제곱근을 구했다"),
        (lambda a, b: tf.reduce_mean((a[:, None] - b) ** 2, axis=-1), "평균을 냈다"),
        (lambda a, b: tf.reduce_sum(tf.abs(a[:, None] - b), axis=-1), "절댓값을 더했다"),
        (lambda a, b: tf.reduce_sum(a[:, None] - b, axis=-1) ** 2, "제곱하기 전에 더했다"),
        (lambda a, b: (a[:, None] - b) ** 2, "좌표 축을 더하지 않았다"),
        (lambda a, b: tf.reduce_sum((a[:, None] - b) ** 2, axis=0), "a의 축(axis=0)"),
        (lambda a, b: tf.reduce_sum((a[:, None] - b) ** 2, axis=1), "b의 축(axis=1)"),
        (lambda a, b: tf.matmul(a, b, transpose_b=True), "내적"),
        (lambda a, b: tf.reduce_sum((a - b) ** 2, axis=-1), "Incompatible shapes"),
        (lambda a, b: loop_distances(a, b).numpy(), TENSOR),
        (lambda a, b: tf.constant([[25.0, 5, 1], [8, 0, 2]]), "예시의 답"),
        (lambda a, b: tf.ones((len(a), len(b))), "모든 원소가 1이다"),
        (lambda a, b: loop_distances(a, b) / 2, "기댓값의 0.5배"),
    ],
    "check_true_word_probability": [
        (lambda p, y: tf.reduce_sum(p * tf.one_hot(y - 1, p.shape[-1]), axis=-1), "1부터 세었다"),
        (lambda p, y: tf.constant(np.take_along_axis(p.numpy(), y.numpy()[..., None] - 1, 2)[..., 0]), "1부터 세었다"),
        (lambda p, y: tf.reduce_max(p, axis=2), "가장 큰 확률"),
        (lambda p, y: tf.argmax(p, axis=2), "단어 번호"),
        (lambda p, y: tf.gather(p, y, axis=2, batch_dims=1), "자리 t도 짝을 맞추는 축이다"),
        (lambda p, y: tf.gather(p, y, axis=2), "b와 t가 짝을 맞추는 축이다"),
        (lambda p, y: tf.gather(p, y, axis=1, batch_dims=1), "단어가 아니라 자리를 골랐다"),
        (lambda p, y: tf.gather(tf.transpose(p, (0, 2, 1)), y, axis=2, batch_dims=2), "자리와 단어의 축이 바뀌었다"),
        (lambda p, y: p * tf.one_hot(y, p.shape[-1]), "더해 없애지 않았다"),
        (lambda p, y: tf.reduce_sum(p * tf.one_hot(y, p.shape[-1]), axis=1), "axis=1"),
        (lambda p, y: tf.reduce_sum(p * tf.one_hot(y, p.shape[-1]), axis=0), "axis=0"),
        (lambda p, y: tf.reduce_sum(p * tf.one_hot(y, p.shape[-1]), axis=2, keepdims=True), "크기가 1인 축"),
        (lambda p, y: tf.math.log(tf.gather(p, y, axis=2, batch_dims=2)), "로그"),
        (lambda p, y: tf.constant([[0.7, 0.8]]), "예시의 답"),
        (lambda p, y: tf.zeros(y.shape), "모든 원소가 0이다"),
        (lambda p, y: tf.transpose(tf.gather(p, y, axis=2, batch_dims=2)), "전치"),
        (lambda p, y: tf.gather(p, y, axis=2, batch_dims=2).numpy(), TENSOR),
        (lambda p, y: tf.gather(p, y + 1, axis=2, batch_dims=2), "InvalidArgumentError"),
    ],
    "check_standardize": [
        (lambda x, e: (x - tf.reduce_mean(x, 0)) / tf.sqrt(tf.reduce_sum((x - tf.reduce_mean(x, 0)) ** 2, 0) + e), "합이다"),
        (lambda x, e: standardize(x, e, axis=1), "행마다(axis=1) 표준화했다"),
        (lambda x, e: standardize(x, e, axis=1, keepdims=False), "열에 브로드캐스팅되었다"),
        (lambda x, e: standardize(x, e, axis=None), "전체의 평균"),
        (lambda x, e: standardize(x, e, ddof=1), "N-1로 나눈 분산"),
        (lambda x, e: tf.constant((x - x.mean(axis=0)) / (x.var(axis=0) + e)), "제곱근을 구하지 않았다"),
        (lambda x, e: tf.constant((x - x.mean(axis=0)) / (x.std(axis=0) + e)), "epsilon이 제곱근 밖에"),
        (lambda x, e: tf.constant((x - x.mean(axis=0)) / x.std(axis=0)), "epsilon을 더하지 않아"),
        (lambda x, e: tf.constant(x / np.sqrt(x.var(axis=0) + e)), "평균을 빼지 않았다"),
        (lambda x, e: tf.constant(x - x.mean(axis=0)), "나누지 않았다"),
        (lambda x, e: -standardize(x, e), "부호가 반대다"),
        (lambda x, e: standardize(x.astype("float64"), float(e)), "float64"),
        (lambda x, e: standardize(x, e).numpy(), TENSOR),
        (lambda x, e: tf.constant([[-0.5, 0.0], [0.5, 0.0]]), "예시의 답"),
        (lambda x, e: tf.zeros(x.shape), "모든 원소가 0이다"),
        (in_place_standardize, "입력 x: 값이 바뀌었다"),
    ],
    "check_bilinear_scores": [
        (lambda q, W, k: tf.einsum("bti,ij,bsj->bst", q, W, k), "전치"),
        (lambda q, W, k: q @ W @ tf.reshape(k, (len(k), -1, k.shape[1])), "모양만 바꾸었다"),
        (lambda q, W, k: tf.einsum("bti,ij,bsj->ts", q, W, k), "배치 b까지 더해"),
        (lambda q, W, k: tf.einsum("bti,ij,bsj->bs", q, W, k), "t까지 더해"),
        (lambda q, W, k: tf.einsum("bti,ij,bsj->bt", q, W, k), "s까지 더해"),
        (lambda q, W, k: tf.einsum("bti,ij,csj->bts", q, W, k), "배치가 서로 섞였다"),
        (lambda q, W, k: tf.einsum("bti,ij,bsj->bts", q, W, k) / (W.shape[0] * W.shape[1]), "평균이 아니라 합"),
        (lambda q, W, k: tf.einsum("bti,ji,bsj->bts", q, W, k), "W가 전치되었다"),
        (lambda q, W, k: tf.einsum("bti,bsi->bts", q, k), "W를 곱하지 않았다"),
        (lambda q, W, k: tf.einsum("bti,ii,bsi->bts", q, W, k), "대각 성분만 썼다"),
        (lambda q, W, k: q @ W @ k, "InvalidArgumentError"),
        (lambda q, W, k: tf.constant([[[8.0, 2.0]]]), "예시의 답"),
        (lambda q, W, k: tf.zeros((q.shape[0], q.shape[1], k.shape[1])), "모든 원소가 0이다"),
        (lambda q, W, k: tf.einsum("bti,ij,bsj->bts", q, W, k).numpy(), TENSOR),
    ],
    "check_mse_gradients": [
        (lambda X, y, w, b: gradients(X, y, w, b, watch=False), "지켜보지 않았거나 손실을"),
        (lambda X, y, w, b: gradients(X, y, w, b, lambda e: tf.reduce_sum(e**2)), "1/N이 빠졌다"),
        (lambda X, y, w, b: gradients(X, y, w, b, lambda e: tf.reduce_mean(e**2) / 2), "2가 빠졌다"),
        (lambda X, y, w, b: gradients(X, y, w, b, lambda e: tf.reduce_sum(e**2) / 2), "1/N과 2가 모두 빠졌다"),
        (lambda X, y, w, b: gradients(X, y, w, b, lambda e: -tf.reduce_mean(e**2)), "부호가 반대다"),
        (lambda X, y, w, b: gradients(X, y, w, b, column=True), "(N, N)이 되었다"),
        (lambda X, y, w, b: gradients(X, y, w, b)[::-1], "dw와 db의 순서가 바뀌었다"),
        (lambda X, y, w, b: gradients(X, y, w, b)[0], "튜플이 아니다"),
        (lambda X, y, w, b: [*gradients(X, y, w, b), 0.0], "개수가 다르다"),
        (lambda X, y, w, b: [g.numpy() for g in gradients(X, y, w, b)], TENSOR),
        (lambda X, y, w, b: (tf.constant([1.0, 4.0]), tf.constant(3.0)), "예시의 답"),
        (lambda X, y, w, b: (tf.zeros(w.shape), tf.zeros(())), "모든 원소가 0이다"),
        (gradient_step, "입력 w: 값이 바뀌었다"),
    ],
}

RIGHT = {
    "check_to_images": [
        lambda p, h, w: tf.constant((p / 255).reshape(-1, h, w, 1), tf.float32),
        lambda p, h, w: tf.stack([[[[v / 255] for v in r] for r in np.float32(i).reshape(h, w)] for i in p]),
        lambda p, h, w: tf.reshape(tf.image.convert_image_dtype(p, tf.float32), (-1, h, w))[..., tf.newaxis],
    ],
    "check_squared_distances": [
        loop_distances,
        expanded_distances,
        lambda a, b: tf.einsum("nmd,nmd->nm", a[:, None] - b, a[:, None] - b),
        lambda a, b: tf.constant(((a.numpy()[:, None] - b.numpy()) ** 2).sum(-1)),
    ],
    "check_true_word_probability": [
        lambda p, y: tf.reduce_sum(p * tf.one_hot(y, p.shape[-1]), axis=-1),
        lambda p, y: tf.einsum("btk,btk->bt", p, tf.one_hot(y, p.shape[-1])),
        lambda p, y: tf.stack([[row[k] for row, k in zip(rows, ks)] for rows, ks in zip(p, y)]),
        lambda p, y: tf.constant(np.take_along_axis(p.numpy(), y.numpy()[..., None], axis=2)[..., 0]),
        lambda p, y: tf.reshape(
            tf.gather(tf.reshape(p, (-1, p.shape[-1])), tf.reshape(y, [-1]), axis=1, batch_dims=1), y.shape
        ),
    ],
    "check_standardize": [
        standardize,
        lambda x, e: tf.stack([(c - tf.reduce_mean(c)) / (tf.math.reduce_variance(c) + e) ** 0.5 for c in x.T], axis=1),
        tf.function(lambda x, e: (x - tf.reduce_mean(x, 0)) * tf.math.rsqrt(tf.math.reduce_variance(x, 0) + e)),
    ],
    "check_bilinear_scores": [
        lambda q, W, k: q @ W @ tf.transpose(k, (0, 2, 1)),
        lambda q, W, k: tf.matmul(tf.tensordot(q, W, 1), k, transpose_b=True),
        lambda q, W, k: tf.stack([a @ W @ tf.transpose(c) for a, c in zip(q, k)]),
        lambda q, W, k: tf.constant(np.einsum("bti,ij,bsj->bts", q, W, k)),
    ],
    "check_mse_gradients": [
        closed_form,
        gradients,
        tf.function(lambda X, y, w, b: gradients(X, y, w, b)),
    ],
}
