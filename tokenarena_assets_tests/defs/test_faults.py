"""A step that meets a fault of storage fails with the words that the command line has for it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tokenarena_assets.chain.tables import CERTIFICATES, ROUND_LOG
from tokenarena_assets.defs.execute import materializing
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets_tests.storage.broken_disks import content

DAY = date(2026, 11, 2)


def test_a_damaged_partition_fails_the_step_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path / "arena")
    lake = ParquetLake(home.lake)
    for spec in (CERTIFICATES, ROUND_LOG):
        lake.write(spec.name, DAY, spec.frame([]))
    damaged = lake.path("round_log", DAY)
    damaged.write_bytes(damaged.read_bytes()[:-10])
    before = content(home.lake)
    with materializing(home) as run:
        assert not run([DAY], assets=["stg_rounds"])
        assert not run([DAY], assets=["published_database"])
    told = capsys.readouterr().err
    for step in ("stg_rounds", "published_database"):
        assert f"{step} failed: " in told
    assert told.count(f"StorageError: {damaged} is damaged: ") == 2
    assert told.count("mend: move it away and make it anew from the raw evidence: tokenarena run --day 2026-11-02") == 2
    assert "Traceback" not in told
    assert content(home.lake) == before
    assert not home.database.exists()
