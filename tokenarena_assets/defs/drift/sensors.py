"""Tells a webhook when a verdict changes, or a change point is found."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import dagster as dg
import polars as pl

from tokenarena_assets.alerting.webhook import URL_VARIABLE, WebhookError, check_url, post_json
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.drift.alerts import Known, News, news_of
from tokenarena_assets.storage.lake import Lake

TABLES = ("fidelity_daily", "change_points")
INTERVAL_S = 300
TIME_FOR_A_TICK_S = 10.0  # Dagster gives up on a tick after 60 s; one more document may take that long
HOW_TO = f"no webhook: set {URL_VARIABLE} to its http(s) address in the environment of `dagster`"
SLEEP: Callable[[float], None] = time.sleep


@dg.sensor(
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description=(
        f"Posts one JSON document to {URL_VARIABLE} for each verdict that changed and each change point found, by the "
        "newest partitions of fidelity_daily and change_points. Each is sent until it is accepted; docs/drift.md has "
        "the format."
    ),
)
def verdict_changed(context: dg.SensorEvaluationContext, arena: Arena) -> dg.SensorResult | dg.SkipReason:
    """Compare the newest partitions with what was told, and tell the rest. Runs nothing."""
    url = os.environ.get(URL_VARIABLE, "").strip()
    if not url:
        return dg.SkipReason(HOW_TO)
    check_url(url)
    known, lake = Known.from_json(context.cursor), arena.lake
    seen = _signature(lake)
    if seen == known.seen:
        return dg.SkipReason("nothing new since the last look")
    verdicts, changes = (_newest(lake, table) for table in TABLES)
    waiting = list(news_of(known, verdicts, changes, rehearsal=arena.home.is_rehearsal))
    told, problem = _tell(url, waiting, known)
    if problem is not None and not told:
        raise problem  # the tick fails where a person sees it; the cursor stays, and nothing is lost
    if problem is None and told == len(waiting):
        # First verdicts that are no news are known from now on as well.
        known.verdicts |= {row["endpoint_id"]: row["verdict"] for row in verdicts}
        known.seen = seen
    left = f", {len(waiting) - told} left for the next look" if told < len(waiting) else ""
    because = f" ({problem.message})" if problem else ""
    said = f"{told} documents accepted{left}{because}" if waiting else "no verdict changed"
    return dg.SensorResult(skip_reason=said, cursor=known.to_json())


def _tell(url: str, waiting: list[News], known: Known) -> tuple[int, WebhookError | None]:
    """Post what is `waiting` in order until one is refused or the time is over: how many were accepted."""
    started = time.monotonic()
    for told, news in enumerate(waiting):
        if time.monotonic() - started > TIME_FOR_A_TICK_S:
            return told, None
        try:
            post_json(url, news.document, sleep=SLEEP)
        except WebhookError as error:
            return told, error
        news.told(known)
    return len(waiting), None


def _newest(lake: Lake, table: str) -> list[dict[str, Any]]:
    days = lake.days(table)
    if not days:
        return []
    wanted = ("day", "endpoint_id", "event", "verdict", "claim", "note", "evidence", "probability")
    dates = ("changed_on", "changed_lo", "changed_hi")
    frame = lake.read(table, days[-1])
    return frame.select(pl.col(name) for name in (*wanted, *dates) if name in frame.columns).to_dicts()


def _signature(lake: Lake) -> str:
    """Which partitions are the newest, and when they were written: cheap to look at, and other when they are."""
    newest = {table: days[-1] for table in TABLES if (days := lake.days(table))}
    return "; ".join(f"{table} {day} {lake.version(table, day)}" for table, day in newest.items())


SENSORS = (verdict_changed,)
