"""A loopback server that is nothing but bytes, and event loops of both kinds that tell of every complaint."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import socket
import ssl
import struct
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import trustme

T = TypeVar("T")
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
with suppress(ImportError):  # a second loop, of which other packages make use, shows what only the first one allows
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop
CONTENT_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
OPEN_FILES = Path("/proc/self/fd")
OURS = ("tokenarena_assets.", "httpx", "httptools")


@dataclass
class Peer:
    """The server's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int  # of the connection, from 0
    requests: int = 0

    async def request(self) -> bytes:
        """The next request, head and body; EOFError where the client has gone."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        self.requests += 1
        return head + await self.reader.readexactly(int(length[1]) if length else 0)

    async def send(self, *parts: bytes) -> None:
        """Each part in a write of its own, the loop turned in between so that the other end can read it."""
        for part in parts:
            if self.writer.is_closing():
                raise ConnectionResetError
            self.writer.write(part)
            await self.writer.drain()
            for _ in range(3):
                await asyncio.sleep(0)

    async def gone(self) -> None:
        """Return once the client has closed."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behave = Callable[[Peer], Awaitable[None]]


@dataclass
class RawServer:
    """What a test knows of a running server."""

    port: int
    scheme: str
    peers: list[Peer] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """A URL of it."""
        return f"{self.scheme}://127.0.0.1:{self.port}/v1/chat"


@asynccontextmanager
async def serving(
    behave: Behave, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[RawServer]:
    """Run `behave` for each connection; when it returns, the connection is closed."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        peer = Peer(reader, writer, len(server.peers))
        server.peers.append(peer)
        server.tasks.append(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await behave(peer)
        writer.close()

    server = RawServer(0, "https" if tls else "http")
    listener = await asyncio.start_server(accept, host, 0, ssl=tls, limit=1 << 20, backlog=512)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for peer in server.peers:
            with suppress(AttributeError):  # Python before 3.11.5, where a TLS transport was closed twice
                peer.writer.transport.abort()
        await asyncio.gather(*server.tasks, return_exceptions=True)


def answering(*answers: bytes) -> Behave:
    """Answers the n-th request of each connection with the n-th of `answers`, then closes."""

    async def behave(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.send(answer)

    return behave


def always(answer: bytes) -> Behave:
    """Answers every request."""

    async def behave(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(answer)

    return behave


def whole(body: bytes = b"", *headers: str, status: str = "200 OK", content_type: str = "text/event-stream") -> bytes:
    """An answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self) -> None:
        self.ca = trustme.CA()

    def server(self, *names: str, **issue: Any) -> ssl.SSLContext:
        """What a server of these names needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*(names or ("127.0.0.1",)), **issue).configure_cert(context)
        return context

    @cached_property
    def client(self) -> ssl.SSLContext:
        """What a client that trusts it needs."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context


@contextmanager
def loop_of(kind: str) -> Iterator[Callable[[Coroutine[Any, Any, T]], T]]:
    """A runner on a loop of `kind`; at the end nothing was complained of, and no socket was left open."""
    complaints: list[str] = []

    def complain(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        complaints.append(f"{context['message']}: {context.get('exception')!r}")

    gc.freeze()  # the collector need not look at all that was there before: that takes long
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
                runner.run(asyncio.sleep(0))
                runner.get_loop().set_exception_handler(complain)
                before = _open_sockets()
                yield runner.run
                runner.run(_closed_down(before))
            gc.collect()
    finally:
        gc.unfreeze()
    assert complaints == [], complaints
    assert [str(warning.message) for warning in warned if warning.category is ResourceWarning] == []


async def _closed_down(before: int) -> None:
    # A connection takes some turns of the loop to close.
    for _ in range(200):
        if _open_sockets() <= before:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{_open_sockets() - before} sockets were left open")


def _open_sockets() -> int:
    count = 0
    for path in OPEN_FILES.iterdir() if OPEN_FILES.exists() else ():
        with suppress(OSError):
            if str(path.readlink()).startswith("socket:"):
                with socket.socket(fileno=os.dup(int(path.name))) as found:
                    count += found.family in (socket.AF_INET, socket.AF_INET6)
    return count


@contextmanager
def no_garbage() -> Iterator[None]:
    """What the block leaves behind holds no cycle of ours: a collector that is off would never free it."""
    gc.collect()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        ours = [found for found in map(_described, gc.garbage) if found.startswith(OURS)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert ours == [], ours


def _described(thing: object) -> str:
    if isinstance(thing, FrameType):
        return f"{thing.f_globals.get('__name__')}: frame of {thing.f_code.co_name}"
    return f"{type(thing).__module__}.{type(thing).__qualname__}"
