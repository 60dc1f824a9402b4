"""Faults of servers, networks and this machine: each has its class and evidence, the round goes on, no key leaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from itertools import count, pairwise
from typing import Any

import msgspec
import psutil
import pytest

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing import certify, client, pacing
from tokenarena_assets.probing.record import ProbeRecord
from tokenarena_assets.probing.reference_server import Schedule
from tokenarena_assets.probing.round import plan_round, run_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import certificates_path, read_lines, rounds_of
from tokenarena_assets_tests.probing.rounds import (
    QUICK,
    Ran,
    content_of_every_file,
    endpoint,
    planned_ids,
    run,
    speed_only,
)
from tokenarena_assets_tests.servers.authority import Authority
from tokenarena_assets_tests.servers.faults import (
    FAULTS,
    GOOD_TEXT,
    STORM,
    STORM_PAUSE_MS,
    bomb,
    full_listener,
    plain_listener,
    silent_listener,
)
from tokenarena_assets_tests.servers.misbehaving import (
    Behaviour,
    MisbehavingServer,
    Reply,
    closed_port,
    redirects,
)

KEY = "sk-test/Zq8vK+Xj4wP=="
PATIENCE_S = 60.0  # bounds a wait; never the expected time
LIMITS = replace(QUICK, first_s=3.0, stall_s=2.0, total_s=4.0)
TOO_LONG_LABEL = "a" * 64 + ".invalid"  # DNS knows labels of 63 characters at most
TOO_LONG_NAME = ".".join(["b" * 60] * 5)  # and names of 253: no resolver is asked

STATUS = {
    "good": "ok",
    "hints_first": "ok",
    "talks_on": "ok",
    "ends_with_the_connection": "ok",
    "invalid_utf8": "ok",
    "half_a_character": "ok",
    "nan_usage": "ok",
    "negative_usage": "ok",
    "duplicated_events": "ok",
    "key_in_every_place": "ok",
    "tls_good": "ok",
    "reset_at_once": "dropped",
    "reset_before_headers": "dropped",
    "reset_in_the_middle": "dropped",
    "headers_for_ever": "dropped",
    "promises_more": "dropped",
    "bad_chunks": "dropped",
    "other_protocol": "dropped",
    "http_to_a_tls_port": "dropped",
    "half_of_the_headers": "timeout_first",
    "slow_drip_of_headers": "timeout_first",
    "half_open": "timeout_first",
    "slow_drip": "timeout_total",
    "no_answer_to_a_knock": "timeout_connect",
    "huge_event": "too_large",
    "gzip_bomb": "bad_response",
    "no_content": "bad_response",
    "wrong_type": "bad_response",
    "no_content_type": "bad_response",
    "html_error": "http_5xx",
    "redirect": "http_3xx",
    "refused": "connect_failed",
    "no_such_name": "connect_failed",
    "no_name_at_all": "connect_failed",
    "tls_expired": "connect_failed",
    "tls_not_yet": "connect_failed",
    "tls_of_another_host": "connect_failed",
    "tls_of_a_stranger": "connect_failed",
    "https_to_an_http_port": "connect_failed",
}
IN_STORMS = {"storm_that_passes", "storm_for_ever"}


@pytest.fixture(autouse=True)
def _brief_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The round of all faults is certified as any is; those of single tests need not take as long."""
    monkeypatch.setattr(certify, "BRIEF", Schedule(ttft_ms=1.0, interval_ms=1.0, tokens=20))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("faults") / "arena")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[MisbehavingServer]:
    with MisbehavingServer() as other:
        yield other


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, MisbehavingServer]]:
    """Servers behind TLS, by what is the matter with their certificate; the test's own authority is trusted."""
    folder = tmp_path_factory.mktemp("authority")
    ours, stranger = Authority(folder), Authority(folder, "a stranger")
    contexts = {
        "tls_good": ours.server(),
        "tls_expired": ours.server(valid_days=(-3, -2)),
        "tls_not_yet": ours.server(valid_days=(2, 3)),
        "tls_of_another_host": ours.server(address="192.0.2.7"),
        "tls_of_a_stranger": stranger.server(),
    }
    with ExitStack() as stack, pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(ours.path))
        yield {name: stack.enter_context(MisbehavingServer(tls=context)) for name, context in contexts.items()}


