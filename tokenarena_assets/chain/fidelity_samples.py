"""Requests of the fidelity channels -> samples: what came of each, and which of several tries counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from tokenarena_assets.chain.asked import asks
from tokenarena_assets.chain.fidelity_tables import CHANNELS, FIDELITY_SAMPLES
from tokenarena_assets.chain.grade import is_refusal
from tokenarena_assets.suites.reasoning import without_reasoning

# An answer of one token says nothing of whether it was going to be a refusal.
OF_WORDS = ("sampled", "greedy")
ANSWERED = ("ok", "truncated")
LOST = ("missing", "not_sent")
KEY = ("endpoint_id", "channel", "stage", "prompt_id", "rep")
NEEDED = (
    "day",
    "request_id",
    "endpoint_id",
    "suite",
    "started_at",
    "status",
    "prompt_id",
    "prompt_set",
    "prompt_sha256",
    "rep",
    "slot",
    "stage",
    "text",
    "first_token_top",
    "input_tokens",
    "output_tokens",
    "rehearsal",
    "raw_file",
    "raw_line",
)


def fidelity_samples(day: date, requests: pl.DataFrame | pl.LazyFrame, endpoints: pl.DataFrame) -> pl.DataFrame:
    """One row a fidelity request of `requests`.

    Of several tries at one question the first that the endpoint itself answered counts, else the first. Of who always
    reasons the visible answer is taken.
    """
    latest = endpoints.sort("valid_from").group_by("endpoint_id", maintain_order=True).last()
    family = dict(latest.select("endpoint_id", "model_family").iter_rows())
    thinking = set(latest.filter(pl.col("thinks"))["endpoint_id"])
    asked = (
        requests.lazy()
        .filter(pl.col("suite").is_in(CHANNELS) & asks("prompt_id"))
        .select(NEEDED)
        .sort("started_at", "raw_file", "raw_line")
        .collect()
    )
    rows = [_sample(day, row, family, row["endpoint_id"] in thinking) for row in asked.iter_rows(named=True)]
    counting: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in KEY)
        first = counting.get(key)
        if first is None or (first["outcome"] in LOST and row["outcome"] not in LOST):
            counting[key] = row
    for row in counting.values():
        row["counts"] = True
    return FIDELITY_SAMPLES.frame(rows)


def _sample(day: date, row: Mapping[str, Any], family: Mapping[str, str], thinks: bool) -> dict[str, Any]:
    text = row["text"]
    if thinks and text:
        text = without_reasoning(text)
    kept = {name: row[name] for name in FIDELITY_SAMPLES.column_names if name in row}
    return kept | {
        "day": day,
        "model_family": family.get(row["endpoint_id"]),
        "channel": row["suite"],
        "stage": row["stage"] or None,
        "outcome": outcome_of(row["suite"], row["status"], text),
        "counts": False,
        "cut": row["status"] == "truncated",
        "text": text,
    }


def outcome_of(channel: str, status: str, text: str | None) -> str:
    """What came of a request whose visible answer is `text`."""
    if status == "not_sent":
        return "not_sent"
    if status == "content_filter":
        return "filtered"
    if status == "empty" or (status in ANSWERED and not text):
        return "blank"
    if status not in ANSWERED:
        return "missing"
    return "refusal" if channel in OF_WORDS and is_refusal(text or "") else "answered"
