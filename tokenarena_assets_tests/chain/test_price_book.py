"""Observations of days -> runs -> the tables of the price book; what rounds pay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tokenarena_assets.chain.observe import observations, record_looks, wanted_endpoints
from tokenarena_assets.chain.price_book import PriceDay, price_day, read_observations, runs_of
from tokenarena_assets.chain.price_tables import PRICE_BOOK, PRICE_OBSERVATION, ROUND_PRICES
from tokenarena_assets.chain.round_prices import round_prices
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.pricing import ListPrice, price_as_of
from tokenarena_assets.pricing.feeds import Entry, Fetched, PriceFeed, configured_feeds
from tokenarena_assets.pricing.observation import Wanted
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets_tests.sql_models.frames import DAY, Row, catalog_row, frame

MARKET = 195


def on(day: int) -> date:
    return DAY + timedelta(days=day)


def text(price_in: str, price_out: str) -> str:
    return ListPrice(input_usd_per_mtok=Decimal(price_in), output_usd_per_mtok=Decimal(price_out)).canonical_json()


def seen(*rows: tuple[int, str, str, str | None], hour: int = 1) -> pl.DataFrame:
    """Observations of (day, endpoint, feed, price); without a price the entry is a problem."""
    made = [
        {
            "day": on(day),
            "observation_id": f"{number:04}",
            "endpoint_id": name,
            "service_tier": "standard" if price else None,
            "feed": feed,
            "observed_at": datetime(2026, 11, 23, hour, tzinfo=UTC) + timedelta(days=day, seconds=number),
            "price_json": price,
            "problem": None if price else "no_price: none",
            "raw_file": "f",
            "raw_line": number,
            "is_probed": False,
            "is_embedded": False,
        }
        for number, (day, name, feed, price) in enumerate(rows)
    ]
    return frame("price_observation", made)


def test_a_feed_that_says_the_same_is_one_run_and_a_gap_between_looks_ends_none() -> None:
    a, b = text("1", "3"), text("2", "3")
    rows = [(day, "p/m@a", "litellm", a) for day in (0, 1, 5)] + [(6, "p/m@a", "litellm", b)]
    runs, looks = runs_of(seen(*rows))
    assert [(run.first, run.gone_on, run.price_json) for run in runs] == [(on(0), on(6), a), (on(6), None, b)]
    assert looks == {"litellm": [on(0), on(1), on(5), on(6)]}


def test_a_look_without_the_endpoint_ends_its_run_and_one_that_was_no_price_does_not() -> None:
    a, b = text("1", "3"), text("2", "3")
    runs, _ = runs_of(
        seen(
            (0, "p/m@a", "litellm", a),
            (0, "p/m@b", "litellm", b),
            (1, "p/m@b", "litellm", None),
            (2, "p/m@a", "litellm", a),
            (2, "p/m@b", "litellm", b),
        )
    )
    assert [(run.endpoint_id, run.first, run.gone_on) for run in runs] == [
        ("p/m@a", on(0), on(1)),
        ("p/m@a", on(2), None),
        ("p/m@b", on(0), None),
    ]


def test_of_several_looks_on_one_day_the_last_counts() -> None:
    rows = [(0, "p/m@a", "litellm", text(price, "3")) for price in ("1", "2", "1.5")]
    (run,), _ = runs_of(seen(*rows))
    assert run.price_json == text("1.5", "3")


def verdicts(made: PriceDay) -> list[tuple[str, str]]:
    return sorted((row["observation_id"], row["verdict"]) for row in made.verdicts.iter_rows(named=True))


def test_each_observation_of_the_day_has_one_verdict() -> None:
    history = [(-1, "p/m@a", "litellm", text("1", "3")), (-1, "p/m@b", "litellm", text("1", "3"))]
    today = [
        (0, "p/m@a", "litellm", text("1.1", "3")),  # looked at again later
        (0, "p/m@a", "litellm", text("1", "3")),
        (0, "p/m@a", "genai-prices", text("1", "3")),
        (0, "p/m@b", "litellm", text("9", "3")),
        (0, "p/m@c", "litellm", None),
    ]
    made = price_day(DAY, seen(*history, *today))
    assert verdicts(made) == [
        ("0002", "superseded"),
        ("0003", "superseded"),
        ("0004", "used"),
        ("0005", "quarantined"),
        ("0006", "quarantined"),
    ]
    book = made.book.filter(pl.col("endpoint_id").str.starts_with("p/m@"), pl.col("valid_to").is_null())
    assert made.book.schema == PRICE_BOOK.polars_schema
    row = price_as_of(made.book, "p/m@b", DAY)
    assert row is not None
    assert (row["input_usd_per_mtok"], row["valid_from"]) == (1, on(-1))
    assert dict(book.select("endpoint_id", "n_feeds").iter_rows()) == {
        "p/m@a": 2,
        "p/m@b": 0,
    }  # nobody says b's any more


def test_without_any_evidence_the_market_is_there() -> None:
    made = price_day(DAY, seen())
    in_force = made.book.filter(pl.col("valid_to").is_null(), pl.col("band").is_null(), min_input_tokens=0)
    assert in_force["endpoint_id"].n_unique() == in_force.height == MARKET
    assert in_force["is_market"].all()
    assert not made.book["is_probed"].any()


def test_a_book_as_of_a_day_answers_by_day_size_and_hour() -> None:
    book = price_day(DAY, seen()).book
    deepseek = "deepseek/deepseek-v4-pro@standard"

    def price(name: str, day: date, **given: Any) -> Decimal | None:
        row = price_as_of(book, name, day, **given)
        return None if row is None else row["input_usd_per_mtok"]

    assert price(deepseek, date(2026, 5, 23)) == Decimal("1.74")
    assert price(deepseek, date(2026, 5, 24)) == Decimal("0.435")
    assert price(deepseek, date(2026, 8, 16)) == Decimal("0.435")
    assert price(deepseek, date(2026, 8, 17)) == Decimal("0.66")
    night = datetime(2026, 9, 1, 2, 0, tzinfo=UTC)
    assert price(deepseek, night.date(), moment=night) == Decimal("1.32")
    # a price of hours does not reach back before it was in force
    assert price(deepseek, date(2026, 7, 1), moment=datetime(2026, 7, 1, 2, tzinfo=UTC)) == Decimal("0.435")
    sizes = {n: price("openai/gpt-5.4@standard", DAY, input_tokens=n) for n in (0, 272_000, 272_001)}
    assert sizes == {0: Decimal("2.5"), 272_000: Decimal("2.5"), 272_001: Decimal(5)}
    assert price(deepseek, date(2020, 1, 1)) is None
    assert price("p/m@nobody", DAY) is None


def lake_of(tmp_path: Path, *rows: tuple[int, str, str, str | None]) -> ParquetLake:
    lake, whole = ParquetLake(tmp_path / "lake"), seen(*rows)
    for day in sorted(set(whole["day"])):
        lake.write("price_observation", day, whole.filter(pl.col("day") == day))
    return lake


def test_the_book_of_a_day_does_not_know_what_came_later(tmp_path: Path) -> None:
    rows = [(day, "p/m@a", "litellm", text("1" if day < 3 else "2", "3")) for day in range(6)]
    lake = lake_of(tmp_path, *rows)
    alone = price_day(on(2), read_observations(lake, on(2)))
    from_all = price_day(on(2), read_observations(lake, on(5)))
    for name in ("book", "quarantine", "verdicts"):
        assert getattr(alone, name).equals(getattr(from_all, name)), name
    assert alone.book.filter(endpoint_id="p/m@a")["valid_to"].to_list() == [None]


class _Feed:
    name = "litellm"

    def __init__(self, raw: dict[str, Any] | None) -> None:
        self.raw = raw

    def fetch(self, wanted: Sequence[Wanted]) -> Fetched:
        if self.raw is None:
            raise TokenArenaError("it is down")
        return Fetched(self.name, "v", (Entry(wanted[0].endpoint_id, "key", self.raw),))


AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def observed(home: Home, catalog: Sequence[Row] = (), day: date = DAY) -> pl.DataFrame:
    table = observations(home, day, frame("catalog_log", catalog, day))
    assert table.schema == PRICE_OBSERVATION.polars_schema
    return table


def test_the_feeds_inside_the_package_say_what_the_market_charges(tmp_path: Path) -> None:
    home = Home(tmp_path)
    feeds: list[PriceFeed] = configured_feeds("")
    catalog = frame("catalog_log", [])
    assert all("failed" not in said for said in record_looks(home, AT, feeds, wanted_endpoints(catalog)).values())
    table = observed(home)
    assert table["problem"].null_count() == table.height
    assert dict(table.filter(service_tier="standard").group_by("feed").len().iter_rows()) == {
        "shipped": MARKET,
        "genai-prices": 106,
    }
    assert table["is_market"].all()
    assert observed(home, day=on(-1)).is_empty()  # another day has what was looked at on it
    made = price_day(DAY, table)
    in_force = made.book.filter(pl.col("valid_to").is_null(), service_tier="standard", min_input_tokens=0)
    assert in_force.filter(pl.col("band").is_null()).height == MARKET
    assert made.verdicts.height == table.height


def test_a_feed_that_fails_or_cannot_be_read_is_told_and_stops_nobody(tmp_path: Path) -> None:
    home = Home(tmp_path)
    wanted = [Wanted("p/m@a")]
    said = record_looks(home, AT, [_Feed(None)], wanted)
    assert said == {"litellm": "failed: it is down"}
    record_looks(home, AT, [_Feed({"input_cost_per_token": "free"})], wanted)
    rows = observed(home).to_dicts()
    assert sorted((row["endpoint_id"], row["problem"]) for row in rows if row["endpoint_id"]) == [
        ("p/m@a", "bad_price: 'free' is no number")
    ]
    assert [row["problem"] for row in rows if not row["endpoint_id"]] == ["no_look: it is down"]
    assert [verdict for _, verdict in verdicts(price_day(DAY, observed(home)))] == ["quarantined", "quarantined"]


def test_the_catalog_as_rounds_recorded_it_is_a_feed(tmp_path: Path) -> None:
    claims = [
        catalog_row("p/m@a", "r0", 1),
        catalog_row("p/m@a", "r1", 4, input_usd_per_mtok=Decimal("1.5")),
        catalog_row("p/m@b", "r0", 1, input_usd_per_mtok=None, is_embedded=True),
    ]
    table = observed(Home(tmp_path), claims)
    assert table.select("endpoint_id", "feed_version", "is_probed", "is_embedded", "problem").rows() == [
        ("p/m@a", "r0", True, False, None),
        ("p/m@b", "r0", True, True, "no_price: the catalog has none"),
        ("p/m@a", "r1", True, False, None),
    ]
    row = price_as_of(price_day(DAY, table).book, "p/m@a", DAY)
    assert row is not None
    assert (row["input_usd_per_mtok"], row["feed"], row["is_probed"]) == (Decimal("1.5"), "catalog", True)


def test_a_probed_endpoint_is_looked_for_by_the_model_that_is_asked_for() -> None:
    live = catalog_row("groq/llama-guard@x", request_model="openai/gpt-oss-20b")
    catalog = frame("catalog_log", [live, catalog_row("groq/m@e", is_embedded=True)])
    wanted = {each.endpoint_id: each for each in wanted_endpoints(catalog)}
    assert wanted["groq/llama-guard@x"].genai_prices_id == "groq:openai/gpt-oss-20b"
    assert "groq/m@e" not in wanted
    assert len(wanted) == MARKET + 1


@pytest.mark.parametrize(("recorded", "source"), [("1", "round_and_book"), ("1.2", "round"), (None, "book")])
def test_what_a_round_pays_and_whose_price_it_is(recorded: str | None, source: str) -> None:
    book = price_day(DAY, seen((0, "p/m@a", "litellm", text("1", "3")))).book
    price = None if recorded is None else Decimal(recorded)
    claim = catalog_row("p/m@a", input_usd_per_mtok=price, output_usd_per_mtok=None if price is None else Decimal(3))
    table = round_prices(DAY, frame("catalog_log", [claim]), book)
    assert table.schema == ROUND_PRICES.polars_schema
    (row,) = table.to_dicts()
    assert (row["price_source"], row["from_minute"], row["to_minute"]) == (source, 0, 7 * 1440)
    booked = price_as_of(book, "p/m@a", DAY)
    assert booked is not None
    assert (row["price_id"] == booked["price_id"]) == (source != "round")


def test_the_rows_of_a_round_cover_every_minute_and_size_once() -> None:
    tier = {"above_input_tokens": 1000, "input_usd_per_mtok": "2", "output_usd_per_mtok": "6"}
    band = {"from_utc": "22:00", "to_utc": "02:00", "input_usd_per_mtok": "3", "output_usd_per_mtok": "6"}
    price = ListPrice.model_validate(
        {"input_usd_per_mtok": "1", "output_usd_per_mtok": "3", "tiers": [tier], "bands": [band | {"tiers": [tier]}]}
    )
    claim = catalog_row("p/m@a") | {"price_json": price.canonical_json()}
    table = round_prices(DAY, frame("catalog_log", [claim]), frame("price_book", []))
    for minute in (0, 119, 120, 1319, 1320, 10079):
        for size in (0, 1000, 1001, 10**9):
            met = table.filter(
                pl.col("from_minute") <= minute,
                pl.col("to_minute") > minute,
                pl.col("min_input_tokens") <= size,
                pl.col("max_input_tokens").fill_null(10**12) >= size,
            )
            moment = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=minute)
            assert met["input_usd_per_mtok"].to_list() == [price.rate(moment, size).input_usd_per_mtok]
