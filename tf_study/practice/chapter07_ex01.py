"""연습 7.1 트랜스포머 인코더로 글을 분류하기의 검사와 힌트."""

from __future__ import annotations

import numpy as np

from tf_study.course.check import (
    Exercise,
    WrongAnswer,
    expect_close,
    expect_dtype,
    expect_shape,
    given,
)

exercise = Exercise(
    "chapter07_advanced_architectures/ex01_transformer_text_classification",
    title="트랜스포머 인코더로 글을 분류하기",
)


@exercise.task(
    "1. 위치를 더한 임베딩",
    hints=(
        "`keras.layers.Embedding`이 둘 필요하다. 하나는 토큰 번호로, 하나는 위치 번호로 벡터를 고른다.",
        "위치 번호는 0부터 T - 1까지이다. T는 `ids`의 둘째 축이고, `ops.arange`가 번호를 늘어놓는다.",
        "토큰의 벡터 (B, T, D)에 위치의 벡터 (T, D)를 더하면 배치의 축은 브로드캐스팅된다.",
    ),
)
def check_token_and_position(TokenAndPosition, rng):
    for B, T, V, L, D in ((2, 3, 6, 8, 4), (3, 7, 5, 7, 2)):
        layer = TokenAndPosition(V, L, D)
        ids = rng.integers(0, V, (B, T))
        layer(ids)
        E, P = rng.normal(size=(V, D)).astype("float32"), rng.normal(size=(L, D)).astype("float32")
        _set_tables(layer, E, P)
        x = E[ids]
        with given(ids=ids, V=V, L=L, D=D):
            expect_close(layer(ids), x + P[:T], causes={
                "위치를 더하지 않았다.": x,
                "위치를 토큰 번호로 골랐다. 0부터 T - 1까지의 번호로 고른다.": x + P[ids],
                "모든 위치에 첫 위치의 벡터를 더했다.": x + P[0],
                "위치를 1부터 셌다. 0부터 센다.": x + P[np.arange(1, T + 1) % L],
                "위치를 뒤에서부터 셌다. 첫 토큰이 위치 0이다.": x + P[:T][::-1],
                "위치의 표의 뒤쪽을 썼다. 첫 토큰이 위치 0이다.": x + P[L - T:],
                "위치 벡터를 곱했다. 더한다.": x * P[:T],
                "토큰의 벡터에 √D를 곱했다. 여기서는 곱하지 않는다.": np.sqrt(D) * x + P[:T],
                "배치의 축을 따라 위치를 더했다. 위치는 둘째 축이다.": x + P[:B, None],
            })
    return "짧은 글과 가장 긴 글에서 토큰의 벡터와 위치의 벡터의 합이다"


def _set_tables(layer, E, P):
    """Give the layer's two tables these values, in whichever order it made them."""
    shapes = [tuple(w.shape) for w in layer.weights]
    if sorted(shapes) != sorted([E.shape, P.shape]):
        cause = "토큰의 표 (V, D)와 위치의 표 (L, D)를 만든다. 다른 가중치는 없다."
        raise WrongAnswer("가중치의 모양이 다르다", f"{E.shape}, {P.shape}", str(shapes), cause)
    layer.set_weights([E, P] if shapes[0] == E.shape else [P, E])


@exercise.task(
    "2. 패딩 마스크",
    hints=(
        "번호가 0이 아닌 자리가 참이다.",
        "`ops.not_equal`은 (B, S)의 참과 거짓을 준다. 축이 하나 모자란다.",
        "가리는 것은 키이므로 키의 축이 마지막에 남아야 한다. 길이가 1인 축은 가운데에 넣는다.",
    ),
)
def check_padding_mask(padding_mask, rng):
    for B, S in ((3, 5), (2, 4)):
        ids = rng.integers(1, 6, (B, S))
        ids[0, 2:], ids[1, -1], ids[1, 0] = 0, 0, 1
        real = ids != 0
        with given(ids=ids):
            mask = padding_mask(ids)
            if tuple(np.shape(mask)) == (B, S, 1):
                cause = "쿼리의 축을 가린다. 키의 축이 마지막이다."
                raise WrongAnswer("반환값: 모양이 다르다", str((B, 1, S)), str((B, S, 1)), cause)
            expect_shape(mask, (B, 1, S))
            expect_dtype(mask, "bool")
            expect_close(mask, real[:, None], causes={
                "참과 거짓이 반대다. 참이 본다는 뜻이다.": ~real[:, None],
                "모두 참이다. 패딩을 가리지 않는다.": np.ones((B, 1, S), bool),
                "번호 1도 가렸다. 1은 모르는 토큰이고 패딩이 아니다.": (ids > 1)[:, None],
            })
    return "모양과 자료형이 맞고 번호 0인 키만 가린다"


