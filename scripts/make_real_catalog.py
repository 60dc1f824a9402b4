"""Writes catalogs/real_endpoints.yaml from the price tables and facts/providers.yaml.

    .venv/bin/python scripts/make_real_catalog.py --prices ../shared/data

The folder of prices holds `endpoints_catalog.csv` (one row an endpoint), `endpoints_price_extra.csv` (context tiers,
prices of cache writes and of reasoning) and `price_history_seed.csv` (dated rows: one that is newer than the
catalog's is the one that is taken). Numbers are copied as they are written there.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
FACTS = ROOT / "tokenarena_assets" / "facts" / "providers.yaml"
TARGET = ROOT / "catalogs" / "real_endpoints.yaml"
REASONING_OUTPUT_TOKENS = 16_384
REASONING_ITEMS = 30
CONTEXT_SHARE = 2  # an answer may take no more of the context than one part in so many
HEAD = """\
# {n} endpoints of {providers} providers, {models} models: ready to probe where their keys are set.
#
#   tokenarena endpoints --endpoints catalogs/real_endpoints.yaml                which keys are missing
#   tokenarena probe --endpoints catalogs/real_endpoints.yaml --dry-run          what a round would cost at most
#
# Written by scripts/make_real_catalog.py; change that or its sources, or copy what you want into a catalog of your own.
# Prices are list prices in USD per million tokens as of the date in each note, read from stored copies of public
# sources: refresh them before anything is published. Limits are claims. No live endpoint was asked while this was made.
# `model_family` is the model: endpoints are compared within it. `vendor_family` is the vendor's line of models.
# All stand in one quality tier, so that dollars per correct answer are of the same questions. docs/endpoints.md tells
# what each field means.
endpoints:
"""
Row = Mapping[str, str]
Key = tuple[str, str, str]


def main() -> None:
    """Read the tables, write the catalog."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prices", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the CSV files")
    parser.add_argument("--to", type=Path, default=TARGET, help="file to write")
    given = parser.parse_args()
    text = catalog_text(given.prices, FACTS)
    given.to.parent.mkdir(parents=True, exist_ok=True)
    given.to.write_text(text, encoding="utf-8")
    print(f"{given.to}: {text.count('  - provider: ')} endpoints")


def catalog_text(prices: Path, facts: Path) -> str:
    """The catalog as YAML, providers in the order of the facts, endpoints in that of the price table."""
    rows = _rows(prices / "endpoints_catalog.csv")
    extra = {_key(row): row for row in _rows(prices / "endpoints_price_extra.csv")}
    newer = {
        _key(row): row
        for row in _rows(prices / "price_history_seed.csv")
        if not row["valid_to"] and row["valid_from"] > rows[0]["as_of"]
    }
    known = yaml.safe_load(facts.read_text(encoding="utf-8"))
    order = {entry["provider"]: place for place, entry in enumerate(known["providers"])}
    unknown = sorted({row["provider"] for row in rows} - order.keys())
    if unknown:
        raise SystemExit(f"{facts} does not say how {', '.join(unknown)} are reached")
    references = _references(rows, known)
    rows = sorted(rows, key=lambda row: order[row["provider"]])
    models = len({row["model"] for row in rows})
    parts = [HEAD.format(n=len(rows), providers=len({row["provider"] for row in rows}), models=models)]
    for provider, own in groupby(rows, key=lambda row: row["provider"]):
        about = known["providers"][order[provider]]
        parts.append(_provider_comment(about))
        parts += [_entry(_fields(row, extra[_key(row)], newer.get(_key(row)), about, known, references)) for row in own]
    return "".join(parts)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _key(row: Row) -> Key:
    return row["provider"], row["model"], row["sku"]


def _set_by(row: Row, about: Mapping[str, Any]) -> dict[str, Any]:
    """What the exceptions of a provider set for an endpoint."""
    found: dict[str, Any] = {}
    for exception in about.get("exceptions", ()):
        if row["model"] in exception.get("models", [row["model"]]) and row["sku"] in exception.get(
            "skus", [row["sku"]]
        ):
            found |= exception["set"]
    return found


def _references(rows: list[dict[str, str]], known: Mapping[str, Any]) -> frozenset[Key]:
    """The one reference of each family: the author's own API, its ordinary SKU first; none that cannot be probed."""
    about = {entry["provider"]: entry for entry in known["providers"]}
    best: dict[str, Key] = {}
    for row in sorted(rows, key=lambda row: (row["sku"] != "standard", row["sku"])):
        own = _set_by(row, about[row["provider"]])
        if row["first_party"] == "true" and not own.get("cannot_probe") and not own.get("no_reference"):
            best.setdefault(row["model"] + own.get("family_suffix", ""), _key(row))
    return frozenset(best.values())


