"""`tokenarena prices` over a lake with the market's prices and one that is held back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from tokenarena_assets.chain.churn import preset_churn
from tokenarena_assets.chain.price import blend_prices
from tokenarena_assets.chain.price_book import price_day
from tokenarena_assets.cli import app
from tokenarena_assets.endpoints import embedded_presets_path, load_presets
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.pricing import ListPrice
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.pricelog import read_looks, read_releases
from tokenarena_assets_tests.sql_models.frames import DAY, Row, frame

HELD = "groq/gpt-oss-120b@standard"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path / "arena")
    monkeypatch.setenv("TOKENARENA_HOME", str(home.root))
    monkeypatch.delenv("TOKENARENA_PRICE_FEEDS", raising=False)
    monkeypatch.setenv("COLUMNS", "400")
    price = ListPrice(input_usd_per_mtok=Decimal(9), output_usd_per_mtok=Decimal(12)).canonical_json()
    said = {"endpoint_id": HELD, "service_tier": "standard", "feed": "litellm", "price_json": price}
    place = {"observation_id": "o", "raw_file": "f", "raw_line": 1, "observed_at": datetime(2026, 11, 23, tzinfo=UTC)}
    made = price_day(DAY, frame("price_observation", [said | place | {"is_probed": False, "is_embedded": False}]))
    lake = ParquetLake(home.lake)
    lake.write("price_book", DAY, made.book)
    lake.write("price_quarantine", DAY, made.quarantine)
    presets = load_presets(embedded_presets_path())
    blended = blend_prices(DAY, frame("endpoints", []), made.book, frame("requests", []), presets)
    lake.write("blended_prices", DAY, blended)
    lake.write("preset_churn", DAY, preset_churn(DAY, blended, frame("leaderboard", [])))
    return home


def prices(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["prices", *arguments])


def rows(*arguments: str) -> list[Row]:
    done = prices(*arguments, "--json")
    assert done.exit_code == 0, done.output + repr(done.exception)
    found: list[Row] = json.loads(done.output)
    return found


def refused(*arguments: str) -> TokenArenaError:
    error: Any = prices(*arguments).exception
    assert isinstance(error, TokenArenaError)
    return error


def test_list_shows_the_cheapest_first(home: Home) -> None:
    found = rows("list", "--market", "--preset", "rag")
    assert len(found) == 195
    blends = [row["blended_usd_per_mtok"] for row in found]
    assert blends == sorted(blends)
    assert found[0]["endpoint_id"] == "novita-ai/llama-3.1-8b-instruct@standard"
    assert rows("list") == []  # nothing was probed
    assert "requests of 20000 input tokens" in prices("list", "--market", "--preset", "rag").output
    assert "presets are: chat, rag, reasoning" in str(refused("list", "--preset", "x"))


def test_history_and_as_of(home: Home) -> None:
    found = rows("history", "baseten/glm-4.7@standard")
    assert [row["table"] for row in found] == ["price_book", "price_book", "price_quarantine"]
    assert "change_over_3x" in prices("history", "baseten/glm-4.7@standard").output
    (price,) = rows("as-of", "openai/gpt-5.4@standard", "2026-07-01", "--input-tokens", "272001")
    assert (price["input_usd_per_mtok"], price["min_input_tokens"]) == (5, 272_001)
    (night,) = rows("as-of", "deepseek/deepseek-v4-pro@standard", "2026-11-20T01:00")
    assert (night["band"], night["output_usd_per_mtok"]) == ("01:00-04:00 UTC", 3.96)
    assert "had no standard price on 2020-01-01" in str(refused("as-of", HELD, "2020-01-01"))
    assert "is no day or moment" in str(refused("as-of", HELD, "soon"))
    assert "has no 'p/m@x'" in str(refused("history", "p/m@x"))


def test_churn_shows_who_leaves(home: Home) -> None:
    (chat_rag, *_) = [row for row in rows("churn") if row["population"] == "market"]
    assert (chat_rag["preset_a"], chat_rag["preset_b"], chat_rag["n_out"]) == ("chat", "rag", 1)


def test_fetch_appends_evidence_once_a_day(home: Home) -> None:
    first = {row["feed"]: row["result"] for row in rows("fetch")}
    assert first.keys() == {"shipped", "genai-prices"}
    again = {row["feed"]: row["result"] for row in rows("fetch")}
    assert all("as it was recorded before" in result for result in again.values())
    day = datetime.now(UTC).date()
    assert {line.feed for line in read_looks(home, day)} == {"shipped", "genai-prices"}


def test_fetch_tells_of_a_feed_that_fails(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENARENA_PRICE_FEEDS", "models.dev=/nowhere/api.json")
    done = prices("fetch", "--json")
    assert done.exit_code == 1
    assert "cannot be read" in {row["feed"]: row["result"] for row in json.loads(done.output)}["models.dev"]


def test_release_puts_what_was_held_into_the_next_book(home: Home) -> None:
    quarantine = ParquetLake(home.lake).read("price_quarantine", DAY).filter(state="held")
    assert quarantine["endpoint_id"].to_list() == [HELD]
    (released,) = rows("release", HELD, "--reason", "seen on the provider's page")
    assert released["input_usd_per_mtok"] == 9
    (kept,) = read_releases(home)
    assert (kept["endpoint_id"], kept["reason"]) == (HELD, "seen on the provider's page")
    said = frame("price_observation", [{"endpoint_id": HELD, "service_tier": "standard", "feed": "litellm"}])
    again = price_day(
        kept["day"],
        said.with_columns(price_json=pl.lit(kept["price_json"]), observation_id=pl.lit("o"), raw_file=pl.lit("f")),
        [kept],
    )
    now = again.book.filter(pl.col("endpoint_id") == HELD, pl.col("valid_to").is_null())
    assert now["input_usd_per_mtok"].to_list() == [9]
    assert "seen on the provider's page" in now["quality_flag"][0]


def test_nothing_to_release_says_so(home: Home) -> None:
    assert "nothing of 'p/m@x' is held back" in str(refused("release", "p/m@x", "--reason", "x"))
    assert "--reason is empty" in str(refused("release", HELD, "--reason", " "))


def test_an_empty_home_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENARENA_HOME", str(tmp_path / "none"))
    assert "tokenarena run" in str(refused("list"))
    assert "write it as 2026-11-23" in str(refused("list", "--day", "soon"))