@exercise.task(
    "3. 인코더 블록",
    hints=(
        "수식의 두 줄을 그대로 두 단계로 쓴다. 첫 줄의 결과가 둘째 줄의 입력이다.",
        "어텐션의 쿼리와 값에는 정규화한 것을 주고, 더하는 것은 정규화하지 않은 x이다.",
        "`attention(h, h, attention_mask=mask)`를 x에 더한 것이 a이다. 둘째 줄은 a를 정규화해 두 Dense를 지나게 하고 a에 더한다.",
    ),
)
def check_encoder_block(encoder_block, rng):
    for B, T, D, heads, F in ((2, 5, 6, 3, 7), (3, 4, 8, 2, 5)):
        parts, reference = _blocks(B, T, D, heads, F, rng)
        x = rng.normal(size=(B, T, D)).astype("float32")
        mask = np.ones((B, 1, T), bool)
        mask[0, 0, 3:] = mask[1, 0, -1:] = False
        expected = reference(x, mask[:, None])
        with given(x=x, mask=mask):
            y = encoder_block(x, mask, *parts)
            causes = {cause: wrong(x, mask, *parts) for cause, wrong in _MISTAKES.items()}
            expect_close(y, expected, causes=causes, rtol=1e-4, atol=1e-4)
    return "7.2의 TransformerEncoderBlock(norm_first=True)과 같다"


