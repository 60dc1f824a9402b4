"""The home folder: where each kind of file has its place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

HOME_VARIABLE = "TOKENARENA_HOME"
REHEARSAL_MARKER = "rehearsal.json"


@dataclass(frozen=True, slots=True)
class Home:
    """Paths under one home folder; nothing is created until something is written.

    `spool` is where a probing host writes its rounds until they are shipped to `root` (`storage.shipping`).
    """

    root: Path
    spool: Path | None = None

    @classmethod
    def from_environment(cls) -> Home:
        """`TOKENARENA_HOME`, else `./arena`."""
        return cls(Path(os.environ.get(HOME_VARIABLE) or "arena").absolute())

    def raw_day(self, day: date) -> Path:
        """The folder of a day's raw probe rounds."""
        return self.root / "raw" / "probes" / f"day={day.isoformat()}"

    def written_day(self, day: date) -> Path:
        """The folder that a day's rounds are written to: the host's own spool where it has one."""
        return self.raw_day(day) if self.spool is None else self.spool / "probes" / f"day={day.isoformat()}"

    def raw_prices(self, day: date) -> Path:
        """The folder of what price feeds said on a day."""
        return self.root / "raw" / "prices" / f"day={day.isoformat()}"

    @property
    def price_releases(self) -> Path:
        """Which quarantined prices a person has released, a line each."""
        return self.root / "raw" / "prices" / "releases.jsonl"

    @property
    def rehearsal_marker(self) -> Path:
        """What marks a home of rehearsals (:mod:`tokenarena_assets.storage.rehearsal`)."""
        return self.root / REHEARSAL_MARKER

    @property
    def is_rehearsal(self) -> bool:
        """Whether rounds are filed here under dates on which they were not run; such a home takes no others."""
        return self.rehearsal_marker.exists()

    @property
    def lake(self) -> Path:
        """The Parquet lake."""
        return self.root / "lake"

    @property
    def database(self) -> Path:
        """The published database."""
        return self.root / "tokenarena.duckdb"

    @property
    def dagster(self) -> Path:
        """Dagster's own storage: runs, events, schedule state."""
        return self.root / "dagster"
