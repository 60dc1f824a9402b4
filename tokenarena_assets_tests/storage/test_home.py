"""The home: its version is written at the first write and never passed over; what killed writers left goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tokenarena_assets import __version__
from tokenarena_assets.cli import app
from tokenarena_assets.defs.instance import prepare_instance
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.errors import StorageError
from tokenarena_assets.storage.files import HOST, replacing, write_text
from tokenarena_assets.storage.home import LAYOUT_VERSION, Home
from tokenarena_assets.storage.publish import publish
from tokenarena_assets_tests.storage.broken_disks import content, ran, tokenarena

DAY = date(2026, 11, 2)
COMMANDS = (
    ("run",),
    ("probe",),
    ("demo",),
    ("publish",),
    ("sql", "select 1"),
    ("leaderboard",),
    ("prices", "fetch"),
    ("prices", "release", "a/b@c", "--reason", "x"),
    ("explain", "2026-11-02", "chat", "a/b@c"),
    ("recompute",),
    ("report",),
    ("audit",),
    ("fleet", "up"),
    ("fleet", "rehearse"),
    ("snapshot", "--days", "2026-11-02..2026-11-02", "--output", "OUT"),
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


def _gone() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_first_write_marks_a_home_and_reading_does_not(home: Home) -> None:
    assert home.layout_version() == LAYOUT_VERSION == 1
    assert Home.at(home.root) == home
    assert not home.root.exists()
    home.begin_writing()
    assert json.loads(home.version_marker.read_text()) == {"layout_version": 1, "tokenarena": __version__}
    before = home.version_marker.stat().st_mtime_ns
    home.begin_writing()
    assert home.version_marker.stat().st_mtime_ns == before


def test_a_home_without_a_marker_is_of_the_first_version(home: Home) -> None:
    write_text(home.raw_day(DAY) / "round=a.jsonl", "")
    assert Home.at(home.root).layout_version() == 1


@pytest.mark.parametrize("text", ["", "null", "{}", '{"layout_version": "1"}', '{"layout_version": 0}', "[1]", "\x00"])
def test_a_marker_that_names_no_version_is_refused(home: Home, text: str) -> None:
    home.root.mkdir()
    home.version_marker.write_text(text)
    with pytest.raises(StorageError, match="names no version of the home") as caught:
        Home.at(home.root)
    assert '"layout_version": 1' in (caught.value.mend or "")
    assert home.version_marker.read_text() == text


@pytest.fixture
def newer(home: Home) -> Home:
    home.root.mkdir()
    home.version_marker.write_text('{"layout_version": 2, "tokenarena": "9.1", "and": ["more"]}')
    return home


def test_a_newer_home_is_refused_before_anything_is_written(newer: Home) -> None:
    before = content(newer.root)
    for write in (
        newer.begin_writing,
        lambda: publish(newer, []),
        lambda: prepare_instance(newer),
        lambda: Arena(home_folder=str(newer.root)).home,
    ):
        with pytest.raises(StorageError, match=r"is a home of version 2, written by tokenarena 9\.1") as caught:
            write()
        assert f"this is tokenarena {__version__}, which knows version 1" in caught.value.message
        assert caught.value.mend == "use that version or a newer one, or set TOKENARENA_HOME to another folder"
    assert content(newer.root) == before


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_every_command_refuses_a_newer_home(
    newer: Home, tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(tmp_path)
    monkeypatch.setenv("TOKENARENA_HOME", str(newer.root))
    arguments = [str(tmp_path / part) if part == "OUT" else part for part in command]
    refused = CliRunner().invoke(app, arguments).exception
    assert isinstance(refused, StorageError), refused
    assert refused.message.startswith(f"{newer.root} is a home of version 2")
    assert content(tmp_path) == before


def test_the_refusal_is_told_with_its_mend(newer: Home) -> None:
    done = ran(tokenarena("sql", "select 1"), newer.root)
    assert done.returncode == 1
    assert done.stderr.startswith(f"tokenarena: {newer.root} is a home of version 2")
    assert "\n  mend: use that version or a newer one" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_killed_writers_left_goes_and_nothing_else(home: Home) -> None:
    gone, ours = f"{HOST}.{_gone()}", f"{HOST}.{os.getpid()}"
    lake = home.lake / "t" / "day=2026-11-02"
    litter = [
        lake / f".part-0.parquet.{gone}.tmp",
        home.raw_day(DAY) / f".round=a.jsonl.zst.{gone}.tmp",
        home.root / f".tokenarena.duckdb.{gone}.tmp",
        home.root / f".tokenarena.duckdb.{gone}.tmp.wal",
        home.dagster / f".dagster.yaml.{gone}.tmp",
        lake / f".reading.{gone}.tmp" / "0" / "0-0.arrow",
    ]
    kept = [
        lake / f".part-0.parquet.{ours}.tmp",
        lake / f".part-0.parquet.{HOST}.1.tmp",
        lake / f".part-0.parquet.elsewhere.{gone.rpartition('.')[2]}.tmp",
        lake / "part-0.parquet",
        lake / f"notes.{gone}.tmp",
        home.root / ".publish.lock",
        home.dagster / "storage" / f".x.{gone}.tmp",
    ]
    for path in (*litter, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    old = lake / ".part-0.parquet.elsewhere.1.tmp"
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    litter.append(old)
    assert len(home.leftovers()) == len(litter)
    home.begin_writing()
    assert [path for path in litter if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []
    assert home.leftovers() == []


KILLED = """
import os, signal, sys
from pathlib import Path
from tokenarena_assets.storage.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"new")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_killed_before_the_end_leaves_the_old_file_and_what_the_next_one_removes(home: Home) -> None:
    path = home.lake / "t" / "day=2026-11-02" / "part-0.parquet"
    with replacing(path) as temporary:
        temporary.write_bytes(b"old")
    done = ran([sys.executable, "-c", KILLED, str(path)])
    assert done.returncode == -9
    assert path.read_bytes() == b"old"
    (left,) = home.leftovers()
    assert left.parent == path.parent
    home.begin_writing()
    assert [found.name for found in path.parent.iterdir()] == ["part-0.parquet"]
