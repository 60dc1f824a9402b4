"""Writing a file so that a reader sees the old one or the new one, never half of one; and appending to one."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tokenarena_assets.storage.faults import explained

TEMPORARY = re.compile(r"^\..+\.(?P<pid>\d+)\.tmp(?:\.wal)?$")  # its writer can be asked after


def temporary_beside(path: Path) -> Path:
    """Where this process makes what is to take the place of `path`, or what is never to be seen."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place, flushed to disk, when the block ends well.

    Raises:
        StorageError: it cannot be written, or the block met a fault of storage; what was there stays.
    """
    temporary = temporary_beside(path)
    with explained(path, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _flush(temporary)
            temporary.replace(path)
            _flush(path.parent)
        finally:
            with suppress(OSError):  # what is wrong with the folder was said by then
                temporary.unlink(missing_ok=True)
                temporary.with_name(temporary.name + ".wal").unlink(missing_ok=True)  # DuckDB's, of one that failed


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def append_line(path: Path, line: bytes) -> None:
    """Append one line that several processes may append to, on disk before this returns.

    Raises:
        StorageError: it cannot be written.
    """
    with explained(path, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            torn = file.read(1) not in (b"", b"\n")  # it stays, and this line must not be glued to it
            file.write(b"\n" * torn + line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _flush(path.parent)


def is_leftover(name: str) -> bool:
    """Whether a file of that name is a temporary one whose writer was killed before it took its place."""
    match = TEMPORARY.match(name)
    return match is not None and not _lives(int(match["pid"]))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # somebody else's
        return True
    return True


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
