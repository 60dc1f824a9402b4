"""Energy per output token of a serving whose hardware is given: by batch, or by the throughput of the whole server."""

from __future__ import annotations

import math

from tokenarena_assets.energy.architecture import likely_shape
from tokenarena_assets.energy.facts import facts
from tokenarena_assets.energy.records import Interval
from tokenarena_assets.energy.roofline import Serving, joules_per_output_token, kv_read_bytes
from tokenarena_assets.energy.rows import Z95
from tokenarena_assets.errors import TokenArenaError


def decode_energy_j_per_token(
    *,
    params_total_b: float,
    params_active_b: float,
    precision: str,
    accelerator: str,
    n_accelerators: float,
    batch: float,
    input_tokens: float,
    output_tokens: float,
    kv_bytes_per_token: float | None = None,
    layers: float | None = None,
    state_bytes_per_sequence: float = 0.0,
) -> Interval:
    """Modeled energy of all accelerators of a replica per output token [J], the same requests' prefill included.

    Args:
        params_total_b: parameters, in billions.
        params_active_b: those that a token uses; equal to the total in a dense model.
        precision: of the weights, a name or alias of precision.csv.
        accelerator: a name of accelerators.csv.
        n_accelerators: per replica.
        batch: mean sequences that the replica decodes at once.
        input_tokens: mean uncached input tokens of a request.
        output_tokens: mean output tokens of a request.
        kv_bytes_per_token: bytes of KV cache per token of context; None: as released models of that size have.
        layers: blocks of attention and feed-forward; None: as released models of that size have.
        state_bytes_per_sequence: recurrent state that a step reads and writes (state-space layers).

    Returns:
        P5, P50 and P95; the spread is that of whole models left out of the fit (docs/energy.md).

    Raises:
        TokenArenaError: a name that the facts do not hold, a number out of range, a chip outside of the roofline.
    """
    numbers = {
        "params_total_b": params_total_b, "params_active_b": params_active_b, "n_accelerators": n_accelerators,
        "batch": batch, "output_tokens": output_tokens,
    }  # fmt: skip
    for name, value in numbers.items():
        _positive(name, value)
    for name, value in (("input_tokens", input_tokens), ("kv_bytes_per_token", kv_bytes_per_token or 0.0)):
        if not math.isfinite(value) or value < 0:
            raise TokenArenaError(f"{name} is {value!r}", mend="give a finite number of at least 0")
    if params_active_b > params_total_b:
        raise TokenArenaError(
            f"params_active_b {params_active_b:g} is more than params_total_b {params_total_b:g}",
            mend="give the parameters that one token uses as active",
        )
    constants = facts()
    chip, weights = constants.accelerator(accelerator), constants.precision(precision)
    if not chip.in_roofline:
        raise TokenArenaError(f"{accelerator} is outside of the roofline", mend="ask energy_interval for an interval")
    shape = likely_shape(params_total_b, params_active_b, constants)
    kv = float(shape.kv_bytes[0]) if kv_bytes_per_token is None else kv_bytes_per_token
    cache = kv_read_bytes(kv, 0.0, 0.0, input_tokens + output_tokens / 2)
    serving = Serving(
        params_total=params_total_b * 1e9,
        params_active=params_active_b * 1e9,
        bytes_per_weight=weights.bytes_per_weight,
        layers=float(shape.layers[0]) if layers is None else layers,
        tdp_w=chip.tdp_w,
        bandwidth=chip.bandwidth,
        flops=chip.flops(weights.compute),
        n=n_accelerators,
        batch=batch,
        kv_bytes=cache + state_bytes_per_sequence,
        prefill_per_output=input_tokens / output_tokens,
    )
    middle = float(joules_per_output_token(serving, constants.coefficients))
    reach = math.exp(Z95 * constants.priors["kappa_sigma_ln"])
    return Interval(middle / reach, middle, middle * reach)


def energy_from_throughput(*, accelerator: str, n_accelerators: float, output_tok_s: float) -> Interval:
    """Modeled energy of all accelerators per output token [J] from the throughput of the whole server.

    phi n P / X, with phi the measured mean power over TDP. `output_tok_s` must be the yield of all sequences together:
    with the speed of one stream the result is off by orders of magnitude.

    Raises:
        TokenArenaError: an unknown accelerator, or a number out of range.
    """
    _positive("n_accelerators", n_accelerators)
    _positive("output_tok_s", output_tok_s)
    constants = facts()
    chip, phi = constants.accelerator(accelerator), constants.spreads["power_fraction"]
    peak = n_accelerators * chip.tdp_w / output_tok_s
    return Interval(*(fraction * peak for fraction in (phi.p5, phi.p50, phi.p95)))


def _positive(name: str, value: float) -> None:
    if not math.isfinite(value) or value <= 0:
        raise TokenArenaError(f"{name} is {value!r}", mend="give a finite number above 0")
