"""Tables for a terminal; text from outside is shown without its control characters and markup."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tokenarena_assets.report.cells import (
    CONTEXT,
    FAILURES_IN,
    FIDELITY,
    JOULES,
    Cell,
    asked_rows,
    evidence_note,
    leaderboard_cells,
    leaderboard_columns,
)

WIDE_COLUMNS = 260  # one line a row
ROOMY_COLUMNS = 140  # all columns
FULL_COLUMNS = 120  # all that most tables need
UNBROKEN_COLUMNS = 80  # figures stay whole
UNBOUND_COLUMNS = 100_000
FORMULA_STARTS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # the last are full-width


def plain(value: object) -> str:
    """Text with every control, format and direction character made visible."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def plain_lines(text: str) -> str:
    """:func:`plain` of each line: the line ends stay."""
    return "\n".join(plain(line) for line in text.split("\n"))


def terminal() -> Console:
    """Where tables go; a pipe or a file has no width."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = UNBOUND_COLUMNS
    return console


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
    """Print a table; numbers to the right. In a pipe or a file each row is one line, however wide."""
    console = terminal()
    shown = Table(
        title=None if title is None else Text(plain(title)),
        title_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for index, header in enumerate(headers):
        numeric = bool(rows) and all(
            isinstance(row[index], int | float | Decimal) or row[index] is None for row in rows
        )
        shown.add_column(Text(plain(header)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text("" if cell is None else plain(cell)) for cell in row))
    console.print(shown)


def print_cells(
    headers: Mapping[str, int | None], rows: Sequence[Sequence[Cell]], title: str, *, stacked_below: int
) -> None:
    """Print a table of cells of several lines, one below the other on a terminal of fewer columns than that.

    `headers` say of each column how wide it is there at most, longer lines broken; None: what is left; 0: as wide as
    its lines, for figures must not be broken.
    """
    console = terminal()
    stacked = console.width < stacked_below
    shown = Table(
        title=Text(plain(title)),
        title_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 1 if stacked else 2, 0, 0),
    )
    # What does not fit and may not be broken would be cropped.
    roomy = console.width >= UNBROKEN_COLUMNS
    for index, (header, most) in enumerate(headers.items()):
        longest = max((len(plain(line)) for row in rows for line in row[index]), default=0)
        width = min(most, max(longest, len(header))) if most and stacked and roomy else None
        shown.add_column(header, overflow="fold", no_wrap=roomy and most == 0, width=width)
    for row in rows:
        shown.add_row(*(Text(("\n" if stacked else " ").join(map(plain, cell))) for cell in row))
    console.print(shown)


def name_lines(endpoint_id: str) -> Cell:
    """An endpoint's name in lines: provider, model, SKU."""
    return tuple(endpoint_id.replace("/", "/\n", 1).replace("@", "\n@", 1).split("\n"))


def print_leaderboard(preset: str, rows: Sequence[Mapping[str, Any]], scale: int) -> None:
    """Print one preset's leaderboard and which rounds are not in it; on a narrow terminal n goes below the value."""
    console = Console()
    narrow = console.width < WIDE_COLUMNS
    shown = Table(
        title=f"{preset}: dollars per correct answer",
        title_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2 if console.width >= FULL_COLUMNS else 1, 0, 0),
    )
    hidden = {FAILURES_IN, CONTEXT, JOULES, "blend $/Mtok"} if console.width < ROOMY_COLUMNS else set()
    hidden |= {"success", FIDELITY} if console.width < FULL_COLUMNS else set()
    headers = leaderboard_columns(scale)
    kept = [index for index, header in enumerate(headers) if header not in hidden]
    for index in kept:
        left = headers[index] in ("endpoint", "vs ref.")
        shown.add_column(
            headers[index],
            overflow="fold",
            justify="left" if left else "right",
            no_wrap=index == 1,
            min_width={"vs ref.": 9, FIDELITY: 12}.get(headers[index]),
        )
    for cells in leaderboard_cells(asked_rows(rows), scale):
        if narrow:
            cells[1] = name_lines(cells[1][0])
        separator = "\n" if narrow else " "
        shown.add_row(*(Text(separator.join(plain(line) for line in cells[index])) for index in kept))
    if shown.row_count:
        console.print(shown)
    else:
        console.print(Text(str(shown.title), style="bold"))
    if note := evidence_note(rows):
        console.print(Text(note))


def print_json(rows: object) -> None:
    """Print JSON; dates as ISO text, decimals as numbers."""
    print(json.dumps(rows, indent=1, default=_plain_json, ensure_ascii=True))


def _plain_json(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


def print_csv(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print CSV. Text that a spreadsheet would run as a formula gets a `'` before it; JSON has it as it is."""
    writer = csv.writer(sys.stdout)
    writer.writerows([_csv_cell(cell) for cell in row] for row in (headers, *rows))


def _csv_cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    told = plain(value) if sys.stdout.isatty() else value
    return f"'{told}" if told.startswith(FORMULA_STARTS) else told
