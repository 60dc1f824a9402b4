"""Raw evidence for tests: rows of a real round, moved to the day and round that a test needs."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import date
from typing import Any

from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RoundWriter


@dataclass(frozen=True)
class RealRound:
    """A round that was really sent: its home, day, manifest and records."""

    home: Home
    day: date
    manifest: dict[str, Any]
    records: list[dict[str, Any]]

    def moved(self, day: date, number: int = 0) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Manifest and records as if the round had been sent on `day`; request ids stay unique over all moves."""
        round_id = f"{day:%Y%m%d}T0{number}0000Z-abcdef"
        manifest = copy.deepcopy(self.manifest) | {
            "round_id": round_id,
            "day": day.isoformat(),
            "ordinal": number,
            "started_at": f"{day.isoformat()}T0{number}:00:00.000+00:00",
        }
        records = copy.deepcopy(self.records)
        for record in records:
            record |= {"round_id": round_id, "day": day.isoformat(), "request_id": f"{round_id}-{record['request_id']}"}
            record["started_at"] = f"{day.isoformat()}T0{number}:10:00.000000+00:00"
        return manifest, records


def write_round(home: Home, day: date, manifest: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """Write and seal a round."""
    writer = RoundWriter(home, day, manifest["round_id"], manifest)
    for record in records:
        writer.append(record)
    writer.seal("complete")
