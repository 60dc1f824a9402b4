"""Answered requests -> counted samples -> billing audit; quality items -> waits -> answers in time."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from tokenarena_assets.chain.audit_tables import BILLING_REQUESTS, BILLING_TABLES, IN_TIME_TABLES
from tokenarena_assets.chain.billing import billing_of_day, billing_requests, raw_records
from tokenarena_assets.chain.in_time import in_time_of_day
from tokenarena_assets.defs.factory import asset_spec, check_specs, finish, python_asset, sql_assets
from tokenarena_assets.defs.partitions import days_of
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.report.audit import BILLING_HEADERS, IN_TIME_HEADERS, billing_rows, evidence_rows, in_time_rows
from tokenarena_assets.report.markdown import table
from tokenarena_assets.storage.lake import Lake
from tokenarena_assets.tokens import TokenizerFiles


def _count(arena: Arena, day: date) -> None:
    lake = arena.lake
    sample, endpoints = lake.read("billing_sample", day), lake.read("endpoints", day)
    raw = raw_records(arena.home, day, sample)
    lake.write("billing_requests", day, billing_requests(sample, raw, endpoints, TokenizerFiles()))


def _show_billing(lake: Lake, day: date) -> dict[str, Any]:
    rows = billing_rows(lake.read("billing_audit", day).to_dicts())
    return {"billing": dg.MetadataValue.md(table(BILLING_HEADERS, rows))}


def _show_evidence(lake: Lake, day: date) -> dict[str, Any]:
    rows = evidence_rows(lake.read("billing_evidence", day).to_dicts())
    return {"evidence": dg.MetadataValue.md(table(["endpoint", "severity", "finding", "n", "evidence"], rows))}


def _show_in_time(lake: Lake, day: date) -> dict[str, Any]:
    rows = in_time_rows(lake.read("answers_in_time", day).to_dicts(), lake.read("no_answer_daily", day).to_dicts())
    return {"in_time": dg.MetadataValue.md(table(IN_TIME_HEADERS, rows))}


SHOWN = {"billing_audit": _show_billing, "billing_evidence": _show_evidence, "answers_in_time": _show_in_time}

audit_models = sql_assets("audit")
counted_requests = python_asset(BILLING_REQUESTS, ["billing_sample", "endpoints", "probe_rounds"], _count)


@dg.multi_asset(
    specs=[
        asset_spec(spec, ["billing_requests", "billing_sample", "endpoints"], kinds={"python", "polars", "parquet"})
        for spec in BILLING_TABLES
    ],
    check_specs=[check for spec in BILLING_TABLES for check in check_specs(spec)],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def billing(context: dg.AssetExecutionContext, arena: Arena) -> Iterator[dg.MaterializeResult]:
    """Judge each day's bills once."""
    days, lake = days_of(context), arena.lake
    for day in days:
        tables = (lake.read(name, day) for name in ("billing_requests", "billing_sample", "endpoints"))
        for spec, made in zip(BILLING_TABLES, billing_of_day(day, *tables), strict=True):
            lake.write(spec.name, day, made)
    for spec in BILLING_TABLES:
        yield from finish(context, arena, [spec], days, SHOWN.get(spec.name))


@dg.multi_asset(
    specs=[
        asset_spec(spec, ["answer_waits", "endpoints"], kinds={"python", "polars", "parquet"})
        for spec in IN_TIME_TABLES
    ],
    check_specs=[check for spec in IN_TIME_TABLES for check in check_specs(spec)],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def in_time(context: dg.AssetExecutionContext, arena: Arena) -> Iterator[dg.MaterializeResult]:
    """Hold each day's answers against the deadlines once."""
    days, lake = days_of(context), arena.lake
    for day in days:
        made = in_time_of_day(day, lake.read("answer_waits", day), lake.read("endpoints", day), arena.presets(day))
        for spec, frame in zip(IN_TIME_TABLES, made, strict=True):
            lake.write(spec.name, day, frame)
    for spec in IN_TIME_TABLES:
        yield from finish(context, arena, [spec], days, SHOWN.get(spec.name))
