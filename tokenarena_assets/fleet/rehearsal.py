"""Rehearses many days in minutes: the real fleet is probed once for each, and the round is filed under its date.

Nothing is invented: every answer is a real answer of a real model, and only the date is another. Verdicts that need
weeks can so be seen, with an endpoint that exchanges its weights on a known day. A rehearsal has a home of its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, Self

from tokenarena_assets import __version__
from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.endpoints import embedded_catalog_path, load_catalog
from tokenarena_assets.endpoints.catalog import Endpoint
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.fleet.manager import Fleet, FleetServer, running, weights_path
from tokenarena_assets.fleet.serving import servers_of
from tokenarena_assets.probing.before import is_void
from tokenarena_assets.probing.certificate import OVER_BUDGET_MEND, Budget, void_reasons
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import plan_round, run_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import lake_of
from tokenarena_assets.storage.rawlog import rounds_of
from tokenarena_assets.storage.rehearsal import RehearsalError, read_marker, write_marker
from tokenarena_assets.suites.suite import SUITES, SuiteSizes

DEFAULT_DAYS = 21
FAMILY = "arena-tiny-1m"
# Border inputs take a search of thousands of requests, and contexts do not change in a rehearsal.
DEFAULT_SUITES = ("speed", "quality_math", "quality_code", "parity", "sampled", "greedy", "logprobs")
DEFAULT_SIZES = SuiteSizes(speed_probes=4, math_items=20, code_items=4)
SWAPPED = ("driftwood/arena-tiny-1m@q4_0", "arena-tiny-1m-q3_r.gguf")  # by default, half-way
SWAP = re.compile(r"^(?P<endpoint_id>.+)=(?P<weights>[^=]+)@(?P<day_number>\d+)$")
TRIES_OF_A_ROUND = 3  # one that is void is none: a busy machine may be quiet a moment later
PUBLISHED = "published_database"

Say = Callable[[str], None]


class Materialize(Protocol):
    """Brings tables of some days up to date; whether all of it succeeded (`defs.execute.materializing`)."""

    def __call__(self, days: Sequence[date], *, assets: Sequence[str] = (), without: Sequence[str] = ()) -> bool:
        """All assets, or those of `assets`; none of `without`."""
        ...


@dataclass(frozen=True, slots=True)
class Swap:
    """From the day of that number on (the first is 1) an endpoint serves other weights, and says nothing of it."""

    endpoint_id: str
    weights: str
    day_number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """A swap as a person writes it: ENDPOINT_ID=WEIGHTS@DAYNUMBER.

        Raises:
            TokenArenaError: it is written otherwise.
        """
        match = SWAP.match(text)
        if match is None:
            raise TokenArenaError(
                f"--swap: {text!r} is no swap",
                mend=f"write ENDPOINT_ID=WEIGHTS@DAYNUMBER, such as {'='.join(SWAPPED)}@11",
            )
        return cls(match["endpoint_id"], match["weights"], int(match["day_number"]))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for; None: nothing."""

    days: int | None = None
    first_day: date | None = None
    families: tuple[str, ...] | None = None
    suites: tuple[str, ...] | None = None
    swaps: tuple[Swap, ...] | None = None


