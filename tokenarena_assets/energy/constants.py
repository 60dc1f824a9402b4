"""What the constants of the energy model are, once read: chips, precisions, priors, grids, models, providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from tokenarena_assets.energy.rows import Spread
from tokenarena_assets.errors import TokenArenaError

T = TypeVar("T")
CPU = "cpu"  # served on processor threads: no accelerator, a rule of its own


@dataclass(frozen=True, eq=False)
class Accelerator:
    """A chip, or a whole system: power in W, memory in bytes, bandwidth in B/s, dense peaks in FLOP/s."""

    name: str
    kind: str
    tdp_w: float
    tdp_low_w: float
    tdp_high_w: float
    power_is_all_in: bool
    memory_bytes: float
    bandwidth: float
    peaks: Mapping[str, float]
    confidence: str

    def flops(self, compute: str) -> float:
        """Dense peak (FLOP/s) for weights of a precision; where the chip lacks it, they are unpacked to bf16."""
        return self.peaks.get(compute) or self.peaks["bf16"]

    @property
    def in_roofline(self) -> bool:
        """Whether weights are read from memory each step: not so in SRAM, wafer and dataflow systems."""
        return self.kind in ("gpu", "tpu", "asic")


@dataclass(frozen=True)
class Precision:
    """Bytes per weight (with scales and what stays unquantised), and the arithmetic that its weights meet."""

    name: str
    bits: int
    bytes_per_weight: float
    bytes_low: float
    bytes_high: float
    compute: str


@dataclass(frozen=True)
class ModelRow:
    """What is known of a model's weights; parameters in billions, None where not published."""

    model: str
    open_weights: bool
    params_total_b: float | None
    params_active_b: float | None
    size_class: str | None
    released_precision: str | None
    layers: float | None
    attention_width: float | None
    kv_bytes_per_token: float | None
    kv_windowed_bytes_per_token: float
    kv_window_tokens: float
    basis: str
    source: str


@dataclass(frozen=True)
class ProviderRow:
    """How a provider is thought to serve: class of hardware, whose PUE, how idle; judgement unless stated."""

    provider: str
    hardware_class: str
    operator: str
    idle_class: str
    expert_parallel_gpus: float | None
    batch_median: float | None
    batch_sigma_ln: float | None
    basis: str
    source: str


@dataclass(frozen=True)
class SizeClass:
    """Prior of a closed model's size: total parameters (billions) and the share that a token activates."""

    params_total_b: float
    sigma_ln_total: float
    active_share: Spread


@dataclass(frozen=True)
class Architecture:
    """A released model's shape: parameters in billions, layers, width of their attention, KV bytes per token."""

    name: str
    params_total_b: float
    params_active_b: float
    layers: float
    attention_width: float
    kv_bytes_per_token: float


@dataclass(frozen=True)
class Region:
    """A cloud region's grid: gCO2e/kWh by location and at the margin, each None where not published."""

    cloud: str
    region: str
    country_iso3: str
    pue: float | None
    location_g_per_kwh: float | None
    marginal_g_per_kwh: float | None
    basis: str


@dataclass(frozen=True)
class Facts:
    """All constants, and a hash of their files."""

    version: str
    accelerators: Mapping[str, Accelerator]
    precisions: Mapping[str, Precision]
    precision_names: Mapping[str, str]
    open_precision_steps: tuple[float, ...]
    closed_precisions: Mapping[str, float]
    hardware: Mapping[str, Mapping[str, float]]
    coefficients: Mapping[str, float]
    priors: Mapping[str, float]
    spreads: Mapping[str, Spread]
    systems: Mapping[str, Mapping[str, Spread]]
    architectures: tuple[Architecture, ...]
    size_classes: Mapping[str, SizeClass]
    models: Mapping[str, ModelRow]
    providers: Mapping[str, ProviderRow]
    provider_countries: Mapping[str, Mapping[str, float]]
    region_groups: Mapping[str, Mapping[str, float]]
    pue: Mapping[str, Spread]
    host: Spread
    idle: Mapping[str, Spread]
    grids: Mapping[str, float]
    grid_basis: str
    regions: Mapping[str, Region]

    def accelerator(self, name: str) -> Accelerator:
        """The chip of that name.

        Raises:
            TokenArenaError: there is none.
        """
        return _known(self.accelerators, name, "accelerator", "accelerators.csv")

    def precision(self, name: str) -> Precision:
        """The precision of that name or alias.

        Raises:
            TokenArenaError: there is none.
        """
        return self.precisions[_known(self.precision_names, name.lower(), "precision", "precision.csv")]

    def provider(self, name: str) -> ProviderRow:
        """The provider's row, or the one for any other."""
        return self.providers.get(name) or self.providers["*"]


def _known(table: Mapping[str, T], name: str, what: str, file: str) -> T:
    if name not in table:
        close = ", ".join(sorted(table))
        raise TokenArenaError(f"{name!r} is no {what} of the facts", mend=f"use one of {close}; or add a row to {file}")
    return table[name]
