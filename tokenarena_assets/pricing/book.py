"""The price book: which price of each endpoint was in force when, by what the feeds said up to a day.

The book of a day is folded from all statements up to that day, so the book of an earlier day is what was known then. It
is a fold over changes: a feed that says the same for a year is one run.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from tokenarena_assets.pricing.observation import CATALOG, HISTORY, PRIORITY, SHIPPED, STANDARD, origin_of
from tokenarena_assets.pricing.price_list import KINDS, ListPrice, Rate, price_of_json
from tokenarena_assets.pricing.rules import agree, doubts

Key = tuple[str, str]  # endpoint_id, service_tier
FRESH_DAYS = 7  # a statement that is older says what was, not what is
MAY_BE_FREE = ("cached_input_usd_per_mtok", "cache_write_usd_per_mtok")
TWO = 2


@dataclass(frozen=True, slots=True)
class Run:
    """A feed that says the same of an endpoint at each look from `first` on; at the look of `gone_on` it no longer did.

    `stated_on` and `effective_from` as the feed gives them; `reviewed`: people have looked at it.
    """

    endpoint_id: str
    service_tier: str
    feed: str
    price_json: str
    first: date
    gone_on: date | None = None
    stated_on: date | None = None
    effective_from: date | None = None
    reviewed: bool = False
    currency: str = "USD"

    @property
    def key(self) -> Key:
        """Of which price it speaks."""
        return self.endpoint_id, self.service_tier


@dataclass(frozen=True, slots=True)
class Release:
    """A person's word that a quarantined price is right."""

    endpoint_id: str
    day: date
    price_json: str
    reason: str


@dataclass(slots=True)
class BookRow:
    """A price in force from `valid_from` to before `valid_to` (None: still)."""

    endpoint_id: str
    service_tier: str
    price_json: str
    valid_from: date
    valid_to: date | None
    basis: str
    feed: str
    currency: str
    flags: list[str] = field(default_factory=list)
    feeds_agree: tuple[str, ...] = ()
    feeds_disagree: Mapping[str, str] = field(default_factory=dict)

    @property
    def price(self) -> ListPrice:
        """The price itself."""
        return price_of_json(self.price_json)


@dataclass(slots=True)
class Held:
    """A price that was not taken for true; `state`: held, released (it is in the book), withdrawn (no longer said)."""

    endpoint_id: str
    service_tier: str
    feed: str
    price_json: str
    held_on: date
    reasons: tuple[str, ...]
    kept_json: str | None
    state: str = "held"
    resolved_on: date | None = None
    resolved_because: str | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """All rows and everything that was held, up to a day; `leading` is whose word is in force, by endpoint and tier."""

    rows: tuple[BookRow, ...]
    held: tuple[Held, ...]
    leading: Mapping[Key, str]


@dataclass(frozen=True, slots=True)
class _Opinion:
    run: Run
    price: ListPrice
    seen: date
    fresh: bool


def fold(
    runs: Iterable[Run],
    until: date,
    *,
    looks: Mapping[str, Sequence[date]] | None = None,
    releases: Sequence[Release] = (),
) -> Book:
    """The book as it was known at the end of `until`.

    `looks` are the days, in order, on which each feed was looked at: what it says stays fresh while it is looked at.
    """
    return _Fold(runs, until, looks or {}, releases).book()


