"""8.4가 내보내는 것: 지연 시간과 최대 메모리."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from tf_study.production.measure import Latency, latency, peak_memory

MiB = 2**20


def test_latency_takes_percentiles_of_the_calls_after_a_warm_up():
    waits = iter([0.5] + [0.001] * 18 + [0.05] * 2)
    result = latency(lambda: time.sleep(next(waits)), repeats=20)
    assert isinstance(result, Latency)
    assert 0.001 <= result.p50 < 0.02 < 0.045 < result.p95 <= result.p99 < 0.4
    assert result.p50 < result.mean < result.p95


def test_latency_passes_the_arguments_and_works_on_a_graph():
    seen = []
    latency(lambda *arguments: seen.append(arguments), 1, 2, repeats=3)
    assert seen == [(1, 2)] * 4
    assert latency(tf.function(lambda x: x @ x), tf.eye(4), repeats=2).p50 > 0


def test_latency_wants_a_repeat():
    with pytest.raises(ValueError, match="repeats는 1 이상이어야 한다. 받은 값: 0"):
        latency(lambda: None, repeats=0)


@pytest.fixture(scope="module")
def runs():
    """One call that works and one that does not, side by side: both wait for imports."""
    def twice():
        np.ones(150 * MiB, np.uint8).sum()
        return np.ones(150 * MiB, np.uint8).sum()

    def broken():
        raise ValueError("모양이\n다르다")

    with ThreadPoolExecutor() as pool:
        failing = pool.submit(peak_memory, {"fine": lambda: None, "broken": broken})
        peaks = pool.submit(peak_memory, {
            "large": twice,
            "small": lambda: np.ones(64 * MiB, np.uint8).sum(),
            "tensor": lambda: tf.ones([64, MiB // 4]) + 1.0,
            "nothing": lambda: None,
        })
    return peaks.result(), failing.exception()


def test_peak_memory_sees_a_peak_that_is_gone_and_keeps_functions_apart(runs):
    """The large function comes first: what it freed must not hide the small one."""
    peaks, _ = runs
    assert peaks["large"] == pytest.approx(150 * MiB, abs=10 * MiB)
    assert peaks["small"] == pytest.approx(64 * MiB, abs=10 * MiB)
    assert 2 * 64 * MiB - 10 * MiB < peaks["tensor"] < 2 * 64 * MiB + 60 * MiB
    assert 0 <= peaks["nothing"] < 5 * MiB


def test_peak_memory_names_the_function_that_failed(runs):
    _, error = runs
    assert isinstance(error, RuntimeError)
    assert str(error) == "함수를 실행하지 못했다. 'broken': ValueError: 모양이\n다르다"


def test_peak_memory_names_the_function_that_cannot_be_pickled():
    lock = threading.Lock()
    with pytest.raises(TypeError, match="피클할 수 없는 함수이다. 'locked': cannot pickle '_thread.lock'"):
        peak_memory({"locked": lambda: lock})
