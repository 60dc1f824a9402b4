"""LLMPerf's responses, with figures that can be worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.importing.figures import timing_of
from tokenarena_assets.importing.request import ToolRequest, Unreadable
from tokenarena_assets_tests.importing.files import entries, requests, timings, written

RESPONSES, LEADERBOARD = "llmperf_individual_responses.json", "llmperf-leaderboard.json"


def response(**changes: Any) -> dict[str, Any]:
    return {
        "error_code": None,
        "error_msg": "",
        "inter_token_latency_s": 0.05,
        "ttft_s": 0.5,
        "end_to_end_latency_s": 2.5,
        "request_output_throughput_token_per_s": 16.4,
        "number_total_tokens": 591,
        "number_output_tokens": 41,
        "number_input_tokens": 550,
    } | changes


def read_one(tmp_path: Path, **changes: Any) -> ToolRequest | Unreadable:
    (entry,) = entries("llmperf", written(tmp_path, "r.json", [response(**changes)]))
    return entry


def test_times_and_speed() -> None:
    figures = timings("llmperf", RESPONSES)
    assert (figures[0].ttft_ms, figures[0].ttfo_ms, figures[0].e2e_ms) == (500, 500, 2500)
    assert figures[0].output_speed_tok_s == pytest.approx(40 / 2), "not 41 / 2.5, which mixes the wait in"
    assert figures[1].output_speed_tok_s == pytest.approx(24 / 1.2)
    assert figures[0].speed_method == "client_tokens_first_token_alone"
    assert figures[0].e2e_from_schedule_ms is None


def test_each_failure_has_its_class() -> None:
    found = [(request.status, request.http_status) for request in requests("llmperf", RESPONSES)]
    assert found == [("ok", None), ("ok", None), ("http_429", 429), ("dropped", None), ("empty", None)]
    assert requests("llmperf", RESPONSES)[2].error == '{"error": "slow down"}'


def test_a_recorded_speed_that_its_own_figures_deny_is_flagged() -> None:
    found = requests("llmperf", LEADERBOARD)
    flagged = [request.line for request in found if request.speeds is not None and request.speeds.differ]
    assert flagged == [1, 2]
    assert found[0].status == "ok", "the request is good; what was recorded of its speed is not"
    assert found[0].error == "recorded at 1.11 tok/s; its own tokens and latency say 28.4"
    speeds = found[0].speeds
    assert speeds is not None
    assert speeds.recomputed_tok_s == pytest.approx(128 / 4.5)
    assert speeds.ratio == pytest.approx(128 / 5)


def test_a_speed_that_counted_events_betrays_their_number() -> None:
    found = requests("llmperf", LEADERBOARD)
    assert [request.events for request in found[:3]] == [5, 50, None]
    figures = [timing_of(request) for request in found[:3]]
    assert figures[0].speed_refusal == "too_few_bursts", "128 tokens in 5 events"
    assert figures[1].output_speed_tok_s == pytest.approx((150 - 3) / 4), "3 tokens an event"
    assert figures[1].speed_method == "client_tokens_mean_tokens_per_event"
    assert figures[2].output_speed_tok_s == pytest.approx(159 / 5)


def test_an_answer_shorter_than_wanted_is_an_answer() -> None:
    short = requests("llmperf", LEADERBOARD)[4]
    assert (short.status, short.text) == ("ok", "Shall I compare thee to a summer's day?")
    assert short.error == "LLMPerf counts it as an error: Output too few tokens 60"
    figures = timing_of(short)
    # 59 events brought 60 tokens: the last one, the end of text, sent none
    assert figures.output_speed_tok_s == pytest.approx(58 / 3)
    assert figures.speed_method == "client_tokens_one_token_per_event"


@pytest.mark.parametrize("recorded", [15.6, 17.2])
def test_a_difference_of_rounding_is_none(tmp_path: Path, recorded: float) -> None:
    request = read_one(tmp_path, request_output_throughput_token_per_s=recorded)
    assert isinstance(request, ToolRequest)
    assert request.speeds is not None
    assert not request.speeds.differ
    assert request.error is None


def test_an_answer_that_came_at_once_has_no_speed(tmp_path: Path) -> None:
    request = read_one(tmp_path, ttft_s=2.499, number_output_tokens=100, request_output_throughput_token_per_s=40)
    assert isinstance(request, ToolRequest)
    assert timing_of(request).speed_refusal == "all_tokens_at_once"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ttft_s": -1}, "ttft_s is -1: less than nothing"),
        ({"ttft_s": 1e9}, r"ttft_s is 1000000000.0: more than can be \(604800\)"),
        ({"ttft_s": "0.5"}, "ttft_s is '0.5', not a number"),
        ({"ttft_s": True}, "ttft_s is True, not a number"),
        ({"number_output_tokens": 1.5}, "number_output_tokens is 1.5, not a whole number"),
        ({"number_output_tokens": 10**400}, "number_output_tokens is 1000.*not a finite number"),
        ({"number_output_tokens": None}, "number_output_tokens is missing or nought, and there is no error"),
        ({"end_to_end_latency_s": 0}, "end_to_end_latency_s is missing or nought, and there is no error"),
        ({"request_output_throughput_token_per_s": []}, r"request_output.* is \[\], not a number"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    entry = read_one(tmp_path, **changes)
    assert isinstance(entry, Unreadable)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(entry.reason)


@pytest.mark.parametrize("code", [True, "rate_limit_exceeded", -1, 99999, [], 200])
def test_any_error_code_is_a_failure(tmp_path: Path, code: object) -> None:
    request = read_one(tmp_path, error_code=code, error_msg="")
    assert isinstance(request, ToolRequest)
    assert request.status not in ("ok", "truncated")
    assert request.http_status is None or request.http_status <= 999
