"""Tables on DuckLake: a catalog in PostgreSQL, Parquet files in a shared folder or object storage, several writers.

A partition is the Parquet file as its writer made it: put into the data place under a name of its own, and registered
in one transaction that deletes the day's earlier rows. Order, types and bytes are kept, and a registered file is never
written again. DuckLake takes no files without rows: days without any are named by a small table beside.
"""

from __future__ import annotations

import hashlib
import logging
import os
import random
import re
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from tokenarena_assets.errors import MissingTableError
from tokenarena_assets.storage.fence import require_current
from tokenarena_assets.storage.lake import LAKE_VARIABLE, MEMORY_LIMIT, Days, Lake
from tokenarena_assets.storage.lake_place import DATA_VARIABLE, OFFLINE, LakeError, Place, load_extension, place_of
from tokenarena_assets.storage.literals import literal

PREFIX = "ducklake:postgres:"
MEND_CATALOG = f"start PostgreSQL, or mend {LAKE_VARIABLE}: {PREFIX}dbname=tokenarena host=... user=..."
EMPTY_DAYS = "days_without_rows"
TRIES = 100
FIRST_WAIT_S, LONGEST_WAIT_S = 0.02, 1.0
PATIENCE_S = 60.0  # PostgreSQL restarts in less
# Readers hold names of files: a file stays so long after the last snapshot that needed it.
KEPT_AFTER_EXPIRY = timedelta(days=1)
DAY_OF_PATH = re.compile(r"/day=(\d{4}-\d{2}-\d{2})/[^/]+$")
WIDENING = (
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT"),
    ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    ("FLOAT", "DOUBLE"),
)
CONFLICT = re.compile(r"(?i)transaction conflict")
# What the extensions say where PostgreSQL went away, comes up, or two of us make the catalog at once.
PASSING = re.compile(
    r"(?i)connection|server closed|terminating|shutting down|starting up|recovery mode|could not (receive|send)"
    r"|failed to execute query|maximum retry count|duplicate key|already exists|could not serialize|deadlock"
)
LASTING = re.compile(r"(?i)permission denied|does not exist|authentication failed|no password supplied|role .* is not")
PASSWORD = re.compile(r"(?i)(password\s*=\s*)('[^']*'|\S+)|(//[^:/@\s]+:)[^@\s]+(?=@)")
log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One commit: its version, when it was made, and what it changed."""

    version: int
    at: datetime
    change: str


@dataclass(frozen=True, slots=True)
class _Partition:
    file: str
    version: str


@dataclass(frozen=True, slots=True)
class _Write:
    """A partition on its way: its columns and their types, and a name by which to tell whether it was committed."""

    table: str
    day: date
    rows: int
    columns: dict[str, str]
    name: str

    @classmethod
    def of(cls, table: str, day: date, source: Path) -> _Write:
        with duckdb.connect(config=OFFLINE) as connection:
            read = f"read_parquet({literal(str(source))}, hive_partitioning = false)"
            columns = {str(row[0]): str(row[1]) for row in connection.execute(f"describe from {read}").fetchall()}
            if columns.get("day") != "DATE":
                raise LakeError(
                    f"table {table}: a column day of type DATE is needed, to delete a day by",
                    mend="give the table that column",
                )
            found = connection.execute(
                f"select count(*), count(*) filter (day is distinct from ?) from {read}", [day]
            ).fetchone()
        rows, others = found or (0, 0)
        if others:
            raise LakeError(
                f"table {table} of {day}: {others} of {rows} rows are of another day",
                mend="a partition holds the rows of its day alone",
            )
        return cls(table, day, int(rows), columns, uuid.uuid4().hex)


class DuckLake(Lake):
    """The tables of one catalog, as they are now or as they were at a snapshot."""

    def __init__(self, catalog: str, data: str, spill: Path, snapshot: int | None = None) -> None:
        """`catalog` as `ducklake:postgres:<libpq connection string>`; nothing is opened before it is needed.

        Raises:
            LakeError: the catalog or the data place is of another kind.
        """
        if not catalog.startswith(PREFIX):
            raise LakeError(
                f"{LAKE_VARIABLE}: a catalog in PostgreSQL is needed; no other serves several writers",
                mend=f"write it as {PREFIX}dbname=tokenarena host=... user=...",
            )
        self._catalog, self._spill, self._snapshot = catalog, spill, snapshot
        self._place: Place = place_of(data)
        self._lock = threading.RLock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._process = os.getpid()

    @property
    def spill(self) -> Path:
        """Where DuckDB puts what does not fit into memory: a folder of this machine."""
        return self._spill

    @property
    def places(self) -> list[str]:
        """The data place; the catalog is not asked."""
        return [self._place.root]

    @property
    def storage_options(self) -> dict[str, str] | None:
        """What polars is told of the data place."""
        return self._place.storage_options

    def engine(self) -> duckdb.DuckDBPyConnection:
        """An in-memory DuckDB that can read the data place."""
        connection = duckdb.connect(config=OFFLINE)
        self._place.prepare(connection)
        return connection

    def days(self, table: str) -> list[date]:
        """The days that `table` has, in order."""
        return sorted(self._partitions(table))

    def files(self, table: str, days: Days) -> list[str]:
        """The files of `days`, all of one snapshot.

        Raises:
            MissingTableError: one of them has not been materialized.
        """
        found = self._partitions(table)
        return [_existing(found, table, day).file for day in ([days] if isinstance(days, date) else days)]

    def lasting(self, table: str) -> list[str]:
        """The files as they are now: none is ever changed, and :meth:`expire` keeps each a day after its last use."""
        found = self._partitions(table)
        return [found[day].file for day in sorted(found)]

    def uri(self, table: str, day: date) -> str:
        """The file, or the folder in which it would lie."""
        found = self._partitions(table).get(day)
        return found.file if found else f"{self._place.tables}{_folder(table, day)}"

    def version(self, table: str, day: date) -> str:
        """A name that each write has anew.

        Raises:
            MissingTableError: it has not been materialized.
        """
        return _existing(self._partitions(table), table, day).version

    def versions(self, table: str) -> dict[date, str]:
        """The version of each day, all of one snapshot."""
        found = self._partitions(table)
        return {day: found[day].version for day in sorted(found)}

    @contextmanager
    def replacing(self, table: str, day: date) -> Iterator[Path]:
        """A local file that becomes the partition, in one transaction, when the block ends well.

        Where another writer changes the table meanwhile, the whole transaction is made again.

        Raises:
            LakeError: the file is not of the day, the data place cannot be written, the catalog cannot be reached, or
                others get in the way for too long.
            OutdatedWriteError: the step no longer counts (:mod:`tokenarena_assets.storage.fence`).
        """
        if self._snapshot is not None:
            raise LakeError("an earlier snapshot cannot be written", mend="write the tables as they are now")
        self._spill.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._spill, prefix="partition-") as folder:
            temporary = Path(folder) / "part.parquet"
            yield temporary
            self._replace(_Write.of(table, day, temporary), temporary)

    def as_of(self, version: int) -> DuckLake:
        """The tables as they were at a snapshot; not to be written.

        Raises:
            LakeError: there is no such snapshot, or it has been expired.
        """
        if version not in {each.version for each in self.snapshots()}:
            raise LakeError(
                f"the lake has no snapshot {version}", mend="see which there are: tokenarena lake snapshots"
            )
        return DuckLake(self._catalog, self._place.root, self._spill, version)

    def version_at(self, moment: datetime) -> int:
        """The snapshot that was the newest at a moment.

        Raises:
            LakeError: there was none, or it has been expired.
        """
        before = [each.version for each in self.snapshots() if each.at <= moment]
        if not before:
            raise LakeError(
                f"the lake has no snapshot as old as {moment.isoformat(timespec='seconds')}",
                mend="see which there are: tokenarena lake snapshots",
            )
        return max(before)

    def snapshots(self) -> list[Snapshot]:
        """Every snapshot that can be read, in order, with what it changed.

        Raises:
            LakeError: the catalog cannot be reached.
        """

        def look(connection: duckdb.DuckDBPyConnection) -> list[Snapshot]:
            rows = connection.execute(
                "select snapshot_id, snapshot_time, coalesce(commit_message, changes::varchar) "
                "from ducklake_snapshots('lake') order by snapshot_id"
            ).fetchall()
            return [Snapshot(int(version), at.astimezone(UTC), str(change)) for version, at, change in rows]

        return self._patiently("its snapshots cannot be read", look)

    def expire(self, before: datetime) -> tuple[int, int]:
        """Give up the snapshots older than `before`, the newest aside; how many, and how many files were removed.

        A file goes a day after it was found that no snapshot needs it, and so do files of writers that were killed
        before they could register them.

        Raises:
            LakeError: the catalog cannot be reached.
        """
        unused_since = datetime.now(UTC) - KEPT_AFTER_EXPIRY

        def let_go(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
            def count(call: str, older_than: datetime) -> int:
                # Called, not counted in SQL: a query over them changes nothing.
                query = f"call {call}('lake', older_than => timestamptz '{older_than.isoformat()}')"
                return len(connection.execute(query).fetchall())

            expired = count("ducklake_expire_snapshots", before)
            removed = count("ducklake_cleanup_old_files", unused_since)
            return expired, removed + count("ducklake_delete_orphaned_files", unused_since)

        return self._patiently("it cannot be tidied", let_go)

    def check(self) -> str:
        """What is found of the lake, in words; tried once.

        Raises:
            LakeError: it cannot be used.
        """
        self._place.require_writable()
        with self._lock:
            self._forget()
            try:
                connection = self._connected()
            except duckdb.Error as error:
                raise self._error("it cannot be opened", error) from None
            options = dict(connection.execute("select option_name, value from ducklake_options('lake')").fetchall())
        newest = self.snapshots()[-1]
        return (
            f"DuckLake {options.get('version')} in PostgreSQL, files in {self._place.root}, "
            f"snapshot {newest.version} of {newest.at.isoformat(timespec='seconds')}"
        )

    def _partitions(self, table: str) -> dict[date, _Partition]:
        """The partition of each day, all of one snapshot."""

        def look(connection: duckdb.DuckDBPyConnection) -> dict[date, _Partition]:
            connection.execute("begin")
            try:
                return self._look(connection, table)
            finally:
                with suppress(duckdb.Error):
                    connection.execute("rollback")

        return self._patiently(f"table {table} cannot be read", look)

    def _look(self, connection: duckdb.DuckDBPyConnection, table: str) -> dict[date, _Partition]:
        found: dict[date, _Partition] = {}
        at = "" if self._snapshot is None else f", snapshot_version => {self._snapshot}"
        listed = f"select data_file, delete_file from ducklake_list_files('lake', {literal(table)}{at})"
        for file, deleted in _rows_where_there(connection, listed):
            match = DAY_OF_PATH.search(file)
            day = date.fromisoformat(match[1]) if match else None
            if day is None or deleted is not None or day in found:
                raise LakeError(
                    f"table {table}: rows of {file} were added or deleted by another program than tokenarena",
                    mend=f"delete the day there (delete from {table} where day = ...), then tokenarena run --day DAY",
                )
            found[day] = _Partition(file, file.rsplit("/", 1)[-1].removesuffix(".parquet"))
        at = "" if self._snapshot is None else f" at (version => {self._snapshot})"
        empty = f"select day, file, write from {EMPTY_DAYS}{at} where table_name = {literal(table)}"
        for day, file, write in _rows_where_there(connection, empty):
            found[day] = _Partition(f"{self._place.root}/{file}", write)
        return found

    def _replace(self, write: _Write, source: Path) -> None:
        file = self._put(write, source)
        began = time.monotonic()
        for tried in range(1, TRIES + 1):
            try:
                with self._lock:
                    self._commit(self._connected(), write, file, tried)
            except duckdb.Error as error:
                self._give_up_or_wait(f"table {write.table} of {write.day} cannot be written", error, tried, began)
                if CONFLICT.search(str(error)):
                    continue
                if self._patiently("it cannot be read", lambda connection: _is_committed(connection, write)):
                    break  # the connection was lost after the commit
                # What was lost may yet be committed; with a name of its own it is replaced and never mistaken for ours.
                file = self._put(write, source)
            else:
                break
        if tried > 1:
            log.info("table %s of %s: written at try %d", write.table, write.day, tried)

    def _put(self, write: _Write, source: Path) -> str:
        """Put a file where it stays; one without rows, which DuckLake does not know of, where it removes nothing."""
        if write.rows:
            return self._place.put(source, f"tables/{_folder(write.table, write.day)}/{uuid.uuid4().hex}.parquet")
        content = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
        return self._place.put(source, f"empty/{write.table}-{content}.parquet")

    def _commit(self, connection: duckdb.DuckDBPyConnection, write: _Write, file: str, tried: int) -> None:
        execute = connection.execute
        _prepare_lake(connection)
        execute("begin")
        try:
            _prepare_table(connection, write)
            if not execute(f"select 1 from {_name(write.table)} where day = ? limit 1", [write.day]).fetchone():
                # Two first writers of a day delete nothing, and rows that are only added never conflict: these do.
                execute(f"comment on table {_name(write.table)} is {literal(write.name)}")
            execute(f"delete from {_name(write.table)} where day = ?", [write.day])
            mine = f"from {EMPTY_DAYS} where table_name = ? and day = ?"
            # Changed only where it must be: writers of one table conflict.
            if execute(f"select 1 {mine}", [write.table, write.day]).fetchone():
                execute(f"delete {mine}", [write.table, write.day])
            if write.rows:
                execute(
                    f"call ducklake_add_data_files('lake', {literal(write.table)}, {literal(file)}, "
                    "hive_partitioning => true, allow_missing => true)"
                )
            else:
                relative = file.removeprefix(f"{self._place.root}/")
                execute(f"insert into {EMPTY_DAYS} values (?, ?, ?, ?)", [write.table, write.day, relative, write.name])
            said = f"{write.table} {write.day}: {write.rows} rows" + (f", at try {tried}" if tried > 1 else "")
            execute(
                f"call ducklake_set_commit_message('lake', 'tokenarena', {literal(said)}, "
                f"extra_info => {literal(write.name)})"
            )
            require_current(write.table, write.day)  # here, since others may have been waited for
            execute("commit")
        except BaseException:
            with suppress(duckdb.Error):  # a commit that failed has ended it already
                execute("rollback")
            raise

    def _patiently(self, problem: str, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Do what may be done twice, again where it failed for a reason that passes."""
        began = time.monotonic()
        for tried in range(1, TRIES + 1):
            try:
                with self._lock:
                    return work(self._connected())
            except duckdb.Error as error:
                self._give_up_or_wait(problem, error, tried, began)
        raise AssertionError  # the last try has raised

    def _give_up_or_wait(self, problem: str, error: duckdb.Error, tried: int, began: float) -> None:
        text = str(error)
        conflict = CONFLICT.search(text) is not None
        passing = conflict or (PASSING.search(text) and not LASTING.search(text))
        late = not conflict and time.monotonic() - began > PATIENCE_S
        if not passing or late or tried == TRIES:
            raise self._error(f"{problem}, tried {tried} times" if tried > 1 else problem, error) from None
        if not conflict:
            self._forget()
        time.sleep(random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**tried)))

    def _connected(self) -> duckdb.DuckDBPyConnection:
        if self._process != os.getpid():  # closing it would end the connection of the process that forked this one
            _OF_PARENTS.append(self._connection)
            self._connection, self._process = None, os.getpid()
        if self._connection is None:
            connection = self.engine()
            try:
                load_extension(connection, "postgres_scanner")
                load_extension(connection, "ducklake")
                connection.execute("set timezone = 'UTC'")
                connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
                connection.execute(
                    # Inlined, the rows of a small day are deleted one by one; else its file goes whole.
                    f"attach {literal(self._catalog)} as lake "
                    f"(data_path {literal(self._place.tables)}, data_inlining_row_limit 0)"
                )
                connection.execute("use lake")
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _forget(self) -> None:
        """Let go of a connection that may be broken."""
        if self._connection is not None:
            with suppress(duckdb.Error):
                self._connection.close()
            self._connection = None

    def _error(self, problem: str, error: duckdb.Error) -> LakeError:
        text = PASSWORD.sub(lambda match: f"{match[1] or match[3]}***", " ".join(str(error).split()))
        mend = MEND_CATALOG
        if "version mismatch" in text:
            mend = "let every machine have the DuckLake of one lock (make cluster); to migrate see docs/operations.md"
        elif "DATA_PATH" in text:
            mend = f"set {DATA_VARIABLE} to the folder with which the lake was begun, the same on every machine"
        elif CONFLICT.search(text):
            mend = "let fewer writers at this table at once, and run it again"
        return LakeError(f"the lake: {problem}: {text}", mend=mend)


