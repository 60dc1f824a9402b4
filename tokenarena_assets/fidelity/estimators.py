"""How alike the samples of an endpoint and of its reference are: T, S, and F = 100 S with its floor and intervals.

Over prompts i, k a kernel: A_i is its mean over pairs of different samples of the endpoint, B_i over those of the
reference, C_i over pairs of one of each. T = mean (A + B - 2 C), the unbiased MMD^2 with equal weights of the prompts,
and S = mean C / sqrt(mean A * mean B), its cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tokenarena_assets.fidelity.kernels import Counts, Kernel, match_counts, pooled_matches, unit
from tokenarena_assets.fidelity.resampling import RESAMPLES, UNKNOWN, Bounds, prompt_interval
from tokenarena_assets.fidelity.sequences import HOURS_PER_DAY, PromptSamples, Sequences

Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Split = Literal["days", "repeats"]


@dataclass(frozen=True, slots=True)
class UParts:
    """A, B and C of m prompts, each of shape (m,). NaN where a side has too few samples: A and B need two."""

    a: Array
    b: Array
    c: Array


@dataclass(frozen=True, slots=True)
class FidelityEstimate:
    """F = 100 S of an endpoint, unclipped, beside that of its reference with itself; None where not known.

    `n_samples` and `n_reference` are those of the `n_prompts` that entered. `self_split` tells what divided the
    reference's samples in two for the self floor.
    """

    F: float | None
    lo: float | None
    hi: float | None
    self_floor: float | None
    self_lo: float | None
    self_hi: float | None
    gap: float | None  # self_floor - F
    gap_lo: float | None
    gap_hi: float | None
    mmd2: float | None  # T
    n_prompts: int
    n_samples: int
    n_reference: int
    self_split: Split | None


def within_kernel(y: Sequences, kernel: Kernel = "prefix") -> float | None:
    """B of one prompt: the mean kernel of pairs of different samples of one side. None where there are under two."""
    n = len(y)
    if n < 2:
        return None
    counts = match_counts(y, kernel)
    return float(_mean_within(counts, np.ones(n, dtype=bool), unit(y, kernel)))


def u_parts(prompts: Sequence[PromptSamples], kernel: Kernel = "prefix") -> UParts:
    """The U-statistics of each prompt."""
    return _parts([each.sides() for each in _grams(prompts, kernel, None)])


def mmd2(parts: UParts) -> float | None:
    """T, over the prompts that have all of A, B and C; None where none has."""
    t = parts.a + parts.b - 2 * parts.c
    known = np.isfinite(t)
    return float(t[known].mean()) if known.any() else None


def kernel_cosine(parts: UParts) -> float | None:
    """S, over the prompts that have all of A, B and C.

    Where no prompt has an A, because the endpoint gave one sample of each, it is S1 = mean C / mean B, which takes the
    endpoint to vary as much as the reference. A prompt without an A among others that have one is left out: means over
    different prompts make no cosine. None where nothing is left or a mean is 0.
    """
    return _known(float(_cosine(parts, np.ones((1, len(parts.c))))[0]))


def fidelity(
    prompts: Sequence[PromptSamples],
    *,
    kernel: Kernel = "prefix",
    resamples: int = RESAMPLES,
    seed: int = 0,
    matches: Sequence[Counts] | None = None,
) -> FidelityEstimate:
    """F, its self floor and their gap with 95 % intervals, for which whole prompts are drawn, the same for all three.

    The self floor is 100 S between the reference's samples of even and of odd days: of a model with itself, on other
    days, it shows how near 100 an F can be. While all its days are of one parity, it is 100 S between every other of
    its samples. Prompts without two samples in both halves enter F alone. `matches` are :func:`pooled_matches` of the
    prompts by this kernel, where they are known already.
    """
    split: Split = "days" if len({parity for p in prompts for parity in _day_parities(p).tolist()}) > 1 else "repeats"
    grams = _grams(prompts, kernel, matches)
    parts = _parts([gram.sides() for gram in grams])
    floors = _parts([gram.halves(_half(p, split)) for gram, p in zip(grams, prompts, strict=True)])
    used = _usable(parts)
    kept, halves = _only(parts, used), _only(floors, used)
    floored = np.isfinite(halves.a + halves.b + halves.c)
    halves = _only(halves, floored)

    def interval_of(statistic: Any, n: int) -> Bounds:
        return prompt_interval(statistic, n, resamples=resamples, seed=seed) if n else UNKNOWN

    score, floor = kernel_cosine(kept), kernel_cosine(halves)
    lo, hi = interval_of(lambda w: 100 * _cosine(kept, w), len(kept.c))
    self_lo, self_hi = interval_of(lambda w: 100 * _cosine(halves, w), len(halves.c))
    gap_lo, gap_hi = interval_of(lambda w: 100 * (_cosine(halves, w[:, floored]) - _cosine(kept, w)), len(kept.c))
    taken = [prompt for prompt, use in zip(prompts, used, strict=True) if use]
    return FidelityEstimate(
        F=None if score is None else 100 * score,
        lo=lo,
        hi=hi,
        self_floor=None if floor is None else 100 * floor,
        self_lo=self_lo,
        self_hi=self_hi,
        gap=None if score is None or floor is None else 100 * (floor - score),
        gap_lo=gap_lo,
        gap_hi=gap_hi,
        mmd2=mmd2(kept),
        n_prompts=len(taken),
        n_samples=sum(len(prompt.x) for prompt in taken),
        n_reference=sum(len(prompt.y) for prompt in taken),
        self_split=None if floor is None else split,
    )


Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class _GramOfPrompt:
    """How much of every pair of a prompt's samples matches, the endpoint's first."""

    counts: Counts
    unit: int
    n: int

    def sides(self) -> Triple:
        """A, B and C between endpoint and reference."""
        first = np.arange(len(self.counts)) < self.n
        return self._between(first, ~first)

    def halves(self, of_reference: Mask) -> Triple:
        """A, B and C between two parts of the reference: where `of_reference`, of shape (r,), is true, and the rest."""
        first = np.zeros(len(self.counts), dtype=bool)
        second = first.copy()
        first[self.n :], second[self.n :] = of_reference, ~of_reference
        return self._between(first, second)

    def _between(self, first: Mask, second: Mask) -> Triple:
        pairs = int(first.sum()) * int(second.sum())
        between = self.counts[first][:, second].sum(dtype=np.int64) / (pairs * self.unit) if pairs else np.nan
        within = [_mean_within(self.counts, part, self.unit) for part in (first, second)]
        return within[0], within[1], float(between)


def _grams(prompts: Sequence[PromptSamples], kernel: Kernel, matches: Sequence[Counts] | None) -> list[_GramOfPrompt]:
    known = pooled_matches(prompts, kernel) if matches is None else matches
    return [
        _GramOfPrompt(counts, unit(prompt.x, kernel), len(prompt.x))
        for prompt, counts in zip(prompts, known, strict=True)
    ]


def _mean_within(counts: Counts, part: Mask, whole: int) -> float:
    n = int(part.sum())
    if n < 2:
        return float("nan")
    own = counts[part][:, part]
    return float((own.sum(dtype=np.int64) - np.trace(own)) / (n * (n - 1) * whole))


def _parts(triples: Sequence[Triple]) -> UParts:
    a, b, c = np.array(triples, dtype=np.float64).reshape(-1, 3).T
    return UParts(a, b, c)


def _only(parts: UParts, mask: Mask) -> UParts:
    return UParts(parts.a[mask], parts.b[mask], parts.c[mask])


def _usable(parts: UParts) -> Mask:
    """The prompts that S is made of."""
    known: Mask = np.isfinite(parts.b) & np.isfinite(parts.c)
    whole: Mask = known & np.isfinite(parts.a)
    return whole if whole.any() else known


def _cosine(parts: UParts, weights: Array) -> Array:
    """S for each row of `weights`, of shape (k, m); NaN where it is not defined."""
    used = _usable(parts)
    w, kept = weights[:, used], _only(parts, used)
    # Sums in place of means: their numbers of prompts cancel.
    b, c = np.einsum("ij,j->i", w, kept.b), np.einsum("ij,j->i", w, kept.c)
    a = np.einsum("ij,j->i", w, kept.a) if np.isfinite(kept.a).all() else b
    with np.errstate(divide="ignore", invalid="ignore"):
        s: Array = np.where((a > 0) & (b > 0), c / np.sqrt(a * b), np.nan)
    return s


def _day_parities(prompt: PromptSamples) -> Any:
    return prompt.y_blocks // HOURS_PER_DAY % 2


def _half(prompt: PromptSamples, split: Split) -> Mask:
    first: Mask = (_day_parities(prompt) if split == "days" else np.arange(len(prompt.y)) % 2) == 0
    return first


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
