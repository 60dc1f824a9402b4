"""The audit as a person reads it: each figure with its interval and n, or that it cannot be told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
BILLING_HEADERS = [
    "endpoint",
    "output billed / counted",
    "verdict",
    "input billed / counted",
    "verdict",
    "tokens beside prompt",
    "reasoning hidden",
    "reported / list cost",
    "tokenizer",
    "audited",
]
IN_TIME_HEADERS = [
    "endpoint",
    "deadline s",
    "no answer in time",
    "causes",
    "$ per million correct in time",
    "right in time",
]
CANNOT_TELL = "cannot tell"


def billing_rows(rows: Sequence[Row]) -> list[list[str]]:
    """One line an endpoint, in the order of :data:`BILLING_HEADERS`."""
    return [
        [
            str(row["endpoint_id"]),
            _ratio(row, "output_ratio", row["n_output"]),
            _verdict(row, "output"),
            _ratio(row, "input_slope", row["n_input"]),
            _verdict(row, "input"),
            "-" if row["template_overhead_tokens"] is None else f"{row['template_overhead_tokens']:.1f}",
            "-" if row["hidden_reasoning_share"] is None else f"{row['hidden_reasoning_share']:.1%}",
            _ratio(row, "reported_cost_ratio", row["n_reported_cost"]) if row["n_reported_cost"] else "not reported",
            "-" if row["tokenizer"] is None else f"{row['tokenizer']} ({row['tokenizer_basis']})",
            f"{row['n_audited']} of {row['n_answered']}",
        ]
        for row in rows
    ]


def evidence_rows(rows: Sequence[Row]) -> list[list[str]]:
    """One line a finding: endpoint, severity, claim, n, and the raw lines of its examples."""
    return [
        [
            str(row["endpoint_id"]),
            str(row["severity"]),
            str(row["claim"]),
            str(row["n"]),
            ", ".join(f"{each['raw_file']}:{each['raw_line']}" for each in json.loads(row["evidence"])) or "-",
        ]
        for row in rows
    ]


def in_time_rows(rows: Sequence[Row], causes: Sequence[Row]) -> list[list[str]]:
    """One line an endpoint and deadline, in the order of :data:`IN_TIME_HEADERS`."""
    seen: dict[tuple[str, float], list[str]] = {}
    for row in causes:
        if row["n"]:
            named = f"{str(row['cause']).replace('_', ' ')} {row['n']}"
            seen.setdefault((row["endpoint_id"], row["deadline_s"]), []).append(named)
    return [
        [
            str(row["endpoint_id"]),
            f"{row['deadline_s']:g}",
            _share(row),
            ", ".join(seen.get((row["endpoint_id"], row["deadline_s"]), [])) or "-",
            _cost(row),
            f"{row['n_correct_in_time']} of {row['n_asked']}",
        ]
        for row in rows
    ]


def _ratio(row: Row, name: str, n: int) -> str:
    value, lo, hi = row[name], row[f"{name}_lo"], row[f"{name}_hi"]
    if value is None:
        return f"{CANNOT_TELL} n={n}"
    interval = "no interval" if lo is None or hi is None else f"[{lo:.3f}, {hi:.3f}]"
    return f"{value:.3f} {interval} n={n}"


def _verdict(row: Row, part: str) -> str:
    verdict, lo, hi = str(row[f"{part}_verdict"]), row[f"{part}_error_lo"], row[f"{part}_error_hi"]
    if row["tokenizer_basis"] != "common" or lo is None:
        return verdict.upper() if verdict == "more" else verdict
    return f"{verdict.upper() if verdict == 'more' else verdict} (error {lo:.2f}-{hi:.2f})"


def _share(row: Row) -> str:
    value, lo, hi = row["p_no_answer"], row["p_no_answer_lo"], row["p_no_answer_hi"]
    return CANNOT_TELL if value is None else f"{value:.1%} [{lo:.1%}, {hi:.1%}] n={row['n_asked']}"


def _cost(row: Row) -> str:
    value, lo, hi = (row[f"usd_per_correct_in_time{end}"] for end in ("", "_lo", "_hi"))
    if value is None:
        return str(row["note"]) if lo is None else f"> {1e6 * lo:.3g} (none right in time)"
    interval = "no interval" if lo is None or hi is None else f"[{1e6 * lo:.3g}, {1e6 * hi:.3g}]"
    return f"{1e6 * value:.3g} {interval}"
