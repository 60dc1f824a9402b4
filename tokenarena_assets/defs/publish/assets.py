"""The lake -> the published database."""

import dagster as dg

from tokenarena_assets.chain.catalog import final_tables, table_specs
from tokenarena_assets.defs.factory import marked
from tokenarena_assets.defs.partitions import DAYS
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.storage.publish import publish


@dg.asset(
    deps=final_tables(),
    group_name="publish",
    kinds={"duckdb"},
    owners=["team:tokenarena"],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="duckdb",
    description=(
        "tokenarena.duckdb: all days, marts as native tables and large tables as views over the lake, made beside the "
        "old file (of which what has not changed is kept) and moved into its place, so that a reader neither blocks a "
        "run nor sees half of one."
    ),
)
def published_database(context: dg.AssetExecutionContext, arena: Arena) -> dg.MaterializeResult:
    """Publish every day that the lake has; a backfill publishes once."""
    counts = publish(arena.home, list(table_specs().values()))
    context.log.info("published %s: %d tables, %d rows", arena.home.database, len(counts), sum(counts.values()))
    return dg.MaterializeResult(
        metadata=marked(
            arena.home,
            {
                "dagster/uri": str(arena.home.database),
                "rows": counts,
                "size_bytes": arena.home.database.stat().st_size,
            },
        )
    )
