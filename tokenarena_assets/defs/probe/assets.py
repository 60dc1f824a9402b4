"""The forecast and the rounds: what a round will cost, and the evidence that it leaves."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
from pydantic import Field

from tokenarena_assets.defs.factory import marked
from tokenarena_assets.defs.partitions import DAYS, days_of
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.errors import NoEvidenceError
from tokenarena_assets.fleet.serving import serving
from tokenarena_assets.probing.inputs import absolute_file, anchors_in_force, items_file_in_force, parse_anchors
from tokenarena_assets.probing.plan import DEFAULT_DAY_CAP_USD, PlanOptions, day_cap_usd, usd_of
from tokenarena_assets.probing.round import (
    RoundOutcome,
    RoundPlan,
    plan_of_cut_off,
    plan_round,
    run_round,
    seal_leftovers,
    today,
)
from tokenarena_assets.report.markdown import forecast_line, forecast_table, suites_table
from tokenarena_assets.retention.needs import NEEDS, require_texts
from tokenarena_assets.storage.rawlog import RoundFiles, is_being_written, rounds_of
from tokenarena_assets.suites.suite import SUITES, SuiteSizes

BACKFILL_TAG = "dagster/backfill"
# What the environment says is read when a round is planned.
DEFAULTS = PlanOptions(max_day_usd=DEFAULT_DAY_CAP_USD, anchors=(), items_file=None)


class RoundConfig(dg.Config):
    """When a round is run, and how large it is.

    `run_round`: `if_none` runs one when today has none yet (or completes one that was cut off), `always` runs one
    more, `never` only re-reads what is there. Past days and backfills never send anything.
    """

    run_round: str = Field("if_none", pattern="^(if_none|always|never)$")
    suites: list[str] = Field(list(SUITES))
    speed_probes: int = DEFAULTS.sizes.speed_probes
    math_items: int = DEFAULTS.sizes.math_items
    code_items: int = DEFAULTS.sizes.code_items
    sampled_reps: int = Field(
        DEFAULTS.sizes.sampled_reps, description="Samples of a fidelity prompt a day, references aside"
    )
    border_candidates: int = Field(DEFAULTS.sizes.border_candidates, description="Prompts a day tried as border inputs")
    slots_due: bool = Field(
        DEFAULTS.slots_due, description="Of the fidelity suites only what is planned up to the next scheduled round"
    )
    items_file: str = Field("", description="JSONL of your own items; empty: TOKENARENA_ITEMS")
    anchors: list[str] = Field([], description="public sets for the weekly anchor, SET=PATH; empty: TOKENARENA_ANCHORS")
    at_once: int = DEFAULTS.at_once
    spread_s: float = DEFAULTS.spread_s
    max_round_usd: str = str(DEFAULTS.max_round_usd)
    max_usd_per_day: str = Field("", description="Of all rounds; empty: TOKENARENA_MAX_USD_PER_DAY, else 20")

    def options(self) -> PlanOptions:
        """As the prober takes it."""
        return PlanOptions(
            suites=tuple(self.suites),
            sizes=SuiteSizes(
                speed_probes=self.speed_probes,
                math_items=self.math_items,
                code_items=self.code_items,
                sampled_reps=self.sampled_reps,
                border_candidates=self.border_candidates,
            ),
            slots_due=self.slots_due,
            items_file=absolute_file(self.items_file) or items_file_in_force(),
            anchors=parse_anchors(self.anchors, "anchors") if self.anchors else anchors_in_force(),
            at_once=self.at_once,
            spread_s=self.spread_s,
            max_round_usd=usd_of(self.max_round_usd, "max_round_usd"),
            max_day_usd=usd_of(self.max_usd_per_day, "max_usd_per_day") if self.max_usd_per_day else day_cap_usd(),
        )


@dg.asset(
    group_name="probe",
    kinds={"python"},
    owners=["team:tokenarena"],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    description="What a round over the catalog would ask and cost at most. Sends nothing.",
)
def round_forecast(context: dg.AssetExecutionContext, arena: Arena, config: RoundConfig) -> dg.MaterializeResult:
    """The forecast of the next round of today; of a past day there is none."""
    if today() not in days_of(context):
        return dg.MaterializeResult(metadata={"note": "a past day: its evidence is re-read, nothing will be sent"})
    if arena.home.is_rehearsal:
        return dg.MaterializeResult(metadata=marked(arena.home, {"note": "no real round is run in a rehearsal"}))
    plan = plan_round(arena.home, today(), arena.catalog().endpoints, config.options())
    context.log.info("the next round: %s", forecast_line(plan.forecast))
    return dg.MaterializeResult(metadata=_forecast_metadata(plan) | {"catalog": str(arena.catalog_path)})


def _forecast_metadata(plan: RoundPlan) -> dict[str, Any]:
    rows = plan.forecast
    return {
        "requests": sum(row.requests for row in rows),
        "usd_max": float(sum((row.usd_max or Decimal(0) for row in rows), start=Decimal(0))),
        "forecast": dg.MetadataValue.md(forecast_table(rows)),
        "forecast_by_suite": dg.MetadataValue.md(suites_table(plan.by_suite)),
    }


@dg.asset(
    deps=[round_forecast],
    group_name="probe",
    kinds={"python", "http"},
    owners=["team:tokenarena"],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="probe",
    check_specs=[
        dg.AssetCheckSpec(
            "has_evidence", asset="probe_rounds", blocking=True, description="every day has a closed round"
        ),
        dg.AssetCheckSpec("fresh", asset="probe_rounds", description="today's last round is at most 4 hours old"),
    ],
    description=(
        "The raw probe rounds of the day: append-only evidence. Runs a round for today when there is none yet; "
        "re-reads the rounds of past days and sends nothing for them."
    ),
)
def probe_rounds(context: dg.AssetExecutionContext, arena: Arena, config: RoundConfig) -> dg.MaterializeResult:
    """Run a round where one is due, close what was cut off, and list the evidence of each day."""
    metadata: dict[str, Any] = {}
    found: dict[date, list[RoundFiles]] = {}
    is_backfill = BACKFILL_TAG in context.run.tags
    if not arena.evidence_only:
        require_texts(arena.home, NEEDS, days_of(context))
    for day in days_of(context):
        when = "never" if is_backfill else config.run_round
        if _round_is_due(arena, day, when):
            metadata |= _run(context, arena, config)
        elif (day != today() or when == "if_none") and not arena.home.is_rehearsal:
            seal_leftovers(arena.home, day)  # what is left cannot be completed
        found[day] = [r for r in rounds_of(arena.home, day) if not (r.is_open and is_being_written(r.log))]
        if not found[day]:
            raise NoEvidenceError(
                f"there is no probe round of {day} in {arena.home.raw_day(day)}",
                mend=_mend_of_no_round(arena, day),
            )
        context.log.info("%s: %d round(s): %s", day, len(found[day]), ", ".join(r.round_id for r in found[day]))
    every = [r for rounds in found.values() for r in rounds]
    metadata |= {"rounds": len(every), "dagster/uri": str(arena.home.raw_day(max(found)))}
    return dg.MaterializeResult(
        metadata=marked(arena.home, metadata), check_results=[_has_evidence(found), _fresh(found)]
    )


def _mend_of_no_round(arena: Arena, day: date) -> str:
    if arena.home.is_rehearsal:
        return "rehearsed days are made by: tokenarena fleet rehearse"
    if day != today():
        return "evidence of a past day cannot be made today"
    return "run one: the job probe_round, or tokenarena probe"


def _round_is_due(arena: Arena, day: date, when: str) -> bool:
    if day != today() or when == "never":
        return False
    return when == "always" or not rounds_of(arena.home, day) or plan_of_cut_off(arena.home, day) is not None


def _run(context: dg.AssetExecutionContext, arena: Arena, config: RoundConfig) -> dict[str, Any]:
    # What was begun is completed as it was planned, unless one more round was asked for.
    cut_off = plan_of_cut_off(arena.home, today()) if config.run_round == "if_none" else None
    plan = cut_off or plan_round(arena.home, today(), arena.catalog().endpoints, config.options())
    verb = "completes" if plan.resumed else "is"
    context.log.info("this %s round %s: %s", verb, plan.round_id, forecast_line(plan.forecast))
    for remark in plan.remarks():
        context.log.info("%s", remark)
    if (why := plan.nothing_to_send) is not None:
        context.log.warning("no round is run: %s", why)
        return _forecast_metadata(plan) | {"note": f"no round was run: {why}"}
    outcome = _send(context, arena, plan)
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(outcome.by_status.items()))
    context.log.info("round %s: %d records written (%s)", outcome.round_id, outcome.written, statuses)
    return _forecast_metadata(plan) | {
        "round_id": outcome.round_id,
        "records_written": outcome.written,
        "records_kept_of_an_earlier_try": outcome.kept,
        "by_status": outcome.by_status,
    }


def _send(context: dg.AssetExecutionContext, arena: Arena, plan: RoundPlan) -> RoundOutcome:
    def progress(suite: str, done: int, of: int, failed: int) -> None:
        if of == 0 and done % 50 == 0:
            context.log.info("%s: %d sent, %d failed", suite, done, failed)
        elif of and (done == of or done % max(1, of // 5) == 0):
            context.log.info("%s: %d of %d sent, %d failed", suite, done, of, failed)

    with serving(plan.endpoints) as base_urls:
        return run_round(arena.home, plan, base_urls, progress=progress)


def _has_evidence(found: dict[date, list[RoundFiles]]) -> dg.AssetCheckResult:
    lacking = [day.isoformat() for day, rounds in found.items() if all(r.is_open for r in rounds)]
    return dg.AssetCheckResult(check_name="has_evidence", passed=not lacking, metadata={"days_without": lacking})


def _fresh(found: dict[date, list[RoundFiles]]) -> dg.AssetCheckResult:
    """Freshness is a property of today alone: a past day's evidence is as old as it has to be."""
    if today() not in found:
        return dg.AssetCheckResult(check_name="fresh", passed=True, metadata={"note": "a past day"})
    sealed = [r.seal["sealed_at"] for r in found[today()] if r.seal]
    hours = (datetime.now(UTC) - datetime.fromisoformat(max(sealed))).total_seconds() / 3600 if sealed else None
    return dg.AssetCheckResult(
        check_name="fresh",
        passed=hours is not None and hours <= 4,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"hours_since_last_round": round(hours, 2) if hours is not None else "no closed round"},
    )
