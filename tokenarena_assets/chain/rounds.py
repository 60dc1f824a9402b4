"""The rounds of a day and the catalog as each recorded it, as rows of `round_log` and `catalog_log`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from pydantic import ValidationError

from tokenarena_assets.chain.lines import utc
from tokenarena_assets.chain.tables import CATALOG_LOG, ROUND_LOG
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.pricing import ListPrice
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, is_being_written, logs_of, manifest_path, seal_path


def closed_rounds(home: Home, day: date) -> list[RoundFiles]:
    """The rounds of a day that are not being written at this moment, and every other file that may hold lines."""
    return [found for found in logs_of(home, day) if not (found.is_open and is_being_written(found.log))]


def _moment(text: str | None) -> datetime | None:
    return None if text is None else utc(datetime.fromisoformat(text))


@contextmanager
def _told(found: RoundFiles) -> Iterator[None]:
    """Names the files of a round whose manifest or seal is JSON, but not of the form that a round writes."""
    try:
        yield
    except (TypeError, ValueError, AttributeError, KeyError, ArithmeticError, pl.exceptions.PolarsError) as error:
        names = [path(found.log, found.round_id).name for path in (manifest_path, seal_path)]
        raise TokenArenaError(
            f"{found.log.parent}: {names[0]} or {names[1]} is not of the form that a round writes: {error}",
            mend="restore it from a backup or remove it",
        ) from error


def round_frame(day: date, found: RoundFiles, rows: int) -> pl.DataFrame:
    """A round as `round_log`; `rows`: lines read from its file.

    Raises:
        TokenArenaError: its manifest or its seal is not of the form that a round writes.
    """
    with _told(found):
        return ROUND_LOG.frame([_round_row(day, found, rows)])


def catalog_frame(day: date, found: RoundFiles) -> pl.DataFrame:
    """The endpoints that a round recorded, as `catalog_log`.

    Raises:
        TokenArenaError: its manifest is not of the form that a round writes.
    """
    with _told(found):
        return CATALOG_LOG.frame(list(_catalog_rows(day, found)))


def _round_row(day: date, found: RoundFiles, rows: int) -> dict[str, Any]:
    manifest, seal = found.manifest or {}, found.seal or {}
    options = manifest.get("options") or {}
    return {
        "day": day,
        "round_id": found.round_id,
        "started_at": _moment(manifest.get("started_at")),
        "sealed_at": _moment(seal.get("sealed_at")),
        "state": _state(found, seal, rows),
        "ordinal": manifest.get("ordinal"),
        "region_from": manifest.get("region_from"),
        "clock_offset_ms": (manifest.get("clock") or {}).get("offset_ms"),
        "clock_uncertainty_ms": (manifest.get("clock") or {}).get("uncertainty_ms"),
        "plan_key": manifest.get("plan_key"),
        "suites": ", ".join(options.get("suites", [])) or None,
        "client": ", ".join(f"{name} {version}" for name, version in manifest.get("client", {}).items()) or None,
        "raw_file": found.log.name,
        "raw_rows": rows,
        "sealed_rows": seal.get("rows"),
        "sha256": seal.get("sha256"),
    }


def _state(found: RoundFiles, seal: dict[str, Any], rows: int) -> str:
    if found.stray:
        return "stray"
    if found.is_open:
        return "open"
    if rows != seal.get("rows", rows):
        return "damaged"
    return str(seal.get("state", "unsealed"))


def _catalog_rows(day: date, found: RoundFiles) -> Iterator[dict[str, Any]]:
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
