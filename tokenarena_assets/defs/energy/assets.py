"""Tokens and constants -> modeled energy of each workload, of a correct answer, and comparisons of endpoints."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from tokenarena_assets.chain.energy import energy_daily, energy_in_time, energy_per_correct, model_day
from tokenarena_assets.chain.energy_tables import ENERGY_TABLES
from tokenarena_assets.defs.factory import asset_spec, check_specs, finish
from tokenarena_assets.defs.partitions import DAYS, days_of, days_of_check
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.energy.facts import facts_folder, load_facts
from tokenarena_assets.report.energy import per_correct_table, requests_table
from tokenarena_assets.report.front import front_plot
from tokenarena_assets.storage.lake import Lake

READ = ("endpoints", "latency_daily", "answers", "answer_waits")


def _model(arena: Arena, day: date) -> None:
    lake, presets = arena.lake, arena.presets(day)
    endpoints, latency, answers, waits = (lake.read(table, day) for table in READ)
    modeled = model_day(endpoints, latency, answers, presets)
    per_correct, pairs = energy_per_correct(day, modeled, answers, endpoints, presets)
    lake.write("energy_daily", day, energy_daily(day, modeled))
    lake.write("energy_per_correct", day, per_correct)
    lake.write("energy_pairs", day, pairs)
    lake.write("energy_in_time", day, energy_in_time(day, modeled, answers, waits, presets))


@dg.multi_asset(
    name="energy",
    specs=[asset_spec(spec, READ, kinds={"python", "numpy", "parquet"}) for spec in ENERGY_TABLES],
    check_specs=[check for spec in ENERGY_TABLES for check in check_specs(spec)],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def energy(context: dg.AssetExecutionContext, arena: Arena) -> Iterator[dg.MaterializeResult]:
    """One set of draws makes all tables: what endpoints share is shared in each."""
    days = days_of(context)
    for day in days:
        _model(arena, day)
    for spec in ENERGY_TABLES:
        yield from finish(context, arena, [spec], days, SHOWN.get(spec.name))


def _show_daily(lake: Lake, day: date) -> dict[str, Any]:
    return {"modeled": dg.MetadataValue.md(requests_table(lake.read("energy_daily", day)))}


def _show_per_correct(lake: Lake, day: date) -> dict[str, Any]:
    return {"modeled": dg.MetadataValue.md(per_correct_table(lake.read("energy_per_correct", day)))}


SHOWN = {"energy_daily": _show_daily, "energy_per_correct": _show_per_correct}


@dg.asset_check(
    asset="energy_daily",
    blocking=True,
    description="every constant of the energy model can be read, is in range and names its source and date",
)
def constants_have_sources() -> dg.AssetCheckResult:
    """Read the constants anew; a bad one is an error that names its file, row and column."""
    found = load_facts(facts_folder())
    return dg.AssetCheckResult(
        passed=True,
        metadata={
            "constants_version": found.version,
            "accelerators": len(found.accelerators),
            "models": len(found.models),
        },
    )


@dg.asset_check(
    asset="energy_daily",
    partitions_def=DAYS,
    description="energy is modeled for every endpoint, and none needs more electricity than its price can pay",
)
def energy_is_plausible(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Warn of endpoints without modeled energy, and of those whose price makes over half of the draws implausible."""
    found = {}
    for day in days_of_check(context):
        daily = arena.lake.read("energy_daily", day).filter(pl.col("workload") != "as_probed")
        for row in daily.iter_rows(named=True):
            name = f"{day} {row['endpoint_id']} {row['workload']}"
            if row["not_modeled_because"] is not None:
                found[name] = row["not_modeled_because"]
            elif (row["price_ceiling_share"] or 0) > 0.5:
                found[name] = (
                    f"{row['price_ceiling_share']:.0%} of the draws cost over a fifth of its price in electricity"
                )
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(found)} to look at" if found else "modeled for all, and plausible",
        metadata={"endpoints": found, "count": len(found)},
    )


@dg.asset(
    deps=["cost_per_correct", "energy_per_correct"],
    group_name="rank",
    kinds={"python", "matplotlib"},
    owners=["team:tokenarena"],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    description="Dollars against modeled joules per correct answer, as probed, with intervals and the Pareto front.",
)
def cost_and_energy_front(context: dg.AssetExecutionContext, arena: Arena) -> dg.MaterializeResult:
    """A picture for the UI; the figures stand in the two tables."""
    drawn = 0
    for day in days_of(context):
        plot = front_plot(arena.lake.read("cost_per_correct", day), arena.lake.read("energy_per_correct", day))
        if plot is not None:
            drawn += 1
            context.add_asset_metadata(
                {"front": dg.MetadataValue.md(plot)}, asset_key="cost_and_energy_front", partition_key=day.isoformat()
            )
    return dg.MaterializeResult(metadata={"days_drawn": drawn})
