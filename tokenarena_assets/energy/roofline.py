"""Energy of decoding on accelerators: time terms of one step, weighed by coefficients fitted on measured energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Serving:
    """How one replica decodes; all fields broadcast against each other.

    Parameters in counts, memory in bytes, rates per second and accelerator, `kv_bytes` what one sequence's attention
    reads at a step, `prefill_per_output` uncached input tokens per output token.
    """

    params_total: ArrayLike
    params_active: ArrayLike
    bytes_per_weight: ArrayLike
    tdp_w: ArrayLike
    bandwidth: ArrayLike
    flops: ArrayLike
    n: ArrayLike
    batch: ArrayLike
    kv_bytes: ArrayLike
    prefill_per_output: ArrayLike = 0.0
    expert_gpus: ArrayLike | None = None


def weights_read(params_total: ArrayLike, params_active: ArrayLike, batch: ArrayLike) -> Array:
    """Parameters that one step reads: of a sparse model the experts that a batch touches, were they picked evenly.

    N_t (1 - (1 - N_a/N_t)^B), at least N_a; all of them where the model is dense.
    """
    total, active = np.asarray(params_total, float), np.asarray(params_active, float)
    share = np.minimum(active / total, 1.0)
    with np.errstate(divide="ignore"):
        touched = total * -np.expm1(np.asarray(batch, float) * np.log1p(-share))
    return np.maximum(active, touched)


def step_terms(s: Serving) -> dict[str, Array]:
    """Seconds that a step would take for each cause on its own, at the peak rates of the chip.

    `fixed` 1 ms, `count` 1 ms x log2(n), `weights` and `kv` memory reads, `flops` arithmetic with that of the
    requests' own prefill, `sequence` 1 us x batch.
    """
    n, batch = np.asarray(s.n, float), np.asarray(s.batch, float)
    active = np.asarray(s.params_active, float)
    expert_gpus = n if s.expert_gpus is None else np.maximum(np.asarray(s.expert_gpus, float), n)
    # Experts spread over more accelerators than a replica has see the batches of all replicas.
    seen = batch * expert_gpus / n
    read = np.asarray(s.bytes_per_weight, float) * weights_read(s.params_total, active, seen)
    return {
        "fixed": np.full(np.shape(batch), 1e-3),
        "count": 1e-3 * np.log2(n),
        "weights": read / (expert_gpus * s.bandwidth),
        "kv": batch * s.kv_bytes / (n * np.asarray(s.bandwidth, float)),
        "flops": 2 * active * batch / (n * np.asarray(s.flops, float)),
        "sequence": 1e-6 * batch,
    }


def kv_read_bytes(full: ArrayLike, windowed: ArrayLike, window: ArrayLike, context: ArrayLike) -> Array:
    """Bytes of KV cache that one step reads for a sequence: layers with a sliding window read no further back."""
    reach = np.asarray(context, float)
    return np.asarray(full, float) * reach + np.asarray(windowed, float) * np.minimum(reach, window)


def joules_per_output_token(s: Serving, coefficients: Mapping[str, float]) -> Array:
    """Energy of all accelerators of a replica per output token, the requests' own prefill included [J].

    n P / B x (sum of coefficient x term): coefficients are power fraction over efficiency, so errors of the two cancel
    in part.
    """
    terms = step_terms(s)
    seconds = sum(coefficients[name] * term for name, term in terms.items())
    n, batch, tdp = (np.asarray(v, float) for v in (s.n, s.batch, s.tdp_w))
    return np.asarray(n * tdp / batch * seconds, float)
