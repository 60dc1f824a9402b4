"""What the assets are given: the home folder, the catalog and the presets."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg

from tokenarena_assets.endpoints import Catalog, Preset, catalog_path, load_catalog, load_presets, presets_path
from tokenarena_assets.recompute.in_force import record_in_force
from tokenarena_assets.recompute.versions import versions_here
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import Lake, lake_of


class Arena(dg.ConfigurableResource[None]):
    """Home folder and configuration files; empty fields mean the environment's, else the embedded default."""

    home_folder: str = ""
    endpoints_file: str = ""
    presets_file: str = ""
    evidence_only: bool = False  # nothing outside of the home is asked, not even today: what is there must do

    @property
    def home(self) -> Home:
        """The home folder.

        Raises:
            StorageError: a newer version wrote it.
        """
        return Home.at(Path(self.home_folder)) if self.home_folder else Home.from_environment()

    @property
    def lake(self) -> Lake:
        """The lake in the home folder."""
        return lake_of(self.home)

    @property
    def catalog_path(self) -> Path:
        """The catalog file: as configured, `TOKENARENA_ENDPOINTS`, `endpoints.yaml` here, else the embedded fleet."""
        return catalog_path(self.endpoints_file)

    @property
    def presets_path(self) -> Path:
        """The presets file, found the same way."""
        return presets_path(self.presets_file)

    def catalog(self) -> Catalog:
        """The validated catalog."""
        return load_catalog(self.catalog_path)

    def presets(self, day: date | None = None) -> tuple[Preset, ...]:
        """The validated presets; what `day` is computed with is kept in its evidence, so that it can be recomputed."""
        presets = load_presets(self.presets_path)
        if day is not None:
            record_in_force(self.home, day, self.presets_path.read_bytes(), versions_here())
        return presets
