"""The lake: tables by day, each partition replaced whole, so that a re-run is idempotent.

Whatever keeps the partitions hands them out as Parquet files that hold the rows of their day and nothing else; all
reading is of those files. A store decides only which files those are, and how a new one takes the place of the old.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.storage.faults import explained, explained_reading, require_parquet
from tokenarena_assets.storage.fence import require_current
from tokenarena_assets.storage.files import replacing, temporary_beside
from tokenarena_assets.storage.home import Home, root_in_force
from tokenarena_assets.storage.literals import literal

if TYPE_CHECKING:
    from tokenarena_assets.storage.ducklake import DuckLake

Days = date | Sequence[date]
LAKE_VARIABLE = "TOKENARENA_LAKE"
HIVE_PATTERN = re.compile(r"/[^=]*/day=\*/[^=]*")
MEMORY_LIMIT = "1GB"  # of each connection: a day must fit a small machine


class Lake(ABC):
    """Tables by day. One writer replaces a partition at a time; readers see the old one or the new one, whole."""

    @property
    @abstractmethod
    def spill(self) -> Path:
        """Where DuckDB puts what does not fit into memory."""

    @abstractmethod
    def days(self, table: str) -> list[date]:
        """The days that `table` has, in order."""

    @abstractmethod
    def files(self, table: str, days: Days) -> list[str]:
        """The Parquet files that hold exactly the rows of `days`, by path or address.

        Raises:
            MissingTableError: one of them has not been materialized.
            StorageError: one of them was cut, is something else, or cannot be read.
        """

    @abstractmethod
    def lasting(self, table: str) -> list[str]:
        """What a view of all days reads that outlives this process: files, or patterns of them."""

    @abstractmethod
    def uri(self, table: str, day: date) -> str:
        """Where the partition lies, or would lie, for a person to read."""

    @property
    @abstractmethod
    def places(self) -> list[str]:
        """The folders in which all of these files lie."""

    @abstractmethod
    def replacing(self, table: str, day: date) -> AbstractContextManager[Path]:
        """A path for a Parquet file that takes the place of the partition when the block ends well.

        Raises:
            OutdatedWriteError: the step no longer counts (:mod:`tokenarena_assets.storage.fence`).
        """

    @abstractmethod
    def version(self, table: str, day: date) -> str:
        """Other whenever the partition was written anew.

        Raises:
            MissingTableError: it has not been materialized.
        """

    @property
    def storage_options(self) -> dict[str, str] | None:
        """What polars has to know of the files."""
        return None

    def engine(self) -> duckdb.DuckDBPyConnection:
        """An in-memory DuckDB that can read the files."""
        return duckdb.connect()

    def versions(self, table: str) -> dict[date, str]:
        """The version of each day, in order."""
        return {day: self.version(table, day) for day in self.days(table)}

    def has(self, table: str, day: date) -> bool:
        """Whether the partition has been materialized."""
        return day in self.days(table)

    def check(self) -> str:
        """What is found of it, in words.

        Raises:
            TokenArenaError: it cannot be used.
        """
        return f"files in {', '.join(self.places)}"

    def scan(self, table: str, days: Days) -> pl.LazyFrame:
        """The rows of `days`, of which only what is asked for is read.

        Raises:
            MissingTableError: one of them has not been materialized.
        """
        return pl.scan_parquet(
            self.files(table, days),
            hive_partitioning=False,
            glob=False,
            missing_columns="insert",
            extra_columns="ignore",
            storage_options=self.storage_options,
        )

    def read(self, table: str, day: date, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The partition of a day as a frame, or the named columns of it.

        Raises:
            MissingTableError: it has not been materialized.
        """
        rows = self.scan(table, day)
        with explained(Path(self.uri(table, day))):
            return (rows if columns is None else rows.select(columns)).collect()

    def write(self, table: str, day: date, frame: pl.DataFrame) -> None:
        """Replace the partition of a day."""
        with self.replacing(table, day) as temporary:
            frame.write_parquet(temporary, compression="zstd")

    def connect(self, tables: Mapping[str, Days] | None = None) -> duckdb.DuckDBPyConnection:
        """A connection to an in-memory DuckDB, with a view of the named days of each table; rows come in any order.

        Raises:
            MissingTableError: one of them has not been materialized.
        """
        connection = _SHARED.connect(self)
        connection.execute("set timezone = 'UTC'")
        for table, days in (tables or {}).items():
            files = self.files(table, days)
            with explained_reading(files):
                connection.execute(f'create temp view "{table}" as from {parquet_scan(files)}')
        return connection


