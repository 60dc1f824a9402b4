"""Which rows of its inputs a row of a SQL model rests on, read from the SQL itself.

The model's SELECT is run once more with the keys of its sources beside its own: a source that is a table, or a common
table expression that only selects from one, gives the keys of its rows; one that groups gives the columns that it
groups by, and the rows that agree in them are those that it was computed from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from tokenarena_assets.storage.sqlmodels import SqlModel
from tokenarena_assets.storage.tables import TableSpec

Schemas = Mapping[str, Mapping[str, str]]
MAX_FORMULA_CHARS = 400


@dataclass(frozen=True, slots=True)
class Link:
    """A source of a model: the rows of `table` whose columns (keys of `by`) equal the projected ones (values)."""

    alias: str
    table: str
    by: dict[str, str]


@dataclass(frozen=True)
class ModelRows:
    """The row lineage of one model; `schemas` gives names and types of its dependencies."""

    model: SqlModel
    schemas: Schemas
    specs: Mapping[str, TableSpec]

    @cached_property
    def _select(self) -> exp.Select | None:
        known: dict[str, object] = {name: dict(columns) for name, columns in self.schemas.items()}
        resolved = qualify(
            self.model.expression.copy(),
            dialect="duckdb",
            schema=known,
            validate_qualify_columns=False,
            identify=False,
        )
        return resolved if isinstance(resolved, exp.Select) else None

    @cached_property
    def _scope(self) -> Scope | None:
        return build_scope(self._select) if self._select is not None else None

    @cached_property
    def _projected(self) -> dict[str, exp.Expression]:
        select = self._select
        found = {} if select is None else {each.alias_or_name: each.unalias() for each in select.selects}
        return {name: each for name, each in found.items() if isinstance(each, exp.Expression)}

    def aliases_of(self, column: str) -> set[str]:
        """The sources of the outermost SELECT that the expression of `column` reads."""
        found = self._projected.get(column)
        return set() if found is None else {each.table for each in found.find_all(exp.Column)}

    def formula(self, column: str) -> str | None:
        """The expression of `column`, with those of common table expressions that it names spelled out."""
        found = self._projected.get(column)
        if found is None:
            return None
        parts = [_sql(found)]
        for each in found.find_all(exp.Column):
            inner = self._inner(each)
            if inner is not None:
                text = f"{each.table}.{each.name} = {_sql(inner)}"
                if text not in parts:
                    parts.append(text)
        return "; ".join(parts)[:MAX_FORMULA_CHARS]

    def _inner(self, column: exp.Column) -> exp.Expression | None:
        source = self._scope.sources.get(column.table) if self._scope else None
        if not isinstance(source, Scope):
            return None
        for each in getattr(source.expression, "selects", []):
            if each.alias_or_name == column.name and not isinstance(each.unalias(), exp.Column):
                found = each.unalias()
                return found if isinstance(found, exp.Expression) else None
        return None

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """All sources whose rows can be told."""
        if self._scope is None:
            return ()
        found = []
        for alias, (_, source) in self._scope.selected_sources.items():
            found += self._links_of(alias, source)
        return tuple(found)

    def _links_of(self, alias: str, source: exp.Expression | Scope) -> list[Link]:
        if isinstance(source, exp.Table):
            keys = ("day", *self.specs[source.name].key) if source.name in self.specs else ("day",)
            return [Link(alias, source.name, {key: key for key in dict.fromkeys(keys)})]
        if not isinstance(source, Scope):
            return []
        found = []
        for table in sorted(_tables_in(source)):
            by: dict[str, str] = {}
            for name in _output_names(source):
                origin = _origin(source, name)
                if origin is not None and origin[0] == table:
                    by.setdefault(origin[1], name)
            identity = {"day", *self.specs[table].key} if table in self.specs else set()
            grouped = _is_grouped(source)
            kept = {key: by[key] for key in by if grouped or key in identity}
            found.append(Link(alias, table, kept))
        return found

    def query(self) -> str | None:
        """The model's SELECT with, beside its own columns, `__<n>_<column>` for each column of each link."""
        if self._select is None or self._scope is None:
            return None
        if self._select.args.get("group") or self._select.find(exp.AggFunc) in self._select.selects:
            return None
        widened = self._select.copy()
        for number, link in enumerate(self.links):
            for column, projected in link.by.items():
                widened = widened.select(
                    exp.alias_(exp.column(projected, table=link.alias), f"__{number}_{column}"), copy=False
                )
        return widened.sql(dialect="duckdb")


def _sql(expression: exp.Expression) -> str:
    return " ".join(expression.sql(dialect="duckdb", comments=False).split())


def _output_names(scope: Scope) -> list[str]:
    return [each.alias_or_name for each in getattr(scope.expression, "selects", [])]


def _tables_in(scope: Scope) -> set[str]:
    found: set[str] = set()
    for _, source in scope.selected_sources.values():
        found |= {source.name} if isinstance(source, exp.Table) else _tables_in(source)
    return found


def _is_grouped(scope: Scope) -> bool:
    if scope.expression.args.get("group"):
        return True
    selects = getattr(scope.expression, "selects", [])
    if any(each.find(exp.AggFunc) and not each.find(exp.Window) for each in selects):
        return True
    return any(_is_grouped(source) for _, source in scope.selected_sources.values() if isinstance(source, Scope))


def _origin(scope: Scope, name: str) -> tuple[str, str] | None:
    """(table, column) that an output column of a scope is passed on from, unchanged; None: it is computed."""
    for each in getattr(scope.expression, "selects", []):
        if each.alias_or_name != name:
            continue
        column = each.unalias()
        if not isinstance(column, exp.Column):
            return None
        source = scope.sources.get(column.table)
        if isinstance(source, exp.Table):
            return source.name, column.name
        return _origin(source, column.name) if isinstance(source, Scope) else None
    return None
