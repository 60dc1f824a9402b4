"""An endpoint on loopback that tells when it truly sent what: what the client says is measured against it.

`python -m tokenarena_assets.probing.reference_server [--ttft-ms 200] [--interval-ms 10] [--tokens 64]`

When it listens, one JSON line `{"url": ..., "port": ..., "pid": ...}` goes to stdout. It listens on loopback only, and
ends when its stdin does, or on SIGTERM or SIGINT.

It answers `POST .../chat/completions` as an OpenAI-compatible stream. A field `reference` in the body says how:
`{"ttft_ms": 200, "interval_ms": 10, "tokens": 64}`; what is not given is as the command line has it. Token k (from 0)
is due `ttft_ms + k * interval_ms` after the request was read, however late those before it went; `interval_ms` 0 sends
as fast as the client reads. Each token's event says in `reference.sent_ns` when it was handed to the socket, and the
first one in `reference.read_ns` when the last byte of the request was read: `time.perf_counter_ns()`, whose zero all
processes of one machine share. `GET /log` lists the last answered requests, for clients that do not show events;
`GET /health` and `GET /v1/models` are what many of them ask first.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import heapq
import itertools
import json
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self, cast

import httptools

from tokenarena_assets.processes import ahead_of_others, end_with_parent

HOST = "127.0.0.1"
MODEL = "reference"
NS_PER_MS = 1_000_000
MAX_MS = 3_600_000
MAX_TOKENS = 10_000_000
LOG_ENTRIES = 100_000
EVENTS_PER_TURN = 32  # between two looks at the sockets
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
STAMP = b'"sent_ns":'
STAMP_DIGITS = 20  # of fixed width, so that the length of the HTTP chunk around it is known beforehand


@dataclass(frozen=True, slots=True)
class Schedule:
    """How an answer is sent."""

    ttft_ms: float = 200.0
    interval_ms: float = 10.0
    tokens: int = 64

    def changed(self, asked: object) -> Self:
        """The schedule that the `reference` field of a request asks for.

        Raises:
            ValueError: it asks for what cannot be.
        """
        if asked is None:
            return self
        values = asdict(self)
        if not isinstance(asked, dict) or asked.keys() - values.keys():
            raise ValueError(f"reference may hold {', '.join(values)}")
        values |= asked
        for name in ("ttft_ms", "interval_ms"):
            if type(values[name]) not in (int, float) or not 0 <= values[name] <= MAX_MS:
                raise ValueError(f"reference.{name} must be a number from 0 to {MAX_MS}")
        if type(values["tokens"]) is not int or not 1 <= values["tokens"] <= MAX_TOKENS:
            raise ValueError(f"reference.tokens must be a whole number from 1 to {MAX_TOKENS}")
        return type(self)(**values)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answered request as the server saw it."""

    request_id: str | None  # its X-Request-Id header, by which a client's own figures can be matched
    read_ns: int
    read_unix_ns: int
    first_sent_ns: int
    last_sent_ns: int
    tokens: int
    worst_late_ms: float  # behind the schedule


class Stream:
    """One answer while it is sent. All of it but the stamps is built beforehand."""

    def __init__(self, connection: Connection, request: dict[str, Any], schedule: Schedule, response_id: str) -> None:
        self._connection, self._write = connection, connection.write
        self.read_ns, self.read_unix_ns = connection.read_ns, time.time_ns()
        self._tokens, self._interval_ns = schedule.tokens, schedule.interval_ms * NS_PER_MS
        self._first_due_ns = self.due_ns = self.read_ns + round(schedule.ttft_ms * NS_PER_MS)
        self._sent = self._first_sent_ns = self._worst_late_ns = 0
        self.is_queued = False
        common = {"id": response_id, "object": "chat.completion.chunk", "created": int(time.time()), "model": MODEL}
        first = {"role": "assistant", "content": "Once"}
        self._template = STREAM_HEAD + _with_stamp(common, first, {"read_ns": self.read_ns})
        self._others = _with_stamp(common, {"content": " more"}, {})
        counts = {"prompt_tokens": _words(request), "completion_tokens": schedule.tokens}
        usage = counts | {"total_tokens": sum(counts.values())}
        finish = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
        self._ending = b"".join(
            [
                _chunk(_event(common | {"choices": [finish]})),
                _chunk(_event(common | {"choices": [], "usage": usage})),
                _chunk(b"data: [DONE]\n\n"),
                b"0\r\n\r\n",
            ]
        )

    @property
    def waits(self) -> bool:
        """Nothing can be sent: the client has gone, or does not read as fast as it is sent to."""
        return self._connection.stream is not self or self._connection.paused

    def send_next(self) -> bool:
        """Send the token that is due; whether there is another one."""
        now = time.perf_counter_ns()
        self._write(self._template % now)
        self._worst_late_ns = max(self._worst_late_ns, now - self.due_ns)
        self._sent += 1
        if self._sent == 1:
            self._first_sent_ns, self._template = now, self._others
        if self._sent < self._tokens:
            self.due_ns = self._first_due_ns + round(self._sent * self._interval_ns)
            return True
        self._write(self._ending)
        self._connection.finished(
            Answered(
                self._connection.request_id,
                self.read_ns,
                self.read_unix_ns,
                self._first_sent_ns,
                now,
                self._tokens,
                self._worst_late_ns / NS_PER_MS,
            )
        )
        return False


