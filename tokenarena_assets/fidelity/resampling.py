"""Intervals of statistics of prompts: percentile bootstrap, and the jackknife where there are few prompts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tokenarena_assets.stats.special import t_quantile

Array = np.ndarray[Any, np.dtype[np.float64]]
Statistic = Callable[[Array], Array]
Bounds = tuple[float | None, float | None]
RESAMPLES = 2_000
FEW = 20  # prompts, under which a percentile interval is too short
UNKNOWN: Bounds = (None, None)


def prompt_interval(
    statistic: Statistic, n_prompts: int, *, resamples: int = RESAMPLES, seed: int = 0, confidence: float = 0.95
) -> Bounds:
    """Interval of a statistic of prompts: :func:`bootstrap_interval`, with under 20 :func:`jackknife_interval`.

    `statistic` maps weights of the prompts, of shape (k, n_prompts), to its k values; NaN where it is not defined.
    """
    if n_prompts < FEW:
        return jackknife_interval(statistic, n_prompts, confidence)
    return bootstrap_interval(statistic, n_prompts, resamples=resamples, seed=seed, confidence=confidence)


def bootstrap_interval(
    statistic: Statistic, n_prompts: int, *, resamples: int = RESAMPLES, seed: int = 0, confidence: float = 0.95
) -> Bounds:
    """Percentile interval, prompts drawn with replacement. Statistics of the same seed are paired."""
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n_prompts, np.full(n_prompts, 1 / n_prompts), size=resamples).astype(np.float64)
    values = statistic(weights)
    if not np.isfinite(values).all():
        return UNKNOWN  # quantiles of the rest would be those of another population
    lo, hi = np.quantile(values, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(lo), float(hi)


def jackknife_interval(statistic: Statistic, n_prompts: int, confidence: float = 0.95) -> Bounds:
    """Estimate +- t of n_prompts - 1 degrees times the standard error by leaving out one prompt at a time.

    The squared error is (m - 1) / m * sum of (value without prompt i - their mean)^2 (Efron and Tibshirani 1993, 11.5).
    """
    if n_prompts < 2:
        return UNKNOWN
    estimate = float(statistic(np.ones((1, n_prompts)))[0])
    without = statistic(1.0 - np.eye(n_prompts))
    if not math.isfinite(estimate) or not np.isfinite(without).all():
        return UNKNOWN
    error = math.sqrt((n_prompts - 1) / n_prompts * float(np.sum((without - without.mean()) ** 2)))
    half = t_quantile(0.5 + confidence / 2, n_prompts - 1) * error
    return estimate - half, estimate + half
