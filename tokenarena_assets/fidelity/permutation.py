"""Test of equal distributions that permutes whole hour slots between the two sides, inside each prompt.

Samples of one hour may resemble each other (batching, the same replica), so they move together: the unit that is
exchangeable is the slot. T is a quadratic form of the 0/1 indicator z of the endpoint's slots: with K the kernel summed
over the samples of two slots, the sum within the endpoint is z'Kz, that between the sides z'K1 - z'Kz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from tokenarena_assets.fidelity.kernels import Counts, Kernel, pooled_matches, unit
from tokenarena_assets.fidelity.sequences import Blocks, PromptSamples

PERMUTATIONS = 9_999
AT_ONCE = 1_024  # permutations, so that what is computed of them stays in the processor's cache
# BLAS starts threads for products of more multiplications, and on a busy machine waits for them many times longer than
# a single one takes. So products are made of ROWS permutations each.
SMALL_PRODUCT = 1 << 18
ROWS = 32
EXACT_IN_FLOAT32 = 1 << 24
ROUNDING = 1e-12  # of T, which is of the order of 1: permutations that tie with it must count

Array = np.ndarray[Any, np.dtype[np.float64]]
Indicators = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """T as measured, its one-sided p, and the variance and mean of T over the permutations; None where not known."""

    statistic: float | None
    p: float | None
    variance: float | None
    mean: float | None


def permutation_test(
    prompts: Sequence[PromptSamples],
    kernel: Kernel = "prefix",
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    *,
    matches: Sequence[Counts] | None = None,
) -> PermutationTest:
    """T of the prompts that have two samples on both sides, beside what it is when slots change sides.

    p = (1 + permutations whose T is at least that measured) / (1 + permutations). Each permutation gives the endpoint
    as many of a prompt's slots as it had, drawn anew for each prompt; one that would leave a side with a single sample
    is drawn again. All arithmetic on matches is of whole numbers and exact.

    Args:
        prompts: The samples of both sides.
        kernel: Of two samples.
        permutations: How many are drawn.
        seed: Of the draws.
        matches: :func:`pooled_matches` of the prompts by this kernel, where they are known already.

    Raises:
        ValueError: no permutations.
    """
    if permutations < 1:
        raise ValueError(f"{permutations} permutations")
    known = pooled_matches(prompts, kernel) if matches is None else matches
    slots = [
        _Slots.of(p, counts, unit(p.x, kernel))
        for p, counts in zip(prompts, known, strict=True)
        if min(len(p.x), len(p.y)) >= 2
    ]
    if not slots:
        return PermutationTest(None, None, None, None)
    rng = np.random.default_rng(seed)
    offsets = rng.permutation(max(permutations, len(slots)))
    sums = np.zeros(permutations + 1)
    for of_prompt, offset in zip(slots, offsets.tolist(), strict=False):
        sums[0] += of_prompt.measured()
        sums[1:] += _permuted(of_prompt, permutations, offset, rng)
    t = sums / len(slots)
    p = (1 + int(np.sum(t[1:] >= t[0] - ROUNDING))) / (1 + permutations)
    variance = float(np.var(t[1:], ddof=1)) if permutations > 1 else None
    return PermutationTest(float(t[0]), p, variance, float(t[1:].mean()))


@dataclass(frozen=True, slots=True)
class _Slots:
    """The matches of one prompt summed over slots: the endpoint's `n_of_x` first, then the reference's."""

    matches: Array  # (slots, slots), whole numbers
    sizes: Array  # (slots,): samples in each
    n_of_x: int
    unit: int

    @classmethod
    def of(cls, prompt: PromptSamples, counts: Counts, whole: int) -> _Slots:
        of_x, n_of_x = _numbered(prompt.x_blocks)
        of_y, n_of_y = _numbered(prompt.y_blocks)
        slot = np.concatenate([of_x, n_of_x + of_y])
        n_slots = n_of_x + n_of_y
        sizes = np.bincount(slot, minlength=n_slots).astype(np.float64)
        cells = slot[:, None] * n_slots + slot
        sums = np.bincount(cells.ravel(), weights=counts.ravel(), minlength=n_slots**2).astype(np.float64)
        return cls(sums.reshape(n_slots, n_slots), sizes, n_of_x, whole)

    def measured(self) -> float:
        """T of the prompt as it was."""
        return float(self.statistics((np.arange(len(self.sizes)) < self.n_of_x).astype(np.uint8)[None, :])[0])

    def statistics(self, z: Indicators) -> Array:
        """T of the prompt for each row of `z`, of shape (k, slots): 1 where a slot goes to the endpoint."""
        total = float(self.matches.sum())
        exact: Any = np.float32 if total < EXACT_IN_FLOAT32 else np.float64
        n_slots = len(self.sizes)
        # z'Kz of its upper triangle alone, with the other half's share added: three fifths of the multiplications.
        upper: Any = (np.triu(self.matches, 1) * 2 + np.diag(np.diag(self.matches))).astype(exact)
        columns: Any = np.stack([self.matches.sum(axis=1), self.sizes], axis=1).astype(exact)
        width = max(1, SMALL_PRODUCT // (ROWS * n_slots))
        quadratic, linear, n = np.empty(len(z)), np.empty(len(z)), np.empty(len(z))
        for start in range(0, len(z), AT_ONCE):
            now = slice(start, start + AT_ONCE)
            some: Any = np.zeros((-(-len(z[now]) // ROWS), ROWS, n_slots), dtype=exact)
            some.reshape(-1, n_slots)[: len(z[now])] = z[now]
            found = np.zeros(some.shape[:2])
            for first in range(0, n_slots, width):
                last = min(first + width, n_slots)
                product = some[:, :, :last] @ np.ascontiguousarray(upper[:last, first:last])
                found += np.einsum("cij,cij->ci", product, some[:, :, first:last])
            quadratic[now] = found.ravel()[: len(z[now])]
            linear[now], n[now] = (some @ columns).reshape(-1, 2)[: len(z[now])].T
        r = self.sizes.sum() - n
        # Pairs of a sample with itself are no pairs; both orders of a pair are in the sums.
        within_x = (quadratic - self.unit * n) / (n * (n - 1))
        within_y = (total - 2 * linear + quadratic - self.unit * r) / (r * (r - 1))
        between = (linear - quadratic) / (n * r)
        t: Array = (within_x + within_y - 2 * between) / self.unit
        return t

    def leaves_too_few(self, z: Indicators) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether a side has under two samples, for each row of `z`."""
        n = z @ self.sizes
        few: np.ndarray[Any, np.dtype[np.bool_]] = np.minimum(n, self.sizes.sum() - n) < 2
        return few


