"""Success, times, output speed and streaming quality of a day, by endpoint, suite and prompt size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from tokenarena_assets.chain.gates import not_ranked_because
from tokenarena_assets.chain.grouped import Values, values_by_group
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


KEYS = ("endpoint_id", "suite", "prompt_tokens_target")


def latency_by_endpoint(day: date, requests: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """One row an endpoint, suite and prompt size: times of probes answered and timed, success of all that were sent.

    Figures are read one after the other, so that a day of ten million probes is never in memory as a whole.
    """
    asked = requests.lazy().filter(pl.col("suite").is_in(TIMED_SUITES) | pl.col("suite").str.starts_with(IMPORTED))
    timed = asked.filter(_IS_TIMED)
    groups = asked.group_by(KEYS).agg(**_COUNTS).collect(engine="streaming").sort(KEYS, nulls_last=True)
    for reason in REFUSALS:
        groups = groups.join(_mostly(timed, reason), on=KEYS, how="left", nulls_equal=True, maintain_order="left")
    rows = [{"day": day, **{name: row[name] for name in KEYS}, **_counted(row)} for row in groups.iter_rows(named=True)]
    for figures in _FIGURES:
        for row, values in zip(rows, values_by_group(timed, groups, KEYS, figures.name), strict=True):
            row.update(figures.of(values, row))
    return LATENCY_DAILY.frame(rows)


REFUSALS = ("ttft_refusal", "speed_refusal")


def _mostly(timed: pl.LazyFrame, reason: str) -> pl.DataFrame:
    """The commonest reason of each group; of equals the first: one day, one text. Counted, since a mode keeps all."""
    counted = timed.drop_nulls(reason).group_by(*KEYS, reason).len().collect(engine="streaming")
    first = counted.sort(-pl.col("len").cast(pl.Int64), reason).unique(KEYS, keep="first", maintain_order=True)
    return first.select(*KEYS, reason)


_IS_SENT = pl.col("status") != "not_sent"
_IS_ANSWERED = pl.col("status").is_in(ANSWERED)
_IS_TIMED = _IS_ANSWERED & pl.col("timing_exclusion").is_null()
_COUNTS = {
    "n": pl.len(),
    "n_sent": _IS_SENT.sum(),
    "n_answered": _IS_ANSWERED.sum(),
    "n_timed": _IS_TIMED.sum(),
    "n_ttft": (_IS_TIMED & pl.col("ttft_ms").is_not_null()).sum(),
    "n_speed": (_IS_TIMED & pl.col("output_speed_tok_s").is_not_null()).sum(),
    "n_speed_hidden_reasoning": (_IS_TIMED & (pl.col("speed_method") == HIDDEN_REASONING)).sum(),
    "n_cold": (_IS_TIMED & (pl.col("connection") == "cold")).sum(),
    "n_warm": (_IS_TIMED & (pl.col("connection") == "warm")).sum(),
    "client_delay_max_ms": pl.col("client_delay_ms").filter(_IS_TIMED).max(),
}


def _counted(group: Mapping[str, Any]) -> dict[str, object]:
    n, sent, answered, timed = (group[name] for name in ("n", "n_sent", "n_answered", "n_timed"))
    success = wilson(answered, sent)
    return {
        "n_sent": sent,
        "n_answered": answered,
        "n_not_sent": n - sent,
        "n_timed": timed,
        "n_timing_excluded": answered - timed,
        "success_rate": success.value,
        "success_rate_lo": success.lo,
        "success_rate_hi": success.hi,
        "ttft_not_ranked_because": not_ranked_because(sent, answered, group["n_ttft"], group["ttft_refusal"]),
        "speed_not_ranked_because": not_ranked_because(sent, answered, group["n_speed"], group["speed_refusal"]),
        **{
            name: group[name]
            for name in ("n_ttft", "n_speed", "n_speed_hidden_reasoning", "n_cold", "n_warm", "client_delay_max_ms")
        },
    }


def _p50(values: Values) -> Interval:
    return quantile_interval(values, 0.5)


def _median(name: str, unit: str, values: Values) -> dict[str, object]:
    found = _p50(values)
    return {f"{name}_{unit}": found.value, f"{name}_lo_{unit}": found.lo, f"{name}_hi_{unit}": found.hi}


def _tails(name: str, values: Values) -> dict[str, object]:
    row: dict[str, object] = {}
    for percent in (90, 99):
        tail = conservative_percentile(values, percent / 100)
        row[f"{name}_p{percent}_ms"] = tail.value
        row[f"{name}_p{percent}_note"] = tail.note
    return row


def _with_failures(times: Values, row: Mapping[str, Any]) -> dict[str, object]:
    values = np.concatenate([times, np.full(row["n_sent"] - row["n_answered"], math.inf)])
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


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure of a request, and what a group's values of it say; `of` is given the group's counts as well."""

    name: str
    of: Callable[[Values, Mapping[str, Any]], dict[str, object]]


def _only_median(column: str) -> Callable[[Values, Mapping[str, Any]], dict[str, object]]:
    return lambda values, _: {column: _p50(values).value}


_FIGURES = (
    _Figure("ttft_ms", lambda values, _: _median("ttft_p50", "ms", values) | _tails("ttft", values)),
    _Figure(
        "e2e_ms",
        lambda values, row: _median("e2e_p50", "ms", values) | _tails("e2e", values) | _with_failures(values, row),
    ),
    _Figure("output_speed_tok_s", lambda values, _: _median("output_speed_p50", "tok_s", values)),
    *(_Figure(figure, _only_median(column)) for column, figure in MEDIANS.items()),
)
