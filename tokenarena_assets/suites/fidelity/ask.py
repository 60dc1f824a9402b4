"""Which prompt of a fidelity suite a question is, the how-manieth time, and at which hour of the day it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tokenarena_assets.suites.items import derived_seed
from tokenarena_assets.suites.version import SUITE_VERSION

FIDELITY_SUITES = ("parity", "sampled", "greedy", "border", "logprobs")
SLOTS = 24  # of a UTC day, an hour each
SEED_BITS = 31  # as many as every API takes


@dataclass(frozen=True, slots=True)
class FidelityAsk:
    """One asking of a prompt: `rep` counts from 0, `slot` is the UTC hour it is planned for.

    `prompt_set` is fixed, rotating, found (a border input) or candidate (of the search for border inputs); `stage`, in
    the border suite alone, is search, reference or monitor.
    """

    prompt_id: str
    prompt_set: str
    rep: int
    slot: int
    stage: str = ""

    @property
    def key(self) -> str:
        """The name of this asking in its suite and day: a prompt may be searched and monitored on the same day."""
        return ".".join(part for part in (self.prompt_id, self.stage, str(self.rep)) if part)


def slot_of(day: date, channel: str, prompt_id: str, rep: int) -> int:
    """The hour of the day at which this asking is planned, 0 to 23: the same for every endpoint."""
    return _derived(day, channel, prompt_id, rep) % SLOTS


def seed_of(day: date, channel: str, prompt_id: str, rep: int) -> int:
    """The seed that is sent with a greedy question; it is logged, and nothing relies on it."""
    return _derived(day, channel, prompt_id, rep) >> (64 - SEED_BITS)


def _derived(day: date, channel: str, prompt_id: str, rep: int) -> int:
    return derived_seed(SUITE_VERSION, day.isoformat(), channel, prompt_id, rep)
