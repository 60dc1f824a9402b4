"""The published database -> the page of a day, one HTML file."""

import dagster as dg

from tokenarena_assets.defs.factory import marked
from tokenarena_assets.defs.partitions import DAYS, days_of
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.report.page import write_page


@dg.asset(
    deps=["published_database"],
    group_name="publish",
    kinds={"html", "vega"},
    owners=["team:tokenarena"],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    description=(
        "The page of a day: leaderboard, charts, history, findings, methods, and of each figure where it comes from. One "
        "HTML file that needs no network."
    ),
)
def report(context: dg.AssetExecutionContext, arena: Arena) -> dg.MaterializeResult:
    """Write the page of each day of the run."""
    pages = [write_page(arena.home, day) for day in days_of(context)]
    for page in pages:
        metadata = {
            "dagster/uri": str(page.path),
            "path": dg.MetadataValue.path(page.path),
            "size_bytes": page.size_bytes,
            "endpoints": page.endpoints,
            "days_of_history": page.days,
            "sections_without_a_table": ", ".join(page.left_out) or "none",
        }
        context.add_asset_metadata(
            marked(arena.home, metadata), asset_key="report", partition_key=page.day.isoformat()
        )
    return dg.MaterializeResult(metadata={"pages": len(pages)})