def ducklake_of(catalog: str, spill: Path) -> DuckLake:
    """The lake whose data place `TOKENARENA_LAKE_DATA` names; one connection a process.

    Raises:
        LakeError: the variables do not name a lake.
    """
    data = os.environ.get(DATA_VARIABLE)
    if not data:
        raise LakeError(
            f"{LAKE_VARIABLE} is set, and {DATA_VARIABLE} is not",
            mend=f"export {DATA_VARIABLE}=/a/shared/folder, or s3://bucket/prefix",
        )
    return _opened(catalog, data, spill)


@lru_cache(maxsize=4)
def _opened(catalog: str, data: str, spill: Path) -> DuckLake:
    return DuckLake(catalog, data, spill)


_OF_PARENTS: list[duckdb.DuckDBPyConnection | None] = []


def _folder(table: str, day: date) -> str:
    return f"main/{table}/day={day.isoformat()}"


def _existing(found: dict[date, _Partition], table: str, day: date) -> _Partition:
    if day not in found:
        raise MissingTableError(
            f"table {table} has no partition of {day}",
            mend=f"materialize {table} for {day}: tokenarena run --day {day}",
        )
    return found[day]


def _rows_where_there(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """The rows, none where there is no such table yet."""
    try:
        return connection.execute(query).fetchall()
    except duckdb.CatalogException:
        return []


def _is_committed(connection: duckdb.DuckDBPyConnection, write: _Write) -> bool:
    query = "select 1 from ducklake_snapshots('lake') where commit_extra_info = ?"
    return connection.execute(query, [write.name]).fetchone() is not None


def _prepare_lake(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table of days without rows; it lies in the catalog, where it needs no file for each of them."""
    if not _rows_where_there(connection, f"describe {EMPTY_DAYS}"):
        connection.execute(f"create table {EMPTY_DAYS} (table_name varchar, day date, file varchar, write varchar)")
        connection.execute(
            f"call ducklake_set_option('lake', 'data_inlining_row_limit', 1000000, table_name => '{EMPTY_DAYS}')"
        )


def _prepare_table(connection: duckdb.DuckDBPyConnection, write: _Write) -> None:
    """Let the table have every column of the file, of its type or a wider one; columns that it no longer has stay.

    A column of a type that cannot be widened is begun anew: in SQL over DuckLake, days before show null there until
    they are materialized again. Reading by files shows them as they are.
    """
    table = _name(write.table)
    described = _rows_where_there(connection, f"describe {table}")
    if not described:
        columns = ", ".join(f"{_name(name)} {kind}" for name, kind in write.columns.items())
        connection.execute(f"create table {table} ({columns})")
        connection.execute(f"alter table {table} set partitioned by (day)")
        return
    present = {str(row[0]): str(row[1]) for row in described}
    for name, kind in write.columns.items():
        column = f"{_name(name)} {kind}"
        if name not in present:
            connection.execute(f"alter table {table} add column {column}")
        elif present[name] != kind:
            family = next((each for each in WIDENING if {kind, present[name]} <= set(each)), None)
            if family is None:
                connection.execute(f"alter table {table} drop column {_name(name)}")
                connection.execute(f"alter table {table} add column {column}")
            elif family.index(kind) > family.index(present[name]):
                connection.execute(f"alter table {table} alter column {_name(name)} set data type {kind}")


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
