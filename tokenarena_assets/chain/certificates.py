"""Reads the certificates of a day's rounds: what the prober measured of its own error, one row a line."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

import msgspec
import polars as pl

from tokenarena_assets.chain.lines import problem_of, utc
from tokenarena_assets.chain.rounds import closed_rounds
from tokenarena_assets.chain.tables import CERTIFICATES
from tokenarena_assets.probing.record import Count, Part, Positive
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import RawLine, certificates_path, read_lines


class CertificateLine(Part, frozen=True, kw_only=True):
    """One line of a certificate file (`probing.certificate` writes it)."""

    schema_version: Literal[1]
    round_id: str
    day: date
    measured_at: datetime
    phase: Literal["before", "during"]
    process: Count
    attempts: Positive
    at_once: Positive
    tokens: Count
    interval_ms: float
    true_ttft_ms: float
    n_probes: Count
    n_failed: Count
    n_events: Count
    ttft_error_p50_ms: float | None
    ttft_error_p99_ms: float | None
    event_lag_p50_ms: float | None
    event_lag_p99_ms: float | None
    budget_p50_ms: float
    budget_p99_ms: float
    within_budget: bool
    reason: str | None
    client: dict[str, str]

    def __post_init__(self) -> None:
        # A verdict that its own figures contradict certifies nothing.
        medians = [value for value in (self.ttft_error_p50_ms, self.event_lag_p50_ms) if value is not None]
        tails = [value for value in (self.ttft_error_p99_ms, self.event_lag_p99_ms) if value is not None]
        over = max(medians, default=0) > self.budget_p50_ms or max(tails, default=0) > self.budget_p99_ms
        if self.within_budget and (over or not medians):
            raise ValueError("within_budget: contradicts its own figures")
        if not self.within_budget and not self.reason:
            raise ValueError("reason: over its budget without one")


_decode = msgspec.json.Decoder(CertificateLine).decode
_FIGURES = sorted(set(CertificateLine.__struct_fields__) - {"schema_version", "round_id", "day", "client"})


def read_certificates(home: Home, day: date) -> pl.DataFrame:
    """One row a line of the certificate files of the rounds of `day`; a round that has none has no row."""
    rows = []
    for found in closed_rounds(home, day):
        path = certificates_path(home, day, found.round_id)
        if path.exists():
            rows += [certificate_row(day, found.round_id, line) for line in read_lines(path)]
    return CERTIFICATES.frame(rows)


def certificate_row(day: date, round_id: str, line: RawLine) -> dict[str, Any]:
    """One line as a row of `certificates`; a line that is no certificate keeps its place and its problem."""
    row: dict[str, Any] = dict.fromkeys(CERTIFICATES.column_names)
    row |= {"day": day, "round_id": round_id, "raw_file": line.file, "raw_line": line.line}
    if line.problem is not None and line.problem != "no_line_end":
        return row | {"problem": line.problem}
    try:
        found = _decode(line.data)
    except (msgspec.DecodeError, RecursionError) as error:
        return row | {"problem": problem_of(error)}
    if (found.round_id, found.day) != (round_id, day):
        return row | {"problem": f"other_round: {found.round_id} of {found.day}"}
    figures = {name: getattr(found, name) for name in _FIGURES}
    client = ", ".join(f"{name} {version}" for name, version in found.client.items())
    return row | figures | {"measured_at": utc(found.measured_at), "client": client or None}
