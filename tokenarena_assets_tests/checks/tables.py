"""A table with rules, and rows that break them."""

from __future__ import annotations

from datetime import date

import polars as pl

from tokenarena_assets.storage.tables import Column, TableSpec

DAY = date(2026, 11, 23)
SPEC = TableSpec(
    name="shots",
    description="A table of a test.",
    grain="one shot",
    group="x",
    key=("player", "number"),
    not_null=("day", "player"),
    rules={"share_in_range": "share between 0 and 1", "ordered": "lo <= hi"},
    columns=(
        Column("day", "UTC day", pl.Date()),
        Column("player", "who", pl.String()),
        Column("number", "which", pl.Int64()),
        Column("share", "a share", pl.Float64()),
        Column("lo", "lower", pl.Float64()),
        Column("hi", "upper", pl.Float64()),
    ),
)


def shots(*rows: tuple[str | None, int | None, float | None, float | None, float | None]) -> pl.DataFrame:
    """Rows of (player, number, share, lo, hi)."""
    return SPEC.frame([dict(zip(SPEC.column_names, (DAY, *row), strict=True)) for row in rows])


GOOD = (("ann", 1, 0.5, 1.0, 2.0), ("ann", 2, 0.0, None, 1.0), ("bob", 1, 1.0, 1.0, 1.0), ("bob", 2, None, None, None))
BAD = (
    (None, 1, 0.5, 1.0, 2.0),
    (None, 2, 0.5, 1.0, 2.0),
    ("ann", 1, 1.5, 1.0, 2.0),
    ("ann", 1, 0.5, 3.0, 2.0),
    ("ann", 1, -0.5, 1.0, 2.0),
    ("bob", 9, 0.5, 1.0, 2.0),
)
