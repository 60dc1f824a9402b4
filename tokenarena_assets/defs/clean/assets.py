"""Raw lines -> probe log -> requests and quarantine; rounds, their certificates and endpoints as they were recorded."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from tokenarena_assets.chain.certificates import read_certificates
from tokenarena_assets.chain.ingest import write_probe_log
from tokenarena_assets.chain.raw_faults import raw_faults
from tokenarena_assets.chain.tables import CATALOG_LOG, CERTIFICATES, PROBE_LOG, ROUND_LOG
from tokenarena_assets.defs.factory import asset_spec, check_specs, days_to_make, finish, python_asset, sql_assets
from tokenarena_assets.defs.partitions import DAYS, days_of_check
from tokenarena_assets.defs.resources import Arena

RAW_TABLES = (PROBE_LOG, ROUND_LOG, CATALOG_LOG)


@dg.multi_asset(
    specs=[asset_spec(spec, ["probe_rounds"], kinds={"python", "parquet"}) for spec in RAW_TABLES],
    check_specs=[check for spec in RAW_TABLES for check in check_specs(spec)],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def raw_tables(context: dg.AssetExecutionContext, arena: Arena) -> Iterator[dg.MaterializeResult]:
    """Read each day's raw rounds once."""
    days = days_to_make(context, arena)
    for day in days:
        with arena.lake.replacing("probe_log", day) as path:
            round_log, catalog_log = write_probe_log(arena.home, day, path)
        arena.lake.write("round_log", day, round_log)
        arena.lake.write("catalog_log", day, catalog_log)
        for fault in raw_faults(arena.lake, day, arena.home.raw_day(day)):
            context.log.warning("%s", fault)
    yield from finish(context, arena, RAW_TABLES, days)


def _read_certificates(arena: Arena, day: date) -> None:
    arena.lake.write("certificates", day, read_certificates(arena.home, day))


certificates = python_asset(CERTIFICATES, ["probe_rounds"], _read_certificates)
clean_models = sql_assets("clean")


COUNTED = ("raw_rows", "requests", "quarantine", "in_both")
# Each table's own places are its key, and checked to be unique.
CONSERVED = """
    select
        (select coalesce(sum(raw_rows), 0) from round_log),
        (select count(*) from requests),
        (select count(*) from quarantine),
        (select count(*) from requests semi join quarantine using (raw_file, raw_line))
"""


@dg.asset_check(
    asset="rounds",
    additional_deps=["requests", "quarantine", "probe_log"],
    blocking=True,
    partitions_def=DAYS,
    description="requests + quarantine = raw rows: every raw line is in exactly one of the two",
)
def rows_are_conserved(context: dg.AssetCheckExecutionContext, arena: Arena) -> dg.AssetCheckResult:
    """Count both sides independently of the models: lines of the raw files against rows of the tables."""
    lake = arena.lake
    rows: list[dict[str, Any]] = []
    for day in days_of_check(context):
        with lake.connect(dict.fromkeys(("round_log", "requests", "quarantine"), day)) as connection:
            counted = connection.execute(CONSERVED).fetchone() or ()
        rows.append({"day": day.isoformat(), **dict(zip(COUNTED, map(int, counted), strict=True))})
    wrong = [r for r in rows if r["raw_rows"] != r["requests"] + r["quarantine"] or r["in_both"]]
    return dg.AssetCheckResult(passed=not wrong, metadata={"days": rows, "unexpected_count": len(wrong)})
