"""A hostile or damaged folder is refused, with the file and the reason."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tokenarena_assets.snapshot.manifest import (
    MANIFEST,
    SnapshotError,
    evidence_of,
    read_manifest,
    unpacked_size,
    verify,
)


def entry(path: str, data: bytes, **given: Any) -> dict[str, Any]:
    return {"path": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), **given}


PACKED = zstandard.compress(b"x" * 100)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def made(*files: dict[str, Any], **given: Any) -> Path:
        folder = tmp_path / "snapshot"
        folder.mkdir(exist_ok=True)
        (folder / "a.txt").write_bytes(b"a")
        (folder / "b.zst").write_bytes(PACKED)
        content = {
            "schema_version": 1,
            "kind": "tokenarena snapshot",
            "days": ["2026-11-02"],
            "versions": {},
            "made_with": {},
            "canary": "",
            "licence": {},
            "withheld": {},
            "rehearsal": False,
            "files": [entry("a.txt", b"a"), entry("b.zst", PACKED, unpacked_bytes=100), *files],
        }
        (folder / MANIFEST).write_text(json.dumps(content | given))
        return folder

    return made


def test_a_whole_folder_has_no_problem(make: Callable[..., Path]) -> None:
    folder = make()
    assert verify(folder, read_manifest(folder)) == []
    assert evidence_of(folder).root == folder


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "/etc/passwd",
        "x/../../y",
        "a\\b",
        "c:d",
        "x//y",
        "./a",
        "a'; drop table x; --",
        "a\x00b",
        "a\nb",
        MANIFEST,
    ],
)
def test_paths_that_leave_the_folder_or_are_not_plain_are_refused(make: Callable[..., Path], path: str) -> None:
    with pytest.raises(SnapshotError, match="is not fit"):
        read_manifest(make(entry(path, b"")))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"schema_version": 2}, "not of this version"),
        ({"kind": "other"}, "not of this version"),
        ({"days": ["2026-11-02'; select 1"]}, "is not a day"),
        ({"files": [entry("a.txt", b"a"), entry("a.txt", b"a")]}, "stands in it twice"),
        ({"files": [{"path": "a.txt", "bytes": -1, "sha256": "0" * 64}]}, "files.0.bytes"),
        ({"files": [{"path": "a.txt", "bytes": 1, "sha256": "zz"}]}, "files.0.sha256"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_manifest_of_another_form_is_refused(make: Callable[..., Path], given: dict[str, Any], message: str) -> None:
    with pytest.raises(SnapshotError, match=message):
        read_manifest(make(**given))


def test_no_manifest_is_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="is no snapshot"):
        read_manifest(tmp_path)


def test_changed_missing_and_unlisted_files_are_named(make: Callable[..., Path]) -> None:
    folder = make(entry("gone.txt", b""))
    (folder / "a.txt").write_bytes(b"b")
    (folder / "more.txt").write_bytes(b"")
    found = {each.path: each.what for each in verify(folder, read_manifest(folder))}
    assert found["gone.txt"] == "is missing"
    assert "has SHA-256" in found["a.txt"]
    assert found["more.txt"] == "is not in the manifest"
    with pytest.raises(SnapshotError, match=r"3 file\(s\)"):
        evidence_of(folder)


def test_links_are_refused_as_files_and_as_folders(make: Callable[..., Path], tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "c.txt").write_bytes(b"c")
    folder = make(entry("dir/c.txt", b"c"), entry("link.txt", b"c"))
    (folder / "dir").symlink_to(outside)
    (folder / "link.txt").symlink_to(outside / "c.txt")
    (folder / "unlisted").symlink_to(outside / "c.txt")
    found = {each.path: each.what for each in verify(folder, read_manifest(folder))}
    assert all("link" in found[name] for name in ("dir/c.txt", "link.txt", "unlisted"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "does not say to what size it unpacks"),
        ({"unpacked_bytes": 50_000}, "unpacks to over 50000 bytes"),
        ({"unpacked_bytes": 50_000_000}, "refused"),
        ({"unpacked_bytes": 2_000_000}, "unpacks to 1000000 bytes"),
    ],
)
def test_files_that_unpack_to_more_than_they_say_are_refused(
    make: Callable[..., Path], given: dict[str, int], message: str
) -> None:
    bomb = zstandard.compress(b"\0" * 1_000_000)
    folder = make(entry("bomb.jsonl.zst", bomb, **given))
    (folder / "bomb.jsonl.zst").write_bytes(bomb)
    (problem,) = verify(folder, read_manifest(folder))
    assert problem.path == "bomb.jsonl.zst"
    assert message in problem.what


def test_a_broken_compressed_file_has_a_problem_and_no_traceback(make: Callable[..., Path]) -> None:
    broken = gzip.compress(b"line\n" * 1000)[:-20] + b"\xff" * 20
    folder = make(entry("log.jsonl.gz", broken, unpacked_bytes=5000))
    (folder / "log.jsonl.gz").write_bytes(broken)
    (problem,) = verify(folder, read_manifest(folder))
    assert "unpacks to" in problem.what


def test_a_small_file_that_unpacks_to_gigabytes_takes_little_memory(tmp_path: Path) -> None:
    # Blocks of one byte, 128 KiB times each, of which a compressor never makes as many: RFC 8878, 3.1.1.2.
    block = ((128 * 1024 << 3) | 0b10).to_bytes(3, "little") + b"\0"
    path = tmp_path / "bomb.jsonl.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd\x00" + bytes([7 << 3]) + block * 30_000)
    tracemalloc.start()
    try:
        assert unpacked_size(path, 1_000_000) > 1_000_000
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()


def test_a_pipe_that_is_not_listed_is_named_and_not_read(make: Callable[..., Path]) -> None:
    folder = make()
    os.mkfifo(folder / "pipe")
    found = {each.path: each.what for each in verify(folder, read_manifest(folder))}
    assert found["pipe"] == "is not in the manifest"
