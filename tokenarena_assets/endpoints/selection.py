"""Chooses endpoints of a catalog: by name, by price, and by whether they can be sent to from here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.endpoints.readiness import readiness
from tokenarena_assets.pricing import blended_price

CHAT = (3, 1)  # the mix of input and output tokens that a price limit is of
STATES = ("ready", "missing", "unusable", "cannot be probed")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is chosen; empty: all. Names may hold `*` and `?` and are not sensitive to case.

    `families` are the models that endpoints are compared within, or the vendor's line of models. `max_usd_per_mtok` is
    of the 3:1 blend of list prices; what has no price is not within it.
    """

    providers: Sequence[str] = ()
    models: Sequence[str] = ()
    families: Sequence[str] = ()
    apis: Sequence[str] = ()
    states: Sequence[str] = ()
    max_usd_per_mtok: Decimal | None = None


def chosen(endpoints: Iterable[Endpoint], wanted: Wanted) -> list[Endpoint]:
    """The endpoints that fit, in the catalog's order."""
    return [each for each in endpoints if _fits(each, wanted)]


def state_of(endpoint: Endpoint) -> str:
    """One of `STATES`."""
    found = readiness(endpoint)
    if found.cannot_probe is not None:
        return "cannot be probed"
    return "missing" if found.missing else "unusable" if found.problem else "ready"


def chat_usd_per_mtok(endpoint: Endpoint) -> Decimal | None:
    """The 3:1 blend of its list prices, USD per million tokens; None: it has no price."""
    price = endpoint.price
    return None if price is None else blended_price(price.input_usd_per_mtok, price.output_usd_per_mtok, CHAT)


def _fits(endpoint: Endpoint, wanted: Wanted) -> bool:
    blend = chat_usd_per_mtok(endpoint)
    families = (endpoint.model_family, endpoint.vendor_family or "")
    return (
        _matches((endpoint.provider,), wanted.providers)
        and _matches((endpoint.model,), wanted.models)
        and _matches(families, wanted.families)
        and _matches((endpoint.api,), wanted.apis)
        and (not wanted.states or state_of(endpoint) in wanted.states)
        and (wanted.max_usd_per_mtok is None or (blend is not None and blend <= wanted.max_usd_per_mtok))
    )


def _matches(names: Iterable[str], patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name.lower(), pattern.lower()) for name in names for pattern in patterns)
