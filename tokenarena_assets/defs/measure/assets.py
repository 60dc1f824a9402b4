"""Requests -> latency, speed and success by endpoint."""

from datetime import date

from tokenarena_assets.chain.measure import latency_by_endpoint
from tokenarena_assets.chain.tables import LATENCY_DAILY
from tokenarena_assets.defs.factory import python_asset
from tokenarena_assets.defs.resources import Arena


def _compute(arena: Arena, day: date) -> None:
    arena.lake.write("latency_daily", day, latency_by_endpoint(day, arena.lake.read("requests", day)))


latency_daily = python_asset(LATENCY_DAILY, ["requests"], _compute)
