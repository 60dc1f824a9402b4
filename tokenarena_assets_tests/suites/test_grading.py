"""Grading of math answers: what is extracted, how numbers are read, and what hostile text cannot do."""

from __future__ import annotations

import json
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.suites.grading import Grade, grade_math, parse_number

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=150)
GSM8K = Path(__file__).parents[3] / "shared" / "data" / "public_sets" / "gsm8k" / "test.jsonl"


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        # as the prompt asks
        ("12 + 30 = 42\nAnswer: 42", "42"),
        ("Answer: 42.", "42"),
        ("answer:42", "42"),
        ("ANSWER = 42", "42"),
        ("Final Answer: 42 apples", "42"),
        ("Answer:\n42", "42"),
        ("Answer: about 42, I think", "42"),
        # bold, quotes, code, LaTeX
        ("**Answer:** 42", "42"),
        ("**Answer**: 42", "42"),
        ("Answer: **42**", "42"),
        ("Answer: `42`", "42"),
        ("Answer: $42$", "42"),
        (r"Answer: \(42\)", "42"),
        (r"so \boxed{42}.", "42"),
        (r"\boxed{\text{42 apples}}", "42"),
        (r"\boxed{1{,}234}", "1234"),
        (r"\boxed{12\,345}", "12345"),
        # currency, percent, units
        ("Answer: $18", "18"),
        (r"Answer: \$18", "18"),
        ("Answer: €18.50", "18.5"),
        ("Answer: -$5", "-5"),
        ("Answer: $-5", "-5"),
        ("Answer: 50%", "50"),
        (r"\boxed{50\%}", "50"),
        ("Answer: 18 cm^2", "18"),
        # zeros, signs, other digits
        ("Answer: 18.0", "18"),
        ("Answer: 18.", "18"),
        ("Answer: 018", "18"),
        ("Answer: .5", "1/2"),
        ("Answer: 18", "18.00"),
        ("Answer: +7", "7"),
        ("Answer: -0", "0"),
        ("Answer: -5", "-5"),
        ("Answer: \u22125", "-5"),
        ("Answer: \uff11\uff18", "18"),
        # separators
        ("Answer: 1,234,567", "1234567"),
        ("Answer: 1,234,567.50", "1234567.5"),
        ("Answer: 1 234 567", "1234567"),
        ("Answer: 1\u202f234\u00a0567", "1234567"),
        ("Answer: 42", "42"),
        # fractions
        ("Answer: 3/4", "0.75"),
        ("Answer: 3 / 4", "3/4"),
        ("Answer: 0.75", "3/4"),
        ("Answer: -3/4", "-0.75"),
        (r"\boxed{\frac{3}{4}}", "3/4"),
        (r"\boxed{\dfrac{3}{4}}", "3/4"),
        (r"\boxed{\tfrac{3}{4}}", "3/4"),
        (r"\boxed{-\frac{3}{4}}", "-3/4"),
        # GSM8K's own form
        ("It is 3*4 = <<3*4=12>>12.\n#### 12", "12"),
    ],
)
def test_right_answers_in_many_forms(text: str, gold: str) -> None:
    got = grade_math(text, gold)
    assert (got.correct, got.lenient_correct, got.reason) == (True, True, "correct")
    assert got.extracted is not None


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("Answer: 41", "42"),
        ("Answer: 5", "-5"),
        ("Answer: 142", "42"),
        ("Answer: 1/3", "0.333"),
        ("Answer: 4.2", "42"),
        ("#### 41", "42"),
        (r"\boxed{41}", "42"),
    ],
)
def test_wrong_answers(text: str, gold: str) -> None:
    assert grade_math(text, gold).reason == "wrong"
    assert not grade_math(text, gold).correct


@pytest.mark.parametrize(
    ("text", "extracted"),
    [
        # the last box goes before any answer line, the last answer line before any hashes
        (r"Answer: 1 \boxed{2} Answer: 3 \boxed{4} #### 5", "4"),
        ("#### 5\nAnswer: 1\nAnswer: 3", "3"),
        ("#### 5\nthen\n#### 6", "6"),
        (r"\boxed{\frac{1}{2}} and \boxed{ 7 }", "7"),
        (r"\boxed{never closed", "never closed"),
        ("Answer: 3\nThe answer is above.", "3"),
        ("Answer: 3 or\n4", "3 or"),
    ],
)
def test_the_order_of_extraction(text: str, extracted: str) -> None:
    assert grade_math(text, "0").extracted == extracted


def test_several_answers_the_last_counts() -> None:
    assert grade_math("Answer: 1\nWait.\nAnswer: 2", "2").correct
    assert not grade_math("Answer: 1\nWait.\nAnswer: 2", "1").correct


@pytest.mark.parametrize("text", ["it is 42", "The answer is 42.", "1, 2 and 42", "x = 40 + 2 = 42 !"])
def test_without_a_stated_answer_only_the_lenient_score_counts(text: str) -> None:
    assert grade_math(text, "42") == Grade(False, True, None, "no_answer")
    assert grade_math(text, "41") == Grade(False, False, None, "no_answer")


def test_the_lenient_score_reads_minus_signs_too() -> None:
    assert grade_math("so it is \u22125", "-5").lenient_correct
    assert not grade_math("so it is \u22125", "5").lenient_correct


def test_a_wrong_answer_line_after_the_right_number_is_wrong_in_the_strict_score_alone() -> None:
    assert grade_math("Answer: 41, no, 42", "42") == Grade(False, True, "41, no, 42", "wrong")


