"""The retention policy: for how many days frames and texts of each suite are kept; numbers are kept for ever."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tokenarena_assets.endpoints.yaml_source import Location, line_of, load_yaml
from tokenarena_assets.errors import ConfigError
from tokenarena_assets.retention.lines import NO_SUITE, Due
from tokenarena_assets.retention.needs import days_read
from tokenarena_assets.suites.suite import SUITES

VARIABLE, LOCAL_NAME = "TOKENARENA_RETENTION", "retention.yaml"
Days = Annotated[int, Field(ge=1, le=36_500)] | None


class Terms(BaseModel):
    """For how many days a suite's frames and texts are kept; None: for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    frames_days: Days = None
    texts_days: Days = None


class RetentionFile(BaseModel):
    """A retention file: the terms of all suites, and of some that differ (what they leave out is the default's)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    default: Terms = Terms()
    suites: dict[str, Terms] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """The terms in force."""

    default: Terms = field(default_factory=Terms)
    suites: Mapping[str, Terms] = field(default_factory=dict)

    def of(self, suite: str) -> Terms:
        """The terms of a suite; of lines whose suite cannot be told the longest that any line has."""
        if suite != NO_SUITE:
            return self.suites.get(suite, self.default)
        every = [self.default, *self.suites.values()]
        return Terms(
            frames_days=_longest([each.frames_days for each in every]),
            texts_days=_longest([each.texts_days for each in every]),
        )

    def due(self, day: date, today: date) -> Callable[[str], Due]:
        """By suite, whether frames and texts of `day` are due `today`: as soon as they are that many days old."""
        age = (today - day).days

        @cache
        def due(suite: str) -> Due:
            terms = self.of(suite)
            return Due(*(days is not None and age >= days for days in (terms.frames_days, terms.texts_days)))

        return due

    def anything_due(self, day: date, today: date) -> bool:
        """Whether any suite's frames or texts are."""
        due = self.due(day, today)
        return any(
            due(suite).frames or due(suite).texts for suite in (*self.suites, *(set(SUITES) - self.suites.keys()))
        )

    def as_record(self) -> dict[str, Any]:
        """As the ledger holds it."""
        return {
            "default": self.default.model_dump(),
            "suites": {suite: terms.model_dump() for suite, terms in sorted(self.suites.items())},
        }

    @property
    def sha256(self) -> str:
        """Of its terms: equal policies have equal ones."""
        return hashlib.sha256(json.dumps(self.as_record(), sort_keys=True).encode()).hexdigest()


def _longest(days: list[int | None]) -> int | None:
    known = [each for each in days if each is not None]
    return max(known) if known and len(known) == len(days) else None


def policy_path(configured: Path | None = None) -> Path | None:
    """`configured`, `TOKENARENA_RETENTION`, `./retention.yaml`; None: there is no policy, and nothing expires."""
    given = configured or os.environ.get(VARIABLE)
    if given:
        return Path(given).absolute()
    local = Path(LOCAL_NAME).absolute()
    return local if local.exists() else None


def load_policy(path: Path | None) -> Policy:
    """Read and validate a retention file; without one nothing expires.

    Raises:
        ConfigError: naming file, line and field of the first thing that is wrong; so is a term that would take texts
            from tables that are still to be made.
    """
    if path is None:
        return Policy()
    loaded, lines = load_yaml(path, RetentionFile)
    default, suites = loaded.default, {}
    for name, given in loaded.suites.items():
        if name not in SUITES:
            raise ConfigError(
                path,
                f"there is no suite {name!r}",
                line=line_of(lines, ("suites", name)),
                field=f"suites.{name}",
                mend=f"suites are: {', '.join(SUITES)}",
            )
        own = given.model_dump(include=given.model_fields_set)
        suites[name] = Terms(**(default.model_dump() | own))
    policy = Policy(default, suites)
    for location, terms, of in _places(policy):
        _require_sound(path, lines, location, terms, of)
    return policy


def _places(policy: Policy) -> Iterator[tuple[Location, Terms, list[str]]]:
    yield ("default",), policy.default, [suite for suite in SUITES if suite not in policy.suites]
    for suite, terms in policy.suites.items():
        yield ("suites", suite), terms, [suite]


def _require_sound(
    path: Path, lines: Mapping[Location, int], location: Location, terms: Terms, suites: list[str]
) -> None:
    def wrong(name: str, problem: str, mend: str) -> ConfigError:
        where = (*location, name)
        return ConfigError(path, problem, line=line_of(lines, where), field=".".join(map(str, where)), mend=mend)

    if terms.texts_days is None:
        return
    if terms.frames_days is None or terms.frames_days > terms.texts_days:
        kept = "for ever" if terms.frames_days is None else f"for {terms.frames_days} days"
        raise wrong(
            "texts_days",
            f"texts are kept for {terms.texts_days} days and frames {kept}, but frames hold the texts",
            f"give frames_days of at most {terms.texts_days}",
        )
    for suite in sorted(suites, key=days_read, reverse=True):
        # One day more: the last of them is closed on the day after it.
        least = days_read(suite) + 1
        if terms.texts_days < least:
            raise wrong(
                "texts_days",
                f"tables of {least - 1} days read the texts of {suite}, and the last is closed a day later: "
                f"after {terms.texts_days} days they would change",
                f"give at least {least}"
                + ("" if location[0] == "suites" else f", or give {suite} terms of its own under suites"),
            )
