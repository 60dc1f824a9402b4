"""Presets: the workloads that prices are blended and leaderboards are ordered for."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tokenarena_assets.endpoints.yaml_source import chosen_file, line_of, load_yaml
from tokenarena_assets.errors import ConfigError
from tokenarena_assets.pricing import Workload

Share = Annotated[float, Field(ge=0, le=1)]


class Preset(BaseModel):
    """A workload: its input:output token ratio and the size of one request.

    Shares are of input tokens (read from cache, written to it) and of output tokens (reasoning). `hours_utc` are the
    hours of the day (0 to 23) at which it is run, where prices depend on them; left out: all. `deadline_s`: after how
    long an answer is of no use any more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=40)]
    description: str = ""
    input_ratio: Annotated[int, Field(ge=0, le=1_000_000)]
    output_ratio: Annotated[int, Field(ge=1, le=1_000_000)]
    request_input_tokens: Annotated[int, Field(gt=0)]
    cached_share: Share = 0.0
    cache_write_share: Share = 0.0
    reasoning_share: Share = 0.0
    hours_utc: tuple[Annotated[int, Field(ge=0, le=23)], ...] = ()
    deadline_s: Annotated[float, Field(gt=0, le=3600)] | None = None

    @model_validator(mode="after")
    def _shares_of_one_whole(self) -> Self:
        if self.cached_share + self.cache_write_share > 1:
            raise ValueError("cached_share and cache_write_share are more than 1 together")
        return self

    def workload(self, output_multiplier: float = 1.0) -> Workload:
        """As what a price is computed for; `output_multiplier`: how many times the usual output is made."""
        return Workload(
            self.input_ratio,
            self.output_ratio,
            self.request_input_tokens,
            self.cached_share,
            self.cache_write_share,
            self.reasoning_share,
            output_multiplier,
            self.hours_utc,
        )


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
