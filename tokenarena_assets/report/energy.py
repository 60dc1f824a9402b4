"""Modeled energy as tables of Markdown, each figure with its interval and grade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tokenarena_assets.report.cells import OUTSIDE
from tokenarena_assets.report.markdown import table

Row = Mapping[str, Any]


def modeled_interval(row: Row, name: str) -> str:
    """`P50 [P5, P95]` of a modeled quantity, never the middle alone; outside of the model (grade D) the interval alone.

    Raises:
        ValueError: a middle without its interval.
    """
    p5, p50, p95 = (row[f"{name}_{percentile}"] for percentile in ("p5", "p50", "p95"))
    if p50 is None:
        return "-"
    if p5 is None or p95 is None:
        raise ValueError(f"{name}: modeled energy is shown with its interval or not at all")
    if row["evidence_grade"] == OUTSIDE:
        return f"{p5:.3g} to {p95:.3g}"
    return f"{p50:.3g} [{p5:.3g}, {p95:.3g}]"


def requests_table(daily: pl.DataFrame) -> str:
    """Energy and carbon of a request, by endpoint and workload."""
    headers = [
        "endpoint",
        "workload",
        "J a request",
        "J per output token",
        "g CO2e a request",
        "grid",
        "grade",
        "driven by",
    ]
    body = [
        [
            row["endpoint_id"],
            row["workload"],
            modeled_interval(row, "energy_j_per_request")
            if row["not_modeled_because"] is None
            else row["not_modeled_because"],
            modeled_interval(row, "energy_j_per_output_token"),
            modeled_interval(row, "gco2e_per_request"),
            f"{row['region']} ({row['region_basis']})",
            row["evidence_grade"] or "-",
            row["would_narrow"] or "-",
        ]
        for row in daily.iter_rows(named=True)
    ]
    return "Modeled; P50 [P5, P95].\n\n" + table(headers, body)


def per_correct_table(per_correct: pl.DataFrame) -> str:
    """Joules per correct answer as probed, measured part and modeled part apart."""
    headers = [
        "rank",
        "endpoint",
        "domain",
        "J per correct (modeled)",
        "output tokens per correct (measured)",
        "J per output token (modeled)",
        "g CO2e per correct (modeled)",
        "n",
        "grade",
        "note",
    ]
    own = per_correct.filter(pl.col("mix") == "as_probed")
    body = [
        [
            _rank(row),
            row["endpoint_id"],
            row["domain"],
            _per_correct(row),
            _tokens(row),
            modeled_interval(row, "energy_j_per_output_token"),
            modeled_interval(row, "gco2e_per_correct"),
            row["n_items"],
            row["evidence_grade"] or "-",
            row["rank_note"] or "",
        ]
        for row in own.iter_rows(named=True)
    ]
    return "P50 [P5, P95] of what is modeled, 95 % intervals of what is measured.\n\n" + table(headers, body)


def _rank(row: Row) -> str:
    return "-" if row["rank"] is None else f"{row['rank']} ({row['rank_lo']}-{row['rank_hi']})"


def _per_correct(row: Row) -> str:
    bound = row["energy_j_per_correct_at_least"]
    return f"> {bound:.3g}" if bound is not None else modeled_interval(row, "energy_j_per_correct")


def _tokens(row: Row) -> str:
    value, lo, hi = (row[f"output_tokens_per_correct{end}"] for end in ("", "_lo", "_hi"))
    if value is None:
        return "-"
    return f"{value:,.0f}" + (f" [{lo:,.0f}, {hi:,.0f}]" if lo is not None and hi is not None else "")
