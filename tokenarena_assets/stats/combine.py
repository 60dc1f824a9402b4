"""A weighted sum of independent figures with its interval, made of theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tokenarena_assets.stats.intervals import Interval


def weighted_sum(parts: Sequence[tuple[float, Interval]]) -> Interval:
    """The sum of weight * figure over independent `parts` (weight, figure); n is the sum of theirs.

    The interval combines the variances that the parts' own limits imply (MOVER; Zou and Donner 2008):
    lo = sum - sqrt(sum of (w (value - lo))^2), hi likewise, with lo and hi of a part swapped where its weight is
    negative. So it keeps the shape of Wilson's intervals near 0 and 1, where w^2 p (1 - p) / n would be 0.
    Unknown parts make it unknown.
    """
    n = sum(part.n for _, part in parts)
    value, below, above, bounded = 0.0, 0.0, 0.0, bool(parts)
    for weight, part in parts:
        if part.value is None:
            return Interval(None, None, None, n)
        value += weight * part.value
        if part.lo is None or part.hi is None:
            bounded = False
            continue
        down, up = weight * (part.value - part.lo), weight * (part.hi - part.value)
        below += (down if weight >= 0 else up) ** 2
        above += (up if weight >= 0 else down) ** 2
    if not parts:
        return Interval(None, None, None, 0)
    if not bounded:
        return Interval(value, None, None, n)
    return Interval(value, value - math.sqrt(below), value + math.sqrt(above), n)
