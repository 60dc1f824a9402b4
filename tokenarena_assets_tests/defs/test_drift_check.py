"""Change points through Dagster: the window of days, the page, and the warning."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from tokenarena_assets.defs.drift.assets import WINDOW, change_points, same_thing_sold
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets_tests.chain.test_drift import SWAPPED, fleet


def test_a_change_is_a_warning_with_date_and_evidence(tmp_path: Path) -> None:
    arena, days = Arena(home_folder=str(tmp_path / "arena")), fleet()
    for day, rows in days.items():
        arena.lake.write("drift_daily", day, rows)
    result = dg.materialize(
        [change_points, same_thing_sold],
        resources={"arena": arena},
        partition_key=max(days).isoformat(),
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert all(check.passed for name, check in checks.items() if name != "same_thing_sold")
    warning = checks["same_thing_sold"]
    assert not warning.passed
    assert warning.severity == dg.AssetCheckSeverity.WARN
    assert warning.description == "not the same thing any more: fox/m@a"
    (said,) = warning.metadata["changes"].value.values()  # type: ignore[union-attr]
    assert said.startswith(f"{SWAPPED}: outputs and quality changed")
    assert "greedy divergences per 1k tokens" in said


def test_the_window_waits_for_no_day_that_does_not_exist() -> None:
    mapping = WINDOW.partition_mapping
    assert isinstance(mapping, dg.TimeWindowPartitionMapping)
    assert mapping.start_offset == -59
    assert mapping.allow_nonexistent_upstream_partitions
