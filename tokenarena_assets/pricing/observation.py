"""What a feed says of an endpoint's price, and how the feeds are named and ordered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from tokenarena_assets.pricing.price_list import ListPrice

ServiceTier = Literal["standard", "batch", "flex", "priority"]
STANDARD: ServiceTier = "standard"

CATALOG, MODELS_DEV, GENAI, LITELLM, SHIPPED, HISTORY = (
    "catalog",
    "models.dev",
    "genai-prices",
    "litellm",
    "shipped",
    "shipped-history",
)
# Whose word counts first: who buys there, then whoever is nearest to the provider's own page.
PRIORITY = (CATALOG, MODELS_DEV, GENAI, LITELLM, SHIPPED, HISTORY)
# Feeds that copy each other are one voice: the shipped files were read from models.dev.
ORIGIN = {SHIPPED: MODELS_DEV, HISTORY: MODELS_DEV}
PROVIDERS_OF_GENAI = {
    "amazon-bedrock": "aws",
    "anthropic": "anthropic",
    "baseten": "baseten",
    "cerebras": "cerebras",
    "cloudflare-workers-ai": "cloudflare",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks-ai": "fireworks",
    "google": "google",
    "google-vertex": "google",
    "groq": "groq",
    "minimax": "minimax",
    "mistral": "mistral",
    "moonshotai": "moonshotai",
    "novita-ai": "novita",
    "openai": "openai",
    "ovhcloud": "ovhcloud",
    "togetherai": "together",
    "xai": "x-ai",
    "zai": "zai",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """An endpoint whose price is looked for, and its id in each feed (None: not there)."""

    endpoint_id: str
    genai_prices_id: str | None = None
    models_dev_id: str | None = None
    models_dev_output: str = "output"
    litellm_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stated:
    """A price as a feed states it; `effective_from` where it says so, `stated_on` where it is of another day."""

    price: ListPrice
    service_tier: ServiceTier = STANDARD
    effective_from: date | None = None
    stated_on: date | None = None
    currency: str = "USD"


class ProblemError(Exception):
    """An entry of a feed that cannot be taken for a price; it is kept with this reason."""


def origin_of(feed: str) -> str:
    """The source behind a feed: two feeds of one origin are no two opinions."""
    return ORIGIN.get(feed, feed)
