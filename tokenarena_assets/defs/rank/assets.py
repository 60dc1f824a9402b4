"""Answers and prices -> dollars per correct answer -> scorecard -> leaderboard -> churn of presets."""

from datetime import date
from typing import Any

import dagster as dg

from tokenarena_assets.chain.churn import preset_churn as churn_of_day
from tokenarena_assets.chain.findings import findings_of_day, tables_asked
from tokenarena_assets.chain.price_tables import PRESET_CHURN
from tokenarena_assets.chain.rank import cost_per_correct as costs_of_day
from tokenarena_assets.chain.rank_tables import FINDINGS, RANKS
from tokenarena_assets.chain.ranks import RANKED, rank_day
from tokenarena_assets.chain.tables import COST_PER_CORRECT
from tokenarena_assets.defs.factory import python_asset, sql_assets
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.report.markdown import findings_table, leaderboard_tables
from tokenarena_assets.report.prices import churn_table
from tokenarena_assets.storage.lake import Lake


def _cost(arena: Arena, day: date) -> None:
    lake = arena.lake
    table = costs_of_day(day, lake.read("answers", day), lake.read("blended_prices", day), arena.presets(day))
    lake.write("cost_per_correct", day, table)


def _rank(arena: Arena, day: date) -> None:
    lake = arena.lake
    read: dict[str, Any] = {name: lake.read(table, day) for name, table in RANKED.items() if name != "requests"}
    read["requests"] = lake.scan("requests", day)
    arena.lake.write("ranks", day, rank_day(day, [preset.name for preset in arena.presets(day)], **read))


def _show(lake: Lake, day: date) -> dict[str, Any]:
    return {"leaderboard": dg.MetadataValue.md(leaderboard_tables(lake.read("leaderboard", day)))}


def _find(arena: Arena, day: date) -> None:
    arena.lake.write("findings", day, findings_of_day(day, arena.lake))


def _show_findings(lake: Lake, day: date) -> dict[str, Any]:
    return {"findings": dg.MetadataValue.md(findings_table(lake.read("findings", day)))}


def _churn(arena: Arena, day: date) -> None:
    lake = arena.lake
    names = [preset.name for preset in arena.presets(day)]
    table = churn_of_day(day, lake.read("blended_prices", day), lake.read("leaderboard", day), names)
    lake.write("preset_churn", day, table)


def _show_churn(lake: Lake, day: date) -> dict[str, Any]:
    return {"churn": dg.MetadataValue.md(churn_table(lake.read("preset_churn", day)))}


cost_per_correct = python_asset(COST_PER_CORRECT, ["answers", "blended_prices"], _cost)
rank_models = sql_assets("rank", {"leaderboard": _show})
ranks = python_asset(RANKS, list(RANKED.values()), _rank)
preset_churn = python_asset(PRESET_CHURN, ["blended_prices", "leaderboard"], _churn, _show_churn)
findings = python_asset(FINDINGS, tables_asked(), _find, _show_findings)
