"""Accuracy by endpoint and its verdict against the family's reference, on hand-made answers."""

from __future__ import annotations

import math as math_module
from collections.abc import Sequence
from datetime import timedelta

import polars as pl
import pytest

from tokenarena_assets.chain.pooling import pooled
from tokenarena_assets.chain.quality import anchor_gaps, quality_by_endpoint, quality_of_pool
from tokenarena_assets.chain.tables import ANCHOR_GAP, QUALITY_DAILY, QUALITY_POOL
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
            "template_id": f"template-{(first + i) % 7}",
            "domain": "code" if suite == "quality_code" else "math",
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
    return {row["endpoint_id"]: row for row in table.to_dicts() if row["suite"] != "mix"}


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
    assert table.select("suite", "accuracy").rows() == [("quality_code", 0.0), ("quality_math", 1.0), ("mix", 0.6)]
    assert quality([]) == {}


def mix(rows: Sequence[Row], endpoint_id: str = OTHER) -> Row:
    table = quality_by_endpoint(DAY, frame("answers", rows), frame("endpoints", FAMILY))
    assert table.schema == QUALITY_DAILY.polars_schema
    (row,) = table.filter((pl.col("suite") == "mix") & (pl.col("endpoint_id") == endpoint_id)).to_dicts()
    return row


def both(endpoint_id: str, math: Sequence[bool | None], code: Sequence[bool | None]) -> list[Row]:
    return answers(endpoint_id, math) + answers(endpoint_id, code, "quality_code", first=1000)


def test_the_mix_weighs_60_to_40_and_combines_the_intervals() -> None:
    row = mix(both(OTHER, [True] * 45 + [False] * 15, [True] * 20 + [False] * 20))
    assert row["accuracy"] == pytest.approx(0.6 * 0.75 + 0.4 * 0.5)
    assert (row["n_asked"], row["n_graded"], row["n_correct"]) == (100, 100, 65)
    math, code = wilson(45, 60), wilson(20, 40)
    below = math_module.hypot(0.6 * (0.75 - math.lo), 0.4 * (0.5 - code.lo))
    above = math_module.hypot(0.6 * (math.hi - 0.75), 0.4 * (code.hi - 0.5))
    assert (row["accuracy_lo"], row["accuracy_hi"]) == (pytest.approx(0.65 - below), pytest.approx(0.65 + above))
    assert row["not_scored_because"] is None


@pytest.mark.parametrize(
    ("code", "outcome", "because"),
    [
        (None, None, "code: not asked"),
        ([None] * 40, "not_run", "code: of 40 answers 40 not run, no sandbox"),
        ([None] * 3 + [True] * 37, "missing", "code: of 40 answers 3 missing"),
        ([None] * 3 + [True] * 37, "grader_fault", "code: of 40 answers 3 lost to the grader"),
    ],
)
def test_without_one_domain_there_is_no_mix(code: list[bool | None] | None, outcome: str | None, because: str) -> None:
    rows = both(OTHER, [True] * 60, code or [])
    for row in rows:
        if row["correct"] is None:
            row["outcome"] = outcome
    got = mix(rows)
    assert (got["accuracy"], got["accuracy_lo"], got["not_scored_because"]) == (None, None, because)
    assert got["n_asked"] == got["n_graded"] + got["n_missing"] + got["n_not_run"] + got["n_faults"]
    assert got["versus_reference"] == "cannot tell"


def test_the_mixs_verdict_is_exact_over_both_domains() -> None:
    # Four discordant in each domain, all one way: chance 2 / 2^8, whatever the weights.
    theirs = both(REFERENCE, [True] * 60, [True] * 40)
    row = mix(theirs + both(OTHER, [False] * 4 + [True] * 56, [False] * 4 + [True] * 36))
    assert row["difference"] == pytest.approx(-(0.6 * 4 / 60 + 0.4 * 4 / 40))
    assert (row["difference_p"], row["versus_reference"]) == (pytest.approx(2 / 256), "below")
    rho = math_module.hypot(0.6 * math_module.sqrt(4 / 60 / 60), 0.4 * math_module.sqrt(4 / 40 / 40))
    assert row["minimum_detectable_difference"] == pytest.approx(2.8 * rho)


