"""A round as a whole: who is asked, how much at once, with which key, and when it gives up."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from tokenarena_assets.probing.client import redacted
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.redaction import FROM_ENDPOINT
from tokenarena_assets.probing.round import plan_round, run_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import failures_by_endpoint, rounds_of
from tokenarena_assets.suites.suite import SuiteSizes
from tokenarena_assets_tests.probing.rounds import (
    QUICK,
    content_of_every_file,
    endpoint,
    planned_ids,
    run,
    speed_only,
)
from tokenarena_assets_tests.servers.misbehaving import (
    BEHAVIOURS,
    Answer,
    MisbehavingServer,
    Reply,
    closed_port,
    in_company,
    in_turn,
    redirects,
    streams,
)


def _statuses(records: list[dict[str, object]]) -> Counter[object]:
    return Counter(record["status"] for record in records)


def test_a_missing_key_is_named_and_nothing_is_sent(
    home: Home, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ABSENT_KEY", raising=False)
    monkeypatch.setenv("BLANK_KEY", " \n")
    monkeypatch.setenv("BROKEN_KEY", "sk-one\nX-Other: two")
    monkeypatch.setenv("FOREIGN_KEY", "sk-schlüssel")
    without = {"absent": "ABSENT_KEY", "blank": "BLANK_KEY", "broken": "BROKEN_KEY", "foreign": "FOREIGN_KEY"}
    endpoints = [endpoint(name, server.url(f"good/{name}"), api_key_env=key) for name, key in without.items()]
    ran = run(home, [*endpoints, endpoint("keyless", server.url("good/keyless"))], speed_only(2))
    for name, variable in without.items():
        assert {record["error"] for record in ran.of(name)} == {
            f"missing {variable}"
            if name in ("absent", "blank")
            else f"unusable {variable}: it holds characters that no HTTP header can carry"
        }
        assert _statuses(ran.of(name)) == {"not_sent": 1}  # one for the suite: two would say the same
    assert _statuses(ran.of("keyless")) == {"ok": 2}
    assert {request.route for request in server.seen} == {"good/keyless"}
    assert all("authorization" not in request.headers for request in server.seen)
    assert sorted(record["request_id"] for record in ran.records) == planned_ids(ran.plan)
    assert not any(b"sk-" in content for content in content_of_every_file(home.root).values())


@pytest.mark.parametrize("key", ['with/slash+plus=="quote\\back\r\n', "status", "0"])
def test_an_echoed_key_is_in_no_file(
    home: Home, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("TEST_KEY", key)
    names = ("echo", "unauthorized", "good")
    ran = run(home, [endpoint(name, server.url(name), api_key_env="TEST_KEY") for name in names], speed_only(2))
    assert {request.headers["authorization"] for request in server.seen} == {f"Bearer {key.strip()}"}
    # A key that happens to be a word of our own must not change what the record says of itself.
    assert sorted(record["request_id"] for record in ran.records) == planned_ids(ran.plan)
    assert {record["endpoint_id"] for record in ran.records} == {f"test/{name}@standard" for name in names}
    assert _statuses(ran.records) == {"ok": 2, "http_4xx": 2, "in_stream_error": 2}
    assert {record["text"] for record in ran.of("echo")} == {"Your key is [key removed]!"}
    assert all("Incorrect API key provided: [key removed]" in r["error_body"] for r in ran.of("unauthorized"))
    if key not in ("status", "0"):
        escaped = json.dumps(key.strip())[1:-1].encode()
        for content in content_of_every_file(home.root).values():
            assert key.strip().encode() not in content
            assert escaped not in content


@pytest.mark.parametrize("written", ["a/b+c=", r"a\/b+c=", "a%2Fb%2Bc%3D", "a/b%2Bc%3D"])
def test_a_key_is_removed_in_every_form_it_is_written_in(written: str) -> None:
    record = dict.fromkeys(FROM_ENDPOINT) | {
        "first_token_top": [(written, -0.5)],
        "usage": {"raw": {written: [written]}},
        "response_headers": {"location": f"https://x/?key={written}"},
        "error_body": f"<{written}>",
        "frames": [[1, written]],
    }
    assert written not in json.dumps(redacted(record, "a/b+c="))
    assert written.replace("\\", "\\\\") not in json.dumps(redacted(record, "a/b+c="))


@pytest.mark.parametrize("name", ["error", "error_body"])
@pytest.mark.parametrize("left", range(1, 12))
def test_the_start_of_a_key_at_the_end_of_a_text_that_was_cut_is_removed(name: str, left: int) -> None:
    key = "sk-test-vexq"
    record = dict.fromkeys(FROM_ENDPOINT) | {name: f"wrong key {key}, that is {key[:left]}"}
    kept = redacted(record, key)[name]
    assert kept == f"wrong key [key removed], that is {key[:left] if left < 4 else '[key removed]'}"


HOPELESS = {
    "refused": "connect_failed: ConnectError",
    "unauthorized": "http_4xx: HTTP 401",
    "not_found": "http_4xx: HTTP 404",
    "redirect": "http_3xx: HTTP 302",
    "hang_before_headers": "timeout_first: no end within the limit",
}


def test_a_hopeless_endpoint_is_given_up_and_the_others_go_on(home: Home) -> None:
    refusing = f"http://127.0.0.1:{closed_port()}"
    with MisbehavingServer(BEHAVIOURS | {"redirect": redirects(refusing)}) as server:
        endpoints = [
            endpoint(name, refusing if name == "refused" else server.url(name)) for name in (*HOPELESS, "good")
        ]
        ran = run(home, endpoints, speed_only(5))
        sent = {name: len(server.requests_of(name)) for name in (*HOPELESS, "good")}
    assert sent == dict.fromkeys(HOPELESS, 3) | {"refused": 0, "good": 5}
    for name, why in HOPELESS.items():
        assert len(ran.of(name)) == 5
        (reason,) = {record["error"] for record in ran.of(name) if record["status"] == "not_sent"}
        assert reason.startswith(f"given up after 3 in a row: {why}")
        assert _statuses(ran.of(name))["not_sent"] == 2
    assert _statuses(ran.of("good")) == {"ok": 5}
    assert sorted(record["request_id"] for record in ran.records) == planned_ids(ran.plan)


def test_what_may_pass_is_asked_to_the_end(home: Home) -> None:
    lost, good = BEHAVIOURS["not_found"], BEHAVIOURS["good"]
    names = ("server_error", "cut", "html", "mixed")
    with MisbehavingServer(BEHAVIOURS | {"mixed": in_turn(lost, lost, good, lost, lost, good)}) as server:
        ran = run(home, [endpoint(name, server.url(name)) for name in names], speed_only(6))
        assert {name: len(server.requests_of(name)) for name in names} == dict.fromkeys(names, 6)
    assert "not_sent" not in _statuses(ran.records)


async def _busy(reply: Reply) -> None:
    await reply.whole(429, "application/json", b'{"error":{"message":"slow down"}}', "retry-after-ms: 400")


def test_a_429_stays_a_failure_and_the_endpoint_is_left_alone_for_as_long_as_it_asks(home: Home) -> None:
    with MisbehavingServer({"busy": in_turn(BEHAVIOURS["good"], _busy, BEHAVIOURS["good"])}) as server:
        ran = run(home, [endpoint("busy", server.url("busy"))], speed_only(4))
        at_ns = [request.at_ns for request in server.requests_of("busy")]
    in_order = sorted(ran.records, key=lambda record: record["stamps_ns"]["sent"])
    assert [record["status"] for record in in_order] == ["ok", "http_429", "ok", "ok"]
    assert at_ns[2] - at_ns[1] >= 400_000_000
    # The pause is before the next request, and in none of its times.
    assert in_order[2]["stamps_ns"]["scheduled"] - in_order[1]["stamps_ns"]["end"] >= 400_000_000
    assert sorted(record["request_id"] for record in ran.records) == planned_ids(ran.plan)


def test_a_storm_of_429_is_given_up_and_the_rest_is_recorded(home: Home) -> None:
    with MisbehavingServer({"busy": _busy, "good": BEHAVIOURS["good"]}) as server:
        endpoints = [endpoint(name, server.url(name)) for name in ("busy", "good")]
        ran = run(home, endpoints, speed_only(6, max_pause_s=1.0))
    assert _statuses(ran.of("busy")) == {"http_429": 2, "not_sent": 4}
    reasons = {record["error"] for record in ran.of("busy") if record["status"] == "not_sent"}
    assert reasons == {"given up: asked to wait 2 s in all, more than 1 s a round (HTTP 429 or 503)"}
    assert _statuses(ran.of("good")) == {"ok": 6}


def test_requests_in_flight_stay_within_both_caps(home: Home) -> None:
    for at_once, each, expected in ((3, 2, 3), (16, 2, 8)):
        with MisbehavingServer({"good": in_company(expected, streams(Answer()))}) as server:
            endpoints = [endpoint(name, server.url(f"good/{name}")) for name in ("a", "b", "c", "d")]
            options = PlanOptions(
                suites=("quality_math",), sizes=SuiteSizes(math_items=4), at_once=at_once, at_once_per_endpoint=each
            )
            ran = run(Home(home.root / f"{at_once}-{each}"), endpoints, options)
            assert server.most_in_flight == expected
            assert max(server.most_of_route.values()) <= each
            assert _statuses(ran.records) == {"ok": 16}
            assert max(record["in_flight"] for record in ran.records) == 2


def test_work_shared_among_processes_is_the_same_round(home: Home, server: MisbehavingServer) -> None:
    endpoints = [endpoint(name, server.url(f"good/{name}")) for name in ("a", "b", "c")]
    ran = run(home, endpoints, speed_only(3, workers=2))
    assert _statuses(ran.records) == {"ok": 9}
    assert sorted(record["request_id"] for record in ran.records) == planned_ids(ran.plan)
    assert {found.process for found in ran.outcome.certificates} == {0, 1}


def test_a_paced_stream_gives_back_its_times(home: Home) -> None:
    answer = Answer(first_after_s=0.1, gap_s=0.01, prompt_tokens=31)
    with MisbehavingServer({"paced": streams(answer)}) as server:
        ran = run(
            home, [endpoint("paced", server.url("paced"))], speed_only(3), replace(QUICK, first_s=5.0, stall_s=5.0)
        )
    for record in ran.records:
        timing = record["timing"]
        gaps = len(answer.tokens) - 1
        # A sleep is never shorter than asked, so these bounds are certain.
        assert 100 <= timing["ttft_ms"] <= timing["ttfo_ms"]
        assert timing["ttfb_ms"] < timing["ttft_ms"]
        assert 100 + 10 * gaps <= timing["e2e_ms"]
        # And these are generous, unless the client itself was late, which it says.
        if record["client_delay_ms"] < 20:
            assert timing["ttft_ms"] <= 600
            assert timing["e2e_ms"] <= 3_000
            assert timing["speed_method"] == "one_token_per_event"
            assert 20 <= timing["output_speed_tok_s"] <= 200
        assert record["usage"]["input_tokens"] == 31
        assert record["http_status"] == 200
        assert (record["finish_reason"], record["response_id"], record["served_model"]) == ("stop", "chat-1", "served")
    # All but the first went over the connection that the first had opened.
    first, *others = ran.records
    assert first["connect_ms"] > 0
    assert {record["connect_ms"] for record in others} == {None}
    assert {record["tls_ms"] for record in ran.records} == {None}


def test_a_closed_connection_is_opened_anew(home: Home, server: MisbehavingServer) -> None:
    ran = run(home, [endpoint("closing", server.url("close_after_answer"))], speed_only(4))
    assert _statuses(ran.records) == {"ok": 4}
    assert all(record["connect_ms"] > 0 for record in ran.records)


def test_after_every_kind_of_failure_the_endpoint_can_be_asked_again(home: Home) -> None:
    # A close without an answer on a kept-alive connection is a stale connection: see test_stale_connections.
    bad = ("cut", "hang_after_first_token", "huge_event", "server_error", "hang_before_headers")
    turns = in_turn(*(behaviour for name in bad for behaviour in (BEHAVIOURS[name], BEHAVIOURS["good"])))
    with MisbehavingServer({"turns": turns}) as server:
        ran = run(home, [endpoint("turns", server.url("turns"))], speed_only(2 * len(bad)))
    order = {record["request_id"]: record["status"] for record in ran.records}
    statuses = [order[probe.request_id] for probe in ran.plan.probes["speed"]]
    assert statuses[1::2] == ["ok"] * len(bad)
    assert statuses[::2] == ["dropped", "timeout_stall", "too_large", "http_5xx", "timeout_first"]


def test_what_is_sent_is_what_the_catalog_and_the_suite_say(home: Home, server: MisbehavingServer) -> None:
    asked = endpoint(
        "asked", server.url("good"), request_model="org/real-name", top_logprobs=3, extra_body={"top_k": 0, "seed": 7}
    )
    options = PlanOptions(suites=("speed", "quality_math"), sizes=SuiteSizes(speed_probes=1, math_items=1))
    ran = run(home, [asked], options)
    speed, quality = server.seen
    assert (speed.json["model"], speed.json["top_k"], speed.json["seed"]) == ("org/real-name", 0, 7)
    assert (speed.json["stream"], speed.json["stream_options"]) == (True, {"include_usage": True})
    assert (speed.json["temperature"], speed.json["max_tokens"]) == (1.0, 200)
    assert "logprobs" not in speed.json
    assert (quality.json["temperature"], quality.json["max_tokens"], quality.json["top_logprobs"]) == (0.0, 512, 1)
    assert speed.path == "/good/chat/completions"
    assert speed.headers["accept-encoding"] == "identity"
    recorded = {record["suite"]: record for record in ran.records}
    assert recorded["quality_math"]["request"]["body"] == quality.json
    assert recorded["quality_math"]["item"]["answer_value"]
    assert "solution" not in recorded["quality_math"]["item"]
    assert recorded["speed"]["item"] is None
    assert len(rounds_of(home, ran.plan.day)) == 1


def test_failures_are_summed_up_by_endpoint(home: Home, server: MisbehavingServer) -> None:
    ran = run(home, [endpoint(name, server.url(name)) for name in ("good", "server_error", "empty")], speed_only(2))
    assert failures_by_endpoint(ran.outcome.path) == {
        "test/server_error@standard": {"http_5xx: HTTP 500": 2},
        "test/empty@standard": {"empty: no generated token": 2},
    }


def test_the_environments_proxy_is_not_used(
    home: Home, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    assert _statuses(run(home, [endpoint("good", server.url("good"))], speed_only()).records) == {"ok": 1}


def test_progress_is_told_after_each_record(home: Home, server: MisbehavingServer) -> None:
    endpoints = [endpoint("good", server.url("good")), endpoint("lost", server.url("not_found"))]
    plan = plan_round(home, today(), endpoints, speed_only(2))
    told: list[tuple[str, int, int, int]] = []
    urls = {e.endpoint_id: str(e.base_url) for e in endpoints}
    run_round(home, plan, urls, limits=QUICK, progress=lambda *step: told.append(step))
    assert [(suite, done, of) for suite, done, of, _ in told] == [("speed", n, 4) for n in (1, 2, 3, 4)]
    assert told[-1][3] == 2


@pytest.mark.parametrize("pieces", [["Your key is sk-", "test-", "vexq!"], [r"Your key is \u0073k-test-vexq!"]])
def test_a_key_that_is_spread_over_events_cannot_be_put_together_again(pieces: list[str]) -> None:
    frames = [[at, f'{{"text": "{piece}"}}'] for at, piece in enumerate(pieces)]
    record = dict.fromkeys(FROM_ENDPOINT) | {"text": "Your key is sk-test-vexq!", "frames": frames}
    kept = redacted(record, "sk-test-vexq")
    assert kept["text"] == "Your key is [key removed]!"
    assert kept["frames"] == [[at, "[key removed]"] for at in range(len(pieces))]
    untouched = record | {"text": "Your key is no business of mine."}
    assert redacted(untouched, "sk-test-vexq")["frames"] == frames


def test_a_run_of_backslashes_is_read_once() -> None:
    run_of_them = "\\" * 1_000_000  # tried at each of them, 10 ** 12 steps
    record = dict.fromkeys(FROM_ENDPOINT) | {"text": run_of_them + "+k", "error": "\\%2bk"}
    assert redacted(record, "+k")["text"] == "[key removed]"
    assert redacted(record, "+k")["error"] == "\\[key removed]"
