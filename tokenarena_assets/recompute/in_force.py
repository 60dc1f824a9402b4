"""What a day's tables were made with, kept as evidence: the presets as they stood, and the versions.

`raw/config/day=<day>/in_force.jsonl` is append-only; its last line is in force. A line is added only where something
changed, so that a re-run with the same configuration leaves the evidence as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.files import append_line, replacing
from tokenarena_assets.storage.home import Home

SCHEMA_VERSION = 1
JOURNAL = "in_force.jsonl"


@dataclass(frozen=True, slots=True)
class InForce:
    """The presets file that a day was last materialized with, and the versions that did it."""

    presets: Path
    presets_sha256: str
    versions: dict[str, str]


def config_folder(home: Home, day: date) -> Path:
    """Where the configuration of a day is kept."""
    return home.root / "raw" / "config" / f"day={day.isoformat()}"


def record_in_force(home: Home, day: date, presets: bytes, versions: Mapping[str, str]) -> None:
    """Keep the text of the presets file and the versions as what `day` is materialized with, if they are new."""
    folder, sha256 = config_folder(home, day), hashlib.sha256(presets).hexdigest()
    copy = folder / f"presets-{sha256[:16]}.yaml"
    line = {
        "schema_version": SCHEMA_VERSION,
        "presets": copy.name,
        "presets_sha256": sha256,
        "versions": dict(versions),
    }
    lines = _lines(folder / JOURNAL)
    if lines and lines[-1] == line:
        return
    if not copy.exists():
        with replacing(copy) as temporary:
            temporary.write_bytes(presets)
    append_line(folder / JOURNAL, json.dumps(line, sort_keys=True).encode())


def in_force(home: Home, day: date) -> InForce | None:
    """What `day` was last materialized with; None: nothing was recorded.

    Raises:
        TokenArenaError: the record is damaged, or the presets are not those that it names.
    """
    folder = config_folder(home, day)
    lines = _lines(folder / JOURNAL)
    if not lines:
        return None
    last = lines[-1]
    try:
        name, sha256, versions = str(last["presets"]), str(last["presets_sha256"]), dict(last["versions"])
    except (KeyError, TypeError, ValueError):
        raise TokenArenaError(
            f"{folder / JOURNAL}:{len(lines)}: is not a record of what was in force", mend="restore it from a backup"
        ) from None
    path = folder / name
    if name != f"presets-{sha256[:16]}.yaml" or not path.is_file():
        raise TokenArenaError(f"{folder / JOURNAL}: {name!r} is not there", mend="restore it from a backup")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise TokenArenaError(f"{path}: is not the file that was in force", mend="restore it from a backup")
    return InForce(path, sha256, {str(key): str(value) for key, value in versions.items()})


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    found = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
        except ValueError:
            continue  # a torn line: what was in force before it stands, or the next one does
        if not isinstance(line, dict) or line.get("schema_version") != SCHEMA_VERSION:
            raise TokenArenaError(
                f"{path}:{number}: is not of this version", mend="recompute with the version that made it"
            )
        found.append(line)
    return found
