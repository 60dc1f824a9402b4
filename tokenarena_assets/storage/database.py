"""Makes the published database of a lake's partitions: all of it, or only of those that have changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import sqlglot

from tokenarena_assets.storage.faults import explained_reading
from tokenarena_assets.storage.lake import Lake, ParquetLake, parquet_scan
from tokenarena_assets.storage.literals import literal
from tokenarena_assets.storage.rehearsal import BANNER
from tokenarena_assets.storage.sqlmodels import load_ephemerals, models_folder
from tokenarena_assets.storage.tables import Column, TableSpec

# Older DuckDB shells (1.2 on) open this form.
STORAGE_VERSION = "v1.2.0"
# A column of every published table: what is copied from it must still say what it is.
REHEARSAL = "rehearsal"
REHEARSAL_COMMENT = "true: real answers of the embedded fleet filed under dates on which they were not given"
# Of each table by day (as text): the version of the partition, and how many rows it has.
Held = dict[str, dict[str, tuple[str, int]]]


def layout_of(specs: Sequence[TableSpec], *, rehearsal: bool) -> str:
    """A hash of all that decides how the tables of a database look, their rows aside."""
    queries = [*_macros(), *(shared.path.read_text(encoding="utf-8") for shared in load_ephemerals().values())]
    told = repr((STORAGE_VERSION, rehearsal, [repr(spec) for spec in specs], queries))
    return hashlib.sha256(told.encode()).hexdigest()


def build_portable(folder: Path, lake: ParquetLake, specs: Sequence[TableSpec], *, rehearsal: bool) -> Path:
    """`tokenarena.duckdb` in `folder`, for a lake inside of it: the same tables give the same bytes, on any machine.

    Marts are native tables; large tables are views over Parquet by paths relative to the folder, so that a shell must
    be started there (or be told `set file_search_path`).
    """
    path = folder / "tokenarena.duckdb"
    fill(lake, path, specs, rehearsal=rehearsal, relative_to=folder)
    return path


def fill(
    lake: Lake,
    path: Path,
    specs: Sequence[TableSpec],
    *,
    rehearsal: bool,
    relative_to: Path | None = None,
    known: Held | None = None,
) -> Held:
    """Make the database file `path`, or, where it holds `known` already, bring it up to date; what it holds then."""
    held: Held = {}
    connection = lake.engine()
    try:
        connection.execute("set timezone = 'UTC'")
        if relative_to is not None:
            # Several forms of compression take a random sample, or leave bytes as they lay in memory.
            connection.execute("set threads = 1")
            connection.execute("set force_compression = 'uncompressed'")
            connection.execute(f"set file_search_path = {literal(str(relative_to))}")
        connection.execute(f"attach {literal(str(path))} as published (storage_version '{STORAGE_VERSION}')")
        connection.execute("use published")
        filling = _Filling(connection, lake, rehearsal, relative_to)
        for spec in specs:
            with explained_reading(filling.reading):
                found = filling.table(spec, (known or {}).get(spec.name, {}))
            if found:
                held[spec.name] = found
        if filling.made_anew or held.keys() != (known or {}).keys():
            _add_queries(connection, held.keys(), rehearsal=rehearsal)
        connection.execute("use memory")
        connection.execute("detach published")  # checkpoints
    finally:
        connection.close()
    return held


class _Filling:
    """One database that is being made."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, lake: Lake, rehearsal: bool, relative_to: Path | None
    ) -> None:
        self.connection = connection
        self.lake = lake
        self.rehearsal = rehearsal
        self.relative_to = relative_to
        self.reading: list[str] = []  # the files that were asked for last: one of them, where reading fails
        self.made_anew = False  # any table or view
        self._columns = self._there()

    def table(self, spec: TableSpec, known: Mapping[str, tuple[str, int]]) -> dict[str, tuple[str, int]]:
        """Bring one table up to date that holds `known`; what it holds then, nothing where the lake has no day."""
        versions = self.lake.versions(spec.name)
        changed = [day for day, version in versions.items() if known.get(day.isoformat(), ("", 0))[0] != version]
        gone = [name for name in known if date.fromisoformat(name) not in versions]
        if not versions:
            if known:
                self.connection.execute(f'drop {_kind(spec)} "{spec.name}"')
            return {}
        if known and (changed or gone) and not self._is_alike(spec, changed):
            self.connection.execute(f'drop {_kind(spec)} "{spec.name}"')
            known, changed, gone = {}, list(versions), []
        if not known:
            self._create(spec, list(versions))
        elif spec.published == "table" and (changed or gone):
            self._replace(spec, changed, gone)
        rows = {name: rows for name, (_, rows) in known.items()} | self._counted(spec, changed)
        return {day.isoformat(): (version, rows[day.isoformat()]) for day, version in versions.items()}

    def _is_alike(self, spec: TableSpec, changed: Sequence[date]) -> bool:
        """Whether the changed partitions have the columns that the table has, and a view finds them by itself."""
        if spec.published == "view" and not all("*" in file for file in self.lake.lasting(spec.name)):
            return False
        if not changed:
            return True
        told = self.connection.execute(f"describe {self._rows(spec, self._scan(spec, changed))}").fetchall()
        return self._columns.get(spec.name) == [(name, kind) for name, kind, *_ in told]

    def _there(self) -> dict[str, list[tuple[str, str]]]:
        """Names and types of the columns of all tables, as they were before any was touched."""
        found: dict[str, list[tuple[str, str]]] = {}
        query = (
            "select table_name, column_name, data_type from duckdb_columns() where database_name = 'published' "
            "order by table_name, column_index"
        )
        for table, column, kind in self.connection.execute(query).fetchall():
            found.setdefault(table, []).append((column, kind))
        return found

    def _scan(self, spec: TableSpec, days: Sequence[date]) -> str:
        self.reading[:] = self.lake.files(spec.name, days)
        return parquet_scan(self.reading)

    def _rows(self, spec: TableSpec, scan: str) -> str:
        marked = "" if REHEARSAL in spec.column_names else f", {str(self.rehearsal).lower()} as {REHEARSAL}"
        return f"select *{marked} from {scan}"

    def _create(self, spec: TableSpec, days: Sequence[date]) -> None:
        """Rows lie as in the partitions, day after day."""
        self.made_anew = True
        name, columns, kind = spec.name, spec.columns, _kind(spec)
        if REHEARSAL not in spec.column_names:
            columns = (*columns, Column(REHEARSAL, REHEARSAL_COMMENT))
        if spec.published == "view":
            files = self.lake.lasting(name)
            shown = files if self.relative_to is None else [os.path.relpath(file, self.relative_to) for file in files]
            scan = parquet_scan(shown)
        else:
            scan = self._scan(spec, days)
        self.connection.execute(f'create {kind} "{name}" as {self._rows(spec, scan)}')
        comment = f"{BANNER} " * self.rehearsal + f"{spec.description} One row = {spec.grain}."
        self.connection.execute(f'comment on {kind} "{name}" is {literal(comment)}')
        for column in columns:
            self.connection.execute(f'comment on column "{name}"."{column.name}" is {literal(column.comment)}')

    def _replace(self, spec: TableSpec, changed: Sequence[date], gone: Sequence[str]) -> None:
        days = ", ".join(literal(name) for name in (*(day.isoformat() for day in changed), *gone))
        self.connection.execute(f'delete from "{spec.name}" where day in ({days})')
        if changed:
            self.connection.execute(f'insert into "{spec.name}" {self._rows(spec, self._scan(spec, changed))}')

    def _counted(self, spec: TableSpec, days: Sequence[date]) -> dict[str, int]:
        """Rows by day."""
        if not days:
            return {}
        # Of a table what lies in it: a year's files take longer to open than it to count.
        held = f'"{spec.name}"' if spec.published == "table" else self._scan(spec, days)
        counted = self.connection.execute(f"select day::varchar, count(*) from {held} group by day")
        return dict.fromkeys((day.isoformat() for day in days), 0) | dict(counted.fetchall())


