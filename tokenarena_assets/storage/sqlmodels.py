"""SQL models: one SELECT a file, the file's name is the table, its header says what the columns mean.

Header lines: `-- description:`, `-- grain:`, `-- group:`, `-- owner:`, `-- key: a, b`, `-- not null: a, b`,
`-- published: table|view`,
`-- order: none` (as the rows come: too many to sort; whoever needs an order sorts what it reads),
`-- rule <name>: <expression true of every good row>`, `-- column <name>: <meaning>`.
`$day` is the partition. Dependencies and column lineage are read from the SQL itself.

A SELECT that several models read and that is no table of its own lies in `ephemeral/` (as dbt calls it): a view while a
model runs, a common table expression where the model is analysed. It names no `$day`: its tables hold one day then. It
reads tables alone, no other of its kind.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope, traverse_scope

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.storage.lake import Lake
from tokenarena_assets.storage.literals import literal
from tokenarena_assets.storage.tables import Column, TableSpec

HEADER_LINE = re.compile(r"^-- (?P<key>[a-z ]+?)(?: (?P<name>[a-z0-9_]+))?: (?P<value>.+)$")
LAYERS = ("staging", "intermediate", "marts")
EPHEMERAL = "ephemeral"
FINDINGS = "findings"  # a folder of questions, each one row an answer; not tables of their own
SIMPLE_KEYS = ("description", "grain", "group", "owner", "key", "not null", "published", "order")


def models_folder() -> Path:
    """`dbt_like_sql/` of the checkout, or the copy inside an installed package."""
    package = Path(__file__).resolve().parent.parent
    beside = package.parent / "dbt_like_sql"
    return beside if beside.is_dir() else package / "_sql"


@dataclass(frozen=True)
class SqlModel:
    """One model: its declaration and its SQL."""

    spec: TableSpec
    layer: str  # staging | intermediate | marts | findings
    path: Path
    sql: str
    sorted: bool = True  # by its key

    @cached_property
    def expression(self) -> exp.Query:
        """The parsed SELECT, with the ephemeral ones that it reads as common table expressions of its own.

        Raises:
            ConfigError: the file is not one SELECT in DuckDB's dialect.
        """
        select = self._parsed.copy()
        for name, inner in reversed(self.ephemerals.items()):
            select = select.with_(name, as_=inner._parsed.copy(), copy=False)
            clause = select.args["with_"]
            clause.set("expressions", [clause.expressions[-1], *clause.expressions[:-1]])  # before those that read it
        return select

    @cached_property
    def ephemerals(self) -> dict[str, SqlModel]:
        """The ephemeral SELECTs that this one reads, by name."""
        read = {table.name for table in self._parsed.find_all(exp.Table)}
        known = load_ephemerals(self.path.parent.parent)
        return {name: model for name, model in known.items() if name in read}

    @cached_property
    def _parsed(self) -> exp.Query:
        try:
            statements = sqlglot.parse(self.sql, dialect="duckdb")
        except sqlglot.errors.SqlglotError as error:
            raise self._not_sql(error) from error
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            tokens = sqlglot.tokenize(self.sql, dialect="duckdb")
            starts = [
                after.start for end, after in zip([None, *tokens], tokens, strict=False) if not end or end.text == ";"
            ]
            raise ConfigError(
                self.path,
                "must hold exactly one SELECT",
                line=self._line(starts[-1] if starts else 0),
                mend="one file, one table",
            )
        return statements[0]

    def _not_sql(self, error: sqlglot.errors.SqlglotError) -> ConfigError:
        first = next(iter(getattr(error, "errors", [])), None)
        problem, line = " ".join(str(error).split()), None
        if first is not None:
            before, at = str(first["start_context"]), str(first["highlight"])
            problem, line = str(first["description"]), self._line(self.sql.find(before + at) + len(before))
        return ConfigError(self.path, f"not valid SQL: {problem}", line=line, mend="run it in a DuckDB shell")

    def _line(self, offset: int) -> int:
        # Counted here: sqlglot's own line numbers run ahead after a `$day`.
        return self.sql.count("\n", 0, offset) + 1

    @cached_property
    def dependencies(self) -> tuple[str, ...]:
        """The tables that the SELECT reads (common table expressions left out)."""
        return tuple(
            sorted(
                {
                    source.name
                    for scope in traverse_scope(self.expression)
                    for source in scope.sources.values()
                    if isinstance(source, exp.Table)
                }
            )
        )

    @cached_property
    def code_version(self) -> str:
        """A hash of the SQL without comments and layout: a change of wording is not a change of the table."""
        plain = self.expression.sql(dialect="duckdb", comments=False)
        return hashlib.sha256(plain.encode()).hexdigest()[:12]

    def column_lineage(self, schemas: dict[str, dict[str, str]]) -> dict[str, list[tuple[str, str]]]:
        """Per column, the (table, column) pairs it is computed from; `schemas` gives the types of each dependency."""
        origins: dict[str, list[tuple[str, str]]] = {}
        # Resolved once for all columns: one by one it takes fifteen times as long.
        known: dict[str, object] = dict(schemas)
        resolved = qualify(
            self.expression.copy(), dialect="duckdb", schema=known, validate_qualify_columns=False, identify=False
        )
        scope = build_scope(resolved)
        for column in self.spec.column_names:
            root = lineage(column, resolved, known, dialect="duckdb", scope=scope, trim_selects=False, copy=False)
            found = {
                (node.expression.name, node.name.rsplit(".", 1)[-1].strip('"'))
                for node in root.walk()
                if isinstance(node.expression, exp.Table)
            }
            if found:
                origins[column] = sorted(found)
        return origins

    def run(self, lake: Lake, day: date) -> None:
        """Compute the partition of `day` from its dependencies in the lake and replace it there.

        Raises:
            MissingTableError: a dependency has no partition of that day.
        """
        with lake.connect(dict.fromkeys(self.dependencies, day)) as connection:
            order = f"order by {', '.join(self.spec.key)}" if self.sorted else ""
            for name, inner in self.ephemerals.items():
                connection.execute(f'create temp view "{name}" as {inner.sql}')
            with lake.replacing(self.spec.name, day) as temporary:
                target = literal(str(temporary))
                connection.execute(
                    f"copy (from ({self.sql}\n) {order}) to {target} (format parquet, compression zstd)",
                    {"day": day},
                )


def load_models(folder: Path | None = None, layers: tuple[str, ...] = LAYERS) -> dict[str, SqlModel]:
    """All models of `layers` by table name.

    Raises:
        ConfigError: a header or a SELECT is wrong, or two files make one table.
    """
    root = folder or models_folder()
    models: dict[str, SqlModel] = {}
    for path in sorted(path for layer in layers for path in (root / layer).glob("*.sql")):
        model = _load(path)
        if path.stem in models:
            raise ConfigError(path, f"{models[path.stem].path} makes the same table", mend="rename one of them")
        models[path.stem] = model
    return models


def load_ephemerals(folder: Path | None = None) -> dict[str, SqlModel]:
    """The SELECTs that models share, by name. Declared are the columns that the tables they read do not explain."""
    found = {}
    for path in sorted(((folder or models_folder()) / EPHEMERAL).glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        simple, _, columns = _header(path, text, ("description",))
        spec = TableSpec(path.stem, simple["description"], grain="", group=EPHEMERAL, key=(), columns=columns)
        found[path.stem] = SqlModel(spec=spec, layer=EPHEMERAL, path=path, sql=text)
    return found


def _header(path: Path, text: str, needed: Sequence[str]) -> tuple[dict[str, str], dict[str, str], tuple[Column, ...]]:
    """(simple fields, rules, columns) of a file's header."""
    simple: dict[str, str] = {}
    rules: dict[str, str] = {}
    columns: list[Column] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("--"):
            break
        match = HEADER_LINE.match(line)
        if match is None:
            raise ConfigError(path, f"header line not understood: {line}", line=number, mend="see storage/sqlmodels.py")
        key, name, value = match["key"], match["name"], match["value"].strip()
        if key == "column" and name:
            columns.append(Column(name, value))
        elif key == "rule" and name:
            rules[name] = value
        elif (full := f"{key} {name}" if name else key) in SIMPLE_KEYS:
            simple[full] = value
        else:
            raise ConfigError(path, f"unknown header field {full!r}", line=number, mend="see storage/sqlmodels.py")
    missing = [key for key in needed if key not in simple]
    if missing:
        raise ConfigError(path, f"the header lacks {', '.join(missing)}", line=1, mend="add the header lines")
    return simple, rules, tuple(columns)


def _load(path: Path) -> SqlModel:
    text = path.read_text(encoding="utf-8")
    simple, rules, columns = _header(path, text, ("description", "grain", "group", "key"))
    published = simple.get("published", "table")
    if published not in ("table", "view"):
        raise ConfigError(path, f"published: {published}", field="published", mend="write table or view")
    spec = TableSpec(
        name=path.stem,
        description=simple["description"],
        grain=simple["grain"],
        group=simple["group"],
        owner=simple.get("owner", "team:tokenarena"),
        key=_names(simple["key"]),
        not_null=_names(simple.get("not null", "")),
        rules=rules,
        columns=columns,
        published="view" if published == "view" else "table",
    )
    if simple.get("order", "none") != "none":
        raise ConfigError(path, f"order: {simple['order']}", field="order", mend="leave it out, or write none")
    return SqlModel(spec=spec, layer=path.parent.name, path=path, sql=text, sorted="order" not in simple)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
