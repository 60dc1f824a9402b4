"""The raw probe log: append-only rounds of one JSON object per request, flushed line by line, then sealed.

While a round runs it is `round=<id>.jsonl.part`, locked by its writer. A finished round is compressed to
`round=<id>.jsonl.zst` and sealed with a manifest of its counts and SHA-256. What was written is never rewritten, but by
a retention policy, and then its seal says so.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import io
import json
import math
import os
import re
import zlib
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import numpy as np
import orjson
import zstandard

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.faults import explained
from tokenarena_assets.storage.files import replacing, write_text
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rehearsal import require_kind

ROUND_FILE = re.compile(r"^round=(?P<round_id>[A-Za-z0-9._-]+?)\.jsonl(?P<form>\.zst|\.gz|\.part)?$")
CERTIFICATES_SUFFIX, MANIFEST_SUFFIX, SEAL_SUFFIX = ".certificates.jsonl", ".manifest.json", ".seal.json"
ZSTD_MAGIC, GZIP_MAGIC = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
UNREADABLE, DAMAGED = "unreadable_file", "damaged_file"
DAMAGE = (zstandard.ZstdError, zlib.error, gzip.BadGzipFile)
LINE_END = 10
MAX_LINE_BYTES = 128 * 1024 * 1024  # more than the largest response makes, control characters written as \u0001
READ_BYTES = 128 * 1024
PACKED_STEP_BYTES = 1024  # a hostile frame makes 32 MB of so much, and half a gigabyte of sixteen times that
UNPACKED_READ_BYTES = 16 * 1024
SEAL_PIECE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line of the raw log and its place; `problem` says why the bytes could not be read to their end."""

    file: str
    line: int
    data: bytes
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RoundFiles:
    """The files of one round: its log (in one of its forms), what it set out to do, and its seal.

    A file that is the log of no round of its own is `stray`: a second copy, or one whose name says nothing. Its id is
    its name, so that its lines have a place.
    """

    round_id: str
    log: Path
    stray: bool = False

    @property
    def is_open(self) -> bool:
        """Still `.part`: running, or cut off."""
        return not self.stray and self.log.name.endswith(".part")

    @property
    def manifest(self) -> dict[str, Any] | None:
        """What the round set out to do; read anew each time, since a day may have thousands."""
        return _read_json(manifest_path(self.log, self.round_id))

    @property
    def seal(self) -> dict[str, Any] | None:
        """What the round came to."""
        return _read_json(seal_path(self.log, self.round_id))


def rounds_of(home: Home, day: date) -> list[RoundFiles]:
    """The rounds of a day in the order of their ids (which begin with their start); open ones included.

    Of a round that lies in several forms the sealed one counts: a crash between sealing and removing the open file
    leaves both, and the sealed one holds all of it. With a spool, its rounds too, as long as they are not shipped.
    """
    shared = rounds_in(home.raw_day(day))
    if home.spool is None:
        return shared
    names = {found.round_id for found in shared}
    both = shared + [found for found in rounds_in(home.written_day(day)) if found.round_id not in names]
    return sorted(both, key=lambda found: found.round_id)


def rounds_in(folder: Path) -> list[RoundFiles]:
    """The rounds whose files lie in `folder`, in the order of their ids."""
    found: dict[str, Path] = {}
    for path in _visible(folder):
        if (match := ROUND_FILE.match(path.name)) and not path.name.endswith(CERTIFICATES_SUFFIX):
            earlier = found.get(match["round_id"])
            found[match["round_id"]] = path if earlier is None else min(path, earlier, key=_precedence)
    return [RoundFiles(round_id, path) for round_id, path in sorted(found.items())]


def _precedence(path: Path) -> int:
    return (".zst", ".gz", ".jsonl", ".part").index(path.suffix)


