"""The modeled energy of one request at an endpoint: an interval, what it rests on and what makes it wide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tokenarena_assets.energy.constants import Facts
from tokenarena_assets.energy.draws import DEFAULT_SEED, EndpointDraws, draw_endpoint
from tokenarena_assets.energy.facts import facts
from tokenarena_assets.energy.records import (
    EnergyEndpoint,
    EnergyInterval,
    Interval,
    Workload,
    as_endpoint,
    as_workload,
)
from tokenarena_assets.energy.streams import Array

MODEL_VERSION = "energy-1"
DRIVER_BINS = 20


def energy_interval(
    endpoint: EnergyEndpoint | Mapping[str, Any],
    workload: Workload | Mapping[str, Any],
    n_draws: int = 5000,
    seed: int = DEFAULT_SEED,
) -> EnergyInterval:
    """Modeled energy and carbon of one request, facility included, from what an API shows and a provider discloses.

    Args:
        endpoint: what is known of the endpoint, or a mapping with the same keys.
        workload: tokens of the request, or a mapping with the same keys.
        n_draws: Monte Carlo draws.
        seed: the same seed gives the same digits.

    Raises:
        TokenArenaError: an unknown key or name, or a value out of range.
    """
    constants = facts()
    draws = draw_endpoint(as_endpoint(endpoint), as_workload(workload), n_draws, seed, constants)
    return summary(draws, constants, seed)


def summary(draws: EndpointDraws, constants: Facts, seed: int) -> EnergyInterval:
    """The interval of draws that were made."""
    plan, carbon, joules = draws.plan, draws.carbon, draws.energy_j
    output, outside = draws.workload.output_tokens, plan.grade == "D"
    kwh, energy_j = joules / 3.6e6, interval(joules)
    country = interval(kwh * carbon.country)
    return EnergyInterval(
        energy_j=energy_j,
        wh=_scaled(energy_j, 3600),
        j_per_output_token=_scaled(energy_j, output) if output else None,
        j_per_output_token_accelerator=interval(draws.accelerator_j / output) if output else None,
        gco2e=country if carbon.location is carbon.country else interval(kwh * carbon.location),
        gco2e_country=country,
        gco2e_marginal=None if carbon.marginal is None else interval(kwh * carbon.marginal),
        carbon_basis=carbon.basis,
        carbon_country_basis=carbon.country_basis,
        region=carbon.region,
        region_basis=carbon.region_basis,
        evidence_grade=plan.grade,
        rank=not outside,
        confidence="low confidence" if outside else "modeled",
        assumptions=(*plan.assumptions, *draws.tokens.notes, *_region_said(draws)),
        drivers=drivers(draws),
        price_ceiling_share=_price_ceiling(draws, constants),
        model_version=MODEL_VERSION,
        constants_version=constants.version,
        seed=seed,
        n_draws=len(joules),
    )


def interval(values: Array) -> Interval:
    """P5, P50 and P95 of draws."""
    return Interval(*(float(v) for v in np.quantile(values, (0.05, 0.5, 0.95))))


def _scaled(of: Interval, divisor: float) -> Interval:
    return Interval(*(value / divisor for value in of))


def drivers(draws: EndpointDraws) -> dict[str, float]:
    """First-order shares of the variance of ln J per request: Var(E[ln J | driver]) / Var(ln J), largest first.

    By the correlation ratio over equally filled bins, less what as many bins would explain by chance.
    """
    ln_energy = np.log(draws.energy_j)
    total = float(np.var(ln_energy))
    traces = {**draws.tokens.traces, "host": draws.host, "idle": draws.idle, "pue": draws.pue}
    if total == 0 or len(ln_energy) < 10 * DRIVER_BINS:
        return dict.fromkeys(traces, 0.0)
    shares = {name: _first_order(ln_energy, trace, total) for name, trace in traces.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _first_order(ln_energy: Array, trace: Array, total: float) -> float:
    order = np.argsort(trace, kind="stable")
    steps = np.diff(trace[order]) > 0
    if not steps.any():
        return 0.0
    if np.count_nonzero(steps) < DRIVER_BINS:
        at = np.concatenate(([0], np.cumsum(steps)))
    else:
        at = np.arange(len(trace)) * DRIVER_BINS // len(trace)
    counts = np.bincount(at)
    means = np.bincount(at, weights=ln_energy[order]) / counts
    between = float(np.sum(counts * (means - ln_energy.mean()) ** 2)) / len(trace)
    chance = (len(counts) - 1) / len(trace)
    return float(np.clip((between / total - chance) / (1 - chance), 0.0, 1.0))


def _region_said(draws: EndpointDraws) -> tuple[str, ...]:
    carbon = draws.carbon
    return (f"region assumed: {carbon.region}",) if carbon.region_basis == "assumed" else ()


def _price_ceiling(draws: EndpointDraws, constants: Facts) -> float | None:
    """Share of draws whose electricity would cost more than a fifth of what the request is sold for."""
    e, w, priors = draws.plan.endpoint, draws.workload, constants.priors
    if e.price_output_usd_per_mtok is None or e.price_input_usd_per_mtok is None:
        return None
    cached_price = e.price_cached_input_usd_per_mtok
    cached_price = e.price_input_usd_per_mtok if cached_price is None else cached_price
    fresh = w.input_tokens - w.cached_tokens
    usd = fresh * e.price_input_usd_per_mtok + w.cached_tokens * cached_price
    usd = (usd + w.output_tokens * e.price_output_usd_per_mtok) / 1e6
    if usd == 0:
        return None
    electricity = draws.energy_j / 3.6e6 * priors["electricity_usd_per_kwh"]
    return float(np.mean(electricity > priors["electricity_price_share"] * usd))
