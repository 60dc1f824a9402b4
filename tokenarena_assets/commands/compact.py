"""`tokenarena compact`: takes what the retention policy no longer keeps out of raw logs and tables."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenarena_assets.commands.snapshot import days_of
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rehearsal import say_rehearsal

if TYPE_CHECKING:
    from tokenarena_assets.retention.compact import Compaction


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tokenarena compact --retention retention.yaml --dry-run")(compact)


def compact(
    day: Annotated[str | None, typer.Option("--day", help="One UTC day, YYYY-MM-DD.")] = None,
    days: Annotated[
        str | None, typer.Option("--days", metavar="A..B", help="First and last day; default: all.")
    ] = None,
    retention: Annotated[
        Path | None,
        typer.Option(
            "--retention", help="Policy; default: TOKENARENA_RETENTION, else ./retention.yaml, else keep all."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Let frames and texts expire that the retention policy no longer keeps; numbers stay, and what went is recorded.

    Exits with 1 where a log is not the file that was sealed: nothing of it is changed.
    """
    from tokenarena_assets.report.terminal import plain, print_json
    from tokenarena_assets.retention.compact import compact as run
    from tokenarena_assets.retention.compact import raw_days
    from tokenarena_assets.retention.policy import LOCAL_NAME, load_policy, policy_path

    home, path = Home.from_environment(), policy_path(retention)
    say_rehearsal(home)
    policy = load_policy(path)
    if path is None:
        _say(f"there is no policy (no --retention, no {LOCAL_NAME}): all is kept")
    chosen = days_of(day, days, raw_days(home))
    done = run(home, policy, chosen, datetime.now(UTC).date(), _say, dry=dry_run)
    if done.tables:
        _give_up_old_states(home)
    if as_json:
        print_json(_record(done, dry_run=dry_run, policy=policy.as_record()))
    else:
        _print(done, dry_run=dry_run)
    for line in (*done.kept, *done.broken):
        _say(plain(line))
    if done.broken:
        raise typer.Exit(1)


def _give_up_old_states(home: Home) -> None:
    """On DuckLake earlier states keep the texts until they are given up; the database must not read them meanwhile."""
    from tokenarena_assets.chain.catalog import table_specs
    from tokenarena_assets.storage.lake import ParquetLake, lake_of
    from tokenarena_assets.storage.publish import publish

    if isinstance(lake_of(home), ParquetLake):
        return  # its views read the files that took the place of the old ones
    publish(home, list(table_specs().values()))
    _say("earlier snapshots of the lake still hold the texts: tokenarena lake expire --older-than 1d, a day from now")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _rows(done: Compaction) -> list[list[Any]]:
    return [
        [day, suite or "(none)", removed.frames_rows, removed.texts_rows, removed.plain_bytes]
        for (day, suite), removed in sorted(done.removed.items())
        if removed.frames_rows or removed.texts_rows
    ]


def _print(done: Compaction, *, dry_run: bool) -> None:
    from tokenarena_assets.report.terminal import print_table

    verb = "would go" if dry_run else "gone"
    rows = _rows(done)
    if not rows and not done.tables:
        print("nothing is due")
        return
    if rows:
        print_table(
            ["day", "suite", "lines that lose frames", "lines that lose texts", "bytes of the plain log"],
            rows,
            title=f"{verb}: {sum(row[4] for row in rows) / 1e6:,.1f} MB of plain logs",
        )
    for (day, table), count in sorted(done.tables.items()):
        print(f"{day} {table}: {count} rows without their texts")
    if not dry_run and done.bytes_before:
        print(f"logs on disk: {done.bytes_before / 1e6:,.2f} MB -> {done.bytes_after / 1e6:,.2f} MB")


def _record(done: Compaction, *, dry_run: bool, policy: dict[str, Any]) -> dict[str, Any]:
    names = ("day", "suite", "frames_rows", "texts_rows", "plain_bytes")
    return {
        "dry_run": dry_run,
        "policy": policy,
        "removed": [dict(zip(names, row, strict=True)) for row in _rows(done)],
        "tables": [{"day": day, "table": table, "rows": rows} for (day, table), rows in sorted(done.tables.items())],
        "bytes_before": done.bytes_before,
        "bytes_after": None if dry_run else done.bytes_after,
        "kept": done.kept,
        "broken": done.broken,
    }
