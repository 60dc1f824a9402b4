"""Raw files into a folder to publish: byte by byte where all of it may be seen, rewritten line by line where not."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import zstandard

from tokenarena_assets.chain.rounds import closed_rounds
from tokenarena_assets.snapshot.withhold import Policy, redact_line
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import (
    DAMAGED,
    UNREADABLE,
    RoundFiles,
    certificates_path,
    manifest_path,
    read_lines,
    seal_path,
)


@dataclass(frozen=True, slots=True)
class Copied:
    """A raw file as it was published; `sealed_sha256` of one that was rewritten is the hash of the original."""

    path: Path
    rows: int | None = None
    rewritten: bool = False
    sealed_sha256: str | None = None


def copy_round(found: RoundFiles, day: date, target: Path, policy: Policy) -> Iterator[Copied]:
    """Publish the files of one round into the day's folder `target`."""
    target.mkdir(parents=True, exist_ok=True)
    yield _copy_log(found, day, target / found.log.name, policy)
    manifest = manifest_path(found.log, found.round_id)
    if manifest.exists():
        yield Copied(_copy_manifest(manifest, target / manifest.name))
    seal = seal_path(found.log, found.round_id)
    if seal.exists():
        yield Copied(Path(shutil.copyfile(seal, target / seal.name)))


def copy_day(home: Home, day: date, raw: Path, policy: Policy) -> Iterator[Copied]:
    """Publish all closed rounds of a day with their certificates."""
    target = raw / "probes" / f"day={day.isoformat()}"
    for found in closed_rounds(home, day):
        yield from copy_round(found, day, target, policy)
        certificates = certificates_path(home, day, found.round_id)
        if certificates.exists():
            copied = target / certificates.name
            shutil.copyfile(certificates, copied)
            yield Copied(copied, rows=copied.read_bytes().count(b"\n"))


def _copy_log(found: RoundFiles, day: date, target: Path, policy: Policy) -> Copied:
    rows, changed, unreadable = 0, False, False
    with _writing(target) as write:
        for line in read_lines(found.log):
            if line.problem is not None and line.problem.startswith((UNREADABLE, DAMAGED)):
                unreadable = True
                break
            rows += 1
            data = redact_line(line.data, day, policy)
            changed = changed or data != line.data
            write(data if line.problem == "no_line_end" else data + b"\n")
    # What cannot be read cannot be looked through: of a file that is rewritten it is left out.
    if not changed and not (unreadable and policy.texts):
        shutil.copyfile(found.log, target)
        return Copied(target, rows)
    return Copied(target, rows, rewritten=True, sealed_sha256=_sealed(found))


def _sealed(found: RoundFiles) -> str | None:
    return (found.seal or {}).get("sha256")


@contextmanager
def _writing(target: Path) -> Iterator[Callable[[bytes], object]]:
    """Writes a file in the form that its name says: the same lines give the same bytes."""
    with target.open("wb") as file:
        if target.name.endswith(".zst"):
            with zstandard.ZstdCompressor(level=6, write_checksum=True).stream_writer(file, closefd=False) as writer:
                yield writer.write
        elif target.name.endswith(".gz"):
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped:
                yield zipped.write
        else:
            yield file.write


def _copy_manifest(source: Path, target: Path) -> Path:
    """Without the folders of a person's own files: their names and hashes stay."""
    manifest = json.loads(source.read_text(encoding="utf-8"))
    options = manifest.get("options") if isinstance(manifest, dict) else None
    if not isinstance(options, dict) or not (options.get("items_file") or options.get("anchors")):
        return Path(shutil.copyfile(source, target))
    if options.get("items_file"):
        options["items_file"] = Path(str(options["items_file"])).name
    options["anchors"] = [[name, Path(str(path)).name] for name, path in options.get("anchors") or []]
    target.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return target
