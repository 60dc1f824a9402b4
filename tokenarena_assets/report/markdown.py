"""Tables as Markdown, for the Dagster UI and the logs; text that came from outside is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

import polars as pl

from tokenarena_assets.probing.plan import ForecastRow, SuiteForecast
from tokenarena_assets.report.cells import (
    asked_rows,
    evidence_note,
    leaderboard_cells,
    leaderboard_columns,
    price_scale,
)

UNITS = ("_ms", "_tok_s")


def escaped(text: object) -> str:
    """Text that Markdown and HTML show as it is: no markup, no links, one line, what cannot be seen spelt out."""
    plain = "".join(_shown(c) for c in str(text))
    # A space of no width keeps a bare address from becoming a link.
    plain = re.sub(r"(?i)(:)(?=//)|(\bwww)(?=\.)", "\\g<0>\u200b", html.escape(plain, quote=False))
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~])", r"\\\1", plain)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else character.encode("unicode_escape").decode()


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; every cell is escaped."""
    lines = ["| " + " | ".join(headers) + " |", "|" + " --- |" * len(headers)]
    lines += ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def forecast_line(rows: Sequence[ForecastRow]) -> str:
    """The forecast in one sentence."""
    requests = sum(row.requests for row in rows)
    return f"{requests} requests to {len(rows)} endpoints, at most ${_total(rows)}"


def _total(rows: Sequence[ForecastRow]) -> str:
    known = [row.usd_max for row in rows if row.usd_max is not None]
    return f"{sum(known):.4f}" + ("" if len(known) == len(rows) else " and what has no price")


def forecast_table(rows: Sequence[ForecastRow]) -> str:
    """What a round will ask of each endpoint at most."""
    body: list[list[object]] = [
        [
            r.endpoint_id,
            r.requests,
            r.input_tokens_max,
            r.output_tokens_max,
            "no price" if r.usd_max is None else f"{r.usd_max:.4f}",
        ]
        for r in rows
    ]
    body.append(["all", sum(r.requests for r in rows), "", "", _total(rows)])
    return table(["endpoint", "requests", "input tokens at most", "output tokens at most", "USD at most"], body)


def suites_table(rows: Sequence[SuiteForecast]) -> str:
    """What a round will ask in each suite at most."""
    body = [
        [r.suite, r.requests, r.input_tokens_max, r.output_tokens_max, f"{r.usd_max:.4f}", r.unpriced_requests]
        for r in rows
    ]
    headers = ["suite", "requests", "input tokens at most", "output tokens at most", "USD at most"]
    return table([*headers, "requests without a price"], body)


def figures(rows: pl.DataFrame, label: str, columns: Sequence[tuple[str, str]]) -> str:
    """One line a row of `rows`: `label`, then each column of (header, name) with its interval, or its note."""
    body = [[row[label], *(_figure(row, name) for _, name in columns)] for row in rows.iter_rows(named=True)]
    return table([label, *(header for header, _ in columns)], body)


def _figure(row: dict[str, Any], column: str) -> str:
    # Units end a column's name, and the bound's mark stands before them: ttft_p50_lo_ms.
    stem, unit = next(((column.removesuffix(end), end) for end in UNITS if column.endswith(end)), (column, ""))
    value, lo, hi = row[column], row.get(f"{stem}_lo{unit}"), row.get(f"{stem}_hi{unit}")
    if value is None:
        return str(row.get(f"{stem}_note") or "cannot tell")
    if f"{stem}_lo{unit}" not in row:
        return f"{value:.4g}"
    return f"{value:.4g} [{lo:.4g}, {hi:.4g}]" if lo is not None and hi is not None else f"{value:.4g} (n too small)"


def leaderboard_tables(leaderboard: pl.DataFrame) -> str:
    """One table a preset, and which rounds are not in them."""
    parts = []
    rows = leaderboard.to_dicts()
    scale = price_scale(rows)
    for preset in leaderboard["preset"].unique(maintain_order=True):
        own = leaderboard.filter(pl.col("preset") == preset)
        cells = [[" ".join(cell) for cell in line] for line in leaderboard_cells(asked_rows(own.to_dicts()), scale)]
        parts.append(f"### {escaped(preset)}\n\n" + table(leaderboard_columns(scale), cells))
    note = evidence_note(rows)
    return "\n\n".join([*parts, *([escaped(note)] if note else [])])


def context_table(daily: pl.DataFrame) -> str:
    """The four lengths of each endpoint, and what is wrong with them."""
    headers = ["endpoint", "advertised", "accepted", "served", "effective", "base accuracy", "status", "findings"]
    body = [
        [
            row["endpoint_id"],
            *("-" if row[f"{name}_tokens"] is None else row[f"{name}_tokens"] for name in headers[1:5]),
            "-" if row["base_accuracy"] is None else f"{row['base_accuracy']:.0%}",
            "TRUNCATING" if row["truncating"] else row["status"],
            row["findings"] or row["note"] or "",
        ]
        for row in daily.iter_rows(named=True)
    ]
    return table(headers, body)


BAR = 20  # characters of a full bar


def context_curves(curve: pl.DataFrame) -> str:
    """Accuracy by length, one line an endpoint and length, with a bar."""
    body = []
    for row in curve.iter_rows(named=True):
        value, lo, hi = row["accuracy_monotone"], row["accuracy_lo"], row["accuracy_hi"]
        shown = "-" if value is None else f"{value:.0%}"
        interval = f" [{lo:.0%}, {hi:.0%}]" if lo is not None and hi is not None else ""
        bar = "\u2588" * round(BAR * (value or 0.0))
        body.append([row["endpoint_id"], row["target_tokens"], bar, shown + interval, f"n={row['n']}", row["decision"]])
    return table(["endpoint", "tokens", "accuracy", "", "needles", "decision"], body)


def findings_table(findings: pl.DataFrame) -> str:
    """The findings of a day, each with its figure, interval and n."""
    body = []
    for row in findings.iter_rows(named=True):
        lo, hi = row["value_lo"], row["value_hi"]
        shown = "-" if row["value"] is None else f"{row['value']:.4g} {row['unit']}"
        interval = f" [{lo:.4g}, {hi:.4g}]" if lo is not None and hi is not None and lo != hi else ""
        carried = {True: "supported", False: "not supported", None: ""}[row["supported"]]
        modeled = "modeled" if row["modeled"] else ""
        body.append([row["headline"], shown + interval, row["n"], carried, modeled, row["detail"] or ""])
    return table(["finding", "figure", "n", "", "", "limits"], body)
