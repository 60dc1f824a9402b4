"""Reads a day's raw rounds into tables: one row a line, one a round, one an endpoint that a round recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from pydantic import ValidationError

from tokenarena_assets.chain.tables import CATALOG_LOG, PROBE_LOG, ROUND_LOG
from tokenarena_assets.errors import NoEvidenceError
from tokenarena_assets.pricing import ListPrice
from tokenarena_assets.probing.billing import estimated_tokens, is_billable
from tokenarena_assets.probing.record import ItemRecord, ProbeRecord, SampleRecord, UsageRecord
from tokenarena_assets.probing.timing import Timing
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RawLine, RoundFiles, is_being_written, read_lines, rounds_of


@dataclass(frozen=True, slots=True)
class RawDay:
    """The day's evidence as frames: `probe_log`, `round_log`, `catalog_log`."""

    probe_log: pl.DataFrame
    round_log: pl.DataFrame
    catalog_log: pl.DataFrame


def read_day(home: Home, day: date) -> RawDay:
    """Read every round of `day` that is not being written at this moment.

    Raises:
        NoEvidenceError: the day has no round.
    """
    rounds = closed_rounds(home, day)
    if not rounds:
        raise NoEvidenceError(
            f"there is no probe round of {day} in {home.raw_day(day)}",
            mend="evidence of a past day cannot be made today; for today run: tokenarena probe",
        )
    probe_rows: list[dict[str, Any]] = []
    round_rows: list[dict[str, Any]] = []
    catalog_rows: list[dict[str, Any]] = []
    for found in rounds:
        before = len(probe_rows)
        probe_rows += (probe_row(day, line) for line in read_lines(found.log))
        in_home = {"rehearsal_home": home.is_rehearsal}
        round_rows.append(_round_row(day, found, len(probe_rows) - before) | in_home)
        catalog_rows += _catalog_rows(day, found)
    return RawDay(
        probe_log=PROBE_LOG.frame(probe_rows),
        round_log=ROUND_LOG.frame(round_rows),
        catalog_log=CATALOG_LOG.frame(catalog_rows),
    )


def closed_rounds(home: Home, day: date) -> list[RoundFiles]:
    """The rounds of a day that are not being written at this moment."""
    return [found for found in rounds_of(home, day) if not (found.is_open and is_being_written(found.log))]


def probe_row(day: date, line: RawLine) -> dict[str, Any]:
    """One raw line as a row of `probe_log`; a line that is no record keeps its place and its problem."""
    row: dict[str, Any] = dict.fromkeys(PROBE_LOG.column_names)
    row |= {"day": day, "raw_file": line.file, "raw_line": line.line}
    if line.problem is not None and line.problem != "no_line_end":
        return row | {"problem": line.problem}
    try:
        record = ProbeRecord.model_validate_json(line.data)
    except ValidationError as error:
        return row | {"problem": problem_of(error)}
    if record.source is not None and record.source.problem is not None:
        return row | {"problem": f"bad_import: {record.source.problem}"}
    row |= {name: getattr(record, name) for name in _OF_RECORD} | {"record_day": record.day}
    row |= {name: getattr(record.timing, name) for name in _OF_TIMING} | {"started_at": utc(record.started_at)}
    if (usage := record.usage) is not None:
        row |= {name: getattr(usage, name) for name in _OF_USAGE}
    if record.source is None and is_billable(record.http_status):
        row |= _estimates(line.data, record.usage)
    if (item := record.item) is not None:
        row |= {name: getattr(item, name) for name in _OF_ITEM} | {"gold": item.answer_value}
        row["item_source"] = item.source
    if (sample := record.sample) is not None:
        row |= {name: getattr(sample, name) for name in _OF_SAMPLE} | {"stage": sample.stage or None}
    if record.first_token_top is not None:
        row["first_token_top"] = json.dumps(record.first_token_top, ensure_ascii=False)
    if (source := record.source) is not None:
        row |= {f"source_{name}": getattr(source, name) for name in ("tool", "version", "file", "line")}
        row["cannot_tell"] = ", ".join(source.cannot_tell) or None
    return row


def _estimates(data: bytes, usage: UsageRecord | None) -> dict[str, int]:
    """Tokens by characters, of what an answer did not report."""
    given, made = usage and usage.input_tokens, usage and usage.output_tokens
    if given is not None and made is not None:
        return {}
    tokens_in, tokens_out = estimated_tokens(json.loads(data))
    return ({"estimated_input_tokens": tokens_in} if given is None else {}) | (
        {"estimated_output_tokens": tokens_out} if made is None else {}
    )