def test_refusals_and_truncations_are_counted_and_flagged() -> None:
    rows = answers(OTHER, [True] * 97 + [False] * 3)
    rows[97]["outcome"], rows[98]["outcome"], rows[99]["outcome"] = "refusal", "content_filter", "truncated"
    row = quality(rows)[OTHER]
    assert (row["n_refused"], row["n_truncated"], row["truncation_limited"]) == (2, 1, False)
    rows[98]["outcome"] = rows[97]["outcome"] = "truncated"
    assert quality(rows)[OTHER]["truncation_limited"]


def test_the_detectable_difference_stands_beside_the_difference() -> None:
    theirs = answers(REFERENCE, [True] * 100)
    row = quality(theirs + answers(OTHER, [False] * 10 + [True] * 90))[OTHER]
    assert row["minimum_detectable_difference"] == pytest.approx(2.8 * math_module.sqrt(0.1 / 100))
    assert quality(theirs)[REFERENCE]["minimum_detectable_difference"] is None


def pool(*days: list[Row]) -> pl.DataFrame:
    return pooled(frame("answers", rows, DAY - timedelta(days=back)) for back, rows in enumerate(days))


def pooled_quality(answers_of_days: pl.DataFrame) -> dict[tuple[str, str], Row]:
    table = quality_of_pool(DAY, answers_of_days, frame("endpoints", FAMILY))
    assert table.schema == QUALITY_POOL.polars_schema
    return {(row["endpoint_id"], row["suite"]): row for row in table.to_dicts()}


def test_the_pool_clusters_by_template_and_pairs_by_day_and_item() -> None:
    scores = [i % 7 != 0 for i in range(70)]  # one template always fails, the others never
    theirs, own = [True] * 70, scores
    day = answers(REFERENCE, theirs) + answers(OTHER, own)
    row = pooled_quality(pool(day, day))[OTHER, "quality_math"]
    assert (row["n_days"], row["n_graded"], row["n_correct"], row["n_clusters"]) == (2, 140, 120, 7)
    error = math_module.sqrt(7 / 6 * ((20 * 6 / 7) ** 2 + 6 * (20 / 7) ** 2)) / 140
    assert row["accuracy_lo"] == pytest.approx(6 / 7 - 2.4469118511 * error)
    assert row["accuracy_hi"] == 1.0
    assert (row["difference_n"], row["difference"]) == (140, pytest.approx(-1 / 7))
    assert row["difference_p"] == pytest.approx(2 * 0.5**20)
    assert row["versus_reference"] == "below"


def test_a_day_that_failed_counts_as_lost_and_too_much_of_it_gives_no_score() -> None:
    good, bad = answers(OTHER, [True] * 20), answers(OTHER, [None] * 20)
    assert pooled_quality(pool(good))[OTHER, "quality_math"]["accuracy"] == 1.0
    row = pooled_quality(pool(good, bad))[OTHER, "quality_math"]
    assert (row["n_lost"], row["accuracy"]) == (20, None)
    assert row["not_scored_because"] == "of 40 answers 20 missing"


def test_days_made_before_there_were_domains_are_pooled_as_math() -> None:
    old = frame("answers", answers(OTHER, [True] * 4)).drop("domain", "n_attempts")
    assert pooled([old])["domain"].to_list() == ["math"] * 4
    assert pooled([]).height == 0


def test_the_anchor_gap_is_public_minus_generated() -> None:
    rows = answers(OTHER, [True] * 9 + [False], "anchor") + answers(OTHER, [True, False] * 35)
    table = anchor_gaps(DAY, pool(rows))
    assert table.schema == ANCHOR_GAP.polars_schema
    (row,) = table.to_dicts()
    assert (row["domain"], row["n_anchor"], row["n_generated"]) == ("math", 10, 70)
    assert (row["anchor_accuracy"], row["generated_accuracy"]) == (0.9, 0.5)
    assert row["gap"] == pytest.approx(0.4)
    assert -1 <= row["gap_lo"] < 0.4 < row["gap_hi"] <= 1
    assert anchor_gaps(DAY, pool(answers(OTHER, [True]))).height == 0
    alone = anchor_gaps(DAY, pool(answers(OTHER, [True] * 5, "anchor"))).to_dicts()[0]
    assert (alone["gap"], alone["n_generated"]) == (None, 0)
