"""연습 12.2 공유 전문가가 있는 MoE 레이어의 검사와 힌트."""

from __future__ import annotations

import numpy as np

from tf_study.course.check import (
    Exercise,
    WrongAnswer,
    expect_close,
    expect_dtype,
    expect_equal,
    expect_shape,
    expect_tuple,
    given,
)

exercise = Exercise(
    "chapter12_modern_llms/ex02_custom_moe_layer",
    title="공유 전문가가 있는 MoE 레이어",
)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _silu(x):
    return x * _sigmoid(x)


def _best(scores, top_k):
    """Numbers (T, K) of the largest scores, the largest first."""
    return np.argsort(-scores, axis=-1, kind="stable")[:, :top_k]


def _share(values, indices):
    g = np.take_along_axis(values, indices, axis=-1)
    return g / g.sum(axis=-1, keepdims=True)


@exercise.task(
    "1. 고르기",
    hints=(
        "두 단계이다. 편향을 더한 점수로 번호를 고르고, 편향을 더하지 않은 친화도에서 가중치를 만든다.",
        "`ops.top_k(점수, K)`는 값과 번호를 준다. 값은 버린다. 번호로 친화도를 꺼내는 것은 `ops.take_along_axis`이다.",
        "꺼낸 친화도 (T, K)를 마지막 축의 합으로 나눈다. 합의 축을 남겨야(`keepdims=True`) 나누어진다.",
    ),
)
def check_route(route, rng):
    for T, D, N, K in ((6, 3, 4, 2), (7, 5, 8, 3)):
        u, e = rng.normal(size=(T, D)).astype("float32"), rng.normal(size=(D, N)).astype("float32")
        b = np.linspace(-0.4, 0.5, N, dtype="float32")
        s = _sigmoid(u @ e)
        chosen, unbiased = _best(s + b, K), _best(s, K)
        with given(u=u, e=e, b=b, top_k=K):
            answer = route(u, e, b, K)
            expect_tuple(answer, ("가중치", "번호"))
            weights, indices = answer
            expect_shape(weights, (T, K), "가중치")
            expect_shape(indices, (T, K), "번호")
            expect_equal(np.asarray(indices).astype(int), chosen, "번호", causes={
                "편향을 더하지 않고 골랐다. 고를 때는 s + b가 큰 차례이다.": unbiased,
                "점수가 작은 전문가를 골랐다.": _best(-s - b, K),
                "편향을 뺐다. 더한다.": _best(s - b, K),
                "편향을 시그모이드 안에 더했다. 시그모이드를 지난 친화도에 더한다.": _best(u @ e + b, K),
                "번호를 작은 것부터 늘어놓았다. 점수가 큰 것부터이다.": np.sort(chosen, axis=-1),
            })
            softmax = np.exp(u @ e) / np.exp(u @ e).sum(axis=-1, keepdims=True)
            picked = np.take_along_axis(s, chosen, axis=-1)
            expect_close(weights, _share(s, chosen), "가중치", rtol=1e-4, causes={
                "가중치에 편향이 들어갔다. 편향은 고를 때만 더한다.": _share(s + b, chosen),
                "합으로 나누지 않았다.": picked,
                "모든 전문가의 합으로 나누었다. 고른 K개의 합으로 나눈다.": picked / s.sum(axis=-1, keepdims=True),
                "소프트맥스를 썼다. 친화도는 시그모이드이다.": _share(softmax, chosen),
                "로짓을 썼다. 시그모이드를 지난 친화도를 나눈다.": _share(u @ e, chosen),
                "편향을 더한 점수를 합으로 나누지 않았다.": picked + b[chosen],
            })
    return "편향이 선택을 바꾸는 토큰에서도 번호와 가중치가 맞다"


