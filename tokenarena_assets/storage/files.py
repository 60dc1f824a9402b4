"""Writing a file so that a reader sees the old one or the new one, never half of one; and appending to one."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tokenarena_assets.storage.faults import explained

HOST = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40] or "-"
TEMPORARY = re.compile(r"^\..+\.(?P<host>[A-Za-z0-9-]+)\.(?P<pid>\d+)\.tmp(?:\.wal)?$")
DAY_S = 86_400  # no writer takes so long


def temporary_beside(path: Path) -> Path:
    """Where this process makes what is to take the place of `path`, or what is never to be seen."""
    return path.with_name(f".{path.name}.{HOST}.{os.getpid()}.tmp")


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


def is_leftover(path: Path) -> bool:
    """Whether it is a temporary file of a writer that was killed; of another machine only its age can tell."""
    match = TEMPORARY.match(path.name)
    if match is None:
        return False
    if match["host"] == HOST:
        return not _lives(int(match["pid"]))
    try:
        return time.time() - path.lstat().st_mtime > DAY_S
    except OSError:  # it has just gone
        return False


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
