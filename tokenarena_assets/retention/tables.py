"""Takes the texts of some rounds and suites out of the tables of a day; every other cell stays as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

import polars as pl

from tokenarena_assets.retention.lines import NO_SUITE
from tokenarena_assets.retention.texts import GOLD_TABLES, OWN_SUITES, TABLE_TEXTS
from tokenarena_assets.storage.lake import Lake

PLACE = ["raw_file", "raw_line"]
OUR_FAULT = ("not_run", "grader_fault")  # outcomes that need a `detail`: a rule of the table says so
GONE = "expired"
EMPTY = ("", "[]")


def round_of(raw_file: str) -> str:
    """The round that a raw file's name is of, whatever form it was in when it was read."""
    return raw_file.split(".jsonl", maxsplit=1)[0].removeprefix("round=")


def expire_tables(lake: Lake, day: date, texts: Mapping[str, Collection[str]]) -> dict[str, int]:
    """Put null in the place of texts; `texts`: by round the suites whose texts are gone.

    Returns the rows of each table that lost some. Done twice, the second time changes nothing.
    """
    lines = lake.read("probe_log", day, [*PLACE, "request_id", "suite"])
    wanted = pl.DataFrame(
        [(round_id, suite) for round_id, suites in texts.items() for suite in suites],
        schema={"round": pl.String(), "suite": pl.String()},
        orient="row",
    )
    gone = lines.with_columns(
        pl.col("suite").fill_null(NO_SUITE),
        round=pl.col("raw_file").str.split(".jsonl").list.first().str.strip_prefix("round="),
    ).join(wanted, on=["round", "suite"], how="semi")
    return {table: _expire(lake, table, day, gone) for table in TABLE_TEXTS if lake.has(table, day)}


def _expire(lake: Lake, table: str, day: date, gone: pl.DataFrame) -> int:
    frame = lake.read(table, day)
    key = PLACE if PLACE[0] in frame.columns else ["request_id"]
    marked = frame.with_row_index("__row")
    rows = marked.join(gone, on=key, how="semi")["__row"]
    own = marked.join(gone.filter(pl.col("suite").is_in(OWN_SUITES)), on=key, how="semi")["__row"]
    of = dict.fromkeys(TABLE_TEXTS[table], rows) | ({"gold": own} if table in GOLD_TABLES else {})
    here = pl.int_range(pl.len())
    empty = pl.lit(None, pl.String())
    values = {}
    for name, which in of.items():
        value = empty
        if name == "detail":
            value = pl.when(pl.col("outcome").is_in(OUR_FAULT)).then(pl.lit(GONE)).otherwise(empty)
        filled = pl.col(name).is_not_null() & ~pl.col(name).is_in(EMPTY)  # that an answer was empty stays known
        values[name] = pl.when(here.is_in(which.to_list()) & filled).then(value).otherwise(pl.col(name)).alias(name)
    after = frame.with_columns(**values)
    changed = frame.select(pl.any_horizontal(*(pl.col(n).ne_missing(after[n]) for n in of)).sum()).item()
    if changed:
        lake.write(table, day, after)
    return int(changed)
