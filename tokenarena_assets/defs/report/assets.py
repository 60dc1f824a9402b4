"""The published database -> the page of a day, one HTML file."""

from typing import Any

import dagster as dg

from tokenarena_assets.defs.factory import marked
from tokenarena_assets.defs.partitions import DAYS, days_of
from tokenarena_assets.defs.resources import Arena
from tokenarena_assets.errors import MissingTableError
from tokenarena_assets.report.page import Page, default_path, write_page


@dg.asset(
    deps=["published_database"],
    group_name="publish",
    kinds={"html", "vega"},
    owners=["team:tokenarena"],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    description=(
        "The page of a day: leaderboard, charts, history, findings, methods, and of each figure where it comes from. "
        "One HTML file that needs no network."
    ),
)
def report(context: dg.AssetExecutionContext, arena: Arena) -> dg.MaterializeResult:
    """Write the page of each day of the run; a day without ranks has none, and keeps none."""
    written = 0
    for day in days_of(context):
        try:
            metadata = _metadata(write_page(arena.home, day))
            written += 1
        except MissingTableError as error:
            default_path(arena.home, day).unlink(missing_ok=True)
            metadata = {"no_page_because": str(error)}
        context.add_asset_metadata(marked(arena.home, metadata), asset_key="report", partition_key=day.isoformat())
    return dg.MaterializeResult(metadata={"pages": written})


def _metadata(page: Page) -> dict[str, Any]:
    return {
        "dagster/uri": str(page.path),
        "path": dg.MetadataValue.path(page.path),
        "size_bytes": page.size_bytes,
        "endpoints": page.endpoints,
        "days_of_history": page.days,
        "sections_without_a_table": ", ".join(page.left_out) or "none",
    }
