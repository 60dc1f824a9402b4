"""`tokenarena leaderboard`: the published order of a preset, any other order, and a workload of your own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.storage.home import Home

if TYPE_CHECKING:
    import duckdb

    from tokenarena_assets.endpoints import Preset

BY_COST = "usd_per_correct"
WORKLOAD = (
    "select * from workload($input_tokens, $output_tokens, cached_share := $cached_share, "
    "max_ttft_ms := $max_ttft_ms, min_quality := $min_quality, on_day := $on_day)"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: tokenarena leaderboard --preset rag --by ttft_ms. Your workload: "
        "tokenarena leaderboard --input-tokens 8000 --output-tokens 300 --cached 0.7 --max-ttft-ms 800"
    )(leaderboard)


def leaderboard(
    preset: Annotated[
        str | None, typer.Option("--preset", help="Preset to print, or a YAML file with presets; default: all.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Order: a `ranked_by` of the table ranks.")] = BY_COST,
    input_tokens: Annotated[
        float | None, typer.Option(min=1, help="Your workload: input tokens of a request, cached ones included.")
    ] = None,
    output_tokens: Annotated[
        float | None, typer.Option(min=0, help="Your workload: output tokens that a usual endpoint makes of it.")
    ] = None,
    cached: Annotated[float, typer.Option(min=0, max=1, help="Your workload: share of input read from cache.")] = 0.0,
    max_ttft_ms: Annotated[float | None, typer.Option(min=0, help="Limit: time to first token.")] = None,
    min_quality: Annotated[float | None, typer.Option(min=0, max=1, help="Limit: accuracy, 0 to 1.")] = None,
    day: Annotated[str | None, typer.Option("--day", help="UTC day; default: the latest published.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the published leaderboard, in any order, or what a workload of your own takes at each endpoint."""
    home = Home.from_environment()
    if (input_tokens is None) != (output_tokens is None):
        raise TokenArenaError(
            "a workload needs both --input-tokens and --output-tokens", mend="give both, or a --preset file"
        )
    own = _workloads(preset, input_tokens, output_tokens, cached)
    if own:
        if by != BY_COST:
            raise TokenArenaError(
                "--by is of published orders; a workload of your own is ordered by dollars per correct answer",
                mend="leave --by out, or query it: tokenarena sql 'from workload(IN, OUT) order by ...'",
            )
        limits = {"max_ttft_ms": max_ttft_ms, "min_quality": min_quality}
        _print_workloads(home, own, limits, day, as_json=as_json)
        return
    if max_ttft_ms is not None or min_quality is not None or cached:
        raise TokenArenaError(
            "--cached, --max-ttft-ms and --min-quality are of a workload",
            mend="give --input-tokens and --output-tokens, or a --preset file",
        )
    if by == BY_COST:
        print_leaderboards(home, preset, day, as_json=as_json)
    else:
        _print_order(home, preset, by, day, as_json=as_json)


def _workloads(
    preset: str | None, input_tokens: float | None, output_tokens: float | None, cached: float
) -> list[tuple[str, dict[str, float]]]:
    """The workloads that were given, by name: those of a file, or the one of the options."""
    if input_tokens is not None and output_tokens is not None:
        if preset is not None:
            raise TokenArenaError("--preset and --input-tokens exclude each other", mend="give one of them")
        asked = {"input_tokens": input_tokens, "output_tokens": output_tokens, "cached_share": cached}
        return [("your workload", asked)]
    if preset is None or Path(preset).suffix not in (".yaml", ".yml"):
        return []
    if cached:
        raise TokenArenaError(f"--cached and {preset} exclude each other", mend="set cached_share in the file")
    from tokenarena_assets.endpoints import load_presets

    return [(own.name, _as_workload(own)) for own in load_presets(Path(preset))]


def _as_workload(preset: Preset) -> dict[str, float]:
    if preset.input_ratio == 0:
        raise TokenArenaError(f"preset {preset.name} has no input tokens", mend="give input_ratio above 0")
    tokens = float(preset.request_input_tokens)
    return {
        "input_tokens": tokens,
        "output_tokens": tokens * preset.output_ratio / preset.input_ratio,
        "cached_share": float(preset.cached_share),
    }


