"""Checks across the audit's tables: counts balance, and nobody bills more than text."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from tokenarena_assets.defs.partitions import DAYS, days_of_check
from tokenarena_assets.defs.resources import Arena


@dg.asset_check(
    asset="billing_audit",
    additional_deps=["billing_sample", "billing_requests"],
    blocking=True,
    partitions_def=DAYS,
    description="every sampled answer is counted once and stands in its endpoint's audit",
)
def audited_answers_are_conserved(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Sample = counted answers, the same ones, = sum over the endpoints' audits."""
    lake = arena.lake
    rows = [
        conservation(day, *(lake.read(name, day) for name in ("billing_sample", "billing_requests", "billing_audit")))
        for day in days_of_check(context)
    ]
    wrong = sum(not row["conserved"] for row in rows)
    return dg.AssetCheckResult(passed=not wrong, metadata={"days": rows, "unexpected_count": wrong})


def conservation(day: date, sample: pl.DataFrame, counted: pl.DataFrame, audit: pl.DataFrame) -> dict[str, Any]:
    """What went into a day's audit and what came out."""
    places = [set(frame.select("raw_file", "raw_line").iter_rows()) for frame in (sample, counted)]
    found = {
        "sampled": sample.height,
        "counted": counted.height,
        "in_one_only": len(places[0] ^ places[1]),
        "audited": int(audit["n_audited"].sum()),
    }
    whole = found["sampled"] == found["counted"] == found["audited"] and not found["in_one_only"]
    return {"day": day.isoformat(), **found, "conserved": whole}


@dg.asset_check(
    asset="answers_in_time",
    additional_deps=["answer_waits", "no_answer_daily"],
    blocking=True,
    partitions_def=DAYS,
    description="items asked = items answered in time + items without an answer in time, over all causes",
)
def waits_are_conserved(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """By endpoint and deadline, the causes add up to what was not in time."""
    lake, wrong = arena.lake, []
    for day in days_of_check(context):
        causes = lake.read("no_answer_daily", day).group_by("endpoint_id", "deadline_s").agg(late=pl.col("n").sum())
        joined = lake.read("answers_in_time", day).join(causes, on=["endpoint_id", "deadline_s"], how="left")
        off = joined.filter(pl.col("n_asked") != pl.col("n_in_time") + pl.col("late"))
        wrong += [f"{day} {row['endpoint_id']} {row['deadline_s']:g} s" for row in off.iter_rows(named=True)]
    return dg.AssetCheckResult(passed=not wrong, metadata={"unbalanced": wrong[:20], "unexpected_count": len(wrong)})


@dg.asset_check(
    asset="billing_audit",
    partitions_def=DAYS,
    description="no endpoint bills more tokens, of output or input, than its text holds by any tokenizer",
)
def nobody_bills_more_than_text(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Warn of those that do, with what may be said of them."""
    found = {
        f"{day} {row['endpoint_id']}": row["claim"]
        for day in days_of_check(context)
        for row in arena.lake.read("billing_audit", day).filter(pl.col("bills_more_than_text")).iter_rows(named=True)
    }
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{name} {said}" for name, said in found.items()) or "nobody was seen to",
        metadata={"endpoints": found, "count": len(found)},
    )
