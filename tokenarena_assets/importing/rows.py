"""A tool's request as a raw record: the fields of our own probes, with the source and what it cannot tell."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tokenarena_assets.importing.figures import stamps_of, timing_of
from tokenarena_assets.importing.request import ToolRequest, Unreadable
from tokenarena_assets.probing.record import SCHEMA_VERSION
from tokenarena_assets.probing.timing import Timing

SUITE_PREFIX = "imported:"  # a suite for each tool: nothing is mixed with our own probes, or with another tool's
HEADERS = re.compile(r"headers$|api_?key|authorization", re.IGNORECASE)
LAST_SECOND = 86_399.0
MAX_DEPTH = 100  # of what a tool wrote: a record that nests deeper cannot be read back
SECRET = re.compile(r"\b(Bearer\s+)[^\s\"'\\]+|\bsk-[\w-]{16,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a round come from and go to."""

    round_id: str
    day: date
    endpoint_id: str
    tool: str
    version: str | None
    file: str
    sha256: str

    @property
    def suite(self) -> str:
        """What stands for the suite of its rows."""
        return SUITE_PREFIX + self.tool


def record_of(request: ToolRequest, origin: Origin) -> dict[str, Any]:
    """The raw record of a request."""
    usage = request.usage
    return {
        "schema_version": SCHEMA_VERSION,
        "round_id": origin.round_id,
        "day": origin.day.isoformat(),
        "request_id": _request_id(origin, request.identity or f"{origin.sha256}|{request.line}"),
        "endpoint_id": origin.endpoint_id,
        "suite": origin.suite,
        "prompt_tokens_target": None,
        "expects_cache": False,
        "source": _source(origin, request.line, sorted(request.cannot_tell)),
        "started_at": _started_at(request, origin.day).isoformat(timespec="microseconds"),
        "status": request.status,
        "error": request.error,
        "http_status": request.http_status,
        "connection": request.connection,
        "dns_ms": None,
        "connect_ms": None,
        "tls_ms": None,
        "stale_connections": 0,
        "in_flight": None,
        "client_delay_ms": None,
        "stamps_ns": stamps_of(request),
        "timing": asdict(timing_of(request)),
        "usage": asdict(usage) if usage else None,
        "generated_events": len(request.chunks) or request.events or 0,
        "generated_reads": len({chunk.ms for chunk in request.chunks}),
        "text": request.text,
        "reasoning": request.reasoning,
        "finish_reason": request.finish_reason,
        "response_id": request.response_id,
        "served_model": request.served_model,
        "item": None,
        "frames": [list(frame) for frame in request.frames],
        "tool_record": evidence(request.record),
    }


def unreadable_record(entry: Unreadable, origin: Origin) -> dict[str, Any]:
    """The raw record of what could not be read: it ends in quarantine with its reason, as it stood in the file."""
    source = _source(origin, entry.line, []) | {"problem": entry.reason}
    return {
        "schema_version": SCHEMA_VERSION,
        "round_id": origin.round_id,
        "day": origin.day.isoformat(),
        "request_id": _request_id(origin, f"{origin.sha256}|{entry.line}|unreadable"),
        "endpoint_id": origin.endpoint_id,
        "suite": origin.suite,
        "source": source,
        "started_at": _midnight(origin.day).isoformat(timespec="microseconds"),
        "status": "dropped",
        "error": entry.reason,
        "stamps_ns": {"scheduled": 0, "end": 0},
        "timing": asdict(Timing(speed_refusal="no_tokens")),
        "tool_record": evidence(entry.record),
    }


def _source(origin: Origin, line: int, cannot_tell: list[str]) -> dict[str, Any]:
    return {
        "tool": origin.tool,
        "version": origin.version,
        "file": origin.file,
        "line": line,
        "cannot_tell": cannot_tell,
        "problem": None,
    }


def _request_id(origin: Origin, identity: str) -> str:
    # By the tool's own name for the request: two files of one run that tell of it make one row and a duplicate.
    return hashlib.sha256(f"{origin.tool}|{identity}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _started_at(request: ToolRequest, day: date) -> datetime:
    if request.started_at is not None:
        return request.started_at
    return _midnight(day) + timedelta(seconds=min(request.offset_s or 0.0, LAST_SECOND))


def evidence(value: Any, depth: int = MAX_DEPTH) -> Any:
    """What a tool wrote, without what may hold a key; numbers that JSON cannot hold as their names."""
    if depth == 0 and isinstance(value, Mapping | list):
        return f"[left out: nested more than {MAX_DEPTH} levels deep]"
    if isinstance(value, Mapping):
        return {name: evidence(entry, depth - 1) for name, entry in value.items() if not HEADERS.search(str(name))}
    if isinstance(value, list):
        return [evidence(entry, depth - 1) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    return SECRET.sub(r"\1[key removed]", value) if isinstance(value, str) else value
