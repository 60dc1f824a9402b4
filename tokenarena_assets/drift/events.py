"""Changes of one endpoint's metrics that came together: one event, its date, its evidence, what did not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tokenarena_assets.drift.changes import (
    CERTAIN,
    Change,
    changes_of,
    probability_beside,
    recorded_changes,
)
from tokenarena_assets.drift.metrics import PARTS, Metric, Recorded
from tokenarena_assets.drift.series import Series

CHANGED, CANNOT_TELL, UNCHANGED = "changed", "cannot tell", "no change seen"
NEAR_DAYS = 1
STAYED = 0.2  # beside a change of the endpoint a metric that is less likely than this to have changed did not


@dataclass(frozen=True, slots=True)
class History:
    """What is known of one endpoint: the series of measured metrics, and days and values of those on record."""

    measured: Mapping[Metric, Series]
    recorded: Mapping[Recorded, tuple[Sequence[int], Sequence[float | str]]]


@dataclass(frozen=True, slots=True)
class Event:
    """Changes that came together, strongest evidence first; `lead` is the very first and dates them.

    `doubtful` are changes of which nobody can tell; `stayed` and `unclear` are the other parts of the endpoint (of
    :data:`PARTS`): those that did not change then, and those of which nobody can tell.
    """

    verdict: str
    lead: Change
    changes: tuple[Change, ...]
    doubtful: tuple[Change, ...]
    stayed: tuple[str, ...]
    unclear: tuple[str, ...]

    @property
    def claim(self) -> str:
        """The event in one sentence."""
        names = changed_parts(self.changes or self.doubtful)
        day = _iso(self.lead.changed_on)
        if self.verdict == CANNOT_TELL:
            return f"{day}: cannot tell whether {_listed(names)} changed"
        said = f"{day}: {_listed(names)} changed"
        if self.stayed:
            said += f", {_listed(self.stayed)} did not"
        if self.unclear:
            said += f"; cannot tell of {_listed(self.unclear)}"
        return said

    @property
    def evidence(self) -> str:
        """The figures before and after, strongest first."""
        return "; ".join(evidence_of(change) for change in (*self.changes, *self.doubtful))


def events_of(history: History) -> list[Event]:
    """The events of one endpoint in order of their date; certain ones, and those of which nobody can tell."""
    found = [change for metric, series in history.measured.items() for change in changes_of(metric, series)]
    found += [
        change
        for metric, (days, values) in history.recorded.items()
        for change in recorded_changes(metric, days, values)
    ]
    waiting = sorted(found, key=_strength)
    events = []
    while waiting:
        lead = waiting[0]
        own = [change for change in waiting if _together(lead, change)]
        waiting = [change for change in waiting if change not in own]
        events.append(_event(history, lead, _one_each(own)))
    return sorted(events, key=lambda event: event.lead.changed_on)


def changed_parts(changes: Sequence[Change]) -> list[str]:
    """The parts of the endpoint that `changes` are of."""
    parts = {change.metric.part for change in changes}
    return [part for part in PARTS if part in parts]


def evidence_of(change: Change) -> str:
    """One change in words: figures, days on both sides, and how sure it is."""
    unit = f" {change.metric.unit}" if change.metric.unit else ""
    said = f"{change.metric.label} {_figure(change.before)} -> {_figure(change.after)}{unit}"
    days = f"{change.n_before} and {change.n_after} days"
    if isinstance(change.metric, Recorded):
        sure = (
            "recorded value changed" if change.certain else f"too few days, {change.metric.days} needed on both sides"
        )
        return f"{said} ({days}; {sure})"
    return f"{said} ({days}; probability {_probability(change.probability)})"


def details_of(event: Event) -> dict[str, Any]:
    """The event as a document: each change with its figures, then what did not change."""
    return {
        "changed": [_document(change) for change in event.changes],
        "cannot_tell": [_document(change) for change in event.doubtful],
        "did_not_change": list(event.stayed),
        "cannot_tell_of": list(event.unclear),
    }


def _strength(change: Change) -> tuple[bool, float, int, str]:
    return not change.certain, -(change.probability or 0.0), change.latest - change.earliest, change.metric.name


def _together(lead: Change, other: Change) -> bool:
    """Whether their dates are a day apart at most, or each lies where the other may have been."""
    near = abs(lead.changed_on - other.changed_on) <= NEAR_DAYS
    return near or (
        lead.earliest <= other.changed_on <= lead.latest and other.earliest <= lead.changed_on <= other.latest
    )


def _one_each(changes: Sequence[Change]) -> list[Change]:
    """The strongest change of each metric."""
    best: dict[str, Change] = {}
    for change in changes:
        best.setdefault(change.metric.name, change)
    return list(best.values())


def _event(history: History, lead: Change, own: Sequence[Change]) -> Event:
    certain = tuple(change for change in own if change.certain)
    doubtful = tuple(change for change in own if not change.certain)
    if not certain:
        return Event(CANNOT_TELL, lead, (), doubtful, (), ())
    clear, unclear = _beside(history, lead, {change.metric.name for change in own})
    unclear |= {change.metric.part for change in doubtful}
    unclear -= {change.metric.part for change in certain}
    stayed = clear - unclear - {change.metric.part for change in certain}
    ordered = ([part for part in PARTS if part in chosen] for chosen in (stayed, unclear))
    return Event(CHANGED, lead, certain, doubtful, *(tuple(parts) for parts in ordered))


def _beside(history: History, lead: Change, of: set[str]) -> tuple[set[str], set[str]]:
    """Parts with a metric (not in `of`) that did not change with `lead`, and parts with one that nobody can tell of."""
    clear: set[str] = set()
    unclear: set[str] = set()
    for metric, series in history.measured.items():
        if metric.name not in of and len(series.days):
            found = probability_beside(metric, series, lead.earliest, lead.latest)
            (clear if found is not None and found < STAYED else unclear).add(metric.part)
    for recorded, (days, values) in history.recorded.items():
        before = {value for day, value in zip(days, values, strict=True) if day < lead.changed_on}
        after = {value for day, value in zip(days, values, strict=True) if day >= lead.changed_on}
        if recorded.name not in of and before and after:
            (clear if before == after else unclear).add(recorded.part)
    return clear, unclear


def _document(change: Change) -> dict[str, Any]:
    return {
        "metric": change.metric.name,
        "unit": change.metric.unit,
        "before": change.before,
        "after": change.after,
        "days_before": change.n_before,
        "days_after": change.n_after,
        "changed_on": _iso(change.changed_on),
        "earliest": _iso(change.earliest),
        "latest": _iso(change.latest),
        "probability": change.probability,
        "evidence": evidence_of(change),
    }


def _figure(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _probability(value: float | None) -> str:
    if value is None:
        return "not known"
    return "over 0.9999" if value > 0.9999 else f"{value:.4f}" if value >= CERTAIN else f"{value:.2f}"


def _iso(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
