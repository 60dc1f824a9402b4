"""Comparing two endpoints on the same items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.stats.special import binomial_cdf, normal_quantile

DETECTABLE_Z = 2.8  # of a two-sided test at 5 % with 80 % power


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Difference of two shares on shared items, its interval, and McNemar's exact p-value.

    `only_first` and `only_second` are the discordant counts: items that only that one has right.
    """

    difference: float | None
    lo: float | None
    hi: float | None
    p_value: float | None
    n: int
    only_first: int = 0
    only_second: int = 0

    @property
    def minimum_detectable(self) -> float | None:
        """:func:`minimum_detectable_difference` with the discordant share that was seen, of at least one item."""
        if self.n == 0:
            return None
        return minimum_detectable_difference(max(1, self.only_first + self.only_second) / self.n, self.n)


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
    return PairedDifference(
        difference, difference - half, difference + half, mcnemar_exact(only_a, only_b), n, only_a, only_b
    )


def minimum_detectable_difference(discordant_share: float, n: int) -> float:
    """The difference of two shares on `n` shared items that is found with 80 % power at 5 %: 2.8 sqrt(rho / n).

    `discordant_share` (rho) is the share of items that one has right and the other wrong; 2.8 = 1.96 + 0.84. A smaller
    difference may be real and is mostly not seen (Miller 2024, arXiv 2411.00640, section 5).

    Raises:
        ValueError: rho is no share, or n is not positive.
    """
    if not 0 <= discordant_share <= 1 or n < 1:
        raise ValueError(f"a discordant share of {discordant_share} of {n} items")
    return DETECTABLE_Z * math.sqrt(discordant_share / n)


def weighted_mcnemar_exact(strata: Sequence[tuple[float, int, int]]) -> float:
    """Exact two-sided p-value that a weighted sum of differences is 0; `strata` are (weight, only_first, only_second).

    Given the discordant counts, which side has an item right is a fair coin: the sum of weight * (first - second)
    is compared with all its values under the binomials. With one stratum it is McNemar's exact test.
    """
    values, chances = np.zeros(1), np.ones(1)
    seen = 0.0
    for weight, first, second in strata:
        k = first + second
        values = np.add.outer(values, weight * (2 * np.arange(k + 1) - k)).ravel()
        chances = np.multiply.outer(chances, _heads(k)).ravel()
        seen += weight * (first - second)
    largest = float(np.max(np.abs(values), initial=0.0))
    return min(1.0, float(chances[np.abs(values) >= abs(seen) - 1e-9 * largest].sum()))


@lru_cache(maxsize=1000)
def _heads(k: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Chances of 0 .. k heads of `k` fair coins."""
    return np.diff(binomial_cdf(np.arange(k + 1), k, 0.5), prepend=0.0) if k else np.ones(1)


def holm(p_values: ArrayLike) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Holm's step-down adjusted p-values of shape (m,) (Holm 1979), in the order given."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return adjusted
