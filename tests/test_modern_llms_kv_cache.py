"""12.2가 내보내는 것: KV 캐시 둘, 표본기, 생성 반복문, 접두사 캐시."""

from __future__ import annotations

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tf_study.modern_llms import kv_cache, rope  # noqa: F401 — rope registers "dynamic"
from tf_study.modern_llms.kv_cache import (
    KVCache,
    PrefixCache,
    RollingKVCache,
    Sampler,
    generate,
    kv_cache_bytes,
)
from tf_study.modern_llms.llama import Llama, LlamaConfig

V = 61
PROMPTS = [[3, 1, 4, 1, 5, 9, 2, 6, 5], [7, 11], [13], list(range(20, 32))]


def random_llama(seed=0, **fields):
    sizes = dict(vocab_size=V, hidden_size=24, intermediate_size=40, num_hidden_layers=2,
                 num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
                 tie_word_embeddings=False)
    model, rng = Llama(LlamaConfig(**{**sizes, **fields})), np.random.RandomState(seed)
    for weight in model.trainable_variables:
        if len(weight.shape) == 2:
            fan_in = 1 if "embedding" in weight.path else weight.shape[0]
            weight.assign(rng.standard_normal(weight.shape) / fan_in**0.5)
    return model


@pytest.fixture(scope="module")
def model():
    return random_llama()


@pytest.fixture(scope="module")
def windowed():
    return random_llama(sliding_window=5)


@pytest.fixture
def policy():
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


def recompute(model, prompt, n, sampler=Sampler(), eos=None, seed=0):
    """`generate` for one prompt without a cache."""
    text, draw = list(prompt), tf.function(sampler, jit_compile=True)      # 즉시 실행은 난수가 다르다
    for i in range(n):
        logits = model(np.array([text]))[:, -1]
        seen = tf.constant([[token in text for token in range(V)]])
        text.append(int(draw(logits, tf.constant([i, seed], tf.int64), seen)[0]))
        if text[-1] == eos:
            break
    return text[len(prompt):]


def padded_batch(rows=3, length=18, seed=0):
    tokens = np.random.RandomState(seed).randint(0, V, (rows, length))
    real = np.arange(length) >= np.arange(rows)[:, None] * 3
    return tokens, real, np.maximum(np.cumsum(real, axis=1) - 1, 0)


def in_chunks(call, config, kind, tokens, real, sizes, max_length=20, dtype="float32"):
    cache, logits = kind.empty(config, len(tokens), max_length, dtype), []
    for end, size in zip(np.cumsum(sizes), sizes):
        part = slice(end - size, end)
        out, cache = call(tf.constant(tokens[:, part]), padding_mask=tf.constant(real[:, part]), cache=cache)
        logits.append(out)
    return tf.concat(logits, axis=1).numpy(), cache


# -- 캐시 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("window, sizes", [
    (None, [5, 1, 1, 6, 5]), (1, [2, 9, 7]), (4, [17, 1]), (5, [18]), (5, [1] * 18), (5, [5, 1, 1, 6, 5]),
    (5, [3, 2, 2, 1, 3, 7]), (19, [5, 1, 1, 6, 5])])
def test_a_cache_changes_nothing(window, sizes):
    model = random_llama(sliding_window=window)
    tokens, real, positions = padded_batch()
    expected = model(tokens, positions=positions, padding_mask=real).numpy()[real]
    for kind in (KVCache, RollingKVCache):
        logits, cache = in_chunks(model, model.config, kind, tokens, real, sizes)
        np.testing.assert_allclose(logits[real], expected, atol=2e-5)
        slots = 20 if kind is KVCache or window is None else min(20, window)
        assert cache.keys[0].shape == cache.values[1].shape == (3, 2, slots, 6)
        assert cache.max_length == 20 and int(cache.length) == 18