def _print_workloads(
    home: Home,
    workloads: Sequence[tuple[str, dict[str, float]]],
    limits: dict[str, float | None],
    day: str | None,
    *,
    as_json: bool,
) -> None:
    from tokenarena_assets.report.terminal import print_json
    from tokenarena_assets.report.workload import print_workload
    from tokenarena_assets.storage.publish import open_published, rows_of
    from tokenarena_assets.storage.rehearsal import say_rehearsal

    with open_published(home) as connection:
        on_day = _on_day(connection, day)
        if not rows_of(connection, "select 1 from duckdb_functions() where function_name = 'workload' limit 1"):
            raise MissingTableError(
                "the published database has no macro workload: a table that it reads is missing",
                mend="tokenarena run --day DAY",
            )
        found = [
            (name, asked, rows_of(connection, WORKLOAD, {**asked, **limits, "on_day": on_day}))
            for name, asked in workloads
        ]
    say_rehearsal(home, sys.stderr if as_json else sys.stdout)
    if as_json:
        print_json([{"workload": name, **asked, **limits, "endpoints": rows} for name, asked, rows in found])
        return
    for name, asked, rows in found:
        print_workload(name, asked, limits, rows)


def _on_day(connection: duckdb.DuckDBPyConnection, day: str | None) -> Any:
    """The day that was asked for, or the latest.

    Raises:
        MissingTableError: nothing was published of it.
    """
    from tokenarena_assets.storage.publish import rows_of

    days = [row["day"] for row in rows_of(connection, "select distinct day from leaderboard order by day")]
    if not days or (day is not None and day not in {each.isoformat() for each in days}):
        raise MissingTableError(f"there is no leaderboard of {day or 'any day'}", mend="tokenarena run --day DAY")
    return days[-1] if day is None else next(each for each in days if each.isoformat() == day)


def _print_order(home: Home, preset: str | None, by: str, day: str | None, *, as_json: bool) -> None:
    from tokenarena_assets.report.ranks import print_order
    from tokenarena_assets.report.terminal import print_json
    from tokenarena_assets.storage.publish import open_published, rows_of
    from tokenarena_assets.storage.rehearsal import say_rehearsal

    with open_published(home) as connection:
        on_day = _on_day(connection, day)
        query = "select * from ranks where day = $day order by preset, ranked_by, rank nulls last, endpoint_id"
        rows = rows_of(connection, query, {"day": on_day})
    orders, presets = sorted({row["ranked_by"] for row in rows}), sorted({row["preset"] for row in rows})
    if by not in orders:
        raise TokenArenaError(f"there is no order {by!r}", mend=f"orders are: {', '.join(orders)}")
    if preset is not None and preset not in presets:
        raise TokenArenaError(f"there is no preset {preset!r}", mend=f"presets are: {', '.join(presets)}")
    chosen = [row for row in rows if row["ranked_by"] == by and preset in (None, row["preset"])]
    say_rehearsal(home, sys.stderr if as_json else sys.stdout)
    if as_json:
        print_json(chosen)
        return
    # An order that no preset changes is printed once.
    for name in [preset or presets[0]] if not chosen[0]["by_preset"] else [preset] if preset else presets:
        print_order(name, [row for row in chosen if row["preset"] == name])


def print_leaderboards(home: Home, preset: str | None, day: str | None, *, as_json: bool) -> None:
    """Print the leaderboards of a day, ordered by dollars per correct answer.

    Raises:
        MissingTableError: there is none of that day.
        TokenArenaError: there is no such preset.
    """
    from tokenarena_assets.report.cells import price_scale
    from tokenarena_assets.report.terminal import print_json, print_leaderboard
    from tokenarena_assets.storage.publish import open_published, rows_of
    from tokenarena_assets.storage.rehearsal import say_rehearsal

    with open_published(home) as connection:
        query = "select * from leaderboard where day = $day order by preset, rank, endpoint_id"
        rows = rows_of(connection, query, {"day": _on_day(connection, day)})
    presets = sorted({row["preset"] for row in rows})
    if preset is not None and preset not in presets:
        raise TokenArenaError(f"there is no preset {preset!r}", mend=f"presets are: {', '.join(presets)}")
    chosen = [row for row in rows if preset in (None, row["preset"])]
    say_rehearsal(home, sys.stderr if as_json else sys.stdout)
    if as_json:
        print_json(chosen)
        return
    for name in [preset] if preset else presets:
        print_leaderboard(name, [row for row in chosen if row["preset"] == name], price_scale(rows))
    invented = " Prices of the embedded fleet are invented." if any(row["is_embedded"] for row in chosen) else ""
    print(
        f"UTC day {chosen[0]['day']}. Measured; medians and shares with 95 % intervals. Those not told apart share "
        f"a rank; its interval stands in brackets.{invented}"
    )
