"""Raw evidence for tests: rows of a real round, moved to the day and round that a test needs."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tokenarena_assets.chain.lines import probe_frame
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RawLine, RoundWriter, certificates_path


@dataclass(frozen=True)
class RealRound:
    """A round that was really sent: its home, day, manifest and records."""

    home: Home
    day: date
    manifest: dict[str, Any]
    records: list[dict[str, Any]]

    def moved(self, day: date, number: int = 0) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Manifest and records as if the round had been sent on `day`; request ids stay unique over all moves.

        The client was never late: how busy the machine was when the round was sent must not decide a test.
        """
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
            record |= {"started_at": f"{day.isoformat()}T0{number}:10:00.000000+00:00", "client_delay_ms": 0.0}
        return manifest, records


def write_round(home: Home, day: date, manifest: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """Write and seal a round."""
    writer = RoundWriter(home, day, manifest["round_id"], manifest)
    for record in records:
        writer.append(record)
    writer.seal("complete")


def certificate_line(round_id: str, day: date, **given: Any) -> dict[str, Any]:
    """A line of a certificate file, within its budget; with `reason` given it is over it."""
    line = {
        "schema_version": 1,
        "round_id": round_id,
        "day": day.isoformat(),
        "measured_at": f"{day.isoformat()}T01:00:00.000+00:00",
        "phase": "before",
        "process": 0,
        "attempts": 1,
        "at_once": 16,
        "tokens": 32,
        "interval_ms": 10.0,
        "true_ttft_ms": 100.0,
        "n_probes": 48,
        "n_failed": 0,
        "n_events": 1536,
        "ttft_error_p50_ms": 0.4,
        "ttft_error_p99_ms": None,
        "event_lag_p50_ms": 0.2,
        "event_lag_p99_ms": 1.9,
        "budget_p50_ms": 2.0,
        "budget_p99_ms": 10.0,
        "within_budget": "reason" not in given,
        "reason": None,
        "client": {"tokenarena": "0.1.0", "loop": "uvloop 0.22"},
    }
    return line | given


def write_certificates(home: Home, day: date, round_id: str, *lines: dict[str, Any] | bytes) -> None:
    """Write the certificate file of a round; bytes stand as they are, without a line end of their own."""
    path = certificates_path(home, day, round_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines))


@dataclass(frozen=True)
class Materialized:
    """A home with the tables of some days."""

    home: Home
    days: list[date]

    def copied(self, folder: Path) -> Home:
        """The same home elsewhere, to be changed."""
        shutil.copytree(self.home.root, folder, ignore=shutil.ignore_patterns("dagster"))
        return Home(folder)


def probe_row(day: date, line: RawLine) -> dict[str, Any]:
    """One raw line as a row of `probe_log`."""
    return probe_frame(day, [line]).row(0, named=True)
