"""Checks across the fidelity tables: nothing is lost, references are there, nothing differs."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from tokenarena_assets.chain.asked import asks
from tokenarena_assets.chain.fidelity_tables import CHANNELS, REFERENCE_DAYS
from tokenarena_assets.defs.partitions import DAYS, days_of_check
from tokenarena_assets.defs.resources import Arena

KEY = ["endpoint_id", "channel", "stage", "prompt_id", "rep"]


@dg.asset_check(
    asset="fidelity_samples",
    additional_deps=["requests"],
    blocking=True,
    partitions_def=DAYS,
    description="every fidelity request is one sample, and of the tries at one question one counts",
)
def samples_are_conserved(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Fidelity requests = samples, the same ones; questions asked = samples that count."""
    days = days_of_check(context)
    rows = [
        conservation(day, arena.lake.scan("requests", day), arena.lake.read("fidelity_samples", day)) for day in days
    ]
    wrong = sum(not row["conserved"] for row in rows)
    return dg.AssetCheckResult(passed=not wrong, metadata={"days": rows, "unexpected_count": wrong})


def conservation(day: date, requests: pl.DataFrame | pl.LazyFrame, samples: pl.DataFrame) -> dict[str, Any]:
    """What went into a day's samples and what came out."""
    fidelity = requests.lazy().filter(pl.col("suite").is_in(CHANNELS) & asks("prompt_id"))
    asked = set(fidelity.select("request_id").collect()["request_id"])
    counted = {
        "requests": len(asked),
        "samples": len(samples),
        "in_one_only": len(asked ^ set(samples["request_id"])),
        "questions": samples.select(KEY).n_unique(),
        "counting": int(samples["counts"].sum()),
    }
    whole = counted["requests"] == counted["samples"] and not counted["in_one_only"]
    return {
        "day": day.isoformat(),
        **counted,
        "conserved": whole and counted["questions"] == counted["counting"],
    }


@dg.asset_check(
    asset="fidelity_references",
    partitions_def=DAYS,
    description=f"every family has a reference, of {REFERENCE_DAYS} days at least",
)
def references_are_there(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Warn of families whose endpoints cannot be judged, or not yet."""
    found = {}
    for day in days_of_check(context):
        for row in arena.lake.read("fidelity_references", day).iter_rows(named=True):
            name = f"{day} {row['model_family']}"
            if row["kind"] in ("consensus", "none"):
                found[name] = row["chosen_because"]
            elif row["missing_reference_days"]:
                found[name] = f"{row['n_reference_days']} reference days, {row['missing_reference_days']} missing"
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"no verdict of {len(found)} families" if found else "every family can be judged",
        metadata={"families": found, "count": len(found)},
    )


@dg.asset_check(
    asset="fidelity_daily",
    partitions_def=DAYS,
    description="no endpoint is suspected of serving another model than its family's reference",
)
def nothing_differs(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Warn of suspect and different endpoints, with what may be said of them."""
    found = {}
    for day in days_of_check(context):
        for row in arena.lake.read("fidelity_daily", day).iter_rows(named=True):
            if row["verdict"] in ("suspect", "different"):
                found[f"{day} {row['endpoint_id']}"] = f"{row['verdict']}: {row['claim']}"
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{name} is {said}" for name, said in found.items()) or "nobody is suspect",
        metadata={"endpoints": found, "count": len(found)},
    )
