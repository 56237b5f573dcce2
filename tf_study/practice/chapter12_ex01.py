"""연습 12.1 Llama를 블록마다 만들기의 검사와 힌트."""

from __future__ import annotations

import numpy as np

from tf_study.course.check import Exercise, expect_close, expect_shape, given

exercise = Exercise(
    "chapter12_modern_llms/ex01_implement_llama_scratch",
    title="Llama를 블록마다 만들기",
)


@exercise.task(
    "1. RMSNorm",
    hints=(
        "마지막 축만 줄인다. 나눗셈이 브로드캐스팅되게 축을 남긴다.",
        "제곱하고, 평균 내고, ε을 더하고, 제곱근을 씌우는 차례이다. 평균을 빼는 단계는 없다.",
        "나눈 결과의 마지막 축과 g의 축이 같으므로 그대로 곱하면 원소마다 곱해진다.",
    ),
)
def check_rms_norm(rms_norm, rng):
    for shape, epsilon in (((2, 3, 5), 0.5), ((4, 7), 1e-3)):
        a, g = _normal(rng, shape) + np.float32(0.7), _normal(rng, shape[-1:])
        mean_square = (a**2).mean(axis=-1, keepdims=True)
        centred = a - a.mean(axis=-1, keepdims=True)
        with given(a=a, g=g, epsilon=epsilon):
            expect_close(rms_norm(a, g, epsilon), a / np.sqrt(mean_square + epsilon) * g, causes={
                "평균을 뺐다. RMSNorm은 빼지 않는다.": centred / np.sqrt(a.var(axis=-1, keepdims=True) + epsilon) * g,
                "g를 곱하지 않았다.": a / np.sqrt(mean_square + epsilon),
                "g로 나누었다. 곱한다.": a / np.sqrt(mean_square + epsilon) / g,
                "ε을 제곱근의 밖에서 더했다.": a / (np.sqrt(mean_square) + epsilon) * g,
                "ε을 더하지 않았다.": a / np.sqrt(mean_square) * g,
                "제곱근을 씌우지 않았다.": a / (mean_square + epsilon) * g,
                "평균이 아니라 합으로 나누었다.": a / np.sqrt(mean_square * shape[-1] + epsilon) * g,
                "첫 축에서 평균 냈다. 마지막 축이다.": a / np.sqrt((a**2).mean(axis=0, keepdims=True) + epsilon) * g,
                "모든 원소에서 평균 냈다. 마지막 축만 줄인다.": a / np.sqrt((a**2).mean() + epsilon) * g,
            })
    return "축이 둘과 셋인 입력에서 마지막 축의 제곱 평균으로 나눈 것이다"


@exercise.task(
    "2. SwiGLU",
    hints=(
        "행렬 곱이 셋이다. x와의 곱이 둘, 되돌리는 곱이 하나이다.",
        "Swish는 `ops.silu`이다. 게이트인 x W에만 씌운다.",
        "두 결과를 원소끼리 곱한 (..., F)에 `W_2`를 곱하면 다시 (..., D)이다.",
    ),
)
def check_swiglu(swiglu, rng):
    for shape, F in (((2, 3, 4), 6), ((5, 3), 3)):
        x, (W, V) = _normal(rng, shape), _normal(rng, (2, shape[-1], F))
        W_2 = _normal(rng, (F, shape[-1]))
        a, b = x @ W, x @ V
        with given(x=x, W=W, V=V, W_2=W_2):
            expect_close(swiglu(x, W, V, W_2), (_swish(a) * b) @ W_2, causes={
                "W와 V의 자리가 바뀌었다. Swish는 x W에 씌운다.": (a * _swish(b)) @ W_2,
                "시그모이드를 썼다. Swish는 z σ(z)이다.": (_sigmoid(a) * b) @ W_2,
                "Swish가 빠졌다.": (a * b) @ W_2,
                "두 쪽에 다 Swish를 씌웠다.": (_swish(a) * _swish(b)) @ W_2,
                "곱한 뒤에 Swish를 씌웠다.": _swish(a * b) @ W_2,
                "두 쪽을 더했다. 원소끼리 곱한다.": (_swish(a) + b) @ W_2,
                "ReLU를 썼다.": (np.maximum(a, 0) * b) @ W_2,
                "x V를 곱하지 않았다.": _swish(a) @ W_2,
            }, rtol=1e-4, atol=1e-4)
    return "축이 둘과 셋인 입력에서 식과 같다"


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _swish(z):
    return z * _sigmoid(z)


