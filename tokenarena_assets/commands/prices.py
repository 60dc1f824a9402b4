"""`tokenarena prices`: what endpoints charge, since when, who says so, and what a workload pays."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenarena_assets.errors import MissingTableError, TokenArenaError
from tokenarena_assets.storage.home import Home

if TYPE_CHECKING:
    from tokenarena_assets.storage.lake import Lake

app = typer.Typer(
    no_args_is_help=True,
    help="Prices: those in force, their history, what feeds say, what was held back, how presets reorder them.",
    epilog="Example: tokenarena prices list --preset rag",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Day = Annotated[str | None, typer.Option("--day", help="UTC day, YYYY-MM-DD; default: the last that has a price book.")]
Endpoint = Annotated[str, typer.Argument(metavar="ENDPOINT", help="provider/model@sku")]
NUMBERS = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "cache_write_usd_per_mtok", "output_usd_per_mtok")
PLACES = (*NUMBERS, "reasoning_output_usd_per_mtok")


def register(root: typer.Typer) -> None:
    """Add `prices` to the command."""
    root.add_typer(app, name="prices")


def _day_of(lake: Lake, table: str, text: str | None) -> date:
    """The day asked for, else the last that has the table."""
    days = lake.days(table)
    if text is None:
        if not days:
            raise MissingTableError(f"there is no {table} of any day", mend="tokenarena run")
        return days[-1]
    try:
        wanted = date.fromisoformat(text)
    except ValueError:
        raise TokenArenaError(f"--day: {text!r} is not a day", mend="write it as 2026-11-23") from None
    lake.files(table, wanted)
    return wanted


def _print(rows: list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool, title: str | None = None) -> None:
    from tokenarena_assets.report.prices import usd
    from tokenarena_assets.report.terminal import print_json, print_table

    if as_json:
        print_json(rows)
        return
    shown = [[usd(row[name]) if name.endswith("usd_per_mtok") else row[name] for name in columns] for row in rows]
    print_table(list(columns), shown, title=title)


@app.command("list", epilog="Example: tokenarena prices list --preset rag --market")
def list_prices(
    preset: Annotated[str, typer.Option("--preset", help="Workload to blend for.")] = "chat",
    market: Annotated[
        bool, typer.Option("--market", help="The shipped list of the real market; default: the probed endpoints.")
    ] = False,
    day: Day = None,
    as_json: Json = False,
) -> None:
    """List endpoints by blended price, the cheapest first, with who says so."""
    import polars as pl

    from tokenarena_assets.pricing.churn import name_key
    from tokenarena_assets.storage.lake import lake_of

    lake = lake_of(Home.from_environment())
    on = _day_of(lake, "blended_prices", day)
    table = lake.read("blended_prices", on)
    presets = table["preset"].unique(maintain_order=True).to_list()
    if preset not in presets:
        raise TokenArenaError(f"there is no preset {preset!r}", mend=f"presets are: {', '.join(presets)}")
    own = table.filter(pl.col("population") == ("market" if market else "probed"), pl.col("preset") == preset)
    rows = sorted(
        own.to_dicts(),
        key=lambda row: (
            row["blended_usd_per_mtok"] is None,
            row["blended_usd_per_mtok"],
            name_key(row["endpoint_id"]),
        ),
    )
    columns = (
        "endpoint_id",
        "blended_usd_per_mtok",
        "effective_usd_per_mtok",
        "above_input_tokens",
        "feeds_agree",
        "quality_flag",
        "no_price_because",
    )
    title = (
        f"UTC day {on}, preset {preset}, requests of {rows[0]['request_input_tokens']} input tokens" if rows else None
    )
    _print(rows, columns, as_json=as_json, title=title)


@app.command("history", epilog="Example: tokenarena prices history baseten/glm-4.7@standard")
def history(endpoint: Endpoint, day: Day = None, as_json: Json = False) -> None:
    """Print every price of an endpoint as the book has it, and those that were held back."""
    import polars as pl

    from tokenarena_assets.storage.lake import lake_of

    lake = lake_of(Home.from_environment())
    on = _day_of(lake, "price_book", day)
    of_endpoint = pl.col("endpoint_id") == endpoint
    rows = (
        lake.read("price_book", on)
        .filter(of_endpoint)
        .sort("service_tier", "valid_from", "min_input_tokens")
        .to_dicts()
    )
    held = lake.read("price_quarantine", on).filter(of_endpoint).sort("service_tier", "held_on").to_dicts()
    if not rows and not held:
        raise TokenArenaError(f"the price book of {on} has no {endpoint!r}", mend="tokenarena prices list --market")
    if as_json:
        _print(
            [{"table": "price_book", **r} for r in rows] + [{"table": "price_quarantine", **r} for r in held],
            (),
            as_json=True,
        )
        return
    line = (
        "service_tier",
        "valid_from",
        "valid_to",
        "min_input_tokens",
        "band",
        *PLACES,
        "feed",
        "basis",
        "quality_flag",
    )
    _print(rows, line, as_json=False, title=f"{endpoint}, as known at the end of {on}")
    if held:
        columns = ("held_on", *PLACES, "feed", "reasons", "state", "resolved_on", "resolved_because")
        _print(held, columns, as_json=False, title="Held back")


@app.command(
    "as-of", epilog="Example: tokenarena prices as-of openai/gpt-5.4@standard 2026-07-01 --input-tokens 300000"
)
def as_of(
    endpoint: Endpoint,
    on: Annotated[str, typer.Argument(metavar="DAY_OR_MOMENT", help="2026-07-01, or 2026-07-01T02:30 (UTC).")],
    input_tokens: Annotated[int, typer.Option(min=0, help="Size of the request: it decides the context tier.")] = 0,
    service_tier: Annotated[str, typer.Option(help="standard, batch, flex or priority.")] = "standard",
    known: Annotated[
        str | None, typer.Option("--known", help="As known at the end of this UTC day; default: the last book.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the price that a request of a size paid on a day, or at a moment."""
    from tokenarena_assets.pricing import price_as_of
    from tokenarena_assets.storage.lake import lake_of

    try:
        moment = datetime.fromisoformat(on)
    except ValueError:
        raise TokenArenaError(f"{on!r} is no day or moment", mend="write 2026-07-01, or 2026-07-01T02:30") from None
    lake = lake_of(Home.from_environment())
    book_day = _day_of(lake, "price_book", known)
    found = price_as_of(
        lake.read("price_book", book_day),
        endpoint,
        moment.date(),
        moment=moment if "T" in on or " " in on else None,
        input_tokens=input_tokens,
        service_tier=service_tier,
    )
    if found is None:
        raise TokenArenaError(
            f"{endpoint} had no {service_tier} price on {moment.date()}, by the book of {book_day}",
            mend=f"tokenarena prices history {endpoint}",
        )
    line = (
        "endpoint_id",
        "valid_from",
        "valid_to",
        "min_input_tokens",
        "band",
        *PLACES,
        "feed",
        "quality_flag",
        "price_id",
    )
    _print([found], line, as_json=as_json)


