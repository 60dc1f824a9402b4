"""models.dev's `api.json` as a feed: USD per million tokens, context tiers, one output price of thinking modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tokenarena_assets.pricing.feeds.feed import Entry, Fetched, amount, list_price
from tokenarena_assets.pricing.feeds.source import read_source
from tokenarena_assets.pricing.observation import MODELS_DEV, ProblemError, Stated, Wanted

KIND_OF = {
    "input": "input_usd_per_mtok",
    "cache_read": "cached_input_usd_per_mtok",
    "cache_write": "cache_write_usd_per_mtok",
    "output": "output_usd_per_mtok",
}
OVER_200K = 200_000


class ModelsDevFeed:
    """The served JSON, or a file of it."""

    name = MODELS_DEV

    def __init__(self, place: str) -> None:
        self.place = place

    def fetch(self, wanted: Sequence[Wanted]) -> Fetched:
        """The models of those wanted that stand there under their provider and id."""
        data, version = read_source(self.place)
        entries = []
        for each in wanted:
            provider, _, model = (each.models_dev_id or "").partition("/")
            found = _object(_object(_object(data, provider), "models"), model)
            if found:
                entries.append(Entry(each.endpoint_id, str(each.models_dev_id), found))
        return Fetched(MODELS_DEV, version, tuple(entries))


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def parse_models_dev(raw: Mapping[str, Any], wanted: Wanted, day: date) -> Sequence[Stated]:  # noqa: ARG001
    """The cost of the entry.

    `reasoning` is there the output price of a thinking mode: the output price of a SKU that is that mode, and the price
    of reasoning of any other.

    Raises:
        ProblemError: there is none, or one of a form that is not known.
    """
    cost = _object(raw, "cost")
    if not cost:
        raise ProblemError("no_price: the entry has no cost")
    thinking = amount(cost.get("reasoning"))
    fields = _fields(cost)
    if wanted.models_dev_output == "reasoning":
        if thinking is None:
            raise ProblemError("no_price: the thinking mode has no price of its own")
        fields["output_usd_per_mtok"] = thinking
    elif thinking is not None:
        fields["reasoning_output_usd_per_mtok"] = thinking
    tiers = []
    for tier in cost.get("tiers") or ():
        place = _object(tier, "tier")
        if place.get("type") != "context" or not isinstance(place.get("size"), int):
            raise ProblemError(f"unknown_tier: {dict(place)}")
        tiers.append(_fields(tier) | {"above_input_tokens": place["size"]})
    if not tiers and (
        over := _object(cost, "context_over_200k")
    ):  # the older way to say it; beside tiers it repeats one
        tiers.append(_fields(over) | {"above_input_tokens": OVER_200K})
    tiers.sort(key=lambda each: int(each["above_input_tokens"]))
    return [Stated(list_price(fields | {"tiers": tiers}))]


def _fields(cost: Mapping[str, Any]) -> dict[str, Any]:
    return {kind: amount(cost.get(name)) for name, kind in KIND_OF.items()}
