"""Price feeds -> observations -> price book -> what rounds pay; the book and the presets -> blended prices."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from tokenarena_assets.chain.observe import observations, record_looks, wanted_endpoints
from tokenarena_assets.chain.price import blend_prices
from tokenarena_assets.chain.price_book import BOOK_DAYS, price_day, read_observations
from tokenarena_assets.chain.price_tables import (
    BLENDED_PRICES,
    PRICE_BOOK,
    PRICE_OBSERVATION,
    PRICE_QUARANTINE,
    PRICE_VERDICTS,
    ROUND_PRICES,
)
from tokenarena_assets.chain.round_prices import round_prices
from tokenarena_assets.defs.factory import asset_spec, check_specs, finish, python_asset
from tokenarena_assets.defs.partitions import days_of
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.pricing.feeds import configured_feeds
from tokenarena_assets.report.price_plots import blended_plot
from tokenarena_assets.report.prices import blends_table, held_table, looks_table
from tokenarena_assets.storage.lake import Lake
from tokenarena_assets.storage.pricelog import read_releases

BOOK_TABLES = (PRICE_BOOK, PRICE_QUARANTINE, PRICE_VERDICTS)


def _observe(arena: Arena, day: date) -> None:
    """Read the day's evidence; today the feeds are looked at first, for no other day can they say what they say now."""
    catalog = arena.lake.read("catalog_log", day)
    now = datetime.now(UTC)
    if day == now.date() and not arena.evidence_only:
        record_looks(arena.home, now, configured_feeds(), wanted_endpoints(catalog))
    arena.lake.write("price_observation", day, observations(arena.home, day, catalog))


def _show_looks(lake: Lake, day: date) -> dict[str, Any]:
    return {"feeds": dg.MetadataValue.md(looks_table(lake.read("price_observation", day)))}


def _show_held(lake: Lake, day: date) -> dict[str, Any]:
    return {"held": dg.MetadataValue.md(held_table(lake.read("price_quarantine", day)))}


def _round_prices(arena: Arena, day: date) -> None:
    lake = arena.lake
    lake.write("round_prices", day, round_prices(day, lake.read("catalog_log", day), lake.read("price_book", day)))


def _blend(arena: Arena, day: date) -> None:
    lake = arena.lake
    endpoints, book, requests = lake.read("endpoints", day), lake.read("price_book", day), lake.scan("requests", day)
    lake.write("blended_prices", day, blend_prices(day, endpoints, book, requests, arena.presets(day)))


def _show_blends(lake: Lake, day: date) -> dict[str, Any]:
    blended = lake.read("blended_prices", day)
    plot = blended_plot(blended)
    return {"blends": dg.MetadataValue.md(blends_table(blended))} | (
        {"plot": dg.MetadataValue.md(plot)} if plot else {}
    )


price_observation = python_asset(PRICE_OBSERVATION, ["catalog_log"], _observe, _show_looks)


@dg.multi_asset(
    specs=[
        asset_spec(
            spec,
            [
                dg.AssetDep(
                    "price_observation",
                    partition_mapping=dg.TimeWindowPartitionMapping(
                        start_offset=1 - BOOK_DAYS, allow_nonexistent_upstream_partitions=True
                    ),
                )
            ],
            kinds={"python", "polars", "parquet"},
        )
        for spec in BOOK_TABLES
    ],
    check_specs=[check for spec in BOOK_TABLES for check in check_specs(spec)],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def price_books(context: dg.AssetExecutionContext, arena: Arena) -> Iterator[dg.MaterializeResult]:
    """Fold each day's book from all observations up to it."""
    days, lake = days_of(context), arena.lake
    releases = read_releases(arena.home)
    seen = read_observations(lake, max(days))
    for day in days:
        made = price_day(day, seen, releases)
        lake.write("price_book", day, made.book)
        lake.write("price_quarantine", day, made.quarantine)
        lake.write("price_verdicts", day, made.verdicts)
    for spec in BOOK_TABLES:
        yield from finish(context, arena, [spec], days, _show_held if spec is PRICE_QUARANTINE else None)


prices_of_rounds = python_asset(ROUND_PRICES, ["catalog_log", "price_book"], _round_prices)
blended_prices = python_asset(BLENDED_PRICES, ["endpoints", "price_book", "requests"], _blend, _show_blends)
