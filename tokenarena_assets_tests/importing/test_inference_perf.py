"""inference-perf's per-request report, as version 0.7.0 wrote it of endpoints whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.importing.figures import timing_of
from tokenarena_assets.importing.request import ToolRequest, Unreadable
from tokenarena_assets_tests.importing.files import FIXTURES, entries, requests, timings, written

FAULTS, FLEET = "inference-perf-faults.json", "inference-perf-fleet.json"


def report() -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = json.loads((FIXTURES / FAULTS).read_text())
    return content


def test_times_and_speed_of_an_answer_with_a_known_pace() -> None:
    request = requests("inference-perf", FAULTS)[0]
    figures = timing_of(request)
    # the first of its chunk_times is 33.0862 ms after start_time, the last 123.9433 ms
    assert figures.ttft_ms == pytest.approx(33.0862, abs=1e-3)
    assert figures.e2e_ms == pytest.approx(123.9433, abs=1e-3)
    assert figures.output_speed_tok_s == pytest.approx(21 / 0.0908571, rel=1e-3)
    assert figures.speed_method == "one_token_per_event"
    assert request.text == "Ada saw a small blue bird near the old well." * 2
    assert request.usage is not None
    assert request.usage.output_tokens == 22, "billed; it counted 34 itself"


def test_each_failure_has_its_class() -> None:
    found = [request.status for request in requests("inference-perf", FAULTS)]
    assert found == [
        "ok",
        "http_429",
        "dropped",
        "in_stream_error",  # it counts this as a success
        "empty",
        "dropped",
        "ok",
        "bad_response",  # and this
        "timeout_total",
    ]


def test_reasoning_has_no_time_of_its_own() -> None:
    """It keeps times of the visible answer only: the first token is unknown, and the answer's is not taken for it."""
    request = requests("inference-perf", FAULTS)[6]
    figures = timing_of(request)
    assert request.reasoning == " let me think"
    assert (figures.ttft_ms, figures.ttft_refusal) == (None, "not_told")
    assert figures.ttfo_ms == pytest.approx(14.02, abs=0.01)
    assert {"first_token", "frames"} <= request.cannot_tell


def test_real_inference() -> None:
    for request, figures in zip(requests("inference-perf", FLEET), timings("inference-perf", FLEET), strict=True):
        assert request.status == "truncated", "its finish reason is length"
        assert request.usage is not None
        assert request.usage.output_tokens == 30 == len(request.chunks)
        assert figures.output_speed_tok_s is not None
        assert request.frames
        assert request.started_at is None, "its clock has no date"


def test_a_retry_inside_the_request_does_not_count(tmp_path: Path) -> None:
    content = report()[:1]
    content[0]["info"] |= {"retries_attempted": 1, "retries_recovered": True, "retry_wasted_sec": 0.02}
    figures = timings("inference-perf", written(tmp_path, "i.json", content))[0]
    assert figures.ttft_ms == pytest.approx(13.0862, abs=1e-3)


def test_an_answer_in_one_piece_has_no_ttft(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    answer = {
        "choices": [{"message": {"role": "assistant", "content": "Hi!"}, "finish_reason": "stop"}],
        "usage": usage,
    }
    content = {
        "start_time": 5.0,
        "end_time": 5.25,
        "request": json.dumps({"messages": [], "stream": False}),
        "response": json.dumps(answer),
        "info": {"response_metrics": {"output_tokens": 2, "server_usage": usage}},
        "error": None,
    }
    (request,) = requests("inference-perf", written(tmp_path, "i.json", [content]))
    figures = timing_of(request)
    assert (request.status, request.text) == ("ok", "Hi!")
    assert (figures.e2e_ms, figures.ttft_ms, figures.ttft_refusal) == (pytest.approx(250), None, "not_streamed")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r["info"]["response_metrics"]["chunk_times"].pop(), "there are 21 chunk_times for 22"),
        (lambda r: r.update(end_time=r["start_time"] - 1), "end_time since start_time is -"),
        (lambda r: r.update(info=[]), r"info is \[\], not an object"),
        (lambda r: r.update(response=""), r"response_chunks\[0\] is not in the response"),
        (lambda r: r.update(response=7), "response is 7, not a text"),
        (lambda r: r["info"]["response_metrics"]["chunk_times"].__setitem__(0, float("nan")), "is nan, not a finite"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, change: Any, reason: str) -> None:
    content = report()
    change(content[0])
    found = entries("inference-perf", written(tmp_path, "i.json", content))
    assert isinstance(found[0], Unreadable)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(found[0].reason)
    assert all(isinstance(entry, ToolRequest) for entry in found[1:])
