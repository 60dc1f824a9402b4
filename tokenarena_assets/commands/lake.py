"""`tokenarena lake`: the snapshots of tables on DuckLake, and giving up those that nobody needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.home import Home

FEWEST_DAYS = 1  # readers and the published databases of other machines hold files of the last day


def register(app: typer.Typer) -> None:
    """Add the commands."""
    lake = typer.Typer(
        help="Tables on DuckLake (TOKENARENA_LAKE): what was changed when, and giving up what is old.",
        epilog="Example: tokenarena lake snapshots",
        no_args_is_help=True,
    )
    lake.command(epilog="Example: tokenarena lake snapshots --last 20")(snapshots)
    lake.command(epilog="Example: tokenarena lake expire --older-than 30d")(expire)
    app.add_typer(lake, name="lake")


def snapshots(
    last: Annotated[int, typer.Option("--last", min=1, help="How many, the newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List snapshots and what each changed; to read one: tokenarena sql --as-of."""
    from tokenarena_assets.report.terminal import print_json, print_table
    from tokenarena_assets.storage.lake import versioned_lake_of

    found = versioned_lake_of(Home.from_environment()).snapshots()[: -last - 1 : -1]
    rows = [(each.version, each.at.isoformat(timespec="milliseconds"), each.change) for each in found]
    if as_json:
        print_json([dict(zip(("snapshot", "at", "change"), row, strict=True)) for row in rows])
    else:
        print_table(["snapshot", "at", "change"], [list(row) for row in rows])


def expire(
    older_than: Annotated[str, typer.Option("--older-than", metavar="Nd", help="Days that snapshots are kept.")],
) -> None:
    """Give up old snapshots, then remove the files that no snapshot has needed for a day.

    The database is published anew first, so that it reads no file that goes.
    """
    from tokenarena_assets.chain.catalog import table_specs
    from tokenarena_assets.storage.lake import versioned_lake_of
    from tokenarena_assets.storage.publish import publish

    days = older_than.removesuffix("d")
    if not days.isdecimal() or int(days) < FEWEST_DAYS or days == older_than:
        raise TokenArenaError(
            f"--older-than: {older_than!r} is no number of days, of which there must be one",
            mend="write it as 30d",
        )
    home = Home.from_environment()
    lake = versioned_lake_of(home)
    publish(home, list(table_specs().values()))
    expired, removed = lake.expire(datetime.now(UTC) - timedelta(days=int(days)))
    print(f"{expired} snapshots given up, {removed} files removed")
