"""The published database: built beside the old one and moved into its place, opened read-only by everyone else."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.storage.database import Held, fill, layout_of
from tokenarena_assets.storage.faults import explained
from tokenarena_assets.storage.files import replacing, write_text
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import Lake, lake_of, versioned_lake_of
from tokenarena_assets.storage.literals import literal
from tokenarena_assets.storage.tables import TableSpec

# What a query of a reader may take: of the machine's memory, and of its disk when that is not enough.
MEMORY_OF_DEFAULT, MAX_SPILL = 5 / 8, "16GB"  # DuckDB's default is 80 %; DuckDB 1.5 takes no percentages


def publish(home: Home, specs: Sequence[TableSpec], *, anew: bool = False) -> dict[str, int]:
    """Build the database of all days in the lake and put it in place; rows by table.

    Marts become native tables, large tables become views over the lake (absolute paths). Each has a column that tells
    rehearsals from what was measured on its day. Of a database that is as it was published here last, only partitions
    that have changed since are replaced, in a copy; `anew` makes all of it again. A reader that has the old file open
    keeps it until it reconnects; two publishers take turns.

    Raises:
        StorageError: the home cannot be written, or a partition cannot be read; the old database stays.
    """
    home.begin_writing(parts=())
    lock_file = home.root / ".publish.lock"
    with explained(lock_file, "written"), lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        record = home.root / RECORD
        layout = layout_of(specs, rehearsal=home.is_rehearsal)
        known = None if anew else _known(record, home.database, layout)
        with replacing(home.database) as temporary:
            held = _made(home, temporary, specs, known)
            leftover = _wal(temporary)
            if leftover.exists():
                raise TokenArenaError(
                    f"{leftover} was left behind: the new database is not whole", mend="publish again"
                )
        # A stale log of the old file would be replayed into the new one.
        _wal(home.database).unlink(missing_ok=True)
        write_text(record, json.dumps({"layout": layout, "file": _identity(home.database), "held": held}))
    return {table: sum(rows for _, rows in days.values()) for table, days in held.items()}


def _made(home: Home, path: Path, specs: Sequence[TableSpec], known: Held | None) -> Held:
    for left in (path, _wal(path)):  # of a killed publisher of the same number, or of a try below
        left.unlink(missing_ok=True)
    if known is not None:
        shutil.copyfile(home.database, path)
    try:
        return fill(lake_of(home), path, specs, rehearsal=home.is_rehearsal, known=known)
    except duckdb.Error:
        if known is None:
            raise
    return _made(home, path, specs, None)  # the old file may be damaged; the lake is what counts


RECORD = ".published.json"  # what the database holds, partition by partition; without it all is made again


def _known(record: Path, database: Path, layout: str) -> Held | None:
    """What the database holds, where it is the very file that was published last, of the same tables."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        if (found["layout"], found["file"]) != (layout, _identity(database)) or _wal(database).exists():
            return None
        return {
            table: {day: (str(version), int(rows)) for day, (version, rows) in days.items()}
            for table, days in found["held"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _identity(file: Path) -> list[int]:
    """Changes with whoever writes to it."""
    status = file.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns]


def _wal(database: Path) -> Path:
    """DuckDB's write-ahead log of a database file."""
    return database.with_name(database.name + ".wal")


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
        fill(then, path, [_as_it_was(spec, then) for spec in specs], rehearsal=home.is_rehearsal)
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
        connection.execute(f"set memory_limit = '{_half_of_memory(connection)}'")
        connection.execute(f"set max_temp_directory_size = '{MAX_SPILL}'")
        connection.execute(f"attach {literal(str(database))} as tokenarena (read_only)")
        connection.execute("use tokenarena")
        connection.execute(f"set temp_directory = {literal(str(spill))}")
        connection.execute(f"set allowed_directories = [{', '.join(map(literal, lake.places))}]")
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


def _half_of_memory(connection: duckdb.DuckDBPyConnection) -> str:
    row = connection.execute("select current_setting('memory_limit')").fetchone()
    amount, unit = str(row[0] if row else "").split()
    return f"{float(amount) * MEMORY_OF_DEFAULT:.1f} {unit}"


MAX_ROWS = 2_000_000  # all of them are held in memory at once
READING = frozenset({"SELECT", "EXPLAIN", "PRAGMA", "RELATION", "CALL"})
# DuckDB runs a COPY under EXPLAIN ANALYZE and in a common table expression, and the lake is within its reach.
COPY = re.compile(r"(?i)\bcopy\b")


def run_query(connection: duckdb.DuckDBPyConnection, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of the one query in `text`.

    Raises:
        TokenArenaError: not exactly one statement, one that does not only read, one that DuckDB refuses or for which
            memory is short, or more than :data:`MAX_ROWS` rows.
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
        rows = cursor.fetchmany(MAX_ROWS + 1)
    except duckdb.Error as error:
        raise TokenArenaError(f"the query failed: {error}") from None
    if len(rows) > MAX_ROWS:
        raise TokenArenaError(f"the query has more than {MAX_ROWS:,} rows", mend="add a filter, or: limit 1000000")
    return [str(column[0]) for column in cursor.description or []], rows
