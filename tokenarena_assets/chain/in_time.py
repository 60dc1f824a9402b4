"""Answers in time of a day: failures by cause and deadline, and dollars per correct answer that came within it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from tokenarena_assets.chain.audit_tables import ANSWERS_IN_TIME, CAUSES, NO_ANSWER_DAILY
from tokenarena_assets.chain.rank import ALL, SHARES, UNPRICED
from tokenarena_assets.endpoints.presets import Preset
from tokenarena_assets.ranking import cost_per_correct_in_time, item_weights, no_answer_in_time
from tokenarena_assets.stats import RatioOfSums, wilson

DEADLINES_S = (10.0, 30.0)  # of everyone; a preset may set one of its own
NOT_GRADED = ("not_run", "grader_fault")
NOT_ASKED = "no quality item was asked"
NOTHING_GRADED = "no answer could be graded: see grader_is_sound"
Row = Mapping[str, Any]


def deadlines_of(presets: Sequence[Preset]) -> dict[float, list[str]]:
    """Deadlines in seconds, each with the presets that set it."""
    found: dict[float, list[str]] = {deadline: [] for deadline in DEADLINES_S}
    for preset in presets:
        if preset.deadline_s is not None:
            found.setdefault(float(preset.deadline_s), []).append(preset.name)
    return dict(sorted(found.items()))


def in_time_of_day(
    day: date, waits: pl.DataFrame, endpoints: pl.DataFrame, presets: Sequence[Preset]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`answers_in_time` and `no_answer_daily`; every endpoint of the day has its rows."""
    domain, wanted = _domain(waits)
    by_endpoint = {
        str(name): own.sort("suite", "item_id").to_dicts()
        for (name,), own in waits.filter(pl.col("domain").is_in(wanted)).group_by("endpoint_id")
    }
    answers, causes = [], []
    for endpoint_id in sorted(set(endpoints["endpoint_id"]) | by_endpoint.keys()):
        rows = by_endpoint.get(endpoint_id, [])
        for deadline_s, names in deadlines_of(presets).items():
            identity = {"day": day, "endpoint_id": endpoint_id, "deadline_s": deadline_s}
            waited = [row["wait_s"] for row in rows]
            late, by_cause = no_answer_in_time(waited, [row["no_answer_cause"] for row in rows], deadline_s)
            ratio, note = _ratio(rows, deadline_s, domain)
            in_time = [row for row in rows if row["wait_s"] is not None and row["wait_s"] <= deadline_s]
            answers.append(
                identity
                | {
                    "presets": ", ".join(names) or None,
                    "domain": domain,
                    "n_asked": len(rows),
                    "n_in_time": len(in_time),
                    "n_correct_in_time": sum(row["correct"] is True for row in in_time),
                    "p_no_answer": late.value,
                    "p_no_answer_lo": late.lo,
                    "p_no_answer_hi": late.hi,
                    "usd_per_correct_in_time": ratio.value,
                    "usd_per_correct_in_time_lo": ratio.lo,
                    "usd_per_correct_in_time_hi": ratio.hi,
                    "n_cost": ratio.n,
                    "note": note,
                }
            )
            none = wilson(0, len(rows))
            for cause in CAUSES:
                share = by_cause.get(cause, none)
                counted = round((share.value or 0.0) * len(rows))
                shown = {"cause": cause, "n": counted, "n_asked": len(rows)}
                causes.append(identity | shown | {"p": share.value, "p_lo": share.lo, "p_hi": share.hi})
    return ANSWERS_IN_TIME.frame(answers), NO_ANSWER_DAILY.frame(causes)


def _domain(waits: pl.DataFrame) -> tuple[str, tuple[str, ...]]:
    """As for dollars per correct answer: both domains where code was asked and run, else math alone."""
    graded = waits.filter(~pl.col("outcome").is_in(NOT_GRADED))
    found = set(graded["domain"])
    if set(SHARES) <= found:
        return ALL, tuple(SHARES)
    return ("code", ("code",)) if found == {"code"} else ("math", ("math",))


def _ratio(rows: Sequence[Row], deadline_s: float, domain: str) -> tuple[RatioOfSums, str | None]:
    nothing = RatioOfSums(None, None, None, 0, 0.0)
    if not rows:
        return nothing, NOT_ASKED
    graded = [row for row in rows if row["outcome"] not in NOT_GRADED]
    if not graded:
        return nothing, NOTHING_GRADED
    costs = [_cost(row) for row in graded]
    if None in costs:
        return nothing, UNPRICED
    domains = [row["domain"] for row in graded]
    if domain == ALL and len(set(domains)) < len(SHARES):
        return nothing, f"no graded {next(name for name in SHARES if name not in domains)} answers"
    ratio = cost_per_correct_in_time(
        [cost or 0.0 for cost in costs],
        [float(row["correct"] is True) for row in graded],
        [math.inf if row["wait_s"] is None else row["wait_s"] for row in graded],
        deadline_s,
        [(row["domain"], row["template_id"] or row["item_id"]) for row in graded],
        weights=item_weights(domains, SHARES if domain == ALL else None),
        strata=domains,
    )
    note = f"0 of {ratio.n} right within {deadline_s:g} s: lower bound only" if ratio.value is None else None
    return ratio, note


def _cost(row: Row) -> float | None:
    """What an item's attempts cost; what failed without usage cost nothing that is known."""
    if row["cost_usd"] is None and row["outcome"] == "missing":
        return 0.0
    return None if row["cost_usd"] is None else float(row["cost_usd"])
