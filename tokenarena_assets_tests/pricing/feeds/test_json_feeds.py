"""models.dev and LiteLLM as files and over a real HTTP server, their forms and their faults."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.pricing.feeds import configured_feeds, stated_by
from tokenarena_assets.pricing.feeds.litellm import LiteLlmFeed, parse_litellm
from tokenarena_assets.pricing.feeds.models_dev import ModelsDevFeed, parse_models_dev
from tokenarena_assets.pricing.feeds.source import read_source
from tokenarena_assets.pricing.observation import ProblemError, Wanted

DAY = date(2026, 11, 23)
GPT = Wanted("openai/gpt-5.4@standard", None, "openai/gpt-5.4", litellm_id="gpt-5.4")
THINKING = Wanted("alibaba/qwen3-32b@intl-thinking", None, "alibaba/qwen3-32b", "reasoning")
MODELS_DEV = {
    "openai": {
        "models": {
            "gpt-5.4": {
                "cost": {
                    "input": 2.5,
                    "output": 15,
                    "cache_read": 0.25,
                    "tiers": [
                        {"tier": {"type": "context", "size": 272000}, "input": 5, "output": 22.5, "cache_read": 0.5}
                    ],
                    "context_over_200k": {"input": 5, "output": 22.5, "cache_read": 0.5},
                }
            },
            "old": {"cost": {"input": 1, "output": 2, "context_over_200k": {"input": 2, "output": 3}}},
            "nothing": {"name": "no cost"},
        }
    },
    "alibaba": {"models": {"qwen3-32b": {"cost": {"input": 0.7, "output": 2.8, "reasoning": 8.4}}}},
}
LITELLM = {
    "gpt-5.4": {
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1.5e-05,
        "cache_read_input_token_cost": 2.5e-07,
        "input_cost_per_token_above_272k_tokens": 5e-06,
        "output_cost_per_token_above_272k_tokens": 2.25e-05,
        "cache_read_input_token_cost_above_272k_tokens": 5e-07,
        "input_cost_per_token_batches": 1.25e-06,
        "output_cost_per_token_batches": 7.5e-06,
    },
}


def models_dev(model: str, provider: str = "openai", wanted: Wanted = GPT) -> Any:
    raw: Any = MODELS_DEV[provider]["models"][model]
    (stated,) = parse_models_dev(raw, wanted, DAY)
    return stated.price


def test_tiers_of_models_dev_stand_for_themselves_and_are_not_repeated() -> None:
    price = models_dev("gpt-5.4")
    assert [(t.above_input_tokens, t.output_usd_per_mtok) for t in price.tiers] == [(272_000, Decimal("22.5"))]
    assert [t.above_input_tokens for t in models_dev("old").tiers] == [200_000]


def test_the_thinking_mode_is_another_price_of_the_same_entry() -> None:
    plain, thinking = (
        models_dev("qwen3-32b", "alibaba", wanted)
        for wanted in (Wanted("alibaba/qwen3-32b@intl-nonthinking"), THINKING)
    )
    assert (plain.output_usd_per_mtok, plain.reasoning_output_usd_per_mtok) == (Decimal("2.8"), Decimal("8.4"))
    assert (thinking.output_usd_per_mtok, thinking.reasoning_output_usd_per_mtok) == (Decimal("8.4"), None)


@pytest.mark.parametrize(
    ("cost", "problem"),
    [
        ({}, "no_price"),
        ({"input": 1}, "bad_price: output_usd_per_mtok"),
        ({"input": "a lot", "output": 1}, "bad_price: 'a lot'"),
        ({"input": -1, "output": 1}, "bad_price: input_usd_per_mtok"),
        ({"input": 1, "output": 1, "tiers": [{"tier": {"type": "image", "size": 1}}]}, "unknown_tier"),
    ],
)
def test_a_cost_that_cannot_be_read_is_a_problem(cost: dict[str, Any], problem: str) -> None:
    with pytest.raises(ProblemError, match=problem):
        parse_models_dev({"cost": cost}, GPT, DAY)


def test_litellm_is_in_dollars_a_token() -> None:
    standard, batch = parse_litellm(json.loads(json.dumps(LITELLM["gpt-5.4"])), GPT, DAY)
    assert (standard.price.input_usd_per_mtok, standard.price.cached_input_usd_per_mtok) == (
        Decimal("2.5"),
        Decimal("0.25"),
    )
    assert standard.price.rate_of_size(272_001).output_usd_per_mtok == Decimal("22.5")
    assert (batch.service_tier, batch.price.output_usd_per_mtok) == ("batch", Decimal("7.5"))
    assert standard.price == models_dev("gpt-5.4")


def test_litellm_steps_begin_where_their_range_does() -> None:
    steps = [
        {"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
        {"range": [32000.0, 256000.0], "input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06},
    ]
    (stated,) = parse_litellm({"tiered_pricing": steps}, GPT, DAY)
    assert [stated.price.rate_of_size(n).input_usd_per_mtok for n in (32_000, 32_001)] == [1, 2]
    with pytest.raises(ProblemError, match="unknown_tier"):
        parse_litellm({"tiered_pricing": steps[1:]}, GPT, DAY)


def test_what_litellm_says_is_no_longer_offered_has_no_price() -> None:
    raw = LITELLM["gpt-5.4"] | {"deprecation_date": "2026-11-23"}
    assert parse_litellm(raw, GPT, date(2026, 11, 22))
    with pytest.raises(ProblemError, match="deprecated"):
        parse_litellm(raw, GPT, DAY)


def test_files_are_read_by_exact_id_and_named_by_their_content(tmp_path: Path) -> None:
    one, other = tmp_path / "api.json", tmp_path / "prices.json"
    one.write_text(json.dumps(MODELS_DEV))
    other.write_text(json.dumps(LITELLM))
    feeds = configured_feeds(f"models.dev={one}, litellm={other}")
    assert [feed.name for feed in feeds] == ["shipped", "genai-prices", "models.dev", "litellm"]
    gone = Wanted("openai/gpt-5.4-mini@standard", None, "openai/gpt-5.4-mini", litellm_id="gpt-5.4-mini")
    for feed in feeds[2:]:
        fetched = feed.fetch([GPT, gone])
        assert [entry.endpoint_id for entry in fetched.entries] == [GPT.endpoint_id]
        assert len(fetched.version) == 16
    before = feeds[2].fetch([GPT]).version
    one.write_text(json.dumps(MODELS_DEV) + " ")
    assert feeds[2].fetch([GPT]).version != before


@pytest.mark.parametrize("text", ["models.dev", "models.dev=", "openrouter=x.json", "=x"])
def test_a_feed_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(TokenArenaError, match="is no feed"):
        configured_feeds(text)


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/api.json")
            self.end_headers()
            return
        if self.path == "/trickle":  # a byte long before each read is over, and no end
            with suppress(OSError):
                while True:
                    self.wfile.write(b"H")
                    time.sleep(0.02)
            return
        body = b"x" * 5000 if self.path == "/large" else json.dumps(MODELS_DEV).encode()
        body = b"<html>" if self.path == "/html" else b"[]" if self.path == "/list" else body
        self.send_response(500 if self.path == "/broken" else 200)
        if self.path != "/large":
            self.send_header("Content-Length", str(len(body)))
        if self.path == "/bomb":
            self.send_header("Content-Encoding", "zstd")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_one_get_reads_a_feed(site: str) -> None:
    fetched = ModelsDevFeed(f"{site}/api.json").fetch([GPT, THINKING])
    assert [entry.key for entry in fetched.entries] == ["openai/gpt-5.4", "alibaba/qwen3-32b"]
    data, _ = read_source(f"{site}/api.json")
    assert data["openai"]["models"]["gpt-5.4"]["cost"]["cache_read"] == Decimal("0.25")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/moved?key=secret", "HTTP 302"),
        ("/broken", "HTTP 500"),
        ("/large", "over 4000 bytes"),
        ("/html", "is no JSON"),
        ("/list", "no JSON object"),
    ],
)
def test_what_is_no_feed_is_refused(site: str, path: str, message: str) -> None:
    with pytest.raises(TokenArenaError, match=message) as caught:
        read_source(f"{site}{path}", max_bytes=4000)
    assert "secret" not in str(caught.value)


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenArenaError, match="cannot be read: No such file"):
        LiteLlmFeed(str(tmp_path / "none.json")).fetch([GPT])
    with pytest.raises(TokenArenaError, match="cannot be had: ConnectError"):
        read_source("http://127.0.0.1:9/api.json", timeout_s=5)


@pytest.mark.parametrize(
    ("feed", "raw"),
    [
        ("models.dev", {"cost": {"input": 1, "output": 1, "tiers": 3}}),
        ("models.dev", {"cost": {"input": 1, "output": 1, "tiers": ["x"]}}),
        ("litellm", {"input_cost_per_token": Decimal("1e999999999999999999"), "output_cost_per_token": 1}),
        ("litellm", {"tiered_pricing": [{"range": [float("inf")]}]}),
        ("genai-prices", {"prices": [1.5]}),
        ("genai-prices", {"prices": [{"constraint": None}]}),
        ("genai-prices", {"prices": 7}),
        ("shipped", {"price": "[]", "as_of": "2026-11-01"}),
        ("nobody", {}),
    ],
)
def test_an_entry_of_any_form_is_a_price_or_a_problem(feed: str, raw: dict[str, Any]) -> None:
    with pytest.raises(ProblemError):
        stated_by(feed, raw, GPT, DAY)


def test_a_number_that_decimal_cannot_hold_is_no_json_of_a_feed(tmp_path: Path) -> None:
    path = tmp_path / "api.json"
    path.write_text('{"a": 1e99999999999999999999}')
    with pytest.raises(TokenArenaError, match="is no JSON"):
        read_source(str(path))


def test_what_is_compressed_without_being_asked_is_not_unpacked(site: str) -> None:
    with pytest.raises(TokenArenaError, match="answered in zstd, which was not asked for"):
        read_source(f"{site}/bomb")


def test_a_feed_that_trickles_is_given_up_when_its_time_is_over(site: str) -> None:
    with pytest.raises(TokenArenaError, match=r"no end within 0.3 s"):
        read_source(f"{site}/trickle", timeout_s=0.3)
