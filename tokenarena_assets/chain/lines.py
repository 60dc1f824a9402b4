"""Raw lines as rows of `probe_log`: what each says, or why it says nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl
from msgspec.structs import astuple

from tokenarena_assets.chain.tables import PROBE_LOG
from tokenarena_assets.probing.billing import estimated_tokens, is_billable
from tokenarena_assets.probing.record import ItemRecord, ProbeRecord, SampleRecord, SourceRecord, UsageRecord
from tokenarena_assets.probing.timing import Timing
from tokenarena_assets.storage.rawlog import RawLine

_TYPES = PROBE_LOG.polars_schema
_decode = msgspec.json.Decoder(ProbeRecord).decode
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
# Parts that a record need not have.
_NO_USAGE = UsageRecord(input_tokens=None, cached_tokens=None, output_tokens=None, reasoning_tokens=None, raw={})
_NO_ESTIMATE = (None, None)
_NO_SOURCE = (None,) * 5
Columns = dict[str, Sequence[Any]]
FEW = 512  # so many records at once stay in the processor's cache: three times as fast as all of a batch
TIMINGS = tuple(field.name for field in fields(Timing))
PLACE = ("raw_file", "raw_line", "problem")
PARTS = ("timing", "usage", "item", "sample")
# What is kept under another name, or made of several fields.
OTHERWISE = {"record_day", "started_at", "gold", "item_source", "stage", "first_token_top"}


def probe_frame(day: date, lines: Iterable[RawLine]) -> pl.DataFrame:
    """Lines as rows of `probe_log`; one that is no record keeps its place and its problem."""
    rest = iter(lines)
    frames = [_frame(few) for few in iter(lambda: list(islice(rest, FEW)), [])]
    rows = pl.concat(frames) if frames else _frame([])
    return rows.with_columns(day=pl.lit(day, pl.Date())).select(PROBE_LOG.column_names)


def _frame(lines: Sequence[RawLine]) -> pl.DataFrame:
    places: list[tuple[str, int, str | None]] = []
    records: list[ProbeRecord] = []
    data: list[bytes] = []
    for line in lines:
        found = _read(line)
        if isinstance(found, str):
            places.append((line.file, line.line, found))
        else:
            places.append((line.file, line.line, None))
            records.append(found)
            data.append(line.data)
    columns = {
        name: [place[index] for place in places] for index, name in enumerate(("raw_file", "raw_line", "problem"))
    }
    known = _columns(records, data)
    if len(records) < len(places):
        missing = [place[2] is not None for place in places]
        known = {name: _spread(values, missing) for name, values in known.items()}
    return pl.DataFrame([pl.Series(name, values, _TYPES[name]) for name, values in (columns | known).items()])


def _read(line: RawLine) -> ProbeRecord | str:
    """The record, or why there is none."""
    if line.problem is not None and line.problem != "no_line_end":
        return line.problem
    try:
        record = _decode(line.data)
    except (msgspec.DecodeError, RecursionError) as error:
        return problem_of(error)
    if record.source is not None and record.source.problem is not None:
        return f"bad_import: {record.source.problem}"
    return record


def _spread(values: Sequence[Any], missing: Sequence[bool]) -> list[Any]:
    """The values in the rows that are not `missing`."""
    rest = iter(values)
    return [None if empty else next(rest) for empty in missing]


def _columns(records: Sequence[ProbeRecord], data: Sequence[bytes]) -> Columns:
    """The columns of records, by name: whole parts at once, since ten million rows leave microseconds for each."""
    found: Columns = {}
    parts: Columns = {name: [getattr(r, name) for r in records] for name in PARTS}
    found |= _fields(records, ProbeRecord.__struct_fields__, astuple)
    found |= _fields(parts["timing"], TIMINGS, attrgetter(*TIMINGS))
    found |= _fields([part or _NO_USAGE for part in parts["usage"]], UsageRecord.__struct_fields__, astuple)
    for name, kind in (("item", ItemRecord), ("sample", SampleRecord)):
        missing = [part is None for part in parts[name]]
        own = _fields([part for part in parts[name] if part is not None], kind.__struct_fields__, astuple)
        found |= {column: _spread(values, missing) for column, values in own.items()}
    found["record_day"] = [r.day for r in records]
    found["started_at"] = [(utc(r.started_at) - EPOCH) // MICROSECOND for r in records]
    found["gold"] = [item and item.answer_value for item in parts["item"]]
    found["item_source"] = [item and item.source for item in parts["item"]]
    found["stage"] = [(sample and sample.stage) or None for sample in parts["sample"]]
    found["first_token_top"] = [
        None if r.first_token_top is None else json.dumps(r.first_token_top, ensure_ascii=False) for r in records
    ]
    estimates = [_estimates(line, record) for line, record in zip(data, records, strict=True)]
    for place, name in enumerate(("estimated_input_tokens", "estimated_output_tokens")):
        found[name] = [estimate[place] for estimate in estimates]
    sources = [_NO_SOURCE if r.source is None else _source(r.source) for r in records]
    for place, name in enumerate(("source_tool", "source_version", "source_file", "source_line", "cannot_tell")):
        found[name] = [source[place] for source in sources]
    return found


def _fields(own: Sequence[Any], names: Sequence[str], values_of: Callable[[Any], tuple[Any, ...]]) -> Columns:
    """Those fields of parts of one kind that are columns under the same name."""
    values = zip(*map(values_of, own), strict=True) if own else ((),) * len(names)
    return {name: of for name, of in zip(names, values, strict=True) if name in _TYPES and name not in OTHERWISE}


def _source(source: SourceRecord) -> tuple[Any, ...]:
    return source.tool, source.version, source.file, source.line, ", ".join(source.cannot_tell) or None


def _estimates(data: bytes, record: ProbeRecord) -> tuple[int | None, int | None]:
    """Tokens by characters, of what an answer did not report."""
    usage = record.usage
    if record.source is not None:
        return _NO_ESTIMATE
    given, made = usage and usage.input_tokens, usage and usage.output_tokens
    if (given is not None and made is not None) or not is_billable(record.http_status):
        return _NO_ESTIMATE
    try:
        found = _loaded(data)
    except (ValueError, RecursionError):  # msgspec does not look into fields that are of no use
        return _NO_ESTIMATE
    tokens_in, tokens_out = estimated_tokens(found)
    return (tokens_in if given is None else None), (tokens_out if made is None else None)


def _loaded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:  # a number of thousands of digits, or bytes that are no UTF-8
        return json.loads(data.decode("utf-8", "replace"), parse_int=str)


def problem_of(error: Exception) -> str:
    """Why a line is no record, in words; a class of reason, then where and what."""
    if not isinstance(error, msgspec.ValidationError):
        return "malformed_json"
    what, _, where = str(error).partition(" - at `$")
    path = where.rstrip("`").lstrip(".")
    if what.startswith(_MISSING):
        path, what = ".".join(filter(None, (path, what.removeprefix(_MISSING).strip("`")))), "is missing"
    elif not path and ": " in what:  # a rule of ours, which names its field itself
        path, _, what = what.partition(": ")
    return f"bad_field: {path}: {what}"


_MISSING = "Object missing required field "


def utc(moment: datetime) -> datetime:
    """The moment in UTC; one that names no zone is taken for UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
