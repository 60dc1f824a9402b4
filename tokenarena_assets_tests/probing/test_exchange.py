"""One exchange over raw servers: its deadlines, what is no answer, what is kept, stamps, cancellation, no garbage."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.probing import exchange as module
from tokenarena_assets.probing.digest import Digester
from tokenarena_assets.probing.exchange import Exchange, Limits, exchange_over, http_client, tls_context
from tokenarena_assets.probing.sse import SseEvent
from tokenarena_assets.probing.stream import StreamAccumulator
from tokenarena_assets.probing.transport import StampedTransport
from tokenarena_assets_tests.probing.raw_server import (
    LOOPS,
    Authority,
    Behave,
    Peer,
    always,
    answering,
    loop_of,
    no_garbage,
    serving,
    whole,
)
from tokenarena_assets_tests.servers.faults import full_listener
from tokenarena_assets_tests.servers.misbehaving import chunk, closed_port

PATIENCE_S = 20.0  # bounds a wait that a fault would make endless; never the expected time
LONG = Limits(connect_s=PATIENCE_S, first_s=PATIENCE_S, stall_s=PATIENCE_S, total_s=PATIENCE_S)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Once"}),
    chunk({"content": " upon"}),
    chunk({}, finish_reason="stop"),
    b"data: [DONE]\n\n",
]
ANSWER = whole(b"".join(EVENTS))
TRUST = tls_context()
Run = Callable[..., Any]


def part(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.fixture(params=list(LOOPS))
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with loop_of(request.param) as runner:
        yield lambda main: runner(asyncio.wait_for(main, PATIENCE_S))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@dataclass
class Ended:
    """An exchange that is over."""

    exchange: Exchange
    accumulator: StreamAccumulator
    began_ns: int
    ended_ns: int

    @property
    def kind(self) -> str | None:
        return None if self.exchange.failure is None else self.exchange.failure[0]


class Asking:
    """Sends exchanges over one client and one digester."""

    def __init__(self, client: StampedTransport, url: str) -> None:
        self.client, self.url, self.digester = client, url, Digester(asyncio.get_running_loop())

    async def __call__(
        self, limits: Limits = LONG, *, streamed: bool = True, accumulator: StreamAccumulator | None = None
    ) -> Ended:
        began = time.perf_counter_ns()
        exchange, accumulator = Exchange(began, datetime.now(UTC)), accumulator or StreamAccumulator("openai_chat")
        await exchange_over(
            self.client,
            self.url,
            b"{}",
            {"Authorization": "Bearer secret"},
            exchange,
            accumulator,
            streamed=streamed,
            limits=limits,
            digester=self.digester,
        )
        return Ended(exchange, accumulator, began, time.perf_counter_ns())


async def over(behave: Behave, limits: Limits = LONG, *, streamed: bool = True) -> Ended:
    """One exchange with a server of its own."""
    async with serving(behave) as server, http_client(TRUST) as client:
        return await Asking(client, server.url)(limits, streamed=streamed)


def says(*parts: bytes) -> Behave:
    """Takes the request, sends these and then nothing, until the client has gone."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(*parts)
        await peer.gone()

    return behave


def for_ever(start: bytes, again: bytes) -> Behave:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(start)
        while True:
            await peer.send(again)
            await asyncio.sleep(0.001)

    return behave


# Deadlines. A limit is tiny where it is to be met, and far away where it is not.


