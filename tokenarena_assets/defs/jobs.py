"""Jobs and schedules: one for each thing that a person would want to do. All schedules are off until switched on."""

from datetime import timedelta

import dagster as dg

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
    job=probe_round,
    cron_schedule="0 */3 * * *",
    execution_timezone="UTC",
    description="A round every three hours, so that the day is sampled and not one minute of it.",
)
def round_every_3_hours(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Request a round in the partition of the tick's own day, its starts spread, the fidelity suites over the day."""
    now = context.scheduled_execution_time
    spread = {"run_round": "always", "spread_s": SPREAD_S, "slots_due": True}
    return dg.RunRequest(
        run_key=now.isoformat(),
        partition_key=now.date().isoformat(),
        run_config={"ops": {"probe_rounds": {"config": spread}}},
    )


@dg.schedule(
    job=close_day,
    cron_schedule="20 0 * * *",
    execution_timezone="UTC",
    description="Yesterday's tables, once its last round is over.",
)
def close_yesterday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Request the partition of the day before the tick."""
    yesterday = (context.scheduled_execution_time - timedelta(days=1)).date()
    return dg.RunRequest(run_key=yesterday.isoformat(), partition_key=yesterday.isoformat())


JOBS = (probe_round, materialize_day, close_day)
SCHEDULES = (round_every_3_hours, close_yesterday)
