"""Success, times, output speed and streaming quality of a day, by endpoint, suite and prompt size."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import polars as pl

from tokenarena_assets.chain.gates import not_ranked_because
from tokenarena_assets.chain.tables import LATENCY_DAILY
from tokenarena_assets.probing.record import ANSWERED
from tokenarena_assets.stats import Interval, conservative_percentile, quantile_interval, wilson

TIMED_SUITES = ("speed", "parallel")
IMPORTED = "imported:"  # and the tool's name: other tools' results are rows of their own, never mixed with our probes
HIDDEN_REASONING = "last_80_percent_of_answer"
# Medians over probes: column -> figure of the request.
MEDIANS = {
    "ttfo_p50_ms": "ttfo_ms",
    "readable_p50_ms": "readable_ms",
    "e2e_from_schedule_p50_ms": "e2e_from_schedule_ms",
    "output_chars_p50_per_s": "output_chars_per_s",
    "inter_chunk_p50_ms": "inter_chunk_p50_ms",
    "longest_stall_p50_ms": "longest_stall_ms",
    "stall_ratio_p50": "stall_ratio",
    "burstiness_p50": "burstiness",
    "largest_burst_share_p50": "largest_burst_share",
    "dns_p50_ms": "dns_ms",
    "connect_p50_ms": "connect_ms",
    "tls_p50_ms": "tls_ms",
}


def latency_by_endpoint(day: date, requests: pl.DataFrame) -> pl.DataFrame:
    """One row an endpoint, suite and prompt size: times of probes answered and timed, success of all that were sent."""
    timed = requests.filter(pl.col("suite").is_in(TIMED_SUITES) | pl.col("suite").str.starts_with(IMPORTED))
    keys = ("endpoint_id", "suite", "prompt_tokens_target")
    groups = sorted(timed.group_by(keys), key=lambda pair: (pair[0][:2], pair[0][2] is None, pair[0][2]))
    return LATENCY_DAILY.frame([{"day": day, **dict(zip(keys, key, strict=True)), **_row(own)} for key, own in groups])


def _row(own: pl.DataFrame) -> dict[str, object]:
    sent = own.filter(pl.col("status") != "not_sent")
    answered = sent.filter(pl.col("status").is_in(ANSWERED))
    timed = answered.filter(pl.col("timing_exclusion").is_null())
    success = wilson(len(answered), len(sent))
    e2e = timed["e2e_ms"].drop_nulls().to_numpy()
    with_failures = np.concatenate([e2e, np.full(len(sent) - len(answered), math.inf)])
    return {
        "n_sent": len(sent),
        "n_answered": len(answered),
        "n_not_sent": len(own) - len(sent),
        "n_timed": len(timed),
        "n_timing_excluded": len(answered) - len(timed),
        "success_rate": success.value,
        "success_rate_lo": success.lo,
        "success_rate_hi": success.hi,
        **_median("ttft_p50", "ms", timed["ttft_ms"]),
        **_median("e2e_p50", "ms", timed["e2e_ms"]),
        **_median("output_speed_p50", "tok_s", timed["output_speed_tok_s"]),
        "n_ttft": (n_ttft := timed["ttft_ms"].count()),
        "n_speed": (n_speed := timed["output_speed_tok_s"].count()),
        "n_speed_hidden_reasoning": timed.filter(pl.col("speed_method") == HIDDEN_REASONING).height,
        "ttft_not_ranked_because": not_ranked_because(
            len(sent), len(answered), n_ttft, _most_frequent(timed["ttft_refusal"])
        ),
        "speed_not_ranked_because": not_ranked_because(
            len(sent), len(answered), n_speed, _most_frequent(timed["speed_refusal"])
        ),
        **_tails("ttft", timed["ttft_ms"].drop_nulls().to_numpy()),
        **_tails("e2e", e2e),
        **_with_failures(with_failures),
        **{column: _p50(timed[figure]).value for column, figure in MEDIANS.items()},
        "n_cold": timed.filter(pl.col("connection") == "cold").height,
        "n_warm": timed.filter(pl.col("connection") == "warm").height,
        "client_delay_max_ms": timed["client_delay_ms"].max(),
    }


def _most_frequent(reasons: pl.Series) -> str | None:
    given = reasons.drop_nulls().mode().sort()  # of equals the first, so that a day gives one text
    return None if given.is_empty() else str(given[0])


def _p50(values: pl.Series) -> Interval:
    return quantile_interval(values.drop_nulls().to_numpy(), 0.5)


def _median(name: str, unit: str, values: pl.Series) -> dict[str, object]:
    found = _p50(values)
    return {f"{name}_{unit}": found.value, f"{name}_lo_{unit}": found.lo, f"{name}_hi_{unit}": found.hi}


def _tails(name: str, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, object]:
    row: dict[str, object] = {}
    for percent in (90, 99):
        tail = conservative_percentile(values, percent / 100)
        row[f"{name}_p{percent}_ms"] = tail.value
        row[f"{name}_p{percent}_note"] = tail.note
    return row


def _with_failures(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, object]:
    p50, p90 = quantile_interval(values, 0.5).value, conservative_percentile(values, 0.9)
    return {
        "e2e_p50_with_failures_ms": _finite(p50),
        "e2e_p50_with_failures_note": "nothing was timed" if p50 is None else _never(p50),
        "e2e_p90_with_failures_ms": _finite(p90.value),
        "e2e_p90_with_failures_note": p90.note or _never(p90.value),
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _never(value: float | None) -> str | None:
    return "never: too many failed" if value == math.inf else None