@pytest.mark.parametrize(
    ("behave", "limits", "kind"),
    [
        (says(), Limits(PATIENCE_S, 0.05, PATIENCE_S, PATIENCE_S), "timeout_first"),
        (says(b"HTTP/1.1 200 OK\r\nCont"), Limits(PATIENCE_S, 0.05, PATIENCE_S, PATIENCE_S), "timeout_first"),
        (says(HEAD), Limits(PATIENCE_S, 0.05, PATIENCE_S, PATIENCE_S), "timeout_first"),
        (says(HEAD, part(EVENTS[0])), Limits(PATIENCE_S, 0.05, 0.01, PATIENCE_S), "timeout_first"),
        (for_ever(HEAD, part(b": here\n\n")), Limits(PATIENCE_S, 0.05, PATIENCE_S, PATIENCE_S), "timeout_first"),
        (says(HEAD, part(EVENTS[1])), Limits(PATIENCE_S, PATIENCE_S, 0.05, PATIENCE_S), "timeout_stall"),
        (says(HEAD, part(EVENTS[1]), b"5"), Limits(PATIENCE_S, PATIENCE_S, 0.05, PATIENCE_S), "timeout_stall"),
        (for_ever(HEAD, part(EVENTS[1])), Limits(PATIENCE_S, PATIENCE_S, PATIENCE_S, 0.1), "timeout_total"),
        (for_ever(HEAD, part(b": here\n\n")), Limits(PATIENCE_S, PATIENCE_S, PATIENCE_S, 0.1), "timeout_total"),
        (says(), Limits(PATIENCE_S, PATIENCE_S, PATIENCE_S, 0.05), "timeout_total"),
        (says(), Limits(0.05, 0.05, 0.05, 0.05), "timeout_total"),
    ],
)
def test_each_limit_has_its_class(run: Run, behave: Behave, limits: Limits, kind: str) -> None:
    ended = run(over(behave, limits))
    assert ended.kind == kind
    limit = {"timeout_first": limits.first_s, "timeout_stall": limits.stall_s, "timeout_total": limits.total_s}[kind]
    # Timers of uvloop know whole milliseconds, and may come half of one early.
    assert ended.ended_ns - ended.began_ns >= (limit - 0.002) * 1e9


@pytest.mark.parametrize(("limits", "kind"), [((0.05, PATIENCE_S), "timeout_connect"), ((9.0, 0.05), "timeout_total")])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_does_not_open(run: Run, scheme: str, limits: tuple[float, float], kind: str) -> None:
    async def main() -> Ended:
        with full_listener() as port:
            async with http_client(TRUST) as client:
                asking = Asking(client, f"{scheme}://127.0.0.1:{port}/")
                return await asking(Limits(limits[0], PATIENCE_S, PATIENCE_S, limits[1]))

    ended = run(main())
    assert ended.kind == kind
    assert ended.exchange.phases.sent_ns is None


def test_a_handshake_that_does_not_end(run: Run) -> None:
    async def main() -> Ended:
        async with serving(lambda peer: peer.gone()) as server, http_client(TRUST) as client:
            asking = Asking(client, f"https://127.0.0.1:{server.port}/")
            return await asking(Limits(0.2, PATIENCE_S, PATIENCE_S, PATIENCE_S))

    ended = run(main())
    assert ended.kind == "timeout_connect"
    assert ended.exchange.phases.tls_ns is None


def test_what_came_before_a_limit_is_kept(run: Run) -> None:
    behave = says(HEAD, part(EVENTS[0]), part(EVENTS[1]), part(EVENTS[2][:30]))
    ended = run(over(behave, Limits(PATIENCE_S, PATIENCE_S, 0.05, PATIENCE_S)))
    assert ended.kind == "timeout_stall"
    assert ended.accumulator.finish().text == "Once"
    assert len(ended.exchange.frames) == 3, "half an event counts as sent"
    assert ended.exchange.received_bytes == len(EVENTS[0] + EVENTS[1]) + 30


# Answers.


@pytest.mark.parametrize("kind", list(LOOPS))
def test_stamps_follow_the_reads(kind: str) -> None:
    with loop_of(kind) as run:

        @settings(max_examples=60, deadline=None)
        @given(st.lists(st.integers(1, 800), max_size=30), st.sampled_from(["length", "chunked", "close"]))
        def check(cuts: list[int], framing: str) -> None:
            wire, body = streamed_in(cuts, framing)
            _check_an_answer(run(asyncio.wait_for(over(answering_in_parts(wire)), PATIENCE_S)), body)

        check()


