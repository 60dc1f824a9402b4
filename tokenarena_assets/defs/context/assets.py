"""Requests of the suite `context` -> needles found -> accuracy by length -> the four lengths of each endpoint."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from tokenarena_assets.chain.context import contexts_of
from tokenarena_assets.chain.tables import CONTEXT_CURVE, CONTEXT_DAILY, CONTEXT_REQUESTS
from tokenarena_assets.defs.factory import asset_spec, check_specs, days_to_make, finish
from tokenarena_assets.defs.partitions import DAYS, days_of_check
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.report.markdown import context_curves, context_table
from tokenarena_assets.storage.lake import Lake

CONTEXT_TABLES = (CONTEXT_REQUESTS, CONTEXT_CURVE, CONTEXT_DAILY)


def _show(lake: Lake, day: date) -> dict[str, Any]:
    daily, curve = lake.read("context_daily", day), lake.read("context_curve", day)
    return {"context": dg.MetadataValue.md(context_table(daily) + "\n\n" + context_curves(curve))}


@dg.multi_asset(
    specs=[asset_spec(spec, ["requests"], kinds={"python", "polars", "parquet"}) for spec in CONTEXT_TABLES],
    check_specs=[check for spec in CONTEXT_TABLES for check in check_specs(spec)],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def context_tables(context: dg.AssetExecutionContext, arena: Arena) -> Iterator[dg.MaterializeResult]:
    """Judge each day's searches once."""
    days, lake = days_to_make(context, arena), arena.lake
    for day in days:
        found = contexts_of(day, lake.scan("requests", day))
        lake.write("context_requests", day, found.requests)
        lake.write("context_curve", day, found.curve)
        lake.write("context_daily", day, found.daily)
    yield from finish(context, arena, CONTEXT_TABLES, days, _show)


@dg.asset_check(
    asset="context_daily",
    partitions_def=DAYS,
    description="no endpoint shortens prompts without an error",
)
def nothing_is_truncated(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Warn of endpoints that shorten prompts silently, with the signs."""
    found = {}
    for day in days_of_check(context):
        for row in arena.lake.read("context_daily", day).iter_rows(named=True):
            if row["truncating"]:
                found[f"{day} {row['endpoint_id']}"] = row["findings"]
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"prompts are shortened by {', '.join(sorted(found))}" if found else "nobody was seen to",
        metadata={"endpoints": found, "count": len(found)},
    )