_COLUMNS = set(PROBE_LOG.column_names)
_OF_RECORD = sorted(_COLUMNS & set(ProbeRecord.model_fields) - {"day", "started_at", "first_token_top"})
_OF_TIMING = sorted(_COLUMNS & {field.name for field in fields(Timing)})
_OF_USAGE = sorted(_COLUMNS & set(UsageRecord.model_fields))
_OF_SAMPLE = sorted(_COLUMNS & set(SampleRecord.model_fields))
_OF_ITEM = sorted(_COLUMNS & set(ItemRecord.model_fields))


def problem_of(error: ValidationError) -> str:
    """Why a line is no record, in words; a class of reason, then where and what."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return "malformed_json"
    field = ".".join(str(part) for part in first["loc"])
    return f"bad_field: {field}: {first['msg']}"


def utc(moment: datetime) -> datetime:
    """The moment in UTC; one that names no zone is taken for UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else utc(datetime.fromisoformat(text))


def _round_row(day: date, found: RoundFiles, rows: int) -> dict[str, Any]:
    manifest, seal = found.manifest or {}, found.seal or {}
    options = manifest.get("options") or {}
    return {
        "day": day,
        "round_id": found.round_id,
        "started_at": _moment(manifest.get("started_at")),
        "sealed_at": _moment(seal.get("sealed_at")),
        "state": "open" if found.is_open else seal.get("state", "unsealed"),
        "ordinal": manifest.get("ordinal"),
        "plan_key": manifest.get("plan_key"),
        "suites": ", ".join(options.get("suites", [])) or None,
        "client": ", ".join(f"{name} {version}" for name, version in manifest.get("client", {}).items()) or None,
        "raw_file": found.log.name,
        "raw_rows": rows,
        "sealed_rows": seal.get("rows"),
        "sha256": seal.get("sha256"),
    }


def _catalog_rows(day: date, found: RoundFiles) -> Iterable[dict[str, Any]]:
    manifest = found.manifest or {}
    forecasts = {row["endpoint_id"]: row for row in manifest.get("forecast") or []}
    unready = manifest.get("not_ready") or {}
    for endpoint in manifest.get("endpoints", []):
        price = endpoint.get("price") or {}
        forecast = forecasts.get(endpoint.get("endpoint_id"), {})
        yield {
            "day": day,
            "round_id": found.round_id,
            "recorded_at": _moment(manifest["started_at"]),
            **{
                name: endpoint.get(name)
                for name in ("endpoint_id", "provider", "model", "model_family", "sku", "api", "base_url")
            },
            "is_embedded": endpoint.get("fleet") is not None,
            "request_model": endpoint.get("request_model"),
            "is_reference": endpoint.get("reference", False),
            # A manifest of before there were kinds has references all the same, of the kind that is the default.
            "reference_kind": endpoint.get("reference_kind", "own_api") if endpoint.get("reference") else None,
            "honest": endpoint.get("honest", False),
            "thinks": endpoint.get("thinks", False),
            **{name: endpoint.get(name) for name in ("quality_tier", "top_logprobs")},
            **{name: endpoint.get(name) for name in ("quantization", "region", "context_tokens")},
            **{
                f"{name}_usd_per_mtok": _decimal(price.get(f"{name}_usd_per_mtok"))
                for name in ("input", "cached_input", "output")
            },
            "price_json": _price_json(endpoint.get("price")),
            "fast_because": endpoint.get("fast_because"),
            "max_usd_per_day": _usd((endpoint.get("limits") or {}).get("max_usd_per_day")),
            "forecast_requests": forecast.get("requests"),
            "forecast_usd_max": _usd(forecast.get("usd_max")),
            **{name: endpoint.get(name) for name in ("note", "vendor_family", "service_tier", "cannot_probe")},
            "max_output_tokens": endpoint.get("max_output_tokens"),
            "not_ready": unready.get(endpoint.get("endpoint_id")),
            "model_facts_json": _json(endpoint.get("model_facts")),
            "fleet_threads": (endpoint.get("fleet") or {}).get("threads"),
            "disclosure_json": _json(endpoint.get("disclosure")),
        }


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _price_json(price: Any) -> str | None:
    try:
        return None if price is None else ListPrice.model_validate(price).canonical_json()
    except ValidationError:  # of another version; its plain columns say what can be said
        return None


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _usd(value: Any) -> float | None:
    return None if value is None else float(value)
