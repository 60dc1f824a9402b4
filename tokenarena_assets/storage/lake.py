"""The Parquet lake: one file a table and day, replaced whole, so that a re-run is idempotent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from tokenarena_assets.errors import MissingTableError
from tokenarena_assets.storage.files import replacing


class Lake:
    """Tables as `<root>/<table>/day=<day>/part-0.parquet`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, table: str, day: date) -> Path:
        """Where the partition of a day lies."""
        return self.root / table / f"day={day.isoformat()}" / "part-0.parquet"

    def existing(self, table: str, day: date) -> Path:
        """The partition of a day.

        Raises:
            MissingTableError: it has not been materialized.
        """
        path = self.path(table, day)
        if not path.exists():
            raise MissingTableError(
                f"table {table} has no partition of {day}",
                mend=f"materialize {table} for {day}: tokenarena run --day {day}",
            )
        return path

    def days(self, table: str) -> list[date]:
        """The days that `table` has, in order."""
        folders = (self.root / table).glob("day=*/part-0.parquet")
        return sorted(date.fromisoformat(path.parent.name.removeprefix("day=")) for path in folders)

    def read(self, table: str, day: date) -> pl.DataFrame:
        """The partition of a day as a frame."""
        return pl.read_parquet(self.existing(table, day), hive_partitioning=False)

    def write(self, table: str, day: date, frame: pl.DataFrame) -> Path:
        """Replace the partition of a day."""
        with self.replacing(table, day) as temporary:
            frame.write_parquet(temporary, compression="zstd")
        return self.path(table, day)

    @contextmanager
    def replacing(self, table: str, day: date) -> Iterator[Path]:
        """A path to write a partition to; it takes the partition's place when the block ends well."""
        with replacing(self.path(table, day)) as temporary:
            yield temporary

    def connect(self, tables: dict[str, date] | None = None) -> duckdb.DuckDBPyConnection:
        """An in-memory DuckDB with a view of each named table's partition."""
        connection = duckdb.connect()
        connection.execute("set timezone = 'UTC'")
        for table, day in (tables or {}).items():
            connection.execute(f'create view "{table}" as from {parquet_scan([self.existing(table, day)])}')
        return connection


def parquet_scan(paths: list[Path]) -> str:
    """A `read_parquet` call over files whose day column is in the file, not in the path."""
    quoted = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{quoted}], hive_partitioning = false, union_by_name = true)"
