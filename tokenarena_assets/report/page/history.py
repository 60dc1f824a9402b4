"""The last 30 days of each endpoint in each order, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from tokenarena_assets.report.page.guard import all_with_intervals
from tokenarena_assets.report.page.packing import plain
from tokenarena_assets.report.page.source import Source

if TYPE_CHECKING:
    from tokenarena_assets.report.page.data import Names

DAYS = 30
ALL_PRESETS = "*"
QUERY = """
    select day, preset, ranked_by, by_preset, modeled, endpoint_id, value, value_lo, value_hi
    from ranks
    where
        day between $first and $day
        and value is not null
        and (by_preset or preset = (select min(r.preset) from ranks as r where r.day = ranks.day))
    order by ranked_by, preset, endpoint_id, day
"""
FLOOR = "select day, endpoint_id, fidelity_self_floor as v from fidelity_daily where day between $first and $day"


def history(source: Source, names: Names, orders: Sequence[str], day: date) -> dict[str, Any]:
    """`{days, series: {order: {preset or *: {endpoint: [[value], [lo], [hi]]}}}, floor: {endpoint: [...]}}`.

    Days are offsets into `days`; endpoints are their places in the page's list; an unknown value is null.
    """
    first = day - timedelta(days=DAYS - 1)
    window: dict[str, object] = {"first": first, "day": day}
    rows = source.query(QUERY, window)
    all_with_intervals(rows)
    floors = source.query(FLOOR, window) if source.has("fidelity_daily", "fidelity_self_floor") else []
    days = sorted({row["day"] for row in rows} | {row["day"] for row in floors} | {day})
    at = {each: index for index, each in enumerate(days)}
    series: dict[str, dict[str, dict[str, list[list[Any]]]]] = {name: {} for name in orders}
    for row in names.numbered(rows):
        if row["ranked_by"] in series:
            preset = str(plain(row["preset"])) if row["by_preset"] else ALL_PRESETS
            own = series[row["ranked_by"]].setdefault(preset, {})
            values = own.setdefault(str(row["e"]), _empty(len(days)))
            for index, name in enumerate(("value", "value_lo", "value_hi")):
                values[index][at[row["day"]]] = plain(row[name])
    return {"days": plain(days), "series": series, "floor": _floor(names, floors, at)}


def _empty(days: int) -> list[list[Any]]:
    return [[None] * days for _ in range(3)]


def _floor(names: Names, rows: Sequence[Mapping[str, Any]], at: Mapping[date, int]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in names.numbered(rows):
        if row["v"] is not None:
            found.setdefault(str(row["e"]), [None] * len(at))[at[row["day"]]] = plain(row["v"])
    return found
