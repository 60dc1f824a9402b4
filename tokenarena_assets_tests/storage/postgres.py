"""A PostgreSQL server of a test's own: on a Unix socket, in a temporary folder, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = "-c listen_addresses='' -c max_connections=100"


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; Debian has them outside of the path."""
    found = shutil.which("pg_ctl")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return places[-1] if places else None


class Server:
    """One server; it listens in its own folder alone."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.folder, self._bin = folder, bin_folder
        self._user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(
            command, user=self._user, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        assert done.returncode == 0, done.stderr.decode()

    def control(self, *arguments: str) -> None:
        """`pg_ctl`: start, stop or restart, waiting for its end."""
        log, options = self.folder / "log", f"-k {self.folder} {SETTINGS}"
        self.run("pg_ctl", "-s", "-w", "-D", str(self.folder / "data"), "-l", str(log), "-o", options, *arguments)

    def sql(self, statement: str, database: str = "postgres") -> None:
        """Run a statement by `psql`."""
        self.run("psql", "-q", "-h", str(self.folder), "-U", "postgres", "-d", database, "-c", statement)

    def catalog(self, database: str) -> str:
        """How `TOKENARENA_LAKE` names a database of this server."""
        return f"ducklake:postgres:host={self.folder} user=postgres dbname={database}"


@contextmanager
def server() -> Iterator[Server]:
    """A running server."""
    bin_folder = binaries()
    assert bin_folder is not None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a socket's path may have 107 bytes: not in pytest's folder
    found = Server(folder, bin_folder)
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        found.run("initdb", "-A", "trust", "-U", "postgres", "-N", "-D", str(folder / "data"))
        found.control("start")
        try:
            yield found
        finally:
            found.control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
