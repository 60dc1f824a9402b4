"""Tables by day, on both stores: one contract; and what DuckLake adds: several writers, snapshots, lost servers."""

from __future__ import annotations

import json
import multiprocessing
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.cli import app
from tokenarena_assets.doctor import examine
from tokenarena_assets.endpoints import embedded_catalog_path
from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.storage import ducklake, lake_place
from tokenarena_assets.storage.ducklake import DuckLake
from tokenarena_assets.storage.fence import OutdatedWriteError, ask_before_writing, asking_before_writing
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import Lake, ParquetLake, lake_of, versioned_lake_of
from tokenarena_assets.storage.lake_place import LakeError
from tokenarena_assets.storage.publish import open_as_of, open_published, publish, rows_of
from tokenarena_assets.storage.sqlmodels import load_models
from tokenarena_assets.storage.tables import Column, TableSpec
from tokenarena_assets_tests.sql_models.frames import whole_chain
from tokenarena_assets_tests.storage.ducklake_server import marked, needs_ducklake, write_often
from tokenarena_assets_tests.storage.postgres import Server, server

DAY, NEXT = date(2026, 11, 23), date(2026, 11, 24)
SPECS = [
    TableSpec(
        "t",
        "A table.",
        "one number",
        "x",
        ("n",),
        (Column("day", "the day", pl.Date()), Column("n", "a number", pl.Int64())),
        published="view",
    )
]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as found:
        yield found


