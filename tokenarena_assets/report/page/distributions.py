"""Distributions of the time to first token, from the probes that each endpoint's headline figure rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tokenarena_assets.probing.record import ANSWERED
from tokenarena_assets.report.page.packing import packed
from tokenarena_assets.report.page.source import Source

if TYPE_CHECKING:
    from tokenarena_assets.report.page.data import Names

LEVELS = tuple(level / 20 for level in range(21))  # every 5 %: P5, P25, P50, P75, P90 and P95 are among them
QUERY = f"""
    with headline as (
        select distinct endpoint_id, latency_suite, latency_prompt_tokens from leaderboard where day = $day
    )
    select
        h.endpoint_id,
        count(*) filter (where r.ttft_ms is not null) as n,
        count(*) filter (where r.status not in ({", ".join(f"'{status}'" for status in sorted(ANSWERED))})) as n_failed,
        quantile_cont(r.ttft_ms, {list(LEVELS)}) as q
    from headline as h
    inner join requests as r
        on
            h.endpoint_id = r.endpoint_id
            and h.latency_suite = r.suite
            and h.latency_prompt_tokens is not distinct from r.prompt_tokens_target
    where r.day = $day and r.status <> 'not_sent' and r.timing_exclusion is null
    group by h.endpoint_id
    order by h.endpoint_id
"""


def ttft(source: Source, names: Names, of_day: Mapping[str, object]) -> dict[str, Any] | None:
    """TTFT in ms at every 5 % of the day's probes (linear between order statistics), with n and how many failed."""
    if not source.has("requests", "ttft_ms"):
        return None
    rows = [row for row in names.numbered(source.query(QUERY, of_day)) if row["n"]]
    return packed(rows, ("e", "n", "n_failed", "q"))
