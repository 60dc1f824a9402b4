"""Prices as Markdown tables, for the Dagster UI."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from tokenarena_assets.report.markdown import table

MOST_ROWS = 30


def usd(value: Decimal | None) -> str:
    """A price without trailing zeros; a dash for none."""
    return "-" if value is None else f"{value.normalize():f}"


def looks_table(observed: pl.DataFrame) -> str:
    """What each feed said on the day: version, endpoints, problems."""
    rows = observed.group_by("feed", "feed_version", maintain_order=True).agg(
        pl.col("endpoint_id").n_unique(), pl.col("problem").count(), pl.col("observed_at").max()
    )
    return table(["feed", "version", "endpoints", "problems", "looked at (UTC)"], rows.rows())


def held_table(held: pl.DataFrame) -> str:
    """The prices that were held back, those that still are first, the newest first."""
    rows = held.sort(pl.col("state") != "held", -pl.col("held_on").cast(pl.Int32), "endpoint_id").head(MOST_ROWS)
    return table(
        ["endpoint", "tier", "feed", "since", "said in/out", "in force in/out", "why", "state", "until", "because"],
        [_held_cells(row) for row in rows.iter_rows(named=True)],
    )


def _held_cells(row: Mapping[str, Any]) -> list[object]:
    return [
        row["endpoint_id"],
        row["service_tier"],
        row["feed"],
        row["held_on"],
        f"{usd(row['input_usd_per_mtok'])}/{usd(row['output_usd_per_mtok'])}",
        f"{usd(row['kept_input_usd_per_mtok'])}/{usd(row['kept_output_usd_per_mtok'])}",
        row["reasons"],
        row["state"],
        row["resolved_on"] or "",
        row["resolved_because"] or "",
    ]


def blends_table(blended: pl.DataFrame) -> str:
    """The probed endpoints' blends, of the list and effective, by preset; unknown ones with the reason."""
    rows = blended.filter(pl.col("population") == "probed").sort("preset", "blended_usd_per_mtok", nulls_last=True)
    return table(
        ["preset", "endpoint", "list USD/Mtok", "effective", "output multiplier", "n", "note"],
        [
            [
                row["preset"],
                row["endpoint_id"],
                usd(row["blended_usd_per_mtok"]),
                usd(row["effective_usd_per_mtok"]),
                "-" if row["output_multiplier"] is None else f"{row['output_multiplier']:.2f}",
                row["output_multiplier_n"],
                row["no_price_because"] or row["no_effective_because"] or "",
            ]
            for row in rows.iter_rows(named=True)
        ],
    )


def churn_table(churn: pl.DataFrame) -> str:
    """How many of the first ten leave from one preset to another, and the rank correlation."""
    return table(
        ["endpoints", "ordered by", "from", "to", "n", "of the first ten leave", "who enters", "tau-b", "note"],
        [
            [
                row["population"],
                row["ordered_by"],
                row["preset_a"],
                row["preset_b"],
                row["n"],
                "-" if row["n_out"] is None else f"{row['n_out']} {row['out_endpoints'] or ''}",
                row["in_endpoints"] or "",
                "-" if row["kendall_tau_b"] is None else f"{row['kendall_tau_b']:.3f}",
                row["note"] or "",
            ]
            for row in churn.iter_rows(named=True)
        ],
    )
