"""Which change of a price is doubtful, and when two feeds say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from statistics import median

from tokenarena_assets.pricing.price_list import ListPrice, Rate

MOST_CHANGE = 3  # times, either way
LEAST_OF_MEDIAN = Decimal("0.25")
LEAST_HOSTS = 3  # others of the model: a median of fewer says little
AGREE_WITHIN = Decimal("0.05")
JUDGED = ("input_usd_per_mtok", "output_usd_per_mtok")
Hosts = Sequence[tuple[Decimal, Decimal]]


def agree(one: Rate, other: Rate) -> bool:
    """Whether input and output prices are within 5 % of the larger."""
    return all(_within(getattr(one, kind), getattr(other, kind)) for kind in JUDGED)


def _within(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= AGREE_WITHIN * max(one, other)


def doubts(
    price: ListPrice, previous: ListPrice | None, hosts: Hosts = (), others: Mapping[str, ListPrice] | None = None
) -> list[str]:
    """Why `price` is not taken for true at once, each as `rule: figures`; empty: nothing speaks against it.

    `previous` is the price that was in force, `hosts` the (input, output) prices in force of other hosts of the model,
    `others` what other feeds say of the endpoint on the same day.
    """
    if price.is_free:
        return ["zero_price: input and output cost nothing"]
    found = [*_of_itself(price), *_of_change(price, previous), *_of_hosts(price, hosts)]
    for feed, said in (others or {}).items():
        if not agree(price, said):
            pair = f"{_usd(said.input_usd_per_mtok)} in, {_usd(said.output_usd_per_mtok)} out"
            found.append(f"feeds_differ: {feed} says {pair}")
    return found


def _of_itself(price: ListPrice) -> list[str]:
    cached = price.cached_input_usd_per_mtok
    if cached is not None and cached > price.input_usd_per_mtok:
        return [f"cached_over_input: {_usd(cached)} cached, {_usd(price.input_usd_per_mtok)} in"]
    return []


def _of_change(price: ListPrice, previous: ListPrice | None) -> list[str]:
    if previous is None:
        return []
    found = []
    for kind in JUDGED:
        before, now = getattr(previous, kind), getattr(price, kind)
        if before != now and (min(before, now) == 0 or max(before, now) > MOST_CHANGE * min(before, now)):
            name = kind.split("_", maxsplit=1)[0]
            found.append(f"change_over_3x: {name} {_usd(before)} -> {_usd(now)}")
    fell = price.input_usd_per_mtok < previous.input_usd_per_mtok
    if fell and price.cached_input_usd_per_mtok == price.input_usd_per_mtok:
        found.append(f"cached_equals_input: {_usd(price.input_usd_per_mtok)} after a drop")
    differed = previous.input_usd_per_mtok != previous.output_usd_per_mtok
    if differed and price.input_usd_per_mtok == price.output_usd_per_mtok:
        found.append(f"input_equals_output: {_usd(price.input_usd_per_mtok)}, they differed before")
    return found


def _of_hosts(price: ListPrice, hosts: Hosts) -> list[str]:
    if len(hosts) < LEAST_HOSTS:
        return []
    found = []
    for number, kind in enumerate(JUDGED):
        middle = median(host[number] for host in hosts)
        own = getattr(price, kind)
        if own < LEAST_OF_MEDIAN * middle:
            name = kind.split("_", maxsplit=1)[0]
            found.append(f"far_under_other_hosts: {name} {_usd(own)}, median of {len(hosts)} others {_usd(middle)}")
    return found


def _usd(value: Decimal) -> str:
    return f"{value.normalize():f}"