@exercise.task(
    "2. 전문가를 모두 계산하기",
    hints=(
        "`ops.matmul`은 앞의 축을 브로드캐스팅한다. (T, D)와 (N, D, 2F)의 곱은 (N, T, 2F)이다.",
        "곱한 것을 마지막 축에서 둘로 나누면(`ops.split`) 앞이 uW, 뒤가 uV이다.",
        "Swish는 `ops.silu`이다. 앞의 것에만 Swish를 하고 뒤의 것을 곱한 뒤 `down`을 곱한다.",
    ),
)
def check_all_experts(all_experts, rng):
    for T, D, F, N in ((5, 3, 4, 2), (4, 6, 3, 5)):
        u, gate_up, down = (rng.normal(size=shape).astype("float32") for shape in ((T, D), (N, D, 2 * F), (N, F, D)))
        a, v = u @ gate_up[..., :F], u @ gate_up[..., F:]
        expected = (_silu(a) * v) @ down
        with given(u=u, gate_up=gate_up, down=down):
            outputs = all_experts(u, gate_up, down)
            if np.shape(outputs) == (T, N, D):
                cause = "전문가의 축을 앞에 둔다."
                raise WrongAnswer("반환값: 모양이 다르다", str((N, T, D)), str((T, N, D)), cause)
            expect_close(outputs, expected, rtol=1e-4, atol=1e-4, causes={
                "Swish를 뒤의 절반에 했다. 앞의 절반이 W이다.": (a * _silu(v)) @ down,
                "Swish가 없다.": (a * v) @ down,
                "Swish를 양쪽에 했다. 앞의 절반에만 한다.": (_silu(a) * _silu(v)) @ down,
                "Swish 대신 시그모이드를 썼다. Swish(x) = x·시그모이드(x)이다.": (_sigmoid(a) * v) @ down,
                "Swish 대신 ReLU를 썼다.": (np.maximum(a, 0) * v) @ down,
                "뒤의 절반을 곱하지 않았다.": _silu(a) @ down,
                "둘을 더했다. 곱한다.": (_silu(a) + v) @ down,
                "모든 토큰에 첫 전문가를 썼다.": np.broadcast_to(expected[:1], expected.shape),
            })
    return "전문가마다 따로 계산한 SwiGLU와 같다"


@exercise.task(
    "3. 모으기",
    hints=(
        "가중치 (T, K)를 전문가의 축으로 펴서 (T, N)으로 만들면 고르지 않은 전문가는 0이다.",
        "`ops.one_hot(indices, N)`은 (T, K, N)이다. 가중치에 축을 하나 늘려 곱하고 K의 축으로 더한다.",
        "(T, N)과 (N, T, D)를 전문가의 축으로 더하는 곱은 `ops.einsum('tn,ntd->td', …)`이다.",
    ),
)
def check_combine(combine, rng):
    for N, T, D, K in ((4, 5, 3, 2), (6, 3, 2, 3)):
        outputs = rng.normal(size=(N, T, D)).astype("float32")
        weights = rng.uniform(0.1, 1, (T, K)).astype("float32")
        indices = np.stack([rng.permutation(N)[:K] for _ in range(T)]).astype("int32")
        rows = np.arange(T)[:, None]
        picked = outputs[indices, rows]                        # (T, K, D)
        expected = (weights[..., None] * picked).sum(axis=1)
        with given(outputs=outputs, weights=weights, indices=indices):
            expect_close(combine(outputs, weights, indices), expected, rtol=1e-4, causes={
                "가중치를 곱하지 않고 더했다.": picked.sum(axis=1),
                "가중치를 곱하지 않고 평균 냈다.": picked.mean(axis=1),
                "고른 번호를 보지 않고 앞의 K개를 썼다.": np.einsum("tk,ktd->td", weights, outputs[:K]),
                "K로 나누었다. 가중치를 곱한 합이다.": expected / K,
                "가중치의 합으로 나누었다. 나누지 않는다.": expected / weights.sum(axis=1, keepdims=True),
                "첫째로 고른 전문가만 썼다.": weights[:, :1] * picked[:, 0],
                "가중치의 차례가 뒤집혔다.": (weights[:, ::-1, None] * picked).sum(axis=1),
                "고르지 않은 전문가의 출력까지 더했다.": outputs.sum(axis=0),
                "모든 토큰에 첫 토큰이 고른 번호를 썼다.": (weights[..., None] * outputs[indices[:1], rows]).sum(axis=1),
            })
    return "토큰마다 고른 전문가의 출력만 가중치를 곱해 더한 것이다"


