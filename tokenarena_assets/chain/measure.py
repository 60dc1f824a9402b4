"""Latency, speed and success of a day, by endpoint."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import polars as pl

from tokenarena_assets.chain.tables import LATENCY_DAILY
from tokenarena_assets.probing.record import ANSWERED
from tokenarena_assets.stats import quantile_interval, wilson


def latency_by_endpoint(day: date, requests: pl.DataFrame) -> pl.DataFrame:
    """One row an endpoint of the speed suite: times of answered probes, success of all that were sent."""
    speed = requests.filter(pl.col("suite") == "speed")
    rows = [
        _row(day, str(key[0]), own) for key, own in sorted(speed.group_by("endpoint_id"), key=lambda pair: str(pair[0]))
    ]
    return LATENCY_DAILY.frame(rows)


def _row(day: date, endpoint_id: str, own: pl.DataFrame) -> dict[str, object]:
    sent = own.filter(pl.col("status") != "not_sent")
    answered = sent.filter(pl.col("status").is_in(ANSWERED))

    def median(column: str) -> float | None:
        return quantile_interval(answered[column].drop_nulls(), 0.5).value

    success = wilson(len(answered), len(sent))
    ttft = quantile_interval(answered["ttft_ms"].drop_nulls(), 0.5)
    speed = quantile_interval(answered["output_speed_tok_s"].drop_nulls(), 0.5)
    failures = np.full(len(sent) - len(answered), math.inf)
    with_failures = quantile_interval(np.concatenate([answered["e2e_ms"].drop_nulls().to_numpy(), failures]), 0.9).value
    return {
        "day": day,
        "endpoint_id": endpoint_id,
        "n_sent": len(sent),
        "n_answered": len(answered),
        "n_not_sent": len(own) - len(sent),
        "success_rate": success.value,
        "success_rate_lo": success.lo,
        "success_rate_hi": success.hi,
        "ttft_p50_ms": ttft.value,
        "ttft_p50_lo_ms": ttft.lo,
        "ttft_p50_hi_ms": ttft.hi,
        "ttft_p90_ms": quantile_interval(answered["ttft_ms"].drop_nulls(), 0.9).value,
        "ttfo_p50_ms": median("ttfo_ms"),
        "e2e_p50_ms": median("e2e_ms"),
        "e2e_p90_with_failures_ms": with_failures
        if with_failures is not None and math.isfinite(with_failures)
        else None,
        "connect_p50_ms": median("connect_ms"),
        "output_speed_p50_tok_s": speed.value,
        "output_speed_p50_lo_tok_s": speed.lo,
        "output_speed_p50_hi_tok_s": speed.hi,
        "n_speed": speed.n,
        "client_delay_p90_ms": quantile_interval(answered["client_delay_ms"].drop_nulls(), 0.9).value,
    }
