"""연습 6.2 한국어 리뷰의 형태소와 분류의 검사와 힌트."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tf_study.course.check import (
    Exercise,
    WrongAnswer,
    expect_close,
    expect_dtype,
    expect_equal,
    given,
)
from tf_study.practice.chapter06_ex01 import expect_text_classifier

exercise = Exercise("chapter06_nlp/ex02_korean_text_classification", title="한국어 리뷰의 형태소와 분류")

EXAMPLE = "예시의 답을 그대로 돌려주었다. 답은 입력으로 계산한다."
TOKENS = ("영화", "가", "재미", "있", "없", "다", "는데", "배우", "지루", "하", "최고", "이")


@exercise.task(
    "1. 사전 만들기",
    hints=(
        "먼저 토큰마다 몇 번 나오는지 센다. `collections.Counter`가 세어 준다.",
        "`sorted`의 `key`에 튜플을 주면 앞의 것으로 먼저 견주고, 같으면 뒤의 것으로 견준다. 횟수는 큰 것이 앞이다.",
        "차례대로 늘어놓은 토큰의 앞쪽 size개에 `enumerate`로 번호를 붙인다. 시작하는 수는 2이다.",
    ),
)
def check_build_vocabulary(build_vocabulary, rng):
    for size, extra in ((5, 0), (20, 1)):
        sentences = _tied_sentences(rng, extra)
        counts = Counter(token for sentence in sentences for token in sentence)
        ranked = sorted(counts, key=lambda token: (-counts[token], token))

        def numbered(tokens, start=2):
            return {token: number for number, token in enumerate(tokens, start)}

        shares = Counter(token for sentence in sentences for token in set(sentence))
        descending = sorted(sorted(counts, reverse=True), key=lambda token: -counts[token])
        expected = numbered(ranked[:size])
        with given(size=size):
            vocabulary = build_vocabulary(sentences, size)
            expect_equal(vocabulary, expected, causes={
                EXAMPLE: {"나": 2, "가": 3},
                "번호를 0부터 붙였다. 0과 1은 따로 쓴다.": numbered(ranked[:size], 0),
                "번호를 1부터 붙였다. 1은 사전에 없는 토큰의 번호다.": numbered(ranked[:size], 1),
                "같은 횟수의 토큰이 나온 차례대로 있다. 문자열의 순서로 놓는다.": numbered(
                    [token for token, _ in counts.most_common(size)]
                ),
                "같은 횟수의 토큰이 거꾸로 있다. 문자열의 순서가 앞선 것이 먼저다.": numbered(descending[:size]),
                "횟수를 보지 않고 문자열의 순서로만 놓았다.": numbered(sorted(counts)[:size]),
                "드문 것부터 놓았다. 가장 잦은 것이 2번이다.": numbered(
                    sorted(counts, key=lambda token: (counts[token], token))[:size]
                ),
                "size를 쓰지 않고 모든 토큰을 넣었다.": numbered(ranked),
                "size에서 2를 뺐다. 토큰만 size개다.": numbered(ranked[:size - 2]),
                "나온 횟수가 아니라 그 토큰이 든 문장의 수로 놓았다.": numbered(
                    sorted(shares, key=lambda token: (-shares[token], token))[:size]
                ),
                "번호에서 토큰으로 가는 사전이다. 방향이 반대다.": {n: token for token, n in expected.items()},
                "번호가 아니라 횟수다.": {token: counts[token] for token in ranked[:size]},
            })
    return "횟수가 같은 토큰이 있는 문장들에서, 사전이 모자랄 때와 남을 때 맞다"


def _tied_sentences(rng, extra):
    """Sentences with ties: tied tokens come first in neither order of the strings, and one repeats in a sentence."""
    shuffled = list(map(str, rng.permutation(TOKENS)))
    groups = [sorted(shuffled[start:stop]) for start, stop in ((0, 1), (1, 4), (4, 7), (7, 10), (10, 12))]
    order = [token for group in groups for token in (*group[1:], group[0])]  # 셋이면 나, 다, 가의 차례
    times = [0, 3, 3, 3, 2, 2, 2, 1, 1, 1, 0, 0]
    rest = [token for token, count in zip(order, times, strict=True) for _ in range(count + extra)]
    rest = list(map(str, rng.permutation(rest)))
    return [order[:1] * 5, order, *(rest[i:i + 4] for i in range(0, len(rest), 4)), []]


@exercise.task(
    "2. 번호로 바꾸기",
    hints=(
        "0으로 채운 (N, length) 배열을 먼저 만들고 한 문장씩 옮겨 적는다.",
        "사전의 `get`은 없는 열쇠에 줄 값을 둘째 인수로 받는다.",
        "문장의 앞쪽 length개만 번호로 바꾸어 줄의 왼쪽부터 적는다.",
    ),
)
def check_encode(encode, rng):
    for length, sizes in ((4, (3, 7, 4, 0)), (6, (8, 2, 9))):
        words = list(map(str, rng.permutation(TOKENS)))
        vocabulary = {token: number for number, token in enumerate(words[:8], start=2)}
        sentences = [list(map(str, rng.choice(words, size))) for size in sizes]
        sentences[1][0], sentences[1][-1] = words[9], words[0]
        kept, before = [list(s) for s in sentences], dict(vocabulary)

        def table(front=True, right=True, unknown=1, sentences=kept, vocabulary=before, length=length, drop=False):
            rows = [[vocabulary.get(t, unknown) for t in s if not drop or t in vocabulary] for s in sentences]
            rows = [row[:length] if front else row[-length:] for row in rows]
            zeros = [[0] * (length - len(row)) for row in rows]
            return np.array([row + z if right else z + row for row, z in zip(rows, zeros, strict=True)])

        with given(length=length):
            ids = encode(sentences, vocabulary, length)
            if vocabulary != before:
                raise WrongAnswer("입력 vocabulary: 값이 바뀌었다", cause="새 토큰을 사전에 넣지 않는다. 없으면 1이다.")
            if sentences != kept:
                raise WrongAnswer("입력 sentences: 값이 바뀌었다", cause="리스트를 늘이거나 자르지 말고 새 배열에 적는다.")
            expect_close(ids, table(), causes={
                EXAMPLE: [[2, 1, 0], [3, 2, 2]],
                "뒤쪽을 남겼다. 긴 문장은 앞쪽을 남긴다.": table(front=False),
                "왼쪽에 패딩했다. 짧은 문장은 오른쪽에 패딩한다.": table(right=False),
                "사전에 없는 토큰이 0이다. 0은 패딩이고 없는 토큰은 1이다.": table(unknown=0),
                "사전에 없는 토큰을 건너뛰었다. 1로 적는다.": table(drop=True),
                "뒤쪽을 남기고 왼쪽에 패딩했다. 앞쪽을 남기고 오른쪽에 패딩한다.": table(front=False, right=False),
            })
            expect_dtype(ids, "int32")
    return "긴 문장, 짧은 문장, 빈 문장, 모르는 토큰에서 맞다"


@exercise.task(
    "3. 사전에 없는 토큰의 비율",
    hints=(
        "문장마다 나누어 평균 내지 않고 모든 문장의 토큰을 한 줄로 늘어놓는다.",
        "파이썬의 참은 1로 더해진다. 사전에 없는지 묻는 식을 그대로 더할 수 있다.",
        "없는 토큰의 수를 늘어놓은 토큰의 수로 나눈다. 같은 토큰이 또 나오면 또 센다.",
    ),
)
def check_oov_rate(oov_rate, rng):
    for known, sizes in ((5, (2, 7, 0, 4)), (3, (6, 1, 5))):
        words = list(map(str, rng.permutation(TOKENS)))
        vocabulary = {token: number for number, token in enumerate(words[:known], start=2)}
        sentences = [list(map(str, rng.choice(words[:8], size))) for size in sizes]
        sentences[1][:3] = [words[7]] * min(3, len(sentences[1]))  # 같은 것이 여러 번
        tokens = [token for sentence in sentences for token in sentence]
        missing = [token for token in tokens if token not in vocabulary]
        rates = [np.mean([t not in vocabulary for t in s]) for s in sentences if s]
        with given(토큰=len(tokens), 없는_토큰=len(missing)):
            expect_close(oov_rate(sentences, vocabulary), len(missing) / len(tokens), causes={
                EXAMPLE: 0.5,
                "사전에 있는 토큰의 비율이다.": 1 - len(missing) / len(tokens),
                "토큰의 종류로 셌다. 같은 토큰도 나온 만큼 센다.": len(set(missing)) / len(set(tokens)),
                "없는 토큰을 종류로 셌다. 나온 만큼 센다.": len(set(missing)) / len(tokens),
                "문장마다의 비율을 평균 냈다. 긴 문장이 더 무거워야 한다.": np.mean(rates),
                "백분율이다. 0과 1 사이의 비율을 돌려준다.": 100 * len(missing) / len(tokens),
                "비율이 아니라 수다.": len(missing),
                "사전의 크기로 나누었다. 모든 토큰의 수로 나눈다.": len(missing) / len(vocabulary),
            })
    return "길이가 다른 문장과 빈 문장이 섞인 두 벌에서 맞다"


@exercise.task(
    "4. 양방향 분류기",
    hints=(
        "`keras.Sequential`에 셋을 차례로 쌓는다. 길이가 정해지지 않은 입력은 (None,)이다.",
        "양방향은 GRU를 감싸는 레이어이다. 이어 붙이기는 그 레이어의 기본이다.",
        "0을 무시하게 하는 것은 Embedding의 인수이고, 마지막 Dense는 유닛이 하나에 활성화가 없다.",
    ),
)
def check_build_bidirectional(build_bidirectional, rng):
    for vocabulary, size, units in ((30, 5, 4), (12, 3, 7)):
        model = build_bidirectional(vocabulary, size, units)
        with given(vocabulary_size=vocabulary, embedding_size=size, units=units):
            _expect_bidirectional(model, vocabulary, size, units, rng)
    return "모양과 파라미터의 수가 맞고, 오른쪽에 패딩해도 출력이 같으며, 출력이 로짓이다"


def _expect_bidirectional(model, vocabulary, size, units, rng):
    embedding, gru = vocabulary * size, 3 * units * (size + units + 2)
    expected = embedding + 2 * gru + 2 * units + 1
    expect_text_classifier(model, vocabulary, rng, expected, {
        embedding + gru + units + 1: "한 방향뿐이다. GRU를 양방향으로 감싼다.",
        embedding + 2 * gru + units + 1: "두 방향을 더하거나 평균 냈다. 이어 붙인다.",
        embedding + 8 * units * (size + units + 1) + 2 * units + 1: "GRU가 아니라 LSTM이다.",
        expected + size: "Embedding의 크기가 V + 1이다. 번호는 0부터 V - 1까지다.",
        expected + 2 * size: "V에 2를 더했다. V에는 패딩과 모르는 토큰이 이미 들어 있다.",
        expected + 2 * units + 1: "출력이 둘이다. 로짓 하나면 된다.",
    })


@exercise.task(
    "5. 현상마다의 정확도",
    hints=(
        "먼저 문장마다 맞았는지 참과 거짓의 배열을 만든다. 로짓의 모양 (N, 1)과 정답의 모양 (N,)에 조심한다.",
        "로짓을 한 축으로 줄이고 0과 견준다. 정답과 같은지 물으면 (N,)의 참과 거짓이다.",
        "종류마다 그 종류인 자리만 골라 평균을 낸다. NumPy의 수는 `float`으로 바꾼다.",
    ),
)
def check_accuracy_by_tag(accuracy_by_tag, rng):
    for n in (40, 25):
        logits = rng.normal(size=(n, 1)).astype("float32")
        logits[:6, 0] = 0.2, 0.4, 0.3, -0.3, 0.1, 0.45  # 0.5를 문턱값으로 쓰면 드러난다
        labels = rng.integers(0, 2, n).astype("uint8")
        labels[:6] = 1, 1, 0, 0, 1, 1
        tags = np.array([("plain", "negation", "irony")[k] for k in rng.integers(0, 3, n)], dtype=object)
        tags[:6] = "plain", "negation", "irony", "plain", "irony", "plain"

        def table(right, tags=tags):
            return {str(tag): float(np.mean(right[tags == tag])) for tag in ("plain", "negation", "irony")}

        right = (logits[:, 0] > 0) == (labels == 1)
        wide = (logits > 0) == (labels == 1)  # (N, N)
        shares = {tag: float(right[tags == tag].sum() / n) for tag in ("plain", "negation", "irony")}
        positives = {tag: float(np.mean(logits[tags == tag] > 0)) for tag in ("plain", "negation", "irony")}
        with given(logits=logits, labels=labels, tags=tags):
            result = accuracy_by_tag(logits, labels, tags)
            if not isinstance(result, dict):
                raise WrongAnswer("반환값: 사전이 아니다", "종류에서 정확도로 가는 사전", type(result).__name__)
            expect_equal({str(t): round(float(v), 6) for t, v in result.items()}, _rounded(table(right)), causes={
                EXAMPLE: {"가": 1.0, "나": 0.5},
                "문턱값이 0.5이다. 로짓의 문턱값은 0이다.": _rounded(table((logits[:, 0] > 0.5) == (labels == 1))),
                "맞은 비율이 아니라 틀린 비율이다.": _rounded(table(~right)),
                "종류의 문장 수가 아니라 모든 문장 수로 나누었다.": _rounded(shares),
                "(N, 1)과 (N,)을 견주어 (N, N)이 되었다. 로짓을 한 축으로 줄인다.": _rounded(table(wide)),
                "정답을 보지 않고 긍정이라고 답한 비율을 냈다.": _rounded(positives),
                "모든 종류에 전체의 정확도를 적었다.": _rounded(dict.fromkeys(shares, float(right.mean()))),
            })
    return "무작위 로짓 두 벌에서 종류마다 맞다"


def _rounded(table):
    return {key: round(value, 6) for key, value in table.items()}
