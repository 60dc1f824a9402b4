"""What the requests of each round pay: the catalog's price as the round recorded it, else that of the price book."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl

from tokenarena_assets.chain.observe import recorded_price
from tokenarena_assets.chain.price_tables import ROUND_PRICES
from tokenarena_assets.pricing.book import price_id
from tokenarena_assets.pricing.lookup import rows_in_force
from tokenarena_assets.pricing.observation import STANDARD
from tokenarena_assets.pricing.price_list import ListPrice, Rate, Tiered, price_of_json

Ids = dict[tuple[str | None, int], str]  # (band, min_input_tokens) -> price_id


def round_prices(day: date, catalog_log: pl.DataFrame, book: pl.DataFrame) -> pl.DataFrame:
    """One row a round, endpoint, stretch of the week and size of request, of the endpoints that have a price."""
    in_book: dict[str, tuple[str, Ids]] = {}
    for row in rows_in_force(book, day).sort("price_id").iter_rows(named=True):
        _, ids = in_book.setdefault(row["endpoint_id"], (row["price_json"], {}))
        ids[row["band"], row["min_input_tokens"]] = row["price_id"]
    rows: list[dict[str, object]] = []
    for row in catalog_log.iter_rows(named=True):
        endpoint_id = row["endpoint_id"]
        recorded, (text, ids) = recorded_price(row), in_book.get(endpoint_id, (None, {}))
        if recorded is None and text is None:
            continue
        price = price_of_json(str(text)) if recorded is None else recorded
        booked = price.canonical_json() == text
        source = "book" if recorded is None else "round_and_book" if booked else "round"
        base = {"day": day, "round_id": row["round_id"], "endpoint_id": endpoint_id, "price_source": source}
        rows += [{**base, **line} for line in _lines(endpoint_id, day, price, ids if booked else {})]
    return ROUND_PRICES.frame(rows)


def _lines(endpoint_id: str, day: date, price: ListPrice, ids: Ids) -> Iterator[dict[str, Any]]:
    for first, end, prices in price.stretches():
        band = getattr(prices, "label", None)
        for smallest, largest, rate in _sizes(prices):
            own = price_id(endpoint_id, STANDARD, f"round {day}", smallest, band, rate)
            yield {
                "from_minute": first,
                "to_minute": end,
                "min_input_tokens": smallest,
                "max_input_tokens": largest,
                "price_id": ids.get((band, smallest), own),
                **rate.prices(),
            }


def _sizes(prices: Tiered) -> Iterator[tuple[int, int | None, Rate]]:
    bounds = [tier.above_input_tokens for tier in prices.tiers]
    yield from zip([0, *(b + 1 for b in bounds)], [*bounds, None], [prices, *prices.tiers], strict=True)