def _kind(spec: TableSpec) -> str:
    return "view" if spec.published == "view" else "table"


def _macros() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((models_folder() / "macros").glob("*.sql"))]


def _add_queries(connection: duckdb.DuckDBPyConnection, published: Collection[str], *, rehearsal: bool) -> None:
    """Table macros, and as views what models share: each where all that it reads is published."""
    for text in _macros():
        body = sqlglot.parse_one(text[text.index("as table") + len("as table") :], dialect="duckdb")
        if {table.name for table in body.find_all(sqlglot.exp.Table)} - _named(body) <= set(published):
            connection.execute(text)
    for name, shared in load_ephemerals().items():
        if set(shared.dependencies) <= set(published):
            connection.execute(f'create or replace view "{name}" as {shared.sql}')
            told = f"{BANNER} " * rehearsal + shared.spec.description
            connection.execute(f'comment on view "{name}" is {literal(told)}')
            meanings = _meanings(connection, shared.dependencies)
            meanings |= {column.name: column.comment for column in shared.spec.columns}
            for column, *_ in connection.execute(f'describe "{name}"').fetchall():
                connection.execute(f'comment on column "{name}"."{column}" is {literal(meanings[column])}')


def _meanings(connection: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> dict[str, str]:
    """What the columns of `tables` mean; where two have one of the same name, the first one's."""
    found: dict[str, str] = {}
    for table in tables:
        told = (
            "select column_name, comment from duckdb_columns() where database_name = 'published' and table_name = $name"
        )
        for column, comment in connection.execute(told, {"name": table}).fetchall():
            found.setdefault(column, comment)
    return found


def _named(query: sqlglot.exp.Expr) -> set[str]:
    """The common table expressions of a query."""
    return {each.alias for each in query.find_all(sqlglot.exp.CTE)}
