"""Grading a day: what counts as wrong, and what is missing."""

from __future__ import annotations

from typing import get_args

import pytest

from tokenarena_assets.chain import grade
from tokenarena_assets.chain.grade import grade_answers, is_refusal
from tokenarena_assets.chain.tables import GRADED_ANSWERS
from tokenarena_assets.probing.record import Status
from tokenarena_assets.suites.code_grading import CODE_GRADER_VERSION
from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.grading import GRADER_VERSION, Grade
from tokenarena_assets_tests.sql_models.frames import DAY, Row, frame


def graded(*requests: Row) -> list[Row]:
    table = grade_answers(DAY, frame("requests", requests))
    assert table.schema == GRADED_ANSWERS.polars_schema
    return table.to_dicts()


def asked(status: str = "ok", text: str | None = "Answer: 42", **given: object) -> Row:
    row = {"request_id": "q1", "suite": "quality_math", "item_id": "i1", "status": status, "text": text, "gold": "42"}
    return row | {"answer_type": "int"} | given


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
            "domain": "math",
            "source": "generated",
            "tier": "tiny",
            "attempt": 1,
            "outcome": outcome,
            "correct": correct,
            "lenient_correct": lenient,
            "extracted": extracted,
            "detail": None,
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


TASK = CodeTask("t1", "double", cases=(("(2,)", "4"),))
CODE = {"suite": "quality_code", "answer_type": "code", "gold": TASK.to_json(), "tier": "hard", "attempt": 2}


def test_code_without_a_sandbox_is_not_run_and_not_wrong() -> None:
    (row,) = graded(asked(text="def double(x): return 2 * x", **CODE))
    names = ("domain", "tier", "attempt", "outcome", "correct", "lenient_correct", "grader_version")
    assert tuple(row[name] for name in names) == ("code", "hard", 2, "not_run", None, None, CODE_GRADER_VERSION)
    assert "sandbox" in row["detail"]
    assert graded(asked("truncated", **CODE))[0]["outcome"] == "truncated"


@pytest.mark.parametrize(
    ("reason", "correct"),
    [("correct", True), ("wrong", False), ("code_error", False), ("code_timeout", False), ("no_answer", False)],
)
def test_code_has_the_outcome_that_its_grader_gives(
    monkeypatch: pytest.MonkeyPatch, reason: str, correct: bool
) -> None:
    seen = []

    def of(pairs: list[tuple[str, CodeTask]], _sandbox: object) -> list[Grade]:
        seen.extend(pairs)
        return [Grade(correct, correct, "x", reason, "why") for _ in pairs]

    monkeypatch.setattr(grade, "grade_codes", of)
    first, second = graded(asked(), asked(text="def double(x): ...", **CODE) | {"request_id": "q2"})
    assert first["outcome"] == "correct"
    assert (second["outcome"], second["correct"], second["detail"]) == (reason, correct, "why")
    assert seen == [("def double(x): ...", TASK)]


@pytest.mark.parametrize("fault", [{"gold": "no number at all"}, {**CODE, "gold": "{broken"}, {"tolerance": "much"}])
def test_what_fails_in_grading_is_our_fault_and_never_wrong(fault: Row) -> None:
    good, bad = graded(asked(), asked(**fault) | {"request_id": "q2"})
    assert good["outcome"] == "correct"
    assert (bad["outcome"], bad["correct"], bad["lenient_correct"]) == ("grader_fault", None, None)
    assert bad["detail"]


def test_a_grader_that_breaks_down_loses_no_other_grade(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_pairs: object, _sandbox: object) -> list[Grade]:
        raise TimeoutError("too slow")

    monkeypatch.setattr(grade, "grade_codes", broken)
    first, second = graded(asked(), asked(**CODE) | {"request_id": "q2"})
    assert first["outcome"] == "correct"
    assert (second["outcome"], second["correct"], second["detail"]) == ("grader_fault", None, "TimeoutError: too slow")


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I can\u2019t assist with this request.",
        "I cannot answer this question.",
        "Sorry, I am unable to solve this.",
        "As an AI language model, I cannot provide that.",
        "<think>hm</think>Unfortunately, I'm not able to comply.",
        "I won't do that.",
    ],
)
def test_plain_refusals(text: str) -> None:
    assert is_refusal(text)
    (row,) = graded(asked(text=text))
    assert (row["outcome"], row["correct"]) == ("refusal", False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Answer: 41",
        "I can't be sure, but the sum is 41.\nAnswer: 41",
        "I cannot see a shortcut, so I add the numbers one by one.",
        "Sorry, the first line was wrong. Answer: 41",
        "She said: I cannot help you. So 3 are left.",
        "I can't help you without doing the sum first: " + "41 " * 300,
    ],
)
def test_what_only_sounds_like_a_refusal_is_none(text: str) -> None:
    assert not is_refusal(text)
    assert graded(asked(text=text))[0]["outcome"] != "refusal"


def test_a_right_answer_after_an_apology_is_right() -> None:
    assert graded(asked(text="I'm sorry, I can't help but show off. Answer: 42"))[0]["outcome"] == "correct"


def test_own_items_are_graded_by_their_type() -> None:
    own = {"suite": "own", "item_source": "own:mine.jsonl"}
    rows = [
        asked(text="Answer: Paris", gold="paris", answer_type="text", **own),
        asked(text="Answer: 3.15", gold="3.14", answer_type="decimal", tolerance="0.02", **own),
        asked(text="Answer: 2/4", gold="1/2", answer_type="rational", **own),
    ]
    assert [(row["outcome"], row["source"], row["domain"]) for row in graded(*rows)] == [
        ("correct", "own:mine.jsonl", "math")
    ] * 3


def test_context_is_never_graded_as_quality() -> None:
    assert graded(asked(suite="context", answer_type="context")) == []


def test_a_row_that_stands_for_a_whole_suite_is_no_answer() -> None:
    """Of an endpoint without its key a round has one row a suite, and that asks nothing."""
    assert graded(asked("not_sent", "", item_id=None, gold=None), asked()) == graded(asked())
