"""Faults of storage, made for real: told in words with a mend, and what was there stays byte for byte."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tokenarena_assets.chain.tables import ROUND_LOG
from tokenarena_assets.errors import StorageError
from tokenarena_assets.storage.faults import explained, in_words, require_parquet
from tokenarena_assets.storage.files import HOST
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake, lake_of
from tokenarena_assets.storage.publish import open_published, publish
from tokenarena_assets.storage.tables import Column, TableSpec
from tokenarena_assets_tests.storage.broken_disks import (
    AS_ANYBODY,
    content,
    given_to_nobody,
    mounted_read_only,
    needs_mounts,
    needs_root,
    on_a_small_disk,
    python,
    ran,
    tokenarena,
)

DAY = date(2026, 11, 2)
SPEC = TableSpec(
    "t", "A table.", "one row", "x", ("n",), (Column("day", "the day", pl.Date()), Column("n", "a number", pl.Int64()))
)
# Each way of writing, on a disk without a byte left, and again when there is room; the old content of every file.
ON_A_FULL_DISK = """
import json, sys
from datetime import date
from pathlib import Path
import polars as pl
from tokenarena_assets.errors import StorageError
from tokenarena_assets.storage.files import append_line
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import lake_of
from tokenarena_assets.storage.publish import publish
from tokenarena_assets.storage.rawlog import RoundWriter
from tokenarena_assets_tests.storage.broken_disks import content
from tokenarena_assets_tests.storage.test_faults import DAY, SPEC

home = Home(Path(sys.argv[1]) / "arena")
lake = lake_of(home)
many = SPEC.frame([{"day": DAY, "n": n * 7919 % 1000003} for n in range(20000)])
lake.write("t", DAY, many)
publish(home, [SPEC])
writer = RoundWriter(home, DAY, "20261102T000000Z-abcdef", {"schema_version": 1})
writer.append({"n": 1})

def duckdb_writes():
    with lake.connect({"t": DAY}) as connection, lake.replacing("t", DAY) as temporary:
        connection.execute(f"copy (from t) to '{temporary}' (format parquet)")

ways = {
    "polars": lambda: lake.write("t", DAY, many),
    "duckdb": duckdb_writes,
    "publish": lambda: publish(home, [SPEC]),
    "line": lambda: append_line(home.price_releases, b"x" * 10000),
    "raw": lambda: writer.append_line(b"x" * 10000),
    "seal": lambda: writer.seal("complete"),
}
filler = (Path(sys.argv[1]) / "filler").open("wb", buffering=0)
try:
    while True:
        filler.write(b"x" * 4096)
except OSError:
    pass
before, told = content(home.root), {}
for name, way in ways.items():
    try:
        way()
        told[name] = "written"
    except StorageError as error:
        told[name] = [error.message, error.mend]
after = content(home.root)
filler.truncate(0)
for way in ways.values():
    way()
print(json.dumps({
    "told": told,
    "changed": [name for name in before if after.get(name) != before[name] and not name.endswith(".part")],
    "evidence_kept": all(after[name].startswith(before[name]) for name in before if name.endswith(".part")),
    "litter": sorted(name for name in after if name.endswith((".tmp", ".wal"))),
}))
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A published home of one table."""
    found = Home(tmp_path / "arena")
    lake_of(found).write("round_log", DAY, ROUND_LOG.frame([]))
    publish(found, [ROUND_LOG])
    return found


def part(home: Home) -> Path:
    return ParquetLake(home.lake).path("round_log", DAY)


@needs_mounts
def test_a_full_disk_is_told_and_nothing_is_overwritten(tmp_path: Path) -> None:
    done = ran(on_a_small_disk(tmp_path / "disk", 3, python(ON_A_FULL_DISK, str(tmp_path / "disk"))))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    places = {
        "polars": "lake/t/day=2026-11-02/part-0.parquet cannot be written",
        "duckdb": "lake/t/day=2026-11-02/part-0.parquet cannot be written",
        "publish": "tokenarena.duckdb cannot be written",
        "line": "raw/prices/releases.jsonl cannot be written",
        "raw": "round=20261102T000000Z-abcdef.jsonl.part cannot be written",
        "seal": "/round=20261102T000000Z-abcdef.",
    }
    for name, place in places.items():
        message, mend = found["told"][name]
        assert place in message
        assert message.endswith("No space left on device")
        assert mend.startswith("free some space (df -h ")
    assert found["changed"] == []
    assert found["evidence_kept"]
    assert found["litter"] == []


@needs_mounts
def test_the_command_line_says_so_of_a_full_disk(home: Home, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    script = f'cp -a "{home.root}" "{disk}/arena"; cat /dev/zero > "{disk}/filler" 2>/dev/null; exec "$@"'
    command = ["sh", "-c", script, "sh", *tokenarena("publish")]
    done = ran(on_a_small_disk(disk, 2, command), disk / "arena")
    assert done.returncode == 1
    assert "arena/tokenarena.duckdb cannot be written: No space left on device" in done.stderr
    assert "mend: free some space" in done.stderr
    assert "Traceback" not in done.stderr


@needs_mounts
@pytest.mark.parametrize("command", [("publish",), ("run",), ("prices", "fetch")])
def test_a_home_that_is_mounted_read_only_is_told(home: Home, command: tuple[str, ...]) -> None:
    before = content(home.root)
    done = ran(mounted_read_only(home.root, tokenarena(*command)), home.root)
    assert done.returncode == 1
    assert f"tokenarena: {home.root} cannot be written: Read-only file system" in done.stderr
    assert "mend: it is on a read-only file system" in done.stderr
    assert "Traceback" not in done.stderr
    assert content(home.root) == before


@needs_mounts
def test_a_home_that_is_mounted_read_only_can_be_read(home: Home) -> None:
    done = ran(
        mounted_read_only(home.root, tokenarena("sql", "select count(*) as n from round_log", "--json")), home.root
    )
    assert json.loads(done.stdout) == [{"n": 0}]


@needs_root
@pytest.mark.parametrize("command", [("publish",), ("run",), ("doctor", "--json")])
def test_a_home_of_somebody_else_is_told(home: Home, command: tuple[str, ...]) -> None:
    given_to_nobody(home.root)
    before = content(home.root)
    done = ran([*AS_ANYBODY, *tokenarena(*command)], home.root)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert f"{home.root} cannot be written: Permission denied" in said
    assert f"{home.root} belongs to nobody and this runs as root: run as nobody, or give it over with chown -R" in said
    assert "Traceback" not in said
    assert content(home.root) == before


@needs_root
def test_one_file_of_somebody_else_is_named(home: Home) -> None:
    given_to_nobody(part(home).parent)
    program = """
