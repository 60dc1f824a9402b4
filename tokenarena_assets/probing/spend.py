"""Money: what the rounds of a day have cost so far, and cutting a round back to what may still be spent.

A round that could pass a cap is cut back, question by question, until its forecast is within every cap. **Order of
the cut**: items of `quality_math` from the last one on; then the bursts of `parallel`, all of them; then `speed` probes
from the last one on. Quality goes first because an item means the same at any hour, and a day has rounds enough to make
up for it; a burst goes whole because a smaller one would measure something else; speed goes last because it is what the
day is sampled for. Where a cap on all endpoints is passed, a question is cut for every endpoint, so that all keep the
same ones; where the cap of one endpoint is passed, for that one. What has no price cannot be capped and is never cut;
what costs nothing is not cut either.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from tokenarena_assets.endpoints.catalog import Endpoint, ListPrice
from tokenarena_assets.probing.plan import CHARS_PER_TOKEN_LOWER, PlanOptions, Probe, usd_at_most
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, is_being_written, records_of, rounds_of

CUT_ORDER = ("quality_math", "parallel", "speed")
NOTHING = Decimal(0)
PER_MTOK = 1_000_000


@dataclass(frozen=True, slots=True)
class Booked:
    """USD that the rounds of a day have cost so far, by endpoint and by round."""

    by_endpoint: Mapping[str, Decimal]
    by_round: Mapping[str, Decimal]

    @property
    def total(self) -> Decimal:
        """Over all endpoints."""
        return sum(self.by_endpoint.values(), start=NOTHING)


@dataclass(frozen=True, slots=True)
class Cut:
    """What of a suite is not sent to an endpoint because of a cap."""

    endpoint_id: str
    suite: str
    requests: int
    usd_max: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Affordable:
    """A plan within its caps: what is sent, and what is not, with the reason."""

    probes: dict[str, list[Probe]]
    unsent: tuple[tuple[Probe, str], ...]
    cuts: tuple[Cut, ...]


def booked_spend(home: Home, day: date) -> Booked:
    """What the raw rounds of a day amount to: usage times the price in each round's own manifest.

    A response of HTTP 200 without usage is booked by its characters, at the upper estimate of tokens; refused requests
    and imported rows cost nothing. A round that another process is writing counts with its forecast where that is more.
    """
    by_endpoint: dict[str, Decimal] = {}
    by_round: dict[str, Decimal] = {}
    for found in rounds_of(home, day):
        own = _of_round(found)
        by_round[found.round_id] = sum(own.values(), start=NOTHING)
        for endpoint_id, usd in own.items():
            by_endpoint[endpoint_id] = by_endpoint.get(endpoint_id, NOTHING) + usd
    return Booked(by_endpoint, by_round)


def _of_round(found: RoundFiles) -> dict[str, Decimal]:
    manifest = found.manifest or {}
    prices = _prices(manifest)
    spent = dict.fromkeys(prices, NOTHING)
    for record in records_of(found.log) if prices else ():
        if (price := prices.get(str(record.get("endpoint_id")))) is not None:
            spent[str(record["endpoint_id"])] += cost_of(record, price)
    if found.is_open and is_being_written(found.log):
        for row in manifest.get("forecast", ()):
            if row["endpoint_id"] in spent and row["usd_max"] is not None:
                spent[row["endpoint_id"]] = max(spent[row["endpoint_id"]], Decimal(row["usd_max"]))
    return spent


def _prices(manifest: Mapping[str, Any]) -> dict[str, ListPrice]:
    prices = {}
    for entry in manifest.get("endpoints", ()):
        try:
            prices[str(entry["endpoint_id"])] = ListPrice.model_validate(entry["price"])
        except (KeyError, TypeError, ValidationError):
            continue  # no price, or one that another version wrote
    return prices


def cost_of(record: Mapping[str, Any], price: ListPrice) -> Decimal:
    """What one raw record cost at list price: its usage, else its characters, where it was answered at all."""
    if record.get("source") is not None or record.get("http_status") != 200:
        return NOTHING
    usage = record.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    tokens_in, cached = _count(usage.get("input_tokens")), _count(usage.get("cached_tokens")) or 0
    tokens_out = _count(usage.get("output_tokens"))
    if tokens_in is None:
        request = record.get("request")
        body = request.get("body") if isinstance(request, dict) else None
        tokens_in = _tokens_of(json.dumps(body, ensure_ascii=False))
    if tokens_out is None:
        tokens_out = sum(_tokens_of(record.get(channel)) for channel in ("text", "reasoning", "tool_arguments"))
    cached = min(cached, tokens_in)
    cached_price = price.cached_input_usd_per_mtok
    if cached_price is None:
        cached_price = price.input_usd_per_mtok
    return (
        (tokens_in - cached) * price.input_usd_per_mtok + cached * cached_price + tokens_out * price.output_usd_per_mtok
    ) / PER_MTOK


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _tokens_of(text: object) -> int:
    return -(-len(text) // CHARS_PER_TOKEN_LOWER) if isinstance(text, str) else 0


def cut_back(
    plan: Mapping[str, Sequence[Probe]],
    endpoints: Sequence[Endpoint],
    options: PlanOptions,
    booked: Booked,
    round_id: str,
    *,
    done: frozenset[str] = frozenset(),
) -> Affordable:
    """Leave out what would pass a cap, in the order that this module states; `done` was sent before and is kept."""
    catalog = {endpoint.endpoint_id: endpoint for endpoint in endpoints}
    left = _Left(plan, catalog, done)
    for endpoint_id, endpoint in catalog.items():
        cap, spent = endpoint.limits.max_usd_per_day, booked.by_endpoint.get(endpoint_id, NOTHING)
        if cap is not None:
            reason = f"over the cap of {usd(cap)} a day for this endpoint ({usd(spent)} booked today)"
            left.cut(cap - spent, reason, endpoint_id)
    caps = [
        (options.max_day_usd - booked.total, f"of {usd(options.max_day_usd)} a day ({usd(booked.total)} booked today)"),
        (
            options.max_round_usd - booked.by_round.get(round_id, NOTHING),
            f"of {usd(options.max_round_usd)} a round",
        ),
    ]
    for allowed, cap_text in sorted(caps):
        left.cut(allowed, f"over the cap {cap_text}")
    return left.result()


def usd(amount: Decimal) -> str:
    """An amount as people read it: cents, and more places where they tell more."""
    if 0 < amount < Decimal("0.01"):
        return f"${amount:.2g}"
    whole, point, places = f"{amount:,.4f}".partition(".")
    return f"${whole}{point}{places[:2]}{places[2:].rstrip('0')}"


class _Left:
    """What is left of a plan while it is cut."""

    def __init__(
        self, plan: Mapping[str, Sequence[Probe]], catalog: Mapping[str, Endpoint], done: frozenset[str]
    ) -> None:
        self._plan = plan
        self._usd: dict[str, Decimal] = {}  # request_id -> what it may cost, where that is known and not nothing
        self._reasons: dict[str, str] = {}  # request_id -> why it is cut
        groups: dict[tuple[str, str], list[Probe]] = {}
        for suite in sorted(plan, key=CUT_ORDER.index, reverse=True):
            for probe in plan[suite]:
                cost = usd_at_most(probe, catalog[probe.endpoint_id])
                if cost and probe.request_id not in done:
                    self._usd[probe.request_id] = cost
                    burst = probe.question.together > 1
                    groups.setdefault((suite, "" if burst else probe.question.key), []).append(probe)
        self._groups = list(groups.values())[::-1]  # in the order in which they are cut

    def cut(self, allowed: Decimal, reason: str, endpoint_id: str | None = None) -> None:
        """Cut until the rest, of one endpoint or of all, may cost no more than `allowed`."""
        groups = [
            [
                probe
                for probe in group
                if endpoint_id in (None, probe.endpoint_id) and probe.request_id not in self._reasons
            ]
            for group in self._groups
        ]
        total = sum((self._usd[probe.request_id] for group in groups for probe in group), start=NOTHING)
        for group in groups:
            if total <= allowed:
                return
            for probe in group:
                self._reasons[probe.request_id] = reason
                total -= self._usd[probe.request_id]

    def result(self) -> Affordable:
        """The plan without what was cut."""
        kept: dict[str, list[Probe]] = {}
        unsent: list[tuple[Probe, str]] = []
        cuts: dict[tuple[str, str, str], list[Decimal]] = {}
        for suite, probes in self._plan.items():
            own = [probe for probe in probes if probe.request_id not in self._reasons]
            if own:
                kept[suite] = own
            for probe in probes:
                if (reason := self._reasons.get(probe.request_id)) is not None:
                    unsent.append((probe, f"cut: {reason}"))
                    cuts.setdefault((probe.endpoint_id, suite, reason), []).append(self._usd[probe.request_id])
        rows = [Cut(*where[:2], len(costs), sum(costs, start=NOTHING), where[2]) for where, costs in cuts.items()]
        return Affordable(kept, tuple(unsent), tuple(rows))
