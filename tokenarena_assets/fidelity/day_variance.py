"""How much T varies between days of one unchanged reference, and the test of T that knows it.

Samples of a day are not independent: what the machines of that day do alike moves all of them. A permutation test that
takes them to be independent rejects unchanged endpoints; the reference's own days show by how much T varies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tokenarena_assets.fidelity.kernels import Kernel, match_counts, unit
from tokenarena_assets.fidelity.sequences import Sequences
from tokenarena_assets.stats.special import t_cdf

MIN_PROMPTS = 10
Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class DayVariance:
    """Of N, the T of all pairs of the reference's days; None where N has under two.

    `s2_day` = max(0, variance - mean_permutation_variance): what days add to the variance of equal samples.
    """

    mean: float | None
    variance: float | None
    mean_permutation_variance: float | None
    s2_day: float | None
    n_days: int
    n_pairs: int


@dataclass(frozen=True, slots=True)
class DayTest:
    """One-sided test of T: z, and p of Student's t with `df` degrees of freedom; None where not known."""

    z: float | None
    p: float | None
    df: int | None


def day_variance(
    reference_days: Mapping[int, Mapping[str, Sequences]],
    *,
    kernel: Kernel = "prefix",
    min_prompts: int = MIN_PROMPTS,
) -> DayVariance:
    """N = {T(d, d')} over the pairs of days, from day -> prompt -> sequences of shape (n, L).

    A pair is compared on the prompts that have two samples on both days, and left out where these are fewer than
    `min_prompts`. `n_days` counts the days of pairs that were not. The variance that T has under permutation of a
    pair's samples is exact, not drawn.
    """
    days = sorted(reference_days)
    shape = (len(days), len(days))
    n_prompts, t, variance = np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(shape)
    for prompt in dict.fromkeys(prompt for day in days for prompt in reference_days[day]):
        present = [i for i, day in enumerate(days) if len(reference_days[day].get(prompt, ())) >= 2]
        if len(present) < 2:
            continue
        of_prompt, its_variance = _pairs_of_days([reference_days[days[i]][prompt] for i in present], kernel)
        cells = np.ix_(present, present)
        n_prompts[cells] += 1
        t[cells] += of_prompt
        variance[cells] += its_variance
    taken = np.triu(n_prompts >= max(1, min_prompts), 1)
    n_pairs, n_days = int(taken.sum()), int((taken | taken.T).any(axis=1).sum())
    if n_pairs < 2:
        return DayVariance(None, None, None, None, n_days, n_pairs)
    found = t[taken] / n_prompts[taken]
    between, within = float(np.var(found, ddof=1)), float(np.mean(variance[taken] / n_prompts[taken] ** 2))
    return DayVariance(float(found.mean()), between, within, max(0.0, between - within), n_days, n_pairs)


def day_test(statistic: float | None, permutation_variance: float | None, days: DayVariance) -> DayTest:
    """By z = (T - max(0, mean(N))) / sqrt(permutation variance + s2_day); p that t of n_days - 1 degrees exceeds it.

    What days add to T is no less than 0, so a negative mean of N is chance, and taken as 0 like a negative s2_day. It
    is of single days: next to the small variance of a T of seven days it would accuse an endpoint for the reference's
    own chance, and for weeks on end.
    """
    if statistic is None or permutation_variance is None or days.mean is None or days.s2_day is None:
        return DayTest(None, None, None)
    variance = permutation_variance + days.s2_day
    if variance <= 0:
        return DayTest(None, None, None)
    z, df = (statistic - max(0.0, days.mean)) / math.sqrt(variance), days.n_days - 1
    return DayTest(z, t_cdf(-z, df), df)


def _pairs_of_days(samples: list[Sequences], kernel: Kernel) -> tuple[Array, Array]:
    """T of one prompt between any two of D days, and its variance under permutation; of shape (D, D), diagonal void.

    With z the 0/1 indicator of day d in the pooled samples of d and d', K their kernel with a zero diagonal and k its
    row sums, T = alpha z'Kz - beta z'k + constant. The moments of z'Kz and z'k are sums over two, three and four
    different samples (Mantel 1967; Mielke and Berry 2007, ch. 2), for which sums over days of K, K^2 and k do.
    """
    pooled = np.concatenate(samples)
    k = match_counts(pooled, kernel) / unit(pooled, kernel)
    np.fill_diagonal(k, 0.0)
    sizes = np.array([len(part) for part in samples])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rows = np.add.reduceat(k, starts, axis=1)  # of each sample, with each day
    cells = np.add.reduceat(rows, starts, axis=0)
    squares = np.add.reduceat(np.add.reduceat(k * k, starts, axis=1), starts, axis=0)
    own = np.repeat(rows[np.arange(len(pooled)), np.repeat(np.arange(len(sizes)), sizes)][:, None], len(sizes), axis=1)
    # Sum over the samples of day d of (row sum over d and d')^2; the same for d' is its transpose.
    of_rows = np.add.reduceat((own + rows) ** 2, starts, axis=0)

    n, r = np.broadcast_arrays(sizes[:, None].astype(np.float64), sizes.astype(np.float64))
    diagonal = np.diag(cells)
    within, within_other = np.broadcast_arrays(diagonal[:, None], diagonal)
    t = within / (n * (n - 1)) + within_other / (r * (r - 1)) - 2 * cells / (n * r)

    total = within + within_other + 2 * cells
    k2 = np.diag(squares)[:, None] + np.diag(squares) + 2 * squares
    row2 = of_rows + of_rows.T
    p1, p2, p3, p4 = _all_in(n, n + r)
    quadratic, linear = total * p2, total * p1  # means of z'Kz and z'k
    alpha = 1 / (n * (n - 1)) + 1 / (r * (r - 1)) + 2 / (n * r)
    beta = 2 / (r * (r - 1)) + 2 / (n * r)
    var_quadratic = 2 * k2 * p2 + 4 * (row2 - k2) * p3 + (total**2 - 4 * row2 + 2 * k2) * p4 - quadratic**2
    var_linear = row2 * p1 + (total**2 - row2) * p2 - linear**2
    covariance = 2 * row2 * p2 + (total**2 - 2 * row2) * p3 - quadratic * linear
    variance = alpha**2 * var_quadratic + beta**2 * var_linear - 2 * alpha * beta * covariance
    return t, np.maximum(variance, 0.0)


def _all_in(n: Array, total: Array) -> list[Array]:
    """P that 1, 2, 3 and 4 given samples of `total` are all among the `n` drawn."""
    shares = [(n - i) / (total - i) for i in range(4)]
    return [np.prod(shares[: i + 1], axis=0) for i in range(4)]
