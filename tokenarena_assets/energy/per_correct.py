"""Joules and grams per correct answer: measured tokens times modeled energy, with the items drawn anew in each draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenarena_assets.energy.interval import interval
from tokenarena_assets.energy.records import Interval
from tokenarena_assets.energy.streams import Array, stream

BLOCK = 32  # endpoints compared with all others at once


@dataclass(frozen=True, slots=True)
class AnsweredItem:
    """What one item took, all attempts together, and its answer; weight and cluster as for dollars per correct."""

    cluster: tuple[str, str]  # domain, template
    weight: float
    fresh_input_tokens: float
    cached_tokens: float
    output_tokens: float
    correct: float


@dataclass(frozen=True, slots=True)
class PerToken:
    """Draws of modeled energy per token with the facility [J], and of grams of CO2e per joule; of shape (draws,)."""

    fresh_input_j: Array
    cached_j: Array
    output_j: Array
    gco2e_per_j: Array


@dataclass(frozen=True)
class PerCorrect:
    """Draws of joules per correct answer and what they come from; `joules` is infinite where a draw has none correct.

    `sampling` is the joules at the middle of the modeled energy (items drawn, energy fixed), `tokens` the measured
    output tokens per correct answer under the same drawn items.
    """

    joules: Array
    grams: Array
    sampling: Array
    tokens: Array


class Resampling:
    """Whole clusters drawn with replacement, by name: endpoints that answered the same items share the draws."""

    def __init__(self, clusters: Sequence[tuple[str, str]], n_draws: int, seed: int) -> None:
        self._n_draws = n_draws
        strata: dict[str, list[tuple[str, str]]] = {}
        for cluster in sorted(set(clusters)):
            strata.setdefault(cluster[0], []).append(cluster)
        self._counts: dict[tuple[str, str], Array] = {}
        for domain, own in strata.items():
            drawn = stream(seed, "items", domain).multinomial(len(own), np.full(len(own), 1 / len(own)), size=n_draws)
            self._counts |= {cluster: drawn[:, i].astype(float) for i, cluster in enumerate(own)}

    def sums(self, items: Sequence[AnsweredItem], values: Array) -> Array:
        """Weighted sums of each of k columns of `values`, (items, k), over the drawn items; of shape (draws, k).

        An endpoint that lacks a cluster draws as many items as it would have; strata keep their weight.
        """
        by_cluster: dict[tuple[str, str], Array] = {}
        for item, row in zip(items, values, strict=True):
            by_cluster[item.cluster] = by_cluster.get(item.cluster, np.zeros(values.shape[1])) + item.weight * row
        total = np.zeros((self._n_draws, values.shape[1]))
        for cluster, row in by_cluster.items():
            total += self._counts[cluster][:, None] * row
        return total


def joules_per_correct(items: Sequence[AnsweredItem], energy: PerToken, drawn: Resampling) -> PerCorrect:
    """Sum of modeled energy over sum of correct answers, in each draw over items drawn anew.

    E = e_in (L_in - L_cache) + e_cached L_cache + e_out L_out summed over all attempts of all items, right or wrong
    (energy model note, section 2.6); draw j of two endpoints has the same items and what they share of the energy.
    """
    columns = np.array(
        [(i.fresh_input_tokens, i.cached_tokens, i.output_tokens, i.correct) for i in items], dtype=float
    ).reshape(len(items), 4)
    sums = drawn.sums(items, columns)
    correct = np.where(sums[:, 3] > 1e-9, sums[:, 3], np.nan)
    per_token = np.stack([energy.fresh_input_j, energy.cached_j, energy.output_j], axis=1)
    joules = (sums[:, :3] * per_token).sum(axis=1) / correct
    middle = (sums[:, :3] * np.median(per_token, axis=0)).sum(axis=1) / correct
    found = PerCorrect(joules, joules * energy.gco2e_per_j, middle, sums[:, 2] / correct)
    for draws in (found.joules, found.grams, found.sampling, found.tokens):
        draws[np.isnan(draws)] = math.inf
    return found


def lower_bound_j(items: Sequence[AnsweredItem], energy: PerToken, confidence: float = 0.95) -> float:
    """With none correct: what a correct answer takes at least, sum(e) / (sum(w) u), u = 1 - (1 - confidence)^(1/n).

    The energy is its 5th percentile: the bound holds on both sides of what is not known.

    Raises:
        ValueError: no items.
    """
    if not items:
        raise ValueError("no items")
    weights = np.array([item.weight for item in items])
    tokens = np.array([(i.fresh_input_tokens, i.cached_tokens, i.output_tokens) for i in items])
    draws = (weights @ tokens) @ np.stack([energy.fresh_input_j, energy.cached_j, energy.output_j])
    share = 1 - (1 - confidence) ** (1 / len(items))
    bound: float = float(np.quantile(draws, 0.05)) / (float(weights.sum()) * share)
    return bound


def finite_interval(draws: Array) -> Interval | None:
    """P5, P50 and P95 of draws; None where not even the P95 is finite."""
    known = int(np.isfinite(draws).sum())
    return interval(draws) if math.ceil(0.95 * (len(draws) - 1)) < known else None


def probabilities_less(draws: Mapping[str, Array]) -> NDArray[np.float64]:
    """P(row < column) of paired draws, equal ones counted half; of shape (m, m) in the mapping's order."""
    table = np.stack(list(draws.values())) if draws else np.zeros((0, 1))
    m = len(table)
    found = np.full((m, m), 0.5)
    for start in range(0, m, BLOCK):
        rows = table[start : start + BLOCK]
        for i, row in enumerate(rows):
            found[start + i] = (row < table).mean(axis=1) + (row == table).mean(axis=1) / 2
    return found
