"""Paired differences, McNemar's exact test and Holm's correction against hand computation and scipy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from tokenarena_assets.stats import (
    PairedDifference,
    holm,
    mcnemar_exact,
    minimum_detectable_difference,
    paired_difference,
    weighted_mcnemar_exact,
)

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=100)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [(0, 0, 1.0), (3, 3, 1.0), (5, 0, 2 / 32), (6, 0, 2 / 64), (4, 1, 2 * 6 / 32), (1, 9, 2 * 11 / 1024)],
)
def test_mcnemar_by_hand(only_first: int, only_second: int, p_value: float) -> None:
    assert mcnemar_exact(only_first, only_second) == pytest.approx(p_value, rel=1e-12)


def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs() -> None:
    for first, second in itertools.product(range(16), repeat=2):
        expected = binomtest(first, first + second).pvalue if first + second else 1.0
        assert mcnemar_exact(first, second) == pytest.approx(expected, rel=1e-9)


def test_paired_difference_by_hand() -> None:
    # Ten items: four only the first solves, one only the second, three both, two none.
    first = [1, 1, 1, 1, 0, 1, 1, 1, 0, 0]
    second = [0, 0, 0, 0, 1, 1, 1, 1, 0, 0]
    got = paired_difference(first, second)
    half = 1.959963984540054 * math.sqrt((4 + 1 - 3**2 / 10) / (10 * 9))
    assert got.difference == pytest.approx(0.3)
    assert (got.lo, got.hi) == (pytest.approx(0.3 - half), pytest.approx(0.3 + half))
    assert (got.p_value, got.n) == (pytest.approx(0.375), 10)


@EXAMPLES
@given(pairs=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_paired_difference_is_the_mean_and_standard_error_of_the_differences(pairs: list[tuple[bool, bool]]) -> None:
    first, second = zip(*pairs, strict=True)
    got, swapped = paired_difference(first, second), paired_difference(second, first)
    differences = np.subtract(first, second, dtype=float)
    half = 1.959963984540054 * differences.std(ddof=1) / math.sqrt(len(pairs))
    assert got.difference == pytest.approx(differences.mean(), abs=1e-12)
    assert got.hi - got.difference == pytest.approx(half, abs=1e-7)
    assert (swapped.difference, swapped.p_value) == (pytest.approx(-got.difference, abs=1e-12), got.p_value)
    assert swapped.lo == pytest.approx(-got.hi, abs=1e-12)


@pytest.mark.parametrize("items", [[], [1]])
def test_fewer_than_two_items_tell_nothing(items: list[int]) -> None:
    assert paired_difference(items, items) == PairedDifference(None, None, None, None, len(items))


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        paired_difference([1, 0], [1])


def test_holm_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04; a later one is never the smaller.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([0.04]) == pytest.approx([0.04])
    assert holm([]).shape == (0,)


@EXAMPLES
@given(p_values=P_VALUES)
def test_holm_keeps_order_and_lies_between_raw_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(raw <= a <= 1 for raw, a in zip(p_values, adjusted, strict=True))
    assert all(a <= min(1, raw * len(p_values)) + 1e-12 for raw, a in zip(p_values, adjusted, strict=True))
    assert adjusted.min() == pytest.approx(min(1.0, min(p_values) * len(p_values)))
    in_order = adjusted[np.argsort(p_values, kind="stable")]
    assert np.all(np.diff(in_order) >= 0)


@EXAMPLES
@given(p_values=P_VALUES, data=st.data())
def test_holm_does_not_depend_on_the_order_given(p_values: list[float], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(p_values))))
    shuffled = holm([p_values[i] for i in order])
    assert shuffled == pytest.approx([holm(p_values)[i] for i in order])


def test_the_detectable_difference_is_that_of_the_published_table() -> None:
    published = {(0.10, 100): 0.089, (0.10, 420): 0.043, (0.10, 1319): 0.024, (0.10, 2800): 0.017}
    got = {key: minimum_detectable_difference(*key) for key in published}
    assert got == {key: pytest.approx(value, abs=6e-4) for key, value in published.items()}
    with pytest.raises(ValueError, match="discordant share"):
        minimum_detectable_difference(1.2, 10)
    with pytest.raises(ValueError, match="discordant share"):
        minimum_detectable_difference(0.1, 0)


def test_a_pair_without_discordance_can_still_detect_no_less_than_one_item() -> None:
    same = paired_difference([1, 0, 1, 1], [1, 0, 1, 1])
    assert same.minimum_detectable == pytest.approx(2.8 * math.sqrt(0.25 / 4))
    one = paired_difference([1, 0, 1, 1], [0, 0, 1, 1])
    assert (one.only_first, one.only_second, one.minimum_detectable) == (1, 0, same.minimum_detectable)
    assert paired_difference([], []).minimum_detectable is None


def test_the_weighted_exact_test_of_one_stratum_is_mcnemars() -> None:
    for first in range(8):
        for second in range(8):
            got = weighted_mcnemar_exact([(0.3, first, second)])
            assert got == pytest.approx(mcnemar_exact(first, second))


def test_the_weighted_exact_test_by_enumeration() -> None:
    # Sums of +-2 (thrice) and +-1 (twice); observed 2 + 2 - 2 + 1 + 1 = 4.
    signs = [[1, -1]] * 5
    sums = [sum(w * s for w, s in zip((2, 2, 2, 1, 1), draw, strict=True)) for draw in itertools.product(*signs)]
    expected = sum(abs(total) >= 4 for total in sums) / len(sums)
    assert weighted_mcnemar_exact([(2, 2, 1), (1, 2, 0)]) == pytest.approx(expected)
    assert weighted_mcnemar_exact([(0.6, 0, 0), (0.4, 0, 0)]) == 1.0
