"""Blended prices of a day, by endpoint and preset."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from tokenarena_assets.chain.tables import BLENDED_PRICES
from tokenarena_assets.endpoints.presets import Preset
from tokenarena_assets.pricing import blended_price


def blend_prices(day: date, endpoints: pl.DataFrame, presets: Sequence[Preset]) -> pl.DataFrame:
    """The blend of each preset on the price that each endpoint had last on the day."""
    latest = endpoints.sort("valid_from").group_by("endpoint_id", maintain_order=True).last().sort("endpoint_id")
    rows = []
    for row in latest.iter_rows(named=True):
        for preset in presets:
            blend = None
            if row["input_usd_per_mtok"] is not None and row["output_usd_per_mtok"] is not None:
                blend = blended_price(
                    row["input_usd_per_mtok"],
                    row["output_usd_per_mtok"],
                    (preset.input_ratio, preset.output_ratio),
                    row["cached_input_usd_per_mtok"],
                    preset.cached_share,
                )
            rows.append(
                {
                    "day": day,
                    "endpoint_id": row["endpoint_id"],
                    "preset": preset.name,
                    "input_ratio": preset.input_ratio,
                    "output_ratio": preset.output_ratio,
                    "cached_share": preset.cached_share,
                    "blended_usd_per_mtok": None if blend is None else round(blend, 9),
                }
            )
    return BLENDED_PRICES.frame(rows)
