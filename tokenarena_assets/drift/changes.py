"""The changes of one series: proposed by segmentation, kept by their probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

import numpy as np

from tokenarena_assets.drift.metrics import Metric, Recorded
from tokenarena_assets.drift.posterior import LEAST_DAYS, Floats, Posterior, change_posterior, log_bayes_factors
from tokenarena_assets.drift.segments import proposed_changes
from tokenarena_assets.drift.series import Series, day_weights

CERTAIN = 0.95  # from here on a change is called one
LEAST_STAY = 7  # days between two changes
UNLIKELY = 0.05  # below it there is none; between the two nobody can tell


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one metric; days as ordinals, figures as published (of a measured one the medians of its sides).

    `probability` is None where too few days are known for one.
    """

    metric: Metric | Recorded
    changed_on: int
    earliest: int
    latest: int
    probability: float | None
    before: float | str
    after: float | str
    n_before: int
    n_after: int

    @property
    def certain(self) -> bool:
        """Whether it is called a change."""
        return self.probability is not None and self.probability >= CERTAIN


def changes_of(metric: Metric, series: Series) -> list[Change]:
    """The changes of a measured series, and those of which nobody can tell, in order.

    Of the proposed changes the least probable is dropped, between its neighbours, until each that is left has 95 % and
    a week to the next: two changes within a week are each other's only evidence, and mostly a bad spell. Then each
    stretch between two of them is searched for one more. A change too small for a claim is none.
    """
    if len(series.days) < 2 * LEAST_DAYS:
        return []
    scatter = _least_scatter(metric, series)
    weights = day_weights(series.values, scatter)
    kept = proposed_changes(_tamed(series.values, weights), scatter)
    while kept:
        bounds = [0, *kept, len(series.days)]
        sure = [_posterior(metric, series, weights, bounds[i], bounds[i + 2]).probability for i in range(len(kept))]
        hasty = [
            i for i, (one, other) in enumerate(pairwise(kept)) if series.days[other] - series.days[one] < LEAST_STAY
        ]
        suspects = {j for i in hasty for j in (i, i + 1)} or set(range(len(kept)))
        least = min(suspects, key=lambda i: sure[i])
        if not hasty and sure[least] >= CERTAIN:
            break
        kept.pop(least)
    bounds = [0, *kept, len(series.days)]
    stretches = [(bounds[i], bounds[i + 2]) for i in range(len(kept))]
    stretches += list(pairwise(bounds))
    found = [
        change
        for first, last in stretches
        if (posterior := _posterior(metric, series, weights, first, last)).probability >= UNLIKELY
        and (change := _change(metric, series, weights, posterior, first, last)) is not None
    ]
    return sorted(found, key=lambda change: change.changed_on)


def probability_beside(metric: Metric, series: Series, earliest: int, latest: int) -> float | None:
    """The probability that the metric changed as well, given a change of the endpoint from `earliest` to `latest`.

    At even odds beforehand; 0 where the level moved by less than is worth a claim, None where three days on both sides
    are not known.
    """
    scatter = _least_scatter(metric, series)
    weights = day_weights(series.values, scatter)
    positions, factors = log_bayes_factors(series.values, weights, usual=metric.usual, scatter=scatter)
    if len(positions) == 0:
        return None
    within = (series.days[positions] >= earliest) & (series.days[positions - 1] < latest)
    if not within.any():
        return None
    at = int(positions[within][int(np.argmax(factors[within]))])
    if abs(np.median(series.values[at:]) - np.median(series.values[:at])) < metric.least:
        return 0.0
    odds = float(np.exp(np.clip(factors[within], -700, 700)).mean())
    return odds / (1 + odds)


def recorded_changes(metric: Recorded, days: Sequence[int], values: Sequence[float | str]) -> list[Change]:
    """The lasting changes of a value on record; of a newer one that does not stand for long enough nobody can tell.

    A value that stood for fewer than `metric.days` days between two others is passed over.
    """
    runs = []
    for value, members in groupby(zip(days, values, strict=True), key=lambda pair: pair[1]):
        own = [day for day, _ in members]
        runs.append((value, own))
    standing: list[tuple[float | str, list[int]]] = []
    for value, own in runs:
        if len(own) >= metric.days or own[0] == days[0] or own[-1] == days[-1]:
            if standing and standing[-1][0] == value:
                standing[-1][1].extend(own)
            else:
                standing.append((value, own))
    changes = []
    for (before, old), (after, new) in pairwise(standing):
        sure = len(old) >= metric.days and len(new) >= metric.days
        earliest = max(day for day in days if day < new[0]) + 1
        changes.append(
            Change(metric, new[0], earliest, new[0], 1.0 if sure else None, before, after, len(old), len(new))
        )
    return changes


def _least_scatter(metric: Metric, series: Series) -> float:
    return max(metric.scatter, series.chance)


def _tamed(values: Floats, weights: Floats) -> Floats:
    """`values` with the far-off days drawn to the median of those beside them, for a search by least squares."""
    known = values.tolist()
    near = np.array([median(known[max(0, i - 2) : i + 3]) for i in range(len(known))])
    return np.where(weights < 0.5, near, values)


def _posterior(metric: Metric, series: Series, weights: Floats, first: int, last: int) -> Posterior:
    return change_posterior(
        series.values[first:last],
        series.days[first:last],
        weights[first:last],
        usual=metric.usual,
        scatter=_least_scatter(metric, series),
    )


def _change(
    metric: Metric, series: Series, weights: Floats, posterior: Posterior, first: int, last: int
) -> Change | None:
    at = first + posterior.most_likely
    low, high = (first + position for position in posterior.credible_range())
    sides = (slice(first, at), slice(at, last))
    levels = [float(np.average(series.values[side], weights=weights[side])) for side in sides]
    if abs(levels[1] - levels[0]) < metric.least:
        return None
    before, after = (float(np.median(series.raw[side])) for side in sides)
    return Change(
        metric,
        changed_on=int(series.days[at]),
        earliest=int(series.days[low - 1]) + 1,
        latest=int(series.days[high]),
        probability=posterior.probability,
        before=before,
        after=after,
        n_before=at - first,
        n_after=last - at,
    )