class _Fold:
    def __init__(
        self, runs: Iterable[Run], until: date, looks: Mapping[str, Sequence[date]], releases: Sequence[Release]
    ) -> None:
        self.until, self.looks = until, looks
        self.runs: dict[Key, list[Run]] = {}
        for run in sorted(runs, key=lambda each: (each.key, each.first, each.feed)):
            if run.first <= until:
                self.runs.setdefault(run.key, []).append(run)
        self.releases: dict[str, list[Release]] = {}
        for release in releases:
            if release.day <= until:
                self.releases.setdefault(release.endpoint_id, []).append(release)
        self.rows: dict[Key, list[BookRow]] = {}
        self.held: dict[Key, list[Held]] = {}
        self.leading: dict[Key, str] = {}
        self.hosts: dict[str, dict[str, Rate]] = {}  # model -> endpoint -> price in force

    def book(self) -> Book:
        for day, keys in sorted(self._events().items()):
            before = [(key, self._hosts_of(key)) for key in sorted(keys)]  # of the day before, whatever the order
            for key, hosts in before:
                self._judge(key, day, hosts)
            for key in keys:
                self._note_host(key)
        return Book(
            tuple(row for key in sorted(self.rows) for row in self.rows[key]),
            tuple(held for key in sorted(self.held) for held in self.held[key]),
            self.leading,
        )

    def _events(self) -> dict[date, set[Key]]:
        """The days on which something may change, and for whom."""
        events: dict[date, set[Key]] = {}

        def note(day: date | None, key: Key) -> None:
            if day is not None and day <= self.until:
                events.setdefault(day, set()).add(key)

        for key, runs in self.runs.items():
            for run in runs:
                note(run.first, key)
                note(run.gone_on, key)
                note((run.stated_on or self._last_look(run)) + timedelta(days=FRESH_DAYS + 1), key)
            for release in self.releases.get(key[0], ()):
                note(release.day, key)
        return events

    def _last_look(self, run: Run, day: date | None = None) -> date:
        """The last look, up to a day, at which the feed said so."""
        days = self.looks.get(run.feed, ())
        bound = min(filter(None, (day, self.until, run.gone_on and run.gone_on - timedelta(days=1))))
        at = bisect_right(days, bound) - 1
        return max(run.first, days[at]) if at >= 0 else run.first

    def _opinions(self, key: Key, day: date) -> dict[str, _Opinion]:
        found = {}
        for run in self.runs[key]:
            if run.first <= day and (run.gone_on is None or day < run.gone_on):
                seen = run.stated_on or self._last_look(run, day)
                found[run.feed] = _Opinion(run, price_of_json(run.price_json), seen, (day - seen).days <= FRESH_DAYS)
        return found

    def _judge(self, key: Key, day: date, hosts: Sequence[tuple[Any, Any]]) -> None:
        opinions = self._opinions(key, day)
        rows = self.rows.setdefault(key, [])
        current = rows[-1] if rows and rows[-1].valid_to is None else None
        if not opinions:
            self.leading.pop(key, None)
            self._resolve(key, day, "withdrawn", "no feed lists it any more")
            if current is not None:
                _close(rows, day)
            return
        lead = _leading(opinions)
        previous = rows[-1].price if rows else None
        price = _completed(lead.price, previous if current else None, opinions, lead.run.feed)
        text = price.canonical_json()
        others = {
            feed: each.price
            for feed, each in opinions.items()
            if each.fresh and origin_of(feed) != origin_of(lead.run.feed)
        }
        if current is not None and current.price_json == text:
            self._resolve(key, day, "withdrawn", f"{lead.run.feed} says what is in force")
            self._agreed(key, current, lead, opinions)
            return
        reasons = doubts(price, previous, hosts, others)
        taken = self._released(key, day, lead, text, reasons, others)
        new_endpoint = not rows and lead.run.feed == CATALOG and not price.is_free
        if reasons and taken is None and not new_endpoint:
            self._hold(key, day, lead, text, reasons, current)
            if current is not None:
                self._agreed(key, current, None, opinions)
            return
        since = self._resolve(key, day, "released", taken or "nothing speaks against it any more", text)
        start, basis = _start(lead, since or day, day, current)
        if current is not None:
            _close(rows, start)
        flags = [f"released: {taken}", *reasons] if reasons and taken else list(reasons)
        row = BookRow(key[0], key[1], text, start, None, basis, lead.run.feed, lead.run.currency, flags)
        rows.append(row)
        self._agreed(key, row, lead, opinions)

    def _released(
        self, key: Key, day: date, lead: _Opinion, text: str, reasons: Sequence[str], others: Mapping[str, ListPrice]
    ) -> str | None:
        """Why a doubtful price is taken all the same; None: it is not."""
        for release in self.releases.get(key[0], ()):
            if release.day <= day and release.price_json == text:
                return f"by a person: {release.reason}"
        if any(reason.startswith("zero_price") for reason in reasons):
            return None
        if lead.run.reviewed:
            return "the shipped list was reviewed"
        agreeing = sorted(feed for feed, price in others.items() if agree(lead.price, price))
        return f"{', '.join(agreeing)} agrees" if agreeing and len(agreeing) == len(others) else None

    def _hold(
        self, key: Key, day: date, lead: _Opinion, text: str, reasons: Sequence[str], current: BookRow | None
    ) -> None:
        held = self.held.setdefault(key, [])
        if held and held[-1].state == "held":
            if held[-1].price_json == text and held[-1].feed == lead.run.feed:
                held[-1].reasons = tuple(reasons)
                return
            self._resolve(key, day, "withdrawn", "another price was said")
        kept = None if current is None else current.price_json
        held.append(Held(key[0], key[1], lead.run.feed, text, day, tuple(reasons), kept))

    def _resolve(self, key: Key, day: date, state: str, because: str, text: str | None = None) -> date | None:
        """End what is held; the day from which it was held where `text` is its price."""
        held = self.held.get(key)
        if not held or held[-1].state != "held":
            return None
        last = held[-1]
        same = last.price_json == text
        last.state = state if same or state == "withdrawn" else "withdrawn"
        last.resolved_on = day
        last.resolved_because = because if same or state == "withdrawn" else "another price is in force"
        return last.held_on if same else None

    def _agreed(self, key: Key, row: BookRow, lead: _Opinion | None, opinions: Mapping[str, _Opinion]) -> None:
        if lead is not None:
            self.leading[key] = lead.run.feed
            row.feed = lead.run.feed
        price = row.price
        row.feeds_agree = tuple(feed for feed in PRIORITY if feed in opinions and agree(opinions[feed].price, price))
        row.feeds_disagree = {
            feed: f"{opinions[feed].price.input_usd_per_mtok.normalize():f}/"
            f"{opinions[feed].price.output_usd_per_mtok.normalize():f}"
            for feed in PRIORITY
            if feed in opinions and opinions[feed].fresh and not agree(opinions[feed].price, price)
        }

    def _hosts_of(self, key: Key) -> list[tuple[Any, Any]]:
        if key[1] != STANDARD:
            return []
        own_provider, model = _names(key[0])
        others = self.hosts.get(model, {})
        return [
            (rate.input_usd_per_mtok, rate.output_usd_per_mtok)
            for name, rate in sorted(others.items())
            if _names(name)[0] != own_provider
        ]

    def _note_host(self, key: Key) -> None:
        if key[1] != STANDARD:
            return
        of_model = self.hosts.setdefault(_names(key[0])[1], {})
        rows = self.rows.get(key)
        if rows and rows[-1].valid_to is None:
            of_model[key[0]] = rows[-1].price
        else:
            of_model.pop(key[0], None)


