"""Intervals of a share and of a quantile."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.stats.special import binomial_cdf, normal_quantile


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval and n; None where n is too small to know."""

    value: float | None
    lo: float | None
    hi: float | None
    n: int


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Share of successes with Wilson's score interval (Wilson 1927; Brown, Cai and DasGupta 2001).

    Raises:
        ValueError: not 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return Interval(None, None, None, 0)
    z = normal_quantile(0.5 + confidence / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # The bounds are exact at the ends; rounding must not carry them past.
    lo = 0.0 if successes == 0 else max(0.0, centre - half)
    hi = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(share, lo, hi, n)


def quantile_interval(values: ArrayLike, q: float, confidence: float = 0.95) -> Interval:
    """Quantile `q` of a sample of shape (n,) with its distribution-free interval from order statistics.

    The bounds are sample values whose ranks enclose the true quantile with at least `confidence`
    (David and Nagaraja, Order Statistics, 7.1). A bound that would need a rank beyond the sample is None; a tail
    quantile whose outer bound is None is itself None: the sample is too small to know it. Infinite values (failures
    counted as never answered) are allowed.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    if n == 0:
        return Interval(None, None, None, 0)
    tail = (1 - confidence) / 2
    ranks = np.arange(n)
    below = binomial_cdf(ranks, n, q)  # P(at most `rank` values lie below the true quantile)
    low_ranks = np.flatnonzero(below <= tail)
    high_ranks = np.flatnonzero(below >= 1 - tail)
    lo = float(ordered[low_ranks[-1]]) if len(low_ranks) else None
    hi = float(ordered[high_ranks[0]]) if len(high_ranks) else None
    known = (q <= 0.5 or hi is not None) and (q >= 0.5 or lo is not None)
    value = float(np.quantile(ordered, q, method="inverted_cdf" if np.isinf(ordered).any() else "linear"))
    return Interval(value if known else None, lo, hi, n)
