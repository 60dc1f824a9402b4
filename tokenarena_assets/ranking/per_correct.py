"""Ranks endpoints by cost per correct answer; those that the shared items cannot tell apart share a rank."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tokenarena_assets.stats import RatioOfSums, holm, log_ratio_p_value, ratio_of_sums

MIN_CORRECT = 5  # below this an interval is shown and no rank
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Candidate:
    """One endpoint's graded items: item_id -> (cost in USD, 1 if correct else 0)."""

    endpoint_id: str
    items: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Ranked:
    """An endpoint's ratio and its place.

    `rank` is shared by those of whom none is told apart from a cheaper one of their group.
    `rank_lo` is 1 + how many are significantly better, `rank_hi` is m - how many are significantly worse, by paired
    tests with Holm's correction over all pairs. `note` says why there is no rank.
    """

    endpoint_id: str
    ratio: RatioOfSums
    rank: int | None
    rank_lo: int | None
    rank_hi: int | None
    note: str | None


def rank_per_correct(candidates: Sequence[Candidate]) -> list[Ranked]:
    """Rank by cost per correct answer, cheapest first; the unranked follow, those with a lower bound last."""
    ratios = {c.endpoint_id: ratio_of_sums(*_columns(c)) for c in candidates}
    ranked = sorted(
        (c for c in candidates if ratios[c.endpoint_id].successes >= MIN_CORRECT),
        key=lambda c: (ratios[c.endpoint_id].value or 0.0, c.endpoint_id),
    )
    better = _significantly_better(ranked)
    places = _shared_places(ranked, better)
    m = len(ranked)
    result = [
        Ranked(
            c.endpoint_id,
            ratios[c.endpoint_id],
            place,
            1 + int(better[:, index].sum()),
            m - int(better[index].sum()),
            None,
        )
        for index, (c, place) in enumerate(zip(ranked, places, strict=True))
    ]
    ids = {c.endpoint_id for c in ranked}
    rest = [
        Ranked(c.endpoint_id, ratios[c.endpoint_id], None, None, None, _note(ratios[c.endpoint_id]))
        for c in candidates
        if c.endpoint_id not in ids
    ]
    return result + sorted(rest, key=lambda r: (r.ratio.value is None, r.ratio.value or 0.0, r.endpoint_id))


def _columns(candidate: Candidate) -> tuple[list[float], list[float]]:
    return [cost for cost, _ in candidate.items.values()], [correct for _, correct in candidate.items.values()]


def _note(ratio: RatioOfSums) -> str:
    if ratio.n == 0:
        return "no graded answers"
    if ratio.successes == 0:
        return f"0 of {ratio.n} correct: lower bound only"
    return f"only {ratio.successes:.0f} of {ratio.n} correct: at least {MIN_CORRECT} are needed for a rank"


def _significantly_better(ranked: Sequence[Candidate]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """better[a, b]: a is cheaper than b, and Holm over all pairs says so. `ranked` is in ascending order."""
    m = len(ranked)
    pairs = list(itertools.combinations(range(m), 2))
    better = np.zeros((m, m), dtype=bool)
    adjusted = holm([_p_value(ranked[a], ranked[b]) for a, b in pairs])
    for (a, b), p in zip(pairs, adjusted, strict=True):
        better[a, b] = p < ALPHA
    return better


def _p_value(a: Candidate, b: Candidate) -> float:
    shared = sorted(a.items.keys() & b.items.keys())
    cost_a, correct_a = zip(*(a.items[i] for i in shared), strict=True) if shared else ((), ())
    cost_b, correct_b = zip(*(b.items[i] for i in shared), strict=True) if shared else ((), ())
    if sum(cost_a) * sum(correct_b) > sum(cost_b) * sum(correct_a):
        return 1.0  # on the shared items the order is the other way round: they do not say that a is cheaper
    return log_ratio_p_value(cost_a, correct_a, cost_b, correct_b)


def _shared_places(ranked: Sequence[Candidate], better: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> list[int]:
    """Walk from the cheapest: who is told apart from nobody in the group joins it, else opens the next."""
    places: list[int] = []
    first = 0
    for index in range(len(ranked)):
        if index and better[first:index, index].any():
            first = index
        places.append(first + 1)
    return places
