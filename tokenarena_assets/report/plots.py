"""Small plots as Markdown images, for the Dagster UI."""

from __future__ import annotations

import base64
import io
import math
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

# Okabe and Ito: told apart by the colour-blind too. Further endpoints take the same colours with another line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", ":", "-.")
PANEL_INCHES = (8.5, 2.3)
DPI = 72
SHADES = 48  # of the image: lines on white need no more, and it is a third of the size
MOST_TICKS = 10
LEAST_SPAN = 4.0  # points of F on the axis: an unchanged endpoint is shown as flat
NUDGE = timedelta(hours=2)  # between endpoints, so that intervals do not hide each other
MARGIN = timedelta(hours=18)


def fidelity_plot(daily: pl.DataFrame) -> str | None:
    """Fidelity with its interval over the days of `daily` beside the reference's self floor, a panel a family.

    None where no day has a fidelity.
    """
    # matplotlib takes a second to load, which most steps can do without.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    known = daily.filter(pl.col("fidelity").is_not_null())
    families = known["model_family"].unique().sort().to_list()
    if not families:
        return None
    width, height = PANEL_INCHES
    figure = Figure(figsize=(width, height * len(families) + 0.4), layout="constrained", dpi=DPI)
    FigureCanvasAgg(figure)
    for panel, family in zip(figure.subplots(len(families), 1, squeeze=False)[:, 0], families, strict=True):
        _panel(panel, known.filter(pl.col("model_family") == family), daily)
        panel.set_title(family, fontsize=9, parse_math=False)
    rehearsal = "REHEARSAL, days not lived through: " if daily["rehearsal"].any() else ""
    figure.suptitle(f"{rehearsal}fidelity F over 7 days, 95 % intervals", fontsize=10)
    return as_markdown_image(figure, "fidelity by family over days")


def as_markdown_image(figure: Any, described: str) -> str:
    """A figure as a Markdown image that carries its own data."""
    from PIL import Image  # noqa: PLC0415 - comes with matplotlib

    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(SHADES, Image.Quantize.MAXCOVERAGE).save(small, "png", optimize=True)
    return f"![{described}](data:image/png;base64,{base64.b64encode(small.getvalue()).decode()})"


def _panel(panel: Any, known: pl.DataFrame, daily: pl.DataFrame) -> None:
    parts = known.sort("endpoint_id", "day").partition_by("endpoint_id", as_dict=True, maintain_order=True)
    for number, ((endpoint_id,), own) in enumerate(parts.items()):
        aside = (number - (len(parts) - 1) / 2) * NUDGE
        reach = [
            [0.0 if b is None else abs(value - b) for value, b in zip(own["fidelity"], own[end], strict=True)]
            for end in ("fidelity_lo", "fidelity_hi")
        ]
        panel.errorbar(
            [_start(day) + aside for day in own["day"]],
            own["fidelity"].to_list(),
            yerr=reach,
            color=COLOURS[number % len(COLOURS)],
            linestyle=LINES[number // len(COLOURS) % len(LINES)],
            marker="o",
            markersize=3,
            linewidth=1.2,
            elinewidth=0.7,
            label=endpoint_id,
        )
    floor = known.group_by("day").agg(pl.col("fidelity_self_floor").median()).drop_nulls().sort("day")
    panel.plot(
        [_start(day) for day in floor["day"]],
        floor["fidelity_self_floor"].to_list(),
        color="0.4",
        linestyle=(0, (4, 2)),
        marker="_",
        markersize=9,
        linewidth=1,
        label="reference's self floor",
    )
    _axes(panel, daily["day"].sort())


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _axes(panel: Any, days: pl.Series) -> None:
    from matplotlib.dates import DateFormatter, DayLocator

    lo, hi = panel.get_ylim()
    if hi - lo < LEAST_SPAN:
        middle = (lo + hi) / 2
        panel.set_ylim(middle - LEAST_SPAN / 2, middle + LEAST_SPAN / 2)
    first, last = _start(days[0]), _start(days[-1])
    panel.set_xlim(first - MARGIN, last + MARGIN)
    every = math.ceil(((last - first).days + 1) / MOST_TICKS)
    panel.set_xticks([first + timedelta(days=n) for n in range(0, (last - first).days + 1, every)])
    panel.xaxis.set_minor_locator(DayLocator())  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_formatter(DateFormatter("%b %d"))  # type: ignore[no-untyped-call]
    panel.set_xlabel("UTC day", fontsize=8)
    panel.set_ylabel("F, points", fontsize=8)
    panel.tick_params(labelsize=7)
    panel.grid(color="0.9", linewidth=0.6)
    legend = panel.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1.02), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)  # names come from a catalog: a dollar sign in one is no formula
