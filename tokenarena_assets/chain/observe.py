"""Looks at price feeds as evidence, and the evidence of a day as a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

import polars as pl
from pydantic import ValidationError

from tokenarena_assets.chain.price_tables import PRICE_OBSERVATION
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.pricing.facts import ListedEndpoint, price_list
from tokenarena_assets.pricing.feeds import PriceFeed, stated_by
from tokenarena_assets.pricing.observation import (
    CATALOG,
    PROVIDERS_OF_GENAI,
    ProblemError,
    Stated,
    Wanted,
)
from tokenarena_assets.pricing.price_list import ListPrice, price_of_json
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.pricelog import PriceLine, read_looks, record_look

SIMPLE = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")


def wanted_endpoints(catalog_log: pl.DataFrame) -> list[Wanted]:
    """The endpoints whose prices are looked for: the shipped list's, and the probed ones by their request's model."""
    found = {each.endpoint_id: _of_list(each) for each in price_list()}
    live = catalog_log.filter(~pl.col("is_embedded")).unique("endpoint_id", keep="last", maintain_order=True)
    for endpoint_id, provider, model in live.select("endpoint_id", "provider", "request_model").iter_rows():
        if endpoint_id not in found and model:
            genai = PROVIDERS_OF_GENAI.get(provider)
            found[endpoint_id] = Wanted(endpoint_id, f"{genai}:{model}" if genai else None, f"{provider}/{model}")
    return [found[name] for name in sorted(found)]


def _of_list(listed: ListedEndpoint) -> Wanted:
    # A thinking mode has one entry with the plain one in the feeds that do not tell them apart.
    genai = None if listed.models_dev_output == "reasoning" else listed.genai_prices_id
    return Wanted(listed.endpoint_id, genai, listed.models_dev_id, listed.models_dev_output, listed.litellm_id)


def record_looks(home: Home, at: datetime, feeds: Iterable[PriceFeed], wanted: Sequence[Wanted]) -> dict[str, str]:
    """Look at each feed and append what it says; returns what happened. One that fails is recorded and stops nobody."""
    said = {}
    for feed in feeds:
        try:
            fetched = feed.fetch(wanted)
        except TokenArenaError as error:
            record_look(home, at, feed.name, "unknown", (), problem=str(error.message))
            said[feed.name] = f"failed: {error.message}"
            continue
        entries = [(entry.endpoint_id, entry.key, dict(entry.raw)) for entry in fetched.entries]
        path = record_look(home, at, feed.name, fetched.version, entries)
        said[feed.name] = f"{len(entries)} endpoints, version {fetched.version}" + (
            "" if path else ", as it was recorded before on this day"
        )
    return said


def observations(home: Home, day: date, catalog_log: pl.DataFrame) -> pl.DataFrame:
    """The table `price_observation` of a day: its evidence, and the catalogs that its rounds recorded."""
    wanted = {each.endpoint_id: each for each in wanted_endpoints(catalog_log)}
    population = _population(catalog_log)
    rows = [row for line in read_looks(home, day) for row in _line_rows(day, line, wanted)]
    rows += _catalog_rows(day, catalog_log)
    known = [row | population.get(name := str(row["endpoint_id"]), _nobody(name)) for row in rows]
    return PRICE_OBSERVATION.frame(known).sort("feed", "observed_at", "raw_file", "raw_line", "observation_id")


def _population(catalog_log: pl.DataFrame) -> dict[str, dict[str, bool]]:
    found = {each.endpoint_id: _nobody(each.endpoint_id) for each in price_list()}
    for endpoint_id, embedded in (
        catalog_log.select("endpoint_id", "is_embedded").unique(maintain_order=True).iter_rows()
    ):
        found[endpoint_id] = _nobody(endpoint_id) | {"is_probed": True, "is_embedded": bool(embedded)}
    return found


def _nobody(endpoint_id: str) -> dict[str, bool]:
    return {"is_probed": False, "is_embedded": False, "is_market": endpoint_id in _listed()}


@cache
def _listed() -> frozenset[str]:
    return frozenset(each.endpoint_id for each in price_list())


def _line_rows(day: date, line: PriceLine, wanted: Mapping[str, Wanted]) -> Iterator[dict[str, Any]]:
    base = {
        "day": day,
        "endpoint_id": line.endpoint_id,
        "feed": line.feed,
        "feed_version": line.feed_version,
        "feed_key": line.key,
        "observed_at": line.observed_at,
        "raw": None if line.raw is None else json.dumps(line.raw, ensure_ascii=False, sort_keys=True),
        "raw_file": line.file,
        "raw_line": line.line,
    }
    problem = line.problem
    stated: Sequence[Stated] = ()
    if problem is None:
        asked = wanted.get(str(line.endpoint_id)) or Wanted(str(line.endpoint_id))
        try:
            stated = stated_by(line.feed, line.raw or {}, asked, day)
        except ProblemError as error:
            problem = str(error)
    if problem is not None:
        yield base | {"problem": problem, "observation_id": _identity(line.feed, line.file, line.line, "")}
        return
    for each in stated:
        identity = _identity(line.feed, line.file, line.line, each.service_tier)
        yield (
            base
            | _priced(each.price)
            | {
                "observation_id": identity,
                "service_tier": each.service_tier,
                "stated_on": each.stated_on,
                "effective_from": each.effective_from,
                "currency": each.currency,
            }
        )


def _catalog_rows(day: date, catalog_log: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for row in catalog_log.iter_rows(named=True):
        price = recorded_price(row)
        yield {
            "day": day,
            "observation_id": _identity(CATALOG, row["round_id"], 1, row["endpoint_id"]),
            "endpoint_id": row["endpoint_id"],
            "service_tier": "standard",
            "feed": CATALOG,
            "feed_version": row["round_id"],
            "feed_key": row["request_model"],
            "observed_at": row["recorded_at"],
            "currency": "USD",
            "raw": row["price_json"],
            "raw_file": f"round={row['round_id']}.manifest.json",
            "raw_line": 1,
            **({"problem": "no_price: the catalog has none"} if price is None else _priced(price)),
        }


def recorded_price(row: Mapping[str, Any]) -> ListPrice | None:
    """The price of a row of `catalog_log`: the whole one, else what its plain columns say; None: it has none."""
    if row["price_json"] is not None:
        try:
            return price_of_json(row["price_json"])
        except ValidationError:  # of another version
            pass
    if row["input_usd_per_mtok"] is None or row["output_usd_per_mtok"] is None:
        return None
    return ListPrice(**{kind: row[kind] for kind in SIMPLE})


def _priced(price: ListPrice) -> dict[str, Any]:
    return {**price.prices(), "price_json": price.canonical_json()}


def _identity(feed: str, file: str, line: int, rest: str) -> str:
    return hashlib.sha256("|".join((feed, file, str(line), rest)).encode()).hexdigest()[:24]
