"""6.5가 내보내는 것: 덧셈 어텐션, 탐욕 탐색과 빔 탐색, 날짜 표현."""

from __future__ import annotations

import datetime
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_study.nlp.seq2seq import BahdanauAttention, _expression, beam_search, date_expressions, greedy_search

RNG = np.random.RandomState(0)
V, START, END = 4, 0, 1
TABLE = tf.nn.log_softmax(tf.constant(RNG.uniform(-2, 2, (2, 6, V, V)), tf.float32))  # (B, t, 앞 토큰, 다음 토큰)


def step(token, state):
    """A different bigram table for every row and every position."""
    row, t = state["row"], state["t"]
    return tf.gather_nd(TABLE, tf.stack([row, t, token], axis=-1)), {"row": row, "t": t + 1}


def first_state():
    return {"row": tf.constant([0, 1]), "t": tf.zeros([2], tf.int32)}


def penalty(n, alpha):
    return ((5 + n) / 6) ** alpha


def every_output(row, max_length, alpha):
    """All outputs of at most `max_length` tokens with their scores, best first."""
    found = []
    for n in range(1, max_length + 1):
        for output in itertools.product(range(V), repeat=n):
            if END in output[:-1] or (n < max_length and output[-1] != END):
                continue
            pairs = zip((START, *output), output)
            log_p = sum(float(TABLE[row, t, a, b]) for t, (a, b) in enumerate(pairs))
            found.append((log_p / penalty(n, alpha), output))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 3.0])
def test_a_full_beam_is_exhaustive(alpha):
    tokens, scores = beam_search(step, first_state(), START, END, 4**4, 4, alpha)
    for row in range(2):
        expected = every_output(row, 4, alpha)
        np.testing.assert_allclose(scores[row, : len(expected)], [s for s, _ in expected], atol=1e-5)
        best = expected[0][1]
        assert tokens[row, 0].numpy().tolist() == list(best) + [END] * (4 - len(best))
        assert np.isneginf(scores[row, len(expected) :]).all()


def test_one_beam_is_greedy():
    tokens, log_prob = greedy_search(step, first_state(), START, END, 6)
    beams, scores = beam_search(step, first_state(), START, END, 1, 6)
    np.testing.assert_array_equal(tokens, beams[:, 0])
    np.testing.assert_allclose(log_prob, scores[:, 0], rtol=1e-5)
    for row in range(2):
        token = START
        for t, chosen in enumerate(tokens[row].numpy()):
            assert chosen == (END if token == END else int(np.argmax(TABLE[row, t, token])))
            token = int(chosen)


@pytest.mark.parametrize("beam", [1, 2, 3, 7])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_score_is_that_of_its_tokens(beam, alpha):
    tokens, scores = beam_search(step, first_state(), START, END, beam, 5, alpha)
    assert (np.diff(scores, axis=1) <= 0).all()
    for row, k in itertools.product(range(2), range(beam)):
        output = tokens[row, k].numpy().tolist()
        n = output.index(END) + 1 if END in output else 5
        assert set(output[n:]) <= {END}
        pairs = zip([START, *output], output[:n])
        log_p = sum(float(TABLE[row, t, a, b]) for t, (a, b) in enumerate(pairs))
        np.testing.assert_allclose(scores[row, k], log_p / penalty(n, alpha), rtol=1e-4)


def test_graph_equals_eager_with_an_open_batch():
    signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.int32)]

    @tf.function(input_signature=signature)
    def search(row, t):
        return beam_search(step, {"row": row, "t": t}, START, END, 3, 5, 0.7)

    state = first_state()
    for ours, eager in zip(search(state["row"], state["t"]), beam_search(step, state, START, END, 3, 5, 0.7)):
        np.testing.assert_allclose(ours, eager, rtol=1e-6)


def test_a_state_may_grow():
    def growing(token, state):
        row, prefix = state
        prefix = tf.concat([prefix, token[:, None]], axis=1)
        position = tf.fill(tf.shape(token), prefix.shape[1] - 1)
        return tf.gather_nd(TABLE, tf.stack([row, position, token], axis=-1)), (row, prefix)

    state = (tf.constant([0, 1]), tf.zeros([2, 0], tf.int32))
    for ours, theirs in zip(
        beam_search(growing, state, START, END, 3, 5), beam_search(step, first_state(), START, END, 3, 5)
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    for ours, theirs in zip(
        greedy_search(growing, state, START, END, 5), greedy_search(step, first_state(), START, END, 5)
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_every_hypothesis_keeps_its_own_state():
    def remembering(token, state):
        row, t, total = state
        total = (total + token) % V
        return tf.gather_nd(TABLE, tf.stack([row, t, total], axis=-1)), (row, t + 1, total)

    zeros = tf.zeros([2], tf.int32)
    tokens, scores = beam_search(remembering, (tf.constant([0, 1]), zeros, zeros), START, END, 3, 5)
    for row, k in itertools.product(range(2), range(3)):
        output = tokens[row, k].numpy().tolist()
        n = output.index(END) + 1 if END in output else 5
        totals = np.cumsum([START, *output]) % V
        log_p = sum(float(TABLE[row, t, totals[t], output[t]]) for t in range(n))
        np.testing.assert_allclose(scores[row, k], log_p, rtol=1e-4)


def test_half_precision_logits_are_added_in_float32():
    def half(token, state):
        logits, state = step(token, state)
        return tf.cast(logits, tf.float16), state

    _, scores = beam_search(half, first_state(), START, END, 2, 5)
    assert scores.dtype == tf.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beam": 0}, "beam는 1 이상"),
        ({"max_length": 0}, "max_length는 1 이상"),
        ({"length_penalty": -0.1}, "length_penalty는 0 이상"),
        ({"state": ()}, "배치인 텐서"),
        ({"state": tf.constant(1.0)}, "배치인 텐서"),
    ],
)
def test_wrong_arguments_of_the_search(change, message):
    arguments = {"state": first_state(), "beam": 2, "max_length": 3} | change
    with pytest.raises(ValueError, match=message):
        beam_search(step, start=START, end=END, **arguments)


