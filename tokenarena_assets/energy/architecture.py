"""Layers, attention width and KV cache of a model of which only the size is known: those of released models near it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tokenarena_assets.energy.constants import Facts
from tokenarena_assets.energy.roofline import Array

CLOSE_LN = 0.01


class Shape(NamedTuple):
    """Blocks of attention and feed-forward, their summed attention width, bytes of KV cache per token of context."""

    layers: Array
    attention: Array
    kv_bytes: Array


def likely_shape(params_total_b: ArrayLike, params_active_b: ArrayLike, facts: Facts) -> Shape:
    """Weighted geometric mean over the table of architectures, by closeness in total and active parameters (billions).

    Weight 1 / (d^2 + 0.01^2) with d the distance of the logarithms: a model of the very size decides alone, which is
    meant. Arguments are numbers or arrays of shape (n,), results of shape (n,).
    """
    total, active = np.broadcast_arrays(np.atleast_1d(params_total_b), np.atleast_1d(params_active_b))
    if np.ptp(total) == 0 and np.ptp(active) == 0:  # one size: all draws of a model whose parameters are known
        return Shape(*(np.full(len(total), mean[0]) for mean in _means(total[:1], active[:1], facts)))
    return Shape(*_means(total, active, facts))


def _means(total: Array, active: Array, facts: Facts) -> Array:
    """Of shape (3, n): layers, layers times width, KV bytes."""
    table = np.log([[a.params_total_b, a.params_active_b] for a in facts.architectures])
    values = np.log([[a.layers, a.layers * a.attention_width, a.kv_bytes_per_token] for a in facts.architectures])
    distance2 = (np.log(total)[:, None] - table[:, 0]) ** 2 + (np.log(active)[:, None] - table[:, 1]) ** 2
    weights = 1 / (distance2 + CLOSE_LN**2)
    return np.asarray(np.exp(weights @ values / weights.sum(axis=1, keepdims=True)).T, float)
