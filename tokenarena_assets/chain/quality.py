"""Accuracy of a day by endpoint, and whether it can be told from the family's reference."""

from __future__ import annotations

from datetime import date

import polars as pl

from tokenarena_assets.chain.gates import is_scored
from tokenarena_assets.chain.tables import QUALITY_DAILY
from tokenarena_assets.stats import PairedDifference, paired_difference, wilson

ALPHA = 0.05


def quality_by_endpoint(day: date, answers: pl.DataFrame, endpoints: pl.DataFrame) -> pl.DataFrame:
    """One row an endpoint and suite of `answers`; families and references come from `endpoints`."""
    latest = endpoints.sort("valid_from").group_by("endpoint_id", maintain_order=True).last()
    family = dict(latest.select("endpoint_id", "model_family").iter_rows())
    reference = dict(latest.filter(pl.col("is_reference")).select("model_family", "endpoint_id").iter_rows())
    scores = _scores(answers)
    rows = []
    for key, own in sorted(answers.group_by("endpoint_id", "suite"), key=lambda pair: str(pair[0])):
        endpoint_id, suite = str(key[0]), str(key[1])
        reference_id = reference.get(family.get(endpoint_id, ""))
        paired = None
        if reference_id is not None and reference_id != endpoint_id:
            paired = _paired(scores.get((endpoint_id, suite), {}), scores.get((reference_id, suite), {}))
        rows.append(_row(day, endpoint_id, suite, own, reference_id, paired))
    return QUALITY_DAILY.frame(rows)


def _scores(answers: pl.DataFrame) -> dict[tuple[str, str], dict[str, bool]]:
    scores: dict[tuple[str, str], dict[str, bool]] = {}
    graded = answers.filter(pl.col("correct").is_not_null())
    for endpoint_id, suite, item_id, correct in graded.select("endpoint_id", "suite", "item_id", "correct").iter_rows():
        scores.setdefault((endpoint_id, suite), {})[item_id] = correct
    return scores


def _paired(own: dict[str, bool], reference: dict[str, bool]) -> PairedDifference:
    shared = sorted(own.keys() & reference.keys())
    return paired_difference([own[item] for item in shared], [reference[item] for item in shared])


def _verdict(endpoint_id: str, reference_id: str | None, paired: PairedDifference | None) -> str:
    if reference_id == endpoint_id:
        return "reference"
    if reference_id is None:
        return "no reference"
    if paired is None or paired.p_value is None or paired.difference is None or paired.p_value >= ALPHA:
        return "cannot tell"
    return "below" if paired.difference < 0 else "above"


def _row(
    day: date,
    endpoint_id: str,
    suite: str,
    own: pl.DataFrame,
    reference_id: str | None,
    paired: PairedDifference | None,
) -> dict[str, object]:
    graded = own.filter(pl.col("correct").is_not_null())
    correct = int(graded["correct"].sum())
    missing = len(own) - len(graded)
    scored = is_scored(len(own), missing)
    accuracy = wilson(correct, len(graded)) if scored else wilson(0, 0)
    return {
        "day": day,
        "endpoint_id": endpoint_id,
        "suite": suite,
        "n_asked": len(own),
        "n_graded": len(graded),
        "n_correct": correct,
        "n_missing": missing,
        "n_truncated": own.filter(pl.col("outcome") == "truncated").height,
        "n_no_answer": own.filter(pl.col("outcome") == "no_answer").height,
        "accuracy": accuracy.value,
        "accuracy_lo": accuracy.lo,
        "accuracy_hi": accuracy.hi,
        "lenient_accuracy": graded["lenient_correct"].cast(pl.Float64).mean() if scored else None,
        "reference_id": reference_id,
        "difference": paired.difference if paired else None,
        "difference_lo": paired.lo if paired else None,
        "difference_hi": paired.hi if paired else None,
        "difference_n": paired.n if paired else None,
        "difference_p": paired.p_value if paired else None,
        "versus_reference": _verdict(endpoint_id, reference_id, paired if scored else None),
    }
