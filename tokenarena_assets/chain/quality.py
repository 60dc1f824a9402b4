"""Accuracy by endpoint, of a day and of four weeks, and whether it can be told from the family's reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from tokenarena_assets.chain.gates import is_scored, is_truncation_limited
from tokenarena_assets.chain.pooling import clusters_of
from tokenarena_assets.chain.tables import ANCHOR_GAP, QUALITY_DAILY, QUALITY_POOL
from tokenarena_assets.stats import (
    Interval,
    PairedDifference,
    clustered_mean,
    clustered_se,
    paired_difference,
    weighted_mcnemar_exact,
    weighted_sum,
    wilson,
)
from tokenarena_assets.stats.paired import DETECTABLE_Z
from tokenarena_assets.stats.special import t_quantile

ALPHA = 0.05
MIX = "mix"
# What an answer right in math and one right in code weigh: fixed, so that no day's items move it.
MIX_WEIGHTS = {"quality_math": 0.6, "quality_code": 0.4}
REFUSED = ("refusal", "content_filter")
UNKNOWN = Interval(None, None, None, 0)
NOTHING = PairedDifference(None, None, None, None, 0)
ItemKey = tuple[str, ...]
Make = Callable[[str, pl.DataFrame], "Scored"]


@dataclass(frozen=True, slots=True)
class Scored:
    """A suite's accuracy at one endpoint, or why there is none; its scores by item, and how the items cluster."""

    accuracy: Interval
    because: str | None
    scores: Mapping[ItemKey, bool]
    clusters: Mapping[ItemKey, str]
    row: Mapping[str, Any]


def quality_by_endpoint(day: date, answers: pl.DataFrame, endpoints: pl.DataFrame) -> pl.DataFrame:
    """One row an endpoint and suite of `answers`, and one of the fixed mix.

    Families and references come from `endpoints`.
    """
    return QUALITY_DAILY.frame(_rows(day, answers, endpoints, _of_a_day, _mix_of_a_day, _paired))


def quality_of_pool(day: date, answers: pl.DataFrame, endpoints: pl.DataFrame) -> pl.DataFrame:
    """The same over `answers` of several days, with intervals clustered by template.

    Families and references are those of `endpoints`, of the pool's last day.
    """
    return QUALITY_POOL.frame(_rows(day, answers, endpoints, _of_a_pool, _mix_of_a_pool, _paired_by_cluster))


def anchor_gaps(day: date, answers: pl.DataFrame) -> pl.DataFrame:
    """Accuracy on public items minus that on generated ones, by endpoint and domain, over `answers` of several days."""
    graded = answers.filter(pl.col("correct").is_not_null())
    rows: list[dict[str, object]] = []
    asked = graded.filter(pl.col("suite") == "anchor").select("endpoint_id", "domain").unique()
    for endpoint_id, domain in sorted(asked.iter_rows()):
        own = graded.filter((pl.col("endpoint_id") == endpoint_id) & (pl.col("domain") == domain))
        anchor = _mean("anchor", own.filter(pl.col("suite") == "anchor"))
        generated_suite = f"quality_{domain}"
        generated = _mean(generated_suite, own.filter(pl.col("suite") == generated_suite))
        gap = weighted_sum([(1.0, anchor), (-1.0, generated)])
        rows.append(
            {
                "day": day,
                "endpoint_id": endpoint_id,
                "domain": domain,
                "n_anchor": anchor.n,
                "n_generated": generated.n,
                "anchor_accuracy": anchor.value,
                "generated_accuracy": generated.value,
                "gap": gap.value,
                "gap_lo": None if gap.lo is None else max(-1.0, gap.lo),
                "gap_hi": None if gap.hi is None else min(1.0, gap.hi),
            }
        )
    return ANCHOR_GAP.frame(rows)


def _mean(suite: str, graded: pl.DataFrame) -> Interval:
    return clustered_mean(graded["correct"].cast(pl.Float64).to_numpy(), clusters_of(graded, suite), (0.0, 1.0))


