"""Grades the quality answers of a day: who is right, who is wrong, and what cannot be graded."""

from __future__ import annotations

from datetime import date

import polars as pl

from tokenarena_assets.chain.tables import GRADED_ANSWERS
from tokenarena_assets.suites.grading import GRADER_VERSION, grade_math

# What an endpoint did with the request counts as its answer; what the transport did to it is missing, not wrong.
WRONG_AS_IT_IS = ("truncated", "content_filter", "empty")


def grade_answers(day: date, requests: pl.DataFrame) -> pl.DataFrame:
    """Grade every quality request of `requests` (columns request_id, status, text, gold, answer_type)."""
    asked = requests.filter(pl.col("gold").is_not_null())
    rows = [_grade(day, row) for row in asked.select("request_id", "status", "text", "gold").iter_rows(named=True)]
    return GRADED_ANSWERS.frame(rows)


def _grade(day: date, row: dict[str, str]) -> dict[str, object]:
    base = {"day": day, "request_id": row["request_id"], "grader_version": GRADER_VERSION, "extracted": None}
    status = row["status"]
    if status in WRONG_AS_IT_IS:
        return base | {"outcome": status, "correct": False, "lenient_correct": False}
    if status != "ok":
        return base | {"outcome": "missing", "correct": None, "lenient_correct": None}
    grade = grade_math(row["text"] or "", row["gold"])
    return base | {
        "outcome": grade.reason,
        "correct": grade.correct,
        "lenient_correct": grade.lenient_correct,
        "extracted": grade.extracted,
    }
