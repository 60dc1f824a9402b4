"""An HTTP/1.1 server for tests that answers chat requests in every good and bad way that endpoints know."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

PATIENCE_S = 20.0  # bounds a wait that a broken test would make endless
WORDS = ("Ada", " saw", " a", " small", " blue", " bird", " near", " the", " old", " well", ".")


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as it arrived."""

    route: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at_ns: int = field(default_factory=time.perf_counter_ns)

    @property
    def json(self) -> dict[str, Any]:
        """The body, which every chat request carries as JSON."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@dataclass(slots=True)
class Reply:
    """What a behaviour writes its answer to."""

    server: MisbehavingServer
    request: SeenRequest
    ordinal: int  # of the request among those of its route, from 0
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    closes: bool = False
    open: bool = True

    async def head(self, status: int, content_type: str, *more: str) -> None:
        """Status line and headers of a chunked answer."""
        lines = [f"HTTP/1.1 {status} Status", f"Content-Type: {content_type}", "Transfer-Encoding: chunked", *more]
        await self.raw(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def stream_head(self) -> None:
        """The headers of an event stream."""
        await self.head(200, "text/event-stream; charset=utf-8")

    async def part(self, data: bytes) -> None:
        """One HTTP chunk."""
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """The last chunk; the request counts as answered before its bytes are on their way."""
        self.answered()
        await self.raw(b"0\r\n\r\n")

    async def whole(self, status: int, content_type: str, body: bytes, *more: str) -> None:
        """An answer in one piece."""
        self.answered()
        lines = [f"HTTP/1.1 {status} Status", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *more]
        await self.raw(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    async def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Drop the connection as a crashed machine does: what is on its way is lost, nobody says goodbye."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        self.closes = True

    async def gone(self) -> None:
        """Say nothing until the client has gone."""
        await self.reader.read()
        self.closes = True

    def answered(self) -> None:
        """The request is in flight no longer."""
        if self.open:
            self.open = False
            self.server.in_flight[self.request.route] -= 1


Behaviour = Callable[[Reply], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An event stream to send: its tokens, how they are bundled, what else it says."""

    tokens: tuple[str, ...] = WORDS * 2
    reasoning: tuple[str, ...] = ()
    tokens_per_event: int = 1
    gap_s: float = 0.0
    first_after_s: float = 0.0
    finish: str | None = "stop"
    usage: str | None = "end"  # end | every | None
    prompt_tokens: int = 20
    comments: int = 0
    comments_between: bool = False

    def events(self) -> list[bytes]:
        """The stream's events: role, generated text, finish, usage, [DONE]."""
        found = [b": heartbeat %d\n\n" % number for number in range(self.comments)]
        found.append(chunk({"role": "assistant", "content": ""}))
        sent = 0
        for channel, tokens in (("reasoning_content", self.reasoning), ("content", self.tokens)):
            for start in range(0, len(tokens), self.tokens_per_event):
                bundle = tokens[start : start + self.tokens_per_event]
                sent += len(bundle)
                extra = {"usage": self.usage_block(sent)} if self.usage == "every" else {}
                if self.comments_between:
                    found.append(b": heartbeat\r\n")
                found.append(chunk({channel: "".join(bundle)}, **extra))
        if self.finish is not None:
            found.append(chunk({}, finish_reason=self.finish))
        if self.usage is not None:
            found.append(data({"choices": [], "usage": self.usage_block(sent)}))
        return [*found, b"data: [DONE]\n\n"]

    def usage_block(self, sent: int) -> dict[str, Any]:
        """Counts after `sent` tokens."""
        block: dict[str, Any] = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": sent,
            "total_tokens": self.prompt_tokens + sent,
        }
        if self.reasoning:
            block["completion_tokens_details"] = {"reasoning_tokens": min(sent, len(self.reasoning))}
        return block


def data(event: Any) -> bytes:
    """One `data:` event of JSON."""
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"


