"""Whether tables on DuckLake can be tested here, and a writer for processes of their own."""

from __future__ import annotations

import importlib.util
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tokenarena_assets_tests.storage.postgres import binaries

VERSION = "1.5.5"


def why_not() -> str | None:
    """What is missing; None: nothing."""
    if importlib.util.find_spec("duckdb_extension_ducklake") is None or duckdb.__version__ != VERSION:
        return f"DuckLake needs the extra cluster with DuckDB {VERSION}: make cluster, .venv-cluster/bin/pytest"
    if binaries() is None:
        return "PostgreSQL's programs are not installed"
    return None


needs_ducklake = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


def marked(day: date, mark: int, rows: int = 50) -> pl.DataFrame:
    """A partition all of whose rows say who wrote it."""
    return pl.DataFrame({"day": [day] * rows, "n": range(rows), "mark": [mark] * rows})


def write_often(catalog: str, data: str, spill: str, mark: int, own: date, shared: date, times: int) -> None:
    """Replace a day of one's own and a day that others replace as well, in turns."""
    from tokenarena_assets.storage.ducklake import DuckLake

    lake = DuckLake(catalog, data, Path(spill))
    for turn in range(times):
        lake.write("t", own, marked(own, 100 * mark + turn))
        lake.write("t", shared, marked(shared, 100 * mark + turn))
