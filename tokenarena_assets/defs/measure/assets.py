"""Requests -> latency, speed and success by endpoint."""

from datetime import date
from typing import Any

import dagster as dg

from tokenarena_assets.chain.measure import latency_by_endpoint
from tokenarena_assets.chain.tables import LATENCY_DAILY
from tokenarena_assets.defs.factory import python_asset
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.report.markdown import figures
from tokenarena_assets.storage.lake import Lake


def _compute(arena: Arena, day: date) -> None:
    arena.lake.write("latency_daily", day, latency_by_endpoint(day, arena.lake.read("requests", day)))


def _show(lake: Lake, day: date) -> dict[str, Any]:
    columns = [("TTFT p50 ms", "ttft_p50_ms"), ("output tok/s", "output_speed_p50_tok_s"), ("success", "success_rate")]
    return {"intervals": dg.MetadataValue.md(figures(lake.read("latency_daily", day), "endpoint_id", columns))}


latency_daily = python_asset(LATENCY_DAILY, ["requests"], _compute, _show)
