"""A percentile of the tail that is stated only where the sample can bear it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.stats.special import binomial_cdf

CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class Tail:
    """A value that the true percentile is below; None where n is under `needs`."""

    value: float | None
    n: int
    needs: int

    @property
    def note(self) -> str | None:
        """Why there is no value."""
        return None if self.n >= self.needs else f"n too small: {self.n}, needs {self.needs}"


def conservative_percentile(values: ArrayLike, q: float, confidence: float = CONFIDENCE) -> Tail:
    """A value that the true `q`-quantile of what `values`, of shape (n,), are drawn from is below at `confidence`.

    MLPerf LoadGen's early-stopping estimate (mlcommons/endpoints, docs/early_stopping.md; tolerance 0): with t the
    largest count for which P(at most t of n lie above the quantile) is at most 1 - confidence, the t-th largest value.
    Where not even t = 1 is unlikely enough there is no estimate: p90 needs 64 values, p99 needs 662. It is never below
    the quantile of the sample, and nears it as n grows. Infinite values (failures counted as never) are allowed.
    """
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    needs = sample_needed(q, confidence)
    if n < needs:
        return Tail(None, n, needs)
    # P(at most t of n lie above the quantile) grows with t.
    unlikely = bisect_right(range(n + 1), 1 - confidence, key=lambda t: float(binomial_cdf(t, n, 1 - q)))
    rank = n - (unlikely - 1)
    return Tail(float(np.partition(sample, rank)[rank]), n, needs)


@cache
def sample_needed(q: float, confidence: float = CONFIDENCE) -> int:
    """The smallest n of which :func:`conservative_percentile` gives a value: where t = 1 is unlikely enough."""
    few, many = 1, 2
    while float(binomial_cdf(1, many, 1 - q)) > 1 - confidence:
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if float(binomial_cdf(1, middle, 1 - q)) <= 1 - confidence else (middle, many)
    return many
