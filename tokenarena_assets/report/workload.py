"""What a workload takes at each endpoint, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenarena_assets.report.cells import number
from tokenarena_assets.report.terminal import print_table

Row = Mapping[str, Any]
SCALE = 1_000  # correct answers whose dollars are shown


def print_workload(name: str, asked: Mapping[str, float], limits: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Print the endpoints that may meet the limits, cheapest first, then those that do not."""
    headers = [
        "front",
        "endpoint",
        f"$ per {SCALE:,} correct",
        "s per correct",
        "J per correct, modeled",
        "TTFT ms",
        "quality",
        "limits",
    ]
    print_table(headers, [workload_cells(row) for row in rows], title=_title(name, asked, limits))
    print(
        "Front: no endpoint that may meet the limits is as good in dollars and seconds and better in one. Dollars at "
        "list price, with the endpoint's own wordiness; 95 % intervals; joules are modeled, P50 [P5, P95]."
    )
    notes = sorted({row["ttft_note"] for row in rows if row["ttft_note"]})
    if notes:
        print(f"Of another size than asked: {'; '.join(notes)}.")


def workload_cells(row: Row) -> list[str]:
    """One endpoint's row."""
    return [
        "*" if row["on_front"] else "",
        row["endpoint_id"],
        _interval(row, "usd_per_correct", ("_lo", "_hi"), SCALE),
        "-" if row["seconds_per_correct"] is None else number(row["seconds_per_correct"]),
        _modeled(row),
        _interval(row, "ttft_ms", ("_lo", "_hi"), 1),
        _interval(row, "quality", ("_lo", "_hi"), 1),
        "met" if row["meets"] == "met" else row["limits"],
    ]


def _interval(row: Row, name: str, ends: tuple[str, str], scale: float) -> str:
    value, lo, hi = row[name], *(row[f"{name}{end}"] for end in ends)
    if value is None:
        return "-"
    shown = number(scale * value)
    return shown if lo is None or hi is None else f"{shown} [{number(scale * lo)}, {number(scale * hi)}]"


def _modeled(row: Row) -> str:
    p5, p50, p95 = (row[f"energy_j_per_correct_{p}"] for p in ("p5", "p50", "p95"))
    if p5 is None or p50 is None or p95 is None:
        return "-"
    return f"{number(p50)} [{number(p5)}, {number(p95)}] {row['evidence_grade']}"


def _title(name: str, asked: Mapping[str, float], limits: Mapping[str, Any]) -> str:
    cached = f", {asked['cached_share']:.0%} of it cached" if asked["cached_share"] else ""
    given = [f"TTFT at most {limits['max_ttft_ms']:g} ms"] if limits["max_ttft_ms"] is not None else []
    given += [f"quality at least {limits['min_quality']:g}"] if limits["min_quality"] is not None else []
    within = f"; {' and '.join(given)}" if given else ""
    return f"{name}: {asked['input_tokens']:,.0f} tokens in{cached}, {asked['output_tokens']:,.0f} out{within}"
