"""The published database: moved into place whole, read-only for everyone, deaf to what lies beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tokenarena_assets.chain.catalog import sql_models, table_specs
from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.storage.database import REHEARSAL, REHEARSAL_COMMENT
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.publish import (
    open_published,
    publish,
    rows_of,
    run_query,
)
from tokenarena_assets.storage.rehearsal import BANNER, write_marker
from tokenarena_assets.storage.sqlmodels import load_ephemerals
from tokenarena_assets.storage.tables import Column, TableSpec
from tokenarena_assets_tests.sql_models.frames import whole_chain

DAY, NEXT = date(2026, 11, 23), date(2026, 11, 24)
COLUMNS = (Column("day", "the day's own", pl.Date()), Column("n", "a number", pl.Int64()))
TABLE = TableSpec("small", "A table; it's small.", "one number", "x", ("n",), COLUMNS)
VIEW = TableSpec("large", "A view.", "one number", "x", ("n",), COLUMNS, published="view")
SPECS = (TABLE, VIEW)
# An analyst's shell: holds the database open for writing, with a change of its own in the write-ahead log.
ANALYST = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("create table mine as select 1 as x")
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "arena")


def put(home: Home, day: date, *numbers: int) -> None:
    for spec in SPECS:
        ParquetLake(home.lake).write(spec.name, day, spec.frame([{"day": day, "n": n} for n in numbers]))


def seen(home: Home, table: str = "small") -> list[int]:
    with open_published(home) as connection:
        return [n for (n,) in run_query(connection, f"select n from {table} order by n")[1]]


@pytest.fixture
def published(home: Home) -> Home:
    put(home, DAY, 1, 2)
    publish(home, SPECS)
    return home


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A published home for tests that do not write to it."""
    home = Home(tmp_path_factory.mktemp("unchanged") / "arena")
    put(home, DAY, 1, 2)
    publish(home, SPECS)
    return home