def logs_of(home: Home, day: date) -> list[RoundFiles]:
    """Every file of a day that may hold lines, whatever its name: nothing that lies there is passed over unseen.

    The rounds, then what else is there: a renamed log stands for its round where that has none, everything else is
    `stray` (its lines are doubles, or no records, and the chain says so of each). Certificates, manifests, seals and
    hidden files hold no lines.
    """
    found = rounds_of(home, day)
    taken = {each.log for each in found} | {each.log.with_name(f"round={each.round_id}.jsonl.part") for each in found}
    known = {each.round_id for each in found}
    for path in _visible(home.raw_day(day)):
        if path in taken or path.name.endswith((CERTIFICATES_SUFFIX, MANIFEST_SUFFIX, SEAL_SUFFIX)):
            continue
        own = next((r["round_id"] for r in records_of(path) if isinstance(r.get("round_id"), str)), None)
        is_its_log = own is not None and own not in known and manifest_path(path, own).exists()
        found.append(RoundFiles(own, path) if own and is_its_log else RoundFiles(path.name, path, stray=True))
        known.add(found[-1].round_id)
    return sorted(found, key=lambda each: (each.stray, each.round_id))


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []


def manifest_path(log: Path, round_id: str) -> Path:
    """What the round set out to do, written once before its first request."""
    return log.with_name(f"round={round_id}{MANIFEST_SUFFIX}")


def seal_path(log: Path, round_id: str) -> Path:
    """What the round came to, written once when it was compressed."""
    return log.with_name(f"round={round_id}{SEAL_SUFFIX}")


def certificates_path(home: Home, day: date, round_id: str) -> Path:
    """What the client measured of itself before and during the round, a line each."""
    name = f"round={round_id}{CERTIFICATES_SUFFIX}"
    shipped = home.raw_day(day) / name
    return shipped if home.spool is None or shipped.exists() else home.written_day(day) / name


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise TokenArenaError(
            f"{path}: cannot be read: {error}", mend="restore it from a backup or remove it"
        ) from error
    if not isinstance(data, dict):
        raise TokenArenaError(f"{path}: is not a JSON object", mend="restore it from a backup or remove it")
    return data


def read_lines(path: Path) -> Iterator[RawLine]:
    """Every line of a round's log, in any of its forms.

    A file whose compression ends early yields what could be read and one last line that says so (`unreadable_file`);
    so does one whose bytes are not those that were compressed (`damaged_file`), and nothing read of it can be trusted.
    """
    name = path.name
    number = 0
    try:
        with open_plain(path) as stream:
            for data, problem in _split(stream):
                number += 1
                yield RawLine(name, number, data, problem)
    except DAMAGE as error:
        yield RawLine(name, number + 1, b"", f"{DAMAGED}: {error}")
    except (EOFError, OSError) as error:
        yield RawLine(name, number + 1, b"", f"{UNREADABLE}: {error}")


def _split(stream: IO[bytes]) -> Iterator[tuple[bytes, str | None]]:
    """The lines of a stream without their ends, split block by block; of one that is too long, its beginning."""
    begun: list[bytes] = []  # pieces of a line whose end is still to come
    held, cut = 0, False
    while block := cast("Any", stream).read1(READ_BYTES):
        *ends, rest = block.split(b"\n")
        for piece in ends:
            line = b"".join([*begun, piece]) if begun else piece
            begun, held = [], 0
            if cut or len(line) >= MAX_LINE_BYTES:
                yield line[:MAX_LINE_BYTES], "line_too_long"
                cut = False
            else:
                yield line, None
        if rest and not cut:
            begun.append(rest)
            held += len(rest)
            cut = held >= MAX_LINE_BYTES  # what comes until its end is passed over
    if begun:
        line = b"".join(begun)
        yield (line[:MAX_LINE_BYTES], "line_too_long") if cut else (line, "no_line_end")


def open_plain(path: Path) -> IO[bytes]:
    """The uncompressed bytes of a log in any of its forms; its first bytes tell which, its name where they do not."""
    with path.open("rb") as file:
        magic = file.read(len(ZSTD_MAGIC))
    if magic == ZSTD_MAGIC or (path.name.endswith(".zst") and not magic.startswith(GZIP_MAGIC)):
        return io.BufferedReader(_ZstdFrames(path), buffer_size=UNPACKED_READ_BYTES)
    if magic.startswith(GZIP_MAGIC) or path.name.endswith(".gz"):
        if not magic:
            raise EOFError("the file is empty")
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


