"""Raw files that cannot be read are named with their mend and left as they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import zstandard

from tokenarena_assets.chain.ingest import write_probe_log
from tokenarena_assets.chain.raw_faults import raw_faults
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.rawlog import RoundWriter
from tokenarena_assets_tests.chain.test_ingest import RECORD
from tokenarena_assets_tests.storage.broken_disks import content

DAY = date(2026, 11, 2)
NAME = "20261102T000000Z-abcdef"


def _sealed(home: Home, *records: dict[str, object]) -> Path:
    writer = RoundWriter(home, DAY, NAME, {"schema_version": 1, "round_id": NAME, "started_at": "2026-11-02T00:00:00Z"})
    for number, record in enumerate(records):
        writer.append(record | {"request_id": f"r{number}", "round_id": NAME, "day": DAY.isoformat()})
    return writer.seal("complete")


def _flipped(whole: bytes) -> bytes:
    middle = len(whole) // 2
    return whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda whole: whole[: len(whole) // 2], "unreadable_file: the file ends inside a zstd frame"),
        (_flipped, "damaged_file: "),
        (lambda _: b"\x7fELF and so on", "damaged_file: "),
        (lambda _: b"", "unreadable_file: the file ends inside a zstd frame"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[bytes], bytes], said: str) -> None:
    home = Home(tmp_path / "arena")
    path = _sealed(home, *[RECORD | {"text": f"{n * 7919}" * 50} for n in range(50)])
    path.write_bytes(damage(path.read_bytes()))
    (fault,) = _faults(home)
    assert fault.startswith(f"{path}: ")
    assert said in fault
    assert "\n  mend: restore it from a backup and run the day again" in fault


def test_lines_of_a_newer_version_are_named_and_the_others_read(tmp_path: Path) -> None:
    home = Home(tmp_path / "arena")
    path = _sealed(home, RECORD, RECORD | {"schema_version": 2}, RECORD | {"schema_version": 3, "all": "new"})
    (fault,) = _faults(home)
    assert fault.startswith(f"{path}: 2 lines: bad_field: schema_version")
    assert "\n  mend: read them with the tokenarena that wrote them, or a newer one" in fault
    assert zstandard.decompress(path.read_bytes()).count(b"\n") == 3


def test_of_whole_files_nothing_is_said(tmp_path: Path) -> None:
    home = Home(tmp_path / "arena")
    _sealed(home, RECORD)
    assert _faults(home) == []


def _faults(home: Home) -> list[str]:
    before = content(home.root / "raw")
    lake = ParquetLake(home.lake)
    with lake.replacing("probe_log", DAY) as path:
        write_probe_log(home, DAY, path)
    assert content(home.root / "raw") == before
    return raw_faults(lake, DAY, home.raw_day(DAY))
