"""`tokenarena audit`: who bills what its text holds, and what failures cost."""

from __future__ import annotations

import sys
from datetime import date
from typing import Annotated, Any

import typer

from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.storage.home import Home

TABLES = ("billing_audit", "billing_evidence", "answers_in_time", "no_answer_daily")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tokenarena audit --day 2026-11-23 --json")(audit)


def audit(
    day: Annotated[str | None, typer.Option("--day", help="UTC day; default: the latest published.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the billing audit, its findings with their evidence, and answers in time."""
    from tokenarena_assets.report.terminal import print_json
    from tokenarena_assets.storage.rehearsal import BANNER

    home = Home.from_environment()
    found = _read(home, _wanted(day))
    if home.is_rehearsal:
        print(BANNER, file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _wanted(day: str | None) -> date | None:
    try:
        return None if day is None else date.fromisoformat(day)
    except ValueError:
        raise TokenArenaError(f"--day: {day!r} is not a day", mend="write it as 2026-11-23") from None


def _read(home: Home, day: date | None) -> dict[str, list[dict[str, Any]]]:
    import duckdb

    from tokenarena_assets.storage.publish import open_published, rows_of

    with open_published(home) as connection:
        try:
            latest = rows_of(connection, "select max(day) as day from billing_audit")[0]["day"]
            chosen = day or latest
            found = {
                name: rows_of(connection, f"select * from {name} where day = $day order by all", {"day": chosen})
                for name in TABLES
            }
        except duckdb.CatalogException:
            found = {"billing_audit": []}
    if not found["billing_audit"]:
        raise MissingTableError(f"there is no audit of {day or 'any day'}", mend="tokenarena run --day DAY")
    return found


def _print(found: dict[str, list[dict[str, Any]]]) -> None:
    from tokenarena_assets.report.audit import (
        BILLING_HEADERS,
        IN_TIME_HEADERS,
        billing_rows,
        evidence_rows,
        in_time_rows,
    )
    from tokenarena_assets.report.terminal import print_table

    audited = found["billing_audit"]
    print_table(BILLING_HEADERS, billing_rows(audited), title="billed against counted tokens")
    if evidence := evidence_rows(found["billing_evidence"]):
        print()
        print_table(["endpoint", "severity", "finding", "n", "evidence"], evidence, title="findings")
    print()
    print_table(IN_TIME_HEADERS, in_time_rows(found["answers_in_time"], found["no_answer_daily"]), title="in time")
    print(
        f"UTC day {audited[0]['day']}. 95 % intervals. More than text is said only where the interval clears the "
        "tokenizer's own error (docs/billing.md)."
    )
