"""Disclosures: what providers state of the serving of their endpoints, in a file beside the catalog."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tokenarena_assets.endpoints.catalog import Disclosure
from tokenarena_assets.endpoints.yaml_source import line_of, load_yaml
from tokenarena_assets.errors import ConfigError

VARIABLE, LOCAL_NAME = "TOKENARENA_DISCLOSURES", "disclosures.yaml"


class DisclosedEndpoint(Disclosure):
    """What is disclosed of one endpoint."""

    endpoint_id: Annotated[str, Field(min_length=1)]


class Disclosures(BaseModel):
    """All that a disclosures file states."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    disclosures: tuple[DisclosedEndpoint, ...]


def disclosures_path(configured: str = "") -> Path | None:
    """The file in force: `configured`, `TOKENARENA_DISCLOSURES`, `./disclosures.yaml`; None: there is none."""
    given = configured or os.environ.get(VARIABLE)
    if given:
        return Path(given).absolute()
    local = Path(LOCAL_NAME).absolute()
    return local if local.exists() else None


def load_disclosures(path: Path, catalog: Path, own: Mapping[str, int | None]) -> dict[str, Disclosure]:
    """The disclosures of a file by endpoint_id.

    `own` has the endpoints of `catalog`, each with the line of a `disclosure` of its own there, None where it has none.

    Raises:
        ConfigError: naming file, line and field; also where an endpoint is unknown, named twice or discloses in both.
    """
    loaded, lines = load_yaml(path, Disclosures)
    found: dict[str, Disclosure] = {}
    first_line: dict[str, int | None] = {}
    for index, entry in enumerate(loaded.disclosures):
        name, line = entry.endpoint_id, line_of(lines, ("disclosures", index))
        wrong = _problem(name, catalog, own, first_line)
        if wrong is not None:
            problem, mend = wrong
            raise ConfigError(path, problem, line=line, field=f"disclosures[{index}].endpoint_id", mend=mend)
        first_line[name] = line
        found[name] = Disclosure.model_validate(entry.model_dump(exclude={"endpoint_id"}))
    return found


def _problem(
    name: str, catalog: Path, own: Mapping[str, int | None], first_line: Mapping[str, int | None]
) -> tuple[str, str] | None:
    if name in first_line:
        return f"{name} is disclosed on line {first_line[name]} already", "keep one of them"
    if name not in own:
        return f"{catalog} has no {name!r}", "write it as provider/model@sku; tokenarena endpoints lists them"
    if own[name] is not None:
        return f"{name} has a disclosure of its own at {catalog}:{own[name]}", "keep one of the two"
    return None
