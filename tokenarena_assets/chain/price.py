"""Blended prices of a day, by endpoint and preset: of the list, and of what answers take here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Any

import polars as pl

from tokenarena_assets.chain.pooling import GENERATED_SUITES
from tokenarena_assets.chain.price_tables import BLENDED_PRICES
from tokenarena_assets.endpoints.presets import Preset
from tokenarena_assets.pricing import workload_price
from tokenarena_assets.pricing.facts import price_list
from tokenarena_assets.pricing.lookup import rows_in_force
from tokenarena_assets.pricing.price_list import price_of_json

PROBED, MARKET = "probed", "market"
LEAST_ANSWERS = 10  # of an endpoint: a mean of fewer is mostly which items they were
LEAST_ENDPOINTS = 2
FREE = "zero price: a trial or part of a plan, never ranked"
PLACES = 9
OF_THE_BOOK = ("price_id", "feeds_agree", "feeds_disagree", "n_feeds", "quality_flag")


@dataclass(frozen=True, slots=True)
class Wordiness:
    """How many times the usual output of its family an endpoint makes an answer; None: not known, with the reason."""

    multiplier: float | None
    n: int = 0
    n_endpoints: int = 0
    unknown_because: str | None = None


def wordiness(requests: pl.DataFrame | pl.LazyFrame, family_of: Mapping[str, str]) -> dict[str, Wordiness]:
    """By endpoint, of the day's answered requests for generated quality items: the same items for a whole family.

    The mean number of output tokens, reasoning included, over the median of these means in its family.
    """
    answered = requests.lazy().filter(
        pl.col("suite").is_in(GENERATED_SUITES),
        pl.col("status").is_in(("ok", "truncated")),
        pl.col("output_tokens").is_not_null(),
    )
    counted = answered.group_by("endpoint_id").agg(pl.col("output_tokens").mean(), n=pl.len()).sort("endpoint_id")
    means = {name: (mean, n) for name, mean, n in counted.collect().iter_rows()}
    families: dict[str, list[float]] = {}
    for name, (mean, n) in means.items():
        if n >= LEAST_ANSWERS and mean > 0:
            families.setdefault(family_of.get(name, name), []).append(mean)
    found = {}
    for name, family in family_of.items():
        mean, n = means.get(name, (0.0, 0))
        alike = families.get(family, [])
        if n < LEAST_ANSWERS or mean <= 0:
            found[name] = Wordiness(None, n, len(alike), f"{n} answers with usage, {LEAST_ANSWERS} needed")
        elif len(alike) < LEAST_ENDPOINTS:
            found[name] = Wordiness(None, n, len(alike), "no other endpoint of its family was measured")
        else:
            found[name] = Wordiness(mean / median(alike), n, len(alike))
    return found


def blend_prices(
    day: date,
    endpoints: pl.DataFrame,
    book: pl.DataFrame,
    requests: pl.DataFrame | pl.LazyFrame,
    presets: Sequence[Preset],
) -> pl.DataFrame:
    """The blends of each preset at the prices in force on the day.

    Of the endpoints of the day's rounds (`probed`), whose wordiness is measured, and of the shipped list (`market`).
    """
    latest = endpoints.sort("valid_from").group_by("endpoint_id", maintain_order=True).last().sort("endpoint_id")
    family_of = dict(latest.select("endpoint_id", "model_family").iter_rows())
    wordy = wordiness(requests, family_of)
    prices = _in_force(book, day)
    market = {each.endpoint_id: each.model_family for each in price_list()}
    unmeasured = Wordiness(None, unknown_because="not probed")
    return BLENDED_PRICES.frame(
        [
            _row(day, population, name, family, preset, prices.get(name, []), known.get(name, unmeasured))
            for population, names, known in ((PROBED, family_of, wordy), (MARKET, market, {}))
            for name, family in sorted(names.items())
            for preset in presets
        ]
    )


def _in_force(book: pl.DataFrame, day: date) -> dict[str, list[dict[str, Any]]]:
    """The lines of the standard price in force, outside of bands, by endpoint, the smallest requests first."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in rows_in_force(book, day).filter(pl.col("band").is_null()).sort("min_input_tokens").iter_rows(named=True):
        lines.setdefault(row["endpoint_id"], []).append(row)
    return lines


def _row(
    day: date,
    population: str,
    endpoint_id: str,
    family: str,
    preset: Preset,
    lines: Sequence[Mapping[str, Any]],
    wordy: Wordiness,
) -> dict[str, object]:
    base: dict[str, object] = {
        "day": day,
        "population": population,
        "endpoint_id": endpoint_id,
        "model_family": family,
        "preset": preset.name,
        **{name: getattr(preset, name) for name in ("input_ratio", "output_ratio", "request_input_tokens")},
        **{name: getattr(preset, name) for name in ("cached_share", "cache_write_share", "reasoning_share")},
        "output_multiplier": wordy.multiplier,
        "output_multiplier_n": wordy.n,
        "output_multiplier_n_endpoints": wordy.n_endpoints,
    }
    reached = [line for line in lines if line["min_input_tokens"] <= preset.request_input_tokens]
    if not reached:
        return base | _without("no price is in force: see price_book and price_quarantine")
    price = price_of_json(reached[-1]["price_json"])
    if price.is_free:
        return base | _without(FREE)
    listed = workload_price(price, preset.workload(), day)
    effective = None
    if wordy.multiplier is not None:
        effective = workload_price(price, preset.workload(wordy.multiplier), day).usd_per_mtok
    return base | {
        "blended_usd_per_mtok": _rounded(listed.usd_per_mtok),
        "effective_usd_per_mtok": None if effective is None else _rounded(effective),
        "no_effective_because": wordy.unknown_because,
        "above_input_tokens": listed.above_input_tokens,
        "n_bands": listed.n_bands,
        **{name: reached[-1][name] for name in OF_THE_BOOK},
    }


def _without(reason: str) -> dict[str, object]:
    return {"no_price_because": reason, "no_effective_because": reason}


def _rounded(price: Decimal) -> Decimal:
    return round(price, PLACES)
