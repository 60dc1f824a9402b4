"""The fidelity tables as Markdown: what each channel says of each endpoint, and what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tokenarena_assets.report.markdown import table

Row = Mapping[str, Any]
STATUS_WORDS = {"not_applicable": "n/a", "no_score": "no score", "not_asked": "not asked"}


def fidelity_table(daily: pl.DataFrame, channels: pl.DataFrame) -> str:
    """One line an endpoint: its verdict, then each channel's figure with interval, floor and n, or why it has none."""
    by_endpoint: dict[str, dict[str, Row]] = {}
    for row in channels.iter_rows(named=True):
        by_endpoint.setdefault(row["endpoint_id"], {})[row["channel"]] = row
    body = []
    for row in daily.sort("model_family", "endpoint_id").iter_rows(named=True):
        own = by_endpoint.get(row["endpoint_id"], {})
        body.append(
            [
                row["endpoint_id"],
                row["verdict"] + (f": {row['channels_named']}" if row["channels_named"] else ""),
                _figure(own.get("sampled"), floor="self floor"),
                _figure(own.get("greedy"), floor="floor"),
                _figure(own.get("logprobs"), floor="floor"),
                _parity(own.get("parity")),
                _figure(own.get("border"), floor="expected"),
                "-" if row["p_endpoint"] is None else f"{row['p_endpoint']:.2g}",
                "; ".join(part for part in (row["claim"], row["note"]) if part),
            ]
        )
    headers = ["endpoint", "verdict", "F, points", "greedy, divergences per 1k tokens", "logprobs LT, nats"]
    return table([*headers, "prompt tokens", "border inputs, total variation", "p", "what may be said"], body)


def _figure(row: Row | None, *, floor: str) -> str:
    if row is None:
        return "-"
    if row["value"] is None:
        return f"{STATUS_WORDS.get(row['status'], row['status'])}: {row['note']}"
    interval = "" if row["lo"] is None or row["hi"] is None else f" [{row['lo']:.3g}, {row['hi']:.3g}]"
    beside = "" if row["floor"] is None else f", {floor} {row['floor']:.3g}"
    return f"{row['value']:.3g}{interval}{beside}, n={row['n_prompts']}"


def _parity(row: Row | None) -> str:
    if row is None:
        return "-"
    if row["value"] is None:
        return f"{STATUS_WORDS.get(row['status'], row['status'])}: {row['note']}"
    compared = f"{row['n_prompts']} message sets"
    return f"equal in {compared}" if not row["value"] else f"{row['value']:.0f} of {compared} differ"


def references_table(references: pl.DataFrame) -> str:
    """What each family is compared with, and what that varies by itself."""
    body = [
        [
            row["model_family"],
            row["reference_endpoint_id"] or "none",
            row["kind"],
            row["chosen_because"],
            f"{row['n_reference_days']} ({row['missing_reference_days']} missing)",
            _number(row["day_variance"]),
            f"{_number(row['greedy_floor_per_1k'])} {row['greedy_floor_source'] or ''}",
            f"{_number(row['logprob_floor_nats'])} {row['logprob_floor_source'] or ''}",
        ]
        for row in references.iter_rows(named=True)
    ]
    headers = ["family", "reference", "kind", "chosen because", "days", "variance of T between days"]
    return table([*headers, "greedy floor per 1k tokens", "logprobs floor, nats"], body)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def prompts_table(prompts: pl.DataFrame) -> str:
    """How many prompts of each family tell anything, and how many are left out for what."""
    counted = prompts.group_by("model_family", "prompt_set", maintain_order=True).agg(
        asked=pl.len(),
        fit=pl.col("fit").fill_null(value=False).sum(),
        different=(pl.col("within_kernel") < 0.5).and_(~pl.col("fit")).sum(),
        alike=(pl.col("within_kernel") >= 0.5).and_(~pl.col("fit")).sum(),
        unknown=pl.col("fit").is_null().sum(),
    )
    headers = ["family", "set", "prompts", "compared", "answers all different", "answers all alike", "not known yet"]
    return table(headers, [[cell or 0 if i > 1 else cell or "-" for i, cell in enumerate(r)] for r in counted.rows()])
