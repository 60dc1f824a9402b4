"""Blended prices by preset as a small plot, for the Dagster UI."""

from __future__ import annotations

import base64
import io
from typing import Any

import polars as pl

from tokenarena_assets.report.plots import COLOURS, DPI, SHADES

MOST_NAMES = 24
WIDTH = 8.5
ROW_HEIGHT = 0.24
ORDERED_BY = "blended_usd_per_mtok"


def blended_plot(blended: pl.DataFrame) -> str | None:
    """Each probed endpoint's blend by preset, and those of the market's cheapest; None: nothing has a price."""
    # matplotlib takes a second to load, which most steps can do without.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image  # noqa: PLC0415 - comes with matplotlib

    panels = [
        (population, own)
        for population in ("probed", "market")
        if not (own := _cheapest(blended.filter(population=population))).is_empty()
    ]
    if not panels:
        return None
    heights = [max(own["endpoint_id"].n_unique(), 2) for _, own in panels]
    figure = Figure(figsize=(WIDTH, ROW_HEIGHT * sum(heights) + 1.2 * len(panels)), layout="constrained", dpi=DPI)
    FigureCanvasAgg(figure)
    drawn_on = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for panel, (population, own) in zip(drawn_on, panels, strict=True):
        _panel(panel, own)
        named = f"{own['endpoint_id'].n_unique()} cheapest of the market's list" if population == "market" else "probed"
        panel.set_title(f"{named}: blended list price by preset, USD per million tokens", fontsize=9)
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(SHADES, Image.Quantize.MAXCOVERAGE).save(small, "png", optimize=True)
    return f"![blended prices by preset](data:image/png;base64,{base64.b64encode(small.getvalue()).decode()})"


def _cheapest(own: pl.DataFrame) -> pl.DataFrame:
    """The endpoints that are cheapest in any preset, in the order of the first preset."""
    known = own.filter(pl.col(ORDERED_BY).is_not_null())
    presets = known["preset"].unique(maintain_order=True).to_list()
    each = max(1, MOST_NAMES // max(1, len(presets)))
    chosen = known.filter(pl.col(ORDERED_BY).rank("ordinal").over("preset") <= each)["endpoint_id"]
    return known.filter(pl.col("endpoint_id").is_in(chosen.implode()))


def _panel(panel: Any, own: pl.DataFrame) -> None:
    presets = own["preset"].unique(maintain_order=True).to_list()
    names = own.filter(preset=presets[0]).sort(ORDERED_BY, "endpoint_id", descending=True)["endpoint_id"].to_list()
    place = {name: number for number, name in enumerate(names)}
    for number, preset in enumerate(presets):
        rows = own.filter(preset=preset).select("endpoint_id", pl.col(ORDERED_BY).cast(pl.Float64)).rows()
        panel.plot(
            [price for name, price in rows if name in place],
            [place[name] for name, _ in rows if name in place],
            linestyle="none",
            marker="osD^v<>P"[number % 8],
            markersize=5,
            color=COLOURS[number % len(COLOURS)],
            label=preset,
        )
    panel.set_xscale("log")
    panel.set_yticks(range(len(names)))
    for label in panel.set_yticklabels(names, fontsize=7):
        label.set_parse_math(False)  # names come from a catalog: a dollar sign in one is no formula
    panel.tick_params(axis="x", labelsize=7)
    panel.grid(color="0.9", linewidth=0.6)
    panel.legend(fontsize=7, loc="lower right", frameon=False)
