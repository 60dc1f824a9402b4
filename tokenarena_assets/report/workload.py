"""What a workload takes at each endpoint, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenarena_assets.report.cells import Cell, joules, number
from tokenarena_assets.report.terminal import name_lines, print_cells, terminal

Row = Mapping[str, Any]
SCALE = 1_000  # correct answers whose dollars are shown
STACKED_BELOW = 160  # columns
JOULES_FROM = 100
JOULES = "J per\ncorrect,\nmodeled"


def print_workload(name: str, asked: Mapping[str, float], limits: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Print the endpoints that may meet the limits, cheapest first, then those that do not."""
    width = terminal().width
    stacked = width < STACKED_BELOW
    hidden = {JOULES} if width < JOULES_FROM else set()
    headers: dict[str, int | None] = {
        "endpoint": 23,
        f"$ per {SCALE:,}\ncorrect": 0,
        "s per\ncorrect": 0,
        JOULES: 0,
        "TTFT ms": 0,
        "quality": 0,
        "limits": None,
    }
    kept = [index for index, header in enumerate(headers) if header not in hidden]
    cells = [workload_cells(row, stacked=stacked) for row in rows]
    print_cells(
        {header: most for header, most in headers.items() if header not in hidden},
        [[row[index] for index in kept] for row in cells],
        _title(name, asked, limits),
        stacked_below=STACKED_BELOW,
    )
    print(
        "* is on the front: no endpoint that may meet the limits is as good in dollars and seconds and better in one. "
        "Dollars at list price, with the endpoint's own wordiness; 95 % intervals; joules are modeled, P50 [P5, P95]."
    )
    if hidden:
        print(f"Joules: on a terminal of {JOULES_FROM} columns or more, or by --json.")
    notes = sorted({row["ttft_note"] for row in rows if row["ttft_note"]})
    if notes:
        print(f"Of another size than asked: {'; '.join(notes)}.")


def workload_cells(row: Row, *, stacked: bool) -> list[Cell]:
    """One endpoint's row; where lines are stacked its name has several."""
    front = "* " if row["on_front"] else "  "
    name = name_lines(row["endpoint_id"]) if stacked else (row["endpoint_id"],)
    seconds = row["seconds_per_correct"]
    return [
        (f"{front}{name[0]}", *(f"  {line}" for line in name[1:])),
        _interval(row, "usd_per_correct", SCALE),
        ("-" if seconds is None else number(seconds),),
        joules(row, row["evidence_grade"]),
        _interval(row, "ttft_ms", 1),
        _interval(row, "quality", 100, " %"),
        ("met",) if row["meets"] == "met" else tuple(row["limits"].replace(", ", ",\n").split("\n")),
    ]


def _interval(row: Row, name: str, scale: float, unit: str = "") -> Cell:
    value, lo, hi = row[name], row[f"{name}_lo"], row[f"{name}_hi"]
    if value is None:
        return ("-",)
    shown = f"{number(scale * value)}{unit}"
    return (shown,) if lo is None or hi is None else (shown, f"[{number(scale * lo)}, {number(scale * hi)}]")


def _title(name: str, asked: Mapping[str, float], limits: Mapping[str, Any]) -> str:
    cached = f", {asked['cached_share']:.0%} of it cached" if asked["cached_share"] else ""
    given = [f"TTFT at most {limits['max_ttft_ms']:g} ms"] if limits["max_ttft_ms"] is not None else []
    given += [f"quality at least {limits['min_quality']:g}"] if limits["min_quality"] is not None else []
    within = f"; {' and '.join(given)}" if given else ""
    return f"{name}: {asked['input_tokens']:,.0f} tokens in{cached}, {asked['output_tokens']:,.0f} out{within}"
