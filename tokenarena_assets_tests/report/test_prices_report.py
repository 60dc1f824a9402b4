"""Tables and the plot of prices for the Dagster UI."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl

from tokenarena_assets.report.price_plots import blended_plot
from tokenarena_assets.report.prices import blends_table, churn_table, held_table, looks_table, usd
from tokenarena_assets_tests.sql_models.frames import Row, frame

NAMES = ("p/m@a", "p/$m$@b", "q/m@c")


def blend(name: str, preset: str, price: str | None, population: str = "probed", **given: object) -> Row:
    price_usd = None if price is None else Decimal(price)
    row = {"population": population, "endpoint_id": name, "preset": preset, "blended_usd_per_mtok": price_usd}
    return row | {"output_multiplier_n": 0, "no_price_because": None if price else "no price is in force"} | given


def table_of(population: str = "probed") -> pl.DataFrame:
    rows = [
        blend(name, preset, f"{number}.{place}", population)
        for number, name in enumerate(NAMES, start=1)
        for place, preset in enumerate(("chat", "rag"), start=1)
    ]
    return frame("blended_prices", [*rows, blend("x/m@none", "chat", None, population)])


def test_the_plot_is_a_small_image() -> None:
    whole = pl.concat([table_of(), table_of("market")])
    image = blended_plot(whole)
    assert image is not None
    assert image.startswith("![blended prices by preset](data:image/png;base64,")
    data = base64.b64decode(image.rsplit(",", 1)[1].rstrip(")"))
    assert data.startswith(b"\x89PNG")
    assert len(data) < 60_000
    assert blended_plot(frame("blended_prices", [blend("p/m@a", "chat", None)])) is None


def test_blends_show_the_reason_where_there_is_no_price() -> None:
    text = blends_table(table_of())
    assert "no price is in force" in text
    assert text.index("p/m@a") < text.index("q/m@c") < text.index("x/m@none")


def test_what_feeds_said_is_counted() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    row = {"feed": "litellm", "feed_version": "abc", "observed_at": at, "observation_id": "o", "endpoint_id": "p/m@a"}
    text = looks_table(frame("price_observation", [row, row | {"endpoint_id": "p/m@b", "problem": "x"}]))
    assert "| litellm | abc | 2 | 1 |" in text


def test_what_is_still_held_comes_first_and_hostile_text_is_escaped() -> None:
    row = {"endpoint_id": "p/m@old", "service_tier": "standard", "feed": "litellm", "reasons": "<b>|x"}
    old = row | {"held_on": date(2026, 11, 20), "state": "withdrawn", "input_usd_per_mtok": Decimal("1.50")}
    held = row | {"endpoint_id": "p/m@new", "held_on": date(2026, 11, 1), "state": "held"}
    text = held_table(frame("price_quarantine", [old, held]))
    assert text.index("p/m@new") < text.index("p/m@old")
    assert "<b>" not in text
    assert "1.5/-" in text


def test_churn_shows_who_moves() -> None:
    row = {
        "population": "market",
        "ordered_by": "blended_usd_per_mtok",
        "preset_a": "chat",
        "preset_b": "rag",
        "n": 195,
    }
    moved = {"n_out": 1, "out_endpoints": "p/m@a", "in_endpoints": "p/m@b", "kendall_tau_b": 0.91818}
    text = churn_table(frame("preset_churn", [row | moved, row | {"note": "too few"}]))
    assert "1 p/m@a" in text
    assert "0.918" in text
    assert "too few" in text


def test_prices_have_no_trailing_zeros() -> None:
    assert [usd(Decimal(text)) for text in ("0.100000000", "10", "0.0028")] == ["0.1", "10", "0.0028"]
    assert usd(None) == "-"
