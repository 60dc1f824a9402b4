"""A home of a year: what its last day takes beside the first, and publishing 365 days of marts of 195 endpoints."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path

import polars as pl
from pipeline import measured
from synthetic import ROUNDS_A_DAY, make_day, real_round

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.defs.execute import materialize
from tokenarena_assets.probing.round import today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.publish import publish
from tokenarena_assets.storage.tables import TableSpec

DAYS, ENDPOINTS = 365, 195
GOAL_RATIO, GOAL_PUBLISH_S = 1.1, 5.0


def fill(source: ParquetLake, target: ParquetLake, day: date, tables: list[str], *, copies: int, backs: range) -> None:
    """Partitions of so many days before `day`: its rows (synthetic: the same ones, dated back).

    With `copies` each endpoint stands in the tables that often, under names of its own.
    """
    for table in tables:
        frame = source.read(table, day)
        if copies > 1 and "endpoint_id" in frame.columns:
            numbered = [frame.with_columns(pl.col("endpoint_id") + f"-{number}") for number in range(copies)]
            frame = pl.concat([frame, *numbered[1:]])
        for back in backs:
            shifted = frame.with_columns(pl.col(pl.Date, pl.Datetime("us", "UTC")).dt.offset_by(f"-{back}d"))
            dated = shifted if "day" not in frame.columns else shifted.with_columns(pl.col("day").cast(pl.Date))
            target.write(table, dated["day"][0] if dated.height else _earlier(day, back), dated)


def _earlier(day: date, back: int) -> date:
    return date.fromordinal(day.toordinal() - back)


def last_day(source: Home, day: date, folder: Path, rows: int | None) -> None:
    """The same day materialized in an empty home, in one of a month (pools of a week are full) and in one of a year."""
    raw = source
    if rows is not None:
        raw = Home(folder / "raw")
        make_day(source, raw, day, rows, files=ROUNDS_A_DAY, frames=True)
    took = {}
    for number in (1, 30, DAYS):
        home = Home(folder / f"day{number}")
        shutil.copytree(raw.raw_day(day), home.raw_day(day), copy_function=os.link)
        fill(
            ParquetLake(source.lake), ParquetLake(home.lake), day, list(table_specs()), copies=1, backs=range(1, number)
        )
        publish(home, list(table_specs().values()))  # as the day before has left it
        found = measured("chain", home, day)
        took[number] = found
        print(f"day {number}: {found['total_s']:.1f} s, {found['cpu_s']:.1f} s of CPU, peak {found['peak_gb']:.2f} GB")
    one, last = took[1], took[DAYS]
    longer = {step: seconds - one["steps"].get(step, 0.0) for step, seconds in last["steps"].items()}
    for step, seconds in sorted(longer.items(), key=lambda pair: -pair[1])[:8]:
        print(f"  {seconds:+8.2f} s  {step}")
    for number in (1, 30):
        ratios = [last[name] / took[number][name] for name in ("total_s", "cpu_s")]
        print(f"day {DAYS} to day {number}: {ratios[0]:.2f} (goal {GOAL_RATIO}), of CPU {ratios[1]:.2f}")


def publishing(source: Home, day: date, folder: Path) -> None:
    """Publish a year of marts."""
    home = Home(folder / "marts")
    specs = [spec for spec in table_specs().values() if spec.published == "table"]
    lake = ParquetLake(source.lake)
    copies = -(-ENDPOINTS // lake.read("scorecard", day).height)
    fill(lake, ParquetLake(home.lake), day, [spec.name for spec in specs], copies=copies, backs=range(DAYS))
    _timed("anew", home, specs)
    newest = ParquetLake(home.lake)
    for spec in specs:
        newest.write(spec.name, day, newest.read(spec.name, day))
    _timed("one day written again", home, specs)


def _timed(what: str, home: Home, specs: list[TableSpec]) -> None:
    start, cpu = time.perf_counter(), time.process_time()
    counts = publish(home, specs)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    size, n = home.database.stat().st_size / 1e6, counts["scorecard"] // DAYS
    print(f"published {DAYS} days, {n} endpoints, {what}: {sum(counts.values()):,} rows, {size:.0f} MB")
    print(f"{took:.1f} s (goal {GOAL_PUBLISH_S:g}), {cpu:.1f} s of CPU")


def main() -> None:
    """Make the homes (synthetic: one real day, dated back) and time them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, help="a home with a materialized day; else one is made now")
    parser.add_argument("--only", choices=("publishing", "last_day"), help="one of the two")
    parser.add_argument(
        "--rows", type=float, help="rows of the last day (synthetic), e.g. 1e6; else one round as it is"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Home(given.source.absolute()) if given.source else real_round(Path(folder) / "real")
        if not given.source:
            materialize(source, today())
        day = max(ParquetLake(source.lake).days("scorecard"))
        if given.only != "last_day":
            publishing(source, day, Path(folder))
        if given.only != "publishing":
            last_day(source, day, Path(folder), int(given.rows) if given.rows else None)


if __name__ == "__main__":
    main()
