"""The manifest of a published folder: every file with its size and SHA-256; what is not as it says is refused."""

from __future__ import annotations

import json
import stat
import zlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import zstandard
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.recompute.evidence import Evidence, sha256_of
from tokenarena_assets.snapshot.withhold import NEED_TEXTS
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.rawlog import open_plain

MANIFEST = "MANIFEST.json"
TABLES = "tables"
SCHEMA_VERSION = 1
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_FILES = 1_000_000
MAX_NAME_BYTES = 255  # of a file, on the file systems there are
MAX_UNPACKED_BYTES = 64 * 1024**3  # of one compressed raw file
READ_BYTES = 1 << 20
MAX_RATIO = 2000  # zstd of a log that repeats itself stays far under it


class SnapshotError(TokenArenaError):
    """A published folder is not what its manifest says, or is not fit to be read."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileEntry(_Strict):
    """One file: `rows` of a table or a log, `unpacked_bytes` of a compressed file, `sealed_sha256` where rewritten."""

    path: str = Field(min_length=1, max_length=1000)
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    rows: int | None = Field(default=None, ge=0)
    unpacked_bytes: int | None = Field(default=None, ge=0)
    rewritten: bool = False
    sealed_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")


class Manifest(_Strict):
    """What the folder is."""

    schema_version: int
    kind: str
    days: list[str]
    versions: dict[str, dict[str, str]]  # of each day's tables, by day
    made_with: dict[str, str]
    canary: str
    licence: dict[str, str]
    withheld: dict[str, Any]
    rehearsal: bool
    files: list[FileEntry] = Field(max_length=MAX_FILES)


@dataclass(frozen=True, slots=True)
class Problem:
    """One file that is not as the manifest says."""

    path: str
    what: str


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder, its paths proven to stay inside.

    Raises:
        SnapshotError: there is none, it is of another form, or a path in it is not fit.
    """
    path = folder / MANIFEST
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.lstat().st_size > MAX_MANIFEST_BYTES:
            raise SnapshotError(f"{path}: is no plain file of a manifest's size", mend="get the folder anew")
        found = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SnapshotError(
            f"{folder} is no snapshot: {MANIFEST}: {error.strerror}", mend="give a folder that tokenarena snapshot made"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SnapshotError(f"{path}: {where}: {first['msg']}", mend="get the folder anew") from None
    if found.schema_version != SCHEMA_VERSION or found.kind != "tokenarena snapshot":
        raise SnapshotError(f"{path}: is not of this version", mend="use the version of TokenArena that it names")
    for day in found.days:
        _require_day(path, day)
    seen: set[str] = set()
    for entry in found.files:
        _require_inside(path, entry.path)
        if entry.path in seen:
            raise SnapshotError(f"{path}: {entry.path!r} stands in it twice", mend="get the folder anew")
        seen.add(entry.path)
    return found


def _require_day(path: Path, day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise SnapshotError(f"{path}: days: {day!r} is not a day", mend="get the folder anew") from None


def _require_inside(manifest: Path, text: str) -> None:
    pure = PurePosixPath(text)
    bad = pure.is_absolute() or ".." in pure.parts or pure.as_posix() != text or text == MANIFEST
    if bad or not all(_is_plain(part) for part in pure.parts):
        raise SnapshotError(
            f"{manifest}: files: the path {text!r} is not fit: it must lie inside the folder and be plain",
            mend="do not trust this folder",
        )


def _is_plain(name: str) -> bool:
    return name.isprintable() and set(name).isdisjoint("\\:'\"") and len(name.encode()) <= MAX_NAME_BYTES


def verify(folder: Path, manifest: Manifest) -> list[Problem]:
    """Every file against the manifest: missing, changed, of another size, a link, or not listed; in the order of paths.

    Sizes are compared before anything is read, so that no file larger than it says is.
    """
    listed = {entry.path: entry for entry in manifest.files}
    problems = [problem for path in sorted(listed) for problem in _verify_file(folder, listed[path])]
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            if name not in listed:
                problems.append(Problem(name, "is a link; nothing in a snapshot is"))
        elif not path.is_dir() and name != MANIFEST and name not in listed:
            problems.append(Problem(name, "is not in the manifest"))
    return problems


def _verify_file(folder: Path, entry: FileEntry) -> list[Problem]:
    path = folder
    for part in PurePosixPath(entry.path).parts:
        path = path / part
        if path.is_symlink():
            return [Problem(entry.path, "is a link, or lies behind one; nothing in a snapshot is")]
    if not path.is_file():
        return [Problem(entry.path, "is missing")]
    if (size := path.stat().st_size) != entry.bytes:
        return [Problem(entry.path, f"has {size} bytes, of {entry.bytes} in the manifest")]
    if entry.unpacked_bytes is not None and (
        entry.unpacked_bytes > MAX_UNPACKED_BYTES or entry.unpacked_bytes > MAX_RATIO * max(entry.bytes, 1024)
    ):
        return [Problem(entry.path, f"would unpack {entry.bytes} bytes to {entry.unpacked_bytes}: refused")]
    if (sha256 := sha256_of(path)) != entry.sha256:
        return [Problem(entry.path, f"has SHA-256 {sha256}, of {entry.sha256} in the manifest")]
    return _verify_unpacked(path, entry) if entry.path.endswith((".zst", ".gz")) else []


def _verify_unpacked(path: Path, entry: FileEntry) -> list[Problem]:
    if entry.unpacked_bytes is None:
        return [Problem(entry.path, "is compressed, and the manifest does not say to what size it unpacks")]
    size = unpacked_size(path, entry.unpacked_bytes)
    if size != entry.unpacked_bytes:
        said = f"over {entry.unpacked_bytes}" if size > entry.unpacked_bytes else str(size)
        return [Problem(entry.path, f"unpacks to {said} bytes, of {entry.unpacked_bytes} in the manifest")]
    return []


def unpacked_size(path: Path, most: int) -> int:
    """Bytes that a compressed file unpacks to; reading stops beyond `most`, and a broken file ends where it breaks."""
    size = 0
    try:
        with open_plain(path) as stream:
            while data := stream.read(READ_BYTES):
                size += len(data)
                if size > most:
                    break
    except (zstandard.ZstdError, zlib.error, EOFError, OSError):
        pass
    return size


def evidence_of(folder: Path, *, trusted: bool = False) -> Evidence:
    """A published folder as evidence to explain and recompute from, once all of it is as its manifest says.

    Raises:
        SnapshotError: it is not (the first files are named).
    """
    root = folder.absolute()
    manifest = read_manifest(root)
    if not trusted and (problems := verify(root, manifest)):
        shown = "\n".join(f"  {each.path}: {each.what}" for each in problems[:20])
        more = f"\n  and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise SnapshotError(
            f"{folder} is not what its manifest says, {len(problems)} file(s):\n{shown}{more}", mend="get it anew"
        )
    without_texts = bool(manifest.withheld.get("texts"))
    return Evidence(
        root=root,
        tables=ParquetLake(root / TABLES),
        rewritten=frozenset(entry.path for entry in manifest.files if entry.rewritten),
        taken=NEED_TEXTS if without_texts else (),
        without_texts=without_texts,
        notes=tuple(_notes(manifest)),
    )


def _notes(manifest: Manifest) -> list[str]:
    notes = []
    if manifest.withheld.get("texts"):
        notes.append(
            "texts are not in this folder: no answer can be graded again, no context, fidelity or bill of texts judged"
        )
    expired = manifest.withheld.get("expired")
    if isinstance(expired, dict) and (days := [day for day, gone in expired.items() if "texts" in gone]):
        notes.append(f"texts of {', '.join(days)} had expired before this folder was made")
    if manifest.withheld.get("gold_from"):
        notes.append(
            f"gold answers and seeds of fresh items from {manifest.withheld['gold_from']} on are not in this folder: "
            "their answers cannot be graded again; all that follows from the grades is"
        )
    return notes


def manifest_json(manifest: Manifest) -> str:
    """The manifest as it is written: one form for equal content."""
    return json.dumps(manifest.model_dump(exclude_none=True), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
