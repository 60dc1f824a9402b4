"""Latency, speed and success by endpoint, on hand-made requests."""

from __future__ import annotations

from typing import Any

import pytest

from tokenarena_assets.chain.measure import MEDIANS, latency_by_endpoint
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
    assert (row["ttft_p50_ms"], row["ttft_p50_lo_ms"], row["ttft_p50_hi_ms"], row["n_ttft"]) == (103.5, 101.0, 106.0, 6)
    assert (row["e2e_p50_ms"], row["e2e_p50_lo_ms"], row["e2e_p50_hi_ms"]) == (1003.5, 1001.0, 1006.0)
    speed = ("output_speed_p50_tok_s", "output_speed_p50_lo_tok_s", "output_speed_p50_hi_tok_s", "n_speed")
    assert tuple(row[name] for name in speed) == (53.5, 51.0, 56.0, 6)
    assert (row["ttfo_p50_ms"], row["client_delay_max_ms"]) == (113.5, pytest.approx(0.6))
    assert (row["ttft_not_ranked_because"], row["speed_not_ranked_because"]) == (None, None)


def test_every_other_figure_is_a_median_over_the_probes() -> None:
    figures = {name: float(place) for place, name in enumerate(sorted(set(MEDIANS.values()) - {"ttfo_ms"}))}
    rows = [request(n, **{name: value + n for name, value in figures.items()}) for n in (10, 20, 40)]
    (row,) = measured(*rows)
    expected = {column: figures[name] + 20 for column, name in MEDIANS.items() if name != "ttfo_ms"}
    assert {column: row[column] for column in expected} == expected


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


def test_a_day_without_success_is_a_row_of_nulls_and_reasons() -> None:
    (row,) = measured(*(request(n, "timeout_connect") for n in range(8)))
    assert (row["n_sent"], row["n_answered"], row["success_rate"], row["success_rate_lo"]) == (8, 0, 0.0, 0.0)
    assert row["success_rate_hi"] == pytest.approx(0.3244, abs=1e-4)  # z^2 / (8 + z^2)
    known = {"day", "endpoint_id", "suite"} | {
        name for name in row if name.startswith(("n_", "success_rate")) or name.endswith(("_note", "_because"))
    }
    assert {row[name] for name in row.keys() - known} == {None}
    assert row["ttft_not_ranked_because"] == row["speed_not_ranked_because"] == "0 of 8 answered, 80% needed"
    assert row["e2e_p50_with_failures_note"] == "never: too many failed"


def test_a_day_without_a_key_is_a_row_that_says_nothing_was_sent() -> None:
    (row,) = measured(*(request(n, "not_sent") for n in range(8)))
    assert (row["n_sent"], row["n_not_sent"], row["success_rate"]) == (0, 8, None)
    assert row["ttft_not_ranked_because"] == "no probe was sent"
    assert row["e2e_p50_with_failures_note"] == "nothing was timed"


# --- tails ----------------------------------------------------------------------------------------------------------


def test_a_tail_that_n_cannot_bear_says_how_many_it_needs() -> None:
    (row,) = measured(*(request(n) for n in range(63)))
    assert (row["ttft_p90_ms"], row["ttft_p90_note"]) == (None, "n too small: 63, needs 64")
    assert (row["ttft_p99_ms"], row["ttft_p99_note"]) == (None, "n too small: 63, needs 662")
    assert row["e2e_p90_with_failures_note"] == "n too small: 63, needs 64"
    (row,) = measured(*(request(n) for n in range(64)))
    assert (row["ttft_p90_ms"], row["ttft_p90_note"]) == (163.0, None)
    assert (row["e2e_p90_ms"], row["e2e_p90_note"]) == (1063.0, None)
    assert row["ttft_p99_note"] == "n too small: 64, needs 662"


def test_a_p99_of_enough_probes() -> None:
    (row,) = measured(*(request(n) for n in range(662)))
    assert (row["ttft_p99_ms"], row["e2e_p99_ms"], row["ttft_p99_note"]) == (761.0, 1661.0, None)
    assert row["ttft_p90_ms"] == 100.0 + 662 - 48  # of 662, 48 above a p90 are too few at 99 % confidence


def test_a_failure_counts_as_never() -> None:
    answered = [request(n) for n in range(60)]
    (row,) = measured(*answered, *(request(n, "dropped") for n in range(60, 70)))
    assert row["e2e_p50_with_failures_ms"] == 1034.0  # the 35th of 70
    assert (row["e2e_p90_with_failures_ms"], row["e2e_p90_with_failures_note"]) == (None, "never: too many failed")
    assert row["e2e_p90_note"] == "n too small: 60, needs 64"
    (row,) = measured(*(request(n) for n in range(130)), request(130, "dropped"), request(131, "http_429"))
    assert row["e2e_p90_with_failures_ms"] == 1127.0  # 132 bear the fifth largest; two of them failed
    (row,) = measured(*(request(n) for n in range(3)), *(request(n, "dropped") for n in range(4, 8)))
    assert (row["e2e_p50_with_failures_ms"], row["e2e_p50_with_failures_note"]) == (None, "never: too many failed")


