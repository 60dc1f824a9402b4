"""Requests -> latency, speed and success by endpoint."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from tokenarena_assets.chain.measure import latency_by_endpoint
from tokenarena_assets.chain.tables import LATENCY_DAILY, VANTAGE_DAILY
from tokenarena_assets.chain.vantage import vantage_by_place
from tokenarena_assets.defs.factory import python_asset
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.report.markdown import figures
from tokenarena_assets.storage.lake import Lake


def _compute(arena: Arena, day: date) -> None:
    arena.lake.write("latency_daily", day, latency_by_endpoint(day, arena.lake.scan("requests", day)))


def _show(lake: Lake, day: date) -> dict[str, Any]:
    size = pl.coalesce(pl.format("{} tokens", "prompt_tokens_target"), pl.lit("unknown size"))
    rows = lake.read("latency_daily", day).with_columns(asked=pl.format("{} {}, {}", "endpoint_id", "suite", size))
    columns = [
        ("success", "success_rate"),
        ("TTFT p50 ms", "ttft_p50_ms"),
        ("TTFT p90 ms", "ttft_p90_ms"),
        ("output tok/s", "output_speed_p50_tok_s"),
        ("e2e p90 ms, failed = never", "e2e_p90_with_failures_ms"),
    ]
    return {"intervals": dg.MetadataValue.md(figures(rows, "asked", columns))}


latency_daily = python_asset(LATENCY_DAILY, ["requests"], _compute, _show)


def _compute_vantage(arena: Arena, day: date) -> None:
    arena.lake.write("vantage_daily", day, vantage_by_place(day, arena.lake.scan("requests", day)))


def _show_vantage(lake: Lake, day: date) -> dict[str, Any]:
    rows = lake.read("vantage_daily", day).with_columns(asked=pl.format("{} from {}", "endpoint_id", "region_from"))
    columns = [
        ("round trip p50 ms", "round_trip_p50_ms"),
        ("TTFT p50 ms", "ttft_p50_ms"),
        ("TTFT less network ms", "ttft_less_network_p50_ms"),
        ("output tok/s", "output_speed_p50_tok_s"),
    ]
    return {"by_place": dg.MetadataValue.md(figures(rows, "asked", columns))}


vantage_daily = python_asset(VANTAGE_DAILY, ["requests"], _compute_vantage, _show_vantage)