def attended(B=2, T=3, S=5):
    query = tf.constant(RNG.uniform(-1, 1, (B, T, 4)), tf.float32)
    values = tf.constant(RNG.uniform(-1, 1, (B, S, 6)), tf.float32)
    return query, values


def test_attention_is_the_formula():
    query, values = attended()
    layer = BahdanauAttention(7)
    context, weights = layer(query, values)
    W, U, v = layer.get_weights()
    for b, t in itertools.product(range(2), range(3)):
        e = np.array([v[:, 0] @ np.tanh(query.numpy()[b, t] @ W + h @ U) for h in values.numpy()[b]])
        expected = np.exp(e) / np.exp(e).sum()
        np.testing.assert_allclose(weights[b, t], expected, rtol=1e-4)
        np.testing.assert_allclose(context[b, t], expected @ values[b].numpy(), rtol=1e-4, atol=1e-6)
    again = layer(query, values, keys=layer.project(values))
    np.testing.assert_allclose(again[0], context, rtol=1e-6)


def test_masked_values_change_nothing():
    query, values = attended()
    layer = BahdanauAttention(7)
    context, weights = layer(query, values)
    padded = tf.concat([values, 100 * tf.ones([2, 2, 6])], axis=1)
    mask = tf.constant([[True] * 5 + [False] * 2] * 2)
    masked_context, masked_weights = layer(query, padded, values_mask=mask)
    np.testing.assert_allclose(masked_context, context, rtol=1e-5)
    np.testing.assert_allclose(masked_weights[..., :5], weights, rtol=1e-5)
    assert (masked_weights[..., 5:].numpy() == 0).all()


def test_keras_passes_the_mask_of_the_values():
    embedding = keras.layers.Embedding(5, 6, mask_zero=True)
    query, _ = attended()
    _, weights = BahdanauAttention(7)(query, embedding(np.array([[1, 2, 0, 0], [3, 4, 1, 0]])))
    assert (weights.numpy()[0, :, 2:] == 0).all() and (weights.numpy()[1, :, 3:] == 0).all()
    assert (weights.numpy()[1, :, 2] > 0).all()


def test_attention_in_mixed_precision():
    query, values = attended()
    layer = BahdanauAttention(7, dtype="mixed_float16")
    mask = tf.constant([[True, True, False, False, False]] * 2)
    context, weights = tf.function(layer)(query, values, values_mask=mask)
    assert context.dtype == weights.dtype == tf.float16
    reference = BahdanauAttention(7)
    reference.build(query.shape, values.shape)
    reference.set_weights(layer.get_weights())
    np.testing.assert_allclose(weights, reference(query, values, values_mask=mask)[1], atol=5e-3)


def test_attention_serialises():
    inputs = keras.Input((3, 4)), keras.Input((5, 6))
    model = keras.Model(inputs, BahdanauAttention(7)(*inputs))
    copy = keras.Model.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    for ours, theirs in zip(model(attended()), copy(attended())):
        assert ours.shape == theirs.shape
    assert keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(BahdanauAttention(7))).units == 7


def test_wrong_arguments_of_attention():
    with pytest.raises(ValueError, match="units는 1 이상"):
        BahdanauAttention(0)
    query, values = attended()
    with pytest.raises(ValueError, match="축이 셋이어야"):
        BahdanauAttention(7)(query[:, 0], values)


def test_date_expressions_are_reproducible_and_disjoint():
    sources, targets = date_expressions(2000, seed=3)
    assert (sources, targets) == date_expressions(2000, seed=3) != date_expressions(2000, seed=4)
    unseen_sources, unseen_targets = date_expressions(2000, seed=3, held_out=True)
    assert not set(targets) & set(unseen_targets) and not set(sources) & set(unseen_sources)
    assert len(sources) == len(targets) == 2000
    for target in targets + unseen_targets:
        assert 2020 <= datetime.date.fromisoformat(target).year <= 2039


@pytest.mark.parametrize(
    ("date", "kind", "in_words", "expected"),
    [
        ((2028, 3, 6), 2, (0, 1, 0), "내후년 삼월 첫째 월요일(첫째 6일)"),
        ((2027, 6, 29), 2, (0, 1, 1), "내년 유월 다섯째 화요일(첫째 1일)"),
        ((2024, 10, 31), 1, (1, 1, 1), "재작년 시월 삼십일일"),
        ((2026, 12, 31), 1, (1, 0, 0), "올해 12월 31일"),
        ((2030, 11, 20), 0, (1, 0, 1), "이천삼십년 11월 이십일"),
        ((2031, 11, 11), 0, (0, 1, 0), "2031년 십일월 11일"),
    ],
)
def test_date_expressions_mean_their_dates(date, kind, in_words, expected):
    assert _expression(datetime.date(*date), kind, in_words) == expected


def test_date_expressions_needs_a_count():
    with pytest.raises(ValueError, match="count는 1 이상"):
        date_expressions(0, seed=0)
