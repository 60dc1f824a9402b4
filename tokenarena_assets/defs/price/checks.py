"""Checks across the tables of prices: nothing is lost, feeds agree, nothing is held back."""

import json
from typing import Any

import dagster as dg
import polars as pl

from tokenarena_assets.defs.partitions import DAYS, days_of_check
from tokenarena_assets.defs.resources import Arena

VERDICTS = ("used", "superseded", "quarantined")


@dg.asset_check(
    asset="price_verdicts",
    additional_deps=["price_observation"],
    blocking=True,
    partitions_def=DAYS,
    description="observations = used + superseded + quarantined: each has one verdict",
)
def observations_are_conserved(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Count both sides, and that both are of the same observations."""
    rows: list[dict[str, Any]] = []
    for day in days_of_check(context):
        seen = arena.lake.read("price_observation", day)["observation_id"]
        judged = arena.lake.read("price_verdicts", day)
        counts = {verdict: judged.filter(verdict=verdict).height for verdict in VERDICTS}
        rows.append(
            {
                "day": day.isoformat(),
                "observations": seen.len(),
                **counts,
                "in_one_only": len(set(seen) ^ set(judged["observation_id"])),
            }
        )
    wrong = [row for row in rows if row["observations"] != sum(row[v] for v in VERDICTS) or row["in_one_only"]]
    return dg.AssetCheckResult(passed=not wrong, metadata={"days": rows, "unexpected_count": len(wrong)})


@dg.asset_check(
    asset="price_observation", partitions_def=DAYS, description="every look at a feed succeeded and could be read"
)
def feeds_can_be_read(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Warn of feeds that could not be had and of entries that are no price; a catalog may well have none."""
    found: dict[str, str] = {}
    for day in days_of_check(context):
        bad = arena.lake.read("price_observation", day).filter(
            pl.col("problem").is_not_null(), pl.col("feed") != "catalog"
        )
        for row in bad.iter_rows(named=True):
            found[f"{day} {row['feed']} {row['endpoint_id'] or row['raw_file']}"] = row["problem"]
    return _warning(found, "all could be read", "could not be read")


@dg.asset_check(asset="price_book", partitions_def=DAYS, description="feeds agree on the prices in force within 5 %")
def feeds_agree(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Warn of prices of which two feeds of the last days say different things, with both."""
    found: dict[str, str] = {}
    for day in days_of_check(context):
        rows = arena.lake.read("price_book", day).filter(
            pl.col("valid_to").is_null(),
            pl.col("feeds_disagree").is_not_null(),
            pl.col("band").is_null(),
            pl.col("min_input_tokens") == 0,
        )
        for row in rows.iter_rows(named=True):
            ours = f"{row['input_usd_per_mtok'].normalize():f}/{row['output_usd_per_mtok'].normalize():f}"
            others = ", ".join(f"{feed} {said}" for feed, said in json.loads(row["feeds_disagree"]).items())
            found[f"{day} {row['endpoint_id']} {row['service_tier']}"] = f"in force {ours} ({row['feed']}); {others}"
    return _warning(found, "no feed of the last days says otherwise", "feeds differ")


@dg.asset_check(
    asset="price_quarantine",
    partitions_def=DAYS,
    description="no price is held back; release one with: tokenarena prices release ENDPOINT --reason WHY",
)
def nothing_is_held(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Warn of prices that wait for a second feed or a person, with what speaks against them."""
    found: dict[str, str] = {}
    for day in days_of_check(context):
        for row in arena.lake.read("price_quarantine", day).filter(state="held").iter_rows(named=True):
            found[f"{day} {row['endpoint_id']} {row['service_tier']}"] = f"{row['feed']}: {row['reasons']}"
    return _warning(found, "nothing is held back", "held back")


def _warning(found: dict[str, str], good: str, bad: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(found)} {bad}" if found else good,
        metadata={"endpoints": found, "count": len(found)},
    )
