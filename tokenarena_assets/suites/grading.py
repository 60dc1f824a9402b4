"""Grades a math answer: extraction, normalisation, exact rationals, a strict and a lenient score. No judge model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

GRADER_VERSION = "math-1"
ANSWER_LINE = re.compile(r"(?i)\banswer\b\W{0,8}?\s*[:=]\s*(.+)")
NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:\s*/\s*\d+)?")
MAX_DIGITS = 400  # hostile output must not make the arithmetic slow


@dataclass(frozen=True, slots=True)
class Grade:
    """`correct` is the official score; `lenient_correct` also takes the last number of the text."""

    correct: bool
    lenient_correct: bool
    extracted: str | None
    reason: str  # correct | wrong | no_answer | not_a_number


def grade_math(text: str, gold: str, markers: Sequence[str] | None = None, tolerance: str | None = None) -> Grade:
    r"""Grade `text` against the number `gold`.

    The answer is what the last `\boxed{}` holds, else what follows the last `Answer:`, else the last `####`; with
    `markers`, what follows the last of those. Nothing found is `no_answer`: the last number of the text counts for the
    lenient score alone. Reasoning in `<think>` tags is no answer.
    """
    visible = _normalised(re.sub(r"(?s)<think>.*?(</think>|$)", "", text))
    expected = parse_number(gold)
    if expected is None:
        raise ValueError(f"gold is not a number: {gold!r}")
    allowed = Fraction(tolerance) if tolerance else Fraction(0)

    def matches(candidate: Fraction | None) -> bool:
        return candidate is not None and abs(candidate - expected) <= allowed

    numbers = NUMBER.findall(visible)
    lenient = bool(numbers) and matches(parse_number(numbers[-1]))
    extracted = _extract(visible, markers)
    if extracted is None:
        return Grade(False, lenient, None, "no_answer")
    value = parse_number(extracted)
    if value is None:
        return Grade(False, lenient, extracted, "not_a_number")
    correct = matches(value)
    return Grade(correct, correct or lenient, extracted, "correct" if correct else "wrong")


def _normalised(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("−", "-")


def _extract(text: str, markers: Sequence[str] | None) -> str | None:
    if markers:
        ends = [(text.rfind(marker), marker) for marker in markers if marker in text]
        if not ends:
            return None
        position, marker = max(ends)
        return _first_line(text[position + len(marker) :])
    boxed = text.rfind("\\boxed{")
    if boxed >= 0:
        return _braced(text[boxed + len("\\boxed{") :])
    found = ANSWER_LINE.findall(text)
    if found:
        return _first_line(found[-1])
    return _first_line(text[text.rfind("####") + 4 :]) if "####" in text else None


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0].strip()[:MAX_DIGITS] if lines else ""


def _braced(text: str) -> str:
    depth = 1
    for index, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return text[:index].strip()[:MAX_DIGITS]
    return _first_line(text)


def parse_number(text: str) -> Fraction | None:
    """The number that `text` states, exactly; None where it states none.

    Takes currency signs, percent signs, units, thousands separators, trailing zeros, `a/b` and LaTeX fractions.
    """
    plain = _normalised(text)[:MAX_DIGITS]
    plain = re.sub(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"\1/\2", plain)
    plain = re.sub(r"[$€£*`_~\\{}]|(?<=\d)\s(?=\d{3}\b)", "", plain)
    match = NUMBER.search(plain)
    if match is None:
        return None
    numerator, _, denominator = match.group().replace(",", "").replace(" ", "").partition("/")
    try:
        value = Fraction(numerator)
        return value / Fraction(denominator) if denominator else value
    except (ValueError, ZeroDivisionError):
        return None