@app.command("churn", epilog="Example: tokenarena prices churn")
def churn(day: Day = None, as_json: Json = False) -> None:
    """Print who leaves the first ten from one preset to another, and how alike the orders are."""
    from tokenarena_assets.storage.lake import lake_of

    lake = lake_of(Home.from_environment())
    on = _day_of(lake, "preset_churn", day)
    rows = lake.read("preset_churn", on).to_dicts()
    for row in rows:
        row["kendall_tau_b"] = None if row["kendall_tau_b"] is None else round(row["kendall_tau_b"], 4)
    columns = ("population", "ordered_by", "preset_a", "preset_b", "n", "n_out", "out_endpoints", "in_endpoints")
    _print(rows, (*columns, "kendall_tau_b", "note"), as_json=as_json, title=f"UTC day {on}, of the first ten")


@app.command("fetch", epilog="Example: tokenarena prices fetch")
def fetch(as_json: Json = False) -> None:
    """Look at every feed now and append what it says to raw/prices; the tables take it up with the next run.

    Feeds are the shipped list and genai-prices, and those of TOKENARENA_PRICE_FEEDS: models.dev=PATH_OR_URL,
    litellm=PATH_OR_URL. What is the same as before on this day is not written again.
    """
    from datetime import UTC

    from tokenarena_assets.chain.observe import record_looks, wanted_endpoints
    from tokenarena_assets.chain.tables import CATALOG_LOG
    from tokenarena_assets.pricing.feeds import configured_feeds
    from tokenarena_assets.storage.lake import lake_of

    home = Home.from_environment()
    lake = lake_of(home)
    days = lake.days("catalog_log")
    catalog = lake.read("catalog_log", days[-1]) if days else CATALOG_LOG.frame([])
    said = record_looks(home, datetime.now(UTC), configured_feeds(), wanted_endpoints(catalog))
    rows: list[dict[str, Any]] = [{"feed": feed, "result": result} for feed, result in said.items()]
    _print(rows, ("feed", "result"), as_json=as_json)
    if any(result.startswith("failed") for result in said.values()):
        raise typer.Exit(1)


@app.command(
    "release", epilog='Example: tokenarena prices release deepseek/deepseek-v4-pro@standard --reason "cut of May"'
)
def release(
    endpoint: Endpoint,
    reason: Annotated[str, typer.Option("--reason", help="Why the price is right; it is kept with it.")],
    as_json: Json = False,
) -> None:
    """Take a price that was held back for true; the next run puts it into the book."""
    from datetime import UTC

    import polars as pl

    from tokenarena_assets.storage.lake import lake_of
    from tokenarena_assets.storage.pricelog import append_release

    home = Home.from_environment()
    if not reason.strip():
        raise TokenArenaError("--reason is empty", mend="say why the price is right")
    lake = lake_of(home)
    on = _day_of(lake, "price_quarantine", None)
    held = (
        lake.read("price_quarantine", on)
        .filter(pl.col("endpoint_id") == endpoint, pl.col("state") == "held")
        .to_dicts()
    )
    if not held:
        raise TokenArenaError(
            f"nothing of {endpoint!r} is held back on {on}", mend="tokenarena prices history ENDPOINT"
        )
    for row in held:
        append_release(home, datetime.now(UTC), endpoint, row["price_json"], reason)
    _print(held, ("endpoint_id", "service_tier", "held_on", *PLACES, "reasons"), as_json=as_json, title="Released")