def test_padding_between_turns_is_padding(model):
    prompt, real = [3, 1, 4, 1, 5], np.array([[1, 1, 0, 0, 0, 1, 0, 1, 1]], bool)
    tokens = np.zeros(real.shape, int)
    tokens[real] = prompt
    logits, _ = in_chunks(model, model.config, KVCache, tokens, real, [4, 1, 4])
    np.testing.assert_allclose(logits[real], model(np.array([prompt]))[0], atol=2e-5)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("kind", [KVCache, RollingKVCache])
def test_a_cache_in_a_graph(windowed, kind, jit):
    tokens, real, _ = padded_batch()
    call = tf.function(windowed.__call__, jit_compile=jit)
    eager, before = in_chunks(windowed, windowed.config, kind, tokens, real, [9, 1, 8])
    graph, after = in_chunks(call, windowed.config, kind, tokens, real, [9, 1, 8])
    assert type(after) is kind
    np.testing.assert_allclose(graph[real], eager[real], atol=2e-5)
    for a, b in zip(tf.nest.flatten(before), tf.nest.flatten(after)):
        np.testing.assert_allclose(tf.cast(a, tf.float32), tf.cast(b, tf.float32), atol=2e-5)


@pytest.mark.parametrize("dtype, tolerance", [("float16", 0.03), ("bfloat16", 0.3), ("mixed_float16", 0.03)])
def test_a_cache_in_other_dtypes(policy, dtype, tolerance):
    policy(dtype)
    model = random_llama(sliding_window=5)
    compute = model.compute_dtype
    tokens, real, positions = padded_batch()
    expected = model(tokens, positions=positions, padding_mask=real).numpy()[real]
    for kind, slots in ((KVCache, 20), (RollingKVCache, 5)):
        logits, cache = in_chunks(model, model.config, kind, tokens, real, [9, 1, 8], dtype=compute)
        np.testing.assert_allclose(logits[real], expected, atol=tolerance)
        assert {tensor.dtype.name for tensor in cache.keys + cache.values} == {compute}
        stored = sum(tensor.numpy().nbytes for tensor in cache.keys + cache.values)
        assert stored == kv_cache_bytes(model.config, 3, slots, compute)
    assert [len(row) for row in generate(model, PROMPTS, 8)] == [8] * 4


def test_bytes():
    config = LlamaConfig(128256, 4096, 14336, 32, 32, 8)
    assert kv_cache_bytes(config, 1, 8192, "bfloat16") == 2**30
    assert kv_cache_bytes(config, 3, 5) == 2 * 32 * 8 * 128 * 3 * 5 * 4
    with pytest.raises(ValueError, match="0 이상"):
        kv_cache_bytes(config, -1, 5)


@pytest.mark.parametrize("kind", [KVCache, RollingKVCache])
def test_errors_of_a_cache(windowed, kind):
    with pytest.raises(ValueError, match="1 이상이어야 한다.*0, 8"):
        kind.empty(windowed.config, 0, 8)
    cache = kind.empty(windowed.config, 2, 8)
    with pytest.raises(ValueError, match="배치는 2이다. 받은 배치: 3"):
        cache.reserve(np.zeros((3, 1), int))
    with pytest.raises(ValueError, match="8개까지 든다. 0개가 든 캐시에 9개"):
        tf.function(cache.reserve)(tf.zeros((2, 9), tf.int32))
    cache = cache.reserve(np.zeros((2, 6), int))[-1]
    with pytest.raises(ValueError, match="6개가 든 캐시에 3개"):
        cache.reserve(np.zeros((2, 3), int))
    with pytest.raises(ValueError, match="자료형은 float32이다.*float16"):
        cache.write(0, *[tf.zeros((2, 2, 6, 6), tf.float16)] * 2)


# -- 표본기 ----------------------------------------------------------------------------------

SAMPLERS = [Sampler(temperature=0.7), Sampler(1.0, top_k=5), Sampler(1.0, top_p=0.6), Sampler(1.0, top_p=1e-6),
            Sampler(1.4, 9, 0.8, 1.5), Sampler(0.8, repetition_penalty=0.7), Sampler(repetition_penalty=2.0)]


