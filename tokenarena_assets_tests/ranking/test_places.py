"""Rank intervals: published tables, closed forms, simulated coverage, and how much more would tell two apart."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tokenarena_assets.ranking import close_pairs, normal_p_values, rank_from_p_values, rank_intervals, rank_upper_bound

PISA = Path(__file__).parent.parent / "fixtures" / "ranking" / "pisa_2018_math.csv"


def pisa() -> tuple[list[str], np.ndarray, np.ndarray, list[int]]:
    with PISA.open() as file:
        rows = list(csv.DictReader(file))
    scores, errors = (np.array([float(row[name]) for row in rows]) for name in ("score", "standard_error"))
    return [row["country"] for row in rows], scores, errors, [int(row["published_rank"]) for row in rows]


@pytest.mark.parametrize("method", ["holm", "max_t"])
def test_a_published_table_has_its_published_order_within_the_intervals(method: str) -> None:
    countries, scores, errors, published = pisa()
    got = rank_intervals(scores, errors, method=method)
    assert [1 + int((scores > score).sum()) for score in scores] == published
    for country, lo, hi, place in zip(countries, got.rank_lo, got.rank_hi, published, strict=True):
        assert lo <= place <= hi, country
    by_name = dict(zip(countries, zip(got.rank_lo, got.rank_hi, strict=True), strict=True))
    # Colombia and Mexico stand 18 points, 4.6 standard errors, apart; nobody else is within 8 points of either.
    assert by_name["Colombia"] == (37, 37)
    assert by_name["Mexico"][0] >= 35
    assert by_name["Japan"][0] == by_name["Korea"][0] == 1


def test_holm_on_the_published_table_is_holm_by_hand() -> None:
    _, scores, errors, _ = pisa()
    got = rank_intervals(scores, errors)
    m = len(scores)
    pairs = [(a, b) for a in range(m) for b in range(a + 1, m)]
    p = [2 * stats.norm.sf(abs(scores[a] - scores[b]) / np.hypot(errors[a], errors[b])) for a, b in pairs]
    better = np.zeros((m, m), dtype=bool)
    for step, index in enumerate(np.argsort(p)):
        if p[index] * (len(pairs) - step) >= 0.05:
            break
        a, b = pairs[index]
        better[(a, b) if scores[a] > scores[b] else (b, a)] = True
    assert got.rank_lo == tuple(1 + better.sum(axis=0))
    assert got.rank_hi == tuple(m - better.sum(axis=1))


def test_stepping_down_on_the_largest_t_is_no_blunter_than_holm() -> None:
    _, scores, errors, _ = pisa()
    holm, stepped = (rank_intervals(scores, errors, method=method) for method in ("holm", "max_t"))
    widths = [np.subtract(got.rank_hi, got.rank_lo).sum() for got in (stepped, holm)]
    assert widths[0] <= widths[1]
    assert rank_intervals(scores, errors, method="max_t").p_values.tolist() == stepped.p_values.tolist()


def test_what_estimates_share_cancels() -> None:
    # A common error of 10 hides nothing of a difference of 1 whose own error is 0.1.
    covariance = 100.0 + np.diag([0.01, 0.01])
    got = rank_intervals([5.0, 6.0], covariance)
    assert (got.rank_lo, got.rank_hi) == ((2, 1), (2, 1))
    apart = rank_intervals([5.0, 6.0], [10.0, 10.0])
    assert (apart.rank_lo, apart.rank_hi) == ((1, 1), (2, 2))
    assert apart.rank == (1, 1)


def test_known_values_without_error_are_ranked_exactly_and_equal_ones_share() -> None:
    for method in ("holm", "max_t"):
        got = rank_intervals([2.0, 1.0, 2.0, 3.0], np.zeros(4), higher_is_better=False, method=method)
        assert got.rank == (2, 1, 2, 4)
        assert (got.rank_lo, got.rank_hi) == ((2, 1, 2, 4), (3, 1, 3, 4))


def test_intervals_hold_for_all_at_once() -> None:
    truth = np.array([0.0, 0.0, 0.3, 0.6, 0.6, 1.5])
    rng = np.random.default_rng(5)
    errors = np.full(6, 0.2)
    best = 1 + (truth[None, :] > truth[:, None]).sum(axis=1)  # of equals each may stand anywhere among them
    worst = len(truth) - (truth[None, :] < truth[:, None]).sum(axis=1)
    runs, missed = 400, {"holm": 0, "max_t": 0}
    for _ in range(runs):
        seen = rng.normal(truth, errors)
        for method in missed:
            got = rank_intervals(seen, errors, method=method, draws=400)
            missed[method] += bool(np.any(np.array(got.rank_lo) > worst) or np.any(np.array(got.rank_hi) < best))
    # 5 % of 400 are 20; 33 are 3 standard errors above.
    assert max(missed.values()) <= 33


@pytest.mark.parametrize(
    ("estimates", "uncertainty", "says"),
    [
        ([1.0, 2.0], [1.0], "shape"),
        ([1.0, float("nan")], [1.0, 1.0], "finite"),
        ([1.0, 2.0], [1.0, -1.0], "negative"),
        ([1.0, 2.0], [[1.0, 0.0], [0.0, -1.0]], "negative"),
    ],
)
def test_what_does_not_fit_is_refused(estimates: list[float], uncertainty: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rank_intervals(estimates, uncertainty)


def test_a_coverage_is_a_share() -> None:
    with pytest.raises(ValueError, match="coverage"):
        rank_intervals([1.0], [1.0], coverage=95)


def test_nobody_and_one_alone() -> None:
    assert rank_intervals([], []).rank == ()
    for method in ("holm", "max_t"):
        alone = rank_intervals([3.0], [1.0], method=method)
        assert (alone.rank, alone.rank_lo, alone.rank_hi) == ((1,), (1,), (1,))


def test_the_badge_counts_whose_interval_lies_wholly_above() -> None:
    # FastChat's rule: strictly above, so that touching intervals share.
    lower, upper = [95.0, 90.0, 80.0, 60.0], [99.0, 96.0, 90.0, 79.0]
    assert rank_upper_bound(lower, upper) == [1, 1, 2, 4]
    assert rank_upper_bound(lower, upper, higher_is_better=False) == [3, 2, 2, 1]
    assert rank_upper_bound([], []) == []
    with pytest.raises(ValueError, match="above its upper"):
        rank_upper_bound([2.0], [1.0])
    with pytest.raises(ValueError, match="shapes"):
        rank_upper_bound([2.0], [3.0, 4.0])


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 20)), max_size=12))
def test_the_badge_turns_round_with_the_sign(entries: list[tuple[float, float]]) -> None:
    lower, upper = [value - half for value, half in entries], [value + half for value, half in entries]
    mirrored = rank_upper_bound([-u for u in upper], [-v for v in lower], higher_is_better=False)
    assert rank_upper_bound(lower, upper) == mirrored


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.01, 3)), min_size=1, max_size=9))
def test_ranks_are_consistent(entries: list[tuple[float, float]]) -> None:
    values, errors = [value for value, _ in entries], [error for _, error in entries]
    got, mirrored = rank_intervals(values, errors), rank_intervals([-v for v in values], errors, higher_is_better=False)
    assert (got.rank_lo, got.rank_hi) == (mirrored.rank_lo, mirrored.rank_hi)
    assert not (got.better & got.better.T).any()
    for place, lo, hi in zip(got.rank, got.rank_lo, got.rank_hi, strict=True):
        assert 1 <= lo <= place <= hi <= len(values)


def test_close_neighbours_say_what_they_need() -> None:
    # z = 1 at n = 50 each, one pair: (1.960 + 0.842)^2 x 50 - 50 = 342.4.
    values, errors = np.array([0.0, 1.0, 9.0]), np.array([0.5**0.5, 0.5**0.5, 0.1])
    p = normal_p_values(values, np.diag(errors**2))
    ranks = rank_from_p_values(values, p, higher_is_better=False)
    (pair,) = close_pairs(ranks, values, p, [50, 80, 50], higher_is_better=False)
    assert (pair.ahead, pair.behind) == (0, 1)
    assert pair.more_n == 343
    assert pair.p_value == pytest.approx(2 * stats.norm.sf(1))


def test_equal_ones_are_never_told_apart() -> None:
    p = normal_p_values(np.array([1.0, 1.0]), np.eye(2))
    ranks = rank_from_p_values([1.0, 1.0], p, higher_is_better=True)
    (pair,) = close_pairs(ranks, [1.0, 1.0], p, [100, 100], higher_is_better=True)
    assert pair.more_n is None


def test_p_values_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        rank_from_p_values([1.0, 2.0], [0.5], higher_is_better=True)