def catalog_sha256() -> str:
    """Which catalog the embedded fleet has now."""
    return hashlib.sha256(embedded_catalog_path().read_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is rehearsed: which endpoints are asked what, on how many days, and who swaps its weights when."""

    first_day: date
    days: int
    endpoint_ids: tuple[str, ...]
    suites: tuple[str, ...] = DEFAULT_SUITES
    sizes: SuiteSizes = DEFAULT_SIZES
    swaps: tuple[Swap, ...] = ()
    catalog_sha256: str = field(default_factory=catalog_sha256)

    @property
    def dates(self) -> list[date]:
        """The dates in order."""
        return [self.first_day + timedelta(days=number) for number in range(self.days)]

    @property
    def options(self) -> PlanOptions:
        """How each day is asked. Money is invented here, and files of other items have no part in it."""
        unlimited = Decimal("Infinity")
        return PlanOptions(
            suites=self.suites,
            sizes=self.sizes,
            max_round_usd=unlimited,
            max_day_usd=unlimited,
            anchors=(),
            items_file=None,
        )

    def endpoints(self) -> list[Endpoint]:
        """Those that are asked, in the order of the embedded catalog."""
        return [e for e in load_catalog(embedded_catalog_path()).endpoints if e.endpoint_id in self.endpoint_ids]

    def servers_on(self, day_number: int) -> dict[str, FleetServer]:
        """What serves each endpoint on a day."""
        servers = servers_of(self.endpoints())
        for swap in sorted(self.swaps, key=lambda swap: swap.day_number):
            if swap.day_number <= day_number:
                servers[swap.endpoint_id] = replace(servers[swap.endpoint_id], weights=swap.weights)
        return servers

    def require_same(self, asked: Asked) -> None:
        """Refuse to go on with another rehearsal than was begun.

        Raises:
            RehearsalError: something else was asked for.
        """
        own_families = {endpoint.model_family for endpoint in self.endpoints()}
        pairs = {
            "--days": (asked.days, self.days),
            "--first-day": (asked.first_day, self.first_day),
            "--family": (None if asked.families is None else set(asked.families), own_families),
            "--suite": (asked.suites, self.suites),
            "--swap": (asked.swaps, self.swaps),
        }
        if other := [name for name, (wanted, own) in pairs.items() if wanted is not None and wanted != own]:
            raise RehearsalError(
                f"{', '.join(other)}: not as the rehearsal was begun",
                mend="leave it out to go on, or begin another in an empty folder: --home FOLDER",
            )

    def as_record(self) -> dict[str, Any]:
        """As the marker of the home holds it."""
        return {
            "first_day": self.first_day.isoformat(),
            "days": self.days,
            "endpoints": list(self.endpoint_ids),
            "suites": list(self.suites),
            "sizes": asdict(self.sizes),
            "swaps": [asdict(swap) | {"day": self.dates[swap.day_number - 1].isoformat()} for swap in self.swaps],
            "catalog_sha256": self.catalog_sha256,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """What a marker holds.

        Raises:
            KeyError, TypeError, ValueError: it is of another form.
        """
        sizes = dict(record["sizes"])
        return cls(
            first_day=date.fromisoformat(record["first_day"]),
            days=int(record["days"]),
            endpoint_ids=tuple(record["endpoints"]),
            suites=tuple(record["suites"]),
            sizes=SuiteSizes(**sizes | {"prompt_tokens": tuple(sizes["prompt_tokens"])}),
            swaps=tuple(Swap(swap["endpoint_id"], swap["weights"], swap["day_number"]) for swap in record["swaps"]),
            catalog_sha256=str(record["catalog_sha256"]),
        )


def new_rehearsal(asked: Asked) -> Rehearsal:
    """A rehearsal as asked for, the rest by default: it ends today, and one endpoint swaps its weights half-way.

    Raises:
        TokenArenaError: there is no such family, suite, endpoint or file of weights, or a day has not come yet.
    """
    count = asked.days or DEFAULT_DAYS
    first = asked.first_day or today() - timedelta(days=count - 1)
    if first + timedelta(days=count - 1) > today():
        raise TokenArenaError(
            f"{count} days from {first} on end after today ({today()})", mend="begin earlier, or with fewer days"
        )
    known = load_catalog(embedded_catalog_path()).endpoints
    of_families, suites = set(asked.families or (FAMILY,)), asked.suites or DEFAULT_SUITES
    if unknown := of_families - {endpoint.model_family for endpoint in known}:
        raise TokenArenaError(
            f"--family: there is no {', '.join(sorted(unknown))}",
            mend=f"families are: {', '.join(sorted({endpoint.model_family for endpoint in known}))}",
        )
    if unknown := set(suites) - set(SUITES):
        raise TokenArenaError(
            f"--suite: there is no {', '.join(sorted(unknown))}", mend=f"suites are: {', '.join(SUITES)}"
        )
    chosen = tuple(endpoint.endpoint_id for endpoint in known if endpoint.model_family in of_families)
    swaps = asked.swaps
    if swaps is None:
        swaps = (Swap(*SWAPPED, count // 2 + 1),) if SWAPPED[0] in chosen and count > 1 else ()
    rehearsal = Rehearsal(first, count, chosen, suites, swaps=swaps)
    _check_swaps(rehearsal)
    return rehearsal


def _check_swaps(rehearsal: Rehearsal) -> None:
    for swap in rehearsal.swaps:
        weights_path(swap.weights)
        if swap.endpoint_id not in rehearsal.endpoint_ids:
            raise TokenArenaError(
                f"--swap: {swap.endpoint_id} is not rehearsed",
                mend=f"those are: {', '.join(rehearsal.endpoint_ids)}",
            )
        if not 1 <= swap.day_number <= rehearsal.days:
            raise TokenArenaError(f"--swap: there is no day {swap.day_number}", mend=f"days are 1 to {rehearsal.days}")


def begun(home: Home) -> Rehearsal:
    """The rehearsal that a home is of.

    Raises:
        RehearsalError: it is of none, or of one that another version or catalog began.
    """
    marker = read_marker(home)
    mend = "begin anew in an empty folder: tokenarena fleet rehearse --home FOLDER"
    try:
        found = Rehearsal.from_record(marker)
    except (KeyError, TypeError, ValueError) as error:
        raise RehearsalError(f"{home.rehearsal_marker}: is not of this version", mend=mend) from error
    if (marker.get("tokenarena"), found.catalog_sha256) != (__version__, catalog_sha256()):
        raise RehearsalError(
            f"{home.root} was begun by tokenarena {marker.get('tokenarena')} or with another catalog of the fleet; "
            "to go on would show as a change of the endpoints",
            mend=mend,
        )
    return found


def begin(home: Home, rehearsal: Rehearsal) -> None:
    """Mark an empty home as that of `rehearsal`.

    Raises:
        RehearsalError: the home is not empty.
    """
    write_marker(
        home,
        {
            "begun_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "tokenarena": __version__,
            **rehearsal.as_record(),
        },
    )


def rehearse(home: Home, materialize: Materialize, say: Say, *, budget: Budget | None = None) -> Rehearsal:
    """Do what is left of the rehearsal that `home` is of, day after day, and publish.

    A day whose round and tables are there is kept, one that was cut off is completed. The next day's plan reads the
    tables of the days before it, as a real one does, so each day is materialized before the next is asked.

    Raises:
        RehearsalError: the home is of no rehearsal.
        TokenArenaError: a round, or the tables of a day, could not be completed.
    """
    rehearsal = begun(home)
    with _alone(home), running({}) as fleet:
        for number, day in enumerate(rehearsal.dates, 1):
            if _has_tables(home, day):
                continue
            name = f"day {number} of {rehearsal.days} {day}"
            for swap in rehearsal.swaps:
                if swap.day_number == number:
                    say(f"{name}: {swap.endpoint_id} serves {swap.weights} from now on, and does not say so")
            start_s = time.monotonic()
            probes = _ask(home, rehearsal, number, fleet, say, budget)
            asked_s = time.monotonic()
            if not materialize([day], without=[PUBLISHED]):
                raise TokenArenaError(
                    f"the tables of {day} were not completed; what failed is marked above",
                    mend="mend it and run the same command again: finished days are kept",
                )
            made_s = time.monotonic()
            say(f"{name}: {probes:,} probes in {asked_s - start_s:.0f} s, tables in {made_s - asked_s:.0f} s")
    if not materialize(rehearsal.dates, assets=[PUBLISHED]):
        raise TokenArenaError("the database was not published", mend="publish it: tokenarena publish")
    return rehearsal


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    with (home.root / ".rehearsal.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RehearsalError(f"{home.root}: another process rehearses here", mend="wait for its end") from None
        yield


def _has_tables(home: Home, day: date) -> bool:
    lake = lake_of(home)
    return all(lake.has(name, day) for name in table_specs())


def _ask(home: Home, rehearsal: Rehearsal, day_number: int, fleet: Fleet, say: Say, budget: Budget | None) -> int:
    """The round of a day, where it has none yet; how many probes were sent now."""
    day = rehearsal.dates[day_number - 1]
    sent = 0
    for _ in range(TRIES_OF_A_ROUND):
        if _has_round(home, day):
            return sent
        fleet.serve(rehearsal.servers_on(day_number))
        plan = plan_round(home, day, rehearsal.endpoints(), rehearsal.options, rehearsal=True)
        outcome = run_round(home, plan, fleet.urls, budget=budget)
        sent += outcome.written
        for reason in void_reasons(outcome.certificates):
            say(f"{day}: void, and asked again: {reason}")
    if _has_round(home, day):
        return sent
    raise TokenArenaError(f"{day}: {TRIES_OF_A_ROUND} rounds were void", mend=OVER_BUDGET_MEND)


def _has_round(home: Home, day: date) -> bool:
    return any(
        found.seal is not None and found.seal.get("state") == "complete" and not is_void(home, day, found.round_id)
        for found in rounds_of(home, day)
    )
