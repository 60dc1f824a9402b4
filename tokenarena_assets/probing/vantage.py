"""From where a round is sent: a region's name, what of the day it asks and may spend, how far its clock is off."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, rounds_of

REGIONS_VARIABLE = "TOKENARENA_REGIONS"
REGION_FROM_VARIABLE = "TOKENARENA_REGION_FROM"
SPOOL_VARIABLE = "TOKENARENA_SPOOL"
LOCAL = "local"  # the name of a single vantage point that nobody named
REGION_NAME = re.compile(r"^[a-z][a-z0-9_]{0,29}$")  # it becomes part of names of assets, pools, queues and rounds
# What differs with the place it is asked from; all else is asked from the first region only.
ASKED_EVERYWHERE = ("speed", "parallel")


@dataclass(frozen=True, slots=True)
class Clock:
    """How far this host's wall clock is from the shared one: add `offset_ms` to ours; known to +- `uncertainty_ms`."""

    offset_ms: float
    uncertainty_ms: float

    @property
    def text(self) -> str:
        """How far our clock is off, in words."""
        return f"this host's clock is {-self.offset_ms / 1000:+.3f} s off (+- {self.uncertainty_ms:.0f} ms)"

    def as_record(self) -> dict[str, float]:
        """As a manifest holds it."""
        return {"offset_ms": round(self.offset_ms, 3), "uncertainty_ms": round(self.uncertainty_ms, 3)}


@dataclass(frozen=True, slots=True)
class Vantage:
    """One place that rounds are sent from; `regions` are all such places (empty: this one alone).

    `run_id` is whoever asked for the round: asked again by the same one, a round that is done is not run once more.
    """

    region_from: str = LOCAL
    regions: tuple[str, ...] = ()
    clock: Clock | None = None
    run_id: str | None = None

    @classmethod
    def in_force(cls) -> Vantage:
        """A single place, by the name that `TOKENARENA_REGION_FROM` gives it.

        Raises:
            TokenArenaError: that is no name of a region.
        """
        return cls(region_from_in_force())

    @property
    def day_share(self) -> Fraction:
        """Which part of a cap on the day's spending is this place's own, so that no place has to know of the others."""
        return Fraction(1, max(1, len(self.regions)))

    def suites(self, suites: Sequence[str]) -> tuple[str, ...]:
        """Which of `suites` are asked from here."""
        if not self.regions or self.region_from == self.regions[0]:
            return tuple(suites)
        return tuple(suite for suite in suites if suite in ASKED_EVERYWHERE)

    def shared(self, moment: datetime) -> datetime:
        """A moment of our own clock by the shared one, where that is known."""
        return moment if self.clock is None else moment + timedelta(milliseconds=self.clock.offset_ms)

    def today(self) -> date:
        """The current UTC day, by the shared clock."""
        return self.shared(datetime.now(UTC)).date()

    def is_own(self, found: RoundFiles) -> bool:
        """Whether a round was sent from here; nobody completes or closes what another place may still be sending."""
        return ((found.manifest or {}).get("region_from") or LOCAL) == self.region_from

    def own_rounds(self, home: Home, day: date) -> list[RoundFiles]:
        """The rounds of a day that were sent from here."""
        return [found for found in rounds_of(home, day) if self.is_own(found)]

    def as_record(self) -> dict[str, Any]:
        """As a manifest holds it."""
        return {
            "region_from": self.region_from,
            "clock": None if self.clock is None else self.clock.as_record(),
            "run_id": self.run_id,
        }


def regions_in_force() -> tuple[str, ...]:
    """The probing regions, `TOKENARENA_REGIONS`, the first one asking everything; empty: this machine alone.

    Raises:
        TokenArenaError: a name is none, or is given twice.
    """
    names = tuple(name for part in os.environ.get(REGIONS_VARIABLE, "").split(",") if (name := part.strip()))
    for name in names:
        _check(name, REGIONS_VARIABLE)
    if len(set(names)) < len(names):
        raise TokenArenaError(f"{REGIONS_VARIABLE}: a region is named twice in {', '.join(names)}", mend="name it once")
    return names


def region_from_in_force() -> str:
    """The name of the place that this machine probes from: `TOKENARENA_REGION_FROM`, else `local`.

    Raises:
        TokenArenaError: that is no name of a region.
    """
    name = os.environ.get(REGION_FROM_VARIABLE, "").strip() or LOCAL
    _check(name, REGION_FROM_VARIABLE)
    return name


def spool_in_force() -> Path:
    """The folder on this host's own disk for the rounds of a region, `TOKENARENA_SPOOL`.

    Raises:
        TokenArenaError: it is not set.
    """
    text = os.environ.get(SPOOL_VARIABLE, "").strip()
    if not text:
        raise TokenArenaError(
            f"{SPOOL_VARIABLE} is not set: a region writes its rounds to a disk of its own and ships them when sealed",
            mend=f"set {SPOOL_VARIABLE} to a folder on this host's local disk, not on the shared one",
        )
    return Path(text).absolute()


def _check(name: str, variable: str) -> None:
    if not REGION_NAME.match(name):
        raise TokenArenaError(
            f"{variable}: {name!r} is no name of a region",
            mend="lower-case letters, digits and _, beginning with a letter, at most 30, such as eu or us_east",
        )
