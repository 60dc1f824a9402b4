"""Ranks endpoints by cost per correct answer; those that the shared items cannot tell apart share a rank."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tokenarena_assets.ranking.places import Matrix, Relation, Vector, close_pairs, rank_from_p_values
from tokenarena_assets.stats import RatioOfSums, log_ratio_p_values, ratio_with_interval

MIN_CORRECT = 5  # below this an interval is shown and no rank


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
    tests with Holm's correction over all pairs. `note` says why there is no rank. Where the next in the order is not
    told apart, `more_n` is about how many more items each of the two would need; None: no telling, or told apart.
    """

    endpoint_id: str
    ratio: RatioOfSums
    rank: int | None
    rank_lo: int | None
    rank_hi: int | None
    note: str | None
    close_to: str | None = None
    close_p: float | None = None
    more_n: int | None = None


def rank_per_correct(candidates: Sequence[Candidate], shares: Mapping[str, float] | None = None) -> list[Ranked]:
    """Rank by cost per correct answer, cheapest first; the unranked follow, those with a lower bound last.

    `shares` are the fixed weights of the domains, each the sum of its items' weights; None: every item weighs the same.
    """
    ratios = {c.endpoint_id: _ratio(c, shares) for c in candidates}
    ranked = sorted(
        (c for c in candidates if ratios[c.endpoint_id].successes >= MIN_CORRECT),
        key=lambda c: (ratios[c.endpoint_id].value or 0.0, c.endpoint_id),
    )
    p_values = _p_values(ranked, shares)
    values = [ratios[c.endpoint_id].value or 0.0 for c in ranked]
    places = rank_from_p_values(values, p_values, higher_is_better=False)
    counts = [ratios[c.endpoint_id].n for c in ranked]
    close = {pair.ahead: pair for pair in close_pairs(places, values, p_values, counts, higher_is_better=False)}
    result = [
        Ranked(
            c.endpoint_id,
            ratios[c.endpoint_id],
            places.rank[index],
            places.rank_lo[index],
            places.rank_hi[index],
            None,
            ranked[close[index].behind].endpoint_id if index in close else None,
            close[index].p_value if index in close else None,
            close[index].more_n if index in close else None,
        )
        for index, c in enumerate(ranked)
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


def item_weights(domains: Sequence[str], shares: Mapping[str, float] | None) -> Vector:
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


def _p_values(ranked: Sequence[Candidate], shares: Mapping[str, float] | None) -> Matrix:
    """Two-sided p-values of all pairs, (m, m), each by the items that both answered; `ranked` is in ascending order."""
    domain_of = {item_id: item.domain for c in ranked for item_id, item in c.items.items()}
    ids = sorted(domain_of)
    costs, correct = (_table(ranked, ids, name) for name in ("cost", "correct"))
    domains = np.array([domain_of[item_id] for item_id in ids], dtype=object)
    p = np.ones((len(ranked), len(ranked)))
    for a in range(len(ranked) - 1):
        p[a, a + 1 :] = p[a + 1 :, a] = _against(costs[a:], correct[a:], domains, shares)
    return p


def _table(ranked: Sequence[Candidate], ids: Sequence[str], name: str) -> Matrix:
    """One row a candidate, one column an item; NaN where it has not answered."""
    column = {item_id: index for index, item_id in enumerate(ids)}
    table = np.full((len(ranked), len(ids)), np.nan)
    for row, candidate in enumerate(ranked):
        for item_id, item in candidate.items.items():
            table[row, column[item_id]] = getattr(item, name)
    return table


def _against(
    costs: Matrix,
    correct: Matrix,
    domains: np.ndarray[tuple[int], np.dtype[np.object_]],
    shares: Mapping[str, float] | None,
) -> Vector:
    """p-values of the first row against each of the others, which cost more per correct answer over all their items.

    Each pair is compared on the items that both answered, whose weights are theirs. Where the shared items have the
    order the other way round they do not say that the first is cheaper: 1.
    """
    shared = ~np.isnan(costs[1:]) & ~np.isnan(costs[0])
    weights = _shared_weights(shared, domains, shares)
    c_a, y_a = (weights * np.nan_to_num(table[0]) for table in (costs, correct))
    c_b, y_b = (weights * np.nan_to_num(table[1:]) for table in (costs, correct))
    p = log_ratio_p_values(c_a, y_a, c_b, y_b, shared)
    reversed_order = c_a.sum(axis=1) * y_b.sum(axis=1) > c_b.sum(axis=1) * y_a.sum(axis=1)
    return np.where(reversed_order, 1.0, p)


def _shared_weights(
    shared: Relation, domains: np.ndarray[tuple[int], np.dtype[np.object_]], shares: Mapping[str, float] | None
) -> Matrix:
    """:func:`item_weights` of each row's shared items, 0 for the others."""
    if shares is None:
        return shared.astype(float)
    counts = {domain: (shared & (domains == domain)).sum(axis=1) for domain in shares}
    whole = sum(shares[domain] * (count > 0) for domain, count in counts.items())
    weights = np.zeros(shared.shape)
    for domain, count in counts.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(count > 0, shares[domain] / whole * shared.sum(axis=1) / count, 0.0)
        weights += np.where(shared & (domains == domain), each[:, None], 0.0)
    return weights
