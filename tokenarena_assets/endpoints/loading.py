"""Catalog files: which one is in force, reading it, and merging in what a disclosures file states."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from tokenarena_assets.endpoints.catalog import Catalog
from tokenarena_assets.endpoints.disclosures import disclosures_path, load_disclosures
from tokenarena_assets.endpoints.yaml_source import Location, chosen_file, line_of, load_yaml
from tokenarena_assets.errors import ConfigError


def embedded_catalog_path() -> Path:
    """The catalog of the embedded fleet, shipped with the package."""
    return Path(str(files("tokenarena_assets.fleet") / "endpoints.yaml"))


def catalog_path(configured: str = "") -> Path:
    """The catalog in force: `configured`, `TOKENARENA_ENDPOINTS`, `./endpoints.yaml`, else the embedded fleet's."""
    return chosen_file(configured, "TOKENARENA_ENDPOINTS", "endpoints.yaml", embedded_catalog_path())


def load_catalog(path: Path) -> Catalog:
    """Read and validate a catalog, with what the disclosures file in force states of its endpoints.

    The embedded fleet's catalog is taken as it is: its serving is our own, and known.

    Raises:
        ConfigError: naming file, line and field of the first thing that is wrong.
    """
    catalog, lines = load_yaml(path, Catalog)
    _each_once(path, catalog, lines)
    _one_reference(path, catalog, lines)
    _one_tier(path, catalog, lines)
    stated = disclosures_path()
    if stated is None or path == embedded_catalog_path():
        return catalog
    own = {
        endpoint.endpoint_id: None
        if endpoint.disclosure is None
        else line_of(lines, ("endpoints", index, "disclosure"))
        for index, endpoint in enumerate(catalog.endpoints)
    }
    found = load_disclosures(stated, path, own)
    return Catalog(
        endpoints=tuple(
            each.model_copy(update={"disclosure": found[each.endpoint_id]}) if each.endpoint_id in found else each
            for each in catalog.endpoints
        )
    )


def _each_once(path: Path, catalog: Catalog, lines: Mapping[Location, int]) -> None:
    first_line: dict[str, int | None] = {}
    for index, endpoint in enumerate(catalog.endpoints):
        line = line_of(lines, ("endpoints", index))
        if endpoint.endpoint_id in first_line:
            raise ConfigError(
                path,
                f"{endpoint.endpoint_id} is already defined on line {first_line[endpoint.endpoint_id]}",
                line=line,
                field=f"endpoints[{index}]",
                mend="give it another sku",
            )
        first_line[endpoint.endpoint_id] = line


def _one_reference(path: Path, catalog: Catalog, lines: Mapping[Location, int]) -> None:
    references: dict[str, int | None] = {}
    for index, endpoint in enumerate(catalog.endpoints):
        if not endpoint.reference:
            continue
        if endpoint.model_family in references:
            raise ConfigError(
                path,
                f"family {endpoint.model_family} has its reference on line {references[endpoint.model_family]} already",
                line=line_of(lines, ("endpoints", index, "reference")),
                field=f"endpoints[{index}].reference",
                mend="keep one reference per model family",
            )
        references[endpoint.model_family] = line_of(lines, ("endpoints", index))


def _one_tier(path: Path, catalog: Catalog, lines: Mapping[Location, int]) -> None:
    tiers: dict[str, tuple[str, int | None]] = {}
    for index, endpoint in enumerate(catalog.endpoints):
        first: tuple[str, int | None] = (endpoint.quality_tier, line_of(lines, ("endpoints", index)))
        tier, of_line = tiers.setdefault(endpoint.model_family, first)
        if endpoint.quality_tier != tier:
            raise ConfigError(
                path,
                f"is {endpoint.quality_tier}, while family {endpoint.model_family} has tier {tier} on line {of_line}",
                line=line_of(lines, ("endpoints", index, "quality_tier")),
                field=f"endpoints[{index}].quality_tier",
                mend="give all endpoints of a family the same tier: they are compared on the same items",
            )
