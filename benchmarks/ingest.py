"""Raw log -> lake beside the bare limit: DuckDB reading the same compressed JSON lines into Parquet, in one run."""

from __future__ import annotations

import json
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb

from tokenarena_assets.chain.ingest import read_day
from tokenarena_assets.endpoints import embedded_catalog_path, load_catalog
from tokenarena_assets.fleet.serving import serving
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import plan_round, run_round, today
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.rawlog import RoundWriter, read_lines
from tokenarena_assets.suites.suite import SuiteSizes

COPIES = 40


def main() -> None:
    """Repeat the rows of one real round under new ids and read them both ways."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "arena")
        endpoints = load_catalog(embedded_catalog_path()).endpoints[:2]
        plan = plan_round(home, today(), endpoints, PlanOptions(sizes=SuiteSizes(speed_probes=4, math_items=30)))
        with serving(endpoints) as urls:
            outcome = run_round(home, plan, urls)
        records = [json.loads(line.data) for line in read_lines(outcome.path)]
        day = date(2026, 1, 2)
        writer = RoundWriter(home, day, "20260102T000000Z-bench0", plan.manifest)
        for copy in range(COPIES):
            for record in records:
                writer.append(record | {"request_id": f"{copy}-{record['request_id']}", "day": day.isoformat()})
        path = writer.seal("complete")
        started = time.perf_counter()
        raw = read_day(home, day)
        ParquetLake(home.lake).write("probe_log", day, raw.probe_log)
        ours = time.perf_counter() - started
        started = time.perf_counter()
        target = Path(folder) / "limit.parquet"
        duckdb.execute(
            f"copy (from read_json('{path}', format = 'newline_delimited', maximum_object_size = 67108864)) "
            f"to '{target}' (format parquet, compression zstd)"
        )
        limit = time.perf_counter() - started
        rows = raw.probe_log.height
        print(f"{rows} rows (synthetic: one real round, repeated), {path.stat().st_size / 1e6:.1f} MB compressed")
        print(f"raw log -> lake {ours:.2f} s; DuckDB, all fields {limit:.2f} s; ratio {ours / limit:.2f}")


if __name__ == "__main__":
    main()
