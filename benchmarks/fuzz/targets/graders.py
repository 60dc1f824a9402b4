"""Answers of models: every text has a grade, and what is kept of it is short and can be written. No code is run."""

from __future__ import annotations

from collections.abc import Sequence

from tokenarena_assets.chain.grade import is_refusal
from tokenarena_assets.context.question import grade_needles
from tokenarena_assets.suites.code_answer import code_of, programs_of
from tokenarena_assets.suites.code_grading import _same, _value
from tokenarena_assets.suites.grading import MAX_LENGTH, grade_math, grade_text, parse_number

GOLDS = ("4", "-3/4", "0.125", "1e400", "Paris", "1,234,567")
MARKERS: tuple[Sequence[str] | None, ...] = (None, ("A:",), ("Final answer", "####"))
NEEDLES = ("7341", "blue", "1,234", "x*y")
ANSWERS = (
    "<think>Is it 5?</think>So 2 + 2 = <<2+2=4>>4.\n**Answer:** $\\boxed{\\frac{3}{4}}$ or 1 1/2",
    "#### 1,234,567.00 USD (9 * 2 = 18)\nanswer = 5 x 10^{-3}",
    "Sure!\n```python\ndef twice(values):\n    return values * 2\n```\nAs used:\n~~~\ntwice([1])\n~~~",
    '{"answers": {"1": "7341", "2": "blue", "3": "1234"}} ["7341", "blue"]\n1. 7341\n2. blue',
    "I'm sorry, but I can't help with that.",
)


def seeds() -> list[bytes]:
    """One byte, the gold answer and the marker, then an answer."""
    return [bytes([number]) + answer.encode() for number, answer in enumerate(ANSWERS)]


def check(data: bytes) -> None:
    """A grade comes out for any text, half surrogate pairs included."""
    choice = data[:1][0] if data else 0
    text = _text(data[1:])
    gold, markers = GOLDS[choice % len(GOLDS)], MARKERS[choice // len(GOLDS) % len(MARKERS)]
    for grade in (grade_math(text, gold, markers, "0.5"), grade_math(text, text), grade_text(text, gold, markers)):
        assert grade.extracted is None or len(grade.extracted) <= MAX_LENGTH
        (grade.extracted or "").encode()
        (grade.detail or "").encode("utf-8", "surrogatepass")
    parse_number(text)
    is_refusal(text)
    assert len(grade_needles(text, NEEDLES)) == len(NEEDLES)
    assert programs_of(code_of(text, "twice"), "def twice(values):\n", "twice")
    value = _value(text[:2000])
    _same(value, value)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
