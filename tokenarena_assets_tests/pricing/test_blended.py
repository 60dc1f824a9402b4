"""Blended prices to the last digit, against hand computation and exact rationals."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.pricing import blended_price

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=100)
PRICES = st.decimals(min_value=0, max_value=1000, places=6)


def test_chat_is_three_to_one() -> None:
    assert blended_price("0.10", "0.32") == Decimal("0.155")
    assert blended_price("0.10", "0.32", (3, 1)) == Decimal("0.155")


def test_rag_with_half_of_the_input_cached() -> None:
    # (10 * 3 + 10 * 0.3 + 15) / 21 = 48 / 21
    got = blended_price(3, 15, (20, 1), cached_input_usd_per_mtok="0.3", cached_share="0.5")
    assert got == Decimal(48) / 21 == Decimal("2.285714285714285714285714286")


def test_reasoning_is_one_to_five() -> None:
    assert blended_price("0.10", "0.32", (1, 5)) == Decimal("0.2833333333333333333333333333")


@pytest.mark.parametrize(
    ("price_in", "price_out", "blend"),
    # gpt-oss-120b at 3:1 as Artificial Analysis published it (0.10, 0.16, 0.20 after rounding)
    [("0.05", "0.25", "0.1"), ("0.09", "0.36", "0.1575"), ("0.1", "0.5", "0.2")],
)
def test_published_blends(price_in: str, price_out: str, blend: str) -> None:
    assert blended_price(price_in, price_out) == Decimal(blend)


def test_floats_are_taken_as_they_are_written() -> None:
    assert blended_price(0.1, 0.32) == Decimal("0.155")
    assert blended_price(0.1, 0.7, (20, 1), 0.01, 0.1) == blended_price("0.1", "0.7", (20, 1), "0.01", "0.1")
    assert isinstance(blended_price(0.1, 0.2), Decimal)


def test_unknown_cached_price_is_the_full_input_price() -> None:
    assert blended_price(2, 8, (20, 1), None, "0.9") == blended_price(2, 8, (20, 1))
    assert blended_price(2, 8, (20, 1), 0, "0.9") < blended_price(2, 8, (20, 1))  # free is not unknown


def test_all_input_cached() -> None:
    assert blended_price(2, 8, (3, 1), "0.5", 1) == Decimal("2.375")


def test_output_alone_and_input_alone() -> None:
    assert blended_price(2, 8, (0, 1)) == 8
    assert blended_price(2, 8, (1, 0)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-0.1", 1), "negative"),
        ((1, "-0.1"), "negative"),
        ((1, 1, (3, 1), "-1", 0), "negative"),
        ((1, 1, (3, 1), 1, "1.01"), "cached_share"),
        ((1, 1, (3, 1), 1, "-0.01"), "cached_share"),
        ((1, 1, (0, 0)), "ratio"),
        ((1, 1, (-1, 2)), "ratio"),
    ],
)
def test_nonsense_is_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        blended_price(*arguments)


@EXAMPLES
@given(
    price_in=PRICES,
    price_out=PRICES,
    cached=st.none() | PRICES,
    share=st.decimals(min_value=0, max_value=1, places=3),
    ratio=st.tuples(st.integers(0, 100), st.integers(1, 100)),
)
def test_only_the_division_rounds(
    price_in: Decimal, price_out: Decimal, cached: Decimal | None, share: Decimal, ratio: tuple[int, int]
) -> None:
    got = blended_price(price_in, price_out, ratio, cached, share)
    charged = price_in if cached is None else cached
    effective_input = (1 - Fraction(share)) * Fraction(price_in) + Fraction(share) * Fraction(charged)
    exact = (ratio[0] * effective_input + ratio[1] * Fraction(price_out)) / sum(ratio)
    assert got == Context(prec=28).divide(Decimal(exact.numerator), Decimal(exact.denominator))
    known = [price_in, price_out, charged]
    assert min(known) - Decimal("1e-20") <= got <= max(known) + Decimal("1e-20")
    assert blended_price(price_in, price_out, (2 * ratio[0], 2 * ratio[1]), cached, share) == got