def _names(endpoint_id: str) -> tuple[str, str]:
    provider, _, rest = endpoint_id.partition("/")
    return provider, rest.partition("@")[0]


def _leading(opinions: Mapping[str, _Opinion]) -> _Opinion:
    """Whose word counts: the fresh ones by priority; where none is fresh the newest."""
    fresh = [feed for feed in PRIORITY if feed in opinions and opinions[feed].fresh]
    if fresh:
        return opinions[fresh[0]]
    return max(opinions.values(), key=lambda each: (each.seen, -PRIORITY.index(each.run.feed)))


def _completed(price: ListPrice, previous: ListPrice | None, opinions: Mapping[str, _Opinion], feed: str) -> ListPrice:
    """What a feed says, with what it does not say taken from the price in force, if that has the same base.

    A cached price of nothing is believed of a catalog, or where two sources say so.
    """
    changes: dict[str, Any] = {}
    for kind in MAY_BE_FREE:
        if getattr(price, kind) == 0 and feed != CATALOG:
            saying = {origin_of(name) for name, each in opinions.items() if getattr(each.price, kind) == 0}
            if len(saying) < TWO:
                changes[kind] = None
    if changes:
        price = price.model_copy(update=changes)
    # A catalog says all that holds; another feed leaves out what it does not know.
    if previous is None or feed == CATALOG:
        return price
    same = (
        price.input_usd_per_mtok == previous.input_usd_per_mtok
        and price.output_usd_per_mtok == previous.output_usd_per_mtok
    )
    if not same:
        return price
    filled: dict[str, Any] = {kind: getattr(previous, kind) for kind in KINDS if getattr(price, kind) is None}
    for part in ("tiers", "bands"):
        if not getattr(price, part):
            filled[part] = getattr(previous, part)
    return price.model_copy(update=filled)


