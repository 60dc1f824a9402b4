"""The home folder: where each kind of file has its place, and which version of that order it keeps."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tokenarena_assets import __version__
from tokenarena_assets.errors import StorageError
from tokenarena_assets.storage.faults import explained
from tokenarena_assets.storage.files import TEMPORARY, is_leftover, write_text

HOME_VARIABLE = "TOKENARENA_HOME"
REHEARSAL_MARKER = "rehearsal.json"
VERSION_MARKER = "home.json"
LAYOUT_VERSION = 1  # of the folders and files below a home; a home without a marker is of version 1

PARTS = ("raw", "lake", "report", "digests")


@dataclass(frozen=True, slots=True)
class Home:
    """Paths under one home folder; nothing is created until something is written.

    `spool` is where a probing host writes its rounds until they are shipped to `root` (`storage.shipping`).
    """

    root: Path
    spool: Path | None = None

    @classmethod
    def from_environment(cls) -> Home:
        """`TOKENARENA_HOME`, else `./arena`.

        Raises:
            StorageError: see :meth:`at`.
        """
        return cls.at(root_in_force())

    @classmethod
    def at(cls, root: Path) -> Home:
        """The home in a folder, or one that is still to be.

        Raises:
            StorageError: a newer version wrote it, or its marker cannot be read.
        """
        home = cls(root.absolute())
        home.layout_version()
        return home

    def layout_version(self) -> int:
        """The version of its order of files.

        Raises:
            StorageError: it is newer than this program knows, or cannot be read.
        """
        path = self.version_marker
        with explained(path):
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                return LAYOUT_VERSION
            except ValueError:
                content = None
        found = content.get("layout_version") if isinstance(content, dict) else None
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise StorageError(
                f"{path}: names no version of the home",
                mend=f'restore it from a backup, or write {{"layout_version": {LAYOUT_VERSION}}} into it',
            )
        if found > LAYOUT_VERSION:
            raise StorageError(
                f"{self.root} is a home of version {found}, written by tokenarena {content.get('tokenarena', '?')}; "
                f"this is tokenarena {__version__}, which knows version {LAYOUT_VERSION}",
                mend="use that version or a newer one, or set TOKENARENA_HOME to another folder",
            )
        return found

    def begin_writing(self, parts: Sequence[str] = PARTS) -> None:
        """Before a command writes: as :meth:`mark`, and remove what killed writers left half done, in `parts` too.

        Raises:
            StorageError: a newer version wrote the home, or it cannot be written.
        """
        self.mark()
        for path in self.leftovers(parts):
            with explained(path, "removed"):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def mark(self) -> None:
        """Before anything is written: mark a new home with its version.

        Raises:
            StorageError: a newer version wrote the home, or it cannot be written.
        """
        self.layout_version()
        if not self.version_marker.exists():
            marker = {"layout_version": LAYOUT_VERSION, "tokenarena": __version__}
            write_text(self.version_marker, json.dumps(marker) + "\n")
        self.require_writable()

    def require_writable(self) -> None:
        """Ask the system before others, who say it less plainly.

        Raises:
            StorageError: the folder is there and cannot be written.
        """
        with explained(self.root, "written"):
            if self.root.exists() and not os.access(self.root, os.W_OK, effective_ids=True):
                is_read_only = os.statvfs(self.root).f_flag & os.ST_RDONLY
                raise OSError(errno.EROFS if is_read_only else errno.EACCES, "")

    def leftovers(self, parts: Sequence[str] = PARTS) -> list[Path]:
        """Temporary files and folders that killed writers left in the home itself, and anywhere under `parts` of it."""
        found = [path for folder in (self.root, self.dagster) if folder.is_dir() for path in folder.iterdir()]
        for part in parts:
            for folder, folders, names in os.walk(self.root / part):
                # By name first: a year's partitions are tens of thousands of files, and none of them is temporary.
                temporary = [name for name in (*folders, *names) if TEMPORARY.match(name)]
                if temporary:
                    found += [Path(folder, name) for name in temporary]
                    folders[:] = [name for name in folders if name not in temporary]
        return sorted(path for path in found if is_leftover(path))

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
    def digests(self) -> Path:
        """What planning needs of sealed rounds; may be removed at any time, it is found again."""
        return self.root / "digests"

    @property
    def price_releases(self) -> Path:
        """Which quarantined prices a person has released, a line each."""
        return self.root / "raw" / "prices" / "releases.jsonl"

    @property
    def version_marker(self) -> Path:
        """Which version of the order of files this home keeps."""
        return self.root / VERSION_MARKER

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


def root_in_force() -> Path:
    """The folder that `TOKENARENA_HOME` names, else `./arena`."""
    return Path(os.environ.get(HOME_VARIABLE) or "arena").absolute()
