"""A kept-alive connection that the server closes is not the endpoint's failure: the request goes out on another one."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tokenarena_assets.endpoints import Endpoint
from tokenarena_assets.probing.exchange import Exchange
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import plan_round, run_round, today
from tokenarena_assets.probing.transport import Phases
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import read_lines
from tokenarena_assets.suites.suite import SuiteSizes

EVENT = {"choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}]}
BODY = f"data: {json.dumps(EVENT)}\n\ndata: [DONE]\n\n".encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


@contextmanager
def closing_on_the_second_request() -> Iterator[tuple[str, list[int]]]:
    """Answers the first request of each connection and closes it, unanswered, when the second has arrived."""
    listener = socket.create_server(("127.0.0.1", 0))
    answered: list[int] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                if _request(connection):
                    connection.sendall(ANSWER)
                    answered.append(1)
                    _request(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", answered
    finally:
        listener.close()


def _request(connection: socket.socket) -> bool:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return False
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return True


def test_a_closed_connection_is_told_from_a_failure(tmp_path: Path) -> None:
    with closing_on_the_second_request() as (url, answered):
        home = Home(tmp_path / "arena")
        endpoint = Endpoint(provider="p", model="m", base_url=url)
        options = PlanOptions(suites=("speed",), sizes=SuiteSizes(speed_probes=4))
        outcome = run_round(home, plan_round(home, today(), [endpoint], options), {endpoint.endpoint_id: url})
    records = [json.loads(line.data) for line in read_lines(outcome.path)]
    assert [record["status"] for record in records] == ["ok"] * 4
    assert [record["stale_connections"] for record in records] == [0, 1, 1, 1]
    assert sum(answered) == 4
    assert all(record["connect_ms"] is not None for record in records)


@pytest.mark.parametrize(("after_s", "is_stale"), [(0.05, True), (5.0, False)])
def test_what_breaks_off_late_is_the_endpoints_failure(after_s: float, is_stale: bool) -> None:
    phases = Phases(warm=True, sent_ns=1_000)
    exchange = Exchange(0, datetime.now(UTC), phases, failure=("dropped", "disconnected"))
    assert exchange.met_a_closed_connection(1_000 + int(after_s * 1e9)) is is_stale
    phases.warm = False  # a connection of its own cannot have been idle
    assert not exchange.met_a_closed_connection(1_000 + int(after_s * 1e9))
