"""Sends one probe over httpx and returns its raw record: stamps, frames as received, what they amount to."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import certifi
import httpx

from tokenarena_assets import __version__
from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.probing import timing
from tokenarena_assets.probing.loop_lag import LoopLag
from tokenarena_assets.probing.plan import Probe
from tokenarena_assets.probing.record import SCHEMA_VERSION
from tokenarena_assets.probing.sse import EventTooLargeError, SseParser
from tokenarena_assets.probing.stream import StreamAccumulator, StreamResult, adapter_for
from tokenarena_assets.probing.transport import StampedStream, StampedTransport

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
MAX_STALE_CONNECTIONS = 2
STALE_WITHIN_NS = 1_000_000_000  # more than any round trip
MAX_ERROR_BODY_BYTES = 16 * 1024
UNTIDY_END = frozenset({"dropped", "timeout_stall", "timeout_total"})
BROKEN_OFF = frozenset({"error", "abort"})  # finish reasons of OpenRouter and of vLLM and SGLang
KEPT_RESPONSE_HEADERS = frozenset(
    {
        "content-type",
        "date",
        "server",
        "via",
        "retry-after",
        "x-request-id",
        "request-id",
        "cf-ray",
        "openai-processing-ms",
    }
    | {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "location"}
)
# Where a record holds what an endpoint wrote; the rest is our own, and a key may by chance be a word of it.
FROM_ENDPOINT = (
    "error",
    "usage",
    "text",
    "reasoning",
    "tool_arguments",
    "finish_reason",
    "response_id",
    "served_model",
    "response_headers",
    "error_body",
    "frames",
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
    sent_ns: int | None = None
    headers_ns: int | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    http_status: int | None = None
    response_headers: dict[str, str] = field(default_factory=dict)
    frames: list[tuple[int, str]] = field(default_factory=list)
    event_ns: list[int] = field(default_factory=list)
    error_body: str | None = None
    failure: tuple[str, str] | None = None
    received_bytes: int = 0
    phase: str = "timeout_connect"
    stale_connections: int = 0  # kept-alive connections that the server had closed before this one
    phase_starts: dict[str, int] = field(default_factory=dict)

    def met_a_closed_connection(self, now_ns: int) -> bool:
        """A kept-alive connection that the server closed while it was idle: nothing of the request was answered.

        That says nothing of the endpoint (servers close after so many requests), so it is sent again on another one,
        with the clock started anew, as HTTP clients do; the record says how often. Such a close is seen at once: what
        breaks off later was being worked on, and is the endpoint's failure.
        """
        unanswered = self.failure is not None and self.failure[0] == "dropped" and self.headers_ns is None
        at_once = self.sent_ns is not None and now_ns - self.sent_ns < STALE_WITHIN_NS
        return unanswered and at_once and self.connect_ms is None


def tls_context() -> ssl.SSLContext:
    """One context for all clients: building it takes longer than a fast endpoint takes to answer."""
    context = ssl.create_default_context()  # what the system trusts, a company's own authority included
    context.load_verify_locations(cafile=certifi.where())
    return context


def http_client(context: ssl.SSLContext, connections: int) -> httpx.AsyncClient:
    """The client of one endpoint: its own pool, no redirects, nothing taken from the environment.

    A shared pool adds 0.5-2 s at 80 endpoints; a proxy or .netrc from the environment could send the key elsewhere;
    a cookie could pin every probe to one machine behind the endpoint.
    """
    no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(
        transport=StampedTransport(context, connections), trust_env=False, follow_redirects=False, cookies=no_cookies
    )


async def send_probe(
    client: httpx.AsyncClient,
    endpoint: Endpoint,
    base_url: str,
    api_key: str | None,
    probe: Probe,
    *,
    identity: dict[str, Any],
    scheduled_ns: int,
    limits: Limits,
    lag: LoopLag,
) -> dict[str, Any]:
    """Send `probe`, wait for its end and return the raw record. Never raises for what an endpoint does."""
    adapter = adapter_for(endpoint.api)
    question = probe.question
    body = adapter.request_body(
        endpoint.request_model,
        question.prompt,
        max_output_tokens=question.max_output_tokens,
        temperature=question.temperature,
        top_logprobs=endpoint.top_logprobs if question.item is not None else None,
    )
    body |= endpoint.extra_body
    url = base_url + adapter.PATH
    content = json.dumps(body, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        "Accept-Encoding": "identity",  # compressed bytes would have to wait for a block to end before they can be read
        "User-Agent": f"tokenarena/{__version__}",
    }
    secret = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    with lag.watch() as delay:
        for stale in range(MAX_STALE_CONNECTIONS + 1):
            exchange = Exchange(scheduled_ns, datetime.now(UTC), stale_connections=stale)
            accumulator = StreamAccumulator(endpoint.api)
            await _exchange(client, url, content, headers | secret, exchange, accumulator, limits)
            if not exchange.met_a_closed_connection(time.perf_counter_ns()):
                break
        end_ns = time.perf_counter_ns()
    request = {
        "method": "POST",
        "url": url,
        "headers": headers,
        "body": body,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    record = _record(identity, probe, request, exchange, accumulator.finish(), end_ns, delay.worst_ms)
    return redacted(record, api_key)


async def _exchange(
    client: httpx.AsyncClient,
    url: str,
    content: bytes,
    headers: dict[str, str],
    exchange: Exchange,
    accumulator: StreamAccumulator,
    limits: Limits,
) -> None:
    loop = asyncio.get_running_loop()
    total_deadline = loop.time() + limits.total_s
    try:
        async with asyncio.timeout_at(min(total_deadline, loop.time() + limits.connect_s)) as scope:

            def sent(now: int) -> None:
                exchange.sent_ns, exchange.phase = now, "timeout_first"
                scope.reschedule(min(total_deadline, loop.time() + limits.first_s))

            request = client.build_request(
                "POST",
                url,
                content=content,
                headers=headers,
                timeout=None,
                extensions={"trace": _tracer(exchange, sent)},
            )
            response = await client.send(request, stream=True)
            # Nothing was read after the headers yet: the last read is the one that completed them.
            exchange.headers_ns = response.extensions["network_stream"].last_read_ns
            exchange.http_status = response.status_code
            exchange.response_headers = {
                name: value for name, value in response.headers.items() if name.lower() in KEPT_RESPONSE_HEADERS
            }
            try:
                await _read(response, exchange, accumulator, scope, total_deadline, limits)
            finally:
                await response.aclose()
    except TimeoutError:
        late = loop.time() >= total_deadline
        exchange.failure = ("timeout_total" if late else exchange.phase, f"no end within the limit ({exchange.phase})")
    except httpx.ConnectTimeout as error:
        exchange.failure = ("timeout_connect", _describe(error))
    except httpx.ConnectError as error:
        exchange.failure = ("connect_failed", _describe(error))
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
        exchange.failure = ("dropped" if exchange.sent_ns else "connect_failed", _describe(error))


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _tracer(exchange: Exchange, sent: Callable[[int], None]) -> Any:
    """Stamps the phases of the connection; the clock of TTFT starts when the request is handed to an open one."""

    async def trace(name: str, _info: dict[str, Any]) -> None:
        now = time.perf_counter_ns()
        phase, _, moment = name.rpartition(".")
        if moment == "started":
            exchange.phase_starts[phase] = now
        elif moment == "complete" and phase == "connection.connect_tcp":
            exchange.connect_ms = (now - exchange.phase_starts[phase]) / timing.NS_PER_MS
        elif moment == "complete" and phase == "connection.start_tls":
            exchange.tls_ms = (now - exchange.phase_starts[phase]) / timing.NS_PER_MS
        if name == "http11.send_request_headers.started":
            sent(now)

    return trace


async def _read(
    response: httpx.Response,
    exchange: Exchange,
    accumulator: StreamAccumulator,
    scope: asyncio.Timeout,
    total_deadline: float,
    limits: Limits,
) -> None:
    content_type = response.headers.get("content-type", "").lower()
    is_stream = response.status_code == 200 and "text/event-stream" in content_type
    if not is_stream:
        await _read_error_body(response, exchange)
        return
    parser, loop = SseParser(), asyncio.get_running_loop()
    socket: StampedStream = response.extensions["network_stream"]
    try:
        async for chunk in response.aiter_raw():
            now = socket.last_read_ns  # what follows the read is our own time, not the endpoint's
            exchange.received_bytes += len(chunk)
            if exchange.received_bytes > MAX_RESPONSE_BYTES:
                exchange.failure = ("too_large", f"more than {MAX_RESPONSE_BYTES} bytes")
                return
            for event in parser.feed(chunk):
                _keep(exchange, accumulator, now, event)
            if accumulator.result.first_generated_index is not None:
                exchange.phase = "timeout_stall"
                scope.reschedule(min(total_deadline, loop.time() + limits.stall_s))
        for event in parser.close():
            _keep(exchange, accumulator, socket.last_read_ns, event)
    except EventTooLargeError as error:
        exchange.failure = ("too_large", str(error))
    finally:
        accumulator.result.comments = parser.comments


def _keep(exchange: Exchange, accumulator: StreamAccumulator, now: int, event: Any) -> None:
    exchange.frames.append((now, event.data))
    if accumulator.add(event) is not None:
        exchange.event_ns.append(now)


async def _read_error_body(response: httpx.Response, exchange: Exchange) -> None:
    body = b""
    try:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) >= MAX_ERROR_BODY_BYTES:
                break
    finally:
        exchange.error_body = body[:MAX_ERROR_BODY_BYTES].decode("utf-8", "replace")


def classify(exchange: Exchange, result: StreamResult) -> tuple[str, str | None]:
    """The outcome class of an exchange and its error text."""
    status = exchange.http_status
    if status is not None and status != 200:
        kind = f"http_{status // 100}xx" if 300 <= status < 600 else "bad_response"
        detail = " (redirects are not followed: the key must not leave its host)" if kind == "http_3xx" else ""
        return ("http_429" if status == 429 else kind), f"HTTP {status}{detail}"
    # After [DONE] the answer is whole, however the connection ends.
    if exchange.failure is not None and not (result.done and exchange.failure[0] in UNTIDY_END):
        return exchange.failure
    if exchange.error_body is not None:
        content_type = exchange.response_headers.get("content-type", "nothing")
        return "bad_response", f"answered {content_type}, not an event stream"
    if result.error is not None:
        return "in_stream_error", result.error
    if result.finish_reason in BROKEN_OFF:
        return "in_stream_error", f"finish reason {result.finish_reason!r}"
    if result.finish_reason is None:
        return "dropped", "the stream ended without a finish reason"
    if result.finish_reason == "content_filter":
        return "content_filter", None
    if result.first_generated_index is None:
        return "empty", "no generated token"
    return ("truncated" if result.finish_reason in ("length", "max_tokens") else "ok"), None


def token_counts(result: StreamResult, event_ns: list[int]) -> timing.TokenCounts:
    """What is known of the tokens of a stream whose n-th JSON event was read at `event_ns[n]`."""
    generated, usage = result.generated, result.usage
    reads = [event_ns[event.index] for event in generated]
    first = [event for event, read in zip(generated, reads, strict=True) if read == reads[0]]
    return timing.TokenCounts(
        output_tokens=usage.output_tokens if usage else None,
        generated_events=len(generated),
        generated_reads=len(set(reads)),
        generated_chars=sum(event.chars for event in generated),
        first_read_events=len(first),
        first_read_chars=sum(event.chars for event in first),
        first_read_tokens=first[-1].output_tokens_so_far if first else None,
        hidden_reasoning=bool(usage and usage.reasoning_tokens and not result.reasoning),
    )


def _record(
    identity: dict[str, Any],
    probe: Probe,
    request: dict[str, Any] | None,
    exchange: Exchange,
    result: StreamResult,
    end_ns: int,
    delay_ms: float | None,
) -> dict[str, Any]:
    status, error = classify(exchange, result)

    def stamp(index: int | None) -> int | None:
        return None if index is None else exchange.event_ns[index]

    stamps = timing.Stamps(
        sent_ns=exchange.sent_ns or exchange.scheduled_ns,
        headers_ns=exchange.headers_ns,
        first_token_ns=stamp(result.first_generated_index),
        first_answer_ns=stamp(result.first_content_index),
        last_token_ns=stamp(result.last_generated_index),
    )
    counts = token_counts(result, exchange.event_ns)
    item = probe.question.item
    return identity | {
        "schema_version": SCHEMA_VERSION,
        "request_id": probe.request_id,
        "endpoint_id": probe.endpoint_id,
        "suite": probe.question.suite,
        "started_at": exchange.started_at.isoformat(timespec="microseconds"),
        "status": status,
        "error": error,
        "http_status": exchange.http_status,
        "connect_ms": exchange.connect_ms,
        "tls_ms": exchange.tls_ms,
        "stale_connections": exchange.stale_connections,
        "client_delay_ms": delay_ms,
        "stamps_ns": {
            "scheduled": exchange.scheduled_ns,
            "sent": exchange.sent_ns,
            "headers": exchange.headers_ns,
            "first_token": stamps.first_token_ns,
            "first_answer": stamps.first_answer_ns,
            "last_token": stamps.last_token_ns,
            "end": end_ns,
        },
        "timing": asdict(timing.measure(stamps, counts)),
        "usage": asdict(result.usage) if result.usage else None,
        "generated_events": counts.generated_events,
        "generated_reads": counts.generated_reads,
        "comments": result.comments,
        "malformed_events": result.malformed_events,
        "text": result.text,
        "reasoning": result.reasoning,
        "tool_arguments": result.tool_arguments,
        "logprobs": result.logprobs,
        "finish_reason": result.finish_reason,
        "response_id": result.response_id,
        "served_model": result.served_model,
        "item": None
        if item is None
        else {key: value for key, value in asdict(item).items() if key not in ("prompt", "solution")},
        "request": request,
        "response_headers": exchange.response_headers,
        "error_body": exchange.error_body,
        "frames": [list(frame) for frame in exchange.frames],
    }


def unsent_record(probe: Probe, reason: str, *, identity: dict[str, Any], scheduled_ns: int) -> dict[str, Any]:
    """The record of a probe that was planned and not sent, so that the round still accounts for it."""
    exchange = Exchange(scheduled_ns=scheduled_ns, started_at=datetime.now(UTC), failure=("not_sent", reason))
    return _record(identity, probe, None, exchange, StreamResult(), scheduled_ns, None)


def redacted(record: dict[str, Any], secret: str | None) -> dict[str, Any]:
    """The record without `secret`, wherever an endpoint may have echoed it: as it is or as JSON and URLs escape it."""
    if not secret:
        return record
    forms = {secret, json.dumps(secret)[1:-1], secret.replace("/", r"\/"), quote(secret), quote(secret, safe="")}
    written = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return written.sub("[key removed]", value)
        if isinstance(value, list | tuple):
            return [clean(entry) for entry in value]
        if isinstance(value, dict):
            return {clean(key): clean(entry) for key, entry in value.items()}
        return value

    return record | {name: clean(record[name]) for name in FROM_ENDPOINT}
