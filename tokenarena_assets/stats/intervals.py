"""Intervals of a share and of a quantile."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache

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
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    if n == 0:
        return Interval(None, None, None, 0)
    low, high = _ranks(n, q, (1 - confidence) / 2)
    wanted = [rank for rank in (low, high) if rank is not None]
    ordered = np.partition(sample, wanted) if wanted else sample
    lo = float(ordered[low]) if low is not None else None
    hi = float(ordered[high]) if high is not None else None
    known = (q <= 0.5 or hi is not None) and (q >= 0.5 or lo is not None)
    value = float(np.quantile(sample, q, method="inverted_cdf" if np.isinf(sample).any() else "linear"))
    return Interval(value if known else None, lo, hi, n)


@lru_cache(maxsize=4096)
def _ranks(n: int, q: float, tail: float) -> tuple[int | None, int | None]:
    """The ranks (from 0) of the values that enclose quantile `q` of `n`; None: beyond the sample.

    By bisection: P(at most `rank` values lie below the true quantile) grows with the rank.
    """

    def below(rank: int) -> float:
        return float(binomial_cdf(rank, n, q))

    low = bisect_right(range(n), tail, key=below) - 1
    high = bisect_left(range(n), 1 - tail, key=below)
    return (low if low >= 0 else None), (high if high < n else None)
