"""The evidence that a recompute starts from: a home or a published folder, checked against its own seals."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from tokenarena_assets.errors import NoEvidenceError
from tokenarena_assets.retention.ledger import Ledger
from tokenarena_assets.retention.seals import Expiry, compactions, expiry_of, hashes
from tokenarena_assets.snapshot.withhold import Withheld, withheld_of
from tokenarena_assets.storage.home import REHEARSAL_MARKER, Home
from tokenarena_assets.storage.lake import Lake, lake_of
from tokenarena_assets.storage.rawlog import RoundFiles, logs_of, read_lines


@dataclass(frozen=True, slots=True)
class Evidence:
    """Raw logs, the tables that were made of them, and what of the logs was not published.

    `rewritten` are raw files that were published without some of their content, by their path under `root`;
    `taken` the tables that cannot be made without it.
    """

    root: Path
    tables: Lake
    rewritten: frozenset[str] = frozenset()
    taken: tuple[str, ...] = ()
    without_texts: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def home(self) -> Home:
        """The folder as a home, to read its raw logs by."""
        return Home(self.root)

    @classmethod
    def of_home(cls, home: Home) -> Evidence:
        """The evidence and the tables of a home."""
        return cls(home.root, lake_of(home))

    def expiry(self, day: date) -> Expiry:
        """Whose frames and texts of a day have expired; of a day whose logs are not here, by the ledger."""
        return expiry_of(self.home, day) if self.home.raw_day(day).is_dir() else Ledger(self.home).expiry(day)

    def lacks_content(self, found: RoundFiles) -> bool:
        """Whether lines of the round's log may lack some of what they were sealed with, texts above all."""
        path = found.log.relative_to(self.root).as_posix()
        return path in self.rewritten or any(any(each.texts.values()) for each in compactions(found.seal))

    def days(self) -> list[date]:
        """Days that were materialized, in order.

        Raises:
            NoEvidenceError: none was.
        """
        days = self.tables.days("round_log")
        if not days:
            raise NoEvidenceError(
                f"{self.root} has no tables to compare with", mend="materialize a day first: tokenarena run --day DAY"
            )
        return days


def broken_seals(evidence: Evidence, day: date) -> list[str]:
    """Raw files of a day that are not what was sealed, each with both hashes; files rewritten to publish left out."""
    found = []
    for each in logs_of(evidence.home, day):
        if each.is_open or not each.seal or not each.seal.get("sha256"):
            continue
        if each.log.relative_to(evidence.root).as_posix() in evidence.rewritten:
            continue
        sha256, expected = sha256_of(each.log), hashes(each.seal)
        if sha256 == expected[-1]:
            continue
        if sha256 in expected:
            found.append(f"{each.log.relative_to(evidence.root)}: its compaction was cut off: tokenarena compact")
            continue
        found.append(
            f"{each.log.relative_to(evidence.root)}: is not the file that was sealed: "
            f"SHA-256 {sha256}, sealed {expected[-1]}"
        )
    return found


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def empty_home(evidence: Evidence, folder: Path) -> Home:
    """A new home in `folder` with the raw evidence, linked and never written to, and no table.

    What is in force is copied: a recompute may add to its own copy.
    """
    home = Home(folder)
    raw = evidence.root / "raw"
    for path in sorted(raw.rglob("*")) if raw.is_dir() else []:
        target = home.root / "raw" / path.relative_to(raw)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.relative_to(raw).parts[0] == "config":
            shutil.copyfile(path, target)
        else:
            target.symlink_to(path.resolve())
    marker = evidence.root / REHEARSAL_MARKER
    if marker.exists():
        home.root.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(marker, home.rehearsal_marker)
    return home


def withheld_places(evidence: Evidence, day: date) -> dict[tuple[str, int], Withheld]:
    """(raw file, line) -> what is missing, of the lines of a day without some of their content: withheld or expired."""
    found = {}
    for each in logs_of(evidence.home, day):
        if evidence.lacks_content(each):
            for line in read_lines(each.log):
                if (withheld := withheld_of(line.data)) is not None:
                    found[line.file, line.line] = withheld
    return found
