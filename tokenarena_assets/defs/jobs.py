"""Jobs and schedules: one for each thing that a person would want to do. All schedules are off until switched on."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from tokenarena_assets.defs.probe.regions import rounds_asset

EVERYTHING = dg.AssetSelection.all()
SPREAD_S = 600.0  # of a scheduled round: nobody waits for it, and ten minutes tell more of an endpoint than one

probe_round = dg.define_asset_job(
    "probe_round",
    selection=EVERYTHING,
    description="Run one more round for today (it costs what the forecast says), then bring today's tables up to date.",
    config={"ops": {"probe_rounds": {"config": {"run_round": "always"}}}},
)
materialize_day = dg.define_asset_job(
    "materialize_day",
    selection=EVERYTHING,
    description="Bring a day's tables up to date from its raw rounds; today gets its first round if it has none.",
)
close_day = dg.define_asset_job(
    "close_day",
    selection=EVERYTHING,
    description="Close a past day: seal rounds that were cut off and make its tables final. Sends nothing.",
    config={"ops": {"probe_rounds": {"config": {"run_round": "never"}}}},
)


@dg.schedule(
    job_name=probe_round.name,
    cron_schedule="0 */3 * * *",
    execution_timezone="UTC",
    description="A round every three hours, so that the day is sampled and not one minute of it.",
)
def round_every_3_hours(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Request a round in the partition of the tick's own day, its starts spread, the fidelity suites over the day."""
    return _spread_round(context, "probe_rounds")


def _spread_round(context: dg.ScheduleEvaluationContext, asset: str) -> dg.RunRequest:
    now = context.scheduled_execution_time
    spread = {"run_round": "always", "spread_s": SPREAD_S, "slots_due": True}
    return dg.RunRequest(
        run_key=now.isoformat(),
        partition_key=now.date().isoformat(),
        run_config={"ops": {asset: {"config": spread}}},
    )


@dg.schedule(
    job_name=close_day.name,
    cron_schedule="20 0 * * *",
    execution_timezone="UTC",
    description="Yesterday's tables, once its last round is over.",
)
def close_yesterday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Request the partition of the day before the tick."""
    yesterday = (context.scheduled_execution_time - timedelta(days=1)).date()
    return dg.RunRequest(run_key=yesterday.isoformat(), partition_key=yesterday.isoformat())


AFTER_THE_ROUNDS = "45 */3 * * *"  # the regions' rounds are over by then


def jobs_of(regions: tuple[str, ...]) -> Sequence[Any]:
    """The jobs; with regions a round is a job of its own for each, so that one that is lost keeps no other up."""
    if not regions:
        return (probe_round, materialize_day, close_day)
    everything = EVERYTHING - dg.AssetSelection.assets(*map(rounds_asset, regions))
    return (
        *(_probe_job(region) for region in regions),
        dg.define_asset_job(
            materialize_day.name,
            selection=everything,
            description="Bring a day's tables up to date from the rounds that the regions have shipped. Sends nothing.",
        ),
        dg.define_asset_job(close_day.name, selection=everything, description=close_day.description),
    )


def probe_job(region: str) -> str:
    """The name of the job that runs a round from a region."""
    return f"probe_round_{region}"


def _probe_job(region: str) -> Any:
    name = rounds_asset(region)
    return dg.define_asset_job(
        probe_job(region),
        selection=dg.AssetSelection.assets(name),
        description=f"Run one more round for today from the region {region} (it costs what the forecast says).",
        config={"ops": {name: {"config": {"run_round": "always"}}}},
    )


def schedules_of(regions: tuple[str, ...]) -> Sequence[dg.ScheduleDefinition]:
    """The schedules; with regions one of rounds for each, and one that then brings the tables up to date."""
    if not regions:
        return (round_every_3_hours, close_yesterday)
    return (*(_region_schedule(region) for region in regions), _tables_every_3_hours(), close_yesterday)


def _region_schedule(region: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"round_every_3_hours_{region}",
        job_name=probe_job(region),
        cron_schedule="0 */3 * * *",
        execution_timezone="UTC",
        description=f"A round from {region} every three hours, at the same time as from the other regions.",
    )
    def _schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return _spread_round(context, rounds_asset(region))

    return _schedule


def _tables_every_3_hours() -> dg.ScheduleDefinition:
    @dg.schedule(
        name="tables_every_3_hours",
        job_name=materialize_day.name,
        cron_schedule=AFTER_THE_ROUNDS,
        execution_timezone="UTC",
        description="Today's tables, once the regions' rounds are over.",
    )
    def _schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        now = context.scheduled_execution_time
        return dg.RunRequest(run_key=now.isoformat(), partition_key=now.date().isoformat())

    return _schedule
