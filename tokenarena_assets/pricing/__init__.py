"""Prices of a workload, in Decimal."""

from tokenarena_assets.pricing.blended import blended_price
from tokenarena_assets.pricing.price_list import Band, ListPrice, Rate, Tier, Tiered

__all__ = ["Band", "ListPrice", "Rate", "Tier", "Tiered", "blended_price"]
