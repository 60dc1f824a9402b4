"""What the system, DuckDB and Polars say of a file that cannot be used, in words that name the file and the mend."""

from __future__ import annotations

import errno
import getpass
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tokenarena_assets.errors import StorageError, TokenArenaError

AGAIN = "run the same command again: what was there is untouched, what was begun is completed"
# DuckDB and Polars hand on the system's sentence, without its number.
SENTENCES = {
    os.strerror(number): number
    for number in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOTDIR,
    )
} | {  # SQLite, which holds Dagster's runs, has sentences of its own
    "database or disk is full": errno.ENOSPC,
    "attempt to write a readonly database": errno.EROFS,
    "unable to open database file": errno.EACCES,
}
LIBRARIES = ("duckdb", "_duckdb", "polars", "sqlite3", "sqlalchemy")  # none of them is imported for this
LOCKED = re.compile(r"Could not set lock on file .*?Conflicting lock is held in (?P<holder>.+?\(PID \d+\))", re.DOTALL)
DAMAGED = re.compile(
    r"(?i)no magic bytes|parquet|thrift|tprotocol|file out of specification|snappy|zstd|footer|not a valid duckdb"
    r"|corrupt|checksum"
)
# DuckDB has no class of its own for what Thrift says of a footer.
OF_FILES = ("IOException", "InvalidInputException", "SerializationException", "FatalException", "Error", "ComputeError")
NAMED = re.compile(r"['\"](/[^'\"]+)['\"]")
DAY = re.compile(r"day=(\d{4}-\d\d-\d\d)")
PARQUET_MAGIC = b"PAR1"
SMALLEST_PARQUET_BYTES = 12  # the magic, the footer's length, the magic


@contextmanager
def explained(path: Path, to_be: str = "read") -> Iterator[None]:
    """Inside the block a fault of storage at `path`, which is to be read or written, is put in words; others pass.

    Raises:
        StorageError: the file or its folder cannot be used.
    """
    try:
        yield
    except Exception as error:
        told = in_words(error, path, to_be)
        if told is None:
            raise
        raise told from error


@contextmanager
def explained_reading(files: Sequence[str]) -> Iterator[None]:
    """As :func:`explained`, for a query over many Parquet files, of which DuckDB may not say which one is damaged.

    Raises:
        StorageError: one of them cannot be read.
    """
    try:
        yield
    except Exception as error:
        told = in_words(error, Path(files[0]), "read") if files else None
        if told is None:
            raise
        for file in map(Path, files):
            if file.exists():
                require_footer(file)
        raise told from error


def in_words(error: BaseException, path: Path | None = None, to_be: str = "used") -> StorageError | None:
    """A fault of storage in words; None where it is none, or is in words already."""
    if isinstance(error, TokenArenaError):
        return None
    if isinstance(error, OSError):
        return _of_system(error, path, to_be)
    if type(error).__module__.partition(".")[0] in LIBRARIES:
        return _of_library(error, path, to_be)
    return None


def require_parquet(path: Path) -> None:
    """Refuse a partition that was cut or is something else, by its first and last bytes.

    Raises:
        StorageError: it is no whole Parquet file.
    """
    with explained(path), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(len(PARQUET_MAGIC))
        file.seek(max(0, size - len(PARQUET_MAGIC)))
        if size < SMALLEST_PARQUET_BYTES or head != PARQUET_MAGIC or file.read() != PARQUET_MAGIC:
            raise _damaged(path, f"{size} bytes that are no whole Parquet file")


def require_footer(path: Path) -> None:
    """Refuse a partition whose footer cannot be read; slower than :func:`require_parquet`.

    Raises:
        StorageError: it is no whole Parquet file.
    """
    import polars as pl  # noqa: PLC0415 - heavy, and few who import this module need it

    require_parquet(path)
    with explained(path):
        pl.read_parquet_schema(path)


def _of_system(error: OSError, path: Path | None, to_be: str) -> StorageError | None:
    named = [name for name in (error.filename2, error.filename) if isinstance(name, str)]
    number = error.errno if error.errno is not None else _number_in(str(error))
    if path is None and not (named and number in SENTENCES.values()):
        return None  # of a socket, say
    place = path if path is not None else Path(named[0])
    problem = os.strerror(number) if number is not None else str(error)
    return StorageError(f"{place} cannot be {to_be}: {problem}", mend=_mend(number, place))


def _of_library(error: BaseException, path: Path | None, to_be: str) -> StorageError | None:
    text = " ".join(str(error).partition("\nLINE 1:")[0].split())  # less the query
    found = NAMED.search(text)
    place = Path(found[1]) if found else path
    if path is not None and place is not None and place.name.startswith(f".{path.name}."):
        place = path  # nobody knows our temporary files by name
    if (lock := LOCKED.search(str(error))) is not None:
        return StorageError(
            f"{place} is held by another program: {lock['holder']}", mend="close it there, then run again"
        )
    if place is None:
        return None
    if (number := _number_in(text)) is not None:
        return StorageError(f"{place} cannot be {to_be}: {os.strerror(number)}", mend=_mend(number, place))
    if type(error).__name__ in OF_FILES and DAMAGED.search(text):
        return _damaged(place, text)
    return None


def _damaged(path: Path, what: str) -> StorageError:
    day = DAY.search(str(path))
    again = f"tokenarena run --day {day[1]}" if day else "tokenarena publish"
    return StorageError(
        f"{path} is damaged: {what}", mend=f"move it away and make it anew from the raw evidence: {again}"
    )


def _number_in(text: str) -> int | None:
    return next((number for sentence, number in SENTENCES.items() if sentence in text), None)


def _mend(number: int | None, path: Path) -> str:
    match number:
        case errno.ENOSPC | errno.EDQUOT:
            return f"free some space (df -h {_present(path.parent)}), then {AGAIN}"
        case errno.EFBIG:
            return f"free some space or raise the limit on file sizes (ulimit -f), then {AGAIN}"
        case errno.EROFS:
            return "it is on a read-only file system: mount it for writing, or set TOKENARENA_HOME to another folder"
        case errno.EACCES | errno.EPERM:
            return _mend_of_owner(_present(path))
        case errno.EMFILE | errno.ENFILE:
            return f"too many files are open: raise the limit (ulimit -n), then {AGAIN}"
        case errno.EIO:
            return "the disk fails (dmesg says how): copy raw/ to another one and set TOKENARENA_HOME to it"
        case _:
            return f"see that {_present(path)} can be read and written, then {AGAIN}"


def _present(path: Path) -> Path:
    """The path itself, or the nearest folder above it that is there."""
    for place in (path, *path.parents):
        try:
            place.lstat()
        except OSError:
            continue
        return place
    return path


def _mend_of_owner(place: Path) -> str:
    owner = owner_of(place)
    return f"{place} belongs to {owner} and this runs as {user()}: run as {owner}, or give it over with chown -R"


def owner_of(path: Path) -> str:
    """The owner's name; the number of one that this system does not know."""
    try:
        return path.owner()
    except KeyError:
        return str(path.stat().st_uid)


def user() -> str:
    """The user as whom this runs."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())
