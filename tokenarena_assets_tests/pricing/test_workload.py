"""Prices of workloads against exact rationals and published figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.pricing import ListPrice, Workload, blended_price, workload_price
from tokenarena_assets.pricing.facts import price_list

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60)
PRICES = {each.endpoint_id: each.price for each in price_list()}
CHAT, RAG = (3, 1, 1500), (20, 1, 20_000)


def blend(endpoint_id: str, *shape: int, **given: object) -> Decimal:
    return workload_price(PRICES[endpoint_id], Workload(*shape, **given)).usd_per_mtok  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("endpoint_id", "published"),
    # Artificial Analysis' 3:1 figures of gpt-oss-120b, stored page: 0.10, 0.16, 0.20
    [
        ("novita-ai/gpt-oss-120b@standard", "0.1"),
        ("google-vertex/gpt-oss-120b@standard", "0.1575"),
        ("baseten/gpt-oss-120b@standard", "0.2"),
    ],
)
def test_published_blends(endpoint_id: str, published: str) -> None:
    assert blend(endpoint_id, *CHAT) == Decimal(published)


@pytest.mark.parametrize(
    ("endpoint_id", "base", "over"),
    [("google/gemini-2.5-pro@standard", "1.667", "3.095"), ("openai/gpt-5.4@standard", "3.095", "5.833")],
)
def test_a_request_over_the_tier_pays_it_for_all_its_tokens(endpoint_id: str, base: str, over: str) -> None:
    threshold = PRICES[endpoint_id].tiers[0].above_input_tokens
    got = [round(blend(endpoint_id, 20, 1, size), 3) for size in (20_000, threshold, threshold + 1)]
    assert got == [Decimal(base), Decimal(base), Decimal(over)]


def test_without_more_it_is_the_plain_blend_to_the_last_digit() -> None:
    for name, price in PRICES.items():
        plain = blended_price(
            price.input_usd_per_mtok, price.output_usd_per_mtok, (20, 1), price.cached_input_usd_per_mtok, "0.5"
        )
        assert blend(name, *RAG, cached_share=0.5) == plain


FULL = ListPrice.model_validate(
    {
        "input_usd_per_mtok": "3",
        "cached_input_usd_per_mtok": "0.3",
        "cache_write_usd_per_mtok": "3.75",
        "output_usd_per_mtok": "15",
        "reasoning_output_usd_per_mtok": "20",
    }
)


def test_every_kind_of_token_by_hand() -> None:
    work = Workload(
        20, 1, 1000, cached_share="0.5", cache_write_share="0.2", reasoning_share="0.4", output_multiplier=2
    )
    # in: 0.3 x 3 + 0.5 x 0.3 + 0.2 x 3.75 = 1.8; out: 2 (0.6 x 15 + 0.4 x 20) = 34; (20 x 1.8 + 34) / 21
    assert workload_price(FULL, work).usd_per_mtok == Decimal(70) / 21


def test_prices_of_hours_count_by_their_share_of_the_day() -> None:
    peak = {"input_usd_per_mtok": "1.32", "output_usd_per_mtok": "3.96"}
    price = ListPrice.model_validate(
        {
            "input_usd_per_mtok": "0.66",
            "output_usd_per_mtok": "1.98",
            "bands": [
                peak | {"from_utc": "01:00", "to_utc": "04:00"},
                peak | {"from_utc": "06:00", "to_utc": "10:00", "weekdays": ["mon", "tue", "wed", "thu", "fri"]},
            ],
        }
    )
    monday, sunday = date(2026, 11, 23), date(2026, 11, 29)
    chat = Workload(*CHAT)
    # off peak (3 x 0.66 + 1.98) / 4 = 0.99; seven hours of 24 at twice that on a weekday, three on a Sunday
    assert workload_price(price, chat, monday).usd_per_mtok == Decimal("0.99") * 31 / 24
    assert workload_price(price, chat, sunday).usd_per_mtok == Decimal("0.99") * 27 / 24
    assert workload_price(price, chat, monday).n_bands == 3
    assert workload_price(price, Workload(*CHAT, hours_utc=(12, 13)), monday).usd_per_mtok == Decimal("0.99")
    assert workload_price(price, Workload(*CHAT, hours_utc=(0, 1)), monday).usd_per_mtok == Decimal("1.485")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cached_share": 1.1}, "cached_share"),
        ({"cached_share": 0.6, "cache_write_share": 0.6}, r"cached_share \+ cache_write_share"),
        ({"reasoning_share": -0.1}, "reasoning_share"),
        ({"output_multiplier": -1}, "output_multiplier"),
    ],
)
def test_shares_outside_of_a_whole_are_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        workload_price(FULL, Workload(*CHAT, **given))  # type: ignore[arg-type]


def test_a_mix_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="ratio"):
        workload_price(FULL, Workload(0, 0, 1))


@EXAMPLES
@given(
    ratio=st.tuples(st.integers(0, 50), st.integers(1, 50)),
    shares=st.tuples(*[st.decimals(0, Decimal("0.5"), places=2)] * 3),
    wordy=st.decimals(Decimal("0.1"), 5, places=2),
)
def test_only_the_division_rounds(ratio: tuple[int, int], shares: tuple[Decimal, ...], wordy: Decimal) -> None:
    got = workload_price(FULL, Workload(*ratio, 1, *shares, wordy)).usd_per_mtok
    h, w, r = map(Fraction, shares)
    given = (1 - h - w) * 3 + h * Fraction("0.3") + w * Fraction("3.75")
    exact = (ratio[0] * given + ratio[1] * Fraction(wordy) * ((1 - r) * 15 + r * 20)) / sum(ratio)
    assert abs(Fraction(got) - exact) <= Fraction(1, 10**25) * max(1, exact)
