"""Which feeds are in force: those inside the package, and what the environment adds."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.pricing.feeds.feed import Parser, PriceFeed
from tokenarena_assets.pricing.feeds.genai import GenaiPricesFeed, parse_genai
from tokenarena_assets.pricing.feeds.litellm import LiteLlmFeed, parse_litellm
from tokenarena_assets.pricing.feeds.models_dev import ModelsDevFeed, parse_models_dev
from tokenarena_assets.pricing.feeds.shipped import ShippedFeed, parse_shipped
from tokenarena_assets.pricing.observation import (
    GENAI,
    LITELLM,
    MODELS_DEV,
    SHIPPED,
    ProblemError,
    Stated,
    Wanted,
)

FEEDS_VARIABLE = "TOKENARENA_PRICE_FEEDS"
MAX_PROBLEM_CHARS = 300
PLACED: Mapping[str, Callable[[str], PriceFeed]] = {MODELS_DEV: ModelsDevFeed, LITELLM: LiteLlmFeed}
PARSERS: Mapping[str, Parser] = {
    SHIPPED: parse_shipped,
    GENAI: parse_genai,
    MODELS_DEV: parse_models_dev,
    LITELLM: parse_litellm,
}


def configured_feeds(text: str | None = None) -> list[PriceFeed]:
    """The shipped list, genai-prices, and those of TOKENARENA_PRICE_FEEDS (`models.dev=PATH_OR_URL,litellm=...`).

    Raises:
        TokenArenaError: the variable names a feed that is not known, or no place.
    """
    given = os.environ.get(FEEDS_VARIABLE, "") if text is None else text
    feeds: list[PriceFeed] = [ShippedFeed(), GenaiPricesFeed()]
    for part in filter(None, (part.strip() for part in given.split(","))):
        name, _, place = part.partition("=")
        if name not in PLACED or not place:
            raise TokenArenaError(
                f"{FEEDS_VARIABLE}: {part!r} is no feed",
                mend="write it as models.dev=/path/api.json,litellm=https://host/prices.json",
            )
        feeds.append(PLACED[name](place))
    return feeds


def stated_by(feed: str, raw: Mapping[str, Any], wanted: Wanted, day: date) -> Sequence[Stated]:
    """The prices that an entry of a feed states on the UTC day on which it was fetched.

    Raises:
        ProblemError: it states none that can be taken, is of an unknown form, or of an unknown feed.
    """
    parse = PARSERS.get(feed)
    if parse is None:
        raise ProblemError(f"unknown_feed: {feed}")
    try:
        return parse(raw, wanted, day)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ProblemError(f"unknown_form: {error!r}"[:MAX_PROBLEM_CHARS]) from None
