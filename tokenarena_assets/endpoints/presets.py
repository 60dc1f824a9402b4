"""Presets: the workloads that prices are blended and leaderboards are ordered for."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tokenarena_assets.endpoints.yaml_source import chosen_file, line_of, load_yaml
from tokenarena_assets.errors import ConfigError


class Preset(BaseModel):
    """A workload: its input:output token ratio, the size of one request and the share of input read from cache.

    `deadline_s`: after how long an answer is of no use any more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=40)]
    description: str = ""
    input_ratio: Annotated[int, Field(ge=0, le=1_000_000)]
    output_ratio: Annotated[int, Field(ge=1, le=1_000_000)]
    request_input_tokens: Annotated[int, Field(gt=0)]
    cached_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    deadline_s: Annotated[float, Field(gt=0, le=3600)] | None = None


class Presets(BaseModel):
    """All presets of a presets file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    presets: Annotated[tuple[Preset, ...], Field(min_length=1)]


def embedded_presets_path() -> Path:
    """The presets shipped with the package: chat, rag and reasoning."""
    return Path(str(files("tokenarena_assets.endpoints") / "presets.yaml"))


def presets_path(configured: str = "") -> Path:
    """The presets in force: `configured`, `TOKENARENA_PRESETS`, `./presets.yaml`, else those shipped."""
    return chosen_file(configured, "TOKENARENA_PRESETS", "presets.yaml", embedded_presets_path())


def load_presets(path: Path) -> tuple[Preset, ...]:
    """Read and validate presets.

    Raises:
        ConfigError: naming file, line and field of the first thing that is wrong.
    """
    loaded, lines = load_yaml(path, Presets)
    seen: set[str] = set()
    for index, preset in enumerate(loaded.presets):
        if preset.name in seen:
            raise ConfigError(
                path,
                f"preset {preset.name} is defined twice",
                line=line_of(lines, ("presets", index)),
                field=f"presets[{index}].name",
                mend="give it another name",
            )
        seen.add(preset.name)
    return loaded.presets