@exercise.task(
    "4. 부하와 위반",
    hints=(
        "번호를 원-핫으로 바꾸어 더하면 세는 것과 같다. 더할 축은 토큰과 K 둘이다.",
        "`ops.one_hot(indices, num_experts)`는 (T, K, N)이다. 앞의 두 축으로 더하면 (N,)이다.",
        "위반은 부하의 최댓값에서 평균을 빼고 평균으로 나눈 것이다. 둘을 튜플로 돌려준다.",
    ),
)
def check_load_and_violation(load_and_violation, rng):
    for T, K, N in ((9, 2, 5), (7, 3, 6)):
        indices = np.stack([rng.permutation(N - 1)[:K] for _ in range(T)]).astype("int32")
        indices[: T // 2, 0] = 0                               # 마지막 전문가는 아무도 고르지 않는다
        load = np.bincount(indices.ravel(), minlength=N).astype("float32")
        mean = load.mean()
        with given(indices=indices, num_experts=N):
            answer = load_and_violation(indices, N)
            expect_tuple(answer, ("부하", "MaxVio"))
            if np.shape(answer[0]) == (N - 1,):
                cause = "한 번도 골라지지 않은 전문가의 부하는 0이다. 전문가의 수를 알려 준다."
                raise WrongAnswer("부하: 모양이 다르다", str((N,)), str((N - 1,)), cause)
            expect_close(answer[0], load, "부하", causes={
                "비율을 돌려주었다. 센 횟수이다.": load / load.sum(),
                "토큰의 수로 나누었다. 센 횟수이다.": load / T,
                "첫째로 고른 전문가만 셌다.": np.bincount(indices[:, 0], minlength=N).astype("float32"),
            })
            expect_dtype(answer[0], "float32", "부하")
            expect_close(answer[1], (load.max() - mean) / mean, "MaxVio", causes={
                "평균을 빼지 않았다. 평균을 넘은 만큼을 잰다.": load.max() / mean,
                "평균으로 나누지 않았다.": load.max() - mean,
                "최솟값으로 쟀다. 가장 바쁜 전문가이다.": (load.min() - mean) / mean,
                "표준편차로 쟀다.": load.std() / mean,
                "토큰의 수로 나누었다. 평균 부하로 나눈다.": (load.max() - mean) / T,
            })
    return "아무도 고르지 않은 전문가까지 세고 MaxVio가 맞다"


@exercise.task(
    "5. 편향 고치기",
    hints=(
        "평균에서 부하를 빼면 적게 골라진 전문가가 양수이다. 크기는 버리고 부호만 쓴다.",
        "`ops.sign`은 양수를 1, 0을 0, 음수를 -1로 바꾼다.",
        "부호에 rate를 곱해 b에 더한 것을 돌려준다. `b += …`는 받은 배열을 바꾼다.",
    ),
)
def check_updated_bias(updated_bias, rng):
    for load, rate in (([6, 1, 3, 2], 0.25), ([4, 9, 4, 2, 1], 0.01)):
        load = np.array(load, "float32")
        b = rng.normal(size=load.size).astype("float32")
        sign = np.sign(load.mean() - load)
        with given(b=b, load=load, rate=rate):
            expect_close(updated_bias(b, load, rate), b + np.float32(rate) * sign, causes={
                "방향이 반대다. 적게 골라진 전문가의 편향을 올린다.": b - rate * sign,
                "부호를 쓰지 않았다. 차이의 크기는 보폭에 들어가지 않는다.": b + rate * (load.mean() - load),
                "rate를 곱하지 않았다.": b + sign,
                "움직일 양만 돌려주었다. b에 더한다.": rate * sign,
                "평균과 같은 전문가도 올렸다.": b + rate * np.where(load > load.mean(), -1, 1),
                "평균과 같은 전문가도 내렸다.": b + rate * np.where(load < load.mean(), 1, -1),
                "부하의 평균이 아니라 0과 견주었다.": b + rate * np.sign(-load),
            })
    return "부하가 평균보다 적으면 오르고 많으면 내리고 같으면 그대로다"


@exercise.task(
    "6. 레이어로 조립하기",
    hints=(
        "`ops.reshape(x, (-1, D))`로 펴고 과제 1, 2, 3을 차례로 부른다. 공유 전문가도 과제 2로 계산한다.",
        "과제 2는 공유 전문가에서 (1, T, D)를 준다. 첫째를 꺼내 과제 3의 결과에 더한다.",
        "`training`이 참일 때만, 고른 번호로 부하를 세고 새 편향을 `self.b.assign(…)`으로 넣는다. 이번 선택은 옛 편향으로 한다.",
    ),
)
def check_shared_moe(SharedMoE, rng):
    for shape, F, N, K, rate in (((2, 5, 6), 3, 4, 2, 0.3), ((3, 4, 5), 4, 6, 3, 0.2)):
        layer, x = SharedMoE(F, N, K, rate), rng.normal(size=shape).astype("float32")
        layer.build(shape)
        values = {w.name: rng.normal(size=w.shape).astype("float32") for w in layer.weights}
        values["b"] *= 0.3
        with given(x=x, units=F, num_experts=N, top_k=K, rate=rate):
            _expect_layer(layer, x, values, K, rate)
    return "12.5의 DeepSeekMoE와 같고, 학습할 때만 편향이 바뀌고, 모든 가중치에 기울기가 흐른다"


def _expect_layer(layer, x, values, top_k, rate):
    import tensorflow as tf

    def fill():
        for weight in layer.weights:
            weight.assign(values[weight.name])

    fill()
    N, bias = values["b"].size, values["b"]
    shared, routed, indices = _reference(values, x, top_k)
    _, unbiased, _ = _reference({**values, "b": 0 * bias}, x, top_k)
    expected = shared + routed
    y = layer(x)
    expect_shape(y, x.shape)
    expect_close(y, expected, rtol=1e-4, atol=1e-4, causes={
        "공유 전문가를 더하지 않았다.": routed,
        "공유 전문가만 돌려주었다.": shared,
        "x를 더했다. 잔차 연결은 레이어의 밖에 있다.": expected + x,
        "둘을 평균 냈다. 더한다.": expected / 2,
        "편향을 쓰지 않고 골랐다.": shared + unbiased,
    })
    load = np.bincount(indices.ravel(), minlength=N)
    moved = bias + np.float32(rate) * np.sign(load.mean() - load)
    if not np.allclose(layer.b, bias):
        cause = "`training`이 참일 때만 고친다."
        raise WrongAnswer("추론에서 편향이 바뀌었다", _row(bias), _row(layer.b), cause)
    with tf.GradientTape() as tape:
        y = layer(x, training=True)
        loss = tf.reduce_sum(tf.cast(y, tf.float32) * np.cos(np.arange(x.size)).reshape(x.shape))
    _, early, _ = _reference({**values, "b": moved}, x, top_k)
    expect_close(y, expected, "training=True의 출력", rtol=1e-4, atol=1e-4, causes={
        "편향을 먼저 고치고 골랐다. 이번 선택은 옛 편향으로 한다.": shared + early,
    })
    expect_close(layer.b, moved, "training=True 뒤의 편향", causes={
        "편향이 그대로다. `self.b.assign(…)`으로 넣는다.": bias,
        "방향이 반대다. 적게 골라진 전문가의 편향을 올린다.": 2 * bias - moved,
    })
    for weight, gradient in zip(layer.trainable_weights, tape.gradient(loss, layer.trainable_weights)):
        if gradient is None:
            cause = "NumPy로 계산하면 기울기가 끊긴다. `keras.ops`나 TensorFlow의 연산으로 쓴다."
            raise WrongAnswer(f"가중치 {weight.name}에 기울기가 흐르지 않는다", "기울기", "None", cause)


def _row(values):
    return str(np.asarray(values).round(4).tolist())


def _reference(values, x, top_k):
    """What the shared and the routed experts of 12.5's layer give, and the numbers chosen."""
    from tf_study.modern_llms.deepseek_moe import DeepSeekMoE

    moe = DeepSeekMoE(values["down"].shape[1], values["b"].size, top_k)
    moe.build(x.shape)
    moe.router.kernel.assign(values["e"])
    moe.router.bias.assign(values["b"])
    moe.experts.gate_up.assign(values["gate_up"])
    moe.experts.down.assign(values["down"])
    moe.shared.gate_up.kernel.assign(values["shared_gate_up"][0])
    moe.shared.down.kernel.assign(values["shared_down"][0])
    shared = np.asarray(moe.shared(x))
    return shared, np.asarray(moe(x)) - shared, np.asarray(moe.router(x)[1])
