"""A few raw places of each endpoint; the page quotes the queries that give them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tokenarena_assets.report.page.packing import packed
from tokenarena_assets.report.page.source import Source

if TYPE_CHECKING:
    from tokenarena_assets.report.page.data import Names

SHOWN = 3  # places an endpoint and kind; the query beside them gives the rest
# Kind -> (table, which of its rows, the column that tells what the probe came to).
KINDS: dict[str, tuple[str, str, str]] = {
    "timing": (
        "requests",
        "(endpoint_id, suite, coalesce(prompt_tokens_target, -1)) in "
        "(select endpoint_id, latency_suite, coalesce(latency_prompt_tokens, -1) from leaderboard where day = $day)",
        "status",
    ),
    "answers": ("answers", "suite in ('quality_math', 'quality_code')", "outcome"),
    "fidelity": ("requests", "suite in ('sampled', 'greedy', 'logprobs', 'parity', 'border')", "status"),
    "context": ("context_requests", "true", "status"),
}


def places(source: Source, names: Names, of_day: Mapping[str, object]) -> dict[str, Any]:
    """`{kind: packed rows of e, request_id, file, raw_line, came_to}`, the first `SHOWN` by place in the evidence."""
    found = {}
    for kind, (table, which, came_to) in KINDS.items():
        if not source.has(table, "request_id", "raw_file", "raw_line", came_to):
            continue
        rows = source.query(
            f"""
            select endpoint_id, request_id, raw_file, raw_line, {came_to} as came_to
            from {table}
            where day = $day and {which}
            qualify row_number() over (partition by endpoint_id order by raw_file, raw_line, request_id) <= {SHOWN}
            order by endpoint_id, raw_file, raw_line, request_id
            """,
            of_day,
        )
        files = sorted({row["raw_file"] for row in rows})
        numbered = [{**row, "file": files.index(row["raw_file"])} for row in names.numbered(rows)]
        found[kind] = {"files": files, **packed(numbered, ("e", "request_id", "file", "raw_line", "came_to"))}
    return found
