"""Imports result files: each becomes sealed rounds of the days that its requests are of, and no file is taken twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from tokenarena_assets import __version__
from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.errors import ConfigError, TokenArenaError
from tokenarena_assets.importing.documents import Document, read_document
from tokenarena_assets.importing.request import Speeds, ToolFile, ToolRequest, Unreadable
from tokenarena_assets.importing.rows import Origin, record_of, unreadable_record
from tokenarena_assets.importing.tools import ADAPTERS, adapter_of
from tokenarena_assets.probing.apis.values import writable
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundWriter, manifest_path, request_ids
from tokenarena_assets.storage.rehearsal import require_kind

SHA_DIGITS = 16
MAX_NAME = 120


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the requests of one file that are of one day: `records` = the sum of `by_status` + `unreadable`.

    `speeds` are those that the tool recorded beside its tokens and latency, each with its place in the file.
    """

    file: str
    tool: str
    version: str | None
    day: date
    round_id: str
    path: Path
    records: int
    by_status: dict[str, int]
    unreadable: tuple[Unreadable, ...]
    speeds: tuple[tuple[int, Speeds], ...]
    cannot_tell: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """The entries of one file that are of one day."""

    tool: str
    document: Document
    file: ToolFile
    day: date
    started_at: datetime
    entries: tuple[ToolRequest | Unreadable, ...]

    @property
    def suffix(self) -> str:
        return f"{self.tool}-{self.document.sha256[:SHA_DIGITS]}"

    @property
    def round_id(self) -> str:
        """Begins with its start, as every round's; the same for the same file."""
        return f"{self.started_at:%Y%m%dT%H%M%SZ}-{self.suffix}"


def import_files(
    home: Home, tool: str, paths: Sequence[Path], endpoint: Endpoint, day: date | None = None
) -> list[Imported]:
    """Import per-request results of `tool` that were measured on `endpoint`; nothing is written before all are read.

    Args:
        home: where the raw log is.
        tool: who wrote the files.
        paths: the files.
        endpoint: whose results they are; its prices are recorded as the catalog has them now.
        day: the UTC day of results that carry no date of their own.

    Raises:
        RehearsalError: the home takes no real rounds.
        TokenArenaError: a file is not what it should be, is of no known day, or was imported before.
    """
    require_kind(home, rehearsal=False)
    parts: list[_Part] = []
    if tool not in ADAPTERS:
        raise TokenArenaError(f"--from: there is no tool {tool!r}", mend=f"tools are: {', '.join(ADAPTERS)}")
    for path in paths:
        document = read_document(path)
        if any(part.document.sha256 == document.sha256 for part in parts):
            raise ConfigError(path, "is given twice", mend="give each file once")
        file = adapter_of(tool, document).read(document, endpoint.api)
        parts += _not_yet_imported(home, _parts(tool, document, file, day))
    home.begin_writing()
    return [_write(home, part, endpoint) for part in parts]


def _not_yet_imported(home: Home, parts: Sequence[_Part]) -> list[_Part]:
    """The rounds of one file that are still to be written: all of them, or those that a crash left out."""
    document, suffix = parts[0].document, parts[0].suffix
    seals = home.raw_day(date.min).parent.glob(f"day=*/round=*-{suffix}.seal.json")
    sealed = {path.name.removeprefix("round=").removesuffix(".seal.json"): path for path in sorted(seals)}
    left = [part for part in parts if part.round_id not in sealed]
    if sealed and (not left or sealed.keys() - {part.round_id for part in parts}):
        round_id, path = next(iter(sealed.items()))
        raise ConfigError(
            document.path,
            f"was imported before, as round {round_id}",
            mend=f"its tables are made by: tokenarena run --day {path.parent.name.removeprefix('day=')}",
        )
    return left


def _parts(tool: str, document: Document, file: ToolFile, day: date | None) -> list[_Part]:
    requests = [entry for entry in file.entries if isinstance(entry, ToolRequest)]
    if not requests:
        first = next((f": {entry.reason}" for entry in file.entries if isinstance(entry, Unreadable)), "")
        raise ConfigError(document.path, f"holds no request that can be read{first}", mend="give a finished run's file")
    dated = sorted(request.started_at for request in requests if request.started_at is not None)
    _check_day(document, file, dated, day)
    first_day = day or dated[0].date()
    by_day: dict[date, list[ToolRequest | Unreadable]] = {}
    for entry in _from_first_offset(file.entries):
        started = entry.started_at if isinstance(entry, ToolRequest) else None
        by_day.setdefault(started.date() if started else first_day, []).append(entry)
    midnight = datetime.combine(first_day, time(), UTC)
    return [
        _Part(tool, document, file, on, min((m for m in dated if m.date() == on), default=midnight), tuple(entries))
        for on, entries in sorted(by_day.items())
    ]


