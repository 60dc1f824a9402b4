"""Blended price of an input:output mix from list prices."""

from __future__ import annotations

from decimal import Decimal

Number = Decimal | int | str | float


def decimal_of(value: Number) -> Decimal:
    """A number as it is written: the float 0.1 is one tenth."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def blended_price(
    input_usd_per_mtok: Number,
    output_usd_per_mtok: Number,
    ratio: tuple[int, int] = (3, 1),
    cached_input_usd_per_mtok: Number | None = None,
    cached_share: Number = 0,
) -> Decimal:
    """USD per million tokens of a workload with `ratio` input to output tokens.

    blend = (i P_in(h) + o P_out) / (i + o), P_in(h) = (1 - h) P_in + h P_cached, with P_cached = P_in where no cached
    price is published. Division is the last step, so that nothing is rounded before it.

    Raises:
        ValueError: a negative price, a share outside 0..1, or a ratio without tokens.
    """
    price_in, price_out, share = (
        decimal_of(input_usd_per_mtok),
        decimal_of(output_usd_per_mtok),
        decimal_of(cached_share),
    )
    cached = price_in if cached_input_usd_per_mtok is None else decimal_of(cached_input_usd_per_mtok)
    tokens_in, tokens_out = ratio
    if min(price_in, price_out, cached) < 0:
        raise ValueError("prices must not be negative")
    if not 0 <= share <= 1:
        raise ValueError(f"cached_share must be in 0..1, got {share}")
    if min(ratio) < 0 or sum(ratio) == 0:
        raise ValueError(f"ratio must be of two counts, not both zero, got {ratio}")
    effective_input = (1 - share) * price_in + share * cached
    return (tokens_in * effective_input + tokens_out * price_out) / (tokens_in + tokens_out)
