"""Prices: what endpoints charge, who says so, what a workload costs. In Decimal."""

from tokenarena_assets.pricing.blended import blended_price
from tokenarena_assets.pricing.lookup import price_as_of
from tokenarena_assets.pricing.price_list import Band, ListPrice, Rate, Tier, Tiered
from tokenarena_assets.pricing.workload import Workload, WorkloadPrice, workload_price

__all__ = [
    "Band",
    "ListPrice",
    "Rate",
    "Tier",
    "Tiered",
    "Workload",
    "WorkloadPrice",
    "blended_price",
    "price_as_of",
    "workload_price",
]
