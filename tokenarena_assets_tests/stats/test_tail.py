"""The conservative percentile against LoadGen's published floors and exact binomial sums."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.stats import Tail, conservative_percentile, sample_needed

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60)


def at_most(t: int, n: int, percent: int) -> Fraction:
    """P(at most t of n lie above the percentile), by summation in exact rationals."""
    above = 1 - Fraction(percent, 100)
    return sum((math.comb(n, k) * above**k * (1 - above) ** (n - k) for k in range(t + 1)), Fraction(0))


def test_the_floors_are_those_of_loadgen() -> None:
    assert (sample_needed(0.9), sample_needed(0.99)) == (64, 662)


@pytest.mark.parametrize("percent", [50, 75, 90, 95, 99])
def test_the_floor_is_the_first_n_that_the_closed_form_allows(percent: int) -> None:
    # At most one above: q^n + n (1 - q) q^(n-1)
    q, n = Fraction(percent, 100), sample_needed(percent / 100)
    closed = [q**m + m * (1 - q) * q ** (m - 1) for m in (n - 1, n)]
    assert closed[0] > Fraction(1, 100) >= closed[1]
    assert closed == [at_most(1, m, percent) for m in (n - 1, n)]


def test_below_the_floor_there_is_no_value_and_at_it_the_largest() -> None:
    assert conservative_percentile(np.arange(63), 0.9) == Tail(None, 63, 64)
    assert conservative_percentile(np.arange(64), 0.9) == Tail(63.0, 64, 64)
    assert conservative_percentile([], 0.99) == Tail(None, 0, 662)
    assert conservative_percentile(np.arange(63), 0.9).note == "n too small: 63, needs 64"
    assert conservative_percentile(np.arange(64), 0.9).note is None


def test_a_published_example() -> None:
    # mlcommons/endpoints, docs/early_stopping.md: of 40,000 samples 353 are discarded for p99.
    assert conservative_percentile(np.arange(1, 40_001), 0.99).value == 40_000 - 353 + 1


@EXAMPLES
@given(n=st.integers(1, 400), percent=st.sampled_from([50, 75, 90, 95]))
def test_the_rank_is_the_lowest_that_the_binomial_tail_allows(n: int, percent: int) -> None:
    tail = conservative_percentile(np.arange(1, n + 1), percent / 100)
    if tail.value is None:
        assert at_most(1, n, percent) > Fraction(1, 100)
        return
    t = n + 1 - int(tail.value)  # the t-th largest
    assert at_most(t, n, percent) <= Fraction(1, 100) < at_most(t + 1, n, percent)
    # The t-th largest is above the true percentile unless fewer than t values are.
    assert 1 - at_most(t - 1, n, percent) >= Fraction(99, 100)
    assert tail.value >= np.quantile(np.arange(1, n + 1), percent / 100, method="inverted_cdf")


def test_it_nears_the_percentile_as_n_grows() -> None:
    excess = [conservative_percentile(np.linspace(0, 1, n), 0.9).value - 0.9 for n in (64, 640, 6_400, 64_000)]
    assert excess == sorted(excess, reverse=True)
    assert 0 < excess[-1] < 0.004


def test_failures_count_as_never_and_order_does_not_matter() -> None:
    values = [*range(64), *[math.inf] * 2]
    assert conservative_percentile(values[::-1], 0.9).value == math.inf
    assert conservative_percentile([*range(640), *[math.inf] * 2], 0.9).value == 640 - 44  # the 46th largest of 642
