"""`tokenarena report`: the page of a day."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.home import Home


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tokenarena report --day 2026-11-23 --open")(report)


def report(
    day: Annotated[str | None, typer.Option("--day", help="UTC day; default: the latest published.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", help="File to write; default: report/DAY.html in the home.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the page of a day from the published database: one HTML file that needs no network."""
    from tokenarena_assets.report.page import write_page
    from tokenarena_assets.report.terminal import print_json
    from tokenarena_assets.storage.rehearsal import BANNER

    home = Home.from_environment()
    page = write_page(home, _wanted(day), output)
    if home.is_rehearsal:
        print(BANNER, file=sys.stderr, flush=True)
    if as_json:
        print_json({name: getattr(page, name) for name in page.__slots__})
    else:
        print(f"{page.path}  ({page.size_bytes / 1e6:.1f} MB, {page.endpoints} endpoints, {page.days} days)")
    if show and not _opened(page.path):
        raise TokenArenaError("no browser could be started", mend=f"open {page.path} in one")


def _opened(path: Path) -> bool:
    import webbrowser

    return webbrowser.open(path.absolute().as_uri())


def _wanted(day: str | None) -> date | None:
    try:
        return None if day is None else date.fromisoformat(day)
    except ValueError:
        raise TokenArenaError(f"--day: {day!r} is not a day", mend="write it as 2026-11-23") from None
