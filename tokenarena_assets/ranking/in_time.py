"""Failures as cost: how often no answer comes in time, and what a right answer in time costs, in dollars or joules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.stats import Interval, RatioOfSums, ratio_with_interval, wilson

TOO_SLOW = "too_slow"


def cost_per_correct_in_time(
    costs: ArrayLike,
    correct: ArrayLike,
    waits_s: ArrayLike,
    deadline_s: float,
    clusters: Sequence[Hashable],
    *,
    weights: ArrayLike | None = None,
    strata: Sequence[Hashable] | None = None,
) -> RatioOfSums:
    """Sum of all costs / number of right answers within `deadline_s`, over items; every array of shape (n,).

    `costs` are of all attempts at an item, in any unit (USD, joules); `correct` is 1 or 0; `waits_s` infinite where no
    answer came. What is paid for an answer that comes late, wrong or not at all is part of the price of those that
    come. With none right in time only the lower bound is known, never an infinite ratio
    (:func:`~tokenarena_assets.stats.ratio_of_sums`).

    Raises:
        ValueError: the shapes differ, or the deadline is not positive.
    """
    if deadline_s <= 0:
        raise ValueError(f"a deadline of {deadline_s} s")
    c, y, waits = (np.asarray(each, dtype=float) for each in (costs, correct, waits_s))
    if not c.shape == y.shape == waits.shape:
        raise ValueError(f"shapes differ: {c.shape}, {y.shape} and {waits.shape}")
    in_time = np.where(waits <= deadline_s, y, 0.0)
    return ratio_with_interval(c, in_time, clusters, weights=weights, strata=strata)


def no_answer_in_time(
    waits_s: Sequence[float | None], causes: Sequence[str | None], deadline_s: float
) -> tuple[Interval, dict[str, Interval]]:
    """Share of items without an answer within `deadline_s`, and by cause, each with Wilson's interval.

    A wait of None is one that never ended. An item without a cause of its own was answered, and too late.

    Raises:
        ValueError: the lengths differ.
    """
    late = [cause or TOO_SLOW for wait, cause in zip(waits_s, causes, strict=True) if wait is None or wait > deadline_s]
    n = len(waits_s)
    return wilson(len(late), n), {cause: wilson(count, n) for cause, count in Counter(late).items()}
