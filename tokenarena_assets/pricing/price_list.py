"""What an endpoint charges: list prices with context tiers and time-of-day bands, and which of them a request pays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

UsdPerMtok = Annotated[Decimal, Field(ge=0, le=100_000)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60


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

    def minutes(self) -> Iterator[tuple[int, int]]:
        """Its stretches of the week, in minutes from Monday 00:00 UTC, each [from, to)."""
        start, end = _minute(self.from_utc), _minute(self.to_utc)
        length = (end - start) % MINUTES_A_DAY
        week = 7 * MINUTES_A_DAY
        for weekday in sorted({WEEKDAYS.index(name) for name in self.weekdays}):
            first = weekday * MINUTES_A_DAY + start
            if first + length <= week:
                yield first, first + length
            else:
                yield first, week
                yield 0, first + length - week


class ListPrice(Tiered):
    """What an endpoint charges; `bands` are the hours at which it is not the price that stands first."""

    bands: tuple[Band, ...] = ()

    @field_validator("bands")
    @classmethod
    def _apart(cls, value: tuple[Band, ...]) -> tuple[Band, ...]:
        stretches = sorted(stretch for band in value for stretch in band.minutes())
        if any(later[0] < earlier[1] for earlier, later in pairwise(stretches)):
            raise ValueError("bands overlap: of one minute there is one price")
        return value

    def at(self, moment: datetime) -> Tiered:
        """The prices at a moment (one without a zone is taken for UTC)."""
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        minute = utc.weekday() * MINUTES_A_DAY + utc.hour * 60 + utc.minute
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
        inputs = [(rate.input_usd_per_mtok, rate.cache_write_usd_per_mtok) for rate in met]
        outputs = [(rate.output_usd_per_mtok, rate.reasoning_output_usd_per_mtok) for rate in met]
        return Rate(
            input_usd_per_mtok=max(price for pair in inputs for price in pair if price is not None),
            output_usd_per_mtok=max(price for pair in outputs for price in pair if price is not None),
        )

    def shares_of_day(self, weekday: int) -> Sequence[tuple[Tiered, Decimal]]:
        """The prices of a weekday (0 = Monday), each with its share of the day's minutes; the shares sum to 1."""
        first, end = weekday * MINUTES_A_DAY, (weekday + 1) * MINUTES_A_DAY
        shares: list[tuple[Tiered, Decimal]] = []
        left = MINUTES_A_DAY
        for band in self.bands:
            own = sum(max(0, min(end, to) - max(first, start)) for start, to in band.minutes())
            if own:
                shares.append((band, Decimal(own) / MINUTES_A_DAY))
                left -= own
        if left:
            shares.insert(0, (self, Decimal(left) / MINUTES_A_DAY))
        return shares


def _minute(value: time) -> int:
    return value.hour * 60 + value.minute
