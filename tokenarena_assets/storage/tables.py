"""What a table is: its columns with their comments, its key, and the rules that every row obeys.

This is the single source of a table's comments in DuckDB, its schema in the Dagster UI and its data-quality checks.
Tables made by SQL carry it in the header of their model; tables made by Python declare it as a :class:`TableSpec`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import polars as pl


@dataclass(frozen=True, slots=True)
class Column:
    """A column, its meaning and (for tables made by Python) its type."""

    name: str
    comment: str
    dtype: pl.DataType | type[pl.DataType] | None = None


@dataclass(frozen=True, slots=True)
class TableSpec:
    """The declaration of one table.

    `rules` maps a name to a DuckDB expression that is true for every good row (null counts as true).
    """

    name: str
    description: str
    grain: str
    group: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    owner: str = "team:tokenarena"
    not_null: tuple[str, ...] = ()
    rules: dict[str, str] = field(default_factory=dict)
    published: Literal["table", "view"] = "table"  # view: a large table, stays in the lake

    @property
    def column_names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def polars_schema(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        """Types by column, of a table made by Python."""
        schema = {column.name: column.dtype for column in self.columns}
        return {name: dtype for name, dtype in schema.items() if dtype is not None}

    def frame(self, rows: list[dict[str, object]]) -> pl.DataFrame:
        """Rows as a frame of exactly this schema; an empty list gives an empty table, not an error."""
        return pl.DataFrame(rows, schema=self.polars_schema, strict=True, orient="row")
