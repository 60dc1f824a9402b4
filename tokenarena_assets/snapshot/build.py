"""Builds a folder to publish from a home: the same home and choices give the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.chain.rounds import closed_rounds
from tokenarena_assets.energy.facts import facts_folder
from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.explain.sources import SOURCES
from tokenarena_assets.recompute.evidence import sha256_of
from tokenarena_assets.recompute.in_force import in_force
from tokenarena_assets.recompute.versions import versions_here
from tokenarena_assets.retention.seals import expiry_of
from tokenarena_assets.snapshot.documents import CC_BY, CODE_LICENCE, DATA_LICENCE, docs_folder, licence_file, readme
from tokenarena_assets.snapshot.manifest import (
    MANIFEST,
    SCHEMA_VERSION,
    TABLES,
    FileEntry,
    Manifest,
    SnapshotError,
    manifest_json,
    unpacked_size,
)
from tokenarena_assets.snapshot.raw import Copied, copy_day
from tokenarena_assets.snapshot.withhold import Policy, redact_frame
from tokenarena_assets.storage.database import build_portable
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import Lake, ParquetLake, lake_of
from tokenarena_assets.storage.rawlog import open_plain
from tokenarena_assets.suites.items import CANARY

Say = Callable[[str], None]
SECRET_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "PRIVATE_SEED", "WEBHOOK_URL")
MIN_SECRET_CHARS = 6
BINARY = (".parquet", ".duckdb")  # their cells stand in json/ as well


def windows() -> dict[str, int]:
    """Tables that later days read, and how many days back they do."""
    found: dict[str, int] = {}
    for sources in SOURCES.values():
        for each in (one for source in sources for one in source.inputs if one.days > 1):
            found[each.table] = max(found.get(each.table, 1), each.days)
    return found


def build(
    home: Home,
    days: Sequence[date] | None,
    output: Path,
    say: Say,
    *,
    texts: bool = True,
    recent_items: bool = False,
) -> Manifest:
    """Publish `days` (None: all that were materialized) of `home` into the new folder `output`.

    Raises:
        MissingTableError: a day was not materialized.
        SnapshotError: `output` is there already, or a key or a path of this machine would have been published.
    """
    lake = lake_of(home)
    known = lake.days("round_log")
    chosen = sorted(set(days)) if days is not None else known
    if not chosen or any(day not in known for day in chosen):
        lacking = ", ".join(str(day) for day in chosen if day not in known) or "any day"
        raise MissingTableError(f"there are no tables of {lacking}", mend="materialize it: tokenarena run --day DAY")
    if output.exists():
        raise SnapshotError(f"{output} is there already", mend="give a new folder to --output")
    policy = Policy.of(known[-1], texts=not texts, recent_items=recent_items)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as scratch:
        folder = Path(scratch) / output.name
        folder.mkdir()
        manifest = _fill(home, lake, chosen, folder, policy, say)
        folder.rename(output)
    return manifest


def _fill(home: Home, lake: Lake, days: list[date], folder: Path, policy: Policy, say: Say) -> Manifest:
    say("raw logs ...")
    copied = {each.path: each for day in days for each in copy_day(home, day, folder / "raw", policy)}
    _copy_other_evidence(home, days, folder)
    say("tables ...")
    _write_tables(lake, days, folder, policy)
    specs = list(table_specs().values())
    build_portable(folder, _only(folder, days), specs, rehearsal=home.is_rehearsal)
    _write_documents(home, days, folder, policy)
    say("looking for keys and paths of this machine ...")
    _refuse_leaks(home, folder)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        kind="tokenarena snapshot",
        days=[day.isoformat() for day in days],
        versions={day.isoformat(): found.versions for day in days if (found := in_force(home, day)) is not None},
        made_with={name: versions_here()[name] for name in ("tokenarena", "duckdb", "polars")},
        canary=CANARY,
        licence={"data": DATA_LICENCE, "code": CODE_LICENCE},
        withheld=_withheld(policy) | _expired(home, days),
        rehearsal=home.is_rehearsal,
        files=[_entry(folder, path, copied.get(path)) for path in _files(folder)],
    )
    (folder / MANIFEST).write_text(manifest_json(manifest), encoding="utf-8")
    return manifest


def _only(folder: Path, days: list[date]) -> ParquetLake:
    """The lake of the folder, without the days that only windows need."""
    return _DaysOf(folder / TABLES, set(days))


class _DaysOf(ParquetLake):
    def __init__(self, root: Path, days: set[date]) -> None:
        super().__init__(root)
        self._days = days

    def days(self, table: str) -> list[date]:
        """The published days alone."""
        return [day for day in super().days(table) if day in self._days]


def _withheld(policy: Policy) -> dict[str, Any]:
    found: dict[str, Any] = {"own_items": True, "texts": policy.texts}
    return found | ({"gold_from": policy.gold_from.isoformat()} if policy.gold_from is not None else {})


def _expired(home: Home, days: list[date]) -> dict[str, Any]:
    """What was gone before anything could be withheld, by day and kind: the suites."""
    found = {day.isoformat(): expiry_of(home, day) for day in days}
    kinds = {
        day: {kind: sorted(of) for kind, of in (("frames", each.frames), ("texts", each.texts)) if of}
        for day, each in found.items()
    }
    gone = {day: each for day, each in kinds.items() if each}
    return {"expired": gone} if gone else {}


def _copy_other_evidence(home: Home, days: list[date], folder: Path) -> None:
    """Presets, prices and whatever else is raw: of the published days, and what belongs to no day."""
    raw = home.root / "raw"
    wanted = {f"day={day.isoformat()}" for day in days}
    for path in sorted(raw.rglob("*")):
        parts = path.relative_to(raw).parts
        of_day = next((part for part in parts if part.startswith("day=")), None)
        if path.is_symlink() or not path.is_file() or parts[0] == "probes" or of_day not in (None, *wanted):
            continue
        target = folder / "raw" / path.relative_to(raw)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    if home.is_rehearsal:
        shutil.copyfile(home.rehearsal_marker, folder / home.rehearsal_marker.name)


def _write_tables(lake: Lake, days: list[date], folder: Path, policy: Policy) -> None:
    published = ParquetLake(folder / TABLES)
    back = windows()
    for name in table_specs():
        for day in lake.days(name):
            reached = any(day < own and own - day < timedelta(days=back.get(name, 1)) for own in days)
            if day not in days and not reached:
                continue
            frame = lake.read(name, day)
            shown = redact_frame(name, day, frame, policy)
            published.write(name, day, shown)
            if day in days:
                _write_json(shown, folder / "json" / name / f"day={day.isoformat()}.jsonl")


def _write_json(frame: pl.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for row in frame.iter_rows(named=True):
            file.write(orjson.dumps(row, default=str) + b"\n")


def _write_documents(home: Home, days: list[date], folder: Path, policy: Policy) -> None:
    (folder / "README.md").write_text(
        readme(days, policy, _expired(home, days), rehearsal=home.is_rehearsal, canary=CANARY), encoding="utf-8"
    )
    (folder / "LICENSE-DATA.md").write_text(CC_BY, encoding="utf-8")
    shutil.copyfile(licence_file(), folder / "LICENSE")
    for source, target, pattern in (
        (docs_folder(), folder / "docs", "*.md"),
        (facts_folder().parent, folder / "facts", "**/*.csv"),
    ):
        for path in sorted(source.glob(pattern)):
            to = target / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
    for day in days:
        rounds = [found for found in closed_rounds(home, day) if found.manifest]
        endpoints = rounds[-1].manifest.get("endpoints", []) if rounds and rounds[-1].manifest else []
        path = folder / "catalog" / f"day={day.isoformat()}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(endpoints, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _files(folder: Path) -> list[Path]:
    return sorted(
        (path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.relative_to(folder).as_posix()
    )


def _entry(folder: Path, path: Path, copied: Copied | None) -> FileEntry:
    rows = copied.rows if copied else None
    if path.suffix == ".parquet":
        rows = pl.scan_parquet(path, hive_partitioning=False).select(pl.len()).collect().item()
    elif path.suffix == ".jsonl" and rows is None:
        rows = path.read_bytes().count(b"\n")
    compressed = path.suffix in (".zst", ".gz")
    return FileEntry(
        path=path.relative_to(folder).as_posix(),
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        rows=rows,
        unpacked_bytes=unpacked_size(path, 1 << 62) if compressed else None,
        rewritten=copied.rewritten if copied else False,
        sealed_sha256=copied.sealed_sha256 if copied else None,
    )


def _refuse_leaks(home: Home, folder: Path) -> None:
    """Look through every file for keys of this environment and for places of this machine."""
    needles = {text.encode(): what for text, what in _secrets(home)}
    for path in _files(folder):
        if path.suffix in BINARY:
            continue
        for what in _found(path, needles):
            raise SnapshotError(
                f"{path.relative_to(folder)} holds {what}: nothing was published",
                mend="see how it came there; with --without-texts no prompt and no answer is published",
            )


def _secrets(home: Home) -> Iterator[tuple[str, str]]:
    for path, what in ((home.root, "the path of the home"), (Path.cwd(), "the path of the current folder")):
        if len(path.parts) > 2:  # `/tmp`, `/data` and the like stand in many a text, and tell nothing of anybody
            yield str(path), what
    own = str(Path.home())
    if len(own) > MIN_SECRET_CHARS:
        yield own, "the path of your home folder"
    host = socket.gethostname()
    if len(host) > MIN_SECRET_CHARS and host != "localhost":
        yield host, "the name of this machine"
    for name, value in sorted(os.environ.items()):
        if name.upper().endswith(SECRET_ENDINGS) and len(value.strip()) > MIN_SECRET_CHARS:
            yield value.strip(), f"the value of {name}"


def _found(path: Path, needles: dict[bytes, str]) -> Iterator[str]:
    if not needles:
        return
    longest = max(map(len, needles))
    before = b""
    try:
        with open_plain(path) as stream:
            while data := stream.read(1 << 20):
                window = before + data
                yield from (what for needle, what in needles.items() if needle in window)
                before = window[-longest:]
    except (EOFError, OSError, ValueError):
        return
    except Exception as error:  # a file that breaks inside is published as it is
        if not type(error).__name__.startswith("Zstd"):
            raise TokenArenaError(f"{path.name} cannot be looked through: {error}") from error
