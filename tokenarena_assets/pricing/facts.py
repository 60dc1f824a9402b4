"""The shipped price list of real endpoints and its history, read from CSV; each row has its source and date."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.pricing.price_list import KINDS, ListPrice

Read = TypeVar("Read")
MEND = "correct the cell, or renew the file: python scripts/renew_prices.py"


@dataclass(frozen=True, slots=True)
class ListedEndpoint:
    """One endpoint of the shipped list: its price on `as_of`, and by which id each feed knows it (None: it does not).

    `models_dev_output` is the field that holds its output price there: the thinking mode of some models is a SKU of its
    own here and a second price of the same entry there.
    """

    endpoint_id: str
    provider: str
    model: str
    sku: str
    model_family: str
    provider_model_id: str
    price: ListPrice
    currency: str
    genai_prices_id: str | None
    models_dev_id: str | None
    models_dev_output: str
    litellm_id: str | None
    source: str
    as_of: date
    row: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """A price that was in force from `valid_from` to before `valid_to` (None: until further notice).

    `basis`: `effective_date`, or `observed_date` where only the day on which a source took it up is known.
    """

    endpoint_id: str
    valid_from: date
    valid_to: date | None
    price: ListPrice
    basis: str
    source: str
    note: str | None


def price_list_path() -> Path:
    """The shipped price list."""
    return Path(str(files("tokenarena_assets"))) / "facts" / "prices" / "price_list.csv"


def price_history_path() -> Path:
    """The shipped price history."""
    return price_list_path().with_name("price_history.csv")


@cache
def price_list(path: Path | None = None) -> tuple[ListedEndpoint, ...]:
    """The price list, by endpoint in the order of the file.

    Raises:
        ConfigError: naming file, row and column of the first cell that is wrong.
    """
    found: dict[str, ListedEndpoint] = {}
    where = path or price_list_path()
    for line, row in _rows(where):
        listed = _listed(_Cells(where, line, row))
        if listed.endpoint_id in found:
            raise ConfigError(where, f"{listed.endpoint_id} is listed twice", line=line, field="provider", mend=MEND)
        found[listed.endpoint_id] = listed
    return tuple(found.values())


def price_list_version(path: Path | None = None) -> str:
    """The first 16 hex digits of the SHA-256 of the price list."""
    return sha256((path or price_list_path()).read_bytes()).hexdigest()[:16]


@cache
def price_history(path: Path | None = None, list_path: Path | None = None) -> tuple[DatedPrice, ...]:
    """The dated prices, by endpoint and day.

    The history has neither cache-write nor reasoning prices, nor those of tiers: a row whose prices are those of the
    list takes them from there.

    Raises:
        ConfigError: naming file, row and column of the first cell that is wrong.
    """
    where = path or price_history_path()
    listed = {endpoint.endpoint_id: endpoint.price for endpoint in price_list(list_path)}
    found = []
    for line, row in _rows(where):
        cells = _Cells(where, line, row)
        own = _listed_like(cells, listed.get(cells.endpoint_id))
        ends = cells.optional("valid_to", date.fromisoformat)
        begins = cells.needed("valid_from", date.fromisoformat)
        if ends is not None and ends <= begins:
            raise cells.wrong("valid_to", "must be after valid_from")
        basis = cells.needed("basis", str)
        if basis not in ("effective_date", "observed_date"):
            raise cells.wrong("basis", "must be effective_date or observed_date")
        source = cells.needed("source", str)
        found.append(DatedPrice(cells.endpoint_id, begins, ends, own, basis, source, row["note"] or None))
    return tuple(sorted(found, key=lambda each: (each.endpoint_id, each.valid_from)))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                if None in row or None in row.values():
                    raise ConfigError(
                        path, "has another number of cells than the header", line=reader.line_num, mend=MEND
                    )
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, f"cannot be read: {error}", mend="restore the file from the package") from error


class _Cells:
    """The cells of one row, with errors that name their place."""

    def __init__(self, path: Path, line: int, row: dict[str, str]) -> None:
        self.path, self.line, self.row = path, line, row
        self.endpoint_id = f"{self.needed('provider', str)}/{self.needed('model', str)}@{self.needed('sku', str)}"

    def wrong(self, column: str, problem: str) -> ConfigError:
        return ConfigError(
            self.path, f"{problem}, got {self.row.get(column)!r}", line=self.line, field=column, mend=MEND
        )

    def optional(self, column: str, read: Callable[[str], Read]) -> Read | None:
        text = self.row.get(column)
        if text is None:
            raise ConfigError(self.path, "the column is missing", line=1, field=column, mend=MEND)
        if not text:
            return None
        try:
            return read(text)
        except ValueError as error:
            raise self.wrong(column, str(error)) from None

    def needed(self, column: str, read: Callable[[str], Read]) -> Read:
        value = self.optional(column, read)
        if value is None:
            raise self.wrong(column, "must not be empty")
        return value

    def price(self, fields: Mapping[str, Any], columns: Mapping[str, str]) -> ListPrice:
        try:
            return ListPrice.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise self.wrong(columns.get(name, str(first["loc"][-1])), first["msg"]) from None


TIER_KINDS = {
    "input_usd_per_mtok": "above_input_usd_per_mtok",
    "cached_input_usd_per_mtok": "above_cached_input_usd_per_mtok",
    "output_usd_per_mtok": "above_output_usd_per_mtok",
}


def _listed(cells: _Cells) -> ListedEndpoint:
    row = cells.row
    fields: dict[str, Any] = {kind: cells.optional(kind, str) for kind in KINDS}
    if (above := cells.optional("above_input_tokens", int)) is not None:
        tier = {kind: cells.optional(column, str) for kind, column in TIER_KINDS.items()}
        fields["tiers"] = [{"above_input_tokens": above, **tier}]
    output = cells.needed("models_dev_output", str)
    if output not in ("output", "reasoning"):
        raise cells.wrong("models_dev_output", "must be output or reasoning")
    return ListedEndpoint(
        endpoint_id=cells.endpoint_id,
        **{name: row[name] for name in ("provider", "model", "sku", "model_family")},
        provider_model_id=cells.needed("provider_model_id", str),
        price=cells.price(fields, {f"tiers.0.{kind}": column for kind, column in TIER_KINDS.items()}),
        currency=cells.needed("currency", str),
        genai_prices_id=cells.optional("genai_prices_id", str),
        models_dev_id=cells.optional("models_dev_id", str),
        models_dev_output=output,
        litellm_id=cells.optional("litellm_id", str),
        source=cells.needed("source", str),
        as_of=cells.needed("as_of", date.fromisoformat),
        row=row,
    )


def _listed_like(cells: _Cells, listed: ListPrice | None) -> ListPrice:
    kinds = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")
    fields: dict[str, Any] = {kind: cells.optional(kind, str) for kind in kinds}
    hours = cells.optional("peak_hours_utc", str.split) or []
    if hours:
        times = cells.needed("peak_multiplier", int)
        dear = {kind: str(times * getattr(cells.price(fields, {}), kind)) for kind in kinds if fields[kind] is not None}
        spans = [span.split("-") for span in hours]
        fields["bands"] = [{**dear, "from_utc": span[0], "to_utc": span[-1]} for span in spans]
    price = cells.price(fields, {})
    above = cells.optional("above_input_tokens", int)
    if listed is None or any(getattr(listed, kind) != getattr(price, kind) for kind in kinds) or hours:
        return price
    same_tier = above == (listed.tiers[0].above_input_tokens if listed.tiers else None)
    return listed if same_tier else listed.model_copy(update={"tiers": ()})
