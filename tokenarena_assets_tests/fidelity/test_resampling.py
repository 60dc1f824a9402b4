"""Intervals against closed forms and resampling one draw at a time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tokenarena_assets.fidelity.resampling import bootstrap_interval, jackknife_interval, prompt_interval

VALUES = np.random.default_rng(5).normal(3, 2, 60)


def mean_of(values: np.ndarray):
    return lambda weights: weights @ values / weights.sum(axis=1)


@pytest.mark.parametrize("n", [2, 3, 19])
def test_jackknife_of_a_mean_is_the_t_interval(n: int) -> None:
    got = jackknife_interval(mean_of(VALUES[:n]), n)
    expected = stats.t.interval(0.95, n - 1, VALUES[:n].mean(), VALUES[:n].std(ddof=1) / np.sqrt(n))
    assert got == pytest.approx(expected, rel=1e-12)
    assert prompt_interval(mean_of(VALUES[:n]), n) == got


def test_bootstrap_of_a_mean() -> None:
    got = bootstrap_interval(mean_of(VALUES), 60, resamples=4_000, seed=1)
    rng = np.random.default_rng(2)
    draws = [VALUES[rng.integers(0, 60, 60)].mean() for _ in range(4_000)]
    assert got == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.06)
    assert prompt_interval(mean_of(VALUES), 60, resamples=4_000, seed=1) == got
    assert bootstrap_interval(mean_of(VALUES), 60, resamples=4_000, seed=3) != got


def test_from_twenty_prompts_on_they_are_drawn() -> None:
    twenty = mean_of(VALUES[:20])
    assert prompt_interval(twenty, 20) == bootstrap_interval(twenty, 20)
    assert prompt_interval(twenty, 20) != jackknife_interval(twenty, 20)


def test_unknown_where_a_draw_is_not_defined() -> None:
    def share(weights: np.ndarray) -> np.ndarray:
        return np.where(weights[:, 0] > 0, 1.0, np.nan)

    assert bootstrap_interval(share, 30) == (None, None)
    assert jackknife_interval(share, 5) == (None, None)
    assert jackknife_interval(mean_of(VALUES[:1]), 1) == (None, None)