def _permuted(slots: _Slots, permutations: int, offset: int, rng: np.random.Generator) -> Array:
    """T of one prompt under each permutation.

    Where slots can be dealt in fewer ways than permutations are drawn, T is found of each way once. Else prompts of as
    many slots share one set of draws, which takes longer to make than to use: with its slots in a random order of its
    own, and each permutation taken from another draw than the other prompts', the draws that make up a permutation are
    as independent as new ones.
    """
    n_slots, n_of_x = len(slots.sizes), slots.n_of_x
    if comb(n_slots, n_of_x) <= permutations:
        ways = _ways(n_slots, n_of_x)
        ways = ways[~slots.leaves_too_few(ways)]
        found: Array = slots.statistics(ways)[rng.integers(len(ways), size=permutations)]
        return found
    order = rng.permutation(n_slots)
    reordered = _Slots(slots.matches[np.ix_(order, order)], slots.sizes[order], n_of_x, slots.unit)
    z = np.unpackbits(_draws(n_slots, n_of_x, permutations), axis=1, count=n_slots)
    if min(n_of_x, n_slots - n_of_x) == 1:  # else each side has two slots, and so two samples
        while (again := reordered.leaves_too_few(z)).any():
            z[again] = rng.permuted(z[again], axis=1)
    return np.roll(reordered.statistics(z), offset)


@lru_cache(maxsize=256)
def _ways(n_slots: int, n_of_x: int) -> Indicators:
    """All ways to give the endpoint `n_of_x` of `n_slots`, as rows of 0 and 1."""
    given = np.array(list(combinations(range(n_slots), n_of_x)), dtype=np.intp)
    rows = np.zeros((len(given), n_slots), dtype=np.uint8)
    np.put_along_axis(rows, given, 1, axis=1)
    return rows


@lru_cache(maxsize=256)
def _draws(n_slots: int, n_of_x: int, count: int) -> Indicators:
    """`count` times `n_of_x` of `n_slots` without replacement: rows of 0 and 1, eight to a byte."""
    rows = np.zeros((count, n_slots), dtype=np.uint8)
    rows[:, :n_of_x] = 1
    return np.packbits(np.random.default_rng((n_slots, n_of_x, count)).permuted(rows, axis=1), axis=1)


def _numbered(blocks: Blocks) -> tuple[Blocks, int]:
    """Whole numbers from 0 for the blocks, and how many there are."""
    known, numbers = np.unique(blocks, return_inverse=True)
    return numbers, len(known)
