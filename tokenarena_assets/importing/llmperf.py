"""LLMPerf (ray-project/llmperf): `*_individual_responses.json`, and the raw files of its leaderboard."""

from __future__ import annotations

from typing import Any

from tokenarena_assets.importing.documents import Document, Line
from tokenarena_assets.importing.failures import status_of_error, status_of_http
from tokenarena_assets.importing.fields import Fields
from tokenarena_assets.importing.request import (
    BadRecordError,
    Speeds,
    ToolFile,
    ToolRequest,
    Unreadable,
    without,
)
from tokenarena_assets.probing.record import Status

TOOL = "llmperf"
CANNOT_TELL = without(
    (
        "cached_tokens",
        "client_delay_ms",
        "connection",
        "finish_reason",
        "first_token",
        "frames",
        "last_token",
        "scheduled",
        "started_at",
        "streaming",
        "tokens_of_first_chunk",
        "usage",
    )
)
WHOLE_WITHIN = 1e-6
SHORT_OUTPUT = -100  # answered, with less text than the benchmark wanted: no failure of the endpoint


def recognises(first: Any) -> bool:
    """Whether `first` is one of its responses."""
    return isinstance(first, dict) and {"end_to_end_latency_s", "ttft_s", "number_output_tokens"} <= first.keys()


def hint(first: Any) -> str | None:
    """Which file to take where this is another one of the tool."""
    if isinstance(first, dict) and "mean_input_tokens" in first and any(name.startswith("results") for name in first):
        return "this is LLMPerf's summary: give the file whose name ends in _individual_responses.json"
    return None


def read(document: Document, api: str) -> ToolFile:  # noqa: ARG001 - all adapters are called alike
    """Every response of the file."""
    return ToolFile(None, [_entry(line) for line in document.records()])


def _entry(line: Line) -> ToolRequest | Unreadable:
    if line.problem is not None:
        return Unreadable(line.number, line.value, line.problem)
    try:
        return _request(line, Fields(line.value))
    except BadRecordError as error:
        return Unreadable(line.number, line.value, str(error))


def _request(line: Line, row: Fields) -> ToolRequest:
    # Nought is what it writes where something did not happen.
    first, latency = row.ms_of_s("ttft_s") or None, row.ms_of_s("end_to_end_latency_s") or None
    common: dict[str, Any] = {
        "line": line.number,
        "record": line.value,
        "offset_s": row.number("start_time"),
        "cannot_tell": CANNOT_TELL,
    }
    short = row.raw("error_code") == SHORT_OUTPUT and first is not None
    if row.has("error_code") and not short:
        status, text, code = _failure(row)
        return ToolRequest(**common, status=status, error=text, http_status=code)
    tokens = row.count("number_output_tokens")
    if tokens is None or latency is None:
        raise BadRecordError(
            f"{'end_to_end_latency_s' if latency is None else 'number_output_tokens'} is missing or nought, "
            "and there is no error"
        )
    if first is None:
        return ToolRequest(**common, status="empty", error="no generated token", end_ms=latency)
    recorded = row.number("request_output_throughput_token_per_s")
    # Its speed is tokens over the whole latency; where it is not, something else was counted.
    speeds = None if recorded is None else Speeds(recorded, tokens / latency * 1e3)
    flags = [f"LLMPerf counts it as an error: {row.raw('error_msg')}"] if short else []
    if speeds is not None and speeds.differ:
        flags.append("recorded at {:.3g} tok/s; its own tokens and latency say {:.3g}".format(*speeds))
    return ToolRequest(
        **common,
        status="ok",
        error="; ".join(flags) or None,
        first_token_ms=first,
        first_answer_ms=first,
        last_token_ms=latency,
        end_ms=latency,
        events=_events(recorded, tokens, latency),
        counted_tokens=tokens,
        text=row.text("GEN_TEXT") or "",
        speeds=speeds,
    )


def _events(recorded: float | None, tokens: int, latency_ms: float) -> int | None:
    """The number of events, where the recorded speed betrays it: its first versions counted events for tokens."""
    if recorded is None:
        return None
    counted = recorded * latency_ms / 1e3
    whole = round(counted)
    # With as many events as tokens or more, some of them brought no text.
    return whole if 0 < whole < tokens and abs(counted - whole) <= WHOLE_WITHIN * whole else None


def _failure(row: Fields) -> tuple[Status, str, int | None]:
    code, message = row.raw("error_code"), row.raw("error_msg")
    text = str(message or "").strip() or f"error code {code}"
    if isinstance(code, int) and not isinstance(code, bool) and code >= 300:
        return status_of_http(code) or "dropped", text, code if code <= 999 else None
    return status_of_error(text), text, None
