"""The catalog of endpoints and the presets: what they are, loading and validation."""

from tokenarena_assets.endpoints.catalog import (
    Catalog,
    Endpoint,
    FleetBlock,
    ListPrice,
    RateLimits,
    catalog_path,
    embedded_catalog_path,
    load_catalog,
)
from tokenarena_assets.endpoints.presets import Preset, embedded_presets_path, load_presets, presets_path

__all__ = [
    "Catalog",
    "Endpoint",
    "FleetBlock",
    "ListPrice",
    "Preset",
    "RateLimits",
    "catalog_path",
    "embedded_catalog_path",
    "embedded_presets_path",
    "load_catalog",
    "load_presets",
    "presets_path",
]
