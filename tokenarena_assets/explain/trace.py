"""Walks from the rows of a table to the rows that they were computed from, down to raw lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import duckdb
import polars as pl

from tokenarena_assets.chain.catalog import sql_models, table_specs
from tokenarena_assets.explain.exchange import Exchange
from tokenarena_assets.explain.rows import Link, ModelRows
from tokenarena_assets.explain.sources import RAW_TABLES, Input, source_of
from tokenarena_assets.storage.lake import Lake

# Columns that tell whose a row is: what two tables share of them joins rows where nothing better is known.
IDENTITY = ("day", "round_id", "request_id", "raw_file", "raw_line", "endpoint_id", "suite", "item_id")
RAW = "raw"
UNDECLARED = "not declared: see the table's own method"


@dataclass(frozen=True, slots=True)
class Step:
    """One column of one table on the way: how it is made, of how many rows, and its value where there is one row."""

    depth: int
    table: str
    column: str
    formula: str
    code: str
    n_rows: int
    value: Any
    modeled: bool = False


@dataclass(slots=True)
class Trail:
    """A walk's steps in the order of descent, and for each raw table the keys of the rows that were reached."""

    steps: list[Step] = field(default_factory=list)
    reached: dict[str, pl.DataFrame] = field(default_factory=dict)
    rows: dict[str, pl.DataFrame] = field(default_factory=dict)  # keys of the rows of each table passed
    fixed: list[str] = field(default_factory=list)  # why a column rests on nothing measured
    undeclared: list[str] = field(default_factory=list)
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def pass_by(self, table: str, keys: pl.DataFrame) -> None:
        """Note rows of a table that the walk went through."""
        known = self.rows.get(table)
        self.rows[table] = keys if known is None else pl.concat([known, keys]).unique(maintain_order=True)


