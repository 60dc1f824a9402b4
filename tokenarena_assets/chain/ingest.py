"""Reads a day's raw rounds into tables: one row a line, one a round, one an endpoint that a round recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from pydantic import ValidationError

from tokenarena_assets.chain.tables import CATALOG_LOG, PROBE_LOG, ROUND_LOG
from tokenarena_assets.errors import NoEvidenceError
from tokenarena_assets.probing.record import ProbeRecord
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
    rounds = [found for found in rounds_of(home, day) if not (found.is_open and is_being_written(found.log))]
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
        round_rows.append(_round_row(day, found, len(probe_rows) - before))
        catalog_rows += _catalog_rows(day, found)
    return RawDay(
        probe_log=PROBE_LOG.frame(probe_rows),
        round_log=ROUND_LOG.frame(round_rows),
        catalog_log=CATALOG_LOG.frame(catalog_rows),
    )


def probe_row(day: date, line: RawLine) -> dict[str, Any]:
    """One raw line as a row of `probe_log`; a line that is no record keeps its place and its problem."""
    row: dict[str, Any] = dict.fromkeys(PROBE_LOG.column_names)
    row |= {"day": day, "raw_file": line.file, "raw_line": line.line}
    if line.problem is not None and line.problem != "no_line_end":
        return row | {"problem": line.problem}
    try:
        record = ProbeRecord.model_validate_json(line.data)
    except ValidationError as error:
        return row | {"problem": _problem(error)}
    item, usage = record.item, record.usage
    return (
        row
        | record.model_dump(include=_SAME_NAME)
        | record.timing.model_dump()
        | ({} if usage is None else usage.model_dump(exclude={"raw"}))
        | {"record_day": record.day, "started_at": _utc(record.started_at), "day": day}
        | ({} if item is None else _item_columns(item.model_dump()))
    )


_SAME_NAME = set(PROBE_LOG.column_names) & set(ProbeRecord.model_fields) - {"day"}


def _item_columns(item: dict[str, Any]) -> dict[str, Any]:
    kept = {name: item[name] for name in ("item_id", "template_id", "difficulty", "answer_type")}
    return kept | {"gold": item["answer_value"]}


def _problem(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return "malformed_json"
    field = ".".join(str(part) for part in first["loc"])
    return f"bad_field: {field}: {first['msg']}"


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else _utc(datetime.fromisoformat(text))


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
    for endpoint in manifest.get("endpoints", []):
        price = endpoint.get("price") or {}
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
            **{name: endpoint.get(name) for name in ("quantization", "region", "context_tokens")},
            **{
                f"{name}_usd_per_mtok": _decimal(price.get(f"{name}_usd_per_mtok"))
                for name in ("input", "cached_input", "output")
            },
            "note": endpoint.get("note"),
        }


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
