"""Pairwise tests of samples that were drawn in the same rounds: of their middle, and of their tail."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from tokenarena_assets.ranking.places import Matrix, Relation, Vector
from tokenarena_assets.stats import weighted_mcnemar_exact
from tokenarena_assets.stats.special import hypergeometric_tails, two_sided_p

EXACT_UP_TO = 4_000  # product of sizes of all rounds; above, the normal approximation is as good
VALUES_AT_ONCE = 65_536  # a round of a million probes of 200 endpoints would need gigabytes
Rounds = Mapping[str, Vector]


def rank_sum_p_values(samples: Sequence[Rounds]) -> Matrix:
    """Two-sided p-values that two endpoints draw from one distribution, of all pairs, of shape (m, m).

    `samples` are values by round, one mapping an endpoint: within a round the two are compared with each other alone,
    so that an hour at which everybody is slow tells nobody apart. The statistic is the sum over rounds of Mann and
    Whitney's U (van Elteren's test with equal weights), exact where the counts are small and no values tie, else
    normal with the variance corrected for ties. Infinite values (a failure, counted as never) tie with each other.
    Pairs without a common round have p = 1.
    """
    m = len(samples)
    names = sorted({name for own in samples for name in own})
    sizes = np.array([[len(own.get(name, ())) for name in names] for own in samples]).reshape(m, len(names))
    wins, pairs, variance = np.zeros((m, m)), np.zeros((m, m)), np.zeros((m, m))
    tied = np.zeros((m, m), dtype=bool)
    for name in names:
        found = _of_round([own.get(name, np.empty(0)) for own in samples])
        wins += found.wins
        pairs += found.pairs
        variance += found.variance
        tied |= found.tied
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.maximum(0.0, np.abs(wins - pairs / 2) - 0.5) / np.sqrt(variance)
    p: Matrix = np.where(variance > 0, two_sided_p(z), 1.0)
    for a, b in np.argwhere(np.triu(~tied & (variance > 0) & (pairs <= EXACT_UP_TO), 1)):
        both = sizes[[a, b]][:, (sizes[a] > 0) & (sizes[b] > 0)]
        chances_of = tuple(sorted(zip(both.min(axis=0).tolist(), both.max(axis=0).tolist(), strict=True)))
        p[a, b] = p[b, a] = _exact(wins[a, b], chances_of)
    np.fill_diagonal(p, 1.0)
    return p


@dataclass(frozen=True, slots=True)
class _Round:
    """Of all pairs within a round, each of shape (m, m): the first one's U, its variance, pairs of values, any ties."""

    wins: Matrix
    variance: Matrix
    pairs: Matrix
    tied: Relation


def _of_round(values: Sequence[Vector]) -> _Round:
    """Mann and Whitney's U of all pairs at once: products of how often each endpoint has each value.

    All are sums of whole and half numbers far under 2^53, so that no order of summing changes them.
    """
    m = len(values)
    owner = np.repeat(np.arange(m), [len(own) for own in values])
    distinct, code = np.unique(np.concatenate(values), return_inverse=True)
    n, alone = np.zeros(m), np.zeros(m)
    wins, mixed = np.zeros((m, m)), np.zeros((m, m))
    order = np.argsort(code, kind="stable")
    for first in range(0, len(distinct), VALUES_AT_ONCE):
        here = order[slice(*np.searchsorted(code[order], [first, first + VALUES_AT_ONCE]))]
        count = np.zeros((m, min(VALUES_AT_ONCE, len(distinct) - first)))
        np.add.at(count, (owner[here], code[here] - first), 1.0)
        # Twice the values below, and once those equal to it.
        wins += count @ (2 * (n[:, None] + np.cumsum(count, axis=1)) - count).T / 2
        shared = count[:, count.sum(axis=0) > 1]
        mixed += np.square(shared) @ shared.T
        alone += (count * count * count).sum(axis=1)
        n += count.sum(axis=1)
    size = n[:, None] + n[None, :]
    # Sum over values of t^3 - t, t being how often both together have it.
    excess = alone[:, None] + alone[None, :] + 3 * (mixed + mixed.T) - size
    pairs = np.outer(n, n)
    correction = excess / np.maximum(1.0, size * (size - 1))
    return _Round(wins, pairs / 12 * (size + 1 - correction), pairs, (excess > 0) & (pairs > 0))


