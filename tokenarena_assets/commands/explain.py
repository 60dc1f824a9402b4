"""`tokenarena explain`: from a published cell to the raw probes that it rests on."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.home import Home

if TYPE_CHECKING:
    from tokenarena_assets.recompute.evidence import Evidence


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tokenarena explain 2026-11-23 chat deepinfra/llama-3.3-70b@standard ttft_ms")(explain)


def explain(
    day: Annotated[str, typer.Argument(help="UTC day, YYYY-MM-DD.")],
    preset: Annotated[str, typer.Argument(help="Preset; of a table without presets: -")],
    endpoint: Annotated[str, typer.Argument(help="provider/model@sku")],
    column: Annotated[str | None, typer.Argument(help="Column; without it, all columns in brief.")] = None,
    table: Annotated[str, typer.Option("--table", help="Table of the cell.")] = "leaderboard",
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="NAME=VALUE", help="Chooses among several rows.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Raw places listed; 0: all.")] = 10,
    raw: Annotated[bool, typer.Option("--raw", help="Print the raw lines themselves as well.")] = False,
    snapshot: Annotated[
        Path | None, typer.Option("--snapshot", help="A published folder in the place of the home.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell of a published number its formula, inputs, n, raw probes with hashes, versions and certificates."""
    from tokenarena_assets.explain.cell import Explainer
    from tokenarena_assets.explain.text import SUMMARY_HEADERS, cell_text, raw_text, summary_text
    from tokenarena_assets.report.terminal import plain, print_json, print_table
    from tokenarena_assets.storage.rehearsal import BANNER

    evidence = _evidence(snapshot)
    table, column, where = _of_an_order(table, column, where or [])
    if evidence.home.is_rehearsal:
        print(BANNER, file=sys.stderr if as_json else sys.stdout)
    with Explainer(evidence, _day(day)) as explainer:
        row = explainer.row(table, preset, endpoint, _pairs(where))
        if column is None:
            cells = [explainer.cell(table, row, name, 0 if limit == 10 else limit) for name in row]
            if as_json:
                print_json(cells)
            else:
                print_table(SUMMARY_HEADERS, summary_text(cells), f"{table} on {day}: {plain(endpoint)}")
            return
        cell = explainer.cell(table, row, column, limit or None)
        lines = explainer.raw_lines(cell["probes"]) if raw else []
        if as_json:
            print_json(cell | ({"raw": [data.decode("utf-8", "backslashreplace") for _, data in lines]} if raw else {}))
            return
        print(cell_text(cell))
        for line in raw_text(lines):
            print(line)


def _of_an_order(table: str, column: str | None, where: list[str]) -> tuple[str, str | None, list[str]]:
    """An order that is no column of the leaderboard is a value of `ranks`."""
    from tokenarena_assets.chain.catalog import table_specs
    from tokenarena_assets.chain.rank_tables import ORDERS

    if table == "leaderboard" and column in ORDERS and column not in table_specs()[table].column_names:
        return "ranks", "value", [*where, f"ranked_by={column}"]
    return table, column, where


def _evidence(snapshot: Path | None) -> Evidence:
    from tokenarena_assets.recompute.evidence import Evidence
    from tokenarena_assets.snapshot.manifest import evidence_of

    return evidence_of(snapshot) if snapshot is not None else Evidence.of_home(Home.from_environment())


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TokenArenaError(f"{text!r} is not a day", mend="write it as 2026-11-23") from None


def _pairs(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign:
            raise TokenArenaError(f"--where: {text!r} is no NAME=VALUE", mend="write it as ranked_by=ttft_ms")
        found[name.strip()] = value.strip()
    return found
