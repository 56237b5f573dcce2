"""연습 6.2 한국어 리뷰의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

from collections import Counter
from itertools import chain

import keras
import numpy as np


def vocabulary(sentences, size, start=2, key=None, cut=0):
    counts = Counter(chain.from_iterable(sentences))
    ranked = sorted(counts, key=key or (lambda token: (-counts[token], token)))
    return {token: n for n, token in enumerate(ranked[:size - cut], start)}


def by_first_seen(sentences, size):
    counts = Counter(chain.from_iterable(sentences))
    return {token: n for n, (token, _) in enumerate(counts.most_common(size), 2)}


def reversed_ties(sentences, size):
    counts = Counter(chain.from_iterable(sentences))
    ranked = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
    return {token: n for n, token in enumerate(ranked[:size], 2)}


def rarest_first(sentences, size):
    counts = Counter(chain.from_iterable(sentences))
    return vocabulary(sentences, size, key=lambda token: (counts[token], token))


def two_sorts(sentences, size):
    counts = {}
    for sentence in sentences:
        for token in sentence:
            counts[token] = counts.get(token, 0) + 1
    ranked = sorted(sorted(counts), key=counts.get, reverse=True)
    return dict(zip(ranked[:size], range(2, size + 2)))


def encode(sentences, vocabulary, length, front=True, right=True, unknown=1, drop=False, dtype="int32"):
    rows = [[vocabulary.get(t, unknown) for t in s if not drop or t in vocabulary] for s in sentences]
    rows = [row[:length] if front else row[-length:] for row in rows]
    zeros = [[0] * (length - len(row)) for row in rows]
    return np.array([row + z if right else z + row for row, z in zip(rows, zeros, strict=True)], dtype)


def encode_and_learn(sentences, vocabulary, length):
    ids = encode(sentences, vocabulary, length)
    for token in chain.from_iterable(sentences):
        vocabulary.setdefault(token, len(vocabulary) + 2)
    return ids


def encode_in_place(sentences, vocabulary, length):
    for sentence in sentences:
        del sentence[length:]
    return encode(sentences, vocabulary, length)


def rate(sentences, vocabulary):
    tokens = list(chain.from_iterable(sentences))
    return sum(token not in vocabulary for token in tokens) / len(tokens)


def rate_of_kinds(sentences, vocabulary):
    kinds = set(chain.from_iterable(sentences))
    return len(kinds - set(vocabulary)) / len(kinds)


def model(v, e, u, mask=True, both=True, rnn=keras.layers.GRU, activation=None, outputs=1, merge="concat"):
    layer = rnn(u)
    return keras.Sequential([
        keras.Input((None,), dtype="int32"),
        keras.layers.Embedding(v, e, mask_zero=mask),
        keras.layers.Bidirectional(layer, merge_mode=merge) if both else layer,
        keras.layers.Dense(outputs, activation=activation),
    ])


def two_rnns(v, e, u):
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(v, e, mask_zero=True)(ids)
    ends = [keras.layers.GRU(u)(x), keras.layers.GRU(u, go_backwards=True)(x)]
    return keras.Model(ids, keras.layers.Dense(1)(keras.layers.Concatenate()(ends)))


def by_tag(logits, labels, tags, threshold=0.0):
    right = (logits[:, 0] > threshold) == (labels == 1)
    return {tag: float(right[tags == tag].mean()) for tag in set(tags)}


def by_loop(logits, labels, tags):
    found = {}
    for logit, label, tag in zip(logits.ravel(), labels, tags, strict=True):
        found.setdefault(tag, []).append(int(logit > 0) == int(label))
    return {tag: sum(values) / len(values) for tag, values in found.items()}


WRONG = {
    "check_build_vocabulary": [
        (lambda s, n: vocabulary(s, n, start=0), "0부터 붙였다"),
        (lambda s, n: vocabulary(s, n, start=1), "1부터 붙였다"),
        (by_first_seen, "나온 차례대로"),
        (reversed_ties, "거꾸로 있다"),
        (rarest_first, "드문 것부터"),
        (lambda s, n: vocabulary(s, n, key=str), "문자열의 순서로만"),
        (lambda s, n: vocabulary(s, 10**6), "모든 토큰을 넣었다"),
        (lambda s, n: vocabulary(s, n, cut=2), "2를 뺐다"),
        (lambda s, n: vocabulary([set(t) for t in s], n), "문장의 수로"),
        (lambda s, n: {k: t for t, k in vocabulary(s, n).items()}, "방향이 반대다"),
        (lambda s, n: dict(Counter(chain.from_iterable(s)).most_common(n)), "값이 다르다"),
        (lambda s, n: {"나": 2, "가": 3}, "예시의 답"),
    ],
    "check_encode": [
        (lambda *a: encode(*a, front=False), "뒤쪽을 남겼다"),
        (lambda *a: encode(*a, right=False), "왼쪽에 패딩했다"),
        (lambda *a: encode(*a, unknown=0), "없는 토큰은 1이다"),
        (lambda *a: encode(*a, drop=True), "건너뛰었다"),
        (lambda *a: encode(*a, front=False, right=False), "뒤쪽을 남기고 왼쪽"),
        (lambda *a: encode(*a, dtype="int64"), "int32"),
        (lambda s, v, n: np.array([[2, 1, 0], [3, 2, 2]], "int32"), "예시의 답"),
        (lambda s, v, n: np.zeros((len(s), n), "int32"), "모든 원소가 0"),
        (encode_and_learn, "vocabulary: 값이 바뀌었다"),
        (encode_in_place, "sentences: 값이 바뀌었다"),
        (lambda s, v, n: encode([[t] for t in s[0]], {t: v[t] for t in v}, n), "모양이 다르다"),
    ],
    "check_oov_rate": [
        (lambda s, v: 1 - rate(s, v), "있는 토큰의 비율"),
        (rate_of_kinds, "종류로 셌다"),
        (lambda s, v: np.mean([rate([t], v) for t in s if t]), "문장마다의 비율"),
        (lambda s, v: 100 * rate(s, v), "백분율"),
        (lambda s, v: sum(map(len, s)) * rate(s, v), "비율이 아니라 수"),
        (lambda s, v: sum(map(len, s)) * rate(s, v) / len(v), "사전의 크기로"),
        (lambda s, v: np.mean([rate([t], v) for t in s]), "ZeroDivisionError"),
        (lambda s, v: 0.5, "예시의 답"),
        (lambda s, v: None, "None이다"),
    ],
    "check_build_bidirectional": [
        (lambda *a: model(*a, mask=False), "마스크를 만들지 않는다"),
        (lambda *a: model(*a, both=False), "한 방향뿐이다"),
        (lambda *a: model(*a, merge="sum"), "더하거나 평균"),
        (lambda *a: model(*a, rnn=keras.layers.LSTM), "LSTM이다"),
        (lambda *a: model(*a, activation="sigmoid"), "시그모이드를 뺀다"),
        (lambda *a: model(*a, outputs=2), "출력이 둘이다"),
        (lambda v, e, u: model(v + 2, e, u), "2를 더했다"),
        (lambda v, e, u: model(v, u, e), "제자리에 있는지"),
        (lambda *a: None, "모델이 아니다"),
    ],
    "check_accuracy_by_tag": [
        (lambda *a: by_tag(*a, threshold=0.5), "문턱값이 0.5"),
        (lambda z, y, t: {k: 1 - v for k, v in by_tag(z, y, t).items()}, "틀린 비율"),
        (lambda z, y, t: {k: v * np.mean(t == k) for k, v in by_tag(z, y, t).items()}, "모든 문장 수로"),
        (lambda z, y, t: {k: float(((z > 0) == (y == 1))[t == k].mean()) for k in set(t)}, "(N, N)이 되었다"),
        (lambda z, y, t: {k: float((z[t == k] > 0).mean()) for k in set(t)}, "정답을 보지 않고"),
        (lambda z, y, t: dict.fromkeys(t, float(((z[:, 0] > 0) == y).mean())), "전체의 정확도"),
        (lambda z, y, t: list(by_tag(z, y, t).values()), "사전이 아니다"),
        (lambda z, y, t: {"가": 1.0, "나": 0.5}, "예시의 답"),
    ],
}

RIGHT = {
    "check_build_vocabulary": [vocabulary, two_sorts],
    "check_encode": [
        encode,
        lambda s, v, n: keras.utils.pad_sequences([[v.get(t, 1) for t in x] for x in s], n, padding="post", truncating="post"),
    ],
    "check_oov_rate": [rate, lambda s, v: float(np.mean([t not in v for x in s for t in x]))],
    "check_build_bidirectional": [model, two_rnns],
    "check_accuracy_by_tag": [by_tag, by_loop],
}
