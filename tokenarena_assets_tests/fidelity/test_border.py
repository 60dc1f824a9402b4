"""Border inputs: total variation, its expectation, and the alarm rule."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.fidelity.border import (
    balance,
    border_alarm,
    choose_inputs,
    expected_tv_iid,
    is_border,
    mean_tv,
    total_variation,
)

DAY = date(2026, 11, 24)
COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9))


def series(*newest_last):
    """Daily values that end on DAY; None is a day without any."""
    n = len(newest_last)
    days = {DAY - timedelta(days=n - 1 - i): value for i, value in enumerate(newest_last)}
    return {day: value for day, value in days.items() if value is not None}


def test_is_border():
    assert is_border(["a", "b", "a"])
    assert not is_border(["a", "a", "a"])
    assert not is_border([])


def test_total_variation_by_hand():
    assert total_variation({"a": 6, "b": 4}, {"a": 50, "b": 50}) == pytest.approx(0.1)
    assert total_variation({"a": 3}, {"b": 7}) == 1
    assert total_variation({}, {"b": 7}) is None
    assert mean_tv([({"a": 1}, {"a": 9}), ({"a": 1}, {"b": 1}), ({}, {"a": 1})]) == 0.5
    assert mean_tv([]) is None


@given(COUNTS, COUNTS)
@settings(max_examples=50)
def test_total_variation_is_a_distance(a, b):
    tv = total_variation(a, b)
    if tv is not None:
        assert 0 <= tv <= 1 + 1e-12
        assert tv == pytest.approx(total_variation(b, a))
        assert total_variation(a, a) == 0


def test_expected_tv_by_enumeration():
    # 2 answers against 2 of a fair tie: |X - Y| / 2 over all 16 outcomes, X and Y counts of "a".
    outcomes = [abs(sum(x) - sum(y)) / 2 for x in product((0, 1), repeat=2) for y in product((0, 1), repeat=2)]
    assert expected_tv_iid({"a": 1, "b": 1}, 2) == pytest.approx(np.mean(outcomes))
    assert expected_tv_iid({"a": 50}, 10) == pytest.approx(0)


def test_expected_tv_by_drawing():
    rng = np.random.default_rng(0)
    p = [0.5, 0.3, 0.2]
    x, y = rng.multinomial(10, p, 20_000) / 10, rng.multinomial(100, p, 20_000) / 100
    drawn = np.abs(x - y).sum(axis=1).mean() / 2
    assert expected_tv_iid({"a": 50, "b": 30, "c": 20}, 10) == pytest.approx(drawn, rel=0.01)
    with pytest.raises(ValueError, match="both sides"):
        expected_tv_iid({}, 10)


def test_inputs_are_the_best_balanced():
    reference = {"even": {"a": 50, "b": 50}, "odd": {"a": 99, "b": 1}, "constant": {"a": 100}, "tie": {"x": 5, "y": 5}}
    assert choose_inputs(reference) == ("even", "tie", "odd")
    assert choose_inputs(reference, 1) == ("even",)
    assert balance({}) == 0


def test_no_baseline_says_how_many_days_are_missing():
    found = border_alarm(series(0.05, 0.05), DAY)
    assert (found.state, found.reason) == ("no_baseline", "no baseline: 5 days missing")
    # 9 days before it, of which the newest 4 do not count.
    assert border_alarm(series(*[0.05] * 9), DAY).reason == "no baseline: 1 day missing"
    assert border_alarm(series(*[0.05] * 10), DAY).state == "steady"
    assert border_alarm({}, DAY).state == "not_measured"


def test_a_swap_alarms_on_the_third_day_and_names_the_first():
    before = [0.05, 0.07, 0.06, 0.08, 0.05] * 4
    states = [border_alarm(series(*before, *[1.0] * n), DAY) for n in (1, 2, 3, 4)]
    assert [found.state for found in states] == ["deviates", "deviates", "alarm", "alarm"]
    assert [found.since for found in states] == [DAY - timedelta(days=n) for n in range(4)]
    assert states[0].baseline_mean == pytest.approx(np.mean(before[2:-4]))
    assert states[0].n_baseline_days == 14


def test_small_or_noisy_deviations_are_steady():
    assert border_alarm(series(*[0.05] * 18, 0.25), DAY).state == "steady"  # not over 0.2
    assert border_alarm(series(*[0.05] * 18, 0.26), DAY).state == "deviates"
    noisy = [0.0, 0.2] * 9
    assert border_alarm(series(*noisy, 0.45), DAY).state == "steady"  # over 0.2, within 4 standard deviations


def test_a_fall_deviates_too():
    assert border_alarm(series(*[0.5] * 18, 0.1), DAY).state == "deviates"


def test_a_day_without_measurement_breaks_the_run():
    found = border_alarm(series(*[0.05] * 18, 1.0, 1.0, None, 1.0), DAY)
    assert (found.state, found.since) == ("deviates", DAY)


def test_a_lasting_change_becomes_the_baseline():
    assert border_alarm(series(*[0.05] * 18, *[1.0] * 19), DAY).state == "steady"