def _chunk(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def _event(fields: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"


def _with_stamp(common: dict[str, Any], delta: dict[str, str], reference: dict[str, int]) -> bytes:
    """The HTTP chunk of a token, to be completed by `%` with the moment of sending."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    event = _event(common | {"choices": [choice], "reference": reference | {"sent_ns": 0}})
    before, _, after = event.rpartition(STAMP + b"0")
    filled = _chunk(before + STAMP + b" " * STAMP_DIGITS + after)
    return filled.replace(STAMP + b" " * STAMP_DIGITS, STAMP + b"%%%dd" % STAMP_DIGITS)


def _words(request: dict[str, Any]) -> int:
    messages = request.get("messages")
    contents = [message.get("content") for message in messages if isinstance(message, dict)] if messages else []
    return sum(len(content.split()) for content in contents if isinstance(content, str))


class Metronome:
    """Sends each stream's tokens when they are due: one heap and one timer for all of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: list[tuple[int, int, Stream]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_ns = 0

    def add(self, stream: Stream) -> None:
        """Send `stream` from its next token on."""
        if stream.is_queued:
            return
        stream.is_queued = True
        heapq.heappush(self._due, (stream.due_ns, next(self._order), stream))
        if self._timer is None or stream.due_ns < self._wakes_ns:
            self._wake_for_the_next()

    def _wake_for_the_next(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wakes_ns = self._due[0][0]
        self._timer = self._loop.call_later(max(0, self._wakes_ns - time.perf_counter_ns()) / 1e9, self._turn)

    def _turn(self) -> None:
        due, order = self._due, self._order
        now = time.perf_counter_ns()
        for _ in range(EVENTS_PER_TURN):
            if not due or due[0][0] > now:
                break
            stream = due[0][2]
            if not stream.waits and stream.send_next():
                # Behind all others that are due: none is served twice before another is.
                heapq.heapreplace(due, (stream.due_ns, next(order), stream))
            else:
                heapq.heappop(due)
                stream.is_queued = False
        self._timer = None
        if due:
            self._wake_for_the_next()


class ReferenceService:
    """What all connections share."""

    def __init__(self, loop: asyncio.AbstractEventLoop, defaults: Schedule) -> None:
        self.metronome, self.defaults = Metronome(loop), defaults
        self.answered: deque[Answered] = deque(maxlen=LOG_ENTRIES)
        self.numbers = itertools.count()


class Connection(asyncio.Protocol):
    """One client's connection, kept alive; a request at a time."""

    def __init__(self, service: ReferenceService) -> None:
        self._service = service
        self._parser = httptools.HttpRequestParser(self)
        self.read_ns = 0
        self.paused = False
        self.request_id: str | None = None
        self.stream: Stream | None = None
        self._url, self._body = b"", bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = cast("asyncio.Transport", transport)
        self.write: Callable[[bytes], None] = self._transport.write

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        self.read_ns = time.perf_counter_ns()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url, self._body, self.request_id = b"", bytearray(), None

    def on_url(self, url: bytes) -> None:
        """A piece of its target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers."""
        if name.lower() == b"x-request-id":
            self.request_id = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self._body += body

    def on_message_complete(self) -> None:
        """All of it is here."""
        if self.stream is not None:  # a second request before the first is answered
            self._transport.close()
            return
        path = self._url.split(b"?")[0].rstrip(b"/")
        method = self._parser.get_method()
        if method == b"POST" and path.endswith(b"/chat/completions"):
            self._begin_stream()
        elif path == b"/log":
            self._say(200, [asdict(entry) for entry in self._service.answered])
        elif path == b"/health":
            self._say(200, {"status": "ok"})
        elif path.endswith(b"/models"):
            self._say(200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "tokenarena"}]})
        else:
            self._say(404, {"error": {"message": f"{path.decode('latin-1')}: there is /v1/chat/completions only"}})

    def _begin_stream(self) -> None:
        try:
            request = json.loads(self._body)
            if not isinstance(request, dict) or not request.get("stream"):
                raise ValueError("only a request with stream: true is answered")
            schedule = self._service.defaults.changed(request.get("reference"))
        except (ValueError, RecursionError) as error:
            self._say(400, {"error": {"message": str(error)}})
            return
        self.stream = Stream(self, request, schedule, f"reference-{next(self._service.numbers)}")
        self._service.metronome.add(self.stream)

    def _say(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.write(head.encode() + body)
        self._close_unless_kept()

    def finished(self, entry: Answered) -> None:
        """The answer was sent to its end."""
        self.stream = None
        self._service.answered.append(entry)
        self._close_unless_kept()

    def _close_unless_kept(self) -> None:
        if not self._parser.should_keep_alive():
            self._transport.close()

    def pause_writing(self) -> None:
        """The client reads slower than it is sent to."""
        self.paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self.paused = False
        if self.stream is not None:
            self._service.metronome.add(self.stream)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The client has gone."""
        self.stream = None


async def serve(defaults: Schedule) -> None:
    """Listen, announce it and stay."""
    loop = asyncio.get_running_loop()
    service = ReferenceService(loop, defaults)
    server = await loop.create_server(lambda: Connection(service), HOST, 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://{HOST}:{port}/v1", "port": port, "pid": os.getpid()}), flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until the parent is gone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in asdict(Schedule()).items():
        told = "for requests that do not say"
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help=told)
    try:
        defaults = Schedule().changed(vars(parser.parse_args()))
    except ValueError as error:
        parser.error(str(error))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    end_with_parent()
    gc.collect()
    gc.freeze()  # a collection in the middle of a burst would make the burst late
    with ahead_of_others():
        asyncio.run(serve(defaults))


if __name__ == "__main__":
    main()
