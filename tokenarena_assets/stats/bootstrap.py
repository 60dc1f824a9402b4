"""Bootstrap interval of a ratio of weighted sums whose items come in clusters, for samples too small for formulas."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.stats.clusters import cluster_codes
from tokenarena_assets.stats.special import normal_cdf, normal_quantile

Array = np.ndarray[tuple[int], np.dtype[np.float64]]
Sums = np.ndarray[tuple[int, int], np.dtype[np.float64]]
RESAMPLES = 2_000


def bca_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    clusters: Sequence[Hashable],
    strata: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float | None, float | None]:
    """BCa interval (Efron 1987) of sum(numerators) / sum(denominators), both of shape (n,) and weighted already.

    Whole clusters are drawn with replacement, within each of `strata` as many as it has; the acceleration is that of
    the jackknife that leaves out one cluster at a time. A stratum of one cluster gives its items one by one instead.
    Deterministic in `seed` and the order of the items. A bound that needs draws of denominator 0 is None; both are
    where the ratio is not defined. SciPy's `bootstrap` knows neither clusters of unequal sizes nor strata.

    Raises:
        ValueError: the shapes differ.
    """
    c, y = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    if not len(c) == len(y) == len(clusters) or (strata is not None and len(strata) != len(c)):
        raise ValueError("numerators, denominators, clusters and strata differ in shape")
    total_c, total_y = float(c.sum()), float(y.sum())
    if len(c) < 2 or total_y <= 0:
        return None, None
    groups = _cluster_sums(c, y, clusters, strata if strata is not None else [0] * len(c))
    estimate = total_c / total_y
    rng = np.random.default_rng(seed)
    drawn_c, drawn_y = np.zeros(resamples), np.zeros(resamples)
    for sums in groups:
        counts = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
        drawn_c += counts @ sums[:, 0]
        drawn_y += counts @ sums[:, 1]
    # Drawn sums are added in another order than the estimate's: equal ones differ by rounding.
    drawn_y[drawn_y < 1e-12 * total_y] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.sort(np.where(drawn_y > 0, drawn_c / drawn_y, np.inf))
    ratios[np.isclose(ratios, estimate, rtol=1e-12, atol=0)] = estimate
    bias = _bias(ratios, estimate)
    acceleration = _acceleration(np.concatenate(groups), total_c, total_y)
    bounds = [_bound(ratios, bias, acceleration, q) for q in (0.5 - confidence / 2, 0.5 + confidence / 2)]
    lo, hi = min(bounds[0], estimate), max(bounds[1], estimate)
    return lo, hi if np.isfinite(hi) else None


def _cluster_sums(c: Array, y: Array, clusters: Sequence[Hashable], strata: Sequence[Hashable]) -> list[Sums]:
    """Per stratum the two sums of each cluster, of shape (clusters, 2)."""
    stratum_of, n_strata = cluster_codes(strata)
    found: list[Sums] = []
    for stratum in range(n_strata):
        own = np.flatnonzero(stratum_of == stratum)
        codes, count = cluster_codes([clusters[int(i)] for i in own])
        if count < 2:
            codes, count = np.arange(len(own)), len(own)
        sums = np.zeros((count, 2))
        np.add.at(sums, codes, np.stack([c[own], y[own]], axis=1))
        found.append(sums)
    return found


def _bias(ratios: Array, estimate: float) -> float:
    below = float(np.mean(ratios < estimate) + np.mean(ratios == estimate) / 2)
    return normal_quantile(min(max(below, 0.5 / len(ratios)), 1 - 0.5 / len(ratios)))


def _acceleration(sums: Sums, total_c: float, total_y: float) -> float:
    """Sixth of the skewness of the leave-one-cluster-out ratios."""
    left_c, left_y = total_c - sums[:, 0], total_y - sums[:, 1]
    known = left_y > 1e-12 * total_y
    jackknife = left_c[known] / left_y[known]
    away = jackknife.mean() - jackknife if known.any() else np.zeros(1)
    spread = float(np.sum(away**2))
    if spread <= 1e-24 * max(1e-300, float(np.max(jackknife**2, initial=0.0))):
        return 0.0
    return float(np.sum(away**3) / (6 * spread**1.5))


def _bound(ratios: Array, bias: float, acceleration: float, q: float) -> float:
    z = bias + normal_quantile(q)
    away = 1 - acceleration * z
    share = normal_cdf(bias + z / away) if away > 0 else float(q > 0.5)
    rank = min(max(round(share * (len(ratios) + 1)) - 1, 0), len(ratios) - 1)
    return float(ratios[rank])
