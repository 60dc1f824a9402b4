"""Effective context of a day by endpoint, derived again from the raw requests of its search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from tokenarena_assets.chain.asked import asks
from tokenarena_assets.chain.tables import CONTEXT_CURVE, CONTEXT_DAILY, CONTEXT_REQUESTS
from tokenarena_assets.context import Asked, ContextResult, Reply, asked_of, ladder_of, reply_of, verdict
from tokenarena_assets.errors import TokenArenaError

NEEDED = (
    "request_id",
    "endpoint_id",
    "round_id",
    "started_at",
    "attempt",
    "item_id",
    "gold",
    "status",
    "http_status",
    "error",
    "input_tokens",
    "text",
    "ttft_ms",
    "cost_usd",
    "raw_file",
    "raw_line",
)


@dataclass(frozen=True, slots=True)
class ContextDay:
    """The day's searches as frames: `context_requests`, `context_curve`, `context_daily`."""

    requests: pl.DataFrame
    curve: pl.DataFrame
    daily: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Read:
    """One request of a search: its row of `requests` and what it says, or why it says nothing."""

    row: Mapping[str, Any]
    asked: Asked | None
    reply: Reply | None
    problem: str | None


def contexts_of(day: date, requests: pl.DataFrame | pl.LazyFrame) -> ContextDay:
    """Read the searches of `requests` (their suite is `context`) and judge each endpoint by the day's first whole one.

    Without a whole one it is judged by the longest. The verdict is that of `tokenarena_assets.context.verdict`.
    """
    own = requests.lazy().filter((pl.col("suite") == "context") & asks("gold")).select(NEEDED)
    searches: dict[tuple[str, str], list[_Read]] = {}
    for row in own.sort("started_at", "raw_file", "raw_line").collect().iter_rows(named=True):
        searches.setdefault((row["endpoint_id"], row["round_id"]), []).append(_read(row))
    results = {key: found for key, reads in searches.items() if (found := _verdict(reads)) is not None}
    chosen: dict[str, tuple[str, ContextResult]] = {}
    for (endpoint_id, round_id), found in results.items():  # in the order in which the searches began
        best = chosen.get(endpoint_id)
        if best is None or _standing(found) > _standing(best[1]):
            chosen[endpoint_id] = (round_id, found)
    request_rows = [
        _request_row(day, read, results.get(key)) for key, reads in sorted(searches.items()) for read in reads
    ]
    curve = [row for endpoint_id, (_, found) in sorted(chosen.items()) for row in _curve_rows(day, endpoint_id, found)]
    daily = [_daily_row(day, endpoint_id, *pair) for endpoint_id, pair in sorted(chosen.items())]
    return ContextDay(CONTEXT_REQUESTS.frame(request_rows), CONTEXT_CURVE.frame(curve), CONTEXT_DAILY.frame(daily))


def _read(row: Mapping[str, Any]) -> _Read:
    gold = row["gold"] or ""
    try:
        asked = asked_of(gold)
        _, reply = reply_of(
            gold,
            status=row["status"],
            http_status=row["http_status"],
            error=row["error"],
            input_tokens=row["input_tokens"],
            text=row["text"] or "",
            ttft_ms=row["ttft_ms"],
        )
    except (TokenArenaError, ValueError, KeyError, TypeError) as error:
        return _Read(row, None, None, f"{type(error).__name__}: {error}")
    return _Read(row, asked, reply, None)


def _verdict(reads: Sequence[_Read]) -> ContextResult | None:
    """What the search of `reads` came to; None where none of them can be read. What was not sent has no reply."""
    sent = [
        (read.asked, read.reply)
        for read in reads
        if read.asked is not None and read.reply is not None and read.row["status"] != "not_sent"
    ]
    if not sent:
        return None
    asked = sent[0][0]
    return verdict(
        [(of.ask, reply) for of, reply in sent],
        advertised_tokens=asked.advertised_tokens,
        ladder=ladder_of(asked.tier),
        mode=asked.mode,
        known_tokens=asked.known_tokens,
        most_tokens=asked.most_tokens,
    )


def _standing(found: ContextResult) -> tuple[bool, int]:
    return found.finished, 0 if found.finished else found.requests


def _request_row(day: date, read: _Read, found: ContextResult | None) -> dict[str, Any]:
    row = {name: read.row.get(name) for name in CONTEXT_REQUESTS.column_names} | {"day": day}
    row |= {"attempt": None, "problem": read.problem}
    if read.asked is None or read.reply is None:
        return row
    ask, reply = read.asked.ask, read.reply
    hits = reply.hits
    predicted = ask.predicted_tokens
    seen = found.findings if found else ()
    evidence = [f"{each.kind}: {each.evidence}" for each in seen if each.target_tokens == ask.target_tokens]
    return row | {
        "kind": ask.kind,
        "target_tokens": ask.target_tokens,
        "attempt": ask.attempt,
        "chars": ask.chars,
        "predicted_tokens": predicted,
        "residual": reply.input_tokens / predicted - 1 if predicted and reply.input_tokens is not None else None,
        "hits": None if hits is None else sum(hits),
        "n": None if hits is None else len(hits),
        "hits_by_depth": None if hits is None else "".join("1" if hit else "0" for hit in hits),
        "evidence": "; ".join(evidence) or None,
    }


def _curve_rows(day: date, endpoint_id: str, found: ContextResult) -> list[dict[str, Any]]:
    return [
        {
            "day": day,
            "endpoint_id": endpoint_id,
            "target_tokens": rung.tokens,
            "achieved_tokens": rung.achieved_tokens,
            "decision": rung.decision,
            "requests": rung.scored,
            "set_aside": rung.set_aside,
            "failed": rung.failed,
            "hits": rung.hits,
            "n": rung.answers,
            "accuracy": rung.accuracy,
            "accuracy_monotone": rung.isotonic,
            "accuracy_lo": rung.isotonic_lo,
            "accuracy_hi": rung.isotonic_hi,
            "residual": rung.residual,
        }
        for rung in found.curve
    ]


def _daily_row(day: date, endpoint_id: str, round_id: str, found: ContextResult) -> dict[str, Any]:
    return {
        "day": day,
        "endpoint_id": endpoint_id,
        "round_id": round_id,
        "advertised_tokens": found.advertised,
        "accepted_tokens": found.accepted,
        "served_tokens": found.served,
        "effective_tokens": found.effective,
        "lo": found.effective_lo,
        "hi": found.effective_hi,
        "base_accuracy": found.base_accuracy,
        "n_base": found.n_base,
        "status": found.status,
        "note": _note(found),
        "truncating": found.status == "truncating",
        "findings": "; ".join(f"{each.kind}: {each.evidence}" for each in found.findings) or None,
        "tokens_per_char": found.tokens_per_char,
        "overhead_tokens": found.prompt_overhead_tokens,
        "calibration": found.method,
        "max_residual": found.max_residual,
        "mode": found.mode,
        "n_requests": found.requests,
        "finished": found.finished,
    }


def _note(found: ContextResult) -> str | None:
    """Why no effective length is known."""
    if found.effective is not None:
        return None
    if found.status == "undefined" and found.base_accuracy is not None:
        return f"{found.base_accuracy:.0%} right in a short context, 80 % needed"
    if found.status == "truncating":
        return "prompts are shortened without an error"
    if not found.finished:
        return "the search was cut off"
    if found.effective_hi is not None:
        return f"{found.effective_hi} tokens are read worse than 0.85 of a short context already"
    return "; ".join(each.evidence for each in found.findings) or "no answer to judge by"