class _SharedEngine:
    """The in-memory DuckDB of the lake used last: starting one takes fifteen times as long as connecting to it.

    Views are temporary, so that each connection sees its own alone.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._of: tuple[object, ...] = ()
        self._engine: duckdb.DuckDBPyConnection | None = None
        self._process = os.getpid()
        self._of_parents: list[object] = []

    def connect(self, lake: Lake) -> duckdb.DuckDBPyConnection:
        options = tuple((lake.storage_options or {}).items())
        of = (lake.spill, *lake.places, *options)
        with self._lock:
            if self._process != os.getpid():  # a fork has none of its parent's threads, and closing would wait for them
                self._of_parents.append(self._engine)
                self._engine, self._process = None, os.getpid()
            if self._engine is None or self._of != of:
                self._engine, self._of = _limited(lake), of
            return self._engine.cursor()


def _limited(lake: Lake) -> duckdb.DuckDBPyConnection:
    engine = lake.engine()
    engine.execute(f"set memory_limit = '{MEMORY_LIMIT}'")  # beyond it goes to disk, beside the tables
    engine.execute(f"set temp_directory = {literal(str(lake.spill))}")
    engine.execute("set preserve_insertion_order = false")  # who needs an order asks for it
    engine.execute("set enable_external_file_cache = false")  # partitions are replaced under their names
    return engine


_SHARED = _SharedEngine()


class ParquetLake(Lake):
    """Tables as `<root>/<table>/day=<day>/part-0.parquet`; no service, no lock."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def spill(self) -> Path:
        """Where DuckDB puts what does not fit into memory."""
        return temporary_beside(self.root / "spill")  # of this process alone: DuckDB's names in it are not its own

    def path(self, table: str, day: date) -> Path:
        """Where the partition of a day lies, or would lie."""
        return self.root / table / f"day={day.isoformat()}" / "part-0.parquet"

    def _existing(self, table: str, day: date) -> Path:
        path = self.path(table, day)
        if not path.exists():
            raise MissingTableError(
                f"table {table} has no partition of {day}",
                mend=f"materialize {table} for {day}: tokenarena run --day {day}",
            )
        require_parquet(path)
        return path

    def days(self, table: str) -> list[date]:
        """The days that `table` has, in order."""
        return list(self._partitions(table))

    def _partitions(self, table: str) -> dict[date, os.stat_result]:
        """The files of `table` by day, in order: by plain names, since a year of many tables is tens of thousands."""
        found = {}
        with explained(self.root / table), suppress(FileNotFoundError), os.scandir(self.root / table) as folders:
            for folder in folders:
                if folder.name.startswith("day="):
                    with suppress(FileNotFoundError, NotADirectoryError):
                        status = os.stat(f"{folder.path}/part-0.parquet")  # noqa: PTH116 - a Path takes three times as long
                        found[date.fromisoformat(folder.name.removeprefix("day="))] = status
        return dict(sorted(found.items()))

    def has(self, table: str, day: date) -> bool:
        """Whether the partition has been materialized."""
        return self.path(table, day).exists()

    def files(self, table: str, days: Days) -> list[str]:
        """The file of each of `days`.

        Raises:
            MissingTableError: one of them has not been materialized.
        """
        return [str(self._existing(table, day)) for day in ([days] if isinstance(days, date) else days)]

    def lasting(self, table: str) -> list[str]:
        """A pattern: days that come later are seen too."""
        return [f"{self.root}/{table}/day=*/part-0.parquet"]

    def uri(self, table: str, day: date) -> str:
        """The path of the file."""
        return str(self.path(table, day))

    @property
    def places(self) -> list[str]:
        """The root."""
        return [str(self.root)]

    def version(self, table: str, day: date) -> str:
        """When the partition was written.

        Raises:
            MissingTableError: it has not been materialized.
        """
        return str(self._existing(table, day).stat().st_mtime_ns)

    def versions(self, table: str) -> dict[date, str]:
        """When each partition was written; whether it is whole is seen by who reads it."""
        return {day: str(status.st_mtime_ns) for day, status in self._partitions(table).items()}

    @contextmanager
    def replacing(self, table: str, day: date) -> Iterator[Path]:
        """A temporary file beside the partition that takes its place when the block ends well."""
        with replacing(self.path(table, day)) as temporary:
            yield temporary
            require_current(table, day)


def lake_of(home: Home) -> Lake:
    """The tables of a home: on DuckLake where `TOKENARENA_LAKE` says so, else in its own folder.

    The variable is of the home of the environment alone: a home of rehearsals, or one that a recompute fills, keeps its
    tables to itself.

    Raises:
        TokenArenaError: the variables do not name a lake.
    """
    catalog = os.environ.get(LAKE_VARIABLE)
    if not catalog or home.is_rehearsal or home.root != root_in_force():
        return ParquetLake(home.lake)
    from tokenarena_assets.storage.ducklake import ducklake_of  # noqa: PLC0415

    return ducklake_of(catalog, temporary_beside(home.lake / "spill"))


def versioned_lake_of(home: Home) -> DuckLake:
    """The tables of a home whose earlier states can be read.

    Raises:
        TokenArenaError: those of this home have none, or cannot be reached.
    """
    from tokenarena_assets.storage.ducklake import DuckLake  # noqa: PLC0415

    lake = lake_of(home)
    if not isinstance(lake, DuckLake):
        raise TokenArenaError(
            f"the tables of {home.root} are files in a folder, which has no snapshots",
            mend=f"for tables on DuckLake set {LAKE_VARIABLE} (docs/operations.md)",
        )
    return lake


def parquet_scan(files: Sequence[Path | str]) -> str:
    """A `read_parquet` call over files.

    Their day column is in the files. Of a pattern it is taken from the path, so that files of days that are not asked
    for stay closed; not where the path may name other values, which would be columns too.
    """
    quoted = ", ".join(literal(str(file)) for file in files)
    by_path = all(HIVE_PATTERN.fullmatch(str(file)) for file in files)
    days = "true, hive_types = {'day': date}" if by_path else "false"
    return f"read_parquet([{quoted}], hive_partitioning = {days}, union_by_name = true)"
