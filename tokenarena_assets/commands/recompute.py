"""`tokenarena recompute`: the tables once more from raw evidence, compared cell by cell."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenarena_assets.commands.snapshot import days_of
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.home import Home

if TYPE_CHECKING:
    from tokenarena_assets.recompute.evidence import Evidence
    from tokenarena_assets.recompute.rerun import Recomputed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tokenarena recompute 2026-11-23")(recompute)


def recompute(
    what: Annotated[str | None, typer.Argument(help="A snapshot folder or a UTC day; default: all days.")] = None,
    days: Annotated[str | None, typer.Option("--days", metavar="A..B", help="First and last day to compare.")] = None,
    keep: Annotated[Path | None, typer.Option("--keep", help="New folder for the home that is made; it stays.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make the tables once more from raw logs in an empty home; exits with 1 where a cell or a seal differs.

    What rests on texts that have expired is named, taken as it stands and not compared: it is no difference.
    """
    evidence, day = _evidence(what)
    chosen = days_of(day, days, evidence.days())
    from tokenarena_assets.recompute.rerun import recompute as run

    with _folder(keep) as folder:
        found = run(evidence, chosen, folder, lambda text: print(text, file=sys.stderr, flush=True))
    found.notes = [*evidence.notes, *found.notes]
    if as_json:
        _print_json(found)
    else:
        _print(found)
    if not found.same:
        raise typer.Exit(1)


def _evidence(what: str | None) -> tuple[Evidence, str | None]:
    from tokenarena_assets.recompute.evidence import Evidence
    from tokenarena_assets.snapshot.manifest import evidence_of

    if what is not None and Path(what).is_dir():
        return evidence_of(Path(what)), None
    if what is not None:
        try:
            date.fromisoformat(what)
        except ValueError:
            raise TokenArenaError(
                f"{what!r} is no day and no folder", mend="give 2026-11-23, or a folder that tokenarena snapshot made"
            ) from None
    return Evidence.of_home(Home.from_environment()), what


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="tokenarena-recompute-") as scratch:
        yield Path(scratch) / "arena"


def _print(found: Recomputed) -> None:
    from tokenarena_assets.report.terminal import plain, print_table

    for title, lines in (
        ("Other versions here than when it was made", found.versions),
        ("Raw files that are not what was sealed", found.broken),
        ("Notes", found.notes),
        ("Can no longer be recomputed, taken as it stands", _expired(found)),
        ("Taken as published", [f"{table}: {why}" for table, why in found.taken.items()]),
        ("Not reproducible: timing (answers in code at the time limit)", found.timing),
    ):
        if lines:
            print(f"{title}:")
            for line in lines:
                print(f"  {plain(line)}")
    tables: dict[str, list[Any]] = {}
    for each in found.tables:
        row = tables.setdefault(each.table, [each.table, 0, 0, 0])
        row[1] += each.rows
        row[2] += each.cells
        row[3] += each.differing
    print_table(["table", "rows", "cells", "differing cells"], list(tables.values()))
    for each in (one for one in found.tables if not one.same):
        print(
            f"{each.table} on {each.day}: {each.differing} cells differ" + (f": {each.problem}" if each.problem else "")
        )
        for one in each.examples:
            key = ", ".join(f"{name} {value}" for name, value in one.key.items())
            print(
                f"  {plain(key)}, {one.column or 'the row'}: published {plain(_brief(one.published))}, "
                f"recomputed {plain(_brief(one.recomputed))}"
            )
    cells, differing = (sum(getattr(each, name) for each in found.tables) for name in ("cells", "differing"))
    failed = "; a step failed, see above" if found.failed else ""
    verdict = "the same" if found.same else "NOT the same"
    if found.expired:
        verdict += f" (of what can be computed: {sum(map(len, found.expired.values()))} tables of days cannot)"
    print(f"{len(found.days)} day(s), {cells:,} cells, {differing:,} differ{failed}: {verdict}")


def _expired(found: Recomputed) -> list[str]:
    """A line a table and reason, with the days that it is of."""
    days: dict[tuple[str, str], list[date]] = {}
    for day, tables in found.expired.items():
        for table, why in tables.items():
            days.setdefault((table, why), []).append(day)
    return [f"{table} on {', '.join(map(str, of))}: {why}" for (table, why), of in days.items()]


def _brief(value: object) -> str:
    text = repr(value) if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else text[:79] + "\N{HORIZONTAL ELLIPSIS}"


def _print_json(found: Recomputed) -> None:
    from dataclasses import asdict

    from tokenarena_assets.report.terminal import print_json

    expired = {day.isoformat(): tables for day, tables in found.expired.items()}
    print_json({"same": found.same, **asdict(found), "expired": expired})