# --- what is left out, and what is not ranked -----------------------------------------------------------------------


def test_where_the_client_was_late_the_answer_counts_and_its_times_do_not() -> None:
    late = [request(n, timing_exclusion="client_delay", ttft_ms=9e5, client_delay_ms=40.0) for n in (7, 8)]
    (row,) = measured(*(request(n) for n in range(6)), *late)
    assert (row["n_answered"], row["n_timed"], row["n_timing_excluded"], row["success_rate"]) == (8, 6, 2, 1.0)
    assert (row["ttft_p50_ms"], row["n_speed"], row["client_delay_max_ms"]) == (102.5, 6, pytest.approx(0.5))
    assert row["e2e_p50_with_failures_ms"] == 1002.5


def test_speeds_that_are_refused_are_not_counted() -> None:
    refused = {"output_speed_tok_s": None, "speed_refusal": "too few tokens"}
    (row,) = measured(*(request(n) for n in range(6)), *(request(n, **refused) for n in (8, 9)))
    assert (row["n_answered"], row["n_speed"], row["output_speed_p50_tok_s"]) == (8, 6, 52.5)


def test_speeds_of_hidden_reasoning_are_flagged() -> None:
    hidden = {"speed_method": "last_80_percent_of_answer"}
    (row,) = measured(*(request(n) for n in range(4)), *(request(n, **hidden) for n in (8, 9)))
    assert (row["n_speed"], row["n_speed_hidden_reasoning"]) == (6, 2)


@pytest.mark.parametrize(
    ("answered", "failed", "speeds", "ttft_reason", "speed_reason"),
    [
        (5, 0, 5, None, None),
        (4, 0, 4, "known of 4 of 4, 5 needed", "known of 4 of 4, 5 needed"),
        (8, 2, 8, None, None),
        (7, 2, 7, "7 of 9 answered, 80% needed", "7 of 9 answered, 80% needed"),
        (20, 130, 20, "20 of 150 answered, 80% needed", "20 of 150 answered, 80% needed"),
        (8, 0, 3, None, "known of 3 of 8 (no_usage), 5 needed"),
    ],
)
def test_nobody_is_ranked_on_survivors(
    answered: int, failed: int, speeds: int, ttft_reason: str | None, speed_reason: str | None
) -> None:
    known = [request(n) for n in range(speeds)]
    refused = [request(50 + n, output_speed_tok_s=None, speed_refusal="no_usage") for n in range(answered - speeds)]
    (row,) = measured(*known, *refused, *(request(200 + n, "http_429") for n in range(failed)))
    assert (row["ttft_not_ranked_because"], row["speed_not_ranked_because"]) == (ttft_reason, speed_reason)


# --- groups ---------------------------------------------------------------------------------------------------------


def test_endpoints_suites_and_sizes_are_kept_apart_and_come_in_order() -> None:
    rows = [
        request(1, endpoint_id="q/m@b"),
        request(2),
        request(3, prompt_tokens_target=10_000),
        request(4, prompt_tokens_target=100),
        request(5, prompt_tokens_target=100),
        request(6, suite="parallel", prompt_tokens_target=100),
        request(7, suite="quality_math", endpoint_id="r/m@c"),
        request(8, suite="imported:aiperf"),
    ]
    groups = [(row["endpoint_id"], row["suite"], row["prompt_tokens_target"], row["n_sent"]) for row in measured(*rows)]
    assert groups == [
        ("p/m@a", "imported:aiperf", None, 1),
        ("p/m@a", "parallel", 100, 1),
        ("p/m@a", "speed", 100, 2),
        ("p/m@a", "speed", 10_000, 1),
        ("p/m@a", "speed", None, 1),
        ("q/m@b", "speed", None, 1),
    ]
    assert measured(request(3, suite="quality_math")) == []
    assert measured() == []


def test_cold_connections_have_their_own_times() -> None:
    cold = [
        request(n, connection="cold", dns_ms=1.0 + n, connect_ms=10.0 + n, tls_ms=20.0 + n, client_delay_ms=0.0)
        for n in range(3)
    ]
    (row,) = measured(*cold, *(request(n, connection="warm") for n in range(3, 8)))
    assert (row["n_cold"], row["n_warm"]) == (3, 5)
    assert (row["dns_p50_ms"], row["connect_p50_ms"], row["tls_p50_ms"]) == (2.0, 11.0, 21.0)
