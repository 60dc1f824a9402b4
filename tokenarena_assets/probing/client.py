"""Sends one probe and returns its raw record: stamps, frames as received, what they amount to."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tokenarena_assets import __version__
from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.endpoints.placeholders import names_in, values_of
from tokenarena_assets.probing import timing
from tokenarena_assets.probing.apis import adapter_for
from tokenarena_assets.probing.digest import Digester
from tokenarena_assets.probing.exchange import Exchange, Limits, exchange_over
from tokenarena_assets.probing.loop_lag import LoopLag
from tokenarena_assets.probing.outcome import classify
from tokenarena_assets.probing.plan import Probe
from tokenarena_assets.probing.record import SCHEMA_VERSION
from tokenarena_assets.probing.redaction import redacted, without_account
from tokenarena_assets.probing.stream import StreamAccumulator, StreamResult
from tokenarena_assets.probing.transport import StampedTransport
from tokenarena_assets.suites.question import Question

MAX_STALE_CONNECTIONS = 2


async def send_probe(
    client: StampedTransport,
    endpoint: Endpoint,
    base_url: str,
    api_key: str | None,
    probe: Probe,
    *,
    identity: dict[str, Any],
    scheduled_ns: int,
    in_flight: int,
    limits: Limits,
    lag: LoopLag,
    digester: Digester,
) -> dict[str, Any]:
    """Send `probe`, wait for its end and return the raw record. Never raises for what an endpoint does."""
    path = adapter_for(endpoint.api).path(endpoint.request_model, stream=endpoint.stream)
    request, content, secret = _request(endpoint, base_url, api_key, probe)
    headers = request["headers"] | secret
    for stale in range(MAX_STALE_CONNECTIONS + 1):
        exchange = Exchange(scheduled_ns, datetime.now(UTC), stale_connections=stale)
        accumulator = StreamAccumulator(endpoint.api)
        await exchange_over(
            client,
            base_url + path,
            content,
            headers,
            exchange,
            accumulator,
            streamed=endpoint.stream,
            limits=limits,
            digester=digester,
        )
        if not exchange.met_a_closed_connection(time.perf_counter_ns()):
            break
    end_ns = time.perf_counter_ns()
    # What a long answer amounts to takes milliseconds to work out: other streams are read in between.
    result = accumulator.finish()
    await asyncio.sleep(0)
    record = _record(identity, probe, request, exchange, result, end_ns, streamed=endpoint.stream)
    await asyncio.sleep(0)
    stamps = record["stamps_ns"]
    moments = [stamps[name] for name in ("sent", "first_token", "last_token") if stamps[name] is not None]
    record |= {"in_flight": in_flight, "client_delay_ms": lag.delay_ms(moments)}
    return without_account(redacted(record, api_key), values_of(endpoint.base_url))


def _request(
    endpoint: Endpoint, base_url: str, api_key: str | None, probe: Probe
) -> tuple[dict[str, Any], bytes, dict[str, str]]:
    """The request as it is recorded, its body's bytes, and the headers that are never recorded."""
    adapter, question = adapter_for(endpoint.api), probe.question
    body = adapter.body(
        endpoint.request_model,
        question.prompt,
        max_output_tokens=question.max_output_tokens,
        temperature=question.temperature,
        stream=endpoint.stream,
        top_logprobs=_top_logprobs(endpoint, question),
        earlier=question.earlier,
        seed=question.seed,
    )
    body = merged(body, endpoint.extra_body)
    if question.suite == "sampled":
        body = _without_seed(body)
    if question.suite == "context":
        body |= _whole_prompts(base_url)
    content = json.dumps(body, ensure_ascii=False).encode()
    # Whose account it is stays out of the record: there the address is as the catalog has it.
    template = endpoint.base_url if names_in(endpoint.base_url) else None
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream" if endpoint.stream else "application/json",
        "Accept-Encoding": "identity",  # compressed bytes would have to wait for a block to end before they can be read
        "User-Agent": f"tokenarena/{__version__}",
    }
    request = {
        "method": "POST",
        "url": (template or base_url) + adapter.path(endpoint.request_model, stream=endpoint.stream),
        "headers": headers,
        "body": body,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return request, content, adapter.headers(api_key)


def _top_logprobs(endpoint: Endpoint, question: Question) -> int | None:
    """How many alternatives of each token are asked for: as the question says, and one for those of a graded answer."""
    graded = question.item is not None and question.suite != "context"
    return 1 if graded and endpoint.top_logprobs is not None else question.top_logprobs


def _without_seed(body: dict[str, Any]) -> dict[str, Any]:
    """The body without a seed that the catalog sets: with one and the same, samples would be one answer many times."""
    return {
        name: _without_seed(value) if name == "generationConfig" else value
        for name, value in body.items()
        if name != "seed"
    }


def _whole_prompts(base_url: str) -> dict[str, Any]:
    """What keeps a router from shortening long prompts by itself."""
    host = urlsplit(base_url).hostname or ""
    return {"transforms": []} if host == "openrouter.ai" or host.endswith(".openrouter.ai") else {}


def merged(body: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """The body with the catalog's fields over ours, at any depth; null takes a field out: some models refuse it."""
    whole = dict(body)
    for name, value in extra.items():
        ours = whole.get(name)
        whole[name] = merged(ours, value) if isinstance(ours, dict) and isinstance(value, dict) else value
    return {name: value for name, value in whole.items() if value is not None}


def _arrivals(result: StreamResult, event_ns: list[int]) -> list[timing.Arrival]:
    return [
        timing.Arrival(event_ns[event.index], event.chars, event.answer, event.output_tokens_so_far)
        for event in result.generated
    ]


def _record(
    identity: dict[str, Any],
    probe: Probe,
    request: dict[str, Any] | None,
    exchange: Exchange,
    result: StreamResult,
    end_ns: int,
    *,
    streamed: bool,
) -> dict[str, Any]:
    status, error = classify(exchange, result)
    phases, usage = exchange.phases, result.usage

    def stamp(index: int | None) -> int | None:
        return None if index is None else exchange.event_ns[index]

    def ms(duration_ns: int | None) -> float | None:
        return None if duration_ns is None else duration_ns / timing.NS_PER_MS

    stamps = timing.Stamps(
        scheduled_ns=exchange.scheduled_ns,
        sent_ns=phases.sent_ns,
        headers_ns=phases.headers_ns,
        first_token_ns=stamp(result.first_generated_index),
        first_answer_ns=stamp(result.first_answer_index),
        last_token_ns=stamp(result.last_generated_index),
    )
    counts = timing.TokenCounts(
        output_tokens=usage.output_tokens if usage else None,
        reasoning_tokens=usage.reasoning_tokens if usage else None,
        stopped_by_itself=result.finish_class == "stop",
        streamed=streamed,
    )
    arrivals = _arrivals(result, exchange.event_ns)
    item = probe.question.item
    return identity | {
        "schema_version": SCHEMA_VERSION,
        "request_id": probe.request_id,
        "endpoint_id": probe.endpoint_id,
        "suite": probe.question.suite,
        "prompt_tokens_target": probe.question.prompt_tokens_target,
        "attempt": probe.question.attempt,
        "expects_cache": False,
        "source": None,
        "started_at": exchange.started_at.isoformat(timespec="microseconds"),
        "status": status,
        "error": error,
        "http_status": exchange.http_status,
        "connection": None if phases.sent_ns is None else "warm" if phases.warm else "cold",
        "dns_ms": ms(phases.dns_ns),
        "connect_ms": ms(phases.connect_ns),
        "tls_ms": ms(phases.tls_ns),
        "stale_connections": exchange.stale_connections,
        "in_flight": None,
        "client_delay_ms": None,
        "stamps_ns": {
            "scheduled": exchange.scheduled_ns,
            "sent": phases.sent_ns,
            "headers": phases.headers_ns,
            "first_token": stamps.first_token_ns,
            "first_answer": stamps.first_answer_ns,
            "last_token": stamps.last_token_ns,
            "end": end_ns,
        },
        "timing": asdict(timing.measure(stamps, counts, arrivals)),
        "usage": asdict(usage) if usage else None,
        "generated_events": len(arrivals),
        "generated_reads": len({arrival.ns for arrival in arrivals}),
        "comments": result.comments,
        "malformed_events": result.malformed_events,
        # What a reader sees: an inline <think> is reasoning; the frames have it as it was sent.
        "text": result.answer,
        "reasoning": result.thought,
        "tool_arguments": result.tool_arguments,
        "logprobs": result.logprobs,
        "first_token_top": result.first_token_top,
        "finish_reason": result.finish_reason,
        "response_id": result.response_id,
        "served_model": result.served_model,
        "item": None
        if item is None
        else {key: value for key, value in asdict(item).items() if key not in ("prompt", "solution")},
        "sample": _sample(probe.question),
        "request": request,
        "response_headers": exchange.response_headers,
        "error_body": exchange.error_body,
        "frames": exchange.frames,
    }


def _sample(question: Question) -> dict[str, Any] | None:
    return None if question.ask is None else asdict(question.ask) | {"prompt_sha256": prompt_sha256(question)}


def prompt_sha256(question: Question) -> str:
    """The first 16 hex digits of the SHA-256 of all that is said to the model: JSON of each turn's role and text."""
    turns = [*question.earlier, ("user", question.prompt)]
    return hashlib.sha256(json.dumps(turns, ensure_ascii=False).encode()).hexdigest()[:16]


def unsent_record(probe: Probe, reason: str, *, identity: dict[str, Any], scheduled_ns: int) -> dict[str, Any]:
    """The record of a probe that was planned and not sent, so that the round still accounts for it."""
    exchange = Exchange(scheduled_ns=scheduled_ns, started_at=datetime.now(UTC), failure=("not_sent", reason))
    return _record(identity, probe, None, exchange, StreamResult(), scheduled_ns, streamed=True)
