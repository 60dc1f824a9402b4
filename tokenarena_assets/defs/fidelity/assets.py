"""Requests of the fidelity channels -> samples -> prompts, references, channels -> one verdict an endpoint and day."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl

from tokenarena_assets.chain.border import KNOWN_FOR_DAYS, border_figures, border_inputs, read_border, read_found
from tokenarena_assets.chain.fidelity_channels import fidelity_of_day
from tokenarena_assets.chain.fidelity_daily import fidelity_daily, read_channels
from tokenarena_assets.chain.fidelity_pool import WINDOW_DAYS, families_of, read_samples
from tokenarena_assets.chain.fidelity_samples import fidelity_samples
from tokenarena_assets.chain.fidelity_tables import (
    BORDER_INPUTS,
    FIDELITY_CHANNELS,
    FIDELITY_DAILY,
    FIDELITY_PROMPTS,
    FIDELITY_REFERENCES,
    FIDELITY_SAMPLES,
)
from tokenarena_assets.defs.factory import asset_spec, check_specs, days_to_make, finish, python_asset
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.fidelity.verdict import DAYS_IN_A_ROW
from tokenarena_assets.report.fidelity import fidelity_table, prompts_table, references_table
from tokenarena_assets.report.plots import fidelity_plot
from tokenarena_assets.storage.lake import Lake

COMPARED_TABLES = (FIDELITY_PROMPTS, FIDELITY_REFERENCES, FIDELITY_CHANNELS)


def _days_up_to(table: str, days: int) -> dg.AssetDep:
    """The last `days` partitions; a day without samples, or before the first one, is no reason to wait."""
    return dg.AssetDep(
        table,
        partition_mapping=dg.TimeWindowPartitionMapping(
            start_offset=1 - days, allow_nonexistent_upstream_partitions=True
        ),
    )


def _samples(arena: Arena, day: date) -> None:
    lake = arena.lake
    table = fidelity_samples(day, lake.scan("requests", day), lake.read("endpoints", day))
    lake.write("fidelity_samples", day, table)


def _border(arena: Arena, day: date) -> None:
    arena.lake.write("border_inputs", day, border_inputs(day, read_border(arena.lake, day)))


def _compare(lake: Lake, day: date) -> None:
    families = families_of(lake.read("endpoints", day))
    border = border_figures(day, read_found(lake, day), read_border(lake, day))
    found = fidelity_of_day(read_samples(lake, day, families), families, border)
    lake.write("fidelity_prompts", day, found.prompts)
    lake.write("fidelity_references", day, found.references)
    lake.write("fidelity_channels", day, found.channels)


def _judge(arena: Arena, day: date) -> None:
    lake = arena.lake
    table = fidelity_daily(
        day,
        read_channels(lake, day),
        lake.read("fidelity_references", day),
        families_of(lake.read("endpoints", day)),
        rehearsal=arena.home.is_rehearsal,
    )
    lake.write("fidelity_daily", day, table)


def _show_daily(lake: Lake, day: date) -> dict[str, Any]:
    existing = set(lake.days("fidelity_daily"))
    days = [day - timedelta(days=back) for back in range(WINDOW_DAYS - 1, -1, -1)]
    history = pl.concat(
        [lake.read("fidelity_daily", each) for each in days if each in existing], how="diagonal_relaxed"
    )
    table = fidelity_table(lake.read("fidelity_daily", day), lake.read("fidelity_channels", day))
    plot = fidelity_plot(history)
    return {"channels": dg.MetadataValue.md(table)} | ({"fidelity": dg.MetadataValue.md(plot)} if plot else {})


def _show_references(lake: Lake, day: date) -> dict[str, Any]:
    return {"references": dg.MetadataValue.md(references_table(lake.read("fidelity_references", day)))}


def _show_prompts(lake: Lake, day: date) -> dict[str, Any]:
    return {"prompts": dg.MetadataValue.md(prompts_table(lake.read("fidelity_prompts", day)))}


SHOWN = {FIDELITY_REFERENCES.name: _show_references, FIDELITY_PROMPTS.name: _show_prompts}

samples = python_asset(FIDELITY_SAMPLES, ["requests", "endpoints"], _samples)
inputs = python_asset(BORDER_INPUTS, [_days_up_to("fidelity_samples", KNOWN_FOR_DAYS)], _border)


@dg.multi_asset(
    specs=[
        asset_spec(
            spec,
            [
                _days_up_to("fidelity_samples", KNOWN_FOR_DAYS),
                _days_up_to("border_inputs", KNOWN_FOR_DAYS),
                "endpoints",
            ],
            kinds={"python", "polars", "parquet"},
        )
        for spec in COMPARED_TABLES
    ],
    check_specs=[check for spec in COMPARED_TABLES for check in check_specs(spec)],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def fidelity_comparisons(context: dg.AssetExecutionContext, arena: Arena) -> Iterator[dg.MaterializeResult]:
    """Compare each day's endpoints with their references once."""
    days, lake = days_to_make(context, arena), arena.lake
    for day in days:
        _compare(lake, day)
    for spec in COMPARED_TABLES:
        yield from finish(context, arena, [spec], days, SHOWN.get(spec.name))


daily = python_asset(
    FIDELITY_DAILY,
    [_days_up_to("fidelity_channels", DAYS_IN_A_ROW), "fidelity_references", "endpoints"],
    _judge,
    _show_daily,
)
