"""Makes a day of raw rounds as large as asked from the rows of a real one: synthetic, and each line says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import zstandard

from tokenarena_assets.endpoints import embedded_catalog_path, load_catalog
from tokenarena_assets.fleet.serving import serving
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import plan_round, run_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import certificates_path, read_lines, rounds_of

GROWING = ("speed", "parallel")  # a plan asks all other suites a fixed number of times a day
ROUNDS_A_DAY = 8
SLOWER_THE_BIGGER = ("output_speed_tok_s", "output_chars_per_s")


def real_round(folder: Path) -> Home:
    """A home with one whole round of the embedded fleet, sent now."""
    home = Home(folder)
    endpoints = load_catalog(embedded_catalog_path()).endpoints
    plan = plan_round(home, today(), endpoints, PlanOptions())
    with serving(endpoints) as urls:
        run_round(home, plan, urls)
    return home


def make_day(source: Home, target: Home, day: date, rows: int, *, files: int, frames: bool) -> int:
    """Write `rows` rows into `files` rounds of `day`; bytes of JSON. Without `frames` as a log whose frames expired.

    Each suite but `speed` and `parallel` is there as often as in the real round, in the first of the day; the rest are
    rows of those two, drawn with replacement, each with times of its own (all of a row times one log-normal factor).
    """
    source_day = max(date.fromisoformat(p.name[4:]) for p in (source.root / "raw" / "probes").glob("day=*"))
    (found, *_) = rounds_of(source, source_day)
    records = [orjson.loads(line.data) for line in read_lines(found.log)]
    for record in records:
        if not frames:
            record.pop("frames", None)
    manifest = found.manifest
    assert manifest is not None
    once = [record for record in records if record["suite"] not in GROWING][:rows]
    again = [record for record in records if record["suite"] in GROWING]
    shares = [len(part) for part in np.array_split(np.empty(rows - len(once)), files)]
    certificates = certificates_path(source, source_day, found.round_id).read_bytes()
    target.raw_day(day).mkdir(parents=True)
    tasks = []
    for number, share in enumerate(shares):
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=number * 86_400 / files)
        round_id = f"{at:%Y%m%dT%H%M%S}Z-{number:06x}"
        own = {"round_id": round_id, "day": day.isoformat(), "started_at": at.isoformat(timespec="milliseconds")}
        _write_json(target, day, f"{round_id}.manifest", manifest | own | {"ordinal": number, "synthetic": True})
        lines = (
            json.dumps(json.loads(line) | {"round_id": round_id, "day": day.isoformat()})
            for line in certificates.splitlines()
        )
        certificates_path(target, day, round_id).write_text("".join(f"{line}\n" for line in lines))
        tasks.append((target, day, round_id, at, once if number == 0 else [], again, share, number))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(_write_round, tasks))


def _write_round(task: tuple[Home, date, str, datetime, Sequence[Any], Sequence[Any], int, int]) -> int:
    home, day, round_id, at, once, again, share, seed = task
    path = home.raw_day(day) / f"round={round_id}.jsonl.zst"
    size = rows = 0
    with (
        path.open("wb") as file,
        zstandard.ZstdCompressor(level=3, write_checksum=True).stream_writer(file) as writer,
    ):
        for line in _lines(day, round_id, at, once, again, share, seed):
            writer.write(line)
            size += len(line)
            rows += 1
    _write_json(home, day, f"{round_id}.seal", {"round_id": round_id, "state": "complete", "rows": rows})
    return size


def _lines(
    day: date, round_id: str, at: datetime, once: Sequence[Any], again: Sequence[Any], share: int, seed: int
) -> Iterator[bytes]:
    rng = np.random.default_rng(seed)
    fixed = ("round_id", "day", "request_id", "started_at", "timing")
    ends = [orjson.dumps({k: v for k, v in row.items() if k not in fixed})[1:] + b"\n" for row in (*once, *again)]
    picks = np.concatenate([np.arange(len(once)), len(once) + rng.integers(0, len(again), share)])
    factors = np.concatenate([np.ones(len(once)), np.exp(rng.normal(0, 0.2, share))]).tolist()
    seconds = np.sort(rng.random(len(picks)) * 600)
    base = {"round_id": round_id, "day": day.isoformat(), "synthetic": True}
    timings = [row["timing"] for row in (*once, *again)]
    for number, (pick, factor, second) in enumerate(zip(picks.tolist(), factors, seconds.tolist(), strict=True)):
        timing = {name: _times(name, value, factor) for name, value in timings[pick].items()}
        started = (at + timedelta(seconds=second)).isoformat(timespec="microseconds")
        identity = {"request_id": f"{seed:06x}{number:018x}", "started_at": started, "timing": timing}
        yield orjson.dumps(base | identity)[:-1] + b"," + ends[pick]


def _times(name: str, value: Any, factor: float) -> Any:
    if value is None:
        return None
    if name.endswith("_ms"):
        return value * factor
    return value / factor if name in SLOWER_THE_BIGGER else value


def _write_json(home: Home, day: date, name: str, content: Any) -> None:
    (home.raw_day(day) / f"round={name}.json").write_text(json.dumps(content))


def clear(home: Home) -> None:
    """Remove a home that was made here."""
    shutil.rmtree(home.root, ignore_errors=True)
