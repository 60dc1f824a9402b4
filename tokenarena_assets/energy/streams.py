"""Random numbers by name: each quantity has its own stream, so no draw depends on what else is asked for."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from tokenarena_assets.energy.rows import Z95, Spread

Array = NDArray[np.float64]


def stream(seed: int, *names: str) -> np.random.Generator:
    """A generator seeded by a hash of seed and names."""
    key = "\0".join((str(seed), *names)).encode()
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(key).digest()[:16], "big")))


def normals(n_draws: int, seed: int, *names: str) -> Array:
    """Standard normal draws of that name."""
    return stream(seed, *names).standard_normal(n_draws)


def uniforms(n_draws: int, seed: int, *names: str) -> Array:
    """Draws from 0 to below 1 of that name."""
    return stream(seed, *names).random(n_draws)


def lognormal(spread: Spread, z: Array, shift: float = 0.0) -> Array:
    """Lognormal draws with the three percentiles of a prior; `shift` is taken off first and put back (PUE - 1).

    Two halves of different width where the median is not the geometric middle of the others.
    """
    low, middle, high = (np.log(value - shift) for value in (spread.p5, spread.p50, spread.p95))
    sigma = np.where(z < 0, middle - low, high - middle) / Z95
    return np.asarray(shift + np.exp(middle + sigma * z), float)


def triangular(low: Array, middle: Array, high: Array, u: Array) -> Array:
    """Triangular draws by inversion of uniform ones; the middle where the range is empty."""
    width = np.maximum(high - low, 1e-12)
    cut = (middle - low) / width
    rising = low + np.sqrt(u * width * (middle - low))
    falling = high - np.sqrt((1 - u) * width * (high - middle))
    return np.asarray(np.where(high > low, np.where(u < cut, rising, falling), middle), float)


def choices(weights: Array, u: Array) -> NDArray[np.intp]:
    """Indices drawn by weight."""
    edges = np.cumsum(weights / weights.sum())[:-1]
    return np.searchsorted(edges, u, side="right")
