"""LiteLLM's price map as a feed: USD per token, so all of it is times a million. Its file, never its package."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tokenarena_assets.pricing.feeds.feed import Entry, Fetched, amount, list_price
from tokenarena_assets.pricing.feeds.source import read_source
from tokenarena_assets.pricing.observation import LITELLM, STANDARD, ProblemError, ServiceTier, Stated, Wanted
from tokenarena_assets.pricing.price_list import PER_MTOK

KIND_OF = {
    "input_cost_per_token": "input_usd_per_mtok",
    "cache_read_input_token_cost": "cached_input_usd_per_mtok",
    "cache_creation_input_token_cost": "cache_write_usd_per_mtok",
    "output_cost_per_token": "output_usd_per_mtok",
    "output_cost_per_reasoning_token": "reasoning_output_usd_per_mtok",
}
TIER = re.compile(r"^input_cost_per_token_above_(\d+)k_tokens$")
SUFFIXES: dict[str, ServiceTier] = {"_batches": "batch", "_flex": "flex", "_priority": "priority"}


class LiteLlmFeed:
    """`model_prices_and_context_window.json`."""

    name = LITELLM

    def __init__(self, place: str) -> None:
        self.place = place

    def fetch(self, wanted: Sequence[Wanted]) -> Fetched:
        """The entries of those wanted that stand there under their key."""
        data, version = read_source(self.place)
        entries = [
            Entry(each.endpoint_id, each.litellm_id, data[each.litellm_id])
            for each in wanted
            if each.litellm_id and isinstance(data.get(each.litellm_id), dict)
        ]
        return Fetched(LITELLM, version, tuple(entries))


def parse_litellm(raw: Mapping[str, Any], wanted: Wanted, day: date) -> Sequence[Stated]:
    """The standard price, and those of batch, flex and priority.

    Raises:
        ProblemError: there is none, it is no longer offered, or it is of a form that is not known.
    """
    if wanted.models_dev_output == "reasoning":
        raise ProblemError("no_price: the thinking mode has no entry of its own")
    gone = raw.get("deprecation_date")
    if isinstance(gone, str) and gone[:10] <= day.isoformat():
        raise ProblemError(f"deprecated: since {gone}")
    stated = [Stated(_standard(raw), STANDARD)]
    for suffix, tier in SUFFIXES.items():
        fields = {kind: amount(raw.get(name + suffix), PER_MTOK) for name, kind in KIND_OF.items()}
        if fields["input_usd_per_mtok"] is not None and fields["output_usd_per_mtok"] is not None:
            stated.append(Stated(list_price(fields), tier))
    return stated


def _standard(raw: Mapping[str, Any]) -> Any:
    steps = raw.get("tiered_pricing")
    if isinstance(steps, list) and steps:
        rates = [(_from_tokens(step), _fields(step)) for step in steps]
        (first, base), *rest = sorted(rates, key=lambda each: each[0])
        if first > 0:
            raise ProblemError(f"unknown_tier: the first begins at {first}")
        return list_price(base | {"tiers": [fields | {"above_input_tokens": start} for start, fields in rest]})
    tiers: list[dict[str, Any]] = []
    for name in raw:
        if (match := TIER.match(name)) is not None:
            suffix = f"_above_{match[1]}k_tokens"
            own: dict[str, Any] = {kind: amount(raw.get(field + suffix), PER_MTOK) for field, kind in KIND_OF.items()}
            tiers.append(own | {"above_input_tokens": int(match[1]) * 1000})
    tiers.sort(key=lambda each: int(each["above_input_tokens"]))
    return list_price(_fields(raw) | {"tiers": tiers})


def _from_tokens(step: Any) -> int:
    bounds = step.get("range") if isinstance(step, Mapping) else None
    if not isinstance(bounds, list) or not bounds or not isinstance(bounds[0], int | float):
        raise ProblemError(f"unknown_tier: {step!r}")
    return int(bounds[0])


def _fields(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {kind: amount(raw.get(name), PER_MTOK) for name, kind in KIND_OF.items()}