def streamed_in(cuts: list[int], framing: str) -> tuple[list[bytes], bytes]:
    body = b"".join(EVENTS)
    places = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    parts = [body[start:end] for start, end in pairwise(places)]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    if framing == "chunked":
        return [HEAD, *map(part, parts), b"0\r\n\r\n"], body
    head += b"Content-Length: %d\r\n\r\n" % len(body) if framing == "length" else b"\r\n"
    return [head, *parts], body


def _check_an_answer(ended: Ended, body: bytes) -> None:
    exchange, result = ended.exchange, ended.accumulator.finish()
    assert (exchange.failure, exchange.problem, exchange.http_status) == (None, None, 200)
    assert [data for _, data in exchange.frames] == [event[6:-2].decode() for event in EVENTS]
    assert result.text == "Once upon"
    assert result.ended
    assert len(exchange.event_ns) == len(result.events) == len(EVENTS) - 1
    assert exchange.received_bytes == len(body)
    phases, stamps = exchange.phases, [stamp for stamp, _ in exchange.frames]
    assert exchange.event_ns == stamps[:-1]
    assert phases.sent_ns is not None
    assert phases.headers_ns is not None
    order = [ended.began_ns, phases.sent_ns, phases.headers_ns, *stamps, exchange.last_read_ns, ended.ended_ns]
    assert order == sorted(order)


def answering_in_parts(wire: list[bytes]) -> Behave:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(*wire)

    return behave


