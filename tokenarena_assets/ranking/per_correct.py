"""Ranks endpoints by cost per correct answer; those that the shared items cannot tell apart share a rank."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tokenarena_assets.stats import RatioOfSums, holm, log_ratio_p_value, ratio_with_interval

MIN_CORRECT = 5  # below this an interval is shown and no rank
ALPHA = 0.05
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Table = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class GradedItem:
    """One graded item: what it cost (USD), 1 if correct else 0, its template (None: its own) and its domain."""

    cost: float
    correct: float
    template: str | None = None
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One endpoint's graded items by item_id."""

    endpoint_id: str
    items: Mapping[str, GradedItem]


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


def rank_per_correct(candidates: Sequence[Candidate], shares: Mapping[str, float] | None = None) -> list[Ranked]:
    """Rank by cost per correct answer, cheapest first; the unranked follow, those with a lower bound last.

    `shares` are the fixed weights of the domains, each the sum of its items' weights; None: every item weighs the same.
    """
    ratios = {c.endpoint_id: _ratio(c, shares) for c in candidates}
    ranked = sorted(
        (c for c in candidates if ratios[c.endpoint_id].successes >= MIN_CORRECT),
        key=lambda c: (ratios[c.endpoint_id].value or 0.0, c.endpoint_id),
    )
    better = _significantly_better(ranked, shares)
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


def _ratio(candidate: Candidate, shares: Mapping[str, float] | None) -> RatioOfSums:
    ids = sorted(candidate.items)  # in one order, so that the bootstrap's draws are the same each time
    own = [candidate.items[item_id] for item_id in ids]
    domains = [item.domain for item in own]
    return ratio_with_interval(
        [item.cost for item in own],
        [item.correct for item in own],
        [(item.domain, item.template or item_id) for item, item_id in zip(own, ids, strict=True)],
        weights=item_weights(domains, shares),
        strata=domains,
    )


def item_weights(domains: Sequence[str], shares: Mapping[str, float] | None) -> Floats:
    """Weights of items of `domains`, of shape (n,), whose sum is n and of which each domain has its share."""
    counts = Counter(domains)
    if shares is None:
        return np.ones(len(domains))
    whole = sum(shares[domain] for domain in counts)
    return np.array([shares[domain] / whole * len(domains) / counts[domain] for domain in domains], dtype=float)


def _note(ratio: RatioOfSums) -> str:
    if ratio.n == 0:
        return "no graded answers"
    if ratio.successes == 0:
        return f"0 of {ratio.n} correct: lower bound only"
    return f"only {ratio.successes:.0f} of {ratio.n} correct: at least {MIN_CORRECT} are needed for a rank"


def _significantly_better(
    ranked: Sequence[Candidate], shares: Mapping[str, float] | None
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """better[a, b]: a is cheaper than b, and Holm over all pairs says so. `ranked` is in ascending order."""
    m = len(ranked)
    pairs = list(itertools.combinations(range(m), 2))
    better = np.zeros((m, m), dtype=bool)
    domain_of = {item_id: item.domain for c in ranked for item_id, item in c.items.items()}
    ids = sorted(domain_of)
    domains = np.array([domain_of[item_id] for item_id in ids], dtype=object)
    costs, correct = (_table(ranked, ids, name) for name in ("cost", "correct"))
    adjusted = holm([_p_value(costs[[a, b]], correct[[a, b]], domains, shares) for a, b in pairs])
    for (a, b), p in zip(pairs, adjusted, strict=True):
        better[a, b] = p < ALPHA
    return better


def _table(ranked: Sequence[Candidate], ids: Sequence[str], name: str) -> Table:
    """One row a candidate, one column an item; NaN where it has not answered."""
    column = {item_id: index for index, item_id in enumerate(ids)}
    table = np.full((len(ranked), len(ids)), np.nan)
    for row, candidate in enumerate(ranked):
        for item_id, item in candidate.items.items():
            table[row, column[item_id]] = getattr(item, name)
    return table


def _p_value(
    costs: Table,
    correct: Table,
    domains: np.ndarray[tuple[int], np.dtype[np.object_]],
    shares: Mapping[str, float] | None,
) -> float:
    """Of two candidates in ascending order, by the items that both answered."""
    shared = ~np.isnan(costs).any(axis=0)
    weights = item_weights(list(domains[shared]), shares)
    (cost_a, cost_b), (correct_a, correct_b) = costs[:, shared], correct[:, shared]
    if (weights @ cost_a) * (weights @ correct_b) > (weights @ cost_b) * (weights @ correct_a):
        return 1.0  # on the shared items the order is the other way round: they do not say that a is cheaper
    return log_ratio_p_value(cost_a, correct_a, cost_b, correct_b, weights)


def _shared_places(ranked: Sequence[Candidate], better: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> list[int]:
    """Walk from the cheapest: who is told apart from nobody in the group joins it, else opens the next."""
    places: list[int] = []
    first = 0
    for index in range(len(ranked)):
        if index and better[first:index, index].any():
            first = index
        places.append(first + 1)
    return places