def _check_day(document: Document, file: ToolFile, dated: Sequence[datetime], day: date | None) -> None:
    if day is None and not dated:
        told = f" ({file.dated})" if file.dated else ""
        raise ConfigError(document.path, f"does not say of which UTC day it is{told}", mend="give it: --day 2026-11-23")
    days = sorted({moment.date() for moment in dated})
    if day is not None and days not in ([], [day]):
        told = ", ".join(found.isoformat() for found in days)
        raise ConfigError(document.path, f"its requests are of {told}, not of {day}", mend="leave --day out")
    if day is not None and day > datetime.now(UTC).date():
        raise TokenArenaError(f"--day: {day} has not come yet", mend="give the UTC day on which the requests were sent")


def _from_first_offset(entries: Sequence[ToolRequest | Unreadable]) -> list[ToolRequest | Unreadable]:
    """Clocks without a date start anywhere: their first request counts as the day's first moment."""
    offsets = [e.offset_s for e in entries if isinstance(e, ToolRequest) and e.offset_s is not None]
    first = min(offsets, default=0.0)
    return [
        replace(entry, offset_s=entry.offset_s - first)
        if isinstance(entry, ToolRequest) and entry.offset_s is not None
        else entry
        for entry in entries
    ]


def _write(home: Home, part: _Part, endpoint: Endpoint) -> Imported:
    # What JSON and file systems let stand, and UTF-8 does not, must not stop the round when half of it is written.
    name = writable(part.document.path.name[:MAX_NAME])
    version = None if part.file.version is None else writable(part.file.version)
    sha256 = part.document.sha256
    origin = Origin(part.round_id, part.day, endpoint.endpoint_id, part.tool, version, name, sha256)
    requests = [entry for entry in part.entries if isinstance(entry, ToolRequest)]
    unreadable = tuple(entry for entry in part.entries if isinstance(entry, Unreadable))
    path = _write_round(home, origin, part, _manifest(origin, part, endpoint))
    compared = tuple((r.line, r.speeds) for r in requests if r.speeds is not None)
    return Imported(
        file=name,
        tool=part.tool,
        version=version,
        day=part.day,
        round_id=part.round_id,
        path=path,
        records=len(part.entries),
        by_status=dict(Counter(request.status for request in requests)),
        unreadable=unreadable,
        speeds=compared,
        cannot_tell=tuple(sorted(set().union(*(r.cannot_tell for r in requests if r.last_token_ms is not None)))),
    )


def _write_round(home: Home, origin: Origin, part: _Part, manifest: dict[str, Any]) -> Path:
    """Write and seal the round; one that was cut off before its seal is completed."""
    open_path = home.raw_day(origin.day) / f"round={origin.round_id}.jsonl.part"
    known = manifest_path(open_path, origin.round_id).exists() and open_path.exists()
    done = request_ids(open_path) if known else set()
    writer = RoundWriter(home, origin.day, origin.round_id, None if known else manifest)
    try:
        for entry in part.entries:
            record = unreadable_record(entry, origin) if isinstance(entry, Unreadable) else record_of(entry, origin)
            if record["request_id"] not in done:
                writer.append(record)
        return writer.seal("complete")
    finally:
        writer.close()


def _manifest(origin: Origin, part: _Part, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "round_id": origin.round_id,
        "day": origin.day.isoformat(),
        "ordinal": None,
        "started_at": part.started_at.isoformat(timespec="milliseconds"),
        "imported_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "plan_key": None,
        "options": {"suites": [origin.suite]},
        "endpoints": [endpoint.model_dump(mode="json") | {"endpoint_id": endpoint.endpoint_id}],
        "client": {"tokenarena": __version__, origin.tool: origin.version or "of an unknown version"},
        "source": {
            "tool": origin.tool,
            "version": origin.version,
            "file": origin.file,
            "sha256": origin.sha256,
            "records": len(part.entries),
        },
    }
