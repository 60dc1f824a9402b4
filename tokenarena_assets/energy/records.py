"""What the energy model is asked and what it answers: endpoint, workload, interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple, TypeVar

from tokenarena_assets.errors import TokenArenaError

ServiceTier = Literal["standard", "priority", "batch"]
Grade = Literal["A", "B", "C", "D"]


class Interval(NamedTuple):
    """5th, 50th and 95th percentile of a modeled quantity: a 90 % interval and its middle."""

    p5: float
    p50: float
    p95: float


@dataclass(frozen=True)
class Workload:
    """Tokens of one request: all input, the part of it read from a cache, output with reasoning."""

    input_tokens: float
    output_tokens: float
    cached_tokens: float = 0.0

    def __post_init__(self) -> None:
        for name in ("input_tokens", "output_tokens", "cached_tokens"):
            _check_number("workload", name, getattr(self, name), low=0)
        if self.cached_tokens > self.input_tokens:
            raise TokenArenaError(
                f"workload: cached_tokens {self.cached_tokens:g} is more than input_tokens {self.input_tokens:g}",
                mend="input_tokens counts all input, cached tokens included",
            )
        if self.input_tokens + self.output_tokens == 0:
            raise TokenArenaError("workload: has no tokens", mend="give input_tokens or output_tokens above 0")


@dataclass(frozen=True)
class EnergyEndpoint:
    """What is known of an endpoint; all that is None comes from the priors of the facts, and is said so.

    `accelerator`, `n_accelerators`, `precision`, `batch` (mean sequences that a replica serves at once) and
    `output_tok_s` (a whole replica's yield, never one stream's speed) are the provider's disclosures.
    `per_user_speed_tok_s` is a stream's measured speed: used one-sidedly, to rule out what cannot reach it.
    `accelerator="cpu"` with `threads` is a server on processor threads of unknown power. `hardware_prior` replaces the
    chip mixture of `hardware_class`. Parameters in billions, KV cache in bytes per token of context.
    """

    provider: str = "unknown"
    model: str = ""
    sku: str = "standard"
    params_total_b: float | None = None
    params_active_b: float | None = None
    size_class: str | None = None
    open_weights: bool | None = None
    released_precision: str | None = None
    kv_bytes_per_token: float | None = None
    kv_windowed_bytes_per_token: float | None = None
    kv_window_tokens: float | None = None
    state_bytes_per_sequence: float | None = None
    layers: float | None = None
    attention_width: float | None = None
    hardware_class: str | None = None
    hardware_prior: Mapping[str, float] | None = None
    accelerator: str | None = None
    n_accelerators: float | None = None
    precision: str | None = None
    batch: float | None = None
    output_tok_s: float | None = None
    expert_parallel_gpus: float | None = None
    threads: int | None = None
    per_user_speed_tok_s: float | None = None
    service_tier: ServiceTier = "standard"
    operator: str | None = None
    pue: float | None = None
    cloud_region: str | None = None
    grid_country: str | None = None
    region_group: str | None = None
    price_input_usd_per_mtok: float | None = None
    price_cached_input_usd_per_mtok: float | None = None
    price_output_usd_per_mtok: float | None = None

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            if getattr(self, name) is not None:
                _check_number("endpoint", name, getattr(self, name), above=0)
        for name in _NOT_NEGATIVE:
            if getattr(self, name) is not None:
                _check_number("endpoint", name, getattr(self, name), low=0)
        if self.pue is not None:
            _check_number("endpoint", "pue", self.pue, low=1, high=3)
        if self.service_tier not in ("standard", "priority", "batch"):
            raise TokenArenaError(
                f"endpoint: service_tier is {self.service_tier!r}", mend="use standard, priority or batch"
            )
        total, active = self.params_total_b, self.params_active_b
        if total is not None and active is not None and active > total:
            raise TokenArenaError(
                f"endpoint: params_active_b {active:g} is more than params_total_b {total:g}",
                mend="give the parameters that one token uses as active",
            )


_POSITIVE = (
    "params_total_b", "params_active_b", "kv_bytes_per_token", "layers", "attention_width", "n_accelerators", "batch",
    "output_tok_s", "expert_parallel_gpus", "threads", "per_user_speed_tok_s",
)  # fmt: skip
_NOT_NEGATIVE = (
    "kv_windowed_bytes_per_token", "kv_window_tokens", "state_bytes_per_sequence", "price_input_usd_per_mtok",
    "price_cached_input_usd_per_mtok", "price_output_usd_per_mtok",
)  # fmt: skip


@dataclass(frozen=True)
class EnergyInterval:
    """Modeled energy of one request of a workload at an endpoint: accelerators, host, idle reserve, facility.

    `energy_j` and `wh` per request, `gco2e` location-based per request on `carbon_basis`, `gco2e_country` on the basis
    that all endpoints share (life cycle, by country), `gco2e_marginal` where the region's marginal intensity is
    published. The per-token figures hold the prefill of the request; None where it has no output.
    `drivers` are first-order shares of the variance of ln J per output token. `rank` is False where the model is
    outside of its domain. `price_ceiling_share` is the share of draws that a price makes implausible.
    """

    energy_j: Interval
    wh: Interval
    j_per_output_token: Interval | None
    j_per_output_token_accelerator: Interval | None
    gco2e: Interval
    gco2e_country: Interval
    gco2e_marginal: Interval | None
    carbon_basis: str
    carbon_country_basis: str
    region: str
    region_basis: Literal["known", "assumed"]
    evidence_grade: Grade
    rank: bool
    confidence: Literal["modeled", "low confidence"]
    assumptions: tuple[str, ...]
    drivers: Mapping[str, float]
    price_ceiling_share: float | None
    model_version: str
    constants_version: str
    seed: int
    n_draws: int
    label: Literal["modeled"] = "modeled"


def as_endpoint(value: EnergyEndpoint | Mapping[str, Any]) -> EnergyEndpoint:
    """The endpoint itself, or one made from a mapping.

    Raises:
        TokenArenaError: an unknown key, or a value out of range.
    """
    return value if isinstance(value, EnergyEndpoint) else _made(EnergyEndpoint, value, "endpoint")


def as_workload(value: Workload | Mapping[str, Any]) -> Workload:
    """The workload itself, or one made from a mapping.

    Raises:
        TokenArenaError: an unknown or missing key, or a value out of range.
    """
    return value if isinstance(value, Workload) else _made(Workload, value, "workload")


Made = TypeVar("Made", EnergyEndpoint, Workload)


def _made(kind: type[Made], value: Mapping[str, Any], what: str) -> Made:
    known = [field.name for field in fields(kind)]
    unknown = sorted(set(map(str, value)) - set(known))
    if unknown:
        raise TokenArenaError(f"{what}: {unknown[0]!r} is no key of it", mend=f"use {', '.join(known)}")
    try:
        return kind(**value)
    except TypeError as error:
        raise TokenArenaError(f"{what}: {error}", mend=f"give {', '.join(known)}, numbers as numbers") from None


def _check_number(
    what: str, name: str, value: object, *, above: float | None = None, low: float = -math.inf, high: float = math.inf
) -> None:
    sound = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not sound or (above is not None and value <= above) or not low <= value <= high:  # type: ignore[operator]
        floor = f"above {above:g}" if above is not None else f"at least {low:g}"
        limit = floor if high == math.inf else f"{floor} and at most {high:g}"
        raise TokenArenaError(f"{what}: {name} is {value!r}", mend=f"give a finite number, {limit}")
