"""Prices of a workload, in Decimal."""

from tokenarena_assets.pricing.blended import blended_price

__all__ = ["blended_price"]
