"""Dollars against modeled joules per correct answer: intervals and the Pareto front, as a Markdown image."""

from __future__ import annotations

from typing import Any

import polars as pl

from tokenarena_assets.chain.rank import AS_PROBED, widest_domain
from tokenarena_assets.report.cells import OUTSIDE
from tokenarena_assets.report.plots import COLOURS, DPI, as_markdown_image

MARKS = "os^vD<>PX"


def pareto(points: list[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other beats in both (less is better), by rising first coordinate."""
    front: list[int] = []
    best = float("inf")
    for index in sorted(range(len(points)), key=lambda i: points[i]):
        if points[index][1] < best:
            front.append(index)
            best = points[index][1]
    return front


def front_plot(costs: pl.DataFrame, energy: pl.DataFrame) -> str | None:
    """The day's endpoints as probed, in the widest domain; None where none has both figures.

    The front joins the middles; where intervals overlap no order is claimed. What is outside of the model (grade D) is
    a cross of its intervals without a middle, and never on the front.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    keys = ["endpoint_id", "mix", "domain"]
    figures = pl.selectors.starts_with("energy_j_per_correct_p")
    both = costs.join(energy.select(*keys, figures, "evidence_grade"), on=keys, how="inner")
    known = both.filter(
        (pl.col("mix") == AS_PROBED)
        & pl.col("usd_per_correct_lo").is_not_null()
        & pl.col("usd_per_correct_hi").is_not_null()
        & (pl.col("usd_per_correct") > 0)
        & pl.col("energy_j_per_correct_p50").is_not_null()
    )
    domain = widest_domain(known["domain"].to_list())
    rows = known.filter(pl.col("domain") == domain).sort("endpoint_id").to_dicts()
    if not rows:
        return None
    figure = Figure(figsize=(11.0, 5.5), layout="constrained", dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, row in enumerate(rows):
        _mark(axes, row, number)
    inside = [row for row in rows if row["evidence_grade"] != OUTSIDE]
    points = [(row["usd_per_correct"], row["energy_j_per_correct_p50"]) for row in inside]
    if along := [points[i] for i in pareto(points)]:
        usd, joules = zip(*along, strict=True)
        axes.plot(usd, joules, color="0.5", linestyle="--", linewidth=1, zorder=0, label="Pareto front of the middles")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("USD per correct answer, measured, 95 % interval")
    axes.set_ylabel("J per correct answer, MODELED, P5 to P95")
    axes.set_title(f"as probed, {domain}", fontsize=10)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return as_markdown_image(figure, "dollars against modeled joules per correct answer")


def _mark(axes: Any, row: dict[str, Any], number: int) -> None:
    usd, joules = row["usd_per_correct"], row["energy_j_per_correct_p50"]
    axes.errorbar(
        [usd],
        [joules],
        xerr=[[usd - row["usd_per_correct_lo"]], [row["usd_per_correct_hi"] - usd]],
        yerr=[[joules - row["energy_j_per_correct_p5"]], [row["energy_j_per_correct_p95"] - joules]],
        color=COLOURS[number % len(COLOURS)],
        marker="" if row["evidence_grade"] == OUTSIDE else MARKS[number // len(COLOURS) % len(MARKS)],
        markersize=4,
        elinewidth=0.7,
        linestyle="none",
        label=row["endpoint_id"],
    )