@pytest.mark.parametrize(
    ("text", "extracted"),
    [("Answer: I do not know", "I do not know"), (r"\boxed{}", ""), ("Answer: 1/0", "1/0"), ("####", "")],
)
def test_an_answer_that_is_no_number(text: str, extracted: str) -> None:
    assert grade_math(text, "42") == Grade(False, False, extracted, "not_a_number")


@pytest.mark.parametrize("text", ["", " \n", "Answer:", "I cannot help with that."])
def test_nothing_is_no_answer(text: str) -> None:
    assert grade_math(text, "42") == Grade(False, False, None, "no_answer")


def test_reasoning_is_no_answer() -> None:
    assert grade_math("<think>Answer: 1</think>\nAnswer: 2", "2").correct
    assert grade_math("<think>Answer: 2</think>", "2") == Grade(False, False, None, "no_answer")
    assert grade_math("<think>Answer: 2, but let me", "2") == Grade(False, False, None, "no_answer")
    assert grade_math("<think>a</think>Answer: 2<think>Answer: 3", "2").correct


def test_markers_go_before_everything_else() -> None:
    text = "Q: what?\nA: he has 3\nQ: more?\nA: $1,450 in all\nAnswer: 9"
    assert grade_math(text, "1450", markers=["A:"]).correct
    assert grade_math(r"\boxed{1} #### 2", "2", markers=["####"]).correct
    assert grade_math("A: 1 #### 2", "2", markers=["A:", "####"]).correct
    assert grade_math("#### 1 A: 2", "2", markers=["A:", "####"]).correct
    assert grade_math("Answer: 2", "2", markers=["####"]) == Grade(False, True, None, "no_answer")


def test_tolerance_is_exact() -> None:
    assert grade_math("Answer: 0.334", "1/3", tolerance="0.001").correct
    assert not grade_math("Answer: 0.3344", "1/3", tolerance="0.001").correct
    assert grade_math("Answer: 10.1", "10", tolerance="0.1").correct  # in binary floats it is not
    assert not grade_math("Answer: 10.1000001", "10", tolerance="0.1").correct


def test_gold_must_be_a_number() -> None:
    with pytest.raises(ValueError, match="gold is not a number"):
        grade_math("Answer: 1", "one")


SEPARATED = {
    "plain": "{}",
    "commas": "{:,}",
    "underscores": "{:_}",
    "spaces": "{:_}",
    "narrow": "{:_}",
    "latex": "{:,}",
    "decimals": "{:,}.00",
    "money": "${:,}",
    "unit": "{:,} eggs",
}


@EXAMPLES
@given(number=st.integers(-(10**15), 10**15), form=st.sampled_from(sorted(SEPARATED)), boxed=st.booleans())
def test_any_integer_with_separators_is_graded_correct(number: int, form: str, boxed: bool) -> None:
    written = SEPARATED[form].format(number)
    written = written.replace("_", {"spaces": " ", "narrow": "\u202f"}.get(form, "_"))
    written = written.replace(",", "{,}") if form == "latex" else written
    text = rf"\boxed{{{written}}}" if boxed else f"Answer: {written}."
    assert grade_math(text, str(number)).correct
    assert not grade_math(text, str(number + 1)).correct


@EXAMPLES
@given(a=st.integers(-9999, 9999), b=st.integers(1, 9999))
def test_fractions_are_compared_exactly(a: int, b: int) -> None:
    assert parse_number(f"{a}/{b}") == Fraction(a, b)
    sign = "-" if a < 0 else ""
    assert parse_number(rf"{sign}\frac{{{abs(a)}}}{{{b}}}") == Fraction(a, b)


@EXAMPLES
@given(text=st.text(max_size=300), gold=st.integers(-1000, 1000))
def test_any_text_gets_a_consistent_grade(text: str, gold: int) -> None:
    got = grade_math(text, str(gold))
    assert got.correct == (got.reason == "correct")
    assert got.lenient_correct or not got.correct
    assert (got.extracted is None) == (got.reason == "no_answer")


@pytest.mark.parametrize(
    "text",
    [
        "9" * 1_000_000,
        "Answer: " + "9" * 1_000_000,
        "Answer: " + "1/" * 300_000,
        "Answer: 1." + "0" * 1_000_000,
        "1," * 500_000,
        "1 " * 500_000,
        "\\boxed{" * 100_000,
        "\\boxed{" + "{" * 500_000,
        "\\frac{" * 100_000,
        "answer " * 100_000,
        "answer" + " " * 1_000_000,
        ("answer" + "*" * 8 + "\n" * 50) * 10_000,
        "Answer:" + "\n" * 1_000_000,
        "<think>" * 100_000,
        "-" * 1_000_000,
        "#" * 1_000_000,
    ],
    ids=lambda text: repr(text[:9]),
)
def test_hostile_text_stays_fast(text: str) -> None:
    started = time.perf_counter()
    assert not grade_math(text, "7").correct
    assert time.perf_counter() - started < 2  # milliseconds are usual; a pattern that backtracks would take minutes


@pytest.mark.skipif(not GSM8K.exists(), reason="the public set is not beside the project")
def test_every_gold_answer_of_gsm8k_is_graded_correct() -> None:
    rows = [json.loads(line) for line in GSM8K.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 1319
    for row in rows:
        reasoning, final = row["answer"].split("\n#### ")
        gold = str(int(final.replace(",", "")))
        assert grade_math(row["answer"], gold, markers=["####"]).correct
        assert grade_math(f"Q: {row['question']}\nA: {final}", gold, markers=["A:"]).correct
        assert grade_math(f"{reasoning}\nAnswer: {final}", gold).correct
        assert not grade_math(row["answer"], str(int(gold) + 1), markers=["####"]).correct
