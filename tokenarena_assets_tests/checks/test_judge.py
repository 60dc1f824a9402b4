"""Great Expectations' verdicts on profiles; this module alone pays for importing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tokenarena_assets.checks.profile import KINDS, TableProfile, profile_table
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.tables import Column, TableSpec
from tokenarena_assets_tests.checks.tables import BAD, DAY, GOOD, SPEC, shots


@pytest.fixture(scope="module")
def judging() -> Any:
    from tokenarena_assets.checks import judge

    return judge


def profiled(tmp_path: Path, frame: pl.DataFrame, spec: TableSpec = SPEC) -> TableProfile:
    lake = ParquetLake(tmp_path)
    lake.write(spec.name, DAY, frame)
    return profile_table(lake, spec, DAY)


def verdicts(judging: Any, profile: TableProfile) -> dict[str, tuple[bool, dict[str, int]]]:
    found = judging.judge(profile)
    assert [verdict.kind for verdict in found] == list(KINDS)
    assert {verdict.rows for verdict in found} == {profile.rows}
    return {verdict.kind: (verdict.passed, verdict.violations) for verdict in found}


def test_good_rows_pass_every_kind(judging: Any, tmp_path: Path) -> None:
    assert verdicts(judging, profiled(tmp_path, shots(*GOOD))) == dict.fromkeys(KINDS, (True, {}))


def test_an_empty_table_passes(judging: Any, tmp_path: Path) -> None:
    assert verdicts(judging, profiled(tmp_path, shots())) == dict.fromkeys(KINDS, (True, {}))


def test_each_kind_fails_for_itself(judging: Any, tmp_path: Path) -> None:
    assert verdicts(judging, profiled(tmp_path, shots(*BAD))) == {
        "schema": (True, {}),
        "nulls": (False, {"player is not null": 2}),
        "keys": (False, {"(player, number) is unique": 2}),
        "ranges": (False, {"share_in_range": 2, "ordered": 1}),
    }
    one_bad = shots(*GOOD, ("eve", 1, 1.01, None, None))
    assert verdicts(judging, profiled(tmp_path, one_bad)) == {
        "schema": (True, {}),
        "nulls": (True, {}),
        "keys": (True, {}),
        "ranges": (False, {"share_in_range": 1}),
    }


@pytest.mark.parametrize(
    ("frame", "columns"),
    [
        (shots(*GOOD).with_columns(extra=pl.lit(1)), {"column extra": 1}),
        (shots(*GOOD).drop("share"), {"column share": 1}),
        (shots(*GOOD).rename({"share": "portion"}), {"column portion": 1, "column share": 1}),
        (shots(*GOOD).select(reversed(SPEC.column_names)), {"order of the columns": 1}),
    ],
)
def test_other_columns_fail_the_schema_alone(
    judging: Any, tmp_path: Path, frame: pl.DataFrame, columns: dict[str, int]
) -> None:
    got = verdicts(judging, profiled(tmp_path, frame))
    assert got["schema"] == (False, columns)
    assert [got[kind] for kind in KINDS if kind != "schema"] == [(True, {})] * 3


def test_a_table_without_rules_of_a_kind_passes_it(judging: Any, tmp_path: Path) -> None:
    bare = TableSpec("bare", "d.", "g", "x", ("n",), (Column("n", "a number", pl.Int64()),))
    assert verdicts(judging, profiled(tmp_path, bare.frame([{"n": 1}]), bare)) == dict.fromkeys(KINDS, (True, {}))


def test_an_expectation_that_raises_is_a_broken_check_and_not_bad_data(
    judging: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = judging.ExpectColumnValuesToBeBetween

    def on_an_absent_column(**arguments: Any) -> Any:
        return working(**arguments | {"column": "absent"})

    monkeypatch.setattr(judging, "ExpectColumnValuesToBeBetween", on_an_absent_column)
    with pytest.raises(judging.BrokenCheckError, match="absent"):
        judging.judge(profiled(tmp_path, shots(*GOOD)))
