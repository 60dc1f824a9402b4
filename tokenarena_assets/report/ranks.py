"""One order of the table of ranks, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenarena_assets.report.cells import Cell, number
from tokenarena_assets.report.terminal import name_lines, print_cells, terminal

Row = Mapping[str, Any]
STACKED_BELOW = 140  # columns


def print_order(preset: str, rows: Sequence[Row]) -> None:
    """Print one preset's places in one order, and what would tell neighbours apart."""
    first = rows[0]
    by = f"{preset}: " if first["by_preset"] else ""
    direction = "more is better" if first["higher_is_better"] else "less is better"
    modeled = "MODELED, " if first["modeled"] else ""
    ordered = sorted(rows, key=lambda r: (r["rank"] is None, r["rank"] or 0, _signed(r), r["endpoint_id"]))
    stacked = terminal().width < STACKED_BELOW
    unit = first["unit"].replace(" per ", "\nper ").replace(", ", ",\n") if stacked else first["unit"]
    print_cells(
        {"rank": 0, "endpoint": 21, unit: 0, "n": 0, "not told from the next": None},
        [order_cells(row, stacked=stacked) for row in ordered],
        f"{by}{first['ranked_by']}: {modeled}{direction}",
        stacked_below=STACKED_BELOW,
    )
    print(f"Told apart by: {first['test']}; Holm over all pairs. UTC day {first['day']}.")


def _signed(row: Row) -> float:
    value = row["value"]
    return 0.0 if value is None else -value if row["higher_is_better"] else value


def order_cells(row: Row, *, stacked: bool) -> list[Cell]:
    """One endpoint's row; where lines are stacked its name has several."""
    value, lo, hi = row["value"], row["value_lo"], row["value_hi"]
    ends = (f"[{number(lo)}, {number(hi)}]",) if lo is not None and hi is not None and lo != hi else ()
    rank: Cell = ("-",) if row["rank"] is None else (str(row["rank"]),)
    if row["rank"] is not None and row["rank_lo"] != row["rank_hi"]:
        rank += (f"({row['rank_lo']}-{row['rank_hi']})",)
    return [
        rank,
        name_lines(row["endpoint_id"]) if stacked else (row["endpoint_id"],),
        ("-" if value is None else number(value), *ends),
        ("" if row["n"] is None else f"{row['n']:,}",),
        (row["rank_note"] or close_words(row),),
    ]


def close_words(row: Row) -> str:
    """Whom it is not told apart from, and about how many more probes would tell."""
    if row["close_to"] is None:
        return ""
    if row["more_n"] is None:
        return f"{row['close_to']}: no telling"
    return f"{row['close_to']}: about {row['more_n']:,} more each"
