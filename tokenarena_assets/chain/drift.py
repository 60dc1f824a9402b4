"""The dated view of each endpoint over 60 days -> its change points."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from tokenarena_assets.chain.drift_tables import CHANGE_POINTS
from tokenarena_assets.drift import (
    CANNOT_TELL,
    MEASURED,
    RECORDED,
    UNCHANGED,
    Event,
    History,
    Metric,
    Series,
    chance_of_share,
    details_of,
    events_of,
    without_shared,
)
from tokenarena_assets.drift.posterior import LEAST_DAYS
from tokenarena_assets.storage.lake import Lake

DRIFT_DAYS = 60
OF_A_PROMPT_SIZE = ("output_speed_tok_s", "ttft_ms")


def drift_days(day: date) -> list[date]:
    """The 60 days that end with `day`, the oldest first."""
    return [day - timedelta(days=back) for back in range(DRIFT_DAYS - 1, -1, -1)]


def read_drift(lake: Lake, day: date) -> pl.DataFrame:
    """`drift_daily` of the window of `day`, of those days that the lake has."""
    existing = set(lake.days("drift_daily"))
    return pl.concat(
        [lake.read("drift_daily", each) for each in drift_days(day) if each in existing], how="diagonal_relaxed"
    )


def change_points_of(day: date, daily: pl.DataFrame) -> pl.DataFrame:
    """The events of each endpoint in `daily` (rows of `drift_daily`, several days), up to `day`."""
    rows = daily.sort("day", "endpoint_id")
    histories = _histories(rows)
    counts = dict(rows.group_by("endpoint_id").agg(pl.col("day").n_unique()).iter_rows())
    return CHANGE_POINTS.frame(
        [row for name, history in sorted(histories.items()) for row in _rows(day, name, history, counts[name])]
    )


def _histories(rows: pl.DataFrame) -> dict[str, History]:
    names = rows["endpoint_id"].unique().to_list()
    family = dict(rows.select("endpoint_id", "model_family").iter_rows())
    measured: dict[str, dict[Metric, Series]] = {name: {} for name in names}
    for metric in MEASURED:
        of_metric = _series(rows, metric)
        for group in _groups(of_metric, metric, family):
            own = {name: of_metric[name] for name in group}
            for name, series in (own if metric.shared == "none" else without_shared(own)).items():
                measured[name][metric] = series
    return {
        name: History(measured[name], {metric: found for metric in RECORDED if (found := _record(own, metric.name))[0]})
        for (name,), own in rows.partition_by("endpoint_id", as_dict=True).items()
    }


def _series(rows: pl.DataFrame, metric: Metric) -> dict[str, Series]:
    known = rows.filter(pl.col(metric.name).is_not_null())
    if metric.name in OF_A_PROMPT_SIZE:
        # Days on which another size was asked are not days of this series.
        size = pl.col("latency_prompt_tokens")
        known = known.filter(size.eq_missing(size.mode(maintain_order=True).first().over("endpoint_id")))
    made = {}
    for (name,), own in known.partition_by("endpoint_id", as_dict=True).items():
        raw = own[metric.name].cast(pl.Float64).to_numpy()
        days = np.array([each.toordinal() for each in own["day"]], dtype=np.int64)
        made[name] = Series(days, raw, np.array([metric.scaled(value) for value in raw.tolist()]), _chance(own, metric))
    return made


def _chance(own: pl.DataFrame, metric: Metric) -> float:
    if not metric.share or metric.n is None:
        return 0.0
    counted = own.filter(pl.col(metric.n) > 0)
    return chance_of_share(*(counted[name].cast(pl.Float64).to_numpy() for name in (metric.name, metric.n)))


def _groups(of_metric: Mapping[str, Series], metric: Metric, family: Mapping[str, str]) -> Iterable[Sequence[str]]:
    """The endpoints that are measured alike."""
    if metric.shared == "all":
        return [list(of_metric)]
    groups: dict[str, list[str]] = {}
    for name in of_metric:
        groups.setdefault(family[name] if metric.shared == "family" else name, []).append(name)
    return groups.values()


def _record(own: pl.DataFrame, column: str) -> tuple[list[int], list[float | str]]:
    known = own.filter(pl.col(column).is_not_null())
    values = known[column] if known[column].dtype == pl.String else known[column].cast(pl.Float64)
    return [day.toordinal() for day in known["day"]], values.to_list()


def _rows(day: date, endpoint_id: str, history: History, n_days: int) -> list[dict[str, object]]:
    base = {"day": day, "endpoint_id": endpoint_id, "n_days": n_days}
    events = events_of(history)
    if not events:
        return [{**base, "event": 0, **_nothing(n_days)}]
    return [{**base, "event": number, **_event(event)} for number, event in enumerate(events)]


def _nothing(n_days: int) -> dict[str, Any]:
    empty = dict.fromkeys(("changed_on", "changed_lo", "changed_hi", "probability", "metrics", "evidence", "details"))
    if n_days < 2 * LEAST_DAYS:
        return {**empty, "verdict": CANNOT_TELL, "claim": f"{n_days} days are known, {2 * LEAST_DAYS} needed"}
    return {**empty, "verdict": UNCHANGED, "claim": f"no change seen in {n_days} days"}


def _event(event: Event) -> dict[str, Any]:
    lead = event.lead
    return {
        "verdict": event.verdict,
        "changed_on": date.fromordinal(lead.changed_on),
        "changed_lo": date.fromordinal(lead.earliest),
        "changed_hi": date.fromordinal(lead.latest),
        "probability": lead.probability,
        "metrics": ", ".join(change.metric.name for change in event.changes or event.doubtful),
        "claim": event.claim,
        "evidence": event.evidence,
        "details": json.dumps(details_of(event), ensure_ascii=False, allow_nan=False),
    }