def _rows(
    day: date,
    answers: pl.DataFrame,
    endpoints: pl.DataFrame,
    make: Make,
    mix: Callable[[Mapping[str, Scored]], dict[str, object]],
    compare: Callable[[Scored, Scored], PairedDifference],
) -> list[dict[str, object]]:
    latest = endpoints.sort("valid_from").group_by("endpoint_id", maintain_order=True).last()
    family = dict(latest.select("endpoint_id", "model_family").iter_rows())
    reference = dict(latest.filter(pl.col("is_reference")).select("model_family", "endpoint_id").iter_rows())
    scored: dict[str, dict[str, Scored]] = {}
    for (endpoint_id, suite), own in sorted(answers.group_by("endpoint_id", "suite"), key=lambda pair: str(pair[0])):
        scored.setdefault(str(endpoint_id), {})[str(suite)] = make(str(suite), own)
    rows: list[dict[str, object]] = []
    for endpoint_id, suites in scored.items():
        base = {"day": day, "endpoint_id": endpoint_id}
        reference_id = reference.get(family.get(endpoint_id, ""))
        beside = None if reference_id in (None, endpoint_id) else scored.get(str(reference_id), {})
        paired = None if beside is None else {s: compare(each, beside[s]) for s, each in suites.items() if s in beside}
        for suite, score in suites.items():
            found = None if paired is None else paired.get(suite, NOTHING)
            verdict = _verdict(endpoint_id, reference_id, found if score.because is None else None)
            rows.append({**base, "suite": suite, **score.row, **_compared(reference_id, found, verdict)})
        if MIX_WEIGHTS.keys() & suites.keys():
            whole = mix(suites)
            found = None if paired is None else _mixed(paired)
            verdict = _verdict(endpoint_id, reference_id, found if whole["accuracy"] is not None else None)
            detectable = None if paired is None else _mixed_detectable(paired)
            compared = _compared(reference_id, found, verdict) | {"minimum_detectable_difference": detectable}
            rows.append({**base, "suite": MIX, **whole, **compared})
    return rows


def _compared(reference_id: str | None, paired: PairedDifference | None, verdict: str) -> dict[str, object]:
    return {
        "reference_id": reference_id,
        "difference": paired.difference if paired else None,
        "difference_lo": paired.lo if paired else None,
        "difference_hi": paired.hi if paired else None,
        "difference_n": paired.n if paired else None,
        "difference_p": paired.p_value if paired else None,
        "minimum_detectable_difference": paired.minimum_detectable if paired else None,
        "versus_reference": verdict,
    }


def _verdict(endpoint_id: str, reference_id: str | None, paired: PairedDifference | None) -> str:
    if reference_id == endpoint_id:
        return "reference"
    if reference_id is None:
        return "no reference"
    if paired is None or paired.p_value is None or paired.difference is None or paired.p_value >= ALPHA:
        return "cannot tell"
    return "below" if paired.difference < 0 else "above"


def _counts(own: pl.DataFrame) -> dict[str, Any]:
    outcomes = own["outcome"]
    graded = own.filter(pl.col("correct").is_not_null())
    return {
        "n_asked": len(own),
        "n_graded": len(graded),
        "n_correct": int(graded["correct"].sum()),
        "n_not_run": (not_run := int((outcomes == "not_run").sum())),
        "n_faults": (faults := int((outcomes == "grader_fault").sum())),
        "n_missing": len(own) - len(graded) - not_run - faults,
        "n_truncated": int((outcomes == "truncated").sum()),
        "n_no_answer": int((outcomes == "no_answer").sum()),
        "n_refused": int(outcomes.is_in(REFUSED).sum()),
    }


def _because(counts: Mapping[str, Any], what: str) -> str | None:
    """Why a suite has no accuracy: too much of it is lost, and to whom."""
    lost = counts["n_asked"] - counts["n_graded"]
    if is_scored(counts["n_asked"], lost):
        return None
    reasons = {"missing": "n_missing", "not run, no sandbox": "n_not_run", "lost to the grader": "n_faults"}
    parts = [f"{counts[name]} {reason}" for reason, name in reasons.items() if counts[name]]
    return f"of {counts['n_asked']} {what} {', '.join(parts)}"


def _scores(own: pl.DataFrame, suite: str) -> tuple[dict[ItemKey, bool], dict[ItemKey, str]]:
    graded = own.filter(pl.col("correct").is_not_null())
    keys = [(str(day), str(item)) for day, item in graded.select("day", "item_id").iter_rows()]
    return dict(zip(keys, graded["correct"], strict=True)), dict(zip(keys, clusters_of(graded, suite), strict=True))


def _of_a_day(suite: str, own: pl.DataFrame) -> Scored:
    counts = _counts(own)
    because = _because(counts, "answers")
    accuracy = UNKNOWN if because else wilson(counts["n_correct"], counts["n_graded"])
    graded = own.filter(pl.col("correct").is_not_null())
    scores, clusters = _scores(own, suite)
    row = counts | {
        "truncation_limited": is_truncation_limited(counts["n_asked"], counts["n_truncated"]),
        **_shown(accuracy, because),
        "lenient_accuracy": None if because else graded["lenient_correct"].cast(pl.Float64).mean(),
    }
    return Scored(accuracy, because, scores, clusters, row)


def _of_a_pool(suite: str, own: pl.DataFrame) -> Scored:
    counts = _counts(own)
    because = _because(counts, "answers")
    graded = own.filter(pl.col("correct").is_not_null())
    accuracy = UNKNOWN if because else _mean(suite, graded)
    scores, clusters = _scores(own, suite)
    row = {
        "n_days": own["day"].n_unique(),
        "n_graded": counts["n_graded"],
        "n_correct": counts["n_correct"],
        "n_lost": counts["n_asked"] - counts["n_graded"],
        "n_clusters": len(set(clusters.values())),
        **_shown(accuracy, because),
    }
    return Scored(accuracy, because, scores, clusters, row)


