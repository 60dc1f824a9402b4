"""The distributions that intervals and tests rest on, from SciPy, which loads only when one is computed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def normal_quantile(p: float) -> float:
    """Quantile of the standard normal distribution."""
    from scipy.special import ndtri  # noqa: PLC0415 - a third of a second that starting the program need not wait for

    return float(ndtri(p))


def normal_cdf(z: float) -> float:
    """Distribution function of the standard normal distribution."""
    from scipy.special import ndtr  # noqa: PLC0415

    return float(ndtr(z))


def t_quantile(p: float, degrees: int) -> float:
    """Quantile of Student's t distribution."""
    from scipy.special import stdtrit  # noqa: PLC0415

    return float(stdtrit(degrees, p))


def t_cdf(t: float, degrees: int) -> float:
    """Distribution function of Student's t distribution."""
    from scipy.special import stdtr  # noqa: PLC0415

    return float(stdtr(degrees, t))


def binomial_cdf(successes: ArrayLike, n: int, p: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """P(at most `successes` of `n`), elementwise, each having probability `p`."""
    from scipy.special import bdtr  # noqa: PLC0415

    return np.asarray(bdtr(successes, n, p), dtype=np.float64)


def two_sided_p(z: ArrayLike) -> np.ndarray[Any, np.dtype[np.float64]]:
    """P(|Z| >= |z|) of the standard normal distribution, elementwise; without the rounding of 1 - P."""
    from scipy.special import ndtr  # noqa: PLC0415

    return np.asarray(2 * ndtr(-np.abs(np.asarray(z, dtype=np.float64))), dtype=np.float64)


def hypergeometric_tails(seen: int, total: int, marked: int, drawn: int) -> float:
    """Two-sided p-value of `seen` marked among `drawn` of `total`, of which `marked` are: twice the smaller tail."""
    first, chances = _hypergeometric(total, marked, drawn)
    at = seen - first
    tails = chances[: max(0, at + 1)].sum(), chances[max(0, at) :].sum()
    return min(1.0, 2 * float(min(tails)))


@lru_cache(maxsize=10_000)
def _hypergeometric(total: int, marked: int, drawn: int) -> tuple[int, np.ndarray[Any, np.dtype[np.float64]]]:
    """The fewest marked ones that have a chance, and the chances from there on; those that round to 0 are left out.

    From the likeliest number outwards by the ratio of neighbours: one pass, which for samples of tens of thousands is
    hundreds of times as fast as a logarithm of binomials for each number, and as exact.
    """
    low, high = max(0, drawn + marked - total), min(drawn, marked)
    mode = min(high, max(low, (drawn + 1) * (marked + 1) // (total + 2)))
    k = np.arange(low, high, dtype=np.float64)
    ratio = (marked - k) * (drawn - k) / ((k + 1) * (total - marked - drawn + k + 1))  # P(k + 1) / P(k)
    up, down = np.cumprod(ratio[mode - low :]), np.cumprod(1 / ratio[: mode - low][::-1])[::-1]
    chances = np.concatenate([down, [1.0], up])
    (kept,) = np.nonzero(chances)
    return low + int(kept[0]), chances[kept[0] : kept[-1] + 1] / chances.sum()
