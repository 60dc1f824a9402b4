"""genai-prices as a feed: the snapshot inside the installed wheel, read without its look-up.

Its look-up matches prefixes and answers for any day; here ids are compared as they are, and an entry speaks of the day
on which it was read alone: prices of hours have no start date there and would reach back, variants start on the day
that they were added. `data_snapshot.get_snapshot` is no part of the package's `__all__`: a contract test holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import Any

from tokenarena_assets.pricing.feeds.feed import Entry, Fetched, amount, list_price
from tokenarena_assets.pricing.observation import GENAI, STANDARD, ProblemError, ServiceTier, Stated, Wanted
from tokenarena_assets.pricing.price_list import KINDS

KIND_OF = {
    "input_mtok": "input_usd_per_mtok",
    "cache_read_mtok": "cached_input_usd_per_mtok",
    "cache_write_mtok": "cache_write_usd_per_mtok",
    "output_mtok": "output_usd_per_mtok",
    "output_reasoning_mtok": "reasoning_output_usd_per_mtok",
}
# Which request-specific prices are SKUs of ours, by what the request says.
VARIANTS: dict[tuple[str, str], ServiceTier] = {
    ("processing", "batch"): "batch",
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
}


class GenaiPricesFeed:
    """The prices inside the `genai-prices` wheel; nothing is fetched over a network."""

    name = GENAI

    def fetch(self, wanted: Sequence[Wanted]) -> Fetched:
        """The models of those wanted whose provider and id are exactly there."""
        models = snapshot_models()
        entries = [
            Entry(each.endpoint_id, each.genai_prices_id, models[each.genai_prices_id])
            for each in wanted
            if each.genai_prices_id in models
        ]
        return Fetched(GENAI, version("genai-prices"), tuple(entries))


@cache
def snapshot_models() -> dict[str, dict[str, Any]]:
    """Every model of the wheel's snapshot as plain JSON, by `provider:model`."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - it takes a while to load

    return {
        f"{provider.id}:{model.id}": {
            "provider": provider.id,
            "id": model.id,
            "prices": _plain_prices(model.prices),
            "price_variants": [
                {
                    "when": dict(variant.when),
                    "constraint": _plain_constraint(variant.constraint),
                    "prices": _plain_price(variant.prices),
                }
                for variant in model.price_variants or ()
            ],
        }
        for provider in get_snapshot().providers
        for model in provider.models
    }


def _plain_prices(prices: Any) -> list[dict[str, Any]]:
    if not isinstance(prices, list):
        return [{"constraint": None, "prices": _plain_price(prices)}]
    return [{"constraint": _plain_constraint(each.constraint), "prices": _plain_price(each.prices)} for each in prices]


def _plain_price(price: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in vars(price).items():
        if isinstance(value, Decimal):
            found[name] = str(value)
        elif value is not None:
            tiers = [{"start": tier.start, "price": str(tier.price)} for tier in value.tiers]
            found[name] = {"base": str(value.base), "tiers": tiers}
    return found


def _plain_constraint(constraint: Any) -> dict[str, str] | None:
    if constraint is None:
        return None
    if hasattr(constraint, "start_date"):
        return {"start_date": constraint.start_date.isoformat()}
    return {"start_time": _utc_time(constraint.start_time), "end_time": _utc_time(constraint.end_time)}


def _utc_time(value: time) -> str:
    if value.tzinfo is None:
        return f"{value:%H:%M}"
    return f"{datetime.combine(date(1970, 1, 1), value).astimezone(UTC):%H:%M}"


def parse_genai(raw: Mapping[str, Any], wanted: Wanted, day: date) -> Sequence[Stated]:  # noqa: ARG001
    """The standard price and those of batch, flex and priority that are in force on `day`.

    Raises:
        ProblemError: there is no price of input and output.
    """
    dated = list(enumerate(raw.get("prices") or ()))
    # The last that holds counts, so what stands before a later one is not in force.
    lasting = [(at, each) for at, each in dated if not _of_hours(each) and _has_begun(each["constraint"], day)]
    if not lasting:
        raise ProblemError("no_price: none is in force on the day")
    chosen_at, chosen = lasting[-1]
    hours = [each for at, each in dated if _of_hours(each) and at > chosen_at]
    fields = _fields(chosen["prices"])
    bands = [
        _fields(each["prices"])
        | {"from_utc": each["constraint"]["start_time"], "to_utc": each["constraint"]["end_time"]}
        for each in reversed(hours)
    ]
    start = (chosen["constraint"] or {}).get("start_date")
    # Since when the prices of hours hold is not told, and so not since when the whole does.
    since = None if start is None or hours else date.fromisoformat(start)
    stated = [Stated(list_price(fields | {"bands": bands}), STANDARD, since)]
    seen = {STANDARD}
    for variant in raw.get("price_variants") or ():
        when = variant.get("when") or {}
        tier = VARIANTS.get(next(iter(when.items()))) if len(when) == 1 else None
        if tier is None or tier in seen or not _has_begun(variant.get("constraint"), day):
            continue
        seen.add(tier)
        own = dict(chosen["prices"]) | dict(variant["prices"])
        stated.append(Stated(list_price(_fields(own)), tier))
    return stated


def _of_hours(entry: Mapping[str, Any]) -> bool:
    return "start_time" in (entry["constraint"] or {})


def _has_begun(constraint: Mapping[str, str] | None, day: date) -> bool:
    if constraint is None:
        return True
    start = constraint.get("start_date")
    return start is not None and date.fromisoformat(start) <= day


def _fields(prices: Mapping[str, Any]) -> dict[str, Any]:
    base: dict[str, Any] = dict.fromkeys(KINDS)
    starts: set[int] = set()
    for name, kind in KIND_OF.items():
        value = prices.get(name)
        base[kind] = amount(value["base"] if isinstance(value, Mapping) else value)
        if isinstance(value, Mapping):
            starts |= {int(tier["start"]) for tier in value["tiers"]}
    tiers = []
    for start in sorted(starts):
        tier: dict[str, Any] = {"above_input_tokens": start}
        for name, kind in KIND_OF.items():
            value = prices.get(name)
            reached = [each for each in value["tiers"] if each["start"] <= start] if isinstance(value, Mapping) else []
            tier[kind] = amount(max(reached, key=lambda each: each["start"])["price"]) if reached else base[kind]
        tiers.append(tier)
    return {kind: value for kind, value in base.items() if value is not None} | {"tiers": tiers}
