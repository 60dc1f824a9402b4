"""vLLM's `vllm bench serve --save-result --save-detailed`: one JSON object with a list for each figure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.importing.documents import Document
from tokenarena_assets.importing.failures import http_code_in, last_line, status_of_error
from tokenarena_assets.importing.fields import MAX_SECONDS, MS_PER_S, Fields, nested
from tokenarena_assets.importing.request import BadRecordError, Chunk, ToolFile, ToolRequest, Unreadable, without

TOOL = "vllm"
LISTS = ("input_lens", "output_lens", "ttfts", "itls", "generated_texts", "errors")
OPTIONAL_LISTS = ("start_times", "latencies", "queue_times")
BASE_CANNOT_TELL = (
    "cached_tokens",
    "client_delay_ms",
    "connection",
    "finish_reason",
    "first_token",
    "frames",
    "started_at",
    "usage",
)


def recognises(first: Any) -> bool:
    """Whether `first` is a detailed result."""
    return isinstance(first, dict) and isinstance(first.get("ttfts"), list) and isinstance(first.get("itls"), list)


def hint(first: Any) -> str | None:
    """Which file to take where this is another one of the tool."""
    if isinstance(first, dict) and "mean_ttft_ms" in first and "request_throughput" in first:
        return "this is a vLLM result without its requests: run vllm bench serve with --save-result --save-detailed"
    return None


def read(document: Document, api: str) -> ToolFile:  # noqa: ARG001 - all adapters are called alike
    """Every request of every run in the file (`--append-result` puts several into one)."""
    entries: list[ToolRequest | Unreadable] = []
    for line in document.records():
        if line.problem is not None:
            entries.append(Unreadable(len(entries) + 1, line.value, line.problem))
            continue
        for row in _rows(document, line.value):
            entries.append(_entry(len(entries) + 1, row))
    date = nested(document.first, "date")
    return ToolFile(None, entries, dated=None if date is None else f"its date {date} is in a time zone not named")


def _rows(document: Document, run: Any) -> Iterator[dict[str, Any]]:
    """The n-th of every list, as one record."""
    if not recognises(run):
        raise ConfigError(document.path, "holds a run without its requests", mend="give runs with --save-detailed only")
    names = [name for name in (*LISTS, *OPTIONAL_LISTS) if isinstance(run.get(name), list)]
    lengths = {name: len(run[name]) for name in names}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ConfigError(document.path, f"its lists differ in length: {told}", mend="give the file as vLLM wrote it")
    for values in zip(*(run[name] for name in names), strict=True):
        yield dict(zip(names, values, strict=True))


def _entry(number: int, row: dict[str, Any]) -> ToolRequest | Unreadable:
    try:
        return _request(number, Fields(row))
    except BadRecordError as error:
        return Unreadable(number, row, str(error))


def _request(number: int, row: Fields) -> ToolRequest:
    first = row.ms_of_s("ttfts") or None  # nought is what it writes where nothing came
    gaps = row.numbers("itls", MAX_SECONDS)
    moments = [] if first is None else list(accumulate((gap * MS_PER_S for gap in gaps), initial=first))
    error = row.text("errors")
    common: dict[str, Any] = {
        "line": number,
        "record": {name: row.raw(name) for name in (*LISTS, *OPTIONAL_LISTS) if row.has(name)},
        "offset_s": row.number("start_times"),
        "waited_ms": row.ms_of_s("queue_times"),
        "cannot_tell": without((*BASE_CANNOT_TELL, *(() if row.has("queue_times") else ("scheduled",)))),
    }
    if error:
        text = last_line(error)
        status = status_of_error(text, had_token=bool(moments), timeout="timeout_total")
        return ToolRequest(**common, status=status, error=text, http_status=http_code_in(text))
    tokens = row.count("output_lens")
    if first is None or tokens is None:
        raise BadRecordError(f"{'ttfts' if first is None else 'output_lens'} is missing, and there is no error")
    return ToolRequest(
        **common,
        status="ok",
        first_token_ms=first,
        last_token_ms=moments[-1],
        end_ms=row.ms_of_s("latencies"),
        chunks=[Chunk(moment) for moment in moments],
        counted_tokens=tokens,
        text=row.text("generated_texts") or "",
    )