def _fields(
    row: Row,
    extra: Row,
    newer: Row | None,
    about: Mapping[str, Any],
    known: Mapping[str, Any],
    references: frozenset[Key],
) -> dict[str, Any]:
    own = _set_by(row, about)
    cannot_probe = own.get("cannot_probe")
    family = row["model"] + own.get("family_suffix", "")
    thinks = bool(own.get("thinks", row["model"] in known["reasoning_models"]))
    request_model = own.get("request_prefix", "") + row["provider_model_id"]
    fields: dict[str, Any] = {
        "provider": row["provider"],
        "model": row["model"],
        "sku": row["sku"] if row["sku"] != "standard" else None,
        "model_family": family if family != row["model"] else None,
        "vendor_family": row["model_family"],
        "api": own.get("api", about["api"]),
        "base_url": own.get("base_url", about["base_url"]),
        "api_key_env": about["api_key_env"],
        "request_model": request_model if request_model != row["model"] else None,
        "reference": True if _key(row) in references else None,
        "quantization": row["quantization"] or None,
        "region": _region(row, own, about),
        "context_tokens": int(row["context_window_tokens"]),
        "max_output_tokens": int(row["max_output_tokens"]),
        "price": _price(row, extra, newer, about),
        "top_logprobs": own.get("top_logprobs"),
        "thinks": thinks or None,
        "cannot_probe": cannot_probe,
        "extra_body": own.get("extra_body"),
    }
    if thinks and cannot_probe is None:
        room = min(fields["max_output_tokens"], fields["context_tokens"] // CONTEXT_SHARE)
        fields["quality_output_tokens"] = min(REASONING_OUTPUT_TOKENS, room)
        fields["quality_items"] = REASONING_ITEMS
    fields["note"] = _note(row, newer, own)
    return {name: value for name, value in fields.items() if value is not None}


def _region(row: Row, own: Mapping[str, Any], about: Mapping[str, Any]) -> str | None:
    named = row["sku"].removeprefix("region-") if row["sku"].startswith("region-") else None
    region: str | None = own.get("region", named or about.get("region"))
    return region


class Number(str):
    """A number to be written as its source wrote it."""

    __slots__ = ()


def _price(row: Row, extra: Row, newer: Row | None, about: Mapping[str, Any]) -> dict[str, Any]:
    source = newer or row
    rate = _rate(
        source["price_input_usd_per_mtok"],
        source["price_output_usd_per_mtok"],
        source["price_cached_input_usd_per_mtok"],
        extra["cache_write_usd_per_mtok"],
        extra["reasoning_usd_per_mtok"],
    )
    price: dict[str, Any] = dict(rate)
    if extra["long_context_threshold_tokens"]:
        tier = _rate(
            extra["long_price_input_usd_per_mtok"],
            extra["long_price_output_usd_per_mtok"],
            extra["long_price_cached_input_usd_per_mtok"],
        )
        price["tiers"] = [{"above_input_tokens": Number(extra["long_context_threshold_tokens"]), **tier}]
    if newer is not None and (peak := about.get("peak")):
        dearer = {name: Number(_times(value, peak["factor"])) for name, value in rate.items()}
        price["bands"] = [
            {"from_utc": start, "to_utc": end, "weekdays": peak["weekdays"], **dearer}
            for start, end in peak["hours_utc"]
        ]
    return price


def _rate(*prices: str) -> dict[str, Number]:
    names = ("input", "output", "cached_input", "cache_write", "reasoning_output")
    given = zip(names, prices, strict=False)
    return {f"{name}_usd_per_mtok": Number(price) for name, price in given if price}


def _times(price: str, factor: int) -> str:
    return f"{Decimal(price) * factor:f}"


def _note(row: Row, newer: Row | None, own: Mapping[str, Any]) -> str:
    if newer is None:
        parts = [f"price of {row['as_of']}, {row['source']}"]
    else:
        parts = [f"price since {newer['valid_from']}, {newer['source']}"]
    if row["quantization_source"]:
        parts.append(f"quantization: {row['quantization_source']}")
    return "; ".join([*parts, *filter(None, (row["notes"], own.get("note")))])


def _provider_comment(about: Mapping[str, Any]) -> str:
    said = f"\n  # {about['provider']}: address and key of {about['as_of']}, {about['source']}\n"
    return said + (f"  # {about['note']}\n" if about.get("note") else "")


def _entry(fields: Mapping[str, Any]) -> str:
    lines = [line for name, value in fields.items() for line in _lines(name, value)]
    return "  - " + "\n    ".join(lines) + "\n"


def _lines(name: str, value: object) -> list[str]:
    """A field on a line of its own; prices with tiers or bands on a line each."""
    if not isinstance(value, dict) or not {"tiers", "bands"} & value.keys():
        return [f"{name}: {_flow(value)}"]
    found = [f"{name}:"]
    for part, entry in value.items():
        found += (
            [f"  {part}:", *(f"    - {_flow(each)}" for each in entry)]
            if isinstance(entry, list)
            else [f"  {part}: {_flow(entry)}"]
        )
    return found


def _flow(value: object) -> str:
    """A value in YAML's flow style, numbers as they were written and text in quotes where it needs them."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(entry)}" for name, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(entry) for entry in value) + "]"
    if isinstance(value, str):
        return value if _is_plain(value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def _is_plain(text: str) -> bool:
    """Whether YAML reads the text as it stands, also within braces."""
    return not set("{}[],#:\"'@`&*!|>%") & set(text.replace("://", "")) and yaml.safe_load(text) == text


if __name__ == "__main__":
    main()