@pytest.fixture(scope="module")
def ran(faulty: Home, elsewhere: MisbehavingServer, secured: dict[str, MisbehavingServer]) -> Iterator[Ran]:
    behaviours = FAULTS | {"redirect": redirects(elsewhere.url("good/chat/completions"), status=307)}
    with (
        MisbehavingServer(behaviours) as server,
        silent_listener() as silent,
        full_listener() as full,
        plain_listener() as plain,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("TEST_KEY", KEY)
        urls = {name: server.url(name) for name in behaviours.keys() - IN_STORMS}
        urls |= {name: other.url("good") for name, other in secured.items()}
        urls |= {
            "half_open": f"http://127.0.0.1:{silent}/v1",
            "no_answer_to_a_knock": f"http://127.0.0.1:{full}/v1",
            "refused": f"http://127.0.0.1:{closed_port()}/v1",
            "no_such_name": f"http://{TOO_LONG_NAME}/v1",
            "no_name_at_all": f"http://{TOO_LONG_LABEL}/v1",
            "https_to_an_http_port": f"https://127.0.0.1:{plain}/v1",
            "http_to_a_tls_port": secured["tls_good"].url("good").replace("https://", "http://"),
        }
        endpoints = [endpoint(name, url, api_key_env="TEST_KEY") for name, url in urls.items()]
        yield run(faulty, endpoints, speed_only(at_once=len(endpoints)), LIMITS)


def test_every_fault_is_met(ran: Ran) -> None:
    assert FAULTS.keys() <= STATUS.keys() | IN_STORMS
    assert {record["endpoint_id"] for record in ran.records} == {f"test/{name}@standard" for name in STATUS}


@pytest.mark.parametrize(("name", "status"), STATUS.items(), ids=list(STATUS))
def test_each_gets_its_outcome_class(ran: Ran, name: str, status: str) -> None:
    record = ran.only(name)
    assert record["status"] == status, record["error"]
    assert bool(record["error"]) == (status != "ok")
    assert msgspec.json.decode(json.dumps(record), type=ProbeRecord).status == status


def test_the_round_goes_on_and_accounts_for_every_probe(ran: Ran) -> None:
    assert sorted(record["request_id"] for record in ran.records) == planned_ids(ran.plan)
    assert ran.outcome.by_status == Counter(STATUS.values())
    assert ran.only("good")["text"] == GOOD_TEXT


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("reset_in_the_middle", "Once upon"),
        ("slow_drip", "Once"),
        ("huge_event", "Once upon"),
        ("promises_more", "Once upon"),
        ("bad_chunks", "Once upon"),
        ("hints_first", GOOD_TEXT),
        ("talks_on", GOOD_TEXT),
        ("ends_with_the_connection", GOOD_TEXT),
        ("tls_good", GOOD_TEXT),
    ],
)
def test_what_came_before_the_fault_is_kept(ran: Ran, name: str, text: str) -> None:
    record = ran.only(name)
    assert record["text"] == text
    assert record["timing"]["ttft_ms"] > 0
    assert [stamp for stamp, _ in record["frames"]] == sorted(stamp for stamp, _ in record["frames"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("refused", "onnect"),
        ("no_such_name", "resolve"),
        ("tls_expired", "certificate has expired"),
        ("tls_not_yet", "certificate is not yet valid"),
        ("tls_of_another_host", "IP address mismatch"),
        ("tls_of_a_stranger", "unable to get local issuer certificate"),
        ("https_to_an_http_port", "SSL"),
        ("headers_for_ever", "bytes of headers"),
        ("other_protocol", "another protocol"),
        ("huge_event", "bytes"),
        ("gzip_bomb", "gzip"),
        ("wrong_type", "application/octet-stream"),
        ("redirect", "the key must not leave its host"),
    ],
)
def test_the_error_says_what_happened(ran: Ran, name: str, words: str) -> None:
    assert words in ran.only(name)["error"]


@pytest.mark.parametrize(("name", "body"), [("html_error", "<h1>502 Bad Gateway</h1>"), ("wrong_type", "data: {")])
def test_a_body_that_is_no_answer_is_kept(ran: Ran, name: str, body: str) -> None:
    record = ran.only(name)
    assert body in record["error_body"]
    assert record["frames"] == []
    assert record["timing"]["ttft_ms"] is None


def test_what_is_compressed_is_never_swelled(ran: Ran) -> None:
    record = ran.only("gzip_bomb")
    assert record["response_headers"]["content-encoding"] == "gzip"
    assert len(record["error_body"]) <= len(bomb())
    assert record["text"] == ""


def test_no_record_grows_beyond_what_was_allowed(ran: Ran) -> None:
    for record in ran.records:
        assert len(json.dumps(record)) < 300_000, record["endpoint_id"]


def test_bytes_that_are_no_text_are_kept_as_far_as_they_can_be(ran: Ran) -> None:
    assert ran.only("invalid_utf8")["text"] == "Gr\ufffd\ufffde \ufffd"
    assert ran.only("half_a_character")["text"].endswith("\0 fine")


