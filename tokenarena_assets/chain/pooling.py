"""The answers of the days up to one, pooled: what the lake has of them, and which items belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import polars as pl

from tokenarena_assets.storage.lake import Lake

POOL_DAYS = 28
GENERATED_SUITES = ("quality_math", "quality_code")
NEEDED = ("day", "endpoint_id", "suite", "item_id", "template_id", "domain", "outcome", "correct")


def pool_days(day: date) -> list[date]:
    """The 28 days that end with `day`, the oldest first."""
    return [day - timedelta(days=back) for back in range(POOL_DAYS - 1, -1, -1)]


def read_pool(lake: Lake, day: date) -> pl.DataFrame:
    """The answers of the pool of `day`, of those days that the lake has; :data:`NEEDED` columns."""
    existing = set(lake.days("answers"))
    return pooled(lake.read("answers", each) for each in pool_days(day) if each in existing)


def pooled(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """`frames` of answers as one, of :data:`NEEDED` columns; a day made before there were domains was of math."""
    empty = pl.DataFrame(
        schema={name: pl.Boolean() if name == "correct" else pl.String() for name in NEEDED} | {"day": pl.Date()}
    )
    kept = [frame.select(name for name in NEEDED if name in frame.columns) for frame in frames]
    return pl.concat([empty, *kept], how="diagonal").with_columns(pl.col("domain").fill_null("math"))


def clusters_of(own: pl.DataFrame, suite: str) -> Sequence[str]:
    """Which items of a suite rise and fall together: those of a template; of public and own ones each is for itself.

    A frozen item that is asked on several days is one cluster: its repetitions are no new items.
    """
    if suite not in GENERATED_SUITES:
        return own["item_id"].to_list()
    return own.select(pl.coalesce("template_id", "item_id")).to_series().to_list()
