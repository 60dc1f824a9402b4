"""The profile of a partition: how many rows break each declared rule, in one pass, with samples of those that do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tokenarena_assets.storage.lake import Lake
from tokenarena_assets.storage.tables import TableSpec

KINDS = ("schema", "nulls", "keys", "ranges")
MAX_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class RuleProfile:
    """One rule of one kind: its SQL condition of a bad row (None: not of a single row) and how often it holds."""

    kind: str
    rule: str
    violations: int
    condition: str | None


@dataclass(frozen=True, slots=True)
class TableProfile:
    """All rules of a table on one day."""

    table: str
    day: date
    rows: int
    columns: tuple[str, ...]
    rules: tuple[RuleProfile, ...]


def profile_table(lake: Lake, spec: TableSpec, day: date) -> TableProfile:
    """Count the violations of every rule of `spec` in the partition of `day`."""
    conditions = [("nulls", f"{name} is not null", f'"{name}" is null') for name in spec.not_null]
    conditions += [("ranges", name, f"({rule}) is false") for name, rule in spec.rules.items()]
    key = ", ".join(f'"{name}"' for name in spec.key)
    counts = [f"count(*) filter (where {condition})" for _, _, condition in conditions]
    with lake.connect({spec.name: day}) as connection:
        columns = tuple(str(row[0]) for row in connection.execute(f'describe "{spec.name}"').fetchall())
        source = _source(spec, columns)
        # Different hashes are different keys: only where some are equal are the keys themselves compared.
        wanted = ", ".join(["count(*)", f"count(*) - count(distinct hash({key}))", *counts])
        row = connection.execute(f"select {wanted} from {source}").fetchone()
        rows, doubles, *violations = [int(value) for value in row] if row else [0, 0]
        if doubles:
            exact = connection.execute(f"select count(*) - count(distinct row({key})) from {source}").fetchone()
            doubles = int(exact[0]) if exact else doubles
    rules = _schema(spec, columns)
    rules += [RuleProfile("keys", f"({', '.join(spec.key)}) is unique", doubles, None)]
    rules += [
        RuleProfile(kind, rule, count, condition)
        for (kind, rule, condition), count in zip(conditions, violations, strict=True)
    ]
    return TableProfile(spec.name, day, rows, columns, tuple(rules))


def _schema(spec: TableSpec, columns: Sequence[str]) -> list[RuleProfile]:
    """A rule a column, declared or found, and one of their order."""
    declared = spec.column_names
    missing_or_more = set(declared) ^ set(columns)
    rules = [
        RuleProfile("schema", f"column {name}", int(name in missing_or_more), None)
        for name in dict.fromkeys((*declared, *columns))
    ]
    both = set(declared) & set(columns)
    is_other = [name for name in declared if name in both] != [name for name in columns if name in both]
    return [*rules, RuleProfile("schema", "order of the columns", int(is_other), None)]


def _source(spec: TableSpec, columns: Sequence[str]) -> str:
    """The table; a declared column that it lacks is null in every row, so that its rules can be judged all the same."""
    missing = [f'null as "{name}"' for name in spec.column_names if name not in columns]
    return f'(select {", ".join(["*", *missing])} from "{spec.name}")'


def samples(lake: Lake, spec: TableSpec, profile: TableProfile, kind: str) -> list[dict[str, str]]:
    """Up to 20 rows that break a rule of `kind`: the rule and the row's key."""
    found: list[dict[str, str]] = []
    key = ", ".join(f'"{name}"' for name in spec.key)
    source = _source(spec, profile.columns)
    with lake.connect({spec.name: profile.day}) as connection:
        for rule in profile.rules:
            if rule.kind != kind or not rule.violations or kind == "schema":  # which is of no row
                continue
            if rule.condition is not None:
                query = f"select {key} from {source} where {rule.condition} limit {MAX_SAMPLES}"
            else:
                query = f"select {key} from {source} group by all having count(*) > 1 limit {MAX_SAMPLES}"
            for row in connection.execute(query).fetchall():
                named = {name: str(value) for name, value in zip(spec.key, row, strict=True)}
                found.append({"day": profile.day.isoformat(), "rule": rule.rule, **named})
    return found[:MAX_SAMPLES]
