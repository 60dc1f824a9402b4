"""All daily figures -> one dated view of each endpoint -> its change points, over 60 days."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from tokenarena_assets.chain.drift import DRIFT_DAYS, change_points_of, read_drift
from tokenarena_assets.chain.drift_tables import CHANGE_POINTS
from tokenarena_assets.defs.factory import python_asset, sql_assets
from tokenarena_assets.defs.partitions import DAYS, days_of_check
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.drift import CHANGED
from tokenarena_assets.report.markdown import table
from tokenarena_assets.storage.lake import Lake

# The window has the days that there are: one that was not measured, or before the first one, is no reason to wait.
WINDOW = dg.AssetDep(
    "drift_daily",
    partition_mapping=dg.TimeWindowPartitionMapping(
        start_offset=1 - DRIFT_DAYS, allow_nonexistent_upstream_partitions=True
    ),
)


def _changes(arena: Arena, day: date) -> None:
    arena.lake.write("change_points", day, change_points_of(day, read_drift(arena.lake, day)))


def _show(lake: Lake, day: date) -> dict[str, Any]:
    headers = ["endpoint", "verdict", "what", "evidence", "days"]
    rows = lake.read("change_points", day).select(
        "endpoint_id", "verdict", "claim", pl.col("evidence").fill_null(""), "n_days"
    )
    return {"change_points": dg.MetadataValue.md(table(headers, rows.rows()))}


drift_models = sql_assets("drift")
change_points = python_asset(CHANGE_POINTS, [WINDOW], _changes, _show)


@dg.asset_check(
    asset="change_points",
    partitions_def=DAYS,
    description=f"no endpoint has changed what it sells in the last {DRIFT_DAYS} days",
)
def same_thing_sold(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Warn of endpoints that changed, with the date and the evidence; newest first."""
    rows = [
        row
        for day in days_of_check(context)
        for row in arena.lake.read("change_points", day).filter(verdict=CHANGED).iter_rows(named=True)
    ]
    newest = sorted(rows, key=lambda row: (row["changed_on"], row["endpoint_id"]), reverse=True)
    found = {
        f"{row['day']} {row['endpoint_id']} {row['changed_on']}": f"{row['claim']}. {row['evidence']}" for row in newest
    }
    endpoints = sorted({row["endpoint_id"] for row in rows})
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"not the same thing any more: {', '.join(endpoints)}" if found else "no change was seen",
        metadata={"changes": found, "count": len(found)},
    )
