"""The profile of a partition: violations counted by hand, and samples of the rows that break a rule."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tokenarena_assets.checks.profile import KINDS, MAX_SAMPLES, TableProfile, profile_table, samples
from tokenarena_assets.errors import MissingTableError
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.tables import Column, TableSpec
from tokenarena_assets_tests.checks.tables import BAD, DAY, GOOD, SPEC, shots


@pytest.fixture
def lake(tmp_path: Path) -> ParquetLake:
    return ParquetLake(tmp_path)


def counts(profile: TableProfile) -> dict[tuple[str, str], int]:
    return {(rule.kind, rule.rule): rule.violations for rule in profile.rules if rule.kind != "schema"}


def test_good_rows_break_nothing(lake: ParquetLake) -> None:
    lake.write("shots", DAY, shots(*GOOD))
    profile = profile_table(lake, SPEC, DAY)
    assert (profile.table, profile.day, profile.rows) == ("shots", DAY, 4)
    assert profile.columns == SPEC.column_names
    assert counts(profile) == {
        ("keys", "(player, number) is unique"): 0,
        ("nulls", "day is not null"): 0,
        ("nulls", "player is not null"): 0,
        ("ranges", "share_in_range"): 0,
        ("ranges", "ordered"): 0,
    }
    assert all(samples(lake, SPEC, profile, kind) == [] for kind in KINDS)


def test_violations_are_counted_by_rule(lake: ParquetLake) -> None:
    lake.write("shots", DAY, shots(*BAD))
    assert counts(profile_table(lake, SPEC, DAY)) == {
        ("keys", "(player, number) is unique"): 2,  # three rows where one may be
        ("nulls", "day is not null"): 0,
        ("nulls", "player is not null"): 2,
        ("ranges", "share_in_range"): 2,
        ("ranges", "ordered"): 1,
    }


def test_samples_show_the_key_of_each_broken_row(lake: ParquetLake) -> None:
    lake.write("shots", DAY, shots(*BAD))
    profile = profile_table(lake, SPEC, DAY)
    day = DAY.isoformat()
    assert samples(lake, SPEC, profile, "keys") == [
        {"day": day, "rule": "(player, number) is unique", "player": "ann", "number": "1"}
    ]
    assert sorted(row["number"] for row in samples(lake, SPEC, profile, "nulls")) == ["1", "2"]
    assert all(row["player"] == "None" for row in samples(lake, SPEC, profile, "nulls"))
    assert [row["rule"] for row in samples(lake, SPEC, profile, "ranges")] == ["share_in_range"] * 2 + ["ordered"]
    assert samples(lake, SPEC, profile, "schema") == []


def test_samples_are_few(lake: ParquetLake) -> None:
    lake.write("shots", DAY, shots(*(("ann", n, 9.0, 2.0, 1.0) for n in range(100))))
    profile = profile_table(lake, SPEC, DAY)
    assert counts(profile)["ranges", "share_in_range"] == counts(profile)["ranges", "ordered"] == 100
    assert len(samples(lake, SPEC, profile, "ranges")) == MAX_SAMPLES == 20


def test_an_empty_table_breaks_nothing(lake: ParquetLake) -> None:
    lake.write("shots", DAY, shots())
    profile = profile_table(lake, SPEC, DAY)
    assert profile.rows == 0
    assert set(counts(profile).values()) == {0}


def test_a_null_key_is_a_null_and_not_a_double(lake: ParquetLake) -> None:
    spec = TableSpec("one", "d.", "g", "x", ("id",), (Column("id", "a key", pl.String()),), not_null=("id",))
    lake.write("one", DAY, spec.frame([{"id": "a"}, {"id": None}]))
    assert counts(profile_table(lake, spec, DAY)) == {("keys", "(id) is unique"): 0, ("nulls", "id is not null"): 1}
    lake.write("one", DAY, spec.frame([{"id": None}, {"id": None}, {"id": "a"}]))
    assert counts(profile_table(lake, spec, DAY))["keys", "(id) is unique"] == 1


def test_a_missing_column_is_null_in_every_row(lake: ParquetLake) -> None:
    lake.write("shots", DAY, shots(*GOOD).drop("player", "share"))
    profile = profile_table(lake, SPEC, DAY)
    assert profile.columns == ("day", "number", "lo", "hi")
    assert counts(profile) == {
        ("keys", "(player, number) is unique"): 2,
        ("nulls", "day is not null"): 0,
        ("nulls", "player is not null"): 4,
        ("ranges", "share_in_range"): 0,
        ("ranges", "ordered"): 0,
    }
    assert len(samples(lake, SPEC, profile, "nulls")) == 4


def test_a_table_that_is_not_there_is_named(lake: ParquetLake) -> None:
    with pytest.raises(MissingTableError, match="table shots has no partition"):
        profile_table(lake, SPEC, DAY)


def test_columns_that_are_missing_new_or_out_of_order_break_the_schema(lake: ParquetLake) -> None:
    lake.write(
        "shots",
        DAY,
        shots(*GOOD).drop("share").with_columns(extra=pl.lit(1)).select("extra", "lo", pl.all().exclude("extra", "lo")),
    )
    found = {rule.rule: rule.violations for rule in profile_table(lake, SPEC, DAY).rules if rule.kind == "schema"}
    broken = {"column share": 1, "column extra": 1, "order of the columns": 1}
    assert found == dict.fromkeys([f"column {name}" for name in SPEC.column_names], 0) | broken
