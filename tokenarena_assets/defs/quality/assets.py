"""Requests -> graded answers -> accuracy by endpoint."""

from datetime import date
from typing import Any

import dagster as dg

from tokenarena_assets.chain.grade import grade_answers
from tokenarena_assets.chain.quality import quality_by_endpoint
from tokenarena_assets.chain.tables import GRADED_ANSWERS, QUALITY_DAILY
from tokenarena_assets.defs.factory import python_asset, sql_assets
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.report.markdown import figures
from tokenarena_assets.storage.lake import Lake


def _grade(arena: Arena, day: date) -> None:
    arena.lake.write("graded_answers", day, grade_answers(day, arena.lake.read("requests", day)))


def _quality(arena: Arena, day: date) -> None:
    lake = arena.lake
    lake.write("quality_daily", day, quality_by_endpoint(day, lake.read("answers", day), lake.read("endpoints", day)))


def _show(lake: Lake, day: date) -> dict[str, Any]:
    columns = [("accuracy", "accuracy"), ("difference to the reference", "difference")]
    return {"intervals": dg.MetadataValue.md(figures(lake.read("quality_daily", day), "endpoint_id", columns))}


graded_answers = python_asset(GRADED_ANSWERS, ["requests"], _grade)
quality_models = sql_assets("quality")
quality_daily = python_asset(QUALITY_DAILY, ["answers", "endpoints"], _quality, _show)
