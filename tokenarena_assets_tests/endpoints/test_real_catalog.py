"""The catalog of real endpoints: whole, reachable by some adapter or said not to be, and priced as its sources say."""

from __future__ import annotations

import csv
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tokenarena_assets.endpoints import Catalog, Endpoint, load_catalog
from tokenarena_assets.endpoints.placeholders import names_in
from tokenarena_assets.pricing import Rate

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "catalogs" / "real_endpoints.yaml"
PRICES = ROOT.parent / "shared" / "data"
KINDS = ("input", "cached_input", "output")
needs_prices = pytest.mark.skipif(not PRICES.is_dir(), reason="the price tables are not here")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(CATALOG)


def rows(name: str) -> dict[str, dict[str, str]]:
    with (PRICES / name).open(encoding="utf-8", newline="") as file:
        return {f"{row['provider']}/{row['model']}@{row['sku']}": row for row in csv.DictReader(file)}


def prices_of(rate: Rate, kinds: tuple[str, ...] = KINDS) -> dict[str, Decimal | None]:
    return {kind: getattr(rate, f"{kind}_usd_per_mtok") for kind in kinds}


def decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def test_it_is_whole(catalog: Catalog) -> None:
    endpoints = catalog.endpoints
    assert len(endpoints) == len(catalog.by_id()) == 195
    assert len({each.provider for each in endpoints}) == 30
    assert len({each.vendor_family for each in endpoints}) == 21
    assert len({each.model for each in endpoints}) == 59


def test_each_says_where_its_price_is_from_and_how_it_is_reached(catalog: Catalog) -> None:
    for each in catalog.endpoints:
        assert each.note is not None
        assert each.note.startswith(("price of 2026-", "price since 2026-"))
        assert each.base_url is not None
        assert each.base_url.startswith("https://")
        assert each.api_key_env
        assert each.price is not None
        assert each.context_tokens
        assert each.max_output_tokens


def test_a_family_is_one_model_in_one_mode(catalog: Catalog) -> None:
    """What is compared is the same weights, asked in the same mode; and one is the reference at most."""
    families: dict[str, list[Endpoint]] = {}
    for each in catalog.endpoints:
        families.setdefault(each.model_family, []).append(each)
    for members in families.values():
        assert len({each.model for each in members}) == 1
        assert len({each.thinks for each in members}) == 1
        assert sum(each.reference for each in members) <= 1
        assert {each.quality_tier for each in members} == {"standard"}
    nonthinking = [each for each in catalog.endpoints if each.sku == "intl-nonthinking"]
    assert [each.extra_body for each in nonthinking] == [{"enable_thinking": False}] * 2
    assert all(each.model_family.endswith("-nonthinking") for each in nonthinking)


def test_accounts_are_placeholders(catalog: Catalog) -> None:
    needed = {each.provider: set(names_in(each.base_url)) for each in catalog.endpoints if names_in(each.base_url)}
    assert needed == {
        "google-vertex": {"GOOGLE_VERTEX_PROJECT"},
        "azure": {"AZURE_RESOURCE_NAME"},
        "amazon-bedrock": {"AWS_REGION"},
        "cloudflare-workers-ai": {"CLOUDFLARE_ACCOUNT_ID"},
    }


def test_what_cannot_be_probed_is_listed_with_its_price(catalog: Catalog) -> None:
    never = [each for each in catalog.endpoints if each.cannot_probe is not None]
    assert {each.provider for each in never} == {"amazon-bedrock", "google-vertex"}
    assert len(never) == 11
    assert not any(each.reference for each in never)


@needs_prices
def test_prices_are_those_of_the_table_to_the_last_digit(catalog: Catalog) -> None:
    table, extra, history = (
        rows("endpoints_catalog.csv"),
        rows("endpoints_price_extra.csv"),
        PRICES / "price_history_seed.csv",
    )
    with history.open(encoding="utf-8", newline="") as file:
        newer = {
            f"{row['provider']}/{row['model']}@{row['sku']}": row
            for row in csv.DictReader(file)
            if not row["valid_to"] and row["valid_from"] > "2026-07-01"
        }
    assert set(newer) == {"deepseek/deepseek-v4-flash@standard", "deepseek/deepseek-v4-pro@standard"}
    assert set(catalog.by_id()) == set(table)
    for name, each in catalog.by_id().items():
        assert each.price is not None
        source, more = newer.get(name, table[name]), extra[name]
        assert prices_of(each.price) == {kind: decimal(source[f"price_{kind}_usd_per_mtok"]) for kind in KINDS}, name
        assert each.price.cache_write_usd_per_mtok == decimal(more["cache_write_usd_per_mtok"]), name
        assert each.price.reasoning_output_usd_per_mtok == decimal(more["reasoning_usd_per_mtok"]), name
        threshold = more["long_context_threshold_tokens"]
        assert [tier.above_input_tokens for tier in each.price.tiers] == ([int(threshold)] if threshold else []), name
        for tier in each.price.tiers:
            assert prices_of(tier) == {kind: decimal(more[f"long_price_{kind}_usd_per_mtok"]) for kind in KINDS}, name
        assert each.context_tokens == int(table[name]["context_window_tokens"])
        assert each.max_output_tokens == int(table[name]["max_output_tokens"])
        assert (each.quantization or "") == table[name]["quantization"]
        assert each.request_model.removeprefix("google/") == table[name]["provider_model_id"].removeprefix("google/")


def test_deepseek_costs_twice_as_much_in_its_peak_hours(catalog: Catalog) -> None:
    """Peak hours and prices of DeepSeek V4 Pro as its pricing page has them: 1.32 and 3.96, off-peak 0.66 and 1.98."""
    price = catalog.by_id()["deepseek/deepseek-v4-pro@standard"].price
    assert price is not None
    assert prices_of(price, ("input", "output")) == {"input": Decimal("0.66"), "output": Decimal("1.98")}
    for band in price.bands:
        assert prices_of(band) == {
            "input": Decimal("1.32"),
            "cached_input": Decimal("0.044"),
            "output": Decimal("3.96"),
        }
    monday, sunday = 0, 6
    assert [minutes for _, minutes in price.shares_of_day(sunday)] == [24 * 60]
    assert sum(minutes for rate, minutes in price.shares_of_day(monday) if rate is not price) == 7 * 60


@needs_prices
def test_it_is_what_the_script_writes(tmp_path: Path) -> None:
    script, written = ROOT / "scripts" / "make_real_catalog.py", tmp_path / "real.yaml"
    subprocess.run([sys.executable, str(script), "--prices", str(PRICES), "--to", str(written)], check=True)
    assert written.read_text(encoding="utf-8") == CATALOG.read_text(encoding="utf-8")
