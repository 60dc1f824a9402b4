"""Daily series made ready: without what all endpoints share, and with the weight that each day deserves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokenarena_assets.drift.posterior import LEAST_DAYS, Floats

ENDPOINTS_THAT_SHARE = 4  # fewer, and the median of a day is one endpoint's own
REACH = 5  # days that a day is compared with on either side, itself included
TAIL = 4.0  # degrees of freedom of a Student t: what a far-off day still weighs


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one endpoint: ordinals of days, in order, values as published, and on the metric's scale."""

    days: npt.NDArray[np.int64]
    raw: Floats
    values: Floats


def without_shared(group: Mapping[str, Series]) -> dict[str, Series]:
    """The series of endpoints that are measured alike, less what they all show on the same day.

    A day's shared part is the median, over the endpoints that have it, of the distance to their own median. Where fewer
    than four have the day, nothing is taken off it.
    """
    distances: dict[int, list[float]] = {}
    for series in group.values():
        own = float(np.median(series.values)) if len(series.values) else 0.0
        for day, value in zip(series.days.tolist(), series.values.tolist(), strict=True):
            distances.setdefault(day, []).append(value - own)
    shared = {day: float(np.median(d)) if len(d) >= ENDPOINTS_THAT_SHARE else 0.0 for day, d in distances.items()}
    return {
        name: Series(series.days, series.raw, series.values - np.array([shared[day] for day in series.days.tolist()]))
        for name, series in group.items()
    }


def day_weights(values: Floats, scatter: float) -> Floats:
    """The precision of each day relative to an ordinary one: 1, and less the farther a day is off those beside it.

    A day is compared with the median of the days up to it and with that of the days from it on, and the nearer one
    counts: the days beside a true step fit one side. A single bad day, or two in a row, fit neither; three days are a
    level of their own. At either end there are at least three days to compare with.
    """
    n = len(values)
    if n < LEAST_DAYS:
        return np.ones(n)
    off = np.empty(n)
    for i, value in enumerate(values):
        left, right = max(i + 1, LEAST_DAYS), min(i, n - LEAST_DAYS)
        sides = (values[max(0, left - REACH) : left], values[right : right + REACH])
        off[i] = min(abs(value - float(np.median(side))) for side in sides)
    usual = max(scatter, 1.4826 * float(np.median(off)) * 1.5)
    weights: Floats = (TAIL + 1) / (TAIL + (off / usual) ** 2)
    return np.minimum(1.0, weights)
