"""How much an order of endpoints changes from one workload to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

TOP_N = 10


@dataclass(frozen=True, slots=True)
class Churn:
    """From order a to order b over the `n` endpoints that both have; `tau_b`: None where an order is all one tie."""

    n: int
    n_only_one: int
    leave: tuple[str, ...]
    enter: tuple[str, ...]
    tau_b: float | None


def churn(a: Mapping[str, Decimal | float], b: Mapping[str, Decimal | float], top_n: int = TOP_N) -> Churn:
    """Who leaves the first `top_n` of `a` (endpoint_id -> value, the least first) and who enters those of `b`.

    Of equal values the names decide (provider, model, SKU), so that the first places are always as many. Kendall's
    tau-b (Kendall 1945) takes ties for ties.
    """
    from scipy.stats import kendalltau  # noqa: PLC0415 - half a second to load

    names = sorted(a.keys() & b.keys(), key=name_key)
    first = {id(order): sorted(names, key=lambda name: (order[name], name_key(name)))[:top_n] for order in (a, b)}
    leave = tuple(name for name in first[id(a)] if name not in first[id(b)])
    enter = tuple(name for name in first[id(b)] if name not in first[id(a)])
    tau = float("nan")
    if len(names) > 1:
        tau = float(kendalltau([float(a[name]) for name in names], [float(b[name]) for name in names]).statistic)
    return Churn(len(names), len(a.keys() ^ b.keys()), leave, enter, None if tau != tau else tau)  # noqa: PLR0124


def name_key(endpoint_id: str) -> tuple[str, str, str]:
    """Provider, model and SKU of an endpoint: the tie-break of every order."""
    provider, _, rest = endpoint_id.partition("/")
    model, _, sku = rest.partition("@")
    return provider, model, sku