def _shown(accuracy: Interval, because: str | None) -> dict[str, Any]:
    return {
        "accuracy": accuracy.value,
        "accuracy_lo": accuracy.lo,
        "accuracy_hi": accuracy.hi,
        "not_scored_because": because,
    }


def _mixed_accuracy(suites: Mapping[str, Scored]) -> dict[str, Any]:
    reasons = []
    for suite in MIX_WEIGHTS:
        domain = suite.removeprefix("quality_")
        if suite not in suites:
            reasons.append(f"{domain}: not asked")
        elif (because := suites[suite].because) is not None:
            reasons.append(f"{domain}: {because}")
    if reasons:
        return _shown(UNKNOWN, "; ".join(reasons))
    found = weighted_sum([(weight, suites[suite].accuracy) for suite, weight in MIX_WEIGHTS.items()])
    lo, hi = (None if bound is None else min(1.0, max(0.0, bound)) for bound in (found.lo, found.hi))
    return _shown(Interval(found.value, lo, hi, found.n), None)


def _summed(suites: Mapping[str, Scored], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: sum(suites[suite].row[name] for suite in MIX_WEIGHTS if suite in suites) for name in names}


def _mix_of_a_day(suites: Mapping[str, Scored]) -> dict[str, object]:
    counted = ("n_asked", "n_graded", "n_correct", "n_missing", "n_not_run", "n_faults")
    whole = _summed(suites, (*counted, "n_truncated", "n_no_answer", "n_refused")) | _mixed_accuracy(suites)
    parts = [(weight, suites[s].row["lenient_accuracy"]) for s, weight in MIX_WEIGHTS.items() if s in suites]
    known = whole["accuracy"] is not None and all(value is not None for _, value in parts)
    return whole | {
        "truncation_limited": is_truncation_limited(whole["n_asked"], whole["n_truncated"]),
        "lenient_accuracy": sum(weight * value for weight, value in parts) if known else None,
    }


def _mix_of_a_pool(suites: Mapping[str, Scored]) -> dict[str, object]:
    days = max(suites[suite].row["n_days"] for suite in MIX_WEIGHTS if suite in suites)
    return _summed(suites, ("n_graded", "n_correct", "n_lost", "n_clusters")) | {
        "n_days": days,
        **_mixed_accuracy(suites),
    }


def _shared(own: Scored, reference: Scored) -> list[ItemKey]:
    return sorted(own.scores.keys() & reference.scores.keys())


def _paired(own: Scored, reference: Scored) -> PairedDifference:
    shared = _shared(own, reference)
    return paired_difference([own.scores[item] for item in shared], [reference.scores[item] for item in shared])


def _paired_by_cluster(own: Scored, reference: Scored) -> PairedDifference:
    """The same with an interval by the clustered error of the differences, where there are clusters enough for one."""
    found, shared = _paired(own, reference), _shared(own, reference)
    clusters = [own.clusters[item] for item in shared]
    error = clustered_se([own.scores[i] - reference.scores[i] for i in shared], clusters) if shared else None
    if not error or found.difference is None:
        return found
    half = t_quantile(1 - ALPHA / 2, len(set(clusters)) - 1) * error
    lo, hi = max(-1.0, found.difference - half), min(1.0, found.difference + half)
    return PairedDifference(found.difference, lo, hi, found.p_value, found.n, found.only_first, found.only_second)


def _mixed(paired: Mapping[str, PairedDifference]) -> PairedDifference:
    """The difference of the mix: that of each domain by its weight, with an exact p-value over both."""
    parts = [(weight, paired.get(suite, NOTHING)) for suite, weight in MIX_WEIGHTS.items()]
    n = sum(part.n for _, part in parts)
    difference = weighted_sum([(w, Interval(part.difference, part.lo, part.hi, part.n)) for w, part in parts])
    if difference.value is None:
        return PairedDifference(None, None, None, None, n)
    p_value = weighted_mcnemar_exact([(w / part.n, part.only_first, part.only_second) for w, part in parts])
    return PairedDifference(difference.value, difference.lo, difference.hi, p_value, n)


def _mixed_detectable(paired: Mapping[str, PairedDifference]) -> float | None:
    """2.8 standard errors of the mix: those of its domains, by weight."""
    parts = [(w, paired[suite].minimum_detectable) for suite, w in MIX_WEIGHTS.items() if suite in paired]
    known = [(w * value / DETECTABLE_Z) ** 2 for w, value in parts if value is not None]
    return float(DETECTABLE_Z * sum(known) ** 0.5) if len(known) == len(MIX_WEIGHTS) else None
