"""What a workload pays per million tokens at a price with tiers, bands, cached, written and reasoning tokens."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tokenarena_assets.pricing.blended import Number, decimal_of
from tokenarena_assets.pricing.price_list import ListPrice, Rate, Tier


@dataclass(frozen=True, slots=True)
class Workload:
    """A mix of tokens: `input_ratio` to `output_ratio`, in requests of `request_input_tokens` each.

    Shares are of input tokens (read from cache, written to it) and of output tokens (reasoning), 0 to 1.
    `output_multiplier` is how many times the usual output an endpoint makes (1: as many as the others).
    """

    input_ratio: int
    output_ratio: int
    request_input_tokens: int
    cached_share: Number = 0
    cache_write_share: Number = 0
    reasoning_share: Number = 0
    output_multiplier: Number = 1
    hours_utc: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class WorkloadPrice:
    """USD per million tokens, and which of the list's prices it is of."""

    usd_per_mtok: Decimal
    above_input_tokens: int | None  # the tier that a request reaches; None: the base price
    n_bands: int  # prices of different hours that it is a mean of


def workload_price(price: ListPrice, workload: Workload, day: date | None = None) -> WorkloadPrice:
    """The blend of `price` for `workload` on a UTC day (its weekday tells the bands; None: a Monday).

    blend = (i ((1 - h - w) P_in + h P_cached + w P_write) + o m ((1 - r) P_out + r P_reasoning)) / (i + o), each P of
    the tier that a request of `request_input_tokens` reaches (a cliff: it holds for all of its tokens), and the mean
    over the minutes of the day's bands. A price that is not published is the input's, or the output's. Division is the
    last step.

    Raises:
        ValueError: a share outside 0..1, shares of input over 1 together, or a ratio without tokens.
    """
    cached, written, thought, wordy = (
        decimal_of(value)
        for value in (
            workload.cached_share,
            workload.cache_write_share,
            workload.reasoning_share,
            workload.output_multiplier,
        )
    )
    shares = {"cached_share": cached, "cache_write_share": written, "reasoning_share": thought}
    for name, share in (shares | {"cached_share + cache_write_share": cached + written}).items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} must be in 0..1, got {share}")
    if wordy < 0:
        raise ValueError(f"output_multiplier must not be negative, got {wordy}")
    met = price.shares_of_day(0 if day is None else day.weekday(), workload.hours_utc)
    total, minutes, reached = Decimal(0), 0, None
    for prices, own in met:
        rate = prices.rate_of_size(workload.request_input_tokens)
        reached = rate.above_input_tokens if isinstance(rate, Tier) else reached
        total += own * _tokens_usd(rate, workload, cached, written, thought, wordy)
        minutes += own
    ratio = workload.input_ratio + workload.output_ratio
    if min(workload.input_ratio, workload.output_ratio) < 0 or ratio == 0:
        raise ValueError(
            f"ratio must be of two counts, not both zero, got {workload.input_ratio, workload.output_ratio}"
        )
    return WorkloadPrice(total / (minutes * ratio), reached, len(met))


def _tokens_usd(
    rate: Rate, workload: Workload, cached: Decimal, written: Decimal, thought: Decimal, wordy: Decimal
) -> Decimal:
    """What `input_ratio` and `output_ratio` million tokens cost at one rate, USD."""
    given = (
        (1 - cached - written) * rate.input_usd_per_mtok
        + cached * rate.charged("cached_input_usd_per_mtok")
        + written * rate.charged("cache_write_usd_per_mtok")
    )
    made = (1 - thought) * rate.output_usd_per_mtok + thought * rate.charged("reasoning_output_usd_per_mtok")
    return workload.input_ratio * given + workload.output_ratio * wordy * made