@pytest.fixture
def catalog(request: pytest.FixtureRequest) -> str:
    postgres: Server = request.getfixturevalue("postgres")
    name = f"lake_{abs(hash(request.node.nodeid))}"
    postgres.sql(f"create database {name}")
    return postgres.catalog(name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "shared"
    path.mkdir()
    return path


@pytest.fixture
def shared(catalog: str, data: Path, tmp_path: Path) -> DuckLake:
    return DuckLake(catalog, str(data), tmp_path / "spill")


@pytest.fixture(params=["folder", pytest.param("ducklake", marks=needs_ducklake)])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return ParquetLake(tmp_path / "lake") if request.param == "folder" else request.getfixturevalue("shared")


def numbers(*values: int, day: date = DAY) -> pl.DataFrame:
    return pl.DataFrame({"day": [day] * len(values), "n": values}, schema={"day": pl.Date, "n": pl.Int64})


class TestBothStores:
    def test_what_is_written_is_read_with_its_types(self, lake: Lake) -> None:
        frame = pl.DataFrame(
            {
                "day": [DAY, DAY],
                "price": [Decimal("0.000000001"), None],
                "at": [datetime(2026, 11, 23, 1, 2, 3, 456789, UTC), None],
                "text": ["\x00 ünïcode \U0001f600", ""],
                "yes": [True, None],
                "x": [float("nan"), -0.0],
                "many": [["a", None], []],
                "both": [{"a": 1, "b": "x"}, None],
                "small": [-1, None],
            },
            schema={
                "day": pl.Date,
                "price": pl.Decimal(18, 9),
                "at": pl.Datetime("us", "UTC"),
                "text": pl.String,
                "yes": pl.Boolean,
                "x": pl.Float64,
                "many": pl.List(pl.String),
                "both": pl.Struct({"a": pl.Int64, "b": pl.String}),
                "small": pl.Int8,
            },
        )
        lake.write("t", DAY, frame)
        assert_frame_equal(lake.read("t", DAY), frame)

    def test_a_partition_is_replaced_whole_and_alone(self, lake: Lake) -> None:
        lake.write("t", DAY, numbers(1, 2, 3))
        lake.write("t", NEXT, numbers(9, day=NEXT))
        lake.write("other", DAY, numbers(7))
        for values in ((4,), (5, 6), (5, 6)):
            lake.write("t", DAY, numbers(*values))
            assert lake.read("t", DAY)["n"].to_list() == list(values)
        assert lake.read("t", NEXT)["n"].to_list() == [9]
        assert lake.read("other", DAY)["n"].to_list() == [7]

    def test_a_writer_that_no_longer_counts_leaves_what_is_there(self, lake: Lake, tmp_path: Path) -> None:
        lake.write("t", DAY, numbers(1))
        version = lake.version("t", DAY)
        with (
            asking_before_writing(lambda: "the step was given to another worker"),
            pytest.raises(OutdatedWriteError, match=rf"table t of {DAY} is not written: the step was given"),
        ):
            lake.write("t", DAY, numbers(2))
        assert lake.version("t", DAY) == version
        assert not list(tmp_path.rglob("*.tmp"))
        with asking_before_writing(lambda: None):
            lake.write("t", DAY, numbers(3))
        assert lake.read("t", DAY)["n"].to_list() == [3]

    def test_it_is_asked_when_the_rows_are_there(self, lake: Lake) -> None:
        given_up: list[str] = []

        def late() -> None:
            with lake.replacing("t", DAY) as path:
                numbers(2).write_parquet(path)
                given_up.append("given up meanwhile")

        why_not = asking_before_writing(lambda: given_up[0] if given_up else None)
        with why_not, pytest.raises(OutdatedWriteError, match="meanwhile"):
            late()
        assert not lake.has("t", DAY)

    def test_rows_keep_their_order(self, lake: Lake) -> None:
        values = [(each * 7919) % 300_007 for each in range(300_000)]  # more than a row group
        lake.write("t", DAY, numbers(*values))
        assert lake.read("t", DAY)["n"].to_list() == values
        with lake.connect({"t": DAY}) as connection:
            rows = connection.execute("select n from t").fetchall()
        assert sorted(row[0] for row in rows) == sorted(values)  # SQL that wants an order asks for it

    def test_days_are_in_order_and_read_together(self, lake: Lake) -> None:
        for day in (NEXT, date(2025, 1, 1), DAY):
            lake.write("t", day, numbers(day.day, day=day))
        assert lake.days("t") == [date(2025, 1, 1), DAY, NEXT]
        assert lake.days("nothing") == []
        assert lake.scan("t", [NEXT, DAY]).collect()["n"].to_list() == [24, 23]
        assert lake.has("t", DAY)
        assert not lake.has("t", date(2026, 1, 1))

    def test_a_missing_partition_names_the_mend(self, lake: Lake) -> None:
        lake.write("t", NEXT, numbers(1, day=NEXT))
        for call in (lake.read, lake.files, lake.version):
            with pytest.raises(MissingTableError, match="table t has no partition of 2026-11-23") as caught:
                call("t", DAY)
            assert caught.value.mend == "materialize t for 2026-11-23: tokenarena run --day 2026-11-23"

    def test_a_day_without_rows_is_materialized_and_has_its_columns(self, lake: Lake) -> None:
        lake.write("t", DAY, numbers())
        assert lake.days("t") == [DAY]
        assert_frame_equal(lake.read("t", DAY), numbers())
        with lake.connect({"t": DAY}) as connection:
            assert connection.execute("select count(*), max(n) from t").fetchall() == [(0, None)]
        lake.write("t", DAY, numbers(1))
        assert_frame_equal(lake.read("t", DAY), numbers(1))
        lake.write("t", DAY, numbers())
        assert_frame_equal(lake.read("t", DAY), numbers())

    @pytest.mark.parametrize("values", [(), (1, 2)])
    def test_each_write_has_a_version(self, lake: Lake, values: tuple[int, ...]) -> None:
        seen = set()
        for _ in range(3):
            lake.write("t", DAY, numbers(*values))
            seen.add(lake.version("t", DAY))
            assert lake.version("t", DAY) in seen
        assert len(seen) == 3

    def test_views_are_of_the_days_asked_and_times_are_utc(self, lake: Lake) -> None:
        lake.write("t", DAY, numbers(1))
        lake.write("t", NEXT, numbers(2, day=NEXT))
        with lake.connect({"t": NEXT}) as connection:
            assert connection.execute("select day, n from t").fetchall() == [(NEXT, 2)]
            assert connection.execute("select current_setting('timezone')").fetchone() == ("UTC",)

    def test_a_writer_that_fails_leaves_the_old_partition(self, lake: Lake) -> None:
        lake.write("t", DAY, numbers(1))

        def fail() -> None:
            with lake.replacing("t", DAY) as path:
                numbers(2).write_parquet(path)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        assert lake.read("t", DAY)["n"].to_list() == [1]

    def test_files_lie_in_the_places_and_the_address_is_one_of_them(self, lake: Lake) -> None:
        lake.write("t", DAY, numbers(1))
        lake.write("t", NEXT, numbers())
        (place,) = lake.places
        assert all(file.startswith(f"{place}/") for file in lake.files("t", [DAY, NEXT]))
        assert [lake.uri("t", DAY)] == lake.files("t", DAY)

    def test_columns_may_come_go_and_change(self, lake: Lake) -> None:
        lake.write("t", DAY, numbers(1).with_columns(pl.col("n").cast(pl.Int32), gone=pl.lit("x")))
        wide = numbers(2, day=NEXT).with_columns(new=pl.lit(1.5))
        lake.write("t", NEXT, wide)
        assert_frame_equal(lake.read("t", NEXT), wide)
        text = numbers(3, day=NEXT).with_columns(pl.col("n").cast(pl.String))
        lake.write("t", NEXT, text)
        assert_frame_equal(lake.read("t", NEXT), text)
        assert lake.read("t", DAY)["gone"].to_list() == ["x"]


def said(lake: DuckLake) -> list[str]:
    return [each.change for each in lake.snapshots() if each.change.startswith("t ")]


@needs_ducklake
class TestWriters:
    def test_at_once_nothing_is_doubled_and_readers_see_whole_partitions(
        self, shared: DuckLake, catalog: str, data: Path, tmp_path: Path
    ) -> None:
        context = multiprocessing.get_context("spawn")
        own = [date(2026, 11, 1) + timedelta(days=each) for each in range(4)]
        writers = [
            context.Process(
                target=write_often, args=(catalog, str(data), str(tmp_path / f"w{mark}"), mark, day, NEXT, 3)
            )
            for mark, day in enumerate(own)
        ]
        for writer in writers:
            writer.start()
        looked = 0
        while any(writer.is_alive() for writer in writers):
            for day in shared.days("t"):
                found = shared.read("t", day)
                assert found["n"].to_list() == list(range(50))
                assert found["mark"].n_unique() == 1
                looked += 1
        for writer in writers:
            writer.join()
            assert writer.exitcode == 0
        assert looked > 0
        assert shared.days("t") == [*own, NEXT]
        for mark, day in enumerate(own):
            assert_frame_equal(shared.read("t", day), marked(day, 100 * mark + 2))
        assert len(said(shared)) == 2 * 4 * 3  # each write is one snapshot
        connection = shared._connected()
        assert connection.execute("select count(*), count(distinct (day, n)) from t").fetchall() == [(250, 250)]

    def test_a_conflict_is_tried_again_with_the_whole_transaction(
        self, shared: DuckLake, catalog: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = DuckLake(catalog, str(data), tmp_path / "other")
        shared.write("t", DAY, numbers(1))
        shared.write("t", NEXT, numbers(1, day=NEXT))
        prepare = ducklake._prepare_table
        meanwhile = iter([numbers(7), numbers(8)])

        def interrupted(connection: duckdb.DuckDBPyConnection, write: Any) -> None:
            prepare(connection, write)
            if write.rows == 2 and (rows := next(meanwhile, None)) is not None:
                other.write("t", DAY, rows)

        monkeypatch.setattr(ducklake, "_prepare_table", interrupted)
        shared.write("t", NEXT, numbers(2, 3, day=NEXT))
        assert said(shared)[-3:] == [
            "t 2026-11-23: 1 rows",
            "t 2026-11-23: 1 rows",
            "t 2026-11-24: 2 rows, at try 3",
        ]
        assert shared.read("t", DAY)["n"].to_list() == [8]
        assert shared.read("t", NEXT)["n"].to_list() == [2, 3]

    def test_one_that_is_given_up_while_it_waits_for_others_commits_nothing(
        self, shared: DuckLake, catalog: str, data: Path, tmp_path: Path
    ) -> None:
        shared.write("t", DAY, numbers(1))
        other = DuckLake(catalog, str(data), tmp_path / "other")
        asked: list[int] = []

        def why_not() -> str | None:
            asked.append(len(asked))
            if len(asked) == 1:  # between our rows and our commit another writes the day, and we are given up
                ask_before_writing(None)
                other.write("t", DAY, numbers(2))
                ask_before_writing(why_not)
                return None
            return "given up meanwhile"

        with asking_before_writing(why_not), pytest.raises(OutdatedWriteError, match="meanwhile"):
            shared.write("t", DAY, numbers(3))
        assert len(asked) == 2
        assert shared.read("t", DAY)["n"].to_list() == [2]
        shared.write("t", DAY, numbers(4))
        assert shared.read("t", DAY)["n"].to_list() == [4]

    def test_another_error_is_not_tried_again(self, shared: DuckLake, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = []

        def broken(*_: object) -> None:
            calls.append(1)
            raise duckdb.InvalidInputException("something else")

        monkeypatch.setattr(ducklake, "_prepare_table", broken)
        with pytest.raises(LakeError, match="table t of 2026-11-23 cannot be written: something else"):
            shared.write("t", DAY, numbers(1))
        assert len(calls) == 1


@needs_ducklake
class TestLostServer:
    def test_restarted_within_a_transaction_it_is_made_again(
        self, shared: DuckLake, postgres: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared.write("t", DAY, numbers(1))
        prepare, restarts = ducklake._prepare_table, iter([True])

        def interrupted(connection: duckdb.DuckDBPyConnection, write: Any) -> None:
            prepare(connection, write)
            if next(restarts, False):
                postgres.control("-m", "immediate", "restart")

        monkeypatch.setattr(ducklake, "_prepare_table", interrupted)
        shared.write("t", DAY, numbers(2, 3))
        assert shared.read("t", DAY)["n"].to_list() == [2, 3]
        assert said(shared) == ["t 2026-11-23: 1 rows", "t 2026-11-23: 2 rows, at try 2"]

    @pytest.mark.parametrize("values", [(), (2, 3)])
    def test_a_commit_whose_answer_was_lost_is_found_and_not_doubled(
        self, shared: DuckLake, monkeypatch: pytest.MonkeyPatch, values: tuple[int, ...]
    ) -> None:
        commit, losses = DuckLake._commit, iter([True])

        def lost(self: DuckLake, *arguments: Any) -> None:
            commit(self, *arguments)
            if next(losses, False):
                raise duckdb.IOException("server closed the connection unexpectedly")

        monkeypatch.setattr(DuckLake, "_commit", lost)
        shared.write("t", DAY, numbers(*values))
        assert shared.read("t", DAY)["n"].to_list() == list(values)
        assert said(shared) == [f"t 2026-11-23: {len(values)} rows"]

    def test_away_for_long_it_is_said_and_the_next_run_goes_on(
        self, shared: DuckLake, postgres: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared.write("t", DAY, numbers(1))
        monkeypatch.setattr(ducklake, "PATIENCE_S", 0.1)
        postgres.control("-m", "immediate", "stop")
        try:
            for call in (
                lambda: shared.write("t", DAY, numbers(2)),
                lambda: shared.read("t", DAY),
                shared.check,
            ):
                with pytest.raises(LakeError, match="connect") as caught:
                    call()
                assert "start PostgreSQL" in str(caught.value.mend)
        finally:
            postgres.control("start")
        assert shared.read("t", DAY)["n"].to_list() == [1]
        shared.write("t", DAY, numbers(2))
        assert shared.read("t", DAY)["n"].to_list() == [2]


@needs_ducklake
class TestSnapshots:
    def test_earlier_rows_are_read_as_they_were(self, shared: DuckLake) -> None:
        shared.write("t", DAY, numbers(1, 2))
        first = shared.snapshots()[-1]
        shared.write("t", DAY, numbers())
        second = shared.snapshots()[-1]
        shared.write("t", DAY, numbers(3))
        shared.write("t", NEXT, numbers(4, day=NEXT))
        assert [shared.as_of(each.version).read("t", DAY)["n"].to_list() for each in (first, second)] == [[1, 2], []]
        assert shared.as_of(first.version).days("t") == [DAY]
        assert shared.version_at(first.at) == first.version
        assert shared.version_at(second.at - timedelta(microseconds=1)) == first.version
        with pytest.raises(LakeError, match="cannot be written"):
            shared.as_of(first.version).write("t", DAY, numbers(9))
        with pytest.raises(LakeError, match="has no snapshot 999"):
            shared.as_of(999)
        with pytest.raises(LakeError, match="no snapshot as old as 2020"):
            shared.version_at(datetime(2020, 1, 1, tzinfo=UTC))

    def test_the_database_as_it_was(
        self, shared: DuckLake, catalog: str, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TOKENARENA_LAKE", catalog)
        monkeypatch.setenv("TOKENARENA_LAKE_DATA", str(data))
        shared.write("t", DAY, numbers(1))
        then = shared.snapshots()[-1]
        shared.write("t", DAY, numbers(2).with_columns(later=pl.lit("a column of a later version")))
        later = replace(SPECS[0], columns=(*SPECS[0].columns, Column("later", "text", pl.String())))
        home = Home.from_environment()
        for moment in (str(then.version), then.at.replace(tzinfo=None).isoformat(), then.at.isoformat()):
            with open_as_of(home, [later], moment) as connection:
                assert rows_of(connection, "select n, rehearsal from t") == [{"n": 1, "rehearsal": False}]
                with pytest.raises(duckdb.Error):
                    connection.execute("create table x (a int)")

    def test_expiry_keeps_what_is_read_and_what_was_until_yesterday(
        self, shared: DuckLake, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for value in (1, 2, 3):
            shared.write("t", DAY, numbers(value))
        shared.write("t", NEXT, numbers())
        files = set(data.rglob("tables/**/*.parquet"))
        orphan = data / "tables" / "main" / "t" / "day=2026-11-23" / "never-registered.parquet"
        orphan.write_bytes(b"")
        expired, removed = shared.expire(datetime.now(UTC))
        assert (expired > 0, removed) == (True, 0)
        assert len(shared.snapshots()) == 1
        assert files <= set(data.rglob("tables/**/*.parquet"))
        monkeypatch.setattr(ducklake, "KEPT_AFTER_EXPIRY", timedelta(seconds=-60))
        assert shared.expire(datetime.now(UTC)) == (0, 3)
        assert [str(path) for path in data.rglob("tables/**/*.parquet")] == shared.files("t", DAY)
        assert shared.read("t", DAY)["n"].to_list() == [3]
        assert_frame_equal(shared.read("t", NEXT), numbers())


@needs_ducklake
class TestSqlOfOthers:
    def test_the_table_has_all_columns_that_files_had(self, shared: DuckLake) -> None:
        shared.write("t", DAY, numbers(1).with_columns(pl.col("n").cast(pl.Int32), gone=pl.lit("x")))
        shared.write("t", NEXT, numbers(2**40, day=NEXT).with_columns(new=pl.lit(1.5)))
        rows = shared._connected().execute("select n, gone, new from t order by day").fetchall()
        assert rows == [(1, "x", None), (2**40, None, 1.5)]

    def test_a_column_of_another_type_is_null_until_the_day_is_made_again(self, shared: DuckLake) -> None:
        shared.write("t", DAY, numbers(1))
        shared.write("t", NEXT, numbers(2, day=NEXT).with_columns(pl.col("n").cast(pl.String)))
        query = "select n from t order by day"
        assert shared._connected().execute(query).fetchall() == [(None,), ("2",)]
        shared.write("t", DAY, numbers(1).with_columns(pl.col("n").cast(pl.String)))
        assert shared._connected().execute(query).fetchall() == [("1",), ("2",)]

    def test_rows_that_others_deleted_or_added_are_not_read_past(self, shared: DuckLake) -> None:
        shared.write("t", DAY, numbers(1, 2))
        shared._connected().execute("delete from t where n = 1")
        with pytest.raises(LakeError, match="by another program than tokenarena"):
            shared.read("t", DAY)
        shared.write("t", DAY, numbers(1, 2))
        assert shared.read("t", DAY)["n"].to_list() == [1, 2]
        shared._connected().execute("insert into t values ('2026-11-23', 3)")
        with pytest.raises(LakeError, match="by another program than tokenarena"):
            shared.read("t", DAY)


@needs_ducklake
class TestRefused:
    def test_rows_of_another_day(self, shared: DuckLake) -> None:
        with pytest.raises(LakeError, match="1 of 2 rows are of another day"):
            shared.write("t", DAY, pl.concat([numbers(1), numbers(1, day=NEXT)]))
        with pytest.raises(LakeError, match="a column day of type DATE is needed"):
            shared.write("t", DAY, pl.DataFrame({"n": [1]}))
        assert shared.days("t") == []

    @pytest.mark.parametrize("version", ["0.3", "7.0"])
    def test_a_catalog_of_another_format(
        self, shared: DuckLake, catalog: str, data: Path, postgres: Server, tmp_path: Path, version: str
    ) -> None:
        shared.check()
        name = catalog.rsplit("dbname=", 1)[-1]
        postgres.sql(f"update ducklake_metadata set value = '{version}' where key = 'version'", name)
        with pytest.raises(LakeError, match=f"catalog version is {version}") as caught:
            DuckLake(catalog, str(data), tmp_path).days("t")
        assert "let every machine have the DuckLake of one lock" in str(caught.value.mend)

    def test_another_data_place_than_it_was_begun_with(self, shared: DuckLake, catalog: str, tmp_path: Path) -> None:
        shared.check()
        with pytest.raises(LakeError, match="does not match existing data path") as caught:
            DuckLake(catalog, str(tmp_path), tmp_path).days("t")
        assert "TOKENARENA_LAKE_DATA" in str(caught.value.mend)

    def test_a_place_that_is_not_there_is_not_made(self, catalog: str, tmp_path: Path) -> None:
        lake = DuckLake(catalog, str(tmp_path / "unmounted"), tmp_path / "spill")
        with pytest.raises(LakeError, match="is not there"):
            lake.write("t", DAY, numbers(1))
        with pytest.raises(LakeError, match="is not there"):
            lake.check()

    def test_no_password_is_shown(self, postgres: Server, data: Path, tmp_path: Path) -> None:
        for catalog in (
            f"ducklake:postgres:host={postgres.folder} user=nobody password=hushhush dbname=x",
            "ducklake:postgres:postgresql://nobody:hushhush@127.0.0.1:1/x",
        ):
            with pytest.raises(LakeError) as caught:
                DuckLake(catalog, str(data), tmp_path).check()
            assert "hushhush" not in str(caught.value)


class TestChosen:
    def test_by_the_environment_for_its_home_alone(
        self, monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path
    ) -> None:
        home = Home.from_environment()
        assert isinstance(lake_of(home), ParquetLake)
        with pytest.raises(Exception, match="which has no snapshots"):
            versioned_lake_of(home)
        monkeypatch.setenv("TOKENARENA_LAKE", "ducklake:postgres:dbname=x")
        with pytest.raises(LakeError, match="TOKENARENA_LAKE is set, and TOKENARENA_LAKE_DATA is not"):
            lake_of(home)
        monkeypatch.setenv("TOKENARENA_LAKE_DATA", str(data))
        assert isinstance(lake_of(home), DuckLake)
        assert lake_of(home) is lake_of(home)
        assert isinstance(lake_of(Home(tmp_path / "recomputed")), ParquetLake)
        home.root.mkdir()
        home.rehearsal_marker.write_text("{}")
        assert isinstance(lake_of(home), ParquetLake)

    def test_only_postgresql_keeps_a_catalog(self, tmp_path: Path) -> None:
        for catalog in ("ducklake:lake.ducklake", "ducklake:sqlite:lake.sqlite", "postgres:dbname=x"):
            with pytest.raises(LakeError, match="a catalog in PostgreSQL is needed"):
                DuckLake(catalog, str(tmp_path), tmp_path)

    def test_only_a_folder_or_s3_keeps_files(self, tmp_path: Path) -> None:
        with pytest.raises(LakeError, match="neither a folder nor s3"):
            DuckLake("ducklake:postgres:dbname=x", "gs://bucket", tmp_path)

    def test_without_the_extra(self, monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path) -> None:
        monkeypatch.setattr(lake_place.importlib.util, "find_spec", lambda _: None)
        with pytest.raises(
            LakeError, match="need DuckDB's extension postgres_scanner, which is not installed"
        ) as caught:
            DuckLake("ducklake:postgres:dbname=x", str(data), tmp_path).days("t")
        assert str(caught.value.mend).startswith("make cluster")

    @needs_ducklake
    def test_with_another_duckdb(self, monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path) -> None:
        monkeypatch.setattr(duckdb, "__version__", "2.0.0")
        with pytest.raises(LakeError, match=r"DuckDB here is 2\.0\.0; its extension postgres_scanner is for v1\.5\.5"):
            DuckLake("ducklake:postgres:dbname=x", str(data), tmp_path).days("t")

    def test_a_folder_that_cannot_be_written(self, monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path) -> None:
        monkeypatch.setattr(lake_place.os, "access", lambda *_: False)  # root may write anywhere
        with pytest.raises(LakeError, match="cannot be written"):
            DuckLake("ducklake:postgres:dbname=x", str(data), tmp_path).check()


@needs_ducklake
def test_the_published_database_is_read_without_the_catalog(
    catalog: str, data: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENARENA_LAKE", catalog)
    monkeypatch.setenv("TOKENARENA_LAKE_DATA", str(data))
    home = Home.from_environment()
    lake = lake_of(home)
    lake.write("t", DAY, numbers(1, 2))
    lake.write("t", NEXT, numbers())
    assert publish(home, SPECS) == {"t": 2}
    postgres.control("-m", "immediate", "stop")
    try:
        with open_published(home) as connection:
            assert rows_of(connection, "select n from t order by n") == [{"n": 1}, {"n": 2}]
            with pytest.raises(duckdb.Error):
                connection.execute("from read_text('/etc/hostname')")
    finally:
        postgres.control("start")


@needs_ducklake
def test_every_table_is_the_same_on_both_stores_and_made_by_this_duckdb(shared: DuckLake, tmp_path: Path) -> None:
    folder = ParquetLake(tmp_path / "lake")
    for each in (folder, shared):
        whole_chain(each)
    made = [name for name in table_specs() if folder.days(name)]
    assert set(load_models()) <= set(made)
    for name in made:
        assert shared.days(name) == folder.days(name)
        for day in folder.days(name):
            assert_frame_equal(shared.read(name, day), folder.read(name, day))


class TestCommands:
    @needs_ducklake
    def test_snapshots_expiry_and_a_query_of_an_earlier_state(
        self, catalog: str, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TOKENARENA_LAKE", catalog)
        monkeypatch.setenv("TOKENARENA_LAKE_DATA", str(data))
        lake = versioned_lake_of(Home.from_environment())
        for values in ((1,), (1, 2)):
            lake.write("round_log", DAY, numbers(*values))
        shown = json.loads(CliRunner().invoke(app, ["lake", "snapshots", "--last", "2", "--json"]).stdout)
        assert [row["change"] for row in shown] == ["round_log 2026-11-23: 2 rows", "round_log 2026-11-23: 1 rows"]
        query = ["sql", "--as-of", str(shown[1]["snapshot"]), "--csv", "select count(*) as n from round_log"]
        assert CliRunner().invoke(app, query, catch_exceptions=False).stdout.split() == ["n", "1"]
        assert CliRunner().invoke(app, ["lake", "snapshots"]).stdout.count("round_log 2026-11-23") == 2

    @pytest.mark.parametrize("days", ["0d", "30", "d", "-1d", "soon"])
    def test_the_newest_day_is_not_given_up(self, days: str) -> None:
        with pytest.raises(TokenArenaError, match="is no number of days"):
            CliRunner().invoke(app, ["lake", "expire", "--older-than", days], catch_exceptions=False)

    @pytest.mark.parametrize(
        "command",
        [["lake", "snapshots"], ["lake", "expire", "--older-than", "1d"], ["sql", "--as-of", "1", "select 1"]],
    )
    def test_a_folder_has_no_snapshots(self, command: list[str]) -> None:
        with pytest.raises(TokenArenaError, match="which has no snapshots"):
            CliRunner().invoke(app, command, catch_exceptions=False)

    def test_doctor_says_where_the_tables_are(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        home = Home.from_environment()
        found = {each.check: each for each in examine(home, embedded_catalog_path())}
        assert (found["tables"].level, found["tables"].finding) == ("ok", f"files in {home.lake}")
        monkeypatch.setenv("TOKENARENA_LAKE", "ducklake:postgres:host=127.0.0.1 port=1 dbname=x")
        monkeypatch.setenv("TOKENARENA_LAKE_DATA", str(data))
        found = {each.check: each for each in examine(home, embedded_catalog_path())}
        assert found["tables"].level == "FAIL"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("moto")
    # The port is free now; nobody else is told of it.
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    program = Path(sys.executable).with_name("moto_server")
    with subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            endpoint = f"http://127.0.0.1:{port}"
            with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=60) as client:
                client.put(f"{endpoint}/bucket").raise_for_status()
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                monkeypatch.setenv(name, "made-up")
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
            yield "s3://bucket/a prefix"
        finally:
            process.terminate()


@needs_ducklake
def test_tables_in_object_storage(bucket: str, catalog: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENARENA_LAKE", catalog)
    monkeypatch.setenv("TOKENARENA_LAKE_DATA", bucket)
    home = Home.from_environment()
    lake = versioned_lake_of(home)
    assert bucket in lake.check()
    lake.write("t", DAY, numbers(1))
    first = lake.snapshots()[-1].version
    lake.write("t", DAY, numbers(3, 2))
    lake.write("t", NEXT, numbers())
    assert lake.uri("t", DAY).startswith(f"{bucket}/tables/main/t/day=2026-11-23/")
    assert lake.scan("t", [DAY, NEXT]).collect()["n"].to_list() == [3, 2]
    assert lake.as_of(first).read("t", DAY)["n"].to_list() == [1]
    with lake.connect({"t": [DAY, NEXT]}) as connection:
        assert connection.execute("select n from t").fetchall() == [(3,), (2,)]
    publish(home, SPECS)
    with open_published(home) as connection:
        assert rows_of(connection, "select n from t order by n") == [{"n": 2}, {"n": 3}]
        with pytest.raises(duckdb.Error):
            connection.execute("from read_text('/etc/hostname')")


@needs_ducklake
def test_object_storage_without_credentials(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LakeError, match="needs credentials"):
        DuckLake("ducklake:postgres:dbname=x", "s3://bucket/x", tmp_path).days("t")
