"""From rows of the dated view to the table of change points."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tokenarena_assets.chain.drift import change_points_of, drift_days, read_drift
from tokenarena_assets.chain.drift_tables import CHANGE_POINTS
from tokenarena_assets.checks.profile import profile_table
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets_tests.sql_models.frames import frame

START = date(2026, 11, 1)
SWAPPED = START + timedelta(days=11)
NAMES = ["fox/m@a", *(f"p{i}/m@a" for i in range(5))]


def fleet(days: int = 20, **given: Any) -> dict[str, pl.DataFrame]:
    """Six endpoints of one family; fox serves other weights from the twelfth day on. All days share a wave of speed."""
    rng = np.random.default_rng(5)
    made: dict[date, list[dict[str, Any]]] = {}
    for i in range(days):
        day, wave = START + timedelta(days=i), rng.normal(0, 0.4)
        for name in NAMES:
            swapped = name == "fox/m@a" and day >= SWAPPED
            row = {
                "endpoint_id": name,
                "model_family": "m",
                "fidelity_day": 98 + rng.normal(0, 0.8) - 7 * swapped,
                "greedy_rate_per_1k": (60.0 if swapped else 3.0) * np.exp(rng.normal(0, 0.2)),
                "accuracy_math": 0.7 + rng.normal(0, 0.03) - 0.25 * swapped,
                "output_speed_tok_s": 90 * np.exp(wave + rng.normal(0, 0.03)),
                "latency_prompt_tokens": 1000,
                "input_usd_per_mtok": 1,
                "output_usd_per_mtok": 3,
                "served_model": "m",
                "parity_mismatched": 0,
            }
            made.setdefault(day, []).append(row | given)
    return {day: frame("drift_daily", rows, day) for day, rows in made.items()}


def judged(days: int = 20, **given: Any) -> pl.DataFrame:
    return change_points_of(START + timedelta(days=days - 1), pl.concat(fleet(days, **given).values()))


def test_a_swap_is_found_at_its_date_and_only_there() -> None:
    found = judged()
    assert found["endpoint_id"].to_list() == sorted(NAMES)
    (row,) = found.filter(pl.col("verdict") == "changed").to_dicts()
    assert (row["endpoint_id"], row["changed_on"], row["n_days"]) == ("fox/m@a", SWAPPED, 20)
    assert row["claim"] == "2026-11-12: outputs and quality changed, speed, price and served name did not"
    assert set(row["metrics"].split(", ")) == {"fidelity_day", "greedy_rate_per_1k", "accuracy_math"}
    assert row["probability"] > 0.95
    changed = {each["metric"]: each for each in json.loads(row["details"])["changed"]}
    assert changed["greedy_rate_per_1k"]["before"] == pytest.approx(3, rel=0.3)
    assert changed["greedy_rate_per_1k"]["after"] == pytest.approx(60, rel=0.3)


# Accuracy in four code items a day over fourteen days in which nobody changed, as the embedded fleet really had it.
OF_FOUR_ITEMS = {
    "f16": (2, 3, 3, 2, 2, 3, 2, 2, 2, 3, 2, 3, 2, 3),
    "q4_0": (2, 3, 2, 2, 2, 3, 2, 2, 2, 2, 2, 2, 2, 2),
    "q3_r": (0, 2, 2, 2, 1, 2, 2, 0, 0, 1, 2, 1, 1, 2),
}
SERVED = {"ref": "f16", "replica": "f16", "q8_0": "f16", "q5_0": "f16", "q4_0": "q4_0", "a": "q3_r", "b": "q3_r"}


@pytest.mark.parametrize("days", range(10, 15))
def test_a_few_items_a_day_are_no_ground_for_a_change(days: int) -> None:
    rows = [
        {"endpoint_id": name, "model_family": "m", "accuracy_code": OF_FOUR_ITEMS[of][i] / 4, "accuracy_code_n": 4}
        for i in range(days)
        for name, of in SERVED.items()
    ]
    seen = [
        frame("drift_daily", rows[i * len(SERVED) : (i + 1) * len(SERVED)], START + timedelta(days=i))
        for i in range(days)
    ]
    found = change_points_of(START + timedelta(days=days - 1), pl.concat(seen))
    assert found.filter(verdict="changed").is_empty()


def test_an_endpoint_without_an_event_says_so() -> None:
    (row,) = judged().filter(endpoint_id="p1/m@a").to_dicts()
    assert (row["verdict"], row["claim"], row["changed_on"]) == ("no change seen", "no change seen in 20 days", None)


@pytest.mark.parametrize("days", [1, 5])
def test_few_days_are_not_enough_to_tell(days: int) -> None:
    found = judged(days)
    assert set(found["verdict"]) == {"cannot tell"}
    assert set(found["claim"]) == {f"{days} days are known, 6 needed"}
    assert found["changed_on"].null_count() == 6


def test_it_waits_for_three_days_after_the_swap() -> None:
    assert judged(13).filter(verdict="changed").is_empty()
    assert judged(14).filter(verdict="changed")["changed_on"].to_list() == [SWAPPED]


def test_another_prompt_size_is_no_change_of_speed() -> None:
    days = fleet()
    for number, day in enumerate(days):
        if number >= 14:
            other = {"output_speed_tok_s": pl.col("output_speed_tok_s") * 5, "latency_prompt_tokens": pl.lit(100)}
            own = pl.col("endpoint_id") == "p1/m@a"
            days[day] = days[day].with_columns(
                pl.when(own).then(value).otherwise(pl.col(name)).cast(days[day].schema[name]).alias(name)
                for name, value in other.items()
            )
    found = change_points_of(max(days), pl.concat(days.values()))
    assert found.filter(endpoint_id="p1/m@a")["verdict"].to_list() == ["no change seen"]


def test_order_of_rows_does_not_matter() -> None:
    whole = pl.concat(fleet().values())
    day = START + timedelta(days=19)
    assert change_points_of(day, whole.reverse()).equals(change_points_of(day, whole))


def test_the_table_obeys_its_rules(tmp_path: Path) -> None:
    lake, day = ParquetLake(tmp_path), START + timedelta(days=19)
    lake.write("change_points", day, judged())
    profile = profile_table(lake, CHANGE_POINTS, day)
    assert not [rule for rule in profile.rules if rule.violations]


def test_the_window_is_of_sixty_days_that_exist(tmp_path: Path) -> None:
    lake, day = ParquetLake(tmp_path), START + timedelta(days=70)
    for back in (0, 3, 59, 60):
        each = day - timedelta(days=back)
        lake.write("drift_daily", each, frame("drift_daily", [{"endpoint_id": "a", "model_family": "m"}], each))
    assert read_drift(lake, day)["day"].to_list() == [day - timedelta(days=back) for back in (59, 3, 0)]
    assert (drift_days(day)[0], drift_days(day)[-1], len(drift_days(day))) == (day - timedelta(days=59), day, 60)
