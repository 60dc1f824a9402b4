"""An httpx transport that stamps every read in the socket's own callback, before HTTP, SSE or JSON is looked at.

httpx's own transport reads through two layers of awaits: at a hundred streams its stamps are tens of milliseconds late.
Here the event loop calls :meth:`Connection.data_received`, which takes the stamp first; llhttp (httptools) then splits
the bytes, and what they mean is worked out later (:mod:`tokenarena_assets.probing.digest`).
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohappyeyeballs
import httptools
import httpx

# Servers close idle connections, many after 5 s: a request must not run into that.
KEEPALIVE_S = 4.0
MAX_FRAMING_BYTES = 64 * 1024  # of headers, chunk extensions or trailers, without a byte of the body
PAUSE_ABOVE_BYTES = 4 * 1024 * 1024
HAPPY_EYEBALLS_DELAY_S = 0.25  # RFC 8305, section 5
UNSAFE = re.compile(rb"[\r\n\0]")

OnRead = Callable[[int, bytes], None]
OnEnd = Callable[[httpx.TransportError | None], None]


@dataclass(slots=True)
class Phases:
    """What handing a request over took, filled while it happens: an own request extension (`"phases"`).

    Nanoseconds of `perf_counter_ns`; `dns_ns`, `connect_ns` and `tls_ns` are durations and stay None on a connection
    that was open. `on_sent` is called at the moment when the clock of TTFT starts.
    """

    warm: bool | None = None
    dns_ns: int | None = None
    connect_ns: int | None = None
    tls_ns: int | None = None
    sent_ns: int | None = None
    headers_ns: int | None = None
    on_sent: Callable[[], None] = field(default=lambda: None)


class Body(httpx.AsyncByteStream):
    """The body of a response as the socket gave it: stretches of bytes with the stamp of their read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = 0
        self._on_read: OnRead | None = None
        self._on_end: OnEnd | None = None
        self._wake: asyncio.Future[None] | None = None
        self._ended = self._released = False
        self._error: httpx.TransportError | None = None

    def listen(self, on_read: OnRead, on_end: OnEnd) -> None:
        """Hand each stretch to `on_read(stamp_ns, data)` as it comes, from the socket's callback: it must be quick.

        `on_end(error)` follows when the body has ended, with the error if it was cut off.
        """
        self._on_read, self._on_end = on_read, on_end
        while self._waiting:
            on_read(*self._waiting.popleft())
        self._waiting_bytes = 0
        self._connection.resume()
        if self._ended:
            on_end(self._error)

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        while True:
            while self._waiting:
                _, data = self._waiting.popleft()
                self._waiting_bytes -= len(data)
                if self._waiting_bytes <= PAUSE_ABOVE_BYTES:
                    self._connection.resume()
                yield data
            if self._ended:
                break
            self._wake = self._connection.loop.create_future()
            await self._wake
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # its traceback holds this frame, which holds this body

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body was not read to its end."""
        if not self._released:
            self._released = True
            self._connection.release()

    def feed(self, stamp_ns: int, data: bytes) -> None:
        """Take what a read brought."""
        if self._on_read is not None:
            self._on_read(stamp_ns, data)
            return
        self._waiting.append((stamp_ns, data))
        self._waiting_bytes += len(data)
        if self._waiting_bytes > PAUSE_ABOVE_BYTES:
            self._connection.pause()
        self._awake()

    def end(self, error: httpx.TransportError | None) -> None:
        """The body is whole, or was cut off by `error`."""
        self._ended, self._error = True, error
        if self._on_end is not None:
            self._on_end(error)
        self._awake()

    def _awake(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class Connection(asyncio.Protocol):
    """One TCP or TLS connection; one request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, give_back: Callable[[Connection], None]) -> None:
        self.loop = loop
        self.idle_since = 0.0
        self._give_back = give_back
        self._transport: asyncio.Transport | None = None  # None before it is open, and once it is shut or lost
        self._read_ns = 0
        self._parser: httptools.HttpResponseParser | None = None  # None while nothing is asked
        self._phases: Phases | None = None
        self._head: asyncio.Future[httpx.Response] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._framing_bytes = 0  # read since the last byte of a body
        self._body: Body | None = None
        self._until_close = False
        self._reusable = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Stamp, then split."""
        self._read_ns = time.perf_counter_ns()
        if self._parser is None:  # nothing was asked: what comes unasked cannot belong to the next request
            self._shut()
            return
        self._framing_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(httpx.RemoteProtocolError("the server switched to another protocol"))
        except httptools.HttpParserError as error:
            self._fail(httpx.RemoteProtocolError(f"not HTTP: {error}"))
        if self._parser is not None and self._framing_bytes > MAX_FRAMING_BYTES:
            what = "headers" if self._body is None else "framing"
            self._fail(httpx.RemoteProtocolError(f"more than {MAX_FRAMING_BYTES} bytes of {what}"))

    def eof_received(self) -> bool | None:
        """The server will send nothing more."""
        self._over(None)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._transport = None
        self._over(exc)

    def _over(self, cause: Exception | None) -> None:
        if self._body is not None and self._until_close and cause is None:
            body, self._body = self._body, None
            body.end(None)
        said = "the server closed the connection" if cause is None else f"{type(cause).__name__}: {cause}"
        self._fail(httpx.ReadError(said) if cause else httpx.RemoteProtocolError(said))

    # What httptools calls.

    def on_message_begin(self) -> None:
        """A response, an interim one, or what follows the end of the response that was asked for."""
        self._headers = []
        if self._parser is None:
            self._reusable = False  # the next response would be read from its middle

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; or a trailer, which is of no use."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Status and headers are known: the response begins."""
        if self._parser is None or self._head is None or self._head.done():
            return
        status = self._parser.get_status_code()
        if status < 200:
            return
        headers = httpx.Headers(self._headers)
        codings = headers.get("transfer-encoding", "").lower().split(",")
        self._until_close = "content-length" not in headers and codings[-1].strip() != "chunked"
        self._body = Body(self)
        if self._phases is not None:
            self._phases.headers_ns = self._read_ns
        # httpx hands out the stream of a response as bytes only; whoever wants the stamps takes the body itself.
        extensions = {"body": self._body}
        self._head.set_result(httpx.Response(status, headers=headers, stream=self._body, extensions=extensions))

    def on_body(self, data: bytes) -> None:
        """A stretch of the body."""
        self._framing_bytes = 0
        if self._body is not None:
            self._body.feed(self._read_ns, data)

    def on_message_complete(self) -> None:
        """The response is whole, unless it was an interim one."""
        if self._body is None or self._parser is None:
            return
        self._reusable = self._parser.should_keep_alive()
        body, self._body = self._body, None
        self._parser = None
        body.end(None)

    # What the transport calls.

    @property
    def usable(self) -> bool:
        """Open, and idle for less than servers commonly allow."""
        open_still = self._transport is not None and not self._transport.is_closing()
        return open_still and self.loop.time() - self.idle_since < KEEPALIVE_S

    async def ask(self, message: bytes, phases: Phases) -> httpx.Response:
        """Send `message` and wait for the head of its response; its body comes by itself."""
        self._parser = httptools.HttpResponseParser(self)
        self._phases, self._framing_bytes = phases, 0
        self._head = self.loop.create_future()
        phases.sent_ns = time.perf_counter_ns()
        if self._transport is None:  # closed by the server as soon as it was open
            self._over(None)
        else:
            self._transport.write(message)
        phases.on_sent()
        try:
            return await self._head
        except BaseException:
            self._shut()
            raise
        finally:
            self._head = None  # it holds the response, which holds this connection

    def release(self) -> None:
        """The request is over: back to the pool where its response was read whole, else closed."""
        if self._reusable and self._transport is not None:
            self._reusable = False
            self.resume()
            self.idle_since = self.loop.time()
            self._give_back(self)
        else:
            self._shut()

    def pause(self) -> None:
        """Read no more for now."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None:
            self._transport.resume_reading()

    def _fail(self, error: httpx.TransportError) -> None:
        if self._head is not None and not self._head.done():
            self._head.set_exception(error)
        if self._body is not None:
            body, self._body = self._body, None
            body.end(error)
        self._shut()

    def _shut(self) -> None:
        self._parser, self._body, self._phases, self._reusable = None, None, None, False
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def close(self) -> None:
        """Close at once."""
        self._shut()


Origin = tuple[str, str, int]


class StampedTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over stamped connections, the last used first; no proxy, no redirect, no retry, no limit of its own.

    The pool has no cap: requests in flight are capped where they are planned, never held back unseen.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._idle: dict[Origin, list[Connection]] = {}
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` on an open connection, or on a new one; `request.extensions["phases"]` is filled."""
        phases = request.extensions.get("phases") or Phases()
        url = request.url
        host = url.raw_host.decode("ascii")  # an international name as the network knows it
        origin = (url.scheme, host, url.port or (443 if url.scheme == "https" else 80))
        message = await _on_the_wire(request)
        connection = self._idle_connection(origin)
        phases.warm = connection is not None
        if connection is None:
            connection = await self._connect(origin, phases)
        return await connection.ask(message, phases)

    def _idle_connection(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return None

    def _keep(self, origin: Origin, connection: Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.setdefault(origin, []).append(connection)

    async def _connect(self, origin: Origin, phases: Phases) -> Connection:
        scheme, host, port = origin
        loop = asyncio.get_running_loop()
        connection = Connection(loop, partial(self._keep, origin))
        secure = scheme == "https"
        began = time.perf_counter_ns()
        try:
            # As bytes: the codec of a text would refuse some names with an error of its own.
            addresses = await loop.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM)
            resolved = time.perf_counter_ns()
            phases.dns_ns = resolved - began
            sock = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=HAPPY_EYEBALLS_DELAY_S, loop=loop
            )
            connected = time.perf_counter_ns()
            phases.connect_ns = connected - resolved
            await loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=self._context if secure else None,
                server_hostname=host if secure else None,
            )
            if secure:
                phases.tls_ns = time.perf_counter_ns() - connected
        except socket.gaierror as error:
            raise httpx.ConnectError(f"cannot resolve {host}: {error}") from None
        except OSError as error:  # ssl.SSLError is one of them
            error.__traceback__ = None  # its frames hold the error again
            raise httpx.ConnectError(f"{type(error).__name__}: {error}") from error
        return connection

    async def aclose(self) -> None:
        """Close what is idle, and what is in use once it is given back."""
        self._closed = True
        for connections in self._idle.values():
            while connections:
                connections.pop().close()


async def _on_the_wire(request: httpx.Request) -> bytes:
    """The request as bytes, made before the clock starts.

    Raises:
        httpx.LocalProtocolError: a header would begin another one.
    """
    body = await request.aread()
    lines: list[Any] = [request.method.encode(), b" ", request.url.raw_path, b" HTTP/1.1\r\n"]
    for name, value in request.headers.raw:
        if UNSAFE.search(name) or UNSAFE.search(value):
            raise httpx.LocalProtocolError("a header holds a line end or a null byte")
        lines += [name, b": ", value, b"\r\n"]
    return b"".join([*lines, b"\r\n", body])
