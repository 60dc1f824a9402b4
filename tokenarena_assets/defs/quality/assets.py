"""Requests -> graded answers -> accuracy by endpoint, of a day and of four weeks."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from tokenarena_assets.chain.asked import asks
from tokenarena_assets.chain.gates import REFERENCE_RANGE
from tokenarena_assets.chain.grade import QUALITY_SUITES, grade_answers
from tokenarena_assets.chain.pooling import POOL_DAYS, read_pool
from tokenarena_assets.chain.quality import anchor_gaps, quality_by_endpoint, quality_of_pool
from tokenarena_assets.chain.tables import ANCHOR_GAP, GRADED_ANSWERS, QUALITY_DAILY, QUALITY_POOL
from tokenarena_assets.defs.factory import python_asset, sql_assets
from tokenarena_assets.defs.partitions import DAYS, days_of_check
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.report.markdown import figures
from tokenarena_assets.storage.lake import Lake
from tokenarena_assets.suites.sandbox import find_sandbox

# The pool reads the days that there are: a day without answers, or before the first one, is no reason to wait.
POOL = dg.AssetDep(
    "answers",
    partition_mapping=dg.TimeWindowPartitionMapping(
        start_offset=1 - POOL_DAYS, allow_nonexistent_upstream_partitions=True
    ),
)


def _grade(arena: Arena, day: date) -> None:
    requests = arena.lake.scan("requests", day)
    arena.lake.write("graded_answers", day, grade_answers(day, requests, find_sandbox()))


def _quality(arena: Arena, day: date) -> None:
    lake = arena.lake
    lake.write("quality_daily", day, quality_by_endpoint(day, lake.read("answers", day), lake.read("endpoints", day)))


def _pool(arena: Arena, day: date) -> None:
    lake = arena.lake
    lake.write("quality_pool", day, quality_of_pool(day, read_pool(lake, day), lake.read("endpoints", day)))


def _gap(arena: Arena, day: date) -> None:
    arena.lake.write("anchor_gap", day, anchor_gaps(day, read_pool(arena.lake, day)))


def _shown(table: str, by: str, columns: list[tuple[str, str]]) -> Any:
    def _show(lake: Lake, day: date) -> dict[str, Any]:
        rows = lake.read(table, day).with_columns(of=pl.format("{} {}", "endpoint_id", by))
        return {"intervals": dg.MetadataValue.md(figures(rows, "of", columns))}

    return _show


COMPARED = [
    ("accuracy", "accuracy"),
    ("difference to the reference", "difference"),
    ("detectable", "minimum_detectable_difference"),
]
GAP = [("public", "anchor_accuracy"), ("generated", "generated_accuracy"), ("gap", "gap")]

graded_answers = python_asset(GRADED_ANSWERS, ["requests"], _grade)
quality_models = sql_assets("quality")
quality_daily = python_asset(
    QUALITY_DAILY, ["answers", "endpoints"], _quality, _shown("quality_daily", "suite", COMPARED)
)
quality_pool = python_asset(QUALITY_POOL, [POOL, "endpoints"], _pool, _shown("quality_pool", "suite", COMPARED))
anchor_gap = python_asset(ANCHOR_GAP, [POOL], _gap, _shown("anchor_gap", "domain", GAP))


@dg.asset_check(
    asset="answers",
    additional_deps=["graded_answers", "requests"],
    blocking=True,
    partitions_def=DAYS,
    description="every quality request is graded once, and every item has one answer that counts",
)
def answers_are_conserved(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Quality requests = graded attempts = sum of attempts over answers."""
    lake, rows = arena.lake, []
    for day in days_of_check(context):
        requests, answers = lake.scan("requests", day), lake.read("answers", day)
        quality = requests.filter(pl.col("suite").is_in(QUALITY_SUITES) & asks("item_id"))
        asked = quality.select("endpoint_id", "suite", "item_id").collect()
        rows.append(
            {
                "day": day.isoformat(),
                "quality_requests": asked.height,
                "graded": lake.read("graded_answers", day).height,
                "attempts_of_answers": int(answers["n_attempts"].sum()),
                "items_asked": asked.n_unique(),
                "answers": answers.height,
            }
        )
    wrong = [
        row
        for row in rows
        if not row["quality_requests"] == row["graded"] == row["attempts_of_answers"]
        or row["items_asked"] != row["answers"]
    ]
    return dg.AssetCheckResult(passed=not wrong, metadata={"days": rows, "unexpected_count": len(wrong)})


@dg.asset_check(
    asset="graded_answers",
    partitions_def=DAYS,
    description="the grader itself failed on no answer, and all code was run",
)
def grader_is_sound(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Warn of answers that we could not grade; none of them counts as wrong."""
    faults, not_run, details = 0, 0, []
    for day in days_of_check(context):
        graded = arena.lake.read("graded_answers", day)
        fault = graded.filter(pl.col("outcome") == "grader_fault")
        faults += fault.height
        not_run += graded.filter(pl.col("outcome") == "not_run").height
        details += [f"{day} {row['request_id']}: {row['detail']}" for row in fault.iter_rows(named=True)]
    parts = [f"{faults} answers lost to faults of the grader"] if faults else []
    parts += [f"{not_run} answers in code not run: no sandbox (see tokenarena doctor)"] if not_run else []
    return dg.AssetCheckResult(
        passed=not parts,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(parts) or "every answer was graded",
        metadata={"grader_faults": faults, "not_run": not_run, "details": details[:20]},
    )


@dg.asset_check(
    asset="quality_daily",
    partitions_def=DAYS,
    description="each family's reference answers 60-85 % of its tier's items rightly, where differences show soonest",
)
def tiers_fit(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Warn of references for which the items are too hard or too easy."""
    least, most = REFERENCE_RANGE
    found = {}
    for day in days_of_check(context):
        rows = arena.lake.read("quality_daily", day).filter(
            (pl.col("versus_reference") == "reference") & pl.col("suite").is_in(("quality_math", "quality_code"))
        )
        for row in rows.iter_rows(named=True):
            if row["accuracy"] is not None and not least <= row["accuracy"] <= most:
                found[f"{day} {row['endpoint_id']} {row['suite']}"] = f"{row['accuracy']:.1%}"
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"retune the tier of {len(found)} references (never mid-window)" if found else "all tiers fit",
        metadata={"outside_60_to_85_percent": found},
    )
