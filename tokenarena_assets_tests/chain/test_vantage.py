"""Distance and serving speed by place, against figures worked out by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from tokenarena_assets.chain.vantage import vantage_by_place
from tokenarena_assets_tests.sql_models.frames import frame

DAY = date(2026, 11, 23)
EU_MS, US_MS, SERVING_MS = 10.0, 80.0, 200.0


def asked(region: str | None, number: int, trip_ms: float, serving_ms: float, **given: Any) -> dict[str, Any]:
    wobble = (number - 5) * 0.2
    return {
        "round_id": f"r-{region}",
        "region_from": region,
        "request_id": f"{region}-{number}-{given}",
        "endpoint_id": "p/m@a",
        "suite": "speed",
        "prompt_tokens_target": 100,
        "status": "ok",
        "connect_ms": trip_ms + wobble,
        "ttft_ms": trip_ms + serving_ms + wobble,
        "output_speed_tok_s": 50.0,
        **given,
    }


def rows_of(*rows: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["region_from"]: row for row in vantage_by_place(DAY, frame("requests", rows)).to_dicts()}


def test_network_is_told_from_serving() -> None:
    found = rows_of(*(asked(r, i, ms, SERVING_MS) for r, ms in (("eu", EU_MS), ("us", US_MS)) for i in range(11)))
    assert found["eu"]["round_trip_p50_ms"] == pytest.approx(EU_MS)
    assert found["us"]["round_trip_p50_ms"] == pytest.approx(US_MS)
    for row in found.values():
        assert row["ttft_less_network_p50_ms"] == pytest.approx(SERVING_MS)
        assert row["ttft_less_network_p50_lo_ms"] < SERVING_MS < row["ttft_less_network_p50_hi_ms"]
        assert (row["n_connects"], row["n_ttft"], row["n_speed"], row["n_sent"], row["n_rounds"]) == (11, 11, 11, 11, 1)


def test_a_slower_region_of_the_provider_is_no_distance() -> None:
    """Served from two places of its own: the far one is as near by network, and slow by itself."""
    found = rows_of(*(asked(r, i, EU_MS, ms) for r, ms in (("eu", SERVING_MS), ("us", 300.0)) for i in range(11)))
    assert found["us"]["round_trip_p50_ms"] == pytest.approx(found["eu"]["round_trip_p50_ms"])
    assert found["us"]["ttft_less_network_p50_lo_ms"] > found["eu"]["ttft_less_network_p50_hi_ms"]


def test_bursts_failures_late_clients_imports_and_other_sizes_do_not_count() -> None:
    sound = [asked("eu", i, EU_MS, SERVING_MS) for i in range(11)]
    others = [
        asked("eu", 1, 500.0, 1.0, suite="parallel"),
        asked("eu", 2, 500.0, 1.0, timing_exclusion="client_delay"),
        asked("eu", 3, EU_MS, 900.0, prompt_tokens_target=1000),
        asked("eu", 4, EU_MS, SERVING_MS, status="not_sent"),
        asked(None, 5, 1.0, 1.0),
    ]
    found = rows_of(*sound, *others, asked("eu", 6, EU_MS, 1.0, status="http_5xx", ttft_ms=None))
    assert found.keys() == {"eu"}
    row = found["eu"]
    assert row["prompt_tokens_target"] == 100
    assert row["round_trip_p50_ms"] == pytest.approx(EU_MS, abs=0.21)
    assert row["ttft_p50_ms"] == pytest.approx(EU_MS + SERVING_MS)
    assert (row["n_sent"], row["n_answered"], row["n_ttft"], row["n_connects"]) == (13, 12, 11, 13)


def test_too_few_to_know_has_no_interval_and_nothing_is_made_up() -> None:
    row = rows_of(*(asked("eu", i, EU_MS, SERVING_MS) for i in range(2)))["eu"]
    assert row["ttft_p50_ms"] is not None
    assert (row["ttft_p50_lo_ms"], row["ttft_less_network_p50_hi_ms"]) == (None, None)
    never = rows_of(asked("eu", 0, EU_MS, SERVING_MS, status="connect_failed", connect_ms=None, ttft_ms=None))["eu"]
    assert (never["round_trip_p50_ms"], never["ttft_less_network_p50_ms"], never["n_connects"]) == (None, None, 0)


def test_a_day_without_requests_is_empty() -> None:
    assert vantage_by_place(DAY, frame("requests", [])).height == 0
    assert isinstance(vantage_by_place(DAY, frame("requests", [])), pl.DataFrame)
