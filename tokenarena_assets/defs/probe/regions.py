"""One step a probing region: a round from there, written to the host's own disk and shipped to the home of all."""

from dataclasses import replace
from typing import Any

import dagster as dg

from tokenarena_assets.cluster.clock import TOO_FAR_MS, shared_clock
from tokenarena_assets.defs.factory import marked
from tokenarena_assets.defs.partitions import DAYS, days_of
from tokenarena_assets.defs.probe.rounds import RoundConfig, not_due_because, run_due_round
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.round import seal_leftovers
from tokenarena_assets.probing.vantage import REGION_FROM_VARIABLE, Clock, Vantage, region_from_in_force, spool_in_force
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import rounds_of
from tokenarena_assets.storage.shipping import Shipped, ship

QUEUE_TAG = "dagster-celery/queue"
BACKFILL_TAG = "dagster/backfill"


def rounds_asset(region: str) -> str:
    """The name of the asset of a region's rounds."""
    return f"probe_rounds_{region}"


def queue_of(region: str) -> str:
    """The queue that the hosts of a region listen to."""
    return f"region-{region}"


def region_assets(regions: tuple[str, ...]) -> list[dg.AssetsDefinition]:
    """The step of each region."""
    return [_region_asset(region, regions) for region in regions]


def _region_asset(region: str, regions: tuple[str, ...]) -> dg.AssetsDefinition:
    name = rounds_asset(region)

    @dg.asset(
        name=name,
        deps=["round_forecast"],
        group_name="probe",
        kinds={"python", "http"},
        owners=["team:tokenarena"],
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=f"probe_{region}",
        op_tags={QUEUE_TAG: queue_of(region)},
        check_specs=[
            dg.AssetCheckSpec("clock", asset=name, description="the host's clock is at most 1 s off the shared one"),
            dg.AssetCheckSpec("shipped", asset=name, description="no sealed round waits on the host's own disk"),
        ],
        description=f"The raw probe rounds sent from the region {region}: append-only evidence.",
    )
    def _asset(context: dg.AssetExecutionContext, arena: Arena, config: RoundConfig) -> dg.MaterializeResult:
        return _rounds_of_region(context, arena, config, Vantage(region, regions, run_id=context.run.run_id))

    return _asset


def _rounds_of_region(
    context: dg.AssetExecutionContext, arena: Arena, config: RoundConfig, vantage: Vantage
) -> dg.MaterializeResult:
    days = days_of(context)
    if vantage.region_from != region_from_in_force():
        # Some other host re-reads: it has no spool of that region, and nothing may be sent from it in that name.
        if vantage.today() in days and config.run_round != "never":
            raise TokenArenaError(
                f"this host probes from {region_from_in_force()!r}, not from {vantage.region_from!r}",
                mend=f"start the region's worker with: tokenarena worker --region {vantage.region_from} "
                f"(it sets {REGION_FROM_VARIABLE})",
            )
        return _result(context, arena.home, vantage, {"note": "not a host of this region"}, Shipped())
    home = replace(arena.home, spool=spool_in_force())
    vantage = replace(vantage, clock=shared_clock())
    shipped = ship(home)  # what an earlier step could not, before anything new: caps are counted over all rounds
    metadata: dict[str, Any] = {}
    when = "never" if BACKFILL_TAG in context.run.tags or home.is_rehearsal else config.run_round
    try:
        for day in days:
            why = not_due_because(home, day, when, vantage)
            if why is None:
                metadata |= run_due_round(context, arena, config, home, vantage)
            else:
                context.log.info("no round of %s: %s", day, why)
                if day != vantage.today():
                    seal_leftovers(home, day, vantage=vantage)  # what is left cannot be completed
    finally:
        last = ship(home)
        shipped = Shipped([*shipped.shipped, *last.shipped], last.waiting)
        for round_id, problem in last.waiting.items():
            context.log.warning("round %s waits in the spool: %s", round_id, problem)
    return _result(context, home, vantage, metadata, shipped)


def _result(
    context: dg.AssetExecutionContext, home: Home, vantage: Vantage, metadata: dict[str, Any], shipped: Shipped
) -> dg.MaterializeResult:
    found = [each for day in days_of(context) for each in rounds_of(home, day) if vantage.is_own(each)]
    told = metadata | {"rounds": len(found), "rounds_shipped_now": len(shipped.shipped)}
    waiting = dict(shipped.waiting)
    checks = [
        _clock_check(vantage.clock),
        dg.AssetCheckResult(
            check_name="shipped",
            passed=not waiting,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"waiting_in_the_spool": waiting},
            description="; ".join(f"{round_id} waits in the spool: {why}" for round_id, why in waiting.items()) or None,
        ),
    ]
    return dg.MaterializeResult(metadata=marked(home, told), check_results=checks)


def _clock_check(clock: Clock | None) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {"note": "no shared clock is configured"} if clock is None else clock.as_record()
    return dg.AssetCheckResult(
        check_name="clock",
        passed=clock is None or abs(clock.offset_ms) - clock.uncertainty_ms <= TOO_FAR_MS,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=None if clock is None else clock.text,
    )