def by_definition(logits, seen, sampler):
    z = np.array(logits, "float64")
    penalty = sampler.repetition_penalty
    z[seen] = np.where(z[seen] > 0, z[seen] / penalty, z[seen] * penalty)
    if sampler.temperature == 0:
        return np.eye(len(z))[z.argmax()]
    p = np.exp(z / sampler.temperature)
    order = np.argsort(-p)[:sampler.top_k]
    mass = np.cumsum(p[order] / p[order].sum())
    order = order[:1 + (mass < sampler.top_p - 1e-6).sum()]
    return np.where(np.isin(np.arange(len(z)), order), p, 0) / p[order].sum()


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_distribution_is_the_definition(sampler, dtype):
    rng = np.random.RandomState(1)
    logits = (3 * rng.standard_normal((4, 23))).astype(dtype)
    seen = rng.uniform(size=(4, 23)) < 0.3
    expected = [by_definition(*row, sampler) for row in zip(logits, seen)]
    for jit in (False, True):
        p = tf.nn.softmax(tf.function(sampler.filter, jit_compile=jit)(logits, seen))
        assert p.dtype == tf.float32
        np.testing.assert_allclose(p, expected, atol=1e-5)


@pytest.mark.parametrize("sampler", SAMPLERS[:5], ids=repr)
def test_drawn_as_often_as_likely(sampler):
    rng, n = np.random.RandomState(2), 20_000
    logits, seen = 2 * rng.standard_normal(11).astype("float32"), rng.uniform(size=11) < 0.4
    p = by_definition(logits, seen, sampler)
    rows, seen = tf.repeat(logits[None], n, 0), tf.repeat(seen[None], n, 0)
    for draw in (sampler, tf.function(sampler, jit_compile=True)):
        drawn = draw(rows, tf.constant([5, 6]), seen)
        counts, kept = np.bincount(drawn, minlength=11), p > 0
        assert drawn.dtype == tf.int32 and counts[~kept].sum() == 0
        if kept.sum() > 1:
            statistic = ((counts - n * p)[kept] ** 2 / (n * p[kept])).sum()
            assert statistic < stats.chi2.isf(1e-6, kept.sum() - 1)


def test_a_large_vocabulary_never_draws_what_was_dropped():
    logits = tf.constant(np.random.RandomState(0).standard_normal((64, 32_000)), tf.float32)
    sampler = Sampler(1.0, top_p=0.3)
    kept = np.isfinite(sampler.filter(logits))
    draw = tf.function(sampler, jit_compile=True)
    for seed in range(5):
        assert np.take_along_axis(kept, draw(logits, tf.constant([0, seed])).numpy()[:, None], 1).all()


def test_a_sum_below_one_draws_what_was_kept():
    p = tf.repeat(tf.constant([[0.0, 0.25, 0.25, 0.0]]), 1000, 0)          # 반올림 오차를 크게 흉내 낸다
    for draw in (kv_cache._draw, tf.function(kv_cache._draw, jit_compile=True)):
        assert set(draw(p, tf.constant([0, 1])).numpy()) == {1, 2}


def test_ties_stay_and_greedy_takes_the_first():
    logits = tf.constant([[1.0, 2.0, 2.0, 2.0, 0.0]])
    assert np.isfinite(Sampler(1.0, top_k=2).filter(logits))[0].tolist() == [False, True, True, True, False]
    assert Sampler()(logits, (0, 0)).numpy().tolist() == [1]


@pytest.mark.parametrize("fields, name", [
    (dict(temperature=-0.1), "temperature"), (dict(temperature=float("nan")), "temperature"),
    (dict(temperature="1"), "temperature"), (dict(top_k=0), "top_k"), (dict(top_k=2.5), "top_k"),
    (dict(top_p=0.0), "top_p"), (dict(top_p=1.1), "top_p"), (dict(repetition_penalty=0), "repetition_penalty")])
def test_errors_of_a_sampler(fields, name):
    with pytest.raises(ValueError, match=f"^{name}.*받은 값"):
        Sampler(**fields)


