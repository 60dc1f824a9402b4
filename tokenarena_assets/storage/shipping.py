"""Ships sealed rounds from a host's own disk to the home that all hosts share, whole or not at all.

A round is there for others once its log is; the log comes last, after what belongs to it. What is there already is
compared and never rewritten, so that shipping once more, or after it was cut off anywhere, changes nothing. A copy in
the spool goes only when every file of the round has been read back from the shared home with the same SHA-256.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.files import replacing
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, certificates_path, manifest_path, rounds_in, seal_path


@dataclass(slots=True)
class Shipped:
    """What came of shipping: ids of rounds that are in the shared home now, and why others still wait in the spool."""

    shipped: list[str] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)


def ship(home: Home) -> Shipped:
    """Ship every sealed round of the spool of `home`; a round that cannot be shipped keeps no other from it."""
    found = Shipped()
    for day in spooled_days(home):
        for each in rounds_in(home.written_day(day)):
            if each.is_open:
                found.waiting[each.round_id] = "it is open: running, or cut off and to be completed by the next round"
                continue
            try:
                _ship_round(home, day, each)
            except (OSError, TokenArenaError) as error:
                found.waiting[each.round_id] = str(error)
            else:
                found.shipped.append(each.round_id)
    return found


def spooled_days(home: Home) -> list[date]:
    """The days of which the spool holds rounds, in order."""
    folder = None if home.spool is None else home.spool / "probes"
    if folder is None or not folder.is_dir():
        return []
    return sorted(date.fromisoformat(path.name.removeprefix("day=")) for path in folder.glob("day=*"))


def _ship_round(home: Home, day: date, found: RoundFiles) -> None:
    """Copy a round's files, its log last, then remove them from the spool.

    Raises:
        OSError: the shared home cannot be written to.
        TokenArenaError: a file is not what was sealed, or the shared home has another one by its name.
    """
    if (sealed := (found.seal or {}).get("sha256")) != _sha256(found.log):
        raise TokenArenaError(f"{found.log}: is not the file that was sealed ({sealed})", mend="restore it or move it")
    beside = (
        found.log.with_name(certificates_path(home, day, found.round_id).name),
        manifest_path(found.log, found.round_id),
        seal_path(found.log, found.round_id),
    )
    files = [path for path in beside if path.exists()] + [found.log]
    for path in files:
        _copy(path, home.raw_day(day) / path.name)
    found.log.unlink()  # first: without its log the rest is no round any more
    for path in files[:-1]:
        path.unlink()


def _copy(source: Path, target: Path) -> None:
    """Put `source` in the place of `target`, unless it is there.

    Raises:
        OSError: it cannot be read or written.
        TokenArenaError: another file has that name, or the copy came out differently.
    """
    wanted = _sha256(source)
    if not target.exists():
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
    if _sha256(target) != wanted:
        raise TokenArenaError(
            f"{target}: is not {source}, and evidence is not rewritten",
            mend="compare the two, and move one of them away",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
