"""The forecast and the rounds: what a round will cost, and the evidence that it leaves."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from tokenarena_assets.defs.factory import marked
from tokenarena_assets.defs.partitions import DAYS, days_of
from tokenarena_assets.defs.probe.regions import BACKFILL_TAG, region_assets, rounds_asset
from tokenarena_assets.defs.probe.rounds import RoundConfig, forecast_metadata, not_due_because, run_due_round
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.errors import NoEvidenceError
from tokenarena_assets.probing.round import plan_round, seal_leftovers, today
from tokenarena_assets.probing.vantage import LOCAL, Vantage, regions_in_force
from tokenarena_assets.report.markdown import forecast_line
from tokenarena_assets.retention.needs import NEEDS, require_texts
from tokenarena_assets.storage.rawlog import RoundFiles, is_being_written, rounds_of

FRESH_H = 4.0


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
    metadata: dict[str, Any] = {"catalog": str(arena.catalog_path)}
    regions = regions_in_force()
    for vantage in [Vantage(region, regions) for region in regions] or [Vantage.in_force()]:
        if not (options := config.options(vantage)).suites:
            continue
        plan = plan_round(arena.home, today(), arena.catalog().endpoints, options, vantage=vantage)
        whose = f" from {vantage.region_from}" if regions else ""
        context.log.info("the next round%s: %s", whose, forecast_line(plan.forecast))
        told = forecast_metadata(plan)
        metadata |= {f"{name}_{vantage.region_from}": value for name, value in told.items()} if regions else told
    return dg.MaterializeResult(metadata=metadata)


def probe_assets(regions: tuple[str, ...]) -> list[dg.AssetsDefinition]:
    """The steps that send: `probe_rounds` itself, or one a region, whose rounds it gathers."""
    return [round_forecast, *region_assets(regions), _probe_rounds(regions)]


def _probe_rounds(regions: tuple[str, ...]) -> dg.AssetsDefinition:
    by_region = dg.AssetCheckSpec(
        "all_regions", asset="probe_rounds", description="every probing region has a closed round of the day"
    )

    @dg.asset(
        name="probe_rounds",
        deps=[round_forecast, *(rounds_asset(region) for region in regions)],
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
            *([by_region] if regions else []),
        ],
        description=(
            "The raw probe rounds of the day: append-only evidence. Runs a round for today when there is none yet; "
            "re-reads the rounds of past days and sends nothing for them."
        ),
    )
    def probe_rounds(context: dg.AssetExecutionContext, arena: Arena, config: RoundConfig) -> dg.MaterializeResult:
        """Run a round where one is due, close what was cut off, and list the evidence of each day."""
        return _gather(context, arena, config, regions)

    return probe_rounds


def _gather(
    context: dg.AssetExecutionContext, arena: Arena, config: RoundConfig, regions: tuple[str, ...]
) -> dg.MaterializeResult:
    metadata: dict[str, Any] = {}
    found: dict[date, list[RoundFiles]] = {}
    home = arena.home
    # Where regions probe, this step sends nothing: it is no vantage point, wherever it runs.
    sends = not regions and BACKFILL_TAG not in context.run.tags
    when = config.run_round if sends else "never"
    vantage = Vantage(LOCAL if regions else Vantage.in_force().region_from, run_id=context.run.run_id)
    if not arena.evidence_only:
        require_texts(home, NEEDS, days_of(context))
    for day in days_of(context):
        if not_due_because(home, day, when, vantage) is None:
            metadata |= run_due_round(context, arena, config, home, vantage)
        elif (day != today() or when == "if_none") and not home.is_rehearsal:
            seal_leftovers(home, day, vantage=vantage)  # what is left cannot be completed
        found[day] = [r for r in rounds_of(home, day) if not (r.is_open and is_being_written(r.log))]
        if not found[day]:
            raise NoEvidenceError(
                f"there is no probe round of {day} in {home.raw_day(day)}",
                mend=_mend_of_no_round(arena, day, regions),
            )
        context.log.info("%s: %d round(s): %s", day, len(found[day]), ", ".join(r.round_id for r in found[day]))
    every = [r for rounds in found.values() for r in rounds]
    metadata |= {"rounds": len(every), "dagster/uri": str(home.raw_day(max(found)))}
    checks = [_has_evidence(found), _fresh(found, regions), *([_all_regions(found, regions)] if regions else [])]
    return dg.MaterializeResult(metadata=marked(home, metadata), check_results=checks)


def _mend_of_no_round(arena: Arena, day: date, regions: tuple[str, ...]) -> str:
    if arena.home.is_rehearsal:
        return "rehearsed days are made by: tokenarena fleet rehearse"
    if day != today():
        return "evidence of a past day cannot be made today"
    if regions:
        return f"run one: the jobs {', '.join(f'probe_round_{region}' for region in regions)}"
    return "run one: the job probe_round, or tokenarena probe"


def _has_evidence(found: dict[date, list[RoundFiles]]) -> dg.AssetCheckResult:
    lacking = [day.isoformat() for day, rounds in found.items() if all(r.is_open for r in rounds)]
    return dg.AssetCheckResult(check_name="has_evidence", passed=not lacking, metadata={"days_without": lacking})


def _closed_from(rounds: list[RoundFiles], region: str) -> list[RoundFiles]:
    return [r for r in rounds if r.seal and Vantage(region).is_own(r)]


def _all_regions(found: dict[date, list[RoundFiles]], regions: tuple[str, ...]) -> dg.AssetCheckResult:
    """The day goes on with the regions that are there; the others are named."""
    lacking = {
        day.isoformat(): missing
        for day, rounds in found.items()
        if (missing := [region for region in regions if not _closed_from(rounds, region)])
    }
    return dg.AssetCheckResult(
        check_name="all_regions",
        passed=not lacking,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"regions_without_a_closed_round": lacking},
        description="; ".join(f"{day}: no closed round from {', '.join(names)}" for day, names in lacking.items())
        or None,
    )


def _fresh(found: dict[date, list[RoundFiles]], regions: tuple[str, ...]) -> dg.AssetCheckResult:
    """Freshness is a property of today alone: a past day's evidence is as old as it has to be."""
    if today() not in found:
        return dg.AssetCheckResult(check_name="fresh", passed=True, metadata={"note": "a past day"})
    rounds = found[today()]
    if not regions:
        hours = _hours_since([r for r in rounds if r.seal])
        passed, metadata = hours is not None and hours <= FRESH_H, {"hours_since_last_round": _told(hours)}
    else:
        ages = {region: _hours_since(_closed_from(rounds, region)) for region in regions}
        passed = all(age is not None and age <= FRESH_H for age in ages.values())
        metadata = {f"hours_since_last_round_{region}": _told(age) for region, age in ages.items()}
    return dg.AssetCheckResult(
        check_name="fresh", passed=passed, severity=dg.AssetCheckSeverity.WARN, metadata=metadata
    )


def _hours_since(rounds: list[RoundFiles]) -> float | None:
    sealed = [r.seal["sealed_at"] for r in rounds if r.seal]
    return (datetime.now(UTC) - datetime.fromisoformat(max(sealed))).total_seconds() / 3600 if sealed else None


def _told(hours: float | None) -> float | str:
    return "no closed round" if hours is None else round(hours, 2)