@pytest.mark.parametrize("name", ["nan_usage", "negative_usage"])
def test_counts_that_cannot_be_are_no_counts(ran: Ran, name: str) -> None:
    record = ran.only(name)
    assert (record["usage"] or {}).get("output_tokens") is None
    assert record["timing"]["output_speed_tok_s"] is None
    assert record["text"] == "Once upon"


def test_events_that_come_twice_are_kept_twice_and_billed_as_the_server_says(ran: Ran) -> None:
    record, good = ran.only("duplicated_events"), ran.only("good")
    assert record["generated_events"] == 2 * good["generated_events"]
    assert record["usage"]["output_tokens"] == good["usage"]["output_tokens"]


def test_no_request_reaches_who_was_not_asked(
    ran: Ran, elsewhere: MisbehavingServer, secured: dict[str, MisbehavingServer]
) -> None:
    assert ran.only("redirect")["response_headers"]["location"].startswith(elsewhere.url("good"))
    assert elsewhere.seen == [], "the key must not follow a redirect"
    for name, server in secured.items():
        assert len(server.seen) == (name == "tls_good"), "no request goes out before the certificate is trusted"


def test_tls_is_timed_apart(ran: Ran) -> None:
    assert ran.only("tls_good")["tls_ms"] > 0
    assert ran.only("good")["tls_ms"] is None


def test_the_key_is_in_no_file(ran: Ran, faulty: Home) -> None:
    record = ran.only("key_in_every_place")
    assert "[key removed]" in record["text"]
    assert record["tool_arguments"].count("[key removed]") == 2
    files = content_of_every_file(faulty.root)
    kinds = Counter(path.name.partition(".")[2] for path in files)
    assert kinds == {"json": 1, "manifest.json": 1, "jsonl.zst": 1, "seal.json": 1, "certificates.jsonl": 1}
    for path, content in files.items():
        for form in (KEY, KEY.replace("/", "\\/"), "Zq8vK", "Xj4wP"):
            assert form.encode() not in content, path


def test_the_client_was_certified_while_all_this_went_on(ran: Ran, faulty: Home) -> None:
    lines = list(read_lines(certificates_path(faulty, ran.plan.day, ran.plan.round_id)))
    rows = [json.loads(line.data) for line in lines]
    assert [row["phase"] for row in rows] == ["before", "during"]
    assert all(row["n_probes"] > 0 and row["n_failed"] == 0 for row in rows)


def test_a_storm_of_refusals_is_waited_out_and_an_endless_one_given_up(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "FIRST_PAUSE_S", 0.05)  # doubled with each refusal, however little it asks for
    names = ("good", *sorted(IN_STORMS))
    with MisbehavingServer(FAULTS) as server:
        found = run(home, [endpoint(name, server.url(name)) for name in names], speed_only(probes=5, at_once=3), LIMITS)
        arrivals = [request.at_ns for request in server.requests_of("storm_that_passes")]
        asked_for_ever = len(server.requests_of("storm_for_ever"))
    assert Counter(record["status"] for record in found.of("good")) == {"ok": 5}
    assert Counter(record["status"] for record in found.of("storm_that_passes")) == {"http_429": STORM, "ok": 5 - STORM}
    pauses_ms = [(after - before) / 1e6 for before, after in pairwise(arrivals)][:STORM]
    assert min(pauses_ms) >= STORM_PAUSE_MS, "what was asked for is obeyed"
    given_up = found.of("storm_for_ever")
    statuses = Counter(record["status"] for record in given_up)
    assert statuses == {"http_429": asked_for_ever, "not_sent": 5 - asked_for_ever}
    assert 1 <= asked_for_ever < 5
    assert all(record["error"] for record in given_up)
    for record in found.of("storm_that_passes"):
        # The pause lies before the request, never inside it.
        assert record["stamps_ns"]["end"] - record["stamps_ns"]["sent"] < PATIENCE_S * 1e9
        assert record["status"] == "ok" or record["timing"]["ttft_ms"] is None


class JumpingClock(datetime):
    """A wall clock that an operator, a leap or NTP sets back and forth by hours between any two looks at it."""

    looks = 0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        cls.looks += 1
        return datetime.now(tz) + timedelta(hours=(-5) ** (cls.looks % 4))


def test_steps_of_the_wall_clock_change_no_figure(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "datetime", JumpingClock)
    with MisbehavingServer(FAULTS) as server:
        found = run(home, [endpoint("good", server.url("good"))], speed_only(probes=6, at_once=2), LIMITS)
    assert JumpingClock.looks >= 6
    started = {datetime.fromisoformat(record["started_at"]) for record in found.records}
    assert max(started) - min(started) > timedelta(hours=20), "the clock did jump"
    for record in found.records:
        stamps, figures = record["stamps_ns"], record["timing"]
        assert record["status"] == "ok"
        assert 0 < figures["ttfb_ms"] <= figures["ttft_ms"] <= figures["e2e_ms"] < PATIENCE_S * 1000
        assert figures["ttft_ms"] == pytest.approx((stamps["first_token"] - stamps["sent"]) / 1e6)
        order = [stamps[name] for name in ("scheduled", "sent", "headers", "first_token", "last_token", "end")]
        assert order == sorted(order)


