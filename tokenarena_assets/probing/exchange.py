"""One exchange over the wire: the request goes out, what comes back is stamped and kept, within its time limits."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime

import certifi
import httpx

from tokenarena_assets.probing.digest import Digester
from tokenarena_assets.probing.sse import MAX_EVENTS, EventTooLargeError, SseEvent, SseParser
from tokenarena_assets.probing.stream import StreamAccumulator
from tokenarena_assets.probing.transport import Body, Phases, StampedTransport

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
MAX_ERROR_BODY_BYTES = 16 * 1024
STRETCH_BYTES = 8 * 1024  # a longer read is worked out in pieces, between which the sockets are looked at
AFTER_DONE_S = 1.0
STALE_WITHIN_NS = 1_000_000_000  # more than any round trip
KEPT_RESPONSE_HEADERS = frozenset(
    {
        "content-type",
        "content-encoding",
        "date",
        "server",
        "via",
        "retry-after",
        "retry-after-ms",
        "x-request-id",
        "request-id",
        "cf-ray",
        "openai-processing-ms",
        "x-ratelimit-limit-requests",
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-remaining-tokens",
        "location",
    }
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a request may take to connect, to its first token, between two reads, and in all."""

    connect_s: float = 10.0
    first_s: float = 30.0
    stall_s: float = 20.0
    total_s: float = 300.0


@dataclass(slots=True)
class Exchange:
    """What happened on the wire, filled while it happens so that a failure keeps what came before it."""

    scheduled_ns: int
    started_at: datetime
    phases: Phases = field(default_factory=Phases)
    http_status: int | None = None
    response_headers: dict[str, str] = field(default_factory=dict)
    frames: list[tuple[int, str]] = field(default_factory=list)
    event_ns: list[int] = field(default_factory=list)
    problem: str | None = None  # why the body is no answer to read
    error_body: str | None = None
    failure: tuple[str, str] | None = None
    received_bytes: int = 0
    last_read_ns: int = 0
    waiting_for: str = "timeout_connect"  # the class of a failure to get on from here
    stale_connections: int = 0  # kept-alive connections that the server had closed before this one

    def met_a_closed_connection(self, now_ns: int) -> bool:
        """A kept-alive connection that the server closed while it was idle: nothing of the request was answered.

        That says nothing of the endpoint (servers close after so many requests), so it is sent again on another one,
        with the clock started anew, as HTTP clients do; the record says how often. Such a close is seen at once: what
        breaks off later was being worked on, and is the endpoint's failure.
        """
        phases = self.phases
        unanswered = self.failure is not None and self.failure[0] == "dropped" and phases.headers_ns is None
        at_once = phases.sent_ns is not None and now_ns - phases.sent_ns < STALE_WITHIN_NS
        return unanswered and at_once and phases.warm is True


def tls_context() -> ssl.SSLContext:
    """One context for all clients: building it takes longer than a fast endpoint takes to answer."""
    context = ssl.create_default_context()  # what the system trusts, a company's own authority included
    context.load_verify_locations(cafile=certifi.where())
    return context


def http_client(context: ssl.SSLContext) -> StampedTransport:
    """The client of one endpoint: its own connections, and nothing else.

    httpx's client over the same transport could follow a redirect, keep a cookie that pins every probe to one machine
    behind the endpoint, take a proxy from the environment that the key would pass through; and it leaves every response
    in a reference cycle.
    """
    return StampedTransport(context)


async def exchange_over(
    client: StampedTransport,
    url: str,
    content: bytes,
    headers: dict[str, str],
    exchange: Exchange,
    accumulator: StreamAccumulator,
    *,
    streamed: bool,
    limits: Limits,
    digester: Digester,
) -> None:
    """Send `content` and fill `exchange` and `accumulator`; never raises for what an endpoint does."""
    if not streamed:
        limits = replace(limits, first_s=limits.total_s)  # nothing comes before an answer is whole
    loop = asyncio.get_running_loop()
    total_deadline = loop.time() + limits.total_s
    try:
        async with asyncio.timeout_at(min(total_deadline, loop.time() + limits.connect_s)) as scope:

            def sent() -> None:
                exchange.waiting_for = "timeout_first"
                scope.reschedule(min(total_deadline, loop.time() + limits.first_s))

            exchange.phases.on_sent = sent
            extensions = {"phases": exchange.phases}
            request = httpx.Request("POST", url, content=content, headers=headers, extensions=extensions)
            response = await client.handle_async_request(request)
            body: Body = response.extensions["body"]
            try:
                exchange.http_status = response.status_code
                exchange.response_headers = {
                    name: value for name, value in response.headers.items() if name.lower() in KEPT_RESPONSE_HEADERS
                }
                exchange.problem = _not_an_answer(response, streamed=streamed)
                if exchange.problem is not None:
                    await _read_error_body(body, exchange)
                else:
                    scope.reschedule(None)
                    reader = Reader(exchange, accumulator, body, digester, streamed=streamed)
                    await _to_its_end(reader, exchange, limits, total_deadline)
            finally:
                await body.aclose()
    except TimeoutError:
        _ran_out(exchange, in_all=scope.when() == total_deadline)
    except httpx.ConnectError as error:
        _failed(exchange, "connect_failed", describe(error))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        _failed(exchange, "dropped" if exchange.phases.sent_ns else "connect_failed", describe(error))
    finally:
        exchange.phases.on_sent = _nothing  # it held the exchange: no cycle is left for the collector, which is off


def _nothing() -> None:
    pass


def _ran_out(exchange: Exchange, *, in_all: bool) -> None:
    kind = "timeout_total" if in_all else exchange.waiting_for
    _failed(exchange, kind, f"no end within the limit ({exchange.waiting_for})")


