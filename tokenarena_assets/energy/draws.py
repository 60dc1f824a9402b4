"""Monte Carlo draws of energy per token with the facility, shared between endpoints where they share the cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tokenarena_assets.energy.carbon import Carbon, draw_carbon
from tokenarena_assets.energy.constants import Facts
from tokenarena_assets.energy.facts import facts as shipped
from tokenarena_assets.energy.plan import Plan, make_plan
from tokenarena_assets.energy.records import EnergyEndpoint, Workload, as_endpoint, as_workload
from tokenarena_assets.energy.rows import Spread
from tokenarena_assets.energy.serving import TokenEnergy, draw_serving
from tokenarena_assets.energy.streams import Array, lognormal, normals
from tokenarena_assets.energy.systems import draw_system
from tokenarena_assets.errors import TokenArenaError

DEFAULT_SEED = 20_261_123


@dataclass(frozen=True)
class EndpointDraws:
    """All draws of one endpoint and workload: `tokens` on the accelerators, `facility` the factor on top of them."""

    plan: Plan
    workload: Workload
    tokens: TokenEnergy
    host: Array
    idle: Array
    pue: Array
    carbon: Carbon

    @cached_property
    def facility(self) -> Array:
        """Energy of the whole facility over that of the accelerators."""
        return self.host * self.idle * self.pue

    @cached_property
    def accelerator_j(self) -> Array:
        """Energy of one request on the accelerators [J]."""
        w, t = self.workload, self.tokens
        return t.e_in * (w.input_tokens - w.cached_tokens) + t.e_cached * w.cached_tokens + t.e_out * w.output_tokens

    @cached_property
    def energy_j(self) -> Array:
        """Energy of one request with the facility [J]."""
        return self.accelerator_j * self.facility


def draw_endpoint(endpoint: EnergyEndpoint, workload: Workload, n_draws: int, seed: int, facts: Facts) -> EndpointDraws:
    """Draws for one endpoint; the same seed gives the same digits whatever else is asked for.

    Raises:
        TokenArenaError: a name that the facts do not hold, or too few draws.
    """
    if n_draws < 1:
        raise TokenArenaError(f"n_draws is {n_draws}", mend="draw at least once; 5,000 for published intervals")
    plan = make_plan(endpoint, facts)
    if plan.system is None:
        tokens = draw_serving(plan, workload, facts, n_draws, seed)
    else:
        tokens = draw_system(plan, facts, n_draws, seed)
    place = endpoint.provider
    host = lognormal(facts.host, normals(n_draws, seed, "host", place))
    return EndpointDraws(
        plan=plan,
        workload=workload,
        tokens=tokens,
        host=np.where(tokens.host, host, 1.0),
        idle=lognormal(plan.idle, normals(n_draws, seed, "idle", place), shift=1.0),
        pue=_pue(plan.pue, normals(n_draws, seed, "pue", place)),
        carbon=draw_carbon(plan, facts, n_draws, seed),
    )


def _pue(pue: Spread | float, z: Array) -> Array:
    return lognormal(pue, z, shift=1.0) if isinstance(pue, Spread) else np.full(len(z), pue)


@dataclass(frozen=True)
class EnergyDraws:
    """Draws with the facility, each of shape (endpoints, draws).

    `e_in_j`, `e_cached_j`, `e_out_j` per token, `energy_j` per request of its workload, `gco2e_country` per request on
    the basis that all endpoints share.
    """

    e_in_j: Array
    e_cached_j: Array
    e_out_j: Array
    energy_j: Array
    gco2e_country: Array
    seed: int
    constants_version: str


def energy_draws(
    endpoints: Sequence[EnergyEndpoint | Mapping[str, Any]],
    workloads: Workload | Mapping[str, Any] | Sequence[Workload | Mapping[str, Any]],
    n_draws: int = 5000,
    seed: int = DEFAULT_SEED,
) -> EnergyDraws:
    """Draws of many endpoints; draw j of two endpoints of a model shares what they share, so they pair.

    Shared by name: the model's parameters and its part of the stack factor, the prefill factor, the price of cached
    input. A provider's own: chip, count, batch, precision, its part of the stack factor, host, idle, PUE, grid.

    Args:
        endpoints: of length k.
        workloads: one for all, or k.
        n_draws: draws per endpoint.
        seed: of all streams.

    Raises:
        TokenArenaError: an endpoint or workload is wrong, or there are not as many workloads as endpoints.
    """
    asked = [workloads] * len(endpoints) if isinstance(workloads, Workload | Mapping) else list(workloads)
    if len(asked) != len(endpoints):
        raise TokenArenaError(
            f"{len(asked)} workloads for {len(endpoints)} endpoints", mend="give one for all, or one for each"
        )
    constants = shipped()
    out = np.empty((5, len(endpoints), n_draws))
    for i, (endpoint, workload) in enumerate(zip(endpoints, asked, strict=True)):
        draws = draw_endpoint(as_endpoint(endpoint), as_workload(workload), n_draws, seed, constants)
        facility, tokens = draws.facility, draws.tokens
        out[0, i], out[1, i], out[2, i] = tokens.e_in * facility, tokens.e_cached * facility, tokens.e_out * facility
        out[3, i] = draws.energy_j
        out[4, i] = draws.energy_j / 3.6e6 * draws.carbon.country
    return EnergyDraws(out[0], out[1], out[2], out[3], out[4], seed, constants.version)
