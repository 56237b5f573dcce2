"""1장이 내보내는 것."""

from __future__ import annotations

import time

import numpy as np
import pytest
import tensorflow as tf

from tf_study.basics.autodiff import numerical_gradient
from tf_study.basics.timing import compare_seconds, seconds_per_call


def test_numerical_gradient_of_a_quadratic_form():
    rng = np.random.default_rng(0)
    A, x = rng.normal(size=(6, 6)), rng.normal(size=(2, 3))

    def f(x):
        v = tf.reshape(x, [-1])
        return tf.tensordot(v, tf.linalg.matvec(A, v), 1)

    expected = ((A + A.T) @ x.ravel()).reshape(2, 3)
    np.testing.assert_allclose(numerical_gradient(f, x), expected, atol=1e-8)


def test_numerical_gradient_leaves_its_argument_alone():
    x = np.array([1.0, 2.0])
    numerical_gradient(tf.reduce_sum, x)
    assert x.tolist() == [1.0, 2.0]


def test_numerical_gradient_wants_a_scalar():
    with pytest.raises(ValueError, match=r"스칼라를 내야 한다. 받은 모양: \(2,\)"):
        numerical_gradient(tf.sin, np.zeros(2))


def test_seconds_per_call_times_one_call_after_a_warm_up():
    calls = []
    seconds = seconds_per_call(calls.append, 1, repeats=5)
    assert len(calls) == 6 and 0 <= seconds < 1e-2


def test_seconds_per_call_wants_a_repeat():
    with pytest.raises(ValueError, match="repeats는 1 이상이어야 한다. 받은 값: 0"):
        seconds_per_call(print, repeats=0)


def test_compare_seconds_takes_turns_after_a_warm_up_of_each():
    calls = []
    seconds = compare_seconds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=3)
    assert calls == ["a", "b"] * 4
    assert list(seconds) == ["a", "b"] and all(0 <= s < 1e-2 for s in seconds.values())


def test_compare_seconds_tells_a_slow_function_from_a_fast_one():
    seconds = compare_seconds({"slow": lambda: time.sleep(0.05), "fast": lambda: None}, repeats=2)
    assert seconds["slow"] >= 0.05 > seconds["fast"]


def test_compare_seconds_wants_a_repeat():
    with pytest.raises(ValueError, match="repeats는 1 이상이어야 한다. 받은 값: 0"):
        compare_seconds({"print": print}, repeats=0)
