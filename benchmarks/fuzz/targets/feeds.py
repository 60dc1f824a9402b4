"""Price feeds: a file is read or refused in words, and an entry states a price or is a problem that is kept."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.pricing import observation
from tokenarena_assets.pricing.feeds import stated_by
from tokenarena_assets.pricing.feeds.litellm import LiteLlmFeed
from tokenarena_assets.pricing.feeds.models_dev import ModelsDevFeed
from tokenarena_assets.pricing.observation import ProblemError, Wanted

FILE = Path(tempfile.mkdtemp(prefix="tokenarena-fuzz-")) / "feed.json"
DAY = date(2026, 11, 23)
WANTED = Wanted("acme/m@a", "acme:m", "acme/m", litellm_id="m")
MODELS_DEV = {
    "cost": {
        "input": 2.5,
        "output": 15,
        "cache_read": 0.25,
        "cache_write": 3,
        "reasoning": 20,
        "tiers": [{"tier": {"type": "context", "size": 272000}, "input": 5, "output": 22.5}],
        "context_over_200k": {"input": 5, "output": 22.5},
    }
}
LITELLM = {
    "input_cost_per_token": 2.5e-06,
    "output_cost_per_token": 1.5e-05,
    "cache_read_input_token_cost": 2.5e-07,
    "input_cost_per_token_above_272k_tokens": 5e-06,
    "output_cost_per_token_above_272k_tokens": 2.25e-05,
    "input_cost_per_token_batches": 1.25e-06,
    "output_cost_per_token_batches": 7.5e-06,
    "deprecation_date": "2027-01-01",
}
STEPS = {
    "tiered_pricing": [
        {"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
        {"range": [32000.0, 256000.0], "input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06},
    ]
}
GENAI = {
    "prices": [
        {"constraint": None, "prices": {"input_mtok": "1", "output_mtok": "2"}},
        {
            "constraint": {"start_date": "2026-01-01"},
            "prices": {"input_mtok": {"base": "1", "tiers": [{"start": 200000, "price": "2"}]}, "output_mtok": "2"},
        },
        {
            "constraint": {"start_time": "16:30", "end_time": "00:30"},
            "prices": {"input_mtok": "0.5", "output_mtok": "1"},
        },
    ],
    "price_variants": [{"when": {"processing": "batch"}, "constraint": None, "prices": {"input_mtok": "0.5"}}],
}
SHIPPED = {
    "price": '{"input_usd_per_mtok":"1","output_usd_per_mtok":"2"}',
    "as_of": "2026-11-01",
    "currency": "USD",
}
NAMES = (observation.MODELS_DEV, observation.LITELLM, observation.LITELLM, observation.GENAI, observation.SHIPPED)
FEEDS: tuple[Callable[[str], Any], ...] = (ModelsDevFeed, LiteLlmFeed)


def seeds() -> list[bytes]:
    """One byte, the feed, then an entry of it, or from 128 on a whole file."""
    entries = (MODELS_DEV, LITELLM, STEPS, GENAI, SHIPPED)
    files: tuple[Mapping[str, Any], ...] = ({"acme": {"models": {"m": MODELS_DEV}}}, {"m": LITELLM})
    return [bytes([number]) + json.dumps(entry).encode() for number, entry in enumerate(entries)] + [
        bytes([128 + number]) + json.dumps(file).encode() for number, file in enumerate(files)
    ]


def check(data: bytes) -> None:
    """Entries as the evidence of a day holds them, and as they come from a file."""
    choice, text = data[:1][0] if data else 0, data[1:]
    if choice < 128:
        for parse_float in (float, Decimal):
            with suppress(ValueError, ArithmeticError, RecursionError):
                _parsed(NAMES[choice % len(NAMES)], json.loads(text, parse_float=parse_float))
        return
    FILE.write_bytes(text)
    number = choice % len(FEEDS)
    with suppress(TokenArenaError):
        for entry in FEEDS[number](str(FILE)).fetch([WANTED]).entries:
            _parsed(NAMES[number], entry.raw)


def _parsed(feed: str, raw: Any) -> None:
    if isinstance(raw, dict):
        try:
            for stated in stated_by(feed, raw, WANTED, DAY):
                stated.price.canonical_json()
        except ProblemError:
            pass
        except ValueError as error:  # it must not hide behind what JSON raises
            raise AssertionError(f"{type(error).__name__}: {error}") from error