def _blocks(B, T, D, heads, F, rng):
    """The parts with random weights, and 7.2's block with the same weights."""
    import keras

    from tf_study.advanced_architectures.transformer import TransformerEncoderBlock

    attention = keras.layers.MultiHeadAttention(heads, D // heads)
    attention.build((B, T, D), (B, T, D))
    parts = [attention]
    for layer, size in (
        (keras.layers.LayerNormalization(epsilon=1e-5), D),
        (keras.layers.LayerNormalization(epsilon=1e-5), D),
        (keras.layers.Dense(F, activation="relu"), D),
        (keras.layers.Dense(D), F),
    ):
        layer.build((B, T, size))
        parts.append(layer)
    for layer in parts:
        layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    reference = TransformerEncoderBlock(heads, F, norm_first=True)
    reference.build((B, T, D))
    weights = [w for layer in parts for w in layer.get_weights()]
    reference.set_weights([w.reshape(v.shape) for w, v in zip(weights, reference.weights, strict=True)])
    return parts, reference


def _self(attention, h, mask):
    return attention(h, h, attention_mask=mask)


def _second(a, ffn_norm, W_1, W_2):
    return a + W_2(W_1(ffn_norm(a)))


def _post_norm(x, mask, attention, n_1, n_2, W_1, W_2):
    a = n_1(x + _self(attention, x, mask))
    return n_2(a + W_2(W_1(a)))


def _residual_from_norm(x, mask, attention, n_1, n_2, W_1, W_2):
    h = n_1(x)
    a = n_2(h + _self(attention, h, mask))
    return a + W_2(W_1(a))


def _inverted(x, mask, attention, n_1, n_2, W_1, W_2):
    return _second(x + _self(attention, n_1(x), ~mask), n_2, W_1, W_2)


_MISTAKES = {
    "마스크를 넘기지 않았다.": lambda x, m, A, n, k, U, W: _second(x + A(n(x), n(x)), k, U, W),
    "어텐션의 잔차 연결이 없다. x를 더한다.": lambda x, m, A, n, k, U, W: _second(_self(A, n(x), m), k, U, W),
    "피드포워드의 잔차 연결이 없다. a를 더한다.": lambda x, m, A, n, k, U, W: W(U(k(x + _self(A, n(x), m)))),
    "정규화가 뒤에 있다(post-norm). 어텐션과 피드포워드의 앞에서 정규화한다.": _post_norm,
    "정규화한 것을 더했다. 잔차 연결은 정규화하지 않은 것을 더한다.": _residual_from_norm,
    "어텐션 앞의 정규화가 없다.": lambda x, m, A, n, k, U, W: _second(x + _self(A, x, m), k, U, W),
    "피드포워드 앞의 정규화가 없다.": lambda x, m, A, n, k, U, W: _second(x + _self(A, n(x), m), lambda a: a, U, W),
    "두 정규화를 바꾸어 썼다.": lambda x, m, A, n, k, U, W: _second(x + _self(A, k(x), m), n, U, W),
    "한 정규화를 두 번 썼다.": lambda x, m, A, n, k, U, W: _second(x + _self(A, n(x), m), n, U, W),
    "피드포워드에 어텐션을 지나기 전의 x를 넣었다. a를 넣는다.": (
        lambda x, m, A, n, k, U, W: x + _self(A, n(x), m) + W(U(k(x)))
    ),
    "값(value)을 정규화하지 않았다. 쿼리와 값이 같다.": (
        lambda x, m, A, n, k, U, W: _second(x + A(n(x), x, attention_mask=m), k, U, W)
    ),
    "마스크의 참과 거짓을 뒤집었다.": _inverted,
}


@exercise.task(
    "4. 패딩을 뺀 평균",
    hints=(
        "패딩인 자리를 0으로 만들고 더하면 패딩이 합에서 빠진다. 나누는 수도 T가 아니다.",
        "마스크 (B, T)를 실수로 바꾸고 축을 하나 늘려 (B, T, 1)로 만들면 x에 곱할 수 있다.",
        "곱한 것을 둘째 축으로 더하고, 마스크를 둘째 축으로 더한 것과 1 가운데 큰 것으로 나눈다.",
    ),
)
def check_masked_mean(masked_mean, rng):
    for B, T, D in ((4, 5, 3), (3, 6, 2)):
        x = rng.normal(size=(B, T, D)).astype("float32")
        ids = rng.integers(1, 9, (B, T))
        ids[0, 2:], ids[1, 0], ids[2], ids[:, -1] = 0, 1, 0, 0  # 가장 긴 글도 T보다 짧다
        m = (ids != 0).astype("float32")[:, :, None]
        total, count = (m * x).sum(axis=1), np.maximum(m.sum(axis=1), 1)
        with given(x=x, ids=ids):
            mean = masked_mean(x, ids)
            if np.isnan(np.asarray(mean)).any():
                cause = "모두 패딩인 글에서 0으로 나누었다. 분모를 1 이상으로 한다."
                raise WrongAnswer("반환값: NaN이 있다", "0 벡터", "NaN", cause)
            expect_close(mean, total / count, causes={
                "패딩까지 평균 냈다.": x.mean(axis=1),
                "패딩을 뺀 합을 T로 나누었다. 패딩이 아닌 자리의 수로 나눈다.": total / T,
                "나누지 않은 합이다.": total,
                "패딩인 자리만 평균 냈다.": ((1 - m) * x).sum(axis=1) / np.maximum((1 - m).sum(axis=1), 1),
                "번호를 가중치로 썼다. 0이 아니면 모두 1이다.": (ids[..., None] * x).sum(axis=1) / count,
                "번호 1도 뺐다. 1은 모르는 토큰이고 패딩이 아니다.": _mean_where(x, ids > 1),
                "배치에서 가장 긴 글의 길이로 나누었다. 글마다 제 길이로 나눈다.": total / count.max(),
                "분모에 1을 더했다. 1보다 작을 때만 1로 한다.": total / (m.sum(axis=1) + 1),
            })
    return "길이가 다른 글과 모두 패딩인 글에서 맞다"


def _mean_where(x, real):
    m = real.astype("float32")[:, :, None]
    return (m * x).sum(axis=1) / np.maximum(m.sum(axis=1), 1)


@exercise.task(
    "5. 조립하기",
    hints=(
        "`keras.Input((None,), dtype='int32')`에서 시작해 과제 1, 2, 3의 것을 차례로 부르고 `keras.Model`로 묶는다.",
        "과제 3에 넘길 레이어 다섯을 만든다. `MultiHeadAttention`의 둘째 인수는 D가 아니라 헤드 하나의 크기이다.",
        "블록의 출력에 LayerNormalization을 하나 더 지나게 한 뒤 과제 4로 줄이고, 활성화가 없는 Dense(1)로 끝낸다.",
    ),
)
def check_build_classifier(build_classifier, rng):
    for V, L, D, heads, F in ((12, 9, 6, 2, 7), (9, 11, 8, 4, 5)):
        with given(vocabulary_size=V, length=L, dim=D, num_heads=heads, ffn_dim=F):
            _expect_classifier(build_classifier(V, L, D, heads, F), V, L, D, heads, F, rng)
    return "파라미터의 수가 맞고, 패딩해도 출력이 같고, 같은 가중치를 준 7.2의 블록으로 만든 분류기와 로짓이 같다"


def _expect_classifier(model, V, L, D, heads, F, rng):
    import keras

    if not isinstance(model, keras.Model) or not model.built:
        cause = "`keras.Input`과 `keras.Model(입력, 출력)`으로 만들면 가중치까지 생긴다."
        raise WrongAnswer("반환값: 가중치가 있는 모델이 아니다", "keras.Model", type(model).__name__, cause)
    expected = (V + L) * D + 4 * (D * D + D) + 6 * D + 2 * D * F + F + D + D + 1
    wide = 4 * D * D * (heads - 1) + 3 * D * (heads - 1)
    causes = {
        expected + wide: "헤드 하나의 크기를 D로 했다. D를 헤드의 수로 나눈다.",
        expected - 2 * D: "레이어 정규화가 셋이 아니다. 블록에 둘, 블록의 뒤에 하나다.",
        expected - L * D: "위치의 표가 없다.",
        expected + D + 1: "출력이 둘이다. 로짓 하나면 된다.",
        expected + D: "Embedding의 크기가 V + 1이거나 L + 1이다.",
    }
    if model.count_params() != expected:
        cause = causes.get(model.count_params(), "인수가 제자리에 있는지 본다.")
        raise WrongAnswer("파라미터의 수가 다르다", f"{expected}개", f"{model.count_params()}개", cause)
    sizes = sorted({w.size for w in model.get_weights()})
    values = {size: rng.uniform(0.5, 1.5, size) * rng.choice([-1, 1], size) for size in sizes}
    model.set_weights([values[w.size].reshape(w.shape) for w in model.get_weights()])
    for layer in model._flatten_layers():  # 정규화의 ε은 아무래도 좋다
        if isinstance(layer, keras.layers.LayerNormalization):
            layer.epsilon = 1e-5
    ids = rng.integers(1, V, (8, L - 4))
    ids[:, 0], ids[:, -1] = 1, 2
    logits = np.asarray(model(ids))
    expect_shape(logits, (8, 1), "출력")
    longer = np.asarray(model(np.pad(ids, ((0, 0), (0, 4)))))
    if not np.allclose(logits, longer, rtol=1e-4, atol=1e-4):
        cause = "어텐션에 패딩 마스크를 주었는지, 평균에서 패딩을 뺐는지 본다."
        raise WrongAnswer("오른쪽에 0을 패딩했더니 출력이 달라졌다", cause=cause)
    if np.allclose(logits, np.asarray(model(ids[:, ::-1])), rtol=1e-4, atol=1e-4):
        raise WrongAnswer("글자의 순서를 뒤집어도 출력이 같다", cause="위치를 더한 임베딩을 쓴다.")
    expected = _logits(ids, values, V, L, D, heads, F)
    causes = {
        "마지막 레이어의 시그모이드를 뺀다. 손실이 from_logits=True로 받는다.": 1 / (1 + np.exp(-expected)),
        "MultiHeadAttention의 두 인수를 바꾸었다. 헤드의 수, 헤드 하나의 크기의 차례이다.": _logits(
            ids, values, V, L, D, D // heads, F
        ),
        "헤드가 하나다. 첫째 인수가 헤드의 수이다.": _logits(ids, values, V, L, D, 1, F),
        "W_1에 ReLU가 없다.": _logits(ids, values, V, L, D, heads, F, activation="linear"),
        "마지막 정규화를 평균 낸 뒤에 했다. 평균 내기 전에 한다.": _logits(ids, values, V, L, D, heads, F, late=True),
    }
    expect_close(logits, expected, "로짓", causes=causes, rtol=1e-3, atol=1e-3)


def _logits(ids, values, V, L, D, heads, F, activation="relu", late=False):
    """Logits (B, 1) of a classifier made of 7.2's block, with one array of weights per size.

    Weights of the same size are equal, so that it does not matter in which order a model made them.
    `late`: the last normalisation after the mean instead of before it.
    """
    from tf_study.advanced_architectures.transformer import TransformerEncoderBlock

    block = TransformerEncoderBlock(heads, F, norm_first=True, activation=activation)
    block.build((*ids.shape, D))
    block.set_weights([values[np.size(w)].reshape(w.shape) for w in block.get_weights()])
    x = values[V * D].reshape(V, D)[ids] + values[L * D].reshape(L, D)[: ids.shape[1]]
    x = np.asarray(block(x.astype("float32")))
    gain = values[D]

    def norm(x):
        return gain * (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5) + gain

    x = norm(x.mean(axis=1)) if late else norm(x).mean(axis=1)
    return (x @ gain)[:, None] + values[1]
