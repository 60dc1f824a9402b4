"""What is said of raw files that are damaged or of a newer version: which, how many lines of them, and the mend."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tokenarena_assets.storage.lake import Lake
from tokenarena_assets.storage.rawlog import DAMAGED, UNREADABLE

NEWER = "bad_field: schema_version"
RESTORE = "restore it from a backup and run the day again; the file is left as it is, its lines are in quarantine"
MENDS = {DAMAGED: RESTORE, UNREADABLE: RESTORE, NEWER: "read them with the tokenarena that wrote them, or a newer one"}


def raw_faults(lake: Lake, day: date, folder: Path) -> list[str]:
    """A sentence a file of `folder`, the raw rounds of `day`, with lines that no longer can or not yet can be read."""
    found = []
    with lake.connect({"probe_log": day}) as connection:
        for kind, mend in MENDS.items():
            rows = connection.execute(
                "select raw_file, count(*), max(problem) from probe_log where starts_with(problem, $kind) "
                "group by raw_file order by raw_file",
                {"kind": kind},
            ).fetchall()
            found += [f"{folder / file}: {count} lines: {problem}\n  mend: {mend}" for file, count, problem in rows]
    return found