class _ZstdFrames(io.RawIOBase):
    """The content of one zstd frame after the other; a file that ends inside a frame raises."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = memoryview(b"")  # sliced without copying what is left
        self._in_frame = True  # a file without any frame is cut as well

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            data = self._frame.unused_data or self._file.read(PACKED_STEP_BYTES)
            if not data:
                if self._in_frame:
                    raise EOFError("the file ends inside a zstd frame")
                return 0
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._ready = memoryview(self._frame.decompress(data))
            self._in_frame = not self._frame.eof
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def encoded(record: dict[str, Any]) -> bytes:
    """A record as one line of JSON, without its line end.

    Raises:
        ValueError: it holds NaN or an infinity, which JSON cannot.
    """
    # orjson would write them as null. Frames are text and whole numbers, and most of a record.
    _require_finite([value for name, value in record.items() if name != "frames"])
    try:
        return orjson.dumps(record)  # five times as fast: a round must not stop to write
    except TypeError:  # what an endpoint sent may be a number beyond 64 bits, or half a surrogate pair
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8", "replace")


def _require_finite(value: Any) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be written as JSON")
    elif isinstance(value, dict):
        _require_finite(list(value.values()))
    elif isinstance(value, list | tuple):
        for entry in value:
            _require_finite(entry)


class RoundWriter:
    """Appends request records to an open round and seals it; holds a lock that dies with the process."""

    def __init__(self, home: Home, day: date, round_id: str, manifest: dict[str, Any] | None) -> None:
        """Start a round (`manifest` given) or go on with one that was cut off (`manifest` None).

        Raises:
            RehearsalError: the home takes no rounds of this kind.
            StorageError: the folder or the file cannot be written.
            TokenArenaError: another process is writing this round, or has sealed it meanwhile.
        """
        if manifest is not None:
            require_kind(home, rehearsal=manifest.get("rehearsal") is True)
        folder = home.written_day(day)
        with explained(folder, "written"):
            folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"round={round_id}.jsonl.part"
        self.round_id = round_id
        if manifest is not None:
            write_text(manifest_path(self.path, round_id), json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
        if manifest is None and not self.path.exists():
            raise self._sealed_meanwhile()
        with explained(self.path, "written"):
            self._file = self.path.open("ab", buffering=0)  # a record not written must not be tried again later
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise TokenArenaError(
                f"{self.path} is being written by another process", mend="wait for that round to end"
            ) from None
        if self._sealed_path.exists():  # its seal comes before the open file goes
            self._file.close()
            raise self._sealed_meanwhile()
        self._end_torn_line()

    @property
    def _sealed_path(self) -> Path:
        return self.path.with_name(f"round={self.round_id}.jsonl.zst")

    def _sealed_meanwhile(self) -> TokenArenaError:
        return TokenArenaError(f"round {self.round_id} was sealed by another process", mend="start a new round")

    def _end_torn_line(self) -> None:
        # A torn line stays, as evidence; the next record must not be glued to it.
        if self._file.tell() > 0:
            with self.path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    self._file.write(b"\n")

    def append(self, record: dict[str, Any]) -> None:
        """Write one record as one line and hand it to the system before returning."""
        self.append_line(encoded(record))

    def append_line(self, line: bytes) -> None:
        """Write one record that was encoded elsewhere.

        Raises:
            StorageError: the disk takes no more; what it took of the line stays, and the round stays open.
        """
        left = memoryview(line + b"\n")
        with explained(self.path, "written"):
            while left:
                left = left[self._file.write(left) :]

    def close(self) -> None:
        """Leave the round open for a later run to complete."""
        self._file.close()

    def seal(self, state: str) -> Path:
        """Compress the round, write its seal, remove the open form. `state`: complete or partial."""
        os.fsync(self._file.fileno())
        digest, rows = hashlib.sha256(), 0
        with replacing(self._sealed_path) as temporary:
            # Piece by piece: a round may be larger than the memory.
            compressor = zstandard.ZstdCompressor(level=6, write_checksum=True).compressobj(self.path.stat().st_size)
            with self.path.open("rb") as source, temporary.open("wb") as target:
                for piece in iter(lambda: source.read(SEAL_PIECE_BYTES), b""):
                    rows += piece.count(b"\n")
                    _write_hashed(target, digest, compressor.compress(piece))
                _write_hashed(target, digest, compressor.flush())
            seal = {
                "round_id": self.round_id,
                "state": state,
                "sealed_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "rows": rows,
                "sha256": digest.hexdigest(),
            }
            # The seal first: killed between two of these lines, the round is still open, or whole and sealed.
            write_text(seal_path(self.path, self.round_id), json.dumps(seal, indent=1) + "\n")
        self.path.unlink()
        self._file.close()
        return self._sealed_path


def _write_hashed(file: IO[bytes], digest: Any, data: bytes) -> None:
    file.write(data)
    digest.update(data)


def is_being_written(path: Path) -> bool:
    """Whether some process holds the lock of an open round, or has just sealed it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return True
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def records_of(path: Path, names: tuple[str, ...] | None = None) -> Iterator[dict[str, Any]]:
    """The records of a round, of each all fields or those of `names`.

    What is not asked for is not built, and frames are most of a line. A line that is no record is left to the chain,
    which reports it with its place.
    """
    decode = orjson.loads if names is None else _decoder(names)
    for line in read_lines(path):
        if (record := _record(line.data, decode)) is not None:
            yield record


