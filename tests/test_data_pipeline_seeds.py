"""4.2가 내보내는 시드의 신뢰 구간."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tf_study.data_pipeline.seeds import seed_interval


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_half_width_is_that_of_the_t_test(seeds):
    values = np.random.default_rng(0).normal(size=(4, seeds))
    mean, half = seed_interval(values)
    library = stats.ttest_1samp(values, 0.0, axis=1).confidence_interval(0.95)
    np.testing.assert_allclose([mean - half, mean + half], [library.low, library.high])


def test_a_list_gives_two_numbers():
    mean, half = seed_interval([0.5, 0.6, 0.7])
    np.testing.assert_allclose([mean, half], [0.6, 4.30265 * 0.1 / np.sqrt(3)], rtol=1e-5)


@pytest.mark.parametrize("values", [[0.5], 0.5, np.zeros((3, 1))])
def test_one_seed_has_no_interval(values):
    with pytest.raises(ValueError, match="시드가 둘 이상 있어야 한다. 받은 모양"):
        seed_interval(values)
