"""Grades the quality answers of a day: who is right, who is wrong, and what cannot be graded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from tokenarena_assets.chain.asked import asks
from tokenarena_assets.chain.tables import GRADED_ANSWERS
from tokenarena_assets.suites.code_grading import CODE_GRADER_VERSION, grade_codes
from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.grading import GRADER_VERSION, Grade, grade_math, grade_text
from tokenarena_assets.suites.items import domain_of
from tokenarena_assets.suites.reasoning import without_reasoning
from tokenarena_assets.suites.sandbox import Sandbox

QUALITY_SUITES = ("quality_math", "quality_code", "anchor", "own")
# What an endpoint did with the request counts as its answer; what the transport did to it is missing, not wrong.
WRONG_AS_IT_IS = ("truncated", "content_filter", "empty")
NO_SANDBOX = "no sandbox on this machine: see tokenarena doctor"
NEEDED = ("request_id", "suite", "status", "text", "gold", "answer_type", "tolerance", "item_source", "tier", "attempt")

# A refusal says so at once and says little else. Whatever has a result in it is graded as a result.
MAX_REFUSAL_CHARS = 600
REFUSAL = re.compile(
    r"""(?ix) \A \W*
    (?:
        (?: (?:i \s+ am|i'm) \s+ (?:very \s+|so \s+|really \s+)? sorry | sorry | (?:my \s+)? apologies
          | i \s+ apologi[sz]e | unfortunately | as \s+ an? \s+ (?:ai|artificial|large|language)[^,.]{0,60} )
        [\s,.!:;-]* (?:but \s+ | however[,\s]+ )?
    )?
    (?: i \s+ (?: can(?:no|')?t | can \s+ not | won't | will \s+ not | must \s+ (?:decline|refuse) | decline | refuse
            | am \s+ (?:not \s+ able | unable) | have \s+ to \s+ (?:decline|refuse) )
      | i'm \s+ (?:not \s+ able | unable) )
    (?: \s+ to )?
    (?: \s* [.!]
      | \s+ (?: help | assist | comply | answer | provide | respond | fulfil?l | do | discuss | engage | continue
          | complete | solve | write | support ) \b )
    """
)


def grade_answers(day: date, requests: pl.DataFrame | pl.LazyFrame, sandbox: Sandbox | None = None) -> pl.DataFrame:
    """Grade every quality request of `requests`; without a `sandbox` code is not run, which is not wrong.

    Whatever fails in grading is our fault: outcome `grader_fault`, no grade, and the reason in `detail`.
    """
    own = requests.lazy().filter(pl.col("suite").is_in(QUALITY_SUITES) & asks("item_id"))
    rows = list(own.select(NEEDED).sort("request_id").collect().iter_rows(named=True))
    to_run = [index for index, row in enumerate(rows) if row["status"] == "ok" and _domain(row) == "code"]
    code = dict(zip(to_run, _grade_code([rows[index] for index in to_run], sandbox), strict=True))
    return GRADED_ANSWERS.frame([_graded(day, row, code.get(index)) for index, row in enumerate(rows)])


def is_refusal(text: str) -> bool:
    """Whether `text` is a plain refusal: it opens with one, and it is short."""
    visible = without_reasoning(text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip()
    return len(visible) <= MAX_REFUSAL_CHARS and REFUSAL.match(visible) is not None


def _domain(row: Mapping[str, Any]) -> str:
    return domain_of(row["answer_type"] or "int")


def _graded(day: date, row: Mapping[str, Any], code: Grade | None) -> dict[str, object]:
    domain = _domain(row)
    base = {
        "day": day,
        "request_id": row["request_id"],
        "domain": domain,
        "source": row["item_source"] or "generated",
        "tier": row["tier"] or "tiny",
        "attempt": row["attempt"] or 1,
        "grader_version": CODE_GRADER_VERSION if domain == "code" else GRADER_VERSION,
    }
    status = row["status"]
    if status in WRONG_AS_IT_IS:
        return base | _of(status, Grade(False, False, None, status))
    if status != "ok":
        return base | _of("missing", Grade(None, None, None, "missing"))
    grade = code or _grade_words(row)
    if grade.reason == "no_sandbox":
        return base | _of("not_run", Grade(None, None, grade.extracted, "not_run", grade.detail or NO_SANDBOX))
    if grade.reason == "grader_fault" or grade.correct is None:
        return base | _of("grader_fault", Grade(None, None, grade.extracted, "", grade.detail or grade.reason))
    refused = not grade.correct and is_refusal(row["text"] or "")
    return base | _of("refusal" if refused else grade.reason, grade)


def _of(outcome: str, grade: Grade) -> dict[str, object]:
    return {
        "outcome": outcome,
        "correct": grade.correct,
        "lenient_correct": grade.lenient_correct,
        "extracted": grade.extracted,
        "detail": grade.detail,
    }


def _grade_words(row: Mapping[str, Any]) -> Grade:
    text, gold = row["text"] or "", row["gold"] or ""
    try:
        if row["answer_type"] == "text":
            return grade_text(text, gold)
        return grade_math(text, gold, tolerance=row["tolerance"])
    except Exception as error:  # whatever it is, it is not the endpoint's
        return _fault(error)


def _grade_code(rows: Sequence[Mapping[str, Any]], sandbox: Sandbox | None) -> list[Grade]:
    """Grades of code answers, in order; a task that cannot be read is our fault."""
    grades: list[Grade | None] = []
    pairs: list[tuple[str, CodeTask]] = []
    for row in rows:
        try:
            pairs.append((row["text"] or "", CodeTask.from_json(row["gold"] or "")))
            grades.append(None)
        except Exception as error:
            grades.append(_fault(error))
    try:
        ran = iter(grade_codes(pairs, sandbox) if pairs else [])
        return [next(ran) if grade is None else grade for grade in grades]
    except Exception as error:
        return [grade or _fault(error) for grade in grades]


def _fault(error: Exception) -> Grade:
    return Grade(None, None, None, "grader_fault", f"{type(error).__name__}: {error}")
