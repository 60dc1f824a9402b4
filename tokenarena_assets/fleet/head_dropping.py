"""A front that drops the head of a prompt that is too long, and says nothing of it, as some real servers do.

What is sent on to llama.cpp is cut there and then: its answer, its usage and its timing are those of what was kept.
The answer goes back byte for byte, as it comes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
READ_BYTES = 64 * 1024
CUT_PATHS = ("/chat/completions",)
HOP_HEADERS = frozenset({"connection", "content-length", "expect", "host", "keep-alive"})

Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


async def without_head(messages: list[dict[str, Any]], keep_last_tokens: int, ask: Ask) -> list[dict[str, Any]]:
    """The end of a conversation: with the chat template's own tokens at most `keep_last_tokens` of them.

    Whole messages go from the first one on, then the head of the last one. `ask` posts to llama.cpp's own paths. What
    holds anything but text is left as it is.
    """
    if not messages or not all(isinstance(message.get("content"), str) for message in messages):
        return messages
    kept = list(messages)
    while (over := await _tokens(kept, ask) - keep_last_tokens) > 0:
        if len(kept) > 1:
            del kept[0]
            continue
        tokens = (await ask("/tokenize", {"content": kept[0]["content"]}))["tokens"]
        if not tokens:
            break  # the template alone is longer
        # Cut at a token, it may be read as other tokens: then the next turn takes off what is over.
        tail = (await ask("/detokenize", {"tokens": tokens[over:]}))["content"]
        kept = [kept[0] | {"content": tail}]
    return kept


async def _tokens(messages: list[dict[str, Any]], ask: Ask) -> int:
    prompt = (await ask("/apply-template", {"messages": messages}))["prompt"]
    return len((await ask("/tokenize", {"content": prompt, "add_special": True, "parse_special": True}))["tokens"])


class HeadDroppingFront:
    """An HTTP server before llama.cpp's, which keeps the last `keep_last_tokens` of every prompt."""

    def __init__(self, upstream: str, keep_last_tokens: int) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        assert parts.port is not None
        self._host, self._port, self._keep = parts.hostname, parts.port, keep_last_tokens
        self._client = httpx.AsyncClient(base_url=upstream, trust_env=False, timeout=60)

    async def listen(self, host: str) -> str:
        """Listen on a free port of `host`; its address."""
        self._server = await asyncio.start_server(self._one, host, 0, limit=MAX_HEAD_BYTES)
        return f"http://{host}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Take no more requests."""
        self._server.close()
        await self._client.aclose()

    async def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self._client.post(path, json=body)
        response.raise_for_status()
        return dict(response.json())

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that leaves, or a request that is none, ends its own connection and nothing else.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, httpx.HTTPError):
            start, headers, body = await _request(reader, writer)
            await self._pass_on(start, headers, await self._cut(start, body), reader, writer)
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()

    async def _cut(self, start: str, body: bytes) -> bytes:
        method, target, _ = start.split(" ", 2)
        if method != "POST" or not urlsplit(target).path.endswith(CUT_PATHS):
            return body
        try:
            document = json.loads(body)
            messages = document["messages"]
            assert all(isinstance(message, dict) for message in messages)
        except (ValueError, KeyError, TypeError, AssertionError):
            return body  # llama.cpp itself says what is wrong with it
        return json.dumps(document | {"messages": await without_head(messages, self._keep, self._ask)}).encode()

    async def _pass_on(
        self,
        start: str,
        headers: list[str],
        body: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        answer, upstream = await asyncio.open_connection(self._host, self._port)
        own = [f"Host: {self._host}:{self._port}", "Connection: close", f"Content-Length: {len(body)}"]
        try:
            upstream.write("\r\n".join([start, *own, *headers, "", ""]).encode("latin-1") + body)
            await upstream.drain()
            pumping = asyncio.ensure_future(_pump(answer, writer))
            leaving = asyncio.ensure_future(reader.read(1))
            await asyncio.wait([pumping, leaving], return_when=asyncio.FIRST_COMPLETED)
            for task in (pumping, leaving):  # who leaves wants no more of the answer: llama.cpp stops as well
                task.cancel()
            await asyncio.gather(pumping, leaving, return_exceptions=True)
        finally:
            upstream.close()


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, list[str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    named = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    size = int(named.get("content-length", "0"))
    if "transfer-encoding" in named or not 0 <= size <= MAX_BODY_BYTES:
        writer.write(b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        raise ValueError("a body without its length")
    if named.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await reader.readexactly(size)
    return start, [line for line in lines if line.partition(":")[0].strip().lower() not in HOP_HEADERS], body


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(READ_BYTES):
        sink.write(data)
        await sink.drain()
