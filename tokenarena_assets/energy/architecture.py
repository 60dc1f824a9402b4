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
    meant. Where both arguments are arrays of shape (n,), so are the results.
    """
    total, active = np.atleast_1d(np.asarray(params_total_b, float)), np.atleast_1d(np.asarray(params_active_b, float))
    table = np.array([[a.params_total_b, a.params_active_b] for a in facts.architectures])
    values = np.array([[a.layers, a.layers * a.attention_width, a.kv_bytes_per_token] for a in facts.architectures])
    pairs, at = np.unique(np.column_stack(np.broadcast_arrays(total, active)), axis=0, return_inverse=True)
    distance2 = np.sum((np.log(pairs)[:, None, :] - np.log(table)[None]) ** 2, axis=-1)
    weights = 1 / (distance2 + CLOSE_LN**2)
    means = np.exp(weights @ np.log(values) / weights.sum(axis=1, keepdims=True))[at.ravel()]
    return Shape(*means.T)
