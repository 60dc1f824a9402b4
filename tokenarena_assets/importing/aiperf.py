"""AIPerf (ai-dynamo/aiperf): `profile_export.jsonl`, and `profile_export_raw.jsonl` with every event received."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tokenarena_assets.importing.answers import api_of, outcome, read_answer
from tokenarena_assets.importing.documents import Document, Line
from tokenarena_assets.importing.failures import status_of_error, status_of_http
from tokenarena_assets.importing.fields import MAX_SECONDS, MS_PER_S, NS_PER_MS, Fields, checked, nested
from tokenarena_assets.importing.request import BadRecordError, Chunk, ToolFile, ToolRequest, Unreadable, without
from tokenarena_assets.probing.apis.adapter import Usage
from tokenarena_assets.probing.record import Status
from tokenarena_assets.probing.sse import SseEvent

TOOL = "aiperf"
RECORDS_CANNOT_TELL = ("client_delay_ms", "connection", "finish_reason", "frames", "usage")
RAW_CANNOT_TELL = ("client_delay_ms", "connection")
SUMMARY = "profile_export_aiperf.json"


def recognises(first: Any) -> bool:
    """Whether `first` is a record of either export."""
    return (
        isinstance(first, dict) and isinstance(first.get("metadata"), dict) and "request_start_ns" in first["metadata"]
    )


def hint(first: Any) -> str | None:
    """Which file to take where this is another one of the tool."""
    if isinstance(first, dict) and "aiperf_version" in first:
        return "this is AIPerf's summary: give profile_export.jsonl or profile_export_raw.jsonl, which lie beside it"
    return None


def read(document: Document, api: str) -> ToolFile:
    """Every record of an export."""
    entries = [_entry(line, api) for line in document.records()]
    return ToolFile(_version(document), entries)


def _version(document: Document) -> str | None:
    agent = str(nested(document.first, "request_headers", "User-Agent"))
    if agent.startswith("aiperf/"):
        return agent.removeprefix("aiperf/")
    try:
        summary = json.loads(document.path.with_name(SUMMARY).read_text(encoding="utf-8"))
        return str(summary["aiperf_version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _entry(line: Line, api: str) -> ToolRequest | Unreadable:
    if line.problem is not None:
        return Unreadable(line.number, line.value, line.problem)
    try:
        record = Fields(line.value)
        metadata = record.part("metadata")
        _refuse_what_says_nothing(metadata)
        request = _raw(line, record, metadata, api) if record.has("responses") else _measured(line, record, metadata)
    except BadRecordError as error:
        return Unreadable(line.number, line.value, str(error))
    return request


def _refuse_what_says_nothing(metadata: Fields) -> None:
    if metadata.raw("was_cancelled") is True:
        raise BadRecordError("AIPerf cancelled the request itself: that says nothing of the endpoint")
    phase = metadata.raw("benchmark_phase")
    if phase not in (None, "profiling"):
        raise BadRecordError(f"it is of the {phase} phase, which AIPerf leaves out of its results")


def _common(line: Line, metadata: Fields) -> dict[str, Any]:
    started, due = metadata.stamp("request_start_ns"), metadata.stamp("credit_issued_ns")
    if started is None:
        raise BadRecordError("metadata.request_start_ns is missing")
    waited = None if due is None or due > started else (started - due) / NS_PER_MS
    return {
        "line": line.number,
        "record": line.value,
        "identity": metadata.text("x_request_id"),
        "started_at": metadata.moment("request_start_ns", per_second=1e9),
        "waited_ms": waited,
        "headers_ms": _since(metadata, "request_ack_ns", started),
        "end_ms": _since(metadata, "request_end_ns", started),
    }


def _since(metadata: Fields, name: str, started: int) -> float | None:
    stamp = metadata.stamp(name)
    return None if stamp is None else checked((stamp - started) / NS_PER_MS, f"metadata.{name} since its start")


def _measured(line: Line, record: Fields, metadata: Fields) -> ToolRequest:
    metrics = record.part("metrics")
    common = _common(line, metadata)
    cannot_tell = without(RECORDS_CANNOT_TELL)
    if common["waited_ms"] is None:
        cannot_tell |= {"scheduled"}
    if record.has("error"):
        status, text, code = _failure(record.part("error"))
        return ToolRequest(**common, status=status, error=text, http_status=code, cannot_tell=cannot_tell)
    first = _metric(metrics, "time_to_first_token")
    latency = _metric(metrics, "request_latency")
    if latency is None:
        raise BadRecordError("metrics.request_latency is missing, and there is no error")
    usage = _usage(metrics)
    reused = _metric(metrics, "http_req_connection_reused", 1)
    request = ToolRequest(
        **common,
        status="ok",
        first_token_ms=first,
        first_answer_ms=_metric(metrics, "time_to_first_output_token"),
        last_token_ms=latency,
        streamed=first is not None,
        chunks=_chunks(metrics, first),
        usage=usage,
        counted_tokens=_count(metrics, "output_sequence_length"),
        connection=None if reused is None else "warm" if reused else "cold",
        cannot_tell=cannot_tell if usage is None else cannot_tell - {"usage"},
    )
    return _from_open_connection(request, _metric(metrics, "http_req_connection_overhead"))


def _metric(metrics: Fields, name: str, most: float = MAX_SECONDS * MS_PER_S) -> float | None:
    return metrics.part(name).number("value", most)


def _count(metrics: Fields, name: str) -> int | None:
    return metrics.part(name).count("value")


def _usage(metrics: Fields) -> Usage | None:
    """What the provider reported; AIPerf's own `*_sequence_length` may be its tokenizer's count."""
    names = {
        "input_tokens": "usage_prompt_tokens",
        "cached_tokens": "usage_prompt_cache_read_tokens",
        "output_tokens": "usage_completion_tokens",
        "reasoning_tokens": "usage_reasoning_tokens",
    }
    counts = {field: _count(metrics, name) for field, name in names.items()}
    if counts["output_tokens"] is None:
        return None
    raw = {name: metrics.raw(name) for name in names.values() if metrics.has(name)}
    return Usage(**counts, raw=raw)


def _chunks(metrics: Fields, first_ms: float | None) -> list[Chunk]:
    gaps = metrics.part("inter_chunk_latency").numbers("value", MAX_SECONDS * MS_PER_S)
    if first_ms is None or not gaps:
        return []
    moments = [first_ms]
    for gap in gaps:
        moments.append(moments[-1] + gap)
    return [Chunk(moment) for moment in moments]


def _from_open_connection(request: ToolRequest, overhead_ms: float | None) -> ToolRequest:
    """The same with the clock started when the connection was there, which AIPerf measured."""
    if overhead_ms is None:
        return request

    def later(moment: float | None) -> float | None:
        return None if moment is None else moment - overhead_ms

    return replace(
        request,
        waited_ms=None if request.waited_ms is None else request.waited_ms + overhead_ms,
        headers_ms=later(request.headers_ms),
        first_token_ms=later(request.first_token_ms),
        first_answer_ms=later(request.first_answer_ms),
        last_token_ms=later(request.last_token_ms),
        end_ms=later(request.end_ms),
        chunks=[chunk._replace(ms=chunk.ms - overhead_ms) for chunk in request.chunks],
        cannot_tell=request.cannot_tell - {"connection"},
    )


def _failure(error: Fields) -> tuple[Status, str, int | None]:
    kind, message = error.text("type") or "", error.text("message") or ""
    code = error.http_status("code") if kind == "Status" else None
    text = message if kind in message else f"{kind}: {message}".strip(": ")
    status = status_of_http(code) if code is not None else None
    # Its only timeout is --request-timeout-seconds, of the whole request.
    return status or status_of_error(text, timeout="timeout_total"), text, code if status is not None else None


def _raw(line: Line, record: Fields, metadata: Fields, api: str) -> ToolRequest:
    common = _common(line, metadata)
    started = record.stamp("start_perf_ns")
    if started is None:
        raise BadRecordError("start_perf_ns is missing")
    answer = read_answer(_moments(record, started), api_of(record.raw("payload"), api))
    failure = None
    if record.has("error"):
        kind, text, _ = _failure(record.part("error"))
        # Its own verdict of emptiness is left to our reading of what came.
        failure = None if kind == "empty" else (kind, text)
    code = record.http_status("status")
    status, error = outcome(answer.result, code, failure, _no_answer(record))
    streamed = not any("packets" not in response for response in record.items("responses"))
    kept = {name: value for name, value in line.value.items() if name != "responses"}  # they are in `frames`
    return ToolRequest(
        **common | {"record": kept},
        **answer.known(),
        status=status,
        error=error,
        http_status=code,
        streamed=streamed,
        origin_ns=started,
        frames=[(stamp, event.data) for stamp, event in _events(record)],
        cannot_tell=without((*RAW_CANNOT_TELL, *(() if common["waited_ms"] is not None else ("scheduled",)))),
    )


def _moments(record: Fields, started: int) -> Iterator[tuple[float, SseEvent]]:
    for stamp, event in _events(record):
        yield (
            checked((stamp - started) / NS_PER_MS, "responses[].perf_ns since its start", MAX_SECONDS * MS_PER_S),
            event,
        )


def _events(record: Fields) -> Iterator[tuple[int, SseEvent]]:
    for index, response in enumerate(record.items("responses")):
        fields = Fields(response, f"responses[{index}]")
        stamp = fields.stamp("perf_ns")
        if stamp is None:
            raise BadRecordError(f"responses[{index}].perf_ns is missing")
        packets = [Fields(packet, f"responses[{index}].packets[]") for packet in fields.items("packets")]
        name = next((packet.text("value") for packet in packets if packet.raw("name") == "event"), None)
        data = [packet.text("value") or "" for packet in packets if packet.raw("name") == "data"]
        if data:
            yield stamp, SseEvent("\n".join(data), name or "message")
        elif fields.has("text") and _is_json(fields):
            yield stamp, SseEvent(fields.text("text") or "")


def _is_json(response: Fields) -> bool:
    return "json" in (response.text("content_type") or "")


def _no_answer(record: Fields) -> str | None:
    for index, response in enumerate(record.items("responses")):
        fields = Fields(response, f"responses[{index}]")
        if fields.has("text") and not _is_json(fields):
            return f"answered {fields.text('content_type') or 'nothing'}, not an event stream"
    return None
