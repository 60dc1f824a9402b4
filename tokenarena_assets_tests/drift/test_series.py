"""What all endpoints share is taken off, and bad days are found and weigh little."""

from __future__ import annotations

import numpy as np
import pytest

from tokenarena_assets.drift import Series, chance_of_share, day_weights, proposed_changes, without_shared


def series(values: list[float], days: list[int] | None = None) -> Series:
    array = np.array(values, dtype=float)
    return Series(np.array(days or range(len(values))), array, array)


def test_what_all_show_is_taken_off_and_what_one_shows_stays() -> None:
    shared = np.array([0.0, 3.0, -2.0, 0.5, 1.0])
    group = {name: series((level + shared).tolist()) for name, level in zip("abcde", (1, 2, 3, 4, 5), strict=True)}
    group["a"] = series([1.0, 4.0, -1.0, 9.5, 10.0])  # it changed on the fourth day
    found = without_shared(group)
    own = np.array(found["a"].values) - found["a"].values[0]
    assert own.tolist() == pytest.approx([0, 0, 0, 8, 8])
    assert np.ptp(found["c"].values) == pytest.approx(0)
    assert found["a"].raw.tolist() == group["a"].raw.tolist()


def test_of_fewer_than_four_endpoints_nothing_is_shared() -> None:
    group = {name: series([0.0, 5.0, 0.0]) for name in "abc"}
    assert all(np.array_equal(found.values, [0, 5, 0]) for found in without_shared(group).values())


def test_a_day_that_few_have_is_left_as_it_is() -> None:
    group = {name: series([0.0, 1.0, 0.0], [1, 2, 3]) for name in "abc"} | {"d": series([0.0, 0.0], [1, 3])}
    assert without_shared(group)["a"].values.tolist() == [0, 1, 0]


def test_one_or_two_bad_days_weigh_little_and_the_days_beside_a_step_weigh_in_full() -> None:
    quiet = [0.0, 0.1, -0.1, 0.05, -0.05, 0.0, 0.1, -0.1, 0.05, 0.0]
    bad = quiet.copy()
    bad[4], bad[9] = 8.0, -8.0
    weights = day_weights(np.array(bad), 0.05)
    assert weights[4] < 0.01
    assert weights[9] < 0.01
    assert np.delete(weights, [4, 9]).min() > 0.5
    step = np.array(quiet) + np.where(np.arange(10) >= 7, 5.0, 0.0)
    assert day_weights(step, 0.05).min() > 0.5
    assert day_weights(np.array([1.0, 9.0]), 0.05).tolist() == [1, 1]


def test_chance_of_a_share_is_binomial() -> None:
    # 8 of 16 items, one success and one failure added: 9 of 18, and days of four items.
    assert chance_of_share(np.array([0.25, 0.75, 0.25, 0.75]), np.full(4, 4.0)) == pytest.approx(np.sqrt(0.25 / 4))
    # Never a mistake in 5 days of 20 items: 101 of 102.
    assert chance_of_share(np.ones(5), np.full(5, 20.0)) == pytest.approx(np.sqrt(101 / 102 / 102 / 20))
    assert chance_of_share(np.array([]), np.array([])) == 0


def test_segments_are_where_the_levels_change() -> None:
    levels = np.array([0.0] * 8 + [3.0] * 7 + [1.0] * 9) + np.tile([0.1, -0.1, 0.0], 8)
    assert proposed_changes(levels, 0.05) == [8, 15]
    assert proposed_changes(np.full(20, 2.5), 0.05) == []
    assert proposed_changes(np.arange(5.0), 0.05) == []


def test_the_segmentation_is_the_best_of_all() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        values = np.round(rng.normal(size=9) + 3 * (np.arange(9) >= 4), 2)
        found = proposed_changes(values, 0.01, most=1)
        best = min(range(3, 7), key=lambda k: values[:k].var() * k + values[k:].var() * (9 - k))
        assert found in ([], [best])