def test_errors_of_a_call():
    with pytest.raises(ValueError, match=r"\(B, V\)여야 한다. 받은 모양: \(5,\)"):
        Sampler()(tf.zeros(5), (0, 0))
    for seen in (None, tf.zeros((1, 4), bool)):
        with pytest.raises(ValueError, match="seen이 필요하다"):
            Sampler(repetition_penalty=1.2)(tf.zeros((1, 5)), (0, 0), seen)


# -- 생성 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model", "windowed"])
def test_generate_equals_recomputing(name, request):
    model = request.getfixturevalue(name)
    rows = generate(model, PROMPTS, 20)
    assert [row.tolist() for row in rows] == [recompute(model, prompt, 20) for prompt in PROMPTS]
    assert all(row.dtype == np.int32 for row in rows) and len(np.unique(rows)) > 15
    eos = int(rows[1][4])
    stopped = generate(model, PROMPTS, 20, eos=eos)
    assert [row.tolist() for row in stopped] == [recompute(model, prompt, 20, eos=eos) for prompt in PROMPTS]


@pytest.mark.parametrize("sampler", [Sampler(repetition_penalty=1.5), Sampler(1.2, 12, 0.9, 1.3)], ids=repr)
def test_sampling_in_the_loop(model, sampler):
    for prompt in PROMPTS[:2]:                                 # 한 행이면 난수도 같다
        row = generate(model, [prompt], 12, sampler, seed=2**40)[0]
        assert row.tolist() == recompute(model, prompt, 12, sampler, seed=2**40)
    if sampler.temperature:
        assert row.tolist() != generate(model, [PROMPTS[1]], 12, sampler, seed=1)[0].tolist()


def test_one_program_for_nearby_shapes_and_none_for_a_dead_model():
    model, sampler = random_llama(tie_word_embeddings=True), Sampler(0.9)
    for n, length, eos, seed in ((3, 5, None, 0), (16, 16, 4, 1), (9, 12, 5, 2)):
        generate(model, [[1] * n, [2]], length, sampler, eos, seed)
    loop = kv_cache._LOOPS[model][sampler]
    assert loop.experimental_get_tracing_count() == 1
    generate(model, [[1] * 17, [2]], 5, sampler)
    assert loop.experimental_get_tracing_count() == 2
    model.embedding.embeddings.assign(-model.embedding.embeddings)     # 프로그램은 새 가중치를 읽는다
    assert generate(model, [[1, 2, 3]], 6)[0].tolist() == recompute(model, [1, 2, 3], 6)
    alive = weakref.ref(model)
    del model, loop
    gc.collect()
    assert alive() is None


def test_dynamic_scaling_goes_beyond_the_trained_length():
    model, prompt = random_llama(rope_scaling={"rope_type": "dynamic", "factor": 2.0}), [7, 5, 3] * 19
    row = generate(model, [prompt], 20)[0].tolist()            # 57 + 20 > 64
    cache = KVCache.empty(model.config, 1, 64 + 32)            # 주파수는 잡은 길이로 정한다
    logits, cache = model(np.array([prompt]), cache=cache)
    for token in row:
        assert token == int(tf.argmax(logits[0, -1]))
        logits, cache = model(np.array([[token]]), cache=cache)
    trained = random_llama()                                   # 같은 가중치, 조정이 없다
    cache = KVCache.empty(trained.config, 1, 64 + 32)
    assert np.abs(trained(np.array([prompt]), cache=cache)[0] - model(np.array([prompt]), cache=cache)[0]).max() > 0.01


def test_the_longest_prompt_and_the_shortest_answer(model):
    assert generate(model, [[5] * 63], 1)[0].tolist() == recompute(model, [5] * 63, 1)


