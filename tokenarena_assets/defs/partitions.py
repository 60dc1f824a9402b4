"""The UTC day as Dagster's partition."""

from __future__ import annotations

from datetime import date

import dagster as dg

# end_offset=1: today's partition exists all day; Dagster's daily partitions end with yesterday by default.
# The first ones are for imports: the oldest results that other tools published are of 2023.
DAYS = dg.DailyPartitionsDefinition(start_date="2023-01-01", timezone="UTC", end_offset=1)


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    """The days of a run: one, or all of a backfill's range."""
    return [date.fromisoformat(key) for key in context.partition_keys]


def days_of_check(context: dg.AssetCheckExecutionContext) -> list[date]:
    """The days that a check is of."""
    return [date.fromisoformat(key) for key in context.op_execution_context.partition_keys]
