"""연습 6.1 영어 리뷰의 감성 분석의 검사와 힌트."""

from __future__ import annotations

import numpy as np

from tf_study.course.check import (
    Exercise,
    WrongAnswer,
    expect_close,
    expect_dtype,
    expect_equal,
    expect_shape,
    expect_tensor,
    expect_tuple,
    given,
)

exercise = Exercise("chapter06_nlp/ex01_sentiment_analysis", title="영어 리뷰의 감성 분석")

EXAMPLE = "예시의 답을 그대로 돌려주었다. 답은 입력으로 계산한다."
WORDS = ("a", "movie", "was", "very", "good", "not", "boring")


@exercise.task(
    "1. 번호를 단어로",
    hints=(
        "사전의 방향이 반대다. 단어에서 순위로 가는 사전을 번호에서 단어로 가는 사전으로 뒤집는다.",
        "뒤집을 때 순위에 3을 더해 번호를 만든다. 번호 2에는 <?>를 넣는다.",
        "번호를 차례로 보면서 0과 1은 건너뛰고 나머지를 사전에서 찾아, 빈칸으로 이어 붙인다.",
    ),
)
def check_decode_review(decode_review, rng):
    for count, pads in ((8, 3), (5, 0)):
        ranks = rng.permutation(len(WORDS)) + 1
        word_index = {word: int(rank) for word, rank in zip(WORDS, ranks, strict=True)}
        ids = [1, *map(int, rng.integers(4, 4 + len(WORDS), count)), 2, 4, *[0] * pads]
        by_rank = {rank: word for word, rank in word_index.items()}
        before = dict(word_index)

        def text(offset=3, unknown="<?>", start="", pad="", ids=ids, by_rank=by_rank):
            special = {0: pad, 1: start, 2: unknown}
            return " ".join(filter(None, (special[i] if i in special else by_rank.get(i - offset, "") for i in ids)))

        with given(ids=np.array(ids)):
            expect_equal(decode_review(ids, word_index), text(), causes={
                EXAMPLE: "film <?> the",
                "번호를 그대로 순위로 썼다. 번호는 순위에 3을 더한 것이다.": text(offset=0),
                "3이 아니라 2를 뺐다.": text(offset=2),
                "사전에 없는 단어(번호 2)를 건너뛰었다. <?>를 적는다.": text(unknown=""),
                "시작(번호 1)을 <?>로 적었다. 적지 않는다.": text(start="<?>"),
                "패딩(번호 0)을 <?>로 적었다. 적지 않는다.": text(pad="<?>"),
                "시작과 패딩을 <?>로 적었다. 적지 않는다.": text(start="<?>", pad="<?>"),
                "단어의 리스트다. 빈칸으로 이어 붙인 문자열을 돌려준다.": text().split(),
                "단어 사이에 빈칸이 없다.": text().replace(" ", ""),
            })
        if word_index != before:
            raise WrongAnswer("입력 word_index: 값이 바뀌었다", cause="새 사전을 만든다.")
    return "무작위 사전 둘에서 시작, 패딩, 모르는 단어까지 맞다"


@exercise.task(
    "2. 길이 맞추기",
    hints=(
        "0으로 채운 (N, length) 배열을 먼저 만들고 한 줄씩 옮겨 적는다.",
        "뒤쪽을 남기는 자르기는 음수 인덱스로 쓴다. 리뷰가 더 짧으면 통째로 남는다.",
        "남긴 번호를 줄의 왼쪽부터 적는다. 배열의 자료형은 만들 때 int32로 정한다.",
    ),
)
def check_pad_reviews(pad_reviews, rng):
    for length, sizes in ((5, (3, 8, 5)), (4, (9, 1, 2, 6))):
        reviews = [[1, *map(int, rng.integers(4, 90, size - 1))] for size in sizes]
        kept = [list(ids) for ids in reviews]

        def table(cut, pad, reviews=reviews, length=length):
            rows = [ids[-length:] if cut == "front" else ids[:length] for ids in reviews]
            zeros = [[0] * (length - len(row)) for row in rows]
            return np.array([row + z if pad == "right" else z + row for row, z in zip(rows, zeros, strict=True)])

        with given(length=length):
            padded = pad_reviews(reviews, length)
            if reviews != kept:
                raise WrongAnswer("입력 reviews: 값이 바뀌었다", cause="리스트를 늘이거나 자르지 말고 새 배열에 적는다.")
            expect_close(padded, table("front", "right"), causes={
                EXAMPLE: [[7, 8, 0], [2, 3, 4]],
                "앞쪽을 남겼다. 긴 리뷰는 뒤쪽을 남긴다.": table("back", "right"),
                "왼쪽에 패딩했다. 짧은 리뷰는 오른쪽에 패딩한다.": table("front", "left"),
                "앞쪽을 남기고 왼쪽에 패딩했다. 뒤쪽을 남기고 오른쪽에 패딩한다.": table("back", "left"),
            })
            expect_dtype(padded, "int32")
    return "짧은 것, 긴 것, 길이가 꼭 맞는 것에서 맞고 입력을 바꾸지 않았다"


