"""Reads the fields of a tool's record: absent is None, and what cannot be is refused by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tokenarena_assets.importing.request import BadRecordError

MAX_SECONDS = 7 * 86_400.0  # a week: no request takes longer, and what says so was written in another unit
MAX_COUNT = 2**53
MAX_HTTP_STATUS = 999
EARLIEST_YEAR = 2000  # what is earlier was written in another unit
MS_PER_S = 1e3
NS_PER_MS = 1e6


class Fields:
    """A JSON object with the path to it; every reading names the field that it refuses."""

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, Mapping):
            raise BadRecordError(f"{path or 'the record'} is {_shown(value)}, not an object")
        self._value, self._path = value, path

    def _named(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def raw(self, name: str) -> Any:
        """The value as it is."""
        return self._value.get(name)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._value.get(name) is not None

    def part(self, name: str) -> Fields:
        """The object under `name`; an absent one is empty."""
        return Fields({} if self._value.get(name) is None else self._value[name], self._named(name))

    def number(self, name: str, most: float = math.inf) -> float | None:
        """A finite number from 0 to `most`."""
        value = self._value.get(name)
        return None if value is None else checked(value, self._named(name), most)

    def ms(self, name: str) -> float | None:
        """A duration in milliseconds."""
        return self.number(name, MAX_SECONDS * MS_PER_S)

    def ms_of_s(self, name: str) -> float | None:
        """A duration that stands in seconds, in milliseconds."""
        value = self.number(name, MAX_SECONDS)
        return None if value is None else value * MS_PER_S

    def count(self, name: str) -> int | None:
        """A whole number from 0."""
        value = self.number(name, MAX_COUNT)
        if value is not None and value != int(value):
            raise BadRecordError(f"{self._named(name)} is {value}, not a whole number")
        return None if value is None else int(value)

    def http_status(self, name: str) -> int | None:
        """A status code of HTTP."""
        self.number(name, MAX_HTTP_STATUS)
        return self.count(name)

    def stamp(self, name: str) -> int | None:
        """Nanoseconds on some clock, exactly as they stand."""
        value = self.number(name, 2**63)
        return None if value is None else int(self._value[name])

    def text(self, name: str) -> str | None:
        """A text."""
        value = self._value.get(name)
        if value is not None and not isinstance(value, str):
            raise BadRecordError(f"{self._named(name)} is {_shown(value)}, not a text")
        return value

    def numbers(self, name: str, most: float = math.inf) -> list[float]:
        """A list of finite numbers from 0 to `most`; an absent one is empty."""
        values = self.items(name)
        return [checked(value, f"{self._named(name)}[{index}]", most) for index, value in enumerate(values)]

    def items(self, name: str) -> Sequence[Any]:
        """A list; an absent one is empty."""
        value = self._value.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise BadRecordError(f"{self._named(name)} is {_shown(value)}, not a list")
        return value

    def moment(self, name: str, per_second: float = 1.0) -> datetime | None:
        """A Unix time in units of 1 / `per_second` s."""
        value = self.number(name)
        if value is None:
            return None
        try:
            moment = datetime.fromtimestamp(value / per_second, UTC)
        except (OverflowError, OSError, ValueError):
            moment = None
        if moment is None or moment.year < EARLIEST_YEAR or moment > datetime.now(UTC) + timedelta(days=1):
            raise BadRecordError(f"{self._named(name)} is {_shown(value)}, not a moment of the past")
        return moment


def nested(value: Any, *names: str) -> Any:
    """What lies under `names`, one in the other; None where one of them is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def checked(value: Any, path: str, most: float = math.inf) -> float:
    """`value` if it is a finite number from 0 to `most`.

    Raises:
        BadRecordError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRecordError(f"{path} is {_shown(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadRecordError(f"{path} is {_shown(value)}, not a finite number")
    if number < 0:
        raise BadRecordError(f"{path} is {_shown(value)}: less than nothing")
    if number > most:
        raise BadRecordError(f"{path} is {_shown(value)}: more than can be ({most:g})")
    return number


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits
        text = f"a {type(value).__name__} too large to show"
    return text if len(text) <= 60 else text[:57] + "..."
