"""Rows of the facts' CSV files, read field by field: a bad field names its file, line, column and mend."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenarena_assets.errors import ConfigError


@dataclass(frozen=True)
class Row:
    """One row of a CSV file of facts, at the line where it ends."""

    file: Path
    line: int
    fields: Mapping[str, str]

    def error(self, column: str, problem: str, mend: str) -> ConfigError:
        """What is wrong with a field, ready to be raised."""
        return ConfigError(self.file, problem, line=self.line, field=column, mend=mend)

    def text(self, column: str) -> str:
        """A field that must not be empty."""
        value = self.fields[column].strip()
        if not value:
            raise self.error(column, "is empty", "fill it in: every fact has a name, a source and a date")
        return value

    def maybe_text(self, column: str) -> str | None:
        """A field, or None where it is empty."""
        return self.fields[column].strip() or None

    def one_of(self, column: str, allowed: Sequence[str]) -> str:
        """A field that is one of some words."""
        value = self.text(column)
        if value not in allowed:
            raise self.error(column, f"is {value!r}", f"use one of {', '.join(allowed)}")
        return value

    def flag(self, column: str) -> bool:
        """`true` or `false`."""
        return self.one_of(column, ("true", "false")) == "true"

    def number(
        self, column: str, *, above: float | None = None, low: float = -math.inf, high: float = math.inf
    ) -> float:
        """A finite number, above one limit or within two."""
        value = self.text(column)
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.error(column, f"{value!r} is not a finite number", "write a plain decimal number")
        if above is not None and number <= above:
            raise self.error(column, f"{value} is not above {above:g}", f"give a number above {above:g}")
        if not low <= number <= high:
            raise self.error(column, f"{value} is not within {low:g} and {high:g}", "correct the number or its unit")
        return number

    def maybe_number(self, column: str, *, above: float | None = None) -> float | None:
        """A number, or None where the field is empty."""
        return self.number(column, above=above) if self.fields[column].strip() else None

    def spread(self, low: str, middle: str, high: str) -> Spread:
        """P5, P50 and P95 of a prior, in rising order."""
        values = [self.number(column, above=0) for column in (low, middle, high)]
        if values != sorted(values):
            raise self.error(middle, f"{values[1]:g} is not between {values[0]:g} and {values[2]:g}", "order the three")
        return Spread(*values)


@dataclass(frozen=True)
class Spread:
    """A prior by its 5th, 50th and 95th percentile."""

    p5: float
    p50: float
    p95: float

    @property
    def sigma_ln(self) -> float:
        """Standard deviation of the logarithm, were it lognormal with these 5th and 95th percentiles."""
        return math.log(self.p95 / self.p5) / (2 * Z95)


Z95 = 1.6448536269514722


def read_rows(file: Path, columns: Sequence[str]) -> list[Row]:
    """All rows of a CSV file of facts whose header must hold `columns`, `source` and `as_of`.

    Raises:
        ConfigError: no such file, a column is missing, a row is too short or too long, or has no source or date.
    """
    return list(_rows(file, (*columns, "source", "as_of")))


def _rows(file: Path, columns: Sequence[str]) -> Iterator[Row]:
    try:
        handle = file.open(newline="", encoding="utf-8")
    except OSError as error:
        raise ConfigError(file, f"cannot be read: {error.strerror}", mend="restore the facts of the package") from None
    with handle:
        reader = csv.DictReader(handle, strict=True)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise ConfigError(file, "is not a column of the file", line=1, field=missing[0], mend="add the column")
        try:
            for fields in reader:
                row = Row(file, reader.line_num, {k: v for k, v in fields.items() if k is not None and v is not None})
                if None in fields or len(row.fields) < len(reader.fieldnames or ()):
                    raise row.error("(row)", "has not as many fields as the header", "quote fields that hold a comma")
                row.text("source")
                row.text("as_of")
                yield row
        except (csv.Error, UnicodeDecodeError) as error:
            raise ConfigError(file, f"is not CSV in UTF-8: {error}", line=reader.line_num + 1, mend="mend it") from None
