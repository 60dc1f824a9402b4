"""The shipped price list as a feed: what it says is of the day on which it was read, not of today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tokenarena_assets.pricing.facts import ListedEndpoint, price_list, price_list_version
from tokenarena_assets.pricing.feeds.feed import Entry, Fetched, list_price
from tokenarena_assets.pricing.observation import SHIPPED, ProblemError, Stated, Wanted
from tokenarena_assets.pricing.price_list import price_of_json


class ShippedFeed:
    """`facts/prices/price_list.csv`."""

    name = SHIPPED

    def fetch(self, wanted: Sequence[Wanted]) -> Fetched:
        """The rows of those wanted."""
        names = {each.endpoint_id for each in wanted}
        listed = [each for each in price_list() if each.endpoint_id in names]
        return Fetched(SHIPPED, price_list_version(), tuple(_entry(each) for each in listed))


def _entry(listed: ListedEndpoint) -> Entry:
    raw = dict(listed.row) | {"price": listed.price.canonical_json()}
    return Entry(listed.endpoint_id, listed.endpoint_id, raw)


def parse_shipped(raw: Mapping[str, Any], wanted: Wanted, day: date) -> Sequence[Stated]:  # noqa: ARG001
    """The row's price, stated on its `as_of`."""
    try:
        price = price_of_json(str(raw["price"]))
        as_of = date.fromisoformat(str(raw["as_of"]))
    except (KeyError, ValueError) as error:
        raise ProblemError(f"bad_row: {error}") from None
    return [Stated(list_price(price.model_dump()), stated_on=as_of, currency=str(raw.get("currency") or "USD"))]
