"""Where the level of a series may have changed: the segmentations of `ruptures`."""

from __future__ import annotations

import numpy as np

from tokenarena_assets.drift.posterior import LEAST_DAYS, Floats

MOST_CHANGES = 5


def proposed_changes(values: Floats, scatter: float, most: int = MOST_CHANGES) -> list[int]:
    """Indices of first days after a change in the best segmentation of `values` into levels of three days and more.

    For each number of changes the segmentation of least squares is exact (`KernelCPD` of ruptures, its linear kernel by
    dynamic programming: its PELT is not exact once a segment has a minimum length). Their number is the one of least
    `n log(squares / n) + 2 k log n`, a penalty low enough to propose too many rather than too few: each proposal still
    has to earn its probability.
    """
    from ruptures.detection import KernelCPD

    n = len(values)
    most = min(most, n // LEAST_DAYS - 1)
    if most < 1:
        return []
    search = KernelCPD(kernel="linear", min_size=LEAST_DAYS).fit(values.reshape(-1, 1))
    best: tuple[float, list[int]] = (_badness(values, [n], scatter), [])
    for k in range(most, 0, -1):
        ends = [int(end) for end in search.predict(n_bkps=k)]
        best = min(best, (_badness(values, ends, scatter), ends[:-1]))
    return best[1]


def _badness(values: Floats, ends: list[int], scatter: float) -> float:
    n = len(values)
    parts = np.split(values, ends[:-1])
    squares = sum(float(((part - part.mean()) ** 2).sum()) for part in parts)
    return n * float(np.log(squares / n + scatter**2)) + 2 * (len(ends) - 1) * float(np.log(n))
