"""Energy of decoding on accelerators: time terms of one step, weighed by coefficients fitted on measured energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


TERMS = ("layers", "hops", "weights", "kv", "flops", "sequence")


@dataclass(frozen=True)
class Serving:
    """How one replica decodes; all fields broadcast against each other.

    Parameters in counts, memory in bytes, rates per second and accelerator. `kv_bytes` is what one sequence's attention
    (or recurrent state) moves at a step, `prefill_per_output` uncached input tokens per output token. `expert_gpus`:
    accelerators that share the experts, where they are more than a replica's.
    """

    params_total: ArrayLike
    params_active: ArrayLike
    bytes_per_weight: ArrayLike
    layers: ArrayLike
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
    return np.asarray(np.maximum(active, touched), float)


def step_terms(s: Serving) -> dict[str, Array]:
    """Seconds that a step would take for each cause on its own, at the peak rates of the chip.

    `layers` 1 us a layer (kernels to launch), `hops` 1 us x layers x log2(n) (exchange between accelerators), `weights`
    and `kv` memory reads, `flops` arithmetic with that of the requests' own prefill, `sequence` 1 ns a layer and
    sequence (activations, routing, scheduling).
    """
    n, batch, layers = np.asarray(s.n, float), np.asarray(s.batch, float), np.asarray(s.layers, float)
    active, bandwidth = np.asarray(s.params_active, float), np.asarray(s.bandwidth, float)
    expert_gpus = n if s.expert_gpus is None else np.maximum(np.asarray(s.expert_gpus, float), n)
    # Experts spread over more accelerators than a replica has see the batches of all replicas.
    seen = batch * expert_gpus / n
    read = np.asarray(s.bytes_per_weight, float) * weights_read(s.params_total, active, seen)
    return {
        "layers": 1e-6 * layers,
        "hops": 1e-6 * layers * np.log2(n),
        "weights": read / (expert_gpus * bandwidth),
        "kv": batch * s.kv_bytes / (n * bandwidth),
        "flops": 2 * active * batch / (n * np.asarray(s.flops, float)) * (1 + np.asarray(s.prefill_per_output, float)),
        "sequence": 1e-9 * batch * layers,
    }


def kv_read_bytes(full: ArrayLike, windowed: ArrayLike, window: ArrayLike, context: ArrayLike) -> Array:
    """Bytes of KV cache that one step reads for a sequence: layers with a sliding window read no further back."""
    reach, full, windowed = (np.asarray(value, float) for value in (context, full, windowed))
    return np.asarray(full * reach + windowed * np.minimum(reach, window), float)


def joules_per_output_token(s: Serving, coefficients: Mapping[str, float]) -> Array:
    """Energy of all accelerators of a replica per output token, the requests' own prefill included [J].

    n P / B x (sum of coefficient x term): coefficients are power fraction over efficiency, so errors of the two cancel
    in part.
    """
    terms = step_terms(s)
    seconds = sum(coefficients[name] * term for name, term in terms.items())
    n, batch, tdp = (np.asarray(v, float) for v in (s.n, s.batch, s.tdp_w))
    return np.asarray(n * tdp / batch * seconds, float)