def chunk(delta: Mapping[str, Any], finish_reason: str | None = None, **extra: Any) -> bytes:
    """One chat completion chunk."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return data({"id": "chat-1", "object": "chat.completion.chunk", "model": "served", "choices": [choice], **extra})


def streams(answer: Answer) -> Behaviour:
    """Sends `answer`, an HTTP chunk an event."""

    async def behave(reply: Reply) -> None:
        await reply.stream_head()
        first = True
        for event in answer.events():
            generated = b'"content": "' in event or b'"reasoning_content": "' in event
            if generated and b'"role"' not in event:
                # A sleep never ends early: true gaps are these or longer.
                await asyncio.sleep(answer.first_after_s if first else answer.gap_s)
                first = False
            await reply.part(event)
        await reply.end()

    return behave


def sends(*parts: bytes, ends: bool = True, status: int = 200) -> Behaviour:
    """Sends `parts` as an event stream, each an HTTP chunk; not `ends`: closes without the last chunk."""

    async def behave(reply: Reply) -> None:
        await reply.head(status, "text/event-stream")
        for part in parts:
            await reply.part(part)
        if ends:
            await reply.end()
        else:
            reply.closes = True

    return behave


def says(status: int, content_type: str, body: bytes | str, *headers: str) -> Behaviour:
    """Answers in one piece."""
    content = body.encode() if isinstance(body, str) else body

    async def behave(reply: Reply) -> None:
        await reply.whole(status, content_type, content, *headers)

    return behave


def redirects(location: str, status: int = 302) -> Behaviour:
    """Points to another place."""
    return says(status, "text/plain", "elsewhere", f"Location: {location}")


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """The n-th request of the route gets the n-th behaviour; the last one stays."""

    async def behave(reply: Reply) -> None:
        await behaviours[min(reply.ordinal, len(behaviours) - 1)](reply)

    return behave


def in_company(of: int, behaviour: Behaviour) -> Behaviour:
    """Answers once `of` requests have been in flight together, so that whoever may send as many does so."""

    async def behave(reply: Reply) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(reply.server.company(of).wait(), 2.0)
        await behaviour(reply)

    return behave


async def echo_key_401(reply: Reply) -> None:
    """Refuses the key, and is careless enough to say which one it was, in body and header."""
    sent = reply.request.headers.get("authorization", "no key")
    error = {
        "error": {"message": f"Incorrect API key provided: {sent.removeprefix('Bearer ')}", "headers": {"a": sent}}
    }
    await reply.whole(401, "application/json", json.dumps(error).encode(), f"X-Request-Id: of {sent}")


async def echo_key_in_stream(reply: Reply) -> None:
    """Answers with the key in text, thought, model name, usage and error."""
    key = reply.request.headers.get("authorization", "").removeprefix("Bearer ")
    await reply.stream_head()
    first = {"id": key, "model": key, "choices": [{"delta": {"reasoning_content": f"They gave me {key}."}}]}
    await reply.part(data(first))
    await reply.part(chunk({"content": f"Your key is {key}!"}))
    await reply.part(data({"choices": [], "usage": {"completion_tokens": 5, key: key}, "error": {"message": key}}))
    await reply.end()


async def hang_before_headers(reply: Reply) -> None:
    """Takes the request and says nothing."""
    await reply.gone()


async def hang_before_first_token(reply: Reply) -> None:
    """Sends headers, a role event and a heartbeat, then nothing."""
    await reply.stream_head()
    await reply.part(chunk({"role": "assistant", "content": ""}))
    await reply.part(b": still here\n\n")
    await reply.gone()


async def hang_after_first_token(reply: Reply) -> None:
    """Sends one token, then nothing."""
    await reply.stream_head()
    await reply.part(chunk({"content": "Once"}))
    await reply.gone()


async def hang_after_done(reply: Reply) -> None:
    """Sends a whole answer but never ends the response."""
    await reply.stream_head()
    for event in Answer().events():
        await reply.part(event)
    await reply.gone()


async def hang_in_error_body(reply: Reply) -> None:
    """Announces a server error and never finishes telling it."""
    await reply.head(500, "application/json")
    await reply.part(b'{"error": "the database ')
    await reply.gone()


async def heartbeats_for_ever(reply: Reply) -> None:
    """Only comments, without end."""
    await reply.stream_head()
    while True:
        await reply.part(b": processing\n\n")
        await asyncio.sleep(0.01)


async def endless(reply: Reply) -> None:
    """Tokens without end."""
    await reply.stream_head()
    while True:
        await reply.part(chunk({"content": "more "}))
        await asyncio.sleep(0.002)


async def dribble(reply: Reply) -> None:
    """One byte at a time, multi-byte characters and line ends included."""
    body = b"".join(Answer(tokens=("Grüße", " 🐦", " … ", "das", " ist", " alles")).events()).replace(b"\n", b"\r\n")
    await reply.stream_head()
    for position in range(len(body)):
        await reply.part(body[position : position + 1])
    await reply.end()


async def close_at_once(reply: Reply) -> None:
    """Takes the request and closes the connection."""
    reply.closes = True


async def close_after_answer(reply: Reply) -> None:
    """A good answer, after which the connection is closed although nothing said so."""
    await streams(Answer())(reply)
    reply.closes = True


async def not_http(reply: Reply) -> None:
    """Bytes of some other protocol."""
    await reply.raw(b"SSH-2.0-OpenSSH_9.6\r\n")
    reply.closes = True


HUGE_BYTES = 9 * 1024 * 1024
TWO_TOKENS = (chunk({"role": "assistant"}), chunk({"content": "Once"}), chunk({"content": " upon"}))
BEHAVIOURS: dict[str, Behaviour] = {
    "good": streams(Answer()),
    "bundled": streams(Answer(tokens=WORDS * 4, tokens_per_event=3)),
    "usage_on_every_event": streams(Answer(usage="every")),
    "no_usage": streams(Answer(usage=None)),
    "reasoning": streams(Answer(reasoning=(" let", " me", " think"))),
    "inline_thought": streams(Answer(tokens=("<th", "ink>", "let me", " see</thi", "nk>", "\n\n", "It is", " 4"))),
    "tool_call": sends(
        chunk({"tool_calls": [{"index": 0, "function": {"name": "look", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"at": 1}'}}]}),
        chunk({}, finish_reason="tool_calls"),
        b"data: [DONE]\n\n",
    ),
    "unauthorized": echo_key_401,
    "echo": echo_key_in_stream,
    "not_found": says(404, "application/json", '{"error": {"message": "no such model"}}'),
    "rate_limited": says(429, "application/json", '{"error": "slow down"}', "Retry-After: 7"),
    "server_error": says(500, "text/plain", "Internal Server Error"),
    "overloaded_stream": sends(data({"error": "overloaded"}), status=503),
    "html": says(200, "text/html", "<html><body>Sign in to the hotel's network</body></html>"),
    "json": says(200, "application/json", '{"choices": [{"message": {"content": "not a stream"}}]}'),
    "no_content": says(204, "text/plain", ""),
    "hang_before_headers": hang_before_headers,
    "hang_before_first_token": hang_before_first_token,
    "hang_after_first_token": hang_after_first_token,
    "hang_after_done": hang_after_done,
    "hang_in_error_body": hang_in_error_body,
    "heartbeats_for_ever": heartbeats_for_ever,
    "cut": sends(*TWO_TOKENS, ends=False),
    "cut_in_event": sends(*TWO_TOKENS, chunk({"content": " a time"})[:40], ends=False),
    "cut_after_done": sends(*Answer().events(), ends=False),
    "ends_without_finish": sends(*TWO_TOKENS),
    "error_in_stream": sends(*TWO_TOKENS, data({"error": {"message": "GPU fell off", "code": 502}})),
    "aborted": sends(*TWO_TOKENS, chunk({}, finish_reason="error"), b"data: [DONE]\n\n"),
    "empty": streams(Answer(tokens=())),
    "nothing": sends(),
    "content_filter": streams(Answer(tokens=("I",), finish="content_filter")),
    "length": streams(Answer(finish="length")),
    "endless": endless,
    "huge_event": sends(*TWO_TOKENS, b"data: " + b"x" * HUGE_BYTES + b"\n\n"),
    "heartbeats": streams(Answer(comments=3, comments_between=True)),
    "nan_usage": sends(
        *TWO_TOKENS,
        chunk({}, finish_reason="stop"),
        b'data: {"choices": [], "usage": {"completion_tokens": NaN, "prompt_tokens": Infinity}}\n\n',
        b"data: [DONE]\n\n",
    ),
    "absurd_numbers": sends(
        *TWO_TOKENS,
        b'data: {"choices": [{"delta": {}, "logprobs": {"content": [{"logprob": -1' + b"0" * 400 + b"}]}}]}\n\n",
        b'data: {"choices": [], "usage": {"completion_tokens": 1e999, "prompt_tokens": -1, "total_tokens": true}}\n\n',
        chunk({}, finish_reason="stop"),
    ),
    "deep_nesting": sends(
        *TWO_TOKENS,
        b'data: {"choices": [], "usage": {"completion_tokens": 2, "a": ' + b"[" * 450 + b"]" * 450 + b"}}\n\n",
        b'data: {"choices": [{"delta": {"content": ' + b'[{"text": ' * 600 + b'"x"' + b"}]" * 600 + b"}}]}\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        chunk({}, finish_reason="stop"),
    ),
    "wrong_types": sends(
        *(data(event) for event in (None, 7, "text", [], {"choices": 3}, {"choices": [None, {"delta": 5}]})),
        *(data({"choices": [{"delta": {"content": wrong}}]}) for wrong in (7, {}, [7, None], True)),
        data({"choices": [{"delta": {}, "logprobs": {"content": [{"logprob": "x"}, 3]}}], "usage": [], "id": 4}),
        *TWO_TOKENS,
        chunk({}, finish_reason="stop"),
    ),
    "dribble": dribble,
    "close_at_once": close_at_once,
    "close_after_answer": close_after_answer,
    "not_http": not_http,
}


@dataclass
class MisbehavingServer:
    """Serves `behaviours` by the first part of the path, on loopback, in a thread; use as a context manager.

    `http://127.0.0.1:PORT/good/any/chat/completions` is answered by `behaviours["good"]`; its route is `good/any`, so
    that one behaviour can stand for several endpoints.
    """

    behaviours: Mapping[str, Behaviour] = field(default_factory=lambda: BEHAVIOURS)
    tls: ssl.SSLContext | None = None
    seen: list[SeenRequest] = field(default_factory=list)
    in_flight: Counter[str] = field(default_factory=Counter)
    most_in_flight: int = 0
    most_of_route: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._companies: dict[int, asyncio.Event] = {}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="misbehaving", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(PATIENCE_S)

    def url(self, route: str) -> str:
        """Base URL of a route: a behaviour's name, or `name/anything`."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/{route}"

    def requests_of(self, route: str) -> list[SeenRequest]:
        """What came to a route."""
        return [request for request in self.seen if request.route == route]

    def company(self, of: int) -> asyncio.Event:
        """Set from the moment on when `of` requests have been in flight together."""
        event = self._companies.setdefault(of, asyncio.Event())
        if self.most_in_flight >= of:
            event.set()
        return event

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        listener = await asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=self.tls)
        self.port: int = listener.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        listener.close()
        connections = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await _read_request(reader)
        ordinal = len(self.requests_of(request.route))
        self.seen.append(request)
        self.in_flight[request.route] += 1
        self.most_of_route[request.route] = max(self.most_of_route[request.route], self.in_flight[request.route])
        self.most_in_flight = max(self.most_in_flight, self.in_flight.total())
        for of in list(self._companies):
            self.company(of)
        reply = Reply(self, request, ordinal, reader, writer)
        try:
            await self.behaviours[request.route.split("/")[0]](reply)
        finally:
            reply.answered()
        return not reply.closes


async def _read_request(reader: asyncio.StreamReader) -> SeenRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return SeenRequest(path.removesuffix("/chat/completions").strip("/"), method, path, headers, body)


def closed_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def joined(events: Iterable[bytes]) -> bytes:
    """A stream as one run of bytes."""
    return b"".join(events)
