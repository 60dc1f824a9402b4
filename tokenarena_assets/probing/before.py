"""What the day has already: which items were answered, whose burst and context were asked, and what is known of them.

A round asks what is missing. So that one that was cut off goes on as it was begun, whatever became of other rounds
meanwhile, what this module found is part of its manifest.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundFiles, certificates_path, is_being_written, records_of, rounds_of

ONCE_A_DAY = ("parallel", "context")
ITEMS_OF_THE_DAY = ("quality_math", "quality_code", "own")
ITEMS_OF_THE_WEEK = ("anchor",)
ITEM_SUITES = (*ITEMS_OF_THE_DAY, *ITEMS_OF_THE_WEEK)
# What an endpoint did itself: the rest was lost on the way, and is asked again.
ITS_OWN_DOING = frozenset({"ok", "truncated", "empty", "content_filter"})
CONTEXT_TABLE = "context_daily"
CONTEXT_KNOWN_FOR_DAYS = 8


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier rounds leave to ask.

    `once`: by suite, the endpoints that were asked what is asked once a day. `answered`: by suite and endpoint, the
    items that have their answer; None: all that the endpoint is asked. `context_tokens`: the effective context that is
    known of an endpoint, in tokens.
    """

    once: Mapping[str, frozenset[str]] = field(default_factory=dict)
    answered: Mapping[str, Mapping[str, frozenset[str] | None]] = field(default_factory=dict)
    context_tokens: Mapping[str, int] = field(default_factory=dict)

    def was_asked(self, suite: str, endpoint_id: str) -> bool:
        """Whether an endpoint is through with a suite that is asked once a day."""
        return endpoint_id in self.once.get(suite, ())

    def skipped(self, suite: str, endpoint_id: str) -> frozenset[str] | None:
        """Items of a suite that an endpoint answered before; None: all of them."""
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
        )


def before(home: Home, day: date, suites: Sequence[str]) -> Before:
    """What the rounds of `day` leave to ask; for the weekly anchor, those since its Monday.

    A round that another process is writing counts as if all that it asks were answered. A void round counts for
    nothing but its bursts, for nothing of it is published.
    """
    once: dict[str, set[str]] = {suite: set() for suite in ONCE_A_DAY}
    answered: dict[str, dict[str, set[str] | None]] = defaultdict(dict)
    for found in rounds_of(home, day):
        writing = found.is_open and is_being_written(found.log)
        void = _is_void(home, day, found.round_id)
        completed = found.seal is not None and found.seal.get("state") == "complete"
        if writing or completed:
            for suite in ONCE_A_DAY if not void else ("parallel",):
                once[suite] |= set(_asked(found).get(suite, ()))
        if not void:
            _add_answered(answered, found, ITEM_SUITES, writing=writing)
    if not set(suites).isdisjoint(ITEMS_OF_THE_WEEK):
        for back in range(1, day.weekday() + 1):
            earlier = day - timedelta(days=back)
            for found in rounds_of(home, earlier):
                if not _is_void(home, earlier, found.round_id):
                    _add_answered(answered, found, ITEMS_OF_THE_WEEK, writing=False)
    return Before(
        {suite: frozenset(endpoints) for suite, endpoints in once.items()},
        {
            suite: {endpoint_id: None if items is None else frozenset(items) for endpoint_id, items in of.items()}
            for suite, of in answered.items()
        },
        _known_contexts(home, day) if "context" in suites else {},
    )


def _asked(found: RoundFiles) -> Mapping[str, Any]:
    asked = (found.manifest or {}).get("asked")
    return asked if isinstance(asked, dict) else {}


def _add_answered(
    answered: dict[str, dict[str, set[str] | None]], found: RoundFiles, suites: Sequence[str], *, writing: bool
) -> None:
    asked = {suite: endpoints for suite, endpoints in _asked(found).items() if suite in suites}
    if writing:
        for name, endpoints in asked.items():
            answered[name] |= dict.fromkeys(endpoints)
    elif asked:  # else there is nothing to find, and reading a round takes its time
        for record in records_of(found.log):
            suite, item = str(record.get("suite")), record.get("item")
            if suite not in asked or record.get("status") not in ITS_OWN_DOING or not isinstance(item, dict):
                continue
            items = answered[suite].setdefault(str(record.get("endpoint_id")), set())
            if items is not None:
                items.add(str(item.get("item_id")))


def _is_void(home: Home, day: date, round_id: str) -> bool:
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
    # polars takes half a second to load, which most commands can do without.
    from tokenarena_assets.storage.lake import Lake  # noqa: PLC0415

    lake, known = Lake(home.lake), dict[str, int]()
    for back in range(1, CONTEXT_KNOWN_FOR_DAYS + 1):
        earlier = day - timedelta(days=back)
        if not lake.path(CONTEXT_TABLE, earlier).exists():
            continue
        rows = lake.read(CONTEXT_TABLE, earlier).select("endpoint_id", "effective_tokens", "status").rows()
        for endpoint_id, tokens, status in rows:
            if status == "ok" and tokens:
                known.setdefault(str(endpoint_id), int(tokens))
    return known
