"""Grams of CO2 equivalent per kWh where an endpoint is served: by location, on a basis that is carried along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tokenarena_assets.energy.constants import Facts, Region
from tokenarena_assets.energy.plan import Plan
from tokenarena_assets.energy.rows import Z95
from tokenarena_assets.energy.streams import Array, choices, normals, uniforms
from tokenarena_assets.errors import TokenArenaError


@dataclass(frozen=True)
class Carbon:
    """Draws of carbon intensity [gCO2e/kWh]; `location` on `basis`, `country` on the basis that all endpoints share."""

    location: Array
    country: Array
    marginal: Array | None
    basis: str
    country_basis: str
    region: str
    region_basis: Literal["known", "assumed"]


def draw_carbon(plan: Plan, facts: Facts, n_draws: int, seed: int) -> Carbon:
    """Draws of carbon intensity where the endpoint is served, or over where it may be.

    Raises:
        TokenArenaError: a region or country that the facts do not hold.
    """
    region, countries, known = _place(plan, facts)
    names = sorted(countries)
    picked = choices(
        np.array([countries[name] for name in names]), uniforms(n_draws, seed, "country", plan.endpoint.provider)
    )
    noise = 1 + facts.priors["ci_relative_p95"] / Z95 * normals(n_draws, seed, "grid", plan.endpoint.provider)
    noise = np.maximum(noise, 0.5)
    country = np.array([facts.grids[name] for name in names])[picked] * noise
    location = region.location_g_per_kwh if region else None
    marginal = region.marginal_g_per_kwh if region else None
    return Carbon(
        location=country if location is None else location * noise,
        country=country,
        marginal=None if marginal is None else marginal * noise,
        basis=facts.grid_basis if region is None or location is None else region.basis,
        country_basis=facts.grid_basis,
        region=region.region if region else ", ".join(f"{name} {countries[name]:.0%}" for name in names),
        region_basis="known" if known else "assumed",
    )


def _place(plan: Plan, facts: Facts) -> tuple[Region | None, Mapping[str, float], bool]:
    e = plan.endpoint
    if e.cloud_region is not None:
        region = facts.regions.get(e.cloud_region)
        if region is None:
            raise TokenArenaError(
                f"{e.cloud_region!r} is no cloud region of the facts",
                mend="use a region of grid_cloud_region.csv, such as us-east-1, or give grid_country",
            )
        country = region.country_iso3 if region.country_iso3 in facts.grids else "WOR"
        return region, {country: 1.0}, True
    if e.grid_country is not None:
        if e.grid_country not in facts.grids:
            raise TokenArenaError(
                f"{e.grid_country!r} is no country of the facts", mend="use an alpha-3 code of grid_country.csv or WOR"
            )
        return None, {e.grid_country: 1.0}, True
    if e.region_group is not None:
        if e.region_group not in facts.region_groups:
            groups = ", ".join(sorted(facts.region_groups))
            raise TokenArenaError(f"{e.region_group!r} is no region group of the facts", mend=f"use one of {groups}")
        return None, facts.region_groups[e.region_group], False
    return None, facts.provider_countries.get(e.provider) or facts.provider_countries["*"], False
