"""A day's sample-based fidelity of a whole arena, and one endpoint's beside the loop of Model Equality Testing.

78 endpoints of 12 families, 50 prompts, 35 samples against 140 of the reference over seven days, 160 units, 9,999
permutations: Gram matrices, T, S, F with its self floor and bootstrap, and the block permutation test. Answers are
synthetic (branches off a few stems); how they branch hardly matters to the time.

The loop beside it is the authors' form in NumPy: for each permutation the kernel of every pair is computed anew. It
runs on a part and is scaled to the whole, in its own favour: only pairs of the same prompt are computed.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

import numpy as np

from tokenarena_assets.fidelity import PromptSamples, fidelity, mmd_hamming, permutation_test
from tokenarena_assets.fidelity.sequences import Sequences

ENDPOINTS, FAMILIES, PROMPTS = 78, 12, 50
DAYS, SAMPLES_A_DAY, REFERENCE_A_DAY = 7, 5, 20
UNITS, PERMUTATIONS = 160, 9_999
LOOPED_PROMPTS, LOOPED_PERMUTATIONS = 5, 20
GOAL = "goal: under 60 s on two cores, under 2 GB"


def answers(stems: Sequences, count: int, rng: np.random.Generator) -> Sequences:
    """Stems that leave their path after a random number of units, and some that end early."""
    found = stems[rng.integers(0, len(stems), count)]
    at = np.arange(UNITS)
    strays = at >= rng.geometric(0.03, count)[:, None]
    found[strays] = rng.integers(97, 123, found.shape)[strays]
    found[at >= rng.integers(UNITS // 2, 2 * UNITS, count)[:, None]] = -1
    return found


def slots(a_day: int, rng: np.random.Generator) -> np.ndarray:
    """Hour slots of as many samples on each of the days."""
    return (np.arange(DAYS)[:, None] * 24 + rng.integers(0, 24, (DAYS, a_day))).ravel()


def family(rng: np.random.Generator, endpoints: int) -> list[list[PromptSamples]]:
    """Each endpoint's prompts, against one reference."""
    stems = rng.integers(97, 123, (PROMPTS, 6, UNITS)).astype(np.int32)
    n, r = DAYS * SAMPLES_A_DAY, DAYS * REFERENCE_A_DAY
    reference = [(answers(stems[i], r, rng), slots(REFERENCE_A_DAY, rng)) for i in range(PROMPTS)]
    return [
        [
            PromptSamples(f"p{i}", answers(stems[i], n, rng), y, slots(SAMPLES_A_DAY, rng), y_slots)
            for i, (y, y_slots) in enumerate(reference)
        ]
        for _ in range(endpoints)
    ]


def plain_mmd(x: list[Sequences], y: list[Sequences]) -> float:
    """MMD^2 with the Hamming kernel from the arrays of all pairs of each prompt's samples."""
    sums, pairs = np.zeros(3), np.zeros(3)
    for of_x, of_y in zip(x, y, strict=True):
        for i, (a, b) in enumerate(((of_x, of_x), (of_y, of_y), (of_x, of_y))):
            k = np.sum(a[:, None, :] == b[None, :, :], axis=-1).astype(float) / UNITS
            if i < 2:
                np.fill_diagonal(k, 0)
            sums[i] += k.sum()
            pairs[i] += k.size - (len(k) if i < 2 else 0)
    within_x, within_y, between = sums / pairs
    return float(within_x + within_y - 2 * between)


def plain_loop(prompts: list[PromptSamples], permutations: int, rng: np.random.Generator) -> None:
    """The statistic of every permutation, each from new arrays."""
    for _ in range(permutations):
        both = [rng.permutation(np.concatenate([p.x, p.y])) for p in prompts]
        plain_mmd([b[: len(p.x)] for b, p in zip(both, prompts, strict=True)], [
            b[len(p.x) :] for b, p in zip(both, prompts, strict=True)
        ])  # fmt: skip


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    """Time the arena, then the loop on a part of one endpoint."""
    rng = np.random.default_rng(1)
    per_family = [ENDPOINTS // FAMILIES + (i < ENDPOINTS % FAMILIES) for i in range(FAMILIES)]
    arena = [endpoint for count in per_family for endpoint in family(rng, count)]
    print(
        f"{ENDPOINTS} endpoints x {PROMPTS} prompts x {DAYS * SAMPLES_A_DAY} against {DAYS * REFERENCE_A_DAY} samples "
        f"of {UNITS} units, {PERMUTATIONS} permutations; {GOAL}"
    )
    in_all = np.zeros(2)
    for what, work in (
        ("T, S, F, floor, bootstrap", lambda: [fidelity(prompts) for prompts in arena]),
        ("permutation test", lambda: [permutation_test(prompts, permutations=PERMUTATIONS) for prompts in arena]),
    ):
        took = timed(work)
        in_all += took
        print(f"{what:<26} {took[0]:6.1f} s, processor {took[1]:6.1f} s")
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{'both':<26} {in_all[0]:6.1f} s, processor {in_all[1]:6.1f} s; peak memory {peak_gb:.2f} GB, samples included"
    )

    ours = timed(lambda: permutation_test(arena[0], "hamming", permutations=PERMUTATIONS))[1]
    part = timed(lambda: plain_loop(arena[0][:LOOPED_PROMPTS], LOOPED_PERMUTATIONS, rng))[1]
    whole = part * PROMPTS / LOOPED_PROMPTS * PERMUTATIONS / LOOPED_PERMUTATIONS
    print(
        f"one endpoint, Hamming kernel, processor: ours {ours:.2f} s; plain loop {whole:.0f} s, scaled from "
        f"{LOOPED_PROMPTS} prompts and {LOOPED_PERMUTATIONS} permutations; ratio {whole / ours:.0f}"
    )
    letters = [[(str(i), "".join(map(chr, row[row >= 0]))) for row in p.x] for i, p in enumerate(arena[0])]
    x, y = [pair for of in letters for pair in of[:17]], [pair for of in letters for pair in of[17:34]]
    sides = [[p.x[:17] for p in arena[0]], [p.x[17:34] for p in arena[0]]]
    assert abs(mmd_hamming(x, y, UNITS) - plain_mmd(*sides)) < 1e-12
    one, plain = timed(lambda: mmd_hamming(x, y, UNITS))[1], timed(lambda: plain_mmd(*sides))[1]
    print(
        f"one statistic, processor: ours from texts {1e3 * one:.1f} ms; plain from arrays {1e3 * plain:.1f} ms; "
        f"ratio {plain / one:.1f}"
    )


if __name__ == "__main__":
    main()
