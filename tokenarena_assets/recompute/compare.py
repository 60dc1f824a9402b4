"""Compares two partitions of a table cell by cell: exact, null equals null, not-a-number equals itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """One cell (or, with column None, one row) that is not the same on both sides."""

    key: dict[str, Any]
    column: str | None
    published: Any
    recomputed: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """A table on a day: how much was compared and what differs."""

    table: str
    day: date
    rows: int
    cells: int
    differing: int
    examples: list[Difference] = field(default_factory=list)
    problem: str | None = None  # why cells could not be compared one by one

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self.differing == 0 and self.problem is None


def compare(table: str, day: date, key: Sequence[str], published: pl.DataFrame, recomputed: pl.DataFrame) -> Comparison:
    """Compare the partitions of `table` by their `key`; rows that only one side has differ in all their cells."""
    rows, cells = published.height, published.height * published.width
    if dict(published.schema) != dict(recomputed.schema):
        problem = _schema_problem(published, recomputed)
        return Comparison(table, day, rows, cells, cells, problem=problem)
    if any(frame.select(key).is_duplicated().any() for frame in (published, recomputed)):
        return Comparison(table, day, rows, cells, cells, problem=f"its key {', '.join(key)} is not unique")
    left = published.with_row_index("__left")
    right = recomputed.with_row_index("__right")
    pairs = left.select(*key, "__left").join(
        right.select(*key, "__right"), on=list(key), how="full", nulls_equal=True, coalesce=True
    )
    found, differing = _one_sided(pairs, key, published.width)
    both = pairs.drop_nulls(["__left", "__right"]).sort("__left")
    mine, theirs = published[both["__left"]], recomputed[both["__right"]]
    for column in published.columns:
        unequal = (~mine[column].eq_missing(theirs[column])).arg_true()
        differing += unequal.len()
        for index in unequal[: MAX_EXAMPLES - len(found)] if len(found) < MAX_EXAMPLES else []:
            own = mine.row(index, named=True)
            found.append(
                Difference({k: own[k] for k in key}, column, own[column], theirs.row(index, named=True)[column])
            )
    return Comparison(table, day, rows, cells, differing, found)


def _one_sided(pairs: pl.DataFrame, key: Sequence[str], width: int) -> tuple[list[Difference], int]:
    lost = pairs.filter(pl.col("__right").is_null())
    new = pairs.filter(pl.col("__left").is_null())
    found = [
        Difference({name: row[name] for name in key}, None, published, recomputed)
        for frame, published, recomputed in ((lost, "a row", "no row"), (new, "no row", "a row"))
        for row in frame.head(MAX_EXAMPLES).iter_rows(named=True)
    ]
    return found[:MAX_EXAMPLES], (lost.height + new.height) * width


def _schema_problem(published: pl.DataFrame, recomputed: pl.DataFrame) -> str:
    mine, theirs = dict(published.schema), dict(recomputed.schema)
    said = [f"column {name} is not made any more" for name in mine.keys() - theirs.keys()]
    said += [f"column {name} was not published" for name in theirs.keys() - mine.keys()]
    said += [
        f"column {name} is {theirs[name]}, published as {mine[name]}"
        for name in mine
        if name in theirs and mine[name] != theirs[name]
    ]
    return "; ".join(sorted(said)) or "its columns stand in another order"
