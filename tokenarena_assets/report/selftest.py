"""Shows what the client of this machine can do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TaskID

from tokenarena_assets.probing.selftest import Progress, SelfTest
from tokenarena_assets.report.terminal import print_table


@contextmanager
def selftest_bars() -> Iterator[Progress]:
    """A bar on stderr for each thing that is measured, gone when all is."""
    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=of)
            bars.update(tasks[what], completed=done)

        yield progress


def print_selftest(found: SelfTest) -> None:
    """Print a row for each load, and how many events one loop reads."""
    print_table(
        ["at once", "probes", "TTFT error p50", "p99", "event lag p50", "p99", "verdict"],
        [
            [
                row.at_once,
                row.n_probes,
                _ms(row.ttft_error_p50_ms),
                _ms(row.ttft_error_p99_ms),
                _ms(row.event_lag_p50_ms),
                _ms(row.event_lag_p99_ms),
                row.reason or "within budget",
            ]
            for row in found.certificates
        ],
        title="error of this machine's client, in milliseconds",
    )
    first = found.certificates[0]
    print(
        f"Reference: {first.tokens} tokens at {first.interval_ms:g} ms after a true TTFT of {first.true_ttft_ms:g} ms; "
        f"budget p50 {first.budget_p50_ms:g} ms, p99 {first.budget_p99_ms:g} ms.\n"
        f"One loop reads and records {found.events_per_s:,.0f} events a second "
        f"({', '.join(' '.join(part) for part in first.client.items())})."
    )


def _ms(value: float | None) -> str:
    return "n too small" if value is None else f"{value:.2f}"


def selftest_record(found: SelfTest) -> dict[str, Any]:
    """The same as one JSON object."""
    return {
        "within_budget": found.within_budget,
        "events_per_s": round(found.events_per_s),
        "certificates": [asdict(row) for row in found.certificates],
    }
