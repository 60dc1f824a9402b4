"""Churn of presets over small tables."""

from __future__ import annotations

from decimal import Decimal

from tokenarena_assets.chain.churn import preset_churn
from tokenarena_assets.chain.price_tables import PRESET_CHURN
from tokenarena_assets_tests.sql_models.frames import DAY, Row, frame


def blend(number: int, preset: str, price: int | None, population: str = "market") -> Row:
    price_usd = None if price is None else Decimal(price)
    name = f"p/m@{number:02}"
    return {"population": population, "endpoint_id": name, "preset": preset, "blended_usd_per_mtok": price_usd}


def test_one_row_an_order_and_pair_of_presets() -> None:
    blended = [blend(n, "chat", n) for n in range(12)] + [
        blend(n, "rag", 11 - n if n < 11 else None) for n in range(12)
    ]
    ranks = [
        {"preset": preset, "endpoint_id": f"p/m@{n}", "rank": None if n == 2 else 1, "usd_per_correct": float(n)}
        for preset in ("chat", "rag")
        for n in range(3)
    ]
    table = preset_churn(DAY, frame("blended_prices", blended), frame("leaderboard", ranks), ["chat", "rag"])
    assert table.schema == PRESET_CHURN.polars_schema
    rows = {(row["population"], row["ordered_by"]): row for row in table.to_dicts()}
    assert set(rows) == {
        ("probed", "blended_usd_per_mtok"),
        ("probed", "effective_usd_per_mtok"),
        ("probed", "usd_per_correct"),
        ("market", "blended_usd_per_mtok"),
    }
    market = rows["market", "blended_usd_per_mtok"]
    assert (market["n"], market["n_only_one"], market["n_out"], market["n_in"]) == (11, 1, 1, 1)
    assert (market["out_endpoints"], market["in_endpoints"], market["kendall_tau_b"]) == ("p/m@00", "p/m@10", -1.0)
    per_correct = rows["probed", "usd_per_correct"]
    assert (per_correct["n"], per_correct["n_out"]) == (2, None)  # who has no rank is not in the order
    assert per_correct["note"] == "2 endpoints: nobody can leave the first 10"
