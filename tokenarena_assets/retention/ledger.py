"""The ledger of retention: `raw/retention.jsonl`, append-only, what expired when and under which policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.retention.seals import Expiry
from tokenarena_assets.storage.files import append_line
from tokenarena_assets.storage.home import Home

SCHEMA_VERSION = 1
NAME = "retention.jsonl"
# A round: looked at with nothing due in it, about to be rewritten, rewritten. A day: its tables lost the same texts.
LOOKED_AT, BEGUN, DONE, TABLES = "looked_at", "begun", "done", "tables"


def ledger_path(home: Home) -> Path:
    """Where it is."""
    return home.root / "raw" / NAME


class Ledger:
    """What has been recorded, and a place to record more; what another process appends meanwhile is not seen."""

    def __init__(self, home: Home) -> None:
        """Read it.

        Raises:
            TokenArenaError: a line is of another form.
        """
        self._path = ledger_path(home)
        self._rounds: dict[tuple[str, str], dict[str, Any]] = {}
        self._days: dict[str, dict[str, Any]] = {}
        self._expired: dict[str, Expiry] = {}
        for line in self._lines():
            try:
                self._take(line)
            except (AttributeError, KeyError, TypeError):
                raise TokenArenaError(
                    f"{self._path}: holds a line of another form", mend="restore it from a backup"
                ) from None

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for data in file:
                try:
                    line = orjson.loads(data)
                except ValueError:
                    continue  # a torn line: what it was going to say is said again
                if isinstance(line, dict) and line.get("schema_version") == SCHEMA_VERSION:
                    yield line

    def _take(self, line: dict[str, Any]) -> None:
        day, state = str(line["day"]), line["state"]
        if state == TABLES:
            self._days[day] = line
            return
        self._rounds[day, str(line["round_id"])] = line
        if state == DONE:
            on = str(line["on"])
            self._expired[day] = self._expired.get(day, Expiry()) | Expiry(
                dict.fromkeys([suite for suite, rows in line["frames"].items() if rows], on),
                dict.fromkeys([suite for suite, rows in line["texts"].items() if rows], on),
            )

    def append(self, state: str, day: date, **said: Any) -> None:
        """Record one line, on disk before this returns."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"schema_version": SCHEMA_VERSION, "at": at, "state": state, "day": day.isoformat(), **said}
        append_line(self._path, orjson.dumps(line))
        self._take(line)

    def of_round(self, day: date, round_id: str) -> dict[str, Any] | None:
        """The last line of a round."""
        return self._rounds.get((day.isoformat(), round_id))

    def of_tables(self, day: date) -> dict[str, Any] | None:
        """The last line of a day's tables."""
        return self._days.get(day.isoformat())

    def expiry(self, day: date) -> Expiry:
        """What is gone of a day, by the ledger alone; the seals of its rounds say the same where they are at hand."""
        return self._expired.get(day.isoformat(), Expiry())