def _exact(wins: float, sizes: tuple[tuple[int, int], ...]) -> float:
    chances = _null_distribution(sizes)
    total = len(chances) - 1
    low = min(wins, total - wins)
    return min(1.0, 2 * float(chances[: int(low) + 1].sum()))


@cache
def _null_distribution(sizes: tuple[tuple[int, int], ...]) -> Vector:
    """Chances of each sum of U over rounds of these sizes, where both endpoints are alike."""
    chances = np.ones(1)
    for n, k in sizes:
        chances = np.convolve(chances, _u_distribution(n, k))
    return chances


@cache
def _u_distribution(n: int, k: int) -> Vector:
    """Chances of U = 0 .. n k (Mann and Whitney 1947): the Gaussian binomial coefficient, term by term."""
    counts = np.zeros(n * k + 1)
    counts[0] = 1.0
    for i in range(1, n + 1):
        grown = counts.copy()
        for u in range(k + i, len(counts)):  # times (1 - q^(k + i))
            grown[u] -= counts[u - k - i]
        counts = grown
        for u in range(i, len(counts)):  # over (1 - q^i)
            counts[u] += counts[u - i]
    chances: Vector = counts / counts.sum()
    return chances


def tail_p_values(samples: Sequence[Vector], q: float) -> Matrix:
    """Two-sided p-values that two endpoints exceed their common `q`-quantile equally often, of all pairs, (m, m).

    The quantile test (Johnson, Verrill and Moore 1987): of the values of both, how many of those above the pooled
    quantile are the first one's; exact by the hypergeometric distribution. A failure is infinite: above every value
    and, where the quantile itself is a failure, what is counted.
    """
    m = len(samples)
    p = np.ones((m, m))
    for a in range(m):
        for b in range(a + 1, m):
            p[a, b] = p[b, a] = _tail(samples[a], samples[b], q)
    return p


def _tail(x: Vector, y: Vector, q: float) -> float:
    if not len(x) or not len(y):
        return 1.0
    pooled = np.concatenate([x, y])
    place = max(0, math.ceil(len(pooled) * q - 1))  # as NumPy's quantile by `inverted_cdf`, without its checks
    bound = np.partition(pooled, place)[place]
    above = np.isinf(pooled) if np.isinf(bound) else pooled > bound
    return hypergeometric_tails(int(above[: len(x)].sum()), len(pooled), int(above.sum()), len(x))


def weighted_mcnemar_p_values(strata: Sequence[tuple[float, Sequence[Mapping[str, bool]]]], m: int) -> Matrix:
    """Two-sided p-values that `m` endpoints answer equally many items rightly, of all pairs, of shape (m, m).

    `strata` are (weight, scores by item of each endpoint); each pair is compared on the items that both answered, by
    McNemar's exact test with the strata weighted so that each has its weight whatever the number of its items
    (:func:`~tokenarena_assets.stats.paired.weighted_mcnemar_exact`).
    """
    counted = [(weight, *_discordant(scores, m)) for weight, scores in strata]
    p = np.ones((m, m))
    for a in range(m):
        for b in range(a + 1, m):
            found = [
                (weight / shared[a, b], int(only[a, b]), int(only[b, a]))
                for weight, only, shared in counted
                if shared[a, b]
            ]
            p[a, b] = p[b, a] = weighted_mcnemar_exact(found) if found else 1.0
    return p


def _discordant(scores: Sequence[Mapping[str, bool]], m: int) -> tuple[Matrix, Matrix]:
    """Of all pairs, how many items the first alone has right, and how many both were graded on; each (m, m)."""
    right, known = _score_tables(scores, m)
    return right @ (known - right).T, known @ known.T


def _score_tables(scores: Sequence[Mapping[str, bool]], m: int) -> tuple[Matrix, Matrix]:
    """As 0 and 1, who has which item right, and who was graded on it; one row an endpoint, one column an item."""
    column = {item: index for index, item in enumerate(sorted({item for own in scores for item in own}))}
    right, known = np.zeros((m, len(column))), np.zeros((m, len(column)))
    for row, own in enumerate(scores):
        for item, correct in own.items():
            right[row, column[item]], known[row, column[item]] = correct, 1.0
    return right, known