def records_at(path: Path, lines: Set[int], names: tuple[str, ...]) -> dict[int, dict[str, Any]]:
    """Those fields of the records in some lines of a round, by line; without those that cannot be read.

    Of bytes that are no UTF-8 the rest is read: the chain takes such a line, where it does not look at them.
    """
    found: dict[int, dict[str, Any]] = {}
    decode = _decoder(names)
    with contextlib.suppress(*DAMAGE, EOFError, OSError), open_plain(path) as stream:
        for number, data in _picked(stream, lines):
            record = _record(data, decode) or _record(data.decode("utf-8", "replace").encode(), decode)
            if record is not None:
                found[number] = record
    return found


def _record(data: bytes, decode: Callable[[bytes], Any]) -> dict[str, Any] | None:
    try:
        record = decode(data)
    except (ValueError, msgspec.DecodeError, RecursionError):
        try:
            record = json.loads(data)  # half a surrogate pair, or another number than orjson knows
        except (ValueError, RecursionError):
            return None
    return record if isinstance(record, dict) else None


def _picked(stream: IO[bytes], wanted: Set[int]) -> Iterator[tuple[int, bytes]]:
    """Some lines of a stream, numbered from 1. Line ends of a block are counted where none of its lines is wanted."""
    rest = iter(sorted(wanted))
    following, number = next(rest, None), 1
    begun: list[bytes] = []
    while following is not None and (block := cast("Any", stream).read1(READ_BYTES)):
        ends = np.count_nonzero(np.frombuffer(block, np.uint8) == LINE_END)  # five times as fast as bytes.count
        if number + ends < following:
            number += int(ends)
            continue
        *whole, tail = block.split(b"\n")
        for piece in whole:
            if number == following:
                yield number, b"".join([*begun, piece])
                begun, following = [], next(rest, None)
            number += 1
        if number == following:
            begun.append(tail)
    if begun and following is not None:
        yield following, b"".join(begun)


@cache
def _decoder(names: tuple[str, ...]) -> Callable[[bytes], dict[str, Any]]:
    part = msgspec.defstruct("Part", [(name, Any, msgspec.UNSET) for name in names], gc=False)
    decode = msgspec.json.Decoder(part).decode
    values_of = msgspec.structs.astuple

    def fields(data: bytes) -> dict[str, Any]:
        values = zip(names, values_of(decode(data)), strict=True)
        return {name: value for name, value in values if value is not msgspec.UNSET}

    return fields


def request_ids(path: Path) -> set[str]:
    """The requests that a round has a record of; one whose line was torn is none of them."""
    return {
        record["request_id"]
        for record in records_of(path, ("request_id",))
        if isinstance(record.get("request_id"), str)
    }


def failures_by_endpoint(path: Path) -> dict[str, dict[str, int]]:
    """What went wrong in a round: endpoint_id -> "status: error" -> how often."""
    failures: dict[str, dict[str, int]] = {}
    for record in records_of(path, ("endpoint_id", "status", "error")):
        if "status" not in record or "endpoint_id" not in record:
            continue
        status, endpoint_id = str(record["status"]), str(record["endpoint_id"])
        if status not in ("ok", "truncated"):
            reasons = failures.setdefault(endpoint_id, {})
            reason = f"{status}: {record['error']}" if record.get("error") else status
            reasons[reason] = reasons.get(reason, 0) + 1
    return failures
