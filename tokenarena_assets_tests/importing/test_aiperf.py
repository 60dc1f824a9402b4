"""AIPerf's exports, as version 0.13.0 wrote them of endpoints whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.importing.figures import stamps_of, timing_of
from tokenarena_assets.importing.request import ToolRequest, Unreadable
from tokenarena_assets_tests.importing.files import FIXTURES, entries, requests, timings, written

FAULTS, RAW, FLEET = (
    "aiperf-faults/profile_export.jsonl",
    "aiperf-faults/profile_export_raw.jsonl",
    "aiperf-fleet/profile_export.jsonl",
)


def first_record() -> dict[str, Any]:
    record: dict[str, Any] = json.loads((FIXTURES / FAULTS).read_text().splitlines()[0])
    return record


def read_one(tmp_path: Path, record: object) -> ToolRequest | Unreadable:
    (entry,) = entries("aiperf", written(tmp_path, "profile_export.jsonl", json.dumps(record) + "\n"))
    return entry


def test_the_clock_starts_when_the_connection_is_there() -> None:
    request = requests("aiperf", FAULTS)[0]
    figures = timing_of(request)
    # time_to_first_token 37.497223 and request_latency 125.604319, less http_req_connection_overhead 5.687851
    assert figures.ttft_ms == pytest.approx(31.809372, abs=1e-5)
    assert figures.ttfo_ms == figures.ttft_ms
    assert figures.e2e_ms == pytest.approx(119.916468, abs=1e-5)
    # credit_issued_ns is 1.145059 ms before request_start_ns
    assert figures.e2e_from_schedule_ms == pytest.approx(125.604319 + 1.145059, abs=1e-5)
    assert request.connection == "cold"
    assert "connection" not in request.cannot_tell


def test_output_speed_is_recomputed_from_the_chunks() -> None:
    figures = timings("aiperf", FAULTS)[0]
    # 22 billed tokens in 22 chunks: 21 after the first, in 125.604319 - 37.497223 ms
    assert figures.output_speed_tok_s == pytest.approx(21 / 0.088107096, rel=1e-4)
    assert figures.speed_method == "one_token_per_event"
    assert figures.output_speed_tok_s < 1 / 0.004, "the server waits 4 ms or more between two tokens"
    assert figures.inter_chunk_p50_ms == pytest.approx(4.2, abs=0.2)
    assert figures.output_chars_per_s is figures.largest_burst_share is figures.readable_ms is None


def test_billed_tokens_are_taken_and_its_own_count_is_not() -> None:
    request = requests("aiperf", FAULTS)[0]
    assert request.usage is not None
    assert (request.usage.input_tokens, request.usage.output_tokens) == (20, 22)
    assert request.counted_tokens == 34, "its tokenizer is another one"
    assert "usage" not in request.cannot_tell


def test_without_usage_its_own_count_gives_the_speed_and_no_cost(tmp_path: Path) -> None:
    record = first_record()
    for name in [name for name in record["metrics"] if name.startswith("usage_")]:
        del record["metrics"][name]
    request = read_one(tmp_path, record)
    assert isinstance(request, ToolRequest)
    assert request.usage is None
    assert "usage" in request.cannot_tell
    figures = timing_of(request)
    # 34 of its tokens in 22 chunks: 21/22 of them after the first chunk
    assert figures.output_speed_tok_s == pytest.approx(34 * 21 / 22 / 0.088107096, rel=1e-4)
    assert figures.speed_method == "client_tokens_share_of_events"


def test_each_failure_has_its_class() -> None:
    found = [(request.status, request.http_status) for request in requests("aiperf", FAULTS)]
    assert found == [
        ("ok", None),
        ("http_429", 429),
        ("ok", None),
        ("http_5xx", 500),
        ("dropped", None),  # the connection was closed in the answer
        ("empty", None),
        ("http_4xx", 404),
        ("dropped", None),  # it was closed before
        ("ok", None),
        ("ok", None),
        ("timeout_total", None),
    ]
    assert all(request.error for request in requests("aiperf", FAULTS) if request.status != "ok")


def test_reasoning_comes_before_the_answer() -> None:
    figures = timings("aiperf", FAULTS)[8]
    assert figures.ttft_ms is not None
    assert figures.ttfo_ms is not None
    assert figures.ttfo_ms - figures.ttft_ms > 8, "three tokens of reasoning, 4 ms apart"


def test_raw_export_is_read_like_an_answer_of_our_own() -> None:
    found = requests("aiperf", RAW)
    assert [request.status for request in found] == [
        "ok",
        "http_429",
        "dropped",
        "in_stream_error",  # AIPerf itself counts it as answered
        "truncated",
        "dropped",
        "ok",
        "bad_response",
        "dropped",  # it ended without a finish reason: AIPerf counts it as answered
        "timeout_total",
    ]
    answered = found[0]
    assert answered.text == "Ada saw a small blue bird near the old well." * 2
    assert answered.finish_reason == "stop"
    assert len(answered.frames) == 26, "role, 22 tokens, finish, usage, [DONE]"
    stamps = stamps_of(answered)
    assert stamps["first_token"] == answered.frames[1][0]
    assert stamps["last_token"] == answered.frames[22][0]
    assert found[6].reasoning == " let me think"
    figures = timing_of(answered)
    assert figures.output_chars_per_s is not None
    assert figures.readable_ms is not None
    assert "frames" not in answered.cannot_tell


def test_one_run_in_both_exports_is_the_same_requests() -> None:
    """Both name a request by its X-Request-Id, so that importing both counts nothing twice."""
    assert all(request.identity for path in (FAULTS, RAW, FLEET) for request in requests("aiperf", path))


def test_what_it_cancelled_or_warmed_up_with_says_nothing_of_the_endpoint(tmp_path: Path) -> None:
    cancelled, warmup = first_record(), first_record()
    cancelled["metadata"]["was_cancelled"] = True
    warmup["metadata"]["benchmark_phase"] = "warmup"
    for record, reason in ((cancelled, "cancelled the request itself"), (warmup, "of the warmup phase")):
        entry = read_one(tmp_path, record)
        assert isinstance(entry, Unreadable)
        assert reason in entry.reason


def test_what_is_no_status_of_http_is_refused_here_and_not_when_it_is_read_back(tmp_path: Path) -> None:
    record = first_record()
    del record["metrics"]
    record["error"] = {"code": 2**53, "type": "Status", "message": "slow down"}
    entry = read_one(tmp_path, record)
    assert isinstance(entry, Unreadable)
    assert "error.code" in entry.reason
    record["error"] = {"code": 10**6, "type": "ClientError", "message": "of its own kind"}
    request = read_one(tmp_path, record)
    assert isinstance(request, ToolRequest)
    assert request.http_status is None


def test_a_run_without_streaming_has_a_latency_and_no_ttft(tmp_path: Path) -> None:
    record = first_record()
    for name in ("time_to_first_token", "time_to_first_output_token", "inter_chunk_latency"):
        del record["metrics"][name]
    request = read_one(tmp_path, record)
    assert isinstance(request, ToolRequest)
    figures = timing_of(request)
    assert figures.e2e_ms == pytest.approx(119.916468, abs=1e-5)
    assert (figures.ttft_ms, figures.ttft_refusal, figures.speed_refusal) == (None, "not_streamed", "not_streamed")


def test_real_inference_in_few_bursts_has_no_speed() -> None:
    """The fleet sent 48 tokens in two or three reads, which AIPerf turned to over 100,000 tokens a second."""
    assert [figures.speed_refusal for figures in timings("aiperf", FLEET)] == ["too_few_bursts"] * 3
