"""Raw lines as rows of `probe_log`: what each says, or why it says nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl

from tokenarena_assets.chain.tables import PROBE_LOG
from tokenarena_assets.probing.billing import estimated_tokens, is_billable
from tokenarena_assets.probing.record import ItemRecord, ProbeRecord, SampleRecord, SourceRecord, UsageRecord
from tokenarena_assets.probing.timing import Timing
from tokenarena_assets.storage.rawlog import RawLine

_COLUMNS = frozenset(PROBE_LOG.column_names)


class _Part:
    """Those fields of a part of a record that are columns under the same name."""

    def __init__(self, names: Iterable[str], without: Sequence[str] = ()) -> None:
        self.columns = tuple(sorted(_COLUMNS & set(names) - set(without)))
        self.values = attrgetter(*self.columns)
        self.nothing = (None,) * len(self.columns)


_RECORD = _Part(ProbeRecord.__struct_fields__, without=("day", "started_at", "first_token_top"))
_TIMING = _Part(field.name for field in fields(Timing))
_USAGE = _Part(UsageRecord.__struct_fields__)
_ITEM = _Part(ItemRecord.__struct_fields__)
_SAMPLE = _Part(SampleRecord.__struct_fields__, without=("stage",))
_PLACE = ("raw_file", "raw_line", "problem")
_MADE = ("record_day", "started_at", "gold", "item_source", "stage", "first_token_top")
_ESTIMATED = ("estimated_input_tokens", "estimated_output_tokens")
_SOURCE = ("source_tool", "source_version", "source_file", "source_line", "cannot_tell")
_PARTS = (_RECORD, _TIMING, _USAGE, _ITEM, _SAMPLE)
_LAYOUT = (*_PLACE, *chain.from_iterable(part.columns for part in _PARTS), *_MADE, *_ESTIMATED, *_SOURCE)
_NO_RECORD = (None,) * (len(_LAYOUT) - len(_PLACE))
_NO_SOURCE = (None,) * len(_SOURCE)
_NO_ESTIMATE = (None, None)
_TYPES = PROBE_LOG.polars_schema
_decode = msgspec.json.Decoder(ProbeRecord).decode


def probe_frame(day: date, lines: Iterable[RawLine]) -> pl.DataFrame:
    """Lines as rows of `probe_log`; one that is no record keeps its place and its problem."""
    rows = [_row(line) for line in lines]
    columns = zip(*rows, strict=True) if rows else ([] for _ in _LAYOUT)
    series = [pl.Series(name, values, _TYPES[name]) for name, values in zip(_LAYOUT, columns, strict=True)]
    return pl.DataFrame(series).with_columns(day=pl.lit(day, pl.Date())).select(PROBE_LOG.column_names)


def _row(line: RawLine) -> tuple[Any, ...]:
    if line.problem is not None and line.problem != "no_line_end":
        return (line.file, line.line, line.problem, *_NO_RECORD)
    try:
        record = _decode(line.data)
    except (msgspec.DecodeError, RecursionError) as error:
        return (line.file, line.line, problem_of(error), *_NO_RECORD)
    source, usage, item, sample = record.source, record.usage, record.item, record.sample
    if source is not None and source.problem is not None:
        return (line.file, line.line, f"bad_import: {source.problem}", *_NO_RECORD)
    return (
        line.file,
        line.line,
        None,
        *_RECORD.values(record),
        *_TIMING.values(record.timing),
        *(_USAGE.nothing if usage is None else _USAGE.values(usage)),
        *(_ITEM.nothing if item is None else _ITEM.values(item)),
        *(_SAMPLE.nothing if sample is None else _SAMPLE.values(sample)),
        record.day,
        utc(record.started_at),
        item and item.answer_value,
        item and item.source,
        (sample and sample.stage) or None,
        None if record.first_token_top is None else json.dumps(record.first_token_top, ensure_ascii=False),
        *(_estimates(line.data, record) if source is None else _NO_ESTIMATE),
        *(_NO_SOURCE if source is None else _source(source)),
    )


def _source(source: SourceRecord) -> tuple[Any, ...]:
    return source.tool, source.version, source.file, source.line, ", ".join(source.cannot_tell) or None


def _estimates(data: bytes, record: ProbeRecord) -> tuple[int | None, int | None]:
    """Tokens by characters, of what an answer did not report."""
    usage = record.usage
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