import sys
from pathlib import Path
from tokenarena_assets.chain.tables import ROUND_LOG
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets_tests.storage.test_faults import DAY
try:
    ParquetLake(Path(sys.argv[1])).write("round_log", DAY, ROUND_LOG.frame([]))
except Exception as error:
    print(error)
"""
    done = ran([*AS_ANYBODY, *python(program, str(home.lake))])
    assert f"{part(home)} cannot be written: Permission denied" in done.stdout, done.stderr
    assert f"{part(home).parent} belongs to nobody" not in done.stdout, "the file is what is named, where it is there"
    assert f"{part(home)} belongs to nobody" in done.stdout


def test_a_database_that_another_program_holds_is_told(home: Home) -> None:
    program = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
    command = python(program, str(home.database))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline()
            with pytest.raises(StorageError) as caught, explained(home.database):
                duckdb.connect(str(home.database))
            assert f"{home.database} is held by another program: " in caught.value.message
            assert f"(PID {holder.pid})" in caught.value.message
            assert caught.value.mend == "close it there, then run again"
        finally:
            holder.kill()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda whole: whole[:-20],
    "empty": lambda whole: b"",
    "garbage": lambda whole: os.urandom(len(whole)),
    "footer": lambda whole: whole[:4] + b"\x00" * (len(whole) - 12) + whole[-8:],
    "other": lambda whole: b"day,n\n2026-11-02,1\n",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_partition_is_named_and_stays(home: Home, damage: str) -> None:
    path, lake = part(home), lake_of(home)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    before = content(home.root)
    for use in (
        lambda: lake.read("round_log", DAY),
        lambda: lake.connect({"round_log": DAY}),
        lambda: publish(home, [ROUND_LOG]),
    ):
        with pytest.raises(StorageError) as caught:
            use()
        assert f"{path} is damaged: " in caught.value.message
        assert caught.value.mend is not None
        assert caught.value.mend.endswith("make it anew from the raw evidence: tokenarena run --day 2026-11-02")
    assert content(home.root) == before
    with open_published(home) as connection:
        assert connection.execute("select count(*) from round_log").fetchone() == (0,)
    told = ran(tokenarena("publish"), home.root)
    assert told.returncode == 1
    assert f"{path} is damaged: " in told.stderr
    assert "Traceback" not in told.stderr


def test_the_doctor_looks_at_the_home(home: Home) -> None:
    whole = ran(tokenarena("doctor", "--json"), home.root)
    found = {each["check"]: each for each in json.loads(whole.stdout)}
    assert {found[name]["level"] for name in ("home", "home version", "owner", "leftovers", "tables")} == {"ok"}
    assert found["tables"]["finding"].endswith("; 1 partitions have whole footers")
    part(home).write_bytes(part(home).read_bytes()[:-1])
    litter = part(home).with_name(f".part-0.parquet.{HOST}.{_gone()}.tmp")
    litter.write_bytes(b"half")
    home.version_marker.write_text('{"layout_version": 2, "tokenarena": "9.1"}')
    told = ran(tokenarena("doctor", "--json"), home.root)
    assert told.returncode == 1
    found = {each["check"]: each for each in json.loads(told.stdout)}
    assert found["home version"]["level"] == found["tables"]["level"] == "FAIL"
    assert "is a home of version 2, written by tokenarena 9.1" in found["home version"]["finding"]
    assert "is damaged" in found["tables"]["finding"]
    assert found["leftovers"]["level"] == "warn"
    assert str(litter) in found["leftovers"]["finding"]


def _gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_an_error_that_is_none_of_storage_passes(home: Home) -> None:
    for error in (ValueError("x"), duckdb.CatalogException("no table parquet"), pl.exceptions.ColumnNotFoundError("x")):
        assert in_words(error, home.root) is None
        with pytest.raises(type(error)), explained(home.root):
            raise error
    assert in_words(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
    assert in_words(StorageError("in words already")) is None


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EROFS, "read-only file system"),
        (errno.EACCES, "belongs to"),
        (errno.EIO, "the disk fails"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOENT, "can be read and written"),
    ],
)
def test_every_fault_of_the_system_has_a_mend(tmp_path: Path, number: int, mend: str) -> None:
    told = in_words(OSError(number, os.strerror(number), str(tmp_path / "x")), tmp_path / "y", "written")
    assert told is not None
    assert told.message == f"{tmp_path / 'y'} cannot be written: {os.strerror(number)}"
    assert mend in (told.mend or "")


def test_a_whole_partition_passes(home: Home, tmp_path: Path) -> None:
    require_parquet(part(home))
    copy = tmp_path / "copy.parquet"
    shutil.copyfile(part(home), copy)
    require_parquet(copy)
