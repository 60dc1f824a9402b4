"""How much each order of the day depends on the preset, for the probed endpoints and for the real market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import combinations

import polars as pl

from tokenarena_assets.chain.price import MARKET, PROBED
from tokenarena_assets.chain.price_tables import PRESET_CHURN
from tokenarena_assets.pricing.churn import TOP_N, churn

# Every other order of a leaderboard (speed, quality, fidelity, context) is the same for all presets.
PRICE_ORDERS = ("blended_usd_per_mtok", "effective_usd_per_mtok")
PER_CORRECT = "usd_per_correct"


def preset_churn(
    day: date, blended: pl.DataFrame, leaderboard: pl.DataFrame, presets: Sequence[str] | None = None
) -> pl.DataFrame:
    """One row an order and pair of presets, in the order of `presets` (None: as they stand in `blended`)."""
    names = list(presets or blended["preset"].unique(maintain_order=True))
    ranked = leaderboard.filter(pl.col("rank").is_not_null()) if "rank" in leaderboard.columns else leaderboard
    orders = [
        (population, ordered_by, blended.filter(pl.col("population") == population))
        for population in (PROBED, MARKET)
        for ordered_by in PRICE_ORDERS
        # Nothing of the market is measured.
        if not (population == MARKET and ordered_by != PRICE_ORDERS[0])
    ]
    orders.append((PROBED, PER_CORRECT, ranked))
    return PRESET_CHURN.frame(
        [
            _row(day, population, ordered_by, pair, _values(table, ordered_by, names))
            for population, ordered_by, table in orders
            for pair in combinations(names, 2)
        ]
    )


def _values(table: pl.DataFrame, column: str, presets: Sequence[str]) -> dict[str, dict[str, float]]:
    known = table.filter(pl.col(column).is_not_null()).select("preset", "endpoint_id", column)
    found: dict[str, dict[str, float]] = {name: {} for name in presets}
    for preset, endpoint_id, value in known.iter_rows():
        if preset in found:
            found[preset][endpoint_id] = value
    return found


def _row(
    day: date, population: str, ordered_by: str, pair: tuple[str, str], values: Mapping[str, Mapping[str, float]]
) -> dict[str, object]:
    a, b = pair
    moved = churn(values[a], values[b], TOP_N)
    base = {"day": day, "population": population, "ordered_by": ordered_by, "preset_a": a, "preset_b": b}
    counts = {"n": moved.n, "n_only_one": moved.n_only_one, "top_n": TOP_N, "kendall_tau_b": moved.tau_b}
    if moved.n <= TOP_N:
        return base | counts | {"note": f"{moved.n} endpoints: nobody can leave the first {TOP_N}"}
    return (
        base
        | counts
        | {
            "n_out": len(moved.leave),
            "n_in": len(moved.enter),
            "out_endpoints": ", ".join(moved.leave) or None,
            "in_endpoints": ", ".join(moved.enter) or None,
        }
    )
