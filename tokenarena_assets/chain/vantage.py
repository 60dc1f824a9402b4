"""How far each endpoint is from each place that it was asked from, and how it serves once the network is taken off."""

from __future__ import annotations

from datetime import date

import polars as pl

from tokenarena_assets.chain.tables import VANTAGE_DAILY
from tokenarena_assets.probing.record import ANSWERED
from tokenarena_assets.stats import Interval, quantile_interval

SUITE = "speed"
BURSTS = "parallel"  # ten connects at once measure the queue of the listener
CONFIDENCE = 0.95
VANTAGE_READ = (
    "endpoint_id",
    "region_from",
    "round_id",
    "suite",
    "prompt_tokens_target",
    "status",
    "timing_exclusion",
    "connect_ms",
    "ttft_ms",
    "output_speed_tok_s",
)


def vantage_by_place(day: date, requests: pl.DataFrame) -> pl.DataFrame:
    """One row an endpoint and place, of shape (places x endpoints,); imported rows name no place and have none.

    Of time to first token the prompt size counts that the endpoint was asked most, over all places: the same for each.
    """
    placed = requests.filter(pl.col("region_from").is_not_null() & (pl.col("status") != "not_sent"))
    sizes = _sizes(placed)
    groups = sorted(placed.group_by("endpoint_id", "region_from"), key=lambda pair: pair[0])
    return VANTAGE_DAILY.frame(
        [
            {"day": day, "endpoint_id": key[0], "region_from": key[1], **_row(own, sizes.get(str(key[0])))}
            for key, own in groups
        ]
    )


def _sizes(placed: pl.DataFrame) -> dict[str, int]:
    """endpoint_id -> prompt size that it was asked most; of equals the smaller."""
    counted = (
        placed.filter((pl.col("suite") == SUITE) & pl.col("prompt_tokens_target").is_not_null())
        .group_by("endpoint_id", "prompt_tokens_target")
        .len()
        .sort("endpoint_id", -pl.col("len").cast(pl.Int64), "prompt_tokens_target")
        .unique("endpoint_id", keep="first", maintain_order=True)
    )
    return dict(counted.select("endpoint_id", "prompt_tokens_target").iter_rows())


def _row(own: pl.DataFrame, size: int | None) -> dict[str, object]:
    of_size = pl.lit(False) if size is None else pl.col("prompt_tokens_target") == size
    asked = own.filter((pl.col("suite") == SUITE) & of_size)
    answered = asked.filter(pl.col("status").is_in(ANSWERED))
    timed = answered.filter(pl.col("timing_exclusion").is_null())
    connects = own.filter((pl.col("suite") != BURSTS) & pl.col("timing_exclusion").is_null())["connect_ms"].drop_nulls()
    ttft, speed = timed["ttft_ms"].drop_nulls(), timed["output_speed_tok_s"].drop_nulls()
    return {
        "prompt_tokens_target": size,
        "n_rounds": own["round_id"].n_unique(),
        "n_sent": len(asked),
        "n_answered": len(answered),
        "n_connects": len(connects),
        **_told("round_trip_p50", "ms", quantile_interval(connects.to_numpy(), 0.5)),
        **_told("ttft_p50", "ms", quantile_interval(ttft.to_numpy(), 0.5)),
        "n_ttft": len(ttft),
        **_told("ttft_less_network_p50", "ms", _difference(ttft, connects)),
        **_told("output_speed_p50", "tok_s", quantile_interval(speed.to_numpy(), 0.5)),
        "n_speed": len(speed),
    }


def _difference(ttft: pl.Series, connects: pl.Series) -> Interval:
    """Median TTFT minus the median round trip; the interval holds where both of its medians' do (Bonferroni)."""
    each = 1 - (1 - CONFIDENCE) / 2
    total, network = (quantile_interval(values.to_numpy(), 0.5, each) for values in (ttft, connects))
    return Interval(
        _minus(total.value, network.value), _minus(total.lo, network.hi), _minus(total.hi, network.lo), total.n
    )


def _minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right


def _told(name: str, unit: str, found: Interval) -> dict[str, object]:
    return {f"{name}_{unit}": found.value, f"{name}_lo_{unit}": found.lo, f"{name}_hi_{unit}": found.hi}
