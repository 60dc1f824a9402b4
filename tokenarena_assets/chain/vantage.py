"""How far each endpoint is from each place that it was asked from, and how it serves once the network is taken off."""

from __future__ import annotations

from datetime import date

import polars as pl

from tokenarena_assets.chain.grouped import Values, values_by_group
from tokenarena_assets.chain.tables import VANTAGE_DAILY
from tokenarena_assets.probing.record import ANSWERED
from tokenarena_assets.stats import Interval, quantile_interval

SUITE = "speed"
BURSTS = "parallel"  # ten connects at once measure the queue of the listener
CONFIDENCE = 0.95
KEYS = ("endpoint_id", "region_from")


def vantage_by_place(day: date, requests: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """One row an endpoint and place, of shape (places x endpoints,); imported rows name no place and have none.

    Of time to first token the prompt size counts that the endpoint was asked most, over all places: the same for each.
    """
    placed = requests.lazy().filter(pl.col("region_from").is_not_null() & (pl.col("status") != "not_sent"))
    sizes = _sizes(placed)
    asked = placed.filter(pl.col("suite") == SUITE).join(sizes.lazy(), on=("endpoint_id", "prompt_tokens_target"))
    groups = (
        placed.group_by(KEYS)
        .agg(n_rounds=pl.col("round_id").n_unique())
        .join(
            asked.group_by(KEYS).agg(n_sent=pl.len(), n_answered=pl.col("status").is_in(ANSWERED).sum()),
            on=KEYS,
            how="left",
        )
        .with_columns(pl.col("n_sent", "n_answered").fill_null(0))
        .join(sizes.lazy(), on="endpoint_id", how="left")
        .collect(engine="streaming")
        .sort(KEYS)
    )
    unhindered = pl.col("timing_exclusion").is_null()
    timed = asked.filter(pl.col("status").is_in(ANSWERED) & unhindered)
    connected = placed.filter((pl.col("suite") != BURSTS) & unhindered)
    columns = zip(
        groups.iter_rows(named=True),
        values_by_group(connected, groups, KEYS, "connect_ms"),
        values_by_group(timed, groups, KEYS, "ttft_ms"),
        values_by_group(timed, groups, KEYS, "output_speed_tok_s"),
        strict=True,
    )
    return VANTAGE_DAILY.frame([{"day": day, **group, **_told_of(*values)} for group, *values in columns])


def _sizes(placed: pl.LazyFrame) -> pl.DataFrame:
    """The prompt size that each endpoint was asked most; of equals the smaller."""
    counted = (
        placed.filter((pl.col("suite") == SUITE) & pl.col("prompt_tokens_target").is_not_null())
        .group_by("endpoint_id", "prompt_tokens_target")
        .len()
        .collect(engine="streaming")
    )
    first = counted.sort("endpoint_id", -pl.col("len").cast(pl.Int64), "prompt_tokens_target")
    return first.unique("endpoint_id", keep="first", maintain_order=True).select("endpoint_id", "prompt_tokens_target")


def _told_of(connects: Values, ttft: Values, speed: Values) -> dict[str, object]:
    return {
        "n_connects": len(connects),
        **_told("round_trip_p50", "ms", quantile_interval(connects, 0.5)),
        **_told("ttft_p50", "ms", quantile_interval(ttft, 0.5)),
        "n_ttft": len(ttft),
        **_told("ttft_less_network_p50", "ms", _difference(ttft, connects)),
        **_told("output_speed_p50", "tok_s", quantile_interval(speed, 0.5)),
        "n_speed": len(speed),
    }


def _difference(ttft: Values, connects: Values) -> Interval:
    """Median TTFT minus the median round trip; the interval holds where both of its medians' do (Bonferroni)."""
    each = 1 - (1 - CONFIDENCE) / 2
    total, network = (quantile_interval(values, 0.5, each) for values in (ttft, connects))
    return Interval(
        _minus(total.value, network.value), _minus(total.lo, network.hi), _minus(total.hi, network.lo), total.n
    )


def _minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right


def _told(name: str, unit: str, found: Interval) -> dict[str, object]:
    return {f"{name}_{unit}": found.value, f"{name}_lo_{unit}": found.lo, f"{name}_hi_{unit}": found.hi}
