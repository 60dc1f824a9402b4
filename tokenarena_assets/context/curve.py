"""The accuracy curve over the lengths: falling by construction, with an interval from a bootstrap of requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# NumPy and SciPy load where a curve is made: searching needs neither, and they take a second of every worker's start.

RESAMPLES = 500
SEED = 20_000  # the same requests give the same interval
LEVEL = 0.95


def falling(accuracies: Sequence[float], weights: Sequence[float]) -> tuple[float, ...]:
    """The nearest curve that never rises, in weighted squares: pool adjacent violators (Barlow et al., 1972)."""
    if not accuracies:
        return ()
    import numpy as np  # noqa: PLC0415

    return tuple(float(value) for value in _pava(np.asarray(accuracies, float), np.asarray(weights, float)))


def intervals(requests: Sequence[Sequence[int]], per_request: int) -> tuple[tuple[float, float], ...]:
    """The 95 % percentile interval of :func:`falling` at each length, resampling whole requests.

    `requests[i]` are the hits, out of `per_request`, of each request at length i, of which there is at least one.
    The answers of one request have its text in common, so that they are drawn together. From two requests it is
    narrow beyond what they can tell.
    """
    if not requests:
        return ()
    import numpy as np  # noqa: PLC0415

    rng = np.random.default_rng(SEED)
    hits = [np.asarray(of_length, float) for of_length in requests]
    weights = np.asarray([len(of_length) for of_length in requests], float)
    means = np.stack([rng.choice(of_length, (RESAMPLES, len(of_length))).mean(axis=1) for of_length in hits])
    drawn = np.stack([_pava(column / per_request, weights) for column in means.T])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return tuple((float(least), float(most)) for least, most in zip(low, high, strict=True))


def _pava(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.optimize import isotonic_regression  # noqa: PLC0415

    fitted: NDArray[np.float64] = isotonic_regression(values, weights=weights, increasing=False).x
    return fitted
