"""What the day has already: which questions were answered, whose burst and context were asked, what is known of them.

A round asks what is missing. So that one that was cut off goes on as it was begun, whatever became of other rounds
meanwhile, what this module found is part of its manifest.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from tokenarena_assets.probing.round_digest import digest_of
from tokenarena_assets.probing.vantage import ASKED_EVERYWHERE, Vantage
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, certificates_path, is_being_written, rounds_of
from tokenarena_assets.suites.fidelity.ask import FIDELITY_SUITES
from tokenarena_assets.suites.fidelity.border import BorderState

ONCE_A_DAY = ("parallel", "context")
ITEMS_OF_THE_DAY = ("quality_math", "quality_code", "own")
ITEMS_OF_THE_WEEK = ("anchor",)
ITEM_SUITES = (*ITEMS_OF_THE_DAY, *ITEMS_OF_THE_WEEK)
UNTIL_ANSWERED = (*ITEM_SUITES, *FIDELITY_SUITES)
CONTEXT_TABLE, PROMPTS_TABLE, BORDER_TABLE = "context_daily", "fidelity_prompts", "border_inputs"
CONTEXT_KNOWN_FOR_DAYS = 8
UNFIT_KNOWN_FOR_DAYS = 28
BORDER_KNOWN_FOR_DAYS = 30


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier rounds leave to ask.

    `once`: by suite, the endpoints that were asked what is asked once a day. `answered`: by suite and endpoint, the
    items (of fidelity: the keys of questions) that have their answer; None: all that the endpoint is asked.
    `context_tokens`: the effective context that is known of an endpoint, in tokens. `unfit`: by model family, the
    prompts of which the days before found that they tell nothing. `border`: by endpoint, how far the search for its
    border inputs is. `slot`: the last hour of the day whose fidelity questions are due; None: those of all hours are.
    """

    once: Mapping[str, frozenset[str]] = field(default_factory=dict)
    answered: Mapping[str, Mapping[str, frozenset[str] | None]] = field(default_factory=dict)
    context_tokens: Mapping[str, int] = field(default_factory=dict)
    unfit: Mapping[str, frozenset[str]] = field(default_factory=dict)
    border: Mapping[str, BorderState] = field(default_factory=dict)
    slot: int | None = None

    def was_asked(self, suite: str, endpoint_id: str) -> bool:
        """Whether an endpoint is through with a suite that is asked once a day."""
        return endpoint_id in self.once.get(suite, ())

    def skipped(self, suite: str, endpoint_id: str) -> frozenset[str] | None:
        """Items or questions of a suite that an endpoint answered before; None: all of them."""
        return self.answered.get(suite, {}).get(endpoint_id, frozenset())

    def as_record(self, still_asked: Mapping[str, Iterable[str]]) -> dict[str, Any]:
        """As a manifest holds it; `still_asked`: by suite, whom it is still asked (of others no item is listed)."""
        answered: dict[str, dict[str, list[str] | None]] = {}
        for suite, by_endpoint in self.answered.items():
            asked = set(still_asked.get(suite, ()))
            for endpoint_id, items in by_endpoint.items():
                listed = sorted(items) if items is not None and endpoint_id in asked else None
                answered.setdefault(suite, {})[endpoint_id] = listed
        return {
            "once": {suite: sorted(endpoints) for suite, endpoints in self.once.items()},
            "answered": answered,
            "context_tokens": dict(self.context_tokens),
            "unfit": {family: sorted(prompts) for family, prompts in self.unfit.items()},
            "border": {endpoint_id: asdict(state) for endpoint_id, state in self.border.items()},
            "slot": self.slot,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Before:
        """What a manifest holds.

        Raises:
            KeyError, TypeError, ValueError: it is of another form.
        """
        return cls(
            {str(suite): frozenset(endpoints) for suite, endpoints in record["once"].items()},
            {
                str(suite): {
                    str(endpoint_id): None if items is None else frozenset(items)
                    for endpoint_id, items in by_endpoint.items()
                }
                for suite, by_endpoint in record["answered"].items()
            },
            {str(endpoint_id): int(tokens) for endpoint_id, tokens in record["context_tokens"].items()},
            {str(family): frozenset(prompts) for family, prompts in record["unfit"].items()},
            {
                str(endpoint_id): BorderState(**state | {"inputs": tuple(state["inputs"])})
                for endpoint_id, state in record["border"].items()
            },
            None if record["slot"] is None else int(record["slot"]),
        )


def before(
    home: Home, day: date, suites: Sequence[str], slot: int | None = None, vantage: Vantage | None = None
) -> Before:
    """What the rounds of `day` leave to ask; for the weekly anchor, those since its Monday.

    What is asked from everywhere counts as asked only where it was asked from `vantage`.

    A round that another process is writing counts as if all that it asks were answered. A void round counts for
    nothing but its bursts, for nothing of it is published.
    """
    once: dict[str, set[str]] = {suite: set() for suite in ONCE_A_DAY}
    answered: dict[str, dict[str, set[str] | None]] = defaultdict(dict)
    for found in rounds_of(home, day):
        writing = found.is_open and is_being_written(found.log)
        void = is_void(home, day, found.round_id)
        completed = found.seal is not None and found.seal.get("state") == "complete"
        if writing or completed:
            for suite in ONCE_A_DAY if not void else ("parallel",):
                if vantage is None or suite not in ASKED_EVERYWHERE or vantage.is_own(found):
                    once[suite] |= set(_asked(found).get(suite, ()))
        if not void:
            _add_answered(home, answered, found, UNTIL_ANSWERED, writing=writing)
    if not set(suites).isdisjoint(ITEMS_OF_THE_WEEK):
        for back in range(1, day.weekday() + 1):
            earlier = day - timedelta(days=back)
            for found in rounds_of(home, earlier):
                if not is_void(home, earlier, found.round_id):
                    _add_answered(home, answered, found, ITEMS_OF_THE_WEEK, writing=False)
    return Before(
        {suite: frozenset(endpoints) for suite, endpoints in once.items()},
        {
            suite: {endpoint_id: None if items is None else frozenset(items) for endpoint_id, items in of.items()}
            for suite, of in answered.items()
        },
        _known_contexts(home, day) if "context" in suites else {},
        _unfit_prompts(home, day) if not set(suites).isdisjoint(FIDELITY_SUITES) else {},
        _border_states(home, day) if "border" in suites else {},
        slot,
    )


def _asked(found: RoundFiles) -> Mapping[str, Any]:
    asked = (found.manifest or {}).get("asked")
    return asked if isinstance(asked, dict) else {}


def _add_answered(
    home: Home,
    answered: dict[str, dict[str, set[str] | None]],
    found: RoundFiles,
    suites: Sequence[str],
    *,
    writing: bool,
) -> None:
    asked = {suite: endpoints for suite, endpoints in _asked(found).items() if suite in suites}
    if writing:
        for name, endpoints in asked.items():
            answered[name] |= dict.fromkeys(endpoints)
    elif asked:  # else there is nothing to find, and reading a round takes its time
        for suite, by_endpoint in digest_of(home, found).answered.items():
            for endpoint_id, found_keys in by_endpoint.items() if suite in asked else ():
                keys = answered[suite].setdefault(endpoint_id, set())
                if keys is not None:
                    keys |= found_keys


def is_void(home: Home, day: date, round_id: str) -> bool:
    """Whether the client's own error was over its budget: nothing of such a round is published."""
    try:
        lines = certificates_path(home, day, round_id).read_bytes().splitlines()
    except FileNotFoundError:
        return False
    return any(_over_budget(line) for line in lines)


def _over_budget(line: bytes) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return False  # a torn line: the chain says so
    return isinstance(row, dict) and row.get("within_budget") is False


def _known_contexts(home: Home, day: date) -> dict[str, int]:
    """The newest effective context of each endpoint that the days before `day` published, in tokens."""
    known: dict[str, int] = {}
    columns = ("endpoint_id", "effective_tokens", "status")
    for rows in _earlier_partitions(home, CONTEXT_TABLE, columns, day, CONTEXT_KNOWN_FOR_DAYS):
        for endpoint_id, tokens, status in rows:
            if status == "ok" and tokens:
                known.setdefault(str(endpoint_id), int(tokens))
    return known


def _unfit_prompts(home: Home, day: date) -> dict[str, frozenset[str]]:
    """The prompts that told nothing of a family on any of the days before `day` that are looked back on.

    One that is left out is soon in no pool, and its verdict in no newer table: so it is looked for in all of them, and
    a fixed prompt is tried again once they are too old.
    """
    unfit: dict[str, set[str]] = defaultdict(set)
    columns = ("model_family", "prompt_id", "fit")
    for rows in _earlier_partitions(home, PROMPTS_TABLE, columns, day, UNFIT_KNOWN_FOR_DAYS):
        for family, prompt_id, fit in rows:
            if fit is False:  # null: not known yet
                unfit[str(family)].add(str(prompt_id))
    return {family: frozenset(prompts) for family, prompts in unfit.items()}


def _border_states(home: Home, day: date) -> dict[str, BorderState]:
    """How far the search for border inputs is, by the newest table of the days before `day`."""
    found: dict[str, list[str]] = defaultdict(list)
    without_reference: set[str] = set()
    tried: Counter[str] = Counter()
    columns = ("endpoint_id", "prompt_id", "state", "has_reference")
    for endpoint_id, prompt_id, state, has_reference in next(
        _earlier_partitions(home, BORDER_TABLE, columns, day, BORDER_KNOWN_FOR_DAYS), ()
    ):
        tried[str(endpoint_id)] += 1
        if state == "found":
            found[str(endpoint_id)].append(str(prompt_id))
            if not has_reference:
                without_reference.add(str(endpoint_id))
    return {
        endpoint_id: BorderState(
            tuple(sorted(found.get(endpoint_id, ()))), endpoint_id in found.keys() - without_reference, count
        )
        for endpoint_id, count in tried.items()
    }


def _earlier_partitions(
    home: Home, table: str, columns: Sequence[str], day: date, days: int
) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a table by day, of as many `days` before `day` as there are, the newest first."""
    # polars takes half a second to load, which most commands can do without.
    from tokenarena_assets.storage.lake import lake_of  # noqa: PLC0415

    lake = lake_of(home)
    for back in range(1, days + 1):
        earlier = day - timedelta(days=back)
        if lake.has(table, earlier):
            yield lake.read(table, earlier, columns).rows()
