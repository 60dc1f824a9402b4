"""Whether one endpoint takes less energy than another: a paired probability instead of two point values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.energy.interval import interval
from tokenarena_assets.energy.records import Interval
from tokenarena_assets.errors import TokenArenaError

SUPPORTED = 0.9  # probability from which one endpoint is said to take less than another


@dataclass(frozen=True)
class Comparison:
    """P(A < B), the 90 % interval of A/B, and whether a difference is supported: P at least 0.9 either way."""

    p_a_less: float
    ratio: Interval
    supported: bool


def compare(a_draws: ArrayLike, b_draws: ArrayLike) -> Comparison:
    """Compare paired draws of two endpoints, both from one call or one seed; equal draws count half.

    Raises:
        TokenArenaError: not as many draws of one as of the other, or none.
    """
    a, b = np.asarray(a_draws, float), np.asarray(b_draws, float)
    if a.shape != b.shape or a.size == 0:
        raise TokenArenaError(
            f"draws of shape {a.shape} against {b.shape}", mend="compare as many draws of one seed as of the other"
        )
    p = float(np.mean(a < b) + np.mean(a == b) / 2)
    return Comparison(p, interval(a / b), p >= SUPPORTED or p <= 1 - SUPPORTED)
