"""Price feeds, each behind one adapter: what it has of the wanted endpoints verbatim, and how that is read."""

from tokenarena_assets.pricing.feeds.configured import FEEDS_VARIABLE, configured_feeds, stated_by
from tokenarena_assets.pricing.feeds.feed import Entry, Fetched, PriceFeed

__all__ = ["FEEDS_VARIABLE", "Entry", "Fetched", "PriceFeed", "configured_feeds", "stated_by"]
