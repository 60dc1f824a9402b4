"""The catalog of endpoints and the presets: what they are, loading and validation."""

from tokenarena_assets.endpoints.catalog import (
    Catalog,
    Disclosure,
    Endpoint,
    FleetBlock,
    ModelFacts,
    RateLimits,
)
from tokenarena_assets.endpoints.loading import catalog_path, embedded_catalog_path, load_catalog
from tokenarena_assets.endpoints.presets import Preset, embedded_presets_path, load_presets, presets_path
from tokenarena_assets.pricing import ListPrice

__all__ = [
    "Catalog",
    "Disclosure",
    "Endpoint",
    "FleetBlock",
    "ListPrice",
    "ModelFacts",
    "Preset",
    "RateLimits",
    "catalog_path",
    "embedded_catalog_path",
    "embedded_presets_path",
    "load_catalog",
    "load_presets",
    "presets_path",
]
