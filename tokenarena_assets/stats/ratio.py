"""A ratio of sums (dollars per correct answer) with its interval, and the comparison of two on the same items."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.stats.special import normal_cdf, normal_quantile


@dataclass(frozen=True, slots=True)
class RatioOfSums:
    """Sum of costs over sum of successes; with no success only `lo`, the lower bound, is known."""

    value: float | None
    lo: float | None
    hi: float | None
    n: int
    successes: float


def ratio_of_sums(costs: ArrayLike, successes: ArrayLike, confidence: float = 0.95) -> RatioOfSums:
    """`sum(costs) / sum(successes)` over items, both of shape (n,), with its log-scale delta interval.

    With R = mean(c)/mean(y): var(R) = (s_c^2 - 2 R s_cy + R^2 s_y^2) / (n mean(y)^2), interval R exp(+-z se/R).
    With no success the one-sided bound sum(c) / (n u), u = 1 - (1 - confidence)^(1/n), is `lo`: the true ratio is
    above it. A mean of ratios, or a ratio of means from different runs, is never formed.

    Raises:
        ValueError: the shapes differ.
    """
    c, y = np.asarray(costs, dtype=float), np.asarray(successes, dtype=float)
    if c.shape != y.shape:
        raise ValueError(f"shapes differ: {c.shape} and {y.shape}")
    n, total = len(c), float(y.sum())
    if n == 0:
        return RatioOfSums(None, None, None, 0, 0.0)
    if total == 0:
        upper_share = 1 - (1 - confidence) ** (1 / n)
        return RatioOfSums(None, float(c.sum()) / (n * upper_share), None, n, 0.0)
    ratio = float(c.sum()) / total
    if n < 2 or ratio == 0:
        return RatioOfSums(ratio, None, None, n, total)
    relative = _relative_influence(c, y)
    spread = math.exp(normal_quantile(0.5 + confidence / 2) * float(relative.std(ddof=1)) / math.sqrt(n))
    return RatioOfSums(ratio, ratio / spread, ratio * spread, n, total)


def _relative_influence(
    c: np.ndarray[tuple[int], np.dtype[np.float64]], y: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Each item's pull on log(sum c / sum y); its variance over n is the delta-method variance of the log ratio."""
    influence: np.ndarray[tuple[int], np.dtype[np.float64]] = c / c.mean() - y / y.mean()
    return influence


def log_ratio_p_value(costs_a: ArrayLike, successes_a: ArrayLike, costs_b: ArrayLike, successes_b: ArrayLike) -> float:
    """Two-sided p-value that two ratios of sums over the *same* items, all of shape (n,), are equal.

    Delta method on the difference of the logs, paired by item; 1 where one of them is undefined.
    """
    a_c, a_y, b_c, b_y = (np.asarray(v, dtype=float) for v in (costs_a, successes_a, costs_b, successes_b))
    n = len(a_c)
    if n < 2 or min(a_c.sum(), a_y.sum(), b_c.sum(), b_y.sum()) <= 0:
        return 1.0
    difference = math.log(a_c.sum() / a_y.sum()) - math.log(b_c.sum() / b_y.sum())
    error = float((_relative_influence(a_c, a_y) - _relative_influence(b_c, b_y)).std(ddof=1)) / math.sqrt(n)
    if error < 1e-12:
        return 1.0 if abs(difference) < 1e-12 else 0.0
    return 2 * normal_cdf(-abs(difference) / error)
