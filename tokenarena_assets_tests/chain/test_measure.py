"""Latency, speed and success by endpoint, on hand-made requests."""

from __future__ import annotations

from typing import Any

import pytest

from tokenarena_assets.chain.measure import latency_by_endpoint
from tokenarena_assets.chain.tables import LATENCY_DAILY
from tokenarena_assets.stats import wilson
from tokenarena_assets_tests.sql_models.frames import DAY, Row, frame


def request(number: int, status: str = "ok", endpoint_id: str = "p/m@a", **given: Any) -> Row:
    times: Row = {"ttft_ms": 100.0 + number, "ttfo_ms": 110.0 + number, "e2e_ms": 1000.0 + number}
    measured = times | {"output_speed_tok_s": 50.0 + number, "client_delay_ms": 0.1 * number}
    answered = status in ("ok", "truncated")
    base = {"request_id": f"{endpoint_id}-{number}", "endpoint_id": endpoint_id, "suite": "speed", "status": status}
    return base | (measured if answered else {}) | given


def measured(*requests: Row) -> list[Row]:
    table = latency_by_endpoint(DAY, frame("requests", requests))
    assert table.schema == LATENCY_DAILY.polars_schema
    return table.to_dicts()


def test_medians_of_what_was_answered() -> None:
    # Six answered: the middle of 101..106; the 95 % interval of a median of six is its whole range.
    (row,) = measured(*(request(n) for n in (3, 1, 2)), *(request(n, "truncated") for n in (6, 5, 4)))
    assert (row["n_sent"], row["n_answered"], row["n_not_sent"], row["success_rate"]) == (6, 6, 0, 1.0)
    assert (row["ttft_p50_ms"], row["ttft_p50_lo_ms"], row["ttft_p50_hi_ms"]) == (103.5, 101.0, 106.0)
    assert (row["ttfo_p50_ms"], row["e2e_p50_ms"]) == (113.5, 1003.5)
    speed = ("output_speed_p50_tok_s", "output_speed_p50_lo_tok_s", "output_speed_p50_hi_tok_s", "n_speed")
    assert tuple(row[name] for name in speed) == (53.5, 51.0, 56.0, 6)
    assert row["ttft_p90_ms"] is row["e2e_p90_with_failures_ms"] is row["client_delay_p90_ms"] is None


def test_failures_stay_in_the_success_rate_and_out_of_the_times() -> None:
    failures = ("http_5xx", "http_429", "timeout_first", "dropped", "empty", "content_filter")
    (row,) = measured(*(request(n) for n in range(6)), *(request(10 + i, status) for i, status in enumerate(failures)))
    expected = wilson(6, 12)
    assert (row["n_sent"], row["n_answered"], row["n_speed"]) == (12, 6, 6)
    assert (row["success_rate"], row["success_rate_lo"], row["success_rate_hi"]) == (0.5, expected.lo, expected.hi)
    assert row["ttft_p50_ms"] == 102.5


def test_what_was_not_sent_is_counted_apart() -> None:
    (row,) = measured(
        *(request(n) for n in range(3)), request(7, "http_5xx"), *(request(n, "not_sent") for n in (8, 9))
    )
    assert (row["n_sent"], row["n_answered"], row["n_not_sent"], row["success_rate"]) == (4, 3, 2, 0.75)


def test_a_day_without_success_is_a_row_of_nulls() -> None:
    (row,) = measured(*(request(n, "timeout_connect") for n in range(8)))
    assert (row["n_sent"], row["n_answered"], row["success_rate"], row["success_rate_lo"]) == (8, 0, 0.0, 0.0)
    assert row["success_rate_hi"] == pytest.approx(0.3244, abs=1e-4)  # z^2 / (8 + z^2)
    unknown = set(row) - {"day", "endpoint_id"} - {name for name in row if name.startswith(("n_", "success_rate"))}
    assert {row[name] for name in unknown} == {None}
    assert row["n_speed"] == 0


def test_a_day_without_a_key_is_a_row_that_says_nothing_was_sent() -> None:
    (row,) = measured(*(request(n, "not_sent") for n in range(8)))
    assert (row["n_sent"], row["n_not_sent"], row["success_rate"]) == (0, 8, None)


def test_the_tail_counts_a_failure_as_never() -> None:
    few_failed = [request(n) for n in range(38)] + [request(n, "dropped") for n in (38, 39)]
    (row,) = measured(*few_failed)
    assert row["e2e_p90_with_failures_ms"] == 1035.0  # the 36th of 40
    assert row["ttft_p90_ms"] == pytest.approx(100 + 0.9 * 37)
    many_failed = [request(n) for n in range(34)] + [request(n, "dropped") for n in range(34, 40)]
    (row,) = measured(*many_failed)
    assert row["e2e_p90_with_failures_ms"] is None
    assert row["ttft_p90_ms"] is None  # of the 34 answered alone, it is not known either


def test_speeds_that_are_refused_are_not_counted() -> None:
    refused = {"output_speed_tok_s": None, "speed_refusal": "too few tokens"}
    (row,) = measured(*(request(n) for n in range(6)), *(request(n, **refused) for n in (8, 9)))
    assert (row["n_answered"], row["n_speed"], row["output_speed_p50_tok_s"]) == (8, 6, 52.5)


def test_other_suites_are_left_out_and_endpoints_come_in_order() -> None:
    rows = [request(1, endpoint_id="q/m@b"), request(2), request(3, suite="quality_math", endpoint_id="r/m@c")]
    assert [row["endpoint_id"] for row in measured(*rows)] == ["p/m@a", "q/m@b"]
    assert measured(request(3, suite="quality_math")) == []
    assert measured() == []
