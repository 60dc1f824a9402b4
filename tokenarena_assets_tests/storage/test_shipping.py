"""Shipping rounds from a host's disk: whole, last the log, once, and never over what is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tokenarena_assets.storage import shipping
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundWriter, certificates_path, records_of, rounds_in, rounds_of
from tokenarena_assets.storage.shipping import ship, spooled_days

DAY = date(2026, 11, 23)


@pytest.fixture
def shared(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


@pytest.fixture
def host(shared: Home, tmp_path: Path) -> Home:
    return replace(shared, spool=tmp_path / "spool")


def write(host: Home, round_id: str, *, day: date = DAY, seal: bool = True) -> None:
    writer = RoundWriter(host, day, round_id, {"round_id": round_id, "region_from": "eu"})
    writer.append({"request_id": f"{round_id}-1"})
    certificates_path(host, day, round_id).write_bytes(b"{}\n")
    if seal:
        writer.seal("complete")
    writer.close()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def test_a_sealed_round_is_shipped_whole_and_leaves_the_spool(shared: Home, host: Home) -> None:
    write(host, "r1")
    write(host, "r2", day=date(2026, 11, 22))
    before = content(host.written_day(DAY))
    assert spooled_days(host) == [date(2026, 11, 22), DAY]
    assert ship(host).shipped == ["r2", "r1"]
    assert content(shared.raw_day(DAY)) == before
    assert len(before) == 4
    (found,) = rounds_of(shared, DAY)
    assert [record["request_id"] for record in records_of(found.log)] == ["r1-1"]
    assert found.seal is not None
    assert content(host.written_day(DAY)) == {}


def test_shipping_again_changes_nothing(shared: Home, host: Home) -> None:
    write(host, "r1")
    before = content(host.written_day(DAY))
    ship(host)
    host.written_day(DAY).mkdir(parents=True, exist_ok=True)
    for name, data in before.items():  # a spool that was restored, or never emptied
        (host.written_day(DAY) / name).write_bytes(data)
    assert [found.round_id for found in rounds_of(host, DAY)] == ["r1"], "it is one round wherever it lies"
    stamps = {path: path.stat().st_mtime_ns for path in shared.raw_day(DAY).iterdir()}
    assert ship(host).shipped == ["r1"]
    assert {path: path.stat().st_mtime_ns for path in shared.raw_day(DAY).iterdir()} == stamps
    assert ship(host).shipped == []


def test_an_open_round_stays(shared: Home, host: Home) -> None:
    write(host, "r1", seal=False)
    found = ship(host)
    assert found.shipped == []
    assert "it is open" in found.waiting["r1"]
    assert rounds_of(shared, DAY) == []


class Crash(BaseException):
    """The host is gone."""


def test_cut_off_anywhere_it_is_whole_in_the_end_and_never_half_there(
    shared: Home, host: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before its n-th change to a disk, for each n: others see no round or all of it, and a re-run ends it."""
    real: dict[str, Callable[..., object]] = {"replace": Path.replace, "unlink": Path.unlink}
    step = crashed = 0
    while True:
        write(host, f"r{step}")
        left = step

        def guarded(name: str) -> Callable[..., object]:
            def call(self: Path, *arguments: object, **named: object) -> object:
                nonlocal left
                if self.suffix not in (".tmp", ".wal") or name == "replace":
                    if left == 0:
                        raise Crash
                    left -= 1
                return real[name](self, *arguments, **named)

            return call

        with monkeypatch.context() as patch:
            for name in real:
                patch.setattr(Path, name, guarded(name))
            try:
                ship(host)
                done = True
            except Crash:
                done, crashed = False, crashed + 1
        for found in rounds_of(shared, DAY):
            assert found.seal is not None
            assert found.manifest is not None
            assert len(list(records_of(found.log))) == 1
        assert [found.round_id for found in rounds_of(host, DAY)].count(f"r{step}") == 1
        ship(host)
        assert rounds_in(host.written_day(DAY)) == []
        assert [found.round_id for found in rounds_of(shared, DAY)].count(f"r{step}") == 1
        if done:
            break
        step += 1
    assert crashed == 8, "four files come, four go"


def test_a_full_shared_disk_keeps_it_in_the_spool(shared: Home, host: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write(host, "r1")

    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"hal")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shipping.shutil, "copyfile", full)
        assert "No space left" in ship(host).waiting["r1"]
    assert content(shared.raw_day(DAY)) == {}
    assert ship(host).shipped == ["r1"]


def test_evidence_is_not_rewritten(shared: Home, host: Home) -> None:
    write(host, "r1")
    name = "round=r1.manifest.json"
    shared.raw_day(DAY).mkdir(parents=True)
    (shared.raw_day(DAY) / name).write_text("{}")
    assert "evidence is not rewritten" in ship(host).waiting["r1"]
    assert (shared.raw_day(DAY) / name).read_text() == "{}"
    assert len(content(host.written_day(DAY))) == 4


def test_a_log_that_is_not_what_was_sealed_is_not_shipped(shared: Home, host: Home) -> None:
    write(host, "r1")
    log = host.written_day(DAY) / "round=r1.jsonl.zst"
    log.write_bytes(log.read_bytes() + b"x")
    assert "not the file that was sealed" in ship(host).waiting["r1"]
    assert content(shared.raw_day(DAY)) == {}


def test_one_round_that_cannot_be_shipped_keeps_no_other(host: Home) -> None:
    write(host, "r1")
    write(host, "r2")
    seal = host.written_day(DAY) / "round=r1.seal.json"
    seal.write_text(json.dumps({"sha256": "0"}))
    found = ship(host)
    assert (found.shipped, list(found.waiting)) == (["r2"], ["r1"])


def test_without_a_spool_nothing_is_shipped(shared: Home) -> None:
    found = ship(shared)
    assert (found.shipped, found.waiting) == ([], {})
