"""Change points of one series: found where they are, not found where nothing changed."""

from __future__ import annotations

import numpy as np
import pytest

from tokenarena_assets.drift import MEASURED, Metric, Recorded, Series, changes_of, probability_beside, recorded_changes

METRIC = Metric("m", "m", "speed", "", None, "plain", "none", 0.3, 1.0, 0.02)
NAME = Recorded("served_model", "name", "served name", "", 3)
PRICE = Recorded("input_usd_per_mtok", "price", "price", "", 1)


def series(values: np.ndarray, first_day: int = 100) -> Series:
    return Series(np.arange(first_day, first_day + len(values)), values, values)


def noise(seed: int, n: int, spread: float = 0.15) -> np.ndarray:
    return spread * np.random.default_rng(seed).normal(size=n)


@pytest.mark.parametrize(("n", "at"), [(12, 6), (30, 15), (30, 27), (60, 3), (60, 57)])
def test_a_step_is_found_on_its_day(n: int, at: int) -> None:
    values = noise(1, n) + np.where(np.arange(n) >= at, 2.5, 0.0)
    (found,) = [change for change in changes_of(METRIC, series(values)) if change.certain]
    assert found.changed_on == 100 + at
    assert found.earliest <= found.changed_on <= found.latest
    assert (found.n_before, found.n_after) == (at, n - at)
    assert found.after - found.before == pytest.approx(2.5, abs=0.3)


def test_two_steps_are_two_changes() -> None:
    at = np.arange(45)
    values = noise(2, 45) + np.where((at >= 12) & (at < 30), 2.0, 0.0)
    assert [change.changed_on for change in changes_of(METRIC, series(values)) if change.certain] == [112, 130]


@pytest.mark.parametrize("bad", [[10], [10, 11], [29], [28, 29], [0], [5, 20]])
def test_bad_days_are_no_change(bad: list[int]) -> None:
    values = noise(3, 30)
    values[bad] += 6.0
    assert not [change for change in changes_of(METRIC, series(values)) if change.certain]


def test_a_spell_of_a_few_days_is_no_pair_of_changes() -> None:
    values = noise(3, 40)
    values[20:24] += 1.5
    assert not [change for change in changes_of(METRIC, series(values)) if change.certain]


def test_too_few_days_are_no_change() -> None:
    assert changes_of(METRIC, series(np.array([0.0, 0.0, 9.0, 9.0, 9.0]))) == []
    assert not changes_of(METRIC, series(np.array([0.0] * 20 + [9.0, 9.0])))


def test_a_change_too_small_for_a_claim_is_none() -> None:
    values = noise(4, 40, 0.01) + np.where(np.arange(40) >= 20, 0.2, 0.0)
    assert changes_of(METRIC, series(values)) == []


def test_of_a_weak_step_nobody_can_tell() -> None:
    values = noise(5, 20, 0.3) + np.where(np.arange(20) >= 10, 1.2, 0.0)
    (found,) = changes_of(METRIC, series(values))
    assert not found.certain
    assert found.probability is not None
    assert 0.05 <= found.probability < 0.95


def test_days_without_figures_widen_the_range_of_dates() -> None:
    days = np.array([*range(100, 110), *range(116, 126)])
    values = noise(6, 20) + np.where(days >= 116, 2.5, 0.0)
    (found,) = changes_of(METRIC, Series(days, values, values))
    assert (found.earliest, found.changed_on, found.latest) == (110, 116, 116)


def test_unchanged_series_with_waves_and_heavy_tails_are_left_alone() -> None:
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(100):
        shocks, values = rng.standard_t(4, 60), np.empty(60)
        values[0] = shocks[0]
        for i in range(1, 60):
            values[i] = 0.3 * values[i - 1] + shocks[i]
        wrong += any(change.certain for change in changes_of(METRIC, series(0.2 * values)))
    assert wrong <= 2


def test_beside_a_known_change_the_same_figures_say_more() -> None:
    flat, moved = noise(8, 30), noise(8, 30) + np.where(np.arange(30) >= 20, 0.8, 0.0)
    quiet = probability_beside(METRIC, series(flat), 120, 120)
    assert quiet is not None
    assert quiet < 0.2
    assert (probability_beside(METRIC, series(moved), 120, 120) or 0) > 0.95
    assert probability_beside(METRIC, series(flat), 101, 101) is None
    assert probability_beside(METRIC, series(flat[:4]), 102, 102) is None


def runs(*parts: tuple[str, int]) -> tuple[list[int], list[str]]:
    values = [value for value, n in parts for _ in range(n)]
    return list(range(100, 100 + len(values))), values


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (runs(("a", 20)), []),
        (runs(("a", 10), ("b", 5)), [(110, 1.0)]),
        (runs(("a", 3), ("b", 3)), [(103, 1.0)]),
        (runs(("a", 10), ("b", 2)), [(110, None)]),
        (runs(("a", 2), ("b", 10)), [(102, None)]),
        (runs(("a", 10), ("b", 2), ("a", 10)), []),
        (runs(("a", 5), ("b", 5), ("a", 5)), [(105, 1.0), (110, 1.0)]),
        (runs(), []),
    ],
)
def test_a_recorded_value_changes_when_the_new_one_stands(
    record: tuple[list[int], list[str]], expected: list[tuple[int, float | None]]
) -> None:
    assert [(change.changed_on, change.probability) for change in recorded_changes(NAME, *record)] == expected


def test_a_price_is_changed_at_once() -> None:
    (found,) = recorded_changes(PRICE, [1, 2, 5], [0.1, 0.1, 0.2])
    assert (found.earliest, found.changed_on, found.probability) == (3, 5, 1.0)
    assert (found.before, found.after, found.n_before, found.n_after) == (0.1, 0.2, 2, 1)


def test_metrics_are_told_apart_by_name() -> None:
    assert len({metric.name for metric in MEASURED}) == len(MEASURED)
    assert all(metric.least > 0 and metric.usual > metric.scatter > 0 for metric in MEASURED)
