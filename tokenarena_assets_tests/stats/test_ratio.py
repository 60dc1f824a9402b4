"""Ratios of sums against hand computation, closed forms, a bootstrap and simulation under the null."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy.stats import kstest

from tokenarena_assets.stats import RatioOfSums, log_ratio_p_values, ratio_of_sums


def log_ratio_p_value(a: ArrayLike, right_a: ArrayLike, b: ArrayLike, right_b: ArrayLike) -> float:
    """One pair on all its items."""
    rows = [np.asarray(given, dtype=float)[None, :] for given in (a, right_a, b, right_b)]
    (p,) = log_ratio_p_values(*rows, np.ones(rows[0].shape, dtype=bool))
    return float(p)


EXAMPLES = settings(derandomize=True, deadline=None, max_examples=80)
ITEMS = st.lists(st.tuples(st.floats(1e-3, 1e3), st.booleans()), min_size=2, max_size=60)
Z = 1.959963984540054


def test_ratio_by_hand() -> None:
    # Costs 1, 2, 3, 2 and two correct of four: R = 4; s_c^2 = 2/3, s_y^2 = 1/3, s_cy = -1/3.
    got = ratio_of_sums([1, 2, 3, 2], [1, 0, 0, 1])
    variance = (2 / 3 - 2 * 4 * (-1 / 3) + 4**2 * (1 / 3)) / (4 * 0.5**2)
    spread = math.exp(Z * math.sqrt(variance) / 4)
    assert (got.value, got.n, got.successes) == (4.0, 4, 2.0)
    assert (got.lo, got.hi) == (pytest.approx(4 / spread), pytest.approx(4 * spread))


def test_it_is_no_mean_of_ratios() -> None:
    assert ratio_of_sums([1, 9], [1, 1]).value == 5
    assert ratio_of_sums([1, 9, 2], [1, 0, 1]).value == 6  # the wrong answer's cost is paid for all the same


@EXAMPLES
@given(items=ITEMS, factor=st.floats(1e-6, 1e6))
def test_scaling_the_costs_scales_the_ratio_and_its_interval(items: list[tuple[float, bool]], factor: float) -> None:
    costs, correct = np.array([c for c, _ in items]), np.array([y for _, y in items])
    got, scaled = ratio_of_sums(costs, correct), ratio_of_sums(costs * factor, correct)
    for name in ("value", "lo", "hi"):
        before, after = getattr(got, name), getattr(scaled, name)
        assert (before is None) == (after is None)
        if before is not None:
            assert after == pytest.approx(before * factor, rel=1e-9)
    if got.value is not None:
        assert got.lo <= got.value <= got.hi


def test_interval_agrees_with_a_bootstrap_of_the_items() -> None:
    rng = np.random.default_rng(7)
    n = 300
    correct = rng.random(n) < 0.7
    costs = rng.lognormal(0, 0.6, n) * np.where(correct, 1.0, 1.4)  # wrong answers are wordier
    got = ratio_of_sums(costs, correct)
    picks = rng.integers(0, n, size=(4000, n))
    boot = costs[picks].sum(axis=1) / correct[picks].sum(axis=1)
    lo, hi = np.quantile(boot, [0.025, 0.975])
    assert math.log(got.lo) == pytest.approx(math.log(lo), abs=0.02)
    assert math.log(got.hi) == pytest.approx(math.log(hi), abs=0.02)


def test_interval_covers_the_true_ratio_in_simulation() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(1000):
        correct = rng.random(70) < 0.8
        got = ratio_of_sums(rng.gamma(4, 0.25, 70), correct)
        covered += got.lo <= 1 / 0.8 <= got.hi
    assert 0.93 <= covered / 1000 <= 0.97


@pytest.mark.parametrize(("n", "upper_share"), [(1, 0.95), (2, 1 - math.sqrt(0.05)), (59, 0.0495), (300, 0.0099361)])
def test_nothing_correct_gives_the_lower_bound_in_closed_form(n: int, upper_share: float) -> None:
    got = ratio_of_sums([0.5] * n, [0] * n)
    assert (got.value, got.hi, got.successes, got.n) == (None, None, 0.0, n)
    assert got.lo == pytest.approx(0.5 / upper_share, rel=1e-3)
    # It is exact: were the true share `upper_share`, n wrong answers in a row would have a chance of 5 %.
    assert (1 - 0.5 / got.lo) ** n == pytest.approx(0.05)


def test_what_cannot_be_known_is_none() -> None:
    assert ratio_of_sums([], []) == RatioOfSums(None, None, None, 0, 0.0)
    assert ratio_of_sums([2.0], [1]) == RatioOfSums(2.0, None, None, 1, 1.0)
    assert ratio_of_sums([0.0, 0.0], [1, 0]) == RatioOfSums(0.0, None, None, 2, 1.0)  # free of charge
    with pytest.raises(ValueError, match="shapes differ"):
        ratio_of_sums([1.0], [1, 0])


@EXAMPLES
@given(items=ITEMS, others=ITEMS)
def test_p_value_is_symmetric_and_a_probability(
    items: list[tuple[float, bool]], others: list[tuple[float, bool]]
) -> None:
    n = min(len(items), len(others))
    a = [c for c, _ in items[:n]], [y for _, y in items[:n]]
    b = [c for c, _ in others[:n]], [y for _, y in others[:n]]
    forward, backward = log_ratio_p_value(*a, *b), log_ratio_p_value(*b, *a)
    assert forward == pytest.approx(backward, abs=1e-12)
    assert 0 <= forward <= 1
    assert log_ratio_p_value(*a, *a) == 1.0


def test_p_value_by_hand() -> None:
    # Both all correct: the log ratio is log(mean a / mean b), its influence a / mean a - b / mean b by item.
    a, b, ones = np.array([1.0, 2.0, 3.0, 2.0]), np.array([3.0, 2.0, 2.0, 3.0]), np.ones(4)
    error = (a / 2.0 - b / 2.5).std(ddof=1) / 2
    z = abs(math.log(2.0 / 2.5)) / error
    assert log_ratio_p_value(a, ones, b, ones) == pytest.approx(math.erfc(z / math.sqrt(2)))


def test_a_constant_factor_on_the_same_items_is_told_apart_without_doubt() -> None:
    costs, correct = [1.0, 2.0, 3.0], [1, 1, 0]
    assert log_ratio_p_value(costs, correct, [c * 1.01 for c in costs], correct) == 0.0


@pytest.mark.parametrize(
    "arguments",
    [([], [], [], []), ([1], [1], [2], [1]), ([1, 1], [0, 0], [2, 2], [1, 1]), ([0, 0], [1, 1], [2, 2], [1, 1])],
)
def test_an_undefined_ratio_is_not_told_apart(arguments: tuple[list[int], ...]) -> None:
    assert log_ratio_p_value(*arguments) == 1.0


def test_p_values_are_uniform_where_there_is_no_difference() -> None:
    rng = np.random.default_rng(3)
    n, found = 70, []
    for _ in range(1000):
        hardness = rng.random(n)  # shared by both: the items are paired
        a, b = (rng.gamma(4, 0.25, n) * (1 + hardness) for _ in range(2))
        right_a, right_b = (rng.random(n) < 0.9 - 0.4 * hardness for _ in range(2))
        found.append(log_ratio_p_value(a, right_a, b, right_b))
    assert 0.03 <= np.mean(np.array(found) < 0.05) <= 0.075
    assert kstest(found, "uniform").pvalue > 0.01


def test_a_real_difference_is_found() -> None:
    rng = np.random.default_rng(5)
    correct = np.ones(70)
    found = [
        log_ratio_p_value(rng.gamma(4, 0.25, 70), correct, 1.3 * rng.gamma(4, 0.25, 70), correct) for _ in range(300)
    ]
    assert np.mean(np.array(found) < 0.05) > 0.8  # log 1.3 is 3.1 standard errors
