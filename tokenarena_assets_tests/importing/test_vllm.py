"""vLLM's detailed result, with figures that can be worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.importing.figures import timing_of
from tokenarena_assets.importing.request import Unreadable
from tokenarena_assets_tests.importing.files import FIXTURES, entries, requests, timings, written


def result() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FIXTURES / "vllm.json").read_text())
    return content


def test_speed_from_gaps_with_a_token_an_event() -> None:
    figures = timings("vllm", "vllm.json")[0]
    assert (figures.ttft_ms, figures.e2e_ms) == (pytest.approx(200), pytest.approx(1150))
    assert figures.output_speed_tok_s == pytest.approx(19 / 0.95)
    assert figures.speed_method == "client_tokens_one_token_per_event"
    assert figures.inter_chunk_p50_ms == pytest.approx(50)


def test_speed_from_gaps_with_bundled_tokens() -> None:
    figures = timings("vllm", "vllm.json")[1]
    # 33 tokens in 11 events: 30 of them after the first event, in a second
    assert figures.output_speed_tok_s == pytest.approx(30)
    assert figures.speed_method == "client_tokens_share_of_events"


def test_latency_from_schedule_holds_the_wait_in_its_own_queue(tmp_path: Path) -> None:
    content = result()
    content["queue_times"][0] = 2.0
    figures = timing_of(requests("vllm", written(tmp_path, "v.json", content))[0])
    assert figures.e2e_ms == pytest.approx(1150)
    assert figures.e2e_from_schedule_ms == pytest.approx(3150)


def test_older_results_do_not_say_when_a_request_was_due(tmp_path: Path) -> None:
    content = result()
    for name in ("queue_times", "latencies", "start_times"):
        del content[name]
    request = requests("vllm", written(tmp_path, "v.json", content))[0]
    assert "scheduled" in request.cannot_tell
    assert timing_of(request).e2e_from_schedule_ms is None


def test_each_failure_has_its_class() -> None:
    found = [(request.status, request.http_status) for request in requests("vllm", "vllm.json")]
    assert found == [
        ("ok", None),
        ("ok", None),
        ("http_429", 429),
        ("dropped", None),
        ("http_5xx", 500),
        ("empty", None),
    ]
    assert requests("vllm", "vllm.json")[3].error == (
        "aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected"
    ), "the last line of its traceback"


def test_several_runs_in_one_file(tmp_path: Path) -> None:
    path = written(tmp_path, "v.jsonl", "\n".join(json.dumps(result()) for _ in range(2)) + "\n")
    found = requests("vllm", path)
    assert [request.line for request in found] == list(range(1, 13))


def test_lists_of_different_length_are_refused(tmp_path: Path) -> None:
    content = result()
    content["ttfts"].pop()
    with pytest.raises(ConfigError, match=r"its lists differ in length: .*ttfts 5"):
        entries("vllm", written(tmp_path, "v.json", content))


def test_a_bad_request_does_not_take_the_others_along(tmp_path: Path) -> None:
    content = result()
    content["itls"][1][3] = -0.1
    found = entries("vllm", written(tmp_path, "v.json", content))
    assert [isinstance(entry, Unreadable) for entry in found] == [False, True, False, False, False, False]
    assert isinstance(found[1], Unreadable)
    assert found[1].reason == "itls[3] is -0.1: less than nothing"
