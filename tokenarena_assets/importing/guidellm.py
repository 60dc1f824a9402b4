"""GuideLLM (vllm-project/guidellm): the JSON report, `--output kind=json`, with the timings of every request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenarena_assets.importing.documents import Document
from tokenarena_assets.importing.failures import http_code_in, last_line, status_of_error
from tokenarena_assets.importing.fields import MAX_SECONDS, MS_PER_S, Fields, checked, nested
from tokenarena_assets.importing.request import BadRecordError, ToolFile, ToolRequest, Unreadable
from tokenarena_assets.probing.apis.adapter import Usage

TOOL = "guidellm"
BASE_CANNOT_TELL = (
    "client_delay_ms",
    "finish_reason",
    "frames",
    "monotonic_clock",
    "streaming",
    "tokens_of_first_chunk",
)
OPEN_CONNECTION_SINCE = (0, 8)  # its clock starts where ours does: when the headers go out on an open connection


def recognises(first: Any) -> bool:
    """Whether `first` is a report."""
    if not isinstance(first, dict) or not isinstance(first.get("benchmarks"), list):
        return False
    return all(isinstance(run, dict) and isinstance(run.get("requests"), dict) for run in first["benchmarks"])


def hint(first: Any) -> str | None:
    """Which file to take where this is another one of the tool."""
    if isinstance(first, dict) and "benchmarks" in first and "guidellm_version" in str(first.get("metadata")):
        return "this is a GuideLLM report without its requests: write it with --output kind=json,path=FILE"
    return None


def read(document: Document, api: str) -> ToolFile:  # noqa: ARG001 - all adapters are called alike
    """Every request of every benchmark of the report, in the order in which they began."""
    report = document.first
    found = [
        (group, entry)
        for run in report["benchmarks"]
        for group in ("successful", "errored", "incomplete")
        for entry in _listed(run["requests"], group)
    ]
    found.sort(key=lambda pair: _began(pair[1]))
    facts = _Facts(version=_version(report), prefers_usage=_prefers_usage(report))
    entries = [_entry(number, group, entry, facts) for number, (group, entry) in enumerate(found, start=1)]
    return ToolFile(facts.version, entries)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the report says of the whole run."""

    version: str | None
    prefers_usage: bool  # else its token counts are its own tokenizer's

    @property
    def cannot_tell(self) -> frozenset[str]:
        numbers = re.match(r"(\d+)\.(\d+)", self.version or "")
        recent = numbers is not None and (int(numbers[1]), int(numbers[2])) >= OPEN_CONNECTION_SINCE
        return frozenset(BASE_CANNOT_TELL if recent else (*BASE_CANNOT_TELL, "connection"))


def _version(report: Mapping[str, Any]) -> str | None:
    version = nested(report, "metadata", "guidellm_version")
    return None if version is None else str(version)


def _prefers_usage(report: Mapping[str, Any]) -> bool:
    return nested(report, "config", "spec", "metrics", "prefer_response_metrics") is not False


def _listed(requests: dict[str, Any], group: str) -> list[Any]:
    listed = requests.get(group)
    return listed if isinstance(listed, list) else []


def _began(entry: Any) -> float:
    try:
        return float(entry["info"]["timings"]["resolve_start"])
    except (KeyError, TypeError, ValueError):
        return float("inf")


def _entry(number: int, group: str, value: Any, facts: _Facts) -> ToolRequest | Unreadable:
    try:
        return _request(number, group, value, facts)
    except BadRecordError as error:
        return Unreadable(number, value, str(error))


def _request(number: int, group: str, value: Any, facts: _Facts) -> ToolRequest:
    record = Fields(value)
    info = record.part("info")
    timings = info.part("timings")
    if group == "incomplete":
        raise BadRecordError("GuideLLM ended its benchmark before the answer did: that says nothing of the endpoint")
    # A request that failed while it was sent has no request_start.
    sent = timings.number("request_start")
    name = "request_start" if sent is not None else "resolve_start"
    started_at = timings.moment(name)
    start = timings.number(name)
    if start is None:
        raise BadRecordError("info.timings.request_start is missing")

    def since(stamp: str) -> float | None:
        moment = timings.number(stamp)
        if moment is None:
            return None
        return checked((moment - start) * MS_PER_S, f"info.timings.{stamp} since its start", MAX_SECONDS * MS_PER_S)

    due = timings.number("targeted_start")
    waited = None if due is None or due > start else (start - due) * MS_PER_S
    # Without usage, GuideLLM reports the number of output tokens that was asked for.
    told = record.has("prompt_tokens")
    usage = _usage(record) if told and facts.prefers_usage else None
    cannot_tell = facts.cannot_tell
    if waited is None:
        cannot_tell |= {"scheduled"}
    if usage is None:
        cannot_tell |= {"usage"}
    events = timings.count("token_iterations")
    streamed = timings.has("first_token_iteration")
    last = since("last_token_iteration")
    if group == "errored":
        text = last_line(info.text("error") or "no reason given")
        status, code = status_of_error(text, had_token=bool(events)), http_code_in(text)
    else:
        status, text, code = "ok", None, None
        last = last if streamed else since("request_end")
        if last is None:
            raise BadRecordError("info.timings has no end of the answer, and there is no error")
    return ToolRequest(
        line=number,
        record=value,
        identity=record.text("request_id"),
        started_at=started_at,
        status=status,
        error=text,
        http_status=code,
        waited_ms=waited,
        first_token_ms=since("first_token_iteration"),
        first_answer_ms=since("first_output_token_iteration"),
        last_token_ms=last,
        end_ms=since("request_end") if timings.has("request_end") else since("resolve_end"),
        streamed=streamed,
        events=events,
        usage=usage,
        counted_tokens=record.count("output_tokens") if told else None,
        text=record.text("output") or "",
        reasoning=record.text("reasoning_output") or "",
        response_id=record.text("response_id"),
        cannot_tell=cannot_tell,
    )


def _usage(record: Fields) -> Usage:
    names = {"input_tokens": "prompt_tokens", "cached_tokens": "cached_tokens", "output_tokens": "output_tokens"}
    counts = {field: record.count(name) for field, name in names.items()}
    return Usage(**counts, reasoning_tokens=None, raw={name: record.raw(name) for name in names.values()})
