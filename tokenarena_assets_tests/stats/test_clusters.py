"""Clustered errors, combined intervals and the bootstrap, against hand computation, closed forms and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.stats import (
    Interval,
    bca_ratio,
    clustered_mean,
    clustered_se,
    ratio_of_sums,
    ratio_with_interval,
    weighted_sum,
    wilson,
)

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60)


def test_clustered_error_by_hand() -> None:
    # Mean 0.5; sums of deviations by cluster: a: 0.5 + 0.5 = 1, b: -0.5, c: -0.5; G = 3, n = 4.
    got = clustered_se([1, 1, 0, 0], ["a", "a", "b", "c"])
    assert got == pytest.approx(math.sqrt(3 / 2 * (1 + 0.25 + 0.25)) / 4)


@EXAMPLES
@given(values=st.lists(st.floats(-5, 5), min_size=2, max_size=40))
def test_items_that_are_clusters_of_their_own_give_the_ordinary_error(values: list[float]) -> None:
    got = clustered_se(values, range(len(values)))
    assert got == pytest.approx(float(np.std(values, ddof=1)) / math.sqrt(len(values)), abs=1e-12)


def test_one_cluster_has_no_error_and_shapes_must_agree() -> None:
    assert clustered_se([1, 0, 1], "aaa") is None
    assert clustered_se([], "") is None
    with pytest.raises(ValueError, match="3 values and 2 clusters"):
        clustered_se([1, 0, 1], "ab")


def test_whole_clusters_that_rise_and_fall_together_widen_the_interval() -> None:
    values = [1.0] * 40 + [0.0] * 20 + [1.0] * 20 + [0.0] * 20
    apart = clustered_mean(values, range(100), (0, 1))
    together = clustered_mean(values, [i // 20 for i in range(100)], (0, 1))
    assert apart.value == together.value == 0.6
    assert together.hi - together.lo > 3 * (apart.hi - apart.lo)
    assert (together.lo, together.hi) == (0.0, 1.0)


def test_where_all_clusters_agree_a_share_has_wilsons_interval() -> None:
    assert clustered_mean([1.0] * 10, range(10), (0.0, 1.0)) == wilson(10, 10)
    assert clustered_mean([1.0, 0.0] * 5, "aabbccddee", (0.0, 1.0)) == wilson(5, 10)
    assert clustered_mean([], [], (0.0, 1.0)) == Interval(None, None, None, 0)
    assert clustered_mean([1.0, 0.0], "aa", (0.0, 1.0)) == Interval(0.5, None, None, 2)


def test_clustered_interval_covers_in_simulation() -> None:
    rng, covered = np.random.default_rng(5), 0
    for _ in range(400):
        shares = np.clip(0.7 + rng.normal(0, 0.15, 12), 0, 1)
        values = (rng.random((12, 10)) < shares[:, None]).ravel().astype(float)
        got = clustered_mean(values, np.repeat(np.arange(12), 10).tolist(), (0.0, 1.0))
        covered += got.lo <= 0.7 <= got.hi
    assert 0.92 <= covered / 400 <= 0.98


def test_a_weighted_sum_combines_the_limits() -> None:
    a, b = Interval(0.8, 0.7, 0.85, 60), Interval(0.5, 0.35, 0.65, 40)
    got = weighted_sum([(0.6, a), (0.4, b)])
    assert (got.value, got.n) == (pytest.approx(0.68), 100)
    assert got.lo == pytest.approx(0.68 - math.hypot(0.06, 0.06))
    assert got.hi == pytest.approx(0.68 + math.hypot(0.03, 0.06))


def test_a_difference_swaps_the_limits_of_what_is_taken_off() -> None:
    # Newcombe's hybrid score interval: 56/70 against 48/80, his example (Statistics in Medicine 17, 1998, case a).
    got = weighted_sum([(1.0, wilson(56, 70)), (-1.0, wilson(48, 80))])
    assert (got.value, got.lo, got.hi) == tuple(pytest.approx(v, abs=5e-5) for v in (0.2, 0.0524, 0.3339))


def test_what_is_unknown_stays_unknown() -> None:
    known, unknown = Interval(0.5, 0.4, 0.6, 10), Interval(None, None, None, 0)
    assert weighted_sum([(0.6, known), (0.4, unknown)]).value is None
    assert weighted_sum([(1.0, Interval(0.5, None, None, 9))]) == Interval(0.5, None, None, 9)
    assert weighted_sum([]).value is None


def test_the_bootstrap_agrees_with_scipys_where_scipy_can() -> None:
    from scipy.stats import bootstrap

    rng = np.random.default_rng(2)
    y = (rng.random(60) < 0.7).astype(float)
    c = rng.lognormal(0, 0.5, 60)
    lo, hi = bca_ratio(c, y, range(60), resamples=20_000)

    def ratio(costs: np.ndarray, right: np.ndarray, axis: int) -> np.ndarray:
        return costs.sum(axis=axis) / right.sum(axis=axis)

    theirs = bootstrap((c, y), ratio, paired=True, n_resamples=20_000, rng=1, method="BCa").confidence_interval
    assert math.log(lo) == pytest.approx(math.log(theirs.low), abs=0.01)
    assert math.log(hi) == pytest.approx(math.log(theirs.high), abs=0.01)


def test_the_bootstrap_is_the_same_each_time_and_other_by_seed() -> None:
    c, y = [1.0, 2.0, 3.0, 2.0, 5.0], [1, 0, 1, 1, 1]
    assert bca_ratio(c, y, range(5)) == bca_ratio(c, y, range(5))
    assert bca_ratio(c, y, range(5)) != bca_ratio(c, y, range(5), seed=1)


def test_clusters_widen_the_bootstraps_interval() -> None:
    c = [1.0] * 20
    y = [1.0] * 10 + [0.0] * 5 + [1.0] * 5
    apart = bca_ratio(c, y, range(20))
    together = bca_ratio(c, y, [i // 5 for i in range(20)])
    assert together[0] <= apart[0]
    assert together[1] is None or together[1] >= apart[1]


def test_strata_are_drawn_each_by_itself() -> None:
    # Within each stratum all items are equal: nothing varies, however unlike the strata are.
    c, y, strata = [1.0] * 6 + [9.0] * 4, [1.0] * 10, ["math"] * 6 + ["code"] * 4
    assert bca_ratio(c, y, range(10), strata) == (pytest.approx(4.2), pytest.approx(4.2))
    lo, hi = bca_ratio(c, y, range(10))
    assert lo < 4.2 < hi


def test_a_bound_beyond_all_draws_is_none() -> None:
    lo, hi = bca_ratio([1.0] * 6, [1, 0, 0, 0, 0, 0], range(6))
    assert lo is not None
    assert hi is None
    assert bca_ratio([1.0], [1], [0]) == (None, None)
    assert bca_ratio([1.0, 1.0], [0, 0], "ab") == (None, None)
    with pytest.raises(ValueError, match="differ in shape"):
        bca_ratio([1.0, 1.0], [0], "ab")


@EXAMPLES
@given(items=st.lists(st.tuples(st.floats(1e-3, 1e3), st.booleans(), st.integers(0, 4)), min_size=2, max_size=40))
def test_the_interval_holds_its_ratio(items: list[tuple[float, bool, int]]) -> None:
    costs, right, clusters = zip(*items, strict=True)
    got = ratio_with_interval(costs, right, clusters)
    assert got.value == ratio_of_sums(costs, right).value
    if got.value is not None:
        assert got.lo is None or got.lo <= got.value
        assert got.hi is None or got.value <= got.hi


def test_small_samples_are_bootstrapped_and_large_ones_are_not() -> None:
    rng = np.random.default_rng(4)
    c, y = rng.lognormal(0, 1, 120), (rng.random(120) < 0.8).astype(float)
    assert ratio_with_interval(c, y, range(120)) == ratio_of_sums(c, y)
    small = ratio_with_interval(c[:99], y[:99], range(99))
    assert small.value == ratio_of_sums(c[:99], y[:99]).value
    assert small.lo != ratio_of_sums(c[:99], y[:99]).lo
    nothing = ratio_with_interval(c[:20], np.zeros(20), range(20))
    assert nothing == ratio_of_sums(c[:20], np.zeros(20))


def test_weights_move_the_ratio_and_its_bound() -> None:
    got = ratio_of_sums([1, 3], [1, 1], [0.5, 1.5])
    assert (got.value, got.n, got.successes) == (pytest.approx(2.5), 2, 2.0)
    bound = ratio_of_sums([1, 3], [0, 0], [0.5, 1.5])
    assert bound.lo == pytest.approx(5 / (2 * (1 - math.sqrt(0.05))))


def test_bootstrap_covers_the_true_ratio_in_simulation() -> None:
    rng, covered = np.random.default_rng(9), 0
    for _ in range(300):
        right = rng.random(60) < 0.8
        lo, hi = bca_ratio(rng.lognormal(0, 0.8, 60), right, range(60), resamples=600)
        covered += lo <= math.exp(0.32) / 0.8 <= (math.inf if hi is None else hi)
    assert 0.91 <= covered / 300 <= 0.98
