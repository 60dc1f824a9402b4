"""From raw logs to the same tables again; what was tampered with is found and named."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import zstandard

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.recompute.evidence import Evidence
from tokenarena_assets.recompute.in_force import record_in_force
from tokenarena_assets.recompute.rerun import Recomputed, recompute
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.rawlog import read_lines, rounds_of
from tokenarena_assets_tests.evidence import Materialized

pytestmark = pytest.mark.timeout(600)  # a whole chain under a busy machine


def run(home: Home, folder: Path, days: list[date] | None = None) -> Recomputed:
    return recompute(Evidence.of_home(home), days, folder, lambda _: None)


def test_all_tables_come_out_the_same(materialized: Materialized, tmp_path: Path) -> None:
    found = run(materialized.home, tmp_path / "again")
    assert [(each.table, each.examples, each.problem) for each in found.tables if not each.same] == []
    assert found.same
    assert found.versions == []
    assert found.broken == []
    assert {each.table for each in found.tables} == set(table_specs())
    assert {each.day for each in found.tables} == set(materialized.days)
    assert sum(each.cells for each in found.tables) > 10_000


def test_what_was_tampered_with_is_named(materialized: Materialized, tmp_path: Path) -> None:
    home = materialized.copied(tmp_path / "arena")
    day = materialized.days[0]
    log = rounds_of(home, day)[0].log
    lines = [line.data for line in read_lines(log)]
    at = next(i for i, data in enumerate(lines) if json.loads(data)["timing"]["ttft_ms"] is not None)
    record = json.loads(lines[at])
    record["timing"]["ttft_ms"] -= 0.25
    lines[at] = json.dumps(record).encode()
    log.write_bytes(zstandard.compress(b"\n".join(lines) + b"\n"))
    lake = ParquetLake(home.lake)
    board = lake.read("leaderboard", day)
    victim = board.row(0, named=True)
    here = (pl.col("preset") == victim["preset"]) & (pl.col("endpoint_id") == victim["endpoint_id"])
    quality = pl.when(here).then(0.999).otherwise("quality")
    lake.write("leaderboard", day, board.with_columns(quality=quality))

    found = run(home, tmp_path / "again", [day])
    assert not found.same
    (broken,) = found.broken
    assert log.name in broken
    differing = {each.table: each for each in found.tables if not each.same}
    place = {"raw_file": log.name, "raw_line": at + 1}
    assert [(each.key, each.column) for each in differing["probe_log"].examples] == [(place, "ttft_ms")]
    assert differing["requests"].examples[0].key == {"request_id": record["request_id"]}
    (cell,) = (each for each in differing["leaderboard"].examples if each.column == "quality")
    assert cell.key == {"preset": victim["preset"], "endpoint_id": victim["endpoint_id"]}
    assert cell.published == 0.999
    assert {each.day for each in differing.values()} == {day}


def test_nothing_of_the_evidence_is_written_to(materialized: Materialized, tmp_path: Path) -> None:
    home = materialized.copied(tmp_path / "arena")
    record_in_force(home, materialized.days[0], b"presets: []", {"code": "of another time"})
    journal = home.root / "raw" / "config"
    before = {path: path.read_bytes() for path in journal.rglob("*") if path.is_file()}
    found = run(home, tmp_path / "again", materialized.days[:1])
    assert found.failed  # these presets cannot be read
    assert any("code: of another time" in each for each in found.versions)
    assert {path: path.read_bytes() for path in journal.rglob("*") if path.is_file()} == before


def test_a_day_without_tables_and_a_folder_that_is_not_empty_are_refused(
    materialized: Materialized, tmp_path: Path
) -> None:
    evidence = Evidence.of_home(materialized.home)
    other = materialized.days[0].replace(year=2025)
    with pytest.raises(MissingTableError, match="2025-11-01"):
        recompute(evidence, [other], tmp_path / "x", lambda _: None)
    (tmp_path / "file").write_text("")
    with pytest.raises(TokenArenaError, match="is not empty"):
        recompute(evidence, None, tmp_path, lambda _: None)
