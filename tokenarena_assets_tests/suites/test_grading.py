"""Grading of math answers: what is extracted, how numbers are read, and what hostile text cannot do."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenarena_assets.suites.grading import Grade, grade_math, grade_text, parse_number

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
        # mixed numbers, vulgar fractions, powers of ten
        ("Answer: 1 1/2", "1.5"),
        ("Answer: 2 1/2 cups", "5/2"),
        ("Answer: 1\u00bd", "1.5"),
        ("Answer: \u00bd", "0.5"),
        (r"\boxed{1\frac{1}{2}}", "3/2"),
        (r"\boxed{\frac12}", "1/2"),
        (r"\boxed{\left(\frac{3}{4}\right)}", "3/4"),
        ("Answer: 1e5", "100000"),
        ("Answer: 2.5E-3", "0.0025"),
        ("Answer: 3 x 10^4", "30000"),
        ("Answer: 3 \u00d7 10\u2074", "30000"),
        (r"\boxed{3 \times 10^{-4}}", "0.0003"),
        ("Answer: 3*10^4", "30000"),
        ("Answer: 10^4", "10000"),
        # other ways to write a number
        ("Answer: 1_234", "1234"),
        ("Answer: 1'234", "1234"),
        ("Answer: 12,34,567", "1234567"),
        ("Answer: US$18", "18"),
        ("Answer: USD 18", "18"),
        ("Answer: Rs.18", "18"),
        ("Answer: \u20135", "-5"),
        ("Answer: - 5", "-5"),
        (r"Answer: 45^\circ", "45"),
        ("Answer: *18*", "18"),
        ("Answer: 5!", "5"),
        ("Answer: 18 - that is all", "18"),
        ("Answer\uff1a\uff17", "7"),
        # after the last sign of equality
        ("Answer: x = 5", "5"),
        ("Answer: 3 + 4 = 7", "7"),
        ("Answer: 7 = 3 + 4", "7"),
        ("Answer: $2.50 = 250 cents", "250"),
        (r"\boxed{x = -\frac{1}{2}}", "-0.5"),
        ("Answer: 18 (9 * 2 = 18)", "18"),
        ("Answer: 18 dollars (where n = 2)", "18"),
        # lines
        ("**Answer:**\n\n$$\n42\n$$", "42"),
        ("Answer:\n- 42", "42"),
        ("final_answer: 42", "42"),
        ('{"answer": 42}', "42"),
        ("Answer: 42\nAnswer:", "42"),
        (r"\boxed{42}, as a \boxed{}", "42"),
        ("Answer: <<6*7=42>>42", "42"),
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
        ("#### 5 and 6", "6"),
        ("Answer: 5%", "0.05"),
        ("Answer: 1 1/2", "11/2"),
        ("Answer: 1\u00bd", "5.5"),
        ("Answer: 10\u2074", "104"),
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
    [
        ("Answer: I do not know", "I do not know"),
        ("Answer: 1/0", "1/0"),
        ("Answer: 1e999", "1e999"),
        ("Answer: 1e999999999", "1e999999999"),
        ("Answer: 42,5", "42,5"),
        ("Answer: 42-45", "42-45"),
        ("Answer: 42 + 1", "42 + 1"),
        ("Answer: 42^2", "42^2"),
        ("Answer: 42:30", "42:30"),
        (r"\boxed{42\sqrt{2}}", r"42\sqrt{2}"),
        ("Answer: 4π", "4π"),
    ],
)
def test_an_answer_that_is_no_number(text: str, extracted: str) -> None:
    assert grade_math(text, "42") == Grade(False, False, extracted, "not_a_number")


@pytest.mark.parametrize("text", ["", " \n", "Answer:", "Answer: ...", r"\boxed{}", "####", "I cannot help with that."])
def test_nothing_is_no_answer(text: str) -> None:
    assert grade_math(text, "42") == Grade(False, False, None, "no_answer")


def test_reasoning_is_no_answer() -> None:
    assert grade_math("<think>Answer: 1</think>\nAnswer: 2", "2").correct
    assert grade_math("<think>Answer: 2</think>", "2") == Grade(False, False, None, "no_answer")
    assert grade_math("<think>Answer: 2, but let me", "2") == Grade(False, False, None, "no_answer")
    assert grade_math("<think>a</think>Answer: 2<think>Answer: 3", "2").correct
    assert grade_math("Answer: 1 so\n</think>\nAnswer: 2", "2").correct
    assert grade_math("Answer: 2</think>", "2") == Grade(False, False, None, "no_answer")
    assert grade_math("<think>a<think>b</think>Answer: 1</think>Answer: 2", "2").correct
    assert grade_math("<thinking>Answer: 1</thinking>Answer: 2", "2").correct
    assert grade_math("[THINK]Answer: 1[/THINK]Answer: 2", "2").correct
    assert grade_math("◁think▷Answer: 1◁/think▷Answer: 2", "2").correct


def test_markers_go_before_everything_else() -> None:
    text = "Q: what?\nA: he has 3\nQ: more?\nA: $1,450 in all\nAnswer: 9"
    assert grade_math(text, "1450", markers=["A:"]).correct
    assert grade_math(r"\boxed{1} #### 2", "2", markers=["####"]).correct
    assert grade_math("A: 1 #### 2", "2", markers=["A:", "####"]).correct
    assert grade_math("#### 1 A: 2", "2", markers=["A:", "####"]).correct
    assert grade_math("Answer: 2", "2", markers=["####"]) == Grade(False, True, None, "no_answer")
    assert grade_math("A: 2\nA:", "2", markers=["A:"]).correct
    assert grade_math("A:\n2", "2", markers=["A:"]).correct
    assert grade_math("A: 2\nFrom the USA: 3", "2", markers=["A:"]).correct
    assert grade_math("The answer is 2, as A: 3 shows", "2", markers="answer is").correct
    assert grade_math("so he has 2\nA:", "2", markers=["A:"]) == Grade(False, True, None, "no_answer")


@pytest.mark.parametrize(
    ("text", "gold", "correct"),
    [  # the forms in which recorded answers to GSM8K end, with the labels they were published with
        ("She has 9 * 2 = $<<9*2=18>>18\nA: 18", "18", True),
        ("6,000-3,000= <<6,000-3000=3,000>>3,000 feet.\nA: 3", "3000", False),
        ("It takes <<6000-3000=3000>>3000 feet.\nA: 3,000", "3000", True),
        ("A profit of $<<130000-40000=90000>>90,000\nA: 90,000", "70000", False),
        ("<<500/3=166.66666666666666>>166.66666666666666\nA: 166.66666666666666", "166", False),
        ("There are 0.5 * 40% = 20 minutes, <<20+20=40>>40.\nA: 40", "160", False),
        ("He has <<8-12.0=-4.0>>-4.0\nA: -4", "14", False),
        ("<<2*0.5=1.0>>1.0, <<2+1=3>>3.0 bolts\nA: 3", "3", True),
        ("<<25*3=7500 months\nA: 900", "900", True),
        # cut off: nothing is stated, though the last number is the right one
        ("For the thirteenth glass Kylar needs to pay 5 * 1", "1", False),
        ("So the bag costs $34.56+$6.912 = $<<34.56+6.912=41.472>>41.472+$8.", "8", False),
    ],
)
def test_recorded_answers(text: str, gold: str, correct: bool) -> None:
    assert grade_math(text, gold, markers=["A:", "####"]).correct is correct


def test_tolerance_is_exact() -> None:
    assert grade_math("Answer: 0.334", "1/3", tolerance="0.001").correct
    assert not grade_math("Answer: 0.3344", "1/3", tolerance="0.001").correct
    assert grade_math("Answer: 10.1", "10", tolerance="0.1").correct  # in binary floats it is not
    assert not grade_math("Answer: 10.1000001", "10", tolerance="0.1").correct


@pytest.mark.parametrize(("gold", "tolerance"), [("one", None), ("", None), ("1/0", None), ("1", "-1"), ("1", "a bit")])
def test_a_gold_answer_that_is_no_number_is_our_fault_and_no_wrong_answer(gold: str, tolerance: str | None) -> None:
    got = grade_math("Answer: 1", gold, tolerance=tolerance)
    assert (got.correct, got.lenient_correct, got.extracted, got.reason) == (None, None, None, "grader_fault")
    assert got.detail is not None
    assert "is not a number" in got.detail


@pytest.mark.parametrize("gold", ["18", "18.0", "$18", " 18 ", "9 eggs\n<<9*2=18>>18\nA: 18", "9 eggs of 2\n#### 18"])
def test_gold_may_be_written_as_the_sets_publish_it(gold: str) -> None:
    assert grade_math("2 * 9 = <<2*9=18>>18\nA: 18", gold, markers=["A:"]).correct
    assert not grade_math("A: 9", gold, markers=["A:"]).correct


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


SIGNS = st.sampled_from(
    [
        *"0123456789.,-+=/*^_%$ \n{}()<>#:eEx½",
        "\u00d7",
        "\u2212",
        "\\boxed{",
        "\\frac{",
        "Answer:",
        "A:",
        "####",
        "<think>",
    ]
)


@EXAMPLES
@given(parts=st.lists(SIGNS, max_size=40), gold=st.integers(-9, 9))
def test_what_looks_like_an_answer_is_graded_too(parts: list[str], gold: int) -> None:
    text = "".join(parts)
    for got in (grade_math(text, str(gold)), grade_math(text, str(gold), markers=["A:"]), grade_text(text, str(gold))):
        assert got.correct == (got.reason == "correct")
        assert got.lenient_correct or not got.correct
        assert (got.extracted or "").encode() is not None


@EXAMPLES
@given(number=st.decimals(-(10**9), 10**9, places=6), noise=st.text("abc .!?\n", max_size=30))
def test_any_stated_number_is_read_back(number: Decimal, noise: str) -> None:
    plain = f"{number:f}"
    for text in (f"{noise}\nAnswer: {plain}", f"{noise} \\boxed{{{plain}}} {noise}", f"{noise}\n#### {plain}\n"):
        assert grade_math(text, plain).correct
    assert grade_math(f"Answer: {number:e}", plain).correct


@EXAMPLES
@given(whole=st.integers(1, 999), over=st.integers(1, 98), under=st.integers(99, 200))
def test_mixed_numbers_are_read_back(whole: int, over: int, under: int) -> None:
    value = whole + Fraction(over, under)
    assert parse_number(f"{whole} {over}/{under}") == value
    assert parse_number(rf"{whole}\frac{{{over}}}{{{under}}}") == value
    assert parse_number(f"-{whole} {over}/{under} cups") == -value


@pytest.mark.parametrize(
    ("text", "gold", "correct", "lenient", "reason"),
    [
        ("Answer: Paris", "paris", True, True, "correct"),
        ("Answer: **Paris.**", "Paris", True, True, "correct"),
        (r"\boxed{\text{New  York}}", "new york", True, True, "correct"),
        ("Answer: “Straße”", "STRASSE", True, True, "correct"),
        ("Answer: London", "Paris", False, False, "wrong"),
        ("Answer: Paris, France", "Paris", False, False, "wrong"),
        ("It is Paris.", "Paris", False, True, "no_answer"),
        ("It is comparis", "Paris", False, False, "no_answer"),
        ("<think>Answer: Paris</think>", "Paris", False, False, "no_answer"),
        ("", "Paris", False, False, "no_answer"),
        ("Answer: Paris", " ", None, None, "grader_fault"),
    ],
)
def test_text_answers(text: str, gold: str, correct: bool | None, lenient: bool | None, reason: str) -> None:
    got = grade_text(text, gold)
    assert (got.correct, got.lenient_correct, got.reason) == (correct, lenient, reason)


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
        "<<" * 500_000,
        "<<" + "1" * 1_000_000,
        "Answer: a" + "\u0301\u0316" * 500_000,
        "Answer: " + "(" * 1_000_000,
        "Answer: " + "=" * 1_000_000,
        "Answer: 1" + "e9" * 300_000,
        "Answer: 1e" + "9" * 300_000,
        "Answer: 10^" + "9" * 300_000,
        "Answer:" * 140_000,
        "\\boxed{}" * 100_000,
        "\\boxed{" + " " * 1_000_000,
        "\x00" * 1_000_000,
        "Answer: \x00\ud800 8",
        "no digit at all " * 60_000,
    ],
    ids=lambda text: repr(text[:9]),
)
@pytest.mark.timeout(20)  # milliseconds are usual; a pattern that backtracks would take minutes
def test_hostile_text_is_graded(text: str) -> None:
    assert not grade_math(text, "7").correct
    assert not grade_math(text, "7", markers=["A:", "####", "answer"]).correct
    assert not grade_text(text, "seven").correct
    parse_number(text)


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
