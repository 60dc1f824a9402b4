"""What an endpoint charges: list prices with context tiers and time-of-day bands, and which of them a request pays."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

UsdPerMtok = Annotated[Decimal, Field(ge=0, le=100_000)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60
MINUTES_A_WEEK = 7 * MINUTES_A_DAY
PER_MTOK = 1_000_000
KINDS = (
    "input_usd_per_mtok",
    "cached_input_usd_per_mtok",
    "cache_write_usd_per_mtok",
    "output_usd_per_mtok",
    "reasoning_output_usd_per_mtok",
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rate(_Strict):
    """Prices in USD per million tokens of one kind each.

    `cached_input` null: not published, so cached input is charged as input; `cache_write` null: written tokens are
    charged as input; `reasoning_output` null: reasoning is charged as output.
    """

    input_usd_per_mtok: UsdPerMtok
    output_usd_per_mtok: UsdPerMtok
    cached_input_usd_per_mtok: UsdPerMtok | None = None
    cache_write_usd_per_mtok: UsdPerMtok | None = None
    reasoning_output_usd_per_mtok: UsdPerMtok | None = None

    def charged(self, kind: str) -> Decimal:
        """The price of a kind of token, or what stands in for one that is not published."""
        price: Decimal | None = getattr(self, kind)
        if price is not None:
            return price
        return self.output_usd_per_mtok if kind.startswith("reasoning") else self.input_usd_per_mtok

    def cost_usd(
        self,
        input_tokens: int,
        output_tokens: int,
        *,
        cached_tokens: int = 0,
        cache_write_tokens: int = 0,
        reasoning_tokens: int = 0,
    ) -> Decimal:
        """What a request costs, USD; `input_tokens` and `output_tokens` are totals, the others are parts of them.

        Parts that are more than their total are taken for no more than the total.
        """
        cached = min(cached_tokens, input_tokens)
        written = min(cache_write_tokens, input_tokens - cached)
        thought = min(reasoning_tokens, output_tokens)
        return (
            (input_tokens - cached - written) * self.input_usd_per_mtok
            + cached * self.charged("cached_input_usd_per_mtok")
            + written * self.charged("cache_write_usd_per_mtok")
            + (output_tokens - thought) * self.output_usd_per_mtok
            + thought * self.charged("reasoning_output_usd_per_mtok")
        ) / PER_MTOK

    @property
    def is_free(self) -> bool:
        """Input and output cost nothing: a trial or part of a plan, never to be ranked."""
        return self.input_usd_per_mtok == 0 and self.output_usd_per_mtok == 0

    def prices(self) -> dict[str, Decimal | None]:
        """The prices by kind."""
        return {kind: getattr(self, kind) for kind in KINDS}


class Tier(Rate):
    """Prices of all tokens of a request whose input, cached and cache-written tokens included, is above a threshold."""

    above_input_tokens: Annotated[int, Field(gt=0)]


class Tiered(Rate):
    """Prices, and those of longer requests: a cliff, not a marginal rate, and exactly the threshold is still below."""

    tiers: tuple[Tier, ...] = ()

    @field_validator("tiers")
    @classmethod
    def _rising(cls, value: tuple[Tier, ...]) -> tuple[Tier, ...]:
        thresholds = [tier.above_input_tokens for tier in value]
        if thresholds != sorted(set(thresholds)):
            raise ValueError("thresholds must rise from tier to tier")
        return value

    def rate_of_size(self, input_tokens: int) -> Rate:
        """The prices of a request with so many input tokens."""
        reached: Rate = self
        for tier in self.tiers:
            if input_tokens > tier.above_input_tokens:
                reached = tier
        return reached


class Band(Tiered):
    """Prices of some hours of the UTC day: from `from_utc` to before `to_utc`, over midnight where that is earlier.

    The weekday is that of the moment at which a band begins.
    """

    from_utc: time
    to_utc: time
    weekdays: tuple[Weekday, ...] = WEEKDAYS

    @field_validator("from_utc", "to_utc")
    @classmethod
    def _whole_minutes(cls, value: time) -> time:
        if value.second or value.microsecond or value.tzinfo is not None:
            raise ValueError('must be a time of the UTC day in whole minutes, in quotes, such as "01:00"')
        return value

    @model_validator(mode="after")
    def _some_minutes(self) -> Self:
        if self.from_utc == self.to_utc or not self.weekdays:
            raise ValueError("covers no time: from_utc and to_utc must differ, and weekdays must name some")
        return self

    @property
    def label(self) -> str:
        """Its hours in words: `01:00-04:00 UTC`, with the weekdays where they are not all seven."""
        hours = f"{self.from_utc:%H:%M}-{self.to_utc:%H:%M} UTC"
        return hours if set(self.weekdays) == set(WEEKDAYS) else f"{hours} {' '.join(self.weekdays)}"

    def minutes(self) -> Iterator[tuple[int, int]]:
        """Its stretches of the week, in minutes from Monday 00:00 UTC, each [from, to)."""
        start, end = _minute(self.from_utc), _minute(self.to_utc)
        length = (end - start) % MINUTES_A_DAY
        for weekday in sorted({WEEKDAYS.index(name) for name in self.weekdays}):
            first = weekday * MINUTES_A_DAY + start
            if first + length <= MINUTES_A_WEEK:
                yield first, first + length
            else:
                yield first, MINUTES_A_WEEK
                yield 0, first + length - MINUTES_A_WEEK


class ListPrice(Tiered):
    """What an endpoint charges; `bands` are the hours at which it is not the price that stands first."""

    bands: tuple[Band, ...] = ()

    @field_validator("bands")
    @classmethod
    def _apart(cls, value: tuple[Band, ...]) -> tuple[Band, ...]:
        stretches = sorted(stretch for band in value for stretch in band.minutes())
        if any(later[0] < earlier[1] for earlier, later in pairwise(stretches)):
            raise ValueError("bands overlap: of one minute there is one price")
        # In one order, however they were written: equal prices are to look equal.
        return tuple(sorted(value, key=lambda band: (band.from_utc, band.to_utc, band.weekdays)))

    def at(self, moment: datetime) -> Tiered:
        """The prices at a moment (one without a zone is taken for UTC)."""
        minute = minute_of_week(moment)
        for band in self.bands:
            if any(first <= minute < end for first, end in band.minutes()):
                return band
        return self

    def rate(self, moment: datetime, input_tokens: int) -> Rate:
        """The prices that a request pays: by its hour, then by its size."""
        return self.at(moment).rate_of_size(input_tokens)

    def dearest(self, input_tokens: int) -> Rate:
        """The prices of a request of at most this size at whatever hour, kind by kind the highest that it can meet."""
        met: list[Rate] = []
        for prices in (self, *self.bands):
            met.append(prices)
            met += [tier for tier in prices.tiers if input_tokens > tier.above_input_tokens]
        inputs = (rate.charged(kind) for rate in met for kind in KINDS[:3])
        outputs = (rate.charged(kind) for rate in met for kind in KINDS[3:])
        return Rate(input_usd_per_mtok=max(inputs), output_usd_per_mtok=max(outputs))

    def shares_of_day(self, weekday: int, hours_utc: Collection[int] = ()) -> Sequence[tuple[Tiered, int]]:
        """The prices met on a weekday (0 = Monday), each with how many minutes it is in force.

        `hours_utc` keeps to those hours of the day (0 to 23); empty: all.
        """
        met: list[tuple[Tiered, int]] = []
        wanted = sorted(set(hours_utc) or range(24))
        spans = [(weekday * MINUTES_A_DAY + hour * 60, weekday * MINUTES_A_DAY + hour * 60 + 60) for hour in wanted]
        left = 60 * len(spans)
        for band in self.bands:
            own = sum(max(0, min(end, to) - max(first, start)) for first, end in spans for start, to in band.minutes())
            if own:
                met.append((band, own))
                left -= own
        return [(self, left), *met] if left else met

    def stretches(self) -> list[tuple[int, int, Tiered]]:
        """The week in minutes from Monday 00:00 UTC, each [from, to) with its prices, in order and without a gap."""
        banded = sorted(((first, end, band) for band in self.bands for first, end in band.minutes()), key=_start)
        found: list[tuple[int, int, Tiered]] = []
        at = 0
        for first, end, band in banded:
            if first > at:
                found.append((at, first, self))
            found.append((first, end, band))
            at = end
        if at < MINUTES_A_WEEK:
            found.append((at, MINUTES_A_WEEK, self))
        return found

    def canonical_json(self) -> str:
        """One text of a price: the same for equal prices, however they were written (0.10 or 0.1)."""
        return json.dumps(_plain(self.model_dump(exclude_defaults=True)), sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=20_000)
def price_of_json(text: str) -> ListPrice:
    """The price of :meth:`ListPrice.canonical_json`, or of a catalog's record.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return ListPrice.model_validate_json(text)


def minute_of_week(moment: datetime) -> int:
    """Minutes from Monday 00:00 UTC; a moment without a zone is taken for UTC."""
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return utc.weekday() * MINUTES_A_DAY + utc.hour * 60 + utc.minute


def _start(stretch: tuple[int, int, Tiered]) -> int:
    return stretch[0]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value


def _minute(value: time) -> int:
    return value.hour * 60 + value.minute
