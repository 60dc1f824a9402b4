"""A ratio of sums (dollars per correct answer) with its interval, and the comparison of two on the same items."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.stats.bootstrap import bca_ratio
from tokenarena_assets.stats.special import normal_cdf, normal_quantile

Array = np.ndarray[tuple[int], np.dtype[np.float64]]
BOOTSTRAP_UNDER = 100  # items; below it the delta method's interval is too narrow where costs are skewed


@dataclass(frozen=True, slots=True)
class RatioOfSums:
    """Sum of costs over sum of successes; with no success only `lo`, the lower bound, is known.

    `successes` counts them without weights.
    """

    value: float | None
    lo: float | None
    hi: float | None
    n: int
    successes: float


def ratio_of_sums(
    costs: ArrayLike, successes: ArrayLike, weights: ArrayLike | None = None, confidence: float = 0.95
) -> RatioOfSums:
    """`sum(w costs) / sum(w successes)` over items, all of shape (n,), with its log-scale delta interval.

    With c and y weighted and R = mean(c)/mean(y): var(R) = (s_c^2 - 2 R s_cy + R^2 s_y^2) / (n mean(y)^2), interval
    R exp(+-z se/R). With no success the one-sided bound sum(c) / (sum(w) u), u = 1 - (1 - confidence)^(1/n), is `lo`:
    the true ratio is above it. A mean of ratios, or a ratio of means from different runs, is never formed.

    Raises:
        ValueError: the shapes differ.
    """
    c, y, w = _weighted(costs, successes, weights)
    n, total = len(c), float(np.asarray(successes, dtype=float).sum())
    if n == 0:
        return RatioOfSums(None, None, None, 0, 0.0)
    if y.sum() == 0:
        upper_share = 1 - (1 - confidence) ** (1 / n)
        return RatioOfSums(None, float(c.sum()) / (float(w.sum()) * upper_share), None, n, total)
    ratio = float(c.sum()) / float(y.sum())
    if n < 2 or ratio == 0:
        return RatioOfSums(ratio, None, None, n, total)
    relative = _relative_influence(c, y)
    spread = math.exp(normal_quantile(0.5 + confidence / 2) * float(relative.std(ddof=1)) / math.sqrt(n))
    return RatioOfSums(ratio, ratio / spread, ratio * spread, n, total)


def ratio_with_interval(
    costs: ArrayLike,
    successes: ArrayLike,
    clusters: Sequence[Hashable],
    *,
    weights: ArrayLike | None = None,
    strata: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> RatioOfSums:
    """:func:`ratio_of_sums` with the interval that its size asks for: under 100 items a BCa bootstrap of `clusters`.

    `strata` are resampled each by itself (see :func:`~tokenarena_assets.stats.bootstrap.bca_ratio`); of shape (n,).

    Raises:
        ValueError: the shapes differ.
    """
    plain = ratio_of_sums(costs, successes, weights)
    if plain.value is None or plain.lo is None or plain.n >= BOOTSTRAP_UNDER:
        return plain
    c, y, _ = _weighted(costs, successes, weights)
    lo, hi = bca_ratio(c, y, clusters, strata, seed=seed)
    return RatioOfSums(plain.value, lo, hi, plain.n, plain.successes)


def _weighted(costs: ArrayLike, successes: ArrayLike, weights: ArrayLike | None) -> tuple[Array, Array, Array]:
    c, y = np.asarray(costs, dtype=float), np.asarray(successes, dtype=float)
    w = np.ones(len(c)) if weights is None else np.asarray(weights, dtype=float)
    if not c.shape == y.shape == w.shape:
        raise ValueError(f"shapes differ: {c.shape}, {y.shape} and {w.shape}")
    return c * w, y * w, w


def _relative_influence(c: Array, y: Array) -> Array:
    """Each item's pull on log(sum c / sum y); its variance over n is the delta-method variance of the log ratio."""
    influence: Array = c / c.mean() - y / y.mean()
    return influence


def log_ratio_p_value(
    costs_a: ArrayLike,
    successes_a: ArrayLike,
    costs_b: ArrayLike,
    successes_b: ArrayLike,
    weights: ArrayLike | None = None,
) -> float:
    """Two-sided p-value that two ratios of (weighted) sums over the *same* items, all of shape (n,), are equal.

    Delta method on the difference of the logs, paired by item; 1 where one of them is undefined.
    """
    a_c, a_y, _ = _weighted(costs_a, successes_a, weights)
    b_c, b_y, _ = _weighted(costs_b, successes_b, weights)
    n = len(a_c)
    if n < 2 or min(a_c.sum(), a_y.sum(), b_c.sum(), b_y.sum()) <= 0:
        return 1.0
    difference = math.log(a_c.sum() / a_y.sum()) - math.log(b_c.sum() / b_y.sum())
    error = float((_relative_influence(a_c, a_y) - _relative_influence(b_c, b_y)).std(ddof=1)) / math.sqrt(n)
    if error < 1e-12:
        return 1.0 if abs(difference) < 1e-12 else 0.0
    return 2 * normal_cdf(-abs(difference) / error)
