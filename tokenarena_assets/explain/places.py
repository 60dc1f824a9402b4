"""The raw evidence itself: files and lines with their hashes, and whether a file is still what was sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from tokenarena_assets.recompute.evidence import Evidence, sha256_of
from tokenarena_assets.retention.seals import Compacted, compactions, hashes
from tokenarena_assets.storage.rawlog import RoundFiles, logs_of, read_lines

COMPACTED = "as it was compacted"
SEALED, BROKEN, UNSEALED = "as sealed", "IS NOT WHAT WAS SEALED", "no seal"
REWRITTEN, GONE = "published without some of its content", "is not there"


@dataclass(frozen=True, slots=True)
class RawFile:
    """A raw file: its hash as it is now, the hash that it was sealed with, and what its seal says of the two.

    `compacted`: how it was rewritten without what had expired, as its seal has it, the earliest first.
    """

    path: str  # under the root of the evidence
    sha256: str | None
    sealed_sha256: str | None
    state: str
    compacted: tuple[Compacted, ...] = ()


class Places:
    """Raw files of one root; what has been read is kept."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._rounds = cache(self._read_rounds)
        self._files: dict[Path, RawFile] = {}

    def _read_rounds(self, day: date) -> Mapping[str, RoundFiles]:
        return {found.log.name: found for found in logs_of(self._evidence.home, day)}

    def round_of(self, day: date, raw_file: str) -> RoundFiles | None:
        """The round that a raw file is of; after its sealing an open file's name is found as well."""
        rounds = self._rounds(day)
        stem = raw_file.split(".jsonl", maxsplit=1)[0]
        return rounds.get(raw_file) or next((r for name, r in rounds.items() if name.split(".jsonl")[0] == stem), None)

    def file(self, day: date, raw_file: str) -> RawFile:
        """The file, hashed, beside its seal."""
        found = self.round_of(day, raw_file)
        if found is None:
            return RawFile(f"raw/probes/day={day}/{raw_file}", None, None, GONE)
        if found.log not in self._files:
            path = found.log.relative_to(self._evidence.root).as_posix()
            expected, compacted = hashes(found.seal), tuple(compactions(found.seal))
            sha256 = sha256_of(found.log)
            state = UNSEALED if not expected else BROKEN
            if expected and sha256 == expected[-1]:
                state = COMPACTED if compacted else SEALED
            if path in self._evidence.rewritten:
                state = REWRITTEN
            self._files[found.log] = RawFile(path, sha256, expected[0] if expected else None, state, compacted)
        return self._files[found.log]

    def lines(self, day: date, raw_file: str, numbers: Sequence[int]) -> dict[int, bytes]:
        """The bytes of some lines of a raw file, without their ends."""
        found, wanted = self.round_of(day, raw_file), set(numbers)
        if found is None or not wanted:
            return {}
        last, lines = max(wanted), {}
        for line in read_lines(found.log):
            if line.line in wanted:
                lines[line.line] = line.data
            if line.line >= last:
                break
        return lines


def line_sha256(data: bytes) -> str:
    """SHA-256 of a line without its end, as `sha256sum` gives it."""
    return hashlib.sha256(data).hexdigest()


def manifest_facts(found: RoundFiles | None) -> dict[str, Any]:
    """What the round's manifest says of versions."""
    manifest = (found.manifest if found else None) or {}
    client = manifest.get("client") or {}
    return {
        "suite_version": manifest.get("suite_version"),
        "client": ", ".join(f"{name} {version}" for name, version in sorted(client.items())) or None,
    }
