"""Frames into DuckDB and back, through Parquet files: the two share no memory without pyarrow, which we do without."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from tokenarena_assets.storage.lake import parquet_scan
from tokenarena_assets.storage.literals import literal


class Exchange:
    """A folder of files that live as long as it does."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tokenarena-explain-")
        self._numbers = itertools.count()

    def close(self) -> None:
        """Remove the files."""
        self._folder.cleanup()

    def _path(self) -> Path:
        return Path(self._folder.name) / f"{next(self._numbers)}.parquet"

    def fetch(
        self, connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, object] | None = None
    ) -> pl.DataFrame:
        """The rows of a query as a frame."""
        path = self._path()
        connection.execute(f"create or replace temp table fetched as {query}", parameters or {})
        connection.execute(f"copy fetched to {literal(str(path))} (format parquet)")
        try:
            return pl.read_parquet(path)
        finally:
            path.unlink()

    @contextmanager
    def lent(self, connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> Iterator[None]:
        """`frame` as the view `name` for as long as the block lasts."""
        path = self._path()
        frame.write_parquet(path)
        connection.execute(f'create or replace temp view "{name}" as from {parquet_scan([path])}')
        try:
            yield
        finally:
            connection.execute(f'drop view "{name}"')
            path.unlink()
