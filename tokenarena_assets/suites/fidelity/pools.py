"""Prompts made from seeds: of any number, the same for every endpoint, no text in two channels or in both halves."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import count, islice

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites.items import derived_seed, rng_for
from tokenarena_assets.suites.version import SUITE_VERSION

# Each text belongs to one of these by its hash, so that no two of them can share one, whatever the week or seed.
SHELVES = (
    ("sampled", "fixed"),
    ("sampled", "rotating"),
    ("greedy", "fixed"),
    ("greedy", "rotating"),
    ("logprobs", "fixed"),
)
REDRAWS = 2_000  # of a text that is of another shelf or drawn already, before its kind counts as exhausted
BATCH = 32  # prompts are drawn so many at a time
FIXED = "f"
LISTED = "listed"  # the kind in the ids of prompts that are written out
NAMED = re.compile(r"(\w+)-(\w+)-(\w+)-(f|r-\d{4}W\d\d(?:\.[0-9a-f]{4})?)-(\d{3,4})")


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to make prompts; its name stands in their ids."""

    name: str
    make: Callable[[random.Random], str]


@dataclass(frozen=True, slots=True)
class Pool:
    """The prompts of one family of tiers: by channel, the kinds that take turns, each as often as it should be asked.

    `listed` are written out: the prompts of `logprobs`, where they are not drawn as well.
    """

    name: str
    turns: dict[str, tuple[Kind, ...]]
    listed: tuple[str, ...] = ()

    def prompts(
        self, channel: str, how_many: int, day: date, private_seed: str, unfit: Collection[str] = ()
    ) -> list[tuple[str, str, str]]:
        """(id, set, text) of the prompts of a channel on `day`: half of them fixed, half of the week.

        The ids in `unfit` are passed over: the next number of the same kind takes the place of each.
        """
        fixed = -(-how_many // 2)
        turns = [turn.name for turn in _taken(self.turns[channel], how_many)]
        return [
            *self._half(channel, turns[:fixed], FIXED, "", unfit),
            *self._half(channel, turns[fixed:], week_of(day, private_seed), private_seed, unfit),
        ]

    def fixed(self, channel: str, how_many: int) -> list[tuple[str, str, str]]:
        """(id, set, text) of a channel all of whose prompts are fixed: as many as wanted, or as are listed."""
        if not self.turns[channel]:
            return [
                (f"{self.name}-{channel}-{LISTED}-{FIXED}-{number:03d}", "fixed", text)
                for number, text in enumerate(self.listed[:how_many])
            ]
        return self._half(channel, [turn.name for turn in _taken(self.turns[channel], how_many)], FIXED, "", ())

    def text_of(self, prompt_id: str, private_seed: str) -> str:
        """The text of a prompt that :meth:`prompts` named so.

        Raises:
            TokenArenaError: it names none, or its text came from another private seed.
        """
        for listed_id, _, text in self.fixed("logprobs", len(self.listed)):
            if listed_id == prompt_id:
                return text
        found = NAMED.fullmatch(prompt_id)
        if (
            not found
            or found[1] != self.name
            or not any(kind.name == found[3] for kind in self.turns.get(found[2], ()))
        ):
            raise TokenArenaError(f"there is no prompt {prompt_id!r}", mend="ids are those of the table `requests`")
        channel, kind, half, number = found[2], found[3], found[4], int(found[5])
        if half.partition(".")[2] != (seed_mark(private_seed) if half != FIXED else ""):
            raise TokenArenaError(
                f"the prompt {prompt_id} was made from another private seed", mend="set the one of that time"
            )
        return self._texts(channel, kind, half, private_seed if half != FIXED else "", number + 1)[number]

    def _half(
        self, channel: str, turns: list[str], half: str, private_seed: str, unfit: Collection[str]
    ) -> list[tuple[str, str, str]]:
        wanted = Counter(turns)
        fit = {kind: list(islice(self._fit(channel, kind, half, private_seed, unfit), wanted[kind])) for kind in wanted}
        place = "fixed" if half == FIXED else "rotating"
        taken: Counter[str] = Counter()
        found = []
        for kind in turns:
            prompt_id, text = fit[kind][taken[kind]]
            taken[kind] += 1
            found.append((prompt_id, place, text))
        return found

    def _fit(
        self, channel: str, kind: str, half: str, private_seed: str, unfit: Collection[str]
    ) -> Iterator[tuple[str, str]]:
        for number in count():
            prompt_id = f"{self.name}-{channel}-{kind}-{half}-{number:03d}"
            if prompt_id not in unfit:
                yield prompt_id, self._texts(channel, kind, half, private_seed, number + 1)[number]

    def _texts(self, channel: str, kind: str, half: str, private_seed: str, at_least: int) -> tuple[str, ...]:
        make = next(turn.make for turn in self.turns[channel] if turn.name == kind)
        return _drawn(self.name, channel, kind, half, private_seed, make, -(-at_least // BATCH) * BATCH)


def week_of(day: date, private_seed: str) -> str:
    """What the ids of a week's prompts have after the kind: `r-2026W48`, with a mark of the private seed where one is.

    Without the mark a change of the seed would put two texts under one id.
    """
    year, week, _ = day.isocalendar()
    mark = seed_mark(private_seed)
    return f"r-{year}W{week:02d}" + (f".{mark}" if mark else "")


def seed_mark(private_seed: str) -> str:
    """Four hex digits that tell one private seed from another; of none: nothing."""
    return f"{derived_seed('private seed', private_seed) >> 48:04x}" if private_seed else ""


def shelf_of(text: str) -> tuple[str, str]:
    """The channel and the half that alone may ask this text."""
    return SHELVES[derived_seed("shelf", text) % len(SHELVES)]


def _taken(turns: tuple[Kind, ...], how_many: int) -> list[Kind]:
    return [turns[number % len(turns)] for number in range(how_many)]


@lru_cache(maxsize=512)
def _drawn(
    pool: str,
    channel: str,
    kind: str,
    half: str,
    private_seed: str,
    make: Callable[[random.Random], str],
    how_many: int,
) -> tuple[str, ...]:
    """The first texts of a kind; more of them begin with the same."""
    shelf = (channel, "fixed" if half == FIXED else "rotating")
    found: dict[str, None] = {}
    for number in range(how_many):
        for again in range(REDRAWS):
            text = make(rng_for(SUITE_VERSION, "fidelity", pool, channel, kind, half, private_seed, number, again))
            if shelf_of(text) == shelf and text not in found:
                found[text] = None
                break
        else:
            raise TokenArenaError(
                f"the prompts of kind {kind} are exhausted at {number} in {pool}/{channel}", mend="ask fewer prompts"
            )
    return tuple(found)
