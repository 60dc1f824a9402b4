"""The stamped transport against raw servers on loopback: framing, reuse, faults, TLS, cancellation, on both loops."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenarena_assets.probing import transport
from tokenarena_assets.probing.transport import Body, Connection, Phases, StampedTransport
from tokenarena_assets_tests.probing.raw_server import (
    LOOPS,
    Authority,
    Peer,
    RawServer,
    always,
    answering,
    loop_of,
    no_garbage,
    serving,
    whole,
)
from tokenarena_assets_tests.servers.faults import full_listener
from tokenarena_assets_tests.servers.misbehaving import closed_port

PATIENCE_S = 20.0  # bounds a wait that a fault would make endless; never the expected time
Run = Callable[..., Any]


@pytest.fixture(params=list(LOOPS))
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with loop_of(request.param) as runner:
        yield lambda main: runner(asyncio.wait_for(main, PATIENCE_S))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


PLAIN = ssl.create_default_context()


class Answered:
    """A response that was read to its end through `listen`, or cut off."""

    def __init__(self, response: httpx.Response, phases: Phases) -> None:
        self.status, self.headers, self.phases = response.status_code, response.headers, phases
        self.reads: list[tuple[int, bytes]] = []
        self.error: httpx.TransportError | None = None

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.reads)


def _request(url: str, phases: Phases, content: bytes = b"{}", **headers: str) -> httpx.Request:
    return httpx.Request("POST", url, content=content, headers=headers, extensions={"phases": phases})


async def ask(client: StampedTransport, url: str, content: bytes = b"{}", **headers: str) -> Answered:
    """One request, its answer read to the end."""
    phases = Phases()
    response = await client.handle_async_request(_request(url, phases, content, **headers))
    body: Body = response.extensions["body"]
    answered, over = Answered(response, phases), asyncio.Event()

    def on_end(error: httpx.TransportError | None) -> None:
        answered.error = error
        over.set()

    body.listen(lambda stamp, data: answered.reads.append((stamp, data)), on_end)
    await over.wait()
    await response.aclose()
    return answered


async def failing(client: StampedTransport, url: str) -> httpx.TransportError:
    """The error of a request that gets no head, or whose body is cut off."""
    try:
        answered = await ask(client, url)
    except httpx.TransportError as error:
        return error
    assert answered.error is not None
    return answered.error


# Framing.


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes, bytes, bool]:
    """A response on the wire, its body, and whether the connection may be used again after it."""
    body = draw(st.binary(max_size=300))
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    interim = draw(st.lists(st.sampled_from(["100 Continue", "103 Early Hints\r\nLink: </a>"]), max_size=2))
    head = "".join(f"HTTP/1.1 {line}\r\n\r\n" for line in interim) + "HTTP/1.1 200 OK\r\nX-Say: hello\r\n"
    says_close = draw(st.booleans())
    if says_close:
        head += "Connection: close\r\n"
    if framing == "length":
        return f"{head}content-length:{len(body)}\r\n\r\n".encode() + body, body, not says_close
    if framing == "close":
        return f"{head}\r\n".encode() + body, body, False
    wire = f"{head}Transfer-Encoding: Chunked\r\n\r\n".encode()
    position = 0
    while position < len(body):
        size = draw(st.integers(1, len(body) - position))
        size_line = draw(st.sampled_from(["{:x}", "{:X}", "000{:x}", "{:x};a=b", '{:x};q="c d"'])).format(size)
        wire += size_line.encode() + b"\r\n" + body[position : position + size] + b"\r\n"
        position += size
    trailers = draw(st.sampled_from([b"", b"X-Checksum: 17\r\n", b"A: b\r\nC: d\r\n"]))
    return wire + b"0\r\n" + trailers + b"\r\n", body, not says_close


def split(wire: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(wire)) for cut in cuts} | {0, len(wire)})
    return [wire[start:end] for start, end in pairwise(places)]


@pytest.mark.parametrize("kind", list(LOOPS))
def test_what_was_sent_is_read_under_any_framing_and_split(kind: str) -> None:
    sending: list[bytes] = []
    closing = [False]

    async def behave(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(*sending)
            if closing[0]:
                return

    with loop_of(kind) as run:

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(messages(), st.lists(st.integers(0, 500), max_size=40))
        def check(message: tuple[bytes, bytes, bool], cuts: list[int]) -> None:
            wire, body, reusable = message
            sending[:], closing[0] = split(wire, cuts), not reusable

            async def main() -> None:
                async with serving(behave) as server, StampedTransport(PLAIN) as client:
                    for number in range(2):
                        answered = await ask(client, server.url)
                        assert answered.error is None
                        assert answered.body == body
                        assert (answered.status, answered.headers["x-say"]) == (200, "hello")
                        assert "x-checksum" not in answered.headers
                        assert answered.phases.warm is (reusable and number > 0)
                        assert answered.phases.sent_ns is not None
                        assert answered.phases.headers_ns is not None
                        stamps = [stamp for stamp, _ in answered.reads]
                        assert stamps == sorted(stamps)
                        assert answered.phases.sent_ns <= answered.phases.headers_ns
                        assert not stamps or answered.phases.headers_ns <= stamps[0]

            run(main())

        check()


@pytest.mark.parametrize("tls", [False, True])
def test_byte_by_byte(run: Run, authority: Authority, tls: bool) -> None:
    events = [b"data: %d\n\n" % number for number in range(20)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(*(wire[place : place + 1] for place in range(len(wire))))

    async def main() -> Answered:
        async with (
            serving(behave, authority.server() if tls else None) as server,
            StampedTransport(authority.client) as client,
        ):
            return await ask(client, server.url)

    answered = run(main())
    assert answered.body == b"".join(events)
    stamps = [stamp for stamp, _ in answered.reads]
    assert stamps == sorted(stamps)
    assert len(set(stamps)) > len(events), "each read has a stamp of its own"


def test_stretches_of_one_read_have_one_stamp(run: Run) -> None:
    chunks = b"".join(b"5\r\nhello\r\n" for _ in range(50))
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    async def main() -> Answered:
        async with serving(answering(wire)) as server, StampedTransport(PLAIN) as client:
            return await ask(client, server.url)

    answered = run(main())
    assert len(answered.reads) == 50
    assert len({stamp for stamp, _ in answered.reads}) == 1


@pytest.mark.parametrize(
    ("wire", "body", "warm"),
    [
        (whole(b"hello"), b"hello", True),
        (whole(b""), b"", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"", True),
        (whole(b"hello", "Connection: Upgrade", "Upgrade: h2,h2c"), b"hello", True),
        (whole(b"hello", "Connection: close"), b"hello", False),
        (whole(b"hello", "Connection: x, close"), b"hello", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", b"hello", False),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello", False),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n", b"", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello", b"hello", False),
        # What is left over would be read as the beginning of the next answer.
        (whole(b"hello") + b"junk", b"hello", False),
        (whole(b"hello") + whole(b"more"), b"hello", False),
        (whole(b"hello") + b"HTTP/1.1 2", b"hello", False),
        (whole(b"hello") + b"H", b"hello", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP", b"hello", False),
        (b"HTTP/1.1 204 No Content\r\n\r\nhello", b"", False),
    ],
)
def test_a_connection_is_used_again_only_where_the_next_answer_begins_at_its_beginning(
    run: Run, wire: bytes, body: bytes, warm: bool
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(wire)
        if warm:
            await peer.request()
            await peer.send(whole(b"second"))
        elif peer.number > 0:
            return
        if b"Content-Length" in wire or b"chunked" in wire or b"204" in wire:
            await peer.gone()  # only the client's own judgement ends this connection

    async def main() -> tuple[Answered, Answered, list[Peer]]:
        async with serving(behave) as server, StampedTransport(PLAIN) as client:
            return await ask(client, server.url), await ask(client, server.url), server.peers

    first, second, peers = run(main())
    assert (first.error, first.body) == (None, body)
    assert first.phases.warm is False
    assert (second.error, second.body) == (None, b"second" if warm else body)
    assert second.phases.warm is warm
    assert len(peers) == (1 if warm else 2)


def test_bytes_that_come_while_a_connection_is_idle_end_it(run: Run) -> None:
    unasked = asyncio.Event()

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(whole(b"hello"))
        if peer.number == 0:
            await unasked.wait()
            await peer.send(whole(b"never asked for"))
            await peer.gone()

    async def main() -> Answered:
        async with serving(behave) as server, StampedTransport(PLAIN) as client:
            await ask(client, server.url)
            unasked.set()
            await asyncio.wait(server.tasks)  # the client has hung up
            return await ask(client, server.url)

    second = run(main())
    assert (second.body, second.phases.warm) == (b"hello", False)


# Phases.


@pytest.mark.parametrize("tls", [False, True])
def test_opening_a_connection_is_timed_apart_and_before_the_clock_starts(
    run: Run, authority: Authority, tls: bool
) -> None:
    async def main() -> tuple[int, Phases, Phases]:
        async with (
            serving(always(whole(b"hello")), authority.server() if tls else None) as server,
            StampedTransport(authority.client) as client,
        ):
            began = time.perf_counter_ns()
            return began, (await ask(client, server.url)).phases, (await ask(client, server.url)).phases

    began, cold, warm = run(main())
    assert cold.warm is False
    assert cold.dns_ns is not None
    assert cold.connect_ns is not None
    assert (cold.tls_ns is not None) is tls
    assert min(cold.dns_ns, cold.connect_ns) > 0
    assert cold.sent_ns is not None
    assert began + cold.dns_ns + cold.connect_ns + (cold.tls_ns or 0) <= cold.sent_ns
    assert warm.warm is True
    assert (warm.dns_ns, warm.connect_ns, warm.tls_ns) == (None, None, None)
    for phases in (cold, warm):
        assert phases.sent_ns is not None
        assert phases.headers_ns is not None
        assert phases.sent_ns < phases.headers_ns


def test_interim_responses_are_not_the_headers(run: Run) -> None:
    told, go_on = asyncio.Event(), asyncio.Event()

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nX-Say: early\r\n\r\n")
        told.set()
        await go_on.wait()
        await peer.send(whole(b"hello", "X-Say: late"))

    async def main() -> tuple[int, Answered]:
        async with serving(behave) as server, StampedTransport(PLAIN) as client:
            asking = asyncio.ensure_future(ask(client, server.url))
            await told.wait()
            released = time.perf_counter_ns()
            go_on.set()
            return released, await asking

    released, answered = run(main())
    assert answered.headers["x-say"] == "late"
    assert answered.phases.headers_ns > released


# What goes out.


def test_the_request_on_the_wire(run: Run) -> None:
    seen: list[bytes] = []

    async def behave(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(whole())

    async def main() -> int:
        async with serving(behave) as server, StampedTransport(PLAIN) as client:
            url = f"http://127.0.0.1:{server.port}/base/v1/chat?alt=sse&q=%C3%A9"
            await ask(client, url, "{“ß”: 1}".encode(), Accept="text/event-stream", Authorization="Bearer k")
            return server.port

    port = run(main())
    head, _, body = seen[0].partition(b"\r\n\r\n")
    first, *headers = head.decode().split("\r\n")
    assert first == "POST /base/v1/chat?alt=sse&q=%C3%A9 HTTP/1.1"
    assert {line.lower() for line in headers} == {
        f"host: 127.0.0.1:{port}",
        "accept: text/event-stream",
        "authorization: bearer k",
        f"content-length: {len(body)}",
    }
    assert body == "{“ß”: 1}".encode()


def test_an_address_of_ipv6(run: Run) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    seen: list[bytes] = []

    async def behave(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(whole(b"hello"))

    async def main() -> tuple[int, Answered]:
        async with serving(behave, host="::1") as server, StampedTransport(PLAIN) as client:
            return server.port, await ask(client, f"http://[::1]:{server.port}/v1")

    port, answered = run(main())
    assert answered.body == b"hello"
    assert b"\r\nhost: [::1]:%d\r\n" % port in seen[0].lower()


def test_a_name_with_several_addresses(run: Run) -> None:
    async def main() -> Answered:
        async with serving(always(whole(b"hello"))) as server, StampedTransport(PLAIN) as client:
            return await ask(client, f"http://localhost:{server.port}/")

    assert run(main()).body == b"hello"


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\rb", "a\0b"])
def test_a_header_that_would_begin_another_is_not_sent(run: Run, value: str) -> None:
    async def main() -> list[Peer]:
        async with serving(always(whole())) as server, StampedTransport(PLAIN) as client:
            with pytest.raises(httpx.LocalProtocolError) as caught:
                await ask(client, server.url, Authorization=value)
            assert value not in str(caught.value)
            return server.peers

    assert run(main()) == []


# Faults.


async def resets(peer: Peer) -> None:
    await peer.request()
    await peer.send(whole(b"x" * 100)[:-10])
    peer.reset()


async def closes_at_once(peer: Peer) -> None:
    pass


@pytest.mark.parametrize(
    ("behave", "kind"),
    [
        (closes_at_once, httpx.TransportError),
        (answering(b""), httpx.RemoteProtocolError),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Le"), httpx.RemoteProtocolError),
        (answering(b"HTTP/1.1 100 Continue\r\n\r\n"), httpx.RemoteProtocolError),
        (answering(whole(b"hello")[:-1]), httpx.RemoteProtocolError),
        (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), httpx.RemoteProtocolError),
        (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), httpx.RemoteProtocolError),
        (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"), httpx.RemoteProtocolError),
        (resets, httpx.ReadError),
    ],
)
def test_an_end_in_the_middle_is_an_error(run: Run, behave: Any, kind: type[Exception]) -> None:
    async def main() -> list[httpx.TransportError]:
        async with serving(behave) as server, StampedTransport(PLAIN) as client:
            return [await failing(client, server.url) for _ in range(3)]

    assert all(isinstance(error, kind) for error in run(main()))


def test_what_came_before_the_end_is_handed_over(run: Run) -> None:
    async def main() -> Answered:
        async with serving(answering(whole(b"hello, world")[:-5])) as server, StampedTransport(PLAIN) as client:
            return await ask(client, server.url)

    answered = run(main())
    assert answered.body == b"hello, "
    assert isinstance(answered.error, httpx.RemoteProtocolError)


@pytest.mark.parametrize(
    "wire",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81",
    ],
)
def test_what_is_not_http_is_refused(run: Run, wire: bytes) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(wire)
        await peer.gone()

    async def main() -> httpx.TransportError:
        async with serving(behave) as server, StampedTransport(PLAIN) as client:
            return await failing(client, server.url)

    assert isinstance(run(main()), httpx.RemoteProtocolError)


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"f" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Filler: ", b"f" * 1000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nX-Filler: " + b"f" * 1000 + b"\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"f" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Filler: " + b"f" * 1000 + b"\r\n"),
    ],
    ids=["headers", "one header", "interim responses", "a chunk's extension", "trailers"],
)
def test_framing_without_end_is_refused(run: Run, start: bytes, again: bytes) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(start)
        while True:
            await peer.send(again)

    async def main() -> httpx.TransportError:
        async with serving(behave) as server, StampedTransport(PLAIN) as client:
            return await failing(client, server.url)

    error = run(main())
    assert isinstance(error, httpx.RemoteProtocolError)
    assert "bytes of" in str(error) or "not HTTP" in str(error)


def test_a_long_body_in_one_read_is_no_header(run: Run) -> None:
    async def main() -> list[Answered]:
        async with serving(always(whole(b"x" * 200_000))) as server, StampedTransport(PLAIN) as client:
            return [await ask(client, server.url) for _ in range(2)]

    first, second = run(main())
    assert len(first.body) == len(second.body) == 200_000
    assert second.phases.warm is True


def test_who_cannot_be_reached(run: Run) -> None:
    async def main() -> None:
        async with StampedTransport(PLAIN) as client:
            for url, what in (
                (f"http://127.0.0.1:{closed_port()}/", "ConnectionRefusedError"),
                (f"http://localhost:{closed_port()}/", "ConnectionRefusedError"),
                (f"http://{'a' * 64}.invalid/", "cannot resolve"),
                ("http://a..b/", "cannot resolve"),
            ):
                phases = Phases()
                with pytest.raises(httpx.ConnectError, match=what):
                    await client.handle_async_request(_request(url, phases))
                assert (phases.warm, phases.sent_ns, phases.connect_ns) == (False, None, None)

    run(main())


# The pool.


def test_everyone_is_served_at_once(run: Run) -> None:
    of = 150
    everyone = asyncio.Barrier(of)

    async def behave(peer: Peer) -> None:
        await peer.request()
        await everyone.wait()
        await peer.send(whole(b"hello"))
        await peer.gone()

    async def main() -> tuple[list[Answered], RawServer]:
        async with serving(behave) as server, StampedTransport(PLAIN) as client:
            return await asyncio.gather(*(ask(client, server.url) for _ in range(of))), server

    answers, server = run(main())
    assert len(server.peers) == of
    assert {answered.body for answered in answers} == {b"hello"}


def test_connections_are_not_kept_longer_than_servers_keep_them(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "KEEPALIVE_S", 0.0)

    async def main() -> list[bool | None]:
        async with serving(always(whole())) as server, StampedTransport(PLAIN) as client:
            warm = [(await ask(client, server.url)).phases.warm for _ in range(3)]
            await asyncio.wait(server.tasks[:-1])  # those before were closed
            return warm

    assert run(main()) == [False, False, False]


def test_each_origin_has_its_own_connections(run: Run) -> None:
    async def main() -> list[bool | None]:
        async with (
            serving(always(whole())) as one,
            serving(always(whole())) as other,
            StampedTransport(PLAIN) as client,
        ):
            return [(await ask(client, server.url)).phases.warm for server in (one, other, one, other)]

    assert run(main()) == [False, False, True, True]


def test_closing_the_client_closes_what_is_idle_and_then_what_was_in_use(run: Run) -> None:
    in_flight, go_on = asyncio.Event(), asyncio.Event()

    async def behave(peer: Peer) -> None:
        await peer.request()
        if peer.number == 1:
            in_flight.set()
            await go_on.wait()
        await peer.send(whole(b"hello"))
        await peer.gone()

    async def main() -> Answered:
        client = StampedTransport(PLAIN)
        async with serving(behave) as server:
            idle = await client.handle_async_request(_request(server.url, Phases()))
            in_use = asyncio.ensure_future(ask(client, server.url))
            await in_flight.wait()
            async for _ in idle.extensions["body"]:
                pass
            await idle.aclose()
            await client.aclose()
            await server.tasks[0]
            assert not server.tasks[1].done()
            go_on.set()
            answered = await in_use
            await server.tasks[1]
            return answered

    assert run(main()).body == b"hello"


def test_a_body_that_is_not_read_to_its_end_closes_the_connection(run: Run) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(whole(b"hello")[:-1])
        await peer.gone()

    async def main() -> None:
        async with serving(behave) as server, StampedTransport(PLAIN) as client:
            response = await client.handle_async_request(_request(server.url, Phases()))
            await response.aclose()
            await server.tasks[0]
            await response.aclose()

    run(main())


# Reading slower than it comes.


@pytest.mark.parametrize("tls", [False, True])
def test_a_body_that_nobody_reads_yet_is_not_read_from_the_socket(
    run: Run, authority: Authority, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    monkeypatch.setattr(transport, "PAUSE_ABOVE_BYTES", 100_000)
    piece, pieces = b"0123456789abcdef" * 4096, 512  # 32 MB: more than all buffers on the way hold
    written = 0

    async def behave(peer: Peer) -> None:
        nonlocal written
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(piece) * pieces))
        for _ in range(pieces):
            peer.writer.write(piece)
            await peer.writer.drain()
            written += 1
        await peer.gone()

    async def main() -> tuple[int, str]:
        async with (
            serving(behave, authority.server() if tls else None) as server,
            StampedTransport(authority.client) as client,
        ):
            response = await client.handle_async_request(_request(server.url, Phases()))
            before = -1
            while before != written:  # until the server is held up
                before = written
                await asyncio.sleep(0.05)
            held_up_at, read = written, hashlib.sha256()
            async for data in response.extensions["body"]:
                read.update(data)
            await response.aclose()
            return held_up_at, read.hexdigest()

    held_up_at, read = run(main())
    assert held_up_at < pieces
    assert read == hashlib.sha256(piece * pieces).hexdigest()


@pytest.mark.parametrize("reading", ["none", "some", "listening"])
def test_a_connection_that_was_held_up_serves_the_next_request(
    run: Run, monkeypatch: pytest.MonkeyPatch, reading: str
) -> None:
    monkeypatch.setattr(transport, "PAUSE_ABOVE_BYTES", 10)
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5\r\nhello\r\n" * 50 + b"0\r\n\r\n"

    async def main() -> Answered:
        async with serving(always(wire)) as server, StampedTransport(PLAIN) as client:
            response = await client.handle_async_request(_request(server.url, Phases()))
            body: Body = response.extensions["body"]
            if reading == "some":
                stretches = body.__aiter__()
                assert await anext(stretches) == b"hello"
                await stretches.aclose()
            if reading == "listening":
                heard: list[bytes] = []
                body.listen(lambda _, data: heard.append(data), lambda _: None)
                assert heard == [b"hello"] * 50
            await response.aclose()
            return await ask(client, server.url)

    answered = run(main())
    assert answered.phases.warm is True
    assert answered.body == b"hello" * 50


def test_who_begins_to_listen_hears_the_rest_of_what_was_held_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PAUSE_ABOVE_BYTES", 10)
    go_on = asyncio.Event()

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + b"a" * 100)
        await go_on.wait()
        await peer.send(b"b" * 100)

    async def main() -> bytes:
        async with serving(behave) as server, StampedTransport(PLAIN) as client:
            response = await client.handle_async_request(_request(server.url, Phases()))
            heard, over = bytearray(), asyncio.Event()
            response.extensions["body"].listen(lambda _, data: heard.extend(data), lambda _: over.set())
            go_on.set()
            await over.wait()
            await response.aclose()
            return bytes(heard)

    assert run(main()) == b"a" * 100 + b"b" * 100


def test_a_connection_that_is_lost_before_it_is_asked(run: Run) -> None:
    async def main() -> None:
        async with serving(closes_at_once) as server:
            loop, given_back = asyncio.get_running_loop(), list[Connection]()
            connection = Connection(loop, given_back.append)
            await loop.create_connection(lambda: connection, "127.0.0.1", server.port)
            while connection.usable:  # noqa: ASYNC110 - the loop tells nobody
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.01)  # what is closing becomes closed
            phases = Phases()
            with pytest.raises(httpx.RemoteProtocolError, match="closed the connection"):
                await connection.ask(b"POST / HTTP/1.1\r\n\r\n", phases)
            assert phases.sent_ns is not None
            assert given_back == []

    run(main())


def test_a_cut_body_raises_where_it_is_iterated(run: Run) -> None:
    async def main() -> bytes:
        async with serving(answering(whole(b"hello")[:-1])) as server, StampedTransport(PLAIN) as client:
            response = await client.handle_async_request(_request(server.url, Phases()))
            stretches = response.extensions["body"].__aiter__()
            before = await anext(stretches)
            with pytest.raises(httpx.RemoteProtocolError, match="closed the connection"):
                await anext(stretches)
            await response.aclose()
            return before

    assert run(main()) == b"hell"


# TLS.


def test_a_body_that_ends_with_the_connection_over_tls(run: Run, authority: Authority) -> None:
    async def main() -> Answered:
        async with (
            serving(answering(b"HTTP/1.1 200 OK\r\n\r\nhello"), authority.server()) as server,
            StampedTransport(authority.client) as client,
        ):
            return await ask(client, server.url)

    answered = run(main())
    assert (answered.error, answered.body) == (None, b"hello")


@pytest.mark.parametrize("cut", [whole(b"hello")[:-1], b"", b"HTTP/1.1 200 OK\r\n"])
@pytest.mark.parametrize("goodbye", [True, False])
def test_an_end_in_the_middle_over_tls(run: Run, authority: Authority, cut: bytes, goodbye: bool) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(cut)
        if not goodbye:
            peer.reset()

    async def main() -> httpx.TransportError:
        async with serving(behave, authority.server()) as server, StampedTransport(authority.client) as client:
            return await failing(client, server.url)

    assert isinstance(run(main()), httpx.ReadError | httpx.RemoteProtocolError)


@pytest.mark.parametrize("fault", ["untrusted", "another host", "expired", "plain HTTP", "closes", "resets"])
def test_no_request_goes_out_before_the_server_is_trusted(run: Run, authority: Authority, fault: str) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    tls = {
        "untrusted": lambda: Authority().server(),
        "another host": lambda: authority.server("elsewhere.example"),
        "expired": lambda: authority.server("127.0.0.1", not_before=yesterday - timedelta(days=9), not_after=yesterday),
    }
    heard: list[bytes] = []

    async def behave(peer: Peer) -> None:
        if fault == "plain HTTP":
            await peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        if fault == "resets":
            await peer.reader.read(10)
            peer.reset()
        if fault in tls:
            heard.append(await peer.reader.read())

    async def main() -> Phases:
        context = tls[fault]() if fault in tls else None
        async with serving(behave, context) as server, StampedTransport(authority.client) as client:
            phases = Phases()
            with pytest.raises(httpx.ConnectError):
                await client.handle_async_request(_request(f"https://127.0.0.1:{server.port}/", phases))
            return phases

    phases = run(main())
    assert (phases.sent_ns, phases.tls_ns) == (None, None)
    assert phases.connect_ns is not None
    assert b"".join(heard) == b""


def test_the_name_of_the_host_is_verified(run: Run, authority: Authority) -> None:
    async def main() -> Answered:
        async with (
            serving(always(whole(b"hello")), authority.server("localhost")) as server,
            StampedTransport(authority.client) as client,
        ):
            return await ask(client, f"https://localhost:{server.port}/")

    assert run(main()).body == b"hello"


# Cancellation.


@pytest.mark.parametrize(
    ("at", "tls"),
    [("tls", True), *((at, tls) for at in ("connect", "head", "half a head", "body") for tls in (False, True))],
)
def test_a_request_that_is_given_up_leaves_nothing_behind(run: Run, authority: Authority, at: str, tls: bool) -> None:
    async def behave(peer: Peer) -> None:
        if at != "tls":
            await peer.request()
        if at == "half a head":
            await peer.send(b"HTTP/1.1 200 OK\r\nX-")
        if at == "body":
            await peer.send(whole(b"hello")[:-1])
        reached.set()
        await peer.gone()

    async def give_up(url: str, server: RawServer | None) -> None:
        async with StampedTransport(authority.client) as client:

            async def read() -> None:
                response = await client.handle_async_request(_request(url, Phases()))
                try:
                    async for _ in response.extensions["body"]:
                        pass
                finally:
                    await response.aclose()

            asking = asyncio.ensure_future(read())
            if server is None:
                for _ in range(20):
                    await asyncio.sleep(0)
            else:
                await reached.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            if server is not None:
                await asyncio.wait(server.tasks)  # the server sees that the client has gone

    async def main() -> None:
        scheme = "https" if tls else "http"
        if at == "connect":
            with full_listener() as port:
                await give_up(f"{scheme}://127.0.0.1:{port}/", None)
            return
        async with serving(behave, authority.server() if tls and at != "tls" else None) as server:
            await give_up(f"{scheme}://127.0.0.1:{server.port}/", server)

    reached = asyncio.Event()
    run(main())


@pytest.mark.parametrize("tls", [False, True])
def test_giving_up_after_any_number_of_turns(run: Run, authority: Authority, tls: bool) -> None:
    """Cancelled after each number of turns of the loop in which a request goes through all of its phases."""

    async def main() -> int:
        outcomes: list[str] = []
        async with (
            serving(always(whole(b"hello")), authority.server() if tls else None) as server,
            StampedTransport(authority.client) as client,
        ):
            for turns in range(60):
                await client.aclose()
                asking = asyncio.ensure_future(ask(client, server.url))
                for _ in range(turns):
                    await asyncio.sleep(0)
                asking.cancel()
                with suppress(asyncio.CancelledError):
                    assert (await asking).body == b"hello"
                    outcomes.append("done")
            return len(outcomes)

    assert run(main()) < 60, "some were cancelled"


# Garbage.


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    "answers", [[whole(b"hello")] * 3, [whole(b"hello", "Connection: close")], [whole(b"hello")[:-1]], [b"SSH-2.0\r\n"]]
)
def test_no_cycles_are_left(run: Run, authority: Authority, answers: list[bytes], tls: bool) -> None:
    async def main() -> None:
        async with (
            serving(answering(*answers), authority.server() if tls else None) as server,
            StampedTransport(authority.client) as client,
        ):
            for _ in range(6):
                with suppress(httpx.TransportError):
                    await ask(client, server.url)

    with no_garbage():
        run(main())
