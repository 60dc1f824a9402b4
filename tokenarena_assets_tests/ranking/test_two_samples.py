"""Tests of two samples by round: against SciPy's, by enumeration, and their error rates."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from tokenarena_assets.ranking import rank_sum_p_values, tail_p_values, weighted_mcnemar_p_values


def p_of(first: dict[str, list[float]], second: dict[str, list[float]]) -> float:
    p = rank_sum_p_values([{k: np.array(v) for k, v in each.items()} for each in (first, second)])
    assert p[0, 1] == p[1, 0]
    assert p[0, 0] == p[1, 1] == 1.0
    return float(p[0, 1])


@pytest.mark.parametrize("sizes", [(8, 8), (3, 5), (1, 1), (10, 4)])
def test_one_round_without_ties_is_mann_whitney_exactly(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    for shift in (0.0, 1.0, 3.0):
        x, y = rng.normal(0, 1, sizes[0]), rng.normal(shift, 1, sizes[1])
        expected = stats.mannwhitneyu(x, y, method="exact").pvalue
        assert p_of({"r": list(x)}, {"r": list(y)}) == pytest.approx(expected)


def test_with_ties_it_is_scipys_normal_form() -> None:
    x, y = [1.0, 2.0, 2.0, 3.0, 9.0, 9.0], [2.0, 3.0, 4.0, 9.0, 11.0]
    expected = stats.mannwhitneyu(x, y, method="asymptotic", use_continuity=True).pvalue
    assert p_of({"r": x}, {"r": y}) == pytest.approx(expected)


def test_over_rounds_it_is_the_enumeration_of_each_rounds_labels() -> None:
    first, second = {"a": [1.0, 4.0], "b": [10.0, 30.0]}, {"a": [2.0, 5.0, 6.0], "b": [20.0, 40.0]}

    def wins(labels: dict[str, tuple[int, ...]]) -> float:
        total = 0.0
        for name, chosen in labels.items():
            pooled = first[name] + second[name]
            mine = [pooled[i] for i in chosen]
            theirs = [value for i, value in enumerate(pooled) if i not in chosen]
            total += sum(x > y for x in mine for y in theirs)
        return total

    every = [wins({"a": a, "b": b}) for a in combinations(range(5), 2) for b in combinations(range(4), 2)]
    seen, most = wins({"a": (0, 1), "b": (0, 1)}), 2 * 3 + 2 * 2
    tail = np.mean([value <= min(seen, most - seen) for value in every])
    assert p_of(first, second) == pytest.approx(min(1.0, 2 * tail))


def test_an_hour_at_which_all_are_slow_tells_nobody_apart() -> None:
    rng = np.random.default_rng(3)
    quick, slow = rng.normal(100, 5, 40), rng.normal(500, 5, 40)
    # The first is asked mostly in the quick hour, the second mostly in the slow one; within an hour they are alike.
    first = {"quick": list(quick[:35]), "slow": list(slow[:5])}
    second = {"quick": list(quick[35:]), "slow": list(slow[5:])}
    assert p_of(first, second) > 0.05
    assert (
        stats.mannwhitneyu(np.concatenate([quick[:35], slow[:5]]), np.concatenate([quick[35:], slow[5:]])).pvalue < 1e-6
    )


def test_without_a_common_round_nobody_is_told_apart() -> None:
    assert p_of({"a": [1.0] * 9}, {"b": [9.0] * 9}) == 1.0
    assert p_of({"a": []}, {"a": [1.0]}) == 1.0
    assert p_of({"a": [1.0, 1.0]}, {"a": [1.0]}) == 1.0


def test_alike_endpoints_are_told_apart_one_time_in_twenty() -> None:
    rng = np.random.default_rng(11)
    found = [
        p_of({r: list(rng.exponential(1, 8)) for r in "abc"}, {r: list(rng.exponential(1, 8)) for r in "abc"}) < 0.05
        for _ in range(600)
    ]
    assert 0.02 < np.mean(found) < 0.075


def test_the_tail_test_is_fishers_table_of_those_above_the_pooled_quantile() -> None:
    # 20 values, p90 of the pool: two lie above, both the second one's.
    x, y = np.arange(10.0), np.concatenate([np.arange(8.0) + 0.5, [100.0, np.inf]])
    expected = 2 * stats.hypergeom(20, 2, 10).cdf(0)
    assert tail_p_values([x, y], 0.9)[0, 1] == pytest.approx(expected)
    assert tail_p_values([x, x], 0.9)[0, 1] == 1.0
    assert tail_p_values([x, np.array([])], 0.9)[0, 1] == 1.0


def test_failures_lie_in_the_tail() -> None:
    rng = np.random.default_rng(2)
    sound = rng.normal(100, 10, 100)
    failing = np.concatenate([rng.normal(90, 10, 75), np.full(25, np.inf)])
    assert tail_p_values([sound, failing], 0.9)[0, 1] < 0.001


def test_alike_tails_are_told_apart_no_more_than_one_time_in_twenty() -> None:
    rng = np.random.default_rng(4)
    found = [tail_p_values([rng.lognormal(0, 1, 64), rng.lognormal(0, 1, 64)], 0.9)[0, 1] < 0.05 for _ in range(400)]
    assert np.mean(found) < 0.075


def test_each_pair_of_many_is_as_if_the_two_were_alone() -> None:
    rng = np.random.default_rng(8)
    samples = [{"r": np.round(rng.normal(i, 3, 5 + i), 0 if i < 4 else 12)} for i in range(8)]
    samples[2]["r"][:2] = np.inf
    p = rank_sum_p_values(samples)
    assert p.diagonal().tolist() == [1.0] * 8
    for a, b in combinations(range(8), 2):
        x, y = samples[a]["r"], samples[b]["r"]
        tied = len(np.unique(np.concatenate([x, y]))) < len(x) + len(y)
        expected = stats.mannwhitneyu(x, y, method="asymptotic" if tied else "exact").pvalue
        assert p[a, b] == p[b, a] == pytest.approx(expected)


def test_nobody_and_one_alone() -> None:
    assert rank_sum_p_values([]).shape == (0, 0)
    assert rank_sum_p_values([{}]).tolist() == [[1.0]]
    assert tail_p_values([], 0.9).shape == (0, 0)


def test_mcnemar_of_each_pair_is_of_the_items_that_both_answered() -> None:
    right = {f"i{i}": True for i in range(10)}
    scores = [right, dict.fromkeys(right, False), {"i0": False, "i1": False, "other": True}]
    p = weighted_mcnemar_p_values([(1.0, scores)], 3)
    assert p[0, 1] == pytest.approx(2 / 2**10)
    assert p[0, 2] == pytest.approx(2 / 2**2)  # two shared items
    assert p[1, 2] == 1.0
    assert weighted_mcnemar_p_values([(1.0, [{"i": True}, {"j": False}])], 2)[0, 1] == 1.0
