"""`tokenarena endpoints`: what a catalog holds, and what is missing to probe it."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Annotated

import typer

from tokenarena_assets.errors import TokenArenaError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tokenarena endpoints --endpoints catalogs/real_endpoints.yaml --model 'glm-*'")(
        endpoints
    )


def endpoints(
    endpoints: Annotated[
        Path | None,
        typer.Option("--endpoints", help="Catalog file; default: ./endpoints.yaml, else the embedded fleet."),
    ] = None,
    provider: Annotated[
        list[str] | None, typer.Option(help="Provider; may hold * and ?, and may be given again.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Model, likewise.")] = None,
    family: Annotated[
        list[str] | None, typer.Option(help="Model family, or the vendor's line of models, likewise.")
    ] = None,
    api: Annotated[list[str] | None, typer.Option(help="Wire format, likewise.")] = None,
    missing_keys: Annotated[
        bool, typer.Option("--missing-keys", help="Those whose key or account is not set or cannot be used.")
    ] = False,
    ready: Annotated[bool, typer.Option("--ready", help="Those that can be sent to now.")] = False,
    cannot_probe: Annotated[
        bool, typer.Option("--cannot-probe", help="Those that no adapter of ours can ask.")
    ] = False,
    max_price: Annotated[
        str | None, typer.Option(metavar="USD", help="At most so much per million tokens, input and output 3:1.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the endpoints of a catalog, and which keys are missing (never their values)."""
    from tokenarena_assets.endpoints import catalog_path, load_catalog
    from tokenarena_assets.endpoints.selection import Wanted, chosen
    from tokenarena_assets.report.endpoints import HEADERS, endpoint_record, endpoint_row, summary_lines
    from tokenarena_assets.report.terminal import plain, print_json, print_table

    path = catalog_path(str(endpoints or ""))
    catalog = load_catalog(path)
    states = [*(["missing", "unusable"] if missing_keys else []), *(["ready"] if ready else [])]
    wanted = Wanted(
        tuple(provider or ()),
        tuple(model or ()),
        tuple(family or ()),
        tuple(api or ()),
        (*states, *(["cannot be probed"] if cannot_probe else [])),
        _amount(max_price),
    )
    found = chosen(catalog.endpoints, wanted)
    if as_json:
        print_json([endpoint_record(each) for each in found])
        return
    if found:
        print_table(
            list(HEADERS),
            [endpoint_row(each) for each in found],
            title=f"{path}: {len(found)} of {len(catalog.endpoints)} endpoints",
        )
    else:
        print(f"none of the {len(catalog.endpoints)} endpoints of {path} is like that", file=sys.stderr)
    width = get_terminal_size((120, 24)).columns
    for line in summary_lines(found or catalog.endpoints):
        print(fill(plain(line), width, subsequent_indent="  ", break_on_hyphens=False))


def _amount(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount.is_nan() or amount < 0:
        raise TokenArenaError(f"--max-price: {text!r} is no amount in USD", mend="write it as 2.50")
    return amount
