"""What an adapter of a price feed offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from pydantic import ValidationError

from tokenarena_assets.pricing.observation import ProblemError, Stated, Wanted
from tokenarena_assets.pricing.price_list import ListPrice


@dataclass(frozen=True, slots=True)
class Entry:
    """What a feed has of one endpoint, as it has it; `key` is the feed's own id of it."""

    endpoint_id: str
    key: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fetched:
    """All entries of one look at a feed; `version` says which state of it: wheel, commit, or SHA-256 of the file."""

    feed: str
    version: str
    entries: tuple[Entry, ...]


class PriceFeed(Protocol):
    """A source of prices. Ids are matched exactly: what is not there under its id is not guessed."""

    name: str

    def fetch(self, wanted: Sequence[Wanted]) -> Fetched:
        """The entries of those wanted that the feed has.

        Raises:
            TokenArenaError: it cannot be read, with the mend.
        """
        ...


class Parser(Protocol):
    """Reads an entry of a feed, from evidence that may be old."""

    def __call__(self, raw: Mapping[str, Any], wanted: Wanted, day: date) -> Sequence[Stated]:
        """The prices that the entry states on the UTC day on which it was fetched.

        Raises:
            ProblemError: it states none that can be taken.
        """
        ...


def list_price(fields: Mapping[str, Any]) -> ListPrice:
    """A price from an adapter's fields.

    Raises:
        ProblemError: they make none, or one of nothing.
    """
    try:
        return ListPrice.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProblemError(f"bad_price: {place}: {first['msg']}") from None


def amount(value: Any, factor: int = 1) -> Decimal | None:
    """A price of a JSON feed times `factor`; None where there is none.

    Raises:
        ProblemError: it is no number.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ProblemError(f"bad_price: {value!r} is no number")
    try:
        return Decimal(str(value)) * factor
    except ArithmeticError:  # not a number, or one beyond what Decimal multiplies
        raise ProblemError(f"bad_price: {value!r} is no number") from None
