"""연습 12.1 Llama를 블록마다 만들기의 흔한 오답(과 그때 나와야 하는 말), 그리고 다른 길로 간 정답."""

import numpy as np
import tensorflow as tf
from keras import ops

from tf_study.practice import chapter12_ex01 as ex


def rms(a, g, epsilon, axis=-1, centre=0.0, outside=0.0):
    a = a - centre * a.mean(axis=-1, keepdims=True)
    return a / (np.sqrt((a**2).mean(axis=axis, keepdims=True) + epsilon * (1 - outside)) + outside * epsilon) * g


def rms_in_place(a, g, epsilon):
    root = np.sqrt((a**2).mean(axis=-1, keepdims=True) + epsilon)
    a /= root
    return a * g


def rms_by_loop(a, g, epsilon):
    rows = a.reshape(-1, a.shape[-1])
    return np.stack([row / np.sqrt(row @ row / len(row) + epsilon) * g for row in rows]).reshape(a.shape)


def glu(x, W, V, W_2, gate=tf.nn.silu, value=lambda b: b):
    return (gate(x @ W) * value(x @ V)) @ W_2


def rotate_by_complex(x, positions, theta):
    first, second = np.split(x, 2, axis=-1)
    d = x.shape[-1]
    turn = np.exp(1j * np.outer(positions, theta ** (-2 * np.arange(d // 2) / d)))
    z = (first + 1j * second) * turn
    return np.concatenate([z.real, z.imag], axis=-1)


def rotate_over_heads(x, positions, theta):
    return np.swapaxes(ex._rotate(np.swapaxes(x, 1, 2), np.resize(positions, x.shape[1]), theta), 1, 2)


def rotate_in_place(x, positions, theta):
    x[:] = ex._rotate(x, positions, theta)
    return x


def attention_by_loop(q, k, v):
    B, H, T, d = q.shape
    R, o = H // k.shape[1], np.zeros_like(q)
    for b, h, t in np.ndindex(B, H, T):
        scores = k[b, h // R, :t + 1] @ q[b, h, t] / np.sqrt(d)
        weights = np.exp(scores - scores.max())
        o[b, h, t] = weights @ v[b, h // R, :t + 1] / weights.sum()
    return o


def attention_by_einsum(q, k, v):
    B, H, T, d = q.shape
    G = k.shape[1]
    scores = tf.einsum("bgrtd,bgsd->bgrts", q.reshape(B, G, H // G, T, d), k) / d**0.5
    weights = tf.nn.softmax(tf.where(np.tri(T, dtype=bool), scores, -1e9))
    return tf.reshape(tf.einsum("bgrts,bgsd->bgrtd", weights, v), (B, H, T, d))


def block(**mistake):
    return lambda x, weights, config: ex._block(x, weights, config, **mistake)


def block_by_layer(x, weights, config):
    """12.1's own block with these weights."""
    from tf_study.modern_llms.llama import Llama, from_huggingface, rope_table

    state = {f"model.layers.0.{name}.weight": value for name, value in weights.items()}
    one = type(config)(**{**vars(config), "num_hidden_layers": 1, "tie_word_embeddings": True})
    D = config.hidden_size
    state |= {"model.embed_tokens.weight": np.zeros((config.vocab_size, D)), "model.norm.weight": np.ones(D)}
    model: Llama = from_huggingface(state, one)
    T = x.shape[1]
    return model.blocks[0](x, rope=rope_table(config, ops.arange(T), T), attention_mask=np.tri(T, dtype=bool))


def model(**mistake):
    return lambda tokens, state, config: ex._logits(tokens, state, config, **mistake)


def model_by_class(tokens, state, config):
    from tf_study.modern_llms.llama import from_huggingface

    return from_huggingface(state, config)(tokens)


WRONG = {
    "check_rms_norm": [
        (lambda a, g, e: rms(a, g, e, centre=1.0), "평균을 뺐다"),
        (lambda a, g, e: rms(a, np.ones_like(g), e), "g를 곱하지 않았다"),
        (lambda a, g, e: rms(a, g, e, outside=1.0), "제곱근의 밖에서"),
        (lambda a, g, e: rms(a, g, 0), "ε을 더하지 않았다"),
        (lambda a, g, e: rms(a, g, e, axis=0), "첫 축에서"),
        (lambda a, g, e: a / np.sqrt((a**2).sum(axis=-1, keepdims=True) + e) * g, "합으로 나누었다"),
        (lambda a, g, e: np.zeros_like(a), "기대"),
        (rms_in_place, "제자리 연산"),
    ],
    "check_swiglu": [
        (lambda x, W, V, W_2: glu(x, V, W, W_2), "자리가 바뀌었다"),
        (lambda x, W, V, W_2: glu(x, W, V, W_2, gate=tf.nn.sigmoid), "시그모이드를"),
        (lambda x, W, V, W_2: glu(x, W, V, W_2, gate=lambda a: a), "Swish가 빠졌다"),
        (lambda x, W, V, W_2: glu(x, W, V, W_2, value=tf.nn.silu), "두 쪽에 다"),
        (lambda x, W, V, W_2: (tf.nn.silu(x @ W) + x @ V) @ W_2, "더했다"),
        (lambda x, W, V, W_2: glu(x, W, V, W_2, gate=tf.nn.relu), "ReLU를"),
        (lambda x, W, V, W_2: glu(x, W, V, W_2)[..., ::-1], "기대"),
    ],
    "check_rotate": [
        (ex._rotate_neighbours, "이웃한 둘을"),
        (lambda x, p, theta: ex._rotate(x, -p, theta), "반대로 돌렸다"),
        (lambda x, p, theta: ex._rotate(x, p, theta, exponent=1), "-i/d이다"),
        (lambda x, p, theta: ex._rotate(x, np.arange(len(p)), theta), "0부터 셌다"),
        (rotate_over_heads, "기대"),
        (lambda x, p, theta: x, "돌리지 않았다"),
        (rotate_in_place, "제자리 연산"),
    ],
    "check_grouped_query_attention": [
        (lambda q, k, v: ex._attention(q, k, v, scale=1), "√d로 나누지 않았다"),
        (lambda q, k, v: ex._attention(q, k, v, scale=q.shape[-1]), "d로 나누었다"),
        (lambda q, k, v: ex._attention(q, k, v, seen=np.ones((q.shape[2],) * 2, bool)), "뒤의 토큰까지"),
        (lambda q, k, v: ex._attention(q, k, v, seen=np.tri(q.shape[2], dtype=bool).T), "마스크가 거꾸로다"),
        (lambda q, k, v: ex._attention(q, k, v, groups=np.arange(q.shape[1]) % k.shape[1]), "h % G번째"),
        (lambda q, k, v: ex._attention(q, k, v, axis=2), "쿼리의 축에"),
        (lambda q, k, v: attention_by_loop(q, k, v)[:, :k.shape[1]], "모양이 다르다"),
    ],
    "check_llama_block": [
        (block(rotated=""), "돌리지 않았다"),
        (block(rotated="qkv"), "값까지 돌렸다"),
        (block(first=False), "어텐션에 x를"),
        (block(second=False), "피드포워드 망에 h를"),
        (block(norms=(False, True)), "어텐션의 입력을"),
        (block(swap=True), "g를 바꾸어"),
        (block(gates=("up", "gate")), "gate_proj와 up_proj를"),
        (block(transposed=False), "축을 바꾸지 않고"),
        (lambda x, weights, config: x, "기대"),
    ],
    "check_llama": [
        (model(last_norm=False), "마지막 RMSNorm이 없다"),
        (model(layer=lambda l, L: 0), "첫 블록의 가중치를"),
        (model(layer=lambda l, L: L - 1 - l), "차례가 거꾸로다"),
        (model(always_tied=True), "묶지 않은 모델에서"),
        (model(probabilities=True), "softmax를 씌웠다"),
        (lambda tokens, state, config: model_by_class(tokens[:, ::-1], state, config), "기대"),
    ],
}

RIGHT = {
    "check_rms_norm": [rms_by_loop, lambda a, g, e: a * tf.math.rsqrt(tf.reduce_mean(a**2, -1, keepdims=True) + e) * g],
    "check_swiglu": [glu, lambda x, W, V, W_2: (ex._swish(x @ W) * (x @ V)) @ W_2],
    "check_rotate": [rotate_by_complex, ex._rotate],
    "check_grouped_query_attention": [attention_by_loop, attention_by_einsum],
    "check_llama_block": [block(), block_by_layer],
    "check_llama": [model(), model_by_class],
}