class Tracer:
    """Traces within one lake, of rows up to one day; keeps what it has read for the next cell."""

    def __init__(self, lake: Lake, day: date) -> None:
        self.lake = lake
        self.day = day
        self._exchange = Exchange()
        self._linked: dict[tuple[str, date], tuple[tuple[Link, ...], pl.DataFrame | None]] = {}
        self._models: dict[tuple[str, date], ModelRows] = {}
        self._origins: dict[str, dict[str, list[tuple[str, str]]]] = {}
        self._hops: dict[tuple[str, str, str, str], pl.DataFrame] = {}

    @cached_property
    def database(self) -> duckdb.DuckDBPyConnection:
        """A view of each table over its days up to the traced one."""
        days = {name: [day for day in self.lake.days(name) if day <= self.day] for name in table_specs()}
        return self.lake.connect({name: of for name, of in days.items() if of})

    @cached_property
    def tables(self) -> set[str]:
        """The tables that there are."""
        return {name for name in table_specs() if any(day <= self.day for day in self.lake.days(name))}

    def close(self) -> None:
        """Release the files."""
        self.database.close()
        self._exchange.close()

    def keys_of(self, table: str) -> list[str]:
        """What identifies a row over all days."""
        return list(dict.fromkeys(("day", *table_specs()[table].key)))

    def full(self, table: str, keys: pl.DataFrame) -> pl.DataFrame:
        """Whole rows of a table by (some of) its columns."""
        if keys.is_empty():
            return self._fetch(f'from "{table}" limit 0')
        on = " and ".join(f't."{name}" is not distinct from w."{name}"' for name in keys.columns)
        with self._exchange.lent(self.database, "wanted", keys.unique(maintain_order=True)):
            return self._fetch(f'select distinct t.* from "{table}" t join wanted w on {on}')

    def _fetch(self, query: str) -> pl.DataFrame:
        return self._exchange.fetch(self.database, query)

    def walk(self, table: str, keys: pl.DataFrame, column: str, trail: Trail, depth: int = 0) -> None:
        """Add to `trail` what the column of these rows is computed from, all the way down."""
        digest = _digest(keys)
        if (table, column, digest) in trail.seen:
            return
        trail.seen.add((table, column, digest))
        trail.pass_by(table, keys)
        value = None
        if keys.height == 1:
            rows = self.full(table, keys)
            value = rows[column][0] if rows.height == 1 and column in rows.columns else None
        formula, code, modeled = self._how(table, column)
        trail.steps.append(Step(depth, table, column, formula, code, keys.height, value, modeled))
        if table in RAW_TABLES:
            known = trail.reached.get(table)
            trail.reached[table] = keys if known is None else pl.concat([known, keys]).unique(maintain_order=True)
            return
        if table in sql_models():
            self._walk_model(table, keys, column, trail, depth)
        else:
            self._walk_source(table, keys, column, digest, trail, depth)

    def _how(self, table: str, column: str) -> tuple[str, str, bool]:
        if table in RAW_TABLES:
            return RAW_TABLES[table], RAW, False
        if table in sql_models():
            days = self.lake.days(table)
            formula = self._model(table, max(day for day in days if day <= self.day)).formula(column)
            return formula or "see the model", f"dbt_like_sql/{sql_models()[table].layer}/{table}.sql", False
        source = source_of(table, column)
        return (source.method, source.code, source.modeled) if source else (UNDECLARED, "", False)

    # SQL models

    def _model(self, table: str, day: date) -> ModelRows:
        if (table, day) not in self._models:
            model = sql_models()[table]
            schemas = {}
            with self.lake.connect(dict.fromkeys(model.dependencies, day)) as connection:
                for name in model.dependencies:
                    described = connection.execute(f'describe "{name}"').fetchall()
                    schemas[name] = {str(row[0]): str(row[1]) for row in described}
            self._models[table, day] = ModelRows(model, schemas, table_specs())
        return self._models[table, day]

    def _origins_of(self, table: str, day: date) -> dict[str, list[tuple[str, str]]]:
        if table not in self._origins:
            made = self._model(table, day)
            self._origins[table] = made.model.column_lineage({k: dict(v) for k, v in made.schemas.items()})
        return self._origins[table]

    def _links(self, table: str, day: date) -> tuple[tuple[Link, ...], pl.DataFrame | None]:
        """The links of a model and, with its own key, their columns of every row of the day."""
        if (table, day) not in self._linked:
            made = self._model(table, day)
            query, frame = made.query(), None
            if query is not None:
                own = [f'"{name}"' for name in self.keys_of(table)]
                others = [f'"__{i}_{name}"' for i, link in enumerate(made.links) for name in link.by]
                with self.lake.connect(dict.fromkeys(made.model.dependencies, day)) as connection:
                    columns = ", ".join([*own, *others])
                    frame = self._exchange.fetch(
                        connection, f"select {columns} from ({query}) as widened", {"day": day}
                    )
            self._linked[table, day] = made.links, frame
        return self._linked[table, day]

    def _walk_model(self, table: str, keys: pl.DataFrame, column: str, trail: Trail, depth: int) -> None:
        days = sorted(set(keys["day"]))
        if not days:
            return
        origins = self._origins_of(table, days[-1]).get(column, [])
        if not origins:
            trail.fixed.append(f"{table}.{column} reads no other table")
        for upstream, source_column in origins:
            found = [self._upstream(table, day, keys, column, upstream) for day in days]
            rows = pl.concat([each for each in found if each is not None] or [self._none(upstream)])
            self.walk(upstream, rows.unique(maintain_order=True), source_column, trail, depth + 1)

    def _none(self, table: str) -> pl.DataFrame:
        columns = ", ".join(f'"{name}"' for name in self.keys_of(table))
        return self._fetch(f'select {columns} from "{table}" limit 0')

    def _upstream(self, table: str, day: date, keys: pl.DataFrame, column: str, upstream: str) -> pl.DataFrame | None:
        links, frame = self._links(table, day)
        own = keys.filter(pl.col("day") == day)
        read = self._model(table, day).aliases_of(column)
        usable = [(i, link) for i, link in enumerate(links) if link.table == upstream and link.by]
        chosen = [(i, link) for i, link in usable if link.alias in read] or usable
        if frame is None or not chosen:
            return self._by_identity(table, own, upstream, day)
        mine = frame.join(own, on=self.keys_of(table), how="semi", nulls_equal=True)
        found = []
        for number, link in chosen:
            part = mine.select(pl.col(f"__{number}_{name}").alias(name) for name in link.by)
            part = part.filter(pl.any_horizontal(pl.all().is_not_null())).unique(maintain_order=True)
            if "day" not in part.columns:
                part = part.with_columns(pl.lit(day).alias("day"))
            found.append(self._complete(upstream, part))
        return pl.concat(found).unique(maintain_order=True)

    def _complete(self, table: str, part: pl.DataFrame) -> pl.DataFrame:
        keys = self.keys_of(table)
        if set(keys) <= set(part.columns):
            return part.select(keys)
        return self.full(table, part).select(keys).unique(maintain_order=True)

    def _by_identity(self, table: str, own: pl.DataFrame, upstream: str, day: date) -> pl.DataFrame:
        here = self.full(table, own)
        there = self._fetch(f'from "{upstream}" limit 0').columns
        shared = [name for name in IDENTITY if name in here.columns and name in there]
        if not shared:
            return self._complete(upstream, pl.DataFrame({"day": [day]}))
        rows = self._complete(upstream, here.select(shared).unique(maintain_order=True))
        coarser = [name for name in shared if name not in ("raw_file", "raw_line")]
        if rows.is_empty() and coarser:  # two tables of one round may be read from two of its files
            return self._complete(upstream, here.select(coarser).unique(maintain_order=True))
        return rows

    # Tables made by Python

    def _walk_source(self, table: str, keys: pl.DataFrame, column: str, digest: str, trail: Trail, depth: int) -> None:
        source = source_of(table, column)
        if source is None:
            trail.undeclared.append(f"{table}.{column}")
            return
        if source.fixed:
            trail.fixed.append(f"{table}.{column}: {source.fixed}")
        for number, each in enumerate(source.inputs):
            if each.table not in self.tables:
                continue
            known = (table, f"{source.columns}{number}", digest, each.table)
            if known not in self._hops:
                self._hops[known] = self._input(table, keys, each)
            rows = self._hops[known]
            if rows.is_empty() and each.where.startswith("here."):
                continue  # of another kind of row
            for name in self._columns(each):
                self.walk(each.table, rows, name, trail, depth + 1)

    def _columns(self, each: Input) -> Iterable[str]:
        if each.columns != ("*",):
            return each.columns
        return [name for name in table_specs()[each.table].column_names if name not in IDENTITY]

    def _input(self, table: str, keys: pl.DataFrame, each: Input) -> pl.DataFrame:
        columns = ", ".join(f'up."{name}"' for name in self.keys_of(each.table))
        days = "up.day = here.day"
        if each.days > 1:
            days = f"up.day between here.day - {each.days - 1} and here.day"
        with self._exchange.lent(self.database, "here", self.full(table, keys)):
            query = f'select distinct {columns} from "{each.table}" up join here on {days} and ({each.where})'
            return self._fetch(f"{query} order by all")


def _digest(keys: pl.DataFrame) -> str:
    return f"{keys.height}:{keys.hash_rows().sum() if keys.height else 0}"