@exercise.task(
    "3. LSTM의 한 스텝",
    hints=(
        "네 덩어리는 곱셈 한 번으로 함께 구한다. 입력의 곱과 상태의 곱을 더하고 편향을 더하면 (B, 4H)이다.",
        "그것을 `tf.split`으로 마지막 축에서 넷으로 나눈다. 차례는 i, f, 후보, o이고 후보만 tanh를 지난다.",
        "새 기억은 f와 옛 기억의 곱에 i와 후보의 곱을 더한 것이다. h는 새 기억으로 구하고, 둘을 h, C의 차례로 돌려준다.",
    ),
)
def check_lstm_step(lstm_step, rng):
    import tensorflow as tf

    for batch, size, units in ((3, 4, 2), (2, 3, 5)):
        x, h, c = rng.normal(size=(batch, size)), rng.normal(size=(batch, units)), rng.normal(size=(batch, units))
        w_x, w_h = rng.normal(size=(size, 4 * units)), rng.normal(size=(units, 4 * units))
        b = rng.normal(size=4 * units)
        inputs = dict(zip(("x", "h", "C", "W_x", "W_h", "b"), (x, h, c, w_x, w_h, b), strict=True))
        inputs = {name: tf.constant(value, "float32") for name, value in inputs.items()}
        new_h, new_c = _lstm(x @ w_x + h @ w_h + b, c)
        with given(**inputs):
            result = lstm_step(*inputs.values())
            expect_tuple(result, ("h_t", "C_t"))
            swapped = {
                "i와 f의 차례가 바뀌었다. 차례는 i, f, 후보, o이다.": (1, 0, 2, 3),
                "후보와 o의 차례가 바뀌었다. 차례는 i, f, 후보, o이다.": (0, 1, 3, 2),
                "차례가 f, i, o, 후보로 되어 있다. Keras는 i, f, 후보, o이다.": (1, 0, 3, 2),
            }
            gates = x @ w_x + h @ w_h
            wrong = {cause: _lstm(gates + b, c, order) for cause, order in swapped.items()}
            wrong |= {
                "편향을 더하지 않았다.": _lstm(gates, c),
                "상태의 곱(h @ W_h)을 더하지 않았다.": _lstm(x @ w_x + b, c),
                "입력의 곱(x @ W_x)을 더하지 않았다.": _lstm(h @ w_h + b, c),
                "후보에 tanh가 아니라 시그모이드를 썼다.": _lstm(gates + b, c, squash=_sigmoid),
                EXAMPLE: (np.array([[0.381]]), np.array([[1.0]])),
            }
            order = {"h와 C의 순서가 바뀌었다.": new_h}
            expect_close(result[1], new_c, "C_t", atol=1e-4, causes=order | {k: v[1] for k, v in wrong.items()})
            expect_close(result[0], new_h, "h_t", atol=1e-4, causes={
                "옛 기억으로 h를 구했다. 새 기억 C_t를 쓴다.": _sigmoid(np.split(gates + b, 4, axis=1)[3]) * np.tanh(c),
                "기억에 tanh를 씌우지 않았다.": _sigmoid(np.split(gates + b, 4, axis=1)[3]) * new_c,
                "출력 게이트를 곱하지 않았다.": np.tanh(new_c),
            } | {k: v[0] for k, v in wrong.items()})
            for value, name in zip(result, ("h_t", "C_t"), strict=True):
                expect_tensor(value, name)
                expect_dtype(value, "float32", name)
    return "무작위 가중치 두 벌에서 h와 C가 맞다"


def _sigmoid(a):
    return 1 / (1 + np.exp(-a))


def _lstm(a, c, order=(0, 1, 2, 3), squash=np.tanh):
    parts = np.split(a, 4, axis=1)
    i, f, candidate, o = (parts[k] for k in order)
    new_c = _sigmoid(f) * c + _sigmoid(i) * squash(candidate)
    return _sigmoid(o) * np.tanh(new_c), new_c


