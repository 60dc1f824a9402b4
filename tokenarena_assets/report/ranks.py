"""One order of the table of ranks, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenarena_assets.report.cells import number
from tokenarena_assets.report.terminal import print_table

Row = Mapping[str, Any]


def print_order(preset: str, rows: Sequence[Row]) -> None:
    """Print one preset's places in one order, and what would tell neighbours apart."""
    first = rows[0]
    by = f"{preset}: " if first["by_preset"] else ""
    direction = "more is better" if first["higher_is_better"] else "less is better"
    modeled = "MODELED, " if first["modeled"] else ""
    ordered = sorted(rows, key=lambda r: (r["rank"] is None, r["rank"] or 0, _signed(r), r["endpoint_id"]))
    print_table(
        ["rank", "endpoint", f"{first['ranked_by']} ({first['unit']})", "n", "not told from the next"],
        [order_cells(row) for row in ordered],
        title=f"{by}{first['ranked_by']}: {modeled}{direction}",
    )
    print(f"Told apart by: {first['test']}; Holm over all pairs. UTC day {first['day']}.")


def _signed(row: Row) -> float:
    value = row["value"]
    return 0.0 if value is None else -value if row["higher_is_better"] else value


def order_cells(row: Row) -> list[object]:
    """One endpoint's row."""
    value, lo, hi = row["value"], row["value_lo"], row["value_hi"]
    shown = "-" if value is None else number(value)
    if lo is not None and hi is not None and lo != hi:
        shown += f" [{number(lo)}, {number(hi)}]"
    rank = "-" if row["rank"] is None else str(row["rank"])
    if row["rank"] is not None and row["rank_lo"] != row["rank_hi"]:
        rank += f" ({row['rank_lo']}-{row['rank_hi']})"
    return [rank, row["endpoint_id"], shown, row["n"], row["rank_note"] or close_words(row)]


def close_words(row: Row) -> str:
    """Whom it is not told apart from, and about how many more probes would tell."""
    if row["close_to"] is None:
        return ""
    if row["more_n"] is None:
        return f"{row['close_to']}: no telling"
    return f"{row['close_to']}: about {row['more_n']:,} more each"