@pytest.fixture(scope="module")
def reader(unchanged: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_published(unchanged) as connection:
        yield connection


@contextmanager
def analyst(database: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", ANALYST, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.kill()


def wal(home: Home) -> Path:
    return home.database.with_name(home.database.name + ".wal")


def test_days_are_published_together_and_again(home: Home) -> None:
    put(home, DAY, 1, 2)
    assert publish(home, SPECS) == {"small": 2, "large": 2}
    put(home, NEXT, 3)
    assert publish(home, SPECS) == {"small": 3, "large": 3}
    assert publish(home, SPECS) == {"small": 3, "large": 3}
    assert seen(home) == seen(home, "large") == [1, 2, 3]
    put(home, NEXT, 4)
    publish(home, SPECS)
    assert seen(home) == [1, 2, 4]
    assert {path.name for path in home.root.iterdir()} == {
        "home.json", "lake", "tokenarena.duckdb", ".publish.lock", ".published.json",
    }  # fmt: skip


def read_days(monkeypatch: pytest.MonkeyPatch) -> set[date]:
    """The days whose files are read for tables from now on."""
    found: set[date] = set()
    files = ParquetLake.files

    def listening(lake: ParquetLake, table: str, days: date | Sequence[date]) -> list[str]:
        found.update([days] if isinstance(days, date) else days)
        return files(lake, table, days)

    monkeypatch.setattr(ParquetLake, "files", listening)
    return found


def test_only_what_has_changed_is_read_again(published: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    put(published, NEXT, 3)
    read = read_days(monkeypatch)
    assert publish(published, SPECS) == {"small": 3, "large": 3}
    assert read == {NEXT}
    read.clear()
    assert publish(published, SPECS) == {"small": 3, "large": 3}
    assert read == set()
    put(published, DAY, 5, 6, 7)
    publish(published, SPECS)
    assert (read, seen(published), seen(published, "large")) == ({DAY}, [3, 5, 6, 7], [3, 5, 6, 7])
    publish(published, SPECS, anew=True)
    assert read == {DAY, NEXT}


def test_a_day_that_is_gone_is_gone_from_the_database(published: Home) -> None:
    put(published, NEXT, 3)
    publish(published, SPECS)
    for spec in SPECS:
        ParquetLake(published.lake).path(spec.name, DAY).unlink()
    assert publish(published, SPECS) == {"small": 1, "large": 1}
    assert seen(published) == seen(published, "large") == [3]


def test_all_is_made_anew_of_a_database_that_somebody_else_has_written_to(
    published: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(published.database) as connection:
        connection.execute("delete from small")
    put(published, NEXT, 3)
    read = read_days(monkeypatch)
    assert publish(published, SPECS) == {"small": 3, "large": 3}
    assert (read, seen(published)) == ({DAY, NEXT}, [1, 2, 3])


@pytest.mark.parametrize("record", ["", "{", "[]", "{}", '{"layout": 1, "file": 2, "held": 3}'])
def test_all_is_made_anew_where_the_record_is_not_whole(
    published: Home, monkeypatch: pytest.MonkeyPatch, record: str
) -> None:
    (published.root / ".published.json").write_text(record)
    read = read_days(monkeypatch)
    publish(published, SPECS)
    assert read == {DAY}


def test_all_is_made_anew_where_a_declaration_has_changed(published: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    read = read_days(monkeypatch)
    publish(published, [replace(TABLE, description="Another table."), VIEW])
    assert read == {DAY}


@pytest.mark.parametrize("day", [DAY, NEXT])
def test_a_partition_with_other_columns_makes_its_table_anew(published: Home, day: date) -> None:
    for spec in SPECS:
        frame = pl.DataFrame({"day": [day], "n": [9], "more": ["x"]})
        ParquetLake(published.lake).write(spec.name, day, frame)
    publish(published, SPECS)
    with open_published(published) as connection:
        for table in ("small", "large"):
            rows = run_query(connection, f"select n, more from {table} order by n")[1]
            assert rows == [(9, "x")] if day == DAY else [(1, None), (2, None), (9, "x")]


def test_a_publisher_killed_before_its_record_loses_nothing(published: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    put(published, NEXT, 3)
    with monkeypatch.context() as patched:
        patched.setattr("tokenarena_assets.storage.publish.write_text", _killed)
        with pytest.raises(KeyboardInterrupt):
            publish(published, SPECS)
    put(published, DAY, 8)
    assert publish(published, SPECS) == {"small": 2, "large": 2}
    assert seen(published) == [3, 8]


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_tables_that_have_no_partition_are_left_out(home: Home) -> None:
    assert publish(home, SPECS) == {}
    with open_published(home) as connection:
        assert run_query(connection, "show tables")[1] == []


def test_nothing_published_names_the_mend(home: Home) -> None:
    with pytest.raises(MissingTableError, match="does not exist") as caught, open_published(home):
        pass
    assert "tokenarena run" in str(caught.value.mend)


def test_a_reader_keeps_its_file_while_another_is_published(published: Home) -> None:
    with open_published(published) as reader:
        assert run_query(reader, "select count(*) from small")[1] == [(2,)]
        put(published, NEXT, 3)
        publish(published, SPECS)
        assert run_query(reader, "select count(*) from small")[1] == [(2,)]
        assert seen(published) == [1, 2, 3]  # a second connection of this very process
        assert run_query(reader, "select max(n) from small")[1] == [(2,)]


def test_a_plain_connection_on_the_old_file_stops_neither_publishing_nor_reading(published: Home) -> None:
    with duckdb.connect(str(published.database), read_only=True) as analyst_connection:
        put(published, NEXT, 3)
        publish(published, SPECS)
        assert analyst_connection.execute("select count(*) from small").fetchone() == (2,)
        assert seen(published) == [1, 2, 3]


def test_many_readers_in_one_process(published: Home) -> None:
    with open_published(published) as first, open_published(published) as second:
        assert run_query(first, "from small") == run_query(second, "from small")


def test_a_process_that_writes_stops_neither_readers_nor_publishers(published: Home) -> None:
    with analyst(published.database):
        assert seen(published) == seen(published, "large") == [1, 2]
        put(published, NEXT, 3)
        publish(published, SPECS)
        assert seen(published) == [1, 2, 3]
    with open_published(published) as connection:
        assert run_query(connection, "show tables")[1] == [("large",), ("small",)]


def test_a_writer_in_this_process_does_not_stop_readers(published: Home) -> None:
    with duckdb.connect(str(published.database)):
        assert seen(published) == [1, 2]


def test_the_log_of_a_killed_writer_is_not_read(published: Home) -> None:
    with analyst(published.database):
        pass
    assert wal(published).exists()
    with open_published(published) as connection:
        assert run_query(connection, "show tables")[1] == [("large",), ("small",)]


def test_a_stale_log_is_not_replayed_into_a_new_file(published: Home) -> None:
    with analyst(published.database):
        pass
    put(published, NEXT, 3)
    publish(published, SPECS)
    assert not wal(published).exists()
    with duckdb.connect(str(published.database), read_only=True) as plain:
        assert plain.execute("show tables").fetchall() == [("large",), ("small",)]
    wal(published).write_bytes(b"of another file")
    assert seen(published) == [1, 2, 3]


def test_what_a_killed_publisher_left_is_not_replayed(
    published: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.duckdb"
    with analyst(other):
        pass
    monkeypatch.setattr("tokenarena_assets.storage.files.os.getpid", lambda: 7)
    leftover = published.root / ".tokenarena.duckdb.7.tmp"
    leftover.write_bytes(other.read_bytes())
    leftover.with_name(leftover.name + ".wal").write_bytes(other.with_name(other.name + ".wal").read_bytes())
    publish(published, SPECS)
    with open_published(published) as connection:
        assert run_query(connection, "show tables")[1] == [("large",), ("small",)]


def test_a_failed_publication_leaves_the_old_database(published: Home) -> None:
    wrong = replace(TABLE, columns=(*COLUMNS, Column("absent", "a column that no file has", pl.Int64())))
    with pytest.raises(duckdb.Error):
        publish(published, [wrong])
    assert seen(published) == [1, 2]


@pytest.mark.parametrize("damage", [b"", b"not a database", None])
def test_a_damaged_file_is_named_with_its_mend(published: Home, damage: bytes | None) -> None:
    whole = published.database.read_bytes()
    flipped = whole[:4096] + b"\xff" * (len(whole) - 4096)  # fails its checksums
    published.database.write_bytes(flipped if damage is None else damage)
    with pytest.raises(TokenArenaError, match="cannot be opened") as caught, open_published(published):
        pass
    assert caught.value.mend == "publish it anew"
    publish(published, SPECS)
    assert seen(published) == [1, 2]


def test_the_file_opens_in_older_shells_and_carries_its_comments(published: Home) -> None:
    with duckdb.connect(str(published.database), read_only=True) as plain:
        tables = plain.execute("select table_name, comment from duckdb_tables()").fetchall()
        views = plain.execute("select view_name, comment from duckdb_views() where not internal").fetchall()
        columns = plain.execute(
            "select table_name, column_name, comment from duckdb_columns() where not internal order by all"
        ).fetchall()
        options = plain.execute("select tags from duckdb_databases() where database_name = 'tokenarena'").fetchone()
    assert tables == [("small", "A table; it's small. One row = one number.")]
    assert views == [("large", "A view. One row = one number.")]
    assert columns == [
        (table, column, comment)
        for table in ("large", "small")
        for column, comment in (("day", "the day's own"), ("n", "a number"), (REHEARSAL, REHEARSAL_COMMENT))
    ]
    assert "v1.2" in str(options)


@pytest.mark.parametrize("rehearsal", [False, True])
def test_every_row_and_table_says_whether_it_is_a_rehearsal(home: Home, *, rehearsal: bool) -> None:
    own = TableSpec("own", "It knows.", "one number", "x", ("n",), (*COLUMNS, Column(REHEARSAL, "own", pl.Boolean())))
    if rehearsal:
        write_marker(home, {})
    put(home, DAY, 1)
    ParquetLake(home.lake).write("own", DAY, own.frame([{"day": DAY, "n": 1, REHEARSAL: None}]))
    publish(home, [*SPECS, own])
    with open_published(home) as connection:
        for table in ("small", "large"):
            assert run_query(connection, f"select n, {REHEARSAL} from {table}")[1] == [(1, rehearsal)]
        assert run_query(connection, "from own")[1] == [(DAY, 1, None)]
        comments = run_query(
            connection,
            "select comment from duckdb_tables() where not internal "
            "union all select comment from duckdb_views() where not internal",
        )[1]
    assert len(comments) == 3
    assert all(comment.startswith(f"{BANNER} ") == rehearsal for (comment,) in comments)


@pytest.mark.parametrize("folder", ["it's", "a b", "ünï çode", "100%"])
def test_views_work_in_homes_of_any_name(tmp_path: Path, folder: str) -> None:
    home = Home(tmp_path / folder)
    put(home, DAY, 5)
    publish(home, SPECS)
    assert seen(home) == seen(home, "large") == [5]


def test_rows_of_takes_parameters(reader: duckdb.DuckDBPyConnection) -> None:
    assert rows_of(reader, "select n, n + 1 as next from small where n = $n", {"n": 2}) == [{"n": 2, "next": 3}]
    assert rows_of(reader, "select n from small where false") == []


READS = [
    "select n from small order by n",
    "from small",
    "with a as (select 1 as x) select x from a",
    "values (1)",
    "describe small",
    "summarize small",
    "show tables",
    "explain select 1",
    "explain analyze select n from small",
    "select copied from (select 1 as copied)",
    "pragma table_info('small')",
    "-- a remark\nselect 1;",
]


@pytest.mark.parametrize("query", READS)
def test_what_only_reads_is_allowed(reader: duckdb.DuckDBPyConnection, query: str) -> None:
    headers, rows = run_query(reader, query)
    assert headers
    assert rows


REFUSED = [
    "copy small to '{lake}/x.csv'",
    "COPY (select 1) TO '{lake}/x.parquet'",
    "explain analyze copy (select 1) to '{lake}/x.parquet'",
    "explain /* */ (analyze) copy small to '{database}'",
    "with x as (copy (select 1) to '{lake}/x.parquet') select * from x",
    "export database '{lake}/x'",
    "import database '{lake}/x'",
    "attach '{lake}/x.duckdb'",
    "detach tokenarena",
    "use memory",
    "install httpfs",
    "load json",
    "set threads = 1",
    "set enable_external_access = true",
    "reset lock_configuration",
    "pragma memory_limit = '1GB'",
    "create table x as select 1",
    "create temp table x as select 1",
    "create view x as select 1",
    "insert into small values (null, 1)",
    "with x as (insert into small values (null, 1) returning *) select * from x",
    "update small set n = 1",
    "delete from small",
    "drop table small",
    "alter table small drop column n",
    "comment on table small is 'x'",
    "explain analyze insert into small values (null, 1)",
    "begin",
    "vacuum",
    "prepare x as select 1",
    "select 1; select 2",
    "select 1; drop table small",
    "",
    "-- nothing",
    "select from where",
    "select * from absent",
    "select $day",
    "select error('no')",
]


@pytest.mark.parametrize("query", REFUSED)
def test_what_does_more_than_read_is_refused_and_does_nothing(
    unchanged: Home, reader: duckdb.DuckDBPyConnection, query: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in unchanged.root.rglob("*") if path.is_file()}
    with pytest.raises(TokenArenaError):
        run_query(reader, query.format(lake=unchanged.lake, database=unchanged.database))
    assert run_query(reader, "select count(*) from small")[1] == [(2,)]
    assert {path: path.stat().st_mtime_ns for path in unchanged.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "call",
    [
        "read_csv('/etc/passwd')",
        "read_text('/etc/passwd')",
        "read_blob('/etc/passwd')",
        "read_parquet('/etc/passwd')",
        "glob('/etc/*')",
        "sniff_csv('/etc/passwd')",
        "read_text('{lake}/../../secret')",
        "'/etc/passwd.csv'",
        "read_csv('https://example.com/x.csv')",
    ],
)
def test_files_outside_of_the_lake_cannot_be_read(
    unchanged: Home, reader: duckdb.DuckDBPyConnection, call: str
) -> None:
    unchanged.root.with_name("secret").write_text("secret")
    with pytest.raises(TokenArenaError, match="the query failed"):
        run_query(reader, f"select * from {call.format(lake=unchanged.lake)}")


def test_the_lake_can_be_read(unchanged: Home, reader: duckdb.DuckDBPyConnection) -> None:
    path = ParquetLake(unchanged.lake).path("large", DAY)
    assert run_query(reader, f"select n from read_parquet('{path}') order by n")[1] == [(1,), (2,)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two days of the whole chain, published."""
    home = Home(tmp_path_factory.mktemp("whole") / "arena")
    for day in (DAY, NEXT):
        whole_chain(ParquetLake(home.lake), day)
    publish(home, list(table_specs().values()))
    return home


@pytest.fixture(scope="module")
def shell(whole: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(whole.database), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def test_every_table_and_column_has_its_comment_in_the_database(shell: duckdb.DuckDBPyConnection) -> None:
    rows = shell.execute(
        "select table_name, column_name, comment from duckdb_columns() where not internal order by column_index"
    ).fetchall()
    added = {(name, REHEARSAL): REHEARSAL_COMMENT for name in table_specs()}
    expected = added | {(spec.name, c.name): c.comment for spec in table_specs().values() for c in spec.columns}
    for name, shared in load_ephemerals().items():  # columns mean what they do where they come from
        (source, *_) = shared.dependencies
        expected |= {(name, column): told for (table, column), told in expected.items() if table == source}
        expected |= {(name, c.name): c.comment for c in shared.spec.columns}
    assert {(table, column): comment for table, column, comment in rows} == expected
    commented = "select {0}_name, comment from duckdb_{0}s() where not internal"
    for kind in ("table", "view"):
        found: dict[str, str] = dict(shell.execute(commented.format(kind)).fetchall())
        wanted = {
            s.name: f"{s.description} One row = {s.grain}." for s in table_specs().values() if s.published == kind
        }
        if kind == "view":
            wanted |= {name: shared.spec.description for name, shared in load_ephemerals().items()}
        assert found == wanted


# Of suites that these rounds leave out.
NOT_ASKED_HERE = {
    *("anchor_gap", "context_curve", "context_daily", "context_requests"),
    *("border_inputs", "fidelity_prompts", "fidelity_samples"),
}


@pytest.mark.parametrize("name", sorted(table_specs()))
def test_every_table_holds_both_days(shell: duckdb.DuckDBPyConnection, whole: Home, name: str) -> None:
    lake = ParquetLake(whole.lake)
    counted = shell.execute(f"select day, count(*) from {name} group by day order by day").fetchall()
    assert counted == [(day, height) for day in (DAY, NEXT) if (height := lake.read(name, day).height)]
    assert len(counted) == (0 if name in NOT_ASKED_HERE else 2)


@pytest.mark.parametrize("name", sorted(sql_models()))
@pytest.mark.parametrize("day", [DAY, NEXT])
def test_a_model_runs_unchanged_in_a_shell_over_the_database(
    shell: duckdb.DuckDBPyConnection, name: str, day: date
) -> None:
    model = sql_models()[name]
    by_file = shell.execute(model.path.read_text(), {"day": day})
    headers = [column[0] for column in by_file.description]
    columns = ", ".join(headers)
    key: Callable[[tuple[object, ...]], str] = str
    computed = sorted(by_file.fetchall(), key=key)
    stored = sorted(shell.execute(f"select {columns} from {name} where day = $day", {"day": day}).fetchall(), key=key)
    assert headers == list(model.spec.column_names)
    assert computed == stored
    assert computed


def test_what_a_query_may_take_is_bounded(reader: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    in_force = run_query(
        reader, "select name, value from duckdb_settings() where name like '%memory_limit%' order by 1"
    )
    limits = dict(in_force[1])
    with duckdb.connect() as usual:
        by_default = usual.execute("select value from duckdb_settings() where name = 'memory_limit'").fetchone()
    assert limits["memory_limit"] != by_default[0]
    monkeypatch.setattr("tokenarena_assets.storage.publish.MAX_ROWS", 3)
    assert len(run_query(reader, "from range(3)")[1]) == 3
    with pytest.raises(TokenArenaError, match="more than 3 rows"):
        run_query(reader, "from range(10_000_000_000)")


def test_no_variable_of_the_environment_can_be_read(
    reader: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_KEY", "sk-canary")
    with pytest.raises(TokenArenaError, match="the query failed"):
        run_query(reader, "select getenv('CANARY_KEY')")
