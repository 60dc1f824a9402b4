"""Cost per right answer in time, by hand and by its properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.ranking import cost_per_correct_in_time, no_answer_in_time
from tokenarena_assets.stats import ratio_of_sums

COSTS = [1.0, 2.0, 3.0, 4.0]
CORRECT = [1, 1, 0, 1]
WAITS = [1.0, 12.0, 2.0, math.inf]
IDS = ["a", "b", "c", "d"]


@pytest.mark.parametrize(("deadline_s", "expected"), [(10.0, 10.0), (30.0, 5.0), (12.0, 5.0)])
def test_all_costs_over_right_answers_in_time(deadline_s: float, expected: float) -> None:
    assert cost_per_correct_in_time(COSTS, CORRECT, WAITS, deadline_s, IDS).value == expected


def test_none_in_time_is_a_lower_bound_and_never_infinite() -> None:
    found = cost_per_correct_in_time(COSTS, CORRECT, WAITS, 0.5, IDS)
    assert (found.value, found.hi) == (None, None)
    assert found.lo == pytest.approx(10 / (4 * (1 - 0.05 ** (1 / 4))))  # sum(c) / (n u)


def test_without_a_deadline_that_matters_it_is_the_plain_ratio() -> None:
    found = cost_per_correct_in_time(COSTS, CORRECT, [0.0] * 4, 1e9, IDS)
    assert found.value == ratio_of_sums(COSTS, CORRECT).value


def test_joules_go_the_same_way() -> None:
    joules = [3600 * cost for cost in COSTS]
    in_dollars = cost_per_correct_in_time(COSTS, CORRECT, WAITS, 30, IDS)
    in_joules = cost_per_correct_in_time(joules, CORRECT, WAITS, 30, IDS)
    assert in_joules.value == pytest.approx(3600 * (in_dollars.value or 0))
    assert in_joules.lo == pytest.approx(3600 * (in_dollars.lo or 0))


@given(
    st.lists(st.tuples(st.floats(0.1, 10), st.booleans(), st.floats(0, 60)), min_size=3, max_size=20),
    st.floats(1, 30),
)
def test_more_patience_never_costs_more(items: list[tuple[float, bool, float]], deadline_s: float) -> None:
    costs, correct, waits = zip(*items, strict=True)
    ids = list(range(len(items)))
    hasty = cost_per_correct_in_time(costs, correct, waits, deadline_s, ids).value
    patient = cost_per_correct_in_time(costs, correct, waits, 2 * deadline_s, ids).value
    assert hasty is None or (patient is not None and patient <= hasty)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="deadline"):
        cost_per_correct_in_time(COSTS, CORRECT, WAITS, 0, IDS)
    with pytest.raises(ValueError, match="shapes"):
        cost_per_correct_in_time(COSTS, CORRECT, WAITS[:3], 10, IDS)


def test_shares_by_cause() -> None:
    waits = [1.0, 11.0, None, None, 45.0, *[0.5] * 5]
    causes = [None, None, "rate_limited", "cut", "rate_limited", *[None] * 5]
    late, by_cause = no_answer_in_time(waits, causes, 10.0)
    assert (late.value, late.n) == (0.4, 10)
    # Wilson's interval of 4 in 10 (Newcombe 1998's formula, by hand)
    assert late.lo == pytest.approx(0.1682, abs=1e-4)
    assert late.hi == pytest.approx(0.6873, abs=1e-4)
    assert {cause: share.value for cause, share in by_cause.items()} == {
        "too_slow": 0.1,
        "rate_limited": 0.2,
        "cut": 0.1,
    }
    assert no_answer_in_time([], [], 10.0)[0].value is None
