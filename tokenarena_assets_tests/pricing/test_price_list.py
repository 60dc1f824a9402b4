"""Price lists: which price a request meets, costs by hand, bounds, one text for equal prices."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tokenarena_assets.pricing import Band, ListPrice, Rate, Tier
from tokenarena_assets.pricing.price_list import MINUTES_A_WEEK, minute_of_week, price_of_json

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def band(start: str, end: str, price: str = "2", **given: object) -> dict[str, object]:
    return {"from_utc": start, "to_utc": end, "input_usd_per_mtok": price, "output_usd_per_mtok": price, **given}


def listed(**given: object) -> ListPrice:
    return ListPrice.model_validate({"input_usd_per_mtok": "1", "output_usd_per_mtok": "3", **given})


NIGHT = listed(bands=[band("22:00", "02:00", weekdays=["mon", "sun"])])


@pytest.mark.parametrize(
    ("hours", "price"),
    [
        (0, 2),  # the band of Sunday still holds
        (2, 1),
        (21.99, 1),
        (22, 2),
        (24 + 1.99, 2),  # Tuesday night belongs to Monday's band
        (24 + 2, 1),
        (24 + 22, 1),  # Tuesday has none
        (6 * 24 + 23, 2),  # Sunday, over the end of the week
    ],
)
def test_a_band_over_midnight_belongs_to_the_day_on_which_it_begins(hours: float, price: int) -> None:
    assert NIGHT.at(MONDAY + timedelta(hours=hours)).input_usd_per_mtok == price


def test_a_moment_is_told_in_utc() -> None:
    there = datetime(2026, 11, 23, 6, 0, tzinfo=timezone(timedelta(hours=8)))  # 22:00 UTC of Sunday
    assert minute_of_week(there) == MINUTES_A_WEEK - 120
    assert minute_of_week(MONDAY.replace(tzinfo=None)) == 0


def test_the_stretches_of_a_week_have_no_gap_and_agree_with_each_minute() -> None:
    price = listed(bands=[band("01:00", "04:00"), band("22:30", "00:15", "5", weekdays=["fri", "sun"])])
    stretches = price.stretches()
    assert stretches[0][0] == 0
    assert stretches[-1][1] == MINUTES_A_WEEK
    assert all(before[1] == after[0] for before, after in pairwise(stretches))
    for first, end, met in stretches:
        for minute in (first, end - 1):
            assert price.at(MONDAY + timedelta(minutes=minute)) is met


def test_the_shares_of_a_day_are_minutes() -> None:
    price = listed(bands=[band("01:00", "04:00"), band("06:00", "10:00")])
    assert [minutes for _, minutes in price.shares_of_day(0)] == [17 * 60, 180, 240]
    assert [(met.input_usd_per_mtok, minutes) for met, minutes in price.shares_of_day(0, [3, 4])] == [(1, 60), (2, 60)]
    assert NIGHT.shares_of_day(2) == [(NIGHT, 24 * 60)]


@pytest.mark.parametrize(
    ("size", "price"), [(0, 1), (200_000, 1), (200_001, 2), (272_000, 2), (272_001, 4), (10**9, 4)]
)
def test_exactly_the_threshold_is_still_below(size: int, price: int) -> None:
    tiers = [
        {"above_input_tokens": 200_000, "input_usd_per_mtok": 2, "output_usd_per_mtok": 6},
        {"above_input_tokens": 272_000, "input_usd_per_mtok": 4, "output_usd_per_mtok": 9},
    ]
    assert listed(tiers=tiers).rate_of_size(size).input_usd_per_mtok == price


def test_cost_of_every_kind_of_token_by_hand() -> None:
    rate = Rate(
        input_usd_per_mtok=Decimal(3),
        cached_input_usd_per_mtok=Decimal("0.3"),
        cache_write_usd_per_mtok=Decimal("3.75"),
        output_usd_per_mtok=Decimal(15),
        reasoning_output_usd_per_mtok=Decimal(20),
    )
    cost = rate.cost_usd(1000, 100, cached_tokens=500, cache_write_tokens=200, reasoning_tokens=40)
    assert cost == Decimal("0.0035")  # 300 x 3 + 500 x 0.3 + 200 x 3.75 + 60 x 15 + 40 x 20 = 3,500 millionths


def test_what_is_not_published_is_charged_as_its_whole() -> None:
    rate = Rate(input_usd_per_mtok=Decimal(2), output_usd_per_mtok=Decimal(8))
    parts = {"cached_tokens": 50, "cache_write_tokens": 50, "reasoning_tokens": 9}
    assert rate.cost_usd(100, 10, **parts) == rate.cost_usd(100, 10) == Decimal("0.00028")
    free = rate.model_copy(update={"cached_input_usd_per_mtok": Decimal(0)})
    assert free.cost_usd(100, 10, cached_tokens=100) == Decimal("0.00008")


@EXAMPLES
@given(
    size=st.integers(0, 400_000),
    at_most=st.integers(0, 400_000),
    minute=st.integers(0, MINUTES_A_WEEK - 1),
    output=st.integers(0, 5000),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
)
def test_the_dearest_rate_is_never_passed(
    size: int, at_most: int, minute: int, output: int, shares: tuple[float, float, float]
) -> None:
    tier = {
        "above_input_tokens": 1000,
        "input_usd_per_mtok": 2,
        "output_usd_per_mtok": 6,
        "cache_write_usd_per_mtok": 9,
    }
    price = listed(
        cached_input_usd_per_mtok="1.5",  # dearer than input: it happens in real lists
        reasoning_output_usd_per_mtok=7,
        tiers=[tier],
        bands=[band("01:00", "04:00", "3", tiers=[tier | {"input_usd_per_mtok": 5}])],
    )
    size = min(size, at_most)
    cached, written = int(size * shares[0]), int(size * (1 - shares[0]) * shares[1])
    parts = {"cached_tokens": cached, "cache_write_tokens": written, "reasoning_tokens": int(output * shares[2])}
    paid = price.rate(MONDAY + timedelta(minutes=minute), size).cost_usd(size, output, **parts)
    assert paid <= price.dearest(at_most).cost_usd(size, output)


def test_equal_prices_have_one_text_however_they_were_written() -> None:
    one = listed(output_usd_per_mtok="3.00", bands=[band("06:00", "10:00"), band("01:00", "04:00")])
    other = listed(input_usd_per_mtok=1, bands=[band("01:00", "04:00"), band("06:00", "10:00")], tiers=[])
    assert one.canonical_json() == other.canonical_json()
    assert price_of_json(one.canonical_json()) == one
    assert listed().canonical_json() == '{"input_usd_per_mtok":"1","output_usd_per_mtok":"3"}'
    assert listed(cached_input_usd_per_mtok=0).canonical_json() != listed().canonical_json()  # free is not unknown


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"input_usd_per_mtok": -1}, "greater than or equal to 0"),
        ({"tiers": [{"above_input_tokens": 5, "input_usd_per_mtok": 1, "output_usd_per_mtok": 1}] * 2}, "must rise"),
        ({"bands": [band("01:00", "04:00"), band("03:59", "05:00")]}, "overlap"),
        ({"bands": [band("22:00", "02:00", weekdays=["sun"]), band("00:00", "01:00", weekdays=["mon"])]}, "overlap"),
        ({"bands": [band("01:00", "01:00")]}, "covers no time"),
        ({"bands": [band("01:00:30", "02:00")]}, "whole minutes"),
        ({"price": 1}, "Extra inputs"),
    ],
)
def test_nonsense_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        listed(**given)


def test_labels_name_the_weekdays_where_they_are_not_all() -> None:
    prices = {"input_usd_per_mtok": Decimal(1), "output_usd_per_mtok": Decimal(1)}
    assert Band(from_utc=time(1), to_utc=time(4), **prices).label == "01:00-04:00 UTC"
    assert NIGHT.bands[0].label == "22:00-02:00 UTC mon sun"
    assert Tier(above_input_tokens=1, **prices).is_free is False
