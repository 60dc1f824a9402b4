"""One row an endpoint and day: its figures by channel, its verdict, and what may be said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from tokenarena_assets.chain.fidelity_pool import Endpoint, Family
from tokenarena_assets.chain.fidelity_tables import FIDELITY_DAILY
from tokenarena_assets.fidelity.verdict import DAYS_IN_A_ROW, DayEvidence, Flag, claim, e_value, judge
from tokenarena_assets.storage.lake import Lake

# Column of the day's row: of which channel, and which of its columns.
FIGURES = {
    "fidelity": ("sampled", "value"),
    "fidelity_lo": ("sampled", "lo"),
    "fidelity_hi": ("sampled", "hi"),
    "fidelity_self_floor": ("sampled", "floor"),
    "fidelity_self_floor_split": ("sampled", "floor_source"),
    "fidelity_gap": ("sampled", "contrast"),
    "fidelity_gap_lo": ("sampled", "contrast_lo"),
    "fidelity_gap_hi": ("sampled", "contrast_hi"),
    "fidelity_day": ("sampled", "day_value"),
    "fidelity_day_lo": ("sampled", "day_lo"),
    "fidelity_day_hi": ("sampled", "day_hi"),
    "fidelity_day_n_prompts": ("sampled", "day_n_prompts"),
    "fidelity_n_prompts": ("sampled", "n_prompts"),
    "fidelity_n_samples": ("sampled", "n_samples"),
    "greedy_rate_per_1k": ("greedy", "value"),
    "greedy_rate_lo": ("greedy", "lo"),
    "greedy_rate_hi": ("greedy", "hi"),
    "greedy_rate_ratio": ("greedy", "contrast"),
    "greedy_n_prompts": ("greedy", "n_prompts"),
    "logprob_lt_nats": ("logprobs", "value"),
    "logprob_lt_lo": ("logprobs", "lo"),
    "logprob_lt_hi": ("logprobs", "hi"),
    "logprob_kl_nats": ("logprobs", "second"),
    "logprob_n_prompts": ("logprobs", "n_prompts"),
    "border_tv": ("border", "value"),
    "border_n_prompts": ("border", "n_prompts"),
}
NO_BASELINE = ("not_measured", "no_baseline")
Channels = Mapping[str, Mapping[str, Any]]  # rows of fidelity_channels by channel


def read_channels(lake: Lake, day: date) -> dict[date, pl.DataFrame]:
    """`fidelity_channels` of `day` and of those of the two days before that the lake has."""
    existing = set(lake.days("fidelity_channels"))
    days = [day - timedelta(days=back) for back in range(DAYS_IN_A_ROW)]
    return {each: lake.read("fidelity_channels", each) for each in days if each == day or each in existing}


def fidelity_daily(
    day: date,
    channels: Mapping[date, pl.DataFrame],
    references: pl.DataFrame,
    families: Sequence[Family],
    *,
    rehearsal: bool = False,
) -> pl.DataFrame:
    """Judge every endpoint of the day.

    Args:
        day: The day.
        channels: `fidelity_channels` of the day and of the two before; see :func:`read_channels`.
        references: `fidelity_references` of the day.
        families: Families of the day's catalog.
        rehearsal: Whether the day is one of a rehearsal, also of an endpoint that was asked nothing.
    """
    by_family = {row["model_family"]: row for row in references.iter_rows(named=True)}
    by_day = {each: _by_endpoint(frame) for each, frame in channels.items()}
    before = [by_day.get(day - timedelta(days=back), {}) for back in range(1, DAYS_IN_A_ROW)]
    rows = []
    for family in families:
        own = [
            _row(
                day,
                endpoint,
                family,
                by_family[family.name],
                by_day[day].get(endpoint.endpoint_id, {}),
                [_flag(earlier.get(endpoint.endpoint_id)) for earlier in before],
            )
            | {"rehearsal": rehearsal}
            for endpoint in family.endpoints
        ]
        _rank(own)
        rows += own
    return FIDELITY_DAILY.frame(rows)


def _by_endpoint(channels: pl.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in channels.iter_rows(named=True):
        found.setdefault(row["endpoint_id"], {})[row["channel"]] = row
    return found


def _flag(channels: Channels | None) -> Flag | None:
    """The flag of an endpoint's day as its channels hold it; None where it was not judged."""
    rows = list((channels or {}).values())
    if not rows or not any(row["judged"] for row in rows):
        return None
    named = frozenset(row["channel"] for row in rows if row["named"])
    return Flag(rows[0]["p_endpoint"], None, bool(named), named)