def _start(lead: _Opinion, said: date, day: date, current: BookRow | None) -> tuple[date, str]:
    """From when a price holds: its effective date where that can be, else the day on which it was first said."""
    effective = lead.run.effective_from
    earliest = None if current is None else current.valid_from
    if effective is not None and effective <= day and (earliest is None or earliest < effective):
        return effective, "effective_date"
    return (said if earliest is None or earliest <= said else day), "observed_date"


def _close(rows: list[BookRow], day: date) -> None:
    """End the last row before `day`; of several changes on one day the last one counts."""
    if rows[-1].valid_from >= day:
        rows.pop()
    else:
        rows[-1].valid_to = day


@dataclass(frozen=True, slots=True)
class PricedRow:
    """One line of the book: a row's price for requests above a size, at some hours."""

    price_id: str
    min_input_tokens: int
    band: str | None
    rate: Rate


def priced_rows(row: BookRow) -> list[PricedRow]:
    """The lines of a row: each band (None: all other hours) and each tier of it."""
    price = row.price
    found = []
    for prices, band in ((price, None), *((band, band.label) for band in price.bands)):
        sizes: list[tuple[int, Rate]] = [(0, prices), *((tier.above_input_tokens + 1, tier) for tier in prices.tiers)]
        for smallest, rate in sizes:
            name = price_id(row.endpoint_id, row.service_tier, row.valid_from.isoformat(), smallest, band, rate)
            found.append(PricedRow(name, smallest, band, rate))
    return found


def price_id(endpoint_id: str, service_tier: str, since: str, smallest: int, band: str | None, rate: Rate) -> str:
    """The identity of a line: a hash of what it is of, since when, and its prices; closing a row leaves it as it is."""
    prices = {kind: f"{value.normalize():f}" for kind, value in rate.prices().items() if value is not None}
    text = json.dumps([endpoint_id, service_tier, since, smallest, band, prices], sort_keys=True)
    return "p" + sha256(text.encode()).hexdigest()[:20]


def shipped_runs(history: Iterable[Any], listed: Iterable[Any]) -> list[Run]:
    """The runs of the shipped files: dated prices, and the reviewed list on its day."""
    runs = [
        Run(
            each.endpoint_id,
            STANDARD,
            HISTORY,
            each.price.canonical_json(),
            each.valid_from,
            each.valid_to,
            each.valid_from,
            each.valid_from if each.basis == "effective_date" else None,
        )
        for each in history
    ]
    return runs + [
        Run(
            each.endpoint_id,
            STANDARD,
            SHIPPED,
            each.price.canonical_json(),
            each.as_of,
            None,
            each.as_of,
            reviewed=True,
            currency=each.currency,
        )
        for each in listed
    ]
