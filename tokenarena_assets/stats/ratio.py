"""A ratio of sums (dollars per correct answer) with its interval, and the comparison of two on the same items."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.stats.bootstrap import bca_ratio
from tokenarena_assets.stats.special import normal_quantile, two_sided_p

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


def log_ratio_p_values(
    costs_a: ArrayLike, successes_a: ArrayLike, costs_b: ArrayLike, successes_b: ArrayLike, shared: ArrayLike
) -> Array:
    """Two-sided p-values that two ratios of sums over the *same* items are equal, for k pairs at once; shape (k,).

    All of shape (k, n) and weighted already; `shared` says which of the n items a pair is compared on, and what is not
    shared must be 0. Delta method on the difference of the logs, paired by item; 1 where a ratio is undefined.

    Raises:
        ValueError: the shapes differ.
    """
    c_a, y_a, c_b, y_b = (np.asarray(given, dtype=float) for given in (costs_a, successes_a, costs_b, successes_b))
    on = np.asarray(shared, dtype=bool)
    if not c_a.shape == y_a.shape == c_b.shape == y_b.shape == on.shape:
        raise ValueError(f"shapes differ: {c_a.shape}, {y_a.shape}, {c_b.shape}, {y_b.shape} and {on.shape}")
    sums = np.stack([given.sum(axis=1) for given in (c_a, y_a, c_b, y_b)])
    n = on.sum(axis=1)
    defined = (n >= 2) & (sums > 0).all(axis=0)
    means = np.where(defined, sums, 1.0) / np.maximum(n, 1)
    a, b, c, d = (given / mean[:, None] for given, mean in zip((c_a, y_a, c_b, y_b), means, strict=True))
    pull = np.where(on, a - b - c + d, 0.0)  # each item's, on the difference; its mean over the shared ones is 0
    error = np.sqrt((pull**2).sum(axis=1) / np.maximum(n - 1, 1) / np.maximum(n, 1))
    logs = np.log(means)
    difference = np.abs(logs[0] - logs[1] - logs[2] + logs[3])
    exact = error < 1e-12
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(exact, np.where(difference < 1e-12, 0.0, math.inf), difference / error)
    return np.where(defined, two_sided_p(z), 1.0)
