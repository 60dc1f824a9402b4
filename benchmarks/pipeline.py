"""Raw log -> published leaderboard, step by step, beside the bare limit of the same rows in the same run.

The limit: DuckDB reading the same compressed JSON lines into Parquet, and p50/p95/p99 of two columns by endpoint.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psutil
from synthetic import ROUNDS_A_DAY, make_day, real_round

from tokenarena_assets.probing.round import today
from tokenarena_assets.storage.home import Home

GOAL_RATIO, GOAL_GB = 1.5, 2.0
STEPS = ("bare", "chain")
NESTED = ("frames", "first_token_top")  # lists in lists: some rounds give DuckDB types for them, which takes it longer


def bare(home: Home, day: date) -> dict[str, Any]:
    """The limit, all fields of every line: as DuckDB reads them by itself, and with the nested lists kept as text."""
    files = [str(path) for path in sorted(home.raw_day(day).glob("*.jsonl.zst"))]
    given = f"{files}, format = 'newline_delimited', maximum_object_size = 16777216"
    connection = duckdb.connect()
    connection.execute("set preserve_insertion_order = false")  # it has all the memory that it wants
    connection.execute(f"set temp_directory = '{home.root}/spill'")
    start = time.perf_counter()
    found = dict(
        connection.execute(
            f"select column_name, column_type from (describe from read_json({given}, union_by_name = true))"
        ).fetchall()
    )
    seen_s = time.perf_counter() - start
    types = {name: "json" if name in NESTED else kind.replace('"NULL"', "json") for name, kind in found.items()}
    quantiles = "[0.5, 0.95, 0.99]"
    target = home.root / "limit.parquet"
    took = {}
    for name, options, before_s in (("as_text", f"columns = {types}", seen_s), ("whole", "union_by_name = true", 0.0)):
        start = time.perf_counter()
        connection.execute(
            f"copy (from read_json({given}, {options})) to '{target}' (format parquet, compression zstd)"
        )
        took[name] = before_s + time.perf_counter() - start
    start = time.perf_counter()
    rows = connection.execute(
        f"select endpoint_id, quantile_cont(timing.ttft_ms, {quantiles}), "
        f"quantile_cont(timing.output_speed_tok_s, {quantiles}), count(*) from '{target}' group by endpoint_id"
    ).fetchall()
    target.unlink()
    query_s = time.perf_counter() - start
    return {"read_s": took["whole"], "as_text_s": took["as_text"], "query_s": query_s, "rows": sum(r[3] for r in rows)}


def chain(home: Home, day: date) -> dict[str, Any]:
    """Materialize the day on the home's own Dagster instance, as `tokenarena run` does; seconds by step."""
    # Imported here, as the command does: processes that read lines import this file, and have no use for Dagster.
    from tokenarena_assets.defs.execute import instance_of, materializing  # noqa: PLC0415

    start = time.perf_counter()
    with materializing(home, log="problems") as run:
        ready_s = time.perf_counter() - start
        start = time.perf_counter()
        succeeded = run([day])
        total_s = time.perf_counter() - start
    with instance_of(home) as instance:
        (record,) = instance.get_run_records(limit=1)
        stats = instance.get_run_step_stats(record.dagster_run.run_id)
    steps = {s.step_key: s.end_time - s.start_time for s in stats if s.start_time and s.end_time}
    return {"succeeded": succeeded, "start_s": ready_s, "total_s": total_s, "steps": steps}


def measured(step: str, home: Home, day: date) -> dict[str, Any]:
    """Run a step in its own process; with the most memory that it and its children held together (RSS, sampled)."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--step", step, "--home", str(home.root), "--day", day.isoformat()],
        stdout=subprocess.PIPE,
        text=True,
    )
    watched, peak, before = psutil.Process(process.pid), 0, resource.getrusage(resource.RUSAGE_CHILDREN)
    while process.poll() is None:
        total = 0
        for each in (watched, *_children(watched)):
            try:
                total += each.memory_info().rss
            except psutil.Error:
                continue
        peak = max(peak, total)
        time.sleep(0.1)
    output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"{step} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(output.splitlines()[-1]) | {"peak_gb": peak / 1e9, "cpu_s": cpu_s}


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def report(rows: int, size: int, limit: dict[str, Any], found: dict[str, Any]) -> None:
    """What was measured of one size. Seconds are of the wall; those of CPU tell whether the machine had other work."""
    bare_s, as_text_s = (limit[name] + limit["query_s"] for name in ("read_s", "as_text_s"))
    print(f"\n{rows:,} rows (synthetic, from one real round), {size / 1e9:.2f} GB of JSON, {size / rows:,.0f} B a row")
    print(
        f"bare limit {bare_s:.1f} s (of that the query {limit['query_s']:.2f}); nested lists as text {as_text_s:.1f} s"
    )
    for step, seconds in sorted(found["steps"].items(), key=lambda pair: -pair[1])[:12]:
        print(f"  {seconds:8.1f} s  {step}")
    print(f"raw log -> published {found['total_s']:.1f} s, {found['cpu_s']:.1f} s of CPU")
    print(f"start-up before it {found['start_s']:.1f} s")
    ratio, of_text = found["total_s"] / bare_s, found["total_s"] / as_text_s
    print(f"ratio {ratio:.2f} (goal {GOAL_RATIO}); to the limit with nested lists as text {of_text:.2f}")
    print(f"peak memory {found['peak_gb']:.2f} GB (goal {GOAL_GB:g})")


def main() -> None:
    """Make the days and time them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=float, nargs="+", default=[1e5], help="rows of a day, e.g. 1e5 1e6 1e7")
    parser.add_argument("--files", type=int, default=ROUNDS_A_DAY, help="rounds that they lie in")
    parser.add_argument("--without-frames", action="store_true", help="as logs whose frames expired")
    parser.add_argument("--source", type=Path, help="a home with a real round; else one is run now")
    parser.add_argument("--work", type=Path, help="a folder with room; else a temporary one")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--day", type=date.fromisoformat, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps({"bare": bare, "chain": chain}[given.step](Home(given.home), given.day)))
        return
    day = today() - timedelta(days=1)
    totals = {}
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        source = Home(given.source.absolute()) if given.source else real_round(Path(folder) / "real")
        for rows in map(int, given.rows):
            home = Home(Path(folder) / f"rows{rows}")
            size = make_day(source, home, day, rows, files=given.files, frames=not given.without_frames)
            limit, found = measured("bare", home, day), measured("chain", home, day)
            report(rows, size, limit, found)
            totals[rows] = found["total_s"]
    for few, many in zip(sorted(totals), sorted(totals)[1:], strict=False):
        print(f"{many / few:g} times the rows took {totals[many] / totals[few]:.2f} times as long")


if __name__ == "__main__":
    main()
