"""The lake: partitions are replaced whole, missing ones are named, views read exactly one day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tokenarena_assets.errors import MissingTableError
from tokenarena_assets.storage.lake import ParquetLake, parquet_scan
from tokenarena_assets.storage.tables import Column, TableSpec

DAY, NEXT = date(2026, 11, 23), date(2026, 11, 24)


@pytest.fixture
def lake(tmp_path: Path) -> ParquetLake:
    return ParquetLake(tmp_path / "lake")


def numbers(*values: int, day: date = DAY) -> pl.DataFrame:
    return pl.DataFrame({"day": [day] * len(values), "n": values}, schema={"day": pl.Date, "n": pl.Int64})


def files(lake: ParquetLake) -> list[str]:
    return sorted(str(path.relative_to(lake.root)) for path in lake.root.rglob("*") if path.is_file())


def test_what_is_written_is_read_with_its_types(lake: ParquetLake) -> None:
    frame = pl.DataFrame(
        {
            "day": [DAY, DAY],
            "price": [Decimal("0.000000001"), None],
            "at": [datetime(2026, 11, 23, 1, 2, 3, 456789, UTC), None],
            "text": ["\x00 ünïcode \U0001f600", ""],
        },
        schema={"day": pl.Date, "price": pl.Decimal(18, 9), "at": pl.Datetime("us", "UTC"), "text": pl.String},
    )
    lake.write("t", DAY, frame)
    assert lake.path("t", DAY) == lake.root / "t" / "day=2026-11-23" / "part-0.parquet"
    assert_frame_equal(lake.read("t", DAY), frame)


def test_replacing_a_partition_leaves_the_others_and_no_litter(lake: ParquetLake) -> None:
    lake.write("t", DAY, numbers(1, 2, 3))
    lake.write("t", NEXT, numbers(9, day=NEXT))
    lake.write("t", DAY, numbers(4))
    lake.write("t", DAY, numbers(4))
    assert lake.read("t", DAY)["n"].to_list() == [4]
    assert lake.read("t", NEXT)["n"].to_list() == [9]
    assert files(lake) == ["t/day=2026-11-23/part-0.parquet", "t/day=2026-11-24/part-0.parquet"]


def test_a_writer_that_fails_leaves_the_old_partition(lake: ParquetLake) -> None:
    lake.write("t", DAY, numbers(1))

    def half_way() -> None:
        with lake.replacing("t", DAY) as temporary:
            temporary.write_bytes(b"half a file")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_way()
    assert lake.read("t", DAY)["n"].to_list() == [1]
    assert files(lake) == ["t/day=2026-11-23/part-0.parquet"]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(lake: ParquetLake) -> None:
    lake.write("t", DAY, numbers(1))
    with lake.connect({"t": DAY}) as reader, lake.replacing("t", DAY) as temporary:
        numbers(2).write_parquet(temporary)
        assert reader.execute("select n from t").fetchall() == [(1,)]
    assert lake.read("t", DAY)["n"].to_list() == [2]


def test_days_in_order(lake: ParquetLake) -> None:
    for day in (NEXT, DAY, date(2025, 12, 31)):
        lake.write("t", day, numbers(1, day=day))
    (lake.root / "t" / "day=2027-01-01").mkdir()
    assert lake.days("t") == [date(2025, 12, 31), DAY, NEXT]
    assert lake.days("absent") == []


@pytest.mark.parametrize("how", ["read", "files", "connect"])
def test_a_missing_partition_names_the_mend(lake: ParquetLake, how: str) -> None:
    lake.write("t", NEXT, numbers(1))
    calls = {
        "read": lambda: lake.read("t", DAY),
        "files": lambda: lake.files("t", DAY),
        "connect": lambda: lake.connect({"t": DAY}),
    }
    with pytest.raises(MissingTableError, match="table t has no partition of 2026-11-23") as caught:
        calls[how]()
    assert caught.value.mend == "materialize t for 2026-11-23: tokenarena run --day 2026-11-23"


def test_a_view_is_of_one_day_and_times_are_utc(lake: ParquetLake) -> None:
    lake.write("t", DAY, numbers(1))
    lake.write("t", NEXT, numbers(2, day=NEXT))
    with lake.connect({"t": NEXT}) as connection:
        assert connection.execute("select day, n from t").fetchall() == [(NEXT, 2)]
        assert connection.execute("select current_setting('timezone')").fetchone() == ("UTC",)


@pytest.mark.parametrize("name", ["it's", "a b", "ünï çode", 'a "b"', "100%"])
def test_folders_of_any_name(tmp_path: Path, name: str) -> None:
    lake = ParquetLake(tmp_path / name / "lake")
    lake.write("t", DAY, numbers(1))
    with lake.connect({"t": DAY}) as connection:
        assert connection.execute("select n from t").fetchall() == [(1,)]


def test_the_day_is_the_column_of_the_file_not_of_its_path(lake: ParquetLake) -> None:
    lake.write("t", DAY, numbers(1, day=NEXT))
    with lake.connect() as connection:
        found = connection.execute(f"select day from {parquet_scan([lake.path('t', DAY)])}").fetchall()
    assert found == [(NEXT,)]


def test_of_a_pattern_the_files_of_other_days_stay_closed(lake: ParquetLake) -> None:
    lake.write("t", DAY, numbers(1))
    lake.write("t", NEXT, numbers(2, day=NEXT))
    with lake.connect() as connection:
        asked = f"from {parquet_scan(lake.lasting('t'))} where day = date '{DAY}'"
        read = connection.execute(f"explain analyze {asked}").fetchall()
        assert "Total Files Read: 1" in " ".join(read[0][1].split())
        assert connection.execute(f"select day, n {asked}").fetchall() == [(DAY, 1)]


def test_a_pattern_in_a_folder_with_an_equals_sign_has_no_column_of_it(tmp_path: Path) -> None:
    lake = ParquetLake(tmp_path / "env=prod" / "lake")
    lake.write("t", DAY, numbers(1))
    with lake.connect() as connection:
        told = connection.execute(f"describe from {parquet_scan(lake.lasting('t'))}").fetchall()
    assert [(name, kind) for name, kind, *_ in told] == [("day", "DATE"), ("n", "BIGINT")]


SPEC = TableSpec(
    "t", "A table.", "one row", "x", ("n",), (Column("day", "the day", pl.Date()), Column("n", "a number", pl.Int64()))
)


def test_a_declared_frame_has_its_types_even_without_rows() -> None:
    assert SPEC.frame([]).schema == {"day": pl.Date, "n": pl.Int64}
    assert SPEC.frame([{"day": DAY, "n": 1}]).rows() == [(DAY, 1)]
    assert SPEC.frame([{"n": None, "day": None}]).rows() == [(None, None)]


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises((TypeError, pl.exceptions.PolarsError)):
        SPEC.frame([{"day": DAY, "n": "one"}])
