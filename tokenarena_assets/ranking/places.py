"""Places with their uncertainty, from pairwise tests: shared ranks, rank intervals, what more would tell two apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.stats import holm
from tokenarena_assets.stats.special import normal_quantile, two_sided_p

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Relation = np.ndarray[tuple[int, int], np.dtype[np.bool_]]
ALPHA = 0.05
POWER = 0.8
BLOCK = 64  # draws of all pairs at once
MOST_WORTH_SAYING = 1_000_000


@dataclass(frozen=True, slots=True)
class RankIntervals:
    """Ranks of m entries in the order given, 1 the best; `better[a, b]` says that a is significantly better than b.

    `rank` is shared by those of whom none is told apart from a better one of their group; `rank_lo` is 1 + how many
    are significantly better, `rank_hi` m minus how many are significantly worse. `p_values` are adjusted over all
    pairs, of shape (m, m), 1 on the diagonal.
    """

    rank: tuple[int, ...]
    rank_lo: tuple[int, ...]
    rank_hi: tuple[int, ...]
    better: Relation
    p_values: Matrix


@dataclass(frozen=True, slots=True)
class ClosePair:
    """Two neighbours in the order that are not told apart.

    `more_n` is about how many more each of them needs; None: no telling.
    """

    ahead: int
    behind: int
    p_value: float
    more_n: int | None


def rank_intervals(
    estimates: ArrayLike,
    uncertainty: ArrayLike,
    *,
    higher_is_better: bool = True,
    coverage: float = 0.95,
    method: Literal["holm", "max_t"] = "holm",
    draws: int = 10_000,
    seed: int = 0,
) -> RankIntervals:
    """Ranks of `estimates`, of shape (m,), with intervals that hold for all of them at once with `coverage`.

    `uncertainty` is their covariance, of shape (m, m), so that what they share (the same items, the same rounds)
    cancels in a comparison; or their standard errors, of shape (m,), where they are independent. `holm` tests each pair
    with a normal z and corrects over all m (m - 1) / 2 (Holm 1979); `max_t` steps down on the largest |t| of all pairs
    under a normal bootstrap (Mogstad, Romano, Shaikh and Wilhelm 2024, "Inference for Ranks", as in csranks), and is
    sharper where estimates share much.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, negative variances, a coverage outside (0, 1).
    """
    values, covariance = _checked(estimates, uncertainty)
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must be in (0, 1), got {coverage}")
    if method == "holm":
        return rank_from_p_values(
            values, normal_p_values(values, covariance), higher_is_better=higher_is_better, alpha=1 - coverage
        )
    adjusted = _step_down(values, covariance, draws, seed)
    return _ranks(values, adjusted, higher_is_better, 1 - coverage)


def rank_from_p_values(
    estimates: ArrayLike, p_values: ArrayLike, *, higher_is_better: bool, alpha: float = ALPHA
) -> RankIntervals:
    """Ranks of `estimates`, of shape (m,), by any pairwise test: `p_values`, of shape (m, m), are two-sided and raw.

    Holm's correction is over all pairs; only the upper triangle is read.

    Raises:
        ValueError: shapes that do not fit.
    """
    values = np.asarray(estimates, dtype=float)
    raw = np.asarray(p_values, dtype=float)
    m = len(values)
    if raw.shape != (m, m):
        raise ValueError(f"{m} estimates need p-values of shape ({m}, {m}), got {raw.shape}")
    upper = np.triu_indices(m, 1)
    adjusted = np.ones((m, m))
    adjusted[upper] = holm(raw[upper]) if m > 1 else []
    adjusted[(upper[1], upper[0])] = adjusted[upper]
    return _ranks(values, adjusted, higher_is_better, alpha)


def rank_upper_bound(lower: ArrayLike, upper: ArrayLike, higher_is_better: bool = True) -> list[int]:
    """LMArena's rank(UB), a badge: 1 + how many others have an interval wholly above mine; both bounds of shape (m,).

    Where lower is better: 1 + how many have an interval wholly below mine. Unpaired and uncorrected: it is what that
    board shows, not what we rank by. The rule is FastChat's `monitor.py:recompute_final_ranking`.

    Raises:
        ValueError: the shapes differ, or a lower bound is above its upper bound.
    """
    lo, hi = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    if lo.shape != hi.shape or lo.ndim != 1:
        raise ValueError(f"bounds of shapes {lo.shape} and {hi.shape}")
    if np.any(lo > hi):
        raise ValueError("a lower bound is above its upper bound")
    beaten = lo[None, :] > hi[:, None] if higher_is_better else hi[None, :] < lo[:, None]
    return [1 + int(count) for count in beaten.sum(axis=1)]


def normal_p_values(estimates: Vector, covariance: Matrix) -> Matrix:
    """Two-sided p-values of all differences of `estimates`, (m,), with their `covariance`, (m, m); shape (m, m)."""
    difference = estimates[:, None] - estimates[None, :]
    error = _errors(covariance)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(error > 0, np.abs(difference) / error, np.where(np.abs(difference) > 0, math.inf, 0.0))
    return two_sided_p(z)


def close_pairs(
    ranks: RankIntervals, estimates: ArrayLike, p_values: ArrayLike, n: ArrayLike, *, higher_is_better: bool
) -> list[ClosePair]:
    """Neighbours in the order that are not told apart, and about how many more probes each of the two would need.

    A test's z grows with the square root of n: n (z_needed / z_seen)^2 - n, with z_needed that of Holm's present step
    at 80 % power and z_seen from the raw `p_values`, (m, m); `n`, (m,), is what each rests on, the smaller of the two
    counts. None: seen as equal, or more than a million.
    """
    values, raw, counts = np.asarray(estimates, dtype=float), np.asarray(p_values, dtype=float), np.asarray(n)
    order = _order(values, higher_is_better)
    m = len(values)
    untold = m * (m - 1) // 2 - int(ranks.better.sum())
    found = []
    for ahead, behind in pairwise(order):
        if not ranks.better[ahead, behind]:
            more = _more_needed(float(raw[ahead, behind]), int(min(counts[ahead], counts[behind])), untold)
            found.append(ClosePair(int(ahead), int(behind), float(ranks.p_values[ahead, behind]), more))
    return found


def _more_needed(p_value: float, n: int, untold_pairs: int) -> int | None:
    seen = -normal_quantile(max(p_value, 1e-300) / 2)
    if n < 1 or seen <= 0:
        return None
    needed = -normal_quantile(ALPHA / max(1, untold_pairs) / 2) + normal_quantile(POWER)
    more = math.ceil(n * (needed / seen) ** 2) - n
    return max(1, more) if more <= MOST_WORTH_SAYING else None


def _checked(estimates: ArrayLike, uncertainty: ArrayLike) -> tuple[Vector, Matrix]:
    values, given = np.asarray(estimates, dtype=float), np.asarray(uncertainty, dtype=float)
    if values.ndim != 1 or given.shape not in (values.shape, (len(values), len(values))):
        raise ValueError(f"estimates of shape {values.shape} and uncertainty of shape {given.shape}")
    if not (np.isfinite(values).all() and np.isfinite(given).all()):
        raise ValueError("estimates and their uncertainty must be finite; leave out what is not known")
    covariance = np.diag(given**2) if given.ndim == 1 else given
    if np.any(np.diag(covariance) < 0) or np.any(given < 0 if given.ndim == 1 else False):
        raise ValueError("variances and standard errors must not be negative")
    return values, covariance


def _errors(covariance: Matrix) -> Matrix:
    """Standard errors of all differences; what is only rounding is 0."""
    variance = np.diag(covariance)
    of_difference = variance[:, None] + variance[None, :] - 2 * covariance
    scale = variance[:, None] + variance[None, :]
    error: Matrix = np.sqrt(np.where(of_difference > 1e-12 * scale, of_difference, 0.0))
    return error


def _order(values: Vector, higher_is_better: bool) -> Sequence[int]:
    return [int(i) for i in np.argsort(-values if higher_is_better else values, kind="stable")]


def _ranks(values: Vector, adjusted: Matrix, higher_is_better: bool, alpha: float) -> RankIntervals:
    ahead = values[:, None] > values[None, :] if higher_is_better else values[:, None] < values[None, :]
    better: Relation = ahead & (adjusted < alpha)
    m = len(values)
    order = _order(values, higher_is_better)
    places = shared_places(better[np.ix_(order, order)])
    rank = [0] * m
    for index, place in zip(order, places, strict=True):
        rank[index] = place
    return RankIntervals(
        tuple(rank),
        tuple(1 + int(count) for count in better.sum(axis=0)),
        tuple(m - int(count) for count in better.sum(axis=1)),
        better,
        adjusted,
    )


def shared_places(better: Relation) -> list[int]:
    """Places of entries, best first: who is told apart from nobody in the group joins it, else opens another."""
    places: list[int] = []
    first = 0
    for index in range(len(better)):
        if index and better[first:index, index].any():
            first = index
        places.append(first + 1)
    return places


def _step_down(values: Vector, covariance: Matrix, draws: int, seed: int) -> Matrix:
    """Adjusted p-values of all pairs by the largest |t| of those not yet told apart (Romano and Wolf 2005)."""
    m = len(values)
    first, second = np.triu_indices(m, 1)
    error = _errors(covariance)[first, second]
    known = error > 0
    t = np.full(len(first), math.inf)
    t[known] = np.abs(values[first] - values[second])[known] / error[known]
    t[~known & (values[first] == values[second])] = 0.0
    order = np.argsort(-t, kind="stable")
    exceeding = np.zeros(len(first))
    root = _root(covariance)
    rng = np.random.default_rng(seed)
    for start in range(0, draws, BLOCK):
        size = min(BLOCK, draws - start)
        noise = rng.standard_normal((size, m)) @ root.T
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = np.where(known, np.abs(noise[:, first] - noise[:, second]) / error, 0.0)[:, order]
        # Of each pair the largest |t| among itself and all that are told apart later.
        largest = np.maximum.accumulate(drawn[:, ::-1], axis=1)[:, ::-1]
        exceeding += (largest >= t[order]).sum(axis=0)
    stepped = np.maximum.accumulate((1 + exceeding) / (1 + draws))
    stepped[np.isinf(t[order])] = 0.0
    adjusted = np.ones((m, m))
    adjusted[first[order], second[order]] = np.minimum(1.0, stepped)
    adjusted[second, first] = adjusted[first, second]
    return adjusted


def _root(covariance: Matrix) -> Matrix:
    """A square root of a covariance that may be singular."""
    eigenvalues, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    root: Matrix = vectors * np.sqrt(np.clip(eigenvalues, 0.0, None))
    return root
