"""Observations up to a day -> its price book, what was held back, what became of each observation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from tokenarena_assets.chain.price_tables import PRICE_BOOK, PRICE_OBSERVATION, PRICE_QUARANTINE, PRICE_VERDICTS
from tokenarena_assets.pricing.book import Book, BookRow, Held, Key, Release, Run, fold, priced_rows, shipped_runs
from tokenarena_assets.pricing.facts import price_history, price_list
from tokenarena_assets.pricing.observation import HISTORY, SHIPPED, origin_of
from tokenarena_assets.pricing.price_list import price_of_json
from tokenarena_assets.storage.lake import Lake

# The book of a day reads all days before it that the lake has; Dagster is told of so many.
BOOK_DAYS = 400
NEEDED = (
    "day",
    "observation_id",
    "endpoint_id",
    "service_tier",
    "feed",
    "observed_at",
    "stated_on",
    "effective_from",
    "currency",
    "price_json",
    "problem",
    "raw_file",
    "raw_line",
    "is_probed",
    "is_embedded",
)


@dataclass(frozen=True, slots=True)
class PriceDay:
    """The tables of a day."""

    book: pl.DataFrame
    quarantine: pl.DataFrame
    verdicts: pl.DataFrame


def read_observations(lake: Lake, day: date) -> pl.DataFrame:
    """`price_observation` of all days up to `day` that the lake has, :data:`NEEDED` columns."""
    days = [each for each in lake.days(PRICE_OBSERVATION.name) if each <= day]
    if not days:
        return PRICE_OBSERVATION.frame([]).select(NEEDED)
    return lake.scan(PRICE_OBSERVATION.name, days).select(NEEDED).collect()


def runs_of(seen: pl.DataFrame) -> tuple[list[Run], dict[str, list[date]]]:
    """Observations as runs, unchanged ones collapsed, and the days on which each feed was looked at.

    Of several looks on one day the last counts. An entry that is no price leaves what was said before.
    """
    known = seen.filter(pl.col("endpoint_id").is_not_null())
    looks = dict(known.group_by("feed").agg(pl.col("day").unique().sort()).sort("feed").iter_rows())
    numbered = known.with_columns(
        # A problem has no service tier: it is one of the standard price, of which nothing is known then.
        pl.col("service_tier").fill_null("standard"),
        look=pl.col("day").rank("dense").over("feed").cast(pl.Int64),
    )
    of_key = ("endpoint_id", "service_tier", "feed")
    last = (
        numbered.sort(*of_key, "day", "observed_at", "raw_file", "raw_line", nulls_last=False)
        .group_by(*of_key, "day", maintain_order=True)
        .last()
        .with_columns(pl.col("price_json", "stated_on", "effective_from", "currency").forward_fill().over(of_key))
        .filter(pl.col("price_json").is_not_null())
    )
    said = ("price_json", "stated_on", "effective_from")
    before = [pl.col(name).eq_missing(pl.col(name).shift(1).over(of_key)) for name in said]
    marked = last.with_columns(
        starts=~(pl.all_horizontal(*before) & (pl.col("look") == pl.col("look").shift(1).over(of_key) + 1)).fill_null(
            value=False
        )
    ).with_columns(run=pl.col("starts").cum_sum())
    grouped = marked.group_by("run", maintain_order=True).agg(
        pl.col(*of_key, *said, "currency").first(), first=pl.col("day").first(), look=pl.col("look").last()
    )
    return [_run(row, looks) for row in grouped.iter_rows(named=True)], looks


def _run(row: Mapping[str, Any], looks: Mapping[str, Sequence[date]]) -> Run:
    days = looks[row["feed"]]
    gone_on = days[row["look"]] if row["look"] < len(days) else None  # looks are numbered from 1
    return Run(
        row["endpoint_id"],
        row["service_tier"],
        row["feed"],
        row["price_json"],
        row["first"],
        gone_on,
        row["stated_on"],
        row["effective_from"],
        currency=row["currency"] or "USD",
    )


def price_day(day: date, seen: pl.DataFrame, releases: Sequence[Mapping[str, Any]] = ()) -> PriceDay:
    """The book as known at the end of `day`, of the observations up to it and the shipped files."""
    # The shipped list counts with its date, whether or not somebody looked at it on this day.
    runs, looks = runs_of(seen.filter(pl.col("day") <= day, pl.col("feed") != SHIPPED))
    released = [Release(**release) for release in releases]
    book = fold([*shipped_runs(price_history(), price_list()), *runs], day, looks=looks, releases=released)
    today = seen.filter(pl.col("day") == day)
    return PriceDay(
        book=PRICE_BOOK.frame(_book_rows(day, book, today)),
        quarantine=PRICE_QUARANTINE.frame([_held_row(day, held) for held in book.held]),
        verdicts=PRICE_VERDICTS.frame(_verdicts(day, book, today)),
    )


def _book_rows(day: date, book: Book, today: pl.DataFrame) -> list[dict[str, object]]:
    listed = {each.endpoint_id: each.model_family for each in price_list()}
    probed = dict(today.filter("is_probed").select("endpoint_id", "is_embedded").iter_rows())
    rows = []
    for row in book.rows:
        base = {
            "day": day,
            "endpoint_id": row.endpoint_id,
            "model_family": listed.get(row.endpoint_id),
            "service_tier": row.service_tier,
            "valid_from": row.valid_from,
            "valid_to": row.valid_to,
            "currency": row.currency,
            "basis": row.basis,
            "feed": row.feed,
            "feeds_agree": ", ".join(_shown(row.feeds_agree)) or None,
            "feeds_disagree": json.dumps(dict(row.feeds_disagree)) if row.feeds_disagree else None,
            "n_feeds": len({origin_of(feed) for feed in row.feeds_agree}),
            "quality_flag": _flag(row),
            "is_probed": row.endpoint_id in probed,
            "is_embedded": bool(probed.get(row.endpoint_id)),
            "is_market": row.endpoint_id in listed,
            "price_json": row.price_json,
        }
        for line in priced_rows(row):
            own = {"price_id": line.price_id, "min_input_tokens": line.min_input_tokens, "band": line.band}
            rows.append({**base, **own, **line.rate.prices()})
    return rows


def _shown(feeds: Sequence[str]) -> list[str]:
    return [feed for feed in feeds if feed != HISTORY or SHIPPED not in feeds]


def _flag(row: BookRow) -> str:
    flags = [*row.flags, *(["feeds_differ"] if row.feeds_disagree else [])]
    return "; ".join(flags) or "ok"


def _held_row(day: date, held: Held) -> dict[str, object]:
    kept = None if held.kept_json is None else price_of_json(held.kept_json)
    return {
        "day": day,
        "endpoint_id": held.endpoint_id,
        "service_tier": held.service_tier,
        "feed": held.feed,
        "held_on": held.held_on,
        **price_of_json(held.price_json).prices(),
        "reasons": "; ".join(held.reasons),
        "kept_input_usd_per_mtok": None if kept is None else kept.input_usd_per_mtok,
        "kept_output_usd_per_mtok": None if kept is None else kept.output_usd_per_mtok,
        "state": held.state,
        "resolved_on": held.resolved_on,
        "resolved_because": held.resolved_because,
        "price_json": held.price_json,
    }


def _verdicts(day: date, book: Book, today: pl.DataFrame) -> list[dict[str, object]]:
    held: dict[Key, Held] = {(each.endpoint_id, each.service_tier): each for each in book.held if each.state == "held"}
    in_force = {(row.endpoint_id, row.service_tier): row for row in book.rows if row.valid_to is None}
    ordered = today.sort("observed_at", "raw_file", "raw_line", nulls_last=False)
    last = {(row["endpoint_id"], row["service_tier"], row["feed"]): row["observation_id"] for row in ordered.to_dicts()}
    rows: list[dict[str, object]] = []
    for row in ordered.iter_rows(named=True):
        key = (row["endpoint_id"], row["service_tier"])
        verdict, because = _verdict(row, last, held.get(key), in_force.get(key), book.leading.get(key))
        rows.append(
            {
                "day": day,
                **{name: row[name] for name in ("observation_id", "endpoint_id", "service_tier", "feed")},
                "verdict": verdict,
                "because": because,
            }
        )
    return sorted(rows, key=lambda each: str(each["observation_id"]))


def _verdict(
    row: Mapping[str, Any],
    last: Mapping[tuple[Any, Any, Any], str],
    held: Held | None,
    in_force: BookRow | None,
    leading: str | None,
) -> tuple[str, str]:
    if row["problem"] is not None:
        return "quarantined", row["problem"]
    if last[row["endpoint_id"], row["service_tier"], row["feed"]] != row["observation_id"]:
        return "superseded", "the feed was looked at again later that day"
    if held is not None and held.feed == row["feed"]:
        return "quarantined", "; ".join(held.reasons)
    if leading == row["feed"]:
        return "used", "in force by its word"
    if in_force is not None and row["feed"] in in_force.feeds_agree:
        return "superseded", f"{leading} says the same"
    return "superseded", f"{leading} counts before it" if leading else "no price is in force"
