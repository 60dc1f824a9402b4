"""Comparing two endpoints on the same items."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.stats.special import binomial_cdf, normal_quantile


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Difference of two shares on shared items, its interval, and McNemar's exact p-value."""

    difference: float | None
    lo: float | None
    hi: float | None
    p_value: float | None
    n: int


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value of McNemar's test from the two discordant counts."""
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    return min(1.0, 2 * float(binomial_cdf(min(only_first, only_second), discordant, 0.5)))


def paired_difference(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> PairedDifference:
    """First minus second, both 0/1 of shape (n,) on the same items.

    The standard error is sqrt((b + c - (b - c)^2 / n) / (n (n - 1))) with b and c the discordant counts.

    Raises:
        ValueError: the shapes differ.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
    n = len(a)
    if n < 2:
        return PairedDifference(None, None, None, None, n)
    only_a, only_b = int(np.sum(a > b)), int(np.sum(b > a))
    difference = (only_a - only_b) / n
    error = math.sqrt((only_a + only_b - (only_a - only_b) ** 2 / n) / (n * (n - 1)))
    half = normal_quantile(0.5 + confidence / 2) * error
    return PairedDifference(difference, difference - half, difference + half, mcnemar_exact(only_a, only_b), n)


def holm(p_values: ArrayLike) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Holm's step-down adjusted p-values of shape (m,) (Holm 1979), in the order given."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return adjusted
