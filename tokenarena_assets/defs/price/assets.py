"""List prices -> blended prices of each preset."""

from datetime import date

from tokenarena_assets.chain.price import blend_prices
from tokenarena_assets.chain.tables import BLENDED_PRICES
from tokenarena_assets.defs.factory import python_asset
from tokenarena_assets.defs.resources import Arena


def _compute(arena: Arena, day: date) -> None:
    endpoints = arena.lake.read("endpoints", day)
    arena.lake.write("blended_prices", day, blend_prices(day, endpoints, arena.presets()))


blended_prices = python_asset(BLENDED_PRICES, ["endpoints"], _compute)
