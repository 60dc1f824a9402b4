"""Money: what the rounds of a day have cost so far, and cutting a round back to what may still be spent.

A round that could pass a cap is cut back until its forecast is within every cap. **Order of the cut**: searches of
`context`, whole, the dearest first; then `border`; then items of `anchor` and of `own`; then `sampled`, `greedy` and
`logprobs`, so that their proportion stays; then `parity`; then items of `quality_math` and `quality_code`, likewise;
then the bursts of `parallel`, all of them; then `speed` probes; of each suite from its last question on. Context goes
first because one search costs as much as all the rest and a day without it has yesterday's; border inputs because no
verdict needs them; fidelity before quality because it is pooled over a week; quality before speed because an item means
the same at any hour, and a day has rounds enough to make up for it; a burst goes whole because a smaller one would
measure something else; speed goes last because it is what the day is sampled for. Where a cap on all endpoints is
passed, a question is cut for every endpoint, so that all keep the same ones; where the cap of one endpoint is passed,
for that one. What has no price cannot be capped and is never cut; what costs nothing is not cut either. What a retry
costs is seen to when it is sent (`retries.Purse`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.probing.billing import NOTHING
from tokenarena_assets.probing.plan import ContextPlan, PlanOptions, Probe, usd_at_most
from tokenarena_assets.probing.round_digest import digest_of
from tokenarena_assets.probing.vantage import Vantage
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, is_being_written, rounds_of

# In which order suites are cut; those in one line together, in proportion.
CUT_ORDER = (
    ("border",),
    ("anchor",),
    ("own",),
    ("greedy", "logprobs", "sampled"),
    ("parity",),
    ("quality_code", "quality_math"),
    ("parallel",),
    ("speed",),
)


@dataclass(frozen=True, slots=True)
class Booked:
    """USD that the rounds of a day have cost so far, by endpoint and by round.

    Places that probe at the same time cannot see what the others are spending: each has its own `share` of every cap
    on the day. `elsewhere` is what of `by_endpoint` was spent from other places.
    """

    by_endpoint: Mapping[str, Decimal]
    by_round: Mapping[str, Decimal]
    elsewhere: Mapping[str, Decimal] = field(default_factory=dict)
    share: Fraction = Fraction(1)

    @property
    def total(self) -> Decimal:
        """Over all endpoints."""
        return sum(self.by_endpoint.values(), start=NOTHING)

    def left(self, day_cap: Decimal, endpoint_id: str | None = None) -> Decimal:
        """What of a cap on the day, of all endpoints or of one, may still be spent from here; below 0: nothing."""
        if endpoint_id is None:
            spent, elsewhere = self.total, sum(self.elsewhere.values(), start=NOTHING)
        else:
            spent, elsewhere = (each.get(endpoint_id, NOTHING) for each in (self.by_endpoint, self.elsewhere))
        own_cap = day_cap * self.share.numerator / self.share.denominator
        return min(day_cap - spent, own_cap - (spent - elsewhere))

    def cap_text(self, day_cap: Decimal) -> str:
        """A cap on the day as people read it."""
        share = "" if self.share == 1 else f", of which {self.share} from here"
        return f"{usd(day_cap)} a day{share}"


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
    contexts: tuple[ContextPlan, ...] = ()


def booked_spend(home: Home, day: date, vantage: Vantage | None = None) -> Booked:
    """What the raw rounds of a day amount to: usage times the price in each round's own manifest.

    A response of HTTP 2xx without usage is booked by its characters, at the upper estimate of tokens; refused requests
    and imported rows cost nothing. A round that another process is writing counts with its forecast where that is more.
    """
    by_endpoint: dict[str, Decimal] = {}
    by_round: dict[str, Decimal] = {}
    elsewhere: dict[str, Decimal] = {}
    for found in rounds_of(home, day):
        own = _of_round(home, found)
        by_round[found.round_id] = sum(own.values(), start=NOTHING)
        places = [by_endpoint] if vantage is None or vantage.is_own(found) else [by_endpoint, elsewhere]
        for place in places:
            for endpoint_id, usd in own.items():
                place[endpoint_id] = place.get(endpoint_id, NOTHING) + usd
    return Booked(by_endpoint, by_round, elsewhere, Fraction(1) if vantage is None else vantage.day_share)


def _of_round(home: Home, found: RoundFiles) -> dict[str, Decimal]:
    spent = dict(digest_of(home, found).spent)
    if found.is_open and is_being_written(found.log):
        for row in (found.manifest or {}).get("forecast", ()):
            if row["endpoint_id"] in spent and row["usd_max"] is not None:
                spent[row["endpoint_id"]] = max(spent[row["endpoint_id"]], Decimal(row["usd_max"]))
    return spent


def cut_back(
    plan: Mapping[str, Sequence[Probe]],
    endpoints: Sequence[Endpoint],
    options: PlanOptions,
    booked: Booked,
    round_id: str,
    *,
    done: frozenset[str] = frozenset(),
    contexts: Sequence[ContextPlan] = (),
) -> Affordable:
    """Leave out what would pass a cap, in the order that this module states; `done` was sent before and is kept."""
    catalog = {endpoint.endpoint_id: endpoint for endpoint in endpoints}
    left = _Left(plan, contexts, catalog, done)
    for endpoint_id, endpoint in catalog.items():
        cap, spent = endpoint.limits.max_usd_per_day, booked.by_endpoint.get(endpoint_id, NOTHING)
        if cap is not None:
            reason = f"over the cap of {booked.cap_text(cap)} for this endpoint ({usd(spent)} booked today)"
            left.cut(booked.left(cap, endpoint_id), reason, endpoint_id)
    caps = [
        (
            booked.left(options.max_day_usd),
            f"of {booked.cap_text(options.max_day_usd)} ({usd(booked.total)} booked today)",
        ),
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


@dataclass(frozen=True, slots=True)
class _Entry:
    """One thing to pay for: a probe, or a whole search."""

    name: str
    endpoint_id: str
    usd: Decimal


class _Left:
    """What is left of a plan while it is cut."""

    def __init__(
        self,
        plan: Mapping[str, Sequence[Probe]],
        contexts: Sequence[ContextPlan],
        catalog: Mapping[str, Endpoint],
        done: frozenset[str],
    ) -> None:
        self._plan, self._contexts = plan, contexts
        self._reasons: dict[str, str] = {}  # name -> why it is cut
        # In the order in which they are cut.
        searches = [
            _Entry(search.search_id, search.endpoint_id, usd)
            for search in contexts
            if (usd := search.usd_at_most(catalog[search.endpoint_id]))
        ]
        self._groups = [[entry] for entry in sorted(searches, key=lambda entry: entry.usd, reverse=True)]
        for suites in CUT_ORDER:
            placed = [
                (number / len(groups), group)
                for suite in suites
                for groups in [_groups(plan.get(suite, ()), catalog, done)]
                for number, group in enumerate(groups, start=1)
            ]
            self._groups += [group for _, group in sorted(placed, key=lambda at: at[0], reverse=True)]
        # What it may cost, where that is known and not nothing.
        self._usd = {entry.name: entry.usd for group in self._groups for entry in group}

    def cut(self, allowed: Decimal, reason: str, endpoint_id: str | None = None) -> None:
        """Cut until the rest, of one endpoint or of all, may cost no more than `allowed`."""
        groups = [
            [entry for entry in group if endpoint_id in (None, entry.endpoint_id) and entry.name not in self._reasons]
            for group in self._groups
        ]
        total = sum((entry.usd for group in groups for entry in group), start=NOTHING)
        for group in groups:
            if total <= allowed:
                return
            for entry in group:
                self._reasons[entry.name] = reason
                total -= entry.usd

    def result(self) -> Affordable:
        """The plan without what was cut."""
        kept: dict[str, list[Probe]] = {}
        unsent: list[tuple[Probe, str]] = []
        cuts: dict[tuple[str, str, str], list[Decimal]] = {}
        requests: Counter[tuple[str, str, str]] = Counter()

        def note(endpoint_id: str, suite: str, name: str, count: int) -> None:
            where = (endpoint_id, suite, self._reasons[name])
            cuts.setdefault(where, []).append(self._usd[name])
            requests[where] += count

        for suite, probes in self._plan.items():
            own = [probe for probe in probes if probe.request_id not in self._reasons]
            if own:
                kept[suite] = own
            for probe in probes:
                if (reason := self._reasons.get(probe.request_id)) is not None:
                    unsent.append((probe, f"cut: {reason}"))
                    note(probe.endpoint_id, suite, probe.request_id, 1)
        for search in self._contexts:
            if search.search_id in self._reasons:
                note(search.endpoint_id, "context", search.search_id, search.requests)
        rows = [Cut(*at[:2], requests[at], sum(costs, start=NOTHING), at[2]) for at, costs in cuts.items()]
        searched = tuple(search for search in self._contexts if search.search_id not in self._reasons)
        return Affordable(kept, tuple(unsent), tuple(rows), searched)


def _groups(probes: Sequence[Probe], catalog: Mapping[str, Endpoint], done: frozenset[str]) -> list[list[_Entry]]:
    """What of a suite is cut together: a question, or all bursts."""
    groups: dict[str, list[_Entry]] = {}
    for probe in probes:
        cost = usd_at_most(probe, catalog[probe.endpoint_id])
        if cost and probe.request_id not in done:
            key = "" if probe.question.together > 1 else probe.question.key
            groups.setdefault(key, []).append(_Entry(probe.request_id, probe.endpoint_id, cost))
    return list(groups.values())
