"""genai-prices behind its adapter: the contract with the wheel, exact ids, and its known traps."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot

from tokenarena_assets.pricing.facts import price_list
from tokenarena_assets.pricing.feeds.genai import GenaiPricesFeed, parse_genai, snapshot_models
from tokenarena_assets.pricing.observation import ProblemError, Stated, Wanted

TODAY = date(2026, 11, 23)
WANTED = [Wanted(each.endpoint_id, each.genai_prices_id) for each in price_list()]


def stated(key: str, day: date = TODAY) -> dict[str, Stated]:
    return {each.service_tier: each for each in parse_genai(snapshot_models()[key], Wanted("p/m@a", key), day)}


def test_the_wheel_still_has_what_the_adapter_reads() -> None:
    """`get_snapshot` is no part of the package's `__all__`: a new version may move it."""
    models = snapshot_models()
    assert len(models) > 2000
    kinds = {kind for model in models.values() for each in model["prices"] for kind in each["prices"]}
    assert {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "output_reasoning_mtok"} <= kinds
    whens = {pair for m in models.values() for v in m["price_variants"] for pair in v["when"].items()}
    assert {("processing", "batch"), ("service_tier", "flex"), ("service_tier", "priority")} <= whens


def test_every_listed_id_is_there_and_is_read() -> None:
    fetched = GenaiPricesFeed().fetch(WANTED)
    assert len(fetched.entries) == sum(each.genai_prices_id is not None for each in WANTED) == 106
    for entry in fetched.entries:
        prices = parse_genai(entry.raw, Wanted(entry.endpoint_id, entry.key), TODAY)
        assert prices[0].service_tier == "standard"
        assert prices[0].price.input_usd_per_mtok > 0


@pytest.mark.parametrize("key", ["anthropic:claude-opus-4-8-foo", "claude-opus-4-8", "Anthropic:claude-opus-4-8", None])
def test_ids_are_matched_exactly(key: str | None) -> None:
    assert GenaiPricesFeed().fetch([Wanted("p/m@a", key)]).entries == ()
    assert "anthropic:claude-opus-4-8" in snapshot_models()


def test_it_costs_what_the_package_says_it_costs() -> None:
    """The package itself as oracle, over every listed endpoint without prices of hours, below and above all tiers."""
    moment = datetime(2026, 11, 23, 12, tzinfo=UTC)
    providers = get_snapshot().providers
    found = {f"{provider.id}:{model.id}": (provider, model) for provider in providers for model in provider.models}
    checked = 0
    for key in filter(None, (each.genai_prices_id for each in WANTED)):
        provider, model = found[key]
        price = stated(key)["standard"].price
        for size, cached in ((1000, 0), (1000, 400), (300_000, 0), (300_000, 299_000)):
            if cached and price.cached_input_usd_per_mtok is None:
                continue
            usage = Usage(input_tokens=size, output_tokens=500, cache_read_tokens=cached)
            oracle = model.calc_price(usage, provider, genai_request_timestamp=moment)
            assert price.rate(moment, size).cost_usd(size, 500, cached_tokens=cached) == oracle.total_price, key
            checked += 1
    assert checked > 300


def test_prices_of_hours_are_bands_and_since_when_they_hold_is_not_told() -> None:
    now = stated("deepseek:deepseek-v4-pro")["standard"]
    assert now.effective_from is None
    assert [(band.label, band.output_usd_per_mtok) for band in now.price.bands] == [
        ("01:00-04:00 UTC", Decimal("3.96")),
        ("06:00-10:00 UTC", Decimal("3.96")),
    ]
    assert now.price.output_usd_per_mtok == Decimal("1.98")


def test_a_price_that_begins_later_is_not_in_force_yet() -> None:
    raw = {
        "prices": [
            {"constraint": None, "prices": {"input_mtok": "1", "output_mtok": "3"}},
            {"constraint": {"start_date": "2027-01-01"}, "prices": {"input_mtok": "2", "output_mtok": "6"}},
        ]
    }
    (before,) = parse_genai(raw, Wanted("p/m@a"), date(2026, 12, 31))
    (after,) = parse_genai(raw, Wanted("p/m@a"), date(2027, 1, 1))
    assert (before.price.input_usd_per_mtok, before.effective_from) == (1, None)
    assert (after.price.input_usd_per_mtok, after.effective_from) == (2, date(2027, 1, 1))


def test_a_lasting_price_after_hours_ends_them() -> None:
    hours = {
        "constraint": {"start_time": "01:00", "end_time": "04:00"},
        "prices": {"input_mtok": "9", "output_mtok": "9"},
    }
    later = {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": "2", "output_mtok": "6"}}
    base = {"constraint": None, "prices": {"input_mtok": "1", "output_mtok": "3"}}
    (found,) = parse_genai({"prices": [base, hours, later]}, Wanted("p/m@a"), TODAY)
    assert (found.price.bands, found.price.input_usd_per_mtok) == ((), 2)


def test_batch_flex_and_priority_are_their_own_and_begin_when_they_do() -> None:
    found = stated("openai:gpt-5.4")
    assert set(found) == {"standard", "batch", "flex", "priority"}
    assert found["standard"].price.tiers[0].above_input_tokens == 272_000
    assert found["batch"].price.input_usd_per_mtok == Decimal("1.25")
    assert found["batch"].price.tiers[0].output_usd_per_mtok == Decimal("11.25")
    assert (found["priority"].price.output_usd_per_mtok, found["priority"].price.tiers) == (30, ())
    assert set(stated("openai:gpt-5.4", date(2026, 10, 11))) == {"standard"}


def test_an_entry_without_a_price_is_a_problem() -> None:
    with pytest.raises(ProblemError, match="bad_price: output_usd_per_mtok"):
        parse_genai({"prices": [{"constraint": None, "prices": {"input_mtok": "1"}}]}, Wanted("p/m@a"), TODAY)
    with pytest.raises(ProblemError, match="no_price"):
        parse_genai({"prices": []}, Wanted("p/m@a"), TODAY)
