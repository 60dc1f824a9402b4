"""The reference server: what it tells of itself is true, it follows its schedule, and it is never left behind."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.probing.certify import ReferenceServer
from tokenarena_assets.probing.reference_server import MAX_MS, MAX_TOKENS, Schedule

PATIENCE_S = 20.0  # bounds a wait; never the expected time
COMMAND = [sys.executable, "-m", "tokenarena_assets.probing.reference_server"]
NS_PER_MS = 1_000_000
PARENT = """
import sys
from tokenarena_assets.probing.certify import ReferenceServer
with ReferenceServer() as server:
    print(server.base_url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ReferenceServer]:
    with ReferenceServer() as running:
        yield running


def _port(base_url: str) -> int:
    return int(base_url.removesuffix("/v1").rpartition(":")[2])


def _connect(server: ReferenceServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", _port(server.base_url), timeout=PATIENCE_S)


def _ask(connection: http.client.HTTPConnection, reference: object, **more: Any) -> http.client.HTTPResponse:
    body = {"model": "any", "stream": True, "messages": [{"role": "user", "content": "three short words"}], **more}
    if reference is not None:
        body["reference"] = reference
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"X-Request-Id": "mine"})
    return connection.getresponse()


def _events(response: http.client.HTTPResponse) -> list[dict[str, Any]]:
    lines = [line.removeprefix(b"data: ") for line in response.read().split(b"\n") if line]
    assert lines[-1] == b"[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def _get(server: ReferenceServer, path: str) -> Any:
    connection = _connect(server)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_it_streams_as_an_openai_compatible_endpoint_does(server: ReferenceServer) -> None:
    response = _ask(_connect(server), {"ttft_ms": 0, "interval_ms": 0, "tokens": 5})
    assert (response.status, response.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    events = _events(response)
    deltas = [event["choices"][0]["delta"].get("content") for event in events[:-1]]
    assert deltas == ["Once", " more", " more", " more", " more", None]
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [event["choices"][0]["finish_reason"] for event in events[:-1]] == [None] * 5 + ["stop"]
    assert events[-1]["choices"] == []
    assert events[-1]["usage"] == {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    assert len({event["id"] for event in events}) == 1


def test_true_instants_follow_the_schedule_and_lie_within_what_the_client_saw(server: ReferenceServer) -> None:
    connection, schedule = _connect(server), {"ttft_ms": 30, "interval_ms": 5, "tokens": 12}
    before = time.perf_counter_ns()
    events = _events(_ask(connection, schedule))
    after = time.perf_counter_ns()
    read = events[0]["reference"]["read_ns"]
    sent = [event["reference"]["sent_ns"] for event in events[:12]]
    assert sorted({before, read, *sent, after}) == [before, read, *sent, after]
    # Never before it is due; how late it may be is this machine's affair.
    assert all(at >= read + (30 + 5 * number) * NS_PER_MS for number, at in enumerate(sent))
    assert all("read_ns" not in event.get("reference", {}) for event in events[1:])
    _, log = _get(server, "/log")
    entry = log[-1]
    assert (entry["request_id"], entry["read_ns"], entry["tokens"]) == ("mine", read, 12)
    assert (entry["first_sent_ns"], entry["last_sent_ns"]) == (sent[0], sent[-1])
    late = [(at - read) / NS_PER_MS - 30 - 5 * number for number, at in enumerate(sent)]
    assert entry["worst_late_ms"] == pytest.approx(max(late), abs=1e-4)


def test_a_late_token_does_not_make_the_others_late(server: ReferenceServer) -> None:
    """Against drift: due instants count from the request, so the shortest gaps make up for the longest."""
    connection, tokens = _connect(server), 200
    events = _events(_ask(connection, {"ttft_ms": 0, "interval_ms": 2, "tokens": tokens}))
    sent = [event["reference"]["sent_ns"] for event in events[:tokens]]
    read = events[0]["reference"]["read_ns"]
    lateness = [at - read - 2 * number * NS_PER_MS for number, at in enumerate(sent)]
    # A drift would add up: the later half would nowhere be as punctual as the earlier one once was.
    assert min(lateness[tokens // 2 :]) < max(2 * NS_PER_MS, *lateness[: tokens // 2])


def test_a_connection_is_kept_and_carries_one_answer_after_the_other(server: ReferenceServer) -> None:
    connection = _connect(server)
    connection.connect()
    ours = connection.sock.getsockname()
    for tokens in (1, 2, 3):
        assert len(_events(_ask(connection, {"ttft_ms": 1, "interval_ms": 1, "tokens": tokens}))) == tokens + 2
    assert connection.sock.getsockname() == ours


def test_connection_close_is_obeyed(server: ReferenceServer) -> None:
    connection = _connect(server)
    connection.request("GET", "/health", headers={"Connection": "close"})
    assert connection.getresponse().read() == b'{"status": "ok"}'
    with socket.create_connection(("127.0.0.1", _port(server.base_url)), PATIENCE_S) as raw:
        raw.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := raw.recv(4096):
            received += piece
    assert received.startswith(b"HTTP/1.1 200")


def test_a_slow_reader_gets_everything_and_holds_up_nobody(server: ReferenceServer) -> None:
    tokens = 40_000  # more than the sockets' buffers take
    slow, quick = _connect(server), _connect(server)
    waiting = _ask(slow, {"ttft_ms": 0, "interval_ms": 0, "tokens": tokens})
    for _ in range(3):
        assert len(_events(_ask(quick, {"ttft_ms": 0, "interval_ms": 1, "tokens": 20}))) == 22
    events = _events(waiting)
    assert len(events) == tokens + 2
    sent = [event["reference"]["sent_ns"] for event in events[:tokens]]
    assert sent == sorted(sent)
    assert events[-1]["usage"]["completion_tokens"] == tokens


def test_many_streams_at_once_each_get_their_own(server: ReferenceServer) -> None:
    def one(number: int) -> int:
        return len(_events(_ask(_connect(server), {"ttft_ms": 5, "interval_ms": 1, "tokens": 20 + number})))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(32))) == [22 + number for number in range(32)]


def test_a_client_that_leaves_takes_its_stream_along(server: ReferenceServer) -> None:
    _, before = _get(server, "/log")
    gone = _connect(server)
    _ask(gone, {"ttft_ms": 0, "interval_ms": 1, "tokens": 100_000}).read(10)
    gone.close()
    assert len(_events(_ask(_connect(server), {"ttft_ms": 0, "interval_ms": 1, "tokens": 50}))) == 52
    _, after = _get(server, "/log")
    assert len(after) == len(before) + 1


def test_a_second_request_before_the_first_answer_closes_the_connection(server: ReferenceServer) -> None:
    body = b'{"stream": true, "reference": {"ttft_ms": 60000}}'
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with socket.create_connection(("127.0.0.1", _port(server.base_url)), PATIENCE_S) as raw:
        raw.sendall(request * 2)
        assert raw.recv(1) == b""


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({"ttft_ms": -1}, "reference.ttft_ms must be a number from 0"),
        ({"interval_ms": True}, "reference.interval_ms must be a number"),
        ({"ttft_ms": "200"}, "reference.ttft_ms must be a number"),
        ({"ttft_ms": MAX_MS + 1}, "reference.ttft_ms must be"),
        ({"tokens": 0}, "reference.tokens must be a whole number"),
        ({"tokens": 1.5}, "reference.tokens must be a whole number"),
        ({"tokens": MAX_TOKENS + 1}, "reference.tokens must be"),
        ({"token": 3}, "reference may hold ttft_ms, interval_ms, tokens"),
        ([200, 10, 64], "reference may hold"),
    ],
)
def test_what_cannot_be_is_refused_by_name(server: ReferenceServer, reference: object, words: str) -> None:
    connection = _connect(server)
    response = _ask(connection, reference)
    assert response.status == 400
    assert words in json.loads(response.read())["error"]["message"]
    assert len(_events(_ask(connection, {"ttft_ms": 0, "interval_ms": 0, "tokens": 1}))) == 3, "the connection stays"


