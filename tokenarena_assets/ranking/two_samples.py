"""Pairwise tests of samples that were drawn in the same rounds: of their middle, and of their tail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from tokenarena_assets.ranking.places import Matrix, Vector
from tokenarena_assets.stats import weighted_mcnemar_exact
from tokenarena_assets.stats.special import hypergeometric_tails, two_sided_p

EXACT_UP_TO = 4_000  # product of sizes of all rounds; above, the normal approximation is as good
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
    p = np.ones((m, m))
    for a in range(m):
        for b in range(a + 1, m):
            p[a, b] = p[b, a] = _rank_sum(samples[a], samples[b])
    return p


def _rank_sum(first: Rounds, second: Rounds) -> float:
    wins, mean, variance = 0.0, 0.0, 0.0
    sizes: list[tuple[int, int]] = []
    tied = False
    for name in sorted(first.keys() & second.keys()):
        x, y = first[name], second[name]
        n, k = len(x), len(y)
        if not n or not k:
            continue
        pooled = np.sort(np.concatenate([x, y]))
        below, above = np.searchsorted(np.sort(y), x, "left"), np.searchsorted(np.sort(y), x, "right")
        wins += float((below + above).sum()) / 2
        mean += n * k / 2
        counts = np.diff(np.flatnonzero(np.concatenate([[True], pooled[1:] != pooled[:-1], [True]])))
        correction = float(np.sum(counts**3 - counts)) / ((n + k) * (n + k - 1))
        variance += n * k / 12 * (n + k + 1 - correction)
        tied = tied or bool(np.any(counts > 1))
        sizes.append((min(n, k), max(n, k)))
    if not sizes or variance <= 0:
        return 1.0
    if not tied and sum(n * k for n, k in sizes) <= EXACT_UP_TO:
        return _exact(wins, tuple(sorted(sizes)))
    return float(two_sided_p(max(0.0, abs(wins - mean) - 0.5) / np.sqrt(variance)))


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
    bound = np.quantile(pooled, q, method="inverted_cdf")
    above = np.isinf(pooled) if np.isinf(bound) else pooled > bound
    return hypergeometric_tails(int(above[: len(x)].sum()), len(pooled), int(above.sum()), len(x))


def weighted_mcnemar_p_values(strata: Sequence[tuple[float, Sequence[Mapping[str, bool]]]], m: int) -> Matrix:
    """Two-sided p-values that `m` endpoints answer equally many items rightly, of all pairs, of shape (m, m).

    `strata` are (weight, scores by item of each endpoint); each pair is compared on the items that both answered, by
    McNemar's exact test with the strata weighted so that each has its weight whatever the number of its items
    (:func:`~tokenarena_assets.stats.paired.weighted_mcnemar_exact`).
    """
    tables = [(weight, *_score_tables(scores, m)) for weight, scores in strata]
    p = np.ones((m, m))
    for a in range(m):
        for b in range(a + 1, m):
            found: list[tuple[float, int, int]] = []
            for weight, right, known in tables:
                shared = known[a] & known[b]
                first, second = (int((shared & right[i] & ~right[j]).sum()) for i, j in ((a, b), (b, a)))
                if n := int(shared.sum()):
                    found.append((weight / n, first, second))
            p[a, b] = p[b, a] = weighted_mcnemar_exact(found) if found else 1.0
    return p


def _score_tables(scores: Sequence[Mapping[str, bool]], m: int) -> tuple[np.ndarray, np.ndarray]:
    """Who has which item right, and who was graded on it; one row an endpoint, one column an item."""
    column = {item: index for index, item in enumerate(sorted({item for own in scores for item in own}))}
    right, known = np.zeros((m, len(column)), dtype=bool), np.zeros((m, len(column)), dtype=bool)
    for row, own in enumerate(scores):
        for item, correct in own.items():
            right[row, column[item]], known[row, column[item]] = correct, True
    return right, known