@exercise.task(
    "4. 마지막 진짜 출력",
    hints=(
        "연습 1.1에서 자리마다 단어를 고른 것과 같은 꼴이다. 여기서는 리뷰마다 시각 하나를 고른다.",
        "`tf.gather`에서 짝을 맞추는 축은 배치 하나이고, 고르는 축은 시각이다.",
        "길이가 k이면 마지막 시각의 번호는 k가 아니다. 번호는 0부터 센다.",
    ),
)
def check_last_outputs(last_outputs, rng):
    import tensorflow as tf

    for batch, steps, units in ((4, 4, 3), (3, 6, 2)):
        outputs = rng.normal(size=(batch, steps, units))
        lengths = rng.integers(1, steps + 1, size=batch)
        lengths[:2] = steps, 1
        rows = np.arange(batch)
        expected = outputs[rows, lengths - 1]
        shown = np.where(np.arange(steps)[:, None] < lengths[:, None, None], outputs, 0)
        inputs = {"outputs": tf.constant(outputs, "float32"), "lengths": tf.constant(lengths, "int32")}
        with given(**inputs):
            chosen = last_outputs(*inputs.values())
            expect_close(chosen, expected, causes={
                EXAMPLE: [[5, 6], [7, 8]],
                "모든 리뷰에서 마지막 시각을 골랐다. 길이가 저마다 다르다.": outputs[:, -1],
                "1을 빼지 않았다. 길이가 k이면 마지막은 k - 1번이다.": np.where(
                    lengths[:, None] < steps, outputs[rows, np.minimum(lengths, steps - 1)], 0
                ),
                "길이에서 2를 뺐다.": outputs[rows, lengths - 2],
                "배치마다가 아니라 모든 배치에서 골랐다. 짝을 맞추는 축(`batch_dims`)이 있어야 한다.": outputs[:, lengths - 1],
                "진짜 시각의 평균이다. 마지막 하나를 고른다.": shown.sum(axis=1) / lengths[:, None],
                "모든 시각의 평균이다.": outputs.mean(axis=1),
            })
            expect_tensor(chosen)
            expect_dtype(chosen, "float32")
    return "길이가 1인 것과 꽉 찬 것까지, 무작위 배치 둘에서 맞다"


@exercise.task(
    "5. 분류기",
    hints=(
        "`keras.Sequential`에 셋을 차례로 쌓는다. 길이가 정해지지 않은 입력은 (None,)이다.",
        "패딩한 0을 무시하게 하는 것은 LSTM이 아니라 Embedding의 인수다. 6.3의 흔한 실수를 다시 본다.",
        "LSTM은 마지막 상태만 내면 되고, 마지막 Dense는 유닛이 하나에 활성화가 없다.",
    ),
)
def check_build_classifier(build_classifier, rng):
    for vocabulary, size, units in ((30, 6, 4), (12, 3, 7)):
        model = build_classifier(vocabulary, size, units)
        with given(vocabulary_size=vocabulary, embedding_size=size, units=units):
            _expect_classifier(model, vocabulary, size, units, rng)
    return "모양과 파라미터의 수가 맞고, 오른쪽에 패딩해도 출력이 같으며, 출력이 로짓이다"


def _expect_classifier(model, vocabulary, size, units, rng):
    expected = vocabulary * size + 4 * units * (size + units + 1) + units + 1
    expect_text_classifier(model, vocabulary, rng, expected, {
        vocabulary * size + size * units + units * units + units + units + 1: "LSTM이 아니라 SimpleRNN이다.",
        vocabulary * size + 3 * units * (size + units + 2) + units + 1: "LSTM이 아니라 GRU이다.",
        expected + size: "Embedding의 크기가 V + 1이다. 번호는 0부터 V - 1까지다.",
        expected + units + 1: "출력이 둘이다. 로짓 하나면 된다.",
    })


def expect_text_classifier(model, vocabulary, rng, parameters, causes):
    """Expect a built Keras model (B, T) -> (B, 1) of logits with that many parameters, that ignores zeros at the end.

    `causes` maps a wrong number of parameters to its cause.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise WrongAnswer("반환값: 모델이 아니다", "keras.Model", type(model).__name__)
    if not model.built:
        raise WrongAnswer("모델에 가중치가 없다", cause="`keras.Input`으로 입력의 모양을 알려 준다.")
    if model.count_params() != parameters:
        cause = causes.get(model.count_params(), "embedding_size와 units가 제자리에 있는지 본다.")
        raise WrongAnswer("파라미터의 수가 다르다", f"{parameters}개", f"{model.count_params()}개", cause)
    model.set_weights([rng.normal(size=w.shape) * 2 for w in model.get_weights()])
    ids = rng.integers(1, vocabulary, (6, 5))
    padded = np.concatenate([ids, np.zeros((6, 4), int)], axis=1)
    logits, longer = np.asarray(model(ids)), np.asarray(model(padded))
    expect_shape(logits, (6, 1), "출력")
    if not np.allclose(logits, longer, atol=1e-4):
        raise WrongAnswer(
            "오른쪽에 0을 패딩했더니 출력이 달라졌다",
            cause="Embedding이 마스크를 만들지 않는다. 번호 0을 패딩으로 여기게 하는 인수를 찾는다.",
        )
    if (logits >= 0).all() and (logits <= 1).all():
        cause = "마지막 레이어의 시그모이드를 뺀다. 손실이 from_logits=True로 받는다."
        raise WrongAnswer("출력이 모두 0과 1 사이다", "로짓(음수도 1보다 큰 수도 된다)", "확률", cause)
