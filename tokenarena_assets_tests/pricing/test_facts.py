"""The shipped prices: what is in them, that they load, and faults with file, row, column and mend."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tokenarena_assets.errors import ConfigError
from tokenarena_assets.pricing.facts import price_history, price_history_path, price_list, price_list_path

SHARED = Path(__file__).parents[3] / "shared" / "data"


def test_the_list_has_every_endpoint_with_source_and_date() -> None:
    listed = price_list()
    assert len(listed) == len({each.endpoint_id for each in listed}) == 195
    assert len({each.provider for each in listed}) == 30
    assert sum(bool(each.price.tiers) for each in listed) == 7
    assert all(each.source and each.as_of >= date(2026, 7, 1) for each in listed)
    assert not any(each.price.is_free for each in listed)


def test_the_history_is_dated_and_of_listed_endpoints() -> None:
    history = price_history()
    assert len(history) == 282
    assert {each.endpoint_id for each in history} <= {each.endpoint_id for each in price_list()}
    (peak,) = [e for e in history if e.endpoint_id == "deepseek/deepseek-v4-pro@standard" and e.price.bands]
    assert (peak.valid_from, peak.basis) == (date(2026, 8, 17), "effective_date")
    assert [band.label for band in peak.price.bands] == ["01:00-04:00 UTC", "06:00-10:00 UTC"]
    assert peak.price.bands[0].output_usd_per_mtok == Decimal("3.96")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the files that the list was made from are not here")
def test_the_list_is_what_was_read() -> None:
    listed = {each.endpoint_id: each for each in price_list()}
    with (SHARED / "endpoints_catalog.csv").open() as file:
        for row in csv.DictReader(file):
            price = listed[f"{row['provider']}/{row['model']}@{row['sku']}"].price
            assert price.input_usd_per_mtok == Decimal(row["price_input_usd_per_mtok"])
            assert price.output_usd_per_mtok == Decimal(row["price_output_usd_per_mtok"])
            cached = row["price_cached_input_usd_per_mtok"]
            assert price.cached_input_usd_per_mtok == (Decimal(cached) if cached else None)


def changed(tmp_path: Path, source: Path, column: str, value: str) -> Path:
    with source.open(newline="") as file:
        reader = csv.DictReader(file)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    rows[2][column] = value
    path = tmp_path / source.name
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("input_usd_per_mtok", "cheap", "price_list.csv:4: input_usd_per_mtok: .*got 'cheap'"),
        ("output_usd_per_mtok", "-1", "price_list.csv:4: output_usd_per_mtok: .*greater than or equal to 0"),
        ("output_usd_per_mtok", "", "price_list.csv:4: output_usd_per_mtok: .*got ''"),
        ("above_input_tokens", "200000", "price_list.csv:4: above_input_usd_per_mtok: "),
        ("above_input_tokens", "many", "price_list.csv:4: above_input_tokens: .*got 'many'"),
        ("as_of", "yesterday", "price_list.csv:4: as_of: .*got 'yesterday'"),
        ("source", "", "price_list.csv:4: source: must not be empty"),
        ("models_dev_output", "x", "price_list.csv:4: models_dev_output: must be output or reasoning"),
    ],
)
def test_a_fault_of_the_list_is_named(tmp_path: Path, column: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        price_list(changed(tmp_path, price_list_path(), column, value))
    assert "renew" in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("valid_from", "", "price_history.csv:4: valid_from: must not be empty"),
        ("valid_to", "2020-01-01", "price_history.csv:4: valid_to: must be after valid_from"),
        ("basis", "guess", "price_history.csv:4: basis: must be effective_date or observed_date"),
        ("peak_hours_utc", "01:00-04:00", "price_history.csv:4: peak_multiplier: must not be empty"),
    ],
)
def test_a_fault_of_the_history_is_named(tmp_path: Path, column: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        price_history(changed(tmp_path, price_history_path(), column, value))


def test_a_row_of_another_length_and_a_missing_file_are_named(tmp_path: Path) -> None:
    short = tmp_path / "price_list.csv"
    short.write_text(price_list_path().read_text() + "only,three,cells\n")
    with pytest.raises(ConfigError, match=r"price_list.csv:197: has another number of cells"):
        price_list(short)
    with pytest.raises(ConfigError, match="cannot be read"):
        price_list(tmp_path / "none.csv")
    double = tmp_path / "double.csv"
    text = price_list_path().read_text()
    double.write_text(text + text.splitlines(keepends=True)[1])
    with pytest.raises(ConfigError, match=r"double.csv:197: provider: groq/gpt-oss-120b@standard is listed twice"):
        price_list(double)
