"""First-token log-probabilities: LT, KL and the test against a floor."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.fidelity.logprobs import (
    ASSUMED_LOGPROB_FLOOR,
    choose_logprob_floor,
    common_k,
    kl_top_k,
    lt_permutation_p,
    lt_statistic,
    lt_test,
)

ROWS = st.lists(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(-20, 0), min_size=1).map(lambda row: list(row.items())),
    min_size=1,
    max_size=4,
)


def row(**logprobs):
    return list(logprobs.items())


def test_lt_by_hand():
    # Means: a -1.5 and -1, b -2 and -3, c imputed at each row's smallest (-2, -2) and -4.
    left = [row(a=-1, b=-2), row(a=-2, b=-2)]
    right = [row(a=-1, b=-3, c=-4)]
    assert lt_statistic(left, right, 3) == pytest.approx((0.5 + 1 + 2) / 3)


def test_rows_are_cut_to_the_same_k_before_tokens_are_gathered():
    left, right = [row(a=-1, b=-2)], [row(a=-1, b=-2, c=-4)]
    assert lt_statistic(left, right, 2) == 0
    assert lt_statistic(left, right, 3) == pytest.approx(2 / 3)


def test_common_k_is_what_both_usually_give():
    assert common_k([row(a=-1, b=-2), row(a=-1)], [row(a=-1, b=-2, c=-3)] * 3) == 1
    assert common_k([row(a=-1, b=-2)] * 3, [row(a=-1, b=-2, c=-3)] * 3) == 2
    assert common_k([], [row(a=-1)]) == 0
    assert common_k([[]], [row(a=-1)]) == 0


def test_missing_logprobs_are_never_imputed():
    with pytest.raises(ValueError, match="no row"):
        lt_statistic([[], []], [row(a=-1)], 5)
    assert lt_statistic([[], row(a=-1)], [row(a=-1)], 5) == 0
    with pytest.raises(ValueError, match="at least 1"):
        lt_statistic([row(a=-1)], [row(a=-1)], 0)


def test_values_that_are_no_logprobs_are_left_out():
    odd = [[("a", -1.0), ("b", -9999.0), ("c", -math.inf), ("d", math.nan)]]
    assert lt_statistic(odd, [row(a=-1)], 4) == 0


def test_tokens_of_one_spelling_add_up():
    half = math.log(0.25)
    assert lt_statistic([[("\ufffd", half), ("\ufffd", half)]], [[("\ufffd", math.log(0.5))]], 2) == pytest.approx(0)


@given(ROWS, ROWS, st.integers(1, 6))
@settings(max_examples=50)
def test_lt_is_symmetric_and_zero_for_the_same(left, right, k):
    assert lt_statistic(left, left, k) == 0
    assert lt_statistic(left, right, k) == pytest.approx(lt_statistic(right, left, k))


def test_kl_by_hand_with_a_tail():
    p = [row(a=math.log(0.7), b=math.log(0.2))]
    q = [row(a=math.log(0.5), b=math.log(0.2))]
    expected = 0.7 * math.log(0.7 / 0.5) + 0.2 * math.log(1) + 0.1 * math.log(0.1 / 0.3)
    assert kl_top_k(q, p, 2) == pytest.approx(expected)
    assert kl_top_k(p, p, 2) == 0


def test_a_token_of_one_side_only_goes_to_the_tail():
    p = [row(a=math.log(0.6), b=math.log(0.3))]
    q = [row(a=math.log(0.6), c=math.log(0.3))]
    assert kl_top_k(q, p, 2) == pytest.approx(0, abs=1e-12)


@given(ROWS, ROWS)
@settings(max_examples=50)
def test_kl_is_never_negative(left, right):
    assert kl_top_k(left, right, 6) >= 0


def test_lt_test_by_hand():
    # Logs over the floor of 0.1: log 2, log 4, log 8: mean 2 log 2, variance log(2)^2.
    found = lt_test([0.2, 0.4, 0.8], 0.1, 0.0)
    assert found.ratio == pytest.approx(4)
    assert found.geometric_mean == pytest.approx(0.4)
    assert found.se_log == pytest.approx(math.log(2) / math.sqrt(3))
    # t = 2 sqrt(3) on 2 degrees of freedom: p = (1 - t / sqrt(2 + t^2)) / 2.
    t = 2 * math.sqrt(3)
    assert found.p_one_sided == pytest.approx((1 - t / math.sqrt(2 + t * t)) / 2)
    # t(0.975, 2) = 4.302653; s of 0.2, 0.4, 0.8 is 0.305505.
    assert found.mean == pytest.approx(1.4 / 3)
    assert found.hi == pytest.approx(1.4 / 3 + 4.302653 * 0.305505 / math.sqrt(3), rel=1e-5)
    assert found.lo == 0


def test_the_floors_uncertainty_widens():
    sure, unsure = (lt_test([0.5, 0.6, 0.7, 0.5], 0.25, sd) for sd in (0.0, 0.5))
    assert unsure.se_log == pytest.approx(math.hypot(sure.se_log, 0.5))
    assert unsure.p_one_sided > sure.p_one_sided
    # Almost all the variance is the floor's: a normal.
    z = math.log(unsure.ratio) / unsure.se_log
    assert unsure.p_one_sided == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), abs=1e-3)


def test_lt_test_of_little():
    assert lt_test([], 0.25, 0.5) is None
    one = lt_test([0.5], 0.25, 0.5)
    assert (one.n, one.mean, one.p_one_sided) == (1, 0.5, None)
    same = lt_test([0.0, 0.0], 0.25, 0.5)
    assert same.mean == 0
    assert same.p_one_sided > 0.99
    assert lt_test([0.5, 0.5], 0.25, 0.0).p_one_sided == 0
    assert lt_test([0.1, 0.1], 0.25, 0.0).p_one_sided == 1


def test_floors():
    assert choose_logprob_floor([]) is ASSUMED_LOGPROB_FLOOR
    assert (ASSUMED_LOGPROB_FLOOR.nats, ASSUMED_LOGPROB_FLOOR.log_sd) == (0.25, 0.5)
    assert choose_logprob_floor([0.05]).nats == 0.05
    assert choose_logprob_floor([0.05]).log_sd == 0.5
    three = choose_logprob_floor([0.1, 0.2, 0.4])
    assert (three.nats, three.log_sd) == (0.4, pytest.approx(math.log(2) * math.sqrt(4 / 3)))
    assert choose_logprob_floor([], [0.3]).nats == 0.3
    assert choose_logprob_floor([], [0.1]) is ASSUMED_LOGPROB_FLOOR


def test_permutation_p_counts_by_hand():
    # Two rows a side, well apart: of the 6 deals 2 are as far apart as what was seen.
    prompts = [([row(a=-1), row(a=-1)], [row(a=-3), row(a=-3)])]
    assert lt_permutation_p(prompts, 1, permutations=2_000, seed=1) == pytest.approx(1 / 3, abs=0.04)
    same = [([row(a=-1)] * 3, [row(a=-1)] * 3)]
    assert lt_permutation_p(same, 1, permutations=99) == 1.0
    with pytest.raises(ValueError, match="no prompts"):
        lt_permutation_p([], 1)
