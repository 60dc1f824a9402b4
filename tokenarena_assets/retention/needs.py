"""Which tables cannot be made without texts: of which suites, and of how many days up to their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from tokenarena_assets.chain.border import KNOWN_FOR_DAYS
from tokenarena_assets.chain.fidelity_pool import POOL_DAYS, WINDOW_DAYS
from tokenarena_assets.chain.grade import QUALITY_SUITES
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.retention.seals import Expiry, expiry_of
from tokenarena_assets.storage.home import Home
from tokenarena_assets.suites.fidelity.ask import FIDELITY_SUITES

EVERY = "*"
_COMPARED = dict.fromkeys(("sampled", "greedy", "logprobs"), WINDOW_DAYS) | {
    "parity": POOL_DAYS,
    "border": KNOWN_FOR_DAYS,
}

# table -> suite -> days of texts that it reads. Whatever else reads these tables needs no text.
NEEDS: dict[str, Mapping[str, int]] = {
    "probe_log": {EVERY: 1},  # tokens by characters, where an answer reported none
    "stg_probe_log": {EVERY: 1},  # usage that disagrees with its text
    "graded_answers": dict.fromkeys(QUALITY_SUITES, 1),
    "context_requests": {"context": 1},
    "context_curve": {"context": 1},
    "context_daily": {"context": 1},
    "fidelity_samples": dict.fromkeys(FIDELITY_SUITES, 1),
    "border_inputs": {"border": KNOWN_FOR_DAYS},
    "fidelity_prompts": _COMPARED,
    "fidelity_references": _COMPARED,
    "fidelity_channels": _COMPARED,
    "billing_requests": {EVERY: 1},
}
# Of these each row is made of one line: rows of other lines are made as ever.
BY_ROW = frozenset({"probe_log", "stg_probe_log", "graded_answers", "billing_requests"})


@dataclass(frozen=True, slots=True)
class Gone:
    """Texts that a table would need: whose, of which day, and when they expired."""

    suite: str
    day: date
    on: str


def days_read(suite: str) -> int:
    """For how many days, their own included, the texts of a suite are read."""
    return max(max(need.get(suite, 0), need.get(EVERY, 0)) for need in NEEDS.values())


def gone(expiry: Callable[[date], Expiry], table: str, day: date) -> list[Gone]:
    """The texts that `table` of `day` would need and that have expired."""
    need = NEEDS.get(table, {})
    found = []
    for back in range(max(need.values(), default=0)):
        earlier = day - timedelta(days=back)
        for suite, on in sorted(expiry(earlier).texts.items()):
            if back < max(need.get(suite, 0), need.get(EVERY, 0)):
                found.append(Gone(suite, earlier, on))
    return found


def said(missing: Iterable[Gone]) -> str:
    """In words: whose texts, of when, expired on which day."""
    every = list(missing)
    suites = ", ".join(sorted({each.suite or "lines of no suite" for each in every}))
    days, dates = sorted({each.day for each in every}), sorted({each.on for each in every})
    of = f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
    on = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"texts of {suites} of {of} expired on {on} (retention)"


def require_texts(home: Home, tables: Iterable[str], days: Iterable[date]) -> None:
    """Refuse to make tables anew whose texts have expired: they would come out wrong.

    Raises:
        TokenArenaError: they have; it names whose, when, and what to do.
    """
    known: dict[date, Expiry] = {}

    def expiry(day: date) -> Expiry:
        if day not in known:
            known[day] = expiry_of(home, day)
        return known[day]

    wanted = list(tables)
    for day in days:
        lost = {table: missing for table in wanted if (missing := gone(expiry, table, day))}
        if lost:
            raise TokenArenaError(
                f"{day} cannot be made anew: {said(each for missing in lost.values() for each in missing)}; "
                f"{', '.join(sorted(lost))} would be wrong without them, and stay as they are",
                mend=f"tokenarena recompute {day} computes and compares all that needs no texts; "
                "to make the tables anew, restore raw/ from a backup of before",
            )
