"""GuideLLM's JSON report, as version 0.8.1 wrote it of endpoints whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.importing.figures import timing_of
from tokenarena_assets.importing.request import ToolRequest, Unreadable
from tokenarena_assets_tests.importing.files import FIXTURES, entries, requests, timings, written

FAULTS, FLEET = "guidellm-faults.json", "guidellm-fleet.json"


def report() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FIXTURES / FAULTS).read_text())
    return content


def test_times_and_speed_of_an_answer_with_a_known_pace() -> None:
    figures = timings("guidellm", FAULTS)[0]
    # first_token_iteration 31.1441 ms and last_token_iteration 117.7988 ms after request_start
    assert figures.ttft_ms == pytest.approx(31.1441, abs=1e-3)
    assert figures.ttfo_ms == figures.ttft_ms
    assert figures.e2e_ms == pytest.approx(117.7988, abs=1e-3)
    assert figures.output_speed_tok_s == pytest.approx(21 / 0.0866547, rel=1e-4)
    assert figures.speed_method == "one_token_per_event"
    assert figures.inter_chunk_p50_ms is figures.stall_ratio is None
    assert figures.streaming_refusal == "not_told"


def test_each_failure_has_its_class() -> None:
    found = [(request.status, request.http_status) for request in requests("guidellm", FAULTS)]
    assert found == [
        ("ok", None),
        ("http_429", 429),
        ("http_5xx", 500),
        ("dropped", None),
        ("in_stream_error", None),
        ("empty", None),
        ("dropped", None),
        ("ok", None),
        ("ok", None),
        ("ok", None),
        ("timeout_stall", None),
    ]


def test_without_usage_it_reports_the_tokens_that_were_asked_for() -> None:
    """It wrote 48, the number asked for; the answer had 2 tokens, and another one 22."""
    found = [request for request in requests("guidellm", FAULTS) if request.status == "ok"]
    asked = [request for request in found if request.record["output_tokens"] == 48]
    assert [request.events for request in asked] == [2, 22]
    for request in asked:
        assert request.usage is None
        assert request.counted_tokens is None
        assert timing_of(request).speed_refusal == "no_usage"
        assert "usage" in request.cannot_tell


def test_reasoning_comes_before_the_answer() -> None:
    request = next(request for request in requests("guidellm", FAULTS) if request.reasoning)
    figures = timing_of(request)
    assert request.reasoning == " let me think"
    assert (figures.ttft_ms, figures.ttfo_ms) == (pytest.approx(0.8125, abs=1e-3), pytest.approx(12.9416, abs=1e-3))


def test_requests_are_in_the_order_in_which_they_began() -> None:
    moments = [request.started_at for request in requests("guidellm", FLEET) + requests("guidellm", FLEET)]
    assert moments[:3] == sorted(moments[:3])
    assert [request.line for request in requests("guidellm", FAULTS)] == list(range(1, 12))


def test_billed_tokens_with_cached_ones() -> None:
    for request in requests("guidellm", FLEET):
        assert request.usage is not None
        assert request.usage.output_tokens == 48
        assert request.usage.cached_tokens == 0
        assert request.events == 48


def test_a_client_side_count_is_not_a_bill(tmp_path: Path) -> None:
    content = report()
    content["config"]["spec"]["metrics"]["prefer_response_metrics"] = False
    request = requests("guidellm", written(tmp_path, "g.json", content))[0]
    assert (request.usage, request.counted_tokens) == (None, 22)
    assert timing_of(request).speed_method == "client_tokens_one_token_per_event"


def test_versions_before_08_include_the_connection(tmp_path: Path) -> None:
    assert not any("connection" in request.cannot_tell for request in requests("guidellm", FAULTS))
    content = report()
    content["metadata"]["guidellm_version"] = "0.5.2"
    assert all("connection" in r.cannot_tell for r in requests("guidellm", written(tmp_path, "g.json", content)))


def test_what_it_cut_off_at_its_end_says_nothing_of_the_endpoint(tmp_path: Path) -> None:
    content = report()
    groups = content["benchmarks"][0]["requests"]
    groups["incomplete"].append(groups["successful"].pop())
    found = entries("guidellm", written(tmp_path, "g.json", content))
    assert sum(isinstance(entry, ToolRequest) for entry in found) == 10
    (cut,) = [entry for entry in found if isinstance(entry, Unreadable)]
    assert "ended its benchmark before the answer did" in cut.reason


def test_a_clock_that_was_set_back_is_refused_by_name(tmp_path: Path) -> None:
    content = report()
    timings_of_first = content["benchmarks"][0]["requests"]["successful"][0]["info"]["timings"]
    timings_of_first["last_token_iteration"] = timings_of_first["request_start"] - 1
    entry = entries("guidellm", written(tmp_path, "g.json", content))[0]
    assert isinstance(entry, Unreadable)
    assert entry.reason.startswith("info.timings.last_token_iteration since its start is -")


def test_a_run_without_streaming_has_a_latency_and_no_ttft(tmp_path: Path) -> None:
    content = report()
    times = content["benchmarks"][0]["requests"]["successful"][0]["info"]["timings"]
    for name in ("first_request_iteration", "first_token_iteration", "first_output_token_iteration"):
        times[name] = times[name.replace("first", "last").replace("_output", "")] = None
    times |= {"request_iterations": 0, "token_iterations": 0}
    figures = timing_of(requests("guidellm", written(tmp_path, "g.json", content))[0])
    assert figures.e2e_ms == pytest.approx((times["request_end"] - times["request_start"]) * 1e3, abs=1e-3)
    assert (figures.ttft_ms, figures.ttft_refusal, figures.speed_refusal) == (None, "not_streamed", "not_streamed")
