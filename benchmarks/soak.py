"""Rounds after rounds of one prober against the embedded fleet: does its memory grow, does it leave anything open?

`--minutes 30 --pause-s 8 --rounds N`. Each round is planned, sent and sealed as `tokenarena probe` does it, its
llama.cpp servers started for it and stopped after it. After each round the process is looked at from outside: resident
memory, open files, sockets, threads, children. Eight rounds share a home, as those of a scheduled day do.

Memory is told twice: as it is, and after a garbage collection and `malloc_trim`, by which the C library gives back what
nobody holds. Only the second can show a leak; the first has the library's own reserves in it.

It ends with 1 where something leaks: memory grows by more than `LEAK_MB_PER_HOUR` with a confidence of 97.5 % (the
first fifth, in which modules and buffers are still being filled, left out), or more is open at the end than after the
first round.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
from scipy import stats

from tokenarena_assets.endpoints import embedded_catalog_path, load_catalog
from tokenarena_assets.fleet.serving import serving
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import plan_round, run_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.suites.suite import SuiteSizes

LEAK_MB_PER_HOUR = 8.0
WARM_UP_SHARE = 0.2
ROUNDS_A_HOME = 8
ENDPOINTS = 2
SUITES = ("speed", "quality_math", "sampled")
SIZES = SuiteSizes(
    speed_probes=4,
    math_items=4,
    speed_output_tokens=32,
    quality_output_tokens=32,
    sampled_prompts=4,
    sampled_reps=1,
)


@dataclass(frozen=True, slots=True)
class Look:
    """What the process holds after a round; `at_s` since the first one began, memory in MB."""

    at_s: float
    rss_mb: float
    held_mb: float  # after what is free was given back
    fds: int
    sockets: int
    threads: int
    children: int


@dataclass(frozen=True, slots=True)
class Trend:
    """Least squares over time: MB an hour with a 95 % interval; looks follow each other, so n counts for less."""

    mb_per_hour: float
    low: float
    high: float
    n: int
    n_effective: float


def look(since: float) -> Look:
    """This process as the system sees it now."""
    process = psutil.Process()
    rss_mb = process.memory_info().rss / 1e6
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with process.oneshot():
        return Look(
            time.monotonic() - since,
            rss_mb,
            process.memory_info().rss / 1e6,
            process.num_fds(),
            len(process.net_connections(kind="all")),
            process.num_threads(),
            len(process.children(recursive=True)),
        )


def soak(folder: Path, *, minutes: float, pause_s: float, rounds: int | None = None) -> tuple[list[Look], int]:
    """Rounds until the time is over, or so many; a look after each, and how many records they wrote."""
    endpoints = load_catalog(embedded_catalog_path()).endpoints[:ENDPOINTS]
    options = PlanOptions(suites=SUITES, sizes=SIZES)
    since = time.monotonic()
    looks: list[Look] = []
    written = 0
    while (len(looks) < rounds) if rounds is not None else (time.monotonic() - since < minutes * 60):
        home = Home(folder / f"arena-{len(looks) // ROUNDS_A_HOME}")
        plan = plan_round(home, today(), endpoints, options)
        with serving(plan.endpoints) as urls:
            outcome = run_round(home, plan, urls)
        written += outcome.written
        looks.append(look(since))
        time.sleep(pause_s)
    return looks, written


def trend_of(looks: Sequence[Look], name: str = "held_mb") -> Trend | None:
    """The trend of memory, one of the two, after the warm-up; None where too few looks are left to tell."""
    kept = [each for each in looks if each.at_s >= looks[-1].at_s * WARM_UP_SHARE]
    if len(kept) < 10:
        return None
    hours = np.array([each.at_s / 3600 for each in kept])
    rss = np.array([getattr(each, name) for each in kept])
    fit = stats.linregress(hours, rss)
    left = rss - (fit.intercept + fit.slope * hours)
    spread = float(np.sum(left**2))
    # Neighbours resemble each other: as many independent looks as their first-order correlation leaves.
    alike = max(0.0, float(np.sum(left[1:] * left[:-1])) / spread) if spread else 0.0
    n_effective = max(3.0, len(kept) * (1 - alike) / (1 + alike))
    stderr = fit.stderr * math.sqrt((len(kept) - 2) / (n_effective - 2))
    margin = float(stats.t.ppf(0.975, n_effective - 2)) * stderr
    return Trend(float(fit.slope), float(fit.slope - margin), float(fit.slope + margin), len(kept), n_effective)


def leaks_of(looks: Sequence[Look], trend: Trend | None) -> list[str]:
    """What grew; empty where nothing did."""
    first, last = asdict(looks[0]), asdict(looks[-1])
    found = [
        f"{name}: {first[name]} after the first round, {last[name]} after the last"
        for name in ("fds", "sockets", "threads", "children")
        if last[name] > first[name]
    ]
    if trend is not None and trend.low > LEAK_MB_PER_HOUR:
        found.append(f"memory: at least {trend.low:.1f} MB an hour")
    return found


def main() -> int:
    """Soak and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, help="so many rounds instead")
    parser.add_argument("--pause-s", type=float, default=8.0, help="between rounds")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        looks, written = soak(Path(folder), minutes=given.minutes, pause_s=given.pause_s, rounds=given.rounds)
    first, last = looks[0], looks[-1]
    print(f"{len(looks)} rounds in {last.at_s / 60:.1f} min, {written} records, {ENDPOINTS} endpoints of the fleet")
    for name in ("rss_mb", "held_mb", "fds", "sockets", "threads", "children"):
        values = [float(getattr(each, name)) for each in looks]
        print(
            f"{name:<9} first {values[0]:.1f}  last {values[-1]:.1f}  least {min(values):.1f}  most {max(values):.1f}"
        )
    for name in ("rss_mb", "held_mb"):
        trend = trend_of(looks, name)
        if trend is None:
            print(f"{name}: cannot tell a trend of so few rounds")
            continue
        print(
            f"{name} {trend.mb_per_hour:+.2f} MB an hour, 95 % interval {trend.low:+.2f} to {trend.high:+.2f} "
            f"(n = {trend.n}, as {trend.n_effective:.0f} independent ones; first {WARM_UP_SHARE:.0%} left out); "
            f"{trend.mb_per_hour * (last.at_s - first.at_s) / 3.6 / max(1, len(looks) - 1):+.1f} kB a round"
        )
    leaks = leaks_of(looks, trend_of(looks))
    print("\n".join(f"LEAK {leak}" for leak in leaks) or "no leak")
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main())
