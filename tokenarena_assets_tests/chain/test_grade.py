"""Grading a day: what counts as wrong, and what is missing."""

from __future__ import annotations

from typing import get_args

import pytest

from tokenarena_assets.chain.grade import grade_answers
from tokenarena_assets.chain.tables import GRADED_ANSWERS
from tokenarena_assets.probing.record import Status
from tokenarena_assets.suites.grading import GRADER_VERSION
from tokenarena_assets_tests.sql_models.frames import DAY, Row, frame


def graded(*requests: Row) -> list[Row]:
    table = grade_answers(DAY, frame("requests", requests))
    assert table.schema == GRADED_ANSWERS.polars_schema
    return table.to_dicts()


def asked(status: str = "ok", text: str | None = "Answer: 42") -> Row:
    return {"request_id": "q1", "suite": "quality_math", "status": status, "text": text, "gold": "42"}


@pytest.mark.parametrize(
    ("text", "outcome", "correct", "lenient", "extracted"),
    [
        ("Answer: 42", "correct", True, True, "42"),
        ("Answer: 41", "wrong", False, False, "41"),
        ("it is 42", "no_answer", False, True, None),
        ("Answer: many", "not_a_number", False, False, "many"),
        ("", "no_answer", False, False, None),
        (None, "no_answer", False, False, None),
    ],
)
def test_answers(text: str | None, outcome: str, correct: bool, lenient: bool, extracted: str | None) -> None:
    assert graded(asked(text=text)) == [
        {
            "day": DAY,
            "request_id": "q1",
            "outcome": outcome,
            "correct": correct,
            "lenient_correct": lenient,
            "extracted": extracted,
            "grader_version": GRADER_VERSION,
        }
    ]


@pytest.mark.parametrize("status", ["truncated", "content_filter", "empty"])
def test_what_the_endpoint_did_is_wrong_even_with_the_right_number(status: str) -> None:
    (row,) = graded(asked(status))
    assert (row["outcome"], row["correct"], row["lenient_correct"]) == (status, False, False)


@pytest.mark.parametrize("status", sorted({*get_args(Status)} - {"ok", "truncated", "content_filter", "empty"}))
def test_what_the_transport_did_is_missing(status: str) -> None:
    (row,) = graded(asked(status))
    assert (row["outcome"], row["correct"], row["lenient_correct"]) == ("missing", None, None)


def test_requests_without_an_item_are_not_graded() -> None:
    assert (
        graded({"request_id": "s1", "suite": "speed", "status": "ok", "text": "once"}, asked())[0]["request_id"] == "q1"
    )
    assert graded() == []
