"""Accuracy by endpoint and its verdict against the family's reference, on hand-made answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tokenarena_assets.chain.quality import quality_by_endpoint
from tokenarena_assets.chain.tables import QUALITY_DAILY
from tokenarena_assets.stats import wilson
from tokenarena_assets_tests.sql_models.frames import DAY, Row, at, frame

REFERENCE, OTHER = "p/m@ref", "q/m@other"
OUTCOMES = {True: "correct", False: "wrong", None: "missing"}


def answers(endpoint_id: str, scores: Sequence[bool | None], suite: str = "quality_math", first: int = 0) -> list[Row]:
    return [
        {
            "request_id": f"{endpoint_id}-{i}",
            "endpoint_id": endpoint_id,
            "suite": suite,
            "item_id": f"item-{first + i}",
            "outcome": OUTCOMES[score],
            "correct": score,
            "lenient_correct": score,
        }
        for i, score in enumerate(scores)
    ]


def endpoint(endpoint_id: str, family: str = "m", *, reference: bool = False, hour: int = 1) -> Row:
    return {"endpoint_id": endpoint_id, "model_family": family, "is_reference": reference, "valid_from": at(hour)}


FAMILY = (endpoint(REFERENCE, reference=True), endpoint(OTHER))


def quality(rows: Sequence[Row], endpoints: Sequence[Row] = FAMILY) -> dict[str, Row]:
    table = quality_by_endpoint(DAY, frame("answers", rows), frame("endpoints", endpoints))
    assert table.schema == QUALITY_DAILY.polars_schema
    return {row["endpoint_id"]: row for row in table.to_dicts()}


def test_accuracy_is_correct_of_graded_with_its_interval() -> None:
    row = quality(answers(REFERENCE, [True] * 15 + [False] * 5))[REFERENCE]
    expected = wilson(15, 20)
    assert (row["n_asked"], row["n_graded"], row["n_correct"], row["n_missing"]) == (20, 20, 15, 0)
    assert (row["accuracy"], row["accuracy_lo"], row["accuracy_hi"]) == (0.75, expected.lo, expected.hi)
    assert (row["versus_reference"], row["reference_id"], row["difference"]) == ("reference", REFERENCE, None)


def test_kinds_of_wrong_answers_are_counted() -> None:
    rows = answers(REFERENCE, [True, False, False, False])
    rows[1]["outcome"], rows[2]["outcome"], rows[3]["outcome"] = "truncated", "no_answer", "no_answer"
    rows[2]["lenient_correct"] = True
    row = quality(rows)[REFERENCE]
    assert (row["n_truncated"], row["n_no_answer"], row["accuracy"], row["lenient_accuracy"]) == (1, 2, 0.25, 0.5)


@pytest.mark.parametrize(("missing", "scored"), [(0, True), (1, True), (2, False), (20, False)])
def test_more_than_a_twentieth_missing_gives_no_score(missing: int, scored: bool) -> None:
    row = quality(answers(REFERENCE, [None] * missing + [True] * (20 - missing)))[REFERENCE]
    assert (row["n_asked"], row["n_missing"], row["n_graded"]) == (20, missing, 20 - missing)
    assert (row["accuracy"] is not None) == scored
    assert (row["accuracy_lo"] is not None) == (row["lenient_accuracy"] is not None) == scored
    if scored:
        assert row["accuracy"] == 1.0  # what is missing is not wrong


@pytest.mark.parametrize(
    ("only_reference", "only_other", "verdict"),
    # McNemar, exact: 6 to 0 is p = 1/32, 5 to 0 is p = 1/16, 9 to 1 is p = 22/1024, 8 to 1 is p = 20/512
    [
        (6, 0, "below"),
        (0, 6, "above"),
        (5, 0, "cannot tell"),
        (9, 1, "below"),
        (8, 1, "below"),
        (7, 1, "cannot tell"),
        (3, 3, "cannot tell"),
        (0, 0, "cannot tell"),
    ],
)
def test_the_verdict_is_mcnemars(only_reference: int, only_other: int, verdict: str) -> None:
    both = 10
    theirs = [True] * only_reference + [False] * only_other + [True] * both
    own = [False] * only_reference + [True] * only_other + [True] * both
    rows = quality(answers(REFERENCE, theirs) + answers(OTHER, own))
    row = rows[OTHER]
    n = only_reference + only_other + both
    assert (row["versus_reference"], row["reference_id"], row["difference_n"]) == (verdict, REFERENCE, n)
    assert row["difference"] == pytest.approx((only_other - only_reference) / n)
    assert row["difference_lo"] <= row["difference"] <= row["difference_hi"]
    assert rows[REFERENCE]["versus_reference"] == "reference"


def test_only_items_that_both_answered_are_compared() -> None:
    rows = answers(REFERENCE, [True, True, None, True]) + answers(OTHER, [False, None, True, True], first=0)
    row = quality(rows)[OTHER]
    assert (row["difference_n"], row["difference"]) == (2, -0.5)
    apart = quality(answers(REFERENCE, [True] * 9) + answers(OTHER, [False] * 9, first=100))[OTHER]
    assert (apart["difference_n"], apart["difference"], apart["versus_reference"]) == (0, None, "cannot tell")


def test_a_reference_that_was_not_asked_tells_nothing() -> None:
    row = quality(answers(OTHER, [True] * 9))[OTHER]
    assert (row["versus_reference"], row["reference_id"], row["difference_n"]) == ("cannot tell", REFERENCE, 0)


def test_a_family_without_a_reference() -> None:
    endpoints = [endpoint(OTHER), endpoint("p/n@ref", "n", reference=True)]
    row = quality(answers(OTHER, [True] * 9) + answers("p/n@ref", [True] * 9), endpoints)[OTHER]
    assert (row["versus_reference"], row["reference_id"], row["difference"]) == ("no reference", None, None)


def test_the_last_claim_of_the_day_says_who_is_the_reference() -> None:
    endpoints = [endpoint(REFERENCE, hour=7), endpoint(REFERENCE, hour=1, reference=True), endpoint(OTHER)]
    assert quality(answers(OTHER, [True] * 9), endpoints)[OTHER]["versus_reference"] == "no reference"


def test_suites_are_scored_apart() -> None:
    rows = answers(OTHER, [True] * 4) + answers(OTHER, [False] * 4, "quality_code")
    table = quality_by_endpoint(DAY, frame("answers", rows), frame("endpoints", FAMILY))
    assert table.select("suite", "accuracy").rows() == [("quality_code", 0.0), ("quality_math", 1.0)]
    assert quality([]) == {}
