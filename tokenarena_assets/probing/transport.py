"""An httpx transport that stamps each read where it happens: at the socket, before HTTP or SSE decoding."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx


class StampedStream(httpcore.AsyncNetworkStream):
    """A network stream that remembers when its last read returned."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self.last_read_ns = time.perf_counter_ns()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read from the socket and stamp the moment."""
        data = await self._inner.read(max_bytes, timeout)
        self.last_read_ns = time.perf_counter_ns()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write to the socket."""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the socket."""
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """The encrypted stream over this one, stamped as well."""
        return StampedStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What the inner stream knows of itself."""
        return self._inner.get_extra_info(info)


class StampedBackend(httpcore.AsyncNetworkBackend):
    """Opens stamped TCP streams."""

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect and wrap."""
        return StampedStream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        """Sleep between connection attempts."""
        await self._inner.sleep(seconds)


class StampedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over stamped streams; `response.extensions["network_stream"]` is the stamped one."""

    def __init__(self, context: ssl.SSLContext, connections: int) -> None:
        super().__init__(verify=context, trust_env=False)
        # httpx has no public way to pass a network backend to its pool.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=4.0,  # servers close idle connections, many after 5 s: a request must not run into that
            network_backend=StampedBackend(),
        )
