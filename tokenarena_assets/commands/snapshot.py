"""`tokenarena snapshot`: a folder to publish, and whether one is what its manifest says."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.home import Home

MAX_DAYS = 4000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tokenarena snapshot --days 2026-11-01..2026-11-28 --output november")(snapshot)


def snapshot(
    day: Annotated[str | None, typer.Option("--day", help="One UTC day, YYYY-MM-DD.")] = None,
    days: Annotated[
        str | None, typer.Option("--days", metavar="A..B", help="First and last day; default: all.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="New folder; default: snapshots/ in the home.")
    ] = None,
    without_texts: Annotated[
        bool, typer.Option("--without-texts", help="Leave prompts, answers and reasoning out; their hashes stay.")
    ] = False,
    with_recent_items: Annotated[
        bool, typer.Option("--with-recent-items", help="Publish gold answers and seeds of items under 30 days as well.")
    ] = False,
    verify: Annotated[
        Path | None, typer.Option("--verify", help="Only check this folder against its manifest.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a folder to publish: raw logs, tables, database, methods, licence and a manifest that proves them."""
    if verify is not None:
        _verify(verify, as_json)
        return
    from tokenarena_assets.recompute.evidence import Evidence
    from tokenarena_assets.report.terminal import print_json
    from tokenarena_assets.snapshot.build import build
    from tokenarena_assets.storage.rehearsal import BANNER

    home = Home.from_environment()
    if home.is_rehearsal:
        print(BANNER, file=sys.stderr)
    known = Evidence.of_home(home).days()
    chosen = days_of(day, days, known)
    span = f"{chosen[0]}" if len(chosen) == 1 else f"{chosen[0]}_{chosen[-1]}"
    folder = output or home.root / "snapshots" / span
    manifest = build(
        home,
        chosen,
        folder.absolute(),
        lambda text: print(text, file=sys.stderr, flush=True),
        texts=not without_texts,
        recent_items=with_recent_items,
    )
    total = sum(entry.bytes for entry in manifest.files)
    if as_json:
        print_json({"folder": str(folder), "files": len(manifest.files), "bytes": total, "days": manifest.days})
    else:
        print(f"{folder}: {len(manifest.files)} files, {total / 1e6:,.1f} MB, {len(manifest.days)} day(s)")
        print(f"check it anywhere: tokenarena snapshot --verify {folder}; tokenarena recompute {folder}")


def _verify(folder: Path, as_json: bool) -> None:
    from tokenarena_assets.report.terminal import plain, print_json
    from tokenarena_assets.snapshot.manifest import read_manifest, verify

    manifest = read_manifest(folder.absolute())
    problems = verify(folder.absolute(), manifest)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "files": len(manifest.files),
                "problems": [{"path": each.path, "what": each.what} for each in problems],
            }
        )
    else:
        for each in problems:
            print(f"{plain(each.path)}: {plain(each.what)}")
        print(f"{len(manifest.files)} files, {len(problems)} not as the manifest says")
    if problems:
        raise typer.Exit(1)


def days_of(day: str | None, days: str | None, known: list[date]) -> list[date]:
    """The days that are meant, of those `known`.

    Raises:
        TokenArenaError: both or no days are given, or one that is none.
    """
    if day is not None and days is not None:
        raise TokenArenaError("--day and --days exclude each other", mend="give one of them")
    if day is not None:
        return [_day("--day", day)]
    if days is None:
        return known
    first, dots, last = days.partition("..")
    if not dots:
        raise TokenArenaError(f"--days: {days!r} is no range", mend="write it as 2026-11-01..2026-11-28")
    a, b = _day("--days", first), _day("--days", last)
    if not timedelta(0) <= b - a <= timedelta(days=MAX_DAYS):
        raise TokenArenaError(f"--days: {days!r} ends before it begins, or is too long", mend="write the earlier first")
    found = [each for each in known if a <= each <= b]
    if not found:
        raise TokenArenaError(
            f"no tables of {a} to {b}", mend=f"days are: {', '.join(map(str, known[-10:])) or 'none'}"
        )
    return found


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TokenArenaError(f"{name}: {text!r} is not a day", mend="write it as 2026-11-23") from None