def _children(word: str) -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if word in " ".join(child.cmdline())]


def kills(word: str, at: int, then: Behaviour) -> Behaviour:
    """At the `at`-th request of all kills a process of ours whose command line holds `word`; answers each."""
    ordinals = count()

    async def behave(reply: Reply) -> None:
        if next(ordinals) == at:
            _children(word)[0].kill()
        await then(reply)

    return behave


def test_a_reference_server_that_is_killed_costs_the_certificate_and_no_probe(home: Home) -> None:
    with MisbehavingServer({"good": kills("reference_server", 0, FAULTS["good"])}) as server:
        found = run(home, [endpoint("good", server.url("good"))], speed_only(probes=3, at_once=1), LIMITS)
    assert found.outcome.by_status == {"ok": 3}
    before, during = (
        json.loads(line.data) for line in read_lines(certificates_path(home, today(), found.plan.round_id))
    )
    assert (before["phase"], before["n_failed"]) == ("before", 0)
    assert during["phase"] == "during"
    assert during["n_failed"] >= 1
    assert during["within_budget"] <= (during["n_probes"] > during["n_failed"])


def test_a_worker_that_is_killed_leaves_a_round_that_can_be_completed(home: Home) -> None:
    names = ("north", "south")
    options = speed_only(probes=4, at_once=2, workers=2)
    with MisbehavingServer({"good": kills("spawn_main", 2, FAULTS["good"])}) as server:
        endpoints = [endpoint(name, server.url(f"good/{name}")) for name in names]
        plan = plan_round(home, today(), endpoints, options)
        urls = {e.endpoint_id: str(e.base_url) for e in endpoints}
        with pytest.raises(TokenArenaError, match="worker ended") as caught:
            run_round(home, plan, urls, limits=LIMITS)
        assert caught.value.mend
        (left,) = rounds_of(home, today())
        assert left.is_open
        again = run(home, endpoints, options, LIMITS)
    assert again.plan.round_id == plan.round_id
    assert sorted(record["request_id"] for record in again.records) == planned_ids(plan)
    assert _children("spawn_main") == []
    assert _children("reference_server") == []


FULL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from tokenarena_assets.cli import main
sys.argv = ["tokenarena", *sys.argv[2:]]
main()
"""


def test_a_disk_that_is_full_ends_the_round_in_words_and_a_later_try_completes_it(home: Home) -> None:
    """A limit on the size of files stands for the disk: the write that passes it is cut short, the next one fails."""
    with MisbehavingServer(FAULTS) as server:
        catalog = home.root.parent / "endpoints.yaml"
        entry = f"{{provider: test, model: good, base_url: '{server.url('good')}', api_key_env: TEST_KEY}}"
        catalog.write_text(f"endpoints:\n  - {entry}\n")
        arguments = ["probe", "--endpoints", str(catalog), "--suite", "speed", "--speed-probes", "8", "--json"]

        def tries(limit: int) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-c", FULL_DISK, str(limit), *arguments],
                # Python would leave the modules that it compiles now cut short as well, and for all later processes.
                env=os.environ | {"TOKENARENA_HOME": str(home.root), "TEST_KEY": KEY, "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )

        full = tries(30_000)
        assert full.returncode == 1
        assert "cannot be written: File too large" in full.stderr
        assert "mend: free some space" in full.stderr
        assert "Traceback" not in full.stderr
        (cut,) = rounds_of(home, today())
        assert cut.is_open
        written = list(read_lines(cut.log))
        assert 1 < len(written) < 9
        assert written[-1].problem == "no_line_end", "what the disk took of the last record stays"
        done = tries(100_000_000)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["round_id"] == cut.round_id
    assert told["records_kept"] + told["records_written"] == 8
    assert KEY not in full.stdout + full.stderr + done.stdout + done.stderr


def test_a_device_without_space_is_named(home: Home) -> None:
    with MisbehavingServer(FAULTS) as server:
        endpoints = [endpoint("good", server.url("good"))]
        plan = plan_round(home, today(), endpoints, speed_only(probes=2))
        log = home.raw_day(today()) / f"round={plan.round_id}.jsonl.part"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.symlink_to("/dev/full")
        try:
            with pytest.raises(TokenArenaError, match="No space left on device"):
                run_round(home, plan, {endpoints[0].endpoint_id: server.url("good")}, limits=LIMITS)
        finally:
            log.unlink()
