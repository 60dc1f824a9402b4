"""The published database: built beside the old one and moved into its place, opened read-only by everyone else."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import sqlglot

from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.storage.files import replacing
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import Lake, ParquetLake, lake_of, parquet_scan, versioned_lake_of
from tokenarena_assets.storage.rehearsal import BANNER
from tokenarena_assets.storage.sqlmodels import models_folder
from tokenarena_assets.storage.tables import Column, TableSpec

# Older DuckDB shells (1.2 on) open this form.
STORAGE_VERSION = "v1.2.0"
# A column of every published table: what is copied from it must still say what it is.
REHEARSAL = "rehearsal"
REHEARSAL_COMMENT = "true: real answers of the embedded fleet filed under dates on which they were not given"


def publish(home: Home, specs: Sequence[TableSpec]) -> dict[str, int]:
    """Build the database of all days in the lake and put it in place; rows by table.

    Marts become native tables, large tables become views over the lake (absolute paths). Each has a column that tells
    rehearsals from what was measured on its day. A reader that has the old file open keeps it until it reconnects; two
    publishers take turns.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    with (home.root / ".publish.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with replacing(home.database) as temporary:
            temporary.unlink(missing_ok=True)
            counts = _build(lake_of(home), temporary, specs, rehearsal=home.is_rehearsal)
            leftover = _wal(temporary)
            if leftover.exists():
                raise TokenArenaError(
                    f"{leftover} was left behind: the new database is not whole", mend="publish again"
                )
        # A stale log of the old file would be replayed into the new one.
        _wal(home.database).unlink(missing_ok=True)
    return counts


def _wal(database: Path) -> Path:
    """DuckDB's write-ahead log of a database file."""
    return database.with_name(database.name + ".wal")


def build_portable(folder: Path, lake: ParquetLake, specs: Sequence[TableSpec], *, rehearsal: bool) -> Path:
    """`tokenarena.duckdb` in `folder`, for a lake inside of it: the same tables give the same bytes, on any machine.

    Marts are native tables; large tables are views over Parquet by paths relative to the folder, so that a shell must
    be started there (or be told `set file_search_path`).
    """
    path = folder / "tokenarena.duckdb"
    _build(lake, path, specs, rehearsal=rehearsal, relative_to=folder)
    return path


def _build(
    lake: Lake, path: Path, specs: Sequence[TableSpec], *, rehearsal: bool, relative_to: Path | None = None
) -> dict[str, int]:
    counts: dict[str, int] = {}
    connection = lake.engine()
    try:
        connection.execute("set timezone = 'UTC'")
        if relative_to is not None:
            # Several forms of compression take a random sample, or leave bytes as they lay in memory.
            connection.execute("set threads = 1")
            connection.execute("set force_compression = 'uncompressed'")
            connection.execute(f"set file_search_path = {_text(str(relative_to))}")
        target = str(path).replace("'", "''")
        connection.execute(f"attach '{target}' as published (storage_version '{STORAGE_VERSION}')")
        connection.execute("use published")
        for spec in specs:
            if days := lake.days(spec.name):
                files = lake.files(spec.name, days) if spec.published == "table" else lake.lasting(spec.name)
                counts[spec.name] = _add_table(connection, spec, files, rehearsal=rehearsal, relative_to=relative_to)
        _add_macros(connection, counts.keys())
        connection.execute("use memory")
        connection.execute("detach published")  # checkpoints
    finally:
        connection.close()
    return counts


def _add_macros(connection: duckdb.DuckDBPyConnection, published: Collection[str]) -> None:
    """The table macros of the project, each where all that it reads is published."""
    for path in sorted((models_folder() / "macros").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        body = sqlglot.parse_one(text[text.index("as table") + len("as table") :], dialect="duckdb")
        if {table.name for table in body.find_all(sqlglot.exp.Table)} - _named(body) <= set(published):
            connection.execute(text)


def _named(query: sqlglot.exp.Expr) -> set[str]:
    """The common table expressions of a query."""
    return {each.alias for each in query.find_all(sqlglot.exp.CTE)}


def _add_table(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    files: list[str],
    *,
    rehearsal: bool,
    relative_to: Path | None,
) -> int:
    name, columns = spec.name, spec.columns
    rows = "select *"
    if REHEARSAL not in spec.column_names:
        rows += f", {str(rehearsal).lower()} as {REHEARSAL}"
        columns = (*columns, Column(REHEARSAL, REHEARSAL_COMMENT))
    if spec.published == "view":
        shown = files if relative_to is None else [os.path.relpath(file, relative_to) for file in files]
        connection.execute(f'create view "{name}" as {rows} from {parquet_scan(shown)}')
    else:
        order = ", ".join(dict.fromkeys(("day", *spec.key)))
        connection.execute(f'create table "{name}" as {rows} from {parquet_scan(files)} order by {order}')
    kind = "view" if spec.published == "view" else "table"
    comment = f"{BANNER} " * rehearsal + f"{spec.description} One row = {spec.grain}."
    connection.execute(f'comment on {kind} "{name}" is {_text(comment)}')
    for column in columns:
        connection.execute(f'comment on column "{name}"."{column.name}" is {_text(column.comment)}')
    row = connection.execute(f'select count(*) from "{name}"').fetchone()
    return int(row[0]) if row else 0


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@contextmanager
def open_published(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published database, read-only, with file access limited to the lake.

    Where another program holds the file open for writing, or has left its log beside it, a private copy is opened
    instead: an analyst's shell must neither keep others from reading nor change what they read.

    Raises:
        MissingTableError: nothing has been published yet.
        TokenArenaError: the file is not a whole database.
    """
    if not home.database.exists():
        raise MissingTableError(f"{home.database} does not exist", mend="publish one: tokenarena run (or make demo)")
    with tempfile.TemporaryDirectory(prefix="tokenarena-") as folder:
        try:
            connection = _connect_or_copy(home, Path(folder))
        except duckdb.Error as error:
            raise TokenArenaError(f"{home.database} cannot be opened: {error}", mend="publish it anew") from error
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def open_as_of(home: Home, specs: Sequence[TableSpec], moment: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database as it would have been published at an ISO time or snapshot, made of the lake as it was; read-only.

    Raises:
        TokenArenaError: the lake keeps no snapshots, or none of that moment.
    """
    lake = versioned_lake_of(home)
    then = lake.as_of(int(moment) if moment.isdecimal() else lake.version_at(_utc(moment)))
    with tempfile.TemporaryDirectory(prefix="tokenarena-") as folder:
        path = Path(folder) / "then.duckdb"
        _build(then, path, [_as_it_was(spec, then) for spec in specs], rehearsal=home.is_rehearsal)
        connection = _connect(path, then, Path(folder))
        try:
            yield connection
        finally:
            connection.close()


def _as_it_was(spec: TableSpec, lake: Lake) -> TableSpec:
    """The declaration without the columns that the table did not have yet."""
    days = lake.days(spec.name)
    present = set(lake.scan(spec.name, days[-1]).collect_schema()) if days else set()
    columns = tuple(column for column in spec.columns if column.name in present)
    return replace(spec, columns=columns, key=tuple(name for name in spec.key if name in present))


def _utc(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise TokenArenaError(
            f"--as-of: {text!r} is neither a time nor a snapshot", mend="write it as 2026-11-23T12:00:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _connect_or_copy(home: Home, folder: Path) -> duckdb.DuckDBPyConnection:
    if not _wal(home.database).exists():
        try:
            return _connect(home.database, lake_of(home), folder)
        except duckdb.Error as error:
            in_use = "lock on file" in str(error) or "already attached" in str(error)  # elsewhere, or in this process
            if not in_use:
                raise
    copy = folder / home.database.name
    shutil.copyfile(home.database, copy)
    return _connect(copy, lake_of(home), folder)


def _connect(database: Path, lake: Lake, spill: Path) -> duckdb.DuckDBPyConnection:
    # Attached, not opened: within one process, two connections to one path would share an instance and its settings.
    connection = lake.engine()
    try:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach {_text(str(database))} as tokenarena (read_only)")
        connection.execute("use tokenarena")
        connection.execute(f"set temp_directory = {_text(str(spill))}")
        connection.execute(f"set allowed_directories = [{', '.join(map(_text, lake.places))}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def rows_of(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, object] | None = None
) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    cursor = connection.execute(query, parameters) if parameters else connection.execute(query)
    names = [str(column[0]) for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


READING = frozenset({"SELECT", "EXPLAIN", "PRAGMA", "RELATION", "CALL"})
# DuckDB runs a COPY under EXPLAIN ANALYZE and in a common table expression, and the lake is within its reach.
COPY = re.compile(r"(?i)\bcopy\b")


def run_query(connection: duckdb.DuckDBPyConnection, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of the one query in `text`.

    Raises:
        TokenArenaError: not exactly one statement, one that does not only read, or one that DuckDB refuses.
    """
    try:
        statements = connection.extract_statements(text)
    except duckdb.Error as error:
        raise TokenArenaError(f"the query is not valid: {error}") from None
    if len(statements) != 1:
        raise TokenArenaError(f"expected one statement, got {len(statements)}", mend="run them one by one")
    kind = statements[0].type.name
    if kind not in READING:
        raise TokenArenaError(
            f"{kind} is not allowed: the published database is read-only", mend="to export, use --csv or --json"
        )
    if COPY.search(text):
        raise TokenArenaError(
            "a query must not hold the word COPY: the published database is read-only",
            mend="to export, use --csv or --json; to look for the word, write 'co' || 'py'",
        )
    try:
        cursor = connection.execute(text)
        return [str(column[0]) for column in cursor.description or []], cursor.fetchall()
    except duckdb.Error as error:
        raise TokenArenaError(f"the query failed: {error}") from None
