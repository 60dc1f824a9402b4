"""The uncertainty of a mean whose items come in clusters: of one template they rise and fall together."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.stats.intervals import Interval, wilson
from tokenarena_assets.stats.special import t_quantile


def cluster_codes(clusters: Sequence[Hashable]) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], int]:
    """Whole numbers from 0 for cluster labels of shape (n,), by first appearance; and how many clusters there are."""
    known: dict[Hashable, int] = {}
    codes = np.array([known.setdefault(label, len(known)) for label in clusters], dtype=np.intp)
    return codes, len(known)


def clustered_se(values: ArrayLike, clusters: Sequence[Hashable]) -> float | None:
    """Standard error of the mean of `values`, of shape (n,), whose items share `clusters`, of shape (n,).

    sqrt(G / (G - 1) * sum over clusters of (sum over its items of (s - mean))^2) / n, G the number of clusters:
    the cluster-robust error of Miller 2024 (arXiv 2411.00640, appendix A) with the factor for finitely many clusters.
    With each item a cluster of its own it is the ordinary standard error. None where there are under two clusters.

    Raises:
        ValueError: the shapes differ.
    """
    s = np.asarray(values, dtype=float)
    if len(s) != len(clusters):
        raise ValueError(f"{len(s)} values and {len(clusters)} clusters")
    codes, count = cluster_codes(clusters)
    if count < 2:
        return None
    sums = np.bincount(codes, weights=s - s.mean(), minlength=count)
    return math.sqrt(count / (count - 1) * float(np.sum(sums**2))) / len(s)


def clustered_mean(
    values: ArrayLike, clusters: Sequence[Hashable], bounds: tuple[float, float], confidence: float = 0.95
) -> Interval:
    """Mean of `values`, of shape (n,), with its interval by :func:`clustered_se` and Student's t of G - 1 degrees.

    The interval is cut at `bounds`, between which the mean must lie. Where all clusters agree, so that the error is 0,
    shares (bounds 0 and 1) have Wilson's interval in its place; with one cluster nothing is known but the mean.
    """
    s = np.asarray(values, dtype=float)
    if not len(s):
        return Interval(None, None, None, 0)
    mean, error = float(s.mean()), clustered_se(s, clusters)
    if bounds == (0.0, 1.0) and (error == 0 or mean in bounds):
        return wilson(round(float(s.sum())), len(s), confidence)
    if error is None:
        return Interval(mean, None, None, len(s))
    half = t_quantile(0.5 + confidence / 2, len(set(clusters)) - 1) * error
    return Interval(mean, max(bounds[0], mean - half), min(bounds[1], mean + half), len(s))
