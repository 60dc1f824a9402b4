"""First-token log-probabilities of two deployments, compared at the same number of alternatives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from statistics import fmean, median_low, stdev, variance

import numpy as np
from numpy.typing import NDArray

Row = Sequence[tuple[str, float]]  # alternatives of one first token: (token, log-probability in nats)
VALUE = itemgetter(1)

ASSUMED_NATS = 0.25
ASSUMED_LOG_SD = 0.5  # known within a factor of 1.65 (1 sigma), 2.7 (2 sigma)
MIN_HONEST_FOR_SPREAD = 3  # fewer honest deployments do not tell how much hosts differ
TINIEST_NATS = 1e-6  # stands for an LT of 0 in a logarithm: servers give six digits
SENTINEL_NATS = -1_000.0  # "practically never", as some servers write it (-9999); no log-probability is so low
SMALLEST_TAIL = 1e-9  # probability


@dataclass(frozen=True, slots=True)
class LogprobFloor:
    """The LT that honest deployments of the same precision show, and how well that is known."""

    nats: float
    log_sd: float
    source: str


ASSUMED_LOGPROB_FLOOR = LogprobFloor(
    ASSUMED_NATS, ASSUMED_LOG_SD, "assumed: 0.25 nats, as within one host of DeepSeek-V3-0324 in December 2025"
)


@dataclass(frozen=True, slots=True)
class LtTest:
    """LT over prompts, and whether it is over the floor."""

    n: int
    mean: float  # nats
    lo: float | None  # 95 % interval of the mean
    hi: float | None
    geometric_mean: float  # nats
    ratio: float  # geometric mean over floor
    se_log: float | None
    p_one_sided: float | None  # None with fewer than two prompts


def common_k(a_rows: Sequence[Row], b_rows: Sequence[Row]) -> int:
    """How many alternatives both sides usually give: the smaller of the two medians; 0 where a side gives none."""
    sides = [[len(clean) for row in rows if (clean := _clean(row))] for rows in (a_rows, b_rows)]
    return min(median_low(side) for side in sides) if all(sides) else 0


def lt_statistic(a_rows: Sequence[Row], b_rows: Sequence[Row], k: int) -> float:
    """LT of one prompt (arXiv 2512.03816): mean over tokens of |mean log-probability here - mean there|, in nats.

    Every row is cut to its `k` best alternatives. The tokens are all that any row of either side has then; a row
    without one of them is taken at its own smallest value, which is the most that it can have been. Rows without
    alternatives are left out, never imputed.

    Raises:
        ValueError: a side has no rows with alternatives, or `k` is under 1.
    """
    a, b = _matrices(a_rows, b_rows, k)
    return _lt(a, b)


def kl_top_k(endpoint_rows: Sequence[Row], reference_rows: Sequence[Row], k: int) -> float:
    """KL(reference || endpoint) of the first token in nats, on shared alternatives and one bucket for all else.

    Shared are the tokens that every row of both sides has among its `k` best, so nothing is imputed. Merging the rest
    into one bucket can only lower KL: a lower bound on that of the mean distributions.

    Raises:
        ValueError: a side has no rows with alternatives, or `k` is under 1.
    """
    endpoint, reference = _cut(endpoint_rows, k), _cut(reference_rows, k)
    shared = sorted(set.intersection(*(set(row) for row in endpoint + reference)))
    q = _with_tail([fmean(math.exp(row[token]) for row in endpoint) for token in shared])
    p = _with_tail([fmean(math.exp(row[token]) for row in reference) for token in shared])
    return max(0.0, sum(x * math.log(x / y) for x, y in zip(p, q, strict=True)))


def choose_logprob_floor(honest: Sequence[float], own: Sequence[float] = ()) -> LogprobFloor:
    """The floor to judge by: the largest LT among honest deployments where there are any, else the assumed one.

    How far another honest host may be from it is known from three on (the spread of their logarithms, for one host
    more), and assumed before. The floor is never under the reference's own LT.

    Args:
        honest: Geometric mean LT over prompts, one for each honest deployment.
        own: The same of the reference against itself, each day against the day before.
    """
    floor = ASSUMED_LOGPROB_FLOOR
    if honest:
        n = len(honest)
        logs = [math.log(max(x, TINIEST_NATS)) for x in honest]
        spread = stdev(logs) * math.sqrt(1 + 1 / n) if n >= MIN_HONEST_FOR_SPREAD else ASSUMED_LOG_SD
        source = f"measured: the largest of {n} honest deployment{'s' if n > 1 else ''}"
        floor = LogprobFloor(max(*honest, TINIEST_NATS), spread, source)
    largest = max(own, default=0.0)
    if largest > floor.nats:
        floor = LogprobFloor(largest, floor.log_sd, "the reference against itself, which is over any other floor")
    return floor


def lt_test(per_prompt_lt: Sequence[float], floor_nats: float, floor_log_sd: float) -> LtTest | None:
    """One-sided t over prompts of log LT - log floor; None without prompts.

    The variance of the mean is s^2/n + floor_log_sd^2. The floor's part is a stated uncertainty, not an estimate, so
    degrees of freedom are Welch and Satterthwaite's with infinitely many for it. LT and floor of 0 are taken as
    1e-6 nats. The logarithm, because LT of prompts differ by orders of magnitude, and a floor is known by a factor.
    """
    from scipy.stats import t as student  # noqa: PLC0415 - a second that starting need not wait for

    n = len(per_prompt_lt)
    if not n:
        return None
    logs = [math.log(max(x, TINIEST_NATS)) for x in per_prompt_lt]
    mean, log_mean = fmean(per_prompt_lt), fmean(logs)
    away = log_mean - math.log(max(floor_nats, TINIEST_NATS))
    if n < 2:
        return LtTest(n, mean, None, None, math.exp(log_mean), math.exp(away), None, None)
    own, known = variance(logs) / n, floor_log_sd**2
    se = math.sqrt(own + known)
    df = (n - 1) * ((own + known) / own) ** 2 if own else math.inf
    p = float(student.sf(away / se, df)) if se else float(away <= 0)
    reach = float(student.isf(0.025, n - 1)) * stdev(per_prompt_lt) / math.sqrt(n)
    lo, hi = max(0.0, mean - reach), mean + reach
    return LtTest(n, mean, lo, hi, math.exp(log_mean), math.exp(away), se, p)


def lt_permutation_p(
    prompts: Sequence[tuple[Sequence[Row], Sequence[Row]]], k: int, permutations: int = 999, seed: int = 0
) -> float:
    """Diagnostic p of the mean LT: rows are dealt anew to the two sides inside each prompt; (1 + #{>=}) / (1 + B).

    It asks whether anything differs at all. Two honest hosts do differ (their numerics), so no verdict rests on it.

    Raises:
        ValueError: a prompt has a side without alternatives, or there is no prompt.
    """
    if not prompts:
        raise ValueError("no prompts to permute")
    rng = np.random.default_rng(seed)
    observed, drawn = 0.0, np.zeros(permutations)
    for a_rows, b_rows in prompts:
        a, b = _matrices(a_rows, b_rows, k)
        both, n_a, n_b = np.concatenate([a, b]), len(a), len(b)
        observed += _lt(a, b)
        order = rng.random((permutations, n_a + n_b)).argsort(axis=1)
        sides = np.where(order < n_a, 1 / n_a, -1 / n_b)  # (permutations, rows): a row's weight in mean a - mean b
        drawn += np.abs(sides @ both).mean(axis=1)
    at_least = int(np.sum(drawn >= observed * (1 - 1e-9) - 1e-12))  # equal deals differ by rounding
    return (1 + at_least) / (1 + permutations)


def _clean(row: Row) -> Row:
    values = list(map(VALUE, row))
    if values and math.isfinite(sum(values)) and min(values) > SENTINEL_NATS:  # as nearly all are
        return row
    return [(token, logprob) for token, logprob in row if math.isfinite(logprob) and logprob > SENTINEL_NATS]


def _cut(rows: Sequence[Row], k: int) -> list[Mapping[str, float]]:
    """Each row's `k` best, tokens of one spelling (ids that decode alike) added up."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    found: list[Mapping[str, float]] = []
    for row in rows:
        cut = sorted(_clean(row), key=VALUE, reverse=True)[:k]
        best = dict(cut)
        if len(best) < len(cut):
            best.clear()
            for token, logprob in cut:
                best[token] = float(np.logaddexp(best[token], logprob)) if token in best else logprob
        if best:
            found.append(best)
    if not found:
        raise ValueError("no row with alternatives")
    return found


def _matrices(a_rows: Sequence[Row], b_rows: Sequence[Row], k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log-probabilities of shape (rows, tokens), missing ones at their row's smallest."""
    a, b = _cut(a_rows, k), _cut(b_rows, k)
    tokens = sorted(set().union(*a, *b))

    def matrix(rows: list[Mapping[str, float]]) -> NDArray[np.float64]:
        found = np.empty((len(rows), len(tokens)))
        for place, row in enumerate(rows):
            least = min(row.values())
            found[place] = [row.get(token, least) for token in tokens]
        return found

    return matrix(a), matrix(b)


def _lt(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.abs(a.mean(axis=0) - b.mean(axis=0)).mean())


def _with_tail(shares: Sequence[float]) -> list[float]:
    """The shares with what is left of 1; rounded log-probabilities can add up to a little more."""
    tail = max(1 - sum(shares), SMALLEST_TAIL)
    total = sum(shares) + tail
    return [share / total for share in [*shares, tail]]
