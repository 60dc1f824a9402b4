"""Daily series made ready: without what all endpoints share, and with the weight that each day deserves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import numpy.typing as npt

from tokenarena_assets.drift.posterior import LEAST_DAYS, Floats

ENDPOINTS_THAT_SHARE = 4  # fewer, and the median of a day is one endpoint's own
REACH = 5  # days that a day is compared with on either side, itself included
TAIL = 4.0  # degrees of freedom of a Student t: what a far-off day still weighs


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one endpoint: ordinals of days, in order, values as published, and on the metric's scale.

    `chance` is the standard deviation that the few items of a day alone give its value; no less scatter is believed.
    """

    days: npt.NDArray[np.int64]
    raw: Floats
    values: Floats
    chance: float = 0.0


def chance_of_share(shares: Floats, n: Floats) -> float:
    """Standard deviation of a day's share of `n` independent items, at the mean share of all days.

    With one success and one failure added (Laplace's rule), so that a share of 0 or 1 on a few days proves no
    certainty. The days' median of n stands for all of them.
    """
    if not len(shares):
        return 0.0
    mean = (float(shares @ n) + 1) / (float(n.sum()) + 2)
    return float(np.sqrt(mean * (1 - mean) / np.median(n)))


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
        name: replace(series, values=series.values - np.array([shared[day] for day in series.days.tolist()]))
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
    off, known = np.empty(n), values.tolist()
    for i, value in enumerate(known):
        left, right = max(i + 1, LEAST_DAYS), min(i, n - LEAST_DAYS)
        sides = (known[max(0, left - REACH) : left], known[right : right + REACH])
        off[i] = min(abs(value - median(side)) for side in sides)
    usual = max(scatter, 1.4826 * float(np.median(off)) * 1.5)
    weights: Floats = (TAIL + 1) / (TAIL + (off / usual) ** 2)
    return np.minimum(1.0, weights)
