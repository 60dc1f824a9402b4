"""Looking a price up in the book: what was in force for an endpoint on a day, for a request of a size, at an hour."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl

from tokenarena_assets.pricing.observation import STANDARD
from tokenarena_assets.pricing.price_list import price_of_json


def rows_in_force(book: pl.DataFrame, day: date, *, service_tier: str = STANDARD) -> pl.DataFrame:
    """The rows of a price book with valid_from <= day < valid_to."""
    return book.filter(
        pl.col("service_tier") == service_tier,
        pl.col("valid_from") <= day,
        pl.col("valid_to").is_null() | (pl.col("valid_to") > day),
    )


def price_as_of(
    book: pl.DataFrame,
    endpoint_id: str,
    day: date,
    *,
    moment: datetime | None = None,
    input_tokens: int = 0,
    service_tier: str = STANDARD,
) -> dict[str, Any] | None:
    """The line of the book that a request pays; None: the endpoint had no price that day.

    `moment` chooses the band (None: the hours outside of all bands), `input_tokens`, cached and written ones included,
    the tier. `book` is the partition of one day of `price_book`: what was known at its end.
    """
    own = rows_in_force(book, day, service_tier=service_tier).filter(pl.col("endpoint_id") == endpoint_id)
    if own.is_empty():
        return None
    band = None
    if moment is not None:
        prices = price_of_json(own["price_json"][0]).at(moment)
        band = getattr(prices, "label", None)
    reached = own.filter(pl.col("band").eq_missing(pl.lit(band)), pl.col("min_input_tokens") <= input_tokens)
    return reached.sort("min_input_tokens").row(-1, named=True)
