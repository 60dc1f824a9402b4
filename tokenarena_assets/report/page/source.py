"""Reads the published database by the columns that it has: what later stages publish appears once it exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from tokenarena_assets.storage.publish import rows_of

SCHEMA = "select table_name, column_name, comment from duckdb_columns() where database_name = current_database()"


@dataclass(frozen=True, slots=True)
class Source:
    """A published database with its schema: table -> column -> comment."""

    connection: duckdb.DuckDBPyConnection
    schema: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection) -> Source:
        """Read the schema."""
        schema: dict[str, dict[str, str]] = {}
        for table, column, comment in connection.execute(SCHEMA).fetchall():
            schema.setdefault(str(table), {})[str(column)] = str(comment or "")
        return cls(connection, schema)

    def has(self, table: str, *columns: str) -> bool:
        """Whether the table exists and has all of these columns."""
        return table in self.schema and set(columns) <= self.schema[table].keys()

    def known(self, table: str, columns: Iterable[str]) -> list[str]:
        """Those of the columns that the table has."""
        own = self.schema.get(table, {})
        return [name for name in columns if name in own]

    def comments(self, table: str, columns: Iterable[str]) -> dict[str, str]:
        """What the table says of these columns, as far as it has them."""
        return {name: self.schema[table][name] for name in self.known(table, columns)}

    def rows(
        self, table: str, columns: Iterable[str], where: str, order: str, parameters: Mapping[str, object]
    ) -> list[dict[str, Any]]:
        """Rows of a table with those of the columns that it has; none where there is no such table."""
        names = self.known(table, columns)
        if not names:
            return []
        return self.query(f'select {", ".join(names)} from "{table}" where {where} order by {order}', parameters)

    def query(self, text: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Rows of a query."""
        return rows_of(self.connection, text, dict(parameters))
