"""Renews the shipped price list: prices that two feeds agree on now replace those of the file, with source and date.

    python scripts/renew_prices.py [--models-dev api.json] [--litellm prices.json] [--write]

A row is renewed where genai-prices says so and no other feed given says otherwise, or where two feeds given agree;
every other change is printed for a person to look at. The new price is added to the price history. Without --write the
changes are only printed.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from tokenarena_assets.pricing.facts import ListedEndpoint, price_history_path, price_list, price_list_path
from tokenarena_assets.pricing.feeds import Fetched, PriceFeed, stated_by
from tokenarena_assets.pricing.feeds.genai import GenaiPricesFeed
from tokenarena_assets.pricing.feeds.litellm import LiteLlmFeed
from tokenarena_assets.pricing.feeds.models_dev import ModelsDevFeed
from tokenarena_assets.pricing.observation import STANDARD, ProblemError, Wanted
from tokenarena_assets.pricing.price_list import KINDS, ListPrice
from tokenarena_assets.pricing.rules import agree, doubts
from tokenarena_assets.storage.files import write_text

Said = dict[str, tuple[ListPrice, str]]  # feed -> price, version


def main() -> None:
    """Read the feeds, print what changed, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models-dev", help="models.dev's api.json: a file or a URL")
    parser.add_argument("--litellm", help="LiteLLM's price map: a file or a URL")
    parser.add_argument("--write", action="store_true", help="write the files")
    given = parser.parse_args()
    feeds: list[PriceFeed] = [GenaiPricesFeed()]
    feeds += [ModelsDevFeed(given.models_dev)] if given.models_dev else []
    feeds += [LiteLlmFeed(given.litellm)] if given.litellm else []
    today = datetime.now(UTC).date()
    said = _said(feeds, today)
    renewed: dict[str, tuple[ListPrice, str]] = {}
    for listed in price_list():
        price, words = _judged(listed, said.get(listed.endpoint_id, {}))
        if price is not None:
            renewed[listed.endpoint_id] = price, words
        if words:
            print(f"{listed.endpoint_id}: {words}")
    print(f"{len(renewed)} of {len(price_list())} rows are renewed" + ("" if given.write else " with --write"))
    if given.write:
        _write(renewed, today)


def _said(feeds: Sequence[PriceFeed], today: date) -> dict[str, Said]:
    wanted = {
        each.endpoint_id: Wanted(
            each.endpoint_id,
            None if each.models_dev_output == "reasoning" else each.genai_prices_id,
            each.models_dev_id,
            each.models_dev_output,
            each.litellm_id,
        )
        for each in price_list()
    }
    found: dict[str, Said] = {}
    for feed in feeds:
        fetched: Fetched = feed.fetch(list(wanted.values()))
        for entry in fetched.entries:
            try:
                stated = stated_by(feed.name, entry.raw, wanted[entry.endpoint_id], today)
            except ProblemError as error:
                print(f"{entry.endpoint_id}: {feed.name}: {error}")
                continue
            for each in stated:
                if each.service_tier == STANDARD:
                    found.setdefault(entry.endpoint_id, {})[feed.name] = each.price, fetched.version
    return found


def _judged(listed: ListedEndpoint, said: Said) -> tuple[ListPrice | None, str]:
    """The price that replaces the listed one (None: none does), and what is to be told of it."""
    if not said:
        return None, ""
    (feed, (price, version)), *others = said.items()
    plain = price.model_copy(update={"bands": (), "cache_write_usd_per_mtok": listed.price.cache_write_usd_per_mtok})
    if all(getattr(plain, kind) in (getattr(listed.price, kind), None) for kind in KINDS):
        return None, ""
    differing = [name for name, (other, _) in others if not agree(price, other)]
    why = doubts(price, listed.price)
    words = f"{_pair(listed.price)} -> {_pair(price)} by {feed} {version}"
    if differing:
        return None, f"{words}; LEFT: {', '.join(differing)} says otherwise"
    if why and not others:
        return None, f"{words}; LEFT, look at it: {'; '.join(why)}"
    if price.bands:
        return None, f"{words}; LEFT: prices of hours go into the history by hand"
    return price, words


def _pair(price: ListPrice) -> str:
    return "/".join("-" if value is None else f"{value.normalize():f}" for value in price.prices().values())


def _write(renewed: dict[str, tuple[ListPrice, str]], today: date) -> None:
    with price_list_path().open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    history = []
    for row in rows:
        name = f"{row['provider']}/{row['model']}@{row['sku']}"
        if name not in renewed:
            continue
        price, words = renewed[name]
        history.append(_history_row(row, price, today, words))
        for kind, value in price.prices().items():
            if value is not None:
                row[kind] = f"{value.normalize():f}"
        tier = price.tiers[0] if price.tiers else None
        if tier is not None:
            row["above_input_tokens"] = str(tier.above_input_tokens)
            for kind in ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok"):
                value = getattr(tier, kind)
                row[f"above_{kind}"] = "" if value is None else f"{value.normalize():f}"
        row |= {"source": words.rsplit(" by ", 1)[-1], "as_of": today.isoformat()}
    write_text(price_list_path(), _csv(columns, rows))
    _append_history(price_history_path(), history)


def _history_row(row: dict[str, str], price: ListPrice, today: date, words: str) -> dict[str, str]:
    kinds = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")
    cells = {kind: "" if (value := getattr(price, kind)) is None else f"{value.normalize():f}" for kind in kinds}
    names = {name: row[name] for name in ("provider", "model", "sku")}
    told = {"valid_from": today.isoformat(), "basis": "observed_date", "source": words.rsplit(" by ", 1)[-1]}
    above = {"above_input_tokens": str(price.tiers[0].above_input_tokens) if price.tiers else ""}
    return names | cells | told | above


def _append_history(path: Path, added: list[dict[str, str]]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    for new in added:
        for row in rows:
            if not row["valid_to"] and all(row[name] == new[name] for name in ("provider", "model", "sku")):
                row["valid_to"] = new["valid_from"]
    whole = rows + [dict.fromkeys(columns, "") | new for new in added]
    write_text(path, _csv(columns, sorted(whole, key=lambda r: (r["provider"], r["model"], r["sku"], r["valid_from"]))))


def _csv(columns: Sequence[str], rows: Sequence[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    main()
