"""Wilson's interval and order-statistic intervals against published values and exact binomial sums."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from tokenarena_assets.stats import Interval, quantile_interval, wilson

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=100)


@pytest.mark.parametrize(
    ("successes", "n", "lo", "hi"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3 (score, without continuity correction)
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # closed forms: z^2 / (n + z^2) at the ends, 1/2 +- z / (2 sqrt(n + z^2)) in the middle
        (0, 10, 0.0000, 0.2775),
        (10, 10, 0.7225, 1.0000),
        (5, 10, 0.2366, 0.7634),
    ],
)
def test_wilson_gives_the_published_bounds(successes: int, n: int, lo: float, hi: float) -> None:
    got = wilson(successes, n)
    assert got.value == successes / n
    assert (got.lo, got.hi) == (pytest.approx(lo, abs=5e-5), pytest.approx(hi, abs=5e-5))
    assert got.n == n


def test_wilson_of_nothing_is_unknown() -> None:
    assert wilson(0, 0) == Interval(None, None, None, 0)


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (1, 0)])
def test_wilson_refuses_impossible_counts(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes of"):
        wilson(successes, n)


@EXAMPLES
@given(n=st.integers(1, 5000), data=st.data(), confidence=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_agrees_with_scipy_and_is_symmetric(n: int, data: st.DataObject, confidence: float) -> None:
    successes = data.draw(st.integers(0, n))
    got = wilson(successes, n, confidence)
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert got.lo == pytest.approx(expected.low, abs=1e-12)
    assert got.hi == pytest.approx(expected.high, abs=1e-12)
    mirrored = wilson(n - successes, n, confidence)
    assert got.lo == pytest.approx(1 - mirrored.hi, abs=1e-12)
    assert 0 <= got.lo <= got.value <= got.hi <= 1


@pytest.mark.parametrize("n", [10, 30, 70, 200])
def test_wilson_covers_the_true_share(n: int) -> None:
    bounds = [wilson(k, n) for k in range(n + 1)]
    lo, hi = np.array([b.lo for b in bounds]), np.array([b.hi for b in bounds])
    shares = np.linspace(0.005, 0.995, 199)
    coverage = np.array([binom.pmf(np.arange(n + 1), n, p)[(lo <= p) & (p <= hi)].sum() for p in shares])
    # Brown, Cai and DasGupta (2001): close to nominal on average; dips near the ends, never far below.
    assert coverage.mean() > 0.945
    assert coverage.min() > 0.83
    assert coverage[(shares > 0.2) & (shares < 0.8)].min() > 0.91


@pytest.mark.parametrize(
    ("n", "low_rank", "high_rank"),
    # tables of the 95 % interval of the median (Hahn and Meeker; David and Nagaraja 7.1), ranks from 1
    [
        (6, 1, 6),
        (8, 1, 8),
        (10, 2, 9),
        (15, 4, 12),
        (20, 6, 15),
        (25, 8, 18),
        (30, 10, 21),
        (50, 18, 33),
        (100, 40, 61),
    ],
)
def test_median_interval_has_the_tabulated_ranks(n: int, low_rank: int, high_rank: int) -> None:
    got = quantile_interval(np.arange(1, n + 1), 0.5)
    assert (got.lo, got.hi) == (low_rank, high_rank)
    assert got.value == (n + 1) / 2
    assert got.n == n


@pytest.mark.parametrize("n", range(1, 6))
def test_median_of_fewer_than_six_has_no_interval(n: int) -> None:
    got = quantile_interval(np.arange(n), 0.5)
    assert got.value == (n - 1) / 2
    assert (got.lo, got.hi, got.n) == (None, None, n)


def test_empty_sample_is_unknown() -> None:
    assert quantile_interval([], 0.5) == Interval(None, None, None, 0)


def test_tail_quantile_is_known_from_the_first_n_that_can_bound_it() -> None:
    # An upper bound of p90 exists once 1 - 0.9^n >= 0.975.
    first = math.ceil(math.log(0.025) / math.log(0.9))
    assert first == 36
    below, at = quantile_interval(np.arange(first - 1), 0.9), quantile_interval(np.arange(first), 0.9)
    assert (below.value, below.hi) == (None, None)
    assert below.lo is not None
    assert at.value == pytest.approx(0.9 * (first - 1))
    assert at.hi == first - 1
    mirrored = quantile_interval(-np.arange(first), 0.1)
    assert (mirrored.value, mirrored.lo, mirrored.hi) == (pytest.approx(-at.value), -at.hi, -at.lo)
    assert quantile_interval(np.arange(first - 1), 0.1).value is None


def _below(rank: int, n: int, q: Fraction) -> Fraction:
    """P(at most `rank` of n values lie below the quantile), by summation in exact rationals."""
    return sum((math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(rank + 1)), Fraction(0))


@EXAMPLES
@given(n=st.integers(1, 60), percent=st.integers(5, 95), confidence=st.sampled_from([0.8, 0.9, 0.95]))
def test_ranks_are_the_tightest_that_hold_the_confidence(n: int, percent: int, confidence: float) -> None:
    got = quantile_interval(np.arange(n), percent / 100, confidence)
    q, tail = Fraction(percent, 100), (1 - Fraction(str(confidence))) / 2
    slack = Fraction(1, 10**9)
    if got.lo is None:
        assert _below(0, n, q) > tail - slack
    else:
        assert _below(int(got.lo), n, q) <= tail + slack
        assert _below(int(got.lo) + 1, n, q) > tail - slack
    if got.hi is None:
        assert _below(n - 1, n, q) < 1 - tail + slack
    else:
        assert _below(int(got.hi), n, q) >= 1 - tail - slack
        assert got.hi == 0 or _below(int(got.hi) - 1, n, q) < 1 - tail + slack
    if got.value is not None:
        assert got.lo is None or got.lo <= got.value
        assert got.hi is None or got.value <= got.hi


def test_interval_covers_the_true_quantile_in_simulation() -> None:
    rng = np.random.default_rng(20261123)
    samples = rng.exponential(size=(1500, 40))
    for q in (0.5, 0.9):
        truth = -math.log(1 - q)
        intervals = [quantile_interval(sample, q) for sample in samples]
        covered = np.mean([i.lo <= truth <= i.hi for i in intervals])
        assert 0.94 <= covered <= 0.985  # conservative, as ranks are discrete; the standard error is 0.006


def test_failures_count_as_never() -> None:
    answered = np.arange(1.0, 37.0)
    one_failed = quantile_interval([*answered[:35], math.inf], 0.9)
    assert one_failed.value == 33.0  # the 33rd of 36: the smallest with at least 90 % at or below it
    assert one_failed.hi == math.inf
    many_failed = quantile_interval([*answered[:30], *[math.inf] * 6], 0.9)
    assert many_failed.value == math.inf
    assert quantile_interval([1.0, 2.0, math.inf], 0.5).value == 2.0


@EXAMPLES
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80), q=st.floats(0.05, 0.95))
def test_order_of_the_sample_does_not_matter_and_bounds_are_sample_values(values: list[float], q: float) -> None:
    got = quantile_interval(values, q)
    assert got == quantile_interval(sorted(values, reverse=True), q)
    assert all(bound is None or bound in values for bound in (got.lo, got.hi))
