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
    low = max(0, drawn + marked - total)  # the fewest that can be seen
    chances = _hypergeometric(total, marked, drawn)
    tails = chances[: seen - low + 1].sum(), chances[max(0, seen - low) :].sum()
    return min(1.0, 2 * float(min(tails)))


@lru_cache(maxsize=10_000)
def _hypergeometric(total: int, marked: int, drawn: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Chances of each number of marked ones that can be seen, the fewest first."""
    from scipy.stats import hypergeom  # noqa: PLC0415

    seen = np.arange(max(0, drawn + marked - total), min(drawn, marked) + 1)
    return np.asarray(hypergeom.pmf(seen, total, marked, drawn), dtype=np.float64)