def test_a_long_read_is_worked_out_in_pieces_under_one_stamp(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STRETCH_BYTES", 7)
    ended = run(over(answering(ANSWER)))
    assert [data for _, data in ended.exchange.frames] == [event[6:-2].decode() for event in EVENTS]
    assert len({stamp for stamp, _ in ended.exchange.frames}) == 1
    assert ended.accumulator.finish().text == "Once upon"


def test_an_answer_that_is_not_streamed(run: Run) -> None:
    document = {"choices": [{"message": {"content": "Once upon"}, "finish_reason": "stop"}], "model": "served"}
    body = json.dumps(document).encode()
    first_s = 0.05

    async def behave(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(4 * first_s)  # whole answers come late: the limit to the first token is not theirs
        head, _, body_sent = whole(body, content_type="application/json").partition(b"\r\n\r\n")
        await peer.send(head + b"\r\n\r\n", body_sent[:20], body_sent[20:])

    ended = run(over(behave, Limits(PATIENCE_S, first_s, PATIENCE_S, PATIENCE_S), streamed=False))
    exchange, result = ended.exchange, ended.accumulator.finish()
    assert (exchange.failure, exchange.problem) == (None, None)
    assert result.text == "Once upon"
    assert [json.loads(data) for _, data in exchange.frames] == [document]
    assert exchange.last_read_ns == exchange.event_ns[0]
    assert len(exchange.event_ns) == len(result.events)


@pytest.mark.parametrize(
    ("answer", "streamed", "problem"),
    [
        (whole(b"<html>sign in</html>", content_type="text/html"), True, "answered text/html, not an event stream"),
        (whole(b"{}", content_type="application/json"), True, "answered application/json, not an event stream"),
        (ANSWER, False, "answered text/event-stream, not JSON"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True, "answered nothing, not an event stream"),
        (whole(b"zip", "Content-Encoding: gzip"), True, "answered in gzip"),
        (whole(b"elsewhere", "Location: https://other.example/", status="307 Go"), True, "HTTP 307"),
        (whole(b"elsewhere", "Location: http://[", status="302 Go"), True, "HTTP 302"),
        (whole(b"elsewhere", status="301 Go"), True, "HTTP 301"),
        (whole(b"slow down", "Retry-After: 7", status="429 Too Many"), True, "HTTP 429"),
        (whole(b"overloaded", status="529 Overloaded"), True, "HTTP 529"),
        (whole(b"odd", status="999 Odd"), True, "HTTP 999"),
    ],
)
def test_what_is_no_answer_is_kept_as_it_is(run: Run, answer: bytes, streamed: bool, problem: str) -> None:
    ended = run(over(answering(answer), streamed=streamed))
    exchange = ended.exchange
    assert exchange.problem is not None
    assert exchange.problem.startswith(problem)
    assert exchange.failure is None
    assert exchange.error_body == answer.partition(b"\r\n\r\n")[2].decode()
    assert (exchange.frames, exchange.event_ns) == ([], [])


@pytest.mark.parametrize("ending", ["hangs", "closes", "resets", "is not HTTP any more"])
def test_what_is_no_answer_stays_that_however_it_ends(run: Run, ending: str) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD.replace(b"event-stream", b"html"), part(b"<html>"))
        if ending == "hangs":
            await peer.gone()
        if ending == "resets":
            await asyncio.sleep(0.05)  # a reset takes back what was not read yet
            peer.reset()
        if ending == "is not HTTP any more":
            await peer.send(b"zz\r\n")

    ended = run(over(behave, Limits(PATIENCE_S, 0.3, PATIENCE_S, PATIENCE_S)))
    assert ended.exchange.problem == "answered text/html, not an event stream"
    assert ended.exchange.failure is None
    assert ended.exchange.error_body == "<html>"


def test_no_more_of_an_error_is_read_than_is_kept(run: Run) -> None:
    sent = 0

    async def behave(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 500 Oh\r\n\r\n")
        while True:
            await peer.send(b"x" * 1000)
            sent += 1000

    ended = run(over(behave))
    assert ended.exchange.error_body == "x" * module.MAX_ERROR_BODY_BYTES
    assert ended.exchange.received_bytes <= sent


def test_only_telling_headers_are_kept(run: Run) -> None:
    ended = run(over(answering(whole(b"no", "Retry-After: 7", "Set-Cookie: a=b", "X-Request-Id: r", status="429 No"))))
    assert ended.exchange.response_headers == {
        "retry-after": "7",
        "x-request-id": "r",
        "content-type": "text/event-stream",
    }


def test_no_cookie_is_given_back(run: Run) -> None:
    seen: list[bytes] = []

    async def behave(peer: Peer) -> None:
        while True:
            seen.append(await peer.request())
            await peer.send(whole(b"data: {}\n\n", "Set-Cookie: sticky=1; Path=/"))

    async def main() -> None:
        async with serving(behave) as server, http_client(TRUST) as client:
            asking = Asking(client, server.url)
            await asking()
            await asking()

    run(main())
    assert len(seen) == 2
    assert all(b"cookie" not in request.lower() for request in seen)


# Faults.


def test_who_cannot_be_asked(run: Run) -> None:
    async def main() -> list[Ended]:
        async with http_client(TRUST) as client:
            urls = (f"http://127.0.0.1:{closed_port()}/", f"http://{'a' * 64}.invalid/", "http://a..b/", "http://[::")
            return [await Asking(client, url)() for url in urls]

    for ended in run(main()):
        assert ended.kind == "connect_failed"
        assert ended.exchange.phases.sent_ns is None


@pytest.mark.parametrize(
    "behave",
    [
        answering(b""),
        answering(b"HTTP/1.1 200 OK\r\nContent-Ty"),
        answering(b"SSH-2.0-OpenSSH_9.6\r\n"),
        answering(ANSWER[:-1]),
        answering_in_parts([HEAD, part(EVENTS[1]), b"zz\r\n"]),
    ],
)
def test_what_breaks_off_is_dropped(run: Run, behave: Behave) -> None:
    ended = run(over(behave))
    assert ended.kind == "dropped"
    assert ended.exchange.phases.sent_ns is not None


def test_what_came_before_a_break_is_kept(run: Run) -> None:
    ended = run(over(answering_in_parts([HEAD, part(EVENTS[1]), part(EVENTS[2][:-1])])))
    assert ended.kind == "dropped"
    assert ended.accumulator.finish().text == "Once upon", "the last event lacked its empty line only"


def test_a_response_beyond_the_limit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RESPONSE_BYTES", 2_000)
    ended = run(over(for_ever(HEAD, part(EVENTS[1]))))
    assert ended.exchange.failure == ("too_large", "more than 2000 bytes")
    kept = sum(len(data) + len("data: \n\n") for _, data in ended.exchange.frames)
    assert 2_000 - len(EVENTS[1]) < kept <= 2_000


def test_an_event_beyond_the_limit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenarena_assets.probing.sse.SseParser.__init__.__defaults__", (1_000,))
    ended = run(over(for_ever(HEAD + part(EVENTS[1]) + part(b"data: "), part(b"x" * 500))))
    assert ended.kind == "too_large"
    assert ended.accumulator.finish().text == "Once"


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good answer of some framing in which some bytes are others, missing or too many."""
    wire = bytearray(draw(st.sampled_from([ANSWER, HEAD + b"".join(map(part, EVENTS)) + b"0\r\n\r\n"])))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(wire)))
        wire[start : start + draw(st.integers(0, 3))] = draw(st.binary(max_size=6) | st.just(b"\r\n"))
    return bytes(wire)


@pytest.mark.parametrize("kind", list(LOOPS))
def test_whatever_is_sent_the_exchange_ends_in_order(kind: str) -> None:
    with loop_of(kind) as run:

        @settings(max_examples=150, deadline=None)
        @given(damaged() | st.binary(max_size=100), st.integers(0, 600), st.booleans())
        def check(wire: bytes, cut: int, streamed: bool) -> None:
            ended = run(asyncio.wait_for(over(answering_in_parts([wire[:cut], wire[cut:]]), streamed=streamed), 20))
            assert ended.kind in (None, "dropped")
            assert ended.exchange.event_ns == sorted(ended.exchange.event_ns)
            ended.accumulator.finish()

        check()


class Broken(StreamAccumulator):
    """Has a fault of its own."""

    def add(self, event: SseEvent) -> int | None:
        raise ZeroDivisionError(event.data)


def test_a_fault_of_ours_comes_out_and_holds_up_nobody(run: Run) -> None:
    async def main() -> list[Any]:
        async with serving(always(ANSWER)) as server, http_client(TRUST) as client:
            asking = Asking(client, server.url)
            calls = [asking(accumulator=Broken("openai_chat") if number % 2 else None) for number in range(6)]
            return await asyncio.gather(*calls, return_exceptions=True)

    outcomes = run(main())
    assert [type(outcome) for outcome in outcomes] == [Ended, ZeroDivisionError] * 3
    assert {outcome.accumulator.finish().text for outcome in outcomes[::2]} == {"Once upon"}


def test_a_kept_connection_that_the_server_has_closed(run: Run) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(ANSWER)
        await peer.request()  # and closes without an answer

    async def main() -> list[Ended]:
        async with serving(behave) as server, http_client(TRUST) as client:
            asking = Asking(client, server.url)
            return [await asking(), await asking(), await asking()]

    first, second, third = run(main())
    assert not first.exchange.met_a_closed_connection(first.ended_ns)
    phases = second.exchange.phases
    assert (second.kind, phases.warm, phases.connect_ns) == ("dropped", True, None)
    assert second.exchange.met_a_closed_connection(phases.sent_ns + 1)
    assert not second.exchange.met_a_closed_connection(phases.sent_ns + module.STALE_WITHIN_NS)
    assert (third.kind, third.exchange.phases.warm) == (None, False)


def test_a_closed_connection_of_its_own_is_the_endpoints_failure(run: Run) -> None:
    ended = run(over(answering(b"")))
    assert ended.kind == "dropped"
    assert not ended.exchange.met_a_closed_connection(ended.exchange.phases.sent_ns + 1)


# Cancellation and garbage.


@pytest.mark.parametrize("behave", [says(), says(HEAD), says(HEAD, part(EVENTS[1])), says(b"HTTP/1.1 500 Oh\r\n\r\nx")])
def test_an_exchange_that_is_cancelled_leaves_nothing_behind(run: Run, behave: Behave) -> None:
    async def main() -> None:
        async with serving(behave) as server, http_client(TRUST) as client:
            asking = asyncio.ensure_future(Asking(client, server.url)())
            while not server.peers or not server.peers[0].requests:  # noqa: ASYNC110 - the server is no task of ours
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.02)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await asyncio.wait(server.tasks)  # the client has hung up

    with no_garbage():
        run(main())


@pytest.mark.parametrize(
    "behave",
    [
        always(ANSWER),
        answering(whole(b"".join(EVENTS), "Connection: close")),
        answering(ANSWER[:-1]),
        answering(whole(b"no", status="500 Oh")),
        answering(whole(b"no", status="500 Oh")[:-1]),
        answering(whole(b"x" * 100_000, status="500 Oh")),
        answering(b"SSH-2.0-OpenSSH_9.6\r\n"),
        says(),
        says(HEAD, part(EVENTS[1])),
        for_ever(HEAD, part(EVENTS[1])),
    ],
    ids=["kept", "closed", "cut", "error", "cut error", "long error", "not HTTP", "silent", "stalled", "endless"],
)
@pytest.mark.parametrize("tls", [False, True])
def test_no_exchange_leaves_garbage(run: Run, authority: Authority, behave: Behave, tls: bool) -> None:
    async def main() -> None:
        context = authority.server() if tls else None
        async with serving(behave, context) as server, http_client(authority.client) as client:
            asking = Asking(client, server.url)
            for _ in range(3):
                await asking(Limits(PATIENCE_S, 0.05, 0.05, 0.1))
            refused = Asking(client, f"http://127.0.0.1:{closed_port()}/")
            await refused()

    with no_garbage():
        run(main())


def test_many_at_once_are_all_served(run: Run) -> None:
    of = 150
    everyone = asyncio.Barrier(of)

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD)
        await everyone.wait()  # no one gets a token before all have asked
        await peer.send(*map(part, EVENTS), b"0\r\n\r\n")
        await peer.gone()

    async def main() -> list[Ended]:
        async with serving(behave) as server, http_client(TRUST) as client:
            asking = Asking(client, server.url)
            return await asyncio.gather(*(asking() for _ in range(of)))

    for ended in run(main()):
        assert ended.kind is None
        assert ended.accumulator.finish().text == "Once upon"


def test_a_connection_left_open_after_the_end_does_not_hold_the_exchange(run: Run) -> None:
    async def main() -> Ended:
        return await over(says(HEAD, part(b"".join(EVENTS))))  # with limits beyond the patience of this test

    ended = run(main())
    assert ended.kind is None
    assert ended.accumulator.finish().text == "Once upon"


@pytest.mark.parametrize("streamed", [True, False])
def test_more_events_than_the_limit(run: Run, monkeypatch: pytest.MonkeyPatch, streamed: bool) -> None:
    for place in ("exchange", "stream"):
        monkeypatch.setattr(f"tokenarena_assets.probing.{place}.MAX_EVENTS", 3)
    body = EVENTS[1] * 9 if streamed else b"[" + b",".join([b"{}"] * 9) + b"]"
    kind = "text/event-stream" if streamed else "application/json"
    ended = run(over(always(whole(body, content_type=kind)), streamed=streamed))
    assert ended.exchange.failure == ("too_large", "more than 3 events")
    assert len(ended.accumulator.result.events) == len(ended.exchange.event_ns) == 3
