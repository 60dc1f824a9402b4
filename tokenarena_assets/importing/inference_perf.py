"""inference-perf (kubernetes-sigs/inference-perf): `per_request_lifecycle_metrics.json` with each answer as it came."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tokenarena_assets.importing.answers import Answer, api_of, outcome, read_answer
from tokenarena_assets.importing.documents import Document, Line
from tokenarena_assets.importing.failures import http_code_in, status_of_error
from tokenarena_assets.importing.fields import MAX_SECONDS, MS_PER_S, Fields, checked
from tokenarena_assets.importing.request import BadRecordError, ToolFile, ToolRequest, Unreadable, without
from tokenarena_assets.probing.record import Status
from tokenarena_assets.probing.sse import EventTooLargeError, SseEvent, SseParser

TOOL = "inference-perf"
CANNOT_TELL = without(("client_delay_ms", "connection", "scheduled", "started_at"))


def recognises(first: Any) -> bool:
    """Whether `first` is one of its requests."""
    return isinstance(first, dict) and {"start_time", "end_time", "request", "info"} <= first.keys()


def hint(first: Any) -> str | None:
    """Which file to take where this is another one of the tool."""
    if isinstance(first, dict) and "load_summary" in first:
        return (
            "this is a summary of inference-perf: give per_request_lifecycle_metrics.json, which it writes with "
            "report.request_lifecycle.per_request: true"
        )
    return None


def read(document: Document, api: str) -> ToolFile:
    """Every request of the file."""
    return ToolFile(None, [_entry(line, api) for line in document.records()])


def _entry(line: Line, api: str) -> ToolRequest | Unreadable:
    if line.problem is not None:
        return Unreadable(line.number, line.value, line.problem)
    try:
        return _request(line, Fields(line.value), api)
    except (BadRecordError, EventTooLargeError) as error:
        return Unreadable(line.number, line.value, str(error))


def _request(line: Line, row: Fields, api: str) -> ToolRequest:
    info = row.part("info")
    start, end = row.number("start_time"), row.number("end_time")
    if start is None or end is None:
        raise BadRecordError(f"{'start_time' if start is None else 'end_time'} is missing")
    # It sends a request again on a fault of the connection: what counts is the attempt that was answered.
    sent = start + (
        info.number("retry_wasted_sec", MAX_SECONDS) or 0.0 if info.raw("retries_recovered") is True else 0.0
    )
    end_ms = checked((end - sent) * MS_PER_S, "end_time since start_time", MAX_SECONDS * MS_PER_S)
    metrics = info.part("response_metrics")
    body = row.text("response") or ""
    events = [Fields({"text": text}).text("text") or "" for text in metrics.items("response_chunks")]
    times = [
        checked((time - sent) * MS_PER_S, "chunk_times[] since start_time", MAX_SECONDS * MS_PER_S)
        for time in metrics.numbers("chunk_times")
    ]
    if len(events) != len(times):
        raise BadRecordError(f"there are {len(times)} chunk_times for {len(events)} response_chunks")
    streamed = _is_stream(row, body)
    moments = list(_moments(body, events, times) if streamed else _document(body, end_ms))
    answer = read_answer(moments, api_of(_json(row.text("request")), api))
    failure = _failure(row, answer)
    code = None if failure is None else http_code_in(failure[1])
    status, error = outcome(answer.result, code, failure, _no_answer(body, failure, streamed=streamed))
    cannot_tell = CANNOT_TELL
    if answer.result.first_generated_index is not None and answer.first_token_ms is None:
        cannot_tell |= {"first_token"}
    if any(moment is None for moment, _ in moments):
        cannot_tell |= {"frames"}
    return ToolRequest(
        line=line.number,
        record=line.value,
        offset_s=start,
        end_ms=end_ms,
        **answer.known(),
        status=status,
        error=error,
        http_status=code,
        streamed=streamed,
        frames=[(round(moment * 1e6), event.data) for moment, event in moments if moment is not None],
        cannot_tell=cannot_tell,
    )


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


def _is_stream(row: Fields, body: str) -> bool:
    request = _json(row.text("request"))
    asked = request.get("stream") if isinstance(request, dict) else None
    return asked is True or body.lstrip().startswith(("data:", "event:", ":"))


def _moments(body: str, events: Sequence[str], times: Sequence[float]) -> Iterator[tuple[float | None, SseEvent]]:
    """All events of the answer; it keeps times only of those with visible text, beside the text of the event."""
    parser, kept = SseParser(), 0
    for event in (*parser.feed(body.encode("utf-8", "replace")), *parser.close()):
        if kept < len(events) and event.data.strip() == events[kept].strip():
            yield times[kept], event
            kept += 1
        else:
            yield None, event
    if kept < len(events):
        raise BadRecordError(f"response_chunks[{kept}] is not in the response")


def _document(body: str, end_ms: float) -> Iterator[tuple[float | None, SseEvent]]:
    if isinstance(_json(body), dict):
        yield end_ms, SseEvent(body)


def _failure(row: Fields, answer: Answer) -> tuple[Status, str] | None:
    if not row.has("error"):
        return None
    error = row.part("error")
    text = f"{error.text('error_type') or 'error'}: {error.text('error_msg') or ''}".strip(": ")
    had_token = answer.result.first_generated_index is not None
    return status_of_error(text, had_token=had_token, timeout="timeout_total"), text


def _no_answer(body: str, failure: tuple[Status, str] | None, *, streamed: bool) -> str | None:
    if failure is not None or not body.strip():
        return None
    is_answer = body.lstrip().startswith(("data:", "event:", ":")) if streamed else isinstance(_json(body), dict)
    return None if is_answer else "the answer is no event stream" if streamed else "the answer is no JSON"