def _failed(exchange: Exchange, kind: str, text: str) -> None:
    # What is no answer stays that, however its body ends.
    if exchange.problem is None:
        exchange.failure = (kind, text)


def describe(error: BaseException) -> str:
    """The kind of an error and its text."""
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _not_an_answer(response: httpx.Response, *, streamed: bool) -> str | None:
    """Why the body of a response is not an answer to read; None for one that is."""
    if not 200 <= response.status_code < 300:
        return f"HTTP {response.status_code}"
    content_type = response.headers.get("content-type", "nothing").lower()
    wanted = "text/event-stream" if streamed else "json"
    if wanted not in content_type:
        return f"answered {content_type}, not {'an event stream' if streamed else 'JSON'}"
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        return f"answered in {encoding}, which was not asked for and hides when each token came"
    return None


async def _read_error_body(body: Body, exchange: Exchange) -> None:
    kept = b""
    try:
        async with aclosing(body.__aiter__()) as stretches:
            async for data in stretches:
                kept += data
                exchange.received_bytes += len(data)
                if len(kept) >= MAX_ERROR_BODY_BYTES:
                    break
    finally:
        exchange.error_body = kept[:MAX_ERROR_BODY_BYTES].decode("utf-8", "replace")


async def _to_its_end(reader: Reader, exchange: Exchange, limits: Limits, total_deadline: float) -> None:
    """Wait until the body is read and worked out, or a limit has passed; the deadline moves with what comes in."""
    loop = asyncio.get_running_loop()
    assert exchange.phases.sent_ns is not None
    # The loop's clock and the stamps' may differ; what counts is how long ago a stamp was.
    while not reader.done.done():
        if exchange.waiting_for == "timeout_first":
            left = limits.first_s - (time.perf_counter_ns() - exchange.phases.sent_ns) / 1e9
        else:
            left = limits.stall_s - (time.perf_counter_ns() - exchange.last_read_ns) / 1e9
        total_left = total_deadline - loop.time()
        if min(left, total_left) <= 0:
            _ran_out(exchange, in_all=total_left <= 0)
            reader.stop()
            break
        # No longer than a stall: with the first token, which wakes nobody, the limit becomes another one.
        await asyncio.wait([reader.done], timeout=min(left, total_left, limits.stall_s))
    await reader.done


class Reader:
    """Takes what a body brings: keeps it verbatim with its stamp, and has it worked out when the loop has time."""

    def __init__(
        self, exchange: Exchange, accumulator: StreamAccumulator, body: Body, digester: Digester, *, streamed: bool
    ) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._exchange, self._accumulator, self._digester = exchange, accumulator, digester
        self._parser = SseParser()
        self._document: bytearray | None = None if streamed else bytearray()
        self._cut_off: httpx.TransportError | None = None
        body.listen(self._read, self._end)

    def stop(self) -> None:
        """Work out what was read so far, and nothing after it."""
        self._digester.put(self._take, self._exchange.last_read_ns, None)

    def _read(self, stamp_ns: int, data: bytes) -> None:
        exchange = self._exchange
        exchange.last_read_ns = stamp_ns
        exchange.received_bytes += len(data)
        if exchange.received_bytes <= MAX_RESPONSE_BYTES:
            for start in range(0, len(data), STRETCH_BYTES):
                self._digester.put(self._take, stamp_ns, data[start : start + STRETCH_BYTES])
        elif exchange.failure is None:
            exchange.failure = ("too_large", f"more than {MAX_RESPONSE_BYTES} bytes")
            self.stop()

    def _end(self, error: httpx.TransportError | None) -> None:
        self._cut_off = error
        self.stop()

    def _take(self, stamp_ns: int, data: bytes | None) -> None:
        if self.done.done():
            return
        try:
            if self._document is not None:
                self._take_document(stamp_ns, data)
            else:
                for event in self._parser.close() if data is None else self._parser.feed(data):
                    self._keep(stamp_ns, event)
        except EventTooLargeError as error:
            self._exchange.failure = ("too_large", str(error))
            data = None
        except Exception as error:  # a fault of ours must come out where the exchange is waited for, not hang it
            self.done.set_exception(error)
            return
        if data is None:
            self._accumulator.result.comments = self._parser.comments
            if self._cut_off is not None and self._exchange.failure is None:
                self._exchange.failure = ("dropped", describe(self._cut_off))
            self.done.set_result(None)

    def _keep(self, stamp_ns: int, event: SseEvent) -> None:
        exchange = self._exchange
        if len(exchange.frames) == MAX_EVENTS:
            raise EventTooLargeError(f"more than {MAX_EVENTS} events")
        was_over = self._accumulator.result.done
        exchange.frames.append((stamp_ns, event.data))
        if self._accumulator.add(event) is not None:
            exchange.event_ns.append(stamp_ns)
        if self._accumulator.result.done and not was_over:
            # Some leave the connection open after [DONE]: it must not hold up the probes that wait for its place.
            asyncio.get_running_loop().call_later(AFTER_DONE_S, self.stop)
        if exchange.waiting_for == "timeout_first" and self._accumulator.result.first_generated_index is not None:
            exchange.waiting_for = "timeout_stall"

    def _take_document(self, stamp_ns: int, data: bytes | None) -> None:
        assert self._document is not None
        if data is not None:
            self._document += data
            return
        exchange, result = self._exchange, self._accumulator.result
        exchange.frames.append((stamp_ns, self._document.decode("utf-8", "replace")))
        try:
            self._accumulator.add_document(bytes(self._document))
        finally:
            exchange.event_ns += [stamp_ns] * (len(result.events) - len(exchange.event_ns))