@exercise.task(
    "3. 회전",
    hints=(
        "주파수는 d/2개, 각은 (T, d/2)이다. 위치의 열과 주파수의 행을 곱하면 된다.",
        "주파수의 지수는 -2i/d이다. `np.arange(0, d, 2)`가 2i를 늘어놓는다.",
        "x를 마지막 축에서 절반으로 나눈다. 각의 cos과 sin (T, d/2)는 (B, H, T, d/2)에 그대로 브로드캐스팅된다.",
    ),
)
def check_rotate(rotate, rng):
    for (B, H, T, d), theta in (((2, 3, 5, 8), 100.0), ((1, 4, 4, 6), 30.0)):
        x, positions = _normal(rng, (B, H, T, d)), rng.permutation(20)[:T] + 1
        expected = _rotate(x, positions, theta)
        with given(x=x, positions=positions, theta=theta):
            y = rotate(x, positions, theta)
            expect_shape(y, x.shape)
            expect_close(y, expected, causes={
                "이웃한 둘을 짝지었다. Llama는 앞 절반과 뒤 절반을 짝짓는다.": _rotate_neighbours(x, positions, theta),
                "반대로 돌렸다. sin의 부호를 본다.": _rotate(x, -positions, theta),
                "주파수의 지수가 -i/d이다. 2i를 쓴다.": _rotate(x, positions, theta, exponent=1),
                "주파수가 θ^(2i/d)이다. 지수가 음수이다.": _rotate(x, positions, theta, exponent=-2),
                "위치를 0부터 셌다. positions에 있는 위치로 돌린다.": _rotate(x, np.arange(T), theta),
                "모든 짝을 같은 각으로 돌렸다.": _rotate(x, positions, theta, exponent=0),
                "앞 절반과 뒤 절반을 바꾸어 이었다.": np.roll(expected, d // 2, axis=-1),
                "돌리지 않았다.": x,
            }, rtol=1e-4, atol=1e-4)
    return "떨어져 있는 위치에서 절반끼리 짝지어 돌린 것이다"


def _rotate(x, positions, theta, exponent=2):
    d = x.shape[-1]
    angles = positions[:, None] * theta ** (-exponent * np.arange(d // 2) / d)
    cos, sin = np.cos(angles), np.sin(angles)
    first, second = np.split(x, 2, axis=-1)
    rotated = np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    return rotated.astype("float32")


def _rotate_neighbours(x, positions, theta):
    d = x.shape[-1]
    order = np.r_[0:d:2, 1:d:2]
    return _rotate(x[..., order], positions, theta)[..., np.argsort(order)]


@exercise.task(
    "4. 인과 그룹 쿼리 어텐션",
    hints=(
        "키와 값의 헤드를 R번씩 되풀이하면 보통의 멀티헤드 어텐션이 된다. `ops.repeat`은 0, 0, 1, 1의 차례로 늘린다.",
        "점수는 q와 k를 뒤집은 것의 곱을 √d로 나눈 (B, H, T, T)이고, 마지막 축이 키이다.",
        "s > t인 점수를 아주 작은 수로 바꾼 뒤 마지막 축에 softmax를 씌운다. `np.tri(T)`가 s ≤ t인 자리이다.",
    ),
)
def check_grouped_query_attention(grouped_query_attention, rng):
    for B, H, G, T, d in ((2, 4, 2, 5, 3), (1, 6, 2, 6, 4), (2, 3, 3, 4, 2), (2, 4, 1, 3, 5)):
        q, k, v = _normal(rng, (B, H, T, d)), _normal(rng, (B, G, T, d)), _normal(rng, (B, G, T, d))
        with given(q=q, k=k, v=v):
            o = grouped_query_attention(q, k, v)
            expect_shape(o, (B, H, T, d))
            expect_close(o, _attention(q, k, v), causes={
                "√d로 나누지 않았다.": _attention(q, k, v, scale=1),
                "d로 나누었다. √d로 나눈다.": _attention(q, k, v, scale=d),
                "뒤의 토큰까지 보았다. s ≤ t만 본다.": _attention(q, k, v, seen=np.ones((T, T), bool)),
                "마스크가 거꾸로다. 앞의 토큰을 본다.": _attention(q, k, v, seen=np.tri(T, dtype=bool).T),
                "헤드 h가 h % G번째 키를 썼다. h // R번째이다.": _attention(q, k, v, groups=np.arange(H) % G),
                "모든 헤드가 첫째 키를 썼다.": _attention(q, k, v, groups=np.zeros(H, int)),
                "softmax를 쿼리의 축에 씌웠다. 키의 축이다.": _attention(q, k, v, axis=2),
            }, rtol=1e-4, atol=1e-4)
    return "MHA(G = H), MQA(G = 1), 그 사이에서 반복문과 같고 앞의 토큰만 본다"


def _attention(q, k, v, scale=None, seen=None, groups=None, axis=3):
    H, G, T, d = q.shape[1], k.shape[1], *q.shape[2:]
    groups = np.arange(H) // (H // G) if groups is None else groups
    scores = q @ np.swapaxes(k[:, groups], 2, 3) / (np.sqrt(d) if scale is None else scale)
    scores = np.where(np.tri(T, dtype=bool) if seen is None else seen, scores, -1e9)
    weights = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True) @ v[:, groups]


@exercise.task(
    "5. 블록",
    hints=(
        "정규화한 것을 어텐션에 주고, 결과를 정규화하지 않은 x에 더한다. 피드포워드 망도 같다.",
        "(B, T, H d)를 (B, T, H, d)로 나누고 축 1과 2를 바꾼다. 어텐션 뒤에는 거꾸로 한다. 쿼리와 키만 돌린다.",
        "`weights`의 행렬은 (출력, 입력)이므로 전치해서 곱한다. `swiglu`에도 전치한 셋을 준다.",
    ),
)
def check_llama_block(llama_block, rng):
    for config in _configurations():
        state = _random_state(config, rng)
        w = {name.split("0.", 1)[1].removesuffix(".weight"): a for name, a in state.items() if ".layers.0." in name}
        x = _normal(rng, (2, 5, config.hidden_size))
        with given(x=x, weights=w["input_layernorm"]):
            y = llama_block(x, w, config)
            expect_shape(y, x.shape)
            causes = {cause: _block(x, w, config, **change) for cause, change in _BLOCK_MISTAKES.items()}
            expect_close(y, _block(x, w, config), causes=causes, rtol=1e-3, atol=1e-3)
    return "크기가 다른 두 설정에서 식과 같다"


_BLOCK_MISTAKES = {
    "쿼리와 키를 돌리지 않았다.": dict(rotated=""),
    "값까지 돌렸다. 쿼리와 키만 돌린다.": dict(rotated="qkv"),
    "쿼리만 돌렸다. 키도 돌린다.": dict(rotated="q"),
    "어텐션에 x를 더하지 않았다.": dict(first=False),
    "피드포워드 망에 h를 더하지 않았다.": dict(second=False),
    "어텐션의 입력을 정규화하지 않았다.": dict(norms=(False, True)),
    "피드포워드 망의 입력을 정규화하지 않았다.": dict(norms=(True, False)),
    "두 RMSNorm의 g를 바꾸어 썼다.": dict(swap=True),
    "gate_proj와 up_proj를 바꾸어 썼다.": dict(gates=("up", "gate")),
    "축을 바꾸지 않고 (B, T, H d)를 (B, H, T, d)로 읽었다.": dict(transposed=False),
}


def _block(x, w, config, rotated="qk", first=True, second=True, norms=(True, True), swap=False,
           gates=("gate", "up"), transposed=True):
    """The block in NumPy; the options are mistakes that people make."""
    B, T, _ = x.shape
    names = ["input_layernorm", "post_attention_layernorm"]
    g_1, g_2 = (w[name] for name in (names[::-1] if swap else names))

    def heads(a, name):
        a = a @ w[f"self_attn.{name}_proj"].T
        if transposed:
            a = a.reshape(B, T, -1, config.head_dim).transpose(0, 2, 1, 3)
        else:
            a = a.reshape(B, -1, T, config.head_dim)
        return _rotate(a, np.arange(T), config.rope_theta) if name in rotated else a

    a = _rms_norm(x, g_1, config) if norms[0] else x
    o = _attention(*(heads(a, name) for name in "qkv"))
    o = o.transpose(0, 2, 1, 3).reshape(B, T, -1) @ w["self_attn.o_proj"].T
    h = x + o if first else o
    a = _rms_norm(h, g_2, config) if norms[1] else h
    gate, up = (a @ w[f"mlp.{name}_proj"].T for name in gates)
    y = (_swish(gate) * up) @ w["mlp.down_proj"].T
    return h + y if second else y


def _rms_norm(a, g, config):
    return a / np.sqrt((a**2).mean(axis=-1, keepdims=True) + config.rms_norm_eps) * g


@exercise.task(
    "6. 모델",
    hints=(
        "토큰 번호로 임베딩의 행을 고른 것이 첫 블록의 입력이다. 블록의 출력이 다음 블록의 입력이다.",
        "블록마다 제 가중치를 쓴다. 마지막 블록의 뒤에 RMSNorm이 하나 더 있다.",
        "로짓의 가중치는 (V, D)이므로 전치해서 곱한다. `config.tie_word_embeddings`를 보고 어느 것인지 고른다.",
    ),
)
def check_llama(llama, rng):
    from tf_study.modern_llms.llama import from_huggingface

    for config in _configurations():
        state = _random_state(config, rng)
        tokens = rng.integers(0, config.vocab_size, (2, 6))
        with given(tokens=tokens):
            logits = llama(tokens, state, config)
            expect_shape(logits, (2, 6, config.vocab_size))
            causes = {cause: _logits(tokens, state, config, **change) for cause, change in _MODEL_MISTAKES.items()}
            reference = from_huggingface(state, config)(tokens)
            expect_close(logits, reference, "로짓", causes=causes, rtol=1e-3, atol=1e-3)
    return "가중치를 묶은 설정과 묶지 않은 설정에서 12.1의 Llama와 로짓이 같다"


_MODEL_MISTAKES = {
    "마지막 RMSNorm이 없다.": dict(last_norm=False),
    "모든 블록에 첫 블록의 가중치를 썼다.": dict(layer=lambda l, L: 0),
    "블록의 차례가 거꾸로다.": dict(layer=lambda l, L: L - 1 - l),
    "블록을 하나만 지났다.": dict(layer=lambda l, L: 0 if l == 0 else None),
    "가중치를 묶지 않은 모델에서 임베딩으로 로짓을 냈다.": dict(always_tied=True),
    "로짓에 softmax를 씌웠다.": dict(probabilities=True),
}


def _logits(tokens, state, config, last_norm=True, layer=lambda l, L: l, always_tied=False, probabilities=False):
    """The model in NumPy; the options are mistakes that people make. `layer` says whose weights block l takes."""
    E = state["model.embed_tokens.weight"]
    x = E[tokens]
    for l in range(config.num_hidden_layers):
        chosen = layer(l, config.num_hidden_layers)
        if chosen is not None:
            prefix = f"model.layers.{chosen}."
            names = [name for name in state if name.startswith(prefix)]
            x = _block(x, {n.removeprefix(prefix).removesuffix(".weight"): state[n] for n in names}, config)
    x = _rms_norm(x, state["model.norm.weight"], config) if last_norm else x
    logits = x @ (E if config.tie_word_embeddings or always_tied else state["lm_head.weight"]).T
    if not probabilities:
        return logits
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def _configurations():
    from tf_study.modern_llms.llama import LlamaConfig

    return (
        LlamaConfig(11, 16, 24, 3, 4, 2, rope_theta=50.0, rms_norm_eps=0.1),
        LlamaConfig(9, 18, 10, 2, 3, 1, head_dim=4, rope_theta=200.0, rms_norm_eps=0.05, tie_word_embeddings=False),
    )


def _random_state(config, rng):
    """Weights of all sizes that a checkpoint of this configuration has, large enough to matter."""
    D, F, d = config.hidden_size, config.intermediate_size, config.head_dim
    q, kv = config.num_attention_heads * d, config.num_key_value_heads * d
    block = {"input_layernorm": (D,), "self_attn.q_proj": (q, D), "self_attn.k_proj": (kv, D),
             "self_attn.v_proj": (kv, D), "self_attn.o_proj": (D, q), "post_attention_layernorm": (D,),
             "mlp.gate_proj": (F, D), "mlp.up_proj": (F, D), "mlp.down_proj": (D, F)}
    shapes = {"model.embed_tokens": (config.vocab_size, D), "model.norm": (D,)}
    for l in range(config.num_hidden_layers):
        shapes |= {f"model.layers.{l}.{name}": shape for name, shape in block.items()}
    if not config.tie_word_embeddings:
        shapes["lm_head"] = (config.vocab_size, D)
    scale = {1: 1.0, 2: D**-0.5}
    return {f"{name}.weight": _normal(rng, shape) * np.float32(scale[len(shape)]) for name, shape in shapes.items()}


def _normal(rng, shape):
    return rng.normal(size=shape).astype("float32")