def test_other_requests(server: ReferenceServer) -> None:
    assert _get(server, "/health") == (200, {"status": "ok"})
    assert _get(server, "/v1/models")[1]["data"][0]["id"] == "reference"
    assert _get(server, "/v1/elsewhere")[0] == 404
    assert _ask(_connect(server), None, stream=False).status == 400
    connection = _connect(server)
    connection.request("POST", "/v1/chat/completions", b"not JSON")
    assert connection.getresponse().status == 400
    with socket.create_connection(("127.0.0.1", _port(server.base_url)), PATIENCE_S) as raw:
        raw.sendall(b"SSH-2.0-client\r\n\r\n")
        assert raw.recv(1) == b""


def test_only_loopback_listens(server: ReferenceServer) -> None:
    (process,) = [child for child in psutil.Process().children() if "reference_server" in " ".join(child.cmdline())]
    listening = [found.laddr.ip for found in process.net_connections() if found.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]


def test_requests_that_say_nothing_are_answered_as_the_command_line_has_it() -> None:
    with ReferenceServer(Schedule(1.0, 0.5, 7)) as other:
        assert len(_events(_ask(_connect(other), None))) == 9


@pytest.mark.parametrize("leave", ["eof", "SIGTERM", "SIGINT"])
def test_it_says_one_line_and_leaves_when_told(leave: str) -> None:
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdin, process.stdout, process.stderr:
        said = json.loads(process.stdout.readline())
        assert said == {"url": f"http://127.0.0.1:{said['port']}/v1", "port": said["port"], "pid": process.pid}
        if leave == "eof":
            process.stdin.close()
        else:
            process.send_signal(signal.Signals[leave])
        process.wait(timeout=PATIENCE_S)
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")


def test_a_killed_parent_leaves_no_server() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        port = _port(parent.stdout.readline().decode().strip())
        socket.create_connection(("127.0.0.1", port), PATIENCE_S).close()
        parent.kill()
        parent.wait(timeout=PATIENCE_S)
        _wait_until(lambda: not _listens(port))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE_S).close()
    except OSError:
        return False
    return True


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "ttft_ms": st.floats(0, MAX_MS) | st.integers(0, MAX_MS),
            "interval_ms": st.floats(0, MAX_MS),
            "tokens": st.integers(1, MAX_TOKENS),
        },
    )
)
def test_a_schedule_takes_what_is_asked_and_keeps_the_rest(asked: dict[str, Any]) -> None:
    defaults = Schedule(7, 8, 9)
    changed = defaults.changed(asked)
    for name in ("ttft_ms", "interval_ms", "tokens"):
        assert getattr(changed, name) == asked.get(name, getattr(defaults, name))


@given(st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers()))
def test_nothing_but_an_object_is_a_schedule(asked: object) -> None:
    if asked is None:
        assert Schedule().changed(asked) == Schedule()
    else:
        with pytest.raises(ValueError, match="reference may hold"):
            Schedule().changed(asked)
