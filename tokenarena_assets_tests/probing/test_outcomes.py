"""One round over endpoints that misbehave in every way: each gets its outcome class and keeps its evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tokenarena_assets.probing import exchange
from tokenarena_assets.probing.exchange import Limits
from tokenarena_assets.probing.outcome import classify
from tokenarena_assets.probing.record import ProbeRecord
from tokenarena_assets.probing.stream import StreamResult
from tokenarena_assets.storage import rawlog
from tokenarena_assets.storage.home import Home
from tokenarena_assets_tests.probing.rounds import (
    QUICK,
    Ran,
    content_of_every_file,
    endpoint,
    planned_ids,
    run,
    speed_only,
)
from tokenarena_assets_tests.servers.misbehaving import (
    BEHAVIOURS,
    WORDS,
    MisbehavingServer,
    closed_port,
    redirects,
)

KEY = "sk-test/vexq+zulk=="
STATUS = {
    "good": "ok",
    "bundled": "ok",
    "usage_on_every_event": "ok",
    "no_usage": "ok",
    "reasoning": "ok",
    "inline_thought": "ok",
    "tool_call": "ok",
    "heartbeats": "ok",
    "dribble": "ok",
    "nan_usage": "ok",
    "absurd_numbers": "ok",
    "deep_nesting": "ok",
    "wrong_types": "ok",
    "close_after_answer": "ok",
    "hang_after_done": "ok",
    "cut_after_done": "ok",
    "length": "truncated",
    "empty": "empty",
    "content_filter": "content_filter",
    "cut": "dropped",
    "cut_in_event": "dropped",
    "ends_without_finish": "dropped",
    "nothing": "dropped",
    "close_at_once": "dropped",
    "not_http": "dropped",
    "echo": "in_stream_error",
    "error_in_stream": "in_stream_error",
    "aborted": "in_stream_error",
    "html": "bad_response",
    "json": "bad_response",
    "no_content": "bad_response",
    "redirect": "http_3xx",
    "redirect_keeping_the_method": "http_3xx",
    "unauthorized": "http_4xx",
    "not_found": "http_4xx",
    "rate_limited": "http_429",
    "server_error": "http_5xx",
    "overloaded_stream": "http_5xx",
    "hang_in_error_body": "http_5xx",
    "refused": "connect_failed",
    "hang_before_headers": "timeout_first",
    "hang_before_first_token": "timeout_first",
    "heartbeats_for_ever": "timeout_first",
    "hang_after_first_token": "timeout_stall",
    "huge_event": "too_large",
}
BY_THEMSELVES = {"endless"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("outcomes") / "arena")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[MisbehavingServer]:
    with MisbehavingServer() as other:
        yield other


@pytest.fixture(scope="module")
def ran(home: Home, elsewhere: MisbehavingServer) -> Iterator[Ran]:
    more = {
        "redirect": redirects(elsewhere.url("good/chat/completions")),
        "redirect_keeping_the_method": redirects(elsewhere.url("good/chat/completions"), status=308),
    }
    with MisbehavingServer(BEHAVIOURS | more) as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("TEST_KEY", KEY)
        urls = {name: server.url(name) for name in STATUS} | {"refused": f"http://127.0.0.1:{closed_port()}"}
        endpoints = [endpoint(name, url, api_key_env="TEST_KEY") for name, url in urls.items()]
        yield run(home, endpoints, speed_only(at_once=len(endpoints)), replace(QUICK, first_s=3.0, stall_s=2.0))


def test_every_behaviour_is_asked() -> None:
    assert BEHAVIOURS.keys() - STATUS.keys() == BY_THEMSELVES


@pytest.mark.parametrize(("name", "status"), STATUS.items(), ids=list(STATUS))
def test_each_gets_its_outcome_class(ran: Ran, name: str, status: str) -> None:
    record = ran.only(name)
    assert record["status"] == status, record["error"]
    assert bool(record["error"]) == (status not in ("ok", "truncated", "content_filter"))
    assert msgspec.json.decode(json.dumps(record), type=ProbeRecord).status == status


def test_every_planned_probe_has_one_record(ran: Ran) -> None:
    assert sorted(record["request_id"] for record in ran.records) == planned_ids(ran.plan)
    assert ran.outcome.written == len(STATUS)
    assert ran.outcome.by_status == {status: list(STATUS.values()).count(status) for status in STATUS.values()}


def test_stamps_are_in_order_and_the_clients_own_delay_is_known(ran: Ran) -> None:
    for record in ran.records:
        stamps = record["stamps_ns"]
        order = ("scheduled", "sent", "headers", "first_token", "first_answer", "last_token", "end")
        happened = [stamps[name] for name in order if stamps[name] is not None]
        assert happened == sorted(happened), record["endpoint_id"]
        assert record["client_delay_ms"] >= 0
        frames = [stamp for stamp, _ in record["frames"]]
        assert frames == sorted(frames)
        assert all(stamps["headers"] <= stamp <= stamps["end"] for stamp in frames)


@pytest.mark.parametrize(
    ("name", "http_status", "body"),
    [
        ("unauthorized", 401, "Incorrect API key provided: [key removed]"),
        ("not_found", 404, "no such model"),
        ("rate_limited", 429, "slow down"),
        ("server_error", 500, "Internal Server Error"),
        ("overloaded_stream", 503, "overloaded"),
        ("hang_in_error_body", 500, '{"error": "the database '),
        ("html", 200, "Sign in to the hotel's network"),
        ("json", 200, "not a stream"),
        ("redirect", 302, "elsewhere"),
    ],
)
def test_the_body_of_what_is_no_stream_is_kept(ran: Ran, name: str, http_status: int, body: str) -> None:
    record = ran.only(name)
    assert record["http_status"] == http_status
    assert body in record["error_body"]
    assert record["frames"] == []
    assert record["timing"]["ttft_ms"] is None


def test_telling_headers_are_kept(ran: Ran, elsewhere: MisbehavingServer) -> None:
    assert ran.only("rate_limited")["response_headers"]["retry-after"] == "7"
    assert ran.only("redirect")["response_headers"]["location"].startswith(elsewhere.url("good"))
    assert ran.only("unauthorized")["response_headers"]["x-request-id"] == "of Bearer [key removed]"
    assert "text/html" in ran.only("html")["error"]


@pytest.mark.parametrize(
    ("name", "text", "frames"),
    [
        ("cut", "Once upon", 3),
        ("cut_in_event", "Once upon", 4),  # the half of an event is evidence too
        ("ends_without_finish", "Once upon", 3),
        ("error_in_stream", "Once upon", 4),
        ("huge_event", "Once upon", 3),
        ("hang_after_first_token", "Once", 1),
        ("hang_before_first_token", "", 1),
        ("content_filter", "I", 5),
    ],
)
def test_what_came_before_a_failure_is_kept(ran: Ran, name: str, text: str, frames: int) -> None:
    record = ran.only(name)
    assert record["text"] == text
    assert len(record["frames"]) == frames
    assert (record["timing"]["ttft_ms"] is not None) == bool(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("good", "".join(WORDS * 2)),
        ("bundled", "".join(WORDS * 4)),
        ("usage_on_every_event", "".join(WORDS * 2)),
        ("heartbeats", "".join(WORDS * 2)),
        ("hang_after_done", "".join(WORDS * 2)),
        ("cut_after_done", "".join(WORDS * 2)),
        ("length", "".join(WORDS * 2)),
        ("dribble", "Grüße 🐦 … das ist alles"),
        ("inline_thought", "It is 4"),
        ("nan_usage", "Once upon"),
        ("absurd_numbers", "Once upon"),
        ("wrong_types", "Once upon"),
    ],
)
def test_answers_are_read_whole(ran: Ran, name: str, text: str) -> None:
    record = ran.only(name)
    assert record["text"] == text
    assert record["timing"]["e2e_ms"] >= record["timing"]["ttfo_ms"] >= record["timing"]["ttfb_ms"] > 0


def test_channels_and_thoughts(ran: Ran) -> None:
    assert ran.only("reasoning")["reasoning"] == " let me think"
    assert ran.only("inline_thought")["reasoning"] == "let me see"
    tool = ran.only("tool_call")
    assert (tool["tool_arguments"], tool["text"]) == ('look{"at": 1}', "")
    assert tool["timing"]["ttft_ms"] is not None
    assert tool["timing"]["ttfo_ms"] is None
    assert ran.only("heartbeats")["comments"] == 3 + 2 * len(WORDS)


@pytest.mark.parametrize(
    ("name", "output_tokens", "malformed"),
    [
        ("good", 22, 0),
        ("bundled", 44, 0),
        ("usage_on_every_event", 22, 0),
        ("reasoning", 25, 0),
        ("no_usage", None, 0),
        ("nan_usage", None, 1),
        ("deep_nesting", 2, 2),
    ],
)
def test_usage_is_what_the_endpoint_says(ran: Ran, name: str, output_tokens: int | None, malformed: int) -> None:
    record = ran.only(name)
    assert (record["usage"] or {}).get("output_tokens") == output_tokens
    assert record["malformed_events"] == malformed
    if output_tokens is None:
        assert record["timing"]["speed_refusal"] == "no_usage"


def test_numbers_beyond_reason_are_no_counts(ran: Ran) -> None:
    record = ran.only("absurd_numbers")
    assert record["logprobs"] == []
    assert {record["usage"][f"{name}_tokens"] for name in ("input", "output", "cached", "reasoning")} == {None}


def test_no_redirect_is_followed(ran: Ran, elsewhere: MisbehavingServer) -> None:
    assert ran.only("redirect")["status"] == "http_3xx"
    assert elsewhere.seen == []


def test_the_key_reaches_its_endpoint_and_no_file(ran: Ran, home: Home) -> None:
    assert "[key removed]" in ran.only("echo")["text"]
    assert ran.only("echo")["served_model"] == "[key removed]"
    files = content_of_every_file(home.root)
    assert len(files) == 5  # home.json; log, manifest, seal, certificates of the round
    for path, content in files.items():
        assert b"vexq" not in content, path


def test_requests_are_recorded_without_their_authorization(ran: Ran) -> None:
    request = ran.only("good")["request"]
    assert {name.lower() for name in request["headers"]}.isdisjoint({"authorization", "x-api-key", "cookie"})
    assert request["body"]["stream"] is True
    (planned,) = [probe for probe in ran.plan.probes["speed"] if probe.endpoint_id == "test/good@standard"]
    assert request["body"]["messages"][0]["content"] == planned.question.prompt


def test_one_line_holds_the_largest_response() -> None:
    longest_escape = len("\\u0001")
    assert exchange.MAX_RESPONSE_BYTES * longest_escape < rawlog.MAX_LINE_BYTES


@pytest.mark.parametrize(
    ("name", "limits", "status"),
    [
        ("endless", replace(QUICK, total_s=0.4), "timeout_total"),
        ("hang_before_first_token", replace(QUICK, first_s=0.2), "timeout_first"),
        ("hang_after_first_token", replace(QUICK, stall_s=5.0, total_s=0.3), "timeout_total"),
    ],
)
def test_limits(tmp_path: Path, name: str, limits: Limits, status: str) -> None:
    with MisbehavingServer() as server:
        record = run(Home(tmp_path), [endpoint(name, server.url(name))], speed_only(), limits).only(name)
    assert record["status"] == status
    if name == "endless":
        assert record["text"].startswith("more more ")
        assert record["generated_events"] == len(record["frames"])


def test_a_response_beyond_the_limit_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_RESPONSE_BYTES", 5_000)
    with MisbehavingServer() as server:
        record = run(Home(tmp_path), [endpoint("endless", server.url("endless"))], speed_only()).only("endless")
    assert (record["status"], record["error"]) == ("too_large", "more than 5000 bytes")
    assert record["text"].startswith("more more ")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"error": {"message": "no such model", "code": 404}}', ": no such model"),
        ('[{"error": {"message": "API key not valid"}}]', ": API key not valid"),
        ('{"error": "overloaded"}', ": overloaded"),
        ('{"message": "no quota\\n left"}', ": no quota left"),
        ('{"detail": [{"msg": "Field required", "loc": ["body"]}]}', ": Field required"),
        ('{"error": {"code": 7}}', ""),
        ('{"error": {"message": 7}}', ""),
        ('{"error": {"message": " "}}', ""),
        ("{}", ""),
        ("[]", ""),
        ('"text"', ": text"),
        ("<html>sign in</html>", ""),
        ("[" * 100_000, ""),
        ("", ""),
        (None, ""),
    ],
)
def test_an_error_says_what_its_body_says(body: str | None, told: str) -> None:
    refused = exchange.Exchange(0, datetime.now(UTC), http_status=400, error_body=body)
    assert classify(refused, StreamResult()) == ("http_4xx", f"HTTP 400{told}")


def test_a_long_error_is_cut_between_words_so_that_no_half_of_a_key_is_left() -> None:
    for before in range(200, 310):
        said = json.dumps({"error": {"message": f"{'x' * before} {KEY} sk-with-hyphens-in-it"}})
        refused = exchange.Exchange(0, datetime.now(UTC), http_status=401, error_body=said)
        _, error = classify(refused, StreamResult())
        assert error is not None
        assert len(error) <= 330
        assert KEY[:4] not in error.replace(KEY, "")
        assert "sk-" not in error.replace(KEY, "").replace("sk-with-hyphens-in-it", "")
