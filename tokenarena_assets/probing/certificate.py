"""The error of our own client: from the true instants of the reference server to a certificate with its verdict."""

from __future__ import annotations

import json
import math
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Self

from tokenarena_assets import __version__
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.reference_server import NS_PER_MS, Schedule
from tokenarena_assets.processes import scheduling
from tokenarena_assets.storage.files import append_line
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import certificates_path

SCHEMA_VERSION = 1
BUDGET_VARIABLE = "TOKENARENA_CLIENT_ERROR_BUDGET_MS"
MIN_N_FOR_P99 = 100  # with fewer, a p99 is the largest value and tells of one moment
OVER_BUDGET_MEND = (
    "probe fewer at once (--at-once), share the work among more processes (--workers), allow real-time scheduling "
    "(tokenarena doctor says how), or use a quieter machine; tokenarena selftest shows what this one can do"
)
SENT = re.compile(r'"sent_ns":\s*(\d+)')
READ = re.compile(r'"read_ns":\s*(\d+)')

Phase = Literal["before", "during", "selftest"]


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that our own client may add to a figure, in milliseconds."""

    p50_ms: float = 2.0
    p99_ms: float = 10.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """The budget written as `P50,P99` in milliseconds.

        Raises:
            TokenArenaError: it is written otherwise.
        """
        try:
            p50, p99 = (float(part) for part in text.split(","))
        except ValueError:
            p50 = p99 = math.nan
        if not 0 < p50 <= p99 < math.inf:
            raise TokenArenaError(
                f"{text!r} is no budget of the client's error", mend="write P50,P99 in milliseconds, such as 2,10"
            )
        return cls(p50, p99)

    @classmethod
    def in_force(cls, asked: str | None = None) -> Self:
        """The budget asked for, else that of the environment, else 2 ms and 10 ms."""
        text = asked or os.environ.get(BUDGET_VARIABLE)
        return cls.parse(text) if text else cls()


@dataclass(frozen=True, slots=True)
class Sample:
    """What one reference probe told: by how much the client's stamps are late."""

    ttft_error_ms: float
    event_lags_ms: tuple[float, ...]


def sample_of(record: Mapping[str, Any], tokens: int) -> Sample | None:
    """The sample in the raw record of a reference probe; None where the probe failed or lost a token.

    TTFT error = (stamp of the first token - start of the clock) - (its true sending - the true reading of the request).
    """
    sent_ns, first_ns = record["stamps_ns"]["sent"], record["stamps_ns"]["first_token"]
    told = [(stamp, found[1]) for stamp, data in record["frames"] if (found := SENT.search(data))]
    read = READ.search(record["frames"][0][1]) if record["frames"] else None
    if record["status"] != "ok" or len(told) != tokens or read is None or sent_ns is None or first_ns is None:
        return None
    lags = tuple((stamp - int(true)) / NS_PER_MS for stamp, true in told)
    true_ttft_ns = int(told[0][1]) - int(read[1])
    return Sample((first_ns - sent_ns - true_ttft_ns) / NS_PER_MS, lags)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The error of one process's client at one load, and whether it is within its budget.

    Percentiles are sample values (nearest rank); a p99 of fewer than 100 values is None.
    """

    phase: Phase
    process: int
    attempts: int  # measured so often: a verdict over budget stands only when it comes thrice before a round
    measured_at: str
    at_once: int
    tokens: int
    interval_ms: float
    true_ttft_ms: float
    n_probes: int
    n_failed: int
    n_events: int
    ttft_error_p50_ms: float | None
    ttft_error_p99_ms: float | None
    event_lag_p50_ms: float | None
    event_lag_p99_ms: float | None
    budget_p50_ms: float
    budget_p99_ms: float
    within_budget: bool
    reason: str | None
    client: dict[str, str]


def certificate(
    samples: Sequence[Sample],
    *,
    n_failed: int,
    budget: Budget,
    phase: Phase,
    at_once: int,
    schedule: Schedule,
    process: int = 0,
    attempts: int = 1,
    measured_at: datetime | None = None,
    client: Mapping[str, str] | None = None,
) -> Certificate:
    """Judge `samples`: over budget where a known median or p99 is, or where most probes of our own server failed."""
    ttft = sorted(sample.ttft_error_ms for sample in samples)
    lags = sorted(lag for sample in samples for lag in sample.event_lags_ms)
    figures = {
        "TTFT error p50": (_nearest_rank(ttft, 0.5), budget.p50_ms),
        "TTFT error p99": (_p99(ttft), budget.p99_ms),
        "event lag p50": (_nearest_rank(lags, 0.5), budget.p50_ms),
        "event lag p99": (_p99(lags), budget.p99_ms),
    }
    over = [
        f"{name} {value:.2f} ms, over {allowed:g} ms"
        for name, (value, allowed) in figures.items()
        if value is not None and value > allowed
    ]
    if len(samples) <= n_failed:
        over.append(f"{n_failed} of {len(samples) + n_failed} probes of the reference server failed")
    values = [value for value, _ in figures.values()]
    return Certificate(
        phase=phase,
        process=process,
        attempts=attempts,
        measured_at=(measured_at or datetime.now(UTC)).isoformat(timespec="milliseconds"),
        at_once=at_once,
        tokens=schedule.tokens,
        interval_ms=schedule.interval_ms,
        true_ttft_ms=schedule.ttft_ms,
        n_probes=len(ttft),
        n_failed=n_failed,
        n_events=len(lags),
        ttft_error_p50_ms=values[0],
        ttft_error_p99_ms=values[1],
        event_lag_p50_ms=values[2],
        event_lag_p99_ms=values[3],
        budget_p50_ms=budget.p50_ms,
        budget_p99_ms=budget.p99_ms,
        within_budget=not over,
        reason="; ".join(over) or None,
        client=dict(client or {}),
    )


def _nearest_rank(ordered: Sequence[float], q: float) -> float | None:
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)] if ordered else None


def _p99(ordered: Sequence[float]) -> float | None:
    return _nearest_rank(ordered, 0.99) if len(ordered) >= MIN_N_FOR_P99 else None


def client_versions() -> dict[str, str]:
    """What the measured client is made of, and how its thread is scheduled."""
    return {
        "tokenarena": __version__,
        "python": platform.python_version(),
        "httpx": version("httpx"),
        "httptools": version("httptools"),
        "scheduling": scheduling(),
    }


def void_reasons(certificates: Iterable[Certificate]) -> list[str]:
    """Why a round is void, a sentence for each certificate over budget; empty where it is not."""
    return [
        f"the client's own error {found.phase} the round, at {found.at_once} at once: {found.reason}"
        for found in certificates
        if not found.within_budget
    ]


def append_certificate(home: Home, day: date, round_id: str, found: Certificate) -> Path:
    """Append a certificate to those of its round, on disk before this returns; any process of the round may."""
    path = certificates_path(home, day, round_id)
    row = {"schema_version": SCHEMA_VERSION, "round_id": round_id, "day": day.isoformat()}
    row |= {"rehearsal": home.is_rehearsal} | asdict(found)
    append_line(path, json.dumps(row, separators=(",", ":"), allow_nan=False).encode())
    return path
