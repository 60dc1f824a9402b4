"""Which news there are of endpoints since the last time: documents to tell of, and what is known after each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tokenarena_assets.drift.events import CHANGED

ACCUSING = ("suspect", "different")  # the first verdicts on an endpoint that are news
SAME_CHANGE_DAYS = 1  # further evidence moves a date by a day or so
MOST_CHANGES = 20  # of an endpoint that are remembered
MOST_TEXT = 1_000  # characters of a text of a document


@dataclass
class Known:
    """What has been told: the last verdict of each endpoint, and the date ranges of its changes.

    `seen` is the reader's own note.
    """

    verdicts: dict[str, str] = field(default_factory=dict)
    changes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    seen: str = ""

    @classmethod
    def from_json(cls, text: str | None) -> Known:
        """What :meth:`to_json` wrote; nothing where there is nothing, or nothing of this form."""
        try:
            found = json.loads(text or "{}")
            changes = {name: [(str(lo), str(hi)) for lo, hi in own] for name, own in found.get("changes", {}).items()}
            return cls(dict(found.get("verdicts", {})), changes, str(found.get("seen", "")))
        except (ValueError, TypeError, AttributeError):
            return cls()

    def to_json(self) -> str:
        """As text, for a cursor."""
        return json.dumps({"verdicts": self.verdicts, "changes": self.changes, "seen": self.seen}, sort_keys=True)


@dataclass(frozen=True, slots=True)
class News:
    """A document to post; once it was, :meth:`told` makes it known."""

    document: Mapping[str, Any]
    verdict: str | None = None
    change: tuple[str, str] | None = None

    def told(self, known: Known) -> None:
        """Note that the document was accepted."""
        endpoint_id = self.document["endpoint_id"]
        if self.verdict is not None:
            known.verdicts[endpoint_id] = self.verdict
        if self.change is not None:
            others = [each for each in known.changes.get(endpoint_id, []) if not _overlap(each, self.change)]
            known.changes[endpoint_id] = [*others, self.change][-MOST_CHANGES:]


def news_of(
    known: Known, verdicts: Sequence[Mapping[str, Any]], changes: Sequence[Mapping[str, Any]], *, rehearsal: bool
) -> Iterator[News]:
    """What of the rows of `fidelity_daily` and `change_points` is new to `known`, in order of the endpoint.

    A verdict is news where it is another than the last one; of an endpoint without a last one, where it accuses. A
    change is news where it is certain and no known one has its date.
    """
    for row in sorted(verdicts, key=lambda row: str(row["endpoint_id"])):
        was, now = known.verdicts.get(row["endpoint_id"]), row["verdict"]
        if now != was and (was is not None or now in ACCUSING):
            document = _document("verdict_changed", row, was, now, row.get("claim"), row.get("note"), rehearsal)
            yield News(document, verdict=now)
    for row in sorted(changes, key=lambda row: (str(row["endpoint_id"]), row["event"])):
        if row["verdict"] != CHANGED:
            continue
        span = (row["changed_lo"].isoformat(), row["changed_hi"].isoformat())
        if not any(_overlap(each, span) for each in known.changes.get(row["endpoint_id"], [])):
            on = row["changed_on"].isoformat()
            document = _document("change_point", row, None, CHANGED, row["claim"], row["evidence"], rehearsal, on)
            yield News(document | {"changed_on": on, "probability": row["probability"]}, change=span)


def _overlap(one: tuple[str, str], other: tuple[str, str]) -> bool:
    (a, b), (c, d) = ([date.fromisoformat(each).toordinal() for each in span] for span in (one, other))
    return a <= d + SAME_CHANGE_DAYS and c <= b + SAME_CHANGE_DAYS


def _document(
    event: str,
    row: Mapping[str, Any],
    was: str | None,
    now: str,
    claim: str | None,
    evidence: str | None,
    rehearsal: bool,
    *identity: str,
) -> dict[str, Any]:
    named = [event, row["endpoint_id"], *(identity or (row["day"].isoformat(), str(was), now)), str(rehearsal)]
    return {
        "schema_version": 1,
        "event": event,
        "id": hashlib.sha256("\n".join(named).encode()).hexdigest()[:32],
        "day": row["day"].isoformat(),
        "endpoint_id": row["endpoint_id"],
        "was": was,
        "is": now,
        "claim": _plain(claim),
        "evidence": _plain(evidence),
        "rehearsal": rehearsal,
    }


def _plain(text: str | None) -> str | None:
    """One line without control characters, of a length that a chat takes."""
    if text is None:
        return None
    whole = "".join(c if c.isprintable() else " " for c in text)
    return whole if len(whole) <= MOST_TEXT else whole[: MOST_TEXT - 1] + "\N{HORIZONTAL ELLIPSIS}"