@pytest.mark.parametrize("arguments, text", [
    (([], 4), "하나 이상"),
    (([[1, 2], []], 4), r"prompts\[1\]는 정수 토큰이 하나 이상"),
    (([1, 2, 3], 4), r"prompts\[0\]는 정수 토큰이 하나 이상"),
    (([[1.5]], 4), r"prompts\[0\]는 정수"),
    (([[1], [V]], 4), rf"prompts\[1\]의 토큰은 0 이상 {V} 미만.*{V}–{V}"),
    (([[-1]], 4), "0 이상"),
    (([[1] * 60, [1] * 61], 4), r"prompts\[1\]의 토큰 61개에 4개.*max_position_embeddings=64"),
    (([[1]], 0), "max_new_tokens는 1 이상"),
    (([[1]], 2.0), "max_new_tokens는 1 이상"),
    (([[1]], 4, Sampler(), V), "eos는 0 이상"),
    (([[1]], 4, Sampler(), 2.0), "eos는 0 이상"),
])
def test_errors_of_generate(model, arguments, text):
    with pytest.raises(ValueError, match=text):
        generate(model, *arguments)


# -- 접두사 캐시 -----------------------------------------------------------------------------


def serve(model, prefix, request):
    cache, n = prefix.fetch(request, max_length=40)
    assert cache.max_length == 40 and int(cache.length) == n
    logits, cache = model(np.array([request[n:]]), cache=cache)
    prefix.store(request, cache)
    return logits[0, -1], n


@pytest.mark.parametrize("window", [None, 5])
def test_a_found_prefix_changes_nothing(window):
    model = random_llama(sliding_window=window)
    prefix, rng = PrefixCache(model, block_size=4), np.random.RandomState(0)
    a = rng.randint(0, V, 30).tolist()
    other_first = [(a[0] + 1) % V] + a[1:]                     # 뒤의 블록은 같고 앞이 다르다
    b = rng.randint(0, V, 30).tolist()
    swapped = a[:4] + b[4:]                                    # 두 블록 모두 있지만 둘째는 다른 접두사의 것이다
    for request, expected in ((a[:10], 0), (a[:10], 8), (a[:8], 4), (a, 8), (a[:25] + [0], 24), (other_first, 0),
                              (b, 0), (swapped, 4)):
        logits, n = serve(model, prefix, request)
        assert n == expected
        np.testing.assert_allclose(logits, model(np.array([request]))[0, -1], atol=2e-5)
    assert prefix.asked == 10 + 10 + 8 + 30 + 26 + 30 * 3 and prefix.found == 8 + 4 + 8 + 24 + 4


def test_the_end_of_the_oldest_prefix_is_dropped_first(model):
    prefix = PrefixCache(model, block_size=4, max_blocks=4)
    a, b = list(range(12)), list(range(30, 39))
    serve(model, prefix, a)                                    # a의 블록 셋
    serve(model, prefix, b)                                    # b의 블록 둘: a의 마지막이 밀려난다
    assert prefix.fetch(b, 40)[1] == 8 and prefix.fetch(a + [0], 40)[1] == 8
    serve(model, prefix, list(range(40, 44)))                  # a를 방금 썼으니 b의 끝이 밀려난다
    assert prefix.fetch(b, 40)[1] == 4 and prefix.fetch(a + [0], 40)[1] == 8


def test_a_prefix_in_half_precision(policy):
    policy("float16")
    model = random_llama()
    prefix = PrefixCache(model, block_size=4)
    serve(model, prefix, PROMPTS[0])
    assert prefix.fetch(PROMPTS[0], 40)[0].keys[0].dtype == tf.float16


def test_errors_of_a_prefix_cache(model):
    with pytest.raises(ValueError, match="1 이상이어야 한다"):
        PrefixCache(model, block_size=0)
    prefix = PrefixCache(model, block_size=4)
    for tokens in ([], [1] * 9):
        with pytest.raises(ValueError, match="max_length=8개 이하"):
            prefix.fetch(tokens, 8)
    rolling = RollingKVCache.empty(model.config, 1, 8)
    for cache in (KVCache.empty(model.config, 1, 8), KVCache.empty(model.config, 2, 8), rolling):
        with pytest.raises(ValueError, match="한 행의 KVCache여야 한다"):
            prefix.store([1, 2, 3, 4], cache)
