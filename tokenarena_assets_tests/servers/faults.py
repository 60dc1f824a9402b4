"""Faults of servers, networks and resolvers that a round must survive, beside those of `misbehaving`."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

from tokenarena_assets_tests.servers.misbehaving import (
    TWO_TOKENS,
    WORDS,
    Answer,
    Behaviour,
    Reply,
    chunk,
    data,
    in_turn,
    joined,
    says,
    sends,
    streams,
)

BOMB_BYTES = 64 * 1024 * 1024  # four times what a response may have
HUGE_EVENT_BYTES = 50 * 1024 * 1024
PIECE = b"x" * 1024 * 1024
FINISH = (chunk({}, finish_reason="stop"), b"data: [DONE]\n\n")


async def reset_at_once(reply: Reply) -> None:
    """Takes the request and resets the connection."""
    reply.reset()


async def reset_before_headers(reply: Reply) -> None:
    """Resets the connection in the middle of its headers."""
    await reply.raw(b"HTTP/1.1 200 OK\r\nContent-Ty")
    reply.reset()


async def reset_in_the_middle(reply: Reply) -> None:
    """Sends two tokens and resets the connection."""
    await reply.stream_head()
    for part in TWO_TOKENS:
        await reply.part(part)
    reply.reset()


async def half_of_the_headers(reply: Reply) -> None:
    """Begins its headers and falls silent."""
    await reply.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-st")
    await reply.gone()


async def headers_for_ever(reply: Reply) -> None:
    """Headers without end."""
    await reply.raw(b"HTTP/1.1 200 OK\r\n")
    while True:
        await reply.raw(b"X-Filler: %b\r\n" % (b"f" * 8_000))


async def slow_drip(reply: Reply) -> None:
    """After one token, a byte of the next one every now and then: never silent, never done."""
    await reply.stream_head()
    await reply.part(chunk({"content": "Once"}))
    await reply.part(b"data: ")
    while True:
        await reply.part(b" ")
        await asyncio.sleep(0.02)


async def slow_drip_of_headers(reply: Reply) -> None:
    """A byte of a header every now and then."""
    await reply.raw(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        await reply.raw(b"z")
        await asyncio.sleep(0.02)


async def huge_event(reply: Reply) -> None:
    """Two tokens, then one event of 50 MB."""
    await reply.stream_head()
    for part in TWO_TOKENS:
        await reply.part(part)
    await reply.part(b'data: {"choices": [{"delta": {"content": "')
    for _ in range(HUGE_EVENT_BYTES // len(PIECE)):
        await reply.part(PIECE)
    await reply.part(b'"}}]}\n\n')
    await reply.end()


@lru_cache
def bomb() -> bytes:
    """64 MB that travel as 64 kB."""
    return gzip.compress(joined(TWO_TOKENS) + b"data: " + bytes(BOMB_BYTES) + b"\n\n", 6)


async def gzip_bomb(reply: Reply) -> None:
    """An event stream, compressed although that was not asked for, which swells a thousandfold."""
    await reply.head(200, "text/event-stream", "Content-Encoding: gzip")
    await reply.part(bomb())
    await reply.end()


async def no_content_type(reply: Reply) -> None:
    """A stream that does not say what it is."""
    body = joined(Answer().events())
    await reply.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    reply.answered()


async def no_content(reply: Reply) -> None:
    """Says that there is nothing to say."""
    await reply.raw(b"HTTP/1.1 204 No Content\r\n\r\n")
    reply.answered()


async def promises_more(reply: Reply) -> None:
    """Announces more bytes than it sends."""
    body = joined(TWO_TOKENS)
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n"
    await reply.raw(head.format(len(body) + 100).encode() + body)
    reply.closes = True


async def bad_chunks(reply: Reply) -> None:
    """Two tokens, then a chunk whose length is none."""
    await reply.stream_head()
    for part in TWO_TOKENS:
        await reply.part(part)
    await reply.raw(b"zz\r\nwhat\r\n")
    await reply.gone()


async def other_protocol(reply: Reply) -> None:
    """Switches to another protocol."""
    await reply.raw(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00")
    await reply.gone()


async def hints_first(reply: Reply) -> None:
    """Two interim responses before the real one."""
    await reply.raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
    await streams(Answer())(reply)


async def talks_on(reply: Reply) -> None:
    """A good answer, and then bytes that nobody asked for on the connection that is kept."""
    await streams(Answer())(reply)
    await reply.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


async def ends_with_the_connection(reply: Reply) -> None:
    """A stream without a length, ended by closing, as HTTP/1.0 servers do."""
    await reply.raw(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + joined(Answer().events()))
    reply.closes = True


def key_in_every_place() -> Behaviour:
    """Echoes the key in status-free places: headers, comments, event names, error bodies and text."""

    async def behave(reply: Reply) -> None:
        key = reply.request.headers.get("authorization", "").removeprefix("Bearer ")
        escaped = json.dumps(key)[1:-1].replace("/", "\\/")
        await reply.head(200, "text/event-stream", f"Location: https://elsewhere/?key={key}", f"Via: {key}")
        await reply.part(f": {key}\nevent: {key}\nid: {key}\n".encode())
        await reply.part(chunk({"content": f"<think>{key}</think> {key}"}))
        await reply.part(f'data: {{"choices": [{{"delta": {{"content": "{escaped}"}}}}]}}\n\n'.encode())
        await reply.part(f"data: not JSON {key}\n\n".encode())
        await reply.part(chunk({"tool_calls": [{"index": 0, "function": {"name": key, "arguments": key}}]}))
        await reply.part(chunk({}, finish_reason="stop"))
        await reply.end()

    return behave


STORM = 3  # refusals, each of which asks for a pause
STORM_PAUSE_MS = 150
FAULTS: dict[str, Behaviour] = {
    "good": streams(Answer()),
    "reset_at_once": reset_at_once,
    "reset_before_headers": reset_before_headers,
    "reset_in_the_middle": reset_in_the_middle,
    "half_of_the_headers": half_of_the_headers,
    "headers_for_ever": headers_for_ever,
    "slow_drip": slow_drip,
    "slow_drip_of_headers": slow_drip_of_headers,
    "huge_event": huge_event,
    "gzip_bomb": gzip_bomb,
    "no_content": no_content,
    "wrong_type": says(200, "application/octet-stream", joined(Answer().events())),
    "no_content_type": no_content_type,
    "html_error": says(502, "text/html", "<html><body><h1>502 Bad Gateway</h1></body></html>"),
    "promises_more": promises_more,
    "bad_chunks": bad_chunks,
    "other_protocol": other_protocol,
    "hints_first": hints_first,
    "talks_on": talks_on,
    "ends_with_the_connection": ends_with_the_connection,
    "invalid_utf8": sends(
        b'data: {"choices": [{"delta": {"content": "Gr\xfc\xdfe"}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": " \xf0\x9f"}}]}\n\n',
        b": \xff\xfe\n\n",
        *FINISH,
    ),
    "half_a_character": sends(
        b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "\\u0000 fine"}}]}\n\n',
        *FINISH,
    ),
    "nan_usage": sends(
        *TWO_TOKENS,
        b'data: {"choices": [], "usage": {"completion_tokens": NaN, "prompt_tokens": -Infinity}}\n\n',
        *FINISH,
    ),
    "negative_usage": sends(
        *TWO_TOKENS,
        data({"choices": [], "usage": {"prompt_tokens": -20, "completion_tokens": -2, "total_tokens": -22}}),
        *FINISH,
    ),
    "duplicated_events": sends(*(event for event in Answer().events() for _ in range(2))),
    "key_in_every_place": key_in_every_place(),
    "storm_that_passes": in_turn(
        *[says(429, "application/json", '{"error": "slow down"}', f"Retry-After-Ms: {STORM_PAUSE_MS}")] * STORM,
        streams(Answer()),
    ),
    "storm_for_ever": says(429, "application/json", '{"error": "slow down"}', "Retry-After: 86400"),
}
GOOD_TEXT = "".join(WORDS * 2)


@contextmanager
def silent_listener() -> Iterator[int]:
    """A port whose connections are opened by the system and never looked at by anyone."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield listener.getsockname()[1]


@contextmanager
def plain_listener() -> Iterator[int]:
    """A port that answers whatever it hears in plain HTTP, as web servers do when TLS knocks."""

    def serve() -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.recv(65_536)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, name="plain", daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def full_listener() -> Iterator[int]:
    """A port whose queue is full: the system answers no further knock."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port: int = listener.getsockname()[1]
        waiting = []
        try:
            for _ in range(4):
                knocking = socket.socket()
                knocking.setblocking(False)
                knocking.connect_ex(("127.0.0.1", port))
                waiting.append(knocking)
            yield port
        finally:
            for knocking in waiting:
                knocking.close()