def _row(
    day: date,
    endpoint: Endpoint,
    family: Family,
    reference: Mapping[str, Any],
    channels: Channels,
    history: Sequence[Flag | None],
) -> dict[str, Any]:
    figures = {name: channels.get(channel, {}).get(column) for name, (channel, column) in FIGURES.items()}
    for channel, counts in (
        ("sampled", "fidelity"),
        ("greedy", "greedy"),
        ("logprobs", "logprob"),
        ("border", "border"),
    ):
        if channels.get(channel, {}).get("status") != "measured":
            figures[f"{counts}_n_prompts"] = None
    sampled, parity, border = (channels.get(name, {}) for name in ("sampled", "parity", "border"))
    flag = _flag(channels)
    kind = reference["kind"]
    today = DayEvidence(
        role="reference" if endpoint.is_reference else "honest" if endpoint.honest else "endpoint",
        flag=flag,
        gap_lo=figures["fidelity_gap_lo"],
        gap_hi=figures["fidelity_gap_hi"],
        n_reference_days=reference["n_reference_days"],
        reference_kind=kind,
        n_consensus=reference["n_consensus"] or 0,
        why_no_score=_why_no_score(channels),
        why_no_reference=reference["chosen_because"],
    )
    verdict = judge(today, history)
    named = flag.named if flag else frozenset()
    disclosed = family.reference.quantization if family.reference else None
    said = claim(verdict.verdict, named, endpoint.quantization, disclosed)
    in_a_row = 0
    for each in [flag, *history]:
        if each is None or not each.suspect:
            break
        in_a_row += 1
    p_endpoint = flag.p_endpoint if flag else None
    return figures | {
        "day": day,
        "endpoint_id": endpoint.endpoint_id,
        "model_family": family.name,
        "quantization": endpoint.quantization,
        "reference_endpoint_id": reference["reference_endpoint_id"],
        "reference_kind": kind,
        "n_reference_days": reference["n_reference_days"],
        "missing_reference_days": reference["missing_reference_days"],
        "verdict": verdict.verdict,
        "claim": said or None,
        "note": _note(verdict.note, sampled, parity, border),
        "suspect": bool(named),
        "channels_named": ", ".join(sorted(named)) or None,
        "suspect_days": in_a_row,
        "n_channels_tested": sum(row["p"] is not None for row in channels.values()),
        "p_endpoint": p_endpoint,
        "e_value": None if p_endpoint is None else e_value(p_endpoint),
        "parity_compared": parity.get("n_prompts") if parity.get("status") == "measured" else None,
        "parity_mismatched": None if parity.get("value") is None else int(parity["value"]),
        "border_alarm": None if border.get("state") in (None, *NO_BASELINE) else border["state"] == "alarm",
        "limited": endpoint.thinks,
        "fidelity_rank_in_family": None,
    }


def _why_no_score(channels: Channels) -> str:
    return next(
        (row["note"] for name in ("sampled", "greedy", "logprobs") if (row := channels.get(name)) and row["note"]), ""
    )


def _note(verdict: str, sampled: Mapping[str, Any], parity: Mapping[str, Any], border: Mapping[str, Any]) -> str | None:
    """What limits the figures, the verdict's own reason first."""
    parts = [verdict]
    if sampled.get("status") in ("no_score", "not_asked", "not_applicable") and sampled["note"] not in verdict:
        parts.append(f"no fidelity: {sampled['note']}")
    elif sampled.get("status") == "measured" and sampled["note"]:
        parts.append(sampled["note"])
    if parity.get("value"):
        parts.append(parity["note"])
    if border.get("state") == "alarm":
        parts.append(f"border inputs: {border['note']}")
    return "; ".join(part for part in parts if part) or None


def _rank(rows: Sequence[dict[str, Any]]) -> None:
    """Places by fidelity within a family; equal figures share one."""
    known = sorted((row["fidelity"] for row in rows if row["fidelity"] is not None), reverse=True)
    for row in rows:
        if row["fidelity"] is not None:
            row["fidelity_rank_in_family"] = 1 + known.index(row["fidelity"])
